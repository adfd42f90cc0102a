"""What a first look takes up: the files of folders, archives and packages, and those of eBird."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from surveys import guess_cameras, unpack
from surveys.guess_layers import is_raster
from surveys.ledger import Ledger
from surveys.open_table import open_table
from surveys.problems import Problem, SurveyError, listing
from surveys.readers import dwca, folders, recording_names, recordings, sound_labels, sound_tables
from surveys.readers.ebird_files import header_of, kind_of, opened, separator_of
from surveys.readers.layer_table import is_layer
from surveys.text_table import Table, TableSpec

ROWS = 5000
BYTES = 1 << 23
# Of what lies in a folder or an archive, what may be of use; pictures are not.
PARTS_OF_SHAPEFILES = (
    *(".dbf", ".shx", ".prj", ".cpg", ".qpj", ".qix", ".sbn", ".sbx", ".qmd", ".idx", ".atx"),
)
READABLE = (".csv", ".tsv", ".txt", ".json", ".xlsx", ".ods", ".parquet", ".inp", ".pao", ".gz")
ARCHIVE = "meta.xml"  # of Darwin Core


def files_of(paths: Sequence[Path], home: Path) -> list[Path]:
    """The files that were meant: those of a folder, an archive, a data package; each once."""
    out: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found = _of_folder(path, home)
            if not found and len(paths) > 1:
                continue  # such as the folder of pictures, named by a star
            out |= dict.fromkeys(found or [path])
        else:
            out |= dict.fromkeys(_of_archive(path) or _of_package(path) or [path])
    described = {p.parent: unpack.read_bytes(p) for p in out if p.name == ARCHIVE and p.is_file()}
    out = {p: None for p in out if not _is_beside(p)}
    return [p for p in out if p.name == ARCHIVE or not _is_of(p, described.get(p.parent, b""))]


def _is_beside(path: Path) -> bool:
    """Whether a file is a part of a Shapefile or raster beside it, named by a star."""
    name = path.name.lower()
    if name.endswith((".aux.xml", ".ovr", ".tfw", ".tif.xml", ".shp.xml", ".qgz", ".qgs", ".lyrx")):
        return True
    if not name.endswith(PARTS_OF_SHAPEFILES):
        return False
    return any((path.parent / f"{path.stem}{suffix}").is_file() for suffix in (".shp", ".SHP"))


def _is_of(path: Path, archive: bytes) -> bool:
    """Whether a file is told of by the archive beside it, and so read as its own."""
    return bool(archive) and (path.suffix.lower() == ".xml" or path.name.encode() in archive)


def _of_folder(folder: Path, home: Path) -> list[Path]:
    """The files of a folder that can be read; itself, where it has a table for each recording."""
    if (folder / ARCHIVE).is_file():
        return [folder / ARCHIVE]
    if folder.resolve() == home.resolve():
        # results of the study will lie in folders of its own, so that none of them is read with it
        inside = [p for p in sorted(folder.iterdir()) if p.is_dir() and _has_sounds(p)]
        flat = any(p.is_file() and _is_sounds(p) for p in sorted(folder.iterdir()))
        if inside and not flat:
            _refuse_several(inside)
            return [*inside, *_lists_of_recordings(folder)]
    if _has_sounds(folder):
        return [folder, *_lists_of_recordings(folder)]
    found = [
        p for p in sorted(folder.iterdir()) if p.is_file() and not p.name.startswith((".", "~"))
    ]
    inside = [part for p in found for part in _of_archive(p) or [p]]
    here = [p for p in inside if p.parent != folder or p.suffix == ".zip" or _is_readable(p)]
    return here or [p for below in sorted(folder.iterdir()) for p in _tables_below(below)]


def _tables_below(folder: Path) -> list[Path]:
    """Tables of a folder within one that holds none itself, as a download for each month does."""
    if not folder.is_dir() or folder.name.startswith((".", "~")):
        return []
    return [p for p in sorted(folder.iterdir()) if p.is_file() and _is_readable(p)]


def _refuse_several(inside: list[Path]) -> None:
    if len(inside) > 1:
        raise SurveyError(
            Problem(
                code="E692",
                fact="Tables of recordings lie in several folders: "
                f"{listing([p.name for p in inside], 6)}",
                why="each may be a survey of its own",
                cure=f"name one: occupancy init {inside[0].name}; or put them into one folder",
            )
        )


def _has_sounds(folder: Path) -> bool:
    return sound_tables.first_of(folder, folder.name) is not None


def _lists_of_recordings(folder: Path) -> list[Path]:
    """Tables of the recordings that were made, beside those of what was heard in them."""
    found = []
    for path in sorted(folder.iterdir()):
        named_of_one = not np.isnat(recording_names.start_of(path.stem))
        if path.suffix.lower() in folders.SUFFIXES and path.is_file() and not named_of_one:
            table = open_table(TableSpec(path, path.name), Ledger())
            if (
                table is not None
                and not sound_tables.is_sounds(table)
                and recordings.is_list(table)
            ):
                found.append(path)
    return found[:1]


def _is_sounds(path: Path) -> bool:
    if path.suffix.lower() not in folders.SUFFIXES:
        return False
    table = sound_labels.opened(TableSpec(path, path.name), Ledger())
    return table is not None and len(table) > 0 and sound_tables.is_sounds(table)


def _is_readable(path: Path) -> bool:
    if path.suffix.lower() == ".json":
        return guess_cameras.json_kind(path) != "other"
    return (
        path.name.lower().endswith((*READABLE, ".tab"))
        or is_layer(path.name)
        or is_raster(path.name)
    )


def _of_archive(path: Path) -> list[Path]:
    """The files of an archive that holds several."""
    if path.suffix.lower() != ".zip" or not path.is_file():
        return []
    inside = unpack.contents(path)
    if any(n.rpartition("/")[2] == ARCHIVE for n in inside):
        return []  # read as a whole
    names = [n for n in inside if n.lower().endswith(READABLE)]
    return [path / name for name in sorted(names)] if len(names) > 1 else []


def _of_package(path: Path) -> list[Path]:
    """A data package and the tables that it names and that lie beside it."""
    if path.suffix.lower() != ".json" or guess_cameras.json_kind(path) != "package":
        return []
    told = json.loads(unpack.read_bytes(path).decode("utf-8-sig"))
    found = [path]
    for resource in told["resources"]:
        name = resource.get("path") if isinstance(resource, dict) else None
        if isinstance(name, str) and ".." not in PurePosixPath(name).parts:
            table = path.parent / name
            if table.is_relative_to(path.parent) and table.is_file():
                found.append(table)
    return found


def first_look(path: Path, name: str, ledger: Ledger) -> Table | None:
    """What a file of eBird or a Darwin Core archive holds, as a table; None for other files."""
    try:
        return _first_rows(path, name) or dwca.table_of(path, name)
    except dwca.Refused as error:
        ledger.error("E620", f"{name}: {error.fact}", file=name, cure=error.cure)
        return None


def _first_rows(path: Path, name: str) -> Table | None:
    """The first rows of a file of eBird, which may be larger than memory."""
    header = header_of(path)
    if not kind_of(header) or header is None:
        return None
    sign = separator_of(path)
    with opened(path) as file:
        text = file.read(BYTES).decode("utf-8-sig", errors="replace")
    quoting = csv.QUOTE_NONE if sign == "\t" else csv.QUOTE_MINIMAL
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=sign, quoting=quoting)
    body = [line for line, _ in zip(lines, range(ROWS + 2), strict=False)][1:]
    if len(body) > 1:
        body = body[:-1]  # the last may be cut short
    names = [h or f"({i})" for i, h in enumerate(header)]
    rows = [line[: len(names)] + [""] * (len(names) - len(line)) for line in body]
    index = pd.Index(range(2, len(rows) + 2), dtype="int64")
    frame = pd.DataFrame(rows, index=index, columns=names, dtype=object)
    size = unpack.archive_of(path)[0].stat().st_size
    shown = f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size} bytes"
    look = f"{shown}, parted by {'tabs' if sign == '\t' else 'commas'}"
    found = {"look": look, "ebird": kind_of(header)}
    return Table(TableSpec(path, name), frame, found, separator=sign)
