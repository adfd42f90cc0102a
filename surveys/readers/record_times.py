"""When each record was made: times of a table to instants, after corrections of clocks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from surveys import cells
from surveys.ledger import Ledger
from surveys.problems import listing
from surveys.readers.camera_records import check_shifts, shifted
from surveys.readers.camera_settings import Settings
from surveys.readers.deployments import Deployments
from surveys.readers.offset_times import check_mixed, offset_times, on_clock
from surveys.study_file import StudyFile
from surveys.text_table import Table


def record_instants(
    study: StudyFile,
    table: Table,
    column: str,
    unit: np.ndarray,
    site: np.ndarray,
    stations: Deployments,
    settings: Settings,
    aside: np.ndarray,
    ledger: Ledger,
) -> np.ndarray:
    """Instants of records after the corrections of clocks; rows without a time are told."""
    check_shifts(study, settings, {*stations.site, *stations.ids}, ledger)
    times = offset_times(table, column, ledger)
    check_mixed(table, times, settings.clock, ledger)
    wall = times.wall
    blank = np.isnat(wall) & (aside == "")
    told = [
        cells.is_missing(t, cells.MISSING_NUMBER, table.spec.missing) for t in table.text(column)
    ]
    blank &= np.array(told, dtype=bool)
    if blank.any():
        rows = table.rows[blank]
        aside[blank] = "no time"
        ledger.warn(
            "W573",
            f"{table.place}: {len(rows)} rows have no time in column {column} "
            f"({listing(rows, 5)}) and were set aside",
            file=table.file,
            row=int(rows[0]),
            column=column,
        )
    wall = shifted(unit, wall, site, settings)
    times = replace(times, wall=wall)
    return on_clock(table, times, times.offset, settings.clock, ledger)
