"""Circles of true metres round places: the ground distance is the same in every direction.

A circle drawn on a map is none on the ground where the map stretches. Here each is drawn with
geodesics from its centre, which is the azimuthal equidistant projection centred there.
"""

from __future__ import annotations

import numpy as np

EARTH = "WGS84"
CORNERS = 128
# A polygon inside a circle is smaller; this radius gives it the circle's area.
STRETCH = float(np.sqrt(2 * np.pi / CORNERS / np.sin(2 * np.pi / CORNERS)))


def rings(
    longitude: np.ndarray, latitude: np.ndarray, metres: float
) -> tuple[np.ndarray, np.ndarray]:
    """Longitudes and latitudes of the corners of a circle round each place, (place, corner)."""
    from pyproj import Geod

    lon = np.repeat(np.asarray(longitude, float)[:, None], CORNERS, axis=1)
    lat = np.repeat(np.asarray(latitude, float)[:, None], CORNERS, axis=1)
    azimuth = np.broadcast_to(np.arange(CORNERS) * (-360.0 / CORNERS), lon.shape)
    away = np.full(lon.shape, metres * STRETCH)
    known = np.isfinite(lon) & np.isfinite(lat)
    ring_lon, ring_lat = np.full(lon.shape, np.nan), np.full(lon.shape, np.nan)
    if known.any():
        ring_lon[known], ring_lat[known], _ = Geod(ellps=EARTH).fwd(
            lon[known], lat[known], azimuth[known], away[known]
        )
    return ring_lon, ring_lat
