"""One prior: read from text by a closed grammar, evaluated, drawn from, told in words."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import logit

from occupancy import links
from occupancy.priors.kinds import KINDS, Kind, mean_of_logit_beta
from surveys.problems import ModelError, listing, nearest, plain

LONGEST = 200
CALL = re.compile(r"\s*([A-Za-z_]+)\s*\((.*)\)\s*", re.DOTALL)
ARGUMENT = re.compile(
    r"\s*(?:([A-Za-z_]+)\s*=)?\s*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*"
)
# Other names for a kind, with the arguments that they fix.
ALIASES: dict[str, tuple[str, dict[str, float]]] = {
    "cauchy": ("student_t", {"df": 1.0}),
    "half_cauchy": ("half_student_t", {"df": 1.0}),
}
# Priors told by a tail: name -> what it bounds, and the prior with exactly that tail.
# pc: Simpson et al. (2017), Statistical Science 32:1, P(sd > u) = a. pc_range: Fuglstad et al.
# (2019), JASA 114:445, P(range < r) = a for a field over the plane.
TAILS: dict[str, tuple[str, Callable[[float, float], tuple[str, tuple[float, ...]]]]] = {
    "pc": ("u", lambda u, a: ("exponential", (-math.log(a) / u,))),
    "pc_range": ("r", lambda r, a: ("inverse_gamma", (1.0, -math.log(a) * r))),
}


@dataclass(frozen=True)
class Prior:
    """A prior by kind and arguments: Prior("normal", (0.0, 1.5)).

    Of a coefficient on the link scale (codes 0 to 5), of a standard deviation or range (10 to 15),
    or of a correlation or share (from 20). `beta` is the prior of the probability whose logit is
    the coefficient; `lkj` that of one correlation in a matrix of two.

    Raises
    ------
    ModelError
        The kind is unknown, or an argument is missing, infinite or out of range.
    """

    kind: str
    arguments: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ModelError(_unknown(self.kind))
        names = self._kind.arguments
        if len(self.arguments) != len(names):
            raise ModelError(
                f"The prior {self.kind} needs {_signature(self._kind)}, "
                f"and {len(self.arguments)} were given."
            )
        object.__setattr__(self, "arguments", tuple(float(a) for a in self.arguments))
        for name, value in zip(names, self.arguments, strict=True):
            if not math.isfinite(value) or (name in self._kind.positive_arguments and value <= 0):
                wanted = "above 0" if name in self._kind.positive_arguments else "finite"
                raise ModelError(f"In {self.to_text()}, {name} must be {wanted}.")
        if self.kind == "uniform" and not self.arguments[0] < self.arguments[1]:
            raise ModelError(f"In {self.to_text()}, low must be below high.")

    @property
    def _kind(self) -> Kind:
        return KINDS[self.kind]

    @property
    def code(self) -> int:
        """The number by which the compiled engines know the kind."""
        return self._kind.code

    @property
    def is_positive(self) -> bool:
        """Whether it is a prior of a standard deviation, or of a range."""
        return self._kind.is_positive

    @property
    def is_bounded(self) -> bool:
        """Whether it is a prior of a correlation or a share."""
        return self._kind.is_bounded

    @property
    def support(self) -> tuple[float, float]:
        """Where it begins and ends."""
        return self._kind.ends(*self.arguments)

    def log_density(self, x: Any) -> np.ndarray:
        """Exact log density, elementwise; -inf outside the support."""
        return self._evaluate(x)[0]

    def gradient(self, x: Any) -> np.ndarray:
        """Slope of the log density in x, elementwise; 0 outside the support."""
        return self._evaluate(x)[1]

    def _evaluate(self, x: Any) -> tuple[np.ndarray, np.ndarray]:
        x = np.asarray(x, dtype=np.float64)
        low, high = self.support
        if low == -math.inf:
            return self._kind.evaluate(x, *self.arguments)
        inside = (x >= low) & (x <= high)
        within = low + 1.0 if high == math.inf else 0.5 * (low + high)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            value, slope = self._kind.evaluate(np.where(inside, x, within), *self.arguments)
        # At 0 an inverse gamma and a lognormal have no density; 0 / 0 there would be NaN.
        value = np.where(np.isnan(value), -np.inf, value)
        return np.where(inside, value, -np.inf), np.where(inside, slope, 0.0)

    def sample(self, rng: np.random.Generator, size: int | tuple[int, ...] = ()) -> np.ndarray:
        """Draw values.

        Raises
        ------
        ModelError
            flat() is no distribution, and has no draws.
        """
        if self._kind.draw is None:
            raise ModelError("flat() cannot be drawn from. State a proper prior to simulate.")
        return np.asarray(self._kind.draw(rng, size, *self.arguments))

    def quantile(self, q: Any) -> np.ndarray:
        """Values below which a share q of the prior lies; NaN for flat()."""
        q = np.asarray(q, dtype=np.float64)
        if self.kind == "flat":
            return np.full_like(q, np.nan)
        distribution = self._distribution()
        if self.kind == "half_student_t":
            return distribution.ppf(0.5 + 0.5 * q)
        if self.kind == "beta":
            # The upper half by the survival function: logit(1 - s) loses no digits.
            return np.where(q <= 0.5, logit(distribution.ppf(q)), -logit(self._mirror().ppf(1 - q)))
        return distribution.ppf(q)

    def mean(self) -> float:
        """Mean on the scale of the coefficient; NaN where there is none."""
        if self.kind in ("flat",):
            return math.nan
        if self.kind == "beta":
            return mean_of_logit_beta(*self.arguments)
        if self.kind == "half_student_t":
            df, scale = self.arguments
            if df <= 1:
                return math.inf
            gammas = math.lgamma(0.5 * (df + 1)) - math.lgamma(0.5 * df)
            return 2 * scale * math.sqrt(df / math.pi) * math.exp(gammas) / (df - 1)
        if self.kind == "student_t" and self.arguments[0] <= 1:
            return math.nan
        return float(self._distribution().mean())

    def _distribution(self) -> Any:
        from scipy import stats

        if self._kind.scipy is None:
            raise ModelError(f"{self} is no distribution.")
        name, loc, scale, shapes = self._kind.scipy(*self.arguments)
        return getattr(stats, name)(*shapes, loc=loc, scale=scale)

    def _mirror(self) -> Any:
        return Prior("beta", self.arguments[::-1])._distribution()

    def on_probability(
        self, name: str = "p", link: str = "logit", where: str = "at average conditions"
    ) -> str:
        """Say what a prior of an intercept means for the probability, in a plain sentence."""
        if self.kind == "flat":
            return f"flat() says nothing about {name}: every value on the link scale is alike."
        low, middle, high = links.LINKS[link].inverse(self.quantile([0.05, 0.5, 0.95]))
        return (
            f"90 % of the prior for {name} {where} lies between {_share(low)} and "
            f"{_share(high)} (median {_share(middle)})."
        )

    def pymc(self, name: str, **keywords: Any) -> Any:
        """Make the same prior a named variable of the PyMC model on the context stack."""
        from occupancy.priors.in_pymc import variable

        return variable(self, name, **keywords)

    def to_text(self) -> str:
        """Text that `parse` reads as the same prior: "normal(0, 1.5)"."""
        return f"{self.kind}({', '.join(_number(a) for a in self.arguments)})"

    def shown(self) -> str:
        """Text for tables: four digits, and the usual name of special cases."""
        if self.kind == "beta" and self.arguments == (1.0, 1.0):
            return "uniform()"
        name, arguments = self.kind, self.arguments
        if name in ("student_t", "half_student_t") and arguments[0] == 1.0:
            name, arguments = name.replace("student_t", "cauchy"), arguments[1:]
        return f"{name}({', '.join(f'{a:.4g}' for a in arguments)})"

    def __str__(self) -> str:
        return self.to_text()


def parse(text: str | Prior) -> Prior:
    """Read a prior: "normal(0, 1.5)", "half_normal(scale=1)", "uniform()", "pc(1, 0.05)".

    Nothing is evaluated. `uniform()` is flat on the probability of an intercept, `uniform(a, b)`
    a prior of a correlation or share; `pc(u, a)` is the exponential with P(sd > u) = a, and
    `pc_range(r, a)` the inverse gamma with P(range < r) = a.

    Raises
    ------
    ModelError
        The text is no prior; the message names the nearest.
    """
    if isinstance(text, Prior):
        return text
    if not isinstance(text, str) or len(text) > LONGEST:
        raise ModelError(f"A prior is a text such as normal(0, 1.5), of at most {LONGEST} signs.")
    found = CALL.fullmatch(text)
    if found is None:
        raise ModelError(plain(f"'{text}' is not a prior. Write one such as normal(0, 1.5)."))
    name, inside = found.groups()
    if name not in KINDS and name not in ALIASES and name not in TAILS:
        raise ModelError(_unknown(name))
    if name == "uniform" and not inside.strip():
        return Prior("beta", (1.0, 1.0))
    if name in TAILS:
        return _of_tail(name, _arguments(text, name, inside, [TAILS[name][0], "a"]))
    kind_name, fixed = ALIASES.get(name, (name, {}))
    names = [a for a in KINDS[kind_name].arguments if a not in fixed]
    given = fixed | _arguments(text, name, inside, names)
    return Prior(kind_name, tuple(given[a] for a in KINDS[kind_name].arguments))


def _of_tail(name: str, given: dict[str, float]) -> Prior:
    """The prior told by where its tail begins, and how much lies in it."""
    bound, make = TAILS[name]
    told = f"{name}({', '.join(_number(v) for v in given.values())})"
    if not (0 < given[bound] < math.inf):
        raise ModelError(f"In {told}, {bound} must be above 0 and finite.")
    if not 0 < given["a"] < 1:
        raise ModelError(f"In {told}, a is a probability: give one between 0 and 1, such as 0.05.")
    kind, arguments = make(given[bound], given["a"])
    return Prior(kind, arguments)


def _arguments(text: str, name: str, inside: str, names: list[str]) -> dict[str, float]:
    """Numbers by place or by name; every argument exactly once."""
    given: dict[str, float] = {}
    free = list(names)
    for piece in inside.split(",") if inside.strip() else []:
        argument = ARGUMENT.fullmatch(piece)
        if argument is None:
            raise ModelError(plain(f"In the prior {text}, '{piece.strip()}' is not a number."))
        key, value = argument.groups()
        if key is None and free:
            key = free[0]
        if key not in free:
            raise ModelError(plain(f"The prior {text} does not fit {name}({', '.join(names)})."))
        free.remove(key)
        given[key] = float(value)
    if free:
        raise ModelError(
            plain(f"The prior {text} lacks {listing(free)}: {name}({', '.join(names)}).")
        )
    return {a: given[a] for a in names}


def _unknown(name: str) -> str:
    known = [*KINDS, *ALIASES, *TAILS]
    near = nearest(name, known)
    hint = f" Did you mean '{near}'?" if near else f" Known: {listing(known, 20)}."
    return plain(f"'{name}' is not a kind of prior.{hint}")


def _signature(kind: Kind) -> str:
    return f"{kind.name}({', '.join(kind.arguments)})"


def _share(p: float) -> str:
    return f"{p:.3f}".rstrip("0").rstrip(".")


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
