"""What a generated trainer demands of its batch, as the calls that its validation makes."""

from __future__ import annotations

from types import SimpleNamespace

from ..inspection.batch_spec import Branch, Leaf, Path, spell_access
from ..planning.bindings import bound_sizes
from ..planning.plan import Check, TrainerPlan
from .batch_words import highest
from .words import literal

GROUPS = {"floating": "FLOATING", "integral": "INTEGRAL"}


def check_words(plan: TrainerPlan) -> SimpleNamespace:
    """The containers, leaves and ranges that validation looks at, in the order of the batch."""
    root = plan.batch.root
    settings = frozenset(each.name for each in plan.settings)
    any_kind = any(check.dtype in GROUPS for check in plan.checks)
    containers = _containers(root, (), root, _needed(plan))
    leaves = [_leaf(check, root, any_kind) for check in plan.checks if check.kind != "object"]
    ranges = [
        SimpleNamespace(
            key=literal(check.variable),
            access=spell_access(root, check.path),
            low="-math.inf" if check.low is None else repr(check.low),
            high="math.inf" if check.high is None else repr(highest(check.dtype, check.high)),
            setting=check.high_of if check.high_of in settings else "",
            dim=literal(check.high_of) if check.high_of and check.high_of not in settings else "",
        )
        for check in plan.checks
        if check.kind == "tensor" and check.dtype != "bool" and (check.low is not None or check.high is not None)
    ]
    functions = {container.function for container in containers}
    return SimpleNamespace(
        containers=containers,
        leaves=leaves,
        ranges=ranges,
        bound=bound_sizes(plan.checks, settings),
        any_kind=any_kind,
        tensors=any(not leaf.strings for leaf in leaves),
        strings=any(leaf.strings for leaf in leaves),
        floating=any(check.dtype == "floating" for check in plan.checks),
        integral=any(check.dtype == "integral" for check in plan.checks),
        mappings="_check_mapping" in functions,
        sequences="_check_sequence" in functions,
        objects="_check_type" in functions,
    )


def _needed(plan: TrainerPlan) -> set[Path]:
    used = {check.path for check in plan.checks} | {each.path for each in plan.inputs}
    used |= set(plan.objective.judged)
    return {path[:length] for path in used for length in range(len(path) + 1)}


def _containers(node: Leaf | Branch, path: Path, root: Leaf | Branch, needed: set[Path]) -> list[SimpleNamespace]:
    if isinstance(node, Leaf):
        return []
    access = spell_access(root, path)
    children = [(key, child) for key, child in node.entries if (*path, key) in needed]
    if node.kind == "mapping":
        names = [str(key) for key, _ in children]
        expected = f"({', '.join(map(literal, names))}{',' if len(names) == 1 else ''})"
        function = "_check_mapping"
    elif node.kind in ("dataclass", "namedtuple") and node.type_name is not None:
        function, expected = "_check_type", node.type_name.rpartition(":")[2]
    else:
        function, expected = "_check_sequence", str(len(node.entries))
    here = SimpleNamespace(function=function, key=literal(access), access=access, expected=expected)
    return [here, *(found for key, child in children for found in _containers(child, (*path, key), root, needed))]


def _leaf(check: Check, root: Leaf | Branch, any_kind: bool) -> SimpleNamespace:
    dims = ", ".join(literal(dim) if isinstance(dim, str) else str(dim) for dim in check.dims)
    dtype = GROUPS.get(check.dtype, f"torch.{check.dtype}")
    if any_kind and check.dtype not in GROUPS:
        dtype = f"({dtype},)"
    return SimpleNamespace(
        strings=check.kind == "strings",
        key=literal(check.variable),
        access=spell_access(root, check.path),
        dtype=dtype,
        dims=f"({dims}{',' if len(check.dims) == 1 else ''})",
        symbol=literal(str(check.dims[0])) if check.dims else literal("batch"),
    )
