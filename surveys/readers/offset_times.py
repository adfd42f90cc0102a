"""Times with an offset from UTC: each is kept on the clock of its camera, or of the study."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from surveys import cells, dates
from surveys.clock import Clock
from surveys.ledger import Ledger
from surveys.readers.camera_times import instants_of
from surveys.text_table import Table


@dataclass(frozen=True)
class OffsetTimes:
    """A column of times: as written, and the offset of each in seconds (NaN where none)."""

    column: str
    wall: np.ndarray
    offset: np.ndarray

    @property
    def known(self) -> np.ndarray:
        """Where there is a time."""
        return ~np.isnat(self.wall)

    @property
    def with_offset(self) -> np.ndarray:
        """Where there is a time and its offset."""
        return self.known & np.isfinite(self.offset)

    @property
    def without(self) -> np.ndarray:
        """Where there is a time and no offset."""
        return self.known & np.isnan(self.offset)


def offset_times(
    table: Table, column: str, ledger: Ledger, *, beside: Iterable[str] = ()
) -> OffsetTimes:
    """Read a column of times; a word that is none is an error."""
    wall = dates.dates(table, column, ledger, beside=beside, offsets=True)
    texts = table.text(column)
    told = {text: _offset(text) for text in pd.unique(texts)}
    offset = np.array([told[t] for t in texts], dtype=float)
    return OffsetTimes(column, wall, offset)


def _offset(text: str) -> float:
    match = dates.OFFSET.search(text)
    if match is None:
        return np.nan
    if match[1] is None:
        return 0.0
    seconds = int(match[2]) * 3600 + int(match[3]) * 60
    return float(seconds if match[1] == "+" else -seconds)


def check_mixed(table: Table, times: OffsetTimes, clock: Clock, ledger: Ledger) -> None:
    """Rows with and without an offset cannot be put on one clock, unless a zone says which."""
    bare, full = times.without, times.with_offset
    if not bare.any() or not full.any() or clock.zone or clock.offset is not None:
        return
    cure = "give every row an offset, or say which clock rows without one follow: [time] "
    dates.tell_offsets(table, times.column, full, bare, f'{cure}zone = "UTC+01:00"', ledger)


def on_clock(
    table: Table, times: OffsetTimes, own: np.ndarray, clock: Clock, ledger: Ledger
) -> np.ndarray:
    """Instants of the study's clock; `own` is the offset of each row's camera in seconds."""
    out = np.zeros(len(times.wall), dtype=np.int64)
    full, bare = times.with_offset, times.without
    utc = times.wall[full].astype("datetime64[s]").astype(np.int64)
    utc = utc - times.offset[full].astype(np.int64)
    out[full] = clock.from_utc(utc, np.nan_to_num(own[full]).astype(np.int64))
    if bare.any():
        wall = np.where(bare, times.wall, np.datetime64("NaT", "s"))
        out[bare] = instants_of(table, times.column, wall, clock, ledger)[bare]
    return out


def is_missing(table: Table, column: str) -> np.ndarray:
    """Cells that hold a word for missing."""
    told = {
        v: cells.is_missing(v, cells.MISSING_NUMBER, table.spec.missing)
        for v in pd.unique(table.text(column))
    }
    return np.array([told[v] for v in table.text(column)], dtype=bool)
