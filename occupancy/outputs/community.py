"""What the community does to each species: naive, on its own, and as one species among others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from occupancy.outputs import OutputError, sheet, style, words
from occupancy.outputs.headline import caption
from occupancy.outputs.results import Community, Results

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW, THIN_ROW = 0.36, 0.23
MOST = 80  # species drawn; the table has them all
TITLE = "What the community does to each species"


def figure(results: Results, *, width: float = 7.4, bare: bool = False) -> tuple[Figure, str]:
    """Draw one row for each species, the commonest first; the rarest lean most on the others."""
    community = require_community(results)
    table = in_order(community)
    every, table = len(table), _drawn(in_order(community), results.species)
    row = ROW if len(table) <= 25 else THIN_ROW
    with style.drawing():
        support = (
            "Species seen at most sites first. A species with few detections is drawn to what the "
            "others have in common; a common one stands on its own data."
        )
        support += f" {len(table)} of {every} species." if every > len(table) else ""
        head = sheet.head(
            "" if bare else TITLE,
            support,
            "" if bare else caption(results),
            width,
            title_size=12,
        )
        foot = [] if bare else style.wrap(sentence(results), width - 2 * sheet.MARGIN, 8.5)
        room = 0.66 + len(foot) * 12 * sheet.POINT
        body = row * len(table) + 0.32
        fig = style.new_figure(width, head.top + body + room + head.bottom)
        sheet.draw_head(fig, head)
        size = 8.5 if row == ROW else 7.2
        names = [words.clean(n) for n in table["species"]]
        left = min(max(style.text_width(n, size, "bold") for n in names) + 0.25, 0.36 * width)
        across = width - 2 * sheet.MARGIN - left - 0.8
        ax = sheet.axes_at(fig, sheet.MARGIN + left, head.bottom + room, across, body)
        names = style.shorten_apart(names, left - 0.12, size)
        typical = community.typical.get("psi")
        mark = list(table["species"].astype(str)).index(results.species)
        _draw(ax, table, names, typical, -left / across, size, mark)
        for k, line in enumerate(foot):
            y = head.bottom + (len(foot) - k) * 12 * sheet.POINT
            sheet.text_at(fig, sheet.MARGIN, y, line, fontsize=8.5, va="top", color=style.INK)
        return fig, alt_text(results)


def write(
    results: Results, folder: Path, *, formats=("png",), stem="community", **options
) -> list[Path]:
    fig, alt = figure(results, **options)
    return style.save(fig, folder, stem, alt=alt, title=TITLE, formats=tuple(formats))


def require_community(results: Results) -> Community:
    """Refuse a picture of a community where there is one species, in plain words."""
    if results.community is None:
        raise OutputError(
            "The species of this model are estimated one by one. A community takes them together: "
            'community = true in the study file, community="species" in Python.'
        )
    return results.community


def alt_text(results: Results) -> str:
    """What the figure shows, and which species moved most."""
    return f"Estimates by species: naive, on its own and in the community. {sentence(results)}"


def sentence(results: Results) -> str:
    """Which species moved most between its own data and the community, and how far."""
    table = in_order(require_community(results))
    moved = (table["partial_mean"] - table["alone_mean"]).abs()
    if not moved.notna().any():
        return "No species could be estimated on its own."
    row = table.loc[moved.idxmax()]
    alone, partial = float(row["alone_mean"]), float(row["partial_mean"])
    seen = words.counted(int(row["detected"]), "site")
    own = words.percent_interval(row["alone_lower"], row["alone_upper"])
    now = words.percent_interval(row["partial_lower"], row["partial_upper"])
    return (
        f"{words.clean(row['species'])}, seen at {seen}, moved most: from {words.percent(alone)} "
        f"({own}) on its own to {words.percent(partial)} ({now}) in the community, which knows "
        "more of where species live and how they are detected."
    )


def in_order(community: Community) -> pd.DataFrame:
    """The pooling with the sites of each species, the commonest first."""
    last = community.species.drop_duplicates("species", keep="last").set_index("species")
    table = community.pooling.reset_index(drop=True)
    table["detected"] = last["detected"].reindex(table["species"]).to_numpy()
    table["detections"] = last["detections"].reindex(table["species"]).to_numpy()
    by = ["detected", "detections", "species"]
    return table.sort_values(by, ascending=[False, False, True]).reset_index(drop=True)


def _drawn(table: pd.DataFrame, species: str) -> pd.DataFrame:
    """As many rows as a page holds: the rarest, the commonest, and the species of the page."""
    if len(table) <= MOST:
        return table
    keep = np.zeros(len(table), bool)
    keep[np.linspace(0, len(table) - 1, MOST).astype(int)] = True
    keep |= (table["species"].astype(str) == species).to_numpy()
    return table[keep].reset_index(drop=True)


def _draw(
    ax: Axes,
    table: pd.DataFrame,
    names: list[str],
    typical: tuple[float, float, float] | None,
    start: float,
    size: float,
    mark: int,
) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    n, thin = len(table), size < 8
    gap, dot = (0.17, 4.2) if thin else (0.16, 5)
    if typical is not None:
        mean, low, high = typical
        ax.axvspan(low, high, color="#eef3f5", lw=0, zorder=0)
        ax.axvline(mean, color=style.MUTED, lw=0.9, ls=(0, (4, 3)), zorder=1)
        right = mean > 0.6
        ax.text(
            mean + (-0.01 if right else 0.01), n - 0.38, f"typical species: {words.percent(mean)}",
            fontsize=7.2, color=style.MUTED, ha="right" if right else "left", va="center",
        )  # fmt: skip
    for k, (_, row) in enumerate(table.iterrows()):
        y = n - 1 - k
        ax.plot(
            [row["alone_lower"], row["alone_upper"]], [y + gap] * 2, color=style.SAND,
            lw=1.6 if thin else 2.2, solid_capstyle="round",
        )  # fmt: skip
        ax.plot(row["alone_mean"], y + gap, "o", mfc="white", mec=style.EARTH, ms=dot, mew=0.9)
        ax.plot(
            [row["partial_lower"], row["partial_upper"]], [y - gap] * 2, color=style.BLUE,
            lw=2.0 if thin else 2.8, solid_capstyle="round",
        )  # fmt: skip
        ax.plot(row["partial_mean"], y - gap, "o", color=style.BLUE, ms=dot)
        ax.plot(row["naive"], y, "x", color=style.INK, ms=dot - 0.5, mew=1.1, zorder=4)
        ax.annotate(
            words.counted(int(row["detected"]), "site"), (1, y), size=size - 1,
            xycoords=("axes fraction", "data"), xytext=(7, 0), textcoords="offset points",
            color=style.MUTED, va="center",
        )  # fmt: skip
    ax.annotate(
        "seen at", (1, n - 0.38), xycoords=("axes fraction", "data"), xytext=(7, 0),
        textcoords="offset points", fontsize=size - 1, color=style.MUTED, va="center",
    )  # fmt: skip
    ax.set_yticks(range(n), names[::-1], color=style.INK, fontsize=size)
    ax.get_yticklabels()[n - 1 - mark].set_fontweight("bold")
    ax.set_xlim(-0.01, 1.01)
    ax.set_ylim(-0.55, n - 0.1)
    ax.tick_params(length=0)
    ticks = np.arange(0, 1.01, 0.2)
    ax.set_xticks(ticks, [f"{100 * t:.0f}%" for t in ticks], fontsize=7.5)
    ax.grid(axis="x", color=style.GRID, lw=0.7)
    ax.set_axisbelow(True)
    ax.spines["left"].set_visible(False)
    items = [
        Line2D([], [], marker="x", ls="", color=style.INK, ms=4.5, label="naive"),
        Line2D(
            [], [], marker="o", mfc="white", mec=style.EARTH, color=style.SAND, lw=2, ms=4.5,
            label="species alone",
        ),
        Line2D([], [], marker="o", color=style.BLUE, lw=2.4, ms=4.5, label="in the community"),
    ]  # fmt: skip
    if typical is not None:
        items.append(Patch(fc="#e3ebee", ec="none", label="typical species, interval"))
    ax.legend(
        handles=items, loc="upper left", bbox_to_anchor=(start, 0), borderaxespad=2.3, ncol=4,
        frameon=False, fontsize=7.5, columnspacing=1.3, handletextpad=0.6,
    )  # fmt: skip
