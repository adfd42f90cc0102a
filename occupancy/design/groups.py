"""Groups whose level or slope varies: their levels, remembered, and the index of each row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from occupancy.design.blocks import Memory, Reader, effect_columns, effect_labels
from occupancy.design.frame import Frame
from occupancy.formula.tree import Column, Effect, Group
from occupancy.terms.levels import as_levels, natural
from surveys.problems import ModelError

Key = tuple[str, ...]


@dataclass(frozen=True)
class GroupDesign:
    """One set of group effects: a deviation for each level, all with one standard deviation.

    `name` is "region/park" for the level of each park, "ele|region/park" for its slope; `effect`
    is "Intercept" or the column that the slope belongs to; `keys` holds the parts of each level
    ("north", "park1"). `spread` is the sd of the value on the rows that count, 1 for an intercept.
    """

    name: str
    by: tuple[str, ...]
    effect: str
    keys: tuple[Key, ...]
    spread: float
    memory: Memory
    slope: Effect | None = None
    column: int = 0

    @property
    def levels(self) -> tuple[str, ...]:
        """Labels in natural order: "north", "north/park1"."""
        return tuple("/".join(key) for key in self.keys)

    def index(self, frame: Frame, n: int | None = None) -> np.ndarray:
        """(row,) int64: the level of each row; -1 where it was never seen, or is missing."""
        known = {key: i for i, key in enumerate(self.keys)}
        keys, of_row = row_keys(Reader(self.memory, frame, n=n), self.by)
        return np.array([known.get(key, -1) for key in keys] or [-1], dtype=np.int64)[of_row]

    def value(self, frame: Frame, n: int | None = None) -> np.ndarray | None:
        """(row,) float64 that the effect multiplies; None for an intercept."""
        if self.slope is None:
            return None
        reader = Reader(self.memory, frame, n=n)
        return np.ascontiguousarray(effect_columns(self.slope, reader, {})[:, self.column])


def row_keys(reader: Reader, by: tuple[str, ...]) -> tuple[list[Key], np.ndarray]:
    """List the distinct levels, and (row,) which of them each row has; "" is missing."""
    codes = np.zeros(reader.n, dtype=np.int64)
    keys: list[Key] = [()]
    for name in by:
        texts, of_row = as_levels(reader.column(name))
        seen, codes = np.unique(codes * len(texts) + of_row, return_inverse=True)
        keys = [(*keys[i // len(texts)], texts[i % len(texts)]) for i in seen]
    return keys, codes


def learn_groups(group: Group, reader: Reader) -> list[GroupDesign]:
    """Learn the effects of one `( ... | ...)`; a slope with several columns makes several.

    Raises
    ------
    ModelError
        Fewer than two levels, or a slope of a factor.
    """
    by = tuple(c.name for c in group.by)
    with reader.told(str(group)):
        keys, _ = row_keys(reader, by)
        levels = tuple(sorted(keys, key=lambda key: [natural(text) for text in key]))
        if len(levels) < 2:
            only = f" ('{'/'.join(levels[0])}')" if levels else ""
            raise ModelError(
                f"there is only one level of {'/'.join(by)}{only} in the surveys that count, and "
                "nothing to vary between. Leave the group out."
            )
        if len({"/".join(k) for k in levels}) < len(levels):
            raise ModelError("two levels have the same name once joined by '/'. Rename one.")
        return define_groups(group, reader.memory, levels, reader)


def define_groups(
    group: Group,
    memory: Memory,
    levels: tuple[Key, ...],
    reader: Reader | None = None,
) -> list[GroupDesign]:
    """Group designs with known levels; spreads are measured where a reader is given."""
    by = tuple(c.name for c in group.by)
    if group.effect is None:
        return [GroupDesign(group.name, by, "Intercept", levels, 1.0, memory)]
    for part in group.effect.parts:
        if memory.has_levels(part):
            name = part.name if isinstance(part, Column) else part.inside_label
            raise ModelError(
                f"'{name}' has levels, and only numbers can have a slope in each group. "
                f"Write (1 | {':'.join(str(c) for c in group.by)}:{name}) for a deviation of each "
                "level in each group."
            )
    block = effect_columns(group.effect, reader, {}) if reader is not None else None
    labels = effect_labels(group.effect, memory, {})
    designs = []
    for j, label in enumerate(labels):
        spread = 1.0
        if block is not None:
            spread = float(np.std(block[:, j], ddof=1))
            if not spread > 1e-12 * np.abs(block[:, j]).max():
                raise ModelError(f"{label} is the same in every survey that counts.")
        name = f"{label}|{'/'.join(by)}"
        designs.append(GroupDesign(name, by, label, levels, spread, memory, group.effect, j))
    return designs
