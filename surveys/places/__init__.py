"""Where the sites are: CRS and projection, regions, cells of prediction, countries.

Only this room and the readers touch geopandas, shapely and pyproj, and only when asked.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from surveys.places.borders import neighbours
    from surveys.places.cells import hexagons, squares
    from surveys.places.countries import (
        country_name,
        country_of,
        country_problem,
        inside_country,
    )
    from surveys.places.crs import (
        attach_coordinates,
        equal_area_crs,
        in_equal_area,
        is_equal_area,
        metres_of,
        near_pairs,
        site_points,
        working_crs,
    )
    from surveys.places.layers import read_layer, safe_path
    from surveys.places.polygon_values import (
        areas_within,
        majority_within,
        metres_to_nearest,
        value_at,
    )
    from surveys.places.rasters import RASTER_SUFFIXES, sample_raster
    from surveys.places.regions import as_regions, assign_regions, cell_regions, read_regions
    from surveys.places.surface import read_surface

_HOME = {
    "attach_coordinates": "crs",
    "equal_area_crs": "crs",
    "is_equal_area": "crs",
    "metres_of": "crs",
    "near_pairs": "crs",
    "in_equal_area": "crs",
    "site_points": "crs",
    "working_crs": "crs",
    "read_layer": "layers",
    "safe_path": "layers",
    "read_regions": "regions",
    "as_regions": "regions",
    "assign_regions": "regions",
    "cell_regions": "regions",
    "neighbours": "borders",
    "hexagons": "cells",
    "squares": "cells",
    "read_surface": "surface",
    "value_at": "polygon_values",
    "areas_within": "polygon_values",
    "majority_within": "polygon_values",
    "metres_to_nearest": "polygon_values",
    "sample_raster": "rasters",
    "RASTER_SUFFIXES": "rasters",
    "country_name": "countries",
    "country_of": "countries",
    "country_problem": "countries",
    "inside_country": "countries",
}

__all__ = [  # noqa: RUF022  in the order of use
    "equal_area_crs",
    "is_equal_area",
    "working_crs",
    "attach_coordinates",
    "site_points",
    "near_pairs",
    "metres_of",
    "in_equal_area",
    "safe_path",
    "read_layer",
    "read_regions",
    "as_regions",
    "assign_regions",
    "cell_regions",
    "neighbours",
    "hexagons",
    "squares",
    "read_surface",
    "value_at",
    "areas_within",
    "majority_within",
    "metres_to_nearest",
    "sample_raster",
    "RASTER_SUFFIXES",
    "country_of",
    "country_name",
    "inside_country",
    "country_problem",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"surveys.places.{_HOME[name]}"), name)
    raise AttributeError(f"module 'surveys.places' has no attribute {name!r}")
