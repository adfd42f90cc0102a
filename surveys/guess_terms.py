"""The terms of a first model: covariates that vary on the visits that it will see."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from surveys.build import VISIT_COLUMNS
from surveys.guess_text import Parts
from surveys.readers.tidy import Tidy

MOST_LEVELS = 8  # of a text in a first model


# Numbers of rows and of features, as R, pandas and GIS write them.
_OF_ROWS = re.compile(r"x(\.[0-9]+)?|id|o?g?c?_?fid|objectid|index|rownames?|row_?id|nr|no", re.I)
MOST_TERMS = 2  # of a first formula


def _formula_terms(
    frame: pd.DataFrame, roles_taken: Sequence[str], rows_of: Sequence[pd.Index] = ()
) -> tuple[list[str], pd.DataFrame]:
    """What can stand in a first formula, and the rows that have it all.

    Numbers that vary, scaled; texts of a few levels. A covariate that is missing somewhere costs
    rows, so that one is taken only if all that were taken still vary on the rows that are left;
    on those of each species, `rows_of`, where not every species was looked for on all of them.
    """
    terms: list[str] = []
    taken: list[str] = []
    for name in map(str, frame.columns):
        if (
            name in roles_taken
            or _OF_ROWS.fullmatch(name)
            or "`" in name
            or not re.fullmatch(r"[^\W\d_].*", name)
        ):
            continue
        shown = name if re.fullmatch(r"[A-Za-z]\w*", name) else f"`{name}`"
        number = pd.api.types.is_numeric_dtype(frame[name])
        left = frame[frame[name].notna() if number else frame[name] != ""]
        levels = left[name].nunique()
        parts = [left.loc[left.index.intersection(rows)] for rows in rows_of] or [left]
        if len(terms) == MOST_TERMS or not all(_varies(p, [*taken, name]) for p in parts):
            continue
        if not number and (
            levels > min(MOST_LEVELS, len(left) // 2)
            or any(p[name].nunique() < levels for p in parts)
        ):
            continue
        binary = number and set(left[name]) <= {0, 1}
        terms.append(f"scale({shown})" if number and not binary else shown)
        taken.append(name)
        frame = left
    return terms, frame


def _varies(rows: pd.DataFrame, names: Sequence[str]) -> bool:
    """Whether each covariate varies on the rows, and there are more of them than coefficients."""
    return len(rows) > len(names) and all(rows[n].nunique() > 1 for n in names)


def first_terms(tidy: Tidy, parts: Parts, idle: Sequence[str]) -> None:
    """Terms of a first model, on the visits that it will see: those of the last season."""
    visits = tidy.visits
    if len(tidy.seasons) > 1:
        of_last = visits["season"].map(str) == str(tidy.seasons[-1])
        visits = visits[of_last] if of_last.any() else visits
    looked_for = _looked_for(tidy, visits)
    once = "site" in visits and not visits["site"].duplicated().any()
    timed = "time" in tidy.records and bool(tidy.records["time"].notna().any())
    parts.one_visit = "" if not once else "time" if timed else "alone"
    if tidy.target is not None and len(looked_for) < len(tidy.species):
        most = max(looked_for, key=lambda name: len(looked_for[name]), default="")
        parts.one_species = most
        parts.n_looked_for = len(looked_for), len(tidy.species)
        looked_for = {name: rows for name, rows in looked_for.items() if name == most}
    looked = list(looked_for.values())
    sites = tidy.sites[tidy.sites["site"].isin(visits["site"])]
    of_sites = [sites.index[sites["site"].isin(visits.loc[rows, "site"])] for rows in looked]
    parts.of_sites, complete = _formula_terms(sites, idle, of_sites)
    visits = visits[visits["site"].isin(complete["site"])]
    parts.of_visits, _ = _formula_terms(visits, (*VISIT_COLUMNS, *parts.renamed), looked)


def _looked_for(tidy: Tidy, visits: pd.DataFrame) -> dict[str, pd.Index]:
    """The visits on which each species was looked for; {} where every species was on all."""
    if tidy.target is None:
        return {}
    keys = [k for k in ("site", "season", "visit") if k in tidy.target and k in visits]
    at = pd.MultiIndex.from_frame(visits[keys].astype(str))
    found = {}
    for name, part in tidy.target.groupby("species")[keys]:
        rows = at.isin(pd.MultiIndex.from_frame(part.astype(str)))
        if rows.any():
            found[str(name)] = visits.index[rows]
    return found
