"""Cells as they come (bool, int, nullable, categorical, objects, text) to float or text arrays."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from surveys.problems import Problem, SurveyError, listing


def natural(label: object) -> tuple:
    """Sort key that puts A2 before A10, and the same for every spelling of a number."""
    parts = re.split(r"(\d+)", str(label))
    return (
        *((0, len(n := p.lstrip("0")), n) if p.isdecimal() else (1, 0, p) for p in parts if p),
        (-1, 0, str(label)),
    )


def as_labels(values: Iterable[object], what: str) -> np.ndarray:
    """Labels as text, as in the field: trimmed; a number 7 becomes "7"; a blank is refused."""
    labels = [_label(v) for v in values]
    blank = [i + 1 for i, label in enumerate(labels) if not label]
    if blank:
        raise SurveyError(
            Problem(
                code="E201",
                fact=f"{len(blank)} of {len(labels)} labels of {what} are blank "
                f"(number {listing(blank)})",
                cure=f"every {what} needs its own label",
            )
        )
    return np.array(labels, dtype=str) if labels else np.zeros(0, dtype="U1")


def _label(value: object) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    return str(value).strip()


def as_seasons(values: Iterable[object]) -> np.ndarray:
    """Season labels: whole numbers where all are (2019, "2020"), else text."""
    labels = as_labels(values, "season")
    if all(re.fullmatch(r"-?\d{1,9}", label) for label in labels):
        return labels.astype(np.int64)
    return labels


def as_numbers(values: Any, what: str) -> np.ndarray:
    """float64 from bool, int, float, nullable or object cells; None, NaN, pd.NA become NaN."""
    array = values if isinstance(values, np.ndarray) else _array(values)
    if array.dtype.kind in "biuf":
        return array.astype(np.float64)
    if array.dtype.kind != "O":
        raise SurveyError(_not_numbers(what, array.ravel()[:1]))
    flat = array.ravel()
    gone = np.asarray(pd.isna(flat), dtype=bool)
    out = np.full(flat.shape, np.nan)
    words = [v for v in flat[~gone] if not isinstance(v, bool | int | float | np.number | np.bool_)]
    if words:
        raise SurveyError(_not_numbers(what, words))
    out[~gone] = flat[~gone].astype(np.float64)
    return out.reshape(array.shape)


def _not_numbers(what: str, words: Iterable[object]) -> Problem:
    shown = listing(dict.fromkeys(repr(str(w)) for w in words), most=3)
    return Problem(
        code="E046",
        fact=f"{what} holds {shown}, which is not a number",
        cure="write a number, or leave the cell missing (None or NaN)",
    )


def as_covariate(values: Any, name: str) -> np.ndarray:
    """float64 (missing NaN) or text (missing ""); never a mixture.

    Whole numbers and bools become float; text and categories become text factors. Dates are
    refused, because a date is no number until somebody says from which day it counts.
    """
    array = values if isinstance(values, np.ndarray) else _array(values)
    kind = array.dtype.kind
    if kind in "biuf":
        return array.astype(np.float64)
    if kind in "Mm":
        raise SurveyError(
            Problem(
                code="E202",
                fact=f'Covariate "{name}" holds dates or times',
                why="a date has no effect until it is counted from some day",
                cure="give a number, such as the day of the year",
            )
        )
    if kind in "UT":
        return _text(array, name)
    flat = array.astype(object).ravel()
    gone = np.asarray(pd.isna(flat), dtype=bool)
    is_text = np.array([isinstance(v, str) for v in flat], dtype=bool)
    if is_text[~gone].any():
        if not is_text[~gone].all():
            number = flat[~gone & ~is_text][0]
            raise SurveyError(
                Problem(
                    code="E203",
                    fact=f'Covariate "{name}" mixes text ("{flat[is_text][0]}") and '
                    f"numbers ({number})",
                    cure="make all cells text, or all numbers",
                )
            )
        flat = flat.copy()
        flat[gone] = ""
        return _text(flat.reshape(array.shape), name)
    return as_numbers(array.astype(object), f'Covariate "{name}"')


def _text(array: np.ndarray, name: str) -> np.ndarray:
    if any("\0" in v for v in array.ravel() if isinstance(v, str)):
        raise SurveyError(
            Problem(code="E204", fact=f'Covariate "{name}": a text holds the character NUL')
        )
    return array.astype(str)


def _array(values: Any) -> np.ndarray:
    """Any table, series or list as an array; nullable and categorical types as objects."""
    if isinstance(values, pd.DataFrame):
        kinds = {d.kind if isinstance(d, np.dtype) else "O" for d in values.dtypes}
        return values.to_numpy() if kinds <= set("biuf") else values.to_numpy(dtype=object)
    if isinstance(values, pd.Series | pd.Index | pd.Categorical | pd.api.extensions.ExtensionArray):
        series = pd.Series(values)
        if isinstance(series.dtype, np.dtype):
            return series.to_numpy()
        if isinstance(series.dtype, pd.DatetimeTZDtype):
            return series.dt.tz_localize(None).to_numpy()
        return series.astype(object).to_numpy(dtype=object)
    try:
        array = np.asarray(values)
    except (ValueError, TypeError):  # rows of different lengths; a Dataset
        fact = "The values are no table: their rows differ in length, or they are no array"
        cure = "fill short rows with None; of a Dataset give one variable"
        raise SurveyError(Problem(code="E218", fact=fact, cure=cure)) from None
    if array.dtype.kind in "US" and not isinstance(values, np.ndarray):
        # numpy turns [1, "a"] into text; objects keep what was written
        array = np.asarray(values, dtype=object)
    return array
