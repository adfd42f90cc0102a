"""Before the data: the share of sites with a detection that the priors expect, and the real one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from occupancy.outputs import OutputError, sheet, style, words
from occupancy.outputs.headline import caption
from occupancy.outputs.results import Results, season_name

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Before the data: what the priors expect"
INSIDE = (0.05, 0.95)
INNER = (0.25, 0.75)
STRANGE = 0.05  # fewer of the draws than this lie beyond the data: the two do not agree
PALE = "#d5e3ea"
MOST_WAYS = 3
BINS = 25
GAP = 0.5  # inches between the panels


def expected(results: Results) -> xr.Dataset:
    """What the priors expect of the species shown, or a refusal that says why it is not known."""
    drawn = results.prior_predictive
    if drawn is None:
        why = results.absent.get("prior_predictive", "the fit does not tell.")
        raise OutputError(f"No figure of the priors: {why}")
    return drawn


def sentence(results: Results) -> str:
    """What was expected, what was seen, and whether the one is strange to the other."""
    drawn = expected(results)
    t = _place(results)
    naive, seen = drawn["naive"].to_numpy()[:, t], float(drawn["observed"].to_numpy()[t])
    low, high = np.quantile(naive, INSIDE)
    when = f" in {results.season_name}" if results.season_name else ""
    text = (
        f"Before any data the model expects a detection at {words.percent_interval(low, high)} of "
        f"the sites visited{when} (90% of {words.count(len(naive))} surveys drawn from the priors)."
    )
    if not np.isfinite(seen):
        return text
    below, above = float(np.mean(naive < seen)), float(np.mean(naive > seen))
    real = f"{text} In these surveys it was {words.percent(seen)},"
    if min(1 - above, 1 - below) >= STRANGE:
        return f"{real} as the priors allow."
    way = "above" if below > above else "below"
    share = words.percent(min(1 - above, 1 - below))
    return (
        f"{real} {way} nearly all that the priors expect ({share} of the draws go so far): ask "
        "whether the priors are about this species and method."
    )


def figure(results: Results, *, width: float = 7.4, bare: bool = False) -> tuple[Figure, str]:
    """Draw expected and real naive occupancy; beside it, psi and p as the priors have them."""
    drawn = expected(results)
    several = drawn.sizes["season"] > 1
    with style.drawing():
        head = sheet.head(
            *("", "") if bare else (TITLE, sentence(results)),
            "" if bare else caption(results),
            width,
            title_size=12,
        )
        small = _small_panels(results, drawn)
        body = max(2.5, 0.88 * len(small))
        fig = style.new_figure(width, head.top + body + 0.6 + head.bottom)
        sheet.draw_head(fig, head)
        low = head.bottom + 0.5
        aside = 0.31 * (width - 1.2)
        left = 0.72 if several else 0.4
        across = width - left - aside - GAP - 0.3
        ax = sheet.axes_at(fig, left, low, across, body)
        _seasons(ax, results, drawn) if several else _one_season(ax, drawn, across)
        ax.grid(axis="y" if several else "x", color=style.GRID, lw=0.7)
        ax.set_axisbelow(True)
        ax.tick_params(length=0, labelsize=7.5)
        each = body / len(small)
        for k, (name, values, estimate) in enumerate(small):
            at = low + body - (k + 1) * each
            part = sheet.axes_at(fig, left + across + GAP, at, aside, each - 0.3)
            _small(part, name, values, estimate, k == len(small) - 1)
        return fig, alt_text(results)


def write(
    results: Results, folder: Path, *, formats=("png",), stem="prior-predictive", **options
) -> list[Path]:
    fig, alt = figure(results, **options)
    return style.save(fig, folder, stem, alt=alt, title=TITLE, formats=tuple(formats))


def alt_text(results: Results) -> str:
    """What the figure shows, with its numbers."""
    return (
        "Share of sites with a detection that the priors expect, and the real one; beside it psi "
        f"and p as the priors have them. {sentence(results)}"
    )


def _place(results: Results) -> int:
    """The place of the season shown."""
    labels = expected(results)["season"].values
    found = [t for t, label in enumerate(labels) if str(label) == str(results.season)]
    return found[0] if found else len(labels) - 1


def _one_season(ax: Axes, drawn: xr.Dataset, across: float) -> None:
    """A histogram of the draws, the middle 90 % darker, and the real share as a line."""
    naive, seen = drawn["naive"].to_numpy()[:, 0], float(drawn["observed"].to_numpy()[0])
    low, high = np.quantile(naive, INSIDE)
    edges = np.linspace(0, 1, BINS + 1)
    share = np.histogram(naive, edges)[0] / len(naive)
    middle = 0.5 * (edges[1:] + edges[:-1])
    inside = (middle >= low) & (middle <= high)
    colours = np.where(inside, style.SKY, PALE)
    ax.bar(middle, share, width=0.88 / BINS, color=colours, lw=0)
    top = 1.27 * float(share.max())
    ax.plot([low, high], [1.06 * share.max()] * 2, color=style.MUTED, lw=1, solid_capstyle="butt")
    for x in (low, high):
        ax.plot([x, x], [1.04 * share.max(), 1.08 * share.max()], color=style.MUTED, lw=1)
    label = "90% of the draws"
    half = 0.5 * style.text_width(label, 7.5) / across
    ax.text(
        float(np.clip(0.5 * (low + high), half, 1 - half)), 1.085 * share.max(), label,
        ha="center", va="bottom", fontsize=7.5, color=style.MUTED, zorder=6,
        bbox={"fc": "white", "ec": "none", "pad": 1.0, "alpha": 0.85},
    )  # fmt: skip
    if np.isfinite(seen):
        ax.plot([seen, seen], [0, 1.255 * share.max()], color=style.RED, lw=1.8, zorder=4)
        left = seen > 0.6
        ax.text(
            seen + (-0.014 if left else 0.014), 1.255 * share.max(),
            f"these surveys: {words.percent(seen)}", color=style.RED, fontsize=8, zorder=6,
            ha="right" if left else "left", va="top",
            bbox={"fc": "white", "ec": "none", "pad": 1.2, "alpha": 0.85},
        )  # fmt: skip
    ax.set_xlim(0, 1)
    ax.set_ylim(0, top)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("visited sites with a detection, in surveys drawn from the priors")


def _seasons(ax: Axes, results: Results, drawn: xr.Dataset) -> None:
    """An interval of the draws for each season, and the real shares on it."""
    naive, seen = drawn["naive"].to_numpy(), drawn["observed"].to_numpy()
    known = np.isfinite(naive).all(axis=0)
    x = np.arange(naive.shape[1])
    half = 0.32
    for t in x[known]:
        for ends, colour in ((INSIDE, PALE), (INNER, style.SKY)):
            low, high = np.quantile(naive[:, t], ends)
            ax.fill_between([t - half, t + half], low, high, color=colour, lw=0)
        middle = np.median(naive[:, t])
        ax.plot([t - half, t + half], [middle, middle], color="white", lw=1.6)
    ax.plot(x[known], seen[known], color=style.RED, lw=1.0, zorder=4)
    ax.plot(x[known], seen[known], "D", color=style.RED, ms=4.6, mec="white", mew=0.6, zorder=5)
    ax.set_xlim(-0.6, len(x) - 0.4)
    ax.set_ylim(0, 1)
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    labels = [season_name(s, results.seasons) or "" for s in drawn["season"].values]
    step = max(1, -(-len(labels) // 12))
    ax.set_xticks(x[::step], labels[::step])
    ax.set_ylabel("visited sites with a detection")
    ax.set_xlabel("bands: 50% and 90% of the draws;  \u25c6 these surveys", color=style.MUTED)
    ax.spines["left"].set_visible(False)


def _small_panels(results: Results, drawn: xr.Dataset) -> list[tuple[str, np.ndarray, Any]]:
    """(name, draws, estimate) of psi and of every way of seeing the species."""
    t = _place(results)
    row = results.overall_here()
    mean = None if results.withheld else row.get("psi_mean")
    out: list[tuple[str, np.ndarray, Any]] = [
        ("psi, occupancy", drawn["psi"].to_numpy()[:, t], mean)
    ]
    if "p" not in drawn:
        return out
    found = {}
    if results.detection is not None and not results.withheld:
        for _, one in results.detection.iterrows():
            found[str(one.get("parameter", ""))] = one["p_mean"]
    for k in range(min(drawn.sizes["way"], MOST_WAYS)):
        name = str(drawn["way"].values[k])
        alone = drawn.sizes["way"] == 1
        estimate = found.get(name, next(iter(found.values()), None) if alone else None)
        label = "p, detection on a visit" if alone else words.clean(name)
        out.append((label, drawn["p"].to_numpy()[:, k], estimate))
    return out


def _small(ax: Axes, name: str, values: np.ndarray, estimate: Any, last: bool) -> None:
    """One parameter: a histogram of the draws, and the estimate from the data."""
    edges = np.linspace(0, 1, BINS + 1)
    good = values[np.isfinite(values)]
    share = np.histogram(np.clip(good, 0, 1), edges)[0] / max(len(good), 1)
    low, high = np.quantile(good, INSIDE) if len(good) else (0.0, 1.0)
    middle = 0.5 * (edges[1:] + edges[:-1])
    colours = np.where((middle >= low) & (middle <= high), style.SKY, PALE)
    ax.bar(middle, share, width=0.88 / BINS, color=colours, lw=0)
    top = max(float(share.max()), 1e-6)
    if not words.is_missing(estimate):
        ax.plot([estimate] * 2, [0, 1.28 * top], color=style.BLUE, lw=1.6, zorder=4)
        left = float(estimate) > 0.55
        ax.text(
            float(estimate) + (-0.025 if left else 0.025), 1.3 * top,
            f"estimate {words.percent(estimate)}", fontsize=7, color=style.BLUE,
            ha="right" if left else "left", va="top", zorder=6,
            bbox={"fc": "white", "ec": "none", "pad": 0.8, "alpha": 0.85},
        )  # fmt: skip
    ax.set_title(style.shorten(name, 2.2, 8), fontsize=8, loc="left", pad=4, color=style.INK)
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1.32 * top)
    ticks = [0, 0.5, 1]
    ax.set_xticks(ticks, ["0%", "50%", "100%"] if last else [""] * 3)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.tick_params(length=0, labelsize=7)
    ax.grid(axis="x", color=style.GRID, lw=0.7)
    ax.set_axisbelow(True)
