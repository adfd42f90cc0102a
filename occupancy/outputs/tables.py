"""Tidy CSV tables with a data dictionary: one row a unit and season, names with units, UTF-8.

`frames` makes every table once; the report, the GeoPackage and the GeoJSON take theirs from it.
"""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from occupancy.outputs import words
from occupancy.outputs.files import write_text
from occupancy.outputs.results import Community, Results, has_geometry

# column: (meaning, unit). Ends in _mean, _lower, _upper and _sd are explained from their stem.
COLUMNS = {
    "species": ("species, as in the surveys", ""),
    "site": ("site, as in the surveys", ""),
    "season": ("season (primary period); empty where the study has one without a name", ""),
    "region": ("region of the site or cell", ""),
    "cell": ("number of the prediction cell", ""),
    "easting": ("east coordinate in the study's projection", "m"),
    "northing": ("north coordinate in the study's projection", "m"),
    "longitude": ("longitude, WGS 84", "degree"),
    "latitude": ("latitude, WGS 84", "degree"),
    "sites": ("sites in the region", "count"),
    "surveyed": ("site was visited; in a region: number of sites visited", "0/1 or count"),
    "detected": ("site had a detection; in a region: number of sites with one", "0/1 or count"),
    "detections": ("visits with a detection", "count"),
    "visits": ("visits made; in detection: visits at a typical site", "count"),
    "effort": ("effort of all visits together", "units of the surveys"),
    "naive": ("share of surveyed sites with a detection, not corrected", "probability"),
    "psi": ("occupancy probability expected from the model", "probability"),
    "psi_width": ("width of the interval of psi", "probability"),
    "present": ("probability that the species was present, given what was seen", "probability"),
    "share": ("share of the surveyed sites that were occupied (finite sample)", "probability"),
    "occupied": ("number of surveyed sites that were occupied", "count"),
    "area_psi": ("mean of psi over all cells, weighted by area", "probability"),
    "area_km2": ("area of the cells with every covariate", "km2"),
    "area_unknown_km2": ("area of the cells without a covariate, which have no psi", "km2"),
    "extrapolated": ("outside the sampled conditions; in a region: its share", "0/1 or share"),
    "ml_psi": ("mean of psi by maximum likelihood", "probability"),
    "parameter": ("parameter of the model", ""),
    "term": ("column of the parameter's formula", ""),
    "group": ("grouping of a group effect", ""),
    "level": ("level of the group; in warnings: note, warn or block", ""),
    "mean": ("posterior mean (or maximum likelihood estimate)", "link scale"),
    "sd": ("posterior standard deviation (or standard error)", "link scale"),
    "lower": ("lower end of the interval", "link scale"),
    "upper": ("upper end of the interval", "link scale"),
    "lower_50": ("lower end of the 50% interval", "link scale"),
    "upper_50": ("upper end of the 50% interval", "link scale"),
    "ml": ("maximum likelihood estimate", "link scale"),
    "ml_se": ("its standard error", "link scale"),
    "se": ("standard error", "link scale"),
    "z": ("estimate over its standard error", ""),
    "levels": ("number of levels of the group", "count"),
    "icc": ("share of the variation that lies between the levels (latent scale)", "share"),
    "ess_tail": ("effective sample size of the tails", "draws"),
    "rhat": ("rank-normalised split R-hat; chains agree below 1.01", ""),
    "ess_bulk": ("effective sample size of the bulk", "draws"),
    "alone": ("psi of the region fitted on its own", "probability"),
    "partial": ("psi of the region in the hierarchical model", "probability"),
    "complete": ("psi with all regions taken as one", "probability"),
    "covariate": ("covariate along which the curve runs", ""),
    "value": ("value of the covariate", "units of the surveys"),
    "curve": ("the parameter along the curve, all else held still", "scale of the parameter"),
    "curve_lower_50": ("lower end of the 50% interval of the curve", "scale of the parameter"),
    "curve_upper_50": ("upper end of the 50% interval of the curve", "scale of the parameter"),
    "p": ("chance to detect on one visit, given presence", "probability"),
    "p_star": ("chance of at least one detection over the visits, given presence", "probability"),
    "visits_for_95": ("visits needed for a 95% chance of a detection, given presence", "visits"),
    "share_lower_50": ("lower end of the 50% interval of share", "probability"),
    "share_upper_50": ("upper end of the 50% interval of share", "probability"),
    "next_season": ("season that follows", ""),
    "from_season": ("season that the change is counted from", ""),
    "to_season": ("season that the change is counted to", ""),
    "colonised": ("share of the empty sites that were occupied in the next season", "probability"),
    "extinct": ("share of the occupied sites that were empty in the next season", "probability"),
    "turnover": ("share of the next season's occupied sites that were empty before", "probability"),
    "growth": ("number occupied in the next season over the number occupied", "ratio"),
    "equilibrium": (
        "share of sites occupied, were the rates of the last interval to go on for ever",
        "probability",
    ),
    "number": ("individuals at the surveyed sites, given what was seen", "count"),
    "per_site": ("individuals at a surveyed site, on average", "count"),
    "difference": ("occupancy in the second season less that in the first", "probability"),
    "ratio": ("occupancy in the second season over that in the first", "ratio"),
    "p_decline": ("probability that occupancy fell", "probability"),
    "prior": ("prior distribution of the coefficient or standard deviation", ""),
    "says": ("what the prior says, on the scale of the parameter", ""),
    "overlap": ("area that prior and posterior share", "share"),
    "contraction": ("share of the prior's variance that the data took away", "share"),
    "prior_sensitivity": ("how far the posterior moves when priors count more", "above 0.05: far"),
    "likelihood_sensitivity": ("how far it moves when the data count more", "above 0.05: far"),
    "verdict": ("whether prior or data set it", ""),
    "community": ("what species of the same traits have in common; mean", "link scale"),
    "deviation": ("how far the species is from what they have in common", "link scale"),
    "sigma": ("standard deviation of the population of species", "link scale"),
    "spread": ("standard deviation between the species surveyed", "link scale"),
    "observed": ("species detected, or similarity of what was detected; not corrected", ""),
    "sample": ("species present on the surveyed sites, seen or missed (finite sample)", "species"),
    "population": ("species expected on as many new sites of these conditions", "species"),
    "at_a_site": ("species present on a surveyed site, on average", "species"),
    "richness": ("species present at the site; in a cell: expected there", "species"),
    "first": ("one of the two places", ""),
    "second": ("the other of the two places", ""),
    "shared": ("species present in both places", "species"),
    "code": ("code of the check", ""),
    "message": ("what the check found", ""),
    "numbers": ("the numbers behind it, JSON", ""),
    "cure": ("what to do", ""),
}  # fmt: skip
ENDS = {
    "mean": "mean of: ",
    "lower": "lower end of the interval of: ",
    "upper": "upper end of the interval of: ",
    "sd": "standard deviation of: ",
}
WHOSE = {
    "sample_": "surveyed sites, from sampled histories",
    "population_": "such sites, from the rates alone",
}
DECLINE = re.compile(r"p_decline_([\d.]+)")
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
_FOUR = ("psi", "share", "area_psi", "p", "p_star", "alone", "partial", "complete")


def frames(results: Results) -> dict[str, pd.DataFrame]:
    """Every table of the results, without geometry but with coordinates, in a fixed order."""
    out = {
        "sites": _with_coordinates(results.sites, results),
        "regions": _plain(results.regions),
        "overall": _plain(results.overall),
        "cells": None if results.cells is None else _numbered(_plain(results.cells)),
        "coefficients": results.coefficients,
        "effects": results.effects,
        "groups": results.groups,
        "variances": results.variances,
        "components": results.components,
        "r_squared": results.r_squared,
        "priors": results.priors,
        "shrinkage": results.shrinkage,
        "detection": results.detection,
        "states": results.states,
        "abundance": results.abundance,
        "turnover": results.turnover,
        "change": results.change,
        **_community(results.community),
        "warnings": warnings_table(results),
    }
    return {
        name: _seasons(t, results) for name, t in out.items() if t is not None and len(t.columns)
    }


def _community(community: Community | None) -> dict[str, pd.DataFrame | None]:
    """What species say together; the number of species at a site stands among the sites."""
    if community is None:
        return {}
    return {
        "species": community.species,
        "species_coefficients": community.coefficients,
        "community": community.means,
        "species_pooling": community.pooling,
        "richness": community.richness,
        "similarity": community.similarity,
    }


def warnings_table(results: Results) -> pd.DataFrame:
    """The verdicts of the checks, one row each, worst first."""
    rows = [
        {
            "code": w.code,
            "level": w.level,
            "message": w.message,
            "numbers": json.dumps(dict(w.numbers), ensure_ascii=False, sort_keys=True, default=str),
            "cure": w.cure,
        }
        for w in results.warnings
    ]
    return pd.DataFrame(rows, columns=["code", "level", "message", "numbers", "cure"])


def write(results: Results, folder: Path, *, spreadsheet: bool = True) -> list[Path]:
    """Write one CSV a table and `_columns.csv`, which says what every column means.

    With `spreadsheet` (the default) a text that a spreadsheet would run as a formula gets an
    apostrophe in front, and `_columns.csv` counts them. Files for machines keep the value.
    """
    folder = Path(folder)
    paths, dictionary = [], []
    for name, table in frames(results).items():
        guarded = dict.fromkeys(table.columns, 0)
        text = csv_text(table, spreadsheet=spreadsheet, guarded=guarded)
        paths.append(write_text(folder / f"{name}.csv", text))
        for column in table.columns:
            meaning, unit = describe_column(str(column), results.interval)
            if name == "states" and column not in COLUMNS:
                meaning, unit = f"probability of: {column}, given what was seen", "probability"
            dictionary.append((f"{name}.csv", column, unit, meaning, guarded[column]))
    columns = pd.DataFrame(dictionary, columns=["file", "column", "unit", "meaning", "apostrophes"])
    return [*paths, write_text(folder / "_columns.csv", csv_text(columns))]


def csv_text(
    table: pd.DataFrame, *, spreadsheet: bool = True, guarded: dict[str, int] | None = None
) -> str:
    """A table as CSV: probabilities with four decimals, missing as empty, plain line ends.

    A control character in somebody's label, such as the escape that a terminal obeys, is written
    by its number.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([without_controls(str(name)) for name in table.columns])
    columns = []
    for name in table.columns:
        values = [_cell(v, str(name)) for v in table[name].tolist()]
        if spreadsheet:
            safe = [guard(v) for v in values]
            if guarded is not None:
                guarded[name] = sum(a != b for a, b in zip(values, safe, strict=True))
            values = safe
        columns.append(values)
    writer.writerows(zip(*columns, strict=True))
    return out.getvalue()


def guard(text: str) -> str:
    """A text cell that no spreadsheet takes for a formula; numbers are left alone."""
    if not text.startswith(DANGEROUS):
        return text
    try:
        float(text)
    except ValueError:
        return "'" + text
    return text


def describe_column(name: str, interval: float) -> tuple[str, str]:
    """Meaning and unit of a column."""
    for start, whose in WHOSE.items():
        if name.startswith(start):
            meaning, unit = describe_column(name.removeprefix(start), interval)
            return f"{meaning}; {whose}", unit
    if fell := DECLINE.fullmatch(name):
        least = "at all, or stayed" if fell[1] == "0" else f"by {fell[1]}% or more"
        return f"probability that occupancy fell {least}", "probability"
    if name in COLUMNS:
        meaning, unit = COLUMNS[name]
    else:
        stem, _, end = name.rpartition("_")
        known, unit = COLUMNS.get(stem, ("", ""))
        meaning = ENDS.get(end, "") + known if known else ""
    if name.endswith(("lower", "upper", "width")):
        meaning += f" ({100 * interval:g}%, equal-tailed)"
    return meaning, unit


def _cell(value: Any, column: str) -> str:
    if value is None or value is pd.NaT or (isinstance(value, float) and not np.isfinite(value)):
        return ""
    if isinstance(value, (bool, np.bool_)):
        return str(int(value))
    if isinstance(value, float):
        stem = column.rpartition("_")[0]
        if stem in _FOUR or column in ("present", "naive", "psi_width", "ml_psi", "extrapolated"):
            return f"{value:.4f}"
        if column in ("easting", "northing"):
            return f"{value:.1f}"
        return f"{value:.6f}" if column in ("longitude", "latitude") else f"{value:.6g}"
    return without_controls(str(value))


def without_controls(text: str) -> str:
    """The text with its control characters told by number; line ends and tabs are text."""
    if text.isprintable():
        return text
    return "".join(
        f"\\u{ord(c):04x}" if unicodedata.category(c) == "Cc" and c not in "\n\t" else c
        for c in text
    )


def _plain(table: Any) -> pd.DataFrame | None:
    """A table without its geometry."""
    if table is None:
        return None
    if getattr(table, "_geometry_column_name", None) in table:
        table = table.drop(columns=table.geometry.name)
    return pd.DataFrame(table).drop(columns="geometry", errors="ignore")


def _numbered(cells: pd.DataFrame) -> pd.DataFrame:
    if "cell" not in cells:
        cells.insert(0, "cell", np.arange(1, len(cells) + 1))
    return cells


def _with_coordinates(sites: Any, results: Results) -> pd.DataFrame:
    plain = _plain(sites)
    if not has_geometry(sites):
        return plain  # type: ignore[return-value]
    world = sites.geometry.to_crs(4326)
    return plain.assign(  # type: ignore[union-attr]
        easting=sites.geometry.x.to_numpy(),
        northing=sites.geometry.y.to_numpy(),
        longitude=world.x.to_numpy(),
        latitude=world.y.to_numpy(),
    )


def _seasons(table: pd.DataFrame, results: Results) -> pd.DataFrame:
    """Seasons as text where a label is missing; whole numbers stay numbers."""
    if "season" not in table or pd.api.types.is_integer_dtype(table["season"]):
        return table
    labels = ["" if words.is_missing(s) else words.clean(s) for s in table["season"]]
    return table.assign(season=labels)
