"""Mutation: what do the gates notice when a generated trainer is damaged, one statement at a time?

    python benchmarks/mutants.py [--run SECONDS] [--examples NAME,NAME] [--json FILE]

The originals are what `new` writes for each of the examples: the trainer's file and its settings' class. The operators
below were fixed before the first run; each is applied at every place where it fits, one at a time:

    delete     a statement of a function or of a class body is removed (``pass`` where it was the only one), but for
               docstrings, imports, bare annotations, and methods: those count by their statements
    none       ``return X`` becomes ``return None``
    detach     ``return loss`` (or ``total``) becomes ``return loss.detach()``
    attach     ``X.detach()`` becomes ``X``
    stay       ``X.to(...)`` becomes ``X``
    negate     the condition of an ``if`` is negated
    compare    a comparison is turned to its neighbour: == and !=, < and <=, > and >=, in and not in
    either     ``and`` becomes ``or``, ``or`` becomes ``and``
    keyword    a keyword argument of a call is dropped
    swap       the first two positional arguments of a call change places
    number     a number becomes one more (settings of the class: a field's default)
    flip       True and False change places
    word       a string that is an argument or a key becomes another
    decorator  a decorator is removed

Not touched: docstrings, comments, imports, annotations, texts of messages (f-strings, arguments of log calls): a reader
notices those, a training doesn't. Two mutants of one text are one.

A mutant is noticed by the static level where `check` has a finding in the project with it, and by the dynamic level where
`check --run` has one. It counts as equivalent where the dynamic level had none either and real runs (`mutant_runs.py`: two
epochs, going on from a checkpoint, as configured and with `OTHER_SETTINGS` in config.ini) give the same history, the same
losses and the same state, bit by bit. Those of them that refuse other batches than the original are counted apart. What
is left survived, and is listed.

``--run 0`` leaves the dynamic level out; else so many seconds are spent on it, for at most ``--draw`` mutants of each
example that the static level lets pass, in an order drawn with ``--seed``; how many were run is printed.
"""

from __future__ import annotations

import argparse
import ast
import collections
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from trainergen import running  # noqa: E402
from trainergen.errors import TrainergenError  # noqa: E402
from trainergen.gates.engine import check_files  # noqa: E402
from trainergen.gates.facts import Facts  # noqa: E402
from trainergen.lab import opening  # noqa: E402
from trainergen.record import Record, read_records  # noqa: E402
from trainergen.settings import read_settings  # noqa: E402

EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/expect.json"))

OTHER_SETTINGS: dict[str, dict[str, str]] = {
    "diabetes_regression": {"model_hidden": "16", "model_dropout": "0.1"},
    "digits_classifier": {"model_channels": "8", "model_dropout": "0.4"},
    "momentum_classifier": {"model_hidden": "16", "momentum": "0.8", "nesterov": "false"},
    "similarity_ranking": {"model_d_model": "16", "model_heads": "2", "model_dropout": "0.3"},
    "sparse_autoencoder": {"model_code": "16", "model_hidden": "64", "sparsity_penalty_weight": "0.1"},
    "wine_dataclass": {"model_hidden": "16"},
}
"""Values of config.ini in a mutant's second run; and those that all have."""
for _each in OTHER_SETTINGS.values():
    _each |= {"seed": "7", "batch_size": "24", "shuffle": "false", "learning_rate": "2e-3", "weight_decay": "0.02"}

NEIGHBOURS: dict[type[ast.cmpop], str] = {
    ast.Eq: "!=", ast.NotEq: "==", ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.In: "not in",
    ast.NotIn: "in", ast.Is: "is not", ast.IsNot: "is",
}  # fmt: skip


@dataclass
class Mutant:
    """One damaged file.

    Attributes:
        example, path, line, operator: where and how.
        before, after: the text that was replaced, and by what.
        text: the whole file.
        noticed: codes of the gates that noticed it; None: not asked.
        ran: those of the dynamic level; None: not asked.
        differs: what of its runs is not as in the original's; None: not asked.
    """

    example: str
    path: str
    line: int
    operator: str
    before: str
    after: str
    text: str
    noticed: list[str] | None = None
    ran: list[str] | None = None
    differs: list[str] | None = None

    @property
    def survives(self) -> bool:
        """Neither level notices it, and loss, state or history are not the original's in a run."""
        return not self.noticed and self.ran == [] and any(part != "refusals" for part in self.differs or ())

    @property
    def lenient(self) -> bool:
        """Neither level notices it, and all that differs in its runs is which wrong batches are refused."""
        return not self.noticed and self.ran == [] and self.differs == ["refusals"]


class Mutator(ast.NodeVisitor):
    """Collects the edits of one file: ``(operator, line, start, stop, text)`` in characters."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0]
        for line in text.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.edits: list[tuple[str, int, int, int, str]] = []
        self.silent = 0
        self.visit(ast.parse(text))

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Generated text is ASCII, so columns are characters."""
        first: Any = node
        return (
            self.starts[first.lineno - 1] + first.col_offset,
            self.starts[first.end_lineno - 1] + first.end_col_offset,
        )

    def edit(self, operator: str, node: ast.AST, new: str) -> None:
        """One replacement of a node's text."""
        start, stop = self.span(node)
        self.edits.append((operator, node.lineno, start, stop, new))  # type: ignore[attr-defined]

    def source(self, node: ast.AST) -> str:
        """The text of a node."""
        start, stop = self.span(node)
        return self.text[start:stop]

    def visit(self, node: ast.AST) -> None:
        """Every place where an operator fits, but for what is not touched."""
        if isinstance(node, ast.Import | ast.ImportFrom | ast.JoinedStr):
            return
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            self.body(node.body, isinstance(node, ast.ClassDef))
            for decorator in node.decorator_list:
                start, stop = self.span(decorator)
                self.edits.append(("decorator", decorator.lineno, start - 1, stop, "# -"))
            for statement in node.body:
                self.visit(statement)
            return
        if isinstance(node, ast.AnnAssign):
            if node.value is not None:
                self.visit(node.value)
            return
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return
        if isinstance(node, ast.If | ast.For | ast.While | ast.With | ast.Try):
            self.body(node.body, False)
            self.body(getattr(node, "orelse", []), False)
        self.expression(node)
        log = isinstance(node, ast.Call) and ast.unparse(node.func).startswith("logger.")
        for child in ast.iter_child_nodes(node):
            if not (log and isinstance(child, ast.Constant)):
                self.visit(child)

    def body(self, statements: list[ast.stmt], in_class: bool) -> None:
        """Statements that may go."""
        kept = [each for each in statements if not _idle(each)]
        for each in kept:
            if isinstance(each, ast.FunctionDef | ast.ClassDef):
                continue
            if in_class and isinstance(each, ast.AnnAssign) and each.value is None:
                continue
            self.edit("delete", each, "pass")

    def expression(self, node: ast.AST) -> None:
        """The operators of one node."""
        if isinstance(node, ast.Return) and node.value is not None:
            if not (isinstance(node.value, ast.Constant) and node.value.value is None):
                self.edit("none", node.value, "None")
            if isinstance(node.value, ast.Name) and node.value.id in ("loss", "total"):
                self.edit("detach", node.value, f"{node.value.id}.detach()")
        elif isinstance(node, ast.If):
            self.edit("negate", node.test, f"not ({self.source(node.test)})")
        elif isinstance(node, ast.Compare):
            self.compare(node)
        elif isinstance(node, ast.BoolOp):
            word = " or " if isinstance(node.op, ast.And) else " and "
            self.edit("either", node, "(" + word.join(f"({self.source(each)})" for each in node.values) + ")")
        elif isinstance(node, ast.Call):
            self.call(node)
        elif isinstance(node, ast.Constant):
            self.constant(node)

    def compare(self, node: ast.Compare) -> None:
        """Each comparison of a chain to its neighbour."""
        for number, operator in enumerate(node.ops):
            parts = [self.source(node.left)]
            for index, (each, right) in enumerate(zip(node.ops, node.comparators, strict=True)):
                shown = NEIGHBOURS[type(each)] if index == number else _SHOWN[type(each)]
                parts += [shown, self.source(right)]
            if type(operator) in NEIGHBOURS:
                self.edit("compare", node, " ".join(parts))

    def call(self, node: ast.Call) -> None:
        """Keywords, the first two arguments, and the calls that move or cut a tensor."""
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("detach", "to"):
            operator = "attach" if node.func.attr == "detach" else "stay"
            self.edit(operator, node, self.source(node.func.value))
        if ast.unparse(node.func).startswith("logger.") or ast.unparse(node.func) == "isinstance":
            return
        words = [self.source(each) for each in node.args]
        named = [
            f"{each.arg}={self.source(each.value)}" if each.arg else f"**{self.source(each.value)}"
            for each in node.keywords
        ]
        function = self.source(node.func)
        for index, each in enumerate(node.keywords):
            if each.arg is not None:
                rest = ", ".join([*words, *named[:index], *named[index + 1 :]])
                self.edit("keyword", node, f"{function}({rest})")
        if len(words) >= 2 and words[0] != words[1]:
            self.edit("swap", node, f"{function}({', '.join([words[1], words[0], *words[2:], *named])})")

    def constant(self, node: ast.Constant) -> None:
        """Numbers, truths and words."""
        if isinstance(node.value, bool):
            self.edit("flip", node, str(not node.value))
        elif isinstance(node.value, int | float):
            self.edit("number", node, repr(node.value + 1))
        elif isinstance(node.value, str):
            self.edit("word", node, repr(node.value + "_other"))


_SHOWN: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.In: "in",
    ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not",
}  # fmt: skip


def _idle(statement: ast.stmt) -> bool:
    """Nothing that could be missed: a docstring, an import, ``pass``."""
    docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return docstring or isinstance(statement, ast.Import | ast.ImportFrom | ast.Pass)


def mutants(example: str, path: str, text: str) -> Iterator[Mutant]:
    """Every mutant of a file that still parses, each text once."""
    seen = {text}
    for operator, line, start, stop, new in sorted(Mutator(text).edits, key=lambda each: (each[1], each[0], each[4])):
        changed = text[:start] + new + text[stop:]
        if changed in seen:
            continue
        seen.add(changed)
        try:
            ast.parse(changed)
        except SyntaxError:
            continue
        yield Mutant(example, path, line, operator, text[start:stop], new, changed)


def generated(example: Path, into: Path) -> tuple[Record, dict[str, str]]:
    """The project that `new` makes of an example: its record, and the texts of what is the trainer's or the scaffold's."""
    arguments = json.loads((example / "expect.json").read_text())["arguments"]
    shutil.copytree(example, into, ignore=shutil.ignore_patterns("__pycache__", "expect.json", "README.md"))
    command = [sys.executable, "-m", "trainergen", "new", *arguments, "--yes", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=into, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{example.name}: {done.stdout}{done.stderr}")
    (record,) = read_records(into)
    names = {each["path"] for each in json.loads(done.stdout)["result"]["files"]}
    return record, {name: (into / name).read_text() for name in sorted(names) if (into / name).is_file()}


def static(found: list[Mutant], root: Path, texts: dict[str, str]) -> None:
    """Ask every gate about the project with each mutant in it."""
    python = {name for name in texts if name.endswith(".py")}
    for each in found:
        changed = {**texts, each.path: each.text}
        findings = check_files({name: changed[name] for name in sorted(python)}, Facts(str(root), changed))
        each.noticed = sorted({finding.code for finding in findings})


def dynamic(found: list[Mutant], root: Path, record: Record, until: float) -> None:
    """Ask `check --run` about each, and runs about what it lets pass, until the time is up.

    The long probes are asked about what the short ones let pass and a run tells from the original.
    """
    settings = read_settings(root)
    with opening.opened(None, root, python=None, setting=None, device=None, limit=None) as laboratory:
        _, payload = running.question(record, root, settings, None, laboratory)
        runs = Runs(root, record)
        for each in found:
            if time.monotonic() > until:
                break
            asked = {**payload, "files": {**payload["files"], each.path: each.text}}
            noticed = _probed(laboratory, {**asked, "endurance": False})
            if not noticed:
                each.differs = runs.differences(each)
                noticed = _probed(laboratory, asked) if each.differs else []
            each.ran = noticed
        runs.close()


def _probed(laboratory: opening.Laboratory, asked: dict[str, Any]) -> list[str]:
    """Codes of the probes that fail."""
    try:
        probes = laboratory.request("lab.prove:prove", asked)["probes"]
    except TrainergenError as problem:
        return [type(problem).__name__]
    return sorted({one["code"] for one in probes if one["status"] == "failed"})


class Runs:
    """One process that trains an example's mutants (`mutant_runs.py`), and what the original came to.

    Args:
        root, record: the example's project.
    """

    def __init__(self, root: Path, record: Record) -> None:
        command = [sys.executable, str(Path(__file__).with_name("mutant_runs.py")), str(root), record.trainer]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._settings: tuple[dict[str, str], dict[str, str]] = ({}, OTHER_SETTINGS[root.name])
        self._originals = [self._ask({"settings": each}) for each in self._settings]
        assert not any("error" in each for each in self._originals), self._originals
        assert self._ask({"settings": {}}) == self._originals[0], "the original run is not repeatable"

    def differences(self, mutant: Mutant) -> list[str]:
        """What of the mutant's runs is not as in the original's."""
        found: dict[str, None] = {}
        for settings, original in zip(self._settings, self._originals, strict=True):
            came = self._ask({"path": mutant.path, "text": mutant.text, "settings": settings})
            if "error" in came:
                return [f"error: {came['error']}"]
            found |= {part: None for part in original if came[part] != original[part]}
        return list(found)

    def _ask(self, question: dict[str, object]) -> dict[str, str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer: dict[str, str] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def main() -> None:
    parser = argparse.ArgumentParser(description="Mutation of generated trainers.")
    parser.add_argument("--run", type=float, default=0.0, metavar="SECONDS", help="for the dynamic level, all examples")
    parser.add_argument("--draw", type=int, metavar="N", help="of each example, for the dynamic level; else all")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--examples", default="", help="names, with commas between")
    parser.add_argument("--json", metavar="FILE", type=Path)
    chosen = parser.parse_args()
    names = set(filter(None, chosen.examples.split(",")))
    examples = [each for each in EXAMPLES if not names or each.name in names]
    every: list[Mutant] = []
    with tempfile.TemporaryDirectory() as folder:
        worlds = {}
        for example in examples:
            root = Path(folder) / example.name
            record, texts = generated(example, root)
            clean = check_files({k: v for k, v in texts.items() if k.endswith(".py")}, Facts(str(root), texts))
            assert not clean, clean
            paths = [path for path in texts if path in record.created or path.endswith("config/train.py")]
            found = [each for path in paths if path.endswith(".py") and "tests/" not in path
                     for each in mutants(example.name, path, texts[path])]  # fmt: skip
            static(found, root, texts)
            worlds[example.name] = (root, record)
            every += found
            print(f"{example.name}: {len(found)} mutants, static {sum(bool(e.noticed) for e in found)}", flush=True)
        if chosen.run:
            examine(every, worlds, chosen.run, chosen.draw, chosen.seed)
    report(every)
    if chosen.json is not None:
        plain = [{k: v for k, v in vars(each).items() if k != "text"} for each in every]
        chosen.json.write_text(json.dumps(plain, indent=1))


def examine(
    every: list[Mutant], worlds: dict[str, tuple[Path, Record]], seconds: float, draw: int | None, seed: int
) -> None:
    """The dynamic level for what the static one let pass, and runs for what is left then."""
    for number, (name, (root, record)) in enumerate(worlds.items(), start=1):
        left = [each for each in every if each.example == name and not each.noticed]
        random.Random(seed).shuffle(left)
        started = time.monotonic()
        dynamic(left[:draw], root, record, started + seconds / len(worlds))
        ran = [each for each in left if each.ran is not None]
        print(
            f"{number}/{len(worlds)} {name}: {len(ran)} of {len(left)} run, {sum(bool(each.ran) for each in ran)} noticed, "
            f"{sum(each.survives for each in ran)} survive; {time.monotonic() - started:.0f} s",
            flush=True,
        )


def report(every: list[Mutant]) -> None:
    """The figures, and who survived."""
    noticed = [each for each in every if each.noticed]
    asked = [each for each in every if each.ran is not None]
    print(f"\n{len(every)} mutants; static: {len(noticed)} noticed ({len(noticed) / len(every):.1%})")
    print(
        f"{'operator':<10} {'mutants':>7} {'static':>7} {'run':>5} {'noticed':>8} {'equal':>6} {'lenient':>8} {'survive':>8}"
    )
    by = collections.Counter(each.operator for each in every)
    for operator, _ in (*by.most_common(), ("", 0)):
        of = [each for each in every if operator in ("", each.operator)]
        ran = [each for each in of if each.ran is not None]
        equal = sum(each.differs == [] for each in ran)
        print(
            f"{operator or 'all':<10} {len(of):>7} {sum(bool(each.noticed) for each in of):>7} {len(ran):>5} "
            f"{sum(bool(each.ran) for each in ran):>8} {equal:>6} {sum(each.lenient for each in ran):>8} "
            f"{sum(each.survives for each in ran):>8}"
        )
    if not asked:
        return
    caught, survivors = sum(bool(each.ran) for each in asked), [each for each in asked if each.survives]
    lenient = [each for each in asked if each.lenient]
    share = len(asked) / (len(every) - len(noticed))
    drawn = len(noticed) * share + caught  # the noticed of both levels in a draw of the same share of all
    print(f"\ndynamic: {len(asked)} of {len(every) - len(noticed)} run, {caught} noticed")
    print(f"noticed of those that are not equal in a run: {drawn / (drawn + len(survivors)):.1%}")
    print(f"the same, if what refuses other batches counts too: {drawn / (drawn + len(survivors) + len(lenient)):.1%}")
    for title, found in (("survivors", survivors), ("equal in a run, but refuse other batches", lenient)):
        print(f"\n{title}:")
        for each in found:
            shown = f"{' '.join(each.before.split())[:60]!r} -> {' '.join(each.after.split())[:60]!r}"
            print(
                f"  {each.example} {each.path}:{each.line} {each.operator}: {shown} ({', '.join(each.differs or [])})"
            )


if __name__ == "__main__":
    main()
