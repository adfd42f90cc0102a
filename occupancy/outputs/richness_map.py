"""How many species live where: the community's number of species, beside how sure we are of it.

Where there is a surface its cells show the species expected; the sites show those present, seen or
missed, from the joint states of all species.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from occupancy.outputs import OutputError, furniture, paired_map, shapes, sheet, style, words
from occupancy.outputs.community import require_community
from occupancy.outputs.headline import caption
from occupancy.outputs.results import Results, has_geometry

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

RICHNESS_PALETTE = ("bamako_r", 0.0, 0.97)  # dark where there are many species
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
MOST_CLASSES = 8


def figure(results: Results, *, width: float = 11.2) -> tuple[Figure, str]:
    """Draw the pair side by side, one above the other where the study is wide."""
    require_community(results)
    paired_map.require_places(results)
    placed = shapes.placed_sites(results)
    if results.cells is None and not placed["richness_mean"].notna().any():
        raise OutputError("No site was visited, so there is no number of species to draw.")
    with style.drawing():
        extent = furniture.extent_of(results.cells, results.here, results.regions_here)
        aspect = float(np.clip(extent.height / extent.width, 0.42, 1.2))
        extent = extent.of_shape(aspect)
        stacked = aspect < 0.5
        width = 8.6 if stacked else width
        across = width - 2 * sheet.MARGIN
        panel = across if stacked else (across - 0.24) / 2
        tall = panel * aspect
        block = paired_map.PANEL_TITLE + tall + paired_map.LEGEND
        head = sheet.head(title(results), sentence(results), caption(results), width)
        height = head.top + block * (2 if stacked else 1) + head.bottom
        fig = style.new_figure(width, height)
        sheet.draw_head(fig, head)
        for k, (name, what, ends) in enumerate(_panels(results)):
            left = sheet.MARGIN if stacked or k == 0 else width - sheet.MARGIN - panel
            bottom = height - head.top - block * (k + 1 if stacked else 1) + paired_map.LEGEND
            ax = sheet.axes_at(fig, left, bottom, panel, tall)
            per_metre = panel * 72 / extent.width
            breaks = _breaks([_values(t, what) for t in (results.cells, placed)])
            colours = _colours(breaks, what)
            furniture.frame(ax, extent)
            furniture.draw_graticule(ax, extent, results.crs)
            regions, cells = results.regions_here, results.cells
            diameter = shapes.dot_diameter(shapes.site_points(placed), per_metre)
            if cells is not None:
                fills = style.classify(_values(cells, what), breaks, colours)
                shapes.draw_polygons(ax, cells.geometry, fills)
                shapes.draw_hatch(ax, cells.geometry[cells["extrapolated"]].to_numpy())
            elif regions is not None and has_geometry(regions):
                shapes.draw_polygons(ax, regions.geometry, ["#ffffff"] * len(regions), zorder=1)
            if regions is not None and has_geometry(regions):
                shapes.draw_borders(ax, regions.geometry)
            if len(placed):
                dots = style.classify(_values(placed, what), breaks, colours)
                plain = placed.assign(detected=False)  # a mark would tell of one species alone
                shapes.draw_values(ax, plain, dots, 1.35 * diameter)
            points = shapes.site_points(placed)
            furniture.draw_scale_bar(ax, extent, per_metre, points)
            furniture.draw_north(ax, extent, results.crs, per_metre, points)
            sheet.text_at(
                fig, left, bottom + tall + 0.07, style.shorten(name, panel, 10, "bold"),
                fontsize=10, fontweight="bold", va="bottom",
            )  # fmt: skip
            ramp = sheet.axes_at(fig, left + 0.06, bottom - 0.33, min(0.5 * panel, 2.8), 0.11)
            paired_map.draw_ramp(ramp, breaks, colours, ends)
            sheet.text_at(
                fig, left + 0.06, bottom - 0.72, style.shorten(_note(results), panel, 7.2),
                fontsize=7.2, color=style.MUTED, va="bottom",
            )  # fmt: skip
        return fig, alt_text(results)


def write(
    results: Results, folder: Path, *, formats=("png",), stem="richness-map", **options
) -> list[Path]:
    fig, alt = figure(results, **options)
    return style.save(fig, folder, stem, alt=alt, title=title(results), formats=tuple(formats))


def title(results: Results) -> str:
    when = f" in {results.season_name}" if results.season_name else ""
    return f"How many of the {len(require_community(results).pooling)} species live where{when}"


def sentence(results: Results) -> str:
    """Species present on a site and in all, against those seen."""
    community = require_community(results)
    row = of_all(community.richness, results)
    here = results.here
    seen = community.site_richness
    seen = seen[seen["season"] == row["season"]]["observed"].mean()
    name = words.interval_name(results.interval, results.engine)
    most = here.loc[here["richness_mean"].idxmax()] if here["richness_mean"].notna().any() else None
    text = (
        f"On a surveyed site {words.decimal(row['at_a_site_mean'], 1)} species were present on "
        f"average ({name} {words.decimal(row['at_a_site_lower'], 1)}–"
        f"{words.decimal(row['at_a_site_upper'], 1)}), {words.decimal(seen, 1)} of them seen."
    )
    if most is not None:
        text += (
            f" Most at site {words.clean(most['site'])}: {words.decimal(most['richness_mean'], 1)} "
            f"({words.count(most['richness_lower'])}–{words.count(most['richness_upper'])})."
        )
    return text


def alt_text(results: Results) -> str:
    return f"Two maps side by side. {title(results)}. {sentence(results)}"


def of_all(richness: pd.DataFrame, results: Results) -> pd.Series:
    """All sites together, in the season shown."""
    whole = richness[richness["region"] == "all"]
    here = whole[whole["season"].astype(str) == str(results.season)]
    return (here if len(here) else whole).iloc[0]


def _panels(results: Results) -> list[tuple[str, str, tuple[str, str]]]:
    interval = words.interval_name(results.interval, results.engine)
    return [
        (
            f"Number of species  ({words.estimate_name(results.engine)})",
            "mean",
            ("few species", "many"),
        ),
        (
            f"How sure are we?  Width of the {interval}, in species",
            "width",
            ("well known", "poorly known"),
        ),
    ]


def _values(table: pd.DataFrame | None, what: str) -> np.ndarray:
    if table is None:
        return np.zeros(0)
    if what == "mean":
        return table["richness_mean"].to_numpy(dtype=float)
    return (table["richness_upper"] - table["richness_lower"]).to_numpy(dtype=float)


def _breaks(values: list[np.ndarray]) -> tuple[float, ...]:
    """Round class breaks around all the numbers, at most eight classes."""
    every = np.concatenate(values)
    every = every[np.isfinite(every)]
    low, high = (float(every.min()), float(every.max())) if every.size else (0.0, 1.0)
    for step in STEPS if high - low < 2 else STEPS[STEPS.index(1) :]:
        first, last = np.floor(low / step + 1e-9), np.ceil(high / step - 1e-9)
        if step >= 1:  # numbers of species are whole: the highest has a class of its own
            last = np.floor(high / step + 1e-9) + 1
        n = int(max(last - first, 2))
        if n <= MOST_CLASSES:
            return tuple(np.round((first + np.arange(n + 1)) * step, 6).tolist())
    return tuple(np.linspace(low, high, MOST_CLASSES + 1).tolist())


def _colours(breaks: tuple[float, ...], what: str) -> list[str]:
    palette = RICHNESS_PALETTE if what == "mean" else style.WIDTH_PALETTE
    return style.palette_colours(palette, len(breaks) - 1)


def _note(results: Results) -> str:
    if results.cells is None:
        return "Dots: species present at each surveyed site, seen or missed."
    return "Cells: species expected. Dots: species present at each surveyed site, seen or missed."
