"""A place in one text: 46.81, 8.23; POINT (8.23 46.81); 32T 456789 5186543; SK 123 456."""

from __future__ import annotations

import re
from dataclasses import dataclass

from surveys.dms_text import dms_pair

DEGREES = "EPSG:4326"
BRITAIN, IRELAND = NATIONAL = ("EPSG:27700", "EPSG:29903")
_NUMBER = r"[-+]?[0-9]+(?:\.[0-9]+)?"
_COMMA = r"[-+]?[0-9]+,[0-9]+"
_WKT = re.compile(
    rf"(?:SRID=(?P<srid>[0-9]+);)?\s*POINT\s*(?:ZM?|M)?\s*\(\s*(?P<x>{_NUMBER})\s+(?P<y>{_NUMBER})"
    rf"(?:\s+{_NUMBER}){{0,2}}\s*\)",
    re.IGNORECASE,
)
_PAIR = re.compile(rf"(?P<a>{_NUMBER})\s*°?\s*(?P<sign>[,;/|\s])\s*(?P<b>{_NUMBER})\s*°?")
_COMMA_PAIR = re.compile(rf"(?P<a>{_COMMA})\s*°?\s*(?:[;/|]|,?\s)\s*(?P<b>{_COMMA})\s*°?")
_UTM = re.compile(
    r"(?:UTM\s*)?(?P<zone>[0-9]{1,2}\s*(?:[C-HJ-NP-X]|north|south))[\s,;]+"
    r"(?:E\s*)?(?P<e>[0-9]{6}(?:\.[0-9]+)?)\s*(?:m?\s*E)?[\s,;]+"
    r"(?:N\s*)?(?P<n>[0-9]{5,8}(?:\.[0-9]+)?)\s*(?:m?\s*N)?",
    re.IGNORECASE,
)
_ZONE = re.compile(
    r"(?:utm)?\s*(?:zone)?\s*(?P<zone>[0-9]{1,2})\s*[-/]?\s*(?P<band>[C-HJ-NP-X]|north|south)",
    re.IGNORECASE,
)
_MGRS = re.compile(
    r"(?P<zone>[0-9]{1,2})\s?(?P<band>[C-HJ-NP-X])\s?(?P<column>[A-HJ-NP-Z])(?P<row>[A-HJ-NP-V])"
    r"\s?(?P<digits>[0-9]+(?:\s[0-9]+)?)",
)
_GRID = re.compile(
    r"(?P<letters>[A-HJ-Z]{1,2})\s?(?P<digits>[0-9]+(?:\s[0-9]+)?)(?P<tetrad>[A-NP-Z])?"
)
_BANDS = "CDEFGHJKLMNPQRSTUVWX"
_SQUARES = "ABCDEFGHJKLMNOPQRSTUVWXYZ"  # of the British and Irish grids: without I
_MGRS_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"  # without I and O
_TETRADS = "ABCDEFGHIJKLMNPQRSTUVWXYZ"  # without O


@dataclass(frozen=True)
class Position:
    """A place; `crs` is "" where the text does not tell it, `square` the metres that it leaves."""

    x: float
    y: float
    crs: str
    square: float = 0.0
    ordered: bool = True  # whether the text itself tells which of the two is x


def parse(text: str) -> Position | None:
    """The place that a text tells; of a bare pair the second is x: 46.81, 8.23."""
    text = text.strip().replace("\u2212", "-").replace("\u2013", "-")
    for read in (_well_known, _utm, _military, _national, _sexagesimal, _bare_pair):
        found = read(text)
        if found is not None:
            return found
    return None


def utm_crs(text: str) -> str | None:
    """The CRS of a UTM zone, 32T or 32 north; None where the text does not tell its half.

    A zone with S may be the band of the north that is called so, or mean south: nobody can tell.
    """
    match = _ZONE.fullmatch(text.strip())
    if match is None or match["band"].upper() == "S":
        return None
    band = match["band"].upper()
    north = band == "NORTH" or (band != "SOUTH" and band >= "N")
    return _zone_crs(int(match["zone"]), north=north)


def _zone_crs(zone: int, *, north: bool) -> str | None:
    return f"EPSG:{(32600 if north else 32700) + zone}" if 1 <= zone <= 60 else None


def _well_known(text: str) -> Position | None:
    match = _WKT.fullmatch(text)
    if match is None:
        return None
    x, y = float(match["x"]), float(match["y"])
    if match["srid"]:
        return Position(x, y, f"EPSG:{match['srid']}")
    return Position(x, y, DEGREES if abs(x) <= 180 and abs(y) <= 90 else "")


def _bare_pair(text: str) -> Position | None:
    inner = text[1:-1].strip() if (text[:1], text[-1:]) in (("(", ")"), ("[", "]")) else text
    match = _PAIR.fullmatch(inner)
    if match is not None and match["sign"] == "," and not re.search(r"[.\s]", inner):
        return None  # 46,812 may be one number with a decimal comma
    match = match or _COMMA_PAIR.fullmatch(inner)
    if match is None:
        return None
    a, b = (float(match[k].replace(",", ".")) for k in ("a", "b"))
    degrees = max(abs(a), abs(b)) <= 180 and min(abs(a), abs(b)) <= 90
    if degrees:
        return Position(b, a, DEGREES, ordered=False)
    return Position(a, b, "", ordered=False)


def _sexagesimal(text: str) -> Position | None:
    found = dms_pair(text)
    return None if found is None else Position(found[0], found[1], DEGREES, ordered=found[2])


def _utm(text: str) -> Position | None:
    match = _UTM.fullmatch(text)
    if match is None:
        return None
    crs = utm_crs(match["zone"])
    return None if crs is None else Position(float(match["e"]), float(match["n"]), crs)


def _military(text: str) -> Position | None:
    """A square of the military grid (MGRS), 32T MT 56789 12345: its middle."""
    match = _MGRS.fullmatch(text)
    parts = _halves(match["digits"]) if match else None
    if match is None or parts is None:
        return None
    zone, band = int(match["zone"]), match["band"]
    column = "STUVWXYZABCDEFGHJKLMNPQR".index(match["column"]) - 8 * (zone % 3)
    row = (_MGRS_LETTERS.index(match["row"]) - (0 if zone % 2 else 5)) % 20
    crs = _zone_crs(zone, north=band >= "N")
    if not 0 <= column % 24 < 8 or crs is None:
        return None
    east, north, square = parts
    least = 110_600.0 * (8 * _BANDS.index(band) - 80)  # metres from the equator, a little low
    least += 0 if band >= "N" else 10_000_000
    y = row * 100_000.0
    while y + 100_000 < least - 20_000:
        y += 2_000_000
    return Position((column % 24 + 1) * 100_000 + east, y + north, crs, square)


def _national(text: str) -> Position | None:
    """A square of the British (SK 123 456) or Irish (O 123 456) grid: its middle."""
    match = _GRID.fullmatch(text.upper()) if text.isascii() else None
    if match is None:
        return None
    parts = _halves(match["digits"])
    if parts is None:
        return None
    east, north, square = parts
    if match["tetrad"]:
        if square != 10_000:
            return None
        at = _TETRADS.index(match["tetrad"])
        east, north = east - 5_000 + at // 5 * 2_000, north - 5_000 + at % 5 * 2_000
        east, north, square = east + 1_000, north + 1_000, 2_000.0
    places = [_SQUARES.index(c) for c in match["letters"]]
    if len(places) == 1:
        x, y, crs = places[0] % 5, 4 - places[0] // 5, IRELAND
    else:
        if match["letters"][0] not in "HNOST":
            return None
        x = (places[0] % 5 - 2) * 5 + places[1] % 5
        y = (3 - places[0] // 5) * 5 + 4 - places[1] // 5
        crs = BRITAIN
    return Position(x * 100_000 + east, y * 100_000 + north, crs, square)


def _halves(digits: str) -> tuple[float, float, float] | None:
    """Easting and northing within a square of 100 km, to the middle of what they name."""
    parts = digits.split()
    if len(parts) == 1:
        half = len(digits) // 2
        parts = [digits[:half], digits[half:]]
    if len(parts[0]) != len(parts[1]) or not 1 <= len(parts[0]) <= 5:
        return None
    square = 10.0 ** (5 - len(parts[0]))
    east, north = (float(p) * square + square / 2 for p in parts)
    return east, north, square
