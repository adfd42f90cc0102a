"""A figure laid out from the top down in inches: headline, panels, legends, caption."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from occupancy.outputs import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINT = 1 / 72
MARGIN = 0.14


@dataclass(frozen=True)
class Head:
    """Wrapped lines above and below the panels, and the room that they take."""

    title: list[str]
    support: list[str]
    stamp: list[str]
    caption: list[str]
    title_size: float
    width: float

    @property
    def top(self) -> float:
        lines = len(self.title) * 1.25 * self.title_size
        lines += len(self.support) * 13 + len(self.stamp) * 13
        return MARGIN + (lines + 10) * POINT

    @property
    def bottom(self) -> float:
        return MARGIN + (len(self.caption) * 9 + 6) * POINT if self.caption else 0.03


def head(
    title: str, support: str, caption: str, width: float, *, stamp: str = "", title_size: float = 14
) -> Head:
    """Wrap a figure's words by their measured width."""
    room = width - 2 * MARGIN
    return Head(
        style.wrap(title, room, title_size, "bold") if title else [],
        style.wrap(support, room, 9) if support else [],
        style.wrap(stamp, room, 9, "bold") if stamp else [],
        style.wrap(caption, room, 6.6) if caption else [],
        title_size,
        width,
    )


def draw_head(figure: Figure, words: Head) -> None:
    """Write headline, support and stamp at the top, the caption at the bottom."""
    width, height = figure.get_size_inches()
    x, y = MARGIN / width, height - MARGIN
    for line in words.title:
        figure.text(
            x,
            y / height,
            line,
            fontsize=words.title_size,
            fontweight="bold",
            va="top",
            color=style.INK,
        )
        y -= 1.25 * words.title_size * POINT
    y -= 2 * POINT
    for line in words.support:
        figure.text(x, y / height, line, fontsize=9, va="top", color=style.MUTED)
        y -= 13 * POINT
    for line in words.stamp:
        figure.text(x, y / height, line, fontsize=9, fontweight="bold", va="top", color=style.RED)
        y -= 13 * POINT
    y = MARGIN + (len(words.caption) - 1) * 9 * POINT
    for line in words.caption:
        figure.text(x, y / height, line, fontsize=6.6, va="bottom", color=style.MUTED)
        y -= 9 * POINT


def axes_at(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes at a place given in inches from the lower left corner."""
    w, h = figure.get_size_inches()
    return figure.add_axes((left / w, bottom / h, width / w, height / h))


def text_at(figure: Figure, x: float, y: float, text: str, **options) -> None:
    w, h = figure.get_size_inches()
    figure.text(x / w, y / h, text, **options)
