"""Undo after edits and updates: whatever the user wrote around, between or into our text stays, and only ours goes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.building import read_tree, write_tree
from trainergen.errors import Conflict
from trainergen.staging.change_set import Change, ChangeSet
from trainergen.staging.commit import commit
from trainergen.staging.undo import undo

Owned = list[tuple[str, str]]
"""A file as (whose, line)."""

few = settings(max_examples=40, deadline=None)


def text(lines: Owned, newline: str = "\n") -> bytes:
    return "".join(line + newline for _, line in lines).encode()


@st.composite
def worked_on(draw: st.DrawFn, lines: Owned, *, inside: bool, tag: str = "mine") -> Owned:
    """What a user makes of a file: lines put in anywhere (`inside`: also into a block of ours), own lines changed or gone."""
    lines = list(lines)
    for number in range(draw(st.integers(0, 5))):
        place = draw(st.integers(0, len(lines)))
        action = draw(st.sampled_from(["insert", "insert", "delete", "change"]))
        if action == "insert":
            within = 0 < place < len(lines) and lines[place - 1][0] == lines[place][0] != "user"
            if inside or not within:
                lines.insert(place, ("user", f"{tag} {number}"))
        elif place < len(lines) and lines[place][0] == "user":
            lines[place : place + 1] = [] if action == "delete" else [("user", f"{tag} {number}")]
    return lines


def generated(name: str, count: int) -> Owned:
    return [(name, f"{name} line {number}") for number in range(count)]


def put_in(root: Path, lines: Owned, name: str, places: list[tuple[int, int]], newline: str) -> Owned:
    """Commit blocks of `name` at (place, lines) of the shared file, and a file of its own."""
    after: Owned = []
    data, spans = b"", []
    for index in range(len(lines) + 1):
        for place, count in places:
            if place == index:
                block = [(name, f"{name} at {place} line {number}") for number in range(count)]
                spans.append((len(data), len(data) + len(text(block, newline))))
                data += text(block, newline)
                after += block
        if index < len(lines):
            after.append(lines[index])
            data += text([lines[index]], newline)
    own = text(generated(name, 12))
    changes = (Change("shared.txt", text(lines, newline), data, tuple(spans)), Change(f"{name}.txt", None, own))
    commit(root, ChangeSet(name, changes))
    return after


@st.composite
def blocks(draw: st.DrawFn, length: int) -> list[tuple[int, int]]:
    places = draw(st.lists(st.integers(0, length), min_size=1, max_size=3, unique=True))
    return [(place, draw(st.integers(1, 4))) for place in sorted(places)]


@few
@given(st.data(), st.sampled_from(["\n", "\r\n"]))
def test_edits_around_our_text_stay_and_ours_goes(data: st.DataObject, newline: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        lines: Owned = [("user", f"line {number}") for number in range(data.draw(st.integers(0, 8)))]
        (root / "shared.txt").write_bytes(text(lines, newline))
        after = put_in(root, lines, "A", data.draw(blocks(len(lines))), newline)
        edited = data.draw(worked_on(after, inside=False))
        (root / "shared.txt").write_bytes(text(edited, newline))
        undo(root, "A")
        assert (root / "shared.txt").read_bytes() == text([each for each in edited if each[0] == "user"], newline)
        assert not (root / "A.txt").exists()


@few
@given(st.data())
def test_edits_inside_our_text_are_never_lost(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        lines: Owned = [("user", f"line {number}") for number in range(6)]
        (root / "shared.txt").write_bytes(text(lines))
        after = put_in(root, lines, "A", data.draw(blocks(len(lines))), "\n")
        edited = data.draw(worked_on(after, inside=True))
        (root / "shared.txt").write_bytes(text(edited))
        before = read_tree(root)
        users = [line for owner, line in edited if owner == "user"]
        try:
            undo(root, "A")
        except Conflict as conflict:
            assert conflict.place == "shared.txt"
            assert read_tree(root) == before
            undo(root, "A", force=True)
            left = (root / "shared.txt").read_text().splitlines()
            assert [line for line in left if not line.startswith("A at")] == users
        else:
            assert (root / "shared.txt").read_text().splitlines() == users


def between_updated_lines(lines: Owned) -> bool:
    """Whether the user put a line between two neighbours that an update had changed."""
    texts = [line for _, line in lines]
    for number, line in enumerate(texts):
        if line.startswith("later"):
            above = next((each for each in reversed(texts[:number]) if not each.startswith("later")), "")
            below = next((each for each in texts[number:] if not each.startswith("later")), "")
            if above.endswith(" anew") and below.endswith(" anew"):
                return True
    return False


@few
@given(st.data())
def test_an_update_is_taken_back_to_the_byte_and_edits_apart_from_it_stay(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        lines: Owned = [("user", f"line {number}") for number in range(6)]
        (root / "shared.txt").write_bytes(text(lines))
        after = put_in(root, lines, "A", data.draw(blocks(len(lines))), "\n")
        # The user's work before the update, what the update makes of it, and the user's work after it.
        first = data.draw(worked_on(after, inside=True))
        (root / "shared.txt").write_bytes(text(first))
        before = read_tree(root)
        changed = [
            (owner, line + " anew" if owner == "A" and data.draw(st.booleans()) else line) for owner, line in first
        ]
        own = generated("A", 12)
        new = [(owner, line + " anew" if number % 5 == 0 else line) for number, (owner, line) in enumerate(own)]
        changes = (
            Change("shared.txt", text(first), text(changed)),
            Change("A.txt", text(own), text(new)),
        )
        commit(root, ChangeSet("A", changes), force=True, verb="update")
        if data.draw(st.booleans()):
            undo(root)
            assert read_tree(root) == before
            return
        second = data.draw(worked_on(changed, inside=True, tag="later"))
        assume(not between_updated_lines(second))  # not apart from the update: which order was meant can't be told
        new[2:2] = [("user", "in the trainer")]
        (root / "shared.txt").write_bytes(text(second))
        (root / "A.txt").write_bytes(text(new))
        undo(root)
        expected = [line.removesuffix(" anew") for _, line in second]
        assert (root / "shared.txt").read_text().splitlines() == expected
        own[2:2] = [("user", "in the trainer")]
        assert (root / "A.txt").read_bytes() == text(own)


@pytest.mark.slow
@few
@given(st.data())
def test_updates_and_trainers_go_in_any_order(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        lines: Owned = [("user", f"line {number}") for number in range(6)]
        write_tree(root, {"shared.txt": text(lines)})
        start = read_tree(root)
        now = lines
        for name in data.draw(st.permutations(["A", "B", "C"])):
            now = put_in(root, now, name, data.draw(blocks(len(now))), "\n")
        steps = ["A", "B", "C"]
        for name in data.draw(st.lists(st.sampled_from("ABC"), max_size=3)):
            changed = [(owner, line + " anew" if owner == name else line) for owner, line in now]
            commit(root, ChangeSet(name, (Change("shared.txt", text(now), text(changed)),)), force=True, verb="update")
            now = changed
            steps.append(name)
        for name in data.draw(st.permutations(steps)):
            undo(root, name)
        assert read_tree(root) == start


def test_an_edit_of_what_an_update_changed_is_a_conflict_with_its_lines(tmp_path: Path) -> None:
    own, new = text(generated("A", 5)), text(generated("A", 5)).replace(b"line 3", b"line three")
    commit(tmp_path, ChangeSet("A", (Change("A.txt", None, own),)))
    commit(tmp_path, ChangeSet("A", (Change("A.txt", own, new),)), force=True, verb="update")
    (tmp_path / "A.txt").write_bytes(b"mine\n" + new.replace(b"line three", b"line 3, mine"))
    before = read_tree(tmp_path)
    with pytest.raises(Conflict) as caught:
        undo(tmp_path)
    assert caught.value.place == "A.txt:5"
    assert read_tree(tmp_path) == before
    undo(tmp_path, force=True)
    assert (tmp_path / "A.txt").read_bytes() == b"mine\n" + own


def names_in(data: bytes) -> list[str]:
    scope: dict[str, list[str]] = {}
    exec(data, scope)
    return list(scope["NAMES"])


@pytest.mark.parametrize("order", ["ABC", "ACB", "BAC", "BCA", "CAB", "CBA"])
def test_names_in_the_lines_of_another_trainer_outlive_it(tmp_path: Path, order: str) -> None:
    """The first trainer brings the import line and spreads the list; the others' names go into both."""
    before = b'import os\n\nNAMES = ["a"]  # all\n'
    write_tree(tmp_path, {"names.py": before})
    start = read_tree(tmp_path)
    first = b'import os\nfrom os import A\n\nNAMES = ["a",\n    "A",\n]  # all\n'
    spans = ((10, 27), (40, 51))
    changed = Change("names.py", before, first, spans)
    commit(tmp_path, ChangeSet("A", (changed,)))
    now = first
    for name in ("B", "C"):
        text, entry = f", {name}".encode(), f'    "{name}",\n'.encode()
        one, two = now.index(b"\n\nNAMES"), now.index(b"]  # all")
        after = now[:one] + text + now[one:two] + entry + now[two:]
        places = ((one, one + len(text)), (two + len(text), two + len(text) + len(entry)))
        commit(tmp_path, ChangeSet(name, (Change("names.py", now, after, places),)))
        now = after
    there = ["a", "A", "B", "C"]
    for name in order:
        undo(tmp_path, name)
        there.remove(name)
        data = (tmp_path / "names.py").read_bytes()
        assert names_in(data.replace(b"from", b"# from")) == there
        imported = [line for line in data.decode().splitlines() if line.startswith("from")]
        assert imported == ([f"from os import {', '.join(there[1:])}"] if there[1:] else [])
    assert read_tree(tmp_path) == start


def test_two_strings_are_never_made_one(tmp_path: Path) -> None:
    """What somebody else made of our comma can't be known: a conflict, and nothing is touched."""
    before = b'NAMES = ["a"]\n'
    write_tree(tmp_path, {"names.py": before})
    commit(tmp_path, ChangeSet("A", (Change("names.py", before, b'NAMES = ["a", "b"]\n', ((12, 17),)),)))
    (tmp_path / "names.py").write_bytes(b'NAMES = ["a", "b" "mine"]\n')
    tree = read_tree(tmp_path)
    with pytest.raises(Conflict):
        undo(tmp_path, "A")
    assert read_tree(tmp_path) == tree
