"""Levels of text columns and of groups: their text, and their natural order."""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import Any

import numpy as np


def as_level(value: Any) -> str:
    """Write a cell as the text of a level; "" when missing, and whole numbers without ".0"."""
    if value is None or value is np.ma.masked:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float | np.floating):
        if np.isnan(value):
            return ""
        return str(int(value)) if float(value).is_integer() else repr(float(value))
    text = str(value)
    return "" if text in ("<NA>", "NaT") else text


def as_levels(values: np.ndarray) -> tuple[list[str], np.ndarray]:
    """List the distinct levels of a column, and (row,) int64 which each row has; "" is missing.

    Each distinct value is written once, so that a million visits cost no more than their hashes.
    """
    import pandas as pd

    codes, distinct = pd.factorize(values)
    place: dict[str, int] = {}
    known = [place.setdefault(as_level(value), len(place)) for value in distinct]
    if (codes < 0).any():
        known.append(place.setdefault("", len(place)))  # code -1 picks the last
    return list(place), np.array(known, dtype=np.int64)[codes]


def natural(text: str) -> tuple[Any, ...]:
    """Sort key that puts plot 2 before plot 10."""
    parts = re.split(r"([0-9]+)", text)
    words = [(0, part.strip().casefold()) for part in parts[::2]]
    numbers = [(int(part[:300]), part) for part in parts[1::2]]
    paired = zip_longest(words, numbers)
    return (tuple(key for pair in paired for key in pair if key is not None), text)
