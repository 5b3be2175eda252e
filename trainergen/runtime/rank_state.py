"""Which part of a checkpoint is a rank's own, also where as many ranks as wrote it are not there to read it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from .rank_metrics import collected, merge_scores
from .seeding import capture_random_state, preserved_random_state, seed_everything

if TYPE_CHECKING:
    from .trainer import Trainer

logger = logging.getLogger("trainergen")

STRIDE = 1_000_003
"""From a rank's seed to the next one's: far from what is added to a seed elsewhere."""


def rank_seed(seed: int, rank: int, step: int) -> int:
    """The seed of a rank's noise where no state of it is known."""
    return seed + STRIDE * rank + step


def own_part(trainer: Trainer[Any, Any], state: dict[str, Any]) -> dict[str, Any]:
    """``{"random", "feed", "means", "scores"}`` of this process in `state`, which `capture_state` made.

    Where the number of processes has changed, the position inside an epoch is that of as many samples (rounded down),
    rank 0 goes on with all sums, and the noise of the others is new.
    """
    distribution = trainer.distribution
    rank, world_size = (0, 1) if distribution is None else (distribution.rank, distribution.world_size)
    scores = {name: state["parts"][name] for name in collected(trainer)}
    alone = {"random": state["random"], "feed": state["feed"], "means": state["means"], "scores": scores}
    ranks: list[dict[str, Any]] = state.get("ranks") or [alone]
    if len(ranks) == world_size:
        return ranks[rank]
    logger.warning("resumed with %d processes, not %d: the noise is another one", world_size, len(ranks))
    own = merge_scores(ranks)
    if rank > 0:
        own["means"] = {"sums": {}, "weights": {}, "batches": 0}
        own["scores"] = {name: {key: [] for key in each} for name, each in own["scores"].items()}
    own |= {"random": ranks[0]["random"], "feed": dict(ranks[0]["feed"])}
    if rank > 0:
        with preserved_random_state():
            seed_everything(rank_seed(trainer.config.seed, rank, state["step"]))
            own["random"] = capture_random_state()
    if own["feed"]["taken"]:
        _reposition(own, len(ranks), world_size)
    return own


def _reposition(own: dict[str, Any], before: int, now: int) -> None:
    feed = own["feed"]
    taken, left_over = divmod(feed["taken"] * before, now)
    if 1 in (before, now) or left_over:
        logger.warning("the epoch that was interrupted goes on in another order: some samples come twice or not at all")
    # not the loader's own place: it may count what one of so many processes was given
    own["feed"] = {"taken": taken, "start": feed["start"], "random": own["random"]}
    if not taken:
        own["feed"] = {"taken": 0, "generators": feed["start"]["generators"], "place": feed["start"].get("place")}
