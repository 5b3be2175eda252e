"""A sibling's method, written for another model: its model, data, settings and names replaced, the rest as it stands."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..contracts.class_source import attribute, is_base_init
from ..contracts.contract_facts import Slot
from ..contracts.particular import Particular
from ..contracts.vocabulary import slot_of
from ..errors import Conflict

Span = tuple[int, int]


@dataclass(frozen=True)
class Parts:
    """What the new trainer has in the places of the sibling's.

    Attributes:
        config: how the configuration is made; "" where it is handed in.
        annotation: its type; "" for none.
        model: the call that builds the model, of a word for the configuration.
        model_name: what is called there, for a call that only spreads a mapping.
        model_config: a mapping of the model's arguments, of that word.
        train_loader, val_loader: likewise; "None" where there is no validation data.
        optimizer: of the configuration's word and the model's; None to keep the sibling's.
        scheduler: of the configuration's word and the optimizer's; None to keep the sibling's.
    """

    config: str
    annotation: str
    model: Callable[[str], str]
    model_name: str
    model_config: Callable[[str], str]
    train_loader: Callable[[str], str]
    val_loader: Callable[[str], str]
    optimizer: Callable[[str, str], str] | None = None
    scheduler: Callable[[str, str], str] | None = None


@dataclass(frozen=True)
class Renames:
    """Names of the sibling -> names of the new trainer; `words` are for texts: docstrings, comments, strings."""

    names: Mapping[str, str]
    words: Mapping[str, str]


class Transplant:
    """Rewrites methods of one sibling.

    Args:
        parts: see `Parts`.
        renames: see `Renames`.
        words: of the sibling.
        base_slots: parameter of the base's constructor -> what it holds, in order.
        config_attribute: attribute that holds the configuration.
        dropped: attributes that only the sibling's own step needs.
    """

    def __init__(
        self,
        parts: Parts,
        renames: Renames,
        words: Particular,
        base_slots: Mapping[str, Slot],
        config_attribute: str,
        dropped: frozenset[str] = frozenset(),
    ) -> None:
        self.parts = parts
        self.renames = renames
        self.words = words
        self.base_slots = base_slots
        self.config_attribute = config_attribute
        self.dropped = dropped

    def method(self, source: str, place: str, returns: Slot = "") -> str:
        """The method's text.

        Args:
            source: the sibling's, dedented.
            place: where it stands, for messages.
            returns: what it returns, of a method that builds one part.

        Raises:
            Conflict: something of the sibling's model stays, and nothing says what it is for the new one.
        """
        return _Rewriting(self, source, place).run(returns)


class _Rewriting:
    def __init__(self, rules: Transplant, source: str, place: str) -> None:
        self.rules = rules
        self.source = source.encode()
        self.place = place
        (function,) = ast.parse(source).body
        assert isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        self.function = function
        self.starts = [0]
        for line in self.source.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.spans: dict[Span, str] = {}
        self.config = f"self.{rules.config_attribute}" if rules.config_attribute else "config"

    def run(self, returns: Slot) -> str:
        for parameter in [*self.function.args.args, *self.function.args.kwonlyargs]:
            if slot_of(parameter.arg) == "config":
                if parameter.arg not in self._may_be_none():
                    self.config = parameter.arg
                self._annotate(parameter)
        for statement in ast.walk(self.function):
            if isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
                targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                self._assignment(targets[0], statement.value)
            elif isinstance(statement, ast.Return) and statement.value is not None:
                self._expression(statement.value, returns)
            elif isinstance(statement, ast.Call):
                self._call(statement)
        return self._finish()

    def _may_be_none(self) -> set[str]:
        """Parameters whose default is None: what they hold is known once they are assigned again, or given to self."""
        given = self.function.args
        positional = [*given.posonlyargs, *given.args]
        pairs = [*zip(reversed(positional), reversed(given.defaults), strict=False)]
        pairs += [
            (each, value) for each, value in zip(given.kwonlyargs, given.kw_defaults, strict=True) if value is not None
        ]
        return {each.arg for each, value in pairs if isinstance(value, ast.Constant) and value.value is None}

    def _annotate(self, parameter: ast.arg) -> None:
        """The configuration's type, where it is the sibling's own; none where the new one has no type of its own."""
        node = parameter.annotation
        if node is None or not self._mentions(node):
            return
        if not self.rules.parts.annotation:
            _, end = self._span(node)
            self.spans[self.starts[parameter.lineno - 1] + parameter.col_offset, end] = parameter.arg
            return
        for each in ast.walk(node):
            if isinstance(each, (ast.Name, ast.Constant)) and self._mentions(each):
                text = self.rules.parts.annotation
                self.spans[self._span(each)] = repr(text) if isinstance(each, ast.Constant) else text

    def _assignment(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple):
            slots = [slot_of(attribute(each) or _name(each)) for each in target.elts]
            if isinstance(value, ast.Tuple):
                for each, slot in zip(value.elts, slots, strict=False):
                    self._expression(each, slot)
            elif isinstance(value, ast.Call) and slots == ["train_loader", "val_loader"]:
                parts = self.rules.parts
                self.spans[self._span(value)] = f"{parts.train_loader(self.config)}, {parts.val_loader(self.config)}"
            return
        name = attribute(target) or _name(target)
        if attribute(target) in self.rules.dropped:
            self.spans[self._span(target)[0], self._span(value)[1]] = ""
            return
        slot = slot_of(name)
        if slot == "config":
            self._expression(value, slot)
            self.config = f"self.{name}" if attribute(target) else name
            return
        self._expression(value, slot)

    def _call(self, call: ast.Call) -> None:
        """The arguments of ``super().__init__(...)``, ``cls(...)`` and of the sibling's own class."""
        name = _name(call.func)
        if not (
            is_base_init(call) or name == "cls" or (name and self.rules.renames.names.get(name) and "Trainer" in name)
        ):
            return
        given = [each for each in call.args if not isinstance(each, ast.Starred)]
        if given and _name(given[0]) == "self":
            given = given[1:]
        for each, slot in zip(given, self.rules.base_slots.values(), strict=False):
            self._expression(each, slot)
        for keyword in call.keywords:
            if keyword.arg is not None:
                self._expression(keyword.value, self.rules.base_slots.get(keyword.arg, slot_of(keyword.arg)))

    def _expression(self, node: ast.expr, slot: Slot) -> None:
        """Replace what of `node` makes what `slot` holds."""
        parts = self.rules.parts
        if isinstance(node, ast.IfExp):
            self._expression(node.body, slot)
            self._expression(node.orelse, slot)
        elif isinstance(node, ast.BoolOp):
            for each in node.values:
                self._expression(each, slot)
        elif slot == "config":
            if parts.config and not isinstance(node, (ast.Name, ast.Constant)) and self._mentions(node):
                self.spans[self._span(node)] = parts.config
        elif slot == "model" and isinstance(node, ast.Call):
            self._model(node)
        elif slot == "model_config" and isinstance(node, (ast.Dict, ast.Call)):
            self.spans[self._span(node)] = parts.model_config(self.config)
        elif slot in ("train_loader", "val_loader") and isinstance(node, ast.Call):
            make = parts.train_loader if slot == "train_loader" else parts.val_loader
            self.spans[self._span(node)] = make(self.config)
        elif slot == "optimizer" and isinstance(node, ast.Call) and parts.optimizer is not None:
            self.spans[self._span(node)] = parts.optimizer(self.config, _first_word(node, ".parameters"))
        elif slot == "scheduler" and isinstance(node, ast.Call) and parts.scheduler is not None:
            first = ast.unparse(node.args[0]) if node.args else "self.optimizer"
            self.spans[self._span(node)] = parts.scheduler(self.config, first)

    def _model(self, node: ast.Call) -> None:
        inner: ast.expr = node
        while (
            isinstance(inner, ast.Call)
            and isinstance(inner.func, ast.Attribute)
            and isinstance(inner.func.value, ast.Call)
        ):
            inner = inner.func.value  # Net(...).to(device)
        if not isinstance(inner, ast.Call):
            return
        if inner.keywords and all(each.arg is None for each in inner.keywords) and not inner.args:
            self.spans[self._span(inner.func)] = self.rules.parts.model_name
        elif isinstance(inner.func, ast.Name) or self._mentions(inner):
            self.spans[self._span(inner)] = self.rules.parts.model(self.config)

    def _finish(self) -> str:
        """The source with all spans replaced, and the sibling's names and words between them."""
        outer = [
            span
            for span in self.spans
            if not any(other != span and other[0] <= span[0] and span[1] <= other[1] for other in self.spans)
        ]
        text, at = "", 0
        for start, end in sorted(outer):
            text += self._renamed(self.source[at:start].decode()) + self.spans[start, end]
            at = end
        return text + self._renamed(self.source[at:].decode())

    def _renamed(self, text: str) -> str:
        for old, new in self.rules.renames.names.items():
            text = re.sub(rf"\b{re.escape(old)}\b", new, text)
        if not self.rules.words.mentions(text):
            return text
        for old, new in self.rules.renames.words.items():
            text = re.sub(rf"(?<![A-Za-z0-9_]){re.escape(old)}(?![A-Za-z0-9_])", new, text)
        if self.rules.words.mentions(text):
            line = next(each.strip() for each in text.splitlines() if self.rules.words.mentions(each))
            raise Conflict(
                f"`{line}` is about the model of the trainer there, and nothing says what it is for another",
                place=self.place,
                hint="name another base with base-trainer in [tool.trainergen], or write this method so that it does "
                "not name one model",
            )
        return text

    def _mentions(self, node: ast.expr) -> bool:
        return self.rules.words.mentions(ast.unparse(node))

    def _span(self, node: ast.expr) -> Span:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self.starts[node.lineno - 1] + node.col_offset, self.starts[node.end_lineno - 1] + node.end_col_offset


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _first_word(node: ast.Call, suffix: str) -> str:
    """``model`` of ``Adam(model.parameters())``; where the parameters are handed in, that name."""
    if not node.args:
        return "self.model.parameters()"
    text = ast.unparse(node.args[0])
    return text if text.endswith(f"{suffix}()") or re.fullmatch(r"\w+", text) else f"{text}"
