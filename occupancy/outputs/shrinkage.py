"""What pooling did to each level of a grouping: naive, on its own, and in the model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from occupancy.outputs import OutputError, sheet, style, words
from occupancy.outputs.files import file_stem
from occupancy.outputs.headline import caption
from occupancy.outputs.results import Results

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW = 0.4
MOST = 60  # regions drawn; the table has them all


@dataclass(frozen=True)
class Pool:
    """One grouping of one parameter, as the figure draws it.

    Attributes
    ----------
    table : level, n (sites or visits), naive, alone_*, partial_*, complete_mean; natural scale
    by : the grouping in words
    rows : "site" or "visit"
    parameter : what is pooled, in words
    """

    table: pd.DataFrame
    by: str
    rows: str
    parameter: str


def pool(results: Results, by: str = "region") -> Pool:
    """The pooling of one grouping; none is refused with the reason."""
    table = results.shrinkage if by == "region" else results.poolings.get(by)
    if table is None or not len(table):
        why = results.absent.get("shrinkage", "there are no regions")
        if by != "region":
            known = words.listing(list(results.poolings)) or "none"
            why = f"there is no grouping '{by}' with levels to compare; there is {known}."
        raise OutputError(f"No figure of pooling: {why}")
    count = "sites" if "sites" in table else "rows"
    parameter = table.attrs.get("parameter", "")
    rows = "visit" if table.attrs.get("level") == "visit" else "site"
    said = results.parameter(parameter).name if parameter else "Occupancy"
    tidy = table.rename(columns={by: "level", count: "n"})
    return Pool(tidy, results.covariate(by).label, rows, said)


def figure(
    results: Results, *, by: str = "region", width: float = 7.4, bare: bool = False
) -> tuple[Figure, str]:
    """Draw one row for each level, those with most surveys first; under it, who moved and why."""
    own = pool(results, by)
    every = len(own.table)
    table = own.table.sort_values(["n", "level"], ascending=[False, True]).head(MOST)
    row = ROW if len(table) <= 20 else 0.26
    with style.drawing():
        support = (
            f"Of each {own.by} those with few {own.rows}s lean on the others; those with many "
            "stand on their own data."
            if by != "region"
            else "A region with few sites leans on the others; one with many stands on its own "
            "data."
            if results.hierarchical
            else "The model has no effect of regions: what differs comes from its covariates."
        )
        support += f" Most {own.rows}s first"
        support += f"; the first {MOST} of {every}." if every > MOST else "."
        head = sheet.head(
            "" if bare else title(results, by),
            support,
            "" if bare else caption(results),
            width,
            title_size=12,
        )
        foot = [] if bare else style.wrap(sentence(results, by), width - 2 * sheet.MARGIN, 8.5)
        room = 0.62 + len(foot) * 12 * sheet.POINT
        body = row * len(table) + 0.3
        fig = style.new_figure(width, head.top + body + room + head.bottom)
        sheet.draw_head(fig, head)
        names = [words.clean(n) for n in table["level"]]
        left = min(max(style.text_width(n, 8.5) for n in names) + 0.25, 0.36 * width)
        across = width - 2 * sheet.MARGIN - left - 0.75
        ax = sheet.axes_at(fig, sheet.MARGIN + left, head.bottom + room, across, body)
        names = [style.shorten(n, left - 0.12, 8.5) for n in names]
        _draw(ax, table, names, _partial(results), -left / across, own)
        for k, line in enumerate(foot):
            y = head.bottom + (len(foot) - k) * 12 * sheet.POINT
            sheet.text_at(fig, sheet.MARGIN, y, line, fontsize=8.5, va="top", color=style.INK)
        return fig, alt_text(results, by)


def write(
    results: Results, folder: Path, *, formats=("png",), stem="shrinkage", by=None, **options
) -> list[Path]:
    """Draw one grouping, or every one that the results hold: shrinkage, shrinkage-observer."""
    wanted = [by] if by is not None else [*results.poolings]
    if by is None and (results.shrinkage is not None or not wanted):
        wanted.insert(0, "region")
    paths = []
    for one in wanted:
        fig, alt = figure(results, by=one, **options)
        name = stem if one == "region" else f"{stem}-{file_stem(one)}"
        head = title(results, one)
        paths += style.save(fig, folder, name, alt=alt, title=head, formats=tuple(formats))
    return paths


def title(results: Results, by: str = "region") -> str:
    """The figure's heading; a model without group effects does not pool."""
    if by != "region":
        own = pool(results, by)
        return f"What pooling did to each {own.by}: {own.parameter.lower()}"
    if results.hierarchical:
        return "What pooling did to each region"
    return "Each region: on its own, and in the model"


def alt_text(results: Results, by: str = "region") -> str:
    """What the figure shows, and which level moved most."""
    own = pool(results, by)
    return (
        f"Estimates by {own.by}: naive, {own.by} alone and {_partial(results)}. "
        f"{sentence(results, by)}"
    )


def sentence(results: Results, by: str = "region") -> str:
    """Which level moved most between its own data and the model, and why, in numbers."""
    own = pool(results, by)
    table = own.table
    moved = (table["partial_mean"] - table["alone_mean"]).abs()
    if not moved.notna().any():
        return f"No {own.by} could be estimated on its own."
    row = table.loc[moved.idxmax()]
    alone, partial, whole = (float(row[f"{k}_mean"]) for k in ("alone", "partial", "complete"))
    name, count = words.clean(row["level"]), words.counted(int(row["n"]), own.rows)
    text = (
        f"{name} moved most, from {words.percent(alone)} on its own to {words.percent(partial)} "
        f"in the model: "
    )
    interval = words.percent_interval(row["alone_lower"], row["alone_upper"])
    if words.is_missing(row["alone_lower"]):
        return f"{text}its {count} alone tell of no interval, seen always or never."
    if words.is_missing(whole):
        return text + f"its {count} alone leave {interval}."
    towards = f"the {words.percent(whole)} of all {own.by}s taken as one"
    closer = abs(partial - whole) < abs(alone - whole)
    if results.hierarchical and closer:
        return text + f"its {count} alone leave {interval} open, and it leans on {towards}."
    if closer:
        return text + f"its {count} alone leave {interval} open; its covariates point to {towards}."
    return (
        f"{text}that is away from {towards}, so not pooling but covariates of occupancy or "
        f"detection moved it; its {count} alone leave {interval} open."
    )


def _partial(results: Results) -> str:
    return "hierarchical" if results.hierarchical else "in the model"


def _reach(table: pd.DataFrame) -> tuple[float, float]:
    """The part of 0 to 1 that holds every estimate, in steps of 10 %, never less than 30 %."""
    names = ["naive", "alone_mean", "alone_lower", "alone_upper", "partial_mean", "partial_lower"]
    values = table[[*names, "partial_upper", "complete_mean"]].to_numpy(dtype=float)
    values = values[np.isfinite(values)]
    low = np.floor(10 * (values.min() - 0.015)) / 10 if len(values) else 0.0
    high = np.ceil(10 * (values.max() + 0.015)) / 10 if len(values) else 1.0
    low, high = max(low, 0.0), min(high, 1.0)
    short = max(0.3 - (high - low), 0.0)
    low = max(low - short / 2, 0.0)
    high = min(max(high, low + 0.3), 1.0)
    return float(min(low, high - 0.3)), float(high)


def _draw(
    ax: Axes, table: pd.DataFrame, names: list[str], partial: str, start: float, own: Pool
) -> None:
    from matplotlib.lines import Line2D

    n = len(table)
    for k, (_, row) in enumerate(table.iterrows()):
        y = n - 1 - k
        ax.plot(
            [row["alone_lower"], row["alone_upper"]], [y + 0.16] * 2, color=style.SAND, lw=2.2,
            solid_capstyle="round",
        )  # fmt: skip
        ax.plot(row["alone_mean"], y + 0.16, "o", mfc="white", mec=style.EARTH, ms=5)
        ax.plot(
            [row["partial_lower"], row["partial_upper"]], [y - 0.16] * 2, color=style.BLUE, lw=2.8,
            solid_capstyle="round",
        )  # fmt: skip
        ax.plot(row["partial_mean"], y - 0.16, "o", color=style.BLUE, ms=5)
        ax.plot(row["naive"], y, "x", color=style.INK, ms=4.5, mew=1.1, zorder=4)
        ax.annotate(
            words.counted(int(row["n"]), own.rows), (1, y), xycoords=("axes fraction", "data"),
            xytext=(7, 0), textcoords="offset points", fontsize=7.5, color=style.MUTED, va="center",
        )  # fmt: skip
    low, high = _reach(table)
    complete = float(table["complete_mean"].iloc[0])
    if not words.is_missing(complete):
        ax.axvline(complete, color=style.MUTED, lw=0.9, ls=(0, (4, 3)), zorder=1)
        right = complete > low + 0.6 * (high - low)
        gap = 0.01 * (high - low)
        text = f"all as one: {words.percent(complete)}"
        ax.text(
            complete + (-gap if right else gap), n - 0.42, text, fontsize=7.2,
            color=style.MUTED,
            ha="right" if right else "left",
        )  # fmt: skip
    ax.set_yticks(range(n), names[::-1], color=style.INK, fontsize=8.5)
    ax.set_xlim(low, high)
    ax.set_ylim(-0.55, n - 0.15)
    ax.tick_params(length=0, labelsize=8.5)
    step = 0.1 if high - low <= 0.6 else 0.2
    ticks = np.arange(np.ceil(low / step - 1e-9), high / step + 1e-9) * step
    ax.set_xticks(ticks, [f"{abs(100 * t):.0f}%" for t in ticks], fontsize=7.5)
    ax.grid(axis="x", color=style.GRID, lw=0.7)
    ax.set_axisbelow(True)
    ax.spines["left"].set_visible(False)
    items = [
        Line2D(
            [],
            [],
            marker="x",
            ls="",
            color=style.INK,
            ms=4.5,
            label="naive",
        ),
        Line2D(
            [],
            [],
            marker="o",
            mfc="white",
            mec=style.EARTH,
            color=style.SAND,
            lw=2,
            ms=4.5,
            label=f"{own.by} alone",
        ),
        Line2D([], [], marker="o", color=style.BLUE, lw=2.4, ms=4.5, label=partial),
    ]
    ax.legend(
        handles=items, loc="upper left", bbox_to_anchor=(start, 0), borderaxespad=2.2, ncol=3,
        frameon=False,
        fontsize=7.5, columnspacing=1.3,
    )  # fmt: skip
