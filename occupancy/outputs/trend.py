"""Over the seasons: the surveyed sites' occupancy, what the model expects, and what was seen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from occupancy.outputs import OutputError, sheet, style, words
from occupancy.outputs.headline import caption
from occupancy.outputs.results import Results, season_name, season_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Occupancy over the seasons"
BODY, STRIP = 2.7, 0.42  # inches
BAND = "#c9dfe8"
DECLINE = 30  # per cent, of which the sentence tells the probability
MOST_COLUMNS = 24  # columns of numbers that stay apart
MOST_LABELS = 12


def figure(results: Results, *, width: float = 7.4, bare: bool = False) -> tuple[Figure, str]:
    """Draw the share of the surveyed sites with its bands, psi, and the naive share as dots."""
    table = seasons(results)
    at = positions(results.seasons)
    with style.drawing():
        head = sheet.head(
            "" if bare else TITLE,
            "" if bare else sentence(results),
            "" if bare else caption(results),
            width,
            title_size=12,
        )
        below = 0.42 + STRIP + 0.62  # season labels, strip of surveyed sites, legend
        fig = style.new_figure(width, head.top + BODY + 0.12 + below + head.bottom)
        sheet.draw_head(fig, head)
        left = sheet.MARGIN + 0.62
        across = width - left - sheet.MARGIN - 0.1
        ax = sheet.axes_at(fig, left, head.bottom + below, across, BODY)
        _draw(ax, table, at, results)
        strip = sheet.axes_at(fig, left, head.bottom + 0.62, across, STRIP)
        _strip(strip, table, at, ax.get_xlim())
        _legend(fig, results, table, head.bottom + 0.12)
        return fig, alt_text(results)


def write(
    results: Results, folder: Path, *, formats=("png",), stem="trend", **options
) -> list[Path]:
    fig, alt = figure(results, **options)
    return style.save(fig, folder, stem, alt=alt, title=TITLE, formats=tuple(formats))


def seasons(results: Results) -> pd.DataFrame:
    """The totals of every season, in order; one season, or a withheld estimate, is refused."""
    if len(results.seasons) < 2:
        raise OutputError("There is no trend: these results are of one season.")
    if results.withheld:
        codes = ", ".join(w.code for w in results.blocks)
        raise OutputError(f"The trend is withheld: a check forbids the estimate ({codes}).")
    rows = [results.overall[season_rows(results.overall, s)] for s in results.seasons]
    return pd.concat(rows, ignore_index=True)


def positions(labels: tuple) -> np.ndarray:
    """Where seasons stand: years at their distance, other labels one after the other."""
    whole = [isinstance(v, (int, np.integer)) and not isinstance(v, bool) for v in labels]
    if all(whole) and all(np.diff(np.array(labels, dtype=float)) > 0):
        return np.array(labels, dtype=float)
    return np.arange(len(labels), dtype=float)


def sentence(results: Results) -> str:
    """What happened between the first season and the last, with the chance of a decline."""
    table = seasons(results)
    first, last = (season_name(s, results.seasons) for s in results.seasons[:: len(table) - 1])
    a, b = (float(table["share_mean"].iloc[k]) for k in (0, -1))
    if not np.isfinite([a, b]).all():
        return "The change between the first season and the last cannot be told."
    if words.percent(a) == words.percent(b):
        text = f"Between {first} and {last} occupancy of the surveyed sites stayed at "
        text += words.percent(a)
    else:
        text = f"Between {first} and {last} occupancy of the surveyed sites "
        text += f"{'rose' if b > a else 'fell'} from {words.percent(a)} to {words.percent(b)}"
    row = None if results.change is None or not len(results.change) else results.change.iloc[0]
    if row is None:
        return f"{text}."
    low, high = (row.get(f"sample_difference_{end}") for end in ("lower", "upper"))
    if not (words.is_missing(low) or words.is_missing(high)):
        name = words.interval_name(results.interval, results.engine)
        text += f" (change: {_points(low)} to {_points(high)} points, {name})"
    text += f". Probability of any decline: {words.percent(row['sample_p_decline'])}"
    fell = row.get(f"sample_p_decline_{DECLINE}")
    if not words.is_missing(fell):
        text += f"; of a decline of {DECLINE}% or more: {words.percent(fell)}"
    return f"{text}."


def _points(value: Any) -> str:
    """A difference of shares in whole percentage points with its sign."""
    number = round(100 * float(value))
    return f"{'+' if number > 0 else words.MINUS if number < 0 else ''}{abs(number)}"


def alt_text(results: Results) -> str:
    """The sentence, and every season's share beside what was seen."""
    table = seasons(results)
    told = [
        f"{season_name(s, results.seasons)}: {words.percent(row['share_mean'])} "
        f"(seen at {words.percent(row.get('naive'), certain=True)})"
        for s, (_, row) in zip(results.seasons, table.iterrows(), strict=True)
    ]
    return f"Occupancy by season. {sentence(results)} {', '.join(told[:30])}."


def _draw(ax: Axes, table: pd.DataFrame, at: np.ndarray, results: Results) -> None:
    lower, upper = _numbers(table, "share_lower"), _numbers(table, "share_upper")
    ax.fill_between(at, lower, upper, color=BAND, lw=0, zorder=2)
    if "share_lower_50" in table:
        inner = _numbers(table, "share_lower_50"), _numbers(table, "share_upper_50")
        ax.fill_between(at, *inner, color=style.SKY, lw=0, zorder=2.1)
    share, psi = _numbers(table, "share_mean"), _numbers(table, "psi_mean")
    naive = _numbers(table, "naive")
    ax.plot(at, share, color=style.BLUE, lw=1.8, marker="o", ms=4, zorder=4)
    ax.plot(at, psi, color=style.EARTH, lw=1.3, ls=(0, (5, 2.5)), zorder=3.5)
    ax.plot(at, naive, "o", mfc="white", mec=style.INK, mew=1.0, ms=4.5, zorder=5)
    every = np.concatenate([upper, psi, naive, share])
    every = every[np.isfinite(every)]
    top = min(1.0, np.ceil(10 * (every.max() if len(every) else 1.0) + 0.2) / 10)
    step = 0.1 if top <= 0.5 else 0.2 if top < 1 else 0.25
    ticks = np.arange(0, top + 1e-9, step)
    ax.set_yticks(ticks, [f"{100 * t:.0f}%" for t in ticks])
    ax.set_ylim(0, top + (0.02 if top == 1 else 0))
    room = max(0.03 * (at[-1] - at[0]), 0.32 * float(np.diff(at).min()))
    ax.set_xlim(at[0] - room, at[-1] + room)
    every_nth = int(np.ceil(len(at) / MOST_LABELS))
    names = [style.shorten(season_name(s, results.seasons), 0.9, 7.5) for s in results.seasons]
    ax.set_xticks(at[::every_nth], names[::every_nth])
    ax.set_ylabel("occupied", labelpad=6)
    ax.grid(color=style.GRID, lw=0.7)
    ax.set_axisbelow(True)
    ax.tick_params(length=0, labelsize=7.5, pad=4)


def _strip(ax: Axes, table: pd.DataFrame, at: np.ndarray, reach: tuple[float, float]) -> None:
    """Sites surveyed in each season, as columns with their number."""
    n = _numbers(table, "surveyed")
    wide = 0.5 * float(np.diff(at).min())
    ax.bar(at, n, width=wide, color=style.LINE, lw=0)
    if len(at) <= MOST_COLUMNS:
        for x, value in zip(at, n, strict=True):
            ax.annotate(
                words.count(value), (x, value), xytext=(0, 1.5), textcoords="offset points",
                ha="center", va="bottom", fontsize=6.6, color=style.MUTED,
            )  # fmt: skip
    ax.set_xlim(*reach)
    ax.set_ylim(0, 1.45 * max(float(np.nanmax(n)), 1.0))
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ("left", "bottom"):
        ax.spines[spine].set_visible(False)
    ax.set_ylabel("sites\nsurveyed", rotation=0, ha="right", va="center", fontsize=7, labelpad=6)


def _numbers(table: pd.DataFrame, name: str) -> np.ndarray:
    return table[name].to_numpy(dtype=float) if name in table else np.full(len(table), np.nan)


def _legend(fig: Figure, results: Results, table: pd.DataFrame, bottom: float) -> None:
    """Of what is drawn alone: a line without a number has no place in it."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    sites = words.counted(results.ever_surveyed, "site")
    name = words.interval_name(results.interval, results.engine).split(" ")[0]
    seen = {"mfc": "white", "mec": style.INK, "ms": 4.5}
    dashes = {"lw": 1.3, "ls": (0, (5, 2.5))}
    share = {"color": style.BLUE, "lw": 1.8, "marker": "o", "ms": 4}
    known = (
        ("share_mean", Line2D([], [], label=f"the {sites} surveyed", **share)),
        ("share_lower_50", Patch(fc=style.SKY, label="50%")),
        ("share_lower", Patch(fc=BAND, label=name)),
        ("psi_mean", Line2D([], [], color=style.EARTH, label="expected: ψ", **dashes)),
        ("naive", Line2D([], [], marker="o", ls="", label="naive: seen that season", **seen)),
    )
    items = [mark for column, mark in known if np.isfinite(_numbers(table, column)).any()]
    if not items:
        return
    width, height = fig.get_size_inches()
    fig.legend(
        handles=items, loc="lower left", bbox_to_anchor=(sheet.MARGIN / width, bottom / height),
        borderaxespad=0, ncol=len(items), frameon=False, fontsize=7.2, handletextpad=0.4,
        columnspacing=1.1, handlelength=1.6,
    )  # fmt: skip
