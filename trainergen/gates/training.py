"""What a training rule looks at: a file's training code, its loops told apart, and the way to report a finding in it."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, TypeVar

from . import naming
from .events import BACKWARD, SCALER_STEP, STEP, Event, Traces
from .finding import Edit, Finding, Fix
from .reading import Class, Place, Reading, Routine, Step, text_of
from .roles import LOADER, Roles
from .source import split_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .facts import Facts
    from .source import Source

Found = TypeVar("Found")

_WRAPPING = {
    "enumerate",
    "tqdm",
    "trange",
    "iter",
    "islice",
    "track",
    "zip",
    "cycle",
    "reversed",
    "list",
    "progress_bar",
    "notebook_tqdm",
    "auto_tqdm",
}


class Round:
    """The innermost loop that both computes gradients and steps an optimizer, or a routine that does so once a call.

    Attributes:
        place: the loop; None for a routine without one.
        events: everything in it, in order.
        trace: the whole trace that it is part of.
        root: the routine that the trace begins in.
    """

    __slots__ = ("events", "place", "root", "trace")

    def __init__(self, place: Place | None, events: tuple[Event, ...], trace: list[Event], root: Routine) -> None:
        self.place = place
        self.events = events
        self.trace = trace
        self.root = root


class Training:
    """The training code of one file, shared by all rules.

    Args:
        reading: the file, read.
        facts: the project around it.

    Attributes:
        reading, roles, traces, source, facts: see their classes.
    """

    def __init__(self, reading: Reading, facts: Facts) -> None:
        self.reading = reading
        self.facts = facts
        self.source: Source = reading.source
        self.roles = Roles(reading)
        self.traces = Traces(reading, self.roles)
        self._rounds: tuple[Round, ...] | None = None
        self._starts: list[int] | None = None
        self._kept: dict[Callable[[Training], Any], Any] = {}
        self._calls: dict[str, list[tuple[Routine, Step, ast.Call]]] | None = None

    def asks_for(self, release: tuple[int, ...]) -> bool:
        """Whether the project asks for that release of torch or a later one, or doesn't say."""
        asked = self.facts.torch
        return asked is None or (asked.low is not None and asked.low >= release)

    # -- loops ---------------------------------------------------------------------------------------------------------

    @property
    def rounds(self) -> tuple[Round, ...]:
        """Every round of the file, once for each way that leads to it."""
        if self._rounds is None:
            self._rounds = tuple(self._find_rounds())
        return self._rounds

    def _find_rounds(self) -> Iterator[Round]:
        for root in self.traces.roots:
            trace = self.traces.of(root)
            backward = [event for event in trace if event.kind == BACKWARD]
            if not backward:
                continue
            met: set[int] = set()
            for step in trace:
                if step.kind not in (STEP, SCALER_STEP):
                    continue
                place = next(
                    (loop for loop in reversed(step.loops) if any(event.within(loop) for event in backward)), None
                )
                if id(place) in met:
                    continue
                met.add(id(place))
                if place is not None:
                    yield Round(place, tuple(event for event in trace if event.within(place)), trace, root)
                elif any(event.loop is None for event in backward):
                    inner = {id(event.loop) for event in backward if event.loop is not None}
                    events = tuple(event for event in trace if not inner & {id(loop) for loop in event.loops})
                    yield Round(None, events, trace, root)

    def batch_loops(self) -> Iterator[tuple[Place, list[Event], Routine]]:
        """The innermost loops that compute gradients: place, whole trace, root."""
        for root in self.traces.roots:
            trace = self.traces.of(root)
            met: set[int] = set()
            for event in trace:
                loop = event.loop
                if event.kind == BACKWARD and loop is not None and id(loop) not in met:
                    met.add(id(loop))
                    yield loop, trace, root

    def iterated(self, loop: Place) -> ast.expr | None:
        """What a ``for`` goes through, without enumerate, tqdm and their like; None for ``while``."""
        node = loop.node
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            return core_of(node.generators[0].iter)
        return core_of(node.iter) if isinstance(node, (ast.For, ast.AsyncFor)) else None

    def over_loader(self, loop: Place, routine: Routine) -> bool:
        """Whether a loop goes through a data loader (by what made it, else by its name)."""
        core = self.iterated(loop)
        if core is None:
            return False
        if self.roles.of(core, routine) == LOADER:
            return True
        text = text_of(core) or ""
        return naming.is_held_out(text) or naming.is_trained_on(text)

    def held_out(self, loop: Place, routine: Routine) -> bool:
        """Whether a loop goes through data that a model is judged on: by the loader's name, else by the routine's."""
        core = self.iterated(loop)
        text = text_of(core) if core is not None else None
        if text is not None and naming.is_held_out(text) and not naming.is_trained_on(text):
            return True
        named_so = naming.is_evaluating(routine.name)
        return named_so and self.over_loader(loop, routine) and not naming.is_trained_on(text or "")

    def calls(self, *names: str) -> Iterator[tuple[Routine, Step, ast.Call]]:
        """Every call of a function by its dotted name (``torch.load``), with the routine and the step."""
        if self._calls is None:
            self._calls = {}
            for routine in self.reading.routines:
                for step in routine.steps:
                    if type(step.node) is ast.Call:
                        name = self.reading.dotted(step.node.func)
                        if name is not None:
                            self._calls.setdefault(name, []).append((routine, step, step.node))
        for name in names:
            yield from self._calls.get(name, ())

    def once(self, key: Callable[[Training], Found], work_out: Callable[[], Found]) -> Found:
        """What `work_out` gives, kept for all rules that ask for it by the function `key`."""
        if key not in self._kept:
            self._kept[key] = work_out()
        found: Found = self._kept[key]
        return found

    # -- classes -------------------------------------------------------------------------------------------------------

    def framework(self, owner: Class | None) -> str | None:
        """Whose loop runs a class's hooks: ``lightning``, ``transformers``, ``trainergen``; None for nobody's known."""
        if owner is None:
            return None
        for base in self.roles.lineage(owner):
            last = base.rpartition(".")[2]
            if last in ("LightningModule", "LightningDataModule", "Callback"):
                return "lightning"
            if last.endswith("Trainer") and base.startswith(
                ("transformers.", "trl.", "sentence_transformers.", "setfit.")
            ):
                return "transformers"
            if last == "Trainer" and ("base_trainer" in base or "trainergen" in base):
                return "trainergen"
        return None

    def framework_at(self, routine: Routine) -> str | None:
        """As `framework`, for the class around a routine."""
        return self.framework(routine.owner)

    # -- reporting -----------------------------------------------------------------------------------------------------

    def finding(
        self, code: str, node: ast.AST, message: str, hint: str, label: str = "", fix: Fix | None = None
    ) -> Finding:
        """A finding at `node`; a compound statement is marked by its first line, a class or function by its name."""
        assert isinstance(node, (ast.expr, ast.stmt, ast.arg, ast.keyword))
        line = node.lineno
        text = self.source.lines[line - 1] if line <= len(self.source.lines) else ""
        start, stop = self.source.columns(node)
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            at = text.find(node.name, start - 1)
            if at >= 0:
                start, stop = at + 1, at + 1 + len(node.name)
        return Finding(code, message, self.source.path, line, start, stop, hint, label, fix)

    def offset(self, line: int, column: int) -> int:
        """The character offset of a 1-based line and a 0-based byte column, as ``ast`` counts."""
        if self._starts is None:
            self._starts = [0]
            for text in split_lines(self.source.text):
                self._starts.append(self._starts[-1] + len(text))
        content = self.source.lines[line - 1] if line <= len(self.source.lines) else ""
        return self._starts[line - 1] + len(content.encode()[:column].decode(errors="replace"))

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """The character offsets of a node: first, one past the last."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self.offset(node.lineno, node.col_offset), self.offset(node.end_lineno, node.end_col_offset)

    def segment(self, node: ast.expr | ast.stmt) -> str:
        """The text of a node as it stands in the file."""
        start, stop = self.span(node)
        return self.source.text[start:stop]

    def replacing(self, node: ast.expr | ast.stmt, text: str) -> Edit:
        """The edit that puts `text` where `node` stands."""
        return Edit(*self.span(node), text)

    def appending(self, node: ast.expr | ast.stmt, text: str) -> Edit:
        """The edit that puts `text` right behind `node`."""
        stop = self.span(node)[1]
        return Edit(stop, stop, text)

    def line_above(self, node: ast.stmt, text: str) -> Edit:
        """The edit that puts a line of its own, indented alike, above a statement."""
        start = self.offset(node.lineno, 0)
        indentation = self.source.lines[node.lineno - 1][: self.span(node)[0] - start]
        return Edit(start, start, f"{indentation}{text}\n")

    def adding_argument(self, call: ast.Call, text: str) -> Edit:
        """The edit that adds a last argument to a call."""
        stop = self.span(call)[1] - 1
        inside = self.source.text[:stop].rstrip()
        filled = bool(call.args or call.keywords)
        place = len(inside)
        lead = "" if not filled else " " if inside.endswith(",") else ", "
        return Edit(place, place, f"{lead}{text}")


def core_of(expression: ast.expr) -> ast.expr:
    """What an iteration goes through: ``enumerate(tqdm(loader), 1)`` -> ``loader``."""
    while isinstance(expression, ast.Call) and expression.args:
        function = expression.func
        name = (
            function.attr
            if isinstance(function, ast.Attribute)
            else function.id if isinstance(function, ast.Name) else ""
        )
        if name not in _WRAPPING:
            break
        expression = expression.args[0]
    return expression


def statement_of(node: ast.AST, routine: Routine) -> ast.stmt | None:
    """The smallest statement of a routine that holds `node`, compound ones by their heads left out."""
    best: ast.stmt | None = None
    line = getattr(node, "lineno", 0)
    waiting: list[ast.stmt] = list(routine.node.body)
    while waiting:
        statement = waiting.pop()
        if statement.lineno <= line <= (statement.end_lineno or line):
            best = statement
            for name in ("body", "orelse", "finalbody", "handlers"):
                for item in getattr(statement, name, ()):
                    waiting.extend(item.body if isinstance(item, ast.ExceptHandler) else [item])
    return best


def mentions(node: ast.AST, *words: str) -> bool:
    """Whether any name, attribute or keyword below `node` is one of `words`."""
    for part in ast.walk(node):
        said = part.id if isinstance(part, ast.Name) else part.attr if isinstance(part, ast.Attribute) else None
        if said in words:
            return True
    return False


def has_modulo(test: ast.AST) -> bool:
    """Whether a condition counts: it contains a ``%``, or a comparison with a number of steps."""
    return any(isinstance(part, ast.Mod) for part in ast.walk(test))


def exclusive(first: Event, second: Event) -> bool:
    """Whether two events stand in different branches of one ``if``: no turn meets both."""
    branches = {id(place.node): place.branch for place in first.path if place.kind == "if"}
    return any(
        place.kind == "if" and branches.get(id(place.node), place.branch) != place.branch for place in second.path
    )
