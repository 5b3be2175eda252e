"""Numbers, sizes and times as a reader takes them in."""

from __future__ import annotations

import math


def number(value: float | None, digits: int = 4) -> str:
    """``0.1234``, ``1.2e-07``, ``12,345``; a dash for what is not known."""
    if value is None or not math.isfinite(value):
        return "-"
    if value == int(value) and abs(value) < 1e12:
        return f"{int(value):,}"
    if abs(value) >= 10**digits:
        return f"{value:,.0f}" if abs(value) < 1e12 else f"{value:.{digits - 1}e}"
    return f"{value:.{digits}g}"


def share(value: float) -> str:
    """``12 %``; below one hundredth with one digit more."""
    shown = value * 100
    if abs(shown) >= 1000:
        return f"{shown:,.0f} %"
    if 0 < abs(shown) < 0.1:
        return "under 0.1 %"
    return f"{shown:.1f} %" if 0 < abs(shown) < 1 else f"{shown:.0f} %"


def size(count: float | None) -> str:
    """``1.5 MiB``."""
    if count is None:
        return "-"
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(amount) < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.3g} {unit}"
        amount /= 1024
    return f"{amount:,.1f} TiB"


def duration(seconds: float | None) -> str:
    """``1 h 02 min``, ``3 min 20 s``, ``0.21 s``."""
    if seconds is None or not math.isfinite(seconds):
        return "-"
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours < 48 else f"{hours // 24} days {hours % 24} h"


def moment(text: object) -> str:
    """``2026-01-31 12:00 UTC`` of an ISO 8601 text, which the runtime writes in UTC."""
    if not isinstance(text, str) or len(text) < 16:
        return "-"
    return f"{text[:16].replace('T', ' ')} UTC"


def plural(count: int, one: str, several: str | None = None) -> str:
    """``1 epoch``, ``2 epochs``."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"
