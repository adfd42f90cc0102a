"""Names of species that stand in several columns: Genus and Species, or Species1 and Species2."""

from __future__ import annotations

import re

import numpy as np

from surveys import cells
from surveys.ledger import Ledger
from surveys.text_table import Table

_EPITHET = re.compile(r"[^\W\d_A-Z][\w.-]*(?: [^\W\d_A-Z][\w.-]*)?")
_GENUS = re.compile(r"[^\W\d_]+")
# Words that some write where the species, or the genus, was not told.
_NONE = frozenset({"", "blank", "unknown", "sp", "sp.", "spp", "spp.", "unidentified", "none"})


def whole_names(table: Table, column: str, ledger: Ledger) -> tuple[np.ndarray, bool]:
    """The names in a column; with the genus where that has a column of its own.

    Returns
    -------
    names, scientific : whether names were joined, so that a genus alone shows as one.
    """
    names = cells.words(table, column, ledger)
    genus = table.match("genus")
    if genus is None or genus == column:
        return names, False
    above = cells.words(table, genus, ledger)
    known = [n for n in names if n.casefold() not in _NONE]
    if not known or not all(_EPITHET.fullmatch(n) for n in known):
        return names, False  # whole names already, or names of another kind
    return np.array([_joined(g, s) for g, s in zip(above, names, strict=True)], dtype=object), True


def tell_further(table: Table, column: str, ledger: Ledger) -> None:
    """Names in Species2 beside those in Species1 are animals that would be lost in silence."""
    parts = re.fullmatch(r"(.*?)[ _.]*(\d*)", column)
    stem = parts[1].casefold() if parts else column.casefold()
    for other in table.names:
        further = re.fullmatch(r"(.*?)[ _.]*(\d+)", other)
        if other == column or further is None or further[1].casefold() != stem:
            continue
        names = cells.words(table, other, Ledger())
        rows = table.rows[[bool(n) and n.casefold() not in _NONE for n in names]]
        if len(rows):
            ledger.warn(
                "W503",
                f"column {other} holds further names, which are not read; {column} is",
                at=table.at(rows),
                column=other,
                why="what stands there was seen and counts as not seen",
                cure="write a row for each animal: the same row again, with the other name in "
                f"{column}",
            )


def _joined(genus: str, species: str) -> str:
    if genus.casefold() in _NONE or not _GENUS.fullmatch(genus):
        return genus or species
    told = "" if species.casefold() in _NONE else species
    return f"{genus.capitalize()} {told}".strip()
