"""Covariates of seasons (weather of the year, harvest), for all sites or site by site."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from surveys import cells
from surveys.ledger import Ledger
from surveys.open_table import open_table
from surveys.problems import did_you_mean, listing, rows_text
from surveys.readers import roles
from surveys.readers.tidy import Tidy
from surveys.readers.visit_covariates import refuse_taken
from surveys.study_file import StudyFile
from surveys.text_table import Table


def read_seasons(study: StudyFile, tidy: Tidy, ledger: Ledger) -> None:
    """Put the covariates of `[season_covariates]` into `tidy`, one row for each site and season."""
    sections = study.section("season_covariates")
    if not sections:
        return
    frame = pd.MultiIndex.from_product(
        [list(tidy.sites["site"]), [str(s) for s in tidy.seasons]], names=["site", "season"]
    ).to_frame(index=False)
    opened: dict[str, Table | None] = {}
    for name, keys in sections.items():
        if "raster" in keys:
            continue  # found once the places of the sites are known
        path = keys.get("table") or keys.get("path")
        own = tidy.season_covariates
        if path is None and own is not None and name in own:
            continue  # a column of the detections
        if path is None:
            ledger.error(
                "E531",
                f"{study.name}: [season_covariates.{name}] names no path and no raster",
                file=study.name,
                cure="name its table, which has a column season: "
                f'[season_covariates.{name}] path = "..."',
            )
            continue
        if path not in opened:
            spec = study.table(f"season_covariates.{name}", ledger)
            opened[path] = open_table(replace(spec, columns={}), ledger) if spec else None
        table = opened[path]
        if table is not None:
            values = _values(study, name, keys, table, frame, ledger)
            if values is not None:
                frame[name] = values
    tidy.tables += [t for t in opened.values() if t is not None]
    if tidy.season_covariates is not None:  # those that the reader itself has found
        own = [n for n in tidy.season_covariates if n not in frame or n in ("site", "season")]
        frame = frame.merge(tidy.season_covariates[own], on=["site", "season"], how="left")
    if len(frame.columns) > 2:
        tidy.season_covariates = frame


def _values(
    study: StudyFile,
    name: str,
    keys: dict[str, Any],
    table: Table,
    frame: pd.DataFrame,
    ledger: Ledger,
) -> np.ndarray | None:
    season = table.match(keys.get("season", "season")) or table.match("year")
    site = table.match(keys.get("site", "site"))
    column = table.match(keys.get("column", name))
    for what, found in (("season", season), (keys.get("column", name), column)):
        if found is None:
            ledger.error(
                "E015",
                f'{table.place} has no column "{what}" (study file: [season_covariates.{name}]). '
                f"It has: {listing(table.names, 12)}.{did_you_mean(what, table.names)}",
                file=table.place,
                cure=f"[season_covariates.{name}] {'season' if what == 'season' else 'column'} = "
                '"..."',
            )
    if season is None or column is None or not refuse_taken([name], table, ledger):
        return None
    at = pd.DataFrame({"season": cells.ids(table, season, ledger)})
    if site is not None:
        at["site"] = roles.same_sites(study, cells.ids(table, site, ledger))
    doubled = at.duplicated(keep=False).to_numpy()
    if doubled.any():
        ledger.error(
            "E532",
            f"{table.place}, {rows_text(table.rows[doubled])}: a season has more than one row"
            + ("" if site is None else " for one site"),
            file=table.place,
            row=int(table.rows[doubled][0]),
            cure="one row for each season, or for each site and season",
        )
        return None
    kind = keys.get("type") or cells.kind_of(table, column, ledger)
    read_as = cells.numbers if kind == "number" else cells.words
    values = pd.Series(read_as(table, column, ledger), index=pd.MultiIndex.from_frame(at))
    wanted = pd.MultiIndex.from_frame(frame[list(at.columns)])
    used = pd.MultiIndex.from_frame(at).isin(wanted)
    if not used.any():
        ledger.error(
            "E533",
            f"{table.place}: none of its seasons ({listing(at['season'], 3)}) is a season of the "
            f"detections ({listing(frame['season'].unique(), 3)})",
            file=table.place,
            column=season,
        )
        return None
    if not ledger.n_read(table.file):
        ledger.read(table.file, len(table))
        ledger.use(table.file, int(used.sum()))
        if not used.all():
            ledger.set_aside("site or season not surveyed", table.file, table.rows[~used])
    out = values.reindex(wanted).to_numpy()
    if kind == "factor":
        return np.array(["" if pd.isna(v) else v for v in out], dtype=str)
    return out.astype(float)
