"""What is left of a run when its process, its disk or its clock fails: a table of outcomes.

    python benchmarks/crash.py [--kills 200] [--seed 0] [--only kills,sigterm] [--json]

Every scenario trains the tests' toy (shuffled, with dropout, a checkpoint every second step), has something fail, and lets
`resume="auto"` alone put it right in a new process. *lost* is the most steps that had to be done again; *equal* says
whether weights and history are those of the undisturbed run, bit for bit. A row that is not so exits with 1.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

import torch  # noqa: E402
from crash_disk import corrupted, disk_full, in_a_namespace, read_only, short_write  # noqa: E402
from crash_processes import killed_rank, killed_worker, kills, sigterm, stopped_clock  # noqa: E402
from crash_run import Outcome  # noqa: E402
from crash_shards import damaged_part, sharded_kills  # noqa: E402

SCENARIOS: dict[str, Callable[[Path, argparse.Namespace], Outcome]] = {
    "kills": lambda folder, options: kills(folder, options.kills, options.seed),
    "sharded-kills": lambda folder, options: sharded_kills(folder, options.kills, options.seed),
    "disk-full": lambda folder, options: disk_full(folder) if options.inside else in_a_namespace("disk-full"),
    "read-only": lambda folder, options: read_only(folder) if options.inside else in_a_namespace("read-only"),
    "short-write": lambda folder, _: short_write(folder),
    "corrupted": lambda folder, options: corrupted(folder, options.seed),
    "corrupted-part": lambda folder, options: damaged_part(folder, options.seed, each=2),
    "sigterm": lambda folder, _: sigterm(folder),
    "rank": lambda folder, _: killed_rank(folder),
    "worker": lambda folder, _: killed_worker(folder),
    "clock": lambda folder, _: stopped_clock(folder),
}


def main() -> None:
    """Let everything fail, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default=",".join(SCENARIOS), help="scenarios, separated by commas")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    sys.modules["matplotlib"] = None  # type: ignore[assignment]  # drawing takes longer than the training
    rows: list[Outcome] = []
    for name in options.only.split(","):
        if options.inside:
            print(json.dumps(asdict(SCENARIOS[name](options.inside, options))))
            return
        with tempfile.TemporaryDirectory() as folder:
            rows.append(SCENARIOS[name](Path(folder), options))
        if not options.json:
            row = rows[-1]
            print(
                f"{row.scenario:<26} {row.times:4d} times, lost at most {row.lost} steps, "
                f"{'resumed unaided' if row.unaided else 'NEEDED HELP'}, {'equal' if row.equal else 'NOT EQUAL'}"
                f"{'; ' + row.said if row.said else ''}{'; ' + json.dumps(row.details) if row.details else ''}",
                flush=True,
            )
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    sys.exit(0 if all(row.good for row in rows if not row.said.startswith("not tried")) else 1)


if __name__ == "__main__":
    main()
