"""Effects of seasons that follow each other, one line of them or one for each level of a group."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from occupancy.columns.blocks import Memory, Reader
from occupancy.columns.frame import Frame
from occupancy.formula.tree import Varying as Node
from occupancy.varying.base import Face, Fresh, State, Varying
from occupancy.varying.group import Key, learn_levels, row_keys
from occupancy.varying.times import Times, extend, learn_times


@dataclass(frozen=True, eq=False)
class AlongTime(Varying):
    """Effects of every surveyed time, of every level: the times of a level lie side by side.

    A level that was not surveyed at some time has an effect there all the same, as the others
    tell it. Effects themselves are kept of every draw.
    """

    node: Node
    memory: Memory
    keys: tuple[Key, ...]
    times: Times
    centring: float | None = None

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def by(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.node.by)

    @property
    def along(self) -> str:
        """The column of the seasons."""
        return self.times.name

    @property
    def levels(self) -> tuple[str, ...]:
        """Labels in natural order; none where all share one line."""
        return tuple("/".join(key) for key in self.keys)

    @property
    def n_group(self) -> int:
        return max(len(self.keys), 1)

    @property
    def labels(self) -> tuple[str, ...]:
        if not self.keys:
            return self.times.labels
        return tuple(f"{level}, {time}" for level in self.levels for time in self.times.labels)

    def faces(self, frame: Frame, n: int | None = None) -> tuple[Face, ...]:
        reader = Reader(self.memory, frame, n=n)
        time, group = self.times.index(self._position(reader)), self._groups(reader)
        return (Face(np.where((time < 0) | (group < 0), -1, group * self.times.n + time)),)

    def _position(self, reader: Reader) -> np.ndarray:
        with reader.told(self.name):
            return self.times.position(reader.column(self.along))

    def _groups(self, reader: Reader) -> np.ndarray:
        """(row,) level of each row: -1 never seen; 0 where all share one line."""
        if not self.keys:
            return np.zeros(reader.n, np.int64)
        known = {key: i for i, key in enumerate(self.keys)}
        keys, of_row = row_keys(reader, self.by)
        return np.array([known.get(key, -1) for key in keys] or [-1], np.int64)[of_row]

    # ---------------------------------------------------------------- after sampling

    def at_levels(self, natural: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return weights

    @abstractmethod
    def draw_line(self, natural: np.ndarray, fresh: Fresh) -> np.ndarray:
        """(draw, time) effects of a level never seen."""

    @abstractmethod
    def draw_at(
        self,
        natural: np.ndarray,
        t: float,
        known: np.ndarray,
        values: np.ndarray,
        unit: np.ndarray,
    ) -> np.ndarray:
        """(draw,) the effect at a time given those at others, from a standard normal number."""

    def predict(
        self, natural: np.ndarray, weights: np.ndarray, frame: Frame, n: int, fresh: Fresh
    ) -> np.ndarray:
        reader = Reader(self.memory, frame, n=n)
        position, group = self._position(reader), self._groups(reader)
        there = np.isfinite(position)
        label = self._labels_of(reader, group)
        out = np.full((len(weights), n), np.nan)
        for who in np.unique(label[there]):
            own = there & (label == who)
            g = int(group[own][0])
            line = self.draw_line(natural, lambda k, w=who: fresh(f"{k} {w}"))
            if g >= 0:
                line = weights[:, g * self.times.n : (g + 1) * self.times.n]
            out[:, own] = self._at(natural, line, position[own], str(who), fresh)
        return out

    def _labels_of(self, reader: Reader, group: np.ndarray) -> np.ndarray:
        """(row,) text of the level of each row, seen or not; "" where all share one line."""
        if not self.keys:
            return np.full(reader.n, "", dtype=str)
        keys, of_row = row_keys(reader, self.by)
        return np.array(["/".join(key) for key in keys] or [""], dtype=str)[of_row]

    def _at(
        self, natural: np.ndarray, line: np.ndarray, t: np.ndarray, who: str, fresh: Fresh
    ) -> np.ndarray:
        """(draw, row) effects of one level at any times."""
        index = self.times.index(t)
        out = np.empty((len(line), t.size))
        out[:, index >= 0] = line[:, index[index >= 0]]
        new = index < 0
        if new.any():
            wanted, inverse = np.unique(t[new], return_inverse=True)
            self.refuse_times(wanted)

            def draw_one(time: float, known: np.ndarray, values: np.ndarray) -> np.ndarray:
                unit = fresh(f"at {round(time / self.times.unit, 6):g} {who}")
                return self.draw_at(natural, time, known, values, unit)

            out[:, new] = extend(self.times, line, wanted, draw_one)[:, inverse]
        return out

    def refuse_times(self, wanted: np.ndarray) -> None:
        """Refuse times that the process has no value at."""
        return

    # ---------------------------------------------------------------- learning

    @classmethod
    def learn(cls, node: Node, reader: Reader) -> AlongTime:
        by = tuple(c.name for c in node.by)
        keys = learn_levels(by, reader) if by else ()
        return cls(node, reader.memory, keys, learn_times(node.inside[0].name, reader))

    def to_state(self) -> State:
        return {
            "name": self.name,
            "levels": [list(k) for k in self.keys],
            "times": self.times.to_state(),
        }

    @classmethod
    def from_state(cls, node: Node, memory: Memory, state: State) -> AlongTime:
        keys = tuple(tuple(key) for key in state["levels"])
        return cls(node, memory, keys, Times.from_state(state["times"]))
