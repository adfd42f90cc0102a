"""Places that a caller brings to a fit: tables, cells and layers of regions, checked on arrival."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from occupancy.results.regions import Surface
from surveys.problems import ModelError, listing

WANTED = "give a DataFrame with one row for each place and one column for each covariate of psi"


def as_table(given: Any) -> pd.DataFrame:
    """A DataFrame (or GeoDataFrame, as it is), from whatever holds columns of one length.

    Raises
    ------
    ModelError
        It holds none.
    """
    if isinstance(given, pd.DataFrame):
        return given
    if isinstance(given, str | Path):
        raise ModelError(f"The places to predict are a path; {WANTED}.")
    if isinstance(given, xr.Dataset):
        return given.to_dataframe()
    if isinstance(given, Mapping):
        try:
            return pd.DataFrame(dict(given))
        except (ValueError, TypeError):
            pass
    raise ModelError(f"The places to predict are a {type(given).__name__}; {WANTED}.")


def columns(table: pd.DataFrame, needed: Iterable[str], species: str) -> dict[str, np.ndarray]:
    """The columns that psi uses; the first species where psi asks for one and the table has none.

    Raises
    ------
    ModelError
        A column is missing.
    """
    needed = list(needed)
    absent = [v for v in needed if v not in table and v != "species"]
    if absent:
        raise ModelError(
            f"The places to predict have no column {listing(absent)}, which psi uses. They "
            f"have {listing([str(c) for c in table.columns])}."
        )
    found = {v: np.asarray(table[v]) for v in needed if v in table}
    if "species" in needed and "species" not in found:
        found["species"] = np.full(len(table), species, dtype=object)
    return found


def as_cells(given: Any) -> pd.DataFrame:
    """A surface from a path, or as it is; with the area of its cells, measured without distortion.

    Raises
    ------
    ModelError
        The cells have no area that could be known.
    """
    if isinstance(given, str | Path):
        from surveys import places

        return places.read_surface(given)
    cells = as_table(given)
    if "area_km2" in cells:
        return cells
    if not hasattr(cells, "crs"):
        raise ModelError(
            "The cells of the surface have neither shapes nor a column area_km2. Give a "
            "GeoDataFrame, or add area_km2."
        )
    if cells.crs is None:
        raise ModelError("The surface has no CRS. Set it: surface.set_crs('EPSG:...').")
    if not len(cells):
        return cells.assign(area_km2=0.0)
    from surveys import places

    return cells.assign(area_km2=places.in_equal_area(cells.geometry).area.to_numpy() / 1e6)


def as_surface(
    cells: pd.DataFrame,
    frame: Mapping[str, np.ndarray],
    layer: Any,
    outside: np.ndarray,
    known: np.ndarray,
) -> Surface:
    """What the answers by region need of the cells; they lie in regions of `layer`, or say which.

    Raises
    ------
    ModelError
        Regions are given as polygons, and the cells have no shapes.
    """
    n = len(cells)
    if layer is not None:
        if getattr(cells, "crs", None) is None:
            raise ModelError("The cells of the surface need shapes and a CRS to lie in a region.")
        from surveys import places

        label = places.cell_regions(cells, layer)
    elif "region" in cells:
        label = cells["region"].to_numpy(dtype=object)
    else:
        label = np.full(n, "", dtype=object)
    return Surface(frame, n, label, cells["area_km2"].to_numpy(float), outside, known)
