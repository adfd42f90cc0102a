"""Regions: polygons with a name, and the region in which each site lies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from surveys.ledger import Ledger
from surveys.places.layers import read_layer
from surveys.problems import Problem, SurveyError, did_you_mean, listing
from surveys.values import natural

if TYPE_CHECKING:
    import geopandas as gpd

NAME_COLUMNS = ("region", "name", "label", "regionname", "namn", "nom", "nome", "id", "code")
OVERLAP = 1e-6  # share of the smaller region; below it two borders only miss each other


def read_regions(
    path: str | Path,
    name: str | None = None,
    *,
    crs: Any = None,
    layer: str | None = None,
    within: str | Path | None = None,
    ledger: Ledger | None = None,
) -> gpd.GeoDataFrame:
    """Regions as a layer of two columns, region and geometry, each region once, in natural order.

    Parameters
    ----------
    name
        Column of the region's name; None: the one that is called so, or the only one of text.
    crs
        For a file that does not tell its own.
    ledger
        Takes the notes: polygons mended, parts joined, regions that overlap.
    """
    ledger = Ledger() if ledger is None else ledger
    frame = read_layer(path, crs=crs, layer=layer, within=within)
    file = Path(path).name
    table = _table(frame, _name_column(frame, name, file), file, ledger)
    order = sorted(range(len(table)), key=lambda i: natural(table["region"].iloc[i]))
    table = table.iloc[order].reset_index(drop=True)
    _warn_overlaps(table, file, ledger)
    return table


def as_regions(given: Any) -> gpd.GeoDataFrame:
    """Regions from a path, or from a layer in memory with a column "region", in its own order.

    Raises
    ------
    SurveyError
        It has no such column, no CRS, no polygon, or a region without a name.
    """
    import geopandas as gpd

    if isinstance(given, str | Path):
        return read_regions(given)
    if not isinstance(given, gpd.GeoDataFrame):
        fact = f"The regions are a {type(given).__name__}, not a layer"
        cure = "give a GeoDataFrame with the columns region and geometry, or the path of a file"
        raise SurveyError(Problem(code="E313", fact=fact, cure=cure))
    if "region" not in given:
        fact = f'The layer has no column "region". It has: {listing(given.columns, 12)}'
        cure = 'rename the column of names: layer.rename(columns={"name": "region"})'
        raise SurveyError(Problem(code="E313", fact=fact, cure=cure))
    if given.crs is None:
        cure = 'say which: layer.set_crs("EPSG:2056") (the number of yours)'
        raise SurveyError(Problem(code="E030", fact="The layer of regions has no CRS", cure=cure))
    table = _table(given, "region", "the layer", Ledger())
    return table.reset_index(drop=True)


def _table(frame: gpd.GeoDataFrame, column: str, file: str, ledger: Ledger) -> gpd.GeoDataFrame:
    """Columns region and geometry: names as text, shapes valid, each region once."""
    import geopandas as gpd

    labels = frame[column].map(lambda v: "" if v is None or v != v else _label(v))
    blank = (labels == "").to_numpy()
    if blank.any():
        raise SurveyError(
            Problem(
                code="E310",
                file=file,
                column=column,
                fact=f"{file}: {int(blank.sum())} of {len(frame)} polygons have no name "
                f'in column "{column}"',
                cure="name every region, or delete the polygons without a name",
            )
        )
    shapes = _polygons(frame, file, ledger)
    table = gpd.GeoDataFrame({"region": labels.to_numpy()}, geometry=shapes, crs=frame.crs)
    table = table[~(table.geometry.is_empty | table.geometry.isna())]
    if not len(table):
        raise SurveyError(Problem(code="E311", file=file, fact=f"{file} holds no polygon"))
    twice = table["region"][table["region"].duplicated()].unique()
    if len(twice):
        ledger.note("N312", f"{file}: parts of one name were joined: {listing(twice)}", file=file)
        table = table.dissolve("region", as_index=False, sort=False)[["region", "geometry"]]
    return table


def _label(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def _name_column(frame: gpd.GeoDataFrame, name: str | None, file: str) -> str:
    columns = [str(c) for c in frame.columns if c != frame.geometry.name]
    if name is not None:
        if name in columns:
            return name
        raise SurveyError(
            Problem(
                code="E015",
                file=file,
                fact=f'{file} has no column "{name}". It has: {listing(columns, 12)}.'
                + did_you_mean(name, columns),
            )
        )
    bare = {c.casefold().replace("_", ""): c for c in reversed(columns)}
    for candidate in NAME_COLUMNS:
        if candidate in bare:
            return bare[candidate]
    text = [c for c in columns if all(isinstance(v, str) for v in frame[c].dropna())]
    named = [c for c in text if len(frame[c].dropna())]
    if len(named) == 1:
        return named[0]
    if len(columns) == 1:
        return columns[0]
    raise SurveyError(
        Problem(
            code="E313",
            file=file,
            fact=f"{file}: which column names the regions? It has: {listing(columns, 12)}",
            cure=f'name = "{columns[0]}"' if columns else "add a column with the region's name",
        )
    )


def _polygons(frame: gpd.GeoDataFrame, file: str, ledger: Ledger) -> np.ndarray:
    """Valid (multi)polygons; what cannot be one becomes empty."""
    import shapely

    shapes = np.asarray(shapely.force_2d(frame.geometry.to_numpy()))
    bad = ~shapely.is_valid(shapes) & ~shapely.is_missing(shapes)
    if bad.any():
        shapes[bad] = shapely.make_valid(shapes[bad])
        ledger.repair(
            "R314",
            f"{file}: {int(bad.sum())} polygons crossed themselves and were mended",
            file=file,
        )
    kinds = shapely.get_type_id(shapes)
    for i in np.flatnonzero(kinds == 7):  # what mending leaves: keep the areas, drop stray lines
        parts = shapely.get_parts(shapes[i])
        areas = parts[np.isin(shapely.get_type_id(parts), (3, 6))]
        shapes[i] = shapely.union_all(areas) if len(areas) else shapely.Polygon()
    other = ~np.isin(shapely.get_type_id(shapes), (3, 6)) | shapely.is_empty(shapes)
    if other.any() and not other.all():
        ledger.warn(
            "W315",
            f"{file}: {int(other.sum())} features are no polygons and were left out",
            file=file,
        )
    shapes[other] = shapely.Polygon()
    return shapes


def _warn_overlaps(table: gpd.GeoDataFrame, file: str, ledger: Ledger) -> None:
    """Warn where regions overlap: a site there would be counted in the first one only."""
    import shapely

    shapes = table.geometry.to_numpy()
    one, other = table.sindex.query(shapes, predicate="intersects")
    one, other = one[one < other], other[one < other]
    shared = shapely.area(shapely.intersection(shapes[one], shapes[other]))
    smaller = np.minimum(shapely.area(shapes[one]), shapely.area(shapes[other]))
    names = table["region"].to_numpy()
    for i in np.flatnonzero(shared > OVERLAP * smaller):
        ledger.warn(
            "W316",
            f'{file}: regions "{names[one[i]]}" and "{names[other[i]]}" overlap by '
            f"{100 * shared[i] / smaller[i]:.3g} % of the smaller one",
            file=file,
            why=f'a site in both is counted in "{names[one[i]]}" only',
        )


def regions_at(points: gpd.GeoSeries, regions: gpd.GeoDataFrame) -> np.ndarray:
    """(point,) name of the region in which each point lies, "" outside all of them.

    A point on a border belongs to the first of its regions in natural order.
    """
    point, polygon = regions.sindex.query(points.to_crs(regions.crs), predicate="intersects")
    names = regions["region"].to_numpy()
    rank = np.argsort(sorted(range(len(names)), key=lambda i: natural(names[i])))
    out = np.full(len(points), "", dtype=object)
    for i, j in sorted(zip(point, polygon, strict=True), key=lambda pair: -rank[pair[1]]):
        out[i] = str(names[j])
    return out


def cell_regions(cells: gpd.GeoDataFrame, regions: gpd.GeoDataFrame) -> np.ndarray:
    """(cell,) name of the region that holds each cell's own point, "" outside all of them."""
    return regions_at(cells.geometry.representative_point(), regions)


def assign_regions(ds: xr.Dataset, regions: gpd.GeoDataFrame) -> xr.Dataset:
    """The Dataset with `region`: the polygon in which each site lies.

    A site on a border belongs to the first of its regions in natural order. Sites outside every
    region, or without coordinates, get "" and are counted in a note of the ledger.
    """
    import geopandas as gpd

    if "longitude" not in ds:
        raise SurveyError(
            Problem(
                code="E144",
                fact="The sites have no coordinates, so no region can be found for them",
                cure="give longitude and latitude, or a region column in the table of sites",
            )
        )
    x, y = ds["longitude"].values, ds["latitude"].values
    known = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    points = gpd.GeoSeries(gpd.points_from_xy(x[known], y[known]), crs="EPSG:4326")
    region = np.full(ds.sizes["site"], "", dtype=object)
    region[known] = regions_at(points, regions)
    out = ds.copy()
    out["region"] = ("site", region.astype(str))
    outside = ds["site"].values[region == ""]
    if len(outside):
        ledger = Ledger.from_json(ds.attrs.get("ledger", ""))
        if len(outside) == len(region):
            ledger.warn(
                "W317",
                f"none of the {len(region)} sites lies in a region of the layer",
                why="the layer is of another place, or its CRS or the order of its axes is wrong",
                cure="lay the sites over the layer in QGIS and look",
            )
        else:
            ledger.note(
                "N317",
                f"{len(outside)} of {len(region)} sites lie outside every region: "
                f"{listing(outside)}",
            )
        out.attrs["ledger"] = ledger.to_json()
    return out
