"""The raw data as a picture: sites by visits, effort as shade, detections, and visits not made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from occupancy.outputs import OutputError, sheet, style, words
from occupancy.outputs.headline import caption
from occupancy.outputs.results import Histories, Results, season_name, season_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_SEASONS = 6
PALE, DEEP, SEEN = (np.array(colour) for colour in style.VISITS)
LESS = np.array([0x5C, 0x8F, 0xAE]) / 255  # the lesser of two kinds of detections


def figure(results: Results, *, width: float = 7.4) -> tuple[Figure, str]:
    """Draw every site's history, grouped by region, sites with most detections first."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    seen = results.histories
    if seen is None or not len(seen.sites):
        raise OutputError(
            "There are no detection histories to draw: the surveys are not kept with the fit."
        )
    order, regions = _order(results, seen)
    first = max(len(seen.seasons) - MOST_SEASONS, 0)
    detection = seen.detection[order][:, first:]
    effort = None if seen.effort is None else seen.effort[order][:, first:]
    seasons = seen.seasons[first:]
    if effort is not None:
        known = effort[np.isfinite(effort) & np.isfinite(detection)]
        if not len(known) or np.ptp(known) == 0:
            effort = None  # one shade for all says nothing
    n, kinds = len(order), kinds_seen(results)
    with style.drawing():
        head = sheet.head(
            "What was seen", _support(results, first), caption(results), width, title_size=12
        )
        body = float(np.clip(0.16 * n, 1.2, 8.0))
        fig = style.new_figure(width, head.top + body + 0.95 + head.bottom)
        sheet.draw_head(fig, head)
        names = [r for r, _, _ in regions if r]
        left = min(max((style.text_width(r, 7.5) for r in names), default=0.0) + 0.15, 0.25 * width)
        if not names:
            left = 0.3
        across = width - 2 * sheet.MARGIN - left
        gap = 0.08 if len(seasons) > 1 else 0.0
        one = (across - gap * (len(seasons) - 1)) / len(seasons)
        for k, season in enumerate(seasons):
            ax = sheet.axes_at(
                fig, sheet.MARGIN + left + k * (one + gap), head.bottom + 0.78, one, body
            )
            shade = None if effort is None else effort[:, k]
            _draw(ax, detection[:, k], shade, crosses=body / n > 0.055, kinds=len(kinds))
            ax.set_xlabel(f"visits {season_name(season, seen.seasons)}".strip(), fontsize=7.5)
            for _, _, end in regions[:-1]:
                ax.axhline(end - 0.5, color="white", lw=2.6)
                ax.axhline(end - 0.5, color=style.INK, lw=0.6)
            if k == 0 and names:
                # A region lower than a line of text goes without its name.
                tall = [(r, a, b) for r, a, b in regions if (b - a) * body / n * 72 > 8]
                ticks = [((a + b) / 2 - 0.5, r) for r, a, b in tall or regions[:1]]
                ax.set_yticks(*zip(*ticks, strict=True), fontsize=7.5, color=style.INK)
                ax.set_yticklabels([style.shorten(r, left - 0.1, 7.5) for _, r in ticks])
            elif k == 0:
                ax.set_ylabel(words.counted(n, "site"))
        shade_label = (
            f"visited, not detected (shade: {seen.effort_units or 'effort'})"
            if effort is not None
            else "visited, not detected"
        )
        items = [
            *(
                [Patch(fc=c, label=t) for c, t in zip((LESS, SEEN), kinds.values(), strict=False)]
                or [Patch(fc=SEEN, label="detected")]
            ),
            *([Patch(fc=(PALE + DEEP) / 2, label=shade_label)] if results.tells_detections else []),
            Line2D([], [], marker="x", ls="", color="#8b959b", ms=4, label="no visit")
            if body / n > 0.055
            else Patch(fc="white", ec=style.NOT_ESTIMATED_EDGE, lw=0.5, label="no visit"),
        ]
        fig.legend(
            handles=items, loc="lower left", frameon=False, fontsize=7.5, ncol=4,
            bbox_to_anchor=(sheet.MARGIN / width, (head.bottom + 0.06) / fig.get_size_inches()[1]),
            borderaxespad=0,
        )  # fmt: skip
        return fig, alt_text(results)


def write(
    results: Results, folder: Path, *, formats=("png",), stem="histories", **options
) -> list[Path]:
    fig, alt = figure(results, **options)
    return style.save(fig, folder, stem, alt=alt, title="What was seen", formats=tuple(formats))


def totals(seen: Histories) -> tuple[int, int]:
    """Visits made and visits with a detection, over all sites and seasons."""
    return int(np.isfinite(seen.detection).sum()), int((seen.detection > 0).sum())


def kinds_seen(results: Results) -> dict[int, str]:
    """What the values above 0 mean, where there is more than one; else nothing."""
    seen = results.histories
    if seen is None:
        return {}
    if results.tells_detections and not (np.nan_to_num(seen.detection) > 1).any():
        return {}
    told = dict(results.model.get("values", {}))
    return told or {1: "detected", 2: "detected, above 1"}


def alt_text(results: Results) -> str:
    visits, found = totals(results.histories)  # type: ignore[arg-type]
    sites = len(results.histories.sites)  # type: ignore[union-attr]
    if not results.tells_detections:
        return f"Visits to {words.counted(sites, 'site')}: {words.counted(visits, 'score')}."
    return (
        f"Detection histories of {words.counted(sites, 'site')}: a detection on "
        f"{words.share(found, visits, 'visits')}."
    )


def _support(results: Results, skipped: int) -> str:
    visits, found = totals(results.histories)  # type: ignore[arg-type]
    text = f"{words.counted(visits, 'visit')}, of which {words.count(found)} with a detection."
    if not results.tells_detections:
        text = f"{words.counted(visits, 'visit')} with a score."
    return f"{text} The last {MOST_SEASONS} seasons are drawn." if skipped else text


def _order(results: Results, seen: Histories) -> tuple[np.ndarray, list[tuple[str, int, int]]]:
    """Row order of sites, and for each region its name, first and last-plus-one row."""
    here = results.sites[season_rows(results.sites, results.season)]
    region_of = dict(zip(here["site"], here["region"], strict=True))
    region = np.array([words.clean(region_of.get(s, "")) for s in seen.sites], dtype=object)
    found = np.nansum(seen.detection > 0, axis=(1, 2))
    made = np.isfinite(seen.detection).sum(axis=(1, 2))
    order = np.array(sorted(range(len(region)), key=lambda i: (region[i], -found[i], -made[i])))
    spans, start = [], 0
    for k in range(1, len(order) + 1):
        if k == len(order) or region[order[k]] != region[order[start]]:
            spans.append((region[order[start]], start, k))
            start = k
    return order, spans


def _draw(
    ax: Axes, detection: np.ndarray, effort: np.ndarray | None, *, crosses: bool, kinds: int
) -> None:
    made = np.isfinite(detection)
    share = np.full(detection.shape, 0.5)
    if effort is not None and np.isfinite(effort).any():
        top = np.nanmax(effort) or 1.0
        share = np.nan_to_num(effort, nan=0.0) / top
    image = PALE + (DEEP - PALE) * share[..., None]
    image[~made] = 1.0
    image[made & (np.nan_to_num(detection) > 0)] = SEEN
    if kinds > 1:
        image[made & (np.nan_to_num(detection) == 1)] = LESS
    ax.imshow(image, aspect="auto", interpolation="nearest")
    if crosses:
        rows, columns = np.nonzero(~made)
        ax.plot(columns, rows, "x", color="#8b959b", ms=2.6, mew=0.6)
    n = detection.shape[1]
    step = max(1, int(np.ceil(n / 12)))
    ax.set_xticks(range(0, n, step), range(1, n + 1, step), fontsize=7)
    ax.set_yticks([])
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(True)
        spine.set_color(style.LINE)
