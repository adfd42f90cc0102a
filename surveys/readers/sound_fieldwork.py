"""Recordings and what was heard in them as the tables of `surveys.fieldwork`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from surveys.fieldwork import FAILURES, RECORDER, Fieldwork
from surveys.readers.camera_settings import Settings
from surveys.readers.recordings import Recordings
from surveys.readers.sound_tables import Sounds

BELOW = "below the threshold"


def fieldwork_of(
    settings: Settings, sounds: Sounds, recordings: Recordings, over: np.ndarray, aside: np.ndarray
) -> Fieldwork | None:
    """When recorders ran; `over` and `aside`: what each row of the detections is.

    A recording of unknown length lasts as long as something was heard in it, and one second at
    least. None where no recording tells when it began.
    """
    frame, heard = recordings.frame, sounds.frame
    started = frame["start"].notna().to_numpy()
    if not started.any():
        return None
    clock = settings.clock
    of = heard["of"].to_numpy(dtype=np.int64)
    offset = np.floor(np.nan_to_num(heard["offset"].to_numpy(dtype=float))).astype(np.int64)
    begins = frame["begins"].to_numpy(dtype=np.int64)
    ends = frame["ends"].to_numpy(dtype=np.int64).copy()
    known = np.flatnonzero((of >= 0) & started[of])
    instant = begins[of[known]] + offset[known]
    if not recordings.timed and sounds.summed is None:
        np.maximum.at(ends, of[known], instant + 1)
    time = clock.local(np.minimum(instant, ends[of[known]]))
    moment = heard["moment"].to_numpy().astype("datetime64[s]")[known]
    time = np.where(np.isnat(moment), time, moment)
    site = frame["site"].to_numpy(dtype=object)
    name = frame["recording"].to_numpy(dtype=object)
    row = np.arange(len(frame)) + 2 if recordings.table is None else recordings.table.rows
    used = aside[known] == ""
    hit = over[known] & used
    species = heard["species"].fillna("").to_numpy(dtype=object)[known]
    return Fieldwork(
        deployments=pd.DataFrame(
            {
                "site": site[started],
                "deployment": name[started],
                "camera": "",
                "start": clock.local(begins[started]),
                "end": clock.local(ends[started]),
                "aside": frame["aside"].to_numpy(dtype=object)[started],
                "row": row[started],
            }
        ),
        failures=pd.DataFrame({column: [] for column in FAILURES}),
        records=pd.DataFrame(
            {
                "site": site[of[known]],
                "deployment": name[of[known]],
                "camera": "",
                "species": np.where(hit, species, ""),
                "reason": np.where(hit, "", np.where(used, BELOW, aside[known])),
                "time": time,
                "aside": aside[known],
                "picture": "",
                "row": heard["at"].to_numpy(dtype=np.int64)[known] + 2,  # of its own table
            }
        ),
        deployment_file=recordings.places.file,
        record_file=sounds.tables[0].file if len(sounds.tables) == 1 else "",
        clock=clock.name,
        instrument=RECORDER,
        timed=recordings.timed,
    )
