"""Tables of deployments or stations: where each camera stood, from when to when, and when not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from surveys import cells
from surveys.ledger import Ledger
from surveys.occasions import Intervals
from surveys.open_table import open_table
from surveys.problems import did_you_mean, first_of, listing, nearest, rows_text
from surveys.readers import roles
from surveys.readers.camera_settings import Settings
from surveys.readers.camera_times import only_dates, tell_bare_days, with_hours, without_time
from surveys.readers.failures import failures, problem_columns
from surveys.readers.offset_times import check_mixed, is_missing, offset_times, on_clock
from surveys.readers.one_table import deployments_of
from surveys.study_file import StudyFile
from surveys.text_table import Table, TableSpec

NEVER = "no camera stood: without dates"
USUAL: dict[str, tuple[str, ...]] = {
    # Where a table has both, a site is often the area that the stations stand in.
    "site": ("station", "site", "placename", "locationid", "location"),
    "deployment": ("deployment", "deployment_id", "deploymentid"),
    "camera": ("camera", "camera_id", "cameraid"),
    "season": ("season", "session"),
    "start": ("start", "setup_date", "start_date", "deploymentstart", "setup", "deployed"),
    "end": ("end", "retrieval_date", "end_date", "deploymentend", "retrieval", "removed"),
}


@dataclass
class Deployments:
    """One deployment a row of its table; times are instants of the study's clock."""

    table: Table
    ids: np.ndarray
    site: np.ndarray
    camera: np.ndarray  # "" where the table does not tell
    season: np.ndarray  # "" where times tell the season
    start: np.ndarray
    end: np.ndarray
    aside: np.ndarray  # why a row is not used, "" where it is
    failures: Intervals = field(default_factory=lambda: Intervals.of([], [], []))
    has_cameras: bool = False
    used_columns: set[str] = field(default_factory=set)

    @property
    def intervals(self) -> Intervals:
        """The deployments, owned by their positions."""
        return Intervals.of(np.arange(len(self.start)), self.start, self.end)

    def find(self, ids: np.ndarray) -> np.ndarray:
        """The position of the deployment of each id, -1 where there is none."""
        first: dict[str, int] = {}
        for i, name in enumerate(self.ids):
            first.setdefault(name, i)
        return np.array([first.get(name, -1) for name in ids], dtype=np.int64)


def column_of(
    table: Table,
    role: str,
    ledger: Ledger,
    usual: Mapping[str, Iterable[str]] = USUAL,
    *,
    needed: bool = False,
) -> str | None:
    """The column of a role: the one that the study file names, else one called as usual."""
    if role in table.spec.columns:
        return roles.named(table, role, ledger)
    found = next((m for name in usual.get(role, (role,)) if (m := table.match(name))), None)
    if found in table.written:  # blanks round a name are told; capitals have many usual forms
        table.taken[found] = found
    if found is None and needed:
        near = did_you_mean(role, table.names)
        ledger.error(
            "E015",
            f'{table.place} has no column for "{role}". It has: {listing(table.names, 12)}.{near}',
            file=table.place,
            cure=f'name it: [{table.spec.section}.columns] {role} = "..."',
        )
    return found


def read_stations(
    study: StudyFile, table: Table, settings: Settings, ledger: Ledger, *, midnights: bool = False
) -> Deployments | None:
    """A table with the first and last day of each camera; None where a fault forbids it.

    `midnights`: whether 00:00:00 is how the source writes a day of which it knows no hour.
    """
    before = len(ledger.of_level("error"))
    found = {
        role: column_of(table, role, ledger, needed=role in ("site", "start", "end"))
        for role in USUAL
    }
    if not len(table):
        ledger.error(
            "E006",
            f"{table.place} has a header and no rows: no camera stood anywhere",
            file=table.place,
            cure="was the export cut short? Export it again",
        )
    if len(ledger.of_level("error")) > before:
        return None
    table, hours = with_hours(table, [str(found["start"]), str(found["end"])])
    site = roles.same_sites(study, cells.ids(table, str(found["site"]), ledger))
    roles.join_capitals(study, table, site, ledger)
    n = len(table)
    blank = np.full(n, "", dtype=object)
    camera = table.text(found["camera"]) if found["camera"] else blank
    by_column = settings.seasons == "column"
    if by_column and not found["season"]:
        _no_seasons(study, table, ledger)
    season = table.text(found["season"]) if by_column and found["season"] else blank.copy()
    pair = (str(found["start"]), str(found["end"]))
    start, end, never = _ends(table, site, pair, settings, ledger, midnights=midnights)
    if by_column and found["season"]:
        blank_season = (season == "") & ~never
        _tell_blank(table, found["season"], blank_season, "write the season of each row", ledger)
    elif found["season"] and settings.seasons == "" and pd.Series(season).nunique() > 0:
        several = len(pd.unique(table.text(found["season"])))
        if several > 1:
            ledger.error(
                "E566",
                f"{table.place}: column {found['season']} tells {several} seasons, and the study "
                "file does not say whether to use them",
                file=table.place,
                column=found["season"],
                cure='[seasons] by = "column" (as that column says) or by = "year"',
            )
    problems = problem_columns(table)
    out = Deployments(
        table,
        ids=_ids(table, found["deployment"], ledger),
        site=site,
        camera=camera,
        season=season,
        start=start,
        end=end,
        aside=np.where(never, NEVER, "").astype(object),
        has_cameras=found["camera"] is not None,
        used_columns={c for c in found.values() if c}
        | {c for p in problems for c in p if c}
        | set(hours),
    )
    out.failures = failures(table, out, problems, settings, ledger)
    return out


def _no_seasons(study: StudyFile, table: Table, ledger: Ledger) -> None:
    ledger.error(
        "E015",
        f'{study.name}: [seasons] by = "column", but {table.place} has no column of seasons. It '
        f"has: {listing(table.names, 12)}",
        file=table.place,
        cure=f'name it: [{table.spec.section}.columns] season = "..."; or [seasons] by = "year"',
    )


def _tell_blank(table: Table, column: str, blank: np.ndarray, cure: str, ledger: Ledger) -> None:
    if blank.any():
        rows = table.rows[blank]
        ledger.error(
            "E514",
            "blank",
            at=table.at(rows, column),
            cure=cure,
        )


def _ids(table: Table, column: str | None, ledger: Ledger) -> np.ndarray:
    if column is None:
        return np.array([f"row {r}" for r in table.rows], dtype=object)
    ids = cells.ids(table, column, ledger)
    tell_twice(table, column, ids, "deployment", ledger)
    return ids


def tell_twice(table: Table, column: str, ids: np.ndarray, what: str, ledger: Ledger) -> None:
    """An id that must be unique and is not."""
    for name, rows in _twice(pd.Series(ids), table.rows):
        ledger.error(
            "E021",
            f'{table.place}: {what} "{name}" is in {rows_text(rows)}',
            file=table.place,
            row=int(rows[1]),
            column=column,
            cure=f"one row a {what}: delete the copy, or give the second its own id",
        )


def _twice(series: pd.Series, rows: np.ndarray) -> list[tuple[str, np.ndarray]]:
    twice = series.duplicated(keep=False).to_numpy()
    return [
        (str(name), rows[twice][(series[twice] == name).to_numpy()])
        for name in pd.unique(series[twice])
    ]


def _ends(
    table: Table,
    site: np.ndarray,
    pair: tuple[str, str],
    settings: Settings,
    ledger: Ledger,
    *,
    midnights: bool,
):
    """First and last instant of each deployment; dates without time as the study file says."""
    beside = [*pair, *(c for p in problem_columns(table) for c in p if c)]
    times = [offset_times(table, c, ledger, beside=beside) for c in pair]
    for each in times:
        check_mixed(table, each, settings.clock, ledger)
    walls = [each.wall for each in times]
    missing = [np.isnat(w) & is_missing(table, c) for c, w in zip(pair, walls, strict=True)]
    never = missing[0] & missing[1]
    for column, gone in zip(pair, missing, strict=True):
        cure = "write the date; of a camera that is gone, the last day on which it worked"
        _tell_blank(table, column, gone & ~never, cure, ledger)
    _tell_never(table, pair, never, ledger)
    half = settings.ends == "half"
    all_bare = only_dates(*walls)
    for i, seconds in enumerate((12 * 3600, 12 * 3600) if half else (0, 24 * 3600)):
        bare = all_bare | without_time(table, pair[i], walls[i], midnights=midnights)
        walls[i] = np.where(bare, walls[i] + np.timedelta64(seconds, "s"), walls[i])
        if not all_bare:
            meaning = f"read as {'noon: half of that day counts' if half else 'the whole day'}"
            tell_bare_days(table, pair[i], bare, meaning, ledger)
    start, end = (
        on_clock(table, replace(each, wall=wall), each.offset, settings.clock, ledger)
        for each, wall in zip(times, walls, strict=True)
    )
    tell_reversed(table, pair, walls, start, end, site, ledger)
    return start, end, never


def _tell_never(table: Table, columns: tuple[str, str], never: np.ndarray, ledger: Ledger) -> None:
    """Rows with neither date: places where no camera worked, which people keep in their lists."""
    if never.any():
        rows = table.rows[never]
        ledger.warn(
            "W514",
            f"neither {columns[0]} nor {columns[1]} is told; no "
            "camera is taken to have stood there, and the "
            f"{'row was' if len(rows) == 1 else 'rows were'} set aside",
            at=table.at(rows),
            column=columns[0],
            cure="write both dates, if a camera worked there",
        )


def tell_reversed(table: Table, columns, walls, start, end, site, ledger: Ledger) -> None:
    """A deployment that ends before it starts, or has no length."""
    known = ~np.isnat(walls[0]) & ~np.isnat(walls[1])
    for i in np.flatnonzero(known & (end <= start)):
        row = int(table.rows[i])
        what = "is before" if end[i] < start[i] else "is the same as"
        ledger.error(
            "E042",
            f'{table.place}, row {row} (site "{site[i]}"): {columns[1]} '
            f"{table.text(columns[1])[i]} {what} "
            f"{columns[0]} {table.text(columns[0])[i]}",
            file=table.place,
            row=row,
            column=columns[1],
            cure="swap or correct them"
            if end[i] < start[i]
            else "write the times too, or delete the row if the camera never worked; where whole "
            'days are meant: [time] ends_without_time = "whole"',
        )


def as_stations(study: StudyFile, site: np.ndarray, deployments: Deployments) -> np.ndarray:
    """Site ids of records with the capitals of the deployments, where the study joins them."""
    if not study.section("sites").get("ignore_case", False):
        return site
    folded = {str(name).casefold(): name for name in pd.unique(deployments.site)}
    return np.array([folded.get(str(name).casefold(), name) for name in site], dtype=object)


def stations_of(
    study: StudyFile, settings: Settings, ledger: Ledger, *, records: TableSpec | None = None
) -> Deployments | None:
    """The table of stations that the study names; it may be that of the records itself."""
    spec = study.table("files.deployments", ledger)
    if spec is None:
        if not study.section("files.deployments").get("path"):
            ledger.error(
                "E510",
                f"{study.name} names no table of deployments, so effort is not known",
                file=study.name,
                why="a day without pictures cannot be told from a day without a camera",
                cure='[files.deployments]\n                  path = "stations.csv"     # site, '
                "start, end of each camera",
            )
        return None
    table = open_table(spec, ledger)
    same = records is not None and (records.path, records.sheet) == (spec.path, spec.sheet)
    if table is not None and records is not None and same:
        table = _each_once(table, records)
    return read_stations(study, table, settings, ledger) if table is not None else None


def _each_once(table: Table, records: TableSpec) -> Table:
    found = {role: column_of(table, role, Ledger()) for role in USUAL}
    if not all(found[role] for role in ("site", "start", "end")):
        return table  # told as what is missing
    keys = [c for r, c in found.items() if c and r != "site"]
    keys += [c for pair in problem_columns(table) for c in pair if c]
    return deployments_of(table, str(found["site"]), keys, records.columns.values())


def tell_unknown_deployments(
    study: StudyFile,
    table: Table,
    column: str,
    unit: np.ndarray,
    at: np.ndarray,
    deployments: Deployments,
    aside: np.ndarray,
    ledger: Ledger,
) -> None:
    """Records of deployments that the table of deployments does not have."""
    lost = at < 0
    if not lost.any():
        return
    if study.section("checks").get("unknown_site") == "drop":
        aside[lost] = "unknown deployment"
        return
    known = list(deployments.ids)
    for name, others in first_of(pd.unique(unit[lost])):
        rows = table.rows[unit == name]
        close = nearest(name, known)
        ledger.error(
            "E055",
            f'{table.place}, {rows_text(rows)}, column {column}: "{name}" is not in '
            f"{deployments.table.file} ({len(known)} ids"
            + (f'; closest "{close}")' if close else ")"),
            file=table.place,
            row=int(rows[0]),
            column=column,
            cure='correct it; or set such records aside: [checks] unknown_site = "drop"',
            others=others,
        )
