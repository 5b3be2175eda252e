"""How fast is `check`: CPU against bare Python, ruff and flake8, rules against parsing, the cache, and both cores.

    python benchmarks/check.py [--runs 15] [--files 2000] [--flake8 PATH] [--json]

flake8 is looked for beside this interpreter; --flake8 names one of another environment. Every figure is the least of its runs, all of one invocation, interleaved. CPU is user plus system of the whole process and
its children.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.gates.pairs import classes, scripts, tutorials  # noqa: E402
from trainergen.gates.engine import check_source, load_gates  # noqa: E402
from trainergen.gates.facts import Facts  # noqa: E402

LINES = 200


def sample() -> str:
    """A training script of 200 lines: two of the tests' files below each other."""
    lines = (scripts.CLASSIFIER + scripts.DDP).splitlines()
    return "\n".join([*lines, *("#" for _ in range(LINES - len(lines)))]) + "\n"


def least(
    commands: dict[str, list[str]], runs: int, folder: Path, environment: dict[str, str], cores: int | None = None
) -> dict[str, tuple[float, float]]:
    """Name -> (CPU, wall) in milliseconds, the least of all runs; the commands take turns, on so many cores."""
    here = sorted(os.sched_getaffinity(0))
    mine = set(here[:cores])
    best = dict.fromkeys(commands, (float("inf"), float("inf")))
    for _ in range(runs):
        for name, command in commands.items():
            before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            subprocess.run(  # noqa: PLW1510 - findings are no failure
                command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                preexec_fn=lambda: os.sched_setaffinity(0, mine),
            )  # fmt: skip
            wall = (time.perf_counter() - began) * 1000
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000
            best[name] = (min(best[name][0], cpu), min(best[name][1], wall))
    return best


def inside(text: str, runs: int) -> dict[str, float]:
    """CPU milliseconds within a process that has everything loaded: parsing, and a check with all and with half the rules."""
    rules = [gate for gate in load_gates().values() if gate.on_by_default]
    half = [gate for gate in rules if int(gate.code[2:]) % 2 == 0]
    best = {"ast.parse": float("inf"), "check": float("inf"), "check, half of the rules": float("inf")}
    for _ in range(runs * 3):
        for name, work in (
            ("ast.parse", lambda: ast.parse(text)),
            ("check", lambda: check_source(text, "train.py", Facts(), rules)),
            ("check, half of the rules", lambda: check_source(text, "train.py", Facts(), half)),
        ):
            began = time.process_time()
            work()
            best[name] = min(best[name], (time.process_time() - began) * 1000)
    return best


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--runs", type=int, default=15)
    options.add_argument("--files", type=int, default=2000)
    options.add_argument("--flake8", help="the program, where it isn't beside this interpreter")
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        one = folder / "one"
        one.mkdir()
        (one / "train.py").write_text(sample())
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        environment |= {
            "XDG_CACHE_HOME": str(folder / "cache"),
            "PYTHONPYCACHEPREFIX": str(folder / "pyc"),
            "PYTHONPATH": str(ROOT),
        }
        python, binary = sys.executable, Path(sys.executable).parent
        check = [python, "-m", "trainergen", "check", "train.py"]
        commands = {
            "python -c pass": [python, "-c", "pass"],
            "python -c 'import ast, argparse'": [python, "-c", "import ast, argparse"],
            "check": [*check, "--no-cache"],
            "check, cached": check,
        }
        others: dict[str, list[str]] = {}
        if (binary / "ruff").exists():
            others["ruff check"] = [str(binary / "ruff"), "check", "--no-cache", "--isolated"]
        flake8 = given.flake8 or shutil.which("flake8", path=str(binary))
        if flake8:
            others["flake8"] = [flake8, "--isolated"]
        commands |= {name: [*words, "train.py"] for name, words in others.items()}
        single = least(commands, given.runs, one, environment)
        many = folder / "many"
        many.mkdir()
        bodies = [*(text for text in (scripts.CLASSIFIER, scripts.GAN, classes.OWN_TRAINER, tutorials.IMAGENET))]
        for number in range(given.files):
            (many / f"train_{number}.py").write_text(f"# {number}\n" + bodies[number % len(bodies)])
        whole = {"check": [python, "-m", "trainergen", "check", "."]}
        cold = {"check": [*whole["check"], "--no-cache"]}
        alone = least(cold, 1, many, environment, cores=1)["check"]
        first = least(whole, 1, many, environment)["check"]
        again = least(whole, 3, many, environment)["check"]
        beside = least({name: [*words, "."] for name, words in others.items()}, 1, many, environment)
        loaded = inside(sample(), given.runs)
    base = single["python -c 'import ast, argparse'"][0]
    result = {
        "one file, CPU ms (times import ast, argparse)": {
            key: [round(cpu, 1), round(cpu / base, 2)] for key, (cpu, _) in single.items()
        },
        "in a loaded process, CPU ms": {key: round(value, 2) for key, value in loaded.items()},
        "check / ast.parse": round(loaded["check"] / loaded["ast.parse"], 2),
        f"{given.files} files": {
            "first, CPU s": round(first[0] / 1000, 2),
            "first, wall s": round(first[1] / 1000, 2),
            "again from the cache, wall s": round(again[1] / 1000, 2),
            "cached is faster by": round(first[1] / again[1], 1),
            "cores kept busy": round(first[0] / first[1], 2),
            "on one core, wall s": round(alone[1] / 1000, 2),
            "all cores are faster by": round(alone[1] / first[1], 2),
            **{f"{name}, CPU s": round(cpu / 1000, 2) for name, (cpu, _) in beside.items()},
            **{f"{name}, wall s": round(wall / 1000, 2) for name, (_, wall) in beside.items()},
        },
    }
    if given.json:
        print(json.dumps(result, indent=2))
        return
    for title, figures in result.items():
        print(title if isinstance(figures, dict) else f"{title}: {figures}")
        for key, value in figures.items() if isinstance(figures, dict) else ():
            print(f"  {key:<34} {value if not isinstance(value, list) else f'{value[0]:8.1f}   x {value[1]}'}")


if __name__ == "__main__":
    main()
