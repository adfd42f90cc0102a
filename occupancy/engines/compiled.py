"""The precompiled density of a problem: its parameter vector, and its data bound by pointer.

The third layer, for models whose priors have a code; the PyMC model serves every other. The two
are equal, and a test holds them so.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from occupancy.engines.coordinates import coordinates_of, table_of_blocks, varying_terms
from occupancy.engines.newton import three
from occupancy.kernel import fused
from occupancy.kernel import varying as kernel
from occupancy.problem import Predictor, Problem, VaryingTerm
from occupancy.varying import Face

START_SD = 0.5
LONG_RUN = 8  # rows of one level after each other, from which they are taken together
EXACT = 1e-9  # what rounding leaves of a combination that is the same


@dataclass(frozen=True)
class Slot:
    """One named quantity of the posterior: coefficients, a hyper-parameter, or a term's effects."""

    name: str
    kind: str  # "coefficients" | "hyper" | "effects"
    predictor: str
    term: str | None
    size: int
    hyper: str = ""


def slots(problem: Problem) -> list[Slot]:
    """Names and sizes of what is kept of every draw, in order."""
    out = [
        Slot(name, "coefficients", name, None, len(p.terms))
        for name, p in problem.predictors.items()
    ]
    for p, term in varying_terms(problem):
        for name, hyper in zip(hyper_names(p.name, term), term.design.hypers, strict=True):
            out.append(Slot(name, "hyper", p.name, term.name, 1, hyper.key))
    out += [
        Slot(f"{p.name}_effect[{t.name}]", "effects", p.name, t.name, t.design.n_weight)
        for p, t in varying_terms(problem)
    ]
    return out


def hyper_names(parameter: str, term: VaryingTerm) -> list[str]:
    """Names of a term's hyper-parameters in a posterior: "psi_sd[region]"."""
    out = []
    for hyper in term.design.hypers:
        inside = f"{hyper.label}, {term.name}" if hyper.label else term.name
        out.append(f"{parameter}_{hyper.name}[{inside.replace('/', ':')}]")
    return out


def serves(problem: Problem) -> bool:
    """Whether the density fused for single-season occupancy can stand for this problem."""
    return problem.fast


class CompiledDensity:
    """Log posterior of a problem on one flat vector.

    The vector holds, for every predictor, coefficients in coordinates in which their posterior
    is close to independent with unit variance (beta = transform @ x, from the Hessian of the
    fixed effects at their mode), then the hyper-parameters of all terms that vary, each on the
    whole line (the logarithm of a standard deviation), then the raw coordinates of all terms.
    """

    def __init__(self, problem: Problem):
        self.problem = problem
        self.predictors = tuple(problem.predictors.values())
        self.terms = list(varying_terms(problem))
        self.coordinates = coordinates_of(problem)
        self.mode, self.transforms = self.coordinates.mode, self.coordinates.transforms
        self.arrays = self._arrays()

    @property
    def psi(self) -> Predictor:
        return self.predictors[0]

    @property
    def p(self) -> Predictor:
        return self.predictors[1]

    @property
    def n_coefficient(self) -> int:
        return sum(len(p.terms) for p in self.predictors)

    @cached_property
    def n_hyper(self) -> int:
        return sum(len(t.design.hypers) for _, t in self.terms)

    @cached_property
    def n_raw(self) -> int:
        return sum(t.design.n_raw for _, t in self.terms)

    @property
    def size(self) -> int:
        return self.n_coefficient + self.n_hyper + self.n_raw

    @cached_property
    def effect_first(self) -> np.ndarray:
        """(term + 1,) place of each term's first effect among all effects."""
        return np.cumsum([0, *[t.design.n_effect for _, t in self.terms]]).astype(np.int64)

    def _varying_arrays(self) -> dict[str, np.ndarray]:
        """Blocks, hyper-parameters and leaning ranges, for any density."""
        share, lean, onto = np.zeros(int(self.effect_first[-1])), [], []
        start = dict(zip(self.problem.predictors, self._coefficient_first, strict=False))
        for (p, t), first in zip(self.terms, self.effect_first, strict=False):
            for lo, hi in t.design.leaning:
                found = _leaning(p, t, lo, hi)
                if found is not None:
                    share[first + lo : first + hi], combination = found
                    lean.append([first + lo, first + hi])
                    row = np.zeros(self.n_coefficient)
                    row[start[p.name] : start[p.name] + combination.size] = combination
                    onto.append(row)
        hypers = [h for _, t in self.terms for h in t.design.hypers]
        own = [q for _, t in self.terms for q in t.priors]
        return {
            "blocks": table_of_blocks(self.problem),
            "domain": np.array([h.domain for h in hypers], np.int64),
            "share": share,
            "lean": np.array(lean, np.int64).reshape(-1, 2),
            "onto": np.array(onto, np.float64).reshape(-1, self.n_coefficient),
            "hyper_code": np.array([q.code for q in own], np.int64),
            "hyper_arguments": np.array([three(q.arguments) for q in own]).reshape(-1, 3),
        }

    def _arrays(self) -> dict[str, np.ndarray]:
        site_start, visit_start, diagonal_start, diagonal_size = self.problem.blocks
        a_psi, a_p = self.transforms
        level_psi, value_psi, how_psi = self._stack(self.psi)
        level_p, value_p, how_p = self._stack(self.p)
        table = [q for t in (self.psi.table, self.p.table) for q in t.coefficients]
        contiguous = np.ascontiguousarray
        varying = self._varying_arrays()
        return {
            "columns_psi": contiguous(a_psi.T @ self.psi.columns),
            "columns_p": contiguous(a_p.T @ self.p.columns),
            "offset_psi": self.psi.offset,
            "offset_p": self.p.offset,
            "unseen": np.ascontiguousarray(self.problem.family_data[1][0]),
            "site_start": site_start,
            "visit_start": visit_start,
            "diagonal_start": diagonal_start,
            "diagonal_size": diagonal_size,
            "level_psi": level_psi,
            "value_psi": value_psi,
            "how_psi": how_psi,
            "level_p": level_p,
            "value_p": value_p,
            "how_p": how_p,
            "blocks": varying["blocks"],
            "domain": varying["domain"],
            "share": varying["share"],
            "lean": varying["lean"],
            "onto": varying["onto"],
            "functional_psi": contiguous(self.psi.table.functional @ a_psi),
            "functional_p": contiguous(self.p.table.functional @ a_p),
            "base_psi": contiguous(self.psi.table.functional),
            "base_p": contiguous(self.p.table.functional),
            "prior_code": np.array([q.code for q in table], np.int64),
            "prior_arguments": np.array([three(q.arguments) for q in table]).reshape(-1, 3),
            "hyper_code": varying["hyper_code"],
            "hyper_arguments": varying["hyper_arguments"],
        }

    def _stack(self, predictor: Predictor):
        """Effects numbered among all effects, values, and how each face is read."""
        n = predictor.columns.shape[1]
        level, value, how = [], [], []
        for (p, t), first in zip(self.terms, self.effect_first, strict=False):
            for face in t.faces if p is predictor else ():
                how.append(how_to_read(predictor, face))
                level.append(levels_to_read(face.index + first, how[-1]))
                value.append(signed_values(predictor, face))
        return (
            np.array(level, np.int64).reshape(-1, n),
            np.array(value).reshape(-1, n),
            np.array(how, np.int64),
        )

    def _from(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Hyper-parameters and effects at a point."""
        natural, effect = np.empty(self.n_hyper), np.empty(int(self.effect_first[-1]))
        a = self.arrays
        kernel.effects_of(x, self.n_coefficient, self._blocks, a["domain"], natural, effect)
        return natural, effect

    @property
    def _blocks(self) -> np.ndarray:
        return self.arrays["blocks"].reshape(-1, kernel.WIDTH)

    @property
    def _coefficient_first(self) -> np.ndarray:
        """(parameter + 1,) place of each parameter's first coefficient."""
        return np.cumsum([0, *[len(p.terms) for p in self.predictors]]).astype(np.int64)

    def mean_effects(self, x: np.ndarray) -> np.ndarray:
        """(coefficient,) mean effects at a point that the sampled coefficients hold."""
        effect, means = self._from(x)[1], np.empty(self.n_coefficient)
        lean = self.arrays["lean"].reshape(-1, 2)
        onto = self.arrays["onto"].reshape(-1, self.n_coefficient)
        kernel.take_out_means(effect, self.arrays["share"], lean, onto, means)
        return means

    def coefficients(self, x: np.ndarray) -> list[np.ndarray]:
        """Coefficients of every parameter at a point."""
        ends = self._coefficient_first[1:]
        parts, means = np.split(x[: ends[-1]], ends[:-1]), np.split(self.mean_effects(x), ends[:-1])
        together = zip(self.transforms, parts, means, strict=True)
        return [a @ part - mean for a, part, mean in together]

    def __call__(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Log posterior and its gradient."""
        gradient = np.zeros(self.size)
        link = int(self.problem.links[0])
        value = fused.density(x, gradient, link, *self.arrays.values())
        return value, gradient

    def expand(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """The quantities of ``slots`` at a point."""
        natural, _ = self._from(x)
        out = np.empty(sum(t.design.n_weight for _, t in self.terms))
        kernel.weights_of(x, self.n_coefficient, self._blocks, natural, out)
        parts = self.coefficients(x)
        parts += np.split(natural, natural.size) if natural.size else []
        ends = np.cumsum([t.design.n_weight for _, t in self.terms])
        parts += np.split(out, ends[:-1]) if self.terms else []
        return {s.name: v for s, v in zip(slots(self.problem), parts, strict=True)}

    def start(self, rng: np.random.Generator) -> np.ndarray:
        """A point near the mode of the fixed effects, scattered by about one posterior sd."""
        x = np.empty(self.size)
        k = self.n_coefficient
        x[:k] = self.mode + rng.normal(size=k)
        domain = self.arrays["domain"]
        x[k : k + domain.size] = 0.3 * rng.normal(size=domain.size)
        x[k : k + domain.size] += np.where(domain == kernel.POSITIVE, np.log(START_SD), 0.0)
        o = k
        for _, t in self.terms:
            for h, q in zip(t.design.hypers, t.priors, strict=True):
                if h.domain == kernel.POSITIVE and h.name != "sd":
                    x[o] += np.log(float(q.quantile(0.5))) - np.log(START_SD)
                o += 1
        x[k + domain.size :] = 0.2 * rng.normal(size=self.n_raw)
        return x

    def header(self) -> np.ndarray:
        """Sizes and addresses for the native functions; keep this object alive beside it."""
        from occupancy.kernel.native import ARRAYS, HEADER, SIZES

        a = self._native_arrays
        h = np.zeros(HEADER, np.int64)
        faces = len(self.arrays["level_psi"])
        sizes = (len(self.psi.terms), len(self.p.terms), self.problem.n_chain, self.problem.y.size)
        h[:SIZES] = [*sizes, faces, self.problem.links[0]]
        h[SIZES::2] = [a[name].ctypes.data for name in ARRAYS]
        h[SIZES + 1 :: 2] = [a[name].size for name in ARRAYS]
        return h

    @cached_property
    def _native_arrays(self) -> dict[str, np.ndarray]:
        return self.arrays | {
            "coefficient_first": self._coefficient_first,
            "transform": np.concatenate([a.ravel() for a in self.transforms]),
        }

    def native(self):
        """The density and the expansion as C functions."""
        from occupancy.kernel.native import native_density, native_expand

        return native_density, native_expand


def signed_values(predictor: Predictor, face: Face) -> np.ndarray:
    """(row,) what an effect is multiplied by, the sign of the row included."""
    value = np.ones(face.index.size) if face.value is None else face.value
    return value if predictor.sign is None else value * predictor.sign


def how_to_read(predictor: Predictor, face: Face) -> int:
    """Code of the kernel: whether effects are multiplied, and whether levels lie in long runs."""
    valued = face.value is not None or predictor.sign is not None
    runs = 1 + np.count_nonzero(np.diff(face.index))
    long = face.index.size >= LONG_RUN * runs
    return fused.VALUED * valued + fused.RUNS * long


def levels_to_read(index: np.ndarray, how: int) -> np.ndarray:
    """(row,) int64 the levels as ``fused.gather`` takes them."""
    if not how & fused.RUNS:
        return index
    ends = np.append(np.flatnonzero(np.diff(index)) + 1, index.size)
    left = np.repeat(ends, np.diff(ends, prepend=0)) - np.arange(index.size)
    return index + (left << fused.LEFT)


def _leaning(
    predictor: Predictor, term: VaryingTerm, lo: int, hi: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """(effect,) share of each effect, and (coefficient,) which coefficients make the same rows.

    None where a common shift of the effects is not a shift of coefficients: where some rows have
    no effect of the range, or multiply it by what is no sum of the columns.
    """
    for face in term.faces:
        own = (face.index >= lo) & (face.index < hi)
        if not own.any():
            continue
        if not own.all():
            return None
        value = np.ones(face.index.size) if face.value is None else face.value
        plain = predictor.columns if predictor.sign is None else predictor.columns * predictor.sign
        scale = np.abs(plain).max(axis=1, initial=0.0)
        scale = np.where(scale > 0, scale, 1.0)[:, None]
        found = np.linalg.lstsq((plain / scale).T, value, rcond=1e-12)[0] / scale[:, 0]
        if not np.allclose(found @ plain, value, rtol=0, atol=EXACT * np.abs(value).max()):
            return None
        share = np.bincount(face.index - lo, value**2, minlength=hi - lo)
        return share / share.sum(), np.where(np.abs(found * scale[:, 0]) > EXACT, found, 0.0)
    return None
