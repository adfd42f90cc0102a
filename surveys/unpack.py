"""One packed table (.gz, or a .zip with one file in it) to its bytes, never more than is sane."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from surveys.problems import listing

MOST_BYTES = 4 * 1024**3
MOST_RATIO = 1000  # tables of zeros pack well
FREE_BYTES = 1 << 20  # of which no ratio is asked
# What is in a workbook, and in no archive of tables.
WORKBOOK_PARTS = ("[Content_Types].xml", "content.xml", "xl/")


def archive_of(path: Path) -> tuple[Path, str]:
    """The archive that a path leads into and the name in it: export.zip, observations.csv.

    The path itself and "" where it leads into none.
    """
    if not path.exists():
        for folder in path.parents:
            if folder.suffix.lower() == ".zip" and folder.is_file():
                return folder, path.relative_to(folder).as_posix()
    return path, ""


def contents(path: Path) -> list[str]:
    """Names of the files in an archive; none where it is no archive that can be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            return [entry.filename for entry in members(archive)]
    except ERRORS:
        return []


def read_bytes(path: Path) -> bytes:
    """The bytes of a file, or of one in an archive (export.zip/observations.csv).

    Raises
    ------
    OSError
        It is not there, or cannot be unpacked.
    """
    archive_path, inside = archive_of(path)
    if not inside:
        return path.read_bytes()
    try:
        with zipfile.ZipFile(archive_path) as archive:
            return member(archive, archive.getinfo(inside), archive_path.stat().st_size)
    except KeyError:
        raise FileNotFoundError(f"{archive_path.name} holds no {inside}") from None
    except (NotUnpacked, *ERRORS) as error:
        raise OSError(f"it cannot be unpacked ({_reason(error)})") from None


class NotUnpacked(Exception):
    """The archive holds no single table, with the reason in the user's words."""


def is_workbook(raw: bytes) -> bool:
    """Whether a zip archive is a workbook; a damaged one is taken for one, and refused as such."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            return any(name.startswith(WORKBOOK_PARTS) for name in archive.namelist())
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, RuntimeError):
        return True


def members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The files of an archive, without folders and what macOS adds."""
    return [
        entry
        for entry in archive.infolist()
        if not entry.is_dir()
        and not entry.filename.startswith("__MACOSX/")
        and not PurePosixPath(entry.filename).name.startswith(".")
    ]


def from_zip(raw: bytes) -> tuple[bytes, str]:
    """The bytes and the name of the one file in a zip archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            found = members(archive)
            if len(found) != 1:
                names = listing([entry.filename for entry in found], 6) or "nothing"
                raise NotUnpacked(f"it holds {len(found)} files ({names})")
            return member(archive, found[0], len(raw)), found[0].filename
    except NotUnpacked:
        raise
    except ERRORS as error:
        raise NotUnpacked(f"the archive is damaged ({_reason(error)})") from None


ERRORS = (
    *(zipfile.BadZipFile, zlib.error, ValueError, OSError, EOFError),
    *(NotImplementedError, RuntimeError, KeyError, IndexError, MemoryError),
)


def member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, packed: int) -> bytes:
    """The bytes of one file of an archive, no more than is sane for its size."""
    with archive.open(entry) as stream:
        return _limited(stream, packed)


def from_gzip(raw: bytes) -> bytes:
    """The bytes that gzip packed."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as stream:
            return _limited(stream, len(raw))
    except NotUnpacked:
        raise
    except ERRORS as error:
        raise NotUnpacked(f"the archive is damaged or cut short ({_reason(error)})") from None


def _limited(stream, packed: int) -> bytes:
    most = min(MOST_BYTES, max(FREE_BYTES, MOST_RATIO * packed))
    content = stream.read(most + 1)
    if len(content) > most:
        raise NotUnpacked(f"it unpacks to more than {most:,} bytes, too many for its size")
    return content


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:100] or type(error).__name__
