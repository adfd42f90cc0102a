"""Cells on which occupancy is mapped: an equal-area hexagon grid, or shapes round given centres."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from surveys.places.crs import in_equal_area, is_equal_area
from surveys.problems import Problem, SurveyError

if TYPE_CHECKING:
    import geopandas as gpd

MOST_CELLS = 2_000_000
FIT = 0.05  # how far from their lattice, in spacings, rounded centres may lie


def hexagons(polygon: Any, width: float, crs: Any = None) -> gpd.GeoDataFrame:
    """Hexagons of equal area over the polygon, cut at its border.

    Parameters
    ----------
    polygon
        GeoDataFrame, GeoSeries, or a shapely polygon in metres of `crs`. A layer in another than
        an equal-area CRS is projected first.
    width
        Metres between opposite sides, which is also the distance between neighbouring centres.

    Returns
    -------
    GeoDataFrame
        cell (from 1, row by row from the south west), easting and northing of the centre of the
        whole hexagon, area_km2 of the part inside, geometry. The grid hangs on the origin of the
        CRS, so two layers of one CRS share their cells.
    """
    import geopandas as gpd
    import shapely

    if not width > 0:
        raise SurveyError(
            Problem(code="E320", fact=f"The width of a hexagon is {width}", cure="metres, above 0")
        )
    if hasattr(polygon, "to_crs"):
        layer = in_equal_area(polygon)
        land, crs = layer.geometry.union_all(), layer.crs
    else:
        land = polygon
    if crs is not None and not is_equal_area(crs):
        raise SurveyError(
            Problem(
                code="E321",
                fact="Hexagons of equal area need an equal-area CRS in metres",
                cure="give the polygon as a GeoDataFrame with its CRS; it is projected then",
            )
        )
    if not shapely.is_valid(land):
        land = shapely.make_valid(land)
    west, south, east, north = land.bounds
    row_height = width * np.sqrt(3) / 2
    many = (east - west) / width * (north - south) / row_height
    if many > MOST_CELLS:
        raise SurveyError(
            Problem(
                code="E322",
                fact=f"Hexagons {width:g} m wide would be {many:,.0f} cells",
                cure="make them wider",
            )
        )
    rows = np.arange(np.floor(south / row_height) - 1, np.ceil(north / row_height) + 2)
    columns = np.arange(np.floor(west / width) - 1, np.ceil(east / width) + 2)
    shift = np.where(rows % 2 == 0, 0.0, width / 2)
    x = (columns[None, :] * width + shift[:, None]).ravel()
    y = np.repeat(rows * row_height, columns.size)
    cells = hexagon_shapes(x, y, width)
    shapely.prepare(land)
    near = shapely.intersects(land, cells)
    cells, x, y = cells[near], x[near], y[near]
    cut = ~shapely.contains_properly(land, cells)
    cells[cut] = shapely.intersection(cells[cut], land)
    area = shapely.area(cells)
    kept = area > 1e-9 * width**2
    return gpd.GeoDataFrame(
        {
            "cell": np.arange(1, kept.sum() + 1),
            "easting": x[kept],
            "northing": y[kept],
            "area_km2": area[kept] / 1e6,
        },
        geometry=cells[kept],
        crs=crs,
    )


def squares(polygon: gpd.GeoDataFrame | gpd.GeoSeries, width: float) -> gpd.GeoDataFrame:
    """Squares of equal area over a layer, cut at its border.

    Returns
    -------
    GeoDataFrame
        In an equal-area CRS: easting and northing of the middle of the whole square, or of a point
        inside where the middle was cut away; area_km2 of the part inside; geometry. The grid hangs
        on the origin of the CRS.
    """
    import geopandas as gpd
    import shapely

    if not width > 0:
        raise SurveyError(
            Problem(code="E320", fact=f"The width of a cell is {width}", cure="metres, above 0")
        )
    layer = in_equal_area(polygon)
    land = layer.geometry.make_valid().union_all()
    west, south, east, north = land.bounds
    first, last = np.floor([west / width, south / width]), np.ceil([east / width, north / width])
    many = float(np.prod(last - first))
    if many > MOST_CELLS:
        fact = f"Cells {width:g} m wide would be {many:,.0f} squares"
        raise SurveyError(Problem(code="E322", fact=fact, cure="make them wider"))
    column, row = np.meshgrid(*(np.arange(a, b) for a, b in zip(first, last, strict=True)))
    x, y = (column.ravel() + 0.5) * width, (row.ravel() + 0.5) * width
    half = width / 2
    shapes = shapely.box(x - half, y - half, x + half, y + half)
    shapely.prepare(land)
    near = shapely.intersects(land, shapes)
    shapes, x, y = shapes[near], x[near], y[near]
    cut = ~shapely.contains_properly(land, shapes)
    shapes[cut] = shapely.intersection(shapes[cut], land)
    area = shapely.area(shapes)
    kept = area > 1e-9 * width**2
    shapes, x, y, area = shapes[kept], x[kept], y[kept], area[kept]
    away = ~shapely.intersects(land, shapely.points(x, y))
    inside = shapely.point_on_surface(shapes[away])
    x[away], y[away] = shapely.get_x(inside), shapely.get_y(inside)
    columns = {"easting": x, "northing": y, "area_km2": area / 1e6}
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=layer.crs)


def hexagon_shapes(x: np.ndarray, y: np.ndarray, width: float, turn: Any = 0.0) -> np.ndarray:
    """Regular hexagons round centres; `turn` (radians) is the direction to a neighbour."""
    import shapely

    turn = np.broadcast_to(np.asarray(turn, float), x.shape)
    angle = turn[:, None] + np.pi / 6 + np.arange(6) * np.pi / 3  # (cell, corner)
    radius = width / np.sqrt(3)
    ring = np.stack([x[:, None] + radius * np.cos(angle), y[:, None] + radius * np.sin(angle)], -1)
    return shapely.polygons(ring)


def cells_round(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, str]:
    """Shapes that tile the plane round centres, and "squares" or "hexagons".

    Rows above each other make rectangles; rows offset by half a step make hexagons. Centres that
    were moved to another projection no longer stand in rows: there the number of neighbours and
    the direction to them decide.
    """
    if len(x) < 3:
        raise _no_cells(f"{len(x)} centres are too few to tell the spacing")
    return cells_in_rows(x, y) or _by_neighbours(x, y)


def cells_in_rows(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, str] | None:
    """Shapes round centres that stand in rows along the axes; None where they do not."""
    import shapely

    dx, i = _steps(x)
    dy, j = _steps(y)
    if i is not None and j is not None:
        same_parity = np.ptp((i + j) % 2) == 0 and np.ptp(i) > 0 and np.ptp(j) > 0
        if not same_parity:
            return shapely.box(x - dx / 2, y - dy / 2, x + dx / 2, y + dy / 2), "squares"
        if abs(dy / dx - np.sqrt(3)) < FIT * np.sqrt(3):
            return hexagon_shapes(x, y, 2 * dx), "hexagons"
        if abs(dx / dy - np.sqrt(3)) < FIT * np.sqrt(3):
            return hexagon_shapes(x, y, 2 * dy, np.pi / 2), "hexagons"
    return None


def _steps(values: np.ndarray) -> tuple[float, np.ndarray | None]:
    """Step of a lattice along one axis and the position of each value; None where it is none."""
    distinct = np.unique(values)
    if distinct.size < 2:
        return 0.0, None
    gaps = np.diff(distinct)
    gaps = gaps[gaps > 1e-6 * np.ptp(values)]  # below that it is rounding
    step = float(gaps.min())
    position = (values - distinct[0]) / step
    # the smallest gap carries the rounding of two numbers: refine it over the whole range
    whole = np.round(position)
    if whole.max() > 0:
        step = float((values * whole).sum() - values.mean() * whole.sum()) / float(
            (whole * whole).sum() - whole.mean() * whole.sum()
        )
    position = (values - values.mean()) / step
    position -= position[0]
    if np.abs(position - np.round(position)).max() > FIT:
        return step, None
    return step, np.round(position).astype(np.int64)


def _by_neighbours(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, str]:
    import shapely
    from scipy.spatial import cKDTree

    xy = np.column_stack([x, y])
    tree = cKDTree(xy)
    nearest, _ = tree.query(xy, k=2)
    spacing = float(np.median(nearest[:, 1]))
    if not spacing > 0:
        raise _no_cells("several centres lie in one place")
    a, b = tree.query_pairs(1.2 * spacing, output_type="ndarray").T
    step = xy[b] - xy[a]
    length = np.hypot(step[:, 0], step[:, 1])
    count = np.bincount(np.concatenate([a, b]), minlength=len(x))
    fold = 6 if np.quantile(count, 0.9) > 4 else 4
    if length.std() > FIT * spacing or np.quantile(count, 0.9) > 6:
        raise _no_cells("the distances between neighbouring centres differ")
    # direction to the neighbours, the same for all of them modulo a sixth or fourth of a turn
    vector = np.exp(1j * fold * np.arctan2(step[:, 1], step[:, 0]))
    turn = (
        np.bincount(a, vector.real, len(x))
        + np.bincount(b, vector.real, len(x))
        + 1j * (np.bincount(a, vector.imag, len(x)) + np.bincount(b, vector.imag, len(x)))
    )
    turn = np.where(np.abs(turn) > 0, np.angle(turn), np.angle(vector.sum())) / fold
    width = float(length.mean())
    if fold == 6:
        return hexagon_shapes(x, y, width, turn), "hexagons"
    angle = turn[:, None] + np.pi / 4 + np.arange(4) * np.pi / 2
    radius = width / np.sqrt(2)
    ring = np.stack([x[:, None] + radius * np.cos(angle), y[:, None] + radius * np.sin(angle)], -1)
    return shapely.polygons(ring), "squares"


def _no_cells(reason: str) -> SurveyError:
    return SurveyError(
        Problem(
            code="E323",
            fact=f"The centres of the cells form no grid: {reason}",
            cure="give the cells as polygons (GeoPackage), or centres of one even grid",
        )
    )
