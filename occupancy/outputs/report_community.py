"""The report's section on the community that a species belongs to, as plain values."""

from __future__ import annotations

from typing import Any

import pandas as pd

from occupancy.outputs import words
from occupancy.outputs.community import in_order
from occupancy.outputs.results import Community, Results, season_rows
from occupancy.outputs.richness_map import of_all
from occupancy.outputs.richness_map import sentence as richness


def community(results: Results) -> dict[str, Any] | None:
    """Richness in words, this species beside the others, all species and regions; None if alone."""
    told = results.community
    if told is None or results.withheld:
        return None
    return {
        "n": len(told.pooling),
        "richness": richness(results),
        "all": _all_sites(told, results),
        "own": _own(told, results),
        "species": _species(told, results),
        "regions": _regions(told, results),
        "alike": _alike(told),
    }


def _all_sites(told: Community, results: Results) -> str:
    row = of_all(told.richness, results)
    present = words.count(row["sample_mean"])
    ends = f"{words.count(row['sample_lower'])}–{words.count(row['sample_upper'])}"
    return (
        f"All {words.counted(int(row['surveyed']), 'surveyed site')} together held {present} of "
        f"the species ({ends}); {words.count(row['observed'])} were seen."
    )


def _own(told: Community, results: Results) -> list[dict[str, str]]:
    """Coefficients of this species beside the mean of the community."""
    table = told.coefficients
    mine = table[table["species"].astype(str) == results.species]
    means = told.means.set_index(["parameter", "term"])
    rows = []
    for _, row in mine.iterrows():
        whole = means.loc[(row["parameter"], row["term"])]
        places = words.coefficient_places(row["sd"])
        name, unit = results.term_name(row["parameter"], row["term"])
        rows.append(
            {
                "parameter": results.parameter(row["parameter"]).name,
                "name": name,
                "unit": unit,
                "mean": words.decimal(row["mean"], places),
                "interval": words.decimal_interval(row["lower"], row["upper"], places),
                "community": words.decimal(whole["mean"], places),
                "among": words.decimal_interval(whole["lower"], whole["upper"], places),
                "sigma": words.decimal(whole["sigma_mean"], places),
            }
        )
    return rows


def _species(told: Community, results: Results) -> list[dict[str, str]]:
    """Every species, the commonest first, in the season shown."""
    here = told.species[season_rows(told.species, results.season)].set_index("species")
    rows = []
    for name in in_order(told)["species"]:
        row = here.loc[name]
        rows.append(
            {
                "name": words.clean(name),
                "mark": str(name) == results.species,
                "seen": words.share(int(row["detected"]), int(row["surveyed"]), "").strip(),
                "share": words.percent(row["share_mean"]),
                "interval": words.percent_interval(row["share_lower"], row["share_upper"]),
                "p": words.percent(row["p_mean"]) if "p_mean" in row else "",
            }
        )
    return rows


def _regions(told: Community, results: Results) -> list[dict[str, str]]:
    """Number of species of every region, in the season shown."""
    table = told.richness[season_rows(told.richness, results.season)]
    rows = []
    for _, row in table[table["region"] != "all"].iterrows():
        rows.append(
            {
                "name": words.clean(row["region"]),
                "surveyed": words.count(row["surveyed"]),
                "seen": words.count(row["observed"]),
                "present": words.decimal(row["sample_mean"], 1),
                "interval": _ends(row, "sample"),
                "site": words.decimal(row["at_a_site_mean"], 1),
                "site_interval": _ends(row, "at_a_site", 1),
            }
        )
    return rows


def _ends(row: pd.Series, stem: str, places: int = 0) -> str:
    low, high = (words.decimal(row[f"{stem}_{end}"], places) for end in ("lower", "upper"))
    return f"{low}–{high}"


def _alike(told: Community) -> str:
    """The two regions that are least alike, in a sentence; "" where there are no two."""
    table = told.similarity
    if table is None or not table["mean"].notna().any():
        return ""
    row = table.loc[table["mean"].idxmin()]
    return (
        f"Least alike are {words.clean(row['first'])} and {words.clean(row['second'])}: "
        f"{words.percent(row['mean'])} of the species of either live in both "
        f"({words.percent_interval(row['lower'], row['upper'])}; Jaccard)."
    )
