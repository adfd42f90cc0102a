"""Where a raster lies: its CRS and bounds, and places moved to them."""

from __future__ import annotations

from typing import Any

import numpy as np

from surveys.places.circles import EARTH, rings
from surveys.places.crs import parse_crs
from surveys.problems import Problem, SurveyError, listing


def applied(grid: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """Columns and rows to coordinates, or back by the inverse."""
    return grid.a * x + grid.b * y + grid.c, grid.d * x + grid.e * y + grid.f


class RasterFrame:
    """Where the raster lies: its CRS, its bounds, and places moved to it."""

    def __init__(self, raster: Any, file: str, band: int, crs: Any) -> None:
        self.raster, self.file = raster, file
        if not 1 <= band <= raster.count:
            told = [f"{i} ({d})" if d else str(i) for i, d in enumerate(raster.descriptions, 1)]
            fact = f"{file} has no band {band}. It has: {listing(told, 12)}"
            raise SurveyError(Problem(code="E342", file=file, fact=fact, cure="band = 1"))
        self.crs = self._crs(crs)

    def _crs(self, crs: Any) -> Any:
        told = self.raster.crs
        if told is not None:
            found = parse_crs(told.to_wkt())
            if found.is_geographic or found.is_projected:
                return found
        if crs is None:
            raise SurveyError(
                Problem(
                    code="E030",
                    file=self.file,
                    fact=f"{self.file} does not tell its CRS",
                    why="without it nobody can say where on earth the cells lie",
                    cure='give crs = "EPSG:2056" (the number of yours)',
                )
            )
        return parse_crs(crs)

    def moved(self, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places in the CRS of the raster, in the turn of the earth that its columns count."""
        from pyproj import Transformer

        x, y = Transformer.from_crs("EPSG:4326", self.crs, always_xy=True).transform(lon, lat)
        x, y = np.asarray(x, float), np.asarray(y, float)
        if self.crs.is_geographic:
            left, _, right, _ = self.raster.bounds
            x = np.where((x < left) & (x + 360 <= right), x + 360, x)
            x = np.where((x > right) & (x - 360 >= left), x - 360, x)
        gone = ~(np.isfinite(x) & np.isfinite(y))
        x[gone], y[gone] = np.nan, np.nan
        return x, y

    def metres_outside(self, lon, lat, col, row, inside) -> np.ndarray:
        """Metres on the ground from each place to the nearest point of the raster."""
        from pyproj import Geod, Transformer

        out = np.where(np.isfinite(col), 0.0, np.nan)
        at = np.flatnonzero(~inside & np.isfinite(col))
        if not at.size:
            return out
        x, y = applied(
            self.raster.transform,
            np.clip(col[at], 0, self.raster.width),
            np.clip(row[at], 0, self.raster.height),
        )
        back = Transformer.from_crs(self.crs, "EPSG:4326", always_xy=True)
        edge_lon, edge_lat = back.transform(x, y)
        out[at] = Geod(ellps=EARTH).inv(lon[at], lat[at], edge_lon, edge_lat)[2]
        return out

    def rings(self, lon, lat, x: np.ndarray, metres: float) -> np.ndarray:
        """Circles of true metres round the places, as polygons in the CRS of the raster."""
        import shapely
        from pyproj import Transformer

        around_lon, around_lat = rings(lon, lat, metres)
        to_raster = Transformer.from_crs("EPSG:4326", self.crs, always_xy=True)
        ring_x, ring_y = (np.asarray(v, float) for v in to_raster.transform(around_lon, around_lat))
        if self.crs.is_geographic:  # a ring across the date line stays in one piece
            ring_x = x[:, None] + (ring_x - x[:, None] + 180) % 360 - 180
        shapes = np.full(len(lon), None, dtype=object)
        good = np.isfinite(ring_x).all(axis=1) & np.isfinite(ring_y).all(axis=1)
        shapes[good] = shapely.polygons(np.stack([ring_x[good], ring_y[good]], axis=-1))
        return shapes
