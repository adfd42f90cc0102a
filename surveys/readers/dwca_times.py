"""Dates and times of Darwin Core, which may be a year or an interval, as half-open intervals."""

from __future__ import annotations

import re

import numpy as np

_DATE = re.compile(
    r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2})(?:[T ](\d{1,2}):?(\d{2})?(?::?(\d{2})(?:\.\d+)?)?"
    r"(Z|[+-]\d{2}(?::?\d{2})?)?)?)?)?"
)
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?(?:Z|[+-]\d{2}(?::?\d{2})?)?")
_BASIC = re.compile(r"(\d{4})(\d{2})(\d{2})(?=$|[T ])")
_MIDNIGHT = re.compile(r"[T ]00:00(?::00(?:\.0+)?)?(?:Z|[+-]\d{2}(?::?\d{2})?)?$")


def interval(day: str, hour: str = "") -> tuple[np.datetime64, np.datetime64, bool] | None:
    """Half-open interval of an eventDate (a day, month, year, moment, or two with "/") and time.

    A second part that is shorter takes the rest from the first: 2021-05-01/03. A midnight beside
    a time of its own is what databases write for a day.
    """
    first, _, last = (_BASIC.sub(r"\1-\2-\3", p.strip()) for p in day.strip().partition("/"))
    if hour and (bare := _MIDNIGHT.sub("", first)) != first:
        first, last = bare, _MIDNIGHT.sub("", last)
    if last and len(last) < len(first) and not _DATE.fullmatch(last.strip()):
        last = first[: len(first) - len(last)] + last
    one = _moment(first.strip())
    two = _moment(last.strip()) if last else one
    if one is None or two is None:
        return None
    begin, _, timed = one
    stop = two[0] if last and two[2] else two[1]
    if hour and not timed:
        a, _, b = hour.partition("/")
        left, right = _TIME.fullmatch(a.strip()), _TIME.fullmatch(b.strip())
        if left:
            seconds = _seconds(left)
            if seconds is None:
                return None
            begin, timed = begin + np.timedelta64(seconds, "s"), True
            if right and not last and (more := _seconds(right)) is not None:
                stop = one[0] + np.timedelta64(more, "s")
                stop = stop if stop >= begin else stop + np.timedelta64(86400, "s")
    return None if stop < begin else (begin, stop, timed)


def _seconds(match: re.Match[str]) -> int | None:
    hour, minute, second = (int(g or 0) for g in match.groups())
    good = hour <= 24 and minute < 60 and second <= 60
    return hour * 3600 + minute * 60 + second if good else None


def _moment(text: str) -> tuple[np.datetime64, np.datetime64, bool] | None:
    """Start and end of what a date names (a year, a month, a day, a moment)."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, _ = match.groups()
    if not 1700 <= int(year) <= 2200:
        return None
    try:
        if month is None:
            begin = np.datetime64(f"{year}", "Y")
            return _whole(begin, "Y")
        if day is None:
            begin = np.datetime64(f"{year}-{int(month):02d}", "M")
            return _whole(begin, "M")
        begin = np.datetime64(f"{year}-{int(month):02d}-{int(day):02d}", "D")
    except ValueError:
        return None
    if hour is None:
        return _whole(begin, "D")
    seconds = int(hour) * 3600 + int(minute or 0) * 60 + int(second or 0)
    if seconds > 86400 or int(minute or 0) > 59:
        return None
    moment = begin.astype("M8[s]") + np.timedelta64(seconds, "s")
    return moment, moment, True


def _whole(begin: np.datetime64, unit: str) -> tuple[np.datetime64, np.datetime64, bool]:
    """A whole year, month or day."""
    after = begin + np.timedelta64(1, unit)  # type: ignore[call-overload]
    return begin.astype("M8[s]"), after.astype("M8[s]"), False
