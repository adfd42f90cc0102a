"""Seeing them: the chance to notice a present species, visit by visit, and the visits needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from occupancy.families.catalogue import About
from occupancy.outputs import OutputError, sheet, style, words
from occupancy.outputs.headline import caption
from occupancy.outputs.results import Results

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GOAL = 0.95
MOST_VISITS = 60
KINDS = (
    (style.BLUE, "#c9dfe8"),
    (style.EARTH, "#e6dccd"),
    ("#5c8fae", "#dbe8ef"),
    (style.RED, "#efd3c9"),
)


def detection_rows(results: Results) -> pd.DataFrame:
    """The species' rows of the detection table, or a refusal that says why there are none."""
    table = results.detection
    if table is None or not len(table):
        raise OutputError(
            f"No figure of detection: {results.absent.get('detection', 'the model has none.')}"
        )
    if "species" in table and (table["species"].astype(str) == results.species).any():
        table = table[table["species"].astype(str) == results.species]
    return table


def detection_row(results: Results) -> Any:
    """The first row: that of the species, where it is seen in one way only."""
    return detection_rows(results).iloc[0]


def given(results: Results) -> str:
    """What detection supposes beside presence at the site: "in a unit that it uses", or ""."""
    told = str(results.model.get("seen", ""))
    return "" if told == About().seen else told


def kind_of(row: Any, results: Results) -> str:
    """Which of several ways of seeing a row is about, "" where there is one."""
    parameter = row.get("parameter")
    return "" if words.is_missing(parameter) else results.parameter(str(parameter)).name


def sentence(results: Results) -> str:
    """Chance of one visit, and the visits needed to be nearly sure; of every way of seeing."""
    rows = detection_rows(results)
    if len(rows) > 1:
        return " ".join(_of_a_kind(row, results) for _, row in rows.iterrows())
    row = rows.iloc[0]
    needed = words.visits_needed(row["visits_for_95"])
    name = results.species_name
    name = name if name == results.species else "it"
    where = given(results)
    text = (
        f"One visit finds {name}, {where or 'where present'}, with a chance of "
        f"{words.percent(row['p_mean'])} "
        f"({words.percent_interval(row['p_lower'], row['p_upper'])})."
    )
    if needed == words.DASH:
        return text
    noun = "visit is" if needed == "1" else "visits are"
    needed = needed[0].upper() + needed[1:]
    there = f"{where}" if where else "if present"
    text = f"{text} {needed} {noun} needed for a 95% chance to see it {there}."
    star = row.get("p_star_mean")
    if where and not words.is_missing(star):
        made = words.counted(round(float(row["visits"])), "visit")
        text += f" The {made} to an occupied site see it at least once with a chance of "
        text += f"{words.percent(star)}, wherever it was at each."
    return text


def _of_a_kind(row: Any, results: Results) -> str:
    text = (
        f"{kind_of(row, results)}: {words.percent(row['p_mean'])} "
        f"({words.percent_interval(row['p_lower'], row['p_upper'])}) on one visit"
    )
    needed = words.visits_needed(row["visits_for_95"])
    return f"{text}; {needed} visits for 95%." if needed != words.DASH else f"{text}."


def figure(results: Results, *, width: float = 7.4, bare: bool = False) -> tuple[Figure, str]:
    """Draw the chance of at least one detection against the number of visits."""
    rows = detection_rows(results)
    row = rows.iloc[0]
    needed, done = row["visits_for_95"], float(row["visits"])
    reach = np.nanmax([*rows["visits"].astype(float), *rows["visits_for_95"].astype(float)])
    last = int(np.clip(np.ceil(1.25 * reach), 4, MOST_VISITS))
    where = given(results)
    with style.drawing():
        head = sheet.head(
            *("", "") if bare else ("Seeing them", sentence(results)),
            "" if bare else caption(results),
            width,
            title_size=12,
        )
        fig = style.new_figure(width, head.top + 2.9 + head.bottom)
        sheet.draw_head(fig, head)
        ax = sheet.axes_at(fig, 0.75, head.bottom + 0.5, width - 1.0, 2.3)
        n = np.arange(0, last + 1)
        for k, (_, one) in enumerate(rows.iterrows()):
            colour, pale = KINDS[k % len(KINDS)]
            low, mid, high = (1 - (1 - one[f"p_{end}"]) ** n for end in ("lower", "mean", "upper"))
            ax.fill_between(n, low, high, color=pale, lw=0, alpha=1 if len(rows) == 1 else 0.6)
            ax.plot(
                n, mid, color=colour, lw=1.8, marker="o", ms=3 if last <= 30 else 0,
                clip_on=False, label=kind_of(one, results),
            )  # fmt: skip
        if len(rows) > 1:
            ax.legend(loc="lower right", frameon=False, fontsize=8)
        ax.axhline(GOAL, color=style.MUTED, lw=0.8, ls=(0, (4, 3)))
        ax.text(0.012 * last, GOAL + 0.012, "95%", fontsize=7.5, color=style.MUTED, va="bottom")
        if len(rows) == 1 and not words.is_missing(needed) and needed <= last:
            x = int(np.ceil(needed - 1e-9))
            ax.plot([x, x], [0, GOAL], color=style.MUTED, lw=0.8, ls=(0, (1.2, 1.6)))
            label = f"{words.counted(x, 'visit')} needed"
            _label(ax, _start(x, label, last, width - 1.0), 0.05, label, style.INK)
        star = row.get("p_star_mean")
        if len(rows) == 1 and not where and not words.is_missing(star) and done <= last:
            ax.errorbar(
                done, star,
                yerr=[[star - row["p_star_lower"]], [row["p_star_upper"] - star]],
                fmt="D", color=style.RED, ms=5, lw=1.4, zorder=5,
            )  # fmt: skip
            label = f"this survey: {words.counted(round(done), 'visit')}, {_chance(star)}"
            # Below the band where the label starts: the curve only rises from there.
            start = _start(done, label, last, width - 1.0)
            below = float(np.interp(start, n, low)) - 0.1
            _label(ax, start, max(below, 0.16), label, style.RED)
        ax.set_xlim(0, last)
        ax.set_ylim(0, 1.04)
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
        ax.set_xlabel(f"visits {where}" if where else "visits to a site where it is present")
        ax.set_ylabel("chance of at least one detection")
        ax.grid(color=style.GRID, lw=0.7)
        ax.set_axisbelow(True)
        ax.tick_params(length=0, labelsize=7.5)
        return fig, alt_text(results)


def _chance(star: float) -> str:
    """The chance in words; one that only rounding lifts to the goal does not claim to reach it."""
    text = words.percent(star)
    return f"just under {text}" if star < GOAL and text == words.percent(GOAL) else text


def _start(x: float, text: str, last: int, width: float) -> float:
    """Where a label begins: right of `x`, or as far left as its measured width asks for."""
    gap, wide = 0.012 * last, (style.text_width(text, 8) + 0.06) / width * last
    return max(min(x + gap, last - wide), 0.0)


def _label(ax: Axes, x: float, y: float, text: str, colour: str) -> None:
    ax.text(
        x, y, text, fontsize=8, color=colour, zorder=6, ha="left", va="center",
        bbox={"fc": "white", "ec": "none", "pad": 1.2, "alpha": 0.85},
    )  # fmt: skip


def write(
    results: Results, folder: Path, *, formats=("png",), stem="detection", **options
) -> list[Path]:
    fig, alt = figure(results, **options)
    return style.save(fig, folder, stem, alt=alt, title="Seeing them", formats=tuple(formats))


def alt_text(results: Results) -> str:
    row = detection_row(results)
    text = f"Curve of the chance of at least one detection against visits. {sentence(results)}"
    several = len(detection_rows(results)) > 1 or given(results)
    if words.is_missing(row.get("p_star_mean")) or several:
        return text
    star = _chance(row["p_star_mean"])
    return f"{text} With the {words.counted(round(row['visits']), 'visit')} made it is {star}."
