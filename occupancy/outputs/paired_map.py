"""The picture of the report: occupancy beside how sure we are of it, at the same scale.

Where there is a surface it is drawn cell by cell with the sites on top; where there is none, the
sites are coloured themselves and the regions are filled with their own estimate.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from occupancy.outputs import OutputError, furniture, region_labels, shapes, sheet, style, words
from occupancy.outputs.headline import caption, headline, region_number
from occupancy.outputs.results import Results, has_geometry

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEGEND = 0.82  # inches below each panel
PANEL_TITLE = 0.26


@dataclass(frozen=True)
class Panel:
    """One of the two maps: what is coloured, and how."""

    title: str
    column: str
    breaks: tuple[float, ...]
    colours: list[str]
    ends: tuple[str, str]


def require_places(results: Results) -> None:
    """Refuse a map of nothing, in plain words."""
    if not any(has_geometry(t) for t in (results.cells, results.here, results.regions_here)):
        raise OutputError(
            "There is no map: the sites have no coordinates. Give them longitude and latitude "
            "(or easting and northing with a CRS) in the site file; tables and report do without."
        )


def panels(results: Results) -> tuple[Panel, Panel]:
    widths = [results.here["psi_width"].to_numpy()]
    if results.cells is not None:
        widths = [results.cells["psi_width"].to_numpy()]
    breaks = style.width_breaks(np.concatenate(widths))
    name = words.interval_name(results.interval, results.engine)
    return (
        Panel(
            f"Occupancy probability  ψ  ({words.estimate_name(results.engine)})",
            "psi_mean",
            style.PSI_BREAKS,
            style.psi_colours(),
            ("rarely present", "nearly always"),
        ),
        Panel(
            f"How sure are we?  Width of the {name}",
            "psi_width",
            breaks,
            style.width_colours(breaks),
            ("well known", "poorly known"),
        ),
    )


def figure(
    results: Results,
    *,
    size: Literal["slide", "page"] = "slide",
    labels: bool = True,
    sites: bool = True,
) -> tuple[Figure, str]:
    """Draw the pair: side by side on a slide, one above the other on a page or a wide study."""
    require_places(results)
    with style.drawing():
        extent = furniture.extent_of(results.cells, results.here, results.regions_here)
        aspect = float(np.clip(extent.height / extent.width, 0.42, 1.2))
        extent = extent.of_shape(aspect)
        stacked = size == "page" or aspect < 0.5
        width = 6.3 if size == "page" else 8.6 if stacked else 11.2
        across = width - 2 * sheet.MARGIN
        panel_width = across if stacked else (across - 0.24) / 2
        if stacked and aspect > 0.75:
            panel_width *= 0.75 / aspect
        panel_height = panel_width * aspect
        block = PANEL_TITLE + panel_height + LEGEND

        line = headline(results)
        title_size = 14 if size == "slide" else 12.5
        head = sheet.head(
            line.sentence,
            line.support,
            caption(results),
            width,
            stamp=line.stamp,
            title_size=title_size,
        )
        height = head.top + block * (2 if stacked else 1) + head.bottom
        fig = style.new_figure(width, height)
        sheet.draw_head(fig, head)
        places = None
        for k, panel in enumerate(panels(results)):
            left = sheet.MARGIN if stacked or k == 0 else width - sheet.MARGIN - panel_width
            bottom = height - head.top - block * (k + 1 if stacked else 1) + LEGEND
            ax = sheet.axes_at(fig, left, bottom, panel_width, panel_height)
            per_metre = panel_width * 72 / extent.width
            if places is None and labels:
                places = _label_places(results, per_metre, extent)
            _draw_panel(ax, results, panel, extent, per_metre, sites=sites, places=places)
            title = style.shorten(panel.title, panel_width, 10, "bold")
            sheet.text_at(
                fig,
                left,
                bottom + panel_height + 0.07,
                title,
                fontsize=10,
                fontweight="bold",
                va="bottom",
            )
            ramp = sheet.axes_at(
                fig, left + 0.06, bottom - 0.33, min(0.44 * panel_width, 2.6), 0.11
            )
            note = fill_note(results, k == 0, sites)
            filled = "fills" in note
            under = style.tints(panel.colours) if filled else []
            draw_ramp(ramp, panel.breaks, panel.colours, panel.ends, under=under)
            if sites:
                draw_key(ax, results, first=k == 0, dots=results.cells is None)
            note = style.shorten(note, panel_width, 7.2)
            sheet.text_at(
                fig, left + 0.06, bottom - 0.72, note, fontsize=7.2, color=style.MUTED, va="bottom"
            )
        return fig, alt_text(results)


def write(
    results: Results, folder: Path, *, formats=("png",), stem="paired-map", **options
) -> list[Path]:
    fig, alt = figure(results, **options)
    title = headline(results).sentence
    return style.save(fig, folder, stem, alt=alt, title=title, formats=tuple(formats))


def alt_text(results: Results) -> str:
    """The finding of the map in a few sentences."""
    line = headline(results)
    text = f"Two maps side by side. {line.sentence}. {line.support}"
    regions = results.regions_here
    if regions is None or results.withheld or len(regions) < 2:
        return text
    rows = [(region_number(row), words.clean(row["region"])) for _, row in regions.iterrows()]
    rows = [r for r in rows if not words.is_missing(r[0][0])]
    if len(rows) < 2:
        return text
    rows.sort(key=lambda r: r[0][0])
    widest = max(rows, key=lambda r: (r[0][2] or 0) - (r[0][1] or 0))
    (high, name), (low, other) = rows[-1], rows[0]
    return (
        f"{text} It is highest in {name} ({words.percent(high[0])}) and lowest in {other} "
        f"({words.percent(low[0])}); least certain in {widest[1]} "
        f"({words.percent_interval(widest[0][1], widest[0][2])})."
    )


def _label_places(
    results: Results, per_metre: float, extent: furniture.Extent
) -> list[region_labels.Place | None] | None:
    regions = results.regions_here
    if regions is None or not has_geometry(regions):
        return None
    names, numbers = _label_words(results, "psi_width")
    sites = shapes.site_points(shapes.placed_sites(results))
    return region_labels.place_labels(
        names, numbers, list(regions.geometry), sites, per_metre, _sizes(regions), extent
    )


def _sizes(regions) -> tuple[float, float]:
    return (7.6, 9.2) if len(regions) <= 12 else (6.2, 7.4)


def _label_words(results: Results, column: str) -> tuple[list[str], list[str]]:
    regions = results.regions_here
    every = [words.clean(n) for n in regions["region"]]  # type: ignore[index]
    names, numbers = style.shorten_apart(every, 1.5, 7.6), []
    for _, row in regions.iterrows():  # type: ignore[union-attr]
        mean, lower, upper = region_number(row)
        text = words.percent(mean) if column == "psi_mean" else words.percent_interval(lower, upper)
        numbers.append("withheld" if results.withheld else text)
    return names, numbers


def _draw_panel(
    ax: Axes,
    results: Results,
    panel: Panel,
    extent: furniture.Extent,
    per_metre: float,
    *,
    sites: bool,
    places: list[region_labels.Place | None] | None,
) -> None:
    furniture.frame(ax, extent)
    furniture.draw_graticule(ax, extent, results.crs)
    regions, cells = results.regions_here, results.cells
    with_regions = regions is not None and has_geometry(regions)
    placed = shapes.placed_sites(results)
    diameter = shapes.dot_diameter(shapes.site_points(placed), per_metre)
    if cells is not None:
        colours = style.classify(cells[panel.column].to_numpy(), panel.breaks, panel.colours)
        shapes.draw_polygons(ax, cells.geometry, colours)
        shapes.draw_hatch(ax, cells.geometry[cells["extrapolated"]].to_numpy())
        if sites and panel.column == "psi_mean":
            shapes.draw_evidence(ax, placed, diameter)
        elif sites:
            surveyed = shapes.site_points(placed[placed["surveyed"]])
            ax.scatter(*surveyed.T, s=2.5, color=style.INK, lw=0, zorder=6)
    else:
        if with_regions:
            numbers = np.array([region_number(row) for _, row in regions.iterrows()], dtype=float)
            value = numbers[:, 0] if panel.column == "psi_mean" else numbers[:, 2] - numbers[:, 1]
            fills = style.tints(panel.colours) if sites and len(placed) else panel.colours
            colours = style.classify(value, panel.breaks, fills)
            if results.withheld:
                colours = [style.NOT_ESTIMATED] * len(regions)
            shapes.draw_polygons(ax, regions.geometry, colours)
        if sites and len(placed):
            value = placed[panel.column].to_numpy()
            dots = style.classify(value, panel.breaks, panel.colours)
            shapes.draw_values(ax, placed, dots, diameter)
    if with_regions:
        shapes.draw_borders(ax, regions.geometry)
    if places is not None:
        names, numbers = _label_words(results, panel.column)
        region_labels.draw_labels(ax, names, numbers, places, per_metre, _sizes(regions))
    points = shapes.site_points(placed) if sites else furniture.NO_SITES
    furniture.draw_scale_bar(ax, extent, per_metre, points)
    furniture.draw_north(ax, extent, results.crs, per_metre, points)


def draw_ramp(
    ax: Axes,
    breaks: tuple[float, ...],
    colours: list[str],
    ends: tuple[str, str],
    size: float = 7.5,
    under: list[str] | None = None,
) -> None:
    """A stepped colour ramp with its breaks below and plain words above.

    `under` are the paler shades of the same classes, drawn as a second strip.
    """
    from matplotlib.patches import Rectangle

    n = len(colours)
    ax.set_xlim(0, n)
    ax.set_ylim(0, 1)
    ax.axis("off")
    for k, colour in enumerate(colours):
        ax.add_patch(Rectangle((k, 0), 1, 1, fc=colour, ec=colour, lw=0.3))
        if under:
            ax.add_patch(Rectangle((k, 0), 1, 0.45, fc=under[k], ec=under[k], lw=0.3))
    ax.add_patch(
        Rectangle((0, 0), n, 1, fc="none", ec=style.NOT_ESTIMATED_EDGE, lw=0.5, clip_on=False)
    )
    every = 2 if n >= 10 else 1
    for k in range(0, n + 1, every):
        ax.text(k, -0.35, f"{breaks[k]:g}", fontsize=size, ha="center", va="top", clip_on=False)
    ax.text(0, 1.35, ends[0], fontsize=size - 0.5, color=style.MUTED, ha="left", va="bottom")
    ax.text(n, 1.35, ends[1], fontsize=size - 0.5, color=style.MUTED, ha="right", va="bottom")


def draw_key(ax: Axes, results: Results, *, first: bool, dots: bool) -> None:
    """What the dots, fills and the hatch mean, with counts, to the right of the ramp."""
    from matplotlib.legend_handler import HandlerTuple
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    here = shapes.placed_sites(results)
    surveyed, seen = here["surveyed"], here["detected"]
    missed, none = int((surveyed & ~seen).sum()), int((~surveyed).sum())
    when = f" in {results.season_name}" if results.season_name else ""

    def dot(face: str, edge: str, size: float, line: float = 0.7, marker: str = "o") -> Line2D:
        return Line2D([], [], marker=marker, ls="", mfc=face, mec=edge, ms=size, mew=line)

    grey = "#7d94a3"
    items: list[tuple[object, str]] = []
    detected = f"detected ({words.counted(int(seen.sum()), 'site')})"
    if dots and len(here):
        marked = (dot(grey, shapes.EDGE, 7, 0.5), dot("white", "white", 2.2, 0))
        if results.tells_detections:
            items.append((marked, detected))
        items.append(
            (dot(grey, shapes.EDGE, 5, 0.5), f"{shapes.unseen(results)} ({words.count(missed)})")
        )
        if none:
            diamond = dot(grey, shapes.EDGE, 4, 0.5, "D")
            items.append((diamond, f"not surveyed{when} ({words.count(none)})"))
    elif first and len(here):
        if results.tells_detections:
            items.append((dot(style.INK, "white", 5), detected))
        items.append(
            (dot("white", style.INK, 4.5), f"{shapes.unseen(results)} ({words.count(missed)})")
        )
        if none:
            dashed = dot("white", "#9aa5ab", 4.5, 0.6)
            items.append((dashed, f"not surveyed{when} ({words.count(none)})"))
    elif len(here):
        label = f"surveyed{when} ({words.counted(int(surveyed.sum()), 'site')})"
        items.append((dot(style.INK, style.INK, 2.2), label))
    if not dots and results.cells is not None and results.cells["extrapolated"].any():
        hatched = Patch(fc="#f3f3f3", ec=style.MUTED, hatch="////////", lw=0.4)
        items.append((hatched, "outside sampled conditions"))
    if not items:
        return
    ax.legend(
        handles=[h for h, _ in items], labels=[t for _, t in items], loc="upper left",
        bbox_to_anchor=(0.5, -0.012), frameon=False, fontsize=7.2, labelspacing=0.32,
        handletextpad=0.5, borderpad=0.2, borderaxespad=0.3,
        handler_map={tuple: HandlerTuple(ndivide=1)},
    )  # fmt: skip


def fill_note(results: Results, first: bool, sites: bool) -> str:
    """What the fill of a region stands for, where there is no surface; "" where none is drawn."""
    regions = results.regions_here
    if results.cells is not None or regions is None or not has_geometry(regions):
        return ""
    if results.withheld:
        return (
            "Dots: the estimate at each site. Regions are not filled: their estimate is withheld."
        )
    of = "mean ψ of its sites" if first else "interval width of its mean"
    if sites and len(shapes.placed_sites(results)):
        return f"Dots: the estimate at each site. Region fills, in the paler shades: {of}."
    return f"Region colour: {of}."
