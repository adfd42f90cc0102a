"""What a study file says of time, occasions, seasons and cameras, as the plain rules it means."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from surveys.clock import DAY, Clock
from surveys.ledger import Ledger
from surveys.occasions import Rules
from surveys.study_file import StudyFile
from surveys.values import as_seasons

# Sections that every format of cameras uses; each has one of its own name beside them.
SECTIONS = ("time", "clock", "occasions", "seasons", "cameras")
# Units of effort, in days of 24 hours; the nights and days of the field are whole days too.
UNITS: dict[str, float] = {
    **dict.fromkeys(("minutes", "minute", "camera minutes"), 1 / 1440),
    **dict.fromkeys(("hours", "hour", "camera hours"), 1 / 24),
    **dict.fromkeys(("days", "day", "trap days", "camera days", "site days"), 1.0),
    **dict.fromkeys(("nights", "trap nights", "camera nights"), 1.0),
    **dict.fromkeys(("weeks", "week", "camera weeks"), 7.0),
}
_SHIFT = re.compile(
    r"(?P<sign>[+-])?\s*(?:(?P<days>\d{1,6})\s*d(?:ays?)?)?\s*"
    r"(?:(?P<hours>\d{1,2}):(?P<minutes>[0-5]\d)(?::(?P<seconds>[0-5]\d))?)?"
)


@dataclass(frozen=True)
class Window:
    """A season as a stretch of days, half-open."""

    name: str
    first_day: int
    end_day: int


@dataclass(frozen=True)
class Settings:
    """The rules of one study of cameras."""

    clock: Clock
    rules: Rules
    ends: str  # "half" or "whole": what a date without time means
    seasons: str  # "", "year", "column" or "list"
    windows: tuple[Window, ...] = ()
    unit: str = "days"
    drop_before: np.datetime64 | None = None
    shifts: dict[str, int] = field(default_factory=dict)  # site or deployment -> seconds
    independence_minutes: float = 0.0
    independence: str = "last record"
    count: str = ""  # "individuals", "records" or "": what the source counts
    combine_told: str = ""  # what the study file itself says, "union", "sum" or ""

    @property
    def unit_days(self) -> float:
        """Days of 24 hours in one unit of effort."""
        return UNITS[self.unit.casefold()]


def settings_of(study: StudyFile, ledger: Ledger, *, ends: str = "half") -> Settings:
    """The settings of a study; what cannot be meant is an error in the ledger."""
    time, keys = study.section("time"), study.section("occasions")
    cameras = study.section("cameras")
    clock = Clock()
    try:
        clock = Clock.of(time.get("zone", ""), time.get("day_starts", "00:00"))
    except ValueError as error:
        ledger.error(
            "E560",
            f"{study.name}: [time] {error}",
            file=study.name,
            cure='zone = "UTC+01:00" (cameras seldom follow summer time) or "Europe/Brussels"; '
            'day_starts = "12:00"',
        )
    for name, least in (
        *(("length_days", 1), ("skip_days", 0), ("max_days", 1), ("min_effort_days", 0)),
    ):
        if keys.get(name, least) < least:
            _wrong(study, "occasions", name, keys[name], f"{least} or more", ledger)
    if cameras.get("independence_minutes", 0) < 0:
        shown = cameras["independence_minutes"]
        _wrong(study, "cameras", "independence_minutes", shown, "0 or more", ledger)
    if "independence" in cameras and not cameras.get("independence_minutes"):
        ledger.error(
            "E408",
            f"{study.name}: [cameras] independence has no effect without independence_minutes",
            file=study.name,
            cure="[cameras] independence_minutes = 60",
        )
    unit = study.section("effort").get("unit", "days")
    if unit.casefold() not in UNITS:
        _wrong(study, "effort", "unit", unit, "one of " + ", ".join(UNITS), ledger)
        unit = "days"
    how, windows = _seasons(study, ledger)
    drop_before = time.get("drop_before")
    return Settings(
        clock=clock,
        rules=Rules(
            length_days=keys.get("length_days", 7),
            start=_start(study, keys.get("start", "survey"), how, ledger),
            combine=cameras.get("combine", "union"),
            min_effort_days=float(keys.get("min_effort_days", 0.0)),
            incomplete=keys.get("incomplete", "keep"),
            skip_days=keys.get("skip_days", 0),
            max_days=keys.get("max_days"),
        ),
        ends=time.get("ends_without_time", ends),
        seasons=how,
        windows=windows,
        unit=unit,
        drop_before=None
        if drop_before is None
        else _day(study, "time", "drop_before", drop_before, ledger),
        shifts=_shifts(study, ledger),
        independence_minutes=float(cameras.get("independence_minutes", 0)),
        independence=cameras.get("independence", "last record"),
        count=cameras.get("count", ""),
        combine_told=cameras.get("combine", ""),
    )


def year_windows(first_day: int, last_day: int) -> tuple[Window, ...]:
    """Calendar years that hold some days."""
    first, last = (_as_day(d).astype("datetime64[Y]").astype(int) for d in (first_day, last_day))
    years = np.arange(first, last + 2).astype("datetime64[Y]")
    edges = years.astype("datetime64[D]").astype(int)
    return tuple(
        Window(str(year), int(a), int(b))
        for year, a, b in zip(years[:-1], edges[:-1], edges[1:], strict=True)
    )


def _as_day(number: int) -> np.datetime64:
    return np.datetime64(int(number), "D")


def _wrong(study: StudyFile, section: str, key: str, value: Any, wanted: str, ledger: Ledger):
    shown = f'"{value}"' if isinstance(value, str) else value
    ledger.error(
        "E405",
        f"{study.name}: [{section}] {key} is {shown}; it must be {wanted}",
        file=study.name,
    )


def _day(study: StudyFile, section: str, key: str, value: Any, ledger: Ledger) -> np.datetime64:
    if isinstance(value, dt.datetime):
        value = value.replace(tzinfo=None)
    try:
        return np.datetime64(str(value).strip()[:10], "D")
    except ValueError:
        _wrong(study, section, key, value, "a date, such as 2014-10-22", ledger)
        return np.datetime64("1970-01-01", "D")


def _start(study: StudyFile, value: Any, seasons: str, ledger: Ledger):
    if value in ("survey", "site", "season"):
        if value == "season" and seasons not in ("year", "list"):
            ledger.error(
                "E561",
                f'{study.name}: [occasions] start = "season", but no season has a first day',
                file=study.name,
                cure='[seasons] by = "year", or list them: [[seasons.list]] name, from, to',
            )
            return "survey"
        return value
    wanted = '"survey", "site", "season" or a date'
    if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        _wrong(study, "occasions", "start", value, wanted, ledger)
        return "survey"
    if seasons:
        ledger.error(
            "E561",
            f"{study.name}: [occasions] start is one day, but there are several seasons",
            file=study.name,
            cure='start = "survey" (the first set-up of each season), "site" or "season"',
        )
    return int(_day(study, "occasions", "start", value, ledger).astype(int))


def _seasons(study: StudyFile, ledger: Ledger) -> tuple[str, tuple[Window, ...]]:
    keys = study.section("seasons")
    listed = keys.get("list", [])
    if listed and "by" in keys:
        ledger.error(
            "E561",
            f"{study.name}: [seasons] has both by and a list; one of them tells the seasons",
            file=study.name,
        )
    if not listed:
        return keys.get("by", ""), ()
    windows = []
    for entry in listed:
        if {"name", "from", "to"} - set(entry):
            ledger.error(
                "E561",
                f"{study.name}: a season of [[seasons.list]] lacks "
                f"{', '.join(sorted({'name', 'from', 'to'} - set(entry)))}",
                file=study.name,
                cure="[[seasons.list]]\n                  name = 2021\n"
                "                  from = 2021-04-01\n                  to = 2021-09-30",
            )
            continue
        first, last = (
            int(_day(study, "seasons.list", k, entry[k], ledger).astype(int))
            for k in ("from", "to")
        )
        name = str(as_seasons([entry["name"]])[0])
        if last < first:
            _wrong(study, "seasons.list", "to", entry["to"], "the day of from, or later", ledger)
        windows.append(Window(name, first, last + 1))
    windows.sort(key=lambda w: w.first_day)
    for one, other in pairwise(windows):
        if other.first_day < one.end_day or one.name == other.name:
            ledger.error(
                "E561",
                f'{study.name}: the seasons "{one.name}" and "{other.name}" of [[seasons.list]] '
                "overlap or have one name",
                file=study.name,
                cure="a day belongs to one season; leave gaps between them if you like",
            )
    return "list", tuple(windows)


def _shifts(study: StudyFile, ledger: Ledger) -> dict[str, int]:
    out = {}
    for name, keys in study.section("clock").items():
        text = str(keys.get("shift", "")).strip()
        match = _SHIFT.fullmatch(text)
        if match is None or not (match["days"] or match["hours"]):
            wanted = 'such as "+01:00", "-00:05:30" or "3650 days 02:00"'
            _wrong(study, f'clock."{name}"', "shift", text, wanted, ledger)
            continue
        days, hours, minutes, seconds = (
            int(match[k] or 0) for k in ("days", "hours", "minutes", "seconds")
        )
        total = days * DAY + hours * 3600 + minutes * 60 + seconds
        out[name] = -total if match["sign"] == "-" else total
    return out
