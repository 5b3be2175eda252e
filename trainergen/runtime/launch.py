"""Who started this process and as which of how many: read from the variables of torchrun and SLURM."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_FIRST_HOST = re.compile(r"([^\[,]+)(?:\[([^\],-]+)[^\]]*\]([^,]*))?")


@dataclass(frozen=True)
class Launch:
    """One process of several.

    Attributes:
        rank: its number among all, counted from 0.
        world_size: how many there are, on all machines together.
        local_rank: its number on its machine.
        address: where all meet, as ``torch.distributed.rendezvous`` takes it.
    """

    rank: int
    world_size: int
    local_rank: int
    address: str


def read_launch(environment: Mapping[str, str]) -> Launch | None:
    """What `environment` says; None where this process runs alone.

    torchrun (and torchelastic, and whatever else sets RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT) goes before SLURM,
    since it may have been started by it. Of SLURM only the variables of a step count: a batch script's own shell has
    SLURM_NTASKS and SLURM_PROCID too, and nobody there to meet.

    Raises:
        RuntimeError: there should be several, but it is not said where they meet.
    """
    if "RANK" in environment and int(environment.get("WORLD_SIZE", "1")) > 1:
        missing = [name for name in ("MASTER_ADDR", "MASTER_PORT") if not environment.get(name)]
        if missing:
            raise RuntimeError(
                f"RANK and WORLD_SIZE={environment['WORLD_SIZE']} are set, but not {' and '.join(missing)}: "
                "start with torchrun, or unset RANK to train alone"
            )
        rank = int(environment["RANK"])
        return Launch(rank, int(environment["WORLD_SIZE"]), int(environment.get("LOCAL_RANK", rank)), "env://")
    if int(environment.get("SLURM_STEP_NUM_TASKS", "1")) > 1 and "SLURM_PROCID" in environment:
        host = environment.get("MASTER_ADDR") or first_host(environment.get("SLURM_STEP_NODELIST", ""))
        # between the well-known ports and those that systems hand out themselves; another one for each job
        port = environment.get("MASTER_PORT") or str(15000 + int(environment.get("SLURM_JOB_ID", "0")) % 15000)
        return Launch(
            int(environment["SLURM_PROCID"]),
            int(environment["SLURM_STEP_NUM_TASKS"]),
            int(environment.get("SLURM_LOCALID", "0")),
            f"tcp://{host}:{port}",
        )
    return None


def first_host(nodes: str) -> str:
    """The first host of a SLURM node list: ``gpu07`` of ``gpu[07-09,12],login1``.

    Raises:
        RuntimeError: there is none.
    """
    match = _FIRST_HOST.match(nodes)
    if match is None:
        raise RuntimeError(f"SLURM_STEP_NODELIST {nodes!r} names no host: set MASTER_ADDR to where rank 0 runs")
    before, number, after = match.groups()
    return before if number is None else f"{before}{number}{after}"
