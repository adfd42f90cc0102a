"""Polygons, borders and sites drawn on matplotlib axes, without pyplot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from occupancy.outputs import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.path import Path

    from occupancy.outputs.results import Results


def shape_path(shape: Any) -> Path:
    """One path for a polygon or many; holes turn the other way, so they stay empty."""
    import shapely
    from matplotlib.path import Path

    points, codes = [], []
    for part in shapely.get_parts(shapely.orient_polygons(shape)):
        if part.geom_type != "Polygon" or part.is_empty:
            continue
        for ring in (part.exterior, *part.interiors):
            xy = shapely.get_coordinates(ring)
            points.append(xy)
            codes.append([Path.MOVETO, *[Path.LINETO] * (len(xy) - 2), Path.CLOSEPOLY])
    if not points:
        return Path(np.empty((0, 2)))
    return Path(np.concatenate(points), np.concatenate(codes))


def draw_polygons(
    ax: Axes, shapes: Iterable[Any], colours: Sequence[str] | np.ndarray, **options: Any
) -> None:
    """Filled polygons; those not estimated are white with a grey border, never the zero colour."""
    from matplotlib.collections import PathCollection

    colours = list(colours)
    edges = [style.NOT_ESTIMATED_EDGE if c == style.NOT_ESTIMATED else c for c in colours]
    settings = {"linewidths": 0.15, "zorder": 2} | options
    paths = [shape_path(s) for s in shapes]
    ax.add_collection(
        PathCollection(paths, facecolors=colours, edgecolors=edges, **settings), autolim=False
    )


def draw_hatch(ax: Axes, shapes: Sequence[Any]) -> None:
    """Dark hatch over what lies outside the sampled conditions; seen on pale cells too."""
    import shapely
    from matplotlib.collections import PathCollection

    if not len(shapes):
        return
    path = shape_path(shapely.union_all(np.asarray(shapes), grid_size=0.01))
    # Ink with a pale casing: seen on the palest and on the darkest cells.
    for colour, width, level in ((style.HALO, 1.5, 3.0), (style.INK, 0.6, 3.1)):
        hatch = PathCollection(
            [path], facecolors="none", edgecolors=colour, hatch="//////", linewidths=0.35,
            alpha=0.6 if colour == style.HALO else 0.75, zorder=level,
        )  # fmt: skip
        hatch.set_hatch_linewidth(width)
        ax.add_collection(hatch, autolim=False)


def draw_borders(ax: Axes, shapes: Iterable[Any]) -> None:
    """Region borders: ink with a white halo."""
    from matplotlib.collections import PathCollection

    paths = [shape_path(s) for s in shapes if s is not None]
    for colour, width, level in ((style.HALO, 2.0, 4.0), (style.INK, 0.7, 4.1)):
        ax.add_collection(
            PathCollection(
                paths, facecolors="none", edgecolors=colour, linewidths=width, zorder=level
            ),
            autolim=False,
        )


def placed_sites(results: Results) -> Any:
    """The sites of the season shown that have a place."""
    from occupancy.outputs.results import has_geometry

    here = results.here
    if not has_geometry(here):
        return here.iloc[:0]
    return here[here.geometry.notna() & ~here.geometry.is_empty]


def site_points(sites: Any) -> np.ndarray:
    """Easting and northing, (site, 2)."""
    if not len(sites):
        return np.empty((0, 2))
    return np.c_[sites.geometry.x.to_numpy(), sites.geometry.y.to_numpy()]


def dot_diameter(points: np.ndarray, units_per_metre: float) -> float:
    """Diameter of a site's dot that leaves neighbours apart, in the units of the map.

    Most sites keep clear of their nearest neighbour; on paper a unit is a printed point.
    """
    if len(points) < 2:
        return 9.0
    from scipy.spatial import cKDTree

    unique = np.unique(points, axis=0)
    if len(unique) < 2:
        return 9.0
    tree = cKDTree(unique)
    nearest = tree.query(unique, k=2)[0][:, 1] * units_per_metre
    return float(np.clip(0.86 * np.quantile(nearest, 0.3), 3.4, 9.0))


def unseen(results: Results) -> str:
    """What a surveyed site without a detection is called in a legend."""
    return "not detected" if results.tells_detections else "surveyed"


def draw_evidence(ax: Axes, sites: Any, diameter: float) -> None:
    """Sites on an estimate: filled detected, hollow not detected, dashed not surveyed."""
    size = min(diameter, 5.2) ** 2
    none = site_points(sites[~sites["surveyed"]])
    missed = site_points(sites[sites["surveyed"] & ~sites["detected"]])
    seen = site_points(sites[sites["detected"]])
    # A pale casing, so that the dashes are seen on dark cells.
    ax.scatter(*none.T, s=size, fc="none", ec="white", lw=1.5, alpha=0.75, zorder=5.4)
    ax.scatter(*none.T, s=size, fc="none", ec=style.INK, lw=0.5, ls=(0, (1.2, 1)), zorder=5.5)
    ax.scatter(*missed.T, s=size * 0.85, fc="white", ec=style.INK, lw=0.6, zorder=6)
    ax.scatter(*seen.T, s=size * 1.1, fc=style.INK, ec="white", lw=0.5, zorder=7)


SMALLER = 0.74  # a dot without a detection, to one with
EDGE = "#3c474e"


def draw_values(ax: Axes, sites: Any, colours: Sequence[str] | np.ndarray, diameter: float) -> None:
    """Sites coloured by value, each in a white halo.

    A detection is a full dot with a mark in its middle, white on dark colours and ink on pale
    ones; a site without is a smaller plain dot; one not surveyed is a diamond.
    """
    xy, fills = site_points(sites), np.asarray(colours, dtype=object)
    seen, surveyed = sites["detected"].to_numpy(), sites["surveyed"].to_numpy()
    for pick, level, scale, marker in (
        (~surveyed, 6.0, SMALLER, "D"),
        (surveyed & ~seen, 6.2, SMALLER, "o"),
        (seen, 6.4, 1.0, "o"),
    ):
        if not pick.any():
            continue
        across = scale * diameter * (0.8 if marker == "D" else 1.0)
        halo = min(0.24 * diameter, 1.3)
        ax.scatter(
            *xy[pick].T, s=(across + halo) ** 2, fc="white", lw=0, marker=marker, zorder=level
        )
        ax.scatter(
            *xy[pick].T, s=across**2, c=list(fills[pick]), edgecolors=EDGE, lw=0.07 * diameter,
            marker=marker, zorder=level + 0.1,
        )  # fmt: skip
    if seen.any():
        marks = [style.contrasting(c) for c in fills[seen]]
        ax.scatter(*xy[seen].T, s=(0.36 * diameter) ** 2, c=marks, lw=0, zorder=6.6)
