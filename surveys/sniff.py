"""What a file of bytes is: encoding, separator, workbook or text, told from the data alone."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from typing import Literal

SEPARATORS: tuple[str, ...] = (",", ";", "\t", "|")
SEPARATOR_NAMES: dict[str, str] = {
    **{",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", " ": "blank"}
}
ROWS_LOOKED_AT = 60
Kind = Literal["text", "zip", "gzip", "parquet", "xls", "html", "binary", "empty"]

# Longest first: the mark of UTF-32 begins like that of UTF-16.
MARKS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True)
class Decoded:
    """Text of a file, the encoding it was read with, and the first byte that is not UTF-8."""

    text: str
    encoding: str
    mark: bool = False
    bad_at: int | None = None  # offset of the first byte that UTF-8 does not know
    bad_byte: int | None = None


class NotText(Exception):
    """The bytes cannot be read in the encoding asked for, or in any that is known."""


def kind_of(raw: bytes) -> Kind:
    """What the first bytes say the file is, whatever its name."""
    if not raw.strip(b"\x00 \t\r\n\xef\xbb\xbf\xff\xfe"):
        return "empty"
    if raw.startswith(b"PK\x03\x04"):
        return "zip"
    if raw.startswith(b"\x1f\x8b"):
        return "gzip"
    if raw.startswith(b"PAR1"):
        return "parquet"
    if raw.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return "xls"
    start = raw[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<html", b"<!doctype html", b"<table", b"<?xml")):
        return "html"
    if not raw.startswith(tuple(mark for mark, _ in MARKS)) and _wide_text(raw) is None:
        head = raw[:4096]
        odd = sum(byte < 32 and byte not in (9, 10, 12, 13) for byte in head)
        if odd > max(1, len(head) // 50):
            return "binary"
    return "text"


def decode(raw: bytes, encoding: str | None = None) -> Decoded:
    """The text of `raw`: by its mark, else UTF-8, else Windows-1252; or as `encoding` says.

    The sign with which old programs end a file (Ctrl-Z) is no text.
    """
    raw = raw.rstrip(b"\x1a") if raw.endswith(b"\x1a") else raw
    for mark, name in MARKS:
        if raw.startswith(mark) and encoding is None:
            try:
                return Decoded(raw[len(mark) :].decode(name), name, mark=True)
            except UnicodeDecodeError as error:
                if name == "utf-8":
                    raw = raw[len(mark) :]
                    break
                raise NotText(f"it begins as {name} but byte {error.start} does not fit") from None
    if encoding is not None:
        try:
            text = raw.decode(encoding)
        except LookupError:
            raise NotText(f'no encoding is called "{encoding}"') from None
        except (UnicodeDecodeError, UnicodeError) as error:
            place = getattr(error, "start", 0)
            raise NotText(f"byte {place} is not {encoding}") from None
        return Decoded(text.removeprefix("\ufeff"), encoding)
    guess = _wide_text(raw)
    if guess is not None:
        return Decoded(raw.decode(guess, errors="strict"), guess)
    try:
        return Decoded(raw.decode("utf-8"), "utf-8")
    except UnicodeDecodeError as error:
        at, byte = error.start, raw[error.start]
    if (other := _not_latin(raw)) is not None:
        return Decoded(raw.decode(other), other, bad_at=at, bad_byte=byte)
    try:
        return Decoded(raw.decode("cp1252"), "cp1252", bad_at=at, bad_byte=byte)
    except UnicodeDecodeError:
        raise NotText(f"byte {at} (0x{byte:02X}) is neither UTF-8 nor Windows-1252") from None


def _not_latin(raw: bytes) -> str | None:
    """GB 18030 or Windows-1251, where every letter beyond ASCII is Chinese, or Cyrillic.

    Latin text has such bytes one by one (the a of a French castle): words of them are not Latin.
    """
    high = re.findall(rb"[\x80-\xff]+", raw)
    if sum(len(run) for run in high if len(run) > 1) < 0.8 * sum(map(len, high)):
        return None
    for strict, encoding, letters in (
        ("gb2312", "gb18030", "[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef\u00b0\u00b7\u2010-\u2026]"),
        ("cp1251", "cp1251", "[\u0400-\u04ff\u00ab\u00bb\u00b0\u2013\u2014\u2116]"),
    ):
        try:
            text = raw.decode(strict)
        except UnicodeDecodeError:
            continue
        beyond = [c for c in text if not c.isascii()]
        if re.search("[a-zA-Z][\u0400-\u04ff]|[\u0400-\u04ff][a-zA-Z]", text):
            continue  # no word has letters of both
        if all(re.fullmatch(letters, c) for c in set(beyond)):
            return encoding
    return None


def _wide_text(raw: bytes) -> str | None:
    """UTF-16 without a mark: every second byte of Latin text is zero."""
    head = raw[:2000]
    if len(head) < 8 or len(raw) % 2:
        return None
    for name, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[0::2])):
        others = head[0::2] if name == "utf-16-le" else head[1::2]
        if zeros.count(0) > 0.8 * len(zeros) and others.count(0) < 0.1 * len(others):
            try:
                raw.decode(name)
            except UnicodeDecodeError:
                return None
            return name
    return None


def separator_of(text: str) -> str:
    """The separator under which most rows have the same number of values, two or more."""
    lines = "\n".join(text[:200_000].splitlines()[:ROWS_LOOKED_AT])
    best, best_score = ",", (0.0, 0)
    for separator in SEPARATORS:
        if separator not in lines:
            continue
        try:
            widths = [len(row) for row in csv.reader(io.StringIO(lines), delimiter=separator)]
        except csv.Error:
            continue
        counted = Counter(w for w in widths if w)
        if not counted:
            continue
        width, n = max(counted.items(), key=lambda item: (item[0] > 1, item[1], item[0]))
        if width < 2:
            continue
        score = (n / sum(counted.values()), width)
        if score > best_score:
            best, best_score = separator, score
    return best if best_score[0] or not _parted_by_blanks(lines) else " "


def without_margins(text: str) -> str:
    """The text without blanks at the ends of its rows, which would part values of nothing."""
    return "\n".join(line.strip(" \t") for line in text.splitlines())


def _parted_by_blanks(text: str) -> bool:
    """Whether one blank parts every row alike; R leaves out the name above the names of rows.

    Where several blanks follow each other, a cell may have been left empty.
    """
    text = without_margins(text)
    if "  " in re.sub(r'"[^"\n]*"', '""', text):
        return False
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=" ", strict=True))
    except csv.Error:
        return False
    widths = [len(row) for row in rows if row]
    if len(widths) < 2 or widths[0] < 2 or len(set(widths[1:])) > 1:
        return False
    return widths[1] in (widths[0], widths[0] + 1)


def open_quote(text: str, separator: str) -> tuple[int, int] | None:
    """Row and position (from 1) of the value whose double quote is never closed, or None.

    Rows count as a spreadsheet does: a line break inside quotes starts no row.
    """
    row, field, at_start, inside = 1, 1, True, False
    opened: tuple[int, int] | None = None
    i, end = 0, len(text)
    while i < end:
        char = text[i]
        if inside:
            if char == '"':
                if text[i + 1 : i + 2] == '"':
                    i += 1
                else:
                    inside, opened = False, None
        elif char == '"' and at_start:
            inside, opened, at_start = True, (row, field), False
        elif char == separator:
            field, at_start = field + 1, True
        elif char in "\r\n":
            if char == "\r" and text[i + 1 : i + 2] == "\n":
                i += 1
            row, field, at_start = row + 1, 1, True
        else:
            at_start = False
        i += 1
    return opened
