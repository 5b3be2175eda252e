"""Merging: both sides' changes, or a clash that names both; nothing is lost, nothing marked, bytes kept as they are written."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainergen.staging.merge import BOM, Clash, merge

WORDS = st.sampled_from(["a", "b", "c", "", "    x = 1", "[s]"])
TEXTS = st.lists(WORDS, max_size=12)


@st.composite
def edited(draw: st.DrawFn, base: list[str], side: str) -> list[str]:
    """What somebody made of `base`: lines put in, taken out, changed; what is new carries the side's name."""
    lines = list(base)
    for number in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(lines)))
        action = draw(st.sampled_from(["insert", "delete", "change", "same"]))
        new = f"{side}{number}"
        if action == "insert":
            lines.insert(place, new)
        elif action == "same":
            lines.insert(place, "both")
        else:
            lines[place : place + 1] = [] if action == "delete" else [new]
    return lines


@st.composite
def written(draw: st.DrawFn, lines: list[str]) -> bytes:
    """Lines as bytes, in some line end, with or without a mark and a last line feed."""
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    text = newline.join(lines) + (newline if lines and draw(st.booleans()) else "")
    return (BOM if draw(st.booleans()) else b"") + text.encode()


@st.composite
def threes(draw: st.DrawFn) -> tuple[bytes, bytes, bytes]:
    base = draw(TEXTS)
    sides = [draw(edited(base, name)) for name in ("ours", "theirs")]
    return draw(written(base)), draw(written(sides[0])), draw(written(sides[1]))


def contents(data: bytes) -> Counter[bytes]:
    return Counter(line.removesuffix(b"\r") for line in data.removeprefix(BOM).split(b"\n"))


@given(threes())
def test_a_side_without_changes_gives_the_other_byte_for_byte(three: tuple[bytes, bytes, bytes]) -> None:
    base, ours, _ = three
    assert merge(base, ours, base).data == ours
    assert merge(base, base, ours).data == ours
    assert merge(base, ours, ours).data == ours


@given(threes())
def test_the_sides_are_alike(three: tuple[bytes, bytes, bytes]) -> None:
    base, ours, theirs = three
    one, other = merge(base, ours, theirs), merge(base, theirs, ours)
    assert one.data == other.data
    swapped = [Clash(each.base, each.theirs, each.ours, each.their_line, each.our_line) for each in other.clashes]
    assert list(one.clashes) == swapped
    assert (one.data is None) is bool(one.clashes)


@given(threes())
def test_no_line_of_a_side_is_lost_and_none_is_invented(three: tuple[bytes, bytes, bytes]) -> None:
    base, ours, theirs = three
    merged = merge(base, ours, theirs)
    if merged.data is None:
        for clash in merged.clashes:
            assert len({clash.base, clash.ours, clash.theirs}) == 3
            for data, text, line in ((ours, clash.ours, clash.our_line), (theirs, clash.theirs, clash.their_line)):
                at = data.removeprefix(BOM).split(b"\n")[line - 1 :]
                assert not text or at[0].removesuffix(b"\r") == text.split(b"\n")[0].removesuffix(b"\r")
        return
    got, old = contents(merged.data), contents(base)
    for side in (ours, theirs):
        for line in contents(side) - old:
            if line.startswith((b"ours", b"theirs")):
                assert got[line] == 1
    assert not set(got) - set(contents(ours)) - set(contents(theirs)) - set(old)


@given(TEXTS, st.data())
def test_changes_that_are_a_line_apart_are_merged(base: list[str], data: st.DataObject) -> None:
    base = [f"{number} {line}" for number, line in enumerate([*base, "x", "y", "z"])]
    first = data.draw(st.integers(0, len(base) - 3))
    second = data.draw(st.integers(first + 2, len(base) - 1))
    ours, theirs, both = list(base), list(base), list(base)
    ours[first] = both[first] = "ours"
    theirs[second] = both[second] = "theirs"
    texts = ["\n".join(lines).encode() for lines in (base, ours, theirs, both)]
    assert merge(*texts[:3]).data == texts[3]


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "result"),
    [
        ("a\nb\n", "A\nb\n", "a\nB\n", "A\nB\n"),  # neighbours
        ("a\nb\nc\n", "A\nB\nc\n", "a\nB\nC\n", "A\nB\nC\n"),  # a line that both changed alike
        ("a\nb\n", "A\nb\n", "a\nnew\nb\n", "A\nnew\nb\n"),  # an entry behind a changed one
        ("a\nb\n", "a\n", "a\nb\nc\n", "a\nc\n"),
        ("a\n", "A\nnew\n", "a\nmine\n", None),  # whose comes first?
        ("a\n", "a\nx\n", "a\ny\n", None),
        ("a\n", "b\n", "c\n", None),
        ("a\n", "", "c\n", None),  # taken out, and changed
        ("a\nb\nc\n", "a\nc\n", "a\nb\nnew\nc\n", "a\nnew\nc\n"),
        ("a\nb\n", "a\nb\nc\n", "a\r\nb\r\n", "a\r\nb\r\nc\r\n"),  # an editor's line ends
        ("a\nb\n", "a\nb\nc\n", "A\nb", "A\nb\nc"),  # and its missing last line feed
        ("a\nb\n", "a\nB\n", "\ufeffa\nb\n", "\ufeffa\nB\n"),
        ("a\nb\n", "A\nb\n", "a\nb\r\nc\n", "A\nb\r\nc\n"),  # one odd line end stays where it is
    ],
)
def test_what_comes_of_it(base: str, ours: str, theirs: str, result: str | None) -> None:
    expected = None if result is None else result.encode()
    assert merge(base.encode(), ours.encode(), theirs.encode()).data == expected


def test_a_clash_says_both_sides_and_where() -> None:
    merged = merge(b"a\nb\nc\n", b"new\na\nB\nc\n", b"a\nmine\nc\n")
    assert merged.data is None
    assert merged.clashes == (Clash(b"b\n", b"B\n", b"mine\n", 3, 2),)
