"""Deployments and records to visits: occasions with effort, records in them, every row accounted.

Every reader of cameras ends here. A record is used where its occasion is a visit; a record on a
day without effort proves that something is wrong with times or sites, and is set aside and told.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from surveys import cells, dates
from surveys.clock import DAY
from surveys.ledger import Ledger
from surveys.occasions import Intervals, Occasions, build, locate, spread, subtract, union
from surveys.problems import listing
from surveys.readers import long_visits, roles
from surveys.readers.camera_records import (
    OUTSIDE,
    Records,
    check_clocks,
    counted,
    tell_set_aside,
)
from surveys.readers.camera_settings import Settings, Window, year_windows
from surveys.readers.camera_sites import sites_of
from surveys.readers.deployments import Deployments, tell_overlaps
from surveys.readers.tidy import Tidy
from surveys.study_file import StudyFile
from surveys.text_table import rows_text
from surveys.values import as_seasons, natural

CAMERA_DAYS = "camera_days"


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


def tidy_of(
    study: StudyFile,
    settings: Settings,
    deployments: Deployments,
    records: Records | None,
    ledger: Ledger,
    *,
    covariates: list[str],
) -> Tidy | None:
    """The visits, records and sites of a study of cameras; None where a fault forbids it."""
    _refuse_visit_covariates(study, ledger)
    if not ledger.of_level("error"):
        tell_overlaps(deployments, settings, ledger)
    sites, site_tables = sites_of(study, deployments, covariates, ledger)
    if sites is None or ledger.of_level("error"):
        return None
    effort = _effort(study, settings, deployments, ledger)
    if effort is None:
        return None
    visits = _visits(settings, deployments, effort, ledger)
    used = np.zeros(0, dtype=int)
    frame = pd.DataFrame({"site": [], "season": [], "visit": [], "species": [], "row": []})
    if records is not None:
        check_clocks(records, int(effort.pieces.start.min()), settings, ledger)
        if ledger.of_level("error"):
            return None
        frame = _used_records(study, settings, deployments, records, effort, ledger)
        tell_set_aside(records, ledger)
        used = frame["at"].unique()
        values = counted(frame, records, settings, ledger)
        frame = frame.assign(file=records.table.file, n_records=1.0, detection=1.0)
        frame = frame.drop(columns="count")
        if values is not None:
            frame["count"] = values
        _account(records, used, ledger)
        for table in (records.table, deployments.table):
            roles.tell_loose_names(table, ledger)
            cells.tell_decimals(table, ledger)
    long_visits.account(deployments.table, deployments.table.frame, deployments.aside, ledger)
    sites = _visited(deployments, sites, visits, ledger)
    told = study.section("study").get("species", [])
    told = [told] if isinstance(told, str) else list(told)
    species = sorted({*frame["species"], *told} - {""}) or ["species"]
    seen = visits["season"].unique()
    units = {CAMERA_DAYS: "days", long_visits.DAY: "day of the year"}
    keep = ["at", "unit_site", "cell", "instant"]
    return Tidy(
        visits=visits,
        records=frame.drop(columns=[c for c in keep if c in frame]).reset_index(drop=True),
        sites=sites,
        species=species,
        seasons=list(as_seasons([n for n in effort.names if n in set(seen)])) or [1],
        tables=[*([records.table] if records is not None else []), deployments.table, *site_tables],
        units=units,
        long_names={CAMERA_DAYS: "days that cameras worked"},
        missing={CAMERA_DAYS: "refuse", long_visits.DAY: "refuse"},
        has_effort=True,
        effort_units=settings.unit,
        clock=settings.clock.name,
    )


def _refuse_visit_covariates(study: StudyFile, ledger: Ledger) -> None:
    for name, keys in study.section("visit_covariates").items():
        if name not in (CAMERA_DAYS, long_visits.DAY) or "path" in keys:
            ledger.error(
                "E517",
                f"{study.name}: [visit_covariates.{name}]: occasions of cameras have the visit "
                f"covariates {CAMERA_DAYS} and {long_visits.DAY}, and no others are read",
                file=study.name,
                cure="what changes between seasons can stand in [season_covariates]",
            )


# --- effort ------------------------------------------------------------------------------------


def _effort(study, settings: Settings, deployments: Deployments, ledger) -> Effort | None:
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
    for k in np.flatnonzero(same & other & meets)[:20]:
        i, j = order[k], order[k + 1]
        rows = deployments.table.rows[[pieces.owner[i], pieces.owner[j]]]
        site = deployments.site[pieces.owner[i]]
        ledger.error(
            "E572",
            f'{deployments.table.place}, {rows_text(rows)}: site "{site}" is in '
            f"seasons {names[season[i]]} and {names[season[j]]} at one time",
            file=deployments.table.place,
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


# --- visits ------------------------------------------------------------------------------------


def _visits(settings: Settings, deployments: Deployments, effort: Effort, ledger) -> pd.DataFrame:
    found = effort.occasions
    site = effort.sites.to_numpy()[effort.group_site]
    season = np.array(effort.names, dtype=object)[effort.group_season]
    lost = np.flatnonzero(~found.kept & (found.effort > 0))
    if len(lost):
        several = len(effort.names) > 1
        places = [
            f'site "{site[found.group[i]]}", visit {found.number[i] + 1}'
            + (f" of {season[found.group[i]]}" if several else "")
            for i in lost[:20]
        ]
        ledger.cells("too little effort: no visit", deployments.table.file, len(lost), places)
    kept = np.flatnonzero(found.kept)
    days = found.effort_days[kept]
    start = settings.clock.local(found.start[kept])
    return pd.DataFrame(
        {
            "site": site[found.group[kept]],
            "season": season[found.group[kept]],
            "visit": found.number[kept] + 1,
            "effort": days / settings.unit_days,
            "start": start,
            "end": settings.clock.local(found.end[kept]),
            CAMERA_DAYS: days,
            long_visits.DAY: dates.day_of_year(start),
        }
    )


def _visited(deployments: Deployments, sites: pd.DataFrame, visits, ledger) -> pd.DataFrame:
    """Sites with a visit in some season; the others are told and stay out."""
    have = set(visits["site"])
    lost = [s for s in sites["site"] if s not in have]
    if lost:
        told = "site has no visit and stays" if len(lost) == 1 else "sites have no visit and stay"
        ledger.warn(
            "W563",
            f"{deployments.table.place}: {len(lost)} {told} out ({listing(lost, 3)})",
            file=deployments.table.file,
            why="no camera worked there, or no occasion had enough effort",
        )
    return sites[sites["site"].isin(have)].reset_index(drop=True)


# --- records -----------------------------------------------------------------------------------


def _used_records(
    study, settings: Settings, deployments: Deployments, records: Records, effort: Effort, ledger
) -> pd.DataFrame:
    """The records that lie in visits; the rows of all others get their reason."""
    unit_of, unit = _units(deployments, records, effort)
    n = len(effort.names)
    joined, season = _by_unit(effort.stood, unit_of, effort.stood_season, n)
    asked = np.flatnonzero((records.aside == "") & (unit >= 0))
    hit = np.full(len(unit), -1, dtype=np.int64)
    hit[asked] = locate(joined, settings.clock, unit[asked], records.instant[asked])
    outside = asked[hit[asked] < 0]
    records.aside[outside] = OUTSIDE
    _tell_outside(settings, deployments, records, joined, unit, hit, outside, ledger)
    inside = asked[hit[asked] >= 0]
    site = unit[inside]
    if records.linked:
        site = effort.sites.get_indexer(pd.Index(deployments.site[site]))
    keys = pd.Index(effort.group_site * n + effort.group_season)
    group = keys.get_indexer(pd.Index(site * n + season[hit[inside]]))
    idle = inside[group < 0]
    records.aside[idle] = "occasion with too little effort"
    inside, group = inside[group >= 0], group[group >= 0]
    cell = np.full(len(unit), -1, dtype=np.int64)
    cell[inside] = effort.occasions.of(group, records.instant[inside])
    before = inside[cell[inside] < 0]
    records.aside[before] = "before the first occasion or after the last"
    held = inside[cell[inside] >= 0]
    worked, _ = _by_unit(effort.pieces, unit_of, effort.season, n)
    _tell_in_failures(settings, deployments, records, worked, unit, inside, ledger)
    thin = held[~effort.occasions.kept[cell[held]]]
    records.aside[thin] = "occasion with too little effort"
    _tell_silence(deployments, records, joined, inside, settings, ledger)
    frame = records.frame
    free = (frame["reason"] == "").to_numpy() & (records.aside[frame["at"]] == "")
    frame = frame[free].reset_index(drop=True)
    at = frame["at"].to_numpy(dtype=np.int64)
    frame["cell"] = cell[at]
    frame["instant"] = records.instant[at]
    found = effort.occasions
    groups = found.group[frame["cell"]]
    frame["site"] = effort.sites.to_numpy()[effort.group_site[groups]]
    frame["unit_site"] = frame["site"]
    frame["season"] = np.array(effort.names, dtype=object)[effort.group_season[groups]]
    frame["visit"] = found.number[frame["cell"]] + 1
    frame["row"] = records.table.rows[at]
    return frame.drop(columns="reason")


def _units(deployments: Deployments, records: Records, effort: Effort):
    """What records are matched by: the site of a deployment, or the deployment itself."""
    if records.linked:
        index = pd.Index(deployments.ids)
        return np.arange(len(index)), index.get_indexer(pd.Index(records.unit))
    codes = effort.sites.get_indexer(pd.Index(deployments.site))
    return codes, effort.sites.get_indexer(pd.Index(records.unit))


def _by_unit(pieces: Intervals, unit_of: np.ndarray, season: np.ndarray, n: int):
    """Disjoint intervals of each unit in the order of time, and the season of each."""
    joined = union(pieces.owned(unit_of[pieces.owner] * n + season))
    of = joined.owner % n
    joined = joined.owned(joined.owner // n)
    order = np.lexsort((joined.start, joined.owner))
    return joined.take(order), of[order]


def _tell_in_failures(
    settings: Settings, deployments, records: Records, worked, unit, inside, ledger
) -> None:
    """Records on days that a problem period takes whole: the camera did work then."""
    at = locate(worked, settings.clock, unit[inside], records.instant[inside])
    odd = inside[at < 0]
    if len(odd):
        table = records.table
        ledger.warn(
            "W574",
            f"{table.place}: {len(odd)} {'row lies' if len(odd) == 1 else 'rows lie'} in a problem "
            f"period of {deployments.table.file} ({rows_text(table.rows[odd], 3)}); "
            "used where the occasion has effort on other days",
            file=table.file,
            row=int(table.rows[odd[0]]),
            why="a record proves that the camera worked",
            cure="let the problem begin after the last record, with its time of day",
        )


def _tell_outside(
    settings: Settings, deployments, records: Records, joined, unit, hit, outside, ledger
) -> None:
    """Records while no camera worked, and those outside its hours on a day of effort."""
    table = records.table
    at = np.flatnonzero(hit >= 0)
    late = at[
        (records.instant[at] >= joined.end[hit[at]]) | (records.instant[at] < joined.start[hit[at]])
    ]
    if len(late):
        n = len(late)
        ledger.warn(
            "W041",
            f"{table.place}: {n} {'row is' if n == 1 else 'rows are'} before or after the hours of "
            f"their deployment in {deployments.table.file}, but on a day of it; they were used",
            file=table.file,
            row=int(table.rows[late[0]]),
        )
    if not len(outside):
        return
    spans = pd.DataFrame({"unit": joined.owner, "start": joined.start, "end": joined.end})
    spans = spans.groupby("unit").agg({"start": "min", "end": "max"})
    mine = spans.reindex(unit[outside])
    when = records.instant[outside]
    off = np.maximum(mine["start"].to_numpy() - when, when - mine["end"].to_numpy()) / DAY
    far = np.nanmax(off) if np.isfinite(off).any() else np.nan
    row = (
        int(table.rows[outside[int(np.nanargmax(off))]])
        if np.isfinite(far)
        else int(table.rows[outside[0]])
    )
    reach = f", up to {far:.3g} days off" if np.isfinite(far) and far > 0 else ""
    share = len(outside) / max(int((records.aside == "").sum()) + len(outside), 1)
    ledger.warn(
        "W049",
        f"{table.place}: {len(outside)} rows ({rows_text(table.rows[outside], 3)}) lie on days "
        f"without effort{reach}; they were set aside",
        file=table.file,
        row=row,
        why="a record proves that a camera worked: either its time or the effort is wrong"
        + (f" ({share:.0%} of all rows: are the clocks right?)" if share > 0.2 else ""),
        cure="correct the clock, [clock.SITE] shift, or the deployments",
    )


def _tell_silence(deployments, records: Records, joined, inside, settings, ledger) -> None:
    """Effort that goes on long after the last record of anything."""
    if not len(inside):
        return
    last, end = records.instant[inside].max(), joined.end.max()
    span = (end - joined.start.min()) / DAY
    quiet = (end - last) / DAY
    if quiet > max(14, span / 5):
        day = str(settings.clock.local(np.array([last]))[0])[:10]
        ledger.warn(
            "W564",
            f"{records.table.place}: nothing was recorded anywhere in the last {quiet:.0f} of "
            f"{span:.0f} days of effort (the last record is of {day})",
            file=records.table.file,
            why="if the pictures of that time were never looked at, its zeros are no zeros",
            cure="end the deployments with the pictures that were looked at, or add the records",
        )


def _account(records: Records, used: np.ndarray, ledger: Ledger) -> None:
    """Every row of the records is used or set aside by one rule."""
    aside = records.aside.copy()
    counts = np.zeros(len(aside), dtype=bool)
    counts[used.astype(np.int64)] = True
    first = records.frame.drop_duplicates("at").set_index("at")["reason"]
    open_rows = np.flatnonzero((aside == "") & ~counts)
    aside[open_rows] = [first.get(i, "no record") or "no record" for i in open_rows]
    aside[counts] = ""
    # What is no species is told as such, wherever it lies.
    no_species = ~counts & np.isin(np.arange(len(aside)), first.index[first != ""].to_numpy())
    aside[no_species] = [first[i] for i in np.flatnonzero(no_species)]
    long_visits.account(records.table, records.table.frame, aside, ledger)
