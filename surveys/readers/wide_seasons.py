"""Covariates of seasons in a wide table: one row for each site and season, some columns change."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from surveys import cells
from surveys.ledger import Ledger
from surveys.problems import listing
from surveys.readers.visit_covariates import Layout, refuse_taken
from surveys.study_file import StudyFile
from surveys.text_table import Table, rows_text

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
        return None, [c for c in left if c not in told.values()]
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
