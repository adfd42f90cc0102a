"""Wide histories: one row for each site (and species, season), one column for each visit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from surveys import cells
from surveys.ledger import Ledger
from surveys.open_table import open_table
from surveys.problems import first_of, listing
from surveys.readers import roles, visit_columns
from surveys.readers.long_visits import TIME_OF_DAY
from surveys.readers.site_table import SiteColumns, read_sites
from surveys.readers.tidy import Tidy
from surveys.readers.visit_columns import VisitColumn
from surveys.readers.visit_covariates import (
    Cube,
    Layout,
    apply_policy,
    cube_of,
    own_table,
    refuse_taken,
)
from surveys.readers.wide_guess import detect as detect
from surveys.readers.wide_seasons import season_columns
from surveys.readers.wide_values import (
    agree_effort,
    counts,
    detections,
    tell_zeros,
)
from surveys.study_file import StudyFile
from surveys.text_table import Table
from surveys.units_in_cells import are_clock_times
from surveys.values import as_seasons, natural

ROLES = ("site", "species", "season")


def read(study: StudyFile, ledger: Ledger) -> Tidy | None:
    """The histories, the covariates of visits and the sites of a study in wide layout."""
    spec = study.table("files.detections", ledger)
    table = open_table(spec, ledger) if spec is not None else None
    if table is None:
        read_sites(study, None, ledger)  # tell the faults of the other tables too
        return None
    if not len(table):
        no_rows(study, table, ledger)
        return None
    columns = _visits(study, table, ledger)
    role = {r: roles.named(table, r, ledger) for r in ROLES}
    if columns is None:
        return None
    others = [
        c
        for c in table.names
        if c not in {v.name for v in columns} and c not in {x for x in role.values() if x}
    ]
    named = {k.get("column", n) for n, k in study.section("covariates").items() if "path" not in k}
    spare = [c for c in others if c not in named]
    groups, left = visit_columns.covariate_groups(table, columns, spare, ledger)
    left = [c for c in others if c in left or c in named]
    return of_columns(study, table, columns, role, groups, left, ledger)


def of_columns(
    study: StudyFile,
    table: Table,
    columns: Sequence[VisitColumn],
    role: dict[str, str | None],
    groups: dict[str, list[str]],
    left: Sequence[str],
    ledger: Ledger,
    *,
    values: str | None = None,
) -> Tidy | None:
    """The tidy tables of a table whose columns are known: visits, roles, covariates.

    `groups` are visit covariates with a column for each visit, `left` covariates of the site;
    `values` says what numbers above 1 are where the study file does not.
    """
    sites_spec = study.section("files.sites").get("path")
    sites = _site_ids(study, table, role["site"], bool(sites_spec), ledger)
    layout, season_at = _layout(table, columns, sites, role["season"])
    species, kind_at = _species(study, table, role["species"], ledger)
    y = detections(study, table, columns, ledger)
    if len(set(_keys(sites, season_at, kind_at))) != len(table):
        _refuse_twice(table, sites, season_at, kind_at, layout, role, ledger)
        read_sites(study, SiteColumns(table, role["site"], left, sites), ledger)
        return None
    doubted = {
        name: {layout.place(column, columns.index(column))[1] for column in told}
        for name, told in tell_zeros(table, columns, y, groups, ledger).items()
    }
    site_at = _positions(sites, layout.sites)
    n_species = len(species)
    cube = np.full((n_species, *layout.shape), np.nan)
    row_at = np.zeros((n_species, *layout.shape[:2]), dtype=np.int64)
    for position, column in enumerate(columns):
        season, visit = layout.place(column, position)
        seasons = season_at if season is None else np.full(len(table), season)
        cube[kind_at, site_at, seasons, visit] = y[:, position]
        row_at[kind_at, site_at, seasons] = table.rows
    cubes = _cubes(study, table, groups, layout, site_at, season_at, columns, ledger)
    of_seasons, left = season_columns(study, table, layout, sites, season_at, left, ledger)
    columns_of_sites = SiteColumns(table, role["site"], left, sites)
    site_frame, site_tables = read_sites(study, columns_of_sites, ledger)
    _account(table, sites, site_frame, ledger)
    cells.tell_decimals(table, ledger)
    roles.tell_loose_names(table, ledger)
    if ledger.of_level("error") or site_frame is None:
        return None
    tidy = _tidy(
        study, table, species, layout, cube, row_at, cubes, columns, ledger, values, doubted
    )
    known = set(site_frame["site"])
    for part in ("visits", "records"):
        frame = getattr(tidy, part)
        setattr(tidy, part, frame[frame["site"].isin(known)].reset_index(drop=True))
    tidy.sites = site_frame
    if of_seasons is not None:
        tidy.season_covariates = of_seasons[of_seasons["site"].isin(known)].reset_index(drop=True)
    tidy.tables = [table, *(c.table for c in cubes.values() if c.table is not table), *site_tables]
    return tidy


def _account(table: Table, sites: np.ndarray, frame: pd.DataFrame | None, ledger: Ledger) -> None:
    """Rows of sites that were kept are used; others were set aside by [checks] unknown_site.

    A row may stand for several sites (a frequency of MARK): it is used if any of them is.
    """
    kept = np.ones(len(table), dtype=bool)
    if frame is not None:
        have = set(frame["site"])
        kept = np.array([site in have for site in sites], dtype=bool)
    rows, first = np.unique(table.rows, return_index=True)
    used = np.isin(rows, table.rows[kept])
    ledger.read(table.file, len(rows))
    ledger.use(table.file, int(used.sum()))
    if not used.all():
        ledger.set_aside("unknown site", table.file, rows[~used], sites[first[~used]])


def no_rows(study: StudyFile, table: Table, ledger: Ledger) -> None:
    """A header without rows: nothing was read, which is not the same as nothing was seen."""
    ledger.error(
        "E006",
        f"{table.place} has a header and no rows: no detection can be read",
        file=table.place,
        cure="was the export cut short? If no animal was ever seen, say so with "
        "[detections] none = true, and list the visits in [files.visits]",
    )


def _visits(study: StudyFile, table: Table, ledger: Ledger) -> list[VisitColumn] | None:
    asked = study.section("wide").get("visits")
    before = len(ledger.of_level("error"))
    if asked:
        found = visit_columns.listed(table, asked, ledger)
    else:
        roles_named = set(table.spec.columns.values())
        found = visit_columns.find(c for c in table.names if c not in roles_named)
        if not found:
            ledger.error(
                "E508",
                f"{table.place}: no columns of visits were recognised among "
                f"{listing(table.names, 12)}",
                file=table.place,
                row=table.spec.header_row,
                cure='name them: [wide] visits = ["first", "second", "third"]',
            )
        visit_columns.refuse_holes(table, found, ledger)
    return found if len(ledger.of_level("error")) == before else None


def _site_ids(
    study: StudyFile, table: Table, column: str | None, joined: bool, ledger: Ledger
) -> np.ndarray:
    if column is not None:
        sites = roles.same_sites(study, cells.ids(table, column, ledger))
        roles.join_capitals(study, table, sites, ledger)
        return sites
    if joined:
        ledger.error(
            "E015",
            f'{table.place} has no column "site", so it cannot be joined with the sites table. '
            f"It has: {listing(table.names, 12)}",
            file=table.place,
            cure='name it: [files.detections.columns] site = "Station"',
        )
    else:
        ledger.repair(
            "R509",
            f"{table.place} has no column of site ids: rows 1 to {len(table)} below the header "
            "became the sites 1, 2, 3 ...",
            file=table.file,
            cure='if a column holds the ids: [files.detections.columns] site = "Station"',
        )
    return np.array([str(i) for i in range(1, len(table) + 1)], dtype=object)


def _layout(
    table: Table, columns: Sequence[VisitColumn], sites: np.ndarray, season: str | None
) -> tuple[Layout, np.ndarray]:
    by_header = columns[0].season is not None
    names = sorted(set(sites), key=natural)
    if by_header or season is None:
        labels: list = sorted({c.season for c in columns if c.season is not None}) or [1]
        n_visit = max(c.visit for c in columns) if by_header else len(columns)
        return Layout(names, labels, columns, False, n_visit), np.zeros(len(table), dtype=int)
    texts = table.text(season)
    labels = sorted(set(texts), key=natural)
    return Layout(names, labels, columns, True, len(columns)), _positions(texts, labels)


def _positions(values: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    index = {label: i for i, label in enumerate(labels)}
    return np.array([index[v] for v in values], dtype=int)


def _species(
    study: StudyFile, table: Table, column: str | None, ledger: Ledger
) -> tuple[list[str], np.ndarray]:
    if column is None:
        return [roles.only_species(study, table, ledger)], np.zeros(len(table), dtype=int)
    written = cells.ids(table, column, ledger)
    names, reason = roles.species_names(study, table, written, ledger)
    roles.tell_doubtful_names(table, written, names, reason, ledger)
    keep = reason == ""
    if not keep.all():
        ledger.error(
            "E053",
            f"{listing(dict.fromkeys(names[~keep]))} is no species",
            at=table.at(table.rows[~keep], column),
            cure="delete these rows from the histories",
        )
    species = sorted(set(names))
    return species, _positions(names, species)


def _keys(sites: np.ndarray, season_at: np.ndarray, kind_at: np.ndarray) -> list[tuple]:
    return list(zip(sites, season_at, kind_at, strict=True))


def _refuse_twice(table, sites, season_at, kind_at, layout, role, ledger: Ledger) -> None:
    keys = pd.DataFrame({"site": sites, "season": season_at, "species": kind_at})
    apart = [
        c
        for c in table.names
        if c not in role.values()
        and c not in {v.name for v in layout.columns}
        and not keys.assign(c=table.text(c)).duplicated().any()
    ]
    apart = (
        f'. "{apart[0]}" tells them apart: if it is part of the site, write both into one '
        "column of ids"
        if apart
        else ""
    )
    twice = keys[keys.duplicated(keep=False)]
    groups = twice.groupby(list(keys.columns)).indices.values()
    for at, others in first_of(groups):
        group = twice.iloc[np.sort(at)]
        site = group.iloc[0, 0]
        rows = table.rows[group.index]
        told = "site, season and species" if role["species"] else "site and season"
        ledger.error(
            "E021",
            f'{table.place}: site "{site}" is in rows {" and ".join(str(r) for r in rows)}',
            file=table.place,
            row=int(rows[0]),
            column=role["site"] or "",
            why=f"one row for each {told if role['season'] or role['species'] else 'site'} is read",
            cure="join the rows; for further seasons or species add a column and name it in "
            f"[files.detections.columns] season or species{apart}",
            others=others,
        )


def is_clock(table: Table, names: Sequence[str]) -> bool:
    """Whether the columns of a covariate hold times of day."""
    told = {v for name in names for v in pd.unique(table.text(name))}
    told = [v for v in told if not cells.is_missing(v, cells.MISSING_WORD)]
    return are_clock_times(told, names[0])


def _cubes(
    study: StudyFile,
    table: Table,
    groups: dict[str, list[str]],
    layout: Layout,
    site_at: np.ndarray,
    season_at: np.ndarray,
    columns: Sequence[VisitColumn],
    ledger: Ledger,
) -> dict[str, Cube]:
    """Visit covariates by name, from the detections' own file and from tables beside it."""
    cubes: dict[str, Cube] = {}
    sections = study.section("visit_covariates")
    missing = study.section("wide").get("missing", ())
    renamed = {k["column"].rstrip("._- "): n for n, k in sections.items() if "column" in k}
    effort = study.section("files.detections").get("columns", {}).get("effort")
    if effort is not None:
        renamed[effort.rstrip("._- ")] = "effort"
    for stem, names in groups.items():
        name = renamed.get(stem, stem)
        if name == "time" and is_clock(table, names):
            name = TIME_OF_DAY  # `time` is that of the first detection
        keys = dict(sections.get(name, {}))
        if name == "effort":
            keys["type"] = "number"
        season = season_at if layout.season_column else None
        cubes[name] = cube_of(table, names, layout, site_at, season, keys, ledger, missing)
    for name, keys in sections.items():
        if "path" in keys:
            cube = own_table(study, name, keys, layout, ledger)
            if cube is not None:
                cubes[name] = cube
        elif name not in cubes:
            ledger.error(
                "E015",
                f'{table.place} has no columns for the visit covariate "{name}" '
                f"({name}{columns[0].label} ...)",
                file=table.place,
                cure=f'name its table, [visit_covariates.{name}] path = "visit_{name}.csv", or '
                'the start of its columns, column = "..."',
            )
    refuse_taken([n for n in cubes if n != "effort"], table, ledger)
    return cubes


def _tidy(
    study: StudyFile,
    table: Table,
    species: list[str],
    layout: Layout,
    cube: np.ndarray,
    row_at: np.ndarray,
    cubes: dict[str, Cube],
    columns: Sequence[VisitColumn],
    ledger: Ledger,
    kind: str | None,
    doubted: dict[str, set[int]],
) -> Tidy:
    made = ~np.isnan(cube).all(axis=0)
    effort = cubes.pop("effort", None)
    if effort is not None:
        agree_effort(study, table, layout, cube, made, effort, row_at, ledger)
        made = ~np.isnan(cube).all(axis=0)
    aside = np.zeros_like(made)
    for name, own in cubes.items():
        aside |= apply_policy(study, name, own, made, layout, ledger, doubted.get(name, set()))
    made &= ~aside
    site, season, visit = np.nonzero(made)
    frame = {
        "site": np.array(layout.sites, dtype=object)[site],
        "season": np.array(layout.seasons, dtype=object)[season],
        "visit": visit + 1,
        "row": row_at.max(axis=0)[site, season],
    }
    visits = pd.DataFrame(frame).assign(file=table.file)
    if effort is not None:
        visits["effort"] = effort.values[site, season, visit].astype(float)
    units, policies = {}, {}
    for name, own in cubes.items():
        values = own.values[site, season, visit]
        visits[name] = values.astype(str) if values.dtype == object else values
        policies[name] = study.section(f"visit_covariates.{name}").get("missing", "refuse")
        if own.units:
            units[name] = own.units
        if own.dates is not None and "start" not in visits:
            visits["start"] = own.dates[site, season, visit]
    are_counts = counts(study, table, cube, columns, ledger, kind)
    kinds = []
    for k, name in enumerate(species):
        y = cube[k, site, season, visit]
        record = visits[["site", "season", "visit", "file"]].assign(
            species=name,
            row=row_at[k][site, season],
            detection=np.minimum(y, 1) if are_counts else y,
        )
        kinds.append(record.assign(count=y) if are_counts else record)
    return Tidy(
        visits=visits,
        records=pd.concat(kinds, ignore_index=True),
        sites=pd.DataFrame(),
        species=species,
        seasons=list(as_seasons(layout.seasons)),
        units=units,
        missing=policies,
        has_effort=effort is not None,
    )
