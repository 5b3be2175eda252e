"""Undo: byte for byte where nothing was touched, only our own text where the user edited, else nothing at all."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.building import read_tree, write_tree
from tests.staging.crashing import inserted
from trainergen.errors import Conflict, UnusableInput
from trainergen.staging.change_set import Change, ChangeSet
from trainergen.staging.commit import commit
from trainergen.staging.hunks import carried, follow, take_out, without
from trainergen.staging.undo import undo

if TYPE_CHECKING:
    from pathlib import Path

REGISTRY = """\
from .base import Base

REGISTRY = {
    "base": Base,
}
"""
INI = "[model]\ndepth = 3\n"


def add(root: Path, name: str, *more: Change) -> None:
    """Commit a trainer: a file, an import and an entry in the registry, a section, a record."""
    registry = (root / "train/__init__.py").read_bytes()
    ini = (root / "config.ini").read_bytes()
    entry = f'    "{name}": "{name}",\n'.encode()
    line = f"from .{name} import {name}\n".encode()
    first, second = registry.index(b"\nREGISTRY"), registry.index(b"}")
    after = registry[:first] + line + registry[first:second] + entry + registry[second:]
    place = second + len(line)
    spans = ((first, first + len(line)), (place, place + len(entry)))
    commit(
        root,
        ChangeSet(
            name,
            (
                Change(f"train/{name}.py", None, f"{name} = 1\n".encode()),
                Change("train/__init__.py", registry, after, spans, "REGISTRY"),
                inserted("config.ini", ini, len(ini), f"\n[{name}]\nrate = 0.1\n".encode(), label=f"[{name}]"),
                Change(f".trainergen/{name}.json", None, b"{}\n", private=True),
                *more,
            ),
        ),
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_tree(tmp_path, {"train/__init__.py": REGISTRY, "config.ini": INI, "notes/mine.txt": "mine"})


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_bytes()
    assert text.count(old.encode()) == 1
    path.write_bytes(text.replace(old.encode(), new.encode()))


def test_one_after_the_other(root: Path) -> None:
    trees = [read_tree(root)]
    for name in ("A", "B", "C"):
        add(root, name)
        trees.append(read_tree(root))
    for tree in reversed(trees[:-1]):
        undo(root)
        assert read_tree(root) == tree
    with pytest.raises(UnusableInput, match="nothing to undo"):
        undo(root)
    assert read_tree(root) == trees[0]


@pytest.mark.parametrize("order", ["ABC", "ACB", "BAC", "BCA", "CAB", "CBA"])
def test_in_any_order(root: Path, order: str) -> None:
    tree = read_tree(root)
    for name in "ABC":
        add(root, name)
    left = set("ABC")
    for name in order:
        report = undo(root, name)
        left.remove(name)
        assert report.trainer == name
        names = {"base"} | left
        scope: dict[str, object] = {}
        registry = (root / "train/__init__.py").read_text()
        exec(
            "\n".join(line for line in registry.splitlines() if not line.startswith("from")).replace(": Base", ": 0"),
            scope,
        )
        assert set(scope["REGISTRY"]) == names  # type: ignore[call-overload]
        assert {path.stem for path in root.glob("train/?.py")} == left
    assert read_tree(root) == tree


def test_named_as_a_user_would(root: Path) -> None:
    add(root, "SimilarityModelTrainer")
    with pytest.raises(UnusableInput) as caught:
        undo(root, "SimilarityModul")
    assert "SimilarityModelTrainer" in str(caught.value.hint)
    assert undo(root, "similaritymodel").trainer == "SimilarityModelTrainer"


def test_the_report_names_every_file(root: Path) -> None:
    add(root, "A", Change("x/y/z.py", None, b""))
    edit(root / "config.ini", "depth = 3", "depth = 4")
    (root / "train/A.py").unlink()
    report = undo(root)
    said = {each.path: (each.verb, each.label) for each in report.files if not each.private}
    assert said == {
        "train/A.py": ("gone", ""),
        "train/__init__.py": ("restore", "REGISTRY"),
        "config.ini": ("take out", "[A]"),
        "x/y/z.py": ("delete", ""),
    }
    assert report.folders == ("x/y", "x")


def test_the_users_edits_stay(root: Path) -> None:
    add(root, "A")
    edit(root / "train/__init__.py", '    "base": Base,\n', '    # ours\n    "base": Base,\n    "mine": 1,\n')
    edit(root / "config.ini", "depth = 3", "depth = 4")
    (root / "config.ini").write_bytes((root / "config.ini").read_bytes() + b"\n[mine]\n")
    add(root, "B")
    edit(root / "train/__init__.py", "from .base import Base\n", "import os\nfrom .base import Base\n")
    undo(root, "A")
    undo(root, "B")
    expected = REGISTRY.replace('    "base": Base,\n', '    # ours\n    "base": Base,\n    "mine": 1,\n')
    assert (root / "train/__init__.py").read_text() == "import os\n" + expected
    assert (root / "config.ini").read_text() == "[model]\ndepth = 4\n\n[mine]\n"
    assert not (root / ".trainergen").exists()


def test_a_block_that_was_moved_is_found(root: Path) -> None:
    add(root, "A")
    write_tree(root, {"config.ini": b"\n[A]\nrate = 0.1\n[model]\ndepth = 4\n"})
    undo(root)
    assert (root / "config.ini").read_text() == "[model]\ndepth = 4\n"


def test_an_edited_hunk_is_a_conflict_and_nothing_changes(root: Path) -> None:
    add(root, "A")
    edit(root / "config.ini", "rate = 0.1", "rate = 0.5")
    tree = read_tree(root)
    with pytest.raises(Conflict) as caught:
        undo(root)
    assert "config.ini" in caught.value.message
    assert "[A]" in caught.value.message
    assert any("[A]" in note for note in caught.value.notes)
    assert read_tree(root) == tree
    report = undo(root, force=True)
    assert ("config.ini", "keep") in {(each.path, each.verb) for each in report.files}
    assert (root / "config.ini").read_text() == INI + "\n[A]\nrate = 0.5\n"
    assert not (root / "train/A.py").exists()


def test_a_hunk_that_the_user_took_out_is_gone(root: Path) -> None:
    add(root, "A")
    edit(root / "config.ini", "depth = 3\n\n[A]\nrate = 0.1\n", "depth = 9\n")
    undo(root)
    assert (root / "config.ini").read_text() == "[model]\ndepth = 9\n"


def test_an_edited_file_of_ours_is_a_conflict_unless_forced(root: Path) -> None:
    tree = read_tree(root)
    add(root, "A")
    (root / "train/A.py").write_text("mine now\n")
    edited = read_tree(root)
    with pytest.raises(Conflict, match=r"train/A\.py was edited"):
        undo(root)
    assert read_tree(root) == edited
    undo(root, force=True)
    assert read_tree(root) == tree


def test_text_that_others_came_to_depend_on_is_a_conflict(tmp_path: Path) -> None:
    write_tree(tmp_path, {"r.py": "R = {}\n"})
    commit(tmp_path, ChangeSet("A", (inserted("r.py", b"R = {}\n", 7, b"if R:\n    R = 1\n"),)))
    commit(tmp_path, ChangeSet("B", (inserted("r.py", b"R = {}\nif R:\n    R = 1\n", 23, b"    S = 2\n"),)))
    tree = read_tree(tmp_path)
    with pytest.raises(Conflict, match="could not be parsed"):
        undo(tmp_path, "A")
    assert read_tree(tmp_path) == tree
    undo(tmp_path, "B")
    undo(tmp_path, "A")
    assert (tmp_path / "r.py").read_text() == "R = {}\n"


def test_a_file_that_another_trainer_edited_names_it(root: Path) -> None:
    add(root, "A", Change("hub.py", None, b"1\n"))
    commit(root, ChangeSet("B", (inserted("hub.py", b"1\n", 2, b"2\n"),)))
    with pytest.raises(Conflict) as caught:
        undo(root, "A")
    assert "undo B first" in str(caught.value.hint)


def scaffold(name: str) -> tuple[Change, ...]:
    text, entry = b"HUB = {\n}\n", f"    '{name}': 1,\n".encode()
    hub = inserted("hub/__init__.py", text, 8, entry, shared=True)
    return (
        Change("hub/base.py", None, b"base\n", shared=True),
        Change(hub.path, None, hub.after, hub.spans, shared=True),
    )


@pytest.mark.parametrize("order", ["AB", "BA"])
def test_the_scaffold_goes_with_the_last_trainer(root: Path, order: str) -> None:
    tree = read_tree(root)
    add(root, "A", *scaffold("A"))
    hub = (root / "hub/__init__.py").read_bytes()
    add(root, "B", inserted("hub/__init__.py", hub, len(hub) - 2, b"    'B': 1,\n"))
    undo(root, order[0])
    assert (root / "hub/base.py").exists()
    assert (root / "hub/__init__.py").read_text() == f"HUB = {{\n    '{order[1]}': 1,\n}}\n"
    undo(root, order[1])
    assert read_tree(root) == tree


def test_a_scaffold_that_the_user_worked_on_stays_his(root: Path) -> None:
    add(root, "A", *scaffold("A"))
    (root / "hub/base.py").write_text("mine\n")
    report = undo(root)
    assert ("hub/base.py", "keep") in {(each.path, each.verb) for each in report.files}
    assert [path.name for path in (root / "hub").iterdir()] == ["base.py"]
    assert not (root / ".trainergen").exists()


def test_a_scaffold_of_its_own_is_undone_last(root: Path) -> None:
    tree = read_tree(root)
    commit(root, ChangeSet("", (Change("hub/base.py", None, b"base\n", shared=True),)))
    add(root, "A")
    undo(root)
    assert (root / "hub/base.py").exists()
    undo(root)
    assert read_tree(root) == tree


@pytest.mark.parametrize("order", ["AB", "BA"])
def test_folders_outlive_who_made_them_no_longer_than_needed(root: Path, order: str) -> None:
    tree = read_tree(root)
    add(root, "A", Change("deep/er/a.py", None, b""))
    add(root, "B", Change("deep/er/b.py", None, b""))
    for name in order:
        undo(root, name)
    assert read_tree(root) == tree


def test_bytecode_keeps_no_folder_but_a_users_file_does(root: Path) -> None:
    add(root, "A", Change("deep/a.py", None, b""), Change("other/a.py", None, b""))
    write_tree(root, {"deep/__pycache__/a.cpython-311.pyc": b"", "other/__pycache__/mine.cpython-311.pyc": b""})
    undo(root)
    assert not (root / "deep").exists()
    assert (root / "other/__pycache__/mine.cpython-311.pyc").exists()


def test_an_update_is_taken_back_before_what_it_updated(root: Path) -> None:
    tree = read_tree(root)
    add(root, "A")
    made = read_tree(root)
    change = Change("train/A.py", b"A = 1\n", b"A = 2\n")
    record = Change(".trainergen/A.json", b"{}\n", b"{2}\n", private=True)
    commit(root, ChangeSet("A", (change, record)), force=True, verb="update")
    undo(root, "A")
    assert read_tree(root) == made
    undo(root, "A")
    assert read_tree(root) == tree


@pytest.mark.parametrize("seed", range(30))
def test_every_byte_goes_with_its_owner(tmp_path: Path, seed: int) -> None:
    """Trainers insert anywhere, also inside one another's text, and are undone in any order."""
    chance = random.Random(seed)
    owned: list[tuple[str, bytes]] = [("user", b"%d\n" % line) for line in range(6)]  # who owns each piece of the file
    path = tmp_path / "shared.txt"
    path.write_bytes(b"".join(piece for _, piece in owned))
    alive: list[str] = []
    for step in range(14):
        if alive and chance.random() < 0.4:
            gone = alive.pop(chance.randrange(len(alive)))
            undo(tmp_path, gone)
            owned = [(owner, piece) for owner, piece in owned if owner != gone]
        else:
            name = f"T{step}"
            pieces = [bytes([byte]) for _, piece in owned for byte in piece]
            owners = [owner for owner, piece in owned for _ in piece]
            before = b"".join(pieces)
            spans, after, marks = [], b"", []
            places = sorted(chance.sample(range(len(pieces) + 1), 2))
            for index in range(len(pieces) + 1):
                if index in places:
                    text = chance.choice([b"same\n", b"x", b"\n", name.encode() + b"\n"])
                    spans.append((len(after), len(after) + len(text)))
                    after += text
                    marks += [(name, bytes([byte])) for byte in text]
                if index < len(pieces):
                    after += pieces[index]
                    marks.append((owners[index], pieces[index]))
            commit(tmp_path, ChangeSet(name, (Change("shared.txt", before, after, tuple(spans)),)))
            owned = marks
            alive.append(name)
        assert path.read_bytes() == b"".join(piece for _, piece in owned)
    for name in chance.sample(alive, len(alive)):
        undo(tmp_path, name)
    assert path.read_bytes() == b"".join(b"%d\n" % line for line in range(6))
    assert [each.name for each in tmp_path.iterdir()] == ["shared.txt"]


def test_only_our_bytes_go_whatever_the_user_wrote_around_them() -> None:
    """Two trainers' alike hunks in a file full of alike lines, then the user's edits between them, anywhere."""
    lines = [b"\n", b"rate = 0.1\n", b"seed = 1\n", b"# note\n", b"[x]\n"]
    found = 0
    for seed in range(400):
        chance = random.Random(seed)
        pieces = [("user", chance.choice(lines)) for _ in range(12)]
        for name in ("A", "B"):
            pieces.insert(chance.randrange(len(pieces) + 1), (name, f"[{name}]\nrate = 0.1\nseed = 1\n".encode()))
        text, hunk = b"".join(piece for _, piece in pieces), b"[A]\nrate = 0.1\nseed = 1\n"
        start = len(b"".join(piece for _, piece in pieces[: [owner for owner, _ in pieces].index("A")]))
        for number in range(4):
            place = chance.randrange(len(pieces))
            action = chance.choice(["insert", "delete", "change"])
            if action == "insert":
                pieces.insert(place, ("user", chance.choice([*lines, b"mine = %d\n" % number])))
            elif pieces[place][0] == "user":
                pieces[place : place + 1] = [] if action == "delete" else [("user", b"mine = %d\n" % number)]
        current = b"".join(piece for _, piece in pieces)
        result = follow(text, ((start, start + len(hunk)),), current)
        assert not result.lost
        assert take_out(current, result.spans) == b"".join(piece for owner, piece in pieces if owner != "A")
        found += len(result.spans)
    assert found == 400


def test_span_arithmetic() -> None:
    text, inner = b"abcdef", ((2, 3), (5, 7))  # of the text with "X" and "YY" put in: abXcdYYef
    after = b"abXcdYYef"
    assert take_out(after, inner) == text
    assert carried(((1, 5),), inner) == ((1, 2), (3, 5), (7, 8))
    assert take_out(after, carried(((1, 5),), inner)) == b"aXYYf"
    assert without(inner, ((1, 2), (3, 5), (7, 8))) == ((1, 2), (2, 4))


@pytest.mark.parametrize(
    ("current", "found", "lost"),
    [
        (b"a\nOURS = 1\nb\n", b"a\nb\n", 0),
        (b"# x\na\nOURS = 1\nb\nc\n", b"# x\na\nb\nc\n", 0),
        (b"b\na\nOURS = 1\n", b"b\na\n", 0),
        (b"a\nb\n", b"a\nb\n", 0),
        (b"a\nOURS = 2\nb\n", b"a\nOURS = 2\nb\n", 1),
        (b"a\n    OURS = 1\nb\n", b"a\n    OURS = 1\nb\n", 1),
        (b"OURS = 1\nOURS = 1\nx\n", b"OURS = 1\nx\n", 0),
        (b"x\nOURS = 1\ny\nOURS = 1\nz\n", None, None),
    ],
)
def test_follow(current: bytes, found: bytes | None, lost: int | None) -> None:
    result = follow(b"a\nOURS = 1\nb\n", ((2, 11),), current)
    if found is None:  # two places: either one of them, or a conflict, but never both and never another line
        assert take_out(current, result.spans) in (current, b"x\ny\nOURS = 1\nz\n", b"x\nOURS = 1\ny\nz\n")
        return
    assert take_out(current, result.spans) == found
    assert len(result.lost) == lost


def test_an_inline_hunk_is_never_taken_from_elsewhere() -> None:
    text = b'ALL = ["X", "A"]\nOTHER = ["Y"]\n'
    span = text.index(b', "A"'), text.index(b', "A"') + 5
    edited = b'ALL = [\n    "X",\n    "A",\n]\nOTHER = ["Y", "A"]\n'  # a formatter, and the user elsewhere
    assert follow(text, (span,), edited).spans == ()
    assert follow(text, (span,), edited).lost == (b', "A"',)
    appended = b'ALL = ["X", "A", "B"]\nOTHER = ["Y"]\n'
    assert take_out(appended, follow(text, (span,), appended).spans) == b'ALL = ["X", "B"]\nOTHER = ["Y"]\n'
