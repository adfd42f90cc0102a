"""A problem as its effects are integrated out of it: coefficients, hyper-parameters, raw effects.

    eta = X b + Z e        e = M(hyper) raw        raw with a quadratic log density

X, Z and M are those of all parameters of the family together; Z gathers effects to rows. The
likelihood is a sum over chains, so that effects which no chain shares are moved together: one
pair of evaluations then tells the slope of every row along all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from occupancy.engines.coordinates import varying_terms
from occupancy.engines.linear_block import LinearBlock
from occupancy.engines.newton import Objective
from occupancy.problem import Predictor, Problem

STEP = 1e-4  # of a linear predictor, for its slope


@dataclass(frozen=True)
class Point:
    """The likelihood at one place.

    Attributes
    ----------
    total : float
    by_chain : (chain,)
    slope : (row,)
        Along the linear predictors.
    """

    total: float
    by_chain: np.ndarray
    slope: np.ndarray


class Latent:
    """The log-likelihood and the log density of the raw effects, without any other prior.

    The outer vector holds the coefficients in the coordinates of ``Objective`` (beta = transform
    theta), then the hyper-parameters.
    """

    def __init__(self, problem: Problem):
        self.problem = problem
        self.fixed = Objective(problem.without_groups())
        self.columns = self.fixed.columns
        self.terms = [LinearBlock(p, t) for p, t in varying_terms(problem)]
        self.owner = [p.name for p, _ in varying_terms(problem)]
        self.offset = np.concatenate(
            [
                p.offset if p.offset.size else np.zeros(p.columns.shape[1])
                for p in problem.predictors.values()
            ]
        )
        self.chain = np.concatenate([_chains(problem, p) for p in problem.predictors.values()])
        self.gather = self._gather()
        self.scatter = self.gather.T.tocsr()

    # ------------------------------------------------------------ sizes

    @property
    def n_coefficient(self) -> int:
        return self.fixed.size

    @cached_property
    def hyper_start(self) -> np.ndarray:
        """(term + 1,) first hyper-parameter of each term."""
        return np.cumsum([0, *[t.n_hyper for t in self.terms]])

    @cached_property
    def raw_start(self) -> np.ndarray:
        """(term + 1,) first raw effect of each term."""
        return np.cumsum([0, *[t.n_raw for t in self.terms]])

    @cached_property
    def effect_start(self) -> np.ndarray:
        """(term + 1,) first effect of each term."""
        return np.cumsum([0, *[t.n_effect for t in self.terms]])

    @cached_property
    def weight_start(self) -> np.ndarray:
        """(term + 1,) first of what is kept of each term."""
        return np.cumsum([0, *[t.n_weight for t in self.terms]])

    @property
    def n_hyper(self) -> int:
        return int(self.hyper_start[-1])

    @property
    def n_raw(self) -> int:
        return int(self.raw_start[-1])

    @property
    def n_effect(self) -> int:
        return int(self.effect_start[-1])

    def split(self, outer: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients and hyper-parameters."""
        return outer[: self.n_coefficient], outer[self.n_coefficient :]

    # ------------------------------------------------------------ structure

    def _gather(self) -> sparse.csr_array:
        """(row, effect) Z of all predictors."""
        names = list(self.problem.predictors)
        parts = []
        for term, owner in zip(self.terms, self.owner, strict=True):
            m = names.index(owner)
            first, n = int(self.problem.start[m]), int(self.problem.start[-1])
            own = term.rows.tocoo()
            at = (own.coords[0] + first, own.coords[1])
            parts.append(sparse.coo_array((own.data, at), shape=(n, term.n_effect)))
        out = sparse.csr_array(sparse.hstack(parts))
        out.eliminate_zeros()
        return out

    @cached_property
    def touched(self) -> sparse.csr_array:
        """(chain, effect) pattern: which effects move which chain."""
        z = self.gather.tocoo()
        at = (self.chain[z.coords[0]], z.coords[1])
        ones = np.ones(z.data.size)
        out = sparse.csr_array((ones, at), shape=(self.problem.n_chain, self.n_effect))
        out.sum_duplicates()
        out.data[:] = 1.0
        return out

    @cached_property
    def colour(self) -> np.ndarray:
        """(effect,) numbers such that no chain is moved by two effects of one number."""
        by_effect = self.touched.T.tocsr()
        out = np.zeros(self.n_effect, np.int64)
        taken: list[np.ndarray] = []  # (chain,) bool for each colour
        for j in range(self.n_effect):
            own = by_effect.indices[by_effect.indptr[j] : by_effect.indptr[j + 1]]
            out[j] = next((c for c, held in enumerate(taken) if not held[own].any()), len(taken))
            if out[j] == len(taken):
                taken.append(np.zeros(self.problem.n_chain, bool))
            taken[out[j]][own] = True
        return out

    @cached_property
    def component(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(effect,), (raw,) and (chain,) which independent part each belongs to; -1: none."""
        pairs = self.matrix(self.hyper_of_start)
        pairs.data[:] = 1.0
        precision = self.precision
        precision = sparse.csr_array((np.ones(precision.nnz), precision.indices, precision.indptr))
        whole = sparse.block_array(
            [
                [None, self.touched, None],
                [self.touched.T, None, pairs],
                [None, pairs.T, precision],
            ]
        )
        n = self.problem.n_chain
        _, label = connected_components(whole, directed=False)
        of_effect, of_raw = label[n : n + self.n_effect], label[n + self.n_effect :]
        met, of_raw = np.unique(of_raw, return_inverse=True)
        place = np.full(label.max() + 1, -1)
        place[met] = np.arange(met.size)
        return place[of_effect], of_raw, place[label[:n]]

    @cached_property
    def slot(self) -> np.ndarray:
        """(effect,) place of each among those of its independent part."""
        part = self.component[0]
        order = np.argsort(part, kind="stable")
        out = np.empty(part.size, np.int64)
        out[order] = np.arange(part.size) - np.searchsorted(part[order], part[order])
        return out

    @cached_property
    def hyper_of_start(self) -> np.ndarray:
        return np.concatenate([t.start for t in self.terms])

    @cached_property
    def least(self) -> np.ndarray:
        return np.concatenate([t.least for t in self.terms])

    @cached_property
    def most(self) -> np.ndarray:
        return np.concatenate([t.most for t in self.terms])

    @cached_property
    def precision(self) -> sparse.csr_array:
        """(raw, raw) of all terms."""
        return sparse.csr_array(sparse.block_diag([t.precision for t in self.terms]))

    @cached_property
    def log_normaliser(self) -> float:
        """What the log density of the raw effects is at 0."""
        return sum(t.log_normaliser for t in self.terms)

    @cached_property
    def _along(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Pattern of the slopes of rows along effects: indices, first entry, row, colour."""
        n = self.chain.size
        one = sparse.csr_array((np.ones(n), (np.arange(n), self.chain)))
        one.resize((n, self.problem.n_chain))
        pattern = sparse.csr_array(one @ self.touched)
        row = np.repeat(np.arange(n), np.diff(pattern.indptr))
        return pattern.indices, pattern.indptr, row, self.colour[pattern.indices]

    @cached_property
    def steps(self) -> np.ndarray:
        """(effect,) that move the row they move most by ``STEP``."""
        largest = abs(self.gather).max(axis=0).toarray().ravel()
        return STEP / np.where(largest > 0, largest, 1.0)

    @cached_property
    def is_sd(self) -> np.ndarray:
        """(hyper,) bool: an sd, of which 0 means that nothing varies."""
        return np.concatenate([t.is_sd for t in self.terms])

    def off_the_end(self, hyper: np.ndarray) -> np.ndarray:
        """The same, with sds no smaller than half of where a climb begins."""
        return np.where(self.is_sd, np.maximum(hyper, self.hyper_of_start - 0.7), hyper)

    def natural_by_term(self, hyper: np.ndarray) -> list[np.ndarray]:
        """(draw, hyper) on the whole line to those of each term on their own scales."""
        ends = self.hyper_start
        parts = [hyper[:, a:b] for a, b in pairwise(ends)]
        return [t.natural(h) for t, h in zip(self.terms, parts, strict=True)]

    # ------------------------------------------------------------ values

    def _each(self, hyper: np.ndarray):
        ends = self.hyper_start
        for t, a, b in zip(self.terms, ends[:-1], ends[1:], strict=True):
            yield t, hyper[a:b]

    def matrix(self, hyper: np.ndarray) -> sparse.csr_array:
        """(effect, raw) M."""
        return sparse.csr_array(sparse.block_diag([t.matrix(h) for t, h in self._each(hyper)]))

    def kept(self, hyper: np.ndarray) -> sparse.csr_array:
        """(weight, raw) of what is kept of a draw."""
        return sparse.csr_array(sparse.block_diag([t.kept(h) for t, h in self._each(hyper)]))

    def matrix_slopes(self, hyper: np.ndarray) -> list[sparse.csr_array]:
        """dM / d hyper, of all effects."""
        slopes = [t.slopes(h) for t, h in self._each(hyper)]
        return self._placed(slopes, self.effect_start)

    def kept_slopes(self, hyper: np.ndarray) -> list[sparse.csr_array]:
        """d kept / d hyper, of all that is kept."""
        slopes = [t.kept_slopes(h) for t, h in self._each(hyper)]
        return self._placed(slopes, self.weight_start)

    def _placed(self, slopes, start: np.ndarray) -> list[sparse.csr_array]:
        """Matrices of the terms, each where its rows and columns stand among all."""
        out = []
        for k, of_term in enumerate(slopes):
            for slope in of_term:
                own = slope.tocoo()
                at = (own.coords[0] + start[k], own.coords[1] + self.raw_start[k])
                out.append(sparse.csr_array((own.data, at), shape=(int(start[-1]), self.n_raw)))
        return out

    def fixed_part(self, theta: np.ndarray) -> np.ndarray:
        """(row,) X b and the offsets."""
        parts = [x.T @ theta[a:b] for x, (a, b) in zip(self.columns, self.fixed.parts, strict=True)]
        return np.concatenate(parts) + self.offset

    def along_columns(self, slope: np.ndarray) -> np.ndarray:
        """(coefficient,) X' slope."""
        parts = np.split(slope, self.problem.start[1:-1])
        return np.concatenate([x @ g for x, g in zip(self.columns, parts, strict=True)])

    def at(self, eta: np.ndarray) -> Point:
        """The likelihood on linear predictors."""
        parts = tuple(np.split(eta, self.problem.start[1:-1]))
        total, by_chain, _, _, slopes = self.problem.evaluate(parts)
        return Point(float(total), by_chain, np.concatenate(slopes))

    def log_prior(self, raw: np.ndarray) -> tuple[float, np.ndarray]:
        """Log density of the raw effects, with its slope."""
        slope = -(self.precision @ raw)
        return self.log_normaliser + 0.5 * float(raw @ slope), slope

    def row_slopes(self, eta: np.ndarray) -> sparse.csr_array:
        """(row, effect) D: how the slope along a row changes with an effect, by differences."""
        indices, indptr, row, colour = self._along
        n_colour = int(self.colour.max(initial=-1)) + 1
        change = np.empty((n_colour, eta.size))
        for c in range(n_colour):
            step = self.gather @ np.where(self.colour == c, self.steps, 0.0)
            change[c] = 0.5 * (self.at(eta + step).slope - self.at(eta - step).slope)
        data = change[colour, row] / self.steps[indices]
        return sparse.csr_array((data, indices, indptr), shape=(eta.size, self.n_effect))

    def mixed(self, along: sparse.csr_array) -> np.ndarray:
        """(effect, coefficient) second derivatives, from ``row_slopes``."""
        s = self.problem.start
        parts = [along[a:b].T @ x.T for x, a, b in zip(self.columns, s[:-1], s[1:], strict=True)]
        return np.concatenate(parts, axis=1)


def _chains(problem: Problem, p: Predictor) -> np.ndarray:
    """(row,) place of the chain that each row of a predictor belongs to."""
    n = problem.n_chain
    if p.level == "visit":
        only = problem.family.parameter(p.name).only
        own = problem.observed.label == int(only) if only else slice(None)
        return problem.chain_of_visit[own]
    return np.tile(np.arange(n), p.columns.shape[1] // max(n, 1))
