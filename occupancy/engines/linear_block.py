"""One term that varies, as matrices: effects that are linear in raw coordinates.

A kind of effect brings compiled functions (``occupancy.kernel.varying``). Without information from
the data its raw coordinates are not centred: their log density is quadratic and does not depend
on the hyper-parameters, and effects are a matrix times them. The matrix is found by calling the
functions on unit vectors, those together whose effects do not meet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import sparse

from occupancy.kernel.varying import POSITIVE, SHARE
from occupancy.problem import Predictor, VaryingTerm
from occupancy.varying.base import Hyper
from surveys.problems import ModelError

BELOW_START, ABOVE_START = 6.5, 5.0  # in logarithms, from the least and the largest sd to its start
FARTHEST_LOGIT = 8.0  # of a share or a correlation: 0.0003 from its end
DIFFERENCE = 1e-5


class LinearBlock:
    """A term that varies: its matrices, at any hyper-parameters.

    Attributes
    ----------
    n_hyper, n_raw, n_effect, n_weight : int
    start, least, most : (hyper,)
        Where a climb begins, and where it ends, on the whole line.
    is_sd : (hyper,) bool
        Those of which the least value stands for 0.
    rows : (row, effect) sparse
        What each effect adds to each row of the predictor, signed where it is.
    precision : (raw, raw) sparse
        Of the raw coordinates.
    log_normaliser : float
        Their log density at 0.
    """

    def __init__(self, predictor: Predictor, term: VaryingTerm):
        design = term.design
        if getattr(design, "centring", None) is not None:
            design = replace(design, centring=None)  # type: ignore[type-var]
        whole, real = design.arrays()
        self._whole = np.ascontiguousarray(whole, np.int64)
        self._real = np.ascontiguousarray(real, np.float64)
        self._functions = design.functions
        self.hypers = design.hypers
        self.n_hyper, self.n_raw = len(self.hypers), design.n_raw
        self.n_effect, self.n_weight = design.n_effect, design.n_weight
        self.start = np.array([_start(h) for h in self.hypers])
        positive = np.array([h.domain == POSITIVE for h in self.hypers], bool)
        self.is_sd = positive & np.array([h.name == "sd" for h in self.hypers], bool)
        self.least, self.most = np.array([bounds(h) for h in self.hypers]).reshape(-1, 2).T
        self.rows = _rows(predictor, term, self.n_effect)
        self._effects = _Probed(self._forward, self.n_effect, self.n_raw, self.start)
        self._weights = _Probed(self._weigh, self.n_weight, self.n_raw, self.start)
        self._refuse_products(term.name, predictor.name)
        self.precision = self._precision()
        self.log_normaliser = self._density(self.start, np.zeros(self.n_raw))

    def _refuse_products(self, term: str, parameter: str) -> None:
        """Effects that are products of raw ones have no integral of the kind used here.

        Raises
        ------
        ModelError
            The effects are not linear in the raw coordinates.
        """
        raw = np.random.default_rng(2).normal(size=self.n_raw)
        told, linear = self._forward(self.start, raw), self._effects(self.start) @ raw
        if np.abs(told - linear).max(initial=0.0) > 1e-6 * np.abs(told).max(initial=1.0):
            raise ModelError(
                f"{term} of `{parameter}` cannot be integrated out, since its effects are products "
                "of loadings and scores, so there is no maximum of the likelihood to report. "
                'Sample the posterior: fit("nuts"), or engine = "nuts" in a study file.'
            )

    # ------------------------------------------------------------ matrices

    def matrix(self, hyper: np.ndarray) -> sparse.csr_array:
        """(effect, raw)."""
        return self._effects(hyper)

    def kept(self, hyper: np.ndarray) -> sparse.csr_array:
        """(weight, raw) of what is kept of a draw."""
        return self._weights(hyper)

    def slopes(self, hyper: np.ndarray) -> list[sparse.csr_array]:
        """d matrix / d hyper, one for each hyper-parameter."""
        return _differences(self._effects, hyper)

    def kept_slopes(self, hyper: np.ndarray) -> list[sparse.csr_array]:
        """d kept / d hyper, one for each hyper-parameter."""
        return _differences(self._weights, hyper)

    def natural(self, hyper: np.ndarray) -> np.ndarray:
        """(..., hyper) on their own scales, from the whole line."""
        out = np.empty(hyper.shape)
        for j, h in enumerate(self.hypers):
            t = hyper[..., j]
            if h.domain == POSITIVE:
                out[..., j] = np.exp(t)
            else:
                share = 0.5 * (1.0 + np.tanh(0.5 * t))
                out[..., j] = share if h.domain == SHARE else 2.0 * share - 1.0
        return out

    # ------------------------------------------------------------ compiled functions

    def _forward(self, hyper: np.ndarray, raw: np.ndarray) -> np.ndarray:
        effect = np.empty(self.n_effect)
        self._functions.forward(self.natural(hyper), raw, self._whole, self._real, effect)
        return effect

    def _weigh(self, hyper: np.ndarray, raw: np.ndarray) -> np.ndarray:
        out = np.empty(self.n_weight)
        self._functions.weights(self.natural(hyper), raw, self._whole, self._real, out)
        return out

    def _density(self, hyper: np.ndarray, raw: np.ndarray) -> float:
        effect = np.empty(self.n_effect)
        natural = self.natural(hyper)
        return float(self._functions.forward(natural, raw, self._whole, self._real, effect))

    def _slope(self, hyper: np.ndarray, raw: np.ndarray) -> np.ndarray:
        """(raw,) of the log density of raw alone."""
        effect, slope = self._forward(hyper, raw), np.zeros(self.n_effect)
        d_natural, d_raw = np.zeros(self.n_hyper), np.zeros(self.n_raw)
        self._functions.adjoint(
            self.natural(hyper), raw, effect, slope, self._whole, self._real, d_natural, d_raw
        )
        return d_raw

    def _precision(self) -> sparse.csr_array:
        """Minus the second derivatives of the log density; the identity for most kinds."""
        rng = np.random.default_rng(1)
        raw = rng.normal(size=self.n_raw)
        moved = self.start + 0.5
        if np.array_equal(self._slope(self.start, raw), -raw):
            found = sparse.eye_array(self.n_raw, format="csr")
        else:
            columns = [-self._slope(self.start, e) for e in np.eye(self.n_raw)]
            found = sparse.csr_array(np.stack(columns, axis=1))
            found.eliminate_zeros()
        if not np.allclose(self._slope(moved, raw), -(found @ raw), rtol=1e-9, atol=1e-12):
            names = ", ".join(h.key for h in self.hypers)
            raise ValueError(f"raw coordinates whose density is not free of {names}")
        return found


def bounds(hyper: Hyper) -> tuple[float, float]:
    """Between which a maximum is sought, on the whole line."""
    if hyper.domain != POSITIVE:
        return -FARTHEST_LOGIT, FARTHEST_LOGIT
    return _start(hyper) - BELOW_START, _start(hyper) + ABOVE_START


def _start(hyper: Hyper) -> float:
    """The middle of the default prior, on the whole line."""
    if hyper.domain != POSITIVE:
        return 0.0
    return float(np.log(hyper.prior.quantile(np.array([0.5]))[0]))


def _rows(predictor: Predictor, term: VaryingTerm, n_effect: int) -> sparse.csr_array:
    parts = []
    for face in term.faces:
        n = face.index.size
        value = np.ones(n) if face.value is None else face.value
        if predictor.sign is not None:
            value = value * predictor.sign
        at = (np.arange(n), face.index)
        parts.append(sparse.csr_array((value, at), shape=(n, n_effect)))
    out = sparse.csr_array(sum(parts[1:], parts[0]))
    out.sum_duplicates()
    out.eliminate_zeros()
    return out


class _Probed:
    """The matrix of a linear function, from its values on sums of unit vectors."""

    def __init__(
        self,
        function: Callable[[np.ndarray, np.ndarray], np.ndarray],
        n_out: int,
        n_in: int,
        start: np.ndarray,
    ):
        self._function, self._shape = function, (n_out, n_in)
        # at two places, so that what is 0 at one of them by chance is not taken for nothing
        places = (start + 0.3, start - 0.2)
        met = [
            np.flatnonzero((function(places[0], e) != 0) | (function(places[1], e) != 0))
            for e in _units(n_in)
        ]
        self._indices = np.concatenate([np.zeros(0, np.int64), *met])
        self._indptr = np.cumsum([0, *[m.size for m in met]])
        ones = np.ones(self._indices.size)
        pattern = sparse.csc_array((ones, self._indices, self._indptr), shape=self._shape)
        self._colour = _colours(pattern)
        column = np.repeat(np.arange(n_in), np.diff(self._indptr))
        self._at = self._colour[column], self._indices

    def __call__(self, hyper: np.ndarray) -> sparse.csr_array:
        n = int(self._colour.max(initial=-1)) + 1
        each = np.stack([self._function(hyper, 1.0 * (self._colour == c)) for c in range(n)])
        out = sparse.csc_array((each[self._at], self._indices, self._indptr), shape=self._shape)
        return sparse.csr_array(out)


def _units(n: int):
    e = np.zeros(n)
    for i in range(n):
        e[i] = 1.0
        yield e
        e[i] = 0.0


def _colours(pattern: sparse.csc_array) -> np.ndarray:
    """(column,) numbers such that no two columns of one number have a row in common."""
    out = np.zeros(pattern.shape[1], np.int64)  # pyright: ignore[reportOptionalSubscript]
    taken: list[np.ndarray] = []
    for j in range(out.size):
        own = pattern.indices[pattern.indptr[j] : pattern.indptr[j + 1]]
        out[j] = next((c for c, held in enumerate(taken) if not held[own].any()), len(taken))
        if out[j] == len(taken):
            taken.append(np.zeros(pattern.shape[0], bool))  # pyright: ignore
        taken[out[j]][own] = True
    return out


def _differences(matrix: _Probed, hyper: np.ndarray) -> list[sparse.csr_array]:
    out = []
    for e in np.eye(hyper.size):
        change = matrix(hyper + DIFFERENCE * e) - matrix(hyper - DIFFERENCE * e)
        out.append(sparse.csr_array(change / (2 * DIFFERENCE)))
    return out
