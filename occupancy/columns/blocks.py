"""Columns of numbers from the parts of a formula, with what each term has learned."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from occupancy.columns.frame import (
    Frame,
    Kind,
    absent,
    as_text,
    count_rows,
    kind_of,
    read_column,
)
from occupancy.columns.surroundings import Surroundings
from occupancy.formula.tree import (
    Call,
    Column,
    Effect,
    Formula,
    Number,
    Part,
    Value,
    columns_in,
)
from occupancy.terms import TERMS
from occupancy.terms.base import State
from occupancy.terms.levels import as_levels
from surveys.problems import ModelError, listing


@dataclass(frozen=True)
class Memory:
    """What the parts of one parameter's formula have learned; kept with the fit.

    `kinds` tells which columns hold numbers and which text; `states` holds the state of each
    call, and of each text column, under its canonical text.
    """

    parameter: str
    kinds: dict[str, Kind] = field(default_factory=dict)
    states: dict[str, State] = field(default_factory=dict)

    def has_levels(self, part: Part) -> bool:
        """Whether a part is a factor: a text column, or a call such as factor(year)."""
        if isinstance(part, Column):
            return self.kinds[part.name] == "text"
        return TERMS[part.function].gives == "levels"

    def as_call(self, part: Part) -> Call:
        """Read a bare text column as a factor without options."""
        return Call("factor", part) if isinstance(part, Column) else part

    def labels(self, part: Part) -> tuple[str, ...]:
        """Names of all columns of a part; for a factor also of its reference, which is first."""
        if isinstance(part, Column) and not self.has_levels(part):
            return (part.label,)
        call = self.as_call(part)
        return TERMS[call.function].labels(part.label, call.inside_label, self.states[str(part)])


class Reader:
    """One frame, read for one parameter; one that `learns` adds to the memory what is not there.

    `orders` holds labels in their order, of columns of text that have one: seasons.

    `surroundings` are what a term may learn from beside the columns.
    """

    def __init__(
        self,
        memory: Memory,
        frame: Frame,
        *,
        n: int | None = None,
        learns: bool = False,
        surroundings: Surroundings | None = None,
    ):
        self.memory = memory
        self.frame = frame
        self.learns = learns
        self.surroundings = surroundings or Surroundings()
        self.orders: dict[str, tuple[str, ...]] = {}
        self._read: dict[str, np.ndarray] = {}
        used = tuple(name for name in memory.kinds if name in frame)
        with self.told():
            self.n = count_rows(frame, used, n)

    def told(self, about: str = "") -> Told:
        """Faults told with the name of the parameter, and of the part that they are about."""
        return Told(self.memory.parameter, about)

    def column(self, name: str) -> np.ndarray:
        """(row,) numbers or text, of the kind that the model learned from."""
        if name not in self._read:
            with self.told():
                if name not in self.frame:
                    raise ModelError(f"the formula uses '{name}', which is not in these data.")
                values = read_column(self.frame, name)
                learned = self.memory.kinds.get(name, kind_of(values))
                self._read[name] = _as_kind(values, name, learned)
        return self._read[name]

    def missing(self, part: Part) -> np.ndarray:
        """(row,) True where a column that the part needs is missing."""
        out = np.zeros(self.n, dtype=bool)
        for name in columns_in(part):
            out |= absent(self.column(name))
        return out

    def value(self, value: Value) -> np.ndarray:
        """(row,) float64 of arithmetic on columns; NaN where there is no result."""
        if isinstance(value, Number):
            return np.full(self.n, float(value.value))
        if isinstance(value, Call):
            return self.call(value)[:, 0]
        if isinstance(value, Column):
            numbers = self.column(value.name)
            if kind_of(numbers) == "text":
                with self.told():
                    raise ModelError(f"'{value.name}' holds text, where a number is needed.")
            return numbers
        right = self.value(value.right)
        if value.left is None:
            return -right
        with np.errstate(all="ignore"):
            result = _OPERATIONS[value.operator](self.value(value.left), right)
        return np.where(np.isfinite(result), result, np.nan)

    def call(self, part: Part) -> np.ndarray:
        """(row, column) float64 of a call or a text column."""
        call, key = self.memory.as_call(part), str(part)
        term = TERMS[call.function]
        if term.takes == "column" and isinstance(call.inside, Column):
            values = self.column(call.inside.name)
        else:
            values = self.value(call.inside)
        with self.told(part.label):
            if key not in self.memory.states:
                self.memory.states[key] = self.learn(call, values)
            with np.errstate(all="ignore"):
                columns = term.columns(values, self.memory.states[key])
        return np.where(np.isfinite(columns), columns, np.nan)

    def learn(self, call: Call, values: np.ndarray) -> State:
        if not self.learns:
            raise ModelError("nothing is remembered for it.")
        term = TERMS[call.function]
        options = {o.name: o.default for o in term.options} | call.options
        return term.learn(values[~absent(values)], options)

    def part(self, part: Part) -> np.ndarray:
        """(row, column) float64 of one part; a factor with its reference."""
        if isinstance(part, Column) and not self.memory.has_levels(part):
            return self.column(part.name)[:, None]
        columns = self.call(part)
        if self.learns:
            self.refuse_undefined(part, columns)
        return columns

    def refuse_undefined(self, part: Part, columns: np.ndarray) -> None:
        """Values that are there must have a result, wherever the row counts."""
        lost = np.isnan(columns).any(axis=1) & ~self.missing(part)
        if lost.any():
            name = next(columns_in(part))
            shown = listing(dict.fromkeys(f"{v:g}" for v in self.column(name)[lost]), 3)
            with self.told(part.label):
                raise ModelError(
                    f"it has no value in {int(lost.sum())} of the surveys, where {name} is {shown}."
                )


class Told:
    """Puts the parameter's name before the message of a ModelError raised inside."""

    def __init__(self, parameter: str, about: str = ""):
        self.head = f"`{parameter}` cannot use {about}: " if about else f"`{parameter}`: "

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        if type(error) is ModelError and not str(error).startswith("`"):
            raise ModelError(self.head + str(error)) from None


_OPERATIONS = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "^": np.power,
}


def _as_kind(values: np.ndarray, name: str, kind: Kind) -> np.ndarray:
    """Turn a column into the kind that was learned from; numbers may be labels, not the reverse."""
    if kind_of(values) == kind:
        return values if kind == "text" else np.where(np.isinf(values), np.nan, values)
    if kind == "text":
        texts, of_row = as_levels(values)
        return as_text(texts)[of_row]
    if absent(values).all():
        return np.full(len(values), np.nan)
    raise ModelError(f"'{name}' holds text here; the model learned from numbers.")


def coded_in_full(formula: Formula, memory: Memory) -> dict[tuple[Effect, Part], bool]:
    """Which factors show all their levels, and which all but the reference; R's rule.

    A factor shows all levels in an effect when the effect without it is not in the formula.
    Without an intercept the first factor met shows all its levels.
    """
    present = {frozenset(e.parts) for e in formula.effects} | {frozenset()}
    full: dict[tuple[Effect, Part], bool] = {}
    first = not formula.intercept
    for effect in formula.effects:
        for part in effect.parts:
            if memory.has_levels(part):
                full[effect, part] = first or frozenset(effect.parts) - {part} not in present
                first = False
    return full


def effect_labels(effect: Effect, memory: Memory, full: dict) -> tuple[str, ...]:
    """Names of the columns of an effect; in an interaction the first part varies fastest."""
    names: tuple[str, ...] = ()
    for part in effect.parts:
        mine = memory.labels(part)[0 if full.get((effect, part), True) else 1 :]
        names = tuple(f"{a}:{b}" for b in mine for a in names) if names else mine
    return names


def effect_columns(effect: Effect, reader: Reader, full: dict) -> np.ndarray:
    """(row, column) float64 of an effect, in the order of `effect_labels`."""
    block = np.ones((reader.n, 1))
    for part in effect.parts:
        mine = reader.part(part)[:, 0 if full.get((effect, part), True) else 1 :]
        # (row, of this part, of those before) with the parts before varying fastest
        width = mine.shape[1] * block.shape[1]
        block = (mine[:, :, None] * block[:, None, :]).reshape(reader.n, width)
    return block
