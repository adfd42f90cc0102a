"""At what hours animals were recorded: a bird of the day at midnight means a clock 12 hours off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from surveys.fieldwork import RECORDER
from surveys.problems import Problem, listing
from surveys.quality.base import Evidence, Section, left_out
from surveys.quality.duplicates import has_hours
from surveys.quality.said import many, percent

NAME, TITLE = "activity", "Hours of activity"
APART = 30 * 60  # seconds between records of one species at one place that are two events
NIGHT = (22, 5)  # from and to, when people are seldom about
FEWEST_EVENTS, FEWEST_PEOPLE = 20, 10
FEWEST_AT_A_PLACE = 8
MOST_SPECIES = 9
GAIN, GAIN_EACH = 10.0, 0.15  # log likelihood by which another hour must fit better
MOST_SHIFTED = 20
SMOOTH = np.array([0.25, 0.5, 0.25])


@dataclass(frozen=True)
class Day:
    """Events of one species by hour."""

    species: str
    hours: np.ndarray  # (24,)

    @property
    def n(self) -> int:
        return int(self.hours.sum())

    @property
    def by_day(self) -> float:
        """Share between 6 and 18 o'clock."""
        return float(self.hours[6:18].sum() / max(self.hours.sum(), 1))


@dataclass(frozen=True, kw_only=True)
class Activity(Section):
    days: tuple[Day, ...] = ()
    people: np.ndarray | None = None
    shifts: pd.DataFrame | None = None  # unit, hours, gain, n
    clock: str = ""


def look(evidence: Evidence) -> Section:
    """Hours of events by species, and places whose hours fit better when shifted."""
    field = evidence.fieldwork
    if field is None or not field.records["time"].notna().any():
        return left_out(NAME, TITLE, "The records have no times of their own.")
    if field.instrument == RECORDER:
        return left_out(
            NAME, TITLE, "Hours of recordings follow the recorders' schedule, not the animals."
        )
    records = field.records[field.records["time"].notna()]
    if not has_hours(records["time"]).any():
        return left_out(NAME, TITLE, "The records have dates and no hours.")
    unit = records["deployment"].where(records["deployment"] != "", records["site"])
    records = records.assign(unit=unit, hour=records["time"].dt.hour)
    events = _events(records[records["species"] != ""])
    people = records[records["reason"].str.contains("human", case=False)]
    of_people = np.bincount(people["hour"], minlength=24) if len(people) else None
    counts = events.groupby(["species", "hour"]).size().unstack(fill_value=0)
    counts = counts.reindex(columns=range(24), fill_value=0)
    counts = counts.loc[counts.sum(axis=1).sort_values(ascending=False, kind="stable").index]
    asked = [s for s in evidence.asked if s in counts.index] or list(counts.index[:MOST_SPECIES])
    days = tuple(Day(str(s), counts.loc[s].to_numpy()) for s in asked)
    shifts = shifted_clocks(events)
    parts = []
    told = [d for d in days if d.n >= FEWEST_EVENTS]
    for name, which in (
        ("by day", [d.species for d in told if d.by_day > 0.8]),
        ("by night", [d.species for d in told if d.by_day < 0.2]),
    ):
        if which:
            parts.append(f"Mostly {name}: {listing(which, 6)}.")
    problems = []
    for row in shifts.itertuples():
        problems.append(_shift_problem(row, field.record_file))
    if len(shifts):
        parts.append(
            f"The hours of {many(len(shifts), 'place')} fit those of the other places better when "
            f"shifted: {listing([f'{r.unit} by {r.hours} h' for r in shifts.itertuples()], 4)}."
        )
    else:
        parts.append("No place has hours that differ from those of the others as a wrong clock's.")
    late = 0
    if of_people is not None and of_people.sum() >= FEWEST_PEOPLE:
        late = int(of_people[NIGHT[0] :].sum() + of_people[: NIGHT[1]].sum())
        parts.append(
            f"{percent(late, of_people.sum())} of {many(of_people.sum(), 'record')} of people are "
            f"between {NIGHT[0]} and {NIGHT[1]} o'clock."
        )
        if late > 0.5 * of_people.sum():
            problems.append(
                Problem(
                    code="W668",
                    level="warn",
                    fact=f"{percent(late, of_people.sum())} of the records of people are at night "
                    f"({NIGHT[0]} to {NIGHT[1]} o'clock)",
                    why="those who set up cameras do it by day: the clocks may be half a day off, "
                    "or in another time zone",
                    cure='compare a picture with its surroundings; [time] zone, or [clock."NAME"] '
                    'shift = "12:00"',
                )
            )
    n = int(counts.to_numpy().sum())
    title = (
        f"{many(len(shifts), 'place')} may have a clock that is hours off"
        if len(shifts)
        else "Hours of activity show no clock that is off"
        if not problems
        else "The hours of people's pictures point to a wrong clock"
    )
    return Activity(
        name=NAME,
        title=title,
        told=f"{many(n, 'event')} of {many(len(counts), 'species', 'species')}, records of one "
        f"species within {APART // 60} minutes at one place counted once. " + " ".join(parts),
        do="Read each panel as someone who knows the animal: a day bird at midnight means a clock "
        "12 hours off, a peak at an odd hour a wrong time zone. Shift the clock of the place, and "
        "read again.",
        numbers={
            "events": n,
            "species": {d.species: d.hours.tolist() for d in days},
            "people": [] if of_people is None else of_people.tolist(),
            "people_at_night": late,
            "shifted": [
                [r.unit, int(r.hours), round(float(r.gain), 1)] for r in shifts.itertuples()
            ],
        },
        problems=tuple(problems),
        days=days,
        people=of_people,
        shifts=shifts,
        clock=field.clock,
    )


def _shift_problem(row, file: str) -> Problem:
    sign = "" if row.hours > 0 else "-"
    return Problem(
        code="W667",
        level="warn",
        fact=f"{file}: the hours at {row.unit} ({many(row.n, 'event')}) fit those of the same "
        f"species elsewhere much better when moved by {row.hours:+d} h",
        file=file,
        why="a clock that is hours off puts records on wrong days and hides activity",
        cure=f'if its pictures agree: [clock."{row.unit}"] shift = "{sign}{abs(row.hours):02d}:00"',
    )


def _events(records: pd.DataFrame) -> pd.DataFrame:
    """The first of the records of one species that follow each other closely at one place."""
    records = records.sort_values(["unit", "species", "time"], kind="stable")
    same = (records["unit"] == records["unit"].shift()) & (
        records["species"] == records["species"].shift()
    )
    gap = records["time"].diff().dt.total_seconds()
    return records[~(same & (gap < APART))]


def shifted_clocks(events: pd.DataFrame) -> pd.DataFrame:
    """Places whose events fit the hours of their species elsewhere only after a shift.

    The likelihood of a place's hours under those of the same species at all other places, smoothed,
    is compared over the 24 shifts. The place that gains most is put right before the next is
    looked for, so that one wrong clock does not cast doubt on the right ones. `hours` is what to
    add to its clock.
    """
    empty = pd.DataFrame({"unit": [], "hours": [], "gain": [], "n": []})
    if not len(events):
        return empty
    species, n_species = pd.factorize(events["species"])[0], events["species"].nunique()
    unit, names = pd.factorize(events["unit"])
    flat = (unit * n_species + species) * 24 + events["hour"].to_numpy()
    cells, n = np.unique(flat, return_counts=True)
    of = cells // (24 * n_species)
    counts = {}
    for u in np.flatnonzero(np.bincount(unit) >= FEWEST_AT_A_PLACE):
        counts[u] = np.zeros((n_species, 24))
        at = slice(*np.searchsorted(of, [u, u + 1]))
        counts[u].ravel()[cells[at] - u * 24 * n_species] = n[at]
    everywhere = np.bincount(species * 24 + events["hour"].to_numpy(), minlength=n_species * 24)
    everywhere = everywhere.reshape(n_species, 24).astype(float)
    rows, open_ = [], list(counts)
    while open_ and len(rows) < MOST_SHIFTED:
        found = [(*_best_shift(counts[u], everywhere - counts[u]), u) for u in open_]
        found = [f for f in found if f[0] > 0]
        if not found:
            break
        gain, best, total, u = max(found)
        hours = best if best <= 12 else best - 24
        rows.append((names[u], hours, gain, total))
        everywhere += np.roll(counts[u], best, axis=1) - counts[u]
        open_ = [f[-1] for f in found if f[-1] != u]
    if not rows:
        return empty
    return pd.DataFrame(rows, columns=["unit", "hours", "gain", "n"])


def _best_shift(mine: np.ndarray, others: np.ndarray) -> tuple[float, int, int]:
    """Gain, shift and number of events of one place; a gain of 0 where no shift is called for."""
    known = (others.sum(axis=1) >= FEWEST_EVENTS) & (mine.sum(axis=1) > 0)
    total = int(mine[known].sum())
    if total < FEWEST_AT_A_PLACE:
        return 0.0, 0, total
    smooth = sum(
        w * np.roll(others[known], k, axis=1) for w, k in zip(SMOOTH, (-1, 0, 1), strict=True)
    )
    log_p = np.log((smooth + 0.5) / (smooth + 0.5).sum(axis=1, keepdims=True))
    fits = np.array([(mine[known] * np.roll(log_p, -k, axis=1)).sum() for k in range(24)])
    best = int(fits.argmax())
    gain = float(fits[best] - fits[0])
    if not 2 <= best <= 22 or gain <= max(GAIN, GAIN_EACH * total):
        return 0.0, 0, total
    return gain, best, total
