"""What people call the columns of coordinates; one list for tables, arrays and layers."""

from __future__ import annotations

from collections.abc import Mapping

LONGITUDE = (
    *("longitude", "lon", "long", "lng", "decimallongitude", "decimal_longitude", "lon_dd"),
    *("long_dd", "longitude_dd", "lon_wgs84", "longitude_wgs84", "gps_longitude", "gps_lon"),
    *("longitud", "longitudine", "l\u00e4ngengrad", "laengengrad"),
)
LATITUDE = (
    *("latitude", "lat", "decimallatitude", "decimal_latitude", "lat_dd", "latitude_dd"),
    *("lat_wgs84", "latitude_wgs84", "gps_latitude", "gps_lat"),
    *("latitud", "latitudine", "breitengrad"),
)
EASTING = (
    *("easting", "x", "east", "utm_x", "utm_e", "coord_x", "x_coord", "point_x", "utm_easting"),
    *("utme", "rechtswert"),
)
NORTHING = (
    *("northing", "y", "north", "utm_y", "utm_n", "coord_y", "y_coord", "point_y", "utm_northing"),
    *("utmn", "hochwert"),
)


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
