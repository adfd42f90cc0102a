"""What makes places differ: the shares of the latent variance, each with its interval."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from occupancy.outputs import OutputError, sheet, style, words
from occupancy.outputs.headline import caption
from occupancy.outputs.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW = 0.36
TITLE = "What makes places differ"


def figure(results: Results, *, width: float = 7.4, bare: bool = False) -> tuple[Figure, str]:
    """Draw one row for each component, those of one parameter under its name."""
    table = _table(results)
    with style.drawing():
        name = words.interval_name(results.interval, results.engine)
        support = (
            "Share of the variance on the scale of the linear predictor; bars are the "
            f"{name}. What is left to chance is the link's own noise."
        )
        head = sheet.head(
            "" if bare else TITLE, support, "" if bare else caption(results), width, title_size=12
        )
        groups = [(p, table[table["parameter"] == p]) for p in pd.unique(table["parameter"])]
        foot = [] if bare else style.wrap(" ".join(sentences(results)), width - 0.3, 8.5)
        rows = len(table) + 0.9 * len(groups)
        room = 0.42 + len(foot) * 12 * sheet.POINT
        fig = style.new_figure(width, head.top + rows * ROW + room + head.bottom)
        sheet.draw_head(fig, head)
        named = [_name(results, row) for _, row in table.iterrows()]
        left = min(max(style.text_width(n, 8.5) for n in named) + 0.25, 0.36 * width)
        across = width - 2 * sheet.MARGIN - left - 1.25
        ax = sheet.axes_at(fig, sheet.MARGIN + left, head.bottom + room, across, rows * ROW)
        ax.set_ylim(rows, 0)
        ax.set_xlim(0, 1)
        y = 0.0
        for parameter, group in groups:
            said = results.parameter(parameter)
            ax.annotate(
                said.name, (0, y + 0.6), xycoords=("axes fraction", "data"),
                xytext=(-left * 72, 0), textcoords="offset points", fontsize=8.5,
                fontweight="bold", va="center",
            )  # fmt: skip
            y += 0.9
            for _, row in group.iterrows():
                _draw_row(ax, row, y + 0.5, left, _name(results, row))
                y += 1
        _finish(ax)
        for k, line in enumerate(foot):
            at = head.bottom + (len(foot) - k) * 12 * sheet.POINT
            sheet.text_at(fig, sheet.MARGIN, at, line, fontsize=8.5, va="top", color=style.INK)
        return fig, alt_text(results)


def write(
    results: Results, folder: Path, *, formats=("png",), stem="variance", **options
) -> list[Path]:
    fig, alt = figure(results, **options)
    return style.save(fig, folder, stem, alt=alt, title=TITLE, formats=tuple(formats))


def alt_text(results: Results) -> str:
    return f"{TITLE}: shares of the latent variance. {' '.join(sentences(results))}"


def sentences(results: Results) -> list[str]:
    """One plain sentence for each component and for what the model explains."""
    table = _table(results)
    out = []
    for _, row in table.iterrows():
        whose = results.parameter(row["parameter"]).name.lower()
        share = words.percent(row["share_mean"])
        ends = words.percent_interval(row["share_lower"], row["share_upper"])
        if row["kind"] == "link":
            continue
        if row["kind"] == "covariates":
            out.append(f"Covariates explain {share} ({ends}) of what makes {whose} differ.")
            continue
        name = _name(results, row)
        text = f"{name[:1].upper()}{name[1:]} accounts for {share} ({ends}) of it in {whose}"
        slope = "|" in str(row["component"]) and row["kind"] == "group"  # told with its level
        if row["levels"] and not slope and not words.is_missing(row["alike_mean"]):
            alike = words.decimal(row["alike_mean"], 2)
            ends = words.decimal_interval(row["alike_lower"], row["alike_upper"], 2)
            what = "visits" if _of_visits(row["parameter"]) else "places"
            text += f"; two {what} that share it are alike by {alike} ({ends})"
        out.append(text + ".")
    return out + _explained(results)


def _explained(results: Results) -> list[str]:
    r2 = results.r_squared
    if r2 is None or not (r2["measure"] == "tjur").any():
        return []
    row = r2[r2["measure"] == "tjur"].iloc[0]
    if words.is_missing(row["mean"]):
        return []
    points = words.count(100 * row["mean"])
    ends = words.decimal_interval(100 * row["lower"], 100 * row["upper"], 0)
    return [
        f"Occupied sites have on average {points} points ({ends}) more probability of being "
        "occupied than empty ones (Tjur's R²)."
    ]


def _table(results: Results) -> pd.DataFrame:
    table = results.components
    if table is None or not len(table):
        raise OutputError("The model has neither covariates nor anything that varies.")
    known = table["share_mean"].notna()
    if not known.any():
        raise OutputError("The link has no noise of its own, so that shares are not defined.")
    return table[known]


def _name(results: Results, row: pd.Series) -> str:
    if row["kind"] == "link":
        return f"chance of each {'visit' if _of_visits(row['parameter']) else 'place'}"
    if row["kind"] == "covariates":
        return "covariates"
    return results.varying_name(row["parameter"], row["component"])


def _of_visits(parameter: str) -> bool:
    return parameter.split("[")[0] in ("p", "p1", "p2", "p10", "p11", "b", "delta", "r", "rate")


def _draw_row(ax: Axes, row: pd.Series, y: float, left: float, name: str) -> None:
    chance = row["kind"] == "link"
    colour = style.SAND if chance else style.BLUE
    ax.barh(
        y, row["share_mean"], height=0.46, color=colour, alpha=0.32 if not chance else 0.4, lw=0
    )
    ax.plot(
        [row["share_lower"], row["share_upper"]], [y, y], color=colour, lw=2.4,
        solid_capstyle="round",
    )  # fmt: skip
    ax.plot(row["share_mean"], y, "o", color=colour, ms=5)
    ax.annotate(
        style.shorten(name, left - 0.14, 8.5), (0, y), xycoords=("axes fraction", "data"),
        xytext=(-left * 72 + 6, 0), textcoords="offset points", fontsize=8.5, va="center",
        color=style.INK,
    )  # fmt: skip
    ends = words.percent_interval(row["share_lower"], row["share_upper"])
    ax.annotate(
        f"{words.percent(row['share_mean'])} ({ends})", (1, y),
        xycoords=("axes fraction", "data"), xytext=(7, 0), textcoords="offset points",
        fontsize=7.5, color=style.MUTED, va="center",
    )  # fmt: skip


def _finish(ax: Axes) -> None:
    ax.set_yticks([])
    ticks = np.arange(0, 1.01, 0.2)
    ax.set_xticks(ticks, [f"{100 * t:.0f}%" for t in ticks], fontsize=7.5)
    ax.tick_params(length=0)
    ax.grid(axis="x", color=style.GRID, lw=0.7)
    ax.set_axisbelow(True)
    ax.spines["left"].set_visible(False)
