"""How the lab drives a trainer that trains an epoch: an epoch of one batch."""

from __future__ import annotations

from ..driving import RESPONSIBLE
from ..driving_opening import open_session as open  # noqa: A004 - the name every contract's drive has

__all__ = ["RESPONSIBLE", "open"]
