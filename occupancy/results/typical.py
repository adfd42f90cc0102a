"""What a question about one covariate holds still, and which varying terms take part in it.

Other numbers are held at the mean of the surveyed rows, other labels at their commonest level.
A curve along a covariate (`spline(ele)`) is part of what covariates do, and always takes part.
Everything else that varies stands at the mean of its population, unless the question says where it
is: at a level (`{"region": "north"}`), a season, or a place (`easting` and `northing`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from occupancy import arguments
from occupancy.formula.tree import Call, Column, columns_in
from occupancy.frames import Frames, traits
from occupancy.problem import Predictor, Problem
from occupancy.terms import TERMS, WORDS
from occupancy.varying import Correlated, GroupDesign, Varying
from surveys.problems import ModelError, did_you_mean, listing

CURVES = ("spline", "cyclic")  # functions of a covariate
AT = '{"region": "north"}'


@dataclass(frozen=True)
class Surveyed:
    """The rows that a parameter learned from: sites for psi, visits for p.

    Attributes
    ----------
    values : {covariate: (row,)}
    detected : (row,) bool
    """

    values: Mapping[str, np.ndarray]
    detected: np.ndarray


def surveyed(problem: Problem, frames: Frames, p: Predictor, species: str | None) -> Surveyed:
    """Covariates of the rows used, of one species where one is named."""
    frame = frames.at(p.level)
    if p.level == "visit":
        told = problem.family.parameter(p.name)
        keep, seen = problem.used[frames.made], frames.detected
        if told.only:
            own = np.zeros(keep.size, bool)
            own[np.flatnonzero(keep)[problem.field_rank]] = problem.observed.label == int(told.only)
            keep = own
    else:
        n_row = frame.n // problem.n_chain
        keep = np.repeat(problem.usable & (problem.visits_per_chain > 0), n_row)
        seen = np.repeat(problem.detections_per_chain > 0, n_row)
    split = p.level == "visit" and problem.family.joint  # its label is its species
    if species is not None and "species" in frame and not split:
        keep = keep & (frame["species"].astype(str) == species)
    return Surveyed({v: frame[v][keep] for v in p.design.variables}, seen[keep])


@dataclass(frozen=True)
class Typical:
    """A parameter as one question sees it.

    Attributes
    ----------
    predictor : Predictor
        With the varying terms that take part.
    held : {covariate: value}
        Of the columns of fixed effects and of the terms that take part.
    averaged : names of the groupings, and of other terms, at the mean of their population
    own : the species asked about, and its traits
    stated : what the question states
    """

    predictor: Predictor
    held: dict[str, Any]
    averaged: list[str]
    own: dict[str, Any]
    stated: dict[str, Any]

    def depends_on(self, name: str) -> bool:
        """Whether a column changes anything in the predictor."""
        if name in columns_of(self.predictor):
            return True
        return any(name in _places(t.design) for t in self.predictor.varying)

    def frame(self, n: int, **columns: np.ndarray) -> dict[str, np.ndarray]:
        """A table of n rows that differ in ``columns`` alone."""
        fixed = {**self.own, **self.held, **self.stated}
        return {k: np.full(n, v) for k, v in fixed.items()} | columns


def typical(
    problem: Problem,
    rows: Surveyed,
    p: Predictor,
    species: str | None = None,
    at: Mapping[str, Any] | None = None,
    varied: Collection[str] = (),
) -> Typical:
    """Hold everything still but ``varied``, with groups where ``at`` says.

    Raises
    ------
    ModelError
        Something stated is unknown, or changes nothing in the parameter.
    """
    at = arguments.mapping("at", at, AT) if at else {}
    stated = {name: value_of(p, rows, name, value) for name, value in at.items()}
    own = of_species(problem, species)
    between = any(v in own or v in traits(problem.data) for v in varied)
    mine: set[str] = set() if between else set(own)  # a trait's curve is that of the community
    told = {*stated, *varied}
    # what stands at its commonest label, so that (1 | species:forest) has one for a species
    stood = set(held(p, rows, columns_of(p)))
    keep = [_takes_part(t.design, mine | told, stood) for t in p.varying]
    chosen = tuple(t for t, kept in zip(p.varying, keep, strict=True) if kept)
    design = replace(p.design, groups=tuple(t.design for t in chosen))
    alone = replace(p, design=design, varying=chosen)
    columns = columns_of(alone)
    names = [
        "/".join(t.design.by) or t.design.name
        for t, kept in zip(p.varying, keep, strict=True)
        if not kept
    ]
    still = {k: v for k, v in held(p, rows, columns).items() if k not in stated}
    out = Typical(alone, still, list(dict.fromkeys(names)), own, stated)
    for name in (*stated, *varied):
        if not out.depends_on(name):
            needs = [t.design for t in p.varying if name in _places(t.design)]
            also = listing([c for c in _places(needs[0]) if c != name]) if needs else ""
            more = f" {needs[0].name} needs {also} in `at` too." if also else ""
            raise ModelError(f"'{name}' changes nothing in `{p.name}` by itself.{more}")
    for t in chosen:
        _refuse_unknown_level(t.design, stated)
    return out


def numeric_covariates(p: Predictor, told: Collection[str] = ()) -> list[str]:
    """Covariates that a curve can be drawn against: numbers in effects, not labels of a factor.

    ``told`` are columns that are stated, so that terms which need them take part.
    """
    taking = tuple(t for t in p.varying if _takes_part(t.design, set(told), set()))
    names, labels = columns_of(replace(p, varying=taking)), _labels(p)
    # seasons that all rows share have a curve of their own, at the surveyed seasons
    names += [t.along for t in p.design.groups if t.points is not None and _is_common(t)]
    names = list(dict.fromkeys(names))
    kinds = p.design.memory.kinds
    return [n for n in names if n not in labels and kinds.get(n) == "number"]


def _is_common(term: Varying) -> bool:
    """Whether a term is that of all rows, or of a species, and not of each level of a group."""
    return term.by in ((), ("species",))


def _labels(p: Predictor) -> set[str]:
    """Columns whose numbers are labels: factor(plot)."""
    formula = p.design.formula
    parts = [part for effect in formula.effects for part in effect.parts]
    return {
        name
        for part in (*parts, *formula.offsets)
        if isinstance(part, Call) and TERMS[part.function].gives == "levels"
        for name in columns_in(part)
    }


def held(p: Predictor, rows: Surveyed, columns: Collection[str]) -> dict[str, Any]:
    """Where each covariate stands while another varies: means, and commonest levels."""
    out: dict[str, Any] = {}
    labels = _labels(p)
    for name in columns:
        values = rows.values[name]
        if values.dtype.kind == "f" and name not in labels:
            out[name] = float(np.nanmean(values))
        else:
            levels, n = np.unique(values.astype(str), return_counts=True)
            common = str(levels[n.argmax()])
            out[name] = values[values.astype(str) == common][0]
    return out


def of_species(problem: Problem, species: str | None) -> dict[str, Any]:
    """A species and its traits; nothing where a community of several is asked about."""
    data = problem.data
    if species is None and data.sizes["species"] > 1:
        return {}
    who = species or str(data["species"].values[0])
    return {"species": who, **{t: data[t].sel(species=who).values[()] for t in traits(data)}}


def columns_of(p: Predictor) -> list[str]:
    """Columns whose value the predictor depends on: of fixed effects, and of terms along a column.

    Labels of groups are not among them, nor what a term multiplies unless it takes part.
    """
    formula = p.design.formula
    parts: list[Column | Call] = [part for effect in formula.effects for part in effect.parts]
    names = [name for part in (*parts, *formula.offsets) for name in columns_in(part)]
    for term in p.varying:
        names += list(_along(term.design))
    return list(dict.fromkeys(names))


def _along(design: Varying) -> Iterator[str]:
    """Columns that a term runs along, or multiplies."""
    node = getattr(design, "node", None)
    if isinstance(design, GroupDesign):
        effects = (design.slope,)
    elif isinstance(design, Correlated):
        effects = design.node.effects
    else:
        effects = ()
        if node is not None and design.kind in CURVES:
            yield from (c.name for c in node.inside)
        elif design.kind == "space":
            yield from (c.name for c in design.field.node.inside)  # type: ignore[attr-defined]
    for effect in effects:
        for part in effect.parts if effect is not None else ():
            yield from columns_in(part)


def _places(design: Varying) -> tuple[str, ...]:
    """Columns that say where in its population a term stands: groups, season, coordinates."""
    node = getattr(design, "node", None)
    along = tuple(c.name for c in node.inside) if design.kind in ("rw", "ar1") and node else ()
    reads = WORDS[design.kind].reads if design.kind in WORDS else ()
    return tuple(dict.fromkeys((*design.by, *along, *reads)))


def _takes_part(design: Varying, told: set[str], stood: set[str]) -> bool:
    """Whether a term has an effect: all that says where it stands is told, or is a covariate.

    A species keeps the effect of a label that it has: (1 | species:forest).
    """
    places = set(_places(design))
    if not places:
        return True
    return bool(places & told) and places <= told | stood


def value_of(p: Predictor, rows: Surveyed, name: str, value: Any) -> Any:
    """What is stated of a column, in the column's own kind."""
    if name not in rows.values:
        known = list(rows.values)
        raise ModelError(
            f"`{p.name}` has no column '{name}'.{did_you_mean(str(name), known)} "
            f"It has {listing(known)}."
        )
    if rows.values[name].dtype.kind == "f":
        return arguments.number(f"at: {name}", value)
    for known in rows.values[name]:
        if str(known) == str(value):
            return known
    known = sorted({str(v) for v in rows.values[name]} - {""})
    raise ModelError(
        f"'{name}' has no level '{value}' in the surveys.{did_you_mean(str(value), known)} "
        f"It has {listing(known)}."
    )


def _refuse_unknown_level(design: Varying, stated: Mapping[str, Any]) -> None:
    """A combination of levels that was never surveyed has no effect of its own to tell of."""
    levels = getattr(design, "levels", ())
    if not design.by or not levels or not set(design.by) <= set(stated):
        return
    wanted = "/".join(str(stated[b]) for b in design.by)
    if wanted not in levels:
        near = did_you_mean(wanted, levels)
        raise ModelError(f"at: there is no {'/'.join(design.by)} '{wanted}' in the surveys.{near}")
