"""Coordinates of sites: degrees for people, equal-area metres for arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from surveys.problems import Problem, SurveyError

if TYPE_CHECKING:
    import geopandas as gpd
    from pyproj import CRS

# (west, south, east, north) of the sites -> the equal-area CRS of the agencies there
HOUSE_CRS = (
    ((-25.0, 34.0, 45.0, 72.0), "EPSG:3035"),  # Europe
    ((-125.0, 24.0, -66.0, 50.0), "EPSG:5070"),  # conterminous US
    ((112.0, -44.5, 154.5, -9.0), "EPSG:3577"),  # Australia
)
WORLD = "EPSG:6933"
EQUAL_AREA = ("equal area", "equal earth", "mollweide", "sinusoidal", "eckert iv", "eckert vi")


def equal_area_crs(longitude: Any, latitude: Any) -> CRS:
    """The equal-area CRS for these places, in which metres and areas may be reckoned.

    Europe EPSG:3035, conterminous US 5070, Australia 3577; the world (more than 120 degrees of
    longitude or 90 of latitude) 6933; elsewhere a Lambert azimuthal projection centred on the
    sites, its centre rounded to 0.1 degree so that one site more seldom changes the CRS.
    """
    from pyproj import CRS
    from pyproj.crs import ProjectedCRS
    from pyproj.crs.coordinate_operation import LambertAzimuthalEqualAreaConversion

    lon, lat = (
        np.atleast_1d(np.asarray(longitude, float)),
        np.atleast_1d(np.asarray(latitude, float)),
    )
    known = np.isfinite(lon) & np.isfinite(lat)
    lon, lat = lon[known], lat[known]
    if not lon.size:
        raise SurveyError(
            Problem(
                code="E144",
                fact="No site has coordinates",
                why="without a place there is no map and no distance",
                cure="give longitude and latitude of the sites",
            )
        )
    for (west, south, east, north), code in HOUSE_CRS:
        if (
            (lon >= west).all()
            and (lon <= east).all()
            and (lat >= south).all()
            and (lat <= north).all()
        ):
            return CRS.from_user_input(code)
    centre = float(np.degrees(np.angle(np.exp(1j * np.radians(lon)).mean())))
    east_of_centre = (lon - centre + 180) % 360 - 180  # survives the date line
    if np.ptp(east_of_centre) > 120 or np.ptp(lat) > 90:
        return CRS.from_user_input(WORLD)
    lat_0 = round(float((lat.min() + lat.max()) / 2), 1) + 0.0
    lon_0 = round(centre + float(east_of_centre.min() + east_of_centre.max()) / 2, 1) + 0.0
    return ProjectedCRS(
        name=f"Lambert azimuthal equal area, centred on {lon_0:g}, {lat_0:g}",
        conversion=LambertAzimuthalEqualAreaConversion(lat_0, lon_0),
        geodetic_crs=CRS.from_epsg(4326),
    )


def is_equal_area(crs: Any) -> bool:
    """Whether areas in this CRS are areas on the ground, in metres."""
    from pyproj import CRS

    crs = CRS.from_user_input(crs)
    if not crs.is_projected or crs.coordinate_operation is None:
        return False
    if any(axis.unit_conversion_factor != 1.0 for axis in crs.axis_info[:2]):
        return False
    method = crs.coordinate_operation.method_name.casefold()
    return any(word in method for word in EQUAL_AREA)


def parse_crs(crs: Any) -> CRS:
    """The CRS meant, or a SurveyError that says what a CRS looks like."""
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        if isinstance(crs, str) and not any(sign in crs for sign in ":[+{"):
            raise CRSError("a name is no CRS: PROJ would guess")
        return CRS.from_user_input(crs)
    except CRSError:
        raise SurveyError(
            Problem(
                code="E145",
                fact=f'"{str(crs)[:80]}" is not a coordinate reference system',
                cure='give its EPSG number, such as crs = "EPSG:2056"; epsg.io lists them',
            )
        ) from None


def working_crs(ds: xr.Dataset) -> CRS:
    """The equal-area CRS of easting and northing."""
    from pyproj import CRS

    if "spatial_ref" not in ds:
        raise SurveyError(
            Problem(
                code="E144",
                fact="The sites have no coordinates",
                cure="give longitude and latitude of the sites",
            )
        )
    return CRS.from_wkt(ds["spatial_ref"].attrs["crs_wkt"])


def attach_coordinates(
    ds: xr.Dataset, x: Any, y: Any, crs: Any = None, working: Any = None
) -> xr.Dataset:
    """The Dataset with longitude, latitude, easting, northing and spatial_ref.

    Parameters
    ----------
    x, y : (site,)
        Longitude and latitude, or easting and northing of `crs`; NaN where unknown.
    crs
        None is WGS 84 and refused where the numbers are no degrees.
    working
        CRS of easting and northing; None: `crs` if it is equal-area, else `equal_area_crs`.
    """
    from pyproj import Transformer

    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    sites = [str(s) for s in ds["site"].values]
    given = parse_crs("EPSG:4326" if crs is None else crs)
    known = np.isfinite(x) & np.isfinite(y)
    if given.is_geographic:
        _refuse_no_degrees(sites, x, y, known, guessed=crs is None)
    lon, lat = np.where(known, x, np.nan), np.where(known, y, np.nan)
    if not (given.is_geographic and given.equals("EPSG:4326", ignore_axis_order=True)):
        to_degrees = Transformer.from_crs(given, "EPSG:4326", always_xy=True)
        a, b = to_degrees.transform(x[known], y[known])
        lost = ~(np.isfinite(a) & np.isfinite(b))
        if lost.any():
            _refuse_outside(np.array(sites)[known][lost], x[known][lost], y[known][lost], given)
        lon[known], lat[known] = a, b
    if working is not None:
        target = parse_crs(working)
    elif given.is_projected and is_equal_area(given):
        target = given
    else:
        target = equal_area_crs(lon, lat)
    easting, northing = np.full(len(sites), np.nan), np.full(len(sites), np.nan)
    if target is given:
        easting[known], northing[known] = x[known], y[known]
    else:
        to_metres = Transformer.from_crs("EPSG:4326", target, always_xy=True)
        easting[known], northing[known] = to_metres.transform(lon[known], lat[known])
    out = ds.copy()
    for name, values, units, long_name in (
        ("longitude", lon, "degrees_east", "longitude (WGS 84)"),
        ("latitude", lat, "degrees_north", "latitude (WGS 84)"),
        ("easting", easting, "m", "easting"),
        ("northing", northing, "m", "northing"),
    ):
        out[name] = ("site", values)
        out[name].attrs.update(units=units, long_name=long_name)
    out["spatial_ref"] = ((), np.int64(0))
    out["spatial_ref"].attrs.update(crs_wkt=target.to_wkt(), crs_name=target.name)
    return out


def _refuse_no_degrees(sites, x, y, known, guessed: bool) -> None:
    """Metres without CRS, degrees out of range, and the point 0, 0 of lost coordinates."""
    problems = []
    far = known & ((np.abs(x) > 400) | (np.abs(y) > 400))
    if guessed and far.any() and far.sum() * 2 > known.sum():
        i = int(np.flatnonzero(far)[0])
        raise SurveyError(
            Problem(
                code="E026",
                fact=f"The coordinates are metres ({x[i]:.0f}, {y[i]:.0f} at site "
                f'"{sites[i]}") and no CRS is given',
                cure='crs = "EPSG:32650" for UTM zone 50N, "EPSG:2056" for Switzerland, ...',
            )
        )
    for axis, values, limit in (("latitude", y, 90), ("longitude", x, 180)):
        for i in np.flatnonzero(known & (np.abs(values) > limit)):
            problems.append(
                Problem(
                    code="E025",
                    fact=f'Site "{sites[i]}": {axis} {values[i]:g} is not between '
                    f"-{limit} and {limit}",
                    cure="a lost decimal point? Or metres: then give their crs",
                )
            )
    for i in np.flatnonzero(known & (x == 0) & (y == 0)):
        problems.append(
            Problem(
                code="E028",
                fact=f'Site "{sites[i]}": longitude and latitude are 0 '
                "(a point in the Gulf of Guinea)",
                cure="leave them blank if unknown",
            )
        )
    if problems:
        raise SurveyError(problems)


def _refuse_outside(sites, x, y, crs: CRS) -> None:
    raise SurveyError(
        Problem(
            code="E146",
            fact=f'Site "{site}": {a:g}, {b:g} lies outside {crs.name}',
            cure="check the crs, and whether the two columns are swapped",
        )
        for site, a, b in zip(sites, x, y, strict=True)
    )


def metres_of(ds: xr.Dataset, table: Any) -> tuple[np.ndarray, np.ndarray] | None:
    """Easting and northing of a table's rows in the working CRS of the surveys, (row,) each.

    From its shapes (their centroids) where they have a CRS, else from longitude and latitude;
    None where it has neither.
    """
    from pyproj import Transformer

    if getattr(table, "crs", None) is not None:
        at = (
            table.geometry.centroid
            if table.crs.is_projected
            else table.geometry.to_crs(working_crs(ds)).centroid
        )
        at = at.to_crs(working_crs(ds))
        return at.x.to_numpy(), at.y.to_numpy()
    if not {"longitude", "latitude"} <= set(table):
        return None
    to_metres = Transformer.from_crs("EPSG:4326", working_crs(ds), always_xy=True)
    x, y = to_metres.transform(np.asarray(table["longitude"]), np.asarray(table["latitude"]))
    return np.asarray(x), np.asarray(y)


def site_points(ds: xr.Dataset) -> gpd.GeoDataFrame:
    """The sites as points in the working CRS: site, region where there is one, geometry."""
    import geopandas as gpd

    crs = working_crs(ds)
    columns = {"site": ds["site"].values.astype(object)}
    if "region" in ds:
        columns["region"] = ds["region"].values.astype(object)
    x, y = ds["easting"].values, ds["northing"].values
    points = gpd.points_from_xy(x, y, crs=crs)
    points[np.isnan(x) | np.isnan(y)] = None
    return gpd.GeoDataFrame(columns, geometry=points, crs=crs)


def near_pairs(ds: xr.Dataset, metres: float = 10.0) -> list[tuple[str, str, float]]:
    """Pairs of sites closer than `metres`: one place under two names, or one camera moved."""
    from scipy.spatial import cKDTree

    if "easting" not in ds:
        return []
    xy = np.column_stack([ds["easting"].values, ds["northing"].values])
    known = np.flatnonzero(np.isfinite(xy).all(axis=1))
    sites = ds["site"].values[known].astype(str)
    pairs = cKDTree(xy[known]).query_pairs(metres)
    gap = {(i, j): float(np.hypot(*(xy[known][i] - xy[known][j]))) for i, j in pairs}
    return [(str(sites[i]), str(sites[j]), gap[i, j]) for i, j in sorted(gap)]


def in_equal_area(layer: Any) -> Any:
    """A layer in an equal-area CRS: its own if it is one, else the one for its place."""
    if layer.crs is None:
        raise SurveyError(Problem(code="E030", fact="The layer has no CRS"))
    if is_equal_area(layer.crs):
        return layer
    west, south, east, north = layer.to_crs("EPSG:4326").total_bounds
    return layer.to_crs(equal_area_crs([west, east], [south, north]))
