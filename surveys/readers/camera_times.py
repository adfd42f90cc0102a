"""Wall times of cameras to instants of the study's clock, with what cannot be told."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from surveys.clock import Clock
from surveys.ledger import Ledger
from surveys.text_table import Table

JOINED = "Date and Time"  # the column made of two


def with_moment(table: Table, day: str, hour: str) -> Table:
    """The table with one column more: the moments of columns that tell day and time apart."""
    frame = table.frame.copy()
    frame[JOINED] = [
        f"{a} {b}".strip() for a, b in zip(table.text(day), table.text(hour), strict=True)
    ]
    return replace(table, frame=frame)


_MIDNIGHT = re.compile(r"[ T]00:00(:00)?$")
_HOUR = re.compile(r"\d{1,2}:\d{2}(:\d{2})?( ?[ap]m)?", re.IGNORECASE)


def with_hours(table: Table, columns: Iterable[str]) -> tuple[Table, list[str]]:
    """The table with days and times of day joined that stand apart: Setup_date and Setup_time.

    Returns
    -------
    table, hours : the columns of times of day that were joined to their days.
    """
    frame, hours = table.frame, []
    for column in columns:
        for name in (re.sub("date", "time", column, flags=re.IGNORECASE), f"{column}_time"):
            beside = table.match(name)
            if beside is None or beside == column or beside in hours:
                continue
            times, days = table.text(beside), table.text(column)
            known = np.array([bool(_HOUR.fullmatch(t)) for t in times], dtype=bool)
            days = [_MIDNIGHT.sub("", d) for d in days]  # of a workbook
            bare = np.array([bool(d) and ":" not in d for d in days], dtype=bool)
            if not (known & bare).any():
                continue
            frame = frame.copy() if frame is table.frame else frame
            both = zip(days, times, known & bare, strict=True)
            joined = [f"{d} {t}" if k else d for d, t, k in both]
            frame[column] = joined
            hours.append(beside)
            break
    return (replace(table, frame=frame) if hours else table), hours


def instants_of(
    table: Table, column: str, wall: np.ndarray, clock: Clock, ledger: Ledger
) -> np.ndarray:
    """Wall times of a column to instants; times that a clock change skips or repeats are told."""
    out = np.zeros(len(wall), dtype=np.int64)
    known = ~np.isnat(wall)
    out[known], skipped, twice = clock.instants(wall[known])
    rows = table.rows[known]
    for i in np.flatnonzero(skipped):
        text = str(wall[known][i]).replace("T", " ")
        before, after, winter = clock.gap(wall[known][i])
        ledger.error(
            "E038",
            f"{table.place}, row {rows[i]}, column {column}: {text} does not exist in {clock.name} "
            f"(the clocks went from {before} to {after})",
            file=table.place,
            row=int(rows[i]),
            column=column,
            why="cameras seldom follow summer time",
            cure=f'set the fixed offset of the camera: [time] zone = "{winter}"',
        )
    if twice.any():
        i = int(np.flatnonzero(twice)[0])
        text = str(wall[known][i]).replace("T", " ")
        ledger.warn(
            "W039",
            f"{text} occurs twice in {clock.name}; the first was taken",
            at=table.at(rows[twice], column),
            row=int(rows[i]),
        )
    return out


def without_time(
    table: Table, column: str, wall: np.ndarray, *, midnights: bool = False
) -> np.ndarray:
    """Cells that tell a day and no time of day, in a column where others may tell one.

    `midnights`: whether 00:00:00 tells none, too.
    """
    bare = np.array([midnights or ":" not in text for text in table.text(column)], dtype=bool)
    return bare & ~np.isnat(wall) & (wall == wall.astype("datetime64[D]"))


def tell_bare_days(
    table: Table, column: str, bare: np.ndarray, meaning: str, ledger: Ledger
) -> None:
    """Days without a time of day among times: what was made of them."""
    if bare.any():
        rows = table.rows[bare]
        ledger.repair(
            "R042",
            f"a date without a time, where others have one; {meaning}",
            at=table.at(rows, column),
            cure="write the time",
        )


def only_dates(*columns: np.ndarray) -> bool:
    """Whether no time of day is told in any of the columns: every moment is a midnight."""
    moments = np.concatenate(columns)
    moments = moments[~np.isnat(moments)]
    return bool((moments == moments.astype("datetime64[D]")).all())
