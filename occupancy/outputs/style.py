"""Colours, class breaks, fonts and the way figures are saved: one look for all outputs.

Palettes are Fabio Crameri's scientific colour maps: perceptually ordered, readable with the common
kinds of colour blindness and on a grey printer. A swap is one line here.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from occupancy.outputs.files import replacing

if TYPE_CHECKING:
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.figure import Figure

INK = "#1d2429"  # text and borders; contrast 15.7 on white
MUTED = "#5b666e"  # secondary text; contrast 5.9 on white
LINE = "#c9d1d5"
GRID = "#e8edef"
SEA = "#f2f5f6"
HALO = "white"
BLUE = "#14315c"  # the estimate
SKY = "#8fb6c6"  # its 50 % interval, and effort
SAND = "#b8a58f"  # a region on its own
EARTH = "#8a6f4d"
RED = "#a33413"
NOT_ESTIMATED = "#ffffff"
# A visit without a detection, of little and of much effort, and one with: red, green, blue.
VISITS = tuple(
    tuple(part / 255 for part in bytes.fromhex(colour)) for colour in ("e6eef1", "b4c8d0", "14315c")
)
NOT_ESTIMATED_EDGE = "#9aa5ab"

PSI_PALETTE = ("lapaz_r", 0.0, 0.97)
WIDTH_PALETTE = ("bilbao_r", 0.02, 0.93)
FIELD_PALETTE = ("vik", 0.06, 0.94)  # below the average blue, above it brown
PSI_BREAKS = tuple(np.round(np.linspace(0, 1, 11), 1).tolist())
WIDTH_STEPS = (0.05, 0.1, 0.15, 0.2)  # round steps of the uncertainty classes; the first that fits

DPI = 200


def palette_colours(palette: tuple[str, float, float], n: int) -> list[str]:
    """Hex colours of `n` classes from a part of a colour map, light to dark."""
    from cmcrameri import cm
    from matplotlib.colors import to_hex

    name, start, end = palette
    return [to_hex(getattr(cm, name)(x)) for x in np.linspace(start, end, n)]


def psi_colours() -> list[str]:
    return palette_colours(PSI_PALETTE, len(PSI_BREAKS) - 1)


def field_breaks(values: np.ndarray) -> tuple[float, ...]:
    """Round class breaks, the same number on either side of 0, that hold nearly all values."""
    values = np.abs(np.asarray(values, dtype=float))
    values = values[np.isfinite(values)]
    widest = float(np.quantile(values, 0.995)) if values.size else 1.0
    for step in (0.05, 0.1, 0.2, 0.25, 0.5, 1.0, 2.0):
        n = max(int(np.ceil(widest / step - 1e-9)), 2)
        if n <= 5:
            return tuple(np.round(np.arange(-n, n + 1) * step, 2).tolist())
    return tuple(np.round(np.linspace(-1, 1, 11) * widest, 1).tolist())


def field_colours(breaks: tuple[float, ...]) -> list[str]:
    return palette_colours(FIELD_PALETTE, len(breaks) - 1)


def sd_breaks(values: np.ndarray) -> tuple[float, ...]:
    """Round class breaks of standard deviations, from 0 past the widest."""
    half = field_breaks(values)
    steps = half[len(half) // 2 :]
    fine = [(a + b) / 2 for a, b in pairwise(steps)]
    return tuple(np.round(sorted([*steps, *fine]), 3).tolist()) if len(steps) < 5 else steps


def width_breaks(widths: np.ndarray) -> tuple[float, ...]:
    """Round class breaks for interval widths: at most seven classes, from 0 past the widest."""
    widths = np.asarray(widths, dtype=float)
    widest = float(np.nanmax(widths)) if np.isfinite(widths).any() else 0.35
    for step in WIDTH_STEPS:
        n = max(int(np.ceil(widest / step - 1e-9)), 4)
        if n <= 7 and n * step <= 1 + 1e-9:
            return tuple(np.round(np.arange(n + 1) * step, 2).tolist())
    return tuple(np.round(np.linspace(0, 1, 6), 2).tolist())


def width_colours(breaks: tuple[float, ...]) -> list[str]:
    return palette_colours(WIDTH_PALETTE, len(breaks) - 1)


TINT = 0.45  # how much of its colour a fill keeps that only lies behind what is to be read


def tints(colours: list[str]) -> list[str]:
    """The same classes paler, for fills that recede behind the dots drawn on them."""
    from matplotlib.colors import to_hex, to_rgb

    return [to_hex([1 - TINT * (1 - c) for c in to_rgb(colour)]) for colour in colours]


def contrasting(colour: str) -> str:
    """White on a dark colour, ink on a pale one: the mark that is seen on it."""
    from matplotlib.colors import to_rgb

    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour))
    return INK if 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.19 else "#ffffff"


def classify(values: np.ndarray, breaks: tuple[float, ...], colours: list[str]) -> np.ndarray:
    """Colour of each value; the last class holds its upper end; missing is `NOT_ESTIMATED`."""
    values = np.asarray(values, dtype=float)
    index = np.clip(np.searchsorted(breaks, values, side="right") - 1, 0, len(colours) - 1)
    out = np.asarray(colours, dtype=object)[index]
    out[~np.isfinite(values)] = NOT_ESTIMATED
    return out


@contextlib.contextmanager
def drawing() -> Iterator[None]:
    """Settings under which every figure is drawn and saved; the caller's own are left alone."""
    import matplotlib as mpl

    settings = {
        "font.family": _font_families(),
        "font.sans-serif": ["DejaVu Sans"],
        "font.size": 8.5,
        "text.parse_math": False,  # names of users are text, never formulas
        "text.color": INK,
        "axes.labelcolor": MUTED,
        "axes.edgecolor": NOT_ESTIMATED_EDGE,
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.unicode_minus": True,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "hatch.linewidth": 0.55,
        "svg.fonttype": "none",
        "svg.hashsalt": "occupancy",
        "pdf.fonttype": 42,
        "path.simplify": True,
    }
    with mpl.rc_context(settings):
        yield


@functools.cache
def _font_families() -> list[str]:
    """DejaVu Sans (comes with matplotlib), then what this machine has for other scripts."""
    from matplotlib import font_manager

    known = {entry.name for entry in font_manager.fontManager.ttflist}
    others = ("Noto Sans CJK SC", "Microsoft YaHei", "PingFang SC", "Arial Unicode MS", "Noto Sans")
    return ["DejaVu Sans", *(name for name in others if name in known), "sans-serif"]


def new_figure(width: float, height: float) -> Figure:
    """An empty white figure in inches, outside pyplot so that nothing is kept in memory."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


@functools.lru_cache(maxsize=8192)
def text_width(text: str, size: float, weight: str = "normal") -> float:
    """Width of a line of text in inches, as drawn."""
    from matplotlib.font_manager import FontProperties

    font = FontProperties(family=_font_families(), size=size, weight=weight)
    return _renderer().get_text_width_height_descent(text, font, ismath=False)[0] / DPI


@functools.cache
def _renderer() -> RendererAgg:
    from matplotlib.backends.backend_agg import RendererAgg

    return RendererAgg(10, 10, DPI)  # as saved: at 72 small letters round to whole pixels


def wrap(text: str, width: float, size: float, weight: str = "normal") -> list[str]:
    """Break a text into lines no wider than `width` inches; a word too long is cut into pieces."""
    lines, line = [], ""
    for word in text.split():
        while text_width(word, size, weight) > width and len(word) > 1:
            keep = max(1, int(len(word) * width / text_width(word, size, weight)) - 1)
            if line:
                lines.append(line)
                line = ""
            lines.append(word[:keep])
            word = word[keep:]
        trial = f"{line} {word}".strip()
        if line and text_width(trial, size, weight) > width:
            lines.append(line)
            line = word
        else:
            line = trial
    return [*lines, line] if line else lines or [""]


def shorten(text: str, width: float, size: float, weight: str = "normal") -> str:
    """Cut a label that is wider than `width` inches and mark the cut."""
    if text_width(text, size, weight) <= width:
        return text
    while len(text) > 1 and text_width(text + "…", size, weight) > width:
        text = text[:-1]
    return text.rstrip() + "…"


def shorten_apart(names: Sequence[str], width: float, size: float) -> list[str]:
    """Names cut to a width that stay different: those that begin alike lose the beginning."""
    short = [shorten(n, width, size) for n in names]
    if len(set(short)) == len(set(names)):
        return short
    cut = [n for n, s in zip(names, short, strict=True) if n != s]
    first, last = min(cut), max(cut)  # what the first and the last share, all share
    alike = next((k for k, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), 0)
    start = first.rfind(" ", 0, alike) + 1
    if start < 2:
        return short
    return [
        n if n == s else shorten("…" + n[start:], width, size)
        for n, s in zip(names, short, strict=True)
    ]


def save(
    figure: Figure,
    folder: Path,
    stem: str,
    *,
    alt: str,
    title: str,
    formats: tuple[str, ...] = ("png",),
    dpi: int = DPI,
) -> list[Path]:
    """Save a figure in one or more formats, the same bytes for the same results.

    Dates are left out; the alternative text travels in the file's own metadata.
    """
    metadata = {
        "png": {"Software": "occupancy", "Title": title, "Description": alt},
        "svg": {"Date": None, "Creator": "occupancy", "Title": title, "Description": alt},
        "pdf": {
            "CreationDate": None,
            "Creator": "occupancy",
            "Producer": None,
            "Title": title,
            "Subject": alt,
        },
    }
    paths = []
    for kind in formats:
        if kind not in metadata:
            raise ValueError(f"Figures are saved as png, svg or pdf, not '{kind}'.")
        path = Path(folder) / f"{stem}.{kind}"
        with replacing(path) as part, drawing():
            figure.savefig(part, format=kind, dpi=dpi, metadata=metadata[kind])
        paths.append(path)
    return paths
