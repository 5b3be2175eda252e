"""The record of a trainer, ``.trainergen/<trainer>.json``: what was generated and why. It belongs in git.

A record holds what decided something: the wishes, the plan, the text as it was written. It holds no measured number, no
timestamp and no absolute path, so equal input gives equal bytes on every machine.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from . import __version__
from .answers import answers_of, wishes_of
from .errors import Conflict
from .inspection.batch_spec import BatchSpec, Branch, Leaf
from .inspection.project_facts import ProjectFacts
from .plain import to_plain
from .planning.plan import TrainerPlan
from .planning.wishes import Wishes
from .staging.hunks import Spans, carried, follow, take_out
from .staging.paths import CONTROL

SCHEMA = "trainergen/record/1"


@dataclass(frozen=True)
class Record:
    """What an earlier ``new`` left about a trainer.

    Attributes:
        trainer: its class.
        section: its section of config.ini.
        file: where the record lies, relative to the project.
        generator: what wrote it, ``trainergen 0.2.0``.
        wishes: what the user had said by then.
        plan: what was decided, as plain data.
        created: path -> text of each file that is wholly this trainer's.
        inserted: path -> a file shared with others as this trainer left it, and its own pieces there as byte ranges.
    """

    trainer: str
    section: str
    file: str
    generator: str
    wishes: Wishes
    plan: Mapping[str, Any]
    created: Mapping[str, str]
    inserted: Mapping[str, Insertion]

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file that holds something of the trainer's."""
        return (*self.created, *self.inserted)

    def text_without(self, path: str) -> bytes | None:
        """A file as it was when the trainer was generated, without what is this trainer's of it; None where it was not."""
        insertion = self.inserted.get(path)
        return None if insertion is None else take_out(insertion.text.encode("utf-8"), insertion.spans)


@dataclass(frozen=True)
class Insertion:
    """A shared file after an edit: its text, and the half-open byte ranges of it that are the trainer's."""

    text: str
    spans: tuple[tuple[int, int], ...]

    @property
    def pieces(self) -> tuple[str, ...]:
        """What was put in, piece by piece."""
        data = self.text.encode("utf-8")
        return tuple(data[start:end].decode("utf-8") for start, end in self.spans)


def write_record(
    plan: TrainerPlan, wishes: Wishes, created: Mapping[str, str], inserted: Mapping[str, Insertion]
) -> str:
    """The record's text."""
    record = {
        "schema": SCHEMA,
        "generator": f"trainergen {__version__}",
        "trainer": plan.names.trainer_class,
        "section": plan.names.section,
        "answers": answers_of(wishes),
        "plan": plain_plan(plan),
        "created": {path: {"sha256": _digest(text), "text": text} for path, text in created.items()},
        "inserted": {
            path: {"sha256": _digest(each.text), "text": each.text, "spans": to_plain(each.spans)}
            for path, each in inserted.items()
        },
    }
    return json.dumps(record, indent=1, ensure_ascii=False) + "\n"


def read_record(root: Path, file: str) -> Record | None:
    """The record at `file`, None where there is none.

    Raises:
        Conflict: it is there, but it is no record that this version reads.
    """
    try:
        content: dict[str, Any] = json.loads((root / file).read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA:
            raise ValueError(f"schema {content['schema']}, this version reads {SCHEMA}")
        return Record(
            content["trainer"],
            content["section"],
            file,
            content["generator"],
            wishes_of(content["answers"]),
            content["plan"],
            {path: each["text"] for path, each in content["created"].items()},
            {
                path: Insertion(each["text"], tuple((start, end) for start, end in each["spans"]))
                for path, each in content["inserted"].items()
            },
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        reason = f"{problem} is missing" if isinstance(problem, KeyError) else problem
        raise Conflict(
            f"the record can't be read: {reason}",
            place=file,
            hint="take it back from version control, or move it away to generate anew",
        ) from None


def read_records(root: Path) -> tuple[Record, ...]:
    """Every record of the project, by the name of its file.

    Raises:
        Conflict: see `read_record`.
    """
    files = sorted(f"{CONTROL}/{each.name}" for each in (root / CONTROL).glob("*.json"))
    return tuple(found for file in files if (found := read_record(root, file)) is not None)


def generated_files(root: Path) -> frozenset[str]:
    """Every file that is wholly a generated trainer's; a damaged record is its own trainer's affair."""
    found: set[str] = set()
    for file in sorted((root / CONTROL).glob("*.json")):
        with contextlib.suppress(Conflict):
            record = read_record(root, f"{CONTROL}/{file.name}")
            found.update(() if record is None else record.created)
    return frozenset(found)


def without_own(project: ProjectFacts, record: Record) -> ProjectFacts:
    """The project as if the recorded trainer were not there, so that it can be planned again under the same names."""
    return replace(
        project,
        sections=tuple(section for section in project.sections if section != record.section),
        registry=tuple(key for key in project.registry if key != record.trainer),
    )


def own_spans(root: Path, path: str, data: bytes, record: Record) -> Spans | None:
    """Where the trainer's text stands in a shared file whose bytes are `data`; None where it was edited.

    Another trainer may have put a name into a line of this one's: its record knows the line with both.
    """
    insertion = record.inserted[path]
    text, spans = insertion.text.encode("utf-8"), insertion.spans
    found = _whole(text, spans, data)
    if found is not None:
        return found
    others = [each.inserted[path] for each in _others(root, record) if path in each.inserted]
    for other in sorted(others, key=lambda each: len(each.text)):  # in the order in which they came, or nearly
        after = other.text.encode("utf-8")
        there = _whole(text, spans, take_out(after, other.spans))
        if there is not None:
            text, spans = after, carried(there, other.spans)
    return _whole(text, spans, data)


def _whole(text: bytes, spans: Spans, data: bytes) -> Spans | None:
    """Where all of `spans` stand in `data`, None where one of them does not."""
    found = follow(text, spans, data)
    return found.spans if len(found.spans) == len(spans) else None


def _others(root: Path, record: Record) -> list[Record]:
    found = []
    for file in sorted(each.name for each in (root / CONTROL).glob("*.json")):
        with contextlib.suppress(Conflict):  # one that is damaged helps nobody, and is in nobody's way here
            other = read_record(root, f"{CONTROL}/{file}")
            if other is not None and other.trainer != record.trainer:
                found.append(other)
    return found


def plain_plan(plan: TrainerPlan) -> dict[str, Any]:
    """The plan as a record holds it: what was decided, less what was only measured."""
    plain: dict[str, Any] = to_plain(replace(plan, batch=without_measured_ranges(plan.batch)))
    return plain


def without_measured_ranges(batch: BatchSpec) -> BatchSpec:
    """`batch` less the value ranges that were measured and not said."""

    def settled(node: Leaf | Branch) -> Leaf | Branch:
        if isinstance(node, Leaf):
            return replace(node, low=None, high=None) if node.source == "measured" else node
        return replace(node, entries=tuple((key, settled(child)) for key, child in node.entries))

    return replace(batch, root=settled(batch.root))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
