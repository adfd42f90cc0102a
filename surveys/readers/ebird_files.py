"""Files of eBird as they come: parted by tabs, no quotes, packed or not, old and new headers."""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from surveys.ledger import Ledger
from surveys.problems import did_you_mean, listing
from surveys.study_file import StudyFile

MOST_HEADER = 1 << 16
# What we call a column -> what releases of eBird have called it.
SAMPLING: dict[str, tuple[str, ...]] = {
    "id": ("SAMPLING EVENT IDENTIFIER",),
    "group_id": ("GROUP IDENTIFIER",),
    "locality_id": ("LOCALITY ID",),
    "latitude": ("LATITUDE",),
    "longitude": ("LONGITUDE",),
    "date": ("OBSERVATION DATE",),
    "time": ("TIME OBSERVATIONS STARTED",),
    "observer_id": ("OBSERVER ID",),
    "protocol": ("PROTOCOL NAME", "PROTOCOL TYPE"),
    "duration_minutes": ("DURATION MINUTES",),
    "effort_distance_km": ("EFFORT DISTANCE KM",),
    "number_observers": ("NUMBER OBSERVERS",),
    "complete": ("ALL SPECIES REPORTED",),
}
SIGHTINGS: dict[str, tuple[str, ...]] = {
    "id": SAMPLING["id"],
    "scientific": ("SCIENTIFIC NAME",),
    "common": ("COMMON NAME",),
    "category": ("CATEGORY",),
    "subspecies": ("SUBSPECIES SCIENTIFIC NAME",),
    "counted": ("OBSERVATION COUNT",),
    "approved": ("APPROVED",),
    "identifier": ("GLOBAL UNIQUE IDENTIFIER",),
}
# Releases before 2021 and custom downloads lack some; what depends on them is then not known.
MAY_LACK = frozenset({"time", "category", "subspecies", "identifier", "common", "approved"})
COMMENTS = re.compile(r"COMMENT|BEHAVIOR|ORCID")


@dataclass(frozen=True)
class EbirdFile:
    """One file: where it lies, how the user calls it, and its column names as written."""

    path: Path
    shown: str
    header: tuple[str, ...]
    columns: dict[str, int] = field(default_factory=dict)  # ours -> position

    def at(self, name: str) -> int | None:
        """Position of a column that the study file names, capitals and blanks aside."""
        wanted = plain(name)
        found = [i for i, h in enumerate(self.header) if plain(h) == wanted]
        return found[0] if len(found) == 1 else None


def plain(name: str) -> str:
    """A header word without regard to capitals, blanks and underscores."""
    return re.sub(r"[\s_]+", " ", name).strip().upper()


def header_of(path: Path) -> tuple[str, ...] | None:
    """The column names of a tab-separated file; None where its first line is none."""
    opener = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        with opener(path, "rb") as file:
            raw = file.readline(MOST_HEADER)
        text = raw.decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError, gzip.zlib.error):  # type: ignore[attr-defined]
        return None
    names = text.rstrip("\r\n").split("\t")
    if not text.endswith("\n") or "\0" in text or len(names) < 2:
        return None
    return tuple(name.strip() for name in names)


def kind_of(header: tuple[str, ...] | None) -> str:
    """What a header is of: "ebd" (sightings), "sampling" (checklists), "" (anything else)."""
    if header is None:
        return ""
    have = {plain(h) for h in header}
    needed = {"SAMPLING EVENT IDENTIFIER", "OBSERVATION DATE", "ALL SPECIES REPORTED"}
    if not needed <= have:
        return ""
    return "ebd" if {"SCIENTIFIC NAME", "OBSERVATION COUNT"} <= have else "sampling"


def open_file(
    study: StudyFile, section: str, wanted: dict[str, tuple[str, ...]], ledger: Ledger
) -> EbirdFile | None:
    """A file that the study names, its header understood; None where it cannot be used."""
    spec = study.table(section, ledger)
    if spec is None:
        return None
    idle = [k for k in study.section(section) if k != "path"]
    for key in idle:
        ledger.error(
            "E408",
            f"{study.name}: [{section}] {key} has no effect on files of eBird, whose form is fixed",
            file=study.name,
            cure="remove it",
        )
    if spec.parts:
        ledger.error(
            "E405",
            f"{study.name}: [{section}] path names {len(spec.parts)} files; of eBird one is read",
            file=study.name,
            cure="ask eBird for one download, or join the files under one header line",
        )
        return None
    if not spec.path.is_file():
        beside = [p.name for p in spec.path.parent.iterdir()] if spec.path.parent.is_dir() else []
        ledger.error(
            "E401",
            f"{spec.shown} is not there ([{section}] path).{did_you_mean(spec.path.name, beside)}",
            file=spec.shown,
            cure="unpack the download; paths count from the folder of the study file",
        )
        return None
    if not spec.path.stat().st_size:
        ledger.error(
            "E005",
            f"{spec.shown} is empty (0 bytes)",
            file=spec.shown,
            cure="was the download cut short? Fetch it again",
        )
        return None
    header = header_of(spec.path)
    if header is None:
        ledger.error(
            "E600",
            f"{spec.shown} is no file of eBird: its first line is not a row of column names parted "
            "by tabs",
            file=spec.shown,
            row=1,
            cure="unpack the download and use its .txt (or .txt.gz) as it came; a spreadsheet "
            "spoils it",
        )
        return None
    if section == "files.sampling" and kind_of(header) == "ebd":
        ledger.error(
            "E058",
            f"{spec.shown} holds sightings, not sampling events: checklists on which nothing was "
            "seen are not in it",
            file=spec.shown,
            cure="[files.sampling] takes the file whose name ends in _sampling",
        )
        return None
    file = EbirdFile(spec.path, spec.shown, header, _columns(header, wanted))
    gone = [n for n in wanted if n not in file.columns and n not in MAY_LACK]
    for name in gone:
        ledger.error(
            "E015",
            f'{spec.shown} has no column "{wanted[name][0]}". It has: {listing(header, 12)}',
            file=spec.shown,
            row=1,
            cure="use the file as eBird sent it; the two files are easily swapped: "
            "[files.detections] takes ebd_..., [files.sampling] takes ..._sampling"
            if section == "files.sampling" or name in ("scientific", "counted")
            else "use the file as eBird sent it",
        )
    return None if gone or _double(file, wanted, ledger) else file


def _double(file: EbirdFile, wanted: dict[str, tuple[str, ...]], ledger: Ledger) -> bool:
    """Whether a column that is read stands there twice; told."""
    names = [plain(h) for h in file.header]
    double = [n for theirs in wanted.values() for n in theirs if names.count(n) > 1]
    for name in double:
        at = [i for i, n in enumerate(names, start=1) if n == name]
        ledger.error(
            "E011",
            f'{file.shown}: {len(at)} columns are called "{file.header[at[0] - 1]}" '
            f"({' and '.join(map(str, at))})",
            file=file.shown,
            row=1,
            column=file.header[at[0] - 1],
            cure="use the file as eBird sent it",
        )
    return bool(double)


def _columns(header: tuple[str, ...], wanted: dict[str, tuple[str, ...]]) -> dict[str, int]:
    names = [plain(h) for h in header]
    found = {}
    for ours, theirs in wanted.items():
        places = [names.index(t) for t in theirs if t in names]
        if places:
            found[ours] = places[0]
    return found


def found_of(file: EbirdFile, rows: int) -> dict[str, Any]:
    """What the provenance keeps of a file; read in pieces, for it may be larger than memory."""
    total = hashlib.sha256()
    with file.path.open("rb") as source:
        while piece := source.read(1 << 20):
            total.update(piece)
    return {
        "file": file.shown,
        "sha256": total.hexdigest(),
        "bytes": file.path.stat().st_size,
        "rows": int(rows),
        "encoding": "utf-8",
        "separator": "tab",
    }
