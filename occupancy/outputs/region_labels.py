"""Names and numbers of regions on a map: inside their region and the frame, hiding few sites."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from occupancy.outputs import furniture, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from shapely import Geometry


class Place(NamedTuple):
    """Where a region's label stands, and whether there is room for its name."""

    x: float
    y: float
    named: bool


def label_place(
    shape: Geometry | None,
    sites: np.ndarray,
    half_width: float,
    half_height: float,
    taken: Sequence = (),
    inside: furniture.Extent | None = None,
) -> tuple[float, float] | None:
    """Where a label hides the fewest sites: inside, off the border, clear of labels already placed.

    None where the region is too small to hold a label of this size.
    """
    import shapely

    if shape is None or shape.is_empty:
        return None
    west, south, east, north = shape.bounds
    gx, gy = np.meshgrid(np.linspace(west, east, 50), np.linspace(south, north, 50))
    points = np.c_[gx.ravel(), gy.ravel()]
    points = points[shapely.contains_xy(shape, points[:, 0], points[:, 1])]
    if inside is not None:  # no label is cut by the frame
        x, y = points.T
        points = points[
            (x - half_width > inside.west)
            & (x + half_width < inside.east)
            & (y - half_height > inside.south)
            & (y + half_height < inside.north)
        ]
    for x, y, w, h in taken:
        clear = (np.abs(points[:, 0] - x) > half_width + w) | (
            np.abs(points[:, 1] - y) > half_height + h
        )
        points = points[clear]
    if not len(points):
        return None
    border = shapely.distance(shapely.points(points), shape.boundary)
    if border.max() < max(0.55 * half_height, 0.55 * half_width):
        return None
    covered = np.zeros(len(points))
    if len(sites):
        hidden = (np.abs(points[:, None, 0] - sites[None, :, 0]) < half_width) & (
            np.abs(points[:, None, 1] - sites[None, :, 1]) < half_height
        )
        covered = hidden.sum(axis=1)
    near_border = border < min(0.6 * border.max(), half_width)
    score = border / border.max() - 0.3 * covered - 99.0 * near_border
    best = int(score.argmax())
    return float(points[best, 0]), float(points[best, 1])


def place_labels(
    names: Sequence[str],
    numbers: Sequence[str],
    shapes: Sequence,
    sites: np.ndarray,
    points_per_metre: float,
    sizes: tuple[float, float] = (7.6, 9.2),
    inside: furniture.Extent | None = None,
) -> list[Place | None]:
    """Places of all region labels, largest region first.

    A region too small for its name gets its number alone; one too small for that gets none (the
    table has it).
    """
    places: list[Place | None] = [None] * len(names)
    taken: list[tuple[float, float, float, float]] = []
    for i in sorted(range(len(names)), key=lambda k: -getattr(shapes[k], "area", 0)):
        wide = 36 * style.text_width(names[i], sizes[0]) + 2
        narrow = 36 * style.text_width(numbers[i], sizes[1], "bold") + 2
        for named, half_width, half_height in (
            (True, max(wide, narrow), 0.62 * sum(sizes)),
            (False, narrow, 0.6 * sizes[1]),
        ):
            half_width, half_height = half_width / points_per_metre, half_height / points_per_metre
            place = label_place(shapes[i], sites, half_width, half_height, taken, inside)
            if place is not None:
                places[i] = Place(*place, named)
                taken.append((*place, half_width, half_height))
                break
    return places


def draw_labels(
    ax: Axes,
    names: Sequence[str],
    numbers: Sequence[str],
    places: Sequence[Place | None],
    points_per_metre: float,
    sizes: tuple[float, float] = (7.6, 9.2),
) -> None:
    point = 1 / points_per_metre
    for name, number, place in zip(names, numbers, places, strict=True):
        if place is None:
            continue
        x, y = place.x, place.y
        drop = 0.62 * sizes[0] * point if place.named else 0.0
        ax.text(
            x, y + 0.56 * sizes[1] * point, name if place.named else "", ha="center",
            va="center", fontsize=sizes[0],
            color=style.INK, zorder=9, path_effects=furniture.halo(2.6),
        )  # fmt: skip
        ax.text(
            x, y - drop, number, ha="center", va="center", fontsize=sizes[1],
            fontweight="bold", color=style.INK, zorder=9, path_effects=furniture.halo(2.8),
        )  # fmt: skip
