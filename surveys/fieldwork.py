"""What field files tell beyond the Dataset: when each camera stood, and when each record was made.

Recorders tell the same: a deployment is then a recording, and a record a detection in it.

Readers hand it over where their format knows it. No model uses it; the account of the quality of a
survey (`surveys.quality`) does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

DEPLOYMENTS = ("site", "deployment", "camera", "start", "end", "aside", "row")
FAILURES = ("deployment", "start", "end")
PICTURES = ("site", "deployment", "picture", "time", "row")
RECORDS = ("site", "deployment", "camera", "species", "reason", "time", "aside", "picture", "row")

CAMERA, RECORDER = "camera", "recorder"


@dataclass(frozen=True)
class Fieldwork:
    """Tables of the field, all times on the clock of the survey.

    Parameters
    ----------
    deployments
        A row each: `site`, `deployment`, `camera` ("" where not told), `start`, `end` (half-open),
        `aside` (the rule that keeps it out, "" where it is used), `row` in its file.
    failures
        Periods in which a deployment did not work: `deployment` (its position), `start`, `end`.
    records
        A row of the file each: `species` ("" where it is of none, and `reason` says why), `time`
        (NaT where none is told), `aside`, `picture` (folder and name, "" where not told), `row`.
        A blank picture or a person is a record: it proves that the camera worked.
    pictures
        Gives a row each picture, where a table of its own lists them: `site`, `deployment`,
        `picture` (its name), `time`, `row`. It is read when it is called.
    """

    deployments: pd.DataFrame
    failures: pd.DataFrame
    records: pd.DataFrame
    deployment_file: str = ""
    record_file: str = ""
    picture_file: str = ""
    clock: str = ""
    instrument: str = CAMERA
    timed: bool = True  # whether the ends of the deployments are known
    pictures: Callable[[], pd.DataFrame] | None = None
