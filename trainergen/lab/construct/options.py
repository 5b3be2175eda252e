"""What an argument may be given, likeliest first: annotation, use in the source and name put together."""

from __future__ import annotations

import dataclasses
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

from ...inspection.expressions import NAMESPACE, call, reference, tuple_of
from ..sources import MISSING
from .annotations import ANY, Wanted
from .configs import concrete_classes, config_classes, mapping_classes
from .modules import module_classes, on_graphs, torch_layer
from .roles import Role, normal_name, role_of
from .sizes import CLASSES, TEXTS, module_class
from .subject import Subject
from .uses import ITEM, Path, Reads, Uses
from .values import plain, target_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...inspection.construction import Source
    from ...inspection.expressions import Value
    from ...inspection.model_facts import Place
    from .sizes import Sizes

CERTAIN: frozenset[Role] = frozenset(
    {"spatial_rank", "head_width", "heads", "image", "patch", "classes", "relations", "nodes", "edge", "vocabulary", "codebook",
     "channels_in", "channels_out", "features_in", "features_out", "feedforward", "latent", "depth", "horizon", "length", "time_steps",
     "kernel", "dropout", "epsilon", "width"}
)  # fmt: skip
"""Roles of numbers: an argument in the singular that is named like one is tried as one."""

MOST_NESTED = 3
"""A config in a config in a config: deeper ones are left to their defaults."""


@dataclass(frozen=True)
class Option:
    """A value for an argument, with who says so; the fields are those of `BuiltArgument`."""

    value: Value
    source: Source
    reason: str
    place: Place | None = None
    assumed: bool = True
    for_proof: bool = False
    kept: Value = None

    def changed(self, value: Value, source: Source, reason: str) -> Option:
        """Another value in its place, for another reason."""
        return dataclasses.replace(self, value=value, source=source, reason=reason, place=None, assumed=True)


class Chooser(Subject):
    """Options for the arguments of one class or function, and for what its configs and modules hold.

    Args:
        make: the class or function.
        sizes: the numbers to choose from.
        reads: what its source does with its arguments; read on demand where None.
        busy: classes that are being filled.
    """

    def __init__(self, make: Any, sizes: Sizes, reads: Reads | None = None, busy: tuple[type, ...] = ()) -> None:
        super().__init__(make, reads)
        self.sizes = sizes
        self.busy = (*busy, make)

    def with_sizes(self, sizes: Sizes) -> Chooser:
        """The same with other numbers."""
        return Chooser(self.make, sizes, self._reads, self.busy[:-1])

    def options(self, path: Path, asked: Wanted | None = None) -> list[Option]:
        """What to give for an argument, or for the part of a config that `path` leads to."""
        asked = asked if asked is not None else (self.wanted(path[0]) if len(path) == 1 else ANY)
        found: list[Option] = []
        for each in self._options(path, asked):
            if all(each.value != other.value or type(each.value) is not type(other.value) for other in found):
                found.append(each)
        return found

    def first(self, path: Path) -> Option | None:
        """The likeliest of `options`: where name and annotation say enough, the source is not read for it."""
        return next(self._options(path, self.wanted(path[0]) if len(path) == 1 else ANY), None)

    def config_options(self, path: Path) -> list[Option]:
        """Configs to give for an argument that turned out to be read like one."""
        return list(self._configs(path, self.uses(path)))

    def filled(self, cls: Any, path: Path) -> Value | None:
        """A call of `cls` with its required arguments filled; None where it can't be named or one has no option."""
        target = target_of(cls)
        if target is None or len(path) > MOST_NESTED or cls in self.busy:
            return None
        inner = Chooser(cls, self.sizes, self.below(path) if not _is_module(cls) else None, self.busy)
        arguments: dict[str, Value] = {}
        for name in inner.required():
            chosen = inner.first((name,))
            if chosen is None:
                return None
            arguments[name] = chosen.value
        return call(target, (), arguments)

    # By kind.

    def _options(self, path: Path, asked: Wanted) -> Iterator[Option]:
        said = [each for each in asked.alternatives() if each.kind != "any"]
        certain = role_of(path[-1])
        if certain is not None and self._is_certain(path[-1], certain, said):
            yield from self._numbers(self.role(path), said[0].kind if said else "any", _why(certain))
        uses = self.uses(path)
        role = self.role(path)
        if said:
            said.sort(key=lambda each: _evidence_against(each, uses))
            for each in said:
                yield from self._of_kind(path, each, role, uses)
            if any(each.kind not in {"object"} for each in said):
                return
        if uses is not None:
            if (uses.attributes or uses.keys) and not {"module", "factory", "tensor"} & set(uses.kinds):
                yield from self._configs(path, uses)
            for kind in _kinds_of(uses):
                yield from self._of_kind(path, kind, role, uses, "source")
        yield from self._of_role(path, role, uses)

    def _is_certain(self, name: str, role: Role, said: list[Wanted]) -> bool:
        """Whether name and annotation say enough for a first try, without reading the source."""
        if self._reads is not None or role not in CERTAIN or len(normal_name(name)) < 2:
            return False
        counted = name.lower().startswith(("n", "num", "in", "out"))
        return all(each.kind in {"int", "float"} for each in said) if said else counted or not name.endswith("s")

    def _of_kind(
        self, path: Path, asked: Wanted, role: Role | None, uses: Uses | None, source: Source = "annotation"
    ) -> Iterator[Option]:
        name = path[-1]
        why = _why(role)
        kind = asked.kind
        if kind == "choice":
            for choice in asked.choices:
                yield Option(plain(choice), "annotation", "one of the values that the annotation allows")
        elif kind == "bool":
            first = role == "on"
            yield Option(first, source, "a switch")
            yield Option(not first, source, "a switch")
        elif kind in {"int", "float"}:
            yield from self._numbers(role, kind, why)
        elif kind == "str":
            yield from self._texts(role, uses)
        elif kind in {"sequence", "tuple"}:
            yield from self._sequences(path, asked, role, uses)
        elif kind == "mapping":
            target = target_of(asked.owner) if asked.owner not in (None, dict) else None
            parts = self._mapping(path)
            concrete = target is not None and not inspect.isabstract(asked.owner)
            yield Option(
                call(target, [parts]) if target and concrete else parts, "source", "the keys that the source reads"
            )
        elif kind == "config" and asked.owner is not None:
            filled = self.filled(asked.owner, path)
            if filled is not None:
                yield Option(filled, "config", f"{asked.owner.__name__}, the class that the annotation names")
        elif kind == "module":
            yield from self._modules(path, asked.owner, uses)
        elif kind == "class":
            yield from self._classes(path, role, asked.owner)
        elif kind == "callable":
            if uses is not None and "factory" in uses.kinds:
                yield from self._classes(path, role, None)
            if role != "module":
                yield Option(reference("torch.nn.functional:relu"), "annotation", "a function of one tensor")
            yield from self._modules(path, None, uses)
            yield from self._classes(path, role, None)
        elif kind == "tensor":
            shape = self.uses((*path, "shape"))
            rank = shape.count if shape is not None else 0
            if rank <= 2:
                yield Option(call("torch:eye", [self.sizes.features]), source, "a tensor, as many rows as features")
            yield Option(call("torch:ones", [self.sizes.features] * max(rank, 1)), source, "a tensor of features")
        elif kind == "array":
            yield Option(
                call("numpy:eye", [self.sizes.features], {"dtype": "float32"}),
                source,
                "an array, as many rows as features",
            )
        elif kind == "dtype":
            yield Option(reference("torch:float32"), "annotation", "torch's default")
        elif kind == "device":
            yield Option("cpu", "annotation", "the lab's device")
        elif kind == "object" and asked.owner is not None:
            for owner in concrete_classes(asked.owner):
                filled = self.filled(owner, path)
                if filled is not None:
                    yield Option(filled, "annotation", f"an object of {asked.owner.__name__}, as annotated")
        elif kind == "path":
            yield Option(f"{name}.txt", "name", "a file of that name")

    def _of_role(self, path: Path, role: Role | None, uses: Uses | None) -> Iterator[Option]:
        why = _why(role)
        if role in {"flag", "on"}:
            yield from self._of_kind(path, Wanted("bool"), role, uses, "name")
        elif role in {"pretrained"}:
            yield Option(False, "name", "nothing is downloaded here")
        elif role in {"weights", "path"}:
            yield Option(None, "name", "nothing is downloaded here")
        elif role in {"pyramid", "cardinalities", "input_shape"}:
            yield from self._sequences(path, Wanted("sequence", (Wanted("int"),)), role, uses)
            yield from self._numbers(role, "any", why)
        elif role == "config":
            yield from self._configs(path, uses)
        elif role == "module":
            yield from self._modules(path, None, uses)
        elif role in {"device", "dtype"}:
            yield Option("cpu" if role == "device" else reference("torch:float32"), "name", why)
        elif role in {"activation", "norm", "pool", "mode"}:
            yield from self._texts(role, uses)
            yield from self._classes(path, role, None)
            yield from self._modules(path, None, uses)
        else:
            yield from self._numbers(role, "any", why)
            yield from self._sequences(path, Wanted("sequence", (Wanted("int"),)), role, uses)

    def _numbers(self, role: Role | None, kind: str, why: str) -> Iterator[Option]:
        for number in (self.sizes.number(role), *self.sizes.instead(role)):
            if kind == "float" and role is None:
                yield Option(1.0, "name", "a number")
            elif kind == "float":
                yield Option(float(number), "name", why)
            elif kind == "any" or number == int(number):
                yield Option(int(number) if kind == "int" else number, "name", why)

    def _texts(self, role: Role | None, uses: Uses | None) -> Iterator[Option]:
        for choice in uses.choices if uses is not None else ():
            yield Option(choice, "source", "compared with in the source")
        for text in TEXTS.get(role or "mode", TEXTS["mode"]):
            yield Option(text, "name", "a usual word for it")

    def _sequences(self, path: Path, asked: Wanted, role: Role | None, uses: Uses | None) -> Iterator[Option]:
        def spelled(items: list[Value]) -> Value:
            return tuple_of(items) if asked.kind == "tuple" else items

        if role == "input_shape" and "channels_in" in self.roles:
            role = "image"  # the channels are an argument of their own
        why = f"named like {role.replace('_', ' ')}" if role is not None else "one a level"
        if asked.fixed:
            parts = [self.options((*path, ITEM), each) for each in asked.parts]
            if all(parts):
                items: list[Value] = [each[0].value for each in parts]
                if role in {"input_shape", "image", "patch"} and all(each.kind == "int" for each in asked.parts):
                    items = self.sizes.items(role, len(items))
                yield Option(spelled(items), "annotation", why)
            return
        count = uses.count if uses is not None and uses.count else None
        item = asked.item
        if item.kind in {"int", "any"} or (
            item.kind == "union" and item.alternatives()[0].kind in {"int", "sequence", "tuple"}
        ):
            inner = self.uses((*path, ITEM))
            as_role = role or (inner.role() if inner is not None else None)
            yield Option(spelled(self.sizes.items(as_role, count)), "name", why)
            return
        if item.kind == "bool":
            yield Option(
                spelled([*[False] * ((count or self.sizes.levels) - 1), True]), "annotation", "a switch a level"
            )
            return
        options = self.options((*path, ITEM), item)
        if options:
            yield Option(spelled([options[0].value] * (count or self.sizes.levels)), "annotation", why)

    def _mapping(self, path: Path) -> dict[str, Value]:
        uses = self.uses(path)
        names = {**uses.keys, **uses.attributes} if uses else {}
        return {key: self._part((*path, key)) for key, default in names.items() if default is MISSING}

    def _namespace(self, path: Path) -> Value:
        uses = self.uses(path)
        names = uses.attributes if uses else {}
        return call(
            NAMESPACE, (), {name: self._part((*path, name)) for name, default in names.items() if default is MISSING}
        )

    def _part(self, path: Path) -> Value:
        chosen = self.first(path)
        return chosen.value if chosen is not None else None

    def _configs(self, path: Path, uses: Uses | None) -> Iterator[Option]:
        for found in config_classes(self.make, path[-1], uses):
            filled = self.filled(found, path)
            if filled is not None:
                yield Option(filled, "config", f"{found.__name__} has what the source reads from it")
        if uses is not None and uses.keys and uses.attributes:
            for found in mapping_classes(self.make):
                target = target_of(found)
                if target is not None:
                    yield Option(
                        call(target, (), self._mapping(path)),
                        "source",
                        f"{found.__name__} has keys that are attributes",
                    )
        if uses is not None and uses.keys and not uses.attributes:
            yield Option(self._mapping(path), "source", "the keys that the source reads")
        elif uses is not None and uses.attributes:
            if "module" not in uses.kinds:  # a namespace can't be called
                yield Option(self._namespace(path), "source", "the attributes that the source reads")
        else:
            yield Option(call(NAMESPACE), "name", "named like a config")
            yield Option({}, "name", "named like a config")

    def _modules(self, path: Path, owner: type | None, uses: Uses | None) -> Iterator[Option]:
        asked = next((each for each in (uses.types if uses else ()) if issubclass(each, nn.Module)), None)
        for found in module_classes(
            self.make, path[-1], owner if owner not in (None, nn.Module) else asked or owner, uses, self.busy
        ):
            filled = self.filled(found, path)
            if filled is not None:
                yield Option(filled, "source", f"{found.__name__} fits by its name or what is read from it")
        if owner in (None, nn.Module) or owner.__module__.partition(".")[0] == "torch":
            for value, reason in torch_layer(path[-1], self.sizes, on_graphs(self.make)):
                yield Option(value, "name", reason)

    def _classes(self, path: Path, role: Role | None, owner: type | None) -> Iterator[Option]:
        if owner is not None and owner.__module__.partition(".")[0] != "torch":
            target = target_of(owner)
            if target is not None and not inspect.isabstract(owner):
                yield Option(reference(target), "annotation", f"{owner.__name__}, as annotated")
        for found in module_classes(self.make, path[-1], None, None, self.busy):
            target = target_of(found)
            if target is not None:
                yield Option(reference(target), "source", f"{found.__name__} fits by its name")
        for target in CLASSES.get(role or "", ()):
            yield Option(reference(target), "name", f"a usual class for {role}")
        yield Option(module_class(role), "name", "any class of modules")


def _why(role: Role | None) -> str:
    return f"named like {role.replace('_', ' ')}" if role is not None else "a small number"


def _is_module(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, nn.Module)


def _evidence_against(asked: Wanted, uses: Uses | None) -> int:
    """0 for what the source's use agrees with, 1 for what nothing is known of, 2 for what it speaks against."""
    if uses is None:
        return 1
    kinds = set(uses.kinds)
    if asked.kind in {"sequence", "tuple"}:
        return 0 if {"sequence", "spread"} & kinds and not uses.types else 2
    return 1


def _kinds_of(uses: Uses) -> Iterator[Wanted]:
    """What the source's use asks for, where it asks for something that a number is not."""
    kinds = uses.kinds
    if uses.choices and all(isinstance(each, str) for each in uses.choices):
        yield Wanted("str")
    if uses.types and {"number", "int"} & set(kinds):
        return  # either a number or a list: a number is simpler
    if "array" in kinds:
        yield Wanted("array")
    if "tensor" in kinds and not {"module", "factory"} & set(kinds):
        yield Wanted("tensor")
    for kind in kinds:
        if kind in {"sequence", "spread"}:
            yield Wanted("sequence", (Wanted("int"),))
        elif kind == "module":
            yield Wanted("module")
        elif kind == "factory":
            yield Wanted("class")
        elif kind == "str":
            yield Wanted("str")
        elif kind in {"number", "int"}:
            return
        elif kind == "flag" and len(kinds) == 1 and not uses.roles:
            yield Wanted("bool")
