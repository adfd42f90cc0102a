"""Names of species that stand in two columns, Genus and Species, joined into one."""

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


def _joined(genus: str, species: str) -> str:
    if genus.casefold() in _NONE or not _GENUS.fullmatch(genus):
        return genus or species
    told = "" if species.casefold() in _NONE else species
    return f"{genus.capitalize()} {told}".strip()
