"""Laplace's approximation to the marginal likelihood, with its exact gradient.

    log L(outer) ~ f(u) - 1/2 log det A + n/2 log 2 pi        u: the mode of f, A = -f''(u)

f is the joint log density of data and raw effects. The slope of log det A needs third
derivatives of the likelihood along the covariance A^-1 alone. A chain sees of that covariance
the few effects that move it, so that one pair of evaluations for each of these, in every chain
at once, tells all: sum_k d2/dh2 of the slopes of the rows along v_k, A^-1 = sum_k v_k v_k'.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.linalg import cho_solve, solve_triangular
from scipy.sparse.linalg import splu, spsolve_triangular

from occupancy.engines.latent import Latent

MOST_DENSE = 1500  # effects up to which matrices are kept whole
MOST_PER_CHAIN = 24  # effects that move one chain, up to which directions are made chain by chain
MOST_STEPS, HALVINGS = 60, 40
AT_REST = 1e-13  # of the joint log density: what a step can still gain, relative to its size
BEND = 1e-3  # of a linear predictor, for second differences
TINY = 1e-300
FLATTEST = 1e-3  # of the curvature of the prior: a mode with less is none


@dataclass(frozen=True)
class Blocks:
    """Where the rows of a matrix stand that falls into independent parts of few rows.

    Attributes
    ----------
    part, slot : (row,)
    shape : parts, rows of the largest
    """

    part: np.ndarray
    slot: np.ndarray
    shape: tuple[int, int]

    @staticmethod
    def of(part: np.ndarray) -> Blocks | None:
        """None where a part is large."""
        count = np.bincount(part)
        if count.max(initial=0) > MOST_PER_CHAIN:
            return None
        return Blocks(part, slots_of(part), (count.size, int(count.max(initial=1))))


def slots_of(part: np.ndarray) -> np.ndarray:
    """(row,) place of each among those of its part."""
    order = np.argsort(part, kind="stable")
    first = np.searchsorted(part[order], part[order])
    out = np.empty(part.size, np.int64)
    out[order] = np.arange(part.size) - first
    return out


class Factor:
    """A positive definite matrix in factors: part by part, dense where it is small, or sparse.

    ``log_pivots`` (row,) add up to the log determinant, those of a part to that of the part.
    """

    def __init__(self, matrix: sparse.csr_array, blocks: Blocks | None = None):
        self.n, self.blocks = int(matrix.diagonal().size), blocks
        self.lower = self.inverse = None
        if blocks is not None:
            self._in_blocks(matrix, blocks)
        elif self.n <= MOST_DENSE:
            self.lower = np.linalg.cholesky(matrix.toarray())
            self.log_pivots = 2.0 * np.log(np.diag(self.lower))
        else:
            self._sparse(matrix)
        self.log_det = float(self.log_pivots.sum())

    def _in_blocks(self, matrix: sparse.csr_array, blocks: Blocks) -> None:
        whole = np.zeros((*blocks.shape, blocks.shape[1]))
        held = np.bincount(blocks.part, minlength=blocks.shape[0])
        for s in range(blocks.shape[1]):
            whole[held <= s, s, s] = 1.0
        found = matrix.tocoo()
        i, j = found.coords
        whole[blocks.part[i], blocks.slot[i], blocks.slot[j]] = found.data
        self.lower = np.linalg.cholesky(whole)
        self.inverse = np.linalg.inv(whole)
        self.log_pivots = 2.0 * np.log(self.lower[blocks.part, blocks.slot, blocks.slot])

    def _sparse(self, matrix: sparse.csr_array) -> None:
        try:
            self.lu = splu(
                sparse.csc_array(matrix),
                permc_spec="MMD_AT_PLUS_A",
                diag_pivot_thresh=0.0,
                options={"SymmetricMode": True},
            )
        except RuntimeError as error:  # singular
            raise np.linalg.LinAlgError(str(error)) from None
        pivots = self.lu.U.diagonal()
        if pivots.min() <= 0 or not np.array_equal(self.lu.perm_r, self.lu.perm_c):
            raise np.linalg.LinAlgError("not positive definite")
        self.log_pivots = np.log(pivots)[self.lu.perm_c]

    def solve(self, b: np.ndarray) -> np.ndarray:
        """matrix^-1 b."""
        if self.inverse is not None:
            return self._blockwise(self.inverse, b)
        if self.lower is not None:
            return cho_solve((self.lower, True), b, check_finite=False)
        return self.lu.solve(np.ascontiguousarray(b))

    def _blockwise(self, by_part: np.ndarray, b: np.ndarray) -> np.ndarray:
        at = self.blocks
        wide = np.zeros((*at.shape, *b.shape[1:]))
        wide[at.part, at.slot] = b
        if b.ndim == 1:
            return np.einsum("pij,pj->pi", by_part, wide)[at.part, at.slot]
        return (by_part @ wide)[at.part, at.slot]

    def noise(self, z: np.ndarray) -> np.ndarray:
        """(n, draw) standard normals to normals of covariance matrix^-1."""
        if self.inverse is not None:
            return self._blockwise(np.linalg.inv(self.lower).transpose(0, 2, 1), z)
        if self.lower is not None:
            return solve_triangular(self.lower, z, lower=True, trans="T", check_finite=False)
        pivots = self.lu.U.diagonal()
        upper = sparse.csr_array(sparse.diags_array(1.0 / np.sqrt(pivots)) @ self.lu.U)
        return spsolve_triangular(upper, z, lower=False)[self.lu.perm_c]


@dataclass(frozen=True)
class Mode:
    """The effects at which the joint density is highest, for one outer vector.

    Attributes
    ----------
    raw : (raw,)
    joint : float
        Log density of data and raw effects there.
    along : (row, effect) sparse
        ``Latent.row_slopes`` there.
    bend : (effect, effect) sparse
        Second derivatives of the log-likelihood.
    factor : Factor
        Of A.
    settled : bool
    """

    latent: Latent
    outer: np.ndarray
    raw: np.ndarray
    eta: np.ndarray
    slope: np.ndarray
    matrix: sparse.csr_array
    joint: float
    along: sparse.csr_array
    bend: sparse.csr_array
    factor: Factor
    settled: bool

    @property
    def log_marginal(self) -> float:
        """Laplace's approximation."""
        n = self.raw.size
        return self.joint - 0.5 * self.factor.log_det + 0.5 * n * np.log(2 * np.pi)

    @property
    def is_flat(self) -> bool:
        """Whether the mode is no peak: with a curvature near 0 the approximation has a pole.

        The effects' own prior curves by their precision, and a likelihood of states that are not
        seen may take most of that away, but hardly all of it.
        """
        least = np.log(FLATTEST) + np.log(self.latent.precision.diagonal().min(initial=1.0))
        return bool(self.factor.log_pivots.min(initial=0.0) < min(least, 0.0))

    @cached_property
    def slopes(self) -> list[sparse.csr_array]:
        """dM / d hyper."""
        return self.latent.matrix_slopes(self.latent.split(self.outer)[1])

    @cached_property
    def moved(self) -> np.ndarray:
        """(raw, outer) d mode / d outer."""
        along = self.latent.scatter @ self.slope
        parts = [self.matrix.T @ self.latent.mixed(self.along)]
        for d in self.slopes:
            parts.append((d.T @ along + self.matrix.T @ (self.bend @ (d @ self.raw)))[:, None])
        return self.factor.solve(np.concatenate(parts, axis=1))

    @cached_property
    def effects(self) -> np.ndarray:
        """(effect,) on the link scale."""
        return self.matrix @ self.raw

    def gradient(self) -> np.ndarray:
        """Of ``log_marginal`` along the outer vector."""
        latent = self.latent
        place, solved, covariance = covariance_within(self)
        third = 0.5 * _contracted(self, place, covariance)
        along = latent.scatter @ self.slope
        moving = latent.scatter @ third
        through = self.factor.solve(self.matrix.T @ moving)  # what a move of the mode adds
        effects = self.matrix @ through
        bend = self.bend.tocoo()
        i, j = bend.coords
        by_hyper = []
        for d in self.slopes:
            direct = (along + moving) @ (d @ self.raw) + bend.data @ (d @ solved)[i, place[j]]
            implied = along @ (d @ through) + effects @ (self.bend @ (d @ self.raw))
            by_hyper.append(direct + implied)
        rows = self.slope + third + self.along @ effects
        return np.concatenate([latent.along_columns(rows), by_hyper])


def covariance_within(mode: Mode) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Covariance of the effects inside each independent part.

    Returns
    -------
    place : (effect,)
        Column of the other two in which an effect stands.
    solved : (raw, column)
        A^-1 M'.
    covariance : (effect, column)
        M A^-1 M': true where row and column lie in one part.
    """
    latent = mode.latent
    n = latent.n_effect
    if mode.factor.blocks is None and latent.n_raw <= MOST_DENSE:
        place = np.arange(n)
    else:
        place = latent.slot
    one = np.zeros((n, int(place.max(initial=-1)) + 1))
    one[np.arange(n), place] = 1.0
    solved = mode.factor.solve(mode.matrix.T @ one)
    return place, solved, mode.matrix @ solved


def _contracted(mode: Mode, place: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """(row,) slope along each row of tr(covariance x second derivatives of the likelihood)."""
    latent = mode.latent
    total = np.zeros(mode.eta.size)
    for direction in _directions(latent, place, covariance):
        largest = np.abs(direction).max(initial=0.0)
        if largest <= TINY:
            continue
        h = BEND / largest
        up, down = latent.at(mode.eta + h * direction), latent.at(mode.eta - h * direction)
        total += (up.slope - 2 * mode.slope + down.slope) / (h * h)
    return total


def _directions(latent: Latent, place: np.ndarray, covariance: np.ndarray):
    """Moves of all rows whose squares add up to the covariance, inside every chain."""
    touched = latent.touched
    count = np.diff(touched.indptr)
    q = int(count.max(initial=0))
    if q > MOST_PER_CHAIN:
        scale, along = np.linalg.eigh(0.5 * (covariance + covariance.T))
        for s, v in zip(scale, along.T, strict=True):
            if s > 0:
                yield latent.gather @ (np.sqrt(s) * v)
        return
    n = latent.problem.n_chain
    member = np.full((n, q), -1)
    chain = np.repeat(np.arange(n), count)
    slot = np.arange(touched.indices.size) - touched.indptr[chain]
    member[chain, slot] = touched.indices
    at = np.maximum(member, 0)
    own = covariance[at[:, :, None], place[at][:, None, :]]
    none = member < 0
    own[none[:, :, None] | none[:, None, :]] = 0.0
    scale, along = np.linalg.eigh(0.5 * (own + own.transpose(0, 2, 1)))
    half = along * np.sqrt(np.maximum(scale, 0.0))[:, None, :]  # (chain, effect, direction)
    z = latent.gather
    n_row = latent.chain.size
    row = np.repeat(np.arange(n_row), np.diff(z.indptr))
    # the slot of each effect among those of its row's chain
    key = touched.indices + latent.n_effect * chain
    order = np.argsort(key)
    wanted = z.indices + latent.n_effect * latent.chain[row]
    found = slot[order[np.searchsorted(key[order], wanted)]]
    for k in range(q):
        weight = z.data * half[latent.chain[row], found, k]
        yield np.bincount(row, weights=weight, minlength=n_row)


def find_mode(latent: Latent, outer: np.ndarray, start: np.ndarray | None = None) -> Mode:
    """Climb to the mode of the raw effects by Newton's method, from ``start`` or 0."""
    theta, hyper = latent.split(outer)
    base, matrix = latent.fixed_part(theta), latent.matrix(hyper)
    raw = np.zeros(latent.n_raw) if start is None else start.copy()

    def joint(raw):
        eta = base + latent.gather @ (matrix @ raw)
        point = latent.at(eta)
        prior, along = latent.log_prior(raw)
        slope = matrix.T @ (latent.scatter @ point.slope) + along
        return point.total + prior, slope, eta, point.slope

    found = joint(raw)
    if not np.isfinite(found[0]) and start is not None:
        raw = np.zeros(latent.n_raw)
        found = joint(raw)
    settled, blocks = False, Blocks.of(latent.component[1])
    at = raw
    for _ in range(MOST_STEPS):
        at, (value, slope, eta, row_slope) = raw, found
        along = latent.row_slopes(eta)
        bend = _symmetric(sparse.csr_array(latent.scatter @ along))
        curvature = latent.precision - matrix.T @ bend @ matrix
        factor, step = _newton(curvature, slope, blocks)
        gain = float(slope @ step)
        if gain < AT_REST * max(1.0, abs(value)):
            settled = factor is not None
            break
        for _ in range(HALVINGS):
            trial = joint(raw + step)
            if np.isfinite(trial[0]) and trial[0] >= value - 1e-13 * abs(value):
                break
            step = 0.5 * step
        else:
            settled = factor is not None and gain < 1e-8
            break
        raw = raw + step
        found = trial
    if factor is None:  # a saddle: as if curved like the prior where it is not curved
        factor = Factor(_definite(curvature, blocks), blocks)
    return Mode(latent, outer, at, eta, row_slope, matrix, value, along, bend, factor, settled)


def _symmetric(matrix: sparse.csr_array) -> sparse.csr_array:
    return sparse.csr_array(0.5 * (matrix + matrix.T))


def _newton(
    curvature: sparse.csr_array, slope: np.ndarray, blocks: Blocks | None
) -> tuple[Factor | None, np.ndarray]:
    """Newton's step; along positive curvature, and no factor, where A is not definite."""
    try:
        factor = Factor(curvature, blocks)
        return factor, factor.solve(slope)
    except np.linalg.LinAlgError:
        return None, Factor(_definite(curvature, blocks), blocks).solve(slope)


def _definite(curvature: sparse.csr_array, blocks: Blocks | None) -> sparse.csr_array:
    """The matrix with its curvatures made positive, or shifted where it is too large for that."""
    if blocks is None and curvature.diagonal().size <= MOST_DENSE:
        scale, along = np.linalg.eigh(curvature.toarray())
        return sparse.csr_array((along * np.maximum(np.abs(scale), 1e-6)) @ along.T)
    off = abs(curvature).sum(axis=1) - abs(curvature.diagonal())
    short = np.maximum(off + 1e-3 - curvature.diagonal(), 0.0)  # diagonally dominant
    return sparse.csr_array(curvature + sparse.diags_array(short))
