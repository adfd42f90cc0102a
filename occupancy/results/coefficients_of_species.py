"""The coefficients of each species of a community: what the formula would be for it alone.

A community's predictor is a sum of columns that all species share, of columns of traits, and of
effects of species: eta_is = sum_k beta_k x_ik + sum_g u_gs v_gi. For one species a trait is a
constant, and every v is a sum of columns (an effect on a centred elevation is a slope and a shift
of the intercept), so that eta_is = sum_k b_ks x_ik: that b is told, exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from occupancy.columns.blocks import Reader, coded_in_full, effect_columns, effect_labels
from occupancy.community import coefficient_of
from occupancy.design import Design
from occupancy.formula.tree import Effect, columns_in
from occupancy.frames import Frames, traits
from occupancy.problem import Predictor, Problem
from occupancy.results.draws import Draws, natural, summary
from occupancy.varying import Correlated, GroupDesign, Varying

MOST_ROWS = 2000  # from which the sums of columns are found
MOST_LEVELS = 12  # of a factor that varies by species
EXACT = 1e-7  # of what is left of a column that is a sum of others

Column = Callable[[Mapping[str, np.ndarray], int], np.ndarray]


@dataclass(frozen=True)
class Coefficients:
    """Draws of the coefficients of every species of one parameter.

    Attributes
    ----------
    terms : tuple of str
        Columns of the formula that are of no trait; then what varies between species alone.
    own : (draw, species, term)
    shared : (draw, species, term)
        What species of the same traits have in common: own without the effects of species.
    """

    terms: tuple[str, ...]
    own: np.ndarray
    shared: np.ndarray


def of_parameter(problem: Problem, frames: Frames, draws: Draws, name: str) -> Coefficients:
    """Coefficients of every species of one parameter.

    What varies by sites or seasons within a species (a region) is at the mean of its population.
    """
    p = problem.predictors[name]
    data = problem.data
    species = data["species"].values.astype(str)
    own_traits = set(traits(data))
    table = frames.at(p.level)
    kinds = np.asarray(table["species"]).astype(str)
    usable = ~p.design.missing(table, n=table.n)
    every, of_trait = list(p.terms), _of_traits(p.design, own_traits | {"species"})
    plain = [k for k in range(len(every)) if not of_trait[k]]
    terms = [every[k] for k in plain]
    extra = _extra_terms(p, terms, own_traits)
    shape = (draws.n, species.size, len(terms) + len(extra))
    own, shared = np.zeros(shape), np.zeros(shape)
    beta = draws.coefficients[name]
    for s, kind in enumerate(species):
        rows = np.flatnonzero((kinds == kind) & usable)
        rows = rows[np.linspace(0, rows.size - 1, min(rows.size, MOST_ROWS)).astype(int)]
        if not rows.size:
            own[:, s] = shared[:, s] = np.nan
            continue
        frame = {v: np.asarray(table[v])[rows] for v in p.design.variables}
        matrix = p.design.matrix(frame, n=rows.size)
        more = [column(frame, rows.size) for column in extra.values()]
        basis = _Basis(np.column_stack([matrix[:, plain], *more]))
        shared[:, s, : len(plain)] = beta[:, plain]
        for k in np.flatnonzero(of_trait):
            shared[:, s] += beta[:, [k]] * basis.weights(matrix[:, k])
        own[:, s] = shared[:, s]
        for term in p.varying:
            if not _is_of_species(term.design, own_traits):
                continue
            key = (name, term.name)
            effect = term.design.at_levels(draws.hypers[key], draws.effects[key])
            for face in term.design.faces(frame, n=rows.size):
                levels = np.unique(face.index[face.index >= 0])
                if levels.size > MOST_LEVELS:
                    continue
                value = np.ones(rows.size) if face.value is None else face.value
                for level in levels:
                    own[:, s] += effect[:, [level]] * basis.weights(value * (face.index == level))
    return Coefficients((*terms, *extra), own, shared)


def sigmas(problem: Problem, draws: Draws, name: str, terms: tuple[str, ...]) -> np.ndarray:
    """(draw, term) sd of the population of species; NaN for what does not vary between species."""
    out = np.full((draws.n, len(terms)), np.nan)
    names = {*traits(problem.data), "species"}
    for term in problem.predictors[name].varying:
        if not term.design.by or not set(term.design.by) <= names:
            continue
        for j, effect in enumerate(_varies(term.design)):
            found = coefficient_of(effect, terms) or effect
            if found in terms:
                k = terms.index(found)
                sd = draws.hypers[name, term.name][:, j]
                out[:, k] = np.hypot(np.nan_to_num(out[:, k]), sd)
    return out


def typical(p: Predictor, told: Coefficients, interval: float) -> tuple[float, float, float]:
    """Mean and interval, on the natural scale, of a species at the mean of the community.

    All columns stand at their mean over the surveys.
    """
    centres = dict(zip(p.terms, p.design.centres, strict=True))
    at = np.array([centres.get(term, 0.0) for term in told.terms])
    value = natural(p, (told.shared.mean(axis=1) * at).sum(axis=1))
    out = summary(value[:, None], interval)
    return tuple(float(out[k][0]) for k in ("mean", "lower", "upper"))  # type: ignore[return-value]


def _of_traits(design: Design, names: set[str]) -> np.ndarray:
    """(column,) bool: a trait, or the species as a factor, takes part in the column."""
    full = coded_in_full(design.formula, design.memory)
    out = [False] * int(design.formula.intercept)
    for effect in design.formula.effects:
        used = {v for part in effect.parts for v in columns_in(part)}
        out += [bool(used & names)] * len(effect_labels(effect, design.memory, full))
    return np.array(out, dtype=bool)


def _is_of_species(group: Varying, own_traits: set[str]) -> bool:
    """Whether a group's effects differ between species."""
    return bool(set(group.by) & (own_traits | {"species"}))


def _extra_terms(p: Predictor, terms: list[str], own_traits: set[str]) -> dict[str, Column]:
    """What varies between species without a term of its own in the formula, and its column."""
    design, out = p.design, {}
    for group in design.groups:
        if not _is_of_species(group, own_traits):
            continue
        for j, effect in enumerate(_varies(group)):
            if not coefficient_of(effect, (*terms, *out)):
                out[effect] = lambda frame, n, g=group, j=j: _value(g, j, frame, n)
    names = own_traits | {"species"}
    for effect in design.formula.effects:
        rest = tuple(q for q in effect.parts if not set(columns_in(q)) & names)
        if not rest or len(rest) == len(effect.parts):
            continue
        alone = Effect(rest)
        for j, label in enumerate(effect_labels(alone, design.memory, {})):
            if label not in (*terms, *out):
                out[label] = lambda frame, n, e=alone, j=j: effect_columns(
                    e, Reader(design.memory, frame, n=n), {}
                )[:, j]
    return out


def _varies(term: Varying) -> tuple[str, ...]:
    """What varies between the levels of a term, in the order of its faces and its sds."""
    if isinstance(term, GroupDesign):
        return (term.effect,)
    if isinstance(term, Correlated):
        return tuple("Intercept" if e == "1" else e for e in term.effects)
    return ()


def _value(term: Varying, j: int, frame: Mapping[str, np.ndarray], n: int) -> np.ndarray:
    value = term.faces(frame, n=n)[j].value
    return np.ones(n) if value is None else value


class _Basis:
    """The columns of one species, as which others are written."""

    def __init__(self, columns: np.ndarray):
        scale = np.sqrt((columns**2).mean(axis=0))
        self.scale = np.where(scale > 0, scale, 1.0)
        self.columns = columns / self.scale
        self.solve = np.linalg.pinv(self.columns, rcond=1e-10)

    def weights(self, values: np.ndarray) -> np.ndarray:
        """(term,) of the columns that add up to these values; 0 where they cannot."""
        found = self.solve @ values
        left = np.abs(values - self.columns @ found).max()
        fits = left <= EXACT * max(np.abs(values).max(), 1e-300)
        return found / self.scale if fits else np.zeros(found.size)
