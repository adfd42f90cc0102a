"""Deployments and records of cameras as the tables of `surveys.fieldwork`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from surveys.fieldwork import RECORDS, Fieldwork
from surveys.readers.camera_records import Records
from surveys.readers.camera_settings import Settings
from surveys.readers.deployments import Deployments
from surveys.text_table import Table

FOLDERS = ("directory", "relativepath", "folder")
PICTURES = ("filename", "file", "filepath")


def fieldwork_of(
    settings: Settings, deployments: Deployments, records: Records | None, aside: np.ndarray
) -> Fieldwork:
    """What the field files tell; `aside` is why each row of the records is not used."""
    clock = settings.clock
    failures = deployments.failures
    return Fieldwork(
        deployments=pd.DataFrame(
            {
                "site": deployments.site,
                "deployment": deployments.ids,
                "camera": deployments.camera,
                "start": clock.local(deployments.start),
                "end": clock.local(deployments.end),
                "aside": deployments.aside,
                "row": deployments.table.rows,
            }
        ),
        failures=pd.DataFrame(
            {
                "deployment": failures.owner,
                "start": clock.local(failures.start),
                "end": clock.local(failures.end),
            }
        ),
        records=_records(settings, deployments, records, aside),
        deployment_file=deployments.table.file,
        record_file=records.table.file if records is not None else "",
        clock=clock.name,
    )


def _records(
    settings: Settings, deployments: Deployments, records: Records | None, aside: np.ndarray
) -> pd.DataFrame:
    if records is None:
        return pd.DataFrame({name: [] for name in RECORDS})
    time = settings.clock.local(records.instant)
    time[aside == "no time"] = np.datetime64("NaT", "s")
    first = records.frame.drop_duplicates("at").set_index("at")
    first = first.reindex(range(len(records.table)))
    reason = first["reason"].fillna("no record").to_numpy(dtype=object)
    unit = records.unit
    at = deployments.find(unit) if records.linked else np.full(len(unit), -1)
    known = at >= 0
    return pd.DataFrame(
        {
            "site": np.where(known, deployments.site[at], "" if records.linked else unit),
            "deployment": unit if records.linked else "",
            "camera": np.where(known, deployments.camera[at], ""),
            "species": np.where(reason == "", first["species"].fillna(""), ""),
            "reason": reason,
            "time": time,
            "aside": aside,
            "picture": _pictures(records.table),
            "row": records.table.rows,
        }
    )


def _pictures(table: Table) -> np.ndarray:
    """Folder and name of the picture of each record, where a column of the usual name tells it."""

    def cells(names: tuple[str, ...]) -> np.ndarray | None:
        found = next((m for name in names if (m := table.match(name))), None)
        return None if found is None else table.text(found)

    name, folder = cells(PICTURES), cells(FOLDERS)
    if name is None:
        return np.full(len(table), "", dtype=object)
    name = np.array([str(n).replace("\\", "/") for n in name], dtype=object)
    if folder is None:
        return name
    return np.array(
        [f"{str(f).replace(chr(92), '/')}/{n}" for f, n in zip(folder, name, strict=True)],
        dtype=object,
    )
