"""Covariates as small histograms with what is missing, and pairs that tell the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from occupancy.outputs import sheet, style, words
from occupancy.outputs.quality_sheet import WIDE, Drawn, Setting, begin

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from surveys.quality.covariates import CovariateLook, Covariates

MOST, ACROSS = 16, 4
WORDS = {"site": "sites", "season": "sites and seasons", "visit": "visits"}


def covariates(section: Covariates, setting: Setting) -> list[Drawn]:
    """A panel for each covariate, then the correlations where there are three numbers or more."""
    looks = section.looks[:MOST]
    columns = min(len(looks), ACROSS)
    rows = -(-len(looks) // columns)
    high, low, gap, left = 0.95, 0.78, 0.32, 0.2
    each = (WIDE - 2 * left - gap * (ACROSS - 1)) / ACROSS
    width = 2 * left + columns * each + (columns - 1) * gap
    width = max(width, 4.6)
    more = len(section.looks) - len(looks)
    with style.drawing():
        body = rows * high + rows * 0.36 + (rows - 1) * (low - 0.36)
        told = section.told + (f" The first {MOST} are drawn." if more else "")
        fig, bottom = begin(section.title, told, setting, width, body, 0.34)
        for k, look in enumerate(looks):
            row, column = divmod(k, columns)
            y = bottom + (rows - 1 - row) * (high + low)
            ax = sheet.axes_at(fig, left + column * (each + gap), y, each, high)
            _panel(ax, look, each)
        drawn = [Drawn("covariates", fig, section.title, f"{section.title}. {told}")]
        if section.correlation is not None and len(section.correlation) > 2:
            drawn.append(_correlation(section, setting))
        return drawn


def _panel(ax: Axes, look: CovariateLook, each: float) -> None:
    name = words.clean(look.name)
    units = f" ({words.clean(look.units)})" if look.units else ""
    title = style.shorten(name + units, each, 8, "bold")
    ax.text(0, 1.3, title, fontsize=8, fontweight="bold", transform=ax.transAxes, va="bottom")
    known = look.n - look.missing
    missing = look.missing > 0
    told = (
        f"missing at {words.share(look.missing, look.n, WORDS[look.over])}"
        if missing
        else f"{words.count(known)} {WORDS[look.over]}, none missing"
    )
    ax.text(
        0, 1.08, style.shorten(told, each, 7), fontsize=7, transform=ax.transAxes, va="bottom",
        color=style.RED if missing else style.MUTED,
    )  # fmt: skip
    if look.edges is not None:
        widths = np.diff(look.edges)
        ax.bar(
            look.edges[:-1] + 0.04 * widths, look.heights, width=0.92 * widths, align="edge",
            color=style.SKY,
        )  # fmt: skip
        ax.set_xlim(look.edges[0], look.edges[-1])
        ends = (look.edges[0], look.edges[-1])
        if look.constant:
            ends = ((ends[0] + ends[1]) / 2,)
        ax.set_xticks(ends, [f"{v:.4g}".replace("-", words.MINUS) for v in ends], fontsize=7)
        if len(ends) == 2:
            for label, side in zip(ax.get_xticklabels(), ("left", "right"), strict=True):
                label.set_horizontalalignment(side)
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
    elif look.levels:
        n = len(look.levels)
        ax.barh(range(n), look.heights, height=0.8, color=style.SKY)
        top = float(look.heights.max())
        size = min(6.8, 62 / n)
        for k, (level, height) in enumerate(zip(look.levels, look.heights, strict=True)):
            ax.text(
                0.02 * top, k, style.shorten(f"{words.clean(level)}  {words.count(height)}",
                each - 0.1, size), fontsize=size, va="center", color=style.INK,
            )  # fmt: skip
        ax.set_ylim(max(n, 3) - 0.5, -0.5)
        ax.set_yticks([])
        ax.set_xticks([])
        ax.spines["bottom"].set_visible(False)
    else:
        ax.text(0.5, 0.5, "no value", fontsize=8, ha="center", color=style.MUTED)
        ax.set_xticks([])
        ax.set_yticks([])
    ax.tick_params(length=0)


def _correlation(section: Covariates, setting: Setting) -> Drawn:
    """The lower triangle of correlations, each with its number."""
    table = section.correlation
    assert table is not None
    names = [words.clean(n) for n in table]
    r = table.to_numpy()
    n = len(names)
    cell = float(np.clip(5.2 / n, 0.2, 0.52))
    left = min(max(style.text_width(x, 7.5) for x in names) + 0.12, 1.9)
    body = cell * (n - 1)
    width = max(sheet.MARGIN * 2 + left + cell * (n - 1) + 0.6, 3.6)
    title = "Covariates that tell the same"
    pairs = [f"{a} and {b} ({v:.2f})".replace("-", words.MINUS) for a, b, v in section.pairs]
    told = (
        f"Beyond 0.7 correlate {words.listing(pairs, 4)}."
        if pairs
        else "No two covariates correlate beyond 0.7."
    )
    fig, bottom = begin(title, told, setting, width, body, 0.3 + left * 0.0 + 0.62)
    ax = sheet.axes_at(fig, sheet.MARGIN + left, bottom, cell * (n - 1), body)
    breaks = (-1, -0.7, -0.4, -0.2, 0.2, 0.4, 0.7, 1.0001)
    colours = style.palette_colours(("vik_r", 0.1, 0.9), len(breaks) - 1)
    from matplotlib.patches import Rectangle

    for i in range(1, n):
        for j in range(i):
            v = r[i, j]
            if np.isnan(v):
                continue
            face = str(style.classify(np.array([v]), breaks, colours)[0])
            strong = abs(v) > 0.7
            ax.add_patch(
                Rectangle((j - 0.48, i - 1.48), 0.96, 0.96, fc=face,
                          ec=style.INK if strong else "white", lw=1.1 if strong else 0.4,
                          zorder=3 if strong else 2)
            )  # fmt: skip
            if cell > 0.3:
                ax.text(
                    j, i - 1, f"{v:.2f}".replace("0.", ".").replace("-", words.MINUS),
                    fontsize=7, ha="center", va="center", color=style.contrasting(face),
                    fontweight="bold" if strong else "normal", zorder=4,
                )  # fmt: skip
    ax.set_xlim(-0.5, n - 1.5)
    ax.set_ylim(n - 1.5, -0.5)
    ax.set_yticks(range(n - 1), [style.shorten(x, left, 7.5) for x in names[1:]], fontsize=7.5)
    ax.set_xticks(
        range(n - 1), [style.shorten(x, 0.95, 7.5) for x in names[:-1]], fontsize=7.5,
        rotation=40, ha="right", rotation_mode="anchor",
    )  # fmt: skip
    ax.tick_params(length=0, colors=style.INK)
    for spine in ax.spines.values():
        spine.set_visible(False)
    return Drawn("correlation", fig, title, f"{title}. {told}", "correlations")
