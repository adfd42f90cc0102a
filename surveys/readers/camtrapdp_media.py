"""Pictures of a Camtrap DP package: the names and times of media.csv, for whoever doubts a clock.

No visit or record needs them, and they may be millions: they are read when they are asked for.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from surveys.clock import Clock
from surveys.fieldwork import PICTURES, Fieldwork
from surveys.ledger import Ledger
from surveys.open_table import open_table
from surveys.readers.data_package import PackageFiles
from surveys.readers.deployments import Deployments
from surveys.readers.offset_times import offset_times, on_clock
from surveys.text_table import TableSpec

TABLE = "media"
COLUMNS = ("mediaID", "deploymentID", "timestamp", "filePath")


def with_pictures(
    field: Fieldwork | None,
    package: PackageFiles | None,
    deployments: Deployments,
    own: np.ndarray,
    clock: Clock,
) -> Fieldwork | None:
    """The fieldwork with the pictures of the package; `own` is the offset of each deployment."""
    if field is None or package is None or (file := package.file_of(TABLE)) is None:
        return field

    def pictures() -> pd.DataFrame:
        return _pictures(package, file, deployments, own, clock)

    return replace(field, pictures=pictures, picture_file=file)


def _pictures(
    package: PackageFiles, file: str, deployments: Deployments, own: np.ndarray, clock: Clock
) -> pd.DataFrame:
    """A row each picture of a known deployment; none where the table cannot be read."""
    nothing = pd.DataFrame({name: [] for name in PICTURES})
    quiet = Ledger()
    path = package.find(file)
    table = open_table(TableSpec(path, file), quiet) if path is not None else None
    if table is None or not set(COLUMNS) <= set(table.names):
        return nothing
    at = deployments.find(table.text("deploymentID"))
    known = at >= 0
    times = offset_times(table, "timestamp", quiet)
    instant = on_clock(table, times, np.where(known, own[at], 0.0), clock, quiet)
    name = table.text("fileName") if "fileName" in table.names else np.full(len(table), "")
    picture = np.where(name == "", table.text("filePath"), name)
    frame = pd.DataFrame(
        {
            "site": deployments.site[at],
            "deployment": deployments.ids[at],
            "picture": picture,
            "time": clock.local(instant),
            "row": table.rows,
        }
    )
    return frame[known & times.known].reset_index(drop=True)
