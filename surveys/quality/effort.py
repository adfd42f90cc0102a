"""Where the effort went: much at few sites, or evenly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from surveys.problems import listing
from surveys.quality.base import Evidence, Section
from surveys.quality.said import amount, many, percent

NAME, TITLE = "effort", "Where the effort went"
LITTLE = 0.25  # of the median: such a site tells little


@dataclass(frozen=True, kw_only=True)
class EffortBySite(Section):
    sites: pd.DataFrame | None = None  # site, effort, visits, easting, northing (NaN: no place)
    units: str = ""
    placed: bool = False


def look(evidence: Evidence) -> Section:
    """Sum the effort of every site over all seasons."""
    ds, made, units = evidence.ds, evidence.made, evidence.effort_units
    effort = np.where(made, np.nan_to_num(ds["effort"].values), 0.0).sum(axis=(1, 2))
    visits = made.sum(axis=(1, 2))
    table = pd.DataFrame(
        {"site": ds["site"].values.astype(object), "effort": effort, "visits": visits}
    )
    for name in ("easting", "northing"):
        table[name] = ds[name].values if name in ds else np.nan
    some = effort[visits > 0]
    if not len(some):
        some = np.zeros(1)
    low, middle, high = np.quantile(some, [0.1, 0.5, 0.9])
    little = table["site"][(visits > 0) & (effort < LITTLE * middle)].tolist()
    never = int((visits == 0).sum())
    total = float(effort.sum())
    top = np.sort(some)[::-1][: max(len(some) // 10, 1)].sum()
    told = (
        f"{amount(total, units)} at {many(len(some), 'visited site')}; half of them have "
        f"{amount(middle, units)} or more, eight in ten between {amount(low)} and "
        f"{amount(high, units)}. The tenth with most effort holds {percent(top, total)} of it."
    )
    if never:
        told += f" {many(never, 'site')} {'was' if never == 1 else 'were'} never visited."
    if little:
        told += (
            f" Less than a quarter of the usual at {many(len(little), 'site')} "
            f"({listing(little, 4)})."
        )
    without = int(table["easting"].isna().sum()) if "easting" in ds else len(table)
    placed = without < len(table)
    if without:
        told += f" {many(without, 'site')} {'has' if without == 1 else 'have'} no coordinates" + (
            " and cannot be drawn on a map." if not placed else " and are not on the map."
        )
    even = high <= 1.5 * low
    do = (
        "Nothing: the sites had much the same effort."
        if even and not little and not never
        else "Effort that differs between sites changes what was seen. Let p follow it, as in "
        "log(effort), and do not compare naive numbers between places."
    )
    if not placed:
        do += " Give the sites longitude and latitude to see this as a map."
    return EffortBySite(
        name=NAME,
        title="Every site had the same effort: " + amount(middle, units)
        if some.min() == some.max()
        else f"Effort by site: {amount(some.min())} to {amount(some.max(), units)}",
        told=told,
        do=do,
        numbers={
            "total": round(total, 4),
            "units": units,
            "sites_visited": len(some),
            "sites_never_visited": never,
            "median": round(float(middle), 4),
            "least": round(float(some.min()), 4),
            "most": round(float(some.max()), 4),
            "sites_with_little": little[:50],
            "sites_without_coordinates": without,
        },
        sites=table,
        units=units,
        placed=placed,
    )
