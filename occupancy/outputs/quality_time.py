"""Cameras along the calendar: when each stood, failed and recorded; where it fell silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from occupancy.outputs import sheet, style, words
from occupancy.outputs.quality_sheet import (
    BAND,
    FAILED,
    OTHER,
    OUTSIDE,
    WIDE,
    WORKED,
    Drawn,
    Setting,
    begin,
    blues,
    dates,
    legend,
    quiet,
    without_common_start,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from surveys.quality.operation import Operation
    from surveys.quality.silence import Silence

ON_A_PAGE, MOST_PAGES = 48, 4
STEPS = 1600  # places along the calendar at which a tick is told from the next
LABELS = 1.5  # inches
ROWS, COLUMNS = 150, 240  # of a binned calendar
IDLE, MOST_STRETCHES, GAP = 0.12, 6, 0.14  # share of the calendar that is cut out when idle
MISSED = "#9db2bd"


def operation(section: Operation, setting: Setting) -> list[Drawn]:
    """Sites as rows in the order of their first day, in pages; many sites in groups."""
    if len(section.sites) > ON_A_PAGE * MOST_PAGES:
        return [_grouped(section, setting)]
    n = len(section.sites)
    pages = -(-n // ON_A_PAGE)
    size = -(-n // pages)
    return [_page(section, setting, k * size, min((k + 1) * size, n), pages) for k in range(pages)]


def _page(section: Operation, setting: Setting, first: int, end: int, pages: int) -> Drawn:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    n = end - first
    label = f"sites {first + 1}–{end} of {len(section.sites)}" if pages > 1 else ""
    body = max(0.2 * n, 0.7)
    with style.drawing():
        fig, bottom = begin(
            section.title + (f" ({label})" if label else ""),
            section.told,
            setting,
            WIDE,
            body,
            0.72,
        )
        parts = _stretches(section)
        across = WIDE - LABELS - 2 * sheet.MARGIN - GAP * (len(parts) - 1)
        whole = sum((closes - opens for opens, closes in parts), pd.Timedelta(0))
        x = sheet.MARGIN + LABELS
        for k, (opens, closes) in enumerate(parts):
            wide = across * ((closes - opens) / whole)
            ax = sheet.axes_at(fig, x, bottom, wide, body)
            x += wide + GAP
            _rows(ax, section, first, end, (opens, closes))
            ax.set_yticks([])
            dates(ax, most=max(int(wide / 0.75), 2))
            if k == 0:
                room = LABELS - 0.1
                names = without_common_start([words.clean(s) for s in section.sites])[first:end]
                names = [style.shorten(name, room, 7.5) for name in names]
                ax.set_yticks(range(n), names, fontsize=7.5, color=style.INK)
        out = _mine(section.ticks, first, end)
        out = out[out["kind"] == "outside"]
        keys = (
            [
                Patch(fc=WORKED, label="camera stood"),
                Patch(fc="white", ec=FAILED, hatch="//////", lw=0.7, label="did not work"),
                Line2D([], [], color=style.BLUE, marker="|", ms=8, ls="", mew=1.3, label="species"),
                Line2D(
                    [], [], color=OTHER, marker="|", ms=5, ls="", mew=1.1,
                    label="blank, person, not to species",
                ),
                Line2D(
                    [], [], color=OUTSIDE, marker="x", ms=4.5, ls="", mew=1.3,
                    label="record while no camera worked",
                ),
            ]
            if section.cameras
            else [
                Patch(fc=WORKED, label="recorder ran"),
                Line2D([], [], color=style.BLUE, marker="|", ms=8, ls="", mew=1.3, label="species"),
                Line2D(
                    [], [], color=OTHER, marker="|", ms=5, ls="", mew=1.1,
                    label="below the threshold",
                ),
            ]
            if section.recorders
            else [
                Line2D(
                    [], [], color=style.BLUE, marker="|", ms=8, ls="", mew=1.3,
                    label="visit with a detection",
                ),
                Line2D(
                    [], [], color=MISSED, marker="|", ms=6, ls="", mew=1.3,
                    label="visit without",
                ),
            ]
        )  # fmt: skip
        if section.cameras:
            idle = {"did not work"} if not len(section.failed) else set()  # type: ignore[arg-type]
            idle |= {"record while no camera worked"} if not len(out) else set()
            keys = [key for key in keys if key.get_label() not in idle]
        legend(fig, keys, bottom - 0.66)
        stem = "operation" + (f"-{first // max(n, 1) + 1}" if pages > 1 else "")
        return Drawn(stem, fig, section.title, f"{section.title}. {section.told}", label)


def _rows(ax: Axes, section: Operation, first: int, end: int, reach) -> None:
    """The bars and ticks of some sites within a stretch of the calendar."""
    n = end - first
    for k in range(0, n, 2):
        ax.axhspan(k - 0.5, k + 0.5, color=BAND, lw=0)
    if section.cameras:
        worked, failed = (_mine(t, first, end) for t in (section.worked, section.failed))
        _spans(ax, worked, 0.62, facecolors=WORKED, edgecolors="white", linewidths=0.6)
        _spans(
            ax, failed, 0.62, facecolors="white", edgecolors=FAILED, linewidths=0.7,
            hatch="//////",
        )  # fmt: skip
    if section.recorders:
        # Recordings may be shorter than a hair of the drawing: each has a line, long ones a bar.
        ran = _mine(section.worked, first, end)
        ran = ran[(ran["end"] >= reach[0]) & (ran["start"] <= reach[1])]
        wide = ran[ran["end"] - ran["start"] > (reach[1] - reach[0]) / STEPS]
        _spans(ax, wide, 0.62, facecolors=WORKED, edgecolors="none")
        _ticks(ax, ran["site"], ran["start"], 0.31, WORKED, reach)
    ticks = _mine(section.ticks, first, end)
    ticks = ticks[(ticks["time"] >= reach[0]) & (ticks["time"] <= reach[1])]
    pale = (OTHER, 0.2) if section.cameras or section.recorders else (MISSED, 0.24)
    for kind, colour, half in (("other", *pale), ("species", style.BLUE, 0.31)):
        mine = ticks[ticks["kind"] == kind]
        _ticks(ax, mine["site"], mine["time"], half, colour, reach)
    out = ticks[ticks["kind"] == "outside"]
    ax.plot(out["time"], out["site"], "x", color=OUTSIDE, ms=4.5, mew=1.3)
    ax.set_xlim(*reach)
    ax.set_ylim(n - 0.5, -0.5)
    quiet(ax, grid="x")
    ax.spines["left"].set_visible(False)


def _stretches(section: Operation) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    """The calendar without the long times between surveys, in which no camera stood anywhere."""
    opens, closes = _reach(section)
    worked = section.worked
    assert worked is not None
    spans = worked.sort_values("start")
    start, end = spans["start"].to_numpy(), spans["end"].cummax().to_numpy()
    idle = (start[1:] - end[:-1]) / np.timedelta64(1, "s")
    longest = np.sort(idle)[::-1][: MOST_STRETCHES - 1]
    cuts = np.flatnonzero(
        (idle > IDLE * (closes - opens).total_seconds()) & (idle >= longest[-1:].sum())
    )[: MOST_STRETCHES - 1]
    pad = pd.Timedelta((closes - opens) * 0.008)
    edges = [opens]
    for k in cuts:
        edges += [pd.Timestamp(end[k]) + pad, pd.Timestamp(start[k + 1]) - pad]
    edges.append(closes)
    return list(zip(edges[::2], edges[1::2], strict=True))


def _reach(section: Operation) -> tuple[pd.Timestamp, pd.Timestamp]:
    """First and last day drawn: of the effort, and of records that are not far outside."""
    worked = section.worked
    assert worked is not None
    opens, closes = worked["start"].min(), worked["end"].max()
    pad = max((closes - opens) * 0.1, pd.Timedelta(2, "D"))
    ticks = section.ticks["time"]  # type: ignore[index]
    near = ticks[(ticks > opens - pad) & (ticks < closes + pad)]
    if len(near):
        opens, closes = min(opens, near.min()), max(closes, near.max())
    edge = max((closes - opens) * 0.012, pd.Timedelta(6, "h"))
    return opens - edge, closes + edge


def _mine(table: pd.DataFrame | None, first: int, end: int) -> pd.DataFrame:
    """The rows of some sites, these counted from 0."""
    assert table is not None
    mine = table[(table["site"] >= first) & (table["site"] < end)]
    return mine.assign(site=mine["site"] - first)


def _spans(ax: Axes, table: pd.DataFrame, height: float, **options) -> None:
    from matplotlib.collections import PolyCollection
    from matplotlib.dates import date2num

    if not len(table):
        return
    a, b = date2num(table["start"]), date2num(table["end"])
    y = table["site"].to_numpy(float)
    low, high = y - height / 2, y + height / 2
    corners = np.stack([np.c_[a, low], np.c_[b, low], np.c_[b, high], np.c_[a, high]], axis=1)
    ax.add_collection(PolyCollection(list(corners), zorder=2, **options), autolim=False)
    ax.xaxis_date()


def _ticks(ax: Axes, row, time, half: float, colour: str, reach) -> None:
    """Short upright lines, one for all records that fall on one place of the drawing."""
    from matplotlib.dates import date2num

    if not len(row):
        return
    low, high = (float(date2num(t)) for t in reach)
    place = np.round((date2num(time) - low) / (high - low) * STEPS)
    keys = np.unique(np.c_[np.asarray(row, float), place], axis=0)
    y, x = keys.T
    x = low + x / STEPS * (high - low)
    lines = np.full((len(keys), 3, 2), np.nan)
    lines[:, 0], lines[:, 1] = np.c_[x, y - half], np.c_[x, y + half]
    ax.plot(*lines.reshape(-1, 2).T, color=colour, lw=0.9, solid_capstyle="butt", zorder=3)


def _grouped(section: Operation, setting: Setting) -> Drawn:
    """Many sites: groups of neighbours in the order of their first day, by stretches of days."""
    from matplotlib.colors import ListedColormap

    n = len(section.sites)
    size = -(-n // ROWS)
    rows = -(-n // size)
    opens, closes = _reach(section)
    worked = section.worked
    ticks = section.ticks
    assert worked is not None
    assert ticks is not None
    days = max(int((closes - opens) / pd.Timedelta(1, "D")) + 1, 1)
    step = -(-days // COLUMNS)
    columns = -(-days // step)
    origin = opens.normalize()

    def column(time: pd.Series) -> np.ndarray:
        return ((time - origin) / pd.Timedelta(step, "D")).to_numpy(float)

    share = _covered(worked, column, rows, columns, size)
    last = n - size * (rows - 1)
    share[-1] *= size / last
    count = np.zeros((rows, columns))
    kept = ticks[(ticks["time"] >= opens) & (ticks["time"] <= closes)]
    kept = kept[kept["kind"] == "species"]
    at = np.clip(column(kept["time"]).astype(int), 0, columns - 1)
    np.add.at(count, ((kept["site"] // size).to_numpy(int), at), 1)
    per_site = count / np.r_[np.full(rows - 1, size), last][:, None] / step * 7
    some = per_site[per_site > 0]
    body = 4.6
    half = (WIDE - 2 * sheet.MARGIN - 0.55 - 0.35) / 2
    with style.drawing():
        fig, bottom = begin(section.title, section.told, setting, WIDE, body, 0.86)
        edges = (origin, origin + pd.Timedelta(step * columns, "D"))
        from matplotlib.dates import date2num

        extent = (*(float(date2num(e)) for e in edges), n, 0)
        shades = ListedColormap(blues(64))
        told = (
            ("sites surveyed", np.clip(share, 0, 1), 1.0, "share of sites", "0", "all"),
            (
                "records of species"
                if section.cameras or section.recorders
                else "visits with a detection",
                np.where(share > 0, per_site, np.nan),
                float(np.quantile(some, 0.98)) if len(some) else 1.0,
                "a site and week",
                "0",
                "",
            ),
        )
        for k, (name, values, top, unit, low, high) in enumerate(told):
            left = sheet.MARGIN + 0.55 + k * (half + 0.35)
            ax = sheet.axes_at(fig, left, bottom, half, body)
            image = ax.imshow(
                np.where(values > 0, values, np.nan) if k == 0 else values,
                aspect="auto", interpolation="nearest", extent=extent, cmap=shades,
                vmin=0, vmax=top,
            )  # fmt: skip
            ax.xaxis_date()
            dates(ax)
            ax.tick_params(length=0, labelsize=7.5)
            for spine in ax.spines.values():
                spine.set_visible(True)
                spine.set_color(style.LINE)
            if k == 0:
                ax.set_ylabel("sites, in the order of their first day", fontsize=8)
            else:
                ax.set_yticks([])
            bar = sheet.axes_at(fig, left, bottom - 0.62, 1.6, 0.1)
            scale = fig.colorbar(image, cax=bar, orientation="horizontal")
            scale.set_ticks([0, top], labels=[low, high or f"{top:.2g}"])
            bar.tick_params(length=0, labelsize=7)
            sheet.text_at(
                fig, left + 1.72, bottom - 0.62, f"{name}, {unit}", fontsize=7.5, va="bottom",
                color=style.MUTED,
            )  # fmt: skip
        label = f"groups of {size} sites, stretches of {words.counted(step, 'day')}"
        alt = f"{section.title}. {section.told} Drawn in {label}."
        return Drawn("operation", fig, section.title, alt, label, pixels=True)


def _covered(worked: pd.DataFrame, column, rows: int, columns: int, size: int) -> np.ndarray:
    """Share of the sites of each group at work in each stretch: (row, column)."""
    a, b = column(worked["start"]), np.maximum(column(worked["end"]), column(worked["start"]))
    row = (worked["site"] // size).to_numpy(int)
    out = np.zeros((rows, columns))
    first, last = np.floor(a).astype(int), np.ceil(b).astype(int) - 1
    last = np.maximum(last, first)
    for k in range(int((last - first).max()) + 1 if len(a) else 0):
        c = first + k
        inside = (c <= last) & (c >= 0) & (c < columns)
        part = np.minimum(b, c + 1) - np.maximum(a, c)
        part = np.where(b == a, 1.0, np.clip(part, 0, 1))
        np.add.at(out, (row[inside], c[inside]), part[inside])
    return out / size


def silence(section: Silence, setting: Setting) -> list[Drawn]:
    """Days from the last record to the end of the effort, and the stretches that are too long."""
    sites, runs = section.sites, section.runs
    assert sites is not None
    assert runs is not None
    heard = sites[sites["heard"] > 0]
    after = heard["after"].to_numpy()
    if not after.any():
        return []
    flagged = heard["site"].isin(runs["site"][runs["at_end"]]).to_numpy()
    unit = words.clean(section.unit)
    with style.drawing():
        fig, bottom = begin(section.title, section.told, setting, 6.6, 1.9, 0.62)
        ax = sheet.axes_at(fig, 0.62, bottom, 6.6 - 0.8, 1.9)
        top = max(int(after.max()), 6)
        step = max(-(-(top + 1) // 30), 1)
        edges = np.arange(0, top + step + 1, step) - 0.5
        ax.hist(
            [after[~flagged], after[flagged]], bins=edges, stacked=True, rwidth=0.9,
            color=[style.SKY, OUTSIDE],
            label=["as chance allows", "longer than chance allows"],
        )  # fmt: skip
        ax.set_xlabel(f"{unit}s of effort after the last record of a site", fontsize=8)
        ax.set_ylabel("sites", fontsize=8)
        ax.yaxis.get_major_locator().set_params(integer=True)
        quiet(ax)
        if flagged.any():
            ax.legend(frameon=False, fontsize=7.5, loc="upper right")
        return [Drawn("silence", fig, section.title, f"{section.title}. {section.told}")]
