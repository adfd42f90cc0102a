"""Observations of Camtrap DP are of single pictures (media) or of events; one level is used."""

from __future__ import annotations

import numpy as np

from surveys.ledger import Ledger
from surveys.study_file import StudyFile
from surveys.text_table import Table


def one_level(study: StudyFile, table: Table, aside: np.ndarray, ledger: Ledger) -> bool:
    """Keep one level of observations; whether it is that of single pictures."""
    if "observationLevel" in table.names:
        is_media = table.text("observationLevel") == "media"
    elif "mediaID" in table.names:
        is_media = table.text("mediaID") != ""
    else:
        return False
    n_media, n_event = int(is_media.sum()), int((~is_media).sum())
    asked = study.section("camtrapdp").get("level")
    level = asked or ("event" if n_event else "media")
    if (n_media if level == "media" else n_event) == 0:
        ledger.error(
            "E577",
            f"{table.place} has no {level}-level rows ({n_media} of media, {n_event} of events)",
            file=table.place,
            cure=f'[camtrapdp] level = "{"media" if level == "event" else "event"}"',
        )
    if n_media and n_event:
        if not asked:
            ledger.repair(
                "R057",
                f"{table.place} holds {n_media} media-level and {n_event} event-level rows of the "
                "same animals; the event level was used",
                file=table.file,
                cure='[camtrapdp] level = "media" for the other',
            )
        other = ~is_media if level == "media" else is_media
        aside[other & (aside == "")] = "other level"
    return level == "media"


def seen_together(table: Table, *, media: bool) -> np.ndarray | None:
    """What was seen together: a picture, or an event of several."""
    names = ("mediaID",) if media else ("eventID", "sequenceID")
    return next((table.text(c) for c in names if c in table.names), None)
