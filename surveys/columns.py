"""What people call the columns of coordinates; one list for tables, arrays and layers."""

from __future__ import annotations

from collections.abc import Mapping

LONGITUDE = ("longitude", "lon", "long", "lng", "decimallongitude")
LATITUDE = ("latitude", "lat", "decimallatitude")
EASTING = ("easting", "x", "east", "utm_x", "utm_e", "coord_x", "x_coord")
NORTHING = ("northing", "y", "north", "utm_y", "utm_n", "coord_y", "y_coord")


def find_coordinates(names: Mapping[str, str]) -> tuple[str, str, bool] | None:
    """The columns of x and y, and whether they are called degrees; None where there are none.

    Parameters
    ----------
    names : {name in small letters: name as written}
    """
    for xs, ys, degrees in ((LONGITUDE, LATITUDE, True), (EASTING, NORTHING, False)):
        x = next((names[n] for n in xs if n in names), None)
        y = next((names[n] for n in ys if n in names), None)
        if x is not None and y is not None:
            return x, y, degrees
    return None
