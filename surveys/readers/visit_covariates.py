"""Covariates of visits: from columns name.1 to name.J, or from tables laid out like detections."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from surveys import cells, dates
from surveys.ledger import Ledger
from surveys.open_table import open_table
from surveys.problems import listing, rows_text
from surveys.readers import roles, visit_columns
from surveys.readers.visit_columns import VisitColumn
from surveys.schema import RESERVED
from surveys.study_file import StudyFile
from surveys.text_table import Table

TAKEN = RESERVED | {"visit_id", "start", "end", "file", "row", "season_covariates"}


@dataclass
class Layout:
    """How cells of a wide table map to (site, season, visit)."""

    sites: list[str]
    seasons: list[Any]
    columns: Sequence[VisitColumn]
    season_column: bool  # the season stands in a column, not in the header
    n_visit: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Sites, seasons, visits."""
        return len(self.sites), len(self.seasons), self.n_visit

    def place(self, column: VisitColumn, position: int) -> tuple[int | None, int]:
        """Season (None: by row) and visit index of a column."""
        if column.season is None:
            return (None if self.season_column else 0), position
        return self.seasons.index(column.season), column.visit - 1


@dataclass
class Cube:
    """Values over (site, season, visit) and the row of the file each site and season came from."""

    values: np.ndarray
    rows: np.ndarray  # (site, season) row number, 0 where the file has none
    table: Table
    columns: list[str]
    dates: np.ndarray | None = None
    units: str = ""
    policies: dict[str, str] = field(default_factory=dict)


def cube_of(
    table: Table,
    names: Sequence[str],
    layout: Layout,
    site_at: np.ndarray,
    season_at: np.ndarray | None,
    keys: dict[str, Any],
    ledger: Ledger,
    missing: Sequence[str] = (),
) -> Cube:
    """Cells of the columns `names` (one for each visit column of the layout) as a cube."""
    kind = keys.get("type")
    pooled = [v for name in names for v in pd.unique(table.text(name))]
    as_dates = kind is None and dates.are_dates(pooled)
    if kind is None and not as_dates:
        votes = [cells.is_numeric(table, name, missing) for name in names]
        kind = "number" if sum(votes) * 2 >= len(votes) else "factor"
    day = np.full(layout.shape, np.datetime64("NaT", "s"))
    values = (
        np.full(layout.shape, "", object) if kind == "factor" else np.full(layout.shape, np.nan)
    )
    rows = np.zeros(layout.shape[:2], dtype=np.int64)
    known = site_at >= 0
    for position, (column, name) in enumerate(zip(layout.columns, names, strict=True)):
        season, visit = layout.place(column, position)
        at_season = np.full(len(table), season or 0)
        if season is None and season_at is not None:
            at_season = season_at
        keep = known & (at_season >= 0)
        where = (site_at[keep], at_season[keep], np.full(int(keep.sum()), visit))
        rows[where[:2]] = table.rows[keep]
        if as_dates:
            day[where] = dates.dates(table, name, ledger, beside=names)[keep]
        elif kind == "factor":
            values[where] = cells.words(table, name, ledger, missing=missing)[keep]
        else:
            values[where] = cells.numbers(table, name, ledger, missing=missing)[keep]
    units = keys.get("units", "")
    if as_dates:
        values, units = dates.day_of_year(day), units or "day of the year"
    return Cube(values, rows, table, list(names), day if as_dates else None, units)


def own_table(
    study: StudyFile,
    name: str,
    keys: dict[str, Any],
    layout: Layout,
    ledger: Ledger,
) -> Cube | None:
    """A covariate from its own table: the same sites in rows, the same visits in columns."""
    section = f"visit_covariates.{name}"
    spec = study.table(section, ledger)
    if spec is None:
        return None
    detections = study.section("files.detections").get("columns", {})
    asked = {r: detections[r] for r in ("site", "season") if r in detections}
    spec = _with_columns(spec, asked)
    table = open_table(spec, ledger)
    if table is None:
        return None
    if "site" in asked and table.match(asked["site"]) is None and table.match("site"):
        table.spec = _with_columns(spec, asked | {"site": "site"})  # called so here alone
    site = roles.named(table, "site", ledger)
    if site is None:
        if "site" not in asked:
            ledger.error(
                "E015",
                f'{table.place} has no column "site". It has: {listing(table.names, 12)}',
                file=table.place,
                cure="lay the table out like the detections: site, then one column for each visit",
            )
        return None
    names = _names_in(table, layout, keys.get("column", ""), ledger)
    if names is None:
        return None
    ids = roles.same_sites(study, cells.ids(table, site, ledger))
    index = {s: i for i, s in enumerate(layout.sites)}
    if study.section("sites").get("ignore_case"):
        folded = {s.casefold(): i for s, i in index.items()}
        site_at = np.array([index.get(s, folded.get(s.casefold(), -1)) for s in ids], dtype=int)
    else:
        site_at = np.array([index.get(s, -1) for s in ids], dtype=int)
    season_at = None
    if layout.season_column:
        season = roles.named(table, "season", ledger)
        if season is None:
            ledger.error(
                "E015",
                f'{table.place} has no column "season", which the detections have',
                file=table.place,
            )
            return None
        seasons = {str(s): i for i, s in enumerate(layout.seasons)}
        season_at = np.array([seasons.get(s, -1) for s in table.text(season)], dtype=int)
    used = site_at >= 0
    twice = pd.DataFrame({"site": site_at, "season": 0 if season_at is None else season_at})
    doubled = twice.duplicated(keep=False).to_numpy() & used
    if doubled.any():
        ledger.error(
            "E021",
            "a site has more than one row",
            at=table.at(table.rows[doubled]),
            cure="one row for each site (and season)",
        )
        return None
    if not used.any():
        ledger.error(
            "E022",
            f'{table.place}: none of its sites ("{ids[0]}" ...) is a site of the detections '
            f'("{layout.sites[0]}" ...)',
            file=table.place,
            cure="write the site ids alike in both files, or map them in [sites.alias]",
        )
        return None
    if not used.all():
        ledger.set_aside(
            "site without detections table row", table.file, table.rows[~used], ids[~used]
        )
    cube = cube_of(table, names, layout, site_at, season_at, keys, ledger, _missing_words(study))
    ledger.read(table.file, len(table))
    ledger.use(table.file, int(used.sum()))
    roles.tell_loose_names(table, ledger)
    cells.tell_decimals(table, ledger)
    return cube


def _missing_words(study: StudyFile) -> list[str]:
    return study.section("wide").get("missing", [])


def _with_columns(spec, columns: dict[str, str]):
    from dataclasses import replace

    return replace(spec, columns=columns)


def _names_in(table: Table, layout: Layout, prefix: str, ledger: Ledger) -> list[str] | None:
    """The columns of a covariate's table, one for each column of detections, in that order."""
    if prefix:
        wanted = [f"{prefix}{c.label}" for c in layout.columns]
        if all(w in table.names for w in wanted):
            return wanted
    same = [table.match(c.name) for c in layout.columns]
    if all(same):
        return [s for s in same if s]
    found = visit_columns.find(table.names)
    by_place = {(f.season, f.visit): f.name for f in found}
    named = [by_place.get((c.season, c.visit)) for c in layout.columns]
    if all(named):
        return [n for n in named if n]
    have = [f.name for f in found] or [s for s in same if s]
    first, last = layout.columns[0].name, layout.columns[-1].name
    lacking = [c.name for c, n, s in zip(layout.columns, named, same, strict=True) if not (n or s)]
    ledger.error(
        "E017",
        f"{table.place}: {len(layout.columns)} visits ({first}-{last}) but {len(have)} columns "
        f"({listing(have, 8)})",
        file=table.place,
        row=table.spec.header_row,
        cure=f"add {listing(lacking)}, named like the columns of the detections",
    )
    return None


def apply_policy(
    study: StudyFile,
    name: str,
    cube: Cube,
    made: np.ndarray,
    layout: Layout,
    ledger: Ledger,
    doubted: Collection[int] = (),
) -> np.ndarray:
    """Visits that stay: where a covariate is missing on a visit made, the study file must say.

    Not for `doubted` visits, told already to be none perhaps: the covariate stays missing there.

    Returns a mask of the visits to set aside; the ledger counts them by covariate.
    """
    values = cube.values
    gone = (values == "") if values.dtype == object else np.isnan(values)
    lost = gone & made
    idle = ~gone & ~made
    if idle.any():
        ledger.note(
            "N510",
            f'{cube.table.place}: "{name}" has {int(idle.sum())} values where no visit was made; '
            "they are not used",
            file=cube.table.file,
        )
    none = np.zeros_like(made)
    if not lost.any():
        return none
    policy = study.section(f"visit_covariates.{name}").get("missing")
    places = [tuple(int(i) for i in at) for at in np.argwhere(lost)]
    if policy == "drop visit":
        ledger.cells(
            f"visits set aside: {name} missing",
            cube.table.file,
            len(places),
            (cell_words(layout, at) for at in places),
        )
        return lost
    if policy == "refuse" or (policy is None and {at[2] for at in places} <= set(doubted)):
        return none  # kept missing; a model that uses it will refuse
    rows = [int(cube.rows[at[0], at[1]]) for at in places]
    listed = rows_text([r for r in rows if r]) if any(rows) else "no row for these sites"
    n = len(places)
    ledger.error(
        "E552",
        f'{cube.table.place}, {listed}: "{name}" is missing on {n} '
        f"{'visit that was' if n == 1 else 'visits that were'} made "
        f"(first: {cell_words(layout, places[0])})",
        file=cube.table.place,
        row=rows[0] or None,
        column=cube.columns[0] if len(cube.columns) == 1 else "",
        why="a visit without it cannot enter a detection model that uses it",
        cure=f"fill it in, or paste these two lines to set the {n} visits aside:\n"
        f"                  [visit_covariates.{_key(name)}]\n"
        f'                  missing = "drop visit"',
    )
    return none


def _key(name: str) -> str:
    return (
        name
        if name.isascii() and name.replace("_", "a").replace("-", "a").isalnum()
        else f'"{name}"'
    )


def cell_words(layout: Layout, at: tuple[int, ...]) -> str:
    """A visit in words: site "A17", visit 4 of 2021."""
    season = f" of {layout.seasons[at[1]]}" if len(layout.seasons) > 1 else ""
    return f'site "{layout.sites[at[0]]}", visit {at[2] + 1}{season}'


def refuse_taken(names: Sequence[str], table: Table, ledger: Ledger) -> list[str]:
    """Names that mean something else in the Dataset cannot be covariates."""
    good = []
    for name in names:
        if name in TAKEN:
            ledger.error(
                "E553",
                f'{table.place}: a covariate cannot be called "{name}", which has a meaning of '
                "its own",
                file=table.place,
                row=table.spec.header_row,
                column=name,
                cure=f"rename it, for example [visit_covariates.{name}_of_visit] "
                f'column = "{name}", or give it its role in [{table.spec.section}.columns]',
            )
        else:
            good.append(name)
    return good
