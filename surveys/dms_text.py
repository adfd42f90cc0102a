"""Degrees, minutes and seconds in a text, as GPS devices and maps write them."""

from __future__ import annotations

import re

_DMS = re.compile(
    r"(?P<lead>[NSEWO])?\s*(?P<sign>-)?(?P<d>[0-9]{1,3}(?:[.,][0-9]+)?)\s*[°ºd:\s]?\s*"
    r"(?:(?P<m>[0-9]{1,2}(?:[.,][0-9]+)?)\s*['′’m:\s]?\s*)?"
    r"(?:(?P<s>[0-9]{1,2}(?:[.,][0-9]+)?)\s*(?:[\"″”s]|''|’’)?\s*)?(?P<tail>[NSEWO])?",
    re.IGNORECASE,
)


# 46 48 43 and 46 48.7: minutes and seconds by blanks alone, the last with a fraction at most.
_WHOLE_PARTS = re.compile(r"[-\u2212\u2013]?[0-9]{1,3}(?:[\s:][0-9]{1,2}){1,2}(?:[.,][0-9]+)?")
_OTHER = {"longitude": "NS", "latitude": "EW"}


def dms(text: str, axis: str = "") -> float | None:
    """Decimal degrees of 46°48'43"N, 46.8N or 46 48 43; None when the text is no such thing.

    `axis` is "longitude" or "latitude": a letter of the other is none of it. O is Ouest, Oeste,
    Ovest or Ost, which nobody can tell, so it is none either.
    """
    match = _DMS.fullmatch(text.strip().replace("\u2212", "-").replace("\u2013", "-"))
    if match is None:
        return None
    degrees, minutes, seconds = (
        float((match[k] or "0").replace(",", ".")) for k in ("d", "m", "s")
    )
    letter = (match["lead"] or match["tail"] or "").upper()
    if minutes >= 60 or seconds >= 60 or letter in ("O", *_OTHER.get(axis, ())):
        return None
    plain = not letter and "°" not in text and "º" not in text
    if plain and (match["m"] is None or not axis or _WHOLE_PARTS.fullmatch(text.strip()) is None):
        return None
    value = degrees + minutes / 60 + seconds / 3600
    return -value if letter in ("S", "W") or match["sign"] else value


def dms_pair(text: str) -> tuple[float, float, bool] | None:
    """Longitude and latitude of two such texts in one, and whether letters tell which is which."""
    lettered = re.search("[NS]", text, re.IGNORECASE) and re.search("[EW]", text, re.IGNORECASE)
    if not lettered and "°" not in text:
        return None
    for match in re.finditer(r"[\s,;/]+", text):
        one, other = text[: match.start()], text[match.end() :]
        lat, lon = dms(one, "latitude"), dms(other, "longitude")
        if lat is not None and lon is not None:
            return lon, lat, bool(lettered)
        lon, lat = dms(one, "longitude"), dms(other, "latitude")
        if lat is not None and lon is not None:
            return lon, lat, bool(lettered)
    return None
