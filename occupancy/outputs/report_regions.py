"""The report's tables of occupancy: of the sample, of the population, and by region."""

from __future__ import annotations

from typing import Any

import pandas as pd

from occupancy.outputs import words
from occupancy.outputs.headline import region_number
from occupancy.outputs.results import Results


def two_occupancies(results: Results) -> dict[str, Any]:
    """The sample's occupancy and the population's, each beside what simpler counts would say."""
    row = results.overall_here()
    hide, sampled = results.withheld, results.engine != "ml"
    naive = words.percent(row.get("naive"), certain=True)

    def line(name: str, about: str, stem: str, ml: Any, naive: str) -> dict[str, str]:
        ends = [row.get(f"{stem}_{end}") for end in ("mean", "lower", "upper")]
        return {
            "name": name,
            "about": about,
            "mean": "withheld" if hide else words.percent(ends[0]),
            "interval": "" if hide else words.percent_interval(ends[1], ends[2]),
            "ml": "" if hide else words.percent(ml),
            "naive": naive,
        }

    surveyed = words.counted(results.ever_surveyed, "surveyed site")
    when = f" in {results.season_name}" if len(results.seasons) > 1 and results.season_name else ""
    rows = [
        line("sample", f"share of the {surveyed} that held it{when}", "share", None, naive),
        line(
            "population",
            f"mean ψ: expected at sites like these{when}, whatever was seen",
            "psi",
            row.get("ml_psi"),
            naive,
        ),
    ]
    if not words.is_missing(row.get("area_psi_mean")):
        about = "mean ψ over all cells, weighted by area"
        rows.append(line("study area", about, "area_psi", None, words.DASH))
    return {"rows": rows, "sampled": sampled, "estimate": words.estimate_name(results.engine)}


def regions(results: Results) -> dict[str, Any] | None:
    """Rows of the regions table with the geometry of their interval bars."""
    table = results.regions_here
    if table is None:
        return None
    rows = [_region_row(row, results) for _, row in table.iterrows()]
    whole = _region_row(results.overall_here(), results)
    whole["name"] = "All together"
    by_area = "area_psi_mean" in table
    return {
        "rows": rows,
        "whole": whole,
        "by_area": by_area,
        "sampled": results.engine != "ml",
        "note": (
            "Occupancy ψ is the mean over all cells of a region, weighted by area, not only over "
            "sampled places."
            if by_area
            else "Occupancy ψ is the mean expected at a region's sites (population)."
        )
        + (" ψ at sites is the mean expected at its sites only." if by_area else "")
        + (
            " ML is the mean of ψ at its sites by maximum likelihood, without effects of groups."
            if results.engine != "ml"
            else ""
        )
        + " Naive is the share of surveyed sites with a detection, not corrected."
        + " Sites occupied is the share of the sites surveyed"
        + (" in any season" if len(results.seasons) > 1 else "")
        + " that held the species (sample): it speaks of these sites only, and is known better.",
    }


def _region_row(row: pd.Series, results: Results) -> dict[str, Any]:
    mean, lower, upper = region_number(row)
    hide = results.withheld
    return {
        "name": words.clean(row["region"]),
        "sites": words.count(row["sites"]),
        "sites_value": _value(row["sites"]),
        "detected": words.DASH
        if words.is_missing(row["detected"])
        else f"{words.count(row['detected'])} of {words.count(row['surveyed'])}",
        "detected_value": _value(row["detected"] / row["surveyed"] if row["surveyed"] else None),
        "mean": "withheld" if hide else words.percent(mean),
        "interval": "" if hide else words.percent_interval(lower, upper),
        "mean_value": _value(mean),
        "bar": None if hide or words.is_missing(upper) else _bar(mean, lower, upper),
        "share": "withheld" if hide else words.percent(row.get("share_mean")),
        "share_interval": ""
        if hide
        else words.percent_interval(row.get("share_lower"), row.get("share_upper")),
        "share_value": _value(row.get("share_mean")),
        "psi": "withheld" if hide else words.percent(row.get("psi_mean")),
        "psi_interval": ""
        if hide
        else words.percent_interval(row.get("psi_lower"), row.get("psi_upper")),
        "psi_value": "" if hide else _value(row.get("psi_mean")),
        "ml": "withheld" if hide else words.percent(row.get("ml_psi")),
        "ml_value": "" if hide else _value(row.get("ml_psi")),
        "naive": words.percent(row.get("naive"), certain=True),
        "naive_value": _value(row.get("naive")),
        "area": words.area(row.get("area_km2")),
        "area_value": _value(row.get("area_km2")),
        "outside": words.percent(row.get("extrapolated"), certain=True),
        "outside_value": _value(row.get("extrapolated")),
    }


def _value(value: Any) -> str:
    return "" if words.is_missing(value) else f"{float(value):.6g}"


def _bar(mean: float, lower: float, upper: float) -> dict[str, str]:
    """Places of the interval bar on a line of 100 units."""
    return {
        "x": f"{100 * lower:.1f}",
        "width": f"{max(100 * (upper - lower), 0.6):.1f}",
        "mean": f"{100 * mean - 0.7:.1f}",
    }
