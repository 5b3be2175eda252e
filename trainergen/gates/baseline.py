"""Findings that were there before: a file of them, by code, file and the text of the line, so that lines may move."""

# ruff: noqa: PTH123  (importing pathlib costs more than a whole static check)

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ..errors import UnusableInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .finding import Finding


def read_baseline(path: str) -> dict[str, int]:
    """How many findings of each kind are known.

    Raises:
        UnusableInput: no such file, or it is no baseline.
    """
    try:
        with open(path, encoding="utf-8") as stream:
            known = json.load(stream)["findings"]
        return {key: int(count) for key, count in known.items()}
    except FileNotFoundError:
        raise UnusableInput(
            f"no baseline {path}", place=path, hint=f"write it: trainergen check --baseline {path} --write-baseline"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise UnusableInput(
            f"{path} is no baseline: {problem}", place=path, hint="write it anew with --write-baseline"
        ) from None


def write_baseline(path: str, findings: list[Finding], lines: Mapping[str, list[str]]) -> None:
    """Write what was found as what is known from now on; sorted, so that it reads well in a diff."""
    counts: dict[str, int] = {}
    for finding in findings:
        key = _key(finding, lines)
        counts[key] = counts.get(key, 0) + 1
    with open(path, "w", encoding="utf-8") as stream:
        json.dump({"schema": 1, "findings": dict(sorted(counts.items()))}, stream, indent=1, ensure_ascii=False)
        stream.write("\n")


def without_known(findings: list[Finding], known: dict[str, int], lines: Mapping[str, list[str]]) -> list[Finding]:
    """The findings that the baseline doesn't have; of equal ones as many as there are more now."""
    left = dict(known)
    new = []
    for finding in findings:
        key = _key(finding, lines)
        if left.get(key, 0) > 0:
            left[key] -= 1
        else:
            new.append(finding)
    return new


def _key(finding: Finding, lines: Mapping[str, list[str]]) -> str:
    content = lines.get(finding.path, [])
    line = content[finding.line - 1].strip() if 0 < finding.line <= len(content) else ""
    return f"{finding.code} {finding.path}: {line}"
