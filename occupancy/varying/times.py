"""Seasons as points in time: numbers as they are, labels in their order; what lies between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from occupancy.columns.blocks import Reader
from occupancy.columns.frame import kind_of
from occupancy.terms.levels import as_level, natural
from surveys.problems import ModelError, listing

FARTHEST = 1000  # steps beyond the surveyed seasons
NEAR = 1e-9  # of a step

# value at a time, from the times already known, in order, and (draw, time) the values there
DrawOne = Callable[[float, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Times:
    """The surveyed points of one column.

    Attributes
    ----------
    at : (time,) float64
        In order; of labels their place in the order of all labels.
    order : labels in their order, () where the column holds numbers
    unit : float
        One step: the largest distance of which all are multiples where every point is a whole
        number, else the median distance.
    whole : bool
        Whether all points lie on steps.
    """

    name: str
    at: np.ndarray
    order: tuple[str, ...]
    unit: float
    whole: bool

    @property
    def n(self) -> int:
        return self.at.size

    @property
    def labels(self) -> tuple[str, ...]:
        if self.order:
            return tuple(self.order[int(t)] for t in self.at)
        return tuple(as_level(float(t)) for t in self.at)

    @property
    def gaps(self) -> np.ndarray:
        """(time - 1,) distances in steps."""
        gaps = np.diff(self.at) / self.unit
        return np.round(gaps) if self.whole else gaps

    def position(self, values: np.ndarray) -> np.ndarray:
        """(row,) points in time; NaN where missing.

        Raises
        ------
        ModelError
            A label has no place in the order.
        """
        if not self.order:
            return np.asarray(values, np.float64)
        place: dict[Any, float] = {label: float(i) for i, label in enumerate(self.order)}
        place[""] = np.nan
        unknown = sorted({str(v) for v in values if v not in place})
        if unknown:
            raise ModelError(
                f"'{self.name}' is {listing(unknown, 3)} here, which has no place among "
                f"{listing(self.order, 6)}. Only numbers, such as years, go beyond the surveys."
            )
        return np.array([place[v] for v in values], np.float64)

    def index(self, position: np.ndarray) -> np.ndarray:
        """(row,) int64 which surveyed point it is; -1 for another."""
        place = np.minimum(np.searchsorted(self.at, position), self.n - 1)
        return np.where(self.at[place] == position, place, -1)

    def is_on_steps(self, t: np.ndarray) -> np.ndarray:
        """Whether points lie whole steps from the surveyed ones."""
        steps = (t - self.at[0]) / self.unit
        return np.abs(steps - np.round(steps)) < NEAR * np.maximum(np.abs(steps), 1.0)

    def to_state(self) -> dict[str, Any]:
        out = {"name": self.name, "at": self.at.tolist(), "order": list(self.order)}
        return out | {"unit": self.unit, "whole": self.whole}

    @staticmethod
    def from_state(state: dict[str, Any]) -> Times:
        at = np.array(state["at"], np.float64)
        order = tuple(state["order"])
        return Times(state["name"], at, order, float(state["unit"]), bool(state["whole"]))


def learn_times(name: str, reader: Reader) -> Times:
    """The points met in the rows that count.

    Raises
    ------
    ModelError
        There is only one.
    """
    values = reader.column(name)
    order: tuple[str, ...] = ()
    if kind_of(values) == "text":
        met = {str(v) for v in values}
        order = reader.orders.get(name, ())
        if not met <= set(order):  # a covariate of its own: its labels in natural order
            order = tuple(sorted(met, key=natural))
        at = np.array([i for i, label in enumerate(order) if label in met], np.float64)
    else:
        at = np.unique(values)
    if at.size < 2:
        raise ModelError(
            f"'{name}' is the same in every survey that counts, and nothing changes in it. "
            "Leave the term out."
        )
    gaps, whole = np.diff(at), bool((at == np.round(at)).all())
    unit = float(np.gcd.reduce(gaps.astype(np.int64))) if whole else float(np.median(gaps))
    return Times(name, at, order, unit, whole)


def extend(times: Times, values: np.ndarray, wanted: np.ndarray, draw_one: DrawOne) -> np.ndarray:
    """(draw, wanted) values at times that were never surveyed, given those that were.

    Each gap between surveyed times, and what lies before and after them all, is gone through step
    by step from its surveyed end; times between two steps are drawn given these. So a time has the
    same value whatever else is asked for.

    Raises
    ------
    ModelError
        A time is too far from any surveyed one.
    """
    found: dict[float, np.ndarray] = {}
    at, unit = times.at, times.unit
    segment = np.searchsorted(at, wanted)
    for s in np.unique(segment):
        own = wanted[segment == s]
        back = s == 0
        origin = at[0] if back else at[s - 1]
        far = float(np.abs(own - origin).max()) / unit
        if far > FARTHEST:
            raise ModelError(
                f"'{times.name}' is {own[np.abs(own - origin).argmax()]:g} here, more than "
                f"{FARTHEST} steps of {unit:g} from the surveys ({at[0]:g} to {at[-1]:g})."
            )
        known, so_far, path = at, values, [origin]
        for k in range(1, int(np.ceil(far - NEAR)) + 1):
            t = origin - k * unit if back else origin + k * unit
            if 0 < s < at.size and t >= at[s] - NEAR * unit:
                break
            known, so_far = _with(known, so_far, t, draw_one(t, known, so_far))
            path.append(t)
        for t in own:
            near = next((p for p in path[1:] if abs(p - t) <= NEAR * unit * max(far, 1.0)), None)
            if near is not None:
                found[t] = so_far[:, np.searchsorted(known, near)]
                continue
            # what lies beyond the next step is not looked at, whoever asked for it
            ahead = known < t - unit if back else known > t + unit
            keep = ~ahead | np.isin(known, at)
            found[t] = draw_one(t, known[keep], so_far[:, keep])
    return np.stack([found[t] for t in wanted], axis=1)


def _with(known, values, t, value):
    """Times and values with one more, in order."""
    at = int(np.searchsorted(known, t))
    return np.insert(known, at, t), np.insert(values, at, value, axis=1)
