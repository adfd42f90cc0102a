"""Covariates at the level at which they vary: what is told visit by visit may be a season's."""

from __future__ import annotations

import pandas as pd

from surveys.build import SITE_COLUMNS, VISIT_COLUMNS
from surveys.ledger import Ledger
from surveys.problems import listing
from surveys.readers.long_visits import DAY
from surveys.readers.tidy import Tidy
from surveys.study_file import StudyFile

OF_VISITS = (DAY, "observer", "date")
MOSTLY = 0.9  # of the sites; where fewer have one value the covariate does vary by visit
FEW_SITES = 10  # too few to tell a slip of the pen from a covariate that varies


def settle(study: StudyFile, tidy: Tidy, ledger: Ledger) -> None:
    """Move covariates with one value in every site and season to the seasons, and tell it.

    Occupancy, colonisation and extinction can use covariates of sites and seasons, never of
    visits. A covariate that the study file lists under [visit_covariates] stays where it is, and
    so does one with missing values, since the policy for them is one of visits.
    """
    told = set(study.section("visit_covariates"))
    names = [
        str(c)
        for c in tidy.visits.columns
        if c not in VISIT_COLUMNS and c not in OF_VISITS and c not in told
    ]
    for name in names:
        values = tidy.visits[name]
        if values.isna().any() or (values == "").any():
            continue
        if _is_of_seasons(tidy, values):
            _move(tidy, name)
            ledger.note(
                "N361",
                f'"{name}" has one value in each site and season: it is a covariate of seasons',
                cure=f"[visit_covariates.{name}] keeps it one of visits",
            )
        else:
            _tell_slips(tidy, name, values, ledger)


def tell_twins(tidy: Tidy, ledger: Ledger) -> None:
    """Values of a text that differ by capitals or blanks alone would be two levels of it."""
    frames = (tidy.sites, tidy.visits, tidy.season_covariates)
    for frame in (f for f in frames if f is not None):
        for name in map(str, frame.columns):
            known = name in (*SITE_COLUMNS, *VISIT_COLUMNS)
            if known or pd.api.types.is_numeric_dtype(frame[name]):
                continue
            spelt: dict[str, dict[str, int]] = {}
            for value, n in frame[name].value_counts().items():
                spelt.setdefault(" ".join(str(value).split()).casefold(), {})[str(value)] = int(n)
            for twins in (t for t in spelt.values() if len(t) > 1):
                told = " and ".join(f'"{v}" ({n})' for v, n in sorted(twins.items()))
                ledger.warn(
                    "W054",
                    f'"{name}": {told} differ by capitals or blanks alone, and are levels apart',
                    cure="write them alike in the file, if they mean the same",
                )


def _is_of_seasons(tidy: Tidy, values: pd.Series) -> bool:
    if len(tidy.seasons) < 2:
        return False
    groups = values.groupby([tidy.visits["site"], tidy.visits["season"].map(str)])
    several = groups.size() > 1
    repeated = several.groupby(level=0).any().mean()  # one visit a season tells nothing
    changes = (values.groupby(tidy.visits["site"]).nunique() > 1).any()
    return bool(repeated >= 0.5 and (groups.nunique() <= 1).all() and changes)


def _move(tidy: Tidy, name: str) -> None:
    keys = ["site", "season"]
    part = tidy.visits[[*keys, name]].assign(season=tidy.visits["season"].map(str))
    part = part.drop_duplicates(keys)
    frame = tidy.season_covariates
    if frame is None:
        sites = list(tidy.sites["site"])
        seasons = [str(s) for s in tidy.seasons]
        frame = pd.MultiIndex.from_product([sites, seasons], names=keys).to_frame(index=False)
    frame = frame.merge(part, on=keys, how="left")
    if not pd.api.types.is_numeric_dtype(frame[name]):
        frame[name] = frame[name].fillna("")
    tidy.season_covariates = frame
    tidy.visits = tidy.visits.drop(columns=name)
    tidy.missing.pop(name, None)


def _tell_slips(tidy: Tidy, name: str, values: pd.Series, ledger: Ledger) -> None:
    """A covariate that is one of sites but for a few, where two visits disagree."""
    groups = values.groupby(tidy.visits["site"])
    again = groups.size() > 1
    kinds = groups.nunique()[again]
    if len(kinds) < FEW_SITES or kinds.max() < 2 or values.nunique() <= 2:
        return
    slips = kinds[kinds > 1]
    if len(slips) > (1 - MOSTLY) * len(kinds):
        return
    site = slips.index[0]
    at = tidy.visits[tidy.visits["site"] == site]
    shown = listing([f"{v:g}" if isinstance(v, float) else str(v) for v in at[name].unique()], 3)
    file = str(at["file"].iloc[0]) if "file" in at else ""
    changed = at["row"][at[name] != at[name].iloc[0]] if "row" in at else []
    n = len(slips)
    ledger.warn(
        "W362",
        f'{file + ": " if file else ""}"{name}" has one value at {len(kinds) - n} of {len(kinds)} '
        f'sites, and changes between visits at {n} (site "{site}": {shown}), so it is a covariate '
        "of visits",
        file=file,
        row=int(changed.iloc[0]) if len(changed) else None,
        column=name,
        why="occupancy can only use covariates of sites and seasons",
        cure="correct the values, or give one value a site in the table of sites; "
        f"[visit_covariates.{name}] says that it is meant so",
    )
