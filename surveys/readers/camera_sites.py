"""Sites of cameras: one place for each, from the deployments or from a table of sites."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from surveys import cells
from surveys.ledger import Ledger
from surveys.readers import coordinates, roles
from surveys.readers.deployments import Deployments
from surveys.readers.site_table import SiteColumns, read_sites
from surveys.study_file import StudyFile
from surveys.text_table import Table

NEAR_METRES = 100.0
METRES_OF_A_DEGREE = 111_195.0


def sites_of(
    study: StudyFile, deployments: Deployments, covariates: list[str], ledger: Ledger
) -> tuple[pd.DataFrame | None, list[Table]]:
    """One row a site: coordinates, region and covariates; and the tables that were opened."""
    table = deployments.table
    pair = _place_columns(study, table)
    asked = {
        keys.get("column", name)
        for name, keys in study.section("covariates").items()
        if "path" not in keys
    }
    wanted = [c for c in table.names if c in covariates or c in asked]
    wanted = [c for c in wanted if c not in pair]
    columns = _constant(table, deployments.site, wanted, asked, ledger)
    if "region" in table.names and "region" not in columns:
        columns.append("region")
    first = ~pd.Series(deployments.site).duplicated().to_numpy()
    frame = _first_told(table, deployments.site, [*columns, *pair])
    _one_place(study, table, deployments.site, pair, frame, ledger)
    one_row = replace(table, frame=frame[first])
    ids = deployments.site[first]
    sites, tables = read_sites(study, SiteColumns(one_row, None, columns, ids), ledger)
    if sites is None:
        return None, tables
    if not any(name in sites for name in ("longitude", "easting")):
        found = coordinates.read(study, one_row, ids, ledger)
        at = pd.Index(ids).get_indexer(pd.Index(sites["site"]))
        for name, values in found.items():
            sites[name] = values[at]
    return sites, tables


def _first_told(table: Table, site: np.ndarray, columns: list[str]) -> pd.DataFrame:
    """The table, with the first value that is told of each site in place of blanks."""
    frame = table.frame.copy()
    for column in columns:
        values = pd.Series(table.text(column), index=frame.index)
        told = values.mask([cells.is_missing(v, cells.MISSING_NUMBER) for v in values])
        first = told.groupby(site).transform("first")
        frame[column] = values.where(told.notna() | first.isna(), first)
    return frame


def _place_columns(study: StudyFile, table: Table) -> list[str]:
    """The columns of coordinates, in the order longitude, latitude or easting, northing."""
    quiet = Ledger()
    for pair in coordinates.PAIRS:
        columns = [roles.named(table, role, quiet) for role in pair]
        if all(columns):
            return [str(c) for c in columns]
    return []


def _constant(
    table: Table, site: np.ndarray, wanted: list[str], asked: set[str], ledger: Ledger
) -> list[str]:
    """Columns with one value a site; of those that change only what the study asks for is kept."""
    out, changing = [], []
    for column in wanted:
        values = pd.Series(table.text(column))
        values = values.mask(values.str.casefold().isin(cells.MISSING_WORD))
        if column in asked or (values.groupby(site).nunique() <= 1).all():
            # One value for all sites explains nothing.
            if column in asked or values.nunique() > min(1, len(np.unique(site)) - 1):
                out.append(column)
        else:
            changing.append(column)
    if changing:
        ledger.note(
            "N569",
            f"{table.place}: {', '.join(changing)} changed between deployments of a site and "
            f"{'is' if len(changing) == 1 else 'are'} no covariate of it",
            file=table.file,
        )
    return out


def _one_place(
    study: StudyFile,
    table: Table,
    site: np.ndarray,
    pair: list[str],
    frame: pd.DataFrame,
    ledger: Ledger,
) -> None:
    """Cameras of one site a few metres apart: their mean is the place; far apart is an error."""
    if not pair:
        return
    quiet = Ledger()
    values = pd.DataFrame({c: cells.numbers(table, c, quiet) for c in pair})
    if quiet.of_level("error"):
        return  # degrees and minutes, or faults that are told where coordinates are read
    by_site = values.groupby(site)
    spread = by_site.max() - by_site.min()
    crs = str(study.section("sites").get("crs", "EPSG:4326")).upper().replace(" ", "")
    degrees = crs in ("EPSG:4326", "OGC:CRS84") and (values.abs().max() <= 180).all()
    scale = np.ones((len(spread), 2))
    if degrees:
        north = np.radians(by_site[pair[1]].mean().to_numpy())
        scale = np.stack([METRES_OF_A_DEGREE * np.cos(north), np.full(len(north), 111_195.0)], 1)
    metres = np.hypot(*(spread.to_numpy() * scale).T)
    apart = pd.Series(metres, index=spread.index)
    for name in apart.index[apart > NEAR_METRES]:
        rows = table.rows[site == name]
        ledger.error(
            "E513",
            f'the cameras of site "{name}" stood {apart[name]:.0f} m apart',
            at=table.at(rows),
            row=int(rows[1]),
            column=pair[0],
            cure="correct the coordinates, or give the places site ids of their own; a place to "
            "use for all can stand in [files.sites]",
        )
    near = apart.index[(apart > 0) & (apart <= NEAR_METRES)]
    if not len(near):
        return
    mean = by_site.mean()
    for name in near:
        mine = site == name
        for column in pair:
            frame.loc[mine, column] = repr(float(mean.loc[name, column]))
    ledger.repair(
        "R570",
        f"{table.place}: coordinates of {len(near)} {'site' if len(near) == 1 else 'sites'} differ "
        f"between deployments by up to {apart[near].max():.0f} m; their mean was taken",
        file=table.file,
    )
