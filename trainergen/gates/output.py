"""Findings in the forms that people and programs read: full, concise, json, github, sarif."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import __version__
from .report import render

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .engine import Gate
    from .finding import Finding


def as_plain(finding: Finding, source: str = "static") -> dict[str, Any]:
    """A finding as JSON-able data: lines and columns from 1, ends exclusive in columns, inclusive in lines.

    `source` is ``static``, or ``run`` for what was seen in a training.
    """
    fix = finding.fix
    plain: dict[str, Any] = {
        "code": finding.code,
        "message": finding.message,
        "file": finding.path,
        "line": finding.line,
        "column": finding.column,
        "end_line": finding.line,
        "end_column": finding.end_column,
        "severity": severity(finding.code),
        "source": source,
        "help": finding.hint,
        "label": finding.label,
        "fix": (
            None
            if fix is None
            else {
                "title": fix.title,
                "safe": fix.safe,
                "edits": [{"start": each.start, "end": each.stop, "text": each.text} for each in fix.edits],
            }
        ),
        "url": _url(finding.code, source),
    }
    if finding.cell:
        plain["cell"] = finding.cell
    return plain


def _url(code: str, source: str) -> str:
    """The page about a finding: the code's own, or what is measured of a gate's code."""
    if source == "run":
        from .measured import MEASURED

        if code not in MEASURED:
            return f"docs/run.md#{code.lower()}"
    return f"docs/rules/{code}.md"


def severity(code: str) -> str:
    """``error`` for what is wrong, ``warning`` for a comment that ignores nothing, ``advice`` for TG2nn."""
    return "advice" if code.startswith("TG2") else "warning" if code == "TG090" else "error"


def summary(findings: list[Finding], files: int) -> dict[str, Any]:
    """Counts: files, findings, how many can be fixed, findings of each code."""
    counts: dict[str, int] = {}
    for finding in findings:
        counts[finding.code] = counts.get(finding.code, 0) + 1
    fixes = [finding.fix for finding in findings if finding.fix is not None]
    return {
        "files": files,
        "findings": len(findings),
        "fixable": {"safe": sum(each.safe for each in fixes), "unsafe": sum(not each.safe for each in fixes)},
        "codes": dict(sorted(counts.items())),
    }


def place(finding: Finding) -> str:
    """``file:line:column``, with the cell in a notebook."""
    cell = f"cell {finding.cell}:" if finding.cell else ""
    return f"{finding.path}:{cell}{finding.line}:{finding.column}"


def full(findings: list[Finding], texts: Mapping[str, str], colored: bool = False) -> str:
    """Each finding with its line, carets, help, its fix, and where to read more.

    Args:
        findings: in the order in which they are printed.
        texts: path -> text; of a notebook each cell, by path, a null and its number.
        colored: whether the first line's code is painted.
    """
    return "".join(_full(finding, texts, colored) + "\n\n" for finding in findings)


def _full(finding: Finding, texts: Mapping[str, str], colored: bool) -> str:
    text = texts.get(f"{finding.path}\0{finding.cell}" if finding.cell else finding.path, "")
    notes: tuple[str, ...] = ()
    if finding.fix is not None:
        flags = "--fix" if finding.fix.safe else "--fix --unsafe-fixes"
        notes = (f"fix:  {finding.fix.title} ({flags})",)
    shown = render(finding, text, notes=notes, more=f"trainergen explain {finding.code}", shown=place(finding))
    head = f"error[{finding.code}]"
    return shown.replace(head, f"\033[31m{head}\033[0m", 1) if colored else shown


def concise(findings: list[Finding]) -> str:
    """A line each."""
    marks = {None: "", True: " [*]", False: " [-]"}
    return "".join(
        f"{place(each)}: {each.code}{marks[each.fix.safe if each.fix is not None else None]} {each.message}\n"
        for each in findings
    )


def as_json(findings: list[Finding], files: int) -> str:
    """One object by ``trainergen/schemas/findings-1.json``."""
    import json

    data = {"schema": 1, "findings": [as_plain(each) for each in findings], "summary": summary(findings, files)}
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def github(findings: list[Finding]) -> str:
    """Workflow commands that GitHub shows at the lines of a pull request."""
    levels = {"error": "error", "warning": "warning", "advice": "notice"}
    lines = []
    for each in findings:
        message = f"{place(each)}: {each.code} {each.message}; {each.hint}"
        message = message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        name = each.path.replace("%", "%25").replace(",", "%2C").replace(":", "%3A")
        lines.append(
            f"::{levels[severity(each.code)]} title=trainergen ({each.code}),file={name},line={each.line},"
            f"endLine={each.line},col={each.column},endColumn={each.end_column}::{message}\n"
        )
    return "".join(lines)


def sarif(findings: list[Finding], gates: Mapping[str, Gate]) -> str:
    """SARIF 2.1.0: what code scanning and editors import."""
    import json

    levels = {"error": "error", "warning": "warning", "advice": "note"}
    codes = sorted({each.code for each in findings})
    rules = [
        {
            "id": code,
            "name": gates[code].name if code in gates else code,
            "shortDescription": {"text": gates[code].what if code in gates else code},
            "fullDescription": {"text": gates[code].why if code in gates else code},
        }
        for code in codes
    ]
    results = [
        {
            "ruleId": each.code,
            "ruleIndex": codes.index(each.code),
            "level": levels[severity(each.code)],
            "message": {"text": f"{each.message}; {each.hint}"},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": each.path},
                        "region": {
                            "startLine": each.line,
                            "startColumn": each.column,
                            "endLine": each.line,
                            "endColumn": each.end_column,
                        },
                    }
                }
            ],
        }
        for each in findings
    ]
    driver = {"name": "trainergen", "version": __version__, "rules": rules}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return (
        json.dumps(
            {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}, indent=2
        )
        + "\n"
    )


def statistics(findings: list[Finding], gates: Mapping[str, Gate]) -> str:
    """How many of each code, most frequent first."""
    counts = summary(findings, 0)["codes"]
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return "".join(
        f"{count:>5}  {code}  {gates[code].name if code in gates else ''}".rstrip() + "\n" for code, count in ordered
    )
