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

START_SD = 0.5


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
        place = {name: m for m, name in enumerate(self.problem.predictors)}
        share, lean = np.zeros(int(self.effect_first[-1])), []
        for (p, t), first in zip(self.terms, self.effect_first, strict=False):
            if p.terms[:1] != ("Intercept",):
                continue
            for lo, hi in t.design.leaning:
                rows = _rows_leaning(t, lo, hi)
                if rows is not None:
                    share[first + lo : first + hi] = rows
                    lean.append([first + lo, first + hi, place[p.name]])
        hypers = [h for _, t in self.terms for h in t.design.hypers]
        own = [q for _, t in self.terms for q in t.priors]
        return {
            "blocks": table_of_blocks(self.problem),
            "domain": np.array([h.domain for h in hypers], np.int64),
            "share": share,
            "lean": np.array(lean, np.int64).reshape(-1, 3),
            "hyper_code": np.array([q.code for q in own], np.int64),
            "hyper_arguments": np.array([three(q.arguments) for q in own]).reshape(-1, 3),
        }

    def _arrays(self) -> dict[str, np.ndarray]:
        site_start, visit_start, diagonal_start, diagonal_size = self.problem.blocks
        a_psi, a_p = self.transforms
        level_psi, value_psi, valued_psi = self._stack(self.psi)
        level_p, value_p, _ = self._stack(self.p)
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
            "valued_psi": valued_psi,
            "level_p": level_p,
            "value_p": value_p if self.p.sign is None else value_p * self.p.sign,
            "blocks": varying["blocks"],
            "domain": varying["domain"],
            "share": varying["share"],
            "lean": varying["lean"],
            "functional_psi": contiguous(self.psi.table.functional @ a_psi),
            "functional_p": contiguous(self.p.table.functional @ a_p),
            "base_psi": base_of(self.psi),
            "base_p": base_of(self.p),
            "prior_code": np.array([q.code for q in table], np.int64),
            "prior_arguments": np.array([three(q.arguments) for q in table]).reshape(-1, 3),
            "hyper_code": varying["hyper_code"],
            "hyper_arguments": varying["hyper_arguments"],
        }

    def _stack(self, predictor: Predictor):
        """Effects numbered among all effects, values, and which faces have values."""
        n = predictor.columns.shape[1]
        level, value, valued = [], [], []
        for (p, t), first in zip(self.terms, self.effect_first, strict=False):
            for face in t.faces if p is predictor else ():
                level.append(face.index + first)
                value.append(np.ones(n) if face.value is None else face.value)
                valued.append(face.value is not None)
        return (
            np.array(level, np.int64).reshape(-1, n),
            np.array(value).reshape(-1, n),
            np.array(valued, np.int64),
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

    def mean_effects(self, x: np.ndarray) -> np.ndarray:
        """(parameter,) mean effects at a point that the sampled intercept holds."""
        effect, means = self._from(x)[1], np.empty(len(self.predictors))
        lean = self.arrays["lean"].reshape(-1, 3)
        kernel.take_out_means(effect, self.arrays["share"], lean, means)
        return means

    def coefficients(self, x: np.ndarray) -> list[np.ndarray]:
        """Coefficients of every parameter at a point."""
        ends = np.cumsum([len(p.terms) for p in self.predictors])
        parts = np.split(x[: ends[-1]], ends[:-1])
        out = [a @ part for a, part in zip(self.transforms, parts, strict=True)]
        for beta, mean in zip(out, self.mean_effects(x), strict=True):
            if mean != 0.0:
                beta[0] -= mean
        return out

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
        sizes = [len(self.psi.terms), len(self.p.terms)]
        return self.arrays | {
            "coefficient_first": np.cumsum([0, *sizes]).astype(np.int64),
            "transform": np.concatenate([a.ravel() for a in self.transforms]),
        }

    def native(self):
        """The density and the expansion as C functions."""
        from occupancy.kernel.native import native_density, native_expand

        return native_density, native_expand


def base_of(predictor: Predictor) -> np.ndarray:
    """What one unit of the intercept adds to every phi; zeros without an intercept."""
    if predictor.terms[:1] != ("Intercept",):
        return np.zeros(len(predictor.terms))
    return np.ascontiguousarray(predictor.table.functional[:, 0])


def _rows_leaning(term: VaryingTerm, lo: int, hi: int) -> np.ndarray | None:
    """(effect,) share of the rows at each effect, or None where rows have none or a multiple."""
    for face in term.faces:
        own = (face.index >= lo) & (face.index < hi)
        if own.any():
            if face.value is not None or not own.all():
                return None
            return np.bincount(face.index - lo, minlength=hi - lo) / max(face.index.size, 1)
    return None
