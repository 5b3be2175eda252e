"""What to change after an exception: its type and text say what was wrong, the frames say with which argument."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ...inspection.expressions import NAMESPACE, call, children, items_of, like, tuple_of
from ..sources import MISSING
from .annotations import Wanted, wanted
from .conditions import choices, demanded, gives_up, pairs, solutions
from .options import Option
from .trying import NotAModule, TookTooLong, TooLarge
from .values import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...inspection.expressions import Value
    from .blame import Site
    from .options import Chooser
    from .uses import Path


@dataclass(frozen=True)
class Change:
    """Something to try: values at paths (None: the argument is taken out), and how far-fetched it is."""

    values: tuple[tuple[Path, Option | None], ...]
    cost: float


class View(Protocol):
    """The arguments as they were when the exception was raised."""

    @property
    def chooser(self) -> Chooser:
        """Knows the class."""

    def now(self, path: Path) -> Value:
        """The value at `path`: as given, else the default; `MISSING` where there is none."""

    def lead(self, path: Path) -> Path | None:
        """The part of `path` that can be changed; None where the user fixed it, or it is no argument."""

    def option(self, path: Path) -> Option | None:
        """Who said the value at `path`."""

    def takes(self, name: str) -> bool:
        """Whether the constructor can be given an argument of that name."""


def repairs(error: BaseException, trail: list[Site], view: View, making: Path = ()) -> list[Change]:
    """Changes to try, the likeliest first; none where nothing is to blame.

    Args:
        error: as caught.
        trail: the frames from the constructor down, see `blame.sites`.
        view: the arguments as they were.
        making: the part of them that was being made; () for the model itself.
    """
    found: list[Change] = []
    for change in _Repair(error, trail, view, making).changes():
        if change not in found:
            found.append(change)
    return sorted(found, key=lambda change: change.cost)


def blamed_at(site: Site, view: View) -> list[Path]:
    """The arguments that a frame's failing expression comes from; of a refusal, also those that its tests look at."""
    nodes = [site.node, *(guard for guard, _ in site.guards[:3])] if gives_up(site) else [site.node]
    if not site.blamed(site.node) and not isinstance(site.statement, (ast.For, ast.If, ast.While, ast.With, ast.Try)):
        nodes.append(site.statement)
    found = [lead for node in nodes for path in site.blamed(node) if (lead := view.lead(path)) is not None]
    return list(dict.fromkeys(found))


class _Repair:
    def __init__(self, error: BaseException, trail: list[Site], view: View, making: Path) -> None:
        self.making = making
        self.error = error
        self.trail = trail
        self.view = view
        self.text = _text(error)

    def changes(self) -> Iterator[Change]:
        if isinstance(self.error, (TooLarge, TookTooLong, NotAModule)):
            return
        yield from self._missing_or_unexpected()
        for distance, site in enumerate(reversed(self.trail)):
            before = False
            for change in self._at(site, distance):
                before = True
                yield change
            if before and distance >= 2:
                break
        yield from self._nothing_given()

    def _at(self, site: Site, distance: int) -> Iterator[Change]:
        test = demanded(site) if distance == 0 else None
        if test is not None:
            yield from self._condition(site, *test)
        blamed = blamed_at(site, self.view)
        if distance == 0:
            yield from self._structure(site)
        yield from self._words(blamed, distance)
        for place, path in enumerate(blamed[:6]):
            yield from self._other_kind(path, distance + place)
            yield from self._other_values(path, distance + place)

    # By the exception's text.

    def _missing_or_unexpected(self) -> Iterator[Change]:
        names = _lacking(self.error, self.text)
        if names:
            filled = [
                (path, options[0])
                for name in names
                if (path := self._place_for(name)) and (options := self.view.chooser.options(path))
            ]
            if filled and not (isinstance(self.error, KeyError) and self.view.now(filled[0][0]) is not MISSING):
                yield Change(tuple(filled), 0.5)
            prefixed = [
                [
                    ((prefix + name,), options[0])
                    for name in names
                    if name not in self.view.chooser.parameters
                    and self.view.takes(prefix + name)
                    and self.view.now((prefix + name,)) is MISSING
                    and (options := self.view.chooser.options((prefix + name,)))
                ]
                for prefix in self.view.chooser.prefixes()
            ]
            together = tuple(pair for pairs in prefixed for pair in pairs)
            if together:
                yield Change(together, 0.6)
            for pairs in prefixed if sum(map(bool, prefixed)) > 1 else ():
                if pairs:
                    yield Change(tuple(pairs), 0.8)
        unexpected = re.search(r"unexpected keyword argument '(\w+)'", self.text)
        if isinstance(self.error, TypeError) and unexpected:
            for site in self.trail[-1:]:
                for path in site.blamed(site.node):
                    lead = self.view.lead((*path[:-1], unexpected[1])) or self.view.lead(path)
                    if lead is not None and lead[-1] == unexpected[1]:
                        yield Change(((lead, None),), 0.5)
            if self.view.lead((unexpected[1],)) == (unexpected[1],):
                yield Change((((unexpected[1],), None),), 1.0)

    def _place_for(self, name: str) -> Path | None:
        """Where an argument that some callee lacks can be given: to the constructor, or in a mapping that is spread."""
        if self.making:
            return (*self.making, name)
        if self.view.takes(name):
            return (name,)
        for site in reversed(self.trail):
            for node in ast.walk(site.node) if site.node is not None else ():
                if isinstance(node, ast.keyword) and node.arg is None:
                    path = site.exact(node.value)
                    if path is not None and (lead := self.view.lead(path)) is not None:
                        return (*lead, name)
        return None

    def _structure(self, site: Site) -> Iterator[Change]:
        """Keys and attributes that are missing, lists that are too short, texts that name nothing."""
        yield from self._tupled(site)
        if isinstance(self.error, KeyError) and self.error.args:
            key = self.error.args[0]
            for node in _subscripts(site.node):
                base = site.exact(node.value)
                lead = self.view.lead(base) if base is not None else None
                if lead is not None and lead == base and isinstance(key, str):
                    yield from self._added((*lead, key))
                else:
                    yield from self._looked_up(site, node)
        attribute = re.search(r"'([\w.]+)' object has no attribute '(\w+)'", self.text) or re.search(
            r"()(?:Missing key|Key) '?(\w+)'?", self.text
        )
        if isinstance(self.error, AttributeError) and attribute:
            owner, name = attribute.groups()
            for path in [path for node in _attributes(site.node, name) if (path := site.exact(node.value)) is not None]:
                lead = self.view.lead(path)
                if lead is None or lead != path:
                    continue
                parts = children(self.view.now(lead))
                if owner in {"SimpleNamespace", "types.SimpleNamespace", "Namespace"} or (parts and owner != "dict"):
                    yield from self._added((*lead, name))
                elif owner == "dict":
                    now = self.view.now(lead)
                    option = self.view.option(lead)
                    if isinstance(now, dict) and option is not None:
                        yield Change(
                            ((lead, option.changed(call(NAMESPACE, (), now), "repair", "read by attribute")),), 0.5
                        )
        if isinstance(self.error, AttributeError) and re.search(
            r"(module|type object) '[\w.]+' has no attribute", self.text
        ):
            for each in ast.walk(site.node) if site.node is not None else ():
                if isinstance(each, ast.Call) and len(each.args) > 1:
                    yield from self._named_in(site, each)
        if isinstance(self.error, IndexError):
            for node in _subscripts(site.node):
                for path in site.blamed(node.value):
                    yield from self._longer(path)
        unpack = re.search(
            r"not enough values to unpack \(expected (?:at least )?(\d+)|too many values to unpack \(expected (\d+)",
            self.text,
        )
        if isinstance(self.error, ValueError) and unpack:
            for path in site.blamed(site.statement):
                yield from self._resized(path, int(unpack[1] or unpack[2]))

    def _added(self, path: Path) -> Iterator[Change]:
        for option in self.view.chooser.options(path)[:4]:
            yield Change(((path, option.changed(option.value, "source", f"the source reads {path[-1]}")),), 0.4)

    def _looked_up(self, site: Site, node: ast.Subscript) -> Iterator[Change]:
        """A table that has no such key: its own keys are the choices."""
        table = site.known(node.value)
        if isinstance(table, dict):
            for path in site.blamed(node.slice):
                yield from self._chosen(path, list(table), "a key of the table that it is looked up in")

    def _named_in(self, site: Site, node: ast.Call) -> Iterator[Change]:
        for path in site.blamed(node.args[1]):
            texts = ["ReLU", "relu", "GELU", "gelu", "BatchNorm2d", "LayerNorm", "AdamW", "lstm", "LSTM", "GRU"]
            owner = site.known(node.args[0])
            yield from self._chosen(path, [text for text in texts if hasattr(owner, text)], "a name that is there")

    def _words(self, blamed: list[Path], distance: int) -> Iterator[Change]:
        """Values that the message lists."""
        if not re.search(
            r"must|one of|expect|support|choose|choice|allowed|valid|available|options?|either|unknown|only|known|got|in \[|in \(",
            self.text,
            re.IGNORECASE,
        ):
            return
        quoted = re.findall(r"['\"`]([\w\-./ ]{1,40})['\"`]", self.text)
        numbers = [int(each) for each in re.findall(r"(?<![\w.])\d{1,4}(?![\w.])", self.text)]
        for path in blamed[:3]:
            now = self.view.now(path)
            if isinstance(now, str) or now is None or now is MISSING:
                for change in self._chosen(
                    path, [each for each in quoted if each != now], "one of those that the message names"
                ):
                    yield Change(change.values, change.cost + distance)
            if isinstance(now, int) and not isinstance(now, bool):
                for change in self._chosen(
                    path, [each for each in numbers if each != now][:4], "a number that the message names"
                ):
                    yield Change(change.values, change.cost + 1.5 + distance)

    # By the failing test.

    def _condition(self, site: Site, test: ast.expr, outcome: bool) -> Iterator[Change]:
        reason = f"{'so that' if outcome else 'so that not'} {ast.unparse(test)}"[:90]
        for path, allowed in choices(site, test):
            yield from self._chosen(path, allowed, reason)
        for path, value in solutions(site, test, outcome):
            yield from self._chosen(path, [value], reason)
        for changed in pairs(site, test, outcome):
            options = [
                (lead, change)
                for path, value in changed
                if (lead := self.view.lead(path)) and (change := self._option(value, reason))
            ]
            if len(options) == 2:
                yield Change(tuple(options), 1.5)
        for node in ast.walk(test):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "isinstance"
                and len(node.args) == 2
            ):
                yield from self._instance(site, node, reason)

    def _instance(self, site: Site, node: ast.Call, reason: str) -> Iterator[Change]:
        kinds = site.known(node.args[1])
        for path in site.blamed(node.args[0])[:1]:
            lead = self.view.lead(path)
            for kind in kinds if isinstance(kinds, tuple) else (kinds,):
                if lead is None:
                    continue
                for option in self.view.chooser.options(lead, wanted(kind))[:2]:
                    yield Change(((lead, option.changed(option.value, "repair", reason)),), 0.7)

    # Other values.

    def _chosen(self, path: Path, values: list[Any], reason: str) -> Iterator[Change]:
        lead = self.view.lead(path)
        if lead is None:
            return
        for place, value in enumerate(values[:8]):
            option = self._option(value, reason)
            if option is not None and option.value != self.view.now(lead):
                yield Change(((lead, option),), 0.6 + place / 10)

    def _option(self, value: Any, reason: str) -> Option | None:
        try:
            return Option(plain(value), "repair", reason)
        except TypeError:
            return None

    def _tupled(self, site: Site) -> Iterator[Change]:
        """``for rows, width in tables``: each number of a list becomes a tuple of as many."""
        if not (isinstance(self.error, TypeError) and "cannot unpack non-iterable" in self.text and site.statement):
            return
        for node in ast.walk(site.statement):
            if not isinstance(node, (ast.For, ast.comprehension)) or not isinstance(node.target, ast.Tuple):
                continue
            for path in site.blamed(node.iter):
                lead = self.view.lead(path)
                now = self.view.now(lead) if lead is not None else MISSING
                items = items_of(now) if now is not MISSING else None
                option = self.view.option(lead) if lead is not None else None
                if lead is None or option is None or not items or any(isinstance(each, dict) for each in items):
                    continue
                parts = len(node.target.elts)
                paired = like(now, [tuple_of([each] * parts) for each in items])
                yield Change(((lead, option.changed(paired, "source", f"{parts} values each are unpacked")),), 0.2)

    def _longer(self, path: Path) -> Iterator[Change]:
        now = self.view.now(lead) if (lead := self.view.lead(path)) is not None else MISSING
        items = items_of(now) if now is not MISSING else None
        if items:
            for extra in (1, 2, 3, 5):
                yield from self._resized(path, len(items) + extra)

    def _resized(self, path: Path, count: int) -> Iterator[Change]:
        lead = self.view.lead(path)
        now = self.view.now(lead) if lead is not None else MISSING
        items = items_of(now) if now is not MISSING else None
        if lead is not None and items:
            grown = like(now, [*items, *[items[-1]] * (count - len(items))][:count])
            option = self.view.option(lead) or self._option(None, "")
            if option is not None:
                yield Change(
                    ((lead, option.changed(grown, "repair", f"{count} items are wanted")),),
                    0.7 + abs(count - len(items)) / 10,
                )
        elif lead is not None:
            role = self.view.chooser.role(lead)
            option = self._option(self.view.chooser.sizes.items(role, count), f"{count} items are wanted")
            if option is not None:
                yield Change(((lead, option),), 0.8)

    def _other_kind(self, path: Path, distance: int) -> Iterator[Change]:
        """A value of another kind, as the text of a TypeError or an AttributeError asks for."""
        kinds: list[str] = []
        if isinstance(self.error, TypeError):
            if re.search(
                r"(not iterable|has no len|not subscriptable|cannot unpack|must be an iterable|not reversible|argument after \* must be|can only concatenate (list|tuple))",
                self.text,
            ):
                kinds = ["sequence", "mapping"] if "mapping" in self.text else ["sequence", "config"]
            elif "not callable" in self.text:
                kinds = ["class", "module"]
            elif re.search(r"is not a Module subclass", self.text):
                kinds = ["module"]
            elif "ndarray" in self.text:
                kinds = ["array"]
            elif re.search(
                r"list|tuple|NoneType|cannot be interpreted as an integer|invalid combination|must be real number|not 'str'|str",
                self.text,
            ):
                kinds = ["int", "sequence", "str"]
        elif isinstance(self.error, AttributeError):
            kinds = ["tensor", "config", "module", "sequence", "str"]
            if re.search(r"no attribute '(device|dtype|shape|to|size|ndim|view|float)'", self.text) is None:
                kinds.remove("tensor")
        now = self.view.now(path)
        if isinstance(now, (int, float)) and self.view.chooser.is_number(path):
            kinds = [kind for kind in kinds if kind == "int"]
        for place, kind in enumerate(kinds):
            asked = {
                "sequence": Wanted("sequence", (Wanted("int"),)),
                "mapping": Wanted("mapping"),
                "class": Wanted("class"),
                "module": Wanted("module"),
                "int": Wanted("int"),
                "str": Wanted("str"),
                "tensor": Wanted("tensor"),
                "array": Wanted("array"),
            }.get(kind)
            options = (
                self.view.chooser.options(path, asked) if asked is not None else self.view.chooser.config_options(path)
            )
            for option in options[:2]:
                if option.value != self.view.now(path):
                    yield Change(
                        (
                            (
                                path,
                                option.changed(
                                    option.value, "repair", f"{type(self.error).__name__}: {self.text}"[:90]
                                ),
                            ),
                        ),
                        1.0 + place / 4 + distance,
                    )

    def _other_values(self, path: Path, distance: int) -> Iterator[Change]:
        now = self.view.now(path)
        reason = f"{type(self.error).__name__}: {self.text}"[:90]
        for place, option in enumerate(self.view.chooser.options(path)[:12]):
            if option.value != now or type(option.value) is not type(now):
                yield Change(((path, option.changed(option.value, "repair", reason)),), 2.0 + place / 4 + distance)

    def _nothing_given(self) -> Iterator[Change]:
        """Arguments whose default is None get a value where nothing else is to blame."""
        for name, parameter in self.view.chooser.parameters.items():
            if parameter.default is None and self.view.now((name,)) is None and self.view.lead((name,)) == (name,):
                for option in self.view.chooser.options((name,))[:1]:
                    yield Change((((name,), option.changed(option.value, "repair", "fails without one")),), 6.0)


def _lacking(error: BaseException, text: str) -> list[str]:
    """Names of arguments that some callee wants and did not get, as the text of its exception has them."""
    missing = re.search(r"missing \d+ required (?:positional|keyword-only) arguments?: (.*)", text)
    if isinstance(error, TypeError) and missing:
        return re.findall(r"'(\w+)'", missing[1])
    if isinstance(error, KeyError) and error.args and isinstance(error.args[0], str):
        return [error.args[0]] if error.args[0].isidentifier() else []
    said = re.search(
        r"[`'\"](\w+)[`'\"] (?:(?:is|was) (?:missing|required|not (?:given|passed|provided|set|specified))"
        r"|must be (?:passed|given|provided|specified|set)\b)"
        r"|(?:missing|requires?|required)(?: (?:the|a|an|required|keyword|config|key|argument|parameter|option))+:? [`'\"](\w+)[`'\"]",
        text,
        re.IGNORECASE,
    )
    return [said[1] or said[2]] if said else []


def _subscripts(node: ast.AST | None) -> list[ast.Subscript]:
    return [each for each in ast.walk(node) if isinstance(each, ast.Subscript)] if node is not None else []


def _attributes(node: ast.AST | None, name: str) -> list[ast.Attribute]:
    return (
        [each for each in ast.walk(node) if isinstance(each, ast.Attribute) and each.attr == name]
        if node is not None
        else []
    )


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return ""
