"""Sites of recordings and the covariates that their list tells: of sites, or of visits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from surveys import cells
from surveys.ledger import Ledger
from surveys.problems import listing
from surveys.readers import long_visits, roles, sound_visits
from surveys.readers.recordings import Recordings
from surveys.readers.site_table import SiteColumns, read_sites
from surveys.readers.sound_visits import MINUTES, Visits
from surveys.study_file import StudyFile


def _others(found: Recordings) -> list[str]:
    """Columns of the list of recordings that have no role."""
    if found.table is None:
        return []
    places = {"longitude", "latitude", "easting", "northing", "region"}
    taken = set(found.used_columns)
    taken |= {c for r in places for n in roles.USUAL[r] if (c := found.table.match(n))}
    return [c for c in found.table.names if c not in taken]


def sites_of(study: StudyFile, found: Recordings, ledger: Ledger):
    """Sites, with the columns of the list of recordings that never change within one."""
    site = found.frame["site"].to_numpy(dtype=object)
    constant = []
    for column in _others(found):
        values = pd.Series(found.places.text(column))
        if not pd.Series(site).is_unique and (values.groupby(site).nunique() <= 1).all():
            constant.append(column)
    constant = [c for c in constant if c not in study.section("visit_covariates")]
    places = found.places
    if found.table is None and len(places.names):
        # Places by recording, as the classifier was told them: their first of each site.
        numbers = pd.DataFrame({c: places.text(c).astype(float) for c in places.names})
        spread = numbers.groupby(site).agg(lambda v: v.max() - v.min())
        if (spread > 1e-3).any().any():
            places = replace(places, frame=places.frame[[]])
        else:
            means = numbers.groupby(site).transform("median")
            text = means.map(lambda v: repr(float(v)))
            places = replace(places, frame=text.set_axis(places.frame.index))
    return read_sites(study, SiteColumns(places, None, constant, site), ledger)


def covariates_of(
    study: StudyFile, found: Recordings, visits: Visits, ledger: Ledger
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Columns of the list that change within a site, where each recording is a visit."""
    sections = study.section("visit_covariates")
    made = {MINUTES, sound_visits.HOUR, long_visits.DAY}
    policies = dict.fromkeys(made & set(visits.frame), "refuse")
    single = sound_visits.way_of(study) == "recording"
    others = _others(found) if single and found.table is not None else []
    by_column = {k["column"]: n for n, k in sections.items() if "column" in k}
    have = {by_column.get(c, c) for c in others}
    for name in sections:
        if name not in have | made:
            ledger.error(
                "E517",
                f"{study.name}: [visit_covariates.{name}]: visits of recordings have "
                f"{listing(sorted(made), 3)}; where each recording is a visit, also the columns of "
                "[files.recordings]",
                file=study.name,
                cure='[birdnet] visits = "recording", and a column of that name in the list of '
                "recordings",
            )
    if not others or found.table is None:
        return {}, policies
    site = found.frame["site"].to_numpy(dtype=object)
    rows = np.flatnonzero(found.frame["aside"] == "")
    out = {}
    for column in others:
        name = by_column.get(column, column)
        values = pd.Series(found.table.text(column))
        constant = not pd.Series(site).is_unique
        constant &= bool((values.groupby(site).nunique() <= 1).all())
        if constant and name not in sections:
            continue
        kind = sections.get(name, {}).get("type")
        kind = kind or ("number" if cells.is_numeric(found.table, column) else "factor")
        read_as = cells.numbers if kind == "number" else cells.words
        told = read_as(found.table, column, ledger)[rows]
        out[name] = told if kind == "number" else told.astype(str)
        policies[name] = sections.get(name, {}).get("missing", "drop visit")
    return out, policies
