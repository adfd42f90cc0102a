"""What covariates miss: the spatial effect beside its standard deviation, at the same scale.

The effect is told against the mean of the sites, since the intercept trades places with the rest.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from occupancy.outputs import OutputError, furniture, paired_map, shapes, sheet, style, words
from occupancy.outputs.headline import caption
from occupancy.outputs.paired_map import PANEL_TITLE, Panel
from occupancy.outputs.results import Results, SpatialField, has_geometry

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEGEND = 0.68  # inches below each panel
SLOPE = "slope of "


def require_fields(results: Results) -> None:
    """Refuse a map of nothing, in plain words."""
    if not results.fields:
        raise OutputError(
            "There is no spatial field to draw: no formula has space(). Add one, such as "
            'psi = "elevation + space()".'
        )
    paired_map.require_places(results)


def figure(results: Results, *, field: int = 0, width: float = 11.2) -> tuple[Figure, str]:
    """Draw one field: its effect on the left, how sure we are of it on the right."""
    require_fields(results)
    chosen = results.fields[field]
    with style.drawing():
        extent = furniture.extent_of(results.cells, results.here, results.regions_here)
        aspect = float(np.clip(extent.height / extent.width, 0.42, 1.2))
        extent = extent.of_shape(aspect)
        stacked = aspect < 0.5
        width = 8.6 if stacked else width
        across = width - 2 * sheet.MARGIN
        panel_width = across if stacked else (across - 0.24) / 2
        panel_height = panel_width * aspect
        block = PANEL_TITLE + panel_height + LEGEND
        head = sheet.head(title(results, chosen), support(results, chosen), caption(results), width)
        height = head.top + block * (2 if stacked else 1) + head.bottom
        fig = style.new_figure(width, height)
        sheet.draw_head(fig, head)
        for k, panel in enumerate(panels(results, chosen)):
            left = sheet.MARGIN if stacked or k == 0 else width - sheet.MARGIN - panel_width
            bottom = height - head.top - block * (k + 1 if stacked else 1) + LEGEND
            ax = sheet.axes_at(fig, left, bottom, panel_width, panel_height)
            per_metre = panel_width * 72 / extent.width
            _draw_panel(ax, results, chosen, panel, extent, per_metre)
            name = style.shorten(panel.title, panel_width, 10, "bold")
            above = bottom + panel_height + 0.07
            sheet.text_at(fig, left, above, name, fontsize=10, fontweight="bold", va="bottom")
            ramp_width = min(0.44 * panel_width, 2.6)
            ramp = sheet.axes_at(fig, left + 0.06, bottom - 0.33, ramp_width, 0.11)
            paired_map.draw_ramp(ramp, panel.breaks, panel.colours, panel.ends)
            paired_map.draw_key(ax, results, first=k == 0, dots=results.cells is None)
        return fig, alt_text(results, chosen)


def write(
    results: Results, folder: Path, *, formats=("png",), stem="field-map", **options
) -> list[Path]:
    """One picture for each field; the first has the plain name."""
    require_fields(results)
    files: list[Path] = []
    for k, field in enumerate(results.fields):
        fig, alt = figure(results, field=k, **options)
        named = stem if k == 0 else f"{stem}-{k + 1}"
        heading = title(results, field)
        files += style.save(fig, folder, named, alt=alt, title=heading, formats=tuple(formats))
    return files


def panels(results: Results, field: SpatialField) -> tuple[Panel, Panel]:
    """The two maps: what is coloured, and how."""
    table = field.sites if field.cells is None else field.cells
    breaks, sds = style.field_breaks(table["mean"]), style.sd_breaks(table["sd"])
    said = results.parameter(field.parameter)
    what = f"{SLOPE}{results.covariate(field.column).label}" if field.column else said.name
    return (
        Panel(
            f"Spatial effect on {what.lower() if not field.column else what} (link scale)",
            "mean",
            breaks,
            style.field_colours(breaks),
            ("below the average site", "above it"),
        ),
        Panel(
            "How sure are we?  Standard deviation of the effect",
            "sd",
            sds,
            style.width_colours(sds),
            ("well known", "poorly known"),
        ),
    )


def _draw_panel(ax, results: Results, field: SpatialField, panel: Panel, extent, per_metre) -> None:
    furniture.frame(ax, extent)
    furniture.draw_graticule(ax, extent, results.crs)
    regions, cells = results.regions_here, results.cells
    placed = shapes.placed_sites(results)
    points = shapes.site_points(placed)
    diameter = shapes.dot_diameter(points, per_metre)
    if cells is not None and field.cells is not None:
        value = field.cells[panel.column].to_numpy()
        colours = style.classify(value, panel.breaks, panel.colours)
        shapes.draw_polygons(ax, cells.geometry, colours)
        shapes.draw_hatch(ax, cells.geometry[cells["extrapolated"]].to_numpy())
        if panel.column == "mean":
            shapes.draw_evidence(ax, placed, diameter)
        else:
            surveyed = shapes.site_points(placed[placed["surveyed"]])
            ax.scatter(*surveyed.T, s=2.5, color=style.INK, lw=0, zorder=6)
    else:
        if regions is not None and has_geometry(regions):
            shapes.draw_polygons(ax, regions.geometry, ["#ffffff"] * len(regions), zorder=1)
        value = field.sites.set_index("site")[panel.column].reindex(placed["site"]).to_numpy()
        colours = style.classify(value, panel.breaks, panel.colours)
        shapes.draw_values(ax, placed, colours, diameter)
    if regions is not None and has_geometry(regions):
        shapes.draw_borders(ax, regions.geometry)
    furniture.draw_scale_bar(ax, extent, per_metre, points)
    furniture.draw_north(ax, extent, results.crs, per_metre, points)


def title(results: Results, field: SpatialField) -> str:
    said = results.parameter(field.parameter)
    if field.column:
        name = results.covariate(field.column).label
        return f"Where the effect of {name} on {said.name.lower()} differs"
    return f"Where {said.name.lower()} is above or below what the covariates say"


def support(results: Results, field: SpatialField) -> str:
    """How far it goes, over what distance, and how much of it is told apart from 0."""
    known = field.sites.dropna(subset=["mean"])
    apart = int(((known["lower"] > 0) | (known["upper"] < 0)).sum())
    reach, spread = field.reach, field.spread
    interval = words.interval_name(results.interval, results.engine)
    name = interval if field.column else f"{interval}s"
    return (
        f"Against the mean of the sites. Sites that are near have similar effects: the correlation "
        f"falls to 5% over {_km(reach[0])} ({interval} {_km(reach[1])} to {_km(reach[2])}). "
        f"Standard deviation {words.decimal(spread[0])} "
        f"({words.decimal(spread[1])} to {words.decimal(spread[2])}). "
        f"At {words.share(apart, len(known), 'sites')} the {name.removesuffix('s')} "
        "leaves out 0."
    )


def _km(kilometres: float) -> str:
    if kilometres < 0.95:
        return f"{float(f'{kilometres * 1000:.2g}'):,.0f} m"
    return f"{float(f'{kilometres:.2g}'):,g} km"


def alt_text(results: Results, field: SpatialField) -> str:
    """The finding of the map in a few sentences."""
    known = field.sites.dropna(subset=["mean"])
    text = f"Two maps side by side. {title(results, field)}. {support(results, field)}"
    if not len(known):
        return text
    top, low = known.loc[known["mean"].idxmax()], known.loc[known["mean"].idxmin()]
    return f"{text} {_end('Highest', top)}, {_end('lowest', low).lower()}."


def _end(word: str, row: pd.Series) -> str:
    return f"{word} at {words.clean(row['site'])} ({words.decimal(float(row['mean']))})"
