"""Visits from continuous effort: deployments, less their failures, cut into occasions of days.

All is arithmetic on half-open intervals of whole seconds, so that effort is exact: what the
cameras worked is what the occasions hold together. A day belongs to one occasion only, and begins
where the clock says (`surveys.clock`). An occasion without effort is no visit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from surveys.clock import DAY, Clock

MOST_CELLS = 50_000_000


class Intervals(NamedTuple):
    """Half-open intervals [start, end) in seconds, each of an owner (a camera, a site, ...)."""

    owner: np.ndarray
    start: np.ndarray
    end: np.ndarray

    @classmethod
    def of(cls, owner, start, end) -> Intervals:
        """From anything like arrays of whole numbers."""
        return cls(*(np.asarray(a, dtype=np.int64) for a in (owner, start, end)))

    @property
    def length(self) -> np.ndarray:
        """Seconds of each interval."""
        return self.end - self.start

    def take(self, at: np.ndarray) -> Intervals:
        """Those at some positions, or where a mask is true."""
        return Intervals(self.owner[at], self.start[at], self.end[at])

    def owned(self, owner: np.ndarray) -> Intervals:
        """The same intervals under other owners."""
        return Intervals(np.asarray(owner, dtype=np.int64), self.start, self.end)


@dataclass(frozen=True)
class Rules:
    """How effort becomes occasions.

    Parameters
    ----------
    length_days : days of an occasion
    start
        Where the first occasion begins: at the first day of the season's survey ("survey"), of
        each site ("site"), of the season itself ("season"), or at a day (as a number).
    combine
        Cameras of one site: the time in which any worked ("union"), or the sum of all ("sum").
    min_effort_days : occasions with less are no visits
    incomplete
        "drop": an occasion counts only if each of its days has some effort.
    skip_days : days left out at the start, until the animals no longer mind
    max_days : nothing after so many days; None: all
    """

    length_days: int = 7
    start: Literal["survey", "site", "season"] | int = "survey"
    combine: Literal["union", "sum"] = "union"
    min_effort_days: float = 0.0
    incomplete: Literal["keep", "drop"] = "keep"
    skip_days: int = 0
    max_days: int | None = None


def union(intervals: Intervals) -> Intervals:
    """Disjoint intervals of each owner that cover the same time, sorted by owner and start."""
    intervals = intervals.take(intervals.end > intervals.start)
    if not len(intervals.owner):
        return intervals
    order = np.lexsort((intervals.start, intervals.owner))
    owner, start, end = intervals.take(order)
    # One axis for all owners, each on a stretch of its own, so that a running maximum stays inside.
    first, span = start.min(), end.max() - start.min() + 1
    stretch = np.cumsum(np.concatenate([[0], owner[1:] != owner[:-1]])) * span - first
    reach = np.maximum.accumulate(stretch + end)
    opens = np.concatenate([[True], (stretch + start)[1:] > reach[:-1]])
    at = np.flatnonzero(opens)
    return Intervals(owner[at], start[at], np.maximum.reduceat(end, at))


def subtract(deployments: Intervals, failures: Intervals) -> Intervals:
    """What is left of each deployment when its failures are taken out.

    The owner of a failure is the position of its deployment, and so is that of the result.
    Failures may overlap each other and reach beyond their deployment.
    """
    of = failures.owner
    gone = union(
        Intervals(
            of,
            np.maximum(failures.start, deployments.start[of]),
            np.minimum(failures.end, deployments.end[of]),
        )
    )
    here = np.arange(len(deployments.owner), dtype=np.int64)
    opens = np.concatenate([deployments.start, gone.end])
    closes = np.concatenate([deployments.end, gone.start])
    owner = np.concatenate([here, gone.owner])
    by_start, by_end = np.lexsort((opens, owner)), np.lexsort((closes, owner))
    left = Intervals(owner[by_start], opens[by_start], closes[by_end])
    return left.take(left.end > left.start)


@dataclass(frozen=True)
class Occasions:
    """The occasions of each group (a site in a season), one after the other.

    `first_day`, `end_day` (half-open), `count` and `offset` are by group: occasion k of group g
    stands at offset[g] + k.
    The others are by occasion; `effort` is in seconds, `kept` says which are visits.
    """

    clock: Clock
    length_days: int
    first_day: np.ndarray
    end_day: np.ndarray
    count: np.ndarray
    offset: np.ndarray
    group: np.ndarray
    number: np.ndarray
    start: np.ndarray
    end: np.ndarray
    effort: np.ndarray
    kept: np.ndarray

    @property
    def effort_days(self) -> np.ndarray:
        """Effort in days of 24 hours."""
        return self.effort / DAY

    def of(self, group: np.ndarray, instants: np.ndarray) -> np.ndarray:
        """The occasion in which each instant falls, -1 outside all of its group."""
        group = np.asarray(group, dtype=np.int64)
        day = self.clock.days(instants)
        k = (day - self.first_day[group]) // self.length_days
        inside = (k >= 0) & (k < self.count[group]) & (day < self.end_day[group])
        return np.where(inside, self.offset[group] + k, -1)


def build(
    worked: Intervals,
    clock: Clock,
    rules: Rules,
    *,
    n_group: int | None = None,
    season: np.ndarray | None = None,
    season_first_day: np.ndarray | None = None,
) -> Occasions:
    """Cut the time that cameras worked into occasions.

    Parameters
    ----------
    worked : intervals owned by groups, numbered from 0
    season : (group,) number of the season of each group; None: one season
    season_first_day : (season,) first day of each, for `start = "season"`

    Raises
    ------
    ValueError
        A group without any effort; more occasions than any survey has.
    """
    n_group = int(worked.owner.max()) + 1 if n_group is None else n_group
    season = np.zeros(n_group, np.int64) if season is None else np.asarray(season, np.int64)
    joined = union(worked)
    worked = joined if rules.combine == "union" else worked.take(worked.length > 0)
    if len(np.unique(joined.owner)) != n_group:
        raise ValueError("a group has no effort")
    opens, closes = clock.days(joined.start), clock.days(joined.end - 1)
    first, last = np.full(n_group, np.iinfo(np.int64).max), np.full(n_group, -(1 << 62))
    np.minimum.at(first, joined.owner, opens)
    np.maximum.at(last, joined.owner, closes)
    first_day = _first_days(rules, first, season, season_first_day) + rules.skip_days
    if rules.max_days is not None:
        last = np.minimum(last, first_day + rules.max_days - 1)
    count = np.maximum(-(-(last - first_day + 1) // rules.length_days), 0)
    if count.sum() > MOST_CELLS:
        raise ValueError(
            f"{count.sum()} occasions, from {clock.local(clock.edges(first_day)).min()}"
        )
    offset = np.concatenate([[0], np.cumsum(count)[:-1]]).astype(np.int64)
    group = np.repeat(np.arange(n_group), count)
    number = np.arange(count.sum()) - offset[group]
    from_day = first_day[group] + number * rules.length_days
    end_day = first_day + count * rules.length_days
    if rules.max_days is not None:
        end_day = np.minimum(end_day, first_day + rules.max_days)
    to_day = np.minimum(from_day + rules.length_days, end_day[group])
    start, end = _edges(clock, from_day), _edges(clock, to_day)
    places = (first_day, count, offset)
    effort = _overlap(worked, clock, rules.length_days, places, start, end)
    kept = (effort > 0) & (effort >= rules.min_effort_days * DAY - 0.5)
    if rules.incomplete == "drop":
        kept &= _days_worked(joined, clock, rules, places, to_day) >= rules.length_days
    return Occasions(
        *(clock, rules.length_days, first_day, end_day, count, offset),
        *(group, number, start, end, effort, kept),
    )


def _first_days(
    rules: Rules, first: np.ndarray, season: np.ndarray, season_first_day: np.ndarray | None
) -> np.ndarray:
    if rules.start == "site":
        return first
    if rules.start == "season" and season_first_day is not None:
        return np.asarray(season_first_day, np.int64)[season]
    if isinstance(rules.start, int | np.integer):
        return np.full(len(first), int(rules.start))
    earliest = np.full(season.max() + 1, np.iinfo(np.int64).max)
    np.minimum.at(earliest, season, first)
    return earliest[season]


def _edges(clock: Clock, days: np.ndarray) -> np.ndarray:
    """Edges of many days, each distinct day looked up once."""
    if not len(days):
        return np.zeros(0, np.int64)
    every = np.arange(days.min(), days.max() + 1)
    return clock.edges(every)[days - days.min()]


def spread(first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every whole number from first to last of each row: (row, number)."""
    n = np.maximum(last - first + 1, 0)
    row = np.repeat(np.arange(len(first)), n)
    before = np.concatenate([[0], np.cumsum(n)[:-1]])
    return row, first[row] + np.arange(n.sum()) - before[row]


def _overlap(worked: Intervals, clock: Clock, length: int, places, start, end) -> np.ndarray:
    """Seconds of effort in each occasion."""
    first_day, count, offset = places
    owner = worked.owner
    low = (clock.days(worked.start) - first_day[owner]) // length
    high = (clock.days(worked.end - 1) - first_day[owner]) // length
    row, k = spread(np.maximum(low, 0), np.minimum(high, count[owner] - 1))
    cell = offset[owner[row]] + k
    seconds = np.minimum(worked.end[row], end[cell]) - np.maximum(worked.start[row], start[cell])
    return np.bincount(cell, np.maximum(seconds, 0), minlength=len(start)).astype(np.int64)


def _days_worked(joined: Intervals, clock: Clock, rules: Rules, places, to_day) -> np.ndarray:
    """Days of each occasion on which there was any effort."""
    first_day, count, offset = places
    opens, closes = clock.days(joined.start), clock.days(joined.end - 1)
    # Intervals of one group may meet on a day: as intervals of days they are joined first.
    days = union(Intervals(joined.owner, opens, closes + 1))
    row, day = spread(np.maximum(days.start, first_day[days.owner]), days.end - 1)
    owner = days.owner[row]
    k = (day - first_day[owner]) // rules.length_days
    inside = k < count[owner]
    cell = offset[owner[inside]] + k[inside]
    cell = cell[day[inside] < to_day[cell]]
    return np.bincount(cell, minlength=len(to_day))


def locate(worked: Intervals, clock: Clock, owner: np.ndarray, instants: np.ndarray) -> np.ndarray:
    """The interval of its owner that each record belongs to, -1 where there is none.

    A record belongs to the interval that holds it, or else to one on whose days it falls: the last
    picture is often the end of the deployment itself, and dates tell no hours. `worked` is sorted
    by owner and start and disjoint within an owner, as `union` leaves it.
    """
    if not len(worked.owner) or not len(instants):
        return np.full(len(instants), -1, dtype=np.int64)
    base = min(worked.start.min(), instants.min())
    span = max(worked.end.max(), instants.max()) - base + 2
    keys = worked.owner * span + (worked.start - base)
    before = np.searchsorted(keys, owner * span + (instants - base), side="right") - 1
    out = np.full(len(instants), -1, dtype=np.int64)
    day = clock.days(instants)
    opens, closes = clock.days(worked.start), clock.days(worked.end - 1)
    after = before + 1
    fits = after < len(keys)
    at = np.minimum(after, len(keys) - 1)
    fits &= (worked.owner[at] == owner) & (opens[at] <= day)
    out[fits] = after[fits]
    at = np.maximum(before, 0)
    fits = (before >= 0) & (worked.owner[at] == owner)
    fits &= (instants < worked.end[at]) | (closes[at] >= day)
    out[fits] = before[fits]
    return out
