"""One cell that is a date, as people and programs write it, to a moment."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable

import numpy as np

from surveys.month_names import month_of

_HALF = r"(?:\s*([AaPp])\.?[Mm]\.?)?"
_CLOCK = rf"(\d{{1,2}}):(\d{{2}})(?::(\d{{2}})(?:\.\d+)?)?{_HALF}"
_TIME = rf"(?:(?:T|[ ,]\s*){_CLOCK})?(Z|[+-]\d{{2}}:?\d{{2}})?"
_ISO = re.compile(rf"(\d{{4}})([-/.:])(\d{{1,2}})\2(\d{{1,2}}){_TIME}")
_OF_ASIA = re.compile(r"(\d{4})\s*[年년]\s*(\d{1,2})\s*[月월]\s*(\d{1,2})\s*[日일]?")
_COMPACT = re.compile(r"((?:19|20)\d{2})(\d{2})(\d{2})")
PARTS = re.compile(rf"(\d{{1,2}})([-/.])(\d{{1,2}})\2(\d{{4}}|\d{{2}}){_TIME}")
_MONTH = r"([^\W\d_]{3,10}\.?)"
_NAMED = re.compile(
    rf"(\d{{1,2}})(?:st|nd|rd|th|er|º|\.)?(?: de )?[-/ ]?{_MONTH}(?: de |[-/., ])\s*"
    rf"(\d{{4}}|\d{{2}}){_TIME}"
)
_NAME_FIRST = re.compile(rf"{_MONTH}[-/ ](\d{{1,2}})(?:st|nd|rd|th)?(?:,\s*|[-/ ])(\d{{4}}){_TIME}")
_SERIAL = re.compile(r"\d{5}(?:\.\d+)?")
PIVOT = 69  # 69 and later are of the 1900s, as strptime has it


def kind_of_date(value: str) -> str | None:
    """How a cell writes a date: "iso", "parts" (1.5.21), "named" (1 May 2021), "serial", None."""
    if any(p.fullmatch(value) for p in (_ISO, _COMPACT, _OF_ASIA)):
        return "iso"
    if PARTS.fullmatch(value):
        return "parts"
    if named_parts(value) is not None:
        return "named"
    return "serial" if _SERIAL.fullmatch(value) else None


def named_parts(value: str) -> tuple[int, str, str, tuple[str | None, ...]] | None:
    """Month, day, year and the clock of 1-May-2021, 14. März 21 or May 13, 2021."""
    match = _NAMED.fullmatch(value)
    if match is not None:
        day, name, year, *clock = match.groups()
    else:
        match = _NAME_FIRST.fullmatch(value)
        if match is None:
            return None
        name, day, year, *clock = match.groups()
    month = month_of(name)
    return None if month is None else (month, day, year, tuple(clock[:-1]))


def named(value: str) -> np.datetime64 | None:
    """The moment of a date whose month is a word; None where there is no such day."""
    parts = named_parts(value)
    if parts is None:
        return None
    month, day, year, clock = parts
    return moment_of(full_year(year), month, day, *clock)


def full_year(year: str) -> str:
    """A year of four digits: 69 is of the 1900s, 68 of the 2000s."""
    return year if len(year) == 4 else str(int(year) + (1900 if int(year) >= PIVOT else 2000))


def iso(value: str) -> np.datetime64 | None:
    compact = _COMPACT.fullmatch(value) or _OF_ASIA.fullmatch(value)
    if compact:
        year, month, day = compact.groups()
        return moment_of(year, month, day)
    match = _ISO.fullmatch(value)
    if match is None:
        return None
    year, _, month, day, *clock = match.groups()
    return moment_of(year, month, day, *clock[:-1])


def iso_moments(values: list[str]) -> np.ndarray | None:
    """Moments of a column whose every date is 2021-05-01, or 2021-05-01 07:30:00 with or without Z.

    None where one is written otherwise or does not exist: then `iso` looks at each.
    """
    length = len(values[0]) if values else 0
    if length not in (10, 19, 20) or any(len(v) != length for v in values):
        return None
    text = np.array(values, dtype=f"U{length}")
    signs = text.view(np.uint32).reshape(len(text), length)
    at = [i for i in (4, 7, 10, 13, 16, 19) if i < length]
    digits = np.delete(signs, at, axis=1)
    wanted = ((45,), (45,), (32, 84), (58,), (58,), (90,))  # - - blank or T : : Z
    fits = all(np.isin(signs[:, i], one).all() for i, one in zip(at, wanted, strict=False))
    if not fits or not ((digits >= 48) & (digits <= 57)).all() or (text < "0001").any():
        return None
    try:
        return text.astype(f"U{min(length, 19)}").astype("datetime64[s]")
    except ValueError:
        return None


def moment_of(
    year, month, day, hour=None, minute=None, second=None, half=None
) -> np.datetime64 | None:
    """The moment, None where there is none; `half` is the a or p of a clock of twelve hours."""
    numbers = [int(n) if n else 0 for n in (year, month, day, hour, minute, second)]
    if half:
        if not 1 <= numbers[3] <= 12:
            return None
        numbers[3] = numbers[3] % 12 + 12 * (half in "pP")
    try:
        return np.datetime64(dt.datetime(*numbers), "s")
    except ValueError:
        return None


def moments(values: Iterable[str], *, month_first: bool) -> dict[str, np.datetime64] | None:
    """The moments of dates under one order of day and month; None where one is no date then."""
    out: dict[str, np.datetime64] = {}
    for value in values:
        match = PARTS.fullmatch(value)
        if match is None:
            moment = iso(value) if iso(value) is not None else named(value)
        else:
            a, sign, b, year, *clock, _ = match.groups()
            day, month = (b, a) if month_first and sign != "." else (a, b)
            moment = moment_of(full_year(year), month, day, *clock)
        if moment is None:
            return None
        out[value] = moment
    return out


def year_may_lead(split: dict[str, tuple[str, ...]], parsed: dict[str, np.datetime64]) -> bool:
    """Whether 21-05-13, 21-05-14 are rather days of one month than of two years."""
    if any(len(g[3]) == 4 or g[1] == "." for g in split.values()) or len(parsed) < len(split):
        return False
    other = [moment_of(full_year(g[0].zfill(2)), g[2], g[3]) for g in split.values()]
    if any(m is None for m in other):
        return False
    return max(other) - min(other) < max(parsed.values()) - min(parsed.values())  # type: ignore
