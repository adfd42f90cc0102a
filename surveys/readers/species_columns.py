"""Long tables with a column for each species: a row for each visit becomes one for each species."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from surveys import cells
from surveys.ledger import Ledger
from surveys.problems import did_you_mean, listing
from surveys.study_file import StudyFile
from surveys.text_table import Table

SPECIES = "species (column)"
FEWEST = 3  # columns that a first look takes for species unasked
# Columns of 0 and 1, or of small numbers, that tell of the visit and of no species.
_OF_VISITS = re.compile(
    r"(?:is|has|was)?[_. ]?"
    r"(?:rain(?:y|ed)?|windy?|snow|fog|mist|clouds?|sky|noisy?e?|moon|night|dawn|dusk|weather"
    r"|playback|bait(?:ed)?|lure|wet|observers?|obs|team|method|temp\w*|hour|minutes?|duration"
    r"|effort|traffic|visib\w*|tide|x|y|id|code|regen|schnee|nebel|pluie|neige|vent|lluvia"
    r"|viento|chuva|vento|pioggia)"
    r"[_. ]?(?:speed|direction|code|class|index|cover|present|yes|no|[0-9]*)",
    re.IGNORECASE,
)
OF_ONE = re.compile(
    r"y|det(?:ect\w*)?|pres\w*|obs|occ\w*|seen|heard|calls?|index|response|z|n|count\w*|abund\w*",
    re.IGNORECASE,
)


def look_like(table: Table, response: str, taken: Sequence[str]) -> list[str]:
    """Columns side by side, from the first with results on, that seem to be species.

    [] where they are fewer than three, or where the first is called by a word for results.
    """
    if OF_ONE.fullmatch(response):
        return []
    names = [n for n in table.names if n not in taken]
    at = names.index(response)
    before = list(itertools.takewhile(lambda n: _holds_counts(table, n), names[:at][::-1]))
    run = [*before[::-1], *itertools.takewhile(lambda n: _holds_counts(table, n), names[at:])]
    return run if len(run) >= FEWEST else []


def _holds_counts(table: Table, name: str) -> bool:
    """Whether a column holds whole numbers, with zeros, and is called by no word of visits."""
    told = {v for v in pd.unique(table.text(name)) if not cells.is_missing(v, cells.MISSING_NUMBER)}
    whole = all(v.isdecimal() and len(v) < 4 for v in told) and "0" in told
    return whole and _OF_VISITS.fullmatch(name) is None


def asked(study: StudyFile) -> list[str]:
    """The columns that the study file says are species."""
    return list(study.section("files.detections").get("species_columns", []))


def melted(study: StudyFile, table: Table, ledger: Ledger) -> Table | None:
    """The table with a row for each visit and species; None where a fault forbids it."""
    columns = []
    for name in asked(study):
        column = table.match(name)
        if column is None:
            ledger.error(
                "E015",
                f'{table.place} has no column "{name}" (study file: [files.detections] '
                f"species_columns). It has: {listing(table.names, 12)}."
                f"{did_you_mean(name, table.names)}",
                file=table.place,
            )
        elif column in columns:
            ledger.error(
                "E535", f'[files.detections] species_columns lists "{name}" twice', file=table.place
            )
        else:
            columns.append(column)
    roles = table.spec.columns
    beside = [r for r in ("species", "detection", "count") if r in roles]
    if beside:
        ledger.error(
            "E536",
            f"[files.detections] names species_columns, and a column of {' and of '.join(beside)} "
            "beside them",
            file=table.place,
            cure=f"leave {' and '.join(beside)} out of [files.detections.columns]",
        )
    if len(columns) < len(asked(study)) or beside:
        return None
    n, k = len(table), len(columns)
    others = [c for c in table.names if c not in columns]
    at = np.repeat(np.arange(n), k)
    frame = table.frame[others].iloc[at].copy()
    value = listing(columns, 3)
    frame[SPECIES] = np.tile(np.array(columns, dtype=object), n)
    frame[value] = table.frame[columns].to_numpy(dtype=object).ravel()
    spec = replace(table.spec, columns={**roles, "species": SPECIES, "detection": value})
    return replace(table, spec=spec, frame=frame, repeated=True)
