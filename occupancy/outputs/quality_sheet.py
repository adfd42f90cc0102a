"""What figures of the quality of a survey share: where they are drawn, and what they are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from occupancy.outputs import sheet, style, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDE, HALF = 9.6, 6.6
WORKED = "#bcd6e0"
FAILED = "#b4532a"
OUTSIDE = "#c75a00"
OTHER = "#87939a"
BAND = "#f4f7f8"


@dataclass(frozen=True)
class Setting:
    """For whom a figure is drawn: bare for a page that has the words itself, whole as a file."""

    bare: bool = False
    caption: str = ""
    regions: Any = None  # polygons, or None
    crs: Any = None


@dataclass(frozen=True)
class Drawn:
    """A figure with its words; `label` tells several of one section apart."""

    stem: str
    figure: Figure
    title: str
    alt: str
    label: str = ""
    pixels: bool = False  # many cells, so that a picture of points is smaller than lines


def begin(
    title: str, told: str, setting: Setting, width: float, body: float, below: float
) -> tuple[Figure, float]:
    """A figure with room for its words, and the height at which its body begins, in inches."""
    told, caption = ("", "") if setting.bare else (clean(told), setting.caption)
    head = sheet.head("" if setting.bare else clean(title), told, caption, width, title_size=12)
    top = 0.08 if setting.bare else head.top
    fig = style.new_figure(width, top + body + below + head.bottom)
    if not setting.bare:
        sheet.draw_head(fig, head)
    return fig, head.bottom + below


def clean(text: str) -> str:
    """A sentence with thin spaces in its numbers, as all outputs write them."""
    import re

    return re.sub(r"(?<=\d),(?=\d{3}(?!\d))", words.THIN, words.clean(text))


def legend(figure: Figure, handles: list[Any], bottom: float, **options: Any) -> None:
    """A key along the lower left, `bottom` inches above the edge."""
    width, height = figure.get_size_inches()
    figure.legend(
        handles=handles,
        loc="lower left",
        frameon=False,
        fontsize=7.5,
        borderaxespad=0,
        handletextpad=0.5,
        bbox_to_anchor=(sheet.MARGIN / width, bottom / height),
        **({"ncol": len(handles), "columnspacing": 1.6} | options),
    )


def quiet(ax: Axes, *, grid: str = "y") -> None:
    """Axes with small grey numbers and a pale grid behind."""
    ax.set_axisbelow(True)
    ax.grid(axis=grid, color=style.GRID, lw=0.8)  # type: ignore[arg-type]
    ax.tick_params(length=0, labelsize=7.5)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(style.LINE)


def blues(n: int) -> list[str]:
    """Shades of one hue for amounts, pale to dark; a single one is the middle shade."""
    from matplotlib.colors import LinearSegmentedColormap, to_hex

    ramp = LinearSegmentedColormap.from_list("effort", ["#d3e2e9", "#5f97b3", style.BLUE])
    return [to_hex(ramp(x)) for x in (np.linspace(0, 1, n) if n > 1 else [0.5])]


def without_common_start(names: list[str]) -> list[str]:
    """Names whose long common beginning is cut, so that what tells them apart has room."""
    first, last = min(names, default=""), max(names, default="")
    same = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), 0)
    start = first[:same]
    cut = max((start.rfind(sign) for sign in " _-:/."), default=-1) + 1
    return [f"…{name[cut:]}" for name in names] if cut >= 8 else names


def dates(ax: Axes, most: int = 12) -> None:
    """Dates along the lower edge, as short as they can be told."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, num2date

    class Short(ConciseDateFormatter):
        """A date that stands alone is told whole; the shortest of it would be its hour."""

        alone = False

        def format_ticks(self, values):
            self.alone = len(set(values)) == 1
            if not self.alone:
                return super().format_ticks(values)
            day = num2date(values[0])
            return [f"{day:%b %Y}" if day.day == 1 else f"{day:%d %b %Y}"]

        def get_offset(self):
            return "" if self.alone else super().get_offset()

    locator = AutoDateLocator(minticks=min(4, most), maxticks=most)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(Short(locator))
    ax.xaxis.get_offset_text().set_fontsize(7.5)
    ax.xaxis.get_offset_text().set_color(style.MUTED)
