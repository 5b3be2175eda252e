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
`check --run` has one. It counts as equivalent where the dynamic level had none either and a real run of two epochs gives
the same history, the same final loss and the same weights and optimizer state, bit by bit. What is left survived, and is
listed.

``--run 0`` leaves the dynamic level out; else so many seconds are spent on it, for mutants in an order drawn with seed 0,
and how many were drawn is printed.
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
        equivalent: whether a run showed no difference; None: not asked.
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
    equivalent: bool | None = None


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
    """Ask `check --run` about each, and a real run about what it lets pass, until the time is up."""
    settings = read_settings(root)
    with opening.opened(None, root, python=None, setting=None, device=None, limit=None) as laboratory:
        _, payload = running.question(record, root, settings, None, laboratory)
        for each in found:
            if time.monotonic() > until:
                return
            files = {**payload["files"], each.path: each.text}
            each.ran = []
            try:
                for endurance in (False, True):  # the long probes for what the short ones let pass
                    asked = {**payload, "files": files, "endurance": endurance}
                    probes = laboratory.request("lab.prove:prove", asked)["probes"]
                    each.ran = sorted({one["code"] for one in probes if one["status"] == "failed"})
                    if each.ran:
                        break
            except TrainergenError as problem:
                each.ran = [type(problem).__name__]


RUN = """\
import dataclasses, hashlib, importlib, io, json, sys, torch
from train import TRAINER_REGISTRY, get_trainer
cls = get_trainer(sys.argv[1])
config = dataclasses.replace(cls.config_class.load(), num_epochs=2, max_steps=40, model_save_directory=sys.argv[2])
trainer = cls.from_config(config)
history = [{k: v for k, v in each.items() if k not in ("seconds", "loader_wait_share", "memory")} for each in trainer.train()]
digest = hashlib.sha256(json.dumps(history, sort_keys=True).encode())
for part in (trainer.model.state_dict(), trainer.optimizer.state_dict()):
    stream = io.BytesIO()
    torch.save(part, stream)
    digest.update(repr(sorted((k, v.tolist()) for k, v in part.items() if isinstance(v, torch.Tensor))).encode())
    digest.update(repr(part if "param_groups" in part else "").encode())
print("DIGEST", digest.hexdigest())
"""


def trained(root: Path, record: Record) -> str:
    """What a run of two epochs came to; the last line of its error where it ended in one."""
    with tempfile.TemporaryDirectory() as saved:
        environment = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-c", RUN, record.trainer, saved]
        done = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
    found = [line for line in done.stdout.splitlines() if line.startswith("DIGEST ")]
    return found[0] if found else (done.stderr.strip().splitlines() or ["nothing"])[-1]


def equivalent(found: list[Mutant], root: Path, record: Record, until: float) -> None:
    """Which mutants make no difference to a run."""
    original = trained(root, record)
    assert original.startswith("DIGEST "), original
    assert trained(root, record) == original, "the original run is not repeatable"
    for each in found:
        if time.monotonic() > until:
            return
        before = (root / each.path).read_bytes()
        try:
            (root / each.path).write_text(each.text)
            each.equivalent = trained(root, record) == original
        finally:
            (root / each.path).write_bytes(before)


def main() -> None:
    parser = argparse.ArgumentParser(description="Mutation of generated trainers.")
    parser.add_argument("--run", type=float, default=0.0, metavar="SECONDS", help="for the dynamic level, all examples")
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
            examine(every, worlds, chosen.run)
    report(every)
    if chosen.json is not None:
        plain = [{k: v for k, v in vars(each).items() if k != "text"} for each in every]
        chosen.json.write_text(json.dumps(plain, indent=1))


def examine(every: list[Mutant], worlds: dict[str, tuple[Path, Record]], seconds: float) -> None:
    """The dynamic level for what the static one let pass: three quarters of the time, then runs for what is left."""
    for number, (name, (root, record)) in enumerate(worlds.items()):
        left = [each for each in every if each.example == name and not each.noticed]
        random.Random(0).shuffle(left)
        started = time.monotonic()
        share = seconds / len(worlds)
        dynamic(left, root, record, started + share * 0.75)
        passed = [each for each in left if each.ran == []]
        equivalent(passed, root, record, started + share)
        print(
            f"{number + 1}/{len(worlds)} {name}: {sum(e.ran is not None for e in left)} of {len(left)} run", flush=True
        )


def report(every: list[Mutant]) -> None:
    """The figures, and who survived."""
    noticed = [each for each in every if each.noticed]
    asked = [each for each in every if each.ran is not None]
    by = collections.Counter(each.operator for each in every)
    print(f"\n{len(every)} mutants; static: {len(noticed)} noticed ({len(noticed) / len(every):.1%})")
    print(f"{'operator':<10} {'mutants':>7} {'static':>7} {'run':>5} {'noticed':>8}")
    for operator, count in by.most_common():
        of = [each for each in every if each.operator == operator]
        ran = [each for each in of if each.ran is not None]
        print(
            f"{operator:<10} {count:>7} {sum(bool(e.noticed) for e in of):>7} {len(ran):>5} "
            f"{sum(bool(e.ran) for e in ran):>8}"
        )
    if not asked:
        return
    caught = [each for each in asked if each.ran]
    passed = [each for each in asked if not each.ran]
    same = [each for each in passed if each.equivalent]
    unasked = [each for each in passed if each.equivalent is None]
    print(f"\ndynamic: {len(asked)} of {len(every) - len(noticed)} asked, {len(caught)} noticed")
    print(f"of the {len(passed)} others {len(same)} are equivalent in a run, {len(unasked)} were not run")
    print("\nsurvivors (* not run for equivalence):")
    for each in passed:
        if not each.equivalent:
            mark = "*" if each.equivalent is None else " "
            shown = f"{' '.join(each.before.split())[:60]!r} -> {' '.join(each.after.split())[:60]!r}"
            print(f" {mark}{each.example} {each.path}:{each.line} {each.operator}: {shown}")


if __name__ == "__main__":
    main()
