"""What was surveyed, what is missing, and where the species was seen: before any model."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import xarray as xr

from surveys.ledger import Ledger
from surveys.problems import plain, render
from surveys.schema import VISIT_DIMS, covariates, visit_made


@dataclass(frozen=True)
class Description:
    """Tables of counts; `str()` gives them as a page of text.

    A site counts as surveyed in a season when a visit was made there and the species looked for.
    `naive` is the share of surveyed sites with a detection: a lower bound of occupancy.
    """

    title: str
    sizes: dict[str, int]
    totals: dict[str, float]
    table: pd.DataFrame  # species, season: surveyed, detected, naive, visits, detections, effort
    by_region: pd.DataFrame  # species, region; empty where there are no regions
    by_species: pd.DataFrame  # all seasons together
    visits: pd.DataFrame  # visits made at a site and season -> how many site-seasons
    sites: pd.DataFrame  # site: region, visits, effort, detections, first and last visit
    covariates: pd.DataFrame  # name: dims, kind, missing cells, range or levels
    effort_units: str
    ledger: Ledger = field(repr=False)

    @property
    def naive(self) -> pd.DataFrame:
        """Naive occupancy by species and season: surveyed, detected, naive."""
        return self.table[["species", "season", "surveyed", "detected", "naive"]]

    def __str__(self) -> str:
        return _page(self)


def describe(ds: xr.Dataset) -> Description:
    """Count what was surveyed, seen and missed, for every species, season, region and site."""
    made = visit_made(ds)
    seen = (ds["detection"] > 0).any("visit")  # (species, site, season)
    looked = ds["detection"].notnull().any("visit")
    effort = ds["effort"].where(made)
    sites = _sites(ds, made, effort)
    n_visits = made.sum("visit").values
    values, times = np.unique(n_visits, return_counts=True)
    region = ds.get("region")
    by_region = _by_region(ds, seen, looked, region)
    by_season = _by_season(ds, seen, looked, effort)
    by_species = _shares(
        {"species": ds["species"].values},
        looked.any("season").sum("site"),
        seen.any("season").sum("site"),
    )
    if "score" in ds and not (ds["detection"] == 0).any():
        for table in (by_season, by_species, by_region):
            table["naive"] = np.nan  # a score is a detection where somebody sets a threshold
    return Description(
        title=str(ds.attrs.get("title", "")),
        sizes={str(k): int(v) for k, v in ds.sizes.items() if k in ds["detection"].dims},
        totals={
            "visits": int(made.sum()),
            "detections": int((ds["detection"] > 0).sum()),
            "effort": float(effort.sum()),
            "sites visited": int(made.any(("season", "visit")).sum()),
            "sites with a detection": int(seen.any(("species", "season")).sum()),
            "sites without coordinates": int(ds["longitude"].isnull().sum())
            if "longitude" in ds
            else ds.sizes["site"],
        },
        table=by_season,
        by_region=by_region,
        by_species=by_species,
        visits=pd.DataFrame({"visits": values, "sites and seasons": times}),
        sites=sites,
        covariates=_covariates(ds, made),
        effort_units=str(ds["effort"].attrs.get("units", "")),
        ledger=Ledger.from_json(str(ds.attrs.get("ledger", ""))),
    )


def _shares(labels: dict, surveyed: xr.DataArray, detected: xr.DataArray) -> pd.DataFrame:
    """A row a combination of labels: surveyed, detected, naive = detected / surveyed."""
    index = pd.MultiIndex.from_product(list(labels.values()), names=list(labels))
    table = index.to_frame(index=False)
    n, k = surveyed.values.ravel().astype(int), detected.values.ravel().astype(int)
    table["surveyed"], table["detected"] = n, k
    table["naive"] = np.divide(k, n, out=np.full(n.shape, np.nan), where=n > 0)
    return table


def _by_season(ds, seen, looked, effort) -> pd.DataFrame:
    labels = {"species": ds["species"].values, "season": ds["season"].values}
    table = _shares(labels, looked.sum("site"), seen.sum("site"))
    within = ("site", "visit")
    known = ds["detection"].notnull()
    table["visits"] = known.sum(within).values.ravel().astype(int)
    table["detections"] = (ds["detection"] > 0).sum(within).values.ravel().astype(int)
    table["effort"] = effort.where(known).sum(within).transpose("species", "season").values.ravel()
    return table


def _by_region(ds, seen, looked, region) -> pd.DataFrame:
    """Sites surveyed and with a detection in any season, by species and region."""
    if region is None:
        columns = ["species", "region", "surveyed", "detected", "naive"]
        return pd.DataFrame({name: [] for name in columns})
    names = sorted(set(region.values.tolist()))
    inside = xr.DataArray(
        np.stack([region.values == name for name in names]),
        dims=("region", "site"),
        coords={"site": ds["site"].values},
    )
    order = ("species", "region")
    surveyed = (looked.any("season") & inside).sum("site").transpose(*order)
    detected = (seen.any("season") & inside).sum("site").transpose(*order)
    return _shares({"species": ds["species"].values, "region": names}, surveyed, detected)


def _sites(ds, made, effort) -> pd.DataFrame:
    within = ("season", "visit")
    table = pd.DataFrame({"site": ds["site"].values.astype(object)})
    if "region" in ds:
        table["region"] = ds["region"].values.astype(object)
    table["visits"] = made.sum(within).values.astype(int)
    table["effort"] = effort.sum(within).values
    table["detections"] = (ds["detection"] > 0).sum(("species", *within)).values.astype(int)
    if "visit_start" in ds:
        start = ds["visit_start"].where(made).values.reshape(ds.sizes["site"], -1)
        table["first"] = pd.DataFrame(start).min(axis=1)
        table["last"] = pd.DataFrame(start).max(axis=1)
    else:
        seasons = ds["season"].values
        ever = made.any("visit").values  # (site, season)
        some = ever.any(axis=1)
        first, last = ever.argmax(axis=1), ever.shape[1] - 1 - ever[:, ::-1].argmax(axis=1)
        table["first"] = [str(seasons[i]) if s else "" for i, s in zip(first, some, strict=True)]
        table["last"] = [str(seasons[i]) if s else "" for i, s in zip(last, some, strict=True)]
    return table


def _covariates(ds, made) -> pd.DataFrame:
    """Kind, missing cells (only where a visit was made) and range of each covariate."""
    rows = []
    for name in covariates(ds):
        variable = ds[name]
        text = variable.dtype.kind != "f"
        gone = (variable == "") if text else variable.isnull()
        over = [d for d in VISIT_DIMS if d not in variable.dims]
        needed = made.any(over) if over else made
        values = variable.values[~gone.values]
        if text:
            levels = sorted(set(values.tolist()))
            told = ", ".join(_short(level) for level in levels[:6])
            told += " ..." if len(levels) > 6 else ""
        else:
            ends = (
                dict.fromkeys(f"{v:.4g}" for v in (values.min(), values.max()))
                if values.size
                else ()
            )
            told = " to ".join(ends) + (" everywhere" if len(ends) == 1 else "")
        rows.append(
            {
                "covariate": name,
                "dims": ", ".join(map(str, variable.dims)),
                "kind": "text" if text else "number",
                "missing": int((gone & needed).sum()),
                "policy": str(variable.attrs.get("missing", "")),
                "values": told,
            }
        )
    columns = ["covariate", "dims", "kind", "missing", "policy", "values"]
    return pd.DataFrame(rows, columns=columns)


def _page(d: Description) -> str:
    n, t = d.sizes, d.totals
    lines = [d.title] if d.title else []
    lines += [
        f"{_many(n['species'], 'species', 'species')}, {_many(n['site'], 'site')}, "
        f"{_many(n['season'], 'season')}, up to {_many(n['visit'], 'visit')} in a season",
        f"{_many(t['visits'], 'visit')} made at {_many(t['sites visited'], 'site')}"
        + (f" ({n['site'] - t['sites visited']} never visited)" * (t["sites visited"] < n["site"])),
        f"effort {t['effort']:g} {_unit(t['effort'], d.effort_units)}",
        f"{_many(t['detections'], 'detection')} at {_many(t['sites with a detection'], 'site')}",
    ]
    if t["sites without coordinates"]:
        lines.append(f"{_many(t['sites without coordinates'], 'site')} without coordinates")
    parts = [("Naive occupancy by season", d.table)]
    if n["season"] > 1:
        parts.append(("Naive occupancy, all seasons together", d.by_species))
    if len(d.by_region):
        parts.append(("Naive occupancy by region", d.by_region))
    parts.append(("Visits made at a site in a season", d.visits))
    if len(d.covariates):
        parts.append(("Covariates (missing: cells of visits made)", d.covariates))
    for head, table in parts:
        lines += ["", head, _text(table)]
    account = str(d.ledger)
    if account:
        lines += ["", "Rows", account]
    if d.ledger.problems:
        lines += ["", render(d.ledger.problems)]
    return plain("\n".join(lines))


def _many(n: float, one: str, more: str = "") -> str:
    return f"{int(n):,} {one if n == 1 else more or one + 's'}"


def _short(level: str, most: int = 40) -> str:
    """A level of a text; of a sentence its beginning."""
    return level if len(level) <= most else level[: most - 1].rstrip() + "…"


def _unit(n: float, units: str) -> str:
    """1 recording, 2 recordings."""
    return units.removesuffix("s") if n == 1 and units.isalpha() else units


def _text(table: pd.DataFrame, most: int = 40) -> str:
    """A table in columns; long ones are cut, with the number of rows left out."""
    shown = table.head(most).copy()
    if "naive" in shown:
        shown["naive"] = ["" if np.isnan(v) else f"{v:.2f}" for v in shown["naive"].astype(float)]
    text = shown.to_string(index=False, float_format=lambda v: f"{v:g}", na_rep="")
    left = len(table) - len(shown)
    return text + (f"\n... and {left} more rows" if left > 0 else "")
