"""A curve along one covariate: a free shape, and shapes whose size is estimated together.

The free shape of a spline is a straight line, that of a cycle a single wave. Around it the curve
bends; `sd` is the typical size of these departures, on the scale of the link. With groups every
level has a curve of its own, and the free shapes have a standard deviation too.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from occupancy.columns.blocks import Memory, Reader
from occupancy.columns.frame import Frame, kind_of
from occupancy.formula.tree import Varying as Node
from occupancy.kernel.varying import POSITIVE
from occupancy.priors.prior import Prior
from occupancy.varying.base import Face, Fresh, Hyper, Varying
from occupancy.varying.basis import FUNCTIONS, in_pymc, pack, sum_of_shapes
from occupancy.varying.group import Key, learn_levels, new_levels, row_keys
from surveys.problems import ModelError

SD_OF_CURVES = 1.0  # half-normal prior of every standard deviation
FREE_SD = 1.5  # of the free shape where there are no groups, as of one sd of a fixed covariate


@dataclass(frozen=True, eq=False)
class Curve(Varying):
    """Curves of one covariate, one or one for each level.

    `keys` are the levels, () where there is one curve; `at` the distinct surveyed values, and
    `pairs` (effect, 2) which level and which value each effect belongs to.
    """

    node: Node
    memory: Memory
    keys: tuple[Key, ...]
    at: np.ndarray
    pairs: np.ndarray
    centring: float | None = None

    functions = FUNCTIONS
    free: ClassVar[str]  # what the free shape is called

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def by(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.node.by)

    @property
    def along(self) -> str:
        """The covariate."""
        return self.node.inside[0].name

    @property
    def levels(self) -> tuple[str, ...]:
        """Labels in natural order; none where there is one curve."""
        return tuple("/".join(key) for key in self.keys)

    # ---------------------------------------------------------------- of each kind

    @abstractmethod
    def shapes(self, x: np.ndarray) -> np.ndarray:
        """(row, shape) at any values: free ones first."""

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Of the shapes."""

    @property
    @abstractmethod
    def scale(self) -> np.ndarray:
        """(shape,) so that free shapes, and the others, have sd 1 together."""

    @property
    @abstractmethod
    def n_free(self) -> int:
        """Shapes that are free."""

    # ---------------------------------------------------------------- what it consists of

    @property
    def hypers(self) -> tuple[Hyper, ...]:
        prior = Prior("half_normal", (SD_OF_CURVES,))
        own = (Hyper("sd", POSITIVE, prior),)
        return (*own, Hyper("sd", POSITIVE, prior, self.free)) if self.keys else own

    @property
    def labels(self) -> tuple[str, ...]:
        if not self.keys:
            return self.names
        return tuple(f"{name}, {level}" for level in self.levels for name in self.names)

    @property
    def n_effect(self) -> int:
        return len(self.pairs)

    @property
    def leaning(self) -> tuple[tuple[int, int], ...]:
        return ()

    @property
    def _hyper_of(self) -> np.ndarray:
        out = np.zeros(len(self.names), np.int64)
        out[: self.n_free] = 1 if self.keys else -1
        return out

    @property
    def _sizes(self) -> np.ndarray:
        """(shape,) sd of each weight, in units of its hyper-parameter."""
        out = self.scale.copy()
        if not self.keys:
            out[: self.n_free] *= float(self.node.options.get(self.free, FREE_SD))
        return out

    def faces(self, frame: Frame, n: int | None = None) -> tuple[Face, ...]:
        reader = Reader(self.memory, frame, n=n)
        x, group = reader.column(self.along), self._groups(reader)
        row = np.minimum(np.searchsorted(self.at, x), self.at.size - 1)
        known = (self.at[row] == x) & (group >= 0)
        code = np.where(known, group, 0) * self.at.size + row
        codes = self.pairs[:, 0] * self.at.size + self.pairs[:, 1]
        place = np.minimum(np.searchsorted(codes, code), codes.size - 1)
        return (Face(np.where(known & (codes[place] == code), place, -1)),)

    def _groups(self, reader: Reader) -> np.ndarray:
        """(row,) level of each row: -1 never seen; 0 where there is one curve."""
        if not self.keys:
            return np.zeros(reader.n, np.int64)
        known = {key: i for i, key in enumerate(self.keys)}
        keys, of_row = row_keys(reader, self.by)
        return np.array([known.get(key, -1) for key in keys] or [-1], np.int64)[of_row]

    def arrays(self, information: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        return pack(
            self.shapes(self.at),
            self._sizes,
            self._hyper_of,
            *self.pairs.T,
            n_group=max(len(self.keys), 1),
            information=information,
            centring=self.centring,
        )

    def pymc(self, name: str, hypers: list[Any], whole: np.ndarray, real: np.ndarray) -> Any:
        return in_pymc(name, hypers, whole, real)

    # ---------------------------------------------------------------- after sampling

    def _of_group(self, weights: np.ndarray, g: int) -> np.ndarray:
        k = len(self.names)
        return weights[:, g * k : (g + 1) * k]

    def at_levels(self, natural: np.ndarray, weights: np.ndarray) -> np.ndarray:
        shapes, out = self.shapes(self.at), np.empty((len(weights), len(self.pairs)))
        for g in np.unique(self.pairs[:, 0]):
            own = self.pairs[:, 0] == g
            out[:, own] = sum_of_shapes(shapes[self.pairs[own, 1]], self._of_group(weights, g))
        return out

    def predict(
        self, natural: np.ndarray, weights: np.ndarray, frame: Frame, n: int, fresh: Fresh
    ) -> np.ndarray:
        reader = Reader(self.memory, frame, n=n)
        x, group = reader.column(self.along), self._groups(reader)
        out = np.full((len(weights), n), np.nan)
        there = np.isfinite(x)
        for g in np.unique(group[there]):
            if g < 0:
                continue
            own = there & (group == g)
            values, inverse = np.unique(x[own], return_inverse=True)
            curve = sum_of_shapes(self.shapes(values), self._of_group(weights, g))
            out[:, own] = curve[:, inverse]
        new = there & (group < 0)
        if new.any():
            out[:, new] = self._of_new(natural, reader.frame, new, x, fresh)
        return out

    def _of_new(
        self, natural: np.ndarray, frame: Frame, new: np.ndarray, x: np.ndarray, fresh: Fresh
    ) -> np.ndarray:
        """(draw, new row) curves of levels never seen, drawn from their population."""
        shapes, out = self.shapes(x[new]), 0.0
        for k, (name, size, h) in enumerate(
            zip(self.names, self._sizes, self._hyper_of, strict=True)
        ):
            unit = new_levels(frame, self.by, new, lambda label, s=name: fresh(f"{s} {label}"))
            out = out + natural[:, h : h + 1] * size * unit * shapes[:, k]
        return np.asarray(out)

    # ---------------------------------------------------------------- learning

    @classmethod
    def refuse_free(cls, node: Node) -> None:
        """With groups the free shapes have an sd, and so a prior, of their own."""
        if node.by and cls.free in node.options:
            raise ModelError(
                f"with groups every {cls.free} is drawn from a population with an sd. Leave out "
                f'{cls.free}=, and state a prior of "sd[{cls.free}, {node.name}]" if need be.'
            )

    @staticmethod
    def read(node: Node, reader: Reader) -> tuple[np.ndarray, tuple[Key, ...], dict[str, Any]]:
        """The covariate's values, the levels, and `at` and `pairs`.

        Raises
        ------
        ModelError
            The covariate holds text.
        """
        name = node.inside[0].name
        x = reader.column(name)
        if kind_of(x) == "text":
            raise ModelError(f"'{name}' holds text, and a curve runs along numbers.")
        at, row = np.unique(x, return_inverse=True)
        keys: tuple[Key, ...] = ()
        group = np.zeros(x.size, np.int64)
        if node.by:
            by = tuple(c.name for c in node.by)
            keys = learn_levels(by, reader)
            place = {key: i for i, key in enumerate(keys)}
            of, of_row = row_keys(reader, by)
            group = np.array([place[key] for key in of], np.int64)[of_row]
        pairs = np.unique(np.stack([group, row], axis=1), axis=0)
        return x, keys, {"at": at, "pairs": pairs}

    def kept(self) -> dict[str, Any]:
        """The common part of the state."""
        return {
            "name": self.name,
            "levels": [list(k) for k in self.keys],
            "at": self.at.tolist(),
            "pairs": self.pairs.tolist(),
        }


def restored(state: dict[str, Any]) -> dict[str, Any]:
    """The same fields from what ``Curve.kept`` gave."""
    return {
        "keys": tuple(tuple(key) for key in state["levels"]),
        "at": np.array(state["at"], np.float64),
        "pairs": np.array(state["pairs"], np.int64).reshape(-1, 2),
    }
