"""What a covariate does: psi or p along it, in its own units, everything else held still."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from occupancy.outputs import OutputError, sheet, style, words
from occupancy.outputs.headline import caption
from occupancy.outputs.results import Results
from occupancy.outputs.said import Said
from occupancy.outputs.term_names import Covariate, quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Along each covariate"
MOST = 12  # curves drawn; the table has them all
PANEL = (3.45, 2.55)  # inches
BINS = 140  # places of the rug along an axis
BAND = "#c9dfe8"


@dataclass(frozen=True)
class Curve:
    """One parameter along one covariate."""

    parameter: str
    said: Said
    covariate: Covariate
    table: pd.DataFrame
    seen: np.ndarray  # surveyed values with a detection
    missed: np.ndarray

    @property
    def name(self) -> str:
        return f"{self.said.name} along {self.covariate.label}"

    @property
    def sampled(self) -> pd.DataFrame:
        return self.table[~self.table["extrapolated"].astype(bool)]


def curves(results: Results) -> list[Curve]:
    """The curves of the results, psi first; none is refused with the reason."""
    if results.effects is None or not len(results.effects):
        raise OutputError("There is no curve to draw: the model has no numeric covariate.")
    out = []
    for pair, table in results.effects.groupby(["parameter", "covariate"], sort=False):
        parameter, covariate = str(pair[0]), str(pair[1])
        seen = missed = np.empty(0)
        if results.rug is not None:
            rug = results.rug
            rug = rug[(rug["parameter"] == parameter) & (rug["covariate"] == covariate)]
            seen = rug.loc[rug["detected"], "value"].to_numpy(dtype=float)
            missed = rug.loc[~rug["detected"].astype(bool), "value"].to_numpy(dtype=float)
        said = results.parameter(parameter)
        out.append(Curve(parameter, said, results.covariate(covariate), table, seen, missed))
    return out


def note(results: Results) -> str:
    """How to read the curves: bands, rug, what is held, and what is typical."""
    name = words.interval_name(results.interval, results.engine)
    text = (
        f"Line: {words.estimate_name(results.engine)}; dark band 50%, pale band {name}. Ticks: "
        "surveyed sites (for detection, visits), with a detection on top, without below, longer "
        "where there are more."
    )
    drawn = curves(results)
    if any(c.table["extrapolated"].any() for c in drawn):
        text += " Hatched: outside the surveyed range."
    still = []
    for parameter, stood in results.held.items():
        along = [c.covariate.name for c in drawn if c.parameter == parameter]
        if along and (len(stood) > 1):
            told = [held_at(results.covariate(n), v) for n, v in stood.items()]
            still.append(f"{results.parameter(parameter).name}: {', '.join(told)}")
    if still:
        text += f" Others are held at their mean or commonest level: {'; '.join(still)}."
    groups = [(p, g) for p, names in results.averaged.items() for g in names]
    if groups:
        told = list(dict.fromkeys(averaged_name(results, p, g) for p, g in groups))
        text += f" Effects of {words.listing(told)} are at the mean of their population"
        text += "." if "(" in groups[0][1] else f": a typical {told[0]}."
    return text


def averaged_name(results: Results, parameter: str, name: str) -> str:
    """A grouping, or a term without groups, in words: region, surface over the map."""
    return results.varying_name(parameter, name) if "(" in name else words.clean(name)


def held_at(covariate: Covariate, value: object) -> str:
    if isinstance(value, float):
        return f"{covariate.label} {quantity(value, covariate.units)}"
    return f"{covariate.label} {words.clean(value)}"


def figure(results: Results, *, width: float = 7.4, bare: bool = False) -> tuple[Figure, str]:
    """Draw all curves, two in a row, a new row for each parameter."""
    drawn = curves(results)[:MOST]
    rows: list[list[Curve]] = []
    for curve in drawn:
        if rows and len(rows[-1]) < 2 and rows[-1][0].parameter == curve.parameter:
            rows[-1].append(curve)
        else:
            rows.append([curve])
    with style.drawing():
        foot = style.wrap(note(results), width - 2 * sheet.MARGIN, 7.5)
        head = sheet.head(
            "" if bare else TITLE, "", "" if bare else caption(results), width, title_size=12
        )
        room = len(foot) * 11 * sheet.POINT + 0.12
        fig = style.new_figure(width, head.top + PANEL[1] * len(rows) + room + head.bottom)
        sheet.draw_head(fig, head)
        across = (width - 2 * sheet.MARGIN) / 2
        height = fig.get_size_inches()[1]
        for k, row in enumerate(rows):
            bottom = height - head.top - PANEL[1] * (k + 1)
            for j, curve in enumerate(row):
                ax = _axes(fig, sheet.MARGIN + j * across, bottom, across, PANEL[1])
                draw_curve(ax, curve)
        for k, line in enumerate(foot):
            y = head.bottom + room - 0.1 - k * 11 * sheet.POINT
            sheet.text_at(fig, sheet.MARGIN, y, line, fontsize=7.5, va="top", color=style.MUTED)
        return fig, alt_text(results)


def panel(curve: Curve) -> Figure:
    """One curve alone, for pages that lay the curves out themselves."""
    fig = style.new_figure(*PANEL)
    draw_curve(_axes(fig, 0, 0, *PANEL), curve)
    return fig


def write(
    results: Results, folder: Path, *, formats=("png",), stem="effects", **options
) -> list[Path]:
    fig, alt = figure(results, **options)
    return style.save(fig, folder, stem, alt=alt, title=TITLE, formats=tuple(formats))


def alt_text(results: Results) -> str:
    """What each curve does over the surveyed range."""
    return " ".join(sentence(c) for c in curves(results)[:8])


def sentence(curve: Curve) -> str:
    """From one end of the surveyed range to the other, and the top or bottom between them."""
    table = curve.sampled
    mean = table["curve_mean"].to_numpy(dtype=float)
    if not len(table) or not np.isfinite(mean).all():
        return f"{curve.name}: not estimated."
    value = table["value"].to_numpy(dtype=float)

    def at(k: int) -> str:
        row = table.iloc[k]
        interval = curve.said.interval(row["curve_lower"], row["curve_upper"])
        where = quantity(float(value[k]), curve.covariate.units)
        return f"{curve.said.value(mean[k])} ({interval}) at {where}"

    text = f"{curve.name}: {at(0)}, {at(-1)}"
    ends = sorted((mean[0], mean[-1]))
    slack = 0.02 if curve.said.is_share else 0.02 * max(np.ptp(mean), 1e-12)
    for k, word in ((int(mean.argmax()), "highest"), (int(mean.argmin()), "lowest")):
        if 0 < k < len(mean) - 1 and not ends[0] - slack <= mean[k] <= ends[1] + slack:
            text += f", {word} {at(k)}"
    return text + "."


def _axes(fig: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    return sheet.axes_at(fig, left + 0.5, bottom + 0.5, width - 0.68, height - 0.82)


def draw_curve(ax: Axes, curve: Curve) -> None:
    """Bands, line, rug and hatch on axes of their own."""
    table = curve.table
    x = table["value"].to_numpy(dtype=float)
    low, high = float(x.min()), float(x.max())
    ax.set_xlim(low, high)
    bottom, top = (0.0, 1.0) if curve.said.is_share else _reach(curve)
    room_of_rug = 0.075 * (top - bottom)
    ax.set_ylim(bottom - room_of_rug, top + room_of_rug)
    ax.fill_between(x, table["curve_lower"], table["curve_upper"], color=BAND, lw=0, zorder=2)
    if "curve_lower_50" in table:
        ax.fill_between(
            x, table["curve_lower_50"], table["curve_upper_50"], color=style.SKY, lw=0, zorder=2.1
        )
    ax.plot(x, table["curve_mean"], color=style.BLUE, lw=1.8, zorder=3)
    known = curve.sampled["value"]
    for start, end in ((low, known.min()), (known.max(), high)):
        if end - start > 0.012 * (high - low):  # thinner is a line, not an area
            ax.axvspan(
                start, end, fc=(1, 1, 1, 0.55), ec=style.MUTED, hatch="/////", lw=0, zorder=4
            )
    _rug(ax, curve.seen, low, high, top=True)
    _rug(ax, curve.missed, low, high, top=False)
    if curve.said.is_share:
        ax.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    else:
        ax.locator_params(axis="y", nbins=5)
    ax.locator_params(axis="x", nbins=6)
    ax.grid(color=style.GRID, lw=0.7)
    ax.set_axisbelow(True)
    ax.tick_params(length=0, labelsize=7.5, pad=4)
    room = ax.get_figure().get_size_inches()[0] * ax.get_position().width  # type: ignore[union-attr]
    ax.set_xlabel(style.shorten(curve.covariate.axis, room, 8.5), fontsize=8.5, labelpad=3)
    name = style.shorten(curve.said.name, room, 8.5, "bold")
    ax.set_title(name, fontsize=8.5, fontweight="bold", loc="left", pad=6)


def _reach(curve: Curve) -> tuple[float, float]:
    """What the axis of a curve in numbers holds: its band where surveyed, 0 if it is near."""
    table = curve.sampled
    low = float(np.nanmin(table["curve_lower"].to_numpy(dtype=float)))
    high = float(np.nanmax(table["curve_upper"].to_numpy(dtype=float)))
    if not np.isfinite([low, high]).all():
        mean = table["curve_mean"].to_numpy(dtype=float)
        low, high = float(np.nanmin(mean)), float(np.nanmax(mean))
    if 0 < low < 0.5 * high:
        low = 0.0
    pad = 0.04 * (high - low) or 0.5
    return (low - pad if low else 0.0), high + pad


def _rug(ax: Axes, values: np.ndarray, low: float, high: float, *, top: bool) -> None:
    """Ticks along an edge; rounded to places of the axis, so that thousands stay light."""
    values = values[np.isfinite(values)]
    if not len(values):
        return
    span = (high - low) or 1.0
    at, n = np.unique(np.round((values - low) / span * BINS), return_counts=True)
    x = low + at / BINS * span
    length = (0.02 + 0.045 * np.sqrt(n / n.max())) / 1.15
    edge = 1.0 if top else 0.0  # of the axes, whatever its scale
    y = np.full(len(x), edge), edge + (-length if top else length)
    # One line with gaps: one path in the file instead of hundreds.
    gaps = np.full(len(x), np.nan)
    ax.plot(
        np.stack([x, x, gaps], 1).ravel(), np.stack([y[0], y[1], gaps], 1).ravel(),
        color=style.INK if top else style.EARTH, lw=0.8, zorder=5, clip_on=False,
        transform=ax.get_xaxis_transform(),
    )  # fmt: skip
