"""All that an engine needs: arrays in layout order, priors, and the layout of the parameters.

A ``Problem`` is made once from a family, the formulas and the surveys. Engines take a Problem,
never a Model, and never see ecology.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import xarray as xr

from occupancy import design as designs
from occupancy import families, priors
from occupancy.design import Design, GroupDesign
from occupancy.design.rank import refuse_dependent
from occupancy.families.base import Family
from occupancy.frames import Frames, detections, make_frames
from occupancy.kernel.layout import Layout, make_layout
from surveys.problems import ModelError, listing

LINK_CODES = {"logit": 0, "cloglog": 1}
CENTRED_FROM = 250  # rows per level from which the data know an effect far better than its sd does


@dataclass(frozen=True)
class GroupTerm:
    """Effects of one grouping on one predictor, in layout order.

    Attributes
    ----------
    level : (row,) int64
        Level of each row.
    value : (row,) float64 or None
        What the effect is multiplied by; None for an intercept.
    centred : bool
        Sampled as the effect itself rather than as effect / sd.
    """

    design: GroupDesign
    level: np.ndarray
    value: np.ndarray | None
    prior: priors.Prior
    centred: bool

    @property
    def name(self) -> str:
        """As in the formula, with ":" for "/", which no stored variable may hold."""
        return self.design.name.replace("/", ":")

    @property
    def n_level(self) -> int:
        return len(self.design.levels)


@dataclass(frozen=True)
class Predictor:
    """The linear predictor of one parameter, in layout order.

    Attributes
    ----------
    columns : (coefficient, row) float64
        Times the sign of the row where the family asks for it.
    offset : (row,) float64, or empty
    sign : (row,) float64 or None
    table : PriorTable
        Priors of the coefficients, on phi = functional @ coefficients.
    """

    name: str
    level: str
    link: str
    design: Design
    columns: np.ndarray
    offset: np.ndarray
    sign: np.ndarray | None
    groups: tuple[GroupTerm, ...]
    table: priors.PriorTable

    @property
    def terms(self) -> tuple[str, ...]:
        return self.design.columns


@dataclass(frozen=True)
class LeftOut:
    """What could not be used, and why: nothing is dropped in silence."""

    visits: dict[str, int] = field(default_factory=dict)  # covariate -> visits set aside
    sites: dict[str, list[str]] = field(default_factory=dict)  # covariate -> sites set aside

    def __bool__(self) -> bool:
        return bool(self.visits or self.sites)


@dataclass(frozen=True)
class Problem:
    """Arrays, priors and parameter layout of one model on one set of surveys.

    Attributes
    ----------
    predictors : {parameter: Predictor}
    y : (visit used,) float64, layout order
    chain_of_visit : (visit used,) int64
        Place of the visit's chain, layout order.
    used : (species, site, season, visit) bool
        Visits used.
    usable : (species * site,) bool
        Chains whose covariates are known; psi is not estimated at the others.
    """

    family: Family
    data: xr.Dataset
    layout: Layout
    predictors: dict[str, Predictor]
    y: np.ndarray
    chain_of_visit: np.ndarray
    used: np.ndarray
    usable: np.ndarray
    left_out: LeftOut
    stated: Mapping[str, Mapping[str, str]]

    @property
    def n_chain(self) -> int:
        return self.layout.n_site

    @cached_property
    def visits_per_chain(self) -> np.ndarray:
        """(chain,) number of visits used, field order."""
        return self.used.sum(axis=(2, 3)).ravel()

    @cached_property
    def detections_per_chain(self) -> np.ndarray:
        """(chain,) number of visits with a detection, field order."""
        y = detections(self.data)
        return ((y > 0) & self.used).sum(axis=(2, 3)).ravel()

    @cached_property
    def family_data(self) -> tuple[np.ndarray, ...]:
        return self.family.data(self.y, self.chain_of_visit, self.n_chain)

    @cached_property
    def links(self) -> tuple[int, ...]:
        return tuple(LINK_CODES[p.link] for p in self.predictors.values())

    @property
    def blocks(self) -> tuple[np.ndarray, ...]:
        """Arrays of the layout in the order in which kernels take them."""
        at = self.layout
        return at.site_start, at.visit_start, at.diagonal_start, at.diagonal_size

    def without_groups(self) -> Problem:
        """The same problem with complete pooling: no group effects."""
        plain = {n: replace(p, groups=()) for n, p in self.predictors.items()}
        return replace(self, predictors=plain)

    @property
    def has_groups(self) -> bool:
        return any(p.groups for p in self.predictors.values())

    def in_field_order(self, values: np.ndarray) -> np.ndarray:
        """(..., chain) in layout order to field order."""
        out = np.empty_like(values)
        out[..., self.layout.site_order] = values
        return out

    def evaluate(
        self, predictors: tuple[np.ndarray, ...]
    ) -> tuple[float, np.ndarray, np.ndarray, tuple[np.ndarray, ...]]:
        """Kernel on linear predictors, all in layout order.

        Returns
        -------
        total : float
        log_lik : (chain,)
        states : (state, chain)
        gradients : as ``predictors``
        """
        gradients = tuple(np.empty_like(p) for p in predictors)
        log_lik = np.empty(self.n_chain)
        states = np.empty((len(self.family.states), self.n_chain))
        total = self.family.kernel(
            self.links, predictors, self.family_data, self.blocks, gradients, log_lik, states
        )
        return total, log_lik, states, gradients


def build(
    data: xr.Dataset,
    family: str | Family,
    formulas: Mapping[str, str],
    stated: Mapping[str, Mapping[str, str]] | None = None,
    links: Mapping[str, str] | None = None,
) -> Problem:
    """Make the problem, or refuse before anything is sampled.

    Raises
    ------
    ModelError
        The family cannot have these data, a formula does not fit the surveys, a prior is unknown.
    """
    chosen = families.get(family) if isinstance(family, str) else family
    check_data(data, chosen)
    stated = stated or {}
    _check_names(chosen, formulas, stated, links or {})
    frames = make_frames(data)
    made_designs = {
        p.name: _design(p, formulas.get(p.name, "1"), frames) for p in chosen.parameters
    }
    _check_species(data, made_designs)
    keep, usable, left_out = _what_can_be_used(data, chosen, frames, made_designs)
    used = frames.made.copy()
    used[frames.made] = keep
    y, chain = frames.y[keep], frames.chain_of_visit[keep]
    visits = np.bincount(chain, minlength=usable.size)
    for p in chosen.parameters:
        told = visits > 0 if p.level == "site" else keep
        if not told.any() or told.all():
            continue
        if p.level == "site":
            _refuse_unknowable(made_designs[p.name], p, frames, told)
        else:
            made_designs[p.name] = _learn_from(made_designs[p.name], p, frames, told)
    layout = make_layout(visits)
    y = y[layout.visit_order]
    place = layout.site_place()[chain][layout.visit_order]
    predictors = {}
    for p in chosen.parameters:
        link = (links or {}).get(p.name, p.links[0])
        if p.level == "site":
            frame, rows = frames.chains, layout.site_order
        else:
            frame = frames.visits.rows(keep)
            rows = layout.visit_order
        sign = np.where(y > 0, -1.0, 1.0) if p.name in chosen.signed else None
        predictors[p.name] = _predictor(
            p.name, p.level, link, made_designs[p.name], frame, rows, sign, stated.get(p.name, {})
        )
    return Problem(chosen, data, layout, predictors, y, place, used, usable, left_out, dict(stated))


def check_data(data: xr.Dataset, family: Family) -> None:
    """Refuse data that the family cannot have, naming site, season and visit."""
    n = data.sizes["season"]
    if family.max_seasons is not None and n > family.max_seasons:
        first, last = data["season"].values[[0, -1]].tolist()
        raise ModelError(
            f"Family '{family.name}' got {n} seasons ({first}-{last}). Select one, for example "
            f"data.sel(season=[{last!r}]), or use a family for several seasons."
        )
    y = detections(data)
    strange = ~np.isnan(y) & ~np.isin(y, family.detections)
    if strange.any():
        s, i, t, j = (int(k[0]) for k in np.nonzero(strange))
        allowed = ", ".join(f"{v:g}" for v in family.detections)
        raise ModelError(
            f"Site '{data['site'].values[i]}' has detection {y[s, i, t, j]:g} on visit "
            f"{data['visit'].values[j]} of season {data['season'].values[t]} "
            f"(species '{data['species'].values[s]}'; {int(strange.sum())} such in all). Family "
            f"'{family.name}' knows {allowed}."
        )


def _check_names(family, formulas, stated, links) -> None:
    known = {p.name: p for p in family.parameters}
    for what, given in (("formula", formulas), ("priors", stated), ("link", links)):
        for name in given:
            if name not in known:
                raise ModelError(
                    f"A {what} is given for '{name}', but family '{family.name}' has the "
                    f"parameters {', '.join(known)}."
                )
    for name, link in links.items():
        if link not in known[name].links:
            raise ModelError(
                f"`{name}` cannot have the link '{link}'. Links on offer: "
                f"{', '.join(known[name].links)}."
            )


def _design(parameter, formula: str, frames: Frames) -> Design:
    if parameter.level == "site":
        return designs.build(
            formula, frames.chains, parameter.name, elsewhere=frames.above, n=frames.chains.n
        )
    return designs.build(formula, frames.visits, parameter.name, n=frames.y.size)


def _refuse_unknowable(made: Design, parameter, frames: Frames, told: np.ndarray) -> None:
    """Refuse columns that the visited sites cannot tell apart.

    Scales are learned from every site, as people do by hand; but a level of a factor met only at
    sites never visited would have a coefficient that no data know, and a share of 1 or 0 out of
    nowhere. Levels of groups may be such: they have their population.
    """
    for name in made.variables:
        values = np.asarray(frames.chains[name])
        if values.dtype.kind in "iuf" or not any(f"{name}[" in c for c in made.columns):
            continue
        unmet = {str(v) for v in values[~told]} - {str(v) for v in values[told]} - {""}
        if unmet:
            raise ModelError(
                f"`{parameter.name}` uses '{name}', of which {listing(sorted(unmet))} is met only "
                "at sites that were never visited, so nothing is known about it. Leave those "
                f"sites out, give them another level, or write (1 | {name})."
            )
    try:
        refuse_dependent(
            made.columns,
            made.matrix(frames.chains, n=told.size)[told],
            intercept=made.formula.intercept,
        )
    except ModelError as error:
        raise ModelError(f"`{parameter.name}`, at the visited sites: {error}") from None


def _learn_from(first: Design, parameter, frames: Frames, rows: np.ndarray) -> Design:
    """The design as the visits that are used tell it; levels of groups stay."""
    again = designs.build(first.formula, frames.visits, parameter.name, rows, n=frames.y.size)
    kept = zip(again.groups, first.groups, strict=True)
    return replace(again, groups=tuple(replace(g, keys=own.keys) for g, own in kept))


def _check_species(data: xr.Dataset, made: Mapping[str, Design]) -> None:
    if data.sizes["species"] == 1 or any("species" in d.variables for d in made.values()):
        return
    names = ", ".join(str(s) for s in data["species"].values[:4])
    raise ModelError(
        f"The surveys hold {data.sizes['species']} species ({names} ...) and no formula mentions "
        "species, so all would share one curve. Select one, for example "
        f'data.sel(species=["{data["species"].values[0]}"]), or write (1 | species).'
    )


def _what_can_be_used(data, family, frames, made):
    """Which visits and chains have every covariate, by the policy of each covariate."""
    keep = np.ones(frames.y.size, dtype=bool)
    n_chain = frames.made.shape[0] * frames.made.shape[1]
    usable = np.ones(n_chain, dtype=bool)
    left = LeftOut()
    for p in family.parameters:
        frame = frames.chains if p.level == "site" else frames.visits
        for name, absent in made[p.name].missing_by_variable(frame).items():
            if not absent.any():
                continue
            if p.level == "site":
                usable &= ~absent
                sites = np.tile(data["site"].values, data.sizes["species"])[absent]
                left.sites[name] = [str(s) for s in dict.fromkeys(sites.tolist())]
                continue
            if name in data and data[name].attrs.get("missing") == "refuse":
                at = np.argwhere(frames.made)[np.flatnonzero(absent)[0]]
                raise ModelError(
                    f"`{p.name}` uses '{name}', which is missing on {int(absent.sum())} visits "
                    f"that were made (first: site '{data['site'].values[at[1]]}', visit "
                    f"{data['visit'].values[at[3]]}). Fill it in, or set "
                    f'[visit_covariates.{name}] missing = "drop visit".'
                )
            keep &= ~absent
            left.visits[name] = int(absent.sum())
    keep &= usable[frames.chain_of_visit]
    return keep, usable, left


def _predictor(name, level, link, design, frame, rows, sign, stated) -> Predictor:
    n = rows.size
    matrix = design.matrix(frame, n=n)
    matrix[~np.isfinite(matrix).all(axis=1)] = 0.0  # rows without visits: they say nothing
    columns = np.ascontiguousarray(matrix[rows].T)
    offset = design.offset(frame, n=n)
    offset = np.empty(0) if offset is None else np.nan_to_num(offset[rows])
    table = priors.resolve(design, dict(stated), link)
    groups = []
    for group, prior in zip(design.groups, table.sds, strict=True):
        index = group.index(frame, n=n)[rows]
        value = group.value(frame, n=n)
        if value is not None or (index < 0).any():
            value = np.ones(n) if value is None else np.nan_to_num(value[rows])
            value = np.where(index < 0, 0.0, value)  # a missing label has no effect
        per_level = np.bincount(np.maximum(index, 0)).mean() if index.size else 0.0
        groups.append(
            GroupTerm(
                group, np.maximum(index, 0), value, prior, centred=bool(per_level >= CENTRED_FROM)
            )
        )
    if sign is not None:
        columns *= sign
        offset = offset * sign if offset.size else offset
    return Predictor(name, level, link, design, columns, offset, sign, tuple(groups), table)
