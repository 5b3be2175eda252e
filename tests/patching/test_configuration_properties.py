"""Random valid files of each format: an edit leaves every old value and byte, adds the new ones, and parses."""

from __future__ import annotations

import ast
import json
import tomllib

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from trainergen.errors import Conflict
from trainergen.patching.configs.syntax import ini_text, json_text, toml_text, yaml_text
from trainergen.patching.configs.syntax.formats import Format
from trainergen.patching.configs.syntax.tree import at, flatten, present, same_values, without
from trainergen.patching.draft import Edit
from trainergen.staging.hunks import take_out

KEYS = st.from_regex(r"[a-z][a-z_]{0,5}[0-9]?", fullmatch=True).filter(
    lambda key: key not in ("y", "n", "yes", "no", "on", "off", "true", "false", "null", "new")
)
NUMBERS = st.sampled_from(["1", "0x1F", "1e-3", "1.0e-5", "1_000", "-0.5", "1E5", "007", "+1", ".5", "1."])
WORDS = st.sampled_from(
    ["wine", "'it''s'", '"a # b"', "a b", "yes", "null", "~", "/tmp/x", '"ä€"', "*.txt'", "no:thing"]
).filter(lambda word: not word.startswith("*"))
COMMENTS = st.sampled_from(["", "", "  # note", "\t# tab", " # ä: {"])
ENDS = st.sampled_from(["\n", "\r\n"])
BOMS = st.sampled_from([b"", b"\xef\xbb\xbf"])
VALUES = st.one_of(
    st.floats(allow_nan=False),
    st.integers(-(2**53), 2**53),
    st.booleans(),
    st.none(),
    st.text(max_size=12),
    st.lists(st.integers(-9, 9), max_size=3),
)
TREES = st.dictionaries(
    KEYS, st.one_of(VALUES, st.dictionaries(KEYS, VALUES, min_size=1, max_size=3)), min_size=1, max_size=5
)
MANY = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def check(syntax: Format, data: bytes, keys: tuple[str, ...], tree: dict[str, object], like: str = "") -> Edit:
    before = syntax.load(data, "file")
    edit = syntax.insert(data, "file", keys, tree, like=like, docs={(next(iter(tree)),): "said # of : it"})
    assert edit.before == data
    assert take_out(edit.after, edit.spans) == data
    after = syntax.load(edit.after, "file")
    assert same_values(before if keys[0] in before or len(keys) == 1 else {**before, keys[0]: {}}, without(after, keys))
    for path, value in flatten(tree).items():
        if value is None or isinstance(value, dict):
            continue
        start, end = syntax.locate(edit.after, "file", (*keys, *path))
        assert 0 < start < end <= len(edit.after), path
        changed = edit.after[:start] + b"12345" + edit.after[end:]
        assert at(syntax.load(changed, "file"), (*keys, *path)) in (12345, "12345"), path
    return edit


@st.composite
def yaml_sections(draw: st.DrawFn) -> tuple[str, str]:
    """A mapping of sections in block form with comments, anchors, merges, blank lines, odd numbers; and one's name."""
    step = draw(st.integers(1, 4))
    names = draw(st.lists(KEYS, min_size=1, max_size=3, unique=True))
    lines = draw(st.sampled_from([[], ["# head"], ["---"], ["%YAML 1.1", "---", "# x"]]))
    lines = [*lines, "trainers:" + draw(COMMENTS)]
    anchors: list[str] = []
    for name in names:
        anchor = draw(st.booleans())
        lines += [""] * draw(st.integers(0, 1))
        lines += [" " * step + "# about"] * draw(st.integers(0, 1))
        lines.append(" " * step + f"{name}:" + (f" &a_{name}" if anchor else "") + draw(COMMENTS))
        inner = draw(st.lists(KEYS, min_size=1, max_size=3, unique=True))
        if anchors and draw(st.booleans()):
            lines.append(" " * step * 2 + f"<<: *{draw(st.sampled_from(anchors))}")
        for key in inner:
            form = draw(st.integers(0, 4))
            pad = " " * step * 2
            if form == 0:
                lines += [f"{pad}{key}: |{draw(st.sampled_from(['', '-', '+']))}", f"{pad}  text", "", f"{pad}  more"]
            elif form == 1:
                lines += [f"{pad}{key}:", f"{pad}- 1{draw(COMMENTS)}", f"{pad}- {{a: 1, b: [2, 3]}}"]
            elif form == 2:
                lines += [f"{pad}{key}:", f"{pad}{' ' * step}deep: {draw(NUMBERS)}{draw(COMMENTS)}"]
            elif form == 3:
                lines += [f"{pad}{key}:" + draw(COMMENTS)]
            else:
                lines += [f"{pad}{key}: {draw(st.one_of(NUMBERS, WORDS))}{draw(COMMENTS)}"]
        if anchor:
            anchors.append(f"a_{name}")
    lines += draw(
        st.sampled_from(
            [[], ["# end"], [" " * step + "# deep end"], ["", "other: 1  # x"], ["other: {a: 1}", "# end", ""]]
        )
    )
    return "\n".join(lines) + draw(st.sampled_from(["", "\n", "\n\n"])), draw(st.sampled_from(names))


@MANY
@given(yaml_sections(), TREES, ENDS, BOMS)
def test_yaml(file: tuple[str, str], tree: dict[str, object], end: str, bom: bytes) -> None:
    text, like = file
    if text.endswith("more"):
        text += "\n"  # a block text without a line end would get one: refused, see below
    try:
        yaml.compose(text)
    except yaml.YAMLError:
        assume(False)
    data = bom + text.replace("\n", end).encode()
    edit = check(yaml_text, data, ("trainers", "new"), tree, like)
    assert (b"\n" in edit.after.replace(b"\r\n", b"")) <= (end == "\n")
    loaded = yaml.safe_load(edit.after.decode("utf-8-sig"))
    for path, value in flatten(tree).items():
        assert same_values(value, at(loaded["trainers"]["new"], path))


@MANY
@given(TREES, TREES, st.sampled_from([None, 1, 2, 4, "\t"]), ENDS, BOMS, st.booleans())
def test_json(
    old: dict[str, object], tree: dict[str, object], indent: int | str | None, end: str, bom: bytes, nested: bool
) -> None:
    whole = {"trainers": old, "z": 1} if nested else old
    text = json.dumps(whole, indent=indent, ensure_ascii=False).replace("\n", end)
    keys = ("trainers", "new") if nested else ("new",)
    edit = check(json_text, bom + text.encode(), keys, tree)
    assert same_values(json.loads(json.dumps(tree)), at(json.loads(edit.after.decode("utf-8-sig")), keys))


@st.composite
def toml_files(draw: st.DrawFn) -> str:
    values = [
        "1",
        "0x1F",
        "1e-3",
        "1_000",
        "'x'",
        '"a # b"',
        '"""\n[no.table]\n"""',
        "[1,\n  2]",
        "{ a = 1 }",
        "1979-05-27",
    ]
    lines = []
    for name in draw(st.lists(KEYS, max_size=3, unique=True)):
        lines.append(f"top_{name} = {draw(st.sampled_from(values))}{draw(COMMENTS)}")
    for name in draw(st.lists(KEYS, max_size=3, unique=True)):
        lines += ["", f"[trainers.{name}]" + draw(COMMENTS)]
        for key in draw(st.lists(KEYS, max_size=3, unique=True)):
            lines.append(
                f"{draw(st.sampled_from([key, json.dumps(key)]))} = {draw(st.sampled_from(values))}{draw(COMMENTS)}"
            )
    lines += draw(st.sampled_from([[], ["# end"], ["", "[[list]]", "a = 1"]]))
    return "\n".join(lines) + draw(st.sampled_from(["", "\n", "\n\n"]))


@MANY
@given(toml_files(), TREES, ENDS, BOMS)
def test_toml(text: str, tree: dict[str, object], end: str, bom: bytes) -> None:
    assume(present(tree))
    data = bom + text.replace("\n", end).encode()
    edit = check(toml_text, data, ("trainers", "new"), tree)
    loaded = tomllib.loads(edit.after.decode("utf-8-sig"))
    assert same_values(present(tree), at(loaded, ("trainers", "new")) or {})


@st.composite
def ini_files(draw: st.DrawFn) -> str:
    lines = draw(st.sampled_from([[], ["# head", ""], ["; head"]]))
    for name in draw(st.lists(KEYS, max_size=3, unique=True)):
        lines = [*lines, f"[{name}]"]
        for key in draw(st.lists(KEYS, max_size=3, unique=True)):
            lines.append(
                f"{key}{draw(st.sampled_from([' = ', '=', ': ', ' :']))}{draw(st.one_of(NUMBERS, WORDS))}{draw(st.sampled_from(['', ' ; no comment']))}"
            )
            lines += draw(st.sampled_from([[], ["    continued"], ["# between"], [""]]))
    return "\n".join(lines) + draw(st.sampled_from(["", "\n", "\n\n"]))


PLAIN = st.dictionaries(
    KEYS,
    st.one_of(
        st.integers(),
        st.floats(allow_nan=False),
        st.booleans(),
        st.from_regex(r"[a-zA-Z/%;=][a-z /;#=]{0,5}[a-z]", fullmatch=True),
    ),
    min_size=1,
    max_size=5,
)


@MANY
@given(ini_files(), PLAIN, ENDS, BOMS)
def test_ini(text: str, tree: dict[str, object], end: str, bom: bytes) -> None:
    data = bom + text.replace("\n", end).encode()
    texts = ini_text.texts(tree, {})
    edit = check(ini_text, data, ("new",), texts)
    after = ini_text.load(edit.after, "file")
    assert after["new"] == {key: str(value) for key, value in tree.items()}
    section = next(iter(ini_text.load(data, "file")), None)
    if section is not None:
        added = ini_text.insert(edit.after, "file", (section, "added_key"), 3)
        assert at(ini_text.load(added.after, "file"), (section, "added_key")) == "3"


@MANY
@given(VALUES)
def test_values_are_spelled_so_that_each_reader_gives_them_back(value: object) -> None:
    assert same_values(value, yaml.safe_load(f"x: {yaml_text.spell(value)}\n")["x"])
    assert same_values(value, json.loads(json_text.spell(value)))
    if value is not None:
        assert same_values(value, tomllib.loads(f"x = {toml_text.spell(value)}")["x"])
    assert "inf" in repr(value) or same_values(value, ast.literal_eval(repr(value)))  # Python has no literal for it


def test_a_block_text_that_would_get_a_line_end_is_no_place_to_add_to() -> None:
    with pytest.raises(Conflict, match="would change"):
        yaml_text.insert(b"a: |\n  text", "file", ("b",), 1)
