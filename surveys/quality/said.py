"""Numbers in sentences: counts with commas, shares in percent, days and hours in words."""

from __future__ import annotations

import numpy as np


def many(n: float, one: str, more: str = "") -> str:
    """1 site, 1,200 sites."""
    return f"{round(float(n)):,} {one if round(float(n)) == 1 else more or one + 's'}"


def percent(part: float, whole: float) -> str:
    """A counted share: 0%, <1%, 38%, >99%, 100%."""
    if not whole:
        return "0%"
    share = part / whole
    if share in (0.0, 1.0):
        return f"{share:.0%}"
    return "<1%" if share < 0.01 else ">99%" if share > 0.99 else f"{share:.0%}"


def amount(value: float, units: str = "") -> str:
    """Three digits that count, with the units: 4.25 days, 822 days."""
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    if text == "1" and units.isalpha():
        units = units.removesuffix("s")
    return f"{text} {units}".rstrip()


def day(moment: object) -> str:
    """The date of a moment: 2014-10-22."""
    return str(np.datetime64(moment, "D"))  # type: ignore[call-overload]


def span(seconds: float) -> str:
    """A length of time in its largest unit: 40 minutes, 12 hours, 3 days."""
    for unit, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if abs(seconds) >= unit:
            return many(seconds / unit, name)
    return many(seconds, "second")


def start(name: str) -> str:
    """A name at the start of a sentence: names keep their letters, "the species" gets a capital."""
    return "The species" if name == "the species" else name
