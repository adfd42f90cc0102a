"""What the species of a community say together, asked of a fit once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from occupancy.outputs.results import Community

if TYPE_CHECKING:
    import geopandas as gpd

MOST_REGIONS = 40  # whose similarity is told: 780 pairs
ENDS = ("mean", "sd", "lower", "upper")


def ask_community(
    fit: Any, with_regions: bool, regions: gpd.GeoDataFrame | None, interval: float
) -> Community | None:
    """The community of a fit; None where its species, or its one species, are none."""
    if not getattr(fit, "is_community", False):
        return None
    means = fit.community(interval=interval)
    richness = [fit.richness(interval=interval)]
    similarity = None
    if with_regions:
        of_regions = fit.richness(by="region", interval=interval, layer=regions)
        richness.append(of_regions)
        if 2 <= of_regions["region"].nunique() <= MOST_REGIONS:
            similarity = fit.similarity(interval=interval, layer=regions)
    return Community(
        species=fit.species(interval=interval, slopes=False),
        coefficients=fit.species_coefficients(interval=interval),
        means=means,
        typical=means.attrs["typical"],
        pooling=fit.shrinkage(by="species", interval=interval),
        richness=pd.concat(richness, ignore_index=True),
        site_richness=fit.richness(by="site", interval=interval),
        similarity=similarity,
    )


def with_richness_of_sites(sites: Any, community: Community | None) -> Any:
    """The table of sites with the number of species present there; NaN where nobody looked."""
    if community is None:
        return sites
    told = community.site_richness
    at = told.assign(site=told["site"].astype(str)).set_index(["site", "season"])
    rows = pd.MultiIndex.from_arrays([sites["site"], sites["season"]])
    for k in ENDS:
        sites[f"richness_{k}"] = at[f"sample_{k}"].reindex(rows).to_numpy()
    return sites


def with_richness_of_cells(cells: Any, fit: Any, surface: Any, interval: float) -> Any:
    """The cells with the number of species expected there."""
    if not getattr(fit, "is_community", False):
        return cells
    told = fit.richness_at(surface, interval=interval)
    for k in ENDS:
        cells[f"richness_{k}"] = told[f"richness_{k}"].to_numpy()
    return cells
