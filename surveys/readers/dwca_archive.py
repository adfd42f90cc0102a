"""Darwin Core archives: meta.xml and the tables that it names, in a folder or a zip file.

Archives come from strangers. Nothing outside the archive is read, nothing is unpacked to the disk,
and no more is read from a zip file than its tables may hold.
"""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from xml.parsers import expat

import pandas as pd

from surveys.ledger import Ledger
from surveys.readers.dwca_loose import EVENT, HUMBOLDT, MEASUREMENT, OCCURRENCE, tables_of
from surveys.study_file import StudyFile
from surveys.text_table import Table, TableSpec

META = "meta.xml"
MOST_META = 1 << 20
MOST_BYTES = 2 << 30  # of one table
MOST_DEPTH = 8
MOST_FIELDS = 2000
ROW_TYPES = {
    "http://rs.tdwg.org/dwc/terms/event": EVENT,
    "http://rs.tdwg.org/dwc/terms/occurrence": OCCURRENCE,
    "http://rs.tdwg.org/dwc/terms/measurementorfact": MEASUREMENT,
    "http://rs.iobis.org/obis/terms/extendedmeasurementorfact": MEASUREMENT,
    "http://rs.tdwg.org/eco/terms/event": HUMBOLDT,
}


AGAIN = (
    "fetch the archive again; it is a .zip or a folder with meta.xml, whose core is the table of "
    "events"
)
AS_EVENTS = (
    "a download of GBIF, and an archive of occurrences, hold sightings alone. If the data set is "
    "one of sampling events, fetch its source archive from the page of the data set; if you know "
    'when and where somebody looked, list the visits: [source] format = "long"'
)


class Refused(Exception):
    """What an archive holds cannot be read, and why."""

    def __init__(self, fact: str, file: str = META, row: int | None = None, cure: str = AGAIN):
        super().__init__(fact)
        self.fact, self.file, self.row, self.cure = fact, file, row, cure


@dataclass
class Part:
    """One table as meta.xml describes it."""

    kind: str
    core: bool
    files: list[str] = field(default_factory=list)
    key: int | None = None
    fields: list[tuple[int | None, str, str]] = field(default_factory=list)  # place, term, default
    told: dict[str, str] = field(default_factory=dict)


@dataclass
class Archive:
    """The tables of an archive by their kind; the key to the core is the column `id` of each."""

    shown: str
    tables: dict[str, Table]
    inputs: list[dict[str, Any]]


def open_archive(study: StudyFile, ledger: Ledger) -> Archive | None:
    """The archive that the study names; None, with the reason in the ledger, where it is none."""
    shown = study.section("files.archive").get("path")
    if not shown:
        ledger.error(
            "E620",
            f"{study.name} names no archive",
            file=study.name,
            cure='[files.archive] path = "dwca.zip", or the folder that holds meta.xml',
        )
        return None
    spec = study.table("files.archive", ledger)
    if spec is None:
        return None
    try:
        return read_archive(spec.path, spec.shown)
    except Refused as error:
        at = "" if error.row is None else f", row {error.row}"
        inside = "" if error.file == spec.shown else f", {error.file}"
        ledger.error(
            "E620",
            f"{spec.shown}{inside}{at}: {error.fact}",
            file=spec.shown,
            row=error.row,
            cure=error.cure,
        )
    return None


def read_archive(path: Path, shown: str) -> Archive:
    """The tables of a folder, a zip file, or of the folder of a meta.xml.

    Raises
    ------
    Refused
        It is no archive with events as its core, or it is damaged or hostile.
    """
    box = _Box(path, shown)
    try:
        parts = _loose_parts(box) or parse_meta(box.read(META, MOST_META))
        tables: dict[str, Table] = {}
        for part in parts:
            if part.kind and part.kind not in tables:
                tables[part.kind] = _table(box, part)
            elif part.kind:
                raise Refused(f"it names two tables of the kind {part.kind}")
        return Archive(shown, tables, box.inputs)
    finally:
        box.close()


def _loose_parts(box: _Box) -> list[Part]:
    """The tables of a folder without meta.xml, where their names and terms tell what they are."""
    if box.zip is not None or (box.path / META).is_file():
        return []
    return [
        Part(
            one.kind,
            one.kind == EVENT,
            files=[one.name],
            key=one.key,
            fields=[(i, term, "") for i, term in enumerate(one.terms)],
            told={"fieldsTerminatedBy": one.separator, "ignoreHeaderLines": "1"},
        )
        for one in tables_of(box.path)
    ]


class _Box:
    """Members of a folder or of a zip file, by their names within the archive."""

    def __init__(self, path: Path, shown: str):
        self.shown, self.inputs = shown, []
        self.zip: zipfile.ZipFile | None = None
        self.prefix = ""
        if path.is_file() and path.name.lower().endswith(".xml"):
            path = path.parent
            self.shown = PurePosixPath(shown).parent.as_posix()
        self.path = path
        if path.is_dir():
            return
        try:
            self.zip = zipfile.ZipFile(path)
            found = [n for n in self.zip.namelist() if PurePosixPath(n).name == META]
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise Refused(f"it is neither a folder nor a zip file ({error})", shown) from None
        if len(found) != 1:
            self.close()
            raise Refused("it has no meta.xml" if not found else "it has several meta.xml", shown)
        self.prefix = found[0].removesuffix(META)

    def close(self) -> None:
        if self.zip is not None:
            self.zip.close()

    def read(self, name: str, most: int) -> bytes:
        """The bytes of a member; a name that leads out of the archive is refused."""
        inner = PurePosixPath(name)
        strange = "\\" in name or ":" in name or "\0" in name or not name.strip()
        if strange or inner.is_absolute() or ".." in inner.parts:
            raise Refused(f'"{name[:80]}" is no name of a table inside the archive')
        raw = self._folder(name, most) if self.zip is None else self._zipped(name, most)
        self.inputs.append(
            {
                "file": f"{self.shown}/{name}" if self.shown not in ("", ".") else name,
                "sha256": hashlib.sha256(raw).hexdigest(),
                "bytes": len(raw),
                "rows": 0,
            }
        )
        return raw

    def _folder(self, name: str, most: int) -> bytes:
        path = (self.path / name).resolve()
        if not path.is_relative_to(self.path.resolve()):
            raise Refused(f'"{name}" leads out of the archive')
        try:
            if path.stat().st_size > most:
                raise Refused(f"it is larger than {most >> 20} MB", name)
            return path.read_bytes()
        except OSError:
            raise Refused(f"{name} is not there", name) from None

    def _zipped(self, name: str, most: int) -> bytes:
        assert self.zip is not None
        try:
            info = self.zip.getinfo(self.prefix + name)
            if info.flag_bits & 1:
                raise Refused("it is locked with a password", name)
            # What a zip file says of its sizes is not believed: reading itself ends at the limit.
            with self.zip.open(info) as source:
                raw = source.read(most + 1)
        except KeyError:
            raise Refused(f"{name} is not there", name) from None
        except (OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
            raise Refused(f"it is damaged ({error})", name) from None
        if len(raw) > most:
            raise Refused(f"unpacked it is larger than {most >> 20} MB", name)
        return raw


# --- meta.xml ----------------------------------------------------------------------------------


def parse_meta(raw: bytes) -> list[Part]:
    """The tables that meta.xml names, the core first; document types and entities are refused."""
    parts: list[Part] = []
    words: list[str] = []
    path: list[str] = []

    def start(name: str, told: dict[str, str]) -> None:
        path.append(name.rpartition("}")[2])
        words.clear()
        if len(path) > MOST_DEPTH:
            raise Refused("its elements lie too deep in each other")
        if path[-1] in ("core", "extension") and len(path) == 2:
            kind = ROW_TYPES.get(told.get("rowType", "").strip().casefold(), "")
            parts.append(Part(kind, path[-1] == "core", told=dict(told)))
        elif parts and path[-1] in ("id", "coreid"):
            parts[-1].key = _whole(told.get("index"))
        elif parts and path[-1] == "field":
            term = told.get("term", "").strip().rstrip("/").rpartition("/")[2]
            index = _whole(told["index"]) if "index" in told else None
            parts[-1].fields.append((index, term, told.get("default", "")))
            if len(parts[-1].fields) > MOST_FIELDS:
                raise Refused("a table has too many fields")

    def end(name: str) -> None:
        if path and path[-1] == "location" and parts:
            parts[-1].files.append("".join(words).strip())
        path.pop()
        words.clear()

    def refuse(*_: Any) -> None:
        raise Refused("it declares a document type or entities, which no archive needs")

    parser = expat.ParserCreate(namespace_separator="}")
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = words.append
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    parser.ExternalEntityRefHandler = parser.UnparsedEntityDeclHandler = refuse
    try:
        parser.Parse(raw, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise Refused(f"it is no XML ({str(error)[:120]})") from None
    parts.sort(key=lambda part: not part.core)
    if not parts or not parts[0].core:
        raise Refused("it names no core")
    if parts[0].kind != EVENT:
        what = parts[0].told.get("rowType", "").rpartition("/")[2][:40] or "nothing"
        raise Refused(
            f"its core is {what}, not Event: without events no visit can be told", cure=AS_EVENTS
        )
    return parts


def _whole(text: str | None) -> int:
    number = (text or "").strip()
    if not number.isascii() or not number.isdecimal() or int(number[:9]) >= MOST_FIELDS:
        raise Refused(f'"{number[:40]}" is no number of a column')
    return int(number)


# --- tables ------------------------------------------------------------------------------------

_SIGNS = {"\\t": "\t", "\\n": "\n", "\\r": "\r", "\\r\\n": "\r\n", "\\\\": "\\"}


def _sign(part: Part, name: str, usual: str) -> str:
    told = part.told.get(name)
    return usual if told is None else _SIGNS.get(told, told)


def _table(box: _Box, part: Part) -> Table:
    """A table of the archive as text cells, its columns called by their terms."""
    if not part.files:
        raise Refused(f"the table of the kind {part.kind} names no file")
    separator = _sign(part, "fieldsTerminatedBy", ",")
    quote = _sign(part, "fieldsEnclosedBy", '"').strip()
    if len(separator) != 1 or len(quote) > 1 or separator in "\r\n":
        raise Refused("values must be parted by one sign, and enclosed by one or none")
    skip = _whole(part.told.get("ignoreHeaderLines", "0"))
    encoding = part.told.get("encoding", "UTF-8") or "UTF-8"
    frames, first = [], ""
    for name in part.files:
        raw = box.read(name, MOST_BYTES)
        frames.append(_frame(raw, name, part, separator, quote, skip, encoding))
        box.inputs[-1]["rows"] = len(frames[-1])
        first = first or box.inputs[-1]["file"]
    frame = pd.concat(frames) if len(frames) > 1 else frames[0]
    if len(frames) > 1:
        frame.index = pd.Index(range(2, len(frame) + 2), dtype="int64")
    spec = TableSpec(box.path, first, section="files.archive")
    found = next(i for i in box.inputs if i["file"] == first)
    return Table(spec, frame, found, separator=separator)


def _frame(
    raw: bytes, name: str, part: Part, separator: str, quote: str, skip: int, encoding: str
) -> pd.DataFrame:
    try:
        text = raw.decode("utf-8-sig" if encoding.casefold() in ("utf-8", "utf8") else encoding)
    except (LookupError, UnicodeError) as error:
        raise Refused(f"it is not {encoding[:20]} ({str(error)[-60:]})", name) from None
    if "\0" in text:
        raise Refused("it holds a NUL byte; it is damaged", name)
    quoting = csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE
    lines = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=separator,
        quotechar=quote or None,
        quoting=quoting,
        strict=True,
    )
    wanted = [(i, term) for i, term, _ in part.fields if i is not None]
    if part.key is None:
        raise Refused(f"the table {name} has no key to the events")
    width = max([part.key, *(i for i, _ in wanted)]) + 1
    rows, numbers = [], []
    try:
        for number, line in enumerate(lines, start=1):
            if number <= skip or not any(line):
                continue
            if len(line) < width and any(line[1:]):
                line = line + [""] * (width - len(line))
            if len(line) < width:
                raise Refused(f"{len(line)} values, meta.xml names {width}", name, number)
            rows.append(line)
            numbers.append(number)
    except csv.Error as error:
        raise Refused(
            f"a value enclosed wrongly ({error})", name, len(numbers) + skip + 1
        ) from None
    index = pd.Index(numbers, dtype="int64")
    columns: dict[str, Any] = {"id": [line[part.key].strip() for line in rows]}
    for place, term, default in part.fields:
        if not term or term in columns:
            continue
        if place is None:
            columns[term] = [default.strip()] * len(rows)
        else:
            columns[term] = [line[place].strip() or default.strip() for line in rows]
    return pd.DataFrame(columns, index=index, dtype=object)
