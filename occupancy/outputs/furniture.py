"""What makes a drawing a map: its extent, a graticule, a scale bar and true north."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from occupancy.outputs import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pyproj import Transformer
    from shapely import Geometry

STEPS = (30, 20, 15, 10, 5, 2, 1, 0.5, 0.25, 0.2, 0.1, 0.05, 0.025, 0.02, 0.01, 0.005, 0.002, 0.001)


@dataclass(frozen=True)
class Extent:
    """A rectangle in map metres."""

    west: float
    south: float
    east: float
    north: float

    @property
    def width(self) -> float:
        return self.east - self.west

    @property
    def height(self) -> float:
        return self.north - self.south

    def of_shape(self, aspect: float) -> Extent:
        """The smallest rectangle around this one with the given height over width."""
        x, y = (self.west + self.east) / 2, (self.south + self.north) / 2
        width = max(self.width, self.height / aspect)
        height = max(self.height, self.width * aspect)
        return Extent(x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def extent_of(*tables: Any, margin: float = 0.04) -> Extent:
    """The rectangle around everything that is drawn, with a margin; never thinner than 100 m."""
    from occupancy.outputs.results import has_geometry

    bounds = np.array([t.total_bounds for t in tables if has_geometry(t)])
    west, south = bounds[:, :2].min(axis=0)
    east, north = bounds[:, 2:].max(axis=0)
    pad = max(margin * max(east - west, north - south), 50.0)
    return Extent(west - pad, south - pad, east + pad, north + pad)


NO_SITES = np.empty((0, 2))


def frame(ax: Axes, extent: Extent) -> None:
    """An empty map: equal scales, no ticks, a pale ground and a light frame."""
    ax.set_autoscale_on(False)
    ax.set_xlim(extent.west, extent.east)
    ax.set_ylim(extent.south, extent.north)
    ax.set_aspect("equal")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_facecolor(style.SEA)
    for spine in ax.spines.values():
        spine.set_visible(True)
        spine.set_color(style.LINE)


# --- graticule ------------------------------------------------------------------------------------


def graticule(extent: Extent, crs: Any) -> list[tuple[str, np.ndarray, tuple[float, float] | None]]:
    """Meridians and parallels inside an extent: label, points (n, 2), place of the label.

    Longitudes are counted from the middle of the map, so a map across the date line is whole; a
    pole inside the map is handled by walking all meridians.
    """
    import shapely

    forward, inverse = _transformers(crs)
    gx, gy = np.meshgrid(
        np.linspace(extent.west, extent.east, 41), np.linspace(extent.south, extent.north, 41)
    )
    lon, lat = inverse.transform(gx, gy)
    good = np.isfinite(lon) & np.isfinite(lat)
    if not good.any():
        return []
    middle = lon[20, 20] if np.isfinite(lon[20, 20]) else float(lon[good][0])
    relative = (lon[good] - middle + 180) % 360 - 180
    lat = lat[good]
    whole = np.ptp(relative) > 300  # a pole is inside
    lon_range = (-180.0, 180.0) if whole else (relative.min(), relative.max())
    lat_range = (max(lat.min(), -89.9), min(lat.max(), 89.9))

    box = shapely.box(extent.west, extent.south, extent.east, extent.north)
    lines = []
    lon_step, lat_step = _step(lon_range[1] - lon_range[0]), _step(lat_range[1] - lat_range[0])
    reach_lon, reach_lat = lon_range[1] - lon_range[0], lat_range[1] - lat_range[0]
    along_lat = np.linspace(
        max(lat_range[0] - 0.3 * reach_lat, -89.9), min(lat_range[1] + 0.3 * reach_lat, 89.9), 120
    )
    spread = 0.0 if whole else 0.3 * reach_lon
    along_lon = np.linspace(lon_range[0] - spread, lon_range[1] + spread, 361 if whole else 120)

    first = np.ceil((middle + lon_range[0]) / lon_step) * lon_step
    for value in np.arange(first, middle + lon_range[1] + 1e-9, lon_step):
        x, y = forward.transform(np.full_like(along_lat, value), along_lat)
        lines.append((_degrees(value, "E", "W"), np.c_[x, y], "bottom"))
    first = np.ceil(lat_range[0] / lat_step) * lat_step
    for value in np.arange(first, lat_range[1] + 1e-9, lat_step):
        x, y = forward.transform(middle + along_lon, np.full_like(along_lon, value))
        lines.append((_degrees(value, "N", "S"), np.c_[x, y], "left"))

    out = []
    for label, points, side in lines:
        points = points[np.isfinite(points).all(axis=1)]
        if len(points) < 2:
            continue
        inside = shapely.intersection(shapely.linestrings(points), box)
        place = _edge_place(inside, extent, side)
        for part in getattr(inside, "geoms", [inside]):
            if part.geom_type == "LineString" and not part.is_empty:
                out.append((label, shapely.get_coordinates(part), place))
                place = None
    return out


def _step(span: float) -> float:
    """The round step that gives about four lines over a span of degrees."""
    return next((s for s in STEPS if span / s >= 3), STEPS[-1])


def _degrees(value: float, positive: str, negative: str) -> str:
    value = (value + 180) % 360 - 180 if positive == "E" else value
    value = round(value, 6)
    letter = "" if value == 0 else positive if value > 0 else negative
    return f"{abs(value):g}°{letter}"


def _edge_place(line: Geometry, extent: Extent, side: str) -> tuple[float, float] | None:
    """Where a line meets the edge that carries its labels, or None."""
    import shapely

    points = shapely.get_coordinates(line)
    near = 1e-6 * max(extent.width, extent.height)
    if side == "bottom":
        on = points[np.abs(points[:, 1] - extent.south) < near]
        on = on[
            (on[:, 0] > extent.west + 0.02 * extent.width)
            & (on[:, 0] < extent.east - 0.4 * extent.width)
        ]
    else:
        on = points[np.abs(points[:, 0] - extent.west) < near]
        on = on[
            (on[:, 1] > extent.south + 0.07 * extent.height)
            & (on[:, 1] < extent.north - 0.05 * extent.height)
        ]
    return (float(on[0, 0]), float(on[0, 1])) if len(on) else None


@functools.lru_cache(maxsize=16)
def _transformers(crs: Any) -> tuple[Transformer, Transformer]:
    """From longitude and latitude to the map, and back."""
    from pyproj import Transformer

    return (
        Transformer.from_crs(4326, crs, always_xy=True),
        Transformer.from_crs(crs, 4326, always_xy=True),
    )


def draw_graticule(ax: Axes, extent: Extent, crs: Any) -> None:
    for label, points, place in graticule(extent, crs):
        ax.plot(*points.T, color="#b9c4ca", lw=0.45, zorder=0.5)
        if place is not None:
            ax.annotate(
                label,
                place,
                xytext=(3, 2),
                textcoords="offset points",
                fontsize=6.2,
                color=style.MUTED,
                zorder=8,  # fills may reach the frame
                annotation_clip=True,
                path_effects=halo(1.6),
            )


# --- scale and north ------------------------------------------------------------------------------


def scale_length(metres: float) -> tuple[float, str]:
    """The longest round length (1, 2, 5) that is at most `metres`, and its label."""
    power = 10.0 ** np.floor(np.log10(metres))
    length = next(m * power for m in (5, 2, 1) if m * power <= metres * (1 + 1e-9))
    return length, f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"


def _backing(ax: Axes, x: float, y: float, width: float, height: float) -> None:
    """A pale ground, so that furniture is read on any fill."""
    from matplotlib.patches import Rectangle

    ax.add_patch(Rectangle((x, y), width, height, fc=style.SEA, alpha=0.85, lw=0, zorder=8.8))


def draw_scale_bar(
    ax: Axes, extent: Extent, points_per_metre: float, sites: np.ndarray = NO_SITES
) -> None:
    """A bar of a round length in a lower corner, its label above."""
    length, label = scale_length(0.24 * extent.width)
    point = 1 / points_per_metre  # map metres in one printed point
    right, bottom = extent.east - 8 * point, extent.south + 8 * point
    if len(sites):  # the lower corner with fewer sites
        low = sites[sites[:, 1] < extent.south + 26 * point]
        room = length + 16 * point
        if (low[:, 0] > extent.east - room).sum() > (low[:, 0] < extent.west + room).sum():
            right = extent.west + 8 * point + length
    _backing(ax, right - length - 4 * point, bottom - 4 * point, length + 8 * point, 18 * point)
    ax.plot(
        [right - length, right],
        [bottom, bottom],
        color=style.INK,
        lw=2,
        solid_capstyle="butt",
        zorder=9,
    )
    ax.text(
        right - length / 2,
        bottom + 4 * point,
        label,
        fontsize=7,
        ha="center",
        va="bottom",
        color=style.INK,
        zorder=9,
        path_effects=halo(2),
    )


def true_north(x: float, y: float, crs: Any) -> tuple[float, float]:
    """Unit vector towards the north pole at a place on the map (it leans in most projections)."""
    forward, inverse = _transformers(crs)
    lon, lat = inverse.transform(x, y)
    if not np.isfinite(lon):
        return 0.0, 1.0
    step = -0.01 if lat > 89.9 else 0.01
    dx, dy = np.subtract(forward.transform(lon, lat + step), (x, y)) * np.sign(step)
    length = float(np.hypot(dx, dy)) or 1.0
    return float(dx) / length, float(dy) / length


def draw_north(
    ax: Axes, extent: Extent, crs: Any, points_per_metre: float, sites: np.ndarray = NO_SITES
) -> None:
    """An arrow in an upper corner that points to true north at its own place."""
    point = 1 / points_per_metre
    x, y = extent.east - 16 * point, extent.north - 24 * point
    if len(sites):  # the upper corner with fewer sites
        high = sites[sites[:, 1] > extent.north - 46 * point]
        room = 32 * point
        if (high[:, 0] > extent.east - room).sum() > (high[:, 0] < extent.west + room).sum():
            x = extent.west + 16 * point
    ux, uy = true_north(x, y, crs)
    _backing(ax, x - 12 * point, y - 19 * point, 24 * point, 34 * point)
    ax.annotate(
        "",
        xy=(x + 11 * ux * point, y + 11 * uy * point),
        xytext=(x - 8 * ux * point, y - 8 * uy * point),
        arrowprops={"arrowstyle": "-|>", "color": style.INK, "lw": 1.1, "mutation_scale": 9},
        zorder=9,
    )
    ax.text(
        x - 13 * ux * point,
        y - 13 * uy * point,
        "N",
        ha="center",
        va="center",
        fontsize=7.5,
        color=style.INK,
        zorder=9,
        path_effects=halo(2),
    )


def halo(width: float) -> list:
    """A pale casing around text, so that it is read on any fill."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=width, foreground=style.HALO, alpha=0.92)]
