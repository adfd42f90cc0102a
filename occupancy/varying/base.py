"""What a kind of varying effect must be able to do.

A kind learns its levels, knots or coordinates from the surveys, and remembers them. It makes
effects from hyper-parameters and raw coordinates (``occupancy.kernel.varying``), says to which
effect each row of a table belongs, and makes the same effects, or new ones of the same
population, at any other rows.

To add one: a word in ``occupancy.terms``, a file here with a class that fulfils ``Varying`` and
``Kind``, and its line in ``occupancy.varying.VARYING``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from occupancy.kernel.varying import POSITIVE, SHARE, SIGNED, Functions
from occupancy.priors.prior import Prior

if TYPE_CHECKING:
    from occupancy.columns.blocks import Memory, Reader
    from occupancy.columns.frame import Frame
    from occupancy.formula.tree import Varying as Node

State = dict[str, Any]
FEW_LEVELS = 12
SMALL_STEPS, USUAL_STEPS, WIDE_STEPS = 0.9, 0.8, 0.7  # share of steps that are accepted
SETTLED = 1e4  # told of an effect that a word wants sampled as it is
TYPICAL_SD = 0.7  # of effects on a link scale, before the data are seen
Fresh = Callable[[str], np.ndarray]


@dataclass(frozen=True)
class Hyper:
    """One hyper-parameter: its name, where it lives, and the prior it has unless another is stated.

    ``domain`` is POSITIVE (a standard deviation, a range), SHARE (between 0 and 1) or SIGNED
    (between -1 and 1). Priors of shares are `beta`; those of signed numbers are `beta` of
    (1 + x) / 2. Several hyper-parameters may have one ``name`` ("sd" of several effects); then
    ``label`` tells them apart.
    """

    name: str
    domain: int
    prior: Prior
    label: str = ""
    lkj: float | None = None  # what eta is added to, of a partial correlation under lkj(eta)
    spread: float = 1.0  # sd of what the effects multiply
    slope: bool = False  # whether they multiply anything

    @property
    def key(self) -> str:
        """As a prior is stated for it, before the term in square brackets."""
        return f"{self.name} {self.label}" if self.label else self.name


@dataclass(frozen=True)
class Face:
    """Which effect each row has, and what multiplies it.

    Attributes
    ----------
    index : (row,) int64
        Place among the effects; -1 where the row has none.
    value : (row,) float64 or None
        None where the effect is added as it is.
    """

    index: np.ndarray
    value: np.ndarray | None = None


class Kind(Protocol):
    """What makes the effects of a word: most often their own class, of `space` one that chooses."""

    def learn(self, node: Node, reader: Reader) -> Varying:
        """Learn from the rows that count."""
        ...

    def from_state(self, node: Node, memory: Memory, state: State) -> Varying:
        """The same term to the last digit."""
        ...


class Varying(ABC):
    """Learned effects of one term: hyper-parameters, sizes, faces, functions, memory.

    Attributes
    ----------
    kind : str
        The word in formulas.
    name : str
        Of the term, in tables and stored draws: "region", "spline(year)".
    by : names of the columns that make its groups, empty where it has none.
    """

    kind: ClassVar[str]
    is_field: ClassVar[bool] = False  # effects belong to places: `Fit.field` tells them
    functions: ClassVar[Functions]
    name: str
    by: tuple[str, ...]

    # ---------------------------------------------------------------- memory

    @abstractmethod
    def to_state(self) -> State:
        """Plain data for JSON."""

    # ---------------------------------------------------------------- what it consists of

    @property
    @abstractmethod
    def hypers(self) -> tuple[Hyper, ...]:
        """Hyper-parameters, in order."""

    @property
    @abstractmethod
    def labels(self) -> tuple[str, ...]:
        """Names of what is kept of a draw: levels, or weights of a basis."""

    @property
    def n_weight(self) -> int:
        return len(self.labels)

    @property
    def n_raw(self) -> int:
        """Sampled coordinates."""
        return self.n_weight

    @property
    def n_effect(self) -> int:
        """Effects that rows pick from."""
        return self.n_weight

    @property
    def along(self) -> str:
        """The covariate that the effects follow, as curves and seasons do; "" for levels."""
        return ""

    @property
    def points(self) -> np.ndarray | None:
        """Where along it there are effects, if only there."""
        return None

    @property
    def leaning(self) -> tuple[tuple[int, int], ...]:
        """(first, end) of effects that trade places with the intercept beside them."""
        return ((0, self.n_effect),)

    @property
    def acceptance(self) -> float:
        """Share of steps to accept: more where few effects, or a curve, let an sd near zero."""
        return SMALL_STEPS if self.n_effect <= FEW_LEVELS or self.along else USUAL_STEPS

    @abstractmethod
    def faces(self, frame: Frame, n: int | None = None) -> tuple[Face, ...]:
        """Effects of each row of the surveys; a row has the sum over the faces."""

    def arrays(self, information: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """``whole`` and ``real`` of the compiled functions.

        Parameters
        ----------
        information : (effect,), optional
            About how much the data tell about each effect: the expected second derivative of the
            log-likelihood. A kind may choose the coordinates that it is sampled in by it.
        """
        return np.zeros(1, np.int64), np.zeros(1)

    # ---------------------------------------------------------------- after sampling

    @abstractmethod
    def at_levels(self, natural: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """(draw, effect) from (draw, hyper) and (draw, weight)."""

    @abstractmethod
    def predict(
        self, natural: np.ndarray, weights: np.ndarray, frame: Frame, n: int, fresh: Fresh
    ) -> np.ndarray:
        """(draw, row) effects anywhere, the same as the faces' at the rows of the surveys.

        ``fresh(label)`` gives (draw,) standard normal numbers, the same for the same label: what
        was never surveyed is drawn from its population.
        """

    def draw(self, natural: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(weight,) from the prior, given the hyper-parameters (hyper,)."""
        whole, real = self.arrays()
        whole, real = np.ascontiguousarray(whole, np.int64), np.ascontiguousarray(real, np.float64)
        out = np.empty(self.n_weight)
        self.functions.weights(natural, rng.normal(size=self.n_raw), whole, real, out)
        return out

    # ---------------------------------------------------------------- the model of record

    @abstractmethod
    def pymc(self, name: str, hypers: list[Any], whole: np.ndarray, real: np.ndarray) -> Any:
        """The (effect,) tensor, and the (weight,) tensor of what is kept.

        Makes the free variable ``name`` (n_raw,) with the density that ``forward`` returns.
        """

    # ---------------------------------------------------------------- words

    def spread_over(
        self, natural: np.ndarray, weights: np.ndarray, faces: tuple[Face, ...]
    ) -> np.ndarray:
        """(draw,) variance that the term gives to rows of the surveys.

        sd^2, times the mean square of what multiplies the effect; a kind whose population has
        another variance says so itself.
        """
        at = next(j for j, h in enumerate(self.hypers) if h.name == "sd" and h.domain == POSITIVE)
        return natural[:, at] ** 2 * mean_square(faces[0])


def mean_square(face: Face, other: Face | None = None) -> float:
    """Mean over the rows of what multiplies two effects, 1 where nothing does."""
    own = 1.0 if face.value is None else face.value
    by = own if other is None else (1.0 if other.value is None else other.value)
    return float(np.mean(own * by))


def draw_hyper(prior: Prior, hyper: Hyper, rng: np.random.Generator) -> float:
    """One value of a hyper-parameter from its prior."""
    value = float(prior.sample(rng, 1)[0])
    if hyper.domain == POSITIVE:
        return value
    share = 1.0 / (1.0 + np.exp(-value))  # a beta prior draws logits
    return float(share if hyper.domain == SHARE else 2.0 * share - 1.0)


def raw_name(parameter: str, term: str) -> str:
    """Name of the free variable of a term in the PyMC model."""
    return f"{parameter}_raw[{term}]"


Kinds = Mapping[str, type[Varying]]

__all__ = ["POSITIVE", "SHARE", "SIGNED", "Face", "Fresh", "Hyper", "Varying", "raw_name"]
