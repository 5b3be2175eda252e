"""Random registries of every editable style: an edit parses, is insertions alone, keeps what was there, and is made once."""

from __future__ import annotations

import ast
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.patching.registered_projects import BASE, ENTRY, joined, siblings_of
from trainergen.errors import Conflict
from trainergen.lab import registered
from trainergen.patching.joining import Entry
from trainergen.patching.registration import find_registries, register

MODELS = ("linear", "conv_net", "res_net", "auto_encoder", "gru", "tab_mixer")
COMMENTS = ("", "  # the default", "  # 'old': OldTrainer,", "  # ) ] } unbalanced", "  # größer — ж")
DISABLED = ("", "# 'old': OldTrainer,", "# a note: (not closed")


@dataclass(frozen=True)
class Hand:
    """How a file is written."""

    quote: str
    end: str
    bom: bool
    final: bool
    indent: str
    comma: bool
    layout: str
    form: str
    width: int


hands = st.builds(
    Hand,
    quote=st.sampled_from("'\""),
    end=st.sampled_from(["\n", "\r\n"]),
    bom=st.booleans(),
    final=st.booleans(),
    indent=st.sampled_from(["    ", "\t", "  "]),
    comma=st.booleans(),
    layout=st.sampled_from(["one line", "one a line", "hanging"]),
    form=st.sampled_from(["snake", "kebab", "class", "upper"]),
    width=st.sampled_from([60, 88, 120]),
)
others = st.lists(st.sampled_from([each for each in MODELS if each != "conv_net"]), min_size=1, max_size=4, unique=True)
# one name of two words, or nobody could tell snake case from kebab case
models = others.flatmap(lambda names: st.permutations(["conv_net", *names]))
remarks = st.lists(st.sampled_from(COMMENTS), min_size=6, max_size=6)
disabled = st.lists(st.sampled_from(DISABLED), min_size=6, max_size=6)


def pascal(snake: str) -> str:
    return "".join(part.capitalize() for part in snake.split("_"))


def spell(snake: str, form: str) -> str:
    return {
        "snake": snake,
        "kebab": snake.replace("_", "-"),
        "class": f"{pascal(snake)}Trainer",
        "upper": snake.upper(),
    }[form]


def literal(opening: str, items: list[str], closing: str, hand: Hand, comments: list[str], off: list[str]) -> str:
    hand = replace(hand, comma=hand.comma or (opening == "(" and len(items) == 1))  # or it is no tuple
    if hand.layout == "one line":
        tail = "," if hand.comma else ""
        return opening + ", ".join(items) + tail + closing
    if hand.layout == "hanging":
        rows = [f"{item}," for item in items]
        rows[-1] = rows[-1] if hand.comma else items[-1]
        return opening + f"{comments[0]}\n{hand.indent}{hand.indent}".join(rows) + closing
    rows = []
    for number, item in enumerate(items):
        rows += [off[number]] if off[number] else []
        last = number == len(items) - 1
        rows.append(f"{item}{'' if last and not hand.comma else ','}{comments[number]}")
    return opening + "\n" + "".join(f"{hand.indent}{row}\n" for row in rows) + closing


def imports(names: list[str]) -> str:
    return "".join(f"from .{each}_trainer import {pascal(each)}Trainer\n" for each in names)


Made = Callable[[list[str], Hand, list[str], list[str]], str]


def dict_literal(names: list[str], hand: Hand, comments: list[str], off: list[str]) -> str:
    items = [f"{hand.quote}{spell(each, hand.form)}{hand.quote}: {pascal(each)}Trainer" for each in names]
    return f"{imports(names)}\nTRAINERS = {literal('{', items, '}', hand, comments, off)}\n"


def dict_of_texts(names: list[str], hand: Hand, comments: list[str], off: list[str]) -> str:
    q = hand.quote
    items = [f"{q}{spell(each, hand.form)}{q}: {q}trainers.{each}_trainer:{pascal(each)}Trainer{q}" for each in names]
    return f"TRAINERS = {literal('{', items, '}', hand, comments, off)}\n"


def assignments(names: list[str], hand: Hand, comments: list[str], off: list[str]) -> str:
    rows = [
        f"{off[number]}\nTRAINERS[{hand.quote}{spell(each, hand.form)}{hand.quote}] = {pascal(each)}Trainer{comments[number]}\n"
        for number, each in enumerate(names)
    ]
    return f"{imports(names)}\nTRAINERS = {{}}\n{''.join(rows)}"


def class_list(opening: str, closing: str) -> Made:
    def make(names: list[str], hand: Hand, comments: list[str], off: list[str]) -> str:
        shown = literal(opening, [f"{pascal(each)}Trainer" for each in names], closing, hand, comments, off)
        return f"{imports(names)}\nALL = {shown}\nTRAINERS = {{each.__name__: each for each in ALL}}\n"

    return make


def calls(names: list[str], hand: Hand, comments: list[str], off: list[str]) -> str:
    rows = []
    for number, each in enumerate(names):
        arguments = [f"{hand.quote}{spell(each, hand.form)}{hand.quote}", f"{pascal(each)}Trainer"]
        shown = literal("(", arguments, ")", hand, [comments[number]] * 6, [off[number]] * 6)
        rows.append(f"register{shown}{comments[number]}\n")
    return f"{imports(names)}\nTRAINERS = {{}}\n\n\ndef register(name, cls):\n    TRAINERS[name] = cls\n\n\n{''.join(rows)}"


def chain(word: str) -> Made:
    def make(names: list[str], hand: Hand, comments: list[str], off: list[str]) -> str:
        step = hand.indent
        rows = []
        for number, each in enumerate(names):
            test = f"name == {hand.quote}{spell(each, hand.form)}{hand.quote}"
            local = hand.layout == "hanging"
            rows += [f"{step}{off[number]}"] if off[number] and not number else []
            rows.append(f"{step}{word if number else 'if'} {test}:{comments[number]}")
            rows += [f"{step}{step}from .{each}_trainer import {pascal(each)}Trainer"] if local else []
            rows += [f"{step}{step}{off[number]}"] if off[number] else []
            rows.append(f"{step}{step}return {pascal(each)}Trainer(config{',' if hand.comma else ''})")
        tail = (
            [f"{step}else:", f"{step}{step}raise ValueError(name)"]
            if word == "elif"
            else [f"{step}raise ValueError(name)"]
        )
        top = "" if hand.layout == "hanging" else imports(names)
        return f"{top}\n\ndef build(name, config=None):\n" + "\n".join([*rows, *tail]) + "\n"

    return make


def matched(names: list[str], hand: Hand, comments: list[str], off: list[str]) -> str:
    step = hand.indent
    rows = []
    for number, each in enumerate(names):
        rows.append(f"{step * 2}case {hand.quote}{spell(each, hand.form)}{hand.quote}:{comments[number]}")
        rows.append(f"{step * 3}return {pascal(each)}Trainer(config)")
    rows += [f"{step * 2}case _:", f"{step * 3}raise ValueError(name)"]
    return f"{imports(names)}\n\ndef build(name, config=None):\n{step}match name:\n" + "\n".join(rows) + "\n"


STYLES: dict[str, Made] = {
    "dict": dict_literal,
    "texts": dict_of_texts,
    "assignments": assignments,
    "list": class_list("[", "]"),
    "tuple": class_list("(", ")"),
    "set": class_list("{", "}"),
    "calls": calls,
    "elif": chain("elif"),
    "ifs": chain("if"),
    "match": matched,
}


@contextmanager
def importable(files: dict[str, bytes]) -> Iterator[None]:
    """The project's modules in `sys.modules`, executed from bytes; gone afterwards."""

    class Finder:
        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> object:
            from importlib.machinery import ModuleSpec

            for candidate, package in (
                (name.replace(".", "/") + "/__init__.py", True),
                (name.replace(".", "/") + ".py", False),
            ):
                if candidate in files:
                    return ModuleSpec(name, Loader(files[candidate]), is_package=package)
            return None

    class Loader:
        def __init__(self, data: bytes) -> None:
            self.data = data

        def create_module(self, spec: object) -> None:
            return None

        def exec_module(self, module: types.ModuleType) -> None:
            exec(compile(self.data, module.__name__, "exec"), module.__dict__)

    sys.meta_path.insert(0, Finder)  # type: ignore[arg-type]
    try:
        yield
    finally:
        sys.meta_path.remove(Finder)  # type: ignore[arg-type]
        for name in [each for each in sys.modules if each.partition(".")[0] == "trainers"]:
            del sys.modules[name]


def project(style: str, names: list[str], hand: Hand, comments: list[str], off: list[str]) -> dict[str, str | bytes]:
    text = STYLES[style](names, hand, comments, off)
    text = text if hand.final else text.rstrip("\n")
    data = (b"\xef\xbb\xbf" if hand.bom else b"") + text.replace("\n", hand.end).encode()
    files: dict[str, str | bytes] = {"trainers/__init__.py": data, "trainers/base.py": BASE}
    for each in names:
        files[f"trainers/{each}_trainer.py"] = (
            f"from .base import BaseTrainer\n\n\nclass {pascal(each)}Trainer(BaseTrainer):\n    pass\n"
        )
    return files


def entries(data: bytes) -> list[str]:
    """What a registry's file does, statement by statement and entry by entry, positions aside."""
    return [
        ast.dump(node)
        for node in ast.walk(ast.parse(data))
        if isinstance(node, ast.Constant | ast.If | ast.match_case | ast.alias)
    ]


@pytest.mark.parametrize("style", STYLES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(names=models, hand=hands, comments=remarks, off=disabled)
def test_random_registries(style: str, names: list[str], hand: Hand, comments: list[str], off: list[str]) -> None:
    files = project(style, names, hand, comments, off)
    done, after = joined(files, replace(ENTRY), width=hand.width)  # it is insertions alone: `joined` takes them out
    text = after["trainers/__init__.py"]
    before = files["trainers/__init__.py"]
    assert isinstance(before, bytes)
    compile(text, "trainers", "exec")
    assert text.startswith(b"\xef\xbb\xbf") == hand.bom
    assert text.endswith((b"\n", b"\r\n")) == hand.final or not before.rstrip(b"\r\n").endswith((b")", b"}", b"]"))
    newlines = text.count(b"\n")
    assert b"\n" not in before or newlines == (
        text.count(b"\r\n") if hand.end == "\r\n" else newlines - text.count(b"\r")
    )
    assert done.key == ("WineNetTrainer" if style in ("list", "tuple", "set") else spell("wine_net", hand.form))
    for comment in {*comments, *off}:  # nothing that was switched off is lost or doubled
        assert text.count(comment.strip().encode()) == before.count(comment.strip().encode()) or not comment
    assert done.lookup is not None
    with importable(after):
        found = registered.find(asdict(done.lookup))
        assert isinstance(found, type)
        assert (found.__module__, found.__name__) == (ENTRY.module, ENTRY.class_name)
        for each in names:
            form = "class" if style in ("list", "tuple", "set") else hand.form
            old = registered.find(
                {
                    **asdict(done.lookup),
                    "key": spell(each, form),
                    "expects": f"trainers.{each}_trainer:{pascal(each)}Trainer",
                }
            )
            assert isinstance(old, type) and old.__name__ == f"{pascal(each)}Trainer"
    refused_again(after, done.key)


def refused_again(files: dict[str, bytes], key: str, entry: Entry = ENTRY) -> None:
    siblings = siblings_of(files)
    registries = find_registries(files.__getitem__, sorted(files), siblings, ("",))
    assert len(registries) == 1
    with pytest.raises(Conflict, match=f"{key} already"):
        register(registries, entry, files.__getitem__, siblings, width=88, quote='"')


ALL_NAMES = st.lists(st.sampled_from(["Alpha", "beta", "GAMMA", "delta_2"]), min_size=1, max_size=4, unique=True)


@settings(max_examples=50, deadline=None)
@given(
    names=ALL_NAMES,
    hand=hands,
    comments=remarks,
    off=disabled,
    kind=st.sampled_from(["[]", "()", "{}"]),
    parts=st.integers(1, 3),
)
def test_random_exports(
    names: list[str], hand: Hand, comments: list[str], off: list[str], kind: str, parts: int
) -> None:
    from trainergen.patching import exports
    from trainergen.staging.hunks import take_out

    items = [f"{hand.quote}{each}{hand.quote}" for each in names]
    shown = literal(kind[0], items, kind[1], hand, comments, off)
    more = {"[]": "['x']", "()": "('x',)", "{}": "{'x'}"}[kind]
    text = {
        1: f"__all__ = {shown}\n",
        2: f"__all__ = {more}\n__all__ {'|' if kind == '{}' else '+'}= {shown}\n",
        3: f"O = {more}\n__all__ = {kind[0]}*O, {hand.quote}y{hand.quote}{kind[1]}\n",
    }[parts]
    data = (b"\xef\xbb\xbf" if hand.bom else b"") + text.replace("\n", hand.end).encode()
    edit = exports.edit(data, "trainers/__init__.py", module=".wine", name="WineTrainer", width=hand.width)
    assert take_out(edit.after, edit.spans) == data
    space: dict[str, object] = {}
    program = edit.after.decode("utf-8-sig").replace("from .wine import WineTrainer", "WineTrainer = 1")
    exec(compile(program, "x", "exec"), space)
    listed = space["__all__"]
    assert isinstance(listed, list | tuple | set) and "WineTrainer" in listed
    assert len(listed) == len(set(listed)) == {1: len(names), 2: len(names) + 1, 3: 2}[parts] + 1
    again = exports.edit(edit.after, "trainers/__init__.py", module=".wine", name="WineTrainer", width=hand.width)
    assert again.after == edit.after
