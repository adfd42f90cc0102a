"""Months by the names that people write, in the languages that spreadsheets write them in."""

from __future__ import annotations

import unicodedata

# Every name is known by its first three letters or more, in any of these languages; a beginning
# that two months share in one language (juin, juillet) stands in full.
_NAMES: tuple[tuple[str, ...], ...] = (
    ("january", "januar", "janvier", "enero", "gennaio", "janeiro", "januari", "jan"),
    ("february", "februar", "fevrier", "febrero", "febbraio", "fevereiro", "februari"),
    ("march", "marz", "maerz", "mars", "marzo", "marco", "maart", "mrt", "mrz"),
    ("april", "avril", "abril", "aprile"),
    ("may", "mai", "mayo", "maggio", "maio", "mei", "maj"),
    ("june", "juni", "juin", "junio", "giugno", "junho"),
    ("july", "juli", "juillet", "julio", "luglio", "julho", "juil"),
    ("august", "aout", "agosto", "augustus", "augusti"),
    ("september", "septembre", "septiembre", "settembre", "setembro"),
    ("october", "oktober", "octobre", "octubre", "ottobre", "outubro"),
    ("november", "novembre", "noviembre", "novembro"),
    ("december", "dezember", "decembre", "diciembre", "dicembre", "dezembro"),
)
SHORTEST = 3


def _known() -> dict[str, int]:
    meant: dict[str, set[int]] = {}
    for number, names in enumerate(_NAMES, start=1):
        for name in names:
            for end in range(SHORTEST, len(name) + 1):
                meant.setdefault(name[:end], set()).add(number)
    return {start: next(iter(months)) for start, months in meant.items() if len(months) == 1}


def month_of(name: str) -> int | None:
    """The month, 1 to 12, of "May", "Sept.", "März", "août"; None for any other word.

    >>> month_of("Dez."), month_of("juin"), month_of("jui")
    (12, 6, None)
    """
    letters = unicodedata.normalize("NFKD", name.casefold().rstrip("."))
    return _KNOWN.get("".join(c for c in letters if not unicodedata.combining(c)))


_KNOWN = _known()
