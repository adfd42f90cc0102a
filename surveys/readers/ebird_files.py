"""Files of eBird as they come: parted by tabs, no quotes, packed or not, old and new headers.

Tables that other software wrote of them are read as well: parted by commas, NA for a blank.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from surveys import unpack
from surveys.ledger import Ledger
from surveys.problems import did_you_mean, listing
from surveys.study_file import StudyFile
from surveys.text_table import TableSpec

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
    """One file, or several under each other: where it lies, how the user calls it, its columns."""

    path: Path
    shown: str
    header: tuple[str, ...]  # column names as written; of several files those of the first
    columns: dict[str, int] = field(default_factory=dict)  # ours -> position
    separator: str = "\t"
    more: tuple[EbirdFile, ...] = ()  # each of several

    @property
    def parts(self) -> tuple[EbirdFile, ...]:
        """The files that are read."""
        return self.more or (self,)

    def at(self, name: str) -> int | None:
        """Position of a column that the study file names, capitals and blanks aside."""
        wanted = plain(name)
        found = [i for i, h in enumerate(self.header) if plain(h) == wanted]
        return found[0] if len(found) == 1 else None


def plain(name: str) -> str:
    """A header word without regard to capitals, blanks and underscores."""
    return re.sub(r"[\s_]+", " ", name).strip().upper()


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The text of a file: as it is, of a .gz, or of one in a .zip (export.zip/ebd.txt).

    Raises
    ------
    OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile
        It is not there, or cannot be unpacked.
    """
    box, inside = unpack.archive_of(path)
    if not inside and path.suffix.lower() == ".zip":
        inside = next(iter(unpack.contents(path)), "")
    if inside:
        with zipfile.ZipFile(box) as archive:
            try:
                info = archive.getinfo(inside)
            except KeyError:
                raise FileNotFoundError(f"{box.name} holds no {inside}") from None
            with archive.open(info) as file:
                if inside.lower().endswith(".gz"):
                    with gzip.open(file) as text:
                        yield text  # type: ignore[misc]
                else:
                    yield file
        return
    opener = gzip.open if path.suffix.lower() == ".gz" else open
    with opener(path, "rb") as file:
        yield file  # type: ignore[misc]


FAULTS = (OSError, EOFError, ValueError, RuntimeError, zlib.error, zipfile.BadZipFile)


def header_of(path: Path) -> tuple[str, ...] | None:
    """The column names of a table parted by tabs, or by commas; None where it has none."""
    try:
        with opened(path) as file:
            text = file.readline(MOST_HEADER).decode("utf-8-sig")
    except FAULTS:
        return None
    line = text.rstrip("\r\n")
    names = line.split("\t")
    if len(names) < 2:
        by_commas = next(csv.reader([line]), [])
        names = by_commas if kind_of(tuple(by_commas)) else []
    if not text.endswith("\n") or "\0" in text or len(names) < 2:
        return None
    return tuple(name.strip() for name in names)


def separator_of(path: Path) -> str:
    """The sign that parts the values of a table of eBird."""
    with opened(path) as file:
        return "\t" if b"\t" in file.readline(MOST_HEADER) else ","


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
    kind = "ebd" if wanted is SIGHTINGS or section == "files.detections" else "sampling"
    specs = [replace(s, path=_in_archive(s.path, kind)) for s in spec.parts or (spec,)]
    found = [_open_one(s, section, wanted, ledger) for s in specs]
    files = [file for file in found if file is not None]
    if len(files) < len(found):
        return None
    if len(files) == 1:
        return files[0]
    ledger.split(spec.shown, [file.shown for file in files])
    return replace(files[0], shown=spec.shown, more=tuple(files))


def _in_archive(path: Path, kind: str) -> Path:
    """The one file of a kind in an archive that holds several, as eBird packs a download."""
    if path.suffix.lower() != ".zip" or not path.is_file():
        return path
    inside = [path / name for name in unpack.contents(path)]
    fits = [one for one in inside if kind_of(header_of(one)) == kind]
    return fits[0] if len(fits) == 1 and len(inside) > 1 else path


def _open_one(
    spec: TableSpec, section: str, wanted: dict[str, tuple[str, ...]], ledger: Ledger
) -> EbirdFile | None:
    real = unpack.archive_of(spec.path)[0]
    if not real.is_file():
        beside = [p.name for p in spec.path.parent.iterdir()] if spec.path.parent.is_dir() else []
        ledger.error(
            "E401",
            f"{spec.shown} is not there ([{section}] path).{did_you_mean(spec.path.name, beside)}",
            file=spec.shown,
            cure="paths count from the folder of the study file",
        )
        return None
    if not real.stat().st_size:
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
            "by tabs or commas",
            file=spec.shown,
            row=1,
            cure="use the .txt (or .txt.gz, .zip) of the download as it came; a spreadsheet spoils "
            "it",
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
    columns = _columns(header, wanted)
    file = EbirdFile(spec.path, spec.shown, header, columns, separator_of(spec.path))
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
    real = unpack.archive_of(file.path)[0]
    with real.open("rb") as source:
        while piece := source.read(1 << 20):
            total.update(piece)
    return {
        "file": file.shown,
        "sha256": total.hexdigest(),
        "bytes": real.stat().st_size,
        "rows": int(rows),
        "encoding": "utf-8",
        "separator": "tab" if file.separator == "\t" else "comma",
    }
