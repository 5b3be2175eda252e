"""The figures of issue 4's "Shown by" from result lines, as data and as tables."""

from __future__ import annotations

import statistics
from collections import defaultdict
from typing import Any

Line = dict[str, Any]


def share(part: int, whole: int) -> float | None:
    """Percent; None of nothing."""
    return round(100 * part / whole, 1) if whole else None


def summary(lines: list[Line]) -> dict[str, Any]:
    """The figures of one group of lines.

    Returns:
        ``proven`` and ``family_right`` (of the proven rows that have an objective; ``family_right_of_all`` counts the
        unproven as wrong), ``wrong_but_confident`` (a proven trainer whose input differs in rank or kind and is not
        marked assumed) and ``input_differs`` (marked or not), all in percent; seconds of the search; leftovers.
    """
    proven = [line for line in lines if line["proven"]]
    judged = [line for line in proven if line["family_right"] is not None]
    right = [line for line in judged if line["family_right"]]
    seconds = sorted(line["search"]["seconds"] for line in lines if line["search"]["seconds"] is not None)
    tries = sorted(line["search"]["tries"] for line in lines if line["search"]["tries"] is not None)
    unguessed = [line for line in judged if not line["family_right"] and "loss" not in line["assumed"]]
    return {
        "rows": len(lines),
        "proven": share(len(proven), len(lines)),
        "family_right": share(len(right), len(judged)),
        "family_right_of_all": share(len(right), sum(1 for line in lines if line["family_known"])),
        "family_wrong_unmarked": share(len(unguessed), len(judged)),
        "wrong_but_confident": share(sum(1 for line in proven if line["batch"]["confident"]), len(lines)),
        "input_differs": share(sum(1 for line in proven if line["batch"]["differs"]), len(lines)),
        "inputs_missing": share(sum(1 for line in proven if line["batch"]["missing"]), len(lines)),
        "families_judged": len(judged),
        "search_seconds": {"measured": len(seconds), "median": _at(seconds, 0.5), "p95": _at(seconds, 0.95)},
        "search_tries": {"median": _at(tries, 0.5), "p95": _at(tries, 0.95), "most": tries[-1] if tries else None},
        "command_seconds": {"median": _at(sorted(line["seconds"] for line in lines), 0.5)},
        "seconds_until_all_was_gone": {"p95": _at(sorted(line["lingered"] for line in lines), 0.95)},
        "left": {name: [line["id"] for line in lines if line["left"][name]] for name in ("files", "processes", "tree")},
    }


def _at(ordered: list[float], part: float) -> float | None:
    """The value that `part` of the values do not exceed (nearest rank), in the values' unit."""
    if not ordered:
        return None
    if part == 0.5:
        return round(statistics.median(ordered), 4)
    return round(ordered[min(len(ordered) - 1, int(part * len(ordered)))], 4)


def groups(lines: list[Line]) -> dict[str, list[Line]]:
    """Lines by what is reported apart: set, half and mode."""
    found: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        found[" ".join(part for part in (line["set"], line["half"], line["mode"]) if part)].append(line)
    return dict(found)


def report(lines: list[Line]) -> dict[str, Any]:
    """All figures, plain data: for each group the summary, by package, by cause of failure, and what is wrong by name."""
    return {name: _group(members) for name, members in groups(lines).items()}


def _group(lines: list[Line]) -> dict[str, Any]:
    by_package: dict[str, list[Line]] = defaultdict(list)
    causes: dict[str, list[str]] = defaultdict(list)
    for line in lines:
        by_package[line["package"]].append(line)
        if not line["proven"]:
            causes[line["cause"]].append(line["id"])
    proven = [line for line in lines if line["proven"]]
    return {
        "summary": summary(lines),
        "packages": {
            name: {key: summary(members)[key] for key in ("rows", "proven", "family_right", "input_differs")}
            for name, members in sorted(by_package.items())
        },
        "causes": dict(sorted(causes.items(), key=lambda found: -len(found[1]))),
        "families_wrong": {
            line["id"]: f"{line['family']}, known {' or '.join(line['family_known'])}"
            for line in proven
            if line["family_right"] is False
        },
        "inputs_that_differ": {line["id"]: line["batch"]["differs"] for line in proven if line["batch"]["differs"]},
    }


def text(figures: dict[str, Any]) -> str:
    """The report as Markdown tables."""
    return "\n\n".join(_group_text(name, group) for name, group in figures.items())


def _group_text(name: str, group: dict[str, Any]) -> str:
    figures = group["summary"]
    left = {kind: len(ids) for kind, ids in figures["left"].items()}
    lines = [f"## {name}: {figures['rows']} rows", "", "| figure | value |", "| --- | --- |"]
    for key in (
        "proven",
        "family_right",
        "family_right_of_all",
        "family_wrong_unmarked",
        "wrong_but_confident",
        "input_differs",
        "inputs_missing",
    ):
        lines.append(f"| {key.replace('_', ' ')}, % | {_cell(figures[key])} |")
    for key in ("search_seconds", "search_tries", "command_seconds", "seconds_until_all_was_gone"):
        for part, value in figures[key].items():
            lines.append(f"| {key.replace('_', ' ')}, {part} | {_cell(value)} |")
    lines.append(
        f"| left behind: files, processes, changed trees | {left['files']}, {left['processes']}, {left['tree']} |"
    )
    lines += [
        "",
        "| package | rows | proven, % | family right, % | input differs, % |",
        "| --- | --- | --- | --- | --- |",
    ]
    for package, counted in group["packages"].items():
        lines.append(f"| {package} | " + " | ".join(_cell(value) for value in counted.values()) + " |")
    if group["causes"]:
        lines += ["", "| cause of failure | rows | which |", "| --- | --- | --- |"]
        lines += [f"| {cause} | {len(ids)} | {', '.join(ids)} |" for cause, ids in group["causes"].items()]
    for title, found in (("family wrong", "families_wrong"), ("input differs", "inputs_that_differ")):
        if group[found]:
            lines += ["", f"| {title} | how |", "| --- | --- |"]
            lines += [
                f"| {each} | {how if isinstance(how, str) else '; '.join(how)} |" for each, how in group[found].items()
            ]
    lines += [f"\nLeft behind, {kind}: {', '.join(ids)}" for kind, ids in figures["left"].items() if ids]
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:g}"
