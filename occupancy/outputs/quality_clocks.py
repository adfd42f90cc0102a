"""Clocks: file numbers against time where they part, and the hours at which animals come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from occupancy.outputs import sheet, style, words
from occupancy.outputs.quality_sheet import OUTSIDE, WIDE, Drawn, Setting, begin, dates, quiet

if TYPE_CHECKING:
    from surveys.quality.activity import Activity
    from surveys.quality.clocks import Clocks

MOST_SEQUENCES = 6
NIGHT = "#e9eef1"


def clocks(section: Clocks, setting: Setting) -> list[Drawn]:
    """Sequences in which time goes back while file numbers go on."""
    jumps, sequences = section.jumps, section.sequences
    if jumps is None or sequences is None or not len(jumps):
        return []
    order = jumps.groupby("sequence")["back"].max().sort_values(ascending=False)
    shown = list(order.index[:MOST_SEQUENCES])
    columns = min(len(shown), 3)
    rows = -(-len(shown) // columns)
    high, low, gap, left = 1.5, 0.72, 0.55, 0.6
    width = WIDE if columns > 1 else 5.4
    each = (width - left - sheet.MARGIN - gap * (columns - 1)) / columns
    with style.drawing():
        body = rows * high + (rows - 1) * low + 0.2
        fig, bottom = begin(section.title, section.told, setting, width, body, 0.55)
        for k, key in enumerate(shown):
            row, column = divmod(k, columns)
            y = bottom + (rows - 1 - row) * (high + low)
            ax = sheet.axes_at(fig, left + column * (each + gap), y, each, high)
            mine = sequences[sequences["sequence"] == key]
            at = jumps[jumps["sequence"] == key]
            ax.plot(mine["time"], mine["number"], ".", color=style.BLUE, ms=3)
            for jump in at.itertuples():
                after = mine[mine["number"] == jump.number]["time"].iloc[0]
                before = mine[mine["number"] < jump.number]["time"].iloc[-1]
                ax.plot([before, after], [jump.number] * 2, color=OUTSIDE, lw=1.6)
            name = style.shorten(words.clean(mine["site"].iloc[0]), each, 8.5, "bold")
            ax.set_title(name, fontsize=8.5, fontweight="bold", loc="left", pad=5)
            ax.set_ylabel("file number" if column == 0 else "", fontsize=8)
            quiet(ax)
            dates(ax)
        return [Drawn("clocks", fig, section.title, f"{section.title}. {section.told}")]


def activity(section: Activity, setting: Setting) -> list[Drawn]:
    """Events by hour, a panel a species; the hours of night stand on grey."""
    panels = [(d.species, d.hours, style.BLUE, f"{d.by_day:.0%} by day") for d in section.days]
    if section.people is not None:
        panels.append(("people", section.people, style.EARTH, ""))
    columns = min(len(panels), 5)
    rows = -(-len(panels) // columns)
    high, low, gap, left = 0.95, 0.62, 0.22, 0.2
    width = WIDE if columns > 2 else 5.4
    each = (width - 2 * left - gap * (columns - 1)) / columns
    with style.drawing():
        body = rows * high + (rows - 1) * low + 0.4
        fig, bottom = begin(section.title, section.told, setting, width, body, 0.5)
        for k, (name, hours, colour, note) in enumerate(panels):
            row, column = divmod(k, columns)
            y = bottom + (rows - 1 - row) * (high + low)
            ax = sheet.axes_at(fig, left + column * (each + gap), y, each, high)
            ax.axvspan(0, 6, color=NIGHT, lw=0)
            ax.axvspan(18, 24, color=NIGHT, lw=0)
            ax.bar(np.arange(24) + 0.5, hours, width=0.84, color=colour)
            ax.set_xlim(0, 24)
            ax.set_xticks((0, 6, 12, 18, 24), ("0", "6", "12", "18", "24 h"))
            ax.set_yticks([])
            ax.tick_params(length=0, labelsize=7)
            ax.spines["left"].set_visible(False)
            ax.spines["bottom"].set_color(style.LINE)
            title = style.shorten(words.clean(name), each, 8, "bold")
            ax.text(
                0, 1.19, title, fontsize=8, fontweight="bold", transform=ax.transAxes, va="bottom"
            )
            told = words.counted(hours.sum(), "record" if name == "people" else "event")
            ax.text(
                0, 1.03, f"{told}{', ' + note if note else ''}", fontsize=7, va="bottom",
                transform=ax.transAxes, color=style.MUTED,
            )  # fmt: skip
        return [Drawn("activity", fig, section.title, f"{section.title}. {section.told}")]
