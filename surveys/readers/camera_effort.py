"""Deployments, less their failures, in seasons: the effort of each site and its occasions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from surveys.clock import DAY
from surveys.ledger import Ledger
from surveys.occasions import Intervals, Occasions, build, spread, subtract
from surveys.readers.camera_settings import Settings, Window, year_windows
from surveys.readers.deployments import Deployments
from surveys.study_file import StudyFile
from surveys.values import natural


@dataclass
class Effort:
    """What the cameras worked: pieces of deployments in seasons, and the groups they make."""

    pieces: Intervals  # owned by deployments
    season: np.ndarray  # of each piece
    names: list[str]  # of seasons
    first_days: np.ndarray | None
    sites: pd.Index
    group_site: np.ndarray
    group_season: np.ndarray
    occasions: Occasions
    stood: Intervals  # whole deployments in seasons, failures included
    stood_season: np.ndarray


def effort_of(study, settings: Settings, deployments: Deployments, ledger) -> Effort | None:
    left = subtract(deployments.intervals, deployments.failures)
    left = left.take(deployments.aside[left.owner] == "")
    pieces, season, names, first_days = _into_seasons(left, deployments, settings)
    if not len(pieces.owner):
        ledger.error(
            "E121",
            f"{deployments.table.place}: no camera worked on any day of the survey",
            file=deployments.table.place,
            cure="look at the dates, the problem periods and the seasons",
        )
        return None
    if settings.seasons in ("year", "list"):
        _tell_left_out(deployments, left, pieces, ledger)
    codes, sites = pd.factorize(deployments.site)
    key = codes[pieces.owner] * len(names) + season
    groups, piece_group = np.unique(key, return_inverse=True)
    group_site, group_season = groups // len(names), groups % len(names)
    _tell_seasons_that_meet(deployments, pieces, codes, season, names, settings, ledger)
    if isinstance(settings.rules.start, int):
        _check_day(study, settings, pieces, ledger)
    if ledger.of_level("error"):
        return None
    try:
        occasions = build(
            pieces.owned(piece_group),
            settings.clock,
            settings.rules,
            n_group=len(groups),
            season=group_season,
            season_first_day=first_days,
        )
    except ValueError as error:
        ledger.error(
            "E562",
            f"{deployments.table.place}: the deployments make {error}",
            file=deployments.table.place,
            cure="is a year mistyped? Correct it, or take longer occasions",
        )
        return None
    whole = deployments.intervals
    stood, stood_season, *_ = _into_seasons(
        whole.take(deployments.aside[whole.owner] == ""), deployments, settings
    )
    return Effort(
        *(pieces, season, names, first_days, pd.Index(sites), group_site, group_season),
        *(occasions, stood, stood_season),
    )


def _into_seasons(left: Intervals, deployments: Deployments, settings: Settings):
    """Pieces of effort, the season of each, the names of seasons and their first days."""
    if settings.seasons == "column":
        names = sorted(set(deployments.season[deployments.aside == ""]), key=natural)
        code = {name: i for i, name in enumerate(names)}
        season = np.array([code[deployments.season[o]] for o in left.owner], dtype=np.int64)
        return left, season, names, None
    windows: tuple[Window, ...] = settings.windows
    if settings.seasons == "year" and len(left.owner):
        days = settings.clock.days(np.array([left.start.min(), left.end.max() - 1]))
        windows = year_windows(int(days[0]), int(days[1]))
    if not windows:
        return left, np.zeros(len(left.owner), np.int64), ["1"], None
    opens, closes = (
        settings.clock.edges(np.array([getattr(w, name) for w in windows]))
        for name in ("first_day", "end_day")
    )
    low = np.searchsorted(closes, left.start, side="right")
    high = np.searchsorted(opens, left.end, side="left") - 1
    row, season = spread(low, high)
    cut = Intervals(
        left.owner[row],
        np.maximum(left.start[row], opens[season]),
        np.minimum(left.end[row], closes[season]),
    )
    first_days = np.array([w.first_day for w in windows])
    return cut, season, [w.name for w in windows], first_days


def _tell_left_out(deployments: Deployments, left: Intervals, pieces: Intervals, ledger) -> None:
    lost = (left.length.sum() - pieces.length.sum()) / DAY
    gone = np.setdiff1d(np.flatnonzero(deployments.aside == ""), pieces.owner)
    deployments.aside[gone] = "outside all seasons"
    if lost > 0:
        ledger.warn(
            "W571",
            f"{deployments.table.place}: {lost:.6g} camera-days lie outside the seasons and were "
            f"left out ({len(gone)} deployments entirely)",
            file=deployments.table.file,
        )


def _tell_seasons_that_meet(
    deployments: Deployments, pieces, codes, season, names, settings: Settings, ledger: Ledger
) -> None:
    """A site that is in two seasons at one time: its records would belong to both."""
    if settings.seasons != "column":
        return
    owner = codes[pieces.owner]
    order = np.lexsort((pieces.start, owner))
    same = owner[order][1:] == owner[order][:-1]
    other = season[order][1:] != season[order][:-1]
    meets = pieces.start[order][1:] < pieces.end[order][:-1]
    for k in np.flatnonzero(same & other & meets):
        i, j = order[k], order[k + 1]
        rows = deployments.table.rows[[pieces.owner[i], pieces.owner[j]]]
        site = deployments.site[pieces.owner[i]]
        ledger.error(
            "E572",
            f'site "{site}" is in seasons {names[season[i]]} and {names[season[j]]} at one time',
            at=deployments.table.at(rows),
            row=int(rows[1]),
            cure="correct the dates or the seasons",
        )


def _check_day(study: StudyFile, settings: Settings, pieces: Intervals, ledger: Ledger) -> None:
    start, length = int(settings.rules.start), settings.rules.length_days
    ends = settings.clock.days(np.array([pieces.start.min(), pieces.end.max() - 1]))
    first, last = (np.datetime64(int(d), "D") for d in ends)
    shown = np.datetime64(start, "D")
    if start > ends[1]:
        fact = f"is after the last day of the survey, {last}"
    elif start + length <= ends[0]:
        fact = f"is {ends[0] - start} days before the first set-up, {first}"
    else:
        return
    ledger.error(
        "E561",
        f"{study.name}: [occasions] start = {shown} {fact}",
        file=study.name,
        cure='choose a day of the survey, or start = "survey"',
    )
