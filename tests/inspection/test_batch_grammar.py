"""The batch grammar: what it reads, that spelling is its inverse, and that its errors point at the column."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainergen.errors import UnusableInput
from trainergen.inspection import batch_grammar
from trainergen.inspection.batch_grammar import batch_request, parse, spell
from trainergen.inspection.batch_spec import BatchSpec, Branch, Leaf, Node, find, leaves
from trainergen.plain import from_plain, to_plain

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "batch-grammar.md"
EXAMPLES = re.findall(r"```batch\n(.*?)\n```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_of_the_documentation_is_read_and_spelled_back(text: str) -> None:
    spec = parse(text)
    assert list(leaves(spec.root))
    assert parse(spell(spec)) == spec
    assert from_plain(BatchSpec, to_plain(spec)) == spec


def test_the_documentation_has_examples() -> None:
    assert len(EXAMPLES) >= 8


def test_the_example_of_the_command_line() -> None:
    spec = parse("image: float32[8,1,28,28]; label: int64[8] < 10")
    image = Leaf("float32", (8, 1, 28, 28), (8, 1, 28, 28), place="--batch")
    label = Leaf("int64", (8,), (8,), 0, 10, place="--batch")
    assert spec == BatchSpec(Branch("mapping", (("image", image), ("label", label))), samples=8, place="--batch")


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("int64[4] < 10", 0, 10),
        ("int64[4] in [1, 10)", 1, 10),
        ("int64[4] in [1, 10]", 1, 11),
        ("int in [-3,3]", -3, 4),
        ("uint8[4] in [0, 255]", 0, 256),
        ("float32[4] in [0, 1]", 0.0, 1.0),
        ("float64[4] in [-1.5, 2e3)", -1.5, 2000.0),
        ("float32[4] < 1", 0.0, 1.0),
        ("float32[4]", None, None),
    ],
)
def test_ranges(text: str, low: float | None, high: float | None) -> None:
    leaf = parse(text).root
    assert isinstance(leaf, Leaf)
    assert (leaf.low, leaf.high) == (low, high)
    assert isinstance(leaf.low, type(low))


def test_containers_and_symbols() -> None:
    spec = parse("(data.b:Batch(x: float32[steps=5, batch=8]; y: {n: str[8]};), [int64[8] < 2], namedtuple m:P(), ())")
    root = spec.root
    assert isinstance(root, Branch)
    assert [child.kind for _, child in root.entries if isinstance(child, Branch)] == [
        "dataclass",
        "list",
        "namedtuple",
        "tuple",
    ]
    assert find(root, (0, "y", "n")) == Leaf("str", (8,), (8,), place="--batch")
    assert find(root, (0, "x")) == Leaf("float32", ("steps", "batch"), (5, 8), place="--batch")
    first = find(root, (0,))
    assert isinstance(first, Branch) and first.type_name == "data.b:Batch"
    assert spec.samples == 8  # the size called batch, not the first


# What can be described: leaves with both bounds or none, names as keys of classes, any text as keys of mappings.
_names = st.from_regex(r"[a-z_][a-z0-9_]{0,6}", fullmatch=True)
_places = "--batch"


@st.composite
def _described(draw: st.DrawFn) -> Leaf:
    dtype = draw(st.sampled_from(batch_grammar.DTYPES))
    sizes = () if dtype in batch_grammar.NUMBERS else tuple(draw(st.lists(st.integers(1, 99), max_size=4)))
    if dtype == "str" and not sizes:
        sizes = (3,)
    # equal names are equal sizes: the name is made from the size
    dims = tuple(f"n{size}" if draw(st.booleans()) else size for size in sizes)
    low: float | None = None
    high: float | None = None
    if draw(st.booleans()):
        if dtype in batch_grammar.INTEGERS or dtype == "int":
            least, most = batch_grammar.INTEGERS.get(dtype, (-(10**30), 10**30))
            low = draw(st.integers(least, most - 1))
            high = draw(st.integers(low + 1, most))
        elif dtype in (*batch_grammar.FLOATS, "float"):
            low = draw(st.floats(allow_nan=False, allow_infinity=False))
            high = draw(st.floats(min_value=low, allow_nan=False, allow_infinity=False))
    return Leaf(dtype, dims, sizes, low, high, place=_places)


def _branches(children: st.SearchStrategy[Node]) -> st.SearchStrategy[Branch]:
    def keyed(keys: st.SearchStrategy[str | int], kind: str, type_name: str | None) -> st.SearchStrategy[Branch]:
        entries = st.lists(st.tuples(keys, children), max_size=3, unique_by=lambda entry: entry[0])
        return entries.map(lambda given: Branch(kind, tuple(given), type_name))  # type: ignore[arg-type]

    texts = st.one_of(
        _names, st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=5), st.integers(0, 9)
    )
    sequences = st.lists(children, max_size=3)
    return st.one_of(
        keyed(texts, "mapping", None),
        keyed(_names, "dataclass", "pkg.mod:Batch"),
        keyed(_names, "namedtuple", "mod:Outer.Pair"),
        sequences.map(lambda given: Branch("tuple", tuple(enumerate(given)))),
        sequences.map(lambda given: Branch("list", tuple(enumerate(given)))),
    )


@settings(max_examples=150, deadline=None)
@given(st.recursive(_described(), _branches, max_leaves=6))
def test_parse_reads_back_what_spell_writes(root: Node) -> None:
    text = spell(BatchSpec(root))
    assert parse(text).root == root, text


def _column(text: str) -> tuple[int, UnusableInput]:
    with pytest.raises(UnusableInput) as caught:
        parse(text)
    error = caught.value
    shown, caret = error.notes[1], error.notes[2]
    column = caret.index("^")
    assert shown[5:].strip() in text
    return column - 5, error


@pytest.mark.parametrize(
    ("text", "at", "says", "hint"),
    [
        ("image: flot32[8]", "flot32", "unknown dtype flot32", "did you mean float32?"),
        ("label: long[8]", "long", "unknown dtype long", "did you mean int64?"),
        ("x: torch.float32[8]", "torch", "unknown dtype", "did you mean float32?"),
        ("x: float[8, 3]", "[8", "no shape", "float32"),
        ("x: float32[8, -3]", "-3", "expected a size", "[8, 3]"),
        ("x: float32[8, 3", "", "expected ']'", "docs/batch-grammar.md"),
        ("x: float32[batch, 3]", ", 3", "expected '='", "docs"),
        ("x: float32[n=8]; y: float32[n=9]", "9]", "n is 8 elsewhere", "docs"),
        ("x: float32[0, 3]", "0,", "without samples", "at least one"),
        ("x: int64[8] < 2.5", "2.5", "whole numbers", "docs"),
        ("x: int64[8] in [5, 5)", "in", "empty", "docs"),
        ("x: uint8[8] < 300", "<", "uint8 holds 0 to 255", "docs"),
        ("x: str[8] < 3", "<", "str has no range", "docs"),
        ("x: str", "str", "has a length", "str[8]"),
        ("x float32[8]", "x", "unknown dtype x", "one of"),
        ("x: float32[8] y: int64[8]", "y:", "expected the end", "docs"),
        ("x: float32[8]; x: int64[8]", "x: int64", "described twice", "docs"),
        ("(float32[8])", ")", "a tuple of one has a comma", "docs"),
        ("x: {a: float32[8]", "", "expected '}'", "docs"),
        ("a.b: float32[8]", "a.b", "in quotes", '"a.b": ...'),
        ("x: float32[8] & y", "&", "means nothing", "docs"),
        ("", "", "empty", "docs"),
        ("x: object", "object", "unknown dtype", "module:name"),
    ],
)
def test_errors_point_at_the_column(text: str, at: str, says: str, hint: str) -> None:
    column, error = _column(text)
    assert column == (text.rindex(at) if at else len(text))
    assert says in error.message
    assert hint in (error.hint or "")
    assert error.exit_code == 2


def test_an_error_on_a_later_line_shows_that_line() -> None:
    with pytest.raises(UnusableInput) as caught:
        parse("image: float32[8]\n; label: int6[8]")
    assert caught.value.notes[1] == "   | ; label: int6[8]"
    assert "line 2" in (caught.value.place or "")


def test_what_the_option_names(tmp_path: Path) -> None:
    (tmp_path / "batch.npz").write_bytes(b"")
    assert batch_request("batch.npz", tmp_path) == {"kind": "file", "path": str(tmp_path / "batch.npz")}
    assert batch_request("data.make:batch", tmp_path) == {"kind": "object", "target": "data.make:batch"}
    assert batch_request("x: float32", tmp_path)["kind"] == "grammar"
    assert batch_request("x:float32[8]", tmp_path)["spec"] == to_plain(parse("x: float32[8]"))
    for text, says in (("gone.pt", "no such batch file"), ("batch.pkl", "runs code"), ("x:flot32", "flot32")):
        with pytest.raises(UnusableInput, match=says):
            batch_request(text, tmp_path)
