"""The keys of [ebird]: which checklists are used, what a site is, which visits are kept."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from surveys.ledger import Ledger
from surveys.problems import did_you_mean, listing
from surveys.study_file import StudyFile

PLACE_WORDS = ("locality_id", "latitude", "longitude")
SITE_WORDS = (*PLACE_WORDS, "observer_id", "protocol")
EFFORT_UNITS = {"duration_minutes": "minutes", "effort_distance_km": "km"}
_DAY = re.compile(r"(\d{1,2})-(\d{1,2})")
_DAYS_IN_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass
class Settings:
    """What [ebird] asks for; limits that are None are not asked for."""

    detections_only: bool = False
    incomplete: str = "refuse"
    approved_only: bool = True
    protocols: list[str] = field(default_factory=list)
    min_duration_minutes: float | None = None
    max_duration_minutes: float | None = None
    max_distance_km: float | None = None
    max_observers: int | None = None
    max_speed_kmh: float | None = None
    blank_effort: str = "drop"
    years: tuple[int, int] | None = None
    days: tuple[int, int] | None = None  # month x 100 + day, both ends used
    box: tuple[float, float, float, float] | None = None
    where: dict[str, list[str]] = field(default_factory=dict)
    site: list[str] = field(default_factory=lambda: ["locality_id", "observer_id"])
    grid_km: float | None = None
    closure: str = "year"
    closure_as: str = "site"
    n_days: int | None = None
    blocks: str = "exact"
    observers: str = "sorted"
    min_obs: int = 2
    max_obs: int | None = 10
    draw: str = "random"
    seed: int = 1
    names: str = "scientific"
    effort: str = "checklists"

    @property
    def place(self) -> list[str]:
        """The words of a site that name its place; all the rest tells who went, and how."""
        return [w for w in self.site if w in PLACE_WORDS]


def settings_of(study: StudyFile, ledger: Ledger) -> Settings:
    """The settings of a study; what cannot be meant is told to the ledger."""
    keys = study.section("ebird")
    told = {k: v for k, v in keys.items() if k not in ("years", "days", "box", "max_obs")}
    settings = Settings(**told)
    settings.years = _pair(study, "years", keys.get("years"), ledger)
    settings.days = _days(study, keys.get("days"), ledger)
    settings.box = _box(study, keys.get("box"), ledger)
    most = keys.get("max_obs", 10)
    settings.max_obs = most if most > 0 else None
    _check(study, settings, ledger)
    return settings


def _wrong(study: StudyFile, key: str, fact: str, cure: str, ledger: Ledger) -> None:
    ledger.error("E405", f"{study.name}: [ebird] {key} {fact}", file=study.name, cure=cure)


def _check(study: StudyFile, settings: Settings, ledger: Ledger) -> None:
    if not settings.site:
        _wrong(study, "site", "names nothing", 'site = ["locality_id"]', ledger)
    for word in settings.site:
        if word not in SITE_WORDS:
            _wrong(
                study,
                "site",
                f'names "{word}".{did_you_mean(word, SITE_WORDS)}',
                f"use some of {listing(SITE_WORDS, 9)}",
                ledger,
            )
    if not settings.place:
        _wrong(
            study,
            "site",
            "names no place",
            'add "locality_id", or "latitude" and "longitude"',
            ledger,
        )
    if settings.grid_km is not None and not 0.01 <= settings.grid_km <= 5000:
        _wrong(study, "grid_km", f"is {settings.grid_km:g}", "0.01 to 5000 km", ledger)
    if settings.closure == "days" and settings.n_days is None:
        _wrong(study, "closure", 'is "days"', "say how many: n_days = 30", ledger)
    for key in ("n_days", "min_obs"):
        value = getattr(settings, key)
        if value is not None and value < 1:
            _wrong(study, key, f"is {value}; it must be 1 or more", f"{key} = 2", ledger)
    most = settings.max_obs
    if most is not None and most < settings.min_obs:
        _wrong(
            study, "max_obs", f"is {most}, below min_obs", "0 keeps all visits of a site", ledger
        )
    for key in ("min_duration_minutes", "max_duration_minutes", "max_distance_km"):
        value = getattr(settings, key)
        if value is not None and not 0 <= value < 1e9:
            _wrong(study, key, f"is {value:g}", "a length or time cannot be so", ledger)
    for key in ("max_observers", "max_speed_kmh"):
        value = getattr(settings, key)
        if value is not None and not 0 < value < 1e9:
            _wrong(study, key, f"is {value:g}", "it must be above 0", ledger)


def _pair(study: StudyFile, key: str, told: Any, ledger: Ledger) -> tuple[int, int] | None:
    if told is None:
        return None
    whole = isinstance(told, list) and all(type(v) is int for v in told)
    if not whole or len(told) != 2 or not 1 <= told[0] <= told[1] <= 9999:
        _wrong(study, key, "must be the first and the last", f"{key} = [2015, 2024]", ledger)
        return None
    return told[0], told[1]


def _days(study: StudyFile, told: Any, ledger: Ledger) -> tuple[int, int] | None:
    if told is None:
        return None
    found = []
    for text in told if isinstance(told, list) else []:
        match = _DAY.fullmatch(text) if isinstance(text, str) else None
        month, day = (int(match[1]), int(match[2])) if match else (0, 0)
        if 1 <= month <= 12 and 1 <= day <= _DAYS_IN_MONTH[month - 1]:
            found.append(month * 100 + day)
    if len(found) != 2 or len(told) != 2:
        _wrong(
            study,
            "days",
            "must be the first and the last day of each year, month first",
            'days = ["05-15", "07-10"]',
            ledger,
        )
        return None
    return found[0], found[1]


def _box(study: StudyFile, told: Any, ledger: Ledger) -> tuple[float, float, float, float] | None:
    if told is None:
        return None
    numbers = isinstance(told, list) and all(type(v) in (int, float) for v in told)
    if numbers and len(told) == 4:
        west, south, east, north = (float(v) for v in told)
        if -180 <= west <= 180 and -180 <= east <= 180 and -90 <= south < north <= 90:
            return west, south, east, north
    _wrong(
        study,
        "box",
        "must be west, south, east and north in degrees",
        "box = [103.6, 1.2, 104.1, 1.5]",
        ledger,
    )
    return None
