"""Observations of Camtrap DP are of single pictures (media) or of events; one level is used."""

from __future__ import annotations

import numpy as np
import pandas as pd

from surveys.ledger import Ledger
from surveys.problems import listing
from surveys.study_file import StudyFile
from surveys.text_table import Table


def one_level(study: StudyFile, table: Table, aside: np.ndarray, ledger: Ledger) -> bool:
    """Keep one level of observations; whether single pictures are among what is kept.

    Events are used, and the pictures of deployments that have no events: whoever looked at them
    in another way would else have seen nothing there.
    """
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
    alone = np.zeros(len(is_media), dtype=bool)
    if n_media and n_event:
        if not asked:
            unit = table.text("deploymentID")
            alone = is_media & ~np.isin(unit.astype(str), unit[~is_media].astype(str))
            some = pd.unique(unit[alone])
            ledger.repair(
                "R057",
                f"{table.place} holds {n_media} media-level and {n_event} event-level rows of the "
                "same animals; the event level was used"
                + (
                    f", but for deployments that have media-level rows alone ({listing(some, 3)})"
                    if len(some)
                    else ""
                ),
                file=table.file,
                cure='[camtrapdp] level = "media" for the other',
            )
        other = ~is_media if level == "media" else is_media & ~alone
        aside[other & (aside == "")] = "other level"
    return level == "media" or bool(alone.any())


def seen_together(table: Table, *, media: bool) -> np.ndarray | None:
    """What was seen together: a picture, or an event of several."""
    names = ("mediaID", "eventID") if media else ("eventID", "sequenceID")
    told = [table.text(c) for c in names if c in table.names]
    if not told:
        return None
    return told[0] if len(told) == 1 or not media else np.where(told[0] != "", told[0], told[1])
