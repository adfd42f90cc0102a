"""What pooling did to each region: naive, the region on its own, and the hierarchical estimate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from occupancy.outputs import OutputError, sheet, style, words
from occupancy.outputs.headline import caption
from occupancy.outputs.results import Results

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW = 0.4
MOST = 60  # regions drawn; the table has them all


def figure(results: Results, *, width: float = 7.4, bare: bool = False) -> tuple[Figure, str]:
    """Draw one row for each region, those with most sites first where there are too many."""
    table = results.shrinkage
    if table is None or not len(table):
        why = results.absent.get("shrinkage", "there are no regions")
        raise OutputError(f"No figure of pooling: {why}")
    cut = len(table) > MOST
    if cut:
        table = table.nlargest(MOST, "sites")
    row = ROW if len(table) <= 20 else 0.26
    with style.drawing():
        support = (
            "A region with few sites leans on the others; one with many stands on its own data."
            if results.hierarchical
            else "The model has no effect of regions: what differs comes from its covariates."
        )
        if cut:
            support += f" The {MOST} regions with most sites of {len(results.shrinkage)}."  # type: ignore[arg-type]
        head = sheet.head(
            "" if bare else title(results),
            support,
            "" if bare else caption(results),
            width,
            title_size=12,
        )
        body = row * len(table) + 0.3
        fig = style.new_figure(width, head.top + body + 0.62 + head.bottom)
        sheet.draw_head(fig, head)
        names = [words.clean(n) for n in table["region"]]
        left = min(max(style.text_width(n, 8.5) for n in names) + 0.25, 0.36 * width)
        ax = sheet.axes_at(
            fig,
            sheet.MARGIN + left,
            head.bottom + 0.62,
            width - 2 * sheet.MARGIN - left - 0.75,
            body,
        )
        _draw(
            ax,
            table,
            [style.shorten(n, left - 0.12, 8.5) for n in names],
            _partial(results),
        )
        return fig, alt_text(results)


def write(
    results: Results, folder: Path, *, formats=("png",), stem="shrinkage", **options
) -> list[Path]:
    fig, alt = figure(results, **options)
    return style.save(fig, folder, stem, alt=alt, title=title(results), formats=tuple(formats))


def title(results: Results) -> str:
    """The figure's heading; a model without group effects does not pool."""
    if results.hierarchical:
        return "What pooling did to each region"
    return "Each region: on its own, and in the model"


def alt_text(results: Results) -> str:
    """Which region moved most when it leaned on the others."""
    table = results.shrinkage
    moved = (table["partial_mean"] - table["alone_mean"]).abs()  # type: ignore[index]
    if not moved.notna().any():
        return (
            f"Estimates by region: naive and {_partial(results)}; no region could be estimated on "
            "its own."
        )
    row = table.loc[moved.idxmax()]  # type: ignore[union-attr]
    return (
        f"Estimates by region: naive, region alone and {_partial(results)}. The model moved "
        f"{words.clean(row['region'])} most ({words.counted(int(row['sites']), 'site')}): from "
        f"{words.percent(row['alone_mean'])} on its own to {words.percent(row['partial_mean'])}; "
        f"with all regions taken as one the estimate is {words.percent(row['complete_mean'])}."
    )


def _partial(results: Results) -> str:
    return "hierarchical" if results.hierarchical else "in the model"


def _draw(ax: Axes, table: pd.DataFrame, names: list[str], partial: str) -> None:
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
        ax.text(
            1.02,
            y,
            words.counted(int(row["sites"]), "site"),
            fontsize=7.5,
            color=style.MUTED,
            va="center",
        )
    complete = float(table["complete_mean"].iloc[0])
    if not words.is_missing(complete):
        ax.axvline(complete, color=style.MUTED, lw=0.9, ls=(0, (4, 3)), zorder=1)
        right = complete > 0.7
        ax.text(
            complete + (-0.01 if right else 0.01), n - 0.42, "complete pooling", fontsize=7.2,
            color=style.MUTED,
            ha="right" if right else "left",
        )  # fmt: skip
    ax.set_yticks(range(n), names[::-1], color=style.INK, fontsize=8.5)
    ax.set_xlim(0, 1)
    ax.set_ylim(-0.55, n - 0.15)
    ax.tick_params(length=0, labelsize=8.5)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"], fontsize=7.5)
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
            label="region alone",
        ),
        Line2D([], [], marker="o", color=style.BLUE, lw=2.4, ms=4.5, label=partial),
    ]
    ax.legend(
        handles=items, loc="upper left", bbox_to_anchor=(-0.02, 0), borderaxespad=2.2, ncol=3,
        frameon=False,
        fontsize=7.5, columnspacing=1.3,
    )  # fmt: skip
