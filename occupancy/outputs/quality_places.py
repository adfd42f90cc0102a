"""Effort on a map, and sites beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from occupancy.outputs import furniture, shapes, sheet, style, words
from occupancy.outputs.quality_sheet import HALF, Drawn, Setting, begin, blues, legend, quiet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from surveys.quality.effort import EffortBySite
    from surveys.quality.near_sites import NearSites

MOST_DOTS = 1500
LEAST, MOST = 2.6, 11.0  # diameters in points
CLASSES = 5


def effort(section: EffortBySite, setting: Setting) -> list[Drawn]:
    """Sites by the effort spent there; where no place is known, how it is spread."""
    alt = f"{section.title}. {section.told}"
    if section.placed and setting.crs is not None:
        fig = _map(section, setting)
        return [Drawn("effort-map", fig, section.title, alt, pixels=True)]
    table = section.sites
    assert table is not None
    values = table["effort"][table["visits"] > 0].to_numpy()
    if not len(values) or values.min() == values.max():
        return []
    from matplotlib.ticker import MaxNLocator

    with style.drawing():
        fig, bottom = begin(section.title, section.told, setting, HALF, 1.9, 0.62)
        ax = sheet.axes_at(fig, 0.62, bottom, HALF - 0.8, 1.9)
        few = np.unique(values)
        if len(few) <= 12 and few.max() - few.min() <= 30 and (few == few.round()).all():
            edges, whole = np.arange(few.min() - 0.5, few.max() + 1.5), True
        else:
            edges, whole = np.histogram_bin_edges(values, 24), False
        ax.hist(values, bins=edges, color=style.SKY, rwidth=0.9)
        ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        if whole:
            ax.xaxis.set_major_locator(MaxNLocator(12, integer=True))
        ax.set_xlabel(f"effort at a site ({words.clean(section.units)})", fontsize=8)
        ax.set_ylabel("sites", fontsize=8)
        quiet(ax)
        return [Drawn("effort", fig, section.title, alt)]


def _map(section: EffortBySite, setting: Setting) -> Figure:
    table = section.sites
    assert table is not None
    table = table[table["easting"].notna()]
    xy = table[["easting", "northing"]].to_numpy()
    values, visited = table["effort"].to_numpy(), table["visits"].to_numpy() > 0
    with style.drawing():
        extent = _extent(xy, setting)
        aspect = float(np.clip(extent.height / extent.width, 0.42, 0.72))
        extent = extent.of_shape(aspect)
        across = HALF + 0.6 - 2 * sheet.MARGIN
        body = across * aspect
        fig, bottom = begin(section.title, section.told, setting, HALF + 0.6, body, 0.5)
        ax = sheet.axes_at(fig, sheet.MARGIN, bottom, across, body)
        per_metre = across * 72 / extent.width
        furniture.frame(ax, extent)
        furniture.draw_graticule(ax, extent, setting.crs)
        if setting.regions is not None:
            inside = setting.regions.cx[
                extent.west : extent.east, extent.south : extent.north
            ].geometry
            shapes.draw_polygons(ax, inside, ["#ffffff"] * len(inside), zorder=1)
            shapes.draw_borders(ax, inside)
        if len(table) > MOST_DOTS:
            _cells(fig, ax, xy, values, extent, section.units, bottom)
        else:
            size = float(np.clip(1.5 * shapes.dot_diameter(xy, per_metre), 5.0, MOST))
            _dots(fig, ax, xy, values, visited, section.units, bottom, size)
        furniture.draw_scale_bar(ax, extent, per_metre, xy)
        furniture.draw_north(ax, extent, setting.crs, per_metre, xy)
        return fig


def _extent(xy: np.ndarray, setting: Setting) -> furniture.Extent:
    """Around all sites, and around the regions that hold any of them."""
    west, south = xy.min(axis=0)
    east, north = xy.max(axis=0)
    if setting.regions is not None:
        near = setting.regions.cx[west:east, south:north]
        if len(near):
            a, b, c, d = near.total_bounds
            # A country around a small study would leave the sites on a single dot.
            if max(c - a, d - b) < 4 * max(east - west, north - south):
                west, south, east, north = min(west, a), min(south, b), max(east, c), max(north, d)
    pad = max(0.05 * max(east - west, north - south), 100.0)
    return furniture.Extent(west - pad, south - pad, east + pad, north + pad)


def _breaks(values: np.ndarray) -> np.ndarray:
    """Round upper ends of at most five classes of effort."""
    top = float(values.max())
    if top <= 0:
        return np.array([1.0])
    for step in 10.0 ** np.floor(np.log10(top / CLASSES)) * np.array([1, 2, 2.5, 5, 10]):
        if top / step <= CLASSES + 1e-9:
            return np.arange(1, int(np.ceil(top / step - 1e-9)) + 1) * step
    return np.array([top])


def _dots(
    fig: Figure, ax: Axes, xy, values, visited, units: str, bottom: float, most: float
) -> None:
    from matplotlib.lines import Line2D

    breaks = _breaks(values)
    colours = blues(len(breaks))
    index = np.clip(np.searchsorted(breaks, values), 0, len(breaks) - 1)
    across = np.sqrt(np.maximum(values, 0) / breaks[-1]) * (most - LEAST) + LEAST
    order = np.argsort(-across, kind="stable")
    order = order[visited[order]]
    ax.scatter(
        *xy[order].T, s=across[order] ** 2, c=[colours[i] for i in index[order]],
        edgecolors=shapes.EDGE, lw=0.5, zorder=6,
    )  # fmt: skip
    ax.scatter(
        *xy[~visited].T, s=20, fc="white", ec=style.INK, lw=0.7, ls=(0, (1.2, 1)), zorder=6.2
    )

    def key(face: str, size: float, text: str, **more) -> Line2D:
        return Line2D([], [], marker="o", ls="", mfc=face, ms=size, label=text, **more)

    lows = [0.0, *breaks[:-1]]
    keys = [
        key(
            colours[k],
            float(np.sqrt((low + high) / 2 / breaks[-1])) * (most - LEAST) + LEAST,
            f"{low:g}–{high:g}" + (f" {words.clean(units)}" if k == len(breaks) - 1 else ""),
            mec=shapes.EDGE,
            mew=0.5,
        )
        for k, (low, high) in enumerate(zip(lows, breaks, strict=True))
        if (index[visited] == k).any() or k == len(breaks) - 1
    ]
    if not visited.all():
        keys.append(key("white", 4.5, "never visited", mec="#9aa5ab"))
    legend(fig, keys, bottom - 0.36, columnspacing=1.2)


def _cells(fig: Figure, ax: Axes, xy, values, extent, units: str, bottom: float) -> None:
    """Very many sites: the effort of each hexagon together."""
    from matplotlib.colors import BoundaryNorm, ListedColormap

    drawn = ax.hexbin(
        *xy.T, C=values, reduce_C_function=np.sum, gridsize=48, mincnt=1, linewidths=0.2, zorder=3,
        extent=(extent.west, extent.east, extent.south, extent.north),
    )  # fmt: skip
    top = np.asarray(drawn.get_array())
    breaks = _breaks(top)
    drawn.set_cmap(ListedColormap(blues(max(len(breaks), 2))))
    drawn.set_norm(
        BoundaryNorm(
            [0, *breaks] if len(breaks) > 1 else [0, breaks[0], 2 * breaks[0]], max(len(breaks), 2)
        )
    )
    bar = sheet.axes_at(fig, sheet.MARGIN + 0.06, bottom - 0.22, 2.3, 0.11)
    scale = fig.colorbar(drawn, cax=bar, orientation="horizontal")
    scale.outline.set_linewidth(0.5)  # type: ignore[operator]
    bar.tick_params(length=0, labelsize=7)
    sheet.text_at(
        fig, 2.65, bottom - 0.22, f"{words.clean(units)} in a hexagon", fontsize=7.5, va="bottom",
        color=style.MUTED,
    )  # fmt: skip


def near_sites(section: NearSites, setting: Setting) -> list[Drawn]:
    """Distance of every site to its nearest neighbour, on a scale of powers of ten."""
    nearest = section.nearest
    assert nearest is not None
    if len(nearest) < 5:
        return []
    values = np.maximum(nearest, 1.0)
    with style.drawing():
        fig, bottom = begin(section.title, section.told, setting, HALF, 1.5, 0.62)
        ax = sheet.axes_at(fig, 0.62, bottom, HALF - 0.8, 1.5)
        low, high = np.floor(np.log10(values.min())), np.ceil(np.log10(values.max()) + 1e-9)
        edges = 10 ** np.linspace(low, max(high, low + 1), int(8 * max(high - low, 1)) + 1)
        close = values < 10
        ax.hist(
            [values[~close], values[close]], bins=list(edges), stacked=True, rwidth=0.9,
            color=[style.SKY, "#c75a00"], label=["", "under 10 m"],
        )  # fmt: skip
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(lambda v, _: f"{v / 1000:g} km" if v >= 1000 else f"{v:g} m")
        ax.xaxis.set_minor_formatter(lambda v, _: "")
        ax.set_xlabel("distance to the nearest other site", fontsize=8)
        ax.set_ylabel("sites", fontsize=8)
        ax.yaxis.get_major_locator().set_params(integer=True)
        quiet(ax)
        ax.tick_params(which="both", length=0)
        return [Drawn("near-sites", fig, section.title, f"{section.title}. {section.told}")]
