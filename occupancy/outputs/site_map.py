"""What happened at our sites: the probability that the species was present, given what was seen.

This is not psi: a site with a detection has probability 1 whatever its habitat.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from occupancy.outputs import furniture, paired_map, shapes, sheet, style, words
from occupancy.outputs.headline import caption
from occupancy.outputs.results import Results, has_geometry

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure(results: Results, *, width: float = 6.6) -> tuple[Figure, str]:
    """Draw the sites coloured by the probability of presence in the season shown."""
    paired_map.require_places(results)
    with style.drawing():
        extent = furniture.extent_of(results.here, results.regions_here)
        aspect = float(np.clip(extent.height / extent.width, 0.42, 1.2))
        extent = extent.of_shape(aspect)
        across = width - 2 * sheet.MARGIN
        head = sheet.head(
            _title(results), _support(results), caption(results), width, title_size=12.5
        )
        body = across * aspect
        height = head.top + body + paired_map.LEGEND + head.bottom
        fig = style.new_figure(width, height)
        sheet.draw_head(fig, head)
        bottom = height - head.top - body
        ax = sheet.axes_at(fig, sheet.MARGIN, bottom, across, body)
        per_metre = across * 72 / extent.width
        furniture.frame(ax, extent)
        furniture.draw_graticule(ax, extent, results.crs)
        regions = results.regions_here
        if regions is not None and has_geometry(regions):
            shapes.draw_polygons(ax, regions.geometry, ["#ffffff"] * len(regions), zorder=1)
            shapes.draw_borders(ax, regions.geometry)
        sites = shapes.placed_sites(results)
        colours = style.classify(sites["present"].to_numpy(), style.PSI_BREAKS, style.psi_colours())
        diameter = shapes.dot_diameter(shapes.site_points(sites), per_metre)
        shapes.draw_values(ax, sites, colours, diameter)
        points = shapes.site_points(sites)
        furniture.draw_scale_bar(ax, extent, per_metre, points)
        furniture.draw_north(ax, extent, results.crs, per_metre, points)
        ramp = sheet.axes_at(fig, sheet.MARGIN + 0.06, bottom - 0.33, 2.3, 0.11)
        ends = ("very unlikely", "certain")
        paired_map.draw_ramp(ramp, style.PSI_BREAKS, style.psi_colours(), ends)
        paired_map.draw_key(ax, results, first=True, dots=True)
        return fig, alt_text(results)


def write(
    results: Results, folder: Path, *, formats=("png",), stem="site-map", **options
) -> list[Path]:
    fig, alt = figure(results, **options)
    return style.save(fig, folder, stem, alt=alt, title=_title(results), formats=tuple(formats))


def _title(results: Results) -> str:
    when = f" in {results.season_name}" if results.season_name else ""
    name = results.species_name
    name = name if name == results.species else "the species"
    return f"Probability that {name} was present at each site{when}"


def _support(results: Results) -> str:
    here = results.here
    unseen = here[here["surveyed"] & ~here["detected"]]
    expected = float(unseen["present"].sum())
    if not results.tells_detections:
        return (
            f"Given its scores. Of the {words.count(len(unseen))} surveyed sites, about "
            f"{words.count(expected)} are expected to have held it."
        )
    return (
        f"Given what was seen. Detected at {results.seen_here}; of the other "
        f"{words.count(len(unseen))}, about {words.count(expected)} are expected to have held it "
        "unseen."
    )


def alt_text(results: Results) -> str:
    return f"Map of sites. {_title(results)}. {_support(results)}"
