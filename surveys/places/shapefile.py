"""The encoding of a Shapefile's texts, which it need not tell."""

from __future__ import annotations

import codecs
import struct
from pathlib import Path

MOST_BYTES = 64 * 1024 * 1024  # of texts looked at for their encoding


def encoding_of(path: Path) -> str | None:
    """The encoding of a Shapefile's texts where it does not tell it; None where it does.

    Bytes that are all UTF-8 are UTF-8 (chance makes other texts look so very seldom); the rest is
    Windows-1252, the usual one of the programs that wrote none down.
    """
    table = _beside(path, ".dbf")
    if table is None:
        return None
    told = _beside(path, ".cpg") or _beside(path, ".cst")
    if told is not None and _known(told.read_text(encoding="ascii", errors="ignore")):
        return None
    texts, language = _texts(table)
    if language and told is None:
        return None  # the table names a code page of its own, which GDAL follows
    return "UTF-8" if all(_is_utf8(t) for t in texts) else "CP1252"


def _beside(path: Path, suffix: str) -> Path | None:
    for written in (suffix, suffix.upper()):
        if path.with_suffix(written).is_file():
            return path.with_suffix(written)
    return None


def _known(told: str) -> bool:
    word = told.strip().upper()
    if word.isdigit() or word.startswith("ANSI"):
        return True  # a number of a code page
    try:
        codecs.lookup(word)
    except LookupError:
        return False
    return True


def _texts(table: Path) -> tuple[list[bytes], int]:
    """Distinct values beyond ASCII in the columns of text, and the byte of the code page."""
    with table.open("rb") as file:
        head = file.read(32)
        if len(head) < 32:
            return [], 0
        size, width = struct.unpack("<HH", head[8:12])
        described = file.read(max(0, size - 32))
        columns, at = [], 1
        for i in range(0, len(described) - 31, 32):
            length = described[i + 16]
            if described[i] == 0x0D:
                break
            if described[i + 11 : i + 12] == b"C":
                columns.append((at, at + length))
            at += length
        body = file.read(MOST_BYTES)
    found = {
        value
        for start in range(0, len(body) - width + 1, max(1, width))
        for a, b in columns
        if (value := body[start + a : start + b]).strip() and not value.isascii()
    }
    return sorted(found), head[29]


def _is_utf8(value: bytes) -> bool:
    """Whether bytes are UTF-8; a letter that the width of the column cut in two is forgiven."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(value.rstrip(b" \0"))
    except UnicodeDecodeError:
        return False
    return True
