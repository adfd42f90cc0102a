"""Tables of sites, regions and cells, brought into one shape and one CRS."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from occupancy.outputs import words
from occupancy.outputs.results import (
    QUANTILES,
    Results,
    SpatialField,
    has_geometry,
    season_rows,
)

if TYPE_CHECKING:
    import geopandas as gpd


def tidy_sites(sites: pd.DataFrame) -> pd.DataFrame:
    sites = sites.reset_index(drop=True).copy()
    if "region" not in sites:
        sites["region"] = ""
    sites["region"] = sites["region"].fillna("").astype(str)
    sites["site"] = sites["site"].astype(str)
    if "season" not in sites:
        sites["season"] = ""
    sites["surveyed"] = sites["visits"] > 0
    sites["detected"] = sites["detections"] > 0
    sites["psi_width"] = sites["psi_upper"] - sites["psi_lower"]
    return sites


def tidy_regions(regions: pd.DataFrame) -> pd.DataFrame:
    regions = regions.reset_index(drop=True).copy()
    regions["region"] = regions["region"].astype(str)
    if "season" not in regions:
        regions["season"] = ""
    return regions


def of_species(table: pd.DataFrame, species: str) -> pd.DataFrame:
    """The rows of one species, where a table has a row for each."""
    return table[table["species"].astype(str) == species] if "species" in table else table


def predicted_cells(surface: gpd.GeoDataFrame, predicted: pd.DataFrame) -> gpd.GeoDataFrame:
    """The surface with its predictions; its own covariates are left out."""
    keep = [c for c in ("cell", "region", "area_km2") if c in surface]
    cells = surface[[*keep, surface.geometry.name]].reset_index(drop=True).copy()
    cells = cells.rename_geometry("geometry") if surface.geometry.name != "geometry" else cells
    for name in ("psi_mean", "psi_sd", "psi_lower", "psi_upper", "extrapolated"):
        if name in predicted:
            cells[name] = predicted[name].to_numpy()
    if "extrapolated" not in cells:
        cells["extrapolated"] = False
    cells["extrapolated"] = cells["extrapolated"].fillna(False).astype(bool)
    cells["psi_width"] = cells["psi_upper"] - cells["psi_lower"]
    if "area_km2" not in cells:
        cells["area_km2"] = cells.geometry.area / 1e6
    return cells


def psi_quantiles(fit: Any, surface: gpd.GeoDataFrame | None = None) -> np.ndarray:
    """(row, quantile) of psi at the cells, or at the sites, never crossing."""
    return np.maximum.accumulate(fit.psi_quantiles(QUANTILES, surface), axis=1)


def all_regions(
    fit: Any,
    species: str,
    regions: pd.DataFrame | None,
    sites: pd.DataFrame,
    surface: gpd.GeoDataFrame | None,
    interval: float,
) -> pd.DataFrame:
    """All regions together, one row a season.

    The interval of a total needs the joint posterior, so the fit answers. A fit that cannot gets a
    mean (means add up) and no interval, which is printed as a dash.
    """
    if hasattr(fit, "overall"):
        answer = of_species(fit.overall(surface=surface, interval=interval), species)
        return tidy_regions(answer.assign(region="all"))
    rows = []
    for season in pd.unique(sites["season"]):
        here = sites[season_rows(sites, season)]
        row: dict[str, Any] = {"region": "all", "season": season, "sites": len(here)}
        row |= {"surveyed": int(here.surveyed.sum()), "detected": int(here.detected.sum())}
        row["naive"] = row["detected"] / max(row["surveyed"], 1)
        if here.surveyed.any() and here.loc[here.surveyed, "detections"].isna().all():
            row |= {"detected": np.nan, "naive": np.nan}  # scores that nobody has cut
        row["share_mean"] = here.loc[here.surveyed, "present"].mean()
        row["psi_mean"] = here["psi_mean"].mean()
        if regions is not None and "area_psi_mean" in regions:
            of = regions[season_rows(regions, season)]
            area, known = of["area_km2"], of["area_psi_mean"].notna()
            row["area_km2"] = area.sum()
            row["area_psi_mean"] = (of["area_psi_mean"] * area)[known].sum() / area[known].sum()
            if "extrapolated" in of:
                row["extrapolated"] = (of["extrapolated"] * area).sum() / area.sum()
        if regions is not None and (n := season_rows(regions, season)).sum() == 1:
            only = regions[n].iloc[0].drop(["region", "geometry"], errors="ignore")
            row |= {str(k): v for k, v in only.items()}
        rows.append(row)
    return pd.DataFrame(rows)


def with_inner_interval(
    fit: Any, species: str, overall: pd.DataFrame, n_season: int
) -> pd.DataFrame:
    """The totals with an inner interval of 50 % of the sample's share, where seasons follow."""
    if n_season < 2 or not hasattr(fit, "overall"):
        return overall
    inner = of_species(fit.overall(interval=0.5), species).reset_index(drop=True)
    at = overall.columns.get_loc("share_upper") + 1
    overall.insert(at, "share_lower_50", inner["share_lower"])
    overall.insert(at + 1, "share_upper_50", inner["share_upper"])
    return overall


def spatial_fields(fit: Any, surface: Any, interval: float) -> tuple[SpatialField, ...]:
    """Every spatial field, at the sites and at the cells of the surface."""
    out = []
    told = fit.fields(interval=interval) if hasattr(fit, "fields") else ()
    for (parameter, name), rows in told.groupby(["parameter", "field"]) if len(told) else ():
        sites = fit.field(name, parameter, interval)
        cells = None
        if surface is not None:
            cells = fit.field(name, parameter, interval, frame=surface).reset_index(drop=True)
        ends = rows.set_index("name")[["mean", "lower", "upper"]]
        reach, spread = (tuple(map(float, ends.loc[h])) for h in ("range", "sd"))
        column = words.clean(name[len("space(") : -1])
        plain = pd.DataFrame(sites.drop(columns="geometry", errors="ignore"))
        about = sites.attrs["about"]
        out.append(SpatialField(parameter, name, column, plain, cells, reach, spread, about))
    return tuple(out)


def in_one_crs(results: Results) -> Results:
    """Bring sites, regions and cells into one projected CRS: the cells', else the sites'."""
    crs = results.crs
    if crs is None:
        return results
    if crs.is_geographic:
        from surveys.places import equal_area_crs

        table = next(t for t in (results.cells, results.sites, results.regions) if has_geometry(t))
        west, south, east, north = table.to_crs(4326).total_bounds  # type: ignore[union-attr]
        crs = equal_area_crs(np.array([west, east]), np.array([south, north]))

    def moved(table: Any) -> Any:
        if not has_geometry(table):
            return table
        if table.crs is None:
            return table.set_crs(crs)
        return table if table.crs == crs else table.to_crs(crs)

    return replace(
        results,
        sites=moved(results.sites),
        regions=moved(results.regions),
        cells=moved(results.cells),
    )
