"""Sites of checklists: coordinates of their places, covariates joined by place, one row a site."""

from __future__ import annotations

import numpy as np
import pandas as pd

from surveys.ledger import Ledger
from surveys.problems import listing
from surveys.readers.ebird_files import EbirdFile
from surveys.readers.ebird_visits import Layout
from surveys.readers.site_table import SiteColumns, read_sites
from surveys.study_file import StudyFile
from surveys.text_table import Table, TableSpec


def sites_of(
    study: StudyFile, layout: Layout, file: EbirdFile, ledger: Ledger
) -> tuple[pd.DataFrame, list[Table]] | None:
    """One row a site, and the tables that were joined; None where a fault forbids it.

    A table of sites, or of a covariate, goes by the place: the locality, or the cell of the grid.
    Several sites share a place where observers or periods of closure part them.
    """
    sites = layout.sites.copy()
    places = layout.place_labels[sites["place"]]
    sites["site"] = layout.site_labels[sites["site"]]
    tables: list[Table] = []
    named = study.section("files.sites").get("path") or study.section("covariates")
    if named:
        joined, tables = _joined(study, places, file, ledger)
        if joined is None:
            return None
        own = joined.set_index("site")
        clash = [c for c in own if c in sites and c not in ("longitude", "latitude")]
        if clash:
            ledger.error(
                "E553",
                f"{study.name}: a covariate of sites cannot be called {listing(clash)}: checklists "
                "have one of that name",
                file=study.name,
                cure="rename its column",
            )
            return None
        if "easting" in own:
            sites = sites.drop(columns=["longitude", "latitude"])
        for name in own:
            sites[str(name)] = own.loc[places, name].to_numpy()
    if "longitude" in sites:
        _tell_country(study, sites, file, ledger)
    return sites.drop(columns="place").reset_index(drop=True), tables


def _joined(
    study: StudyFile, places: np.ndarray, file: EbirdFile, ledger: Ledger
) -> tuple[pd.DataFrame | None, list[Table]]:
    """Coordinates and covariates that the user's tables tell of each place."""
    unique = pd.unique(places)
    rows = pd.Index(np.arange(2, len(unique) + 2), dtype="int64")
    frame = pd.DataFrame({"place": unique}, index=rows, dtype=object)
    table = Table(TableSpec(file.path, file.shown, section="files.sampling"), frame, {})
    return read_sites(study, SiteColumns(table, None, [], unique.astype(object)), ledger)


def _tell_country(study: StudyFile, sites: pd.DataFrame, file: EbirdFile, ledger: Ledger) -> None:
    """Points against the country that the study names."""
    country = study.section("study").get("region")
    known = sites["longitude"].notna().to_numpy()
    if not country or not known.any():
        return
    from surveys.places import country_problem

    problem = country_problem(
        sites["longitude"].to_numpy(float)[known],
        sites["latitude"].to_numpy(float)[known],
        country,
        file=file.shown,
        lon_column="LONGITUDE",
        lat_column="LATITUDE",
        sites=sites["site"].to_numpy(dtype=object)[known],
    )
    if problem is not None:
        ledger.add(problem)
