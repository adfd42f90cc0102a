"""Histories, accumulation and seasons: sites against visits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from occupancy.outputs import sheet, style, words
from occupancy.outputs.quality_sheet import HALF, WIDE, Drawn, Setting, begin, blues, legend, quiet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from surveys.quality.accumulation import Accumulation
    from surveys.quality.histories import Histories, History
    from surveys.quality.seasons import Seasons

PALE, DEEP, SEEN = (np.array(colour) for colour in style.VISITS)
MOST_SEASONS = 6
MOST_ROWS, MOST_COLUMNS = 500, 500
IN_BLOCK, GAP = 44, 0.12
FAINT = np.array([0x9C, 0xBF, 0xD2]) / 255  # few of a group's visits with a detection


def histories(section: Histories, setting: Setting) -> list[Drawn]:
    """A picture for each species: blank, zero, one; effort as shade."""
    return [_history(h, section, setting) for h in section.shown]


def _history(one: History, section: Histories, setting: Setting) -> Drawn:
    from matplotlib.patches import Patch

    from surveys.quality.said import start

    name = words.clean(one.species)
    first = max(len(section.seasons) - MOST_SEASONS, 0)
    state, effort = one.state[:, first:], one.effort[:, first:]
    seasons = section.seasons[first:]
    n = len(state)
    size = -(-n // MOST_ROWS)
    wide = -(-state.shape[2] // MOST_COLUMNS)
    made, seen = ~np.isnan(state), np.nan_to_num(state) > 0
    share = None
    if size > 1 or wide > 1:
        total, hits = _blocks(made, size, wide), _blocks(seen, size, wide)
        work = _blocks(np.where(made, np.nan_to_num(effort), 0.0), size, wide)
        work = np.divide(work, total, out=np.full(work.shape, np.nan), where=total > 0)
        share = np.divide(hits, total, out=np.full(total.shape, np.nan), where=total > 0)
        made, effort = total > 0, work
    known = effort[made]
    shaded = len(known) > 0 and np.ptp(known) > 0
    rows = made.shape[0]
    regions = _regions(one.region) if size == 1 else []
    names = [r for r, _, _ in regions if r]
    left = 0.42 if not names else min(max(style.text_width(r, 7.5) for r in names) + 0.2, 2.0)
    across = WIDE - 2 * sheet.MARGIN - left
    columns = made.shape[2]
    # Few visits at many sites: the rows go on in a second block beside the first.
    most = int((across + GAP) / (0.3 * columns + GAP))
    blocks = 1 if names or len(seasons) > 1 else max(min(-(-rows // IN_BLOCK), most), 1)
    deep = -(-rows // blocks)
    panels = [(0, rows, k) for k in range(len(seasons))]
    if blocks > 1:
        panels = [(k * deep, min((k + 1) * deep, rows), 0) for k in range(blocks)]
    body = float(np.clip(0.17 * deep, 0.8, 6.4))
    gap = GAP if len(panels) > 1 else 0.0
    each = min((across - gap * (len(panels) - 1)) / len(panels), 0.62 * columns)
    width = 2 * sheet.MARGIN + left + each * len(panels) + gap * (len(panels) - 1)
    width = float(np.clip(width, HALF, WIDE))
    title = (
        f"{start(name)} was detected at {words.share(one.detected, one.surveyed, 'surveyed sites')}"
    )
    told = (
        f"Each row is {'a site' if size == 1 else f'{size} sites'}, each column "
        f"{'a visit' if wide == 1 else f'{wide} visits'}"
        + (f", in {blocks} blocks" if blocks > 1 else "")
        + f". {words.counted(one.visits, 'visit')}, {words.count(one.detections)} with a detection."
    )
    with style.drawing():
        fig, bottom = begin(title, told, setting, width, body, 0.78)
        top = float(np.nanmax(known)) if shaded else 1.0
        high, broad = body / deep, each / columns
        # Crosses on most of the cells would hide the rest; white says the same.
        crosses = share is None and min(high, broad) > 0.07 and made.mean() > 0.6
        level = np.nan_to_num(effort) / top if shaded else np.full(made.shape, 0.5)
        image = PALE + (DEEP - PALE) * level[..., None]
        image[~made] = 1.0
        if share is None:
            image[seen] = SEEN
        else:
            part = np.sqrt(np.nan_to_num(share))[..., None]
            image = np.where(part > 0, FAINT + (SEEN - FAINT) * part, image)
        for k, (start, end, season) in enumerate(panels):
            x0 = sheet.MARGIN + left + k * (each + gap)
            ax = sheet.axes_at(fig, x0, bottom, each, body)
            ax.imshow(image[start:end, season], aspect="auto", interpolation="nearest")
            ax.set_ylim(deep - 0.5, -0.5)
            if crosses:
                y, x = np.nonzero(~made[start:end, season])
                ax.plot(x, y, "x", color="#8b959b", ms=3, mew=0.7)
            _frame(ax, columns, wide)
            if high > 0.09 and broad > 0.09:
                for y in range(1, end - start):
                    ax.axhline(y - 0.5, color="white", lw=1.0)
                for x in range(1, columns):
                    ax.axvline(x - 0.5, color="white", lw=1.0)
            if end - start < deep:  # the last block may be shorter
                ax.axhspan(end - start - 0.5, deep - 0.5, color="white", lw=0)
            several = len(section.seasons) > 1
            ax.set_xlabel(
                f"visit in {words.clean(seasons[season])}" if several else "visit", fontsize=8
            )
            for _, _, edge in regions[:-1]:
                ax.axhline(edge - 0.5, color="white", lw=2.6)
                ax.axhline(edge - 0.5, color=style.INK, lw=0.6)
            if k == 0:
                _row_names(ax, regions, n, left, body)
        keys = [
            Patch(fc=SEEN, label="1: detected" if share is None else "detected on every visit"),
            *([Patch(fc=FAINT, label="on few of the visits")] if share is not None else []),
            Patch(
                fc=(PALE + DEEP) / 2,
                label="0: visited, not detected"
                + (f" (darker: more {words.clean(section.effort_units)})" if shaded else ""),
            ),
            Patch(
                fc="white", ec=style.NOT_ESTIMATED_EDGE, lw=0.6,
                label="blank: no visit" + (" (×)" if crosses else ""),
            ),
        ]  # fmt: skip
        legend(fig, keys, bottom - 0.7)
        stem = f"histories-{_stem(name)}"
        label = f"{name}: {words.share(one.detected, one.surveyed, 'sites')}"
        alt = f"Detection histories. {title}. {told}"
        return Drawn(stem, fig, title, alt, label, pixels=True)


def _stem(name: str) -> str:
    from occupancy.outputs.files import file_stem

    return file_stem(name)


def _blocks(values: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Sums over blocks of rows and columns of (row, season, column)."""
    out = np.add.reduceat(values.astype(float), np.arange(0, values.shape[0], rows), axis=0)
    return np.add.reduceat(out, np.arange(0, values.shape[2], columns), axis=2)


def _regions(region: np.ndarray) -> list[tuple[str, int, int]]:
    spans, start = [], 0
    for k in range(1, len(region) + 1):
        if k == len(region) or region[k] != region[start]:
            spans.append((words.clean(region[start]), start, k))
            start = k
    return spans


def _frame(ax: Axes, n: int, wide: int = 1) -> None:
    step = max(1, int(np.ceil(n / 16)))
    ax.set_xticks(range(0, n, step), [1 + k * wide for k in range(0, n, step)], fontsize=7)
    ax.set_yticks([])
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(True)
        spine.set_color(style.LINE)


def _row_names(ax: Axes, regions, n: int, left: float, body: float) -> None:
    tall = [(r, a, b) for r, a, b in regions if r and (b - a) * body / n * 72 > 8]
    if tall:
        ax.set_yticks([(a + b) / 2 - 0.5 for _, a, b in tall])
        ax.set_yticklabels(
            [style.shorten(r, left - 0.1, 7.5) for r, _, _ in tall], fontsize=7.5, color=style.INK
        )
    else:
        ax.set_ylabel(words.counted(n, "site"), fontsize=8)


def accumulation(section: Accumulation, setting: Setting) -> list[Drawn]:
    """A panel for each species: as the visits came, in any order, and how many sites had them."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    curves = section.curves
    columns = min(len(curves), 3)
    rows = -(-len(curves) // columns)
    width = WIDE if columns > 1 else 6.6
    gap, left, high, low = 0.3, 0.6, 1.55, 0.62
    each = (width - left - sheet.MARGIN - gap * (columns - 1)) / columns
    support = section.with_visit
    assert support is not None
    top = 1.0 if max(c.observed[-1] for c in curves) > 0.45 else 0.5
    with style.drawing():
        body = rows * high + (rows - 1) * low + 0.22
        fig, bottom = begin(section.title, section.told, setting, width, body, 0.86)
        for k, curve in enumerate(curves):
            row, column = divmod(k, columns)
            y = bottom + (rows - 1 - row) * (high + low)
            ax = sheet.axes_at(fig, left + column * (each + gap), y, each, high)
            n = np.arange(1, len(curve.observed) + 1)
            ax.bar(n, top * support[: len(n)] / support[0], width=0.82, color=style.GRID, lw=0)
            ax.plot(n, curve.expected, color=style.SAND, lw=1.4, ls=(0, (3, 2)))
            ax.plot(
                n, curve.observed, color=style.BLUE, lw=1.8, marker="o",
                ms=3.2 if len(n) <= 16 else 0, clip_on=False,
            )  # fmt: skip
            ax.set_xlim(0.4, len(support) + 0.6)
            ax.set_ylim(0, top)
            ax.yaxis.set_major_formatter(lambda v, _: f"{v:.0%}")
            ax.set_yticks(np.linspace(0, top, 5 if top == 1 else 6))
            quiet(ax)
            if column:
                ax.set_yticklabels([])
            ax.xaxis.get_major_locator().set_params(integer=True)
            name = style.shorten(words.clean(curve.species), each - 0.55, 8.5, "bold")
            ax.set_title(name, fontsize=8.5, fontweight="bold", loc="left", pad=5)
            ax.set_title(f"{curve.observed[-1]:.0%}", fontsize=8, loc="right", color=style.MUTED)
            if row == rows - 1 or k + columns >= len(curves):
                ax.set_xlabel("visits made at a site", fontsize=8)
        legend(
            fig,
            [
                Line2D([], [], color=style.BLUE, lw=1.8, marker="o", ms=3.2,
                       label="share of sites, as the visits came"),
                Line2D([], [], color=style.SAND, lw=1.4, ls=(0, (3, 2)),
                       label="mean of all orders of the visits"),
                Patch(fc=style.GRID, label="sites with so many visits"),
            ],
            bottom - 0.78,
        )  # fmt: skip
        return [Drawn("accumulation", fig, section.title, f"{section.title}. {section.told}")]


def seasons(section: Seasons, setting: Setting) -> list[Drawn]:
    """Visits of each site in each season, the sites of all seasons on top."""
    from matplotlib.patches import Patch

    visits = section.visits
    assert visits is not None
    n, size = len(visits), -(-len(visits) // MOST_ROWS)
    shown = np.add.reduceat(visits, np.arange(0, n, size), axis=0) / size
    body = float(np.clip(0.16 * len(shown), 0.8, 3.6))
    names = len(shown) <= 40 and size == 1
    left = 1.3 if names else 0.45
    width = float(np.clip(left + 0.75 * visits.shape[1] + 0.4, 4.2, WIDE))
    top = max(float(shown.max()), 1.0)
    colours = blues(4)
    breaks = np.unique(np.ceil(np.linspace(0, top, 5)[1:] - 1e-9)).astype(int)
    with style.drawing():
        fig, bottom = begin(section.title, section.told, setting, width, body + 0.2, 0.7)
        ax = sheet.axes_at(fig, sheet.MARGIN + left, bottom, width - left - 2 * sheet.MARGIN, body)
        from matplotlib.colors import to_rgb

        image = np.ones((*shown.shape, 3))
        index = np.clip(np.searchsorted(breaks, np.ceil(shown)), 0, len(breaks) - 1)
        palette = np.array([to_rgb(c) for c in colours])[: len(breaks)]
        if len(breaks) == 1:
            palette = np.array([to_rgb(style.SKY)])
        image[shown > 0] = palette[index[shown > 0]]
        ax.imshow(image, aspect="auto", interpolation="nearest")
        for x in range(1, visits.shape[1]):
            ax.axvline(x - 0.5, color="white", lw=1.2)
        step = max(1, int(np.ceil(visits.shape[1] / 24)))
        ax.set_xticks(
            range(0, visits.shape[1], step), [words.clean(s) for s in section.seasons[::step]]
        )
        counts = (visits > 0).sum(axis=0)
        for x in range(0, visits.shape[1], step):
            told = words.counted(counts[x], "site") if x == 0 else words.count(counts[x])
            ax.text(x, -0.5, told, fontsize=7.5, ha="center", va="bottom", color=style.MUTED)
        if names:
            told = [style.shorten(words.clean(s), left - 0.1, 7) for s in section.sites]
            ax.set_yticks(range(n), told, fontsize=7, color=style.INK)
        else:
            ax.set_yticks([])
            ax.set_ylabel(words.counted(n, "site"), fontsize=8)
        ax.tick_params(length=0, labelsize=7.5)
        for spine in ax.spines.values():
            spine.set_visible(True)
            spine.set_color(style.LINE)
        lows = [1, *(breaks[:-1] + 1)]
        keys = [
            Patch(fc=palette[k], label=f"{a}–{b}" if a < b else f"{b}")
            for k, (a, b) in enumerate(zip(lows, breaks, strict=True))
        ]
        keys[-1].set_label(keys[-1].get_label() + " visits")  # type: ignore[operator]
        keys.append(Patch(fc="white", ec=style.NOT_ESTIMATED_EDGE, lw=0.6, label="not surveyed"))
        legend(fig, keys, bottom - 0.6)
        alt = f"{section.title}. {section.told}"
        return [Drawn("seasons", fig, section.title, alt, pixels=True)]
