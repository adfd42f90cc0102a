"""The clock of a survey: wall times to instants, and days that begin where the survey says.

Instants are whole seconds on one axis. On a camera's own clock, or at a fixed offset from UTC, the
axis is that clock itself and a day has 86400 seconds. In a zone with summer time the axis is UTC:
days run from one local midnight to the next, and have 23 or 25 hours where the clock changes.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

DAY = 86_400
OWN = "camera clock"
_FIXED = re.compile(r"(?:UTC|GMT)?\s*([+-])(\d{1,2})(?::?(\d{2}))?", re.IGNORECASE)
_HOUR = re.compile(r"([01]?\d|2[0-3])(?::([0-5]\d))?")


@dataclass(frozen=True)
class Clock:
    """One clock for a whole survey.

    `offset` is that of a fixed clock, in seconds east of UTC; None where the camera's own clock is
    used as it is. `zone` is the name of a zone with rules of its own, such as "Europe/Brussels".
    """

    name: str = OWN
    offset: int | None = None
    zone: str | None = None
    day_starts: int = 0  # seconds after midnight

    @classmethod
    def of(cls, zone: str = "", day_starts: str = "00:00") -> Clock:
        """From the texts of a study file: "UTC-05:00" or "America/Bogota", and "12:00".

        Raises
        ------
        ValueError
            The zone is not known, or the hour is none; the text says which.
        """
        hour = _HOUR.fullmatch(day_starts.strip())
        if hour is None:
            raise ValueError(f'"{day_starts}" is no hour of the day, such as "00:00" or "12:00"')
        start = int(hour[1]) * 3600 + int(hour[2] or 0) * 60
        zone = zone.strip()
        if not zone:
            return cls(day_starts=start)
        if zone.upper() in ("UTC", "GMT", "Z"):
            return cls("UTC", 0, None, start)
        fixed = _FIXED.fullmatch(zone)
        if fixed:
            seconds = int(fixed[2]) * 3600 + int(fixed[3] or 0) * 60
            if seconds > 14 * 3600 or int(fixed[3] or 0) > 59:
                raise ValueError(f'"{zone}" is further from UTC than any clock on earth')
            return cls(zone, seconds if fixed[1] == "+" else -seconds, None, start)
        try:
            ZoneInfo(zone)
        except (OSError, ValueError, KeyError):
            raise ValueError(f'"{zone}" is no time zone that is known') from None
        return cls(zone, None, zone, start)

    def instants(self, local: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Wall times (datetime64, none missing) to instants.

        Returns
        -------
        instants : int64 seconds
        skipped : bool
            Times that the change to summer time leaves out; their instant is that of the change.
        twice : bool
            Times that occur twice; the first was taken.
        """
        wall = local.astype("datetime64[s]")
        never = np.zeros(len(wall), dtype=bool)
        if self.zone is None:
            return wall.astype(np.int64), never, never.copy()
        index = pd.DatetimeIndex(wall)
        summer, winter = (
            index.tz_localize(
                self.zone, ambiguous=np.full(len(wall), first), nonexistent="shift_forward"
            )
            for first in (True, False)
        )
        gone = index.tz_localize(self.zone, ambiguous=~never, nonexistent="NaT").isna()
        one, other = _utc(summer), _utc(winter)
        return np.minimum(one, other), np.asarray(gone), one != other

    def gap(self, wall: np.datetime64) -> tuple[str, str, str]:
        """Of a time that the change to summer time skips: from, to, and the offset before it.

        As texts: ("02:00", "03:00", "UTC+01:00").
        """
        moment = wall.astype("datetime64[s]").item()
        zone = ZoneInfo(str(self.zone))

        def ahead(at: dt.datetime) -> dt.timedelta:
            before, after = (at.replace(tzinfo=zone, fold=f).utcoffset() for f in (0, 1))
            return (after or dt.timedelta()) - (before or dt.timedelta())

        step = ahead(moment)
        start = moment.replace(second=0)
        while ahead(start - dt.timedelta(minutes=1)) == step:
            start -= dt.timedelta(minutes=1)
        offset = moment.replace(tzinfo=zone).utcoffset() or dt.timedelta()
        minutes = round(offset.total_seconds() / 60)
        sign = "-" if minutes < 0 else "+"
        told = f"UTC{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
        return f"{start:%H:%M}", f"{start + step:%H:%M}", told

    def from_utc(self, utc: np.ndarray, offset: np.ndarray | int) -> np.ndarray:
        """Seconds since 1970 in UTC to instants; `offset` is that of each camera's own clock."""
        if self.zone is not None:
            return utc.astype(np.int64)
        return utc.astype(np.int64) + (offset if self.offset is None else self.offset)

    def edges(self, days: np.ndarray) -> np.ndarray:
        """The instant at which each day begins; days count from 1970-01-01."""
        wall = (np.asarray(days, dtype=np.int64) * DAY + self.day_starts).astype("datetime64[s]")
        return self.instants(wall)[0]

    def days(self, instants: np.ndarray) -> np.ndarray:
        """The day that each instant falls in: half-open, so midnight begins a new day."""
        instants = np.asarray(instants, dtype=np.int64)
        rough = (instants - self.day_starts) // DAY
        if self.zone is None or not len(instants):
            return rough
        every = np.arange(rough.min() - 2, rough.max() + 3)
        return every[np.searchsorted(self.edges(every), instants, side="right") - 1]

    def local(self, instants: np.ndarray) -> np.ndarray:
        """Instants to wall times, datetime64[s]."""
        seconds = np.asarray(instants, dtype=np.int64).astype("datetime64[s]")
        if self.zone is None:
            return seconds
        index = pd.DatetimeIndex(seconds).tz_localize("UTC").tz_convert(self.zone)
        return index.tz_localize(None).to_numpy().astype("datetime64[s]")


def _utc(index: pd.DatetimeIndex) -> np.ndarray:
    plain = index.tz_convert("UTC").tz_localize(None).to_numpy()
    return plain.astype("datetime64[s]").astype(np.int64)
