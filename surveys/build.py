"""Tidy tables (visits, records, sites) to the Dataset: every reader ends here.

Zeros are made from visits, never from absent rows: a species looked for on a visit that was made
and without a record there gets a 0. The result does not depend on the order of any table's rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from surveys.arrays import from_arrays
from surveys.assemble import assemble
from surveys.grid import PLACE, Grid, need, row_problems, text_labels, too_many
from surveys.ledger import Ledger
from surveys.problems import Problem, SurveyError, did_you_mean, listing
from surveys.schema import DIMS, TRAIT_DIMS, VISIT_DIMS
from surveys.values import as_covariate, as_labels, as_numbers

YEARS = (1678, 2261)  # what nanoseconds from 1970 can tell

__all__ = ["from_arrays", "from_tables"]

VISIT_COLUMNS = ("site", "season", "visit", "visit_id", "effort", "start", "end", *PLACE)
SITE_COLUMNS = ("site", "longitude", "latitude", "easting", "northing", "region", *PLACE)


def from_tables(
    visits: pd.DataFrame,
    records: pd.DataFrame | None = None,
    sites: pd.DataFrame | None = None,
    *,
    species: Sequence[str] | None = None,
    target: pd.DataFrame | None = None,
    seasons: Sequence[object] | None = None,
    season_covariates: pd.DataFrame | Iterable[str] = (),
    species_covariates: pd.DataFrame | None = None,
    missing: str | Mapping[str, str] = "drop visit",
    units: Mapping[str, str] | None = None,
    effort_units: str = "visits",
    crs: str | None = None,
    ledger: Ledger | None = None,
    provenance: Mapping[str, Any] | None = None,
    title: str = "",
) -> xr.Dataset:
    """One Dataset from the visits made, what was recorded on them, and the sites.

    Parameters
    ----------
    visits : one row a visit made
        `site`; `season` (none: one season); `visit` from 1 (none: numbered by `start` within site
        and season); `visit_id` (any unique key, for records that know only it); `effort` (none: 1
        a visit; 0: nobody was there, the cell stays missing); `start`, `end`. Every further
        column is a visit covariate, but for `file` and `row`, which messages use.
    records : one row a record
        `visit_id`, or `site`, `season`, `visit` as in `visits`; `species` (none: the one species
        of `species`); `detection` (none: 1, or count > 0), `count`, `n_records` (rows behind it),
        `time`, `score`, `file`, `row`. Several records of one cell join: any detection, counts
        summed (a missing count makes the sum missing), earliest time, highest score. A record with
        detection NaN says that this species was not looked for, or its result was lost.
    sites : one row a site
        `site`; `longitude`, `latitude`, or `easting`, `northing` with `crs`; `region`. Every
        further column is a site covariate. Sites never visited stay. None: the sites of `visits`.
    species
        Those looked for on every visit; those never seen stay. None: those of `records`.
    target : one row for each (species, site[, season][, visit]) looked for; optional
        Elsewhere the species is missing, not absent.
    seasons
        All seasons in their order; None: those of `visits`, sorted.
    season_covariates
        A table with `season`, or `site` and `season`, and the covariates; or names of columns of
        `visits` that are constant within a site and season.
    species_covariates
        Traits: a table with `species` and the covariates, one row a species; every species of the
        surveys must have one.
    missing
        Policy where a visit was made and the covariate's value is absent: "drop visit" or
        "refuse", for all or by covariate.

    Raises
    ------
    SurveyError
        With every problem found: unknown sites, visits listed twice, records on visits never
        made, a covariate that changes where it should not.
    """
    grid = Grid(visits, sites, seasons)
    records = pd.DataFrame({"site": []}) if records is None else records.reset_index(drop=True)
    labels = dict(grid.labels, species=_species(species, records, target))
    sizes = dict(zip(("sites", "seasons", "visits"), grid.shape, strict=True))
    if problems := too_many(labels["species"], **sizes):
        raise SurveyError(problems)
    effort = grid.fill(grid.effort, VISIT_DIMS)
    shape = (len(labels["species"]), *grid.shape)
    detection = np.full(shape, np.nan, dtype=np.float32)
    detection[:, effort > 0] = 0.0
    extra: dict[str, tuple[tuple[str, ...], np.ndarray]] = {}
    if target is not None:
        looked = _target(target, grid, labels["species"])
        detection[~looked] = np.nan
        extra["target"] = (DIMS, looked)
    counts_and_scores = _enter_records(records, grid, labels["species"], detection, effort)
    extra.update({name: (DIMS, a) for name, a in counts_and_scores.items()})
    for name, column in (("visit_start", "start"), ("visit_end", "end")):
        if column in grid.visits:
            extra[name] = (VISIT_DIMS, grid.fill(_moments(grid.visits, column), VISIT_DIMS))
    covariates = _covariates(grid, season_covariates)
    covariates |= _traits(species_covariates, labels["species"])
    if "region" in grid.sites:
        extra["region"] = (("site",), as_covariate(grid.sites["region"], "region").astype(str))
    coordinates = None
    for pair in (("longitude", "latitude"), ("easting", "northing")):
        if set(pair) <= set(grid.sites):
            one, other = (as_numbers(grid.sites[name], name) for name in pair)
            coordinates = (one, other)
            crs = "EPSG:4326" if pair[0] == "longitude" and crs is None else crs
            break
    return assemble(
        labels,
        detection,
        effort,
        covariates,
        extra=extra,
        missing=missing,
        units=units,
        effort_units=effort_units,
        coordinates=coordinates,
        crs=crs,
        ledger=ledger,
        provenance=provenance,
        title=title,
    )


def _moments(visits: pd.DataFrame, column: str) -> np.ndarray:
    """(visit,) datetime64[ns], NaT where not told.

    Raises
    ------
    SurveyError
        A cell is no moment, or lies in a year that a Dataset cannot hold.
    """
    moments = pd.to_datetime(visits[column], errors="coerce")
    held = moments.isna() | moments.dt.year.between(*YEARS)
    bad = ~held | (moments.isna() & visits[column].notna())
    if bad.any():
        cells = visits[column].astype(str).to_numpy()
        span = f"{YEARS[0]} to {YEARS[1]}"
        raise SurveyError(
            row_problems(
                visits.reset_index(drop=True),
                bad.to_numpy(),
                "E035",
                lambda i: f'The {column} of a visit, "{cells[i]}", is no moment from {span}',
                cure="correct it in the table of visits",
            )
        )
    return moments.to_numpy().astype("datetime64[ns]")


def _enter_records(
    records: pd.DataFrame,
    grid: Grid,
    species: np.ndarray,
    detection: np.ndarray,
    effort: np.ndarray,
) -> dict[str, np.ndarray]:
    """Write the records into `detection` in place; give count and score where there are any."""
    if not len(records):
        return {}
    visit_row = grid.find(records, "records")
    if "species" in records:
        names = text_labels(records["species"], "species")
        kind = pd.Index(species).get_indexer(pd.Index(names))
    else:
        names, kind = np.full(len(records), species[0]), np.zeros(len(records), np.int64)
    count = as_numbers(records["count"], "count") if "count" in records else None
    if "detection" in records:
        seen = as_numbers(records["detection"], "detection")
    else:
        seen = np.ones(len(records)) if count is None else np.where(count == 0, 0.0, 1.0)
    problems = _record_problems(records, grid, visit_row, kind, names, seen)
    if problems:
        raise SurveyError(problems)
    cell = (kind, grid.site[visit_row], grid.season[visit_row], grid.visit[visit_row])
    flat = np.ravel_multi_index(cell, detection.shape)
    # A cell that any record touches forgets its zero; the largest known value wins.
    table = pd.DataFrame({"cell": flat, "seen": seen})
    worked = (effort[cell[1:]] > 0) | (seen > 0)  # a 0 where nobody was stays missing
    joined = table[worked].groupby("cell")["seen"].max()
    detection.ravel()[joined.index.to_numpy()] = joined.to_numpy()
    out = {}
    if count is not None:
        table["count"] = count
        counts = table[worked].assign(gone=table["count"].isna()).groupby("cell")
        sums = counts["count"].sum().mask(counts["gone"].any())
        out["count"] = np.where(detection == 0, np.float32(0), np.float32(np.nan))
        out["count"].ravel()[sums.index.to_numpy()] = sums.to_numpy()
        out["count"][np.isnan(detection)] = np.nan
    if "n_records" in records:
        table["rows"] = as_numbers(records["n_records"], "n_records")
        behind = table[worked].groupby("cell")["rows"].sum()
        out["n_records"] = np.where(np.isnan(detection), np.float32(np.nan), np.float32(0))
        out["n_records"].ravel()[behind.index.to_numpy()] = behind.to_numpy()
    for name, pick in (("time", "min"), ("score", "max")):
        if name in records:
            table[name] = as_numbers(records[name], name)
            best = table[worked].groupby("cell")[name].agg(pick)
            out[name] = np.full(detection.shape, np.nan, dtype=np.float32)
            out[name].ravel()[best.index.to_numpy()] = best.to_numpy()
    return out


def _record_problems(records, grid: Grid, visit_row, kind, names, seen) -> list[Problem]:
    problems: list[Problem] = []
    if "site" in records:
        sites = text_labels(records["site"], "site")
        unknown = grid.site_index.get_indexer(pd.Index(sites)) < 0
        problems += row_problems(
            records,
            unknown,
            "E022",
            lambda i: (
                f'Site "{sites[i]}" of the records is not among the sites.'
                + did_you_mean(sites[i], grid.site_index)
            ),
            cure='correct it, or map it: [sites.alias] "as written" = "as meant"',
        )
        unknown_visit = (visit_row < 0) & ~unknown
    else:
        sites, unknown_visit = np.zeros(0, dtype=object), visit_row < 0

    def place(i: int) -> str:
        if "visit_id" in records:
            return f'"{names[i]}" on visit "{records["visit_id"].iloc[i]}"'
        words = [f"{c} {records[c].iloc[i]}" for c in ("season", "visit") if c in records]
        return ", ".join([f'"{names[i]}" at site "{sites[i]}"', *words])

    problems += row_problems(
        records,
        unknown_visit,
        "E211",
        lambda i: f"A record of {place(i)}, but no such visit was made",
        why="a record with no effort behind it cannot enter the detection model",
        cure="add the visit, or set the record aside",
    )
    problems += row_problems(
        records,
        kind < 0,
        "E212",
        lambda i: f'Species "{names[i]}" was recorded, but is not among those looked for',
        cure="add it to the species, or set its records aside",
    )
    known = visit_row >= 0
    idle = np.zeros(len(records), bool)
    idle[known] = ~(grid.effort[visit_row[known]] > 0) & (seen[known] > 0)
    problems += row_problems(
        records,
        idle,
        "E049",
        lambda i: (
            f"{grid.name(visit_row[i])} has a detection of {names[i]}, but its effort is "
            + ("missing" if np.isnan(grid.effort[visit_row[i]]) else "0")
        ),
        why="a detection proves that somebody was there",
        cure='correct the effort, or [checks] detection_without_effort = "drop"',
    )
    return problems


def _target(target: pd.DataFrame, grid: Grid, species: np.ndarray) -> np.ndarray:
    """Which species was looked for where: (species, site, season, visit) bool."""
    need(target, "target", ("species", "site"))
    looked = np.zeros((len(species), *grid.shape), bool)
    kind = pd.Index(species).get_indexer(pd.Index(text_labels(target["species"], "species")))
    site = grid.site_index.get_indexer(pd.Index(text_labels(target["site"], "site")))
    bad = (kind < 0) | (site < 0)
    if bad.any():
        fact = "The table of what was looked for names a site or species that is unknown"
        raise SurveyError(row_problems(target.reset_index(drop=True), bad, "E213", lambda i: fact))
    season = visit = None
    if "season" in target:
        season = grid.season_of(text_labels(target["season"], "season"))
    if "visit" in target:
        visit = as_numbers(target["visit"], "visit").astype(np.int64) - 1
    if season is not None and visit is not None:
        looked[kind, site, season, visit] = True
    elif season is not None:
        looked[kind, site, season] = True
    elif visit is not None:
        looked[kind, site, :, visit] = True
    else:
        looked[kind, site] = True
    return looked


def _covariates(grid: Grid, season_covariates) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    """Covariates of sites, seasons and visits, each over the dims on which it may vary."""
    out: dict[str, tuple[tuple[str, ...], np.ndarray]] = {}
    for name in grid.sites.columns:
        if name not in SITE_COLUMNS:
            out[str(name)] = (("site",), as_covariate(grid.sites[name], str(name)))
    if isinstance(season_covariates, pd.DataFrame):
        out.update(_season_table(season_covariates, grid))
        by_season: list[str] = []
    else:
        by_season = [str(name) for name in season_covariates]
        need(grid.visits, "visits", by_season)
    for name in grid.visits.columns:
        if name in VISIT_COLUMNS:
            continue
        values = as_covariate(grid.visits[name], str(name))
        dims: tuple[str, ...] = VISIT_DIMS
        if name in by_season:
            dims = ("site", "season")
            _refuse_change(grid, str(name), values)
        out[str(name)] = (dims, grid.fill(values, dims))
    return out


def _refuse_change(grid: Grid, name: str, values: np.ndarray) -> None:
    """A season covariate has one value in a site and season."""
    key = pd.DataFrame({"site": grid.site, "season": grid.season, "value": values})
    changes = key.groupby(["site", "season"])["value"].transform("nunique").to_numpy() > 1
    if changes.any():
        raise SurveyError(
            row_problems(
                grid.visits,
                changes,
                "E214",
                lambda i: f'{grid.name(i)}: "{name}" changes within the season',
                cure="make it a visit covariate, or give one value for the season",
            )
        )


def _season_table(table: pd.DataFrame, grid: Grid) -> dict:
    need(table, "season covariates", ("season",))
    table = table.reset_index(drop=True)
    season = grid.season_of(text_labels(table["season"], "season"))
    site = np.zeros(len(table), np.int64)
    if "site" in table:
        site = grid.site_index.get_indexer(pd.Index(text_labels(table["site"], "site")))
    kept = (season >= 0) & (site >= 0)  # rows of sites and seasons outside the study are no harm
    twice = pd.MultiIndex.from_arrays([site, season]).duplicated(keep=False) & kept
    if twice.any():
        fact = "A season has two rows of season covariates"
        raise SurveyError(row_problems(table, twice, "E215", lambda i: fact))
    out = {}
    for name in table.columns:
        if name in ("site", "season", *PLACE):
            continue
        values = as_covariate(table[name], str(name))
        empty: Any = "" if values.dtype.kind == "U" else np.nan
        array = np.full(grid.shape[:2], empty, dtype=values.dtype)
        if "site" in table:
            array[site[kept], season[kept]] = values[kept]
        else:
            array[:, season[kept]] = values[kept]
        out[str(name)] = (("site", "season"), array)
    return out


def _traits(table: pd.DataFrame | None, species: np.ndarray) -> dict:
    """Covariates of species, in the order of the species."""
    if table is None:
        return {}
    need(table, "species covariates", ("species",))
    table = table.reset_index(drop=True)
    index = pd.Index(text_labels(table["species"], "species"))
    twice = index.duplicated(keep=False)
    if twice.any():
        fact = "A species has two rows of species covariates"
        raise SurveyError(row_problems(table, twice, "E215", lambda i: fact))
    where = index.get_indexer(pd.Index(species))
    gone = list(species[where < 0])
    if gone:
        raise SurveyError(
            Problem(
                code="E224",
                fact=f"The species covariates have no row for {listing(gone)}."
                + did_you_mean(gone[0], set(index) - set(species)),
                cure="give every species a row; a trait that is not known stays blank",
            )
        )
    return {
        str(name): (TRAIT_DIMS, as_covariate(table[name], str(name))[where])
        for name in table.columns
        if name not in ("species", *PLACE)
    }


def _species(species, records: pd.DataFrame, target: pd.DataFrame | None) -> np.ndarray:
    if species is not None:
        return as_labels(species, "species")
    found: set[str] = set()
    for table in (records, target):
        if table is not None and "species" in table:
            found |= set(text_labels(table["species"], "species"))
    return as_labels(sorted(found) or ["species"], "species")
