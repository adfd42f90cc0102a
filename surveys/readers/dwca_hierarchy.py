"""Events that are part of others: what they have from these, and which of them are visits."""

from __future__ import annotations

import numpy as np
import pandas as pd

from surveys.ledger import Ledger
from surveys.readers.dwca_archive import HUMBOLDT, OCCURRENCE, Archive
from surveys.text_table import Table

# What a part of an event has from the event that it is part of, where it does not say its own.
INHERITED = (
    *("locationID", "decimalLatitude", "decimalLongitude", "geodeticDatum", "locality"),
    *("eventDate", "samplingProtocol"),
)


def parents(table: Table, ids: np.ndarray, ledger: Ledger) -> np.ndarray:
    """Row of the event that each is part of; -1 where there is none in the archive."""
    if "parentEventID" not in table.names:
        return np.full(len(ids), -1)
    own = table.text("eventID") if "eventID" in table.names else ids
    index = pd.Index(own)
    if not index.is_unique:
        index = pd.Index(ids)
    told = table.text("parentEventID")
    parent = np.where(told == "", -1, index.get_indexer(pd.Index(told)))
    at = np.arange(len(ids))
    for _ in range(len(ids) + 1):
        at = np.where(at >= 0, parent[at], -1)
        if (at < 0).all():
            return parent
        if _ > 64:
            break
    bad = at >= 0
    ledger.error(
        "E621",
        "events are part of themselves by their parentEventID",
        at=table.at(table.rows[bad]),
        cure="ask the publisher to mend the archive",
    )
    return np.full(len(ids), -1)


def dates_in_parts(table: Table) -> None:
    """The date of events that tell it as year, month and day alone."""
    if "year" not in table.names:
        return
    year, month, day = (
        table.text(n) if n in table.names else np.full(len(table), "", dtype=object)
        for n in ("year", "month", "day")
    )
    told = table.text("eventDate").copy() if "eventDate" in table.names else np.full_like(year, "")
    for i in np.flatnonzero((told == "") & (year != "")):
        parts = [str(year[i]), *(str(v).zfill(2) for v in (month[i], day[i] if month[i] else ""))]
        told[i] = "-".join(p for p in parts if p.strip("0"))
    table.frame["eventDate"] = told


def made_of_others(archive: Archive, ids: np.ndarray, parent: np.ndarray) -> np.ndarray:
    """Why events are no visits by themselves: their parts are, or they are parts of a visit.

    An event with parts is a visit where it alone has occurrences, and its parts hold measurements.
    """
    aside = np.full(len(ids), "", dtype=object)
    whole = np.isin(np.arange(len(ids)), parent[parent >= 0])
    aside[whole] = "an event made of others"
    own, told = (
        np.isin(ids, pd.unique(archive.tables[kind].text("id")))
        if kind in archive.tables
        else np.zeros(len(ids), dtype=bool)
        for kind in (OCCURRENCE, HUMBOLDT)
    )
    below = np.zeros(len(ids), dtype=bool)  # whether a part, however small, tells what was there
    at = parent[own | told & ~whole]
    while (at >= 0).any():
        below[at[at >= 0]] = True
        at = parent[at[at >= 0]]
    visits = whole & own & ~below
    aside[visits] = ""
    at = parent.copy()
    while (at >= 0).any():
        aside[(at >= 0) & visits[at]] = "a part of a visit, without occurrences"
        at = np.where(at >= 0, parent[at], -1)
    return aside


def inherit(table: Table, parent: np.ndarray) -> None:
    """Blanks of a part are those of the whole: place, date, method."""
    for name in INHERITED:
        if name not in table.names:
            continue
        values = table.text(name).copy()
        at = parent.copy()
        while ((values == "") & (at >= 0)).any():
            blank = (values == "") & (at >= 0)
            values[blank] = table.text(name)[at[blank]]
            at = np.where(at >= 0, parent[at], -1)
        table.frame[name] = values
