"""Folders of pictures that are the sites: which of a path, and whose stations they name."""

from __future__ import annotations

import re
from collections.abc import Iterable

from surveys.readers import station_words
from surveys.readers.station_words import Columns
from surveys.text_table import Table

DEEPEST = 8  # folders below each other that are looked at
SOME = 500  # rows that a first look looks at
_PICTURE = re.compile(r"[/\\][^/\\]+\.(jpe?g|png|tiff?|mp4|avi|mov|mts|m4v|wmv)$", re.IGNORECASE)


def folder_of(path: str, number: int, *, is_file: bool) -> str | None:
    """Folder `number` (from 1; -1 is the innermost) of a path with / or backslashes."""
    parts = [p for p in re.split(r"[/\\]+", path) if p not in ("", ".")]
    if is_file:
        parts = parts[:-1]
    at = number - 1 if number > 0 else number
    return parts[at] if number and -len(parts) <= at < len(parts) else None


def path_column(table: Table) -> str | None:
    """The column of the paths of pictures; of two, the one that is called relative."""
    found = [
        c
        for c in table.names
        if len(table) and all(_PICTURE.search(v) for v in table.text(c)[:SOME] if v)
        if any(table.text(c)[:SOME])
    ]
    return next((c for c in found if "rel" in c.casefold()), found[0] if found else None)


def stations_beside(
    tables: dict[str, Table], paths: Iterable[str], *, is_file: bool
) -> tuple[str, Columns, int] | None:
    """The table of stations, its columns, and the number of the folder that is the station.

    The folder is the one that holds names of stations; the first, where none does.
    """
    every = sorted({re.split(r"[/\\]+[^/\\]*$", p)[0] if is_file else p for p in paths})
    numbers = (*range(1, DEEPEST + 1), -1, -2)
    folders = {k: [folder_of(p, k, is_file=False) for p in every] for k in numbers}
    best: tuple[float, tuple[str, Columns, int]] | None = None
    for file, table in tables.items():
        ends = station_words.stations_of(table)
        if ends is None:
            continue
        for site in station_words.sites_in(table):
            known = {v.casefold() for v in table.text(site) if v}
            for k, names in folders.items():
                share = sum((n or "").casefold() in known for n in names) / max(len(every), 1)
                if best is None or share > best[0]:
                    best = share, (file, station_words.with_site(site, ends), k)
    return None if best is None else best[1]
