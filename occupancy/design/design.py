"""The design of one parameter: coefficient names, matrix, offset, groups, for any frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from occupancy.columns.blocks import (
    Memory,
    Reader,
    coded_in_full,
    effect_columns,
    effect_labels,
)
from occupancy.columns.frame import Frame, absent
from occupancy.formula import Formula, parse
from occupancy.formula.tree import Call, Column
from occupancy.terms import TERMS
from occupancy.varying import VARYING, Varying, define_groups
from surveys.problems import ModelError


@dataclass(frozen=True, eq=False)
class Design:
    """Columns of a linear predictor, with everything that new data need.

    `centres` and `spreads` are the mean and the standard deviation (n - 1) of each column over
    the `rows_counted` rows that the design was built on, `offset_centre` the mean of the offset
    over them; priors are set by them.
    """

    formula: Formula
    memory: Memory
    groups: tuple[Varying, ...]
    centres: tuple[float, ...]
    spreads: tuple[float, ...]
    rows_counted: int
    offset_centre: float = 0.0

    @property
    def parameter(self) -> str:
        return self.memory.parameter

    @property
    def variables(self) -> tuple[str, ...]:
        """Every covariate used, by the effects, the offset and the groups."""
        return self.formula.variables

    @property
    def columns(self) -> tuple[str, ...]:
        """Coefficient names: "Intercept", "ele", "I(ele^2)", "forest[oak]", "ele:forest"."""
        full = coded_in_full(self.formula, self.memory)
        names = ["Intercept"] if self.formula.intercept else []
        for effect in self.formula.effects:
            names += effect_labels(effect, self.memory, full)
        return tuple(names)

    @property
    def level_means(self) -> tuple[int, ...]:
        """Places of the columns that stand for an intercept: one for each level of a factor.

        Only without an intercept, where the first factor shows all its levels.
        """
        if self.formula.intercept:
            return ()
        full, at = coded_in_full(self.formula, self.memory), 0
        for effect in self.formula.effects:
            n = len(effect_labels(effect, self.memory, full))
            if len(effect.parts) == 1 and full.get((effect, effect.parts[0]), False):
                return tuple(range(at, at + n))
            at += n
        return ()

    def is_indicator(self, place: int) -> bool:
        """Whether a column only tells the level of a factor: "forest[oak]"."""
        full, at = coded_in_full(self.formula, self.memory), int(self.formula.intercept)
        for effect in self.formula.effects:
            n = len(effect_labels(effect, self.memory, full))
            if at <= place < at + n:
                return all(self.memory.has_levels(p) for p in effect.parts)
            at += n
        return False

    def matrix(self, frame: Frame, n: int | None = None) -> np.ndarray:
        """(row, column) float64; NaN where a needed value is missing or has no result.

        `n` is the number of rows, needed only where the frame has no column to tell it.
        """
        return fill_matrix(self.formula, Reader(self.memory, frame, n=n))

    def offset(self, frame: Frame, n: int | None = None) -> np.ndarray | None:
        """(row,) float64 known part of the predictor; None where the formula has none."""
        if not self.formula.offsets:
            return None
        return sum_offsets(self.formula, Reader(self.memory, frame, n=n))

    def missing_by_variable(self, frame: Frame) -> dict[str, np.ndarray]:
        """For each variable (row,) True where it is missing."""
        reader = Reader(self.memory, frame, n=None if self.variables else 0)
        return {name: absent(reader.column(name)) for name in self.variables}

    def missing(self, frame: Frame, n: int | None = None) -> np.ndarray:
        """(row,) True where any needed value is missing: NaN, or "" in text."""
        reader = Reader(self.memory, frame, n=n)
        out = np.zeros(reader.n, dtype=bool)
        for name in self.variables:
            out |= absent(reader.column(name))
        return out

    def describe(self) -> list[dict[str, Any]]:
        """Tell what one unit of each coefficient is, in the units of the data.

        Each row has `column` and `meaning`; scaled columns have `centre` and `sd` too.
        """
        rows = []
        full = coded_in_full(self.formula, self.memory)
        if self.formula.intercept:
            rows.append({"column": "Intercept", "meaning": "where every other column is 0"})
        for effect in self.formula.effects:
            told = [self._meaning(part, full.get((effect, part), True)) for part in effect.parts]
            numbers = self.memory.states.get(str(effect.parts[0]), {})
            for label in effect_labels(effect, self.memory, full):
                row = {"column": label, "meaning": "; ".join(dict.fromkeys(t for t in told if t))}
                if len(effect.parts) == 1:
                    row |= {key: numbers[key] for key in ("centre", "sd") if key in numbers}
                rows.append(row)
        return rows

    def _meaning(self, part: Column | Call, full: bool) -> str:
        if self.memory.has_levels(part):
            reference = self.memory.labels(part)[0]
            return "the level itself" if full else f"compared with {reference}"
        if isinstance(part, Column):
            return f"one unit is 1 of {part.label}"
        state = self.memory.states[str(part)]
        return TERMS[part.function].meaning(part.inside_label, state)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `from_dict` gives the same design to the last digit."""
        return {
            "parameter": self.parameter,
            "formula": str(self.formula),
            "kinds": dict(self.memory.kinds),
            "states": dict(self.memory.states),
            "columns": list(self.columns),
            "centres": list(self.centres),
            "spreads": list(self.spreads),
            "rows_counted": self.rows_counted,
            "offset_centre": self.offset_centre,
            "groups": [g.to_state() for g in self.groups],
        }

    @staticmethod
    def from_dict(stored: dict[str, Any]) -> Design:
        """Read the design that `to_dict` described.

        Raises
        ------
        ModelError
            The parts of the description do not belong together.
        """
        try:
            design = _restore(stored)
            sound = design.columns == tuple(stored["columns"])
        except KeyError as error:
            raise ModelError(f"The stored design lacks {error}; fit the model again.") from None
        if not sound:
            raise ModelError("The stored design and its formula do not agree; fit again.")
        return design


def _restore(stored: dict[str, Any]) -> Design:
    formula = parse(stored["formula"])
    memory = Memory(stored["parameter"], dict(stored["kinds"]), dict(stored["states"]))
    kept = {group["name"]: group for group in stored["groups"]}
    groups: list[Varying] = []
    for group in formula.groups:
        for one in define_groups(group, memory, ()):
            keys = tuple(tuple(key) for key in kept[one.name]["levels"])
            groups.append(replace(one, keys=keys, spread=float(kept[one.name]["spread"])))
    for node in formula.varying:
        groups.append(VARYING[node.kind].from_state(node, memory, kept[node.name]))
    return Design(
        formula,
        memory,
        tuple(groups),
        tuple(map(float, stored["centres"])),
        tuple(map(float, stored["spreads"])),
        int(stored["rows_counted"]),
        float(stored["offset_centre"]),
    )


def sum_offsets(formula: Formula, reader: Reader) -> np.ndarray:
    """(row,) float64, the sum of all offsets; 0 where there is none."""
    total = np.zeros(reader.n)
    for call in formula.offsets:
        total += reader.part(call)[:, 0]
    return total


def fill_matrix(formula: Formula, reader: Reader) -> np.ndarray:
    """(row, column) of all effects, the intercept first."""
    full = coded_in_full(formula, reader.memory)
    blocks = [np.ones((reader.n, 1))] if formula.intercept else []
    blocks += [effect_columns(effect, reader, full) for effect in formula.effects]
    return np.hstack(blocks) if blocks else np.empty((reader.n, 0))
