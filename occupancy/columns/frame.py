"""One column of a frame as numbers (float64, NaN missing) or as text ("" missing)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from occupancy.terms.levels import as_levels
from surveys.problems import ModelError

Frame = Mapping[str, Any]  # or a DataFrame: names to columns of one length
Kind = Literal["number", "text"]
NUMBERS = (int, float, np.number, np.bool_)


def read_column(frame: Frame, name: str) -> np.ndarray:
    """(row,) float64, or object holding str.

    Raises
    ------
    ModelError
        The column holds dates, or is not one value for each row.
    """
    values = _unmasked(frame[name])
    if values.ndim != 1:
        raise ModelError(f"'{name}' has {values.ndim} dimensions; a covariate has one value a row.")
    if values.dtype.kind in "fiub":
        return values.astype(np.float64)
    if values.dtype.kind in "mM":
        raise ModelError(
            f"'{name}' holds dates. Make a number of them first, such as the day of the year."
        )
    if values.dtype.kind in "US":
        return values.astype(str).astype(object)
    return _objects(values)


def _unmasked(column: Any) -> np.ndarray:
    """(row,) array; what a masked array hides is missing."""
    if not isinstance(column, np.ma.MaskedArray):
        return np.asarray(column)
    if column.dtype.kind in "fiub":
        return column.astype(np.float64).filled(np.nan)
    return column.astype(object).filled(None)


def _objects(values: np.ndarray) -> np.ndarray:
    """Python objects are numbers where all that is present is a number, and text otherwise."""
    import pandas as pd

    present = values[~pd.isna(values)]
    if len(present) and all(issubclass(kind, NUMBERS) for kind in set(map(type, present))):
        return pd.to_numeric(pd.Series(values, dtype=object)).to_numpy(np.float64, na_value=np.nan)
    texts, of_row = as_levels(values)
    return as_text(texts)[of_row]


def as_text(texts: list[str]) -> np.ndarray:
    """(row,) object array of str, whatever numpy would have guessed."""
    out = np.empty(len(texts), dtype=object)
    out[:] = texts
    return out


def kind_of(values: np.ndarray) -> Kind:
    return "text" if values.dtype == object else "number"


def absent(values: np.ndarray) -> np.ndarray:
    """(row,) True where the cell is missing."""
    return values == "" if values.dtype == object else np.isnan(values)


def count_rows(frame: Frame, names: tuple[str, ...], n: int | None) -> int:
    """Rows of a frame: stated, or the length of its columns.

    Raises
    ------
    ModelError
        The columns differ in length, or there is none to tell.
    """
    known = names or tuple(frame)[:1]
    lengths = {name: len(frame[name]) for name in known}
    if n is None:
        if hasattr(frame, "index") and not isinstance(frame, Mapping):
            return len(frame)
        if not lengths:
            raise ModelError("the data have no columns, so that the number of rows is not known.")
        n = next(iter(lengths.values()))
    for name, length in lengths.items():
        if names and length != n:
            raise ModelError(f"'{name}' has {length} values where {n} are expected.")
    return n
