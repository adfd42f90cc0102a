"""What a function of the formula language must be able to do, and how its options are checked."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from surveys.problems import ModelError

State = dict[str, Any]
Literals = Mapping[str, Any]


@dataclass(frozen=True)
class Option:
    """One option of a function: `poly(ele, 2, raw=1)` has `degree` (bare) and `raw` (a flag).

    An option without `default` must be given. A `bare` one may be written without its name.
    """

    name: str
    kind: Literal["whole", "flag", "text", "number"]
    default: int | float | str | None = None
    bare: bool = False
    lowest: float = 0
    highest: float = 1
    choices: tuple[str, ...] = ()

    def check(self, value: int | float | str) -> str:
        """Tell what is wrong with a literal, or "" when it will do."""
        if self.kind == "text":
            if not isinstance(value, str):
                return f"{self.name} is a text: write it in quotes"
            if self.choices and value not in self.choices:
                return f"{self.name} is one of {', '.join(self.choices)}"
            return ""
        if isinstance(value, str):
            return f"{self.name} is a number, not a text"
        if self.kind == "number":
            inside = self.lowest <= value <= self.highest
            return "" if inside else f"{self.name} lies from {self.lowest:g} to {self.highest:g}"
        if not (float(value).is_integer() and self.lowest <= value <= self.highest):
            return f"{self.name} is a whole number from {self.lowest} to {self.highest}"
        return ""


@dataclass(frozen=True)
class Word:
    """One word for something that varies with structure: `spline(year)`, `space()`.

    What it means is in `occupancy.varying`; here is how it is written. It takes from `fewest` to
    `most` columns, after a bar the columns of groups where `grouped`, and `options`; `reads` names
    the columns that it uses without being told. `example` shows how it is written.
    """

    name: str
    example: str
    fewest: int = 0
    most: int = 1
    grouped: bool = False
    options: tuple[Option, ...] = ()
    reads: tuple[str, ...] = ()


class Term(ABC):
    """One function of the formula language: learns from the surveys, and remembers for new data.

    `learn` sees the values that count and returns a plain dict of numbers and texts, which is saved
    with the fit; `columns` makes the same columns from any data with that state.

    `takes` tells what may stand inside: "numbers" for any arithmetic on columns, "column" for the
    name of one column. `gives` tells what comes out: "numbers" are columns as they are, "levels"
    one indicator for each level with the reference first, "offset" a known part of the predictor.
    A `nests` term gives one column of numbers and may stand inside another: `I(scale(ele)^2)`.
    """

    name: str
    options: tuple[Option, ...] = ()
    takes: Literal["numbers", "column"] = "numbers"
    gives: Literal["numbers", "levels", "offset"] = "numbers"
    nests: bool = False

    def learn(self, values: np.ndarray, options: Literals) -> State:
        """Find what must be remembered, in the values that count (none is missing)."""
        return {}

    @abstractmethod
    def columns(self, values: np.ndarray, state: State) -> np.ndarray:
        """(row, column) float64; NaN where the value is missing or has no result."""

    def labels(self, written: str, inside: str, state: State) -> tuple[str, ...]:
        """Names of the columns; `written` is the whole call, `inside` its first argument."""
        return (written,)

    def meaning(self, inside: str, state: State) -> str:
        """One unit of the column in the units of the data; "" where it is the data's own unit."""
        return ""


def spread(values: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation (n - 1) of values that vary.

    Raises
    ------
    ModelError
        Fewer than two different values, so that nothing can be scaled.
    """
    centre = float(np.mean(values)) if len(values) else math.nan
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    if not sd > 1e-12 * abs(centre):
        same = f" (always {values[0]:g})" if len(values) else ""
        raise ModelError(f"it is the same in every survey that counts{same}. Leave it out.")
    return centre, sd
