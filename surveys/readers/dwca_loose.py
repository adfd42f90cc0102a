"""Tables of Darwin Core without a meta.xml, as they are before they are packed into an archive.

What each is tells its name (event.csv, occurrence.txt, emof.tsv, humboldt.csv); its columns are
called by their terms, and eventID is the key of all.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

EVENT, OCCURRENCE, MEASUREMENT, HUMBOLDT = "event", "occurrence", "measurement", "humboldt"
MOST_HEADER = 1 << 16
NAMES = {
    HUMBOLDT: re.compile(r"humboldt|(?:^|[_ .-])eco(?:$|[_ .-])", re.IGNORECASE),
    MEASUREMENT: re.compile(r"measurement|e?mof", re.IGNORECASE),
    OCCURRENCE: re.compile(r"occurrence", re.IGNORECASE),
    EVENT: re.compile(r"events?$|^events?(?:[_ .-]|$)|event[_ -]?core", re.IGNORECASE),
}
SUFFIXES = (".csv", ".txt", ".tsv")


@dataclass(frozen=True)
class Loose:
    """One table: its kind, name, separator, the place of its key, its terms in their order."""

    kind: str
    name: str
    separator: str
    key: int
    terms: tuple[str, ...]


def tables_of(folder: Path) -> list[Loose]:
    """The tables of a folder, the events first; none where events or occurrences are missing."""
    found: dict[str, Loose] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.suffix.lower() not in SUFFIXES or not path.is_file():
            continue
        kind = next((k for k, form in NAMES.items() if form.search(path.stem)), "")
        one = _table(path, kind) if kind and kind not in found else None
        if one is not None:
            found[kind] = one
    if not {EVENT, OCCURRENCE} <= set(found):
        return []
    needed = {EVENT: "eventDate", OCCURRENCE: "scientificName"}
    if any(term not in found[kind].terms for kind, term in needed.items()):
        return []
    return sorted(found.values(), key=lambda t: t.kind != EVENT)


def _table(path: Path, kind: str) -> Loose | None:
    with path.open("rb") as file:
        line = file.readline(MOST_HEADER)
    try:
        text = line.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        return None
    separator = max("\t,;", key=text.count)
    names = next(csv.reader([text], delimiter=separator), [])
    terms = tuple(re.split(r"[:/]", name.strip())[-1] for name in names)
    keys = ("eventID", "coreid", "id")
    key = next((terms.index(k) for k in keys if k in terms), None)
    return None if key is None else Loose(kind, path.name, separator, key, terms)
