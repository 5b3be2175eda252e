"""What forward's returns call the parts of a tuple: ``return recon, mu, self.heads.age(h).squeeze(-1)``."""

from __future__ import annotations

import ast
from collections.abc import Iterator

RESHAPES = frozenset(
    {"squeeze", "unsqueeze", "view", "reshape", "flatten", "permute", "transpose", "contiguous", "float"}
)
ACTIVATIONS = {"sigmoid": "Sigmoid", "softmax": "Softmax", "log_softmax": "LogSoftmax", "logsigmoid": "LogSigmoid"}
KEEPS_MEANING = RESHAPES | ACTIVATIONS.keys() | {"tanh", "normalize", "clone", "to"}
"""Functions and methods whose result is still what their operand is called; ``exp`` of a log-variance is none."""

FUNCTIONS = frozenset({"torch", "F", "functional"})
"""What such functions are called upon: ``torch.squeeze(x, 1)``, ``F.normalize(x)``."""


def return_names(source: str) -> dict[int, str]:
    """Position -> name, of the tuples and lists that the class's ``forward`` returns.

    Where there are several returns (``return logits, aux_loss`` while training, ``return logits, None`` else), a position
    has the last name that one of them has for it.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return {}
    forward = next(
        (each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef) and each.name == "forward"), None
    )
    return names_returned(forward) if forward is not None else {}


def names_returned(forward: ast.FunctionDef) -> dict[int, str]:
    """The same, of the function itself."""
    body = list(_own(forward))
    assigned = {
        target.id: each.value
        for each in sorted((each for each in body if isinstance(each, ast.Assign)), key=lambda each: each.lineno)
        for target in each.targets
        if isinstance(target, ast.Name)
    }
    found: dict[int, str] = {}
    returns = sorted((each for each in body if isinstance(each, ast.Return)), key=lambda each: -each.lineno)
    for value in (choice for each in returns if each.value is not None for choice in _choices(each.value)):
        parts = assigned.get(value.id) if isinstance(value, ast.Name) else value
        if isinstance(parts, (ast.Tuple, ast.List)):
            for index, part in enumerate(parts.elts):
                if name := next(filter(None, map(_name, _choices(part))), ""):
                    found.setdefault(index, name)
    return found


def _choices(value: ast.expr) -> tuple[ast.expr, ...]:
    """Both of ``a if self.training else b``, else the expression itself."""
    return (value.body, value.orelse) if isinstance(value, ast.IfExp) else (value,)


def _own(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """All nodes of a function but those of functions inside it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.Lambda, ast.ClassDef)):
            continue
        yield node
        waiting += ast.iter_child_nodes(node)


def _name(value: ast.expr) -> str:
    """``self.fc_mu(h)`` is called ``fc_mu``, ``z.mean`` ``mean``, ``torch.squeeze(self.v(h), -1)`` ``v``."""
    while isinstance(value, ast.Call):
        function = value.func
        if isinstance(function, ast.Attribute) and function.attr in KEEPS_MEANING:
            of_library = ast.unparse(function.value).rpartition(".")[2] in FUNCTIONS
            inner = value.args[0] if of_library and value.args else function.value
            if not of_library or value.args:
                value = inner
                continue
        value = function
    if isinstance(value, ast.Attribute):
        return value.attr
    return value.id if isinstance(value, ast.Name) else ""
