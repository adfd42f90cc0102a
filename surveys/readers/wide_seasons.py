"""Covariates of seasons in a wide table: one row for each site and season, some columns change."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from surveys import cells
from surveys.ledger import Ledger
from surveys.problems import listing, rows_text
from surveys.readers.visit_covariates import Layout, refuse_taken
from surveys.study_file import StudyFile
from surveys.text_table import Table

_YEAR = "(?:18|19|20|21)[0-9]{2}"
MOSTLY = 0.5  # of the sites of several seasons; where fewer change, one cell may be wrong


def season_columns(
    study: StudyFile,
    table: Table,
    layout: Layout,
    sites: np.ndarray,
    season_at: np.ndarray,
    left: Sequence[str],
    ledger: Ledger,
) -> tuple[pd.DataFrame | None, list[str]]:
    """One row a site and season with what changes between seasons, and what belongs to the site."""
    told = _told(study, table, ledger)
    if not layout.season_column:
        rest = [c for c in left if c not in told.values()]
        return _by_header(study, table, layout, sites, rest, ledger)
    names = dict.fromkeys(told.values())
    for column in left:
        if column not in names and _changes(table, sites, column) > MOSTLY:
            names[column] = None
    if not names:
        return None, list(left)
    called = {column: name for name, column in told.items()}
    frame = pd.MultiIndex.from_product(
        [layout.sites, [str(s) for s in layout.seasons]], names=["site", "season"]
    ).to_frame(index=False)
    at = pd.DataFrame({"site": sites, "season": [str(layout.seasons[i]) for i in season_at]})
    found = []
    for column in refuse_taken(list(names), table, ledger):
        if not _one_a_season(table, at, column, ledger):
            continue
        name = called.get(column, column)
        keys = study.section("season_covariates").get(name, {})
        number = keys.get("type", cells.kind_of(table, column, ledger)) == "number"
        values = (cells.numbers if number else cells.words)(table, column, ledger)
        own = pd.Series(values, index=pd.MultiIndex.from_frame(at))
        own = own[own.notna() if number else own != ""]
        wanted = pd.MultiIndex.from_frame(frame[["site", "season"]])
        own = own[~own.index.duplicated()].reindex(wanted)
        frame[name] = own.to_numpy(float) if number else own.fillna("").to_numpy(str)
        found += [name] if column not in called else []
    if found:
        ledger.note(
            "N361",
            f"{table.place}: {listing([f'{chr(34)}{n}{chr(34)}' for n in found])} "
            f"{'has' if len(found) == 1 else 'have'} one value in each site and season: "
            f"{'it is a covariate' if len(found) == 1 else 'they are covariates'} of seasons",
            file=table.file,
        )
    return frame, [c for c in left if c not in names]


def _by_header(
    study: StudyFile,
    table: Table,
    layout: Layout,
    sites: np.ndarray,
    left: Sequence[str],
    ledger: Ledger,
) -> tuple[pd.DataFrame | None, list[str]]:
    """Columns that end in the year of a season (burn.2019, burn.2020), one for every season."""
    years = [str(s) for s in layout.seasons]
    if len(years) < 2 or not all(re.fullmatch(_YEAR, y) for y in years):
        return None, list(left)
    groups: dict[str, dict[str, str]] = {}
    for column in left:
        match = re.fullmatch(rf"(.*[^\W_])[._ -]?({_YEAR})", column)
        if match is not None and match[2] in years and not match[1][-1].isdigit():
            groups.setdefault(match[1], {})[match[2]] = column
    whole = {n: g for n, g in groups.items() if len(g) == len(years) and n not in left}
    names = refuse_taken(list(whole), table, ledger)
    once = len(set(sites)) == len(table)  # a row for each species may tell it several times
    if not names or not once:
        return None, list(left)
    frame = pd.MultiIndex.from_product([list(sites), years], names=["site", "season"])
    out = frame.to_frame(index=False)
    for name in names:
        columns = [whole[name][y] for y in years]
        kind = study.section("season_covariates").get(name, {}).get("type")
        number = kind == "number" or (
            kind is None and all(cells.kind_of(table, c, ledger) == "number" for c in columns)
        )
        read = cells.numbers if number else cells.words
        out[name] = np.stack([read(table, c, ledger) for c in columns], axis=1).ravel()
        out[name] = out[name].astype(float if number else str)
    ledger.note(
        "N361",
        f"{table.place}: columns {listing([c for n in names for c in whole[n].values()], 6)} tell "
        f"{listing(names)} of each season: covariates of seasons",
        file=table.file,
    )
    taken = {c for n in names for c in whole[n].values()}
    return out, [c for c in left if c not in taken]


def _told(study: StudyFile, table: Table, ledger: Ledger) -> dict[str, str]:
    """Columns of this table that the study file lists under [season_covariates]."""
    told = {}
    for name, keys in study.section("season_covariates").items():
        if not {"path", "table", "raster"} & set(keys):
            column = table.match(keys.get("column", name))
            if column is not None:
                told[name] = column
    return told


def _changes(table: Table, sites: np.ndarray, column: str) -> float:
    """The share of sites with several values known at which the column changes."""
    texts = pd.Series(table.text(column))
    known = np.array([not cells.is_missing(str(v), cells.MISSING_NUMBER) for v in texts])
    kinds = texts[known].groupby(sites[known]).agg(["size", "nunique"])
    again = kinds[kinds["size"] > 1]
    return float((again["nunique"] > 1).mean()) if len(again) else 0.0


def _one_a_season(table: Table, at: pd.DataFrame, column: str, ledger: Ledger) -> bool:
    """Rows of one site and season, of several species, must agree."""
    kinds = pd.Series(table.text(column)).groupby([at["site"], at["season"]]).nunique()
    if (kinds <= 1).all():
        return True
    site, season = kinds.index[kinds > 1][0]
    rows = table.rows[((at["site"] == site) & (at["season"] == season)).to_numpy()]
    ledger.error(
        "E513",
        f'{table.place}: "{column}" changes within site "{site}" and season {season} '
        f"({rows_text(rows)})",
        file=table.place,
        row=int(rows[1]),
        column=column,
        cure="a covariate of seasons has one value for each site and season; correct it",
    )
    return False
