"""What drives it: every coefficient with its bars, maximum likelihood and naive beside."""

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

ROW = 0.34  # inches a coefficient


def figure(results: Results, *, width: float = 7.4, bare: bool = False) -> tuple[Figure, str]:
    """Draw all coefficients, one group of rows for each parameter of the model."""
    table = results.coefficients
    if not len(table):
        raise OutputError("There are no coefficients to draw.")
    with style.drawing():
        groups = [(p, table[table["parameter"] == p]) for p in pd.unique(table["parameter"])]
        rows = len(table) + 0.9 * len(groups)
        name = words.interval_name(results.interval, results.engine)
        support = (
            f"Thick bar: 50%; thin bar: {name}. A bar that leaves the dotted zero line shows a "
            "direction."
        )
        title = "What drives occupancy and detection"
        head = sheet.head(
            "" if bare else title, support, "" if bare else caption(results), width, title_size=12
        )
        height = head.top + rows * ROW + 0.62 + head.bottom
        fig = style.new_figure(width, height)
        sheet.draw_head(fig, head)
        left = min(max(_label_width(results, row) for _, row in table.iterrows()), 0.36 * width)
        ax = sheet.axes_at(
            fig,
            sheet.MARGIN + left,
            head.bottom + 0.62,
            width - 2 * sheet.MARGIN - left - 1.3,
            rows * ROW,
        )
        ax.set_ylim(rows, 0)
        ax.set_xlim(*_limits(table))
        y = 0.0
        for parameter, group in groups:
            y += 0.62
            one = results.parameter(parameter)
            text = f"{one.name}, {one.scale}"
            ax.annotate(
                text, (0, y), xycoords=("axes fraction", "data"), xytext=(-left * 72, 0),
                textcoords="offset points", fontsize=8.5, fontweight="bold", va="center",
            )  # fmt: skip
            y += 0.28
            for _, row in group.iterrows():
                _draw_row(ax, row, y + 0.5, left, results)
                y += 1
        _finish(ax, table, results, -left / (width - 2 * sheet.MARGIN - left - 1.3))
        return fig, alt_text(results)


def write(
    results: Results, folder: Path, *, formats=("png",), stem="forest", **options
) -> list[Path]:
    fig, alt = figure(results, **options)
    title = "Coefficients of occupancy and detection"
    return style.save(fig, folder, stem, alt=alt, title=title, formats=tuple(formats))


def alt_text(results: Results) -> str:
    """Which coefficients have a direction, and how far they reach."""
    told = []
    for _, row in results.coefficients.iterrows():
        if row["term"] == "Intercept" or words.is_missing(row["lower"]):
            continue
        places = words.coefficient_places(row["sd"])
        way = (
            "positive" if row["lower"] > 0 else "negative" if row["upper"] < 0 else "no clear sign"
        )
        told.append(
            f"{results.parameter(row['parameter']).name}, "
            f"{results.term_name(row['parameter'], row['term'])[0]}: {way} "
            f"({words.decimal(row['mean'], places)}, "
            f"{words.decimal_interval(row['lower'], row['upper'], places)})"
        )
    start = f"Coefficients with {words.interval_name(results.interval, results.engine)}s. "
    return start + ("; ".join(told[:8]) + "." if told else "The model has intercepts only.")


def _limits(table: pd.DataFrame) -> tuple[float, float]:
    """Room for the intervals and zero; points far outside are pinned to the edge."""
    ends = table[["lower", "upper"]].to_numpy(dtype=float)
    low, high = min(np.nanmin(ends), 0.0), max(np.nanmax(ends), 0.0)
    reach = high - low or 1.0
    for column in ("ml", "naive"):
        if column in table:
            value = table[column].to_numpy(dtype=float)
            near = value[np.isfinite(value) & (value > low - reach) & (value < high + reach)]
            if len(near):
                low, high = min(low, near.min()), max(high, near.max())
    pad = 0.05 * (high - low)
    return low - pad, high + pad


def _pin(ax: Axes, value: float, y: float, **options) -> None:
    """A point, or an arrow head on the edge where it lies outside the axes."""
    low, high = ax.get_xlim()
    if low <= value <= high:
        ax.plot(value, y, ls="", zorder=5, **options)
    else:
        end, mark = (high, ">") if value > high else (low, "<")
        ax.plot(
            end,
            y,
            ls="",
            marker=mark,
            ms=4,
            color=options.get("color", style.EARTH),
            zorder=5,
            clip_on=False,
        )


def _label(results: Results, row: pd.Series) -> tuple[str, str]:
    """A coefficient's name, and in small type its unit and the formula's own term."""
    term = words.clean(row["term"])
    name, unit = results.term_name(row["parameter"], row["term"])
    return name, " · ".join(part for part in (unit, term if term != name else "") if part)


def _label_width(results: Results, row: pd.Series) -> float:
    name, small = _label(results, row)
    return max(style.text_width(name, 8.5), style.text_width(small, 6.4) if small else 0) + 0.3


def _draw_row(ax: Axes, row: pd.Series, y: float, left: float, results: Results) -> None:
    at = y - 0.1
    ax.plot(
        [row["lower"], row["upper"]],
        [at, at],
        color=style.SKY,
        lw=2.0,
        solid_capstyle="round",
        zorder=2,
    )
    ax.plot(
        [row["lower_50"], row["upper_50"]],
        [at, at],
        color=style.BLUE,
        lw=4,
        solid_capstyle="round",
        zorder=3,
    )
    ax.plot(row["mean"], at, "o", color=style.BLUE, mec="white", mew=0.8, ms=6.5, zorder=4)
    if not words.is_missing(row.get("ml")) and "se" not in row:  # a maximum stands for itself
        _pin(ax, row["ml"], y + 0.2, marker="D", mfc="white", mec=style.EARTH, mew=1.1, ms=3.8)
    if not words.is_missing(row.get("naive")):
        _pin(ax, row["naive"], y + 0.2, marker="x", color=style.INK, mew=1.0, ms=4)
    places = words.coefficient_places(row["sd"])
    name, small = _label(results, row)
    for text, size, colour, drop in (
        (name, 8.5, style.INK, 4 if small else 0),
        (small, 6.4, style.MUTED, -5.5),
    ):
        ax.annotate(
            style.shorten(text, left - 0.2, size), (0, y), xycoords=("axes fraction", "data"),
            xytext=(-8, drop), textcoords="offset points",
            ha="right", va="center", fontsize=size, color=colour,
        )  # fmt: skip
    text = f"{words.decimal(row['mean'], places)}  (sd {words.decimal(row['sd'], places)})"
    ax.annotate(
        text, (1, y), xycoords=("axes fraction", "data"), xytext=(8, 0), textcoords="offset points",
        ha="left", va="center", fontsize=7.8, color=style.MUTED,
    )  # fmt: skip


def _finish(ax: Axes, table: pd.DataFrame, results: Results, start: float) -> None:
    from matplotlib.lines import Line2D

    ax.axvline(0, color=style.MUTED, lw=0.9, ls=(0, (1.2, 1.6)), zorder=1)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.tick_params(length=0, labelsize=7.5)
    ax.grid(axis="x", color=style.GRID, lw=0.7)
    ax.set_axisbelow(True)
    items = [
        Line2D(
            [],
            [],
            marker="o",
            color=style.BLUE,
            mec="white",
            ms=6,
            lw=3,
            label=words.estimate_name(results.engine),
        )
    ]
    if "ml" in table and table["ml"].notna().any() and results.engine != "ml":
        items.append(
            Line2D(
                [],
                [],
                marker="D",
                ls="",
                mfc="white",
                mec=style.EARTH,
                ms=4,
                label="maximum likelihood",
            )
        )
    if "naive" in table and table["naive"].notna().any():
        items.append(
            Line2D(
                [],
                [],
                marker="x",
                ls="",
                color=style.INK,
                ms=4.5,
                label="naive (detection taken for presence)",
            )
        )
    ax.legend(
        handles=items, loc="upper left", bbox_to_anchor=(start, 0), borderaxespad=2.2, ncol=3,
        frameon=False,
        fontsize=7.5, handletextpad=0.4, columnspacing=1.4,
    )  # fmt: skip
