"""What lies around the sites and the species: which regions touch, which species are related.

A formula names a column; some kinds of term need what no column can hold. It comes with the
surveys, and a reader hands it on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, eq=False)
class Surroundings:
    """Graph of the regions and covariance of the species, as the surveys have them.

    Attributes
    ----------
    regions : every region of the layer, surveyed or not; empty where no neighbours are known
    borders : (border, 2) int64
        Places in ``regions`` of the two sides of each border.
    species : labels of the covariance, empty where there is none
    covariance : (species, species)
    """

    regions: tuple[str, ...] = ()
    borders: np.ndarray = field(default_factory=lambda: np.empty((0, 2), np.int64))
    species: tuple[str, ...] = ()
    covariance: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))

    @staticmethod
    def of(data: xr.Dataset) -> Surroundings:
        """Read them from the surveys."""
        regions: tuple[str, ...] = ()
        borders = np.empty((0, 2), np.int64)
        if "neighbours" in data:
            regions = tuple(str(r) for r in data["layer_region"].values)
            place = {name: k for k, name in enumerate(regions)}
            pairs = [[place[str(a)], place[str(b)]] for a, b in data["neighbours"].values]
            borders = np.array(pairs, np.int64).reshape(-1, 2)
        species: tuple[str, ...] = ()
        covariance = np.empty((0, 0))
        if "species_covariance" in data:
            species = tuple(str(s) for s in data["species"].values)
            told = data["species_covariance"].transpose("species", "species2")
            place = {str(s): k for k, s in enumerate(data["species2"].values)}
            covariance = told.values[:, [place[s] for s in species]].astype(np.float64)
        return Surroundings(regions, borders, species, covariance)
