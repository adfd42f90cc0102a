"""A first study of Darwin Core: archives, and tables that nobody has packed into one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from surveys.guess_lines import quoted
from surveys.problems import listing
from surveys.readers.dwca_archive import MEASUREMENT, META, Archive, Refused, read_archive
from surveys.readers.dwca_loose import tables_of
from surveys.readers.tidy import Guess
from surveys.text_table import Table, TableSpec


def table_of(path: Path, name: str) -> Table | None:
    """The events of an archive with a note of what it is, for a first look; None for other files.

    Raises
    ------
    Refused
        It calls itself an archive and cannot be read as one.
    """
    if path.name == META or (path / META).is_file():
        archive = read_archive(path, name)
    elif path.suffix.lower() == ".zip":
        try:
            archive = read_archive(path, name)
        except Refused as error:
            if "has no meta.xml" in error.fact or "neither a folder" in error.fact:
                return None
            raise
    else:
        return None
    events = archive.tables["event"]
    spec = TableSpec(path, name)
    found: dict[str, Any] = {"look": f"{len(events)} events", "archive": archive}
    return Table(spec, events.frame, found)


def detect(tables: dict[str, Table]) -> Guess | None:
    """An archive among the files."""
    for file, table in tables.items():
        archive = table.found.get("archive")
        if not isinstance(archive, Archive):
            continue
        inside = {t.file.rpartition("/")[2] for t in archive.tables.values()}
        beside = [f for f in tables if f != file and f.rpartition("/")[2] in inside]
        why = f"{file} is a Darwin Core archive with events"
        return _guess(archive, table, why, {"file": file, "taken": beside})
    return _loose(tables)


def _guess(archive: Archive, events: Table, why: str, extra: dict[str, Any]) -> Guess:
    return Guess(
        "dwca",
        1.0,
        why,
        extra={
            "section": "files.archive",
            "site": "locationID" if "locationID" in events.names else "id",
            "measurements": _measurements(archive),
            "years": _years(events),
            **extra,
        },
    )


def _loose(tables: dict[str, Table]) -> Guess | None:
    """Events and occurrences beside each other that nobody has packed into an archive."""
    for file, table in tables.items():
        folder = table.spec.path.parent
        parts = tables_of(folder)
        names = {p.name for p in parts}
        if not parts or parts[0].name != table.spec.path.name or (folder / META).is_file():
            continue
        beside = [f for f, t in tables.items() if t.spec.path.parent == folder]
        taken = [f for f in beside if f.rpartition("/")[2] in names]
        if len(taken) < 2:
            continue
        shown = file.rpartition("/")[0] or "."
        try:
            archive = read_archive(folder, shown)
        except Refused:
            continue  # `check` tells what is wrong, once the study file names the folder
        why = f"{listing(taken, 4)} are tables of Darwin Core with events"
        extra = {"file": file, "path": shown, "taken": taken}
        return _guess(archive, archive.tables["event"], why, extra)
    return None


def _years(table: Table) -> int:
    days = table.text("eventDate") if "eventDate" in table.names else []
    return len({str(d)[:4] for d in days if d})


def _measurements(archive: Archive) -> list[str]:
    facts = archive.tables.get(MEASUREMENT)
    if facts is None or "measurementType" not in facts.names:
        return []
    kinds = facts.text("measurementType")
    if "occurrenceID" in facts.names:
        kinds = kinds[facts.text("occurrenceID") == ""]  # those of animals are no covariates
    return sorted(set(kinds) - {""})


def study_lines(guess: Guess, tables: dict[str, Table]) -> list[str]:
    """The section [dwca], and a covariate for each measurement of the events."""
    lines = ["[dwca]"]
    if guess.extra["years"] > 1:
        lines.append(
            f'season = "year"          # {guess.extra["years"]} years; or "none", or "parent": '
            "the event that an event is part of"
        )
    else:
        lines.append('season = "year"          # or "none", or "parent"')
    lines += [
        '# scope = "all"          # if every species was looked for at every event',
        '# visit = "parent"       # parts of one event are one visit',
        '# effort = "..."         # a term or measurement; events without it are then no visits',
        "",
    ]
    for name in guess.extra["measurements"][:6]:
        key = "".join(c if c.isascii() and c.isalnum() else "_" for c in name).strip("_")
        if key and not key[0].isdigit():
            lines += [f"[visit_covariates.{key}]", f"column = {quoted(name)}", ""]
    return lines
