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
from occupancy.design.frame import as_text
from occupancy.design.rank import refuse_dependent
from occupancy.families.base import Family, Observed
from occupancy.families.padded import LINK_CODES, tables_size
from occupancy.frames import Frames, Steps, make_frames
from occupancy.kernel.layout import Layout, make_layout
from occupancy.suited import check_data
from surveys.problems import ModelError, listing

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
    observed : Observed
        What was seen on the visits used, layout order.
    used : (species, site, season, visit) bool
        Visits used.
    usable : (chain,) bool
        Chains whose covariates are known; occupancy is not estimated at the others.
    reach : (chain, step) bool
        Steps up to which every covariate of seasons and intervals is known.
    seen : (species, site, season, visit) bool
        Visits used that detected.
    n_state, n_shown : int
        Rows of states that a kernel fills, and that are worth showing: numbers of individuals
        have no last one.
    field_rank : (visit used,) int64
        Place among the visits used, in field order, of each visit in layout order.
    """

    family: Family
    data: xr.Dataset
    layout: Layout
    predictors: dict[str, Predictor]
    observed: Observed
    steps: Steps
    used: np.ndarray
    seen: np.ndarray
    usable: np.ndarray
    reach: np.ndarray
    left_out: LeftOut
    stated: Mapping[str, Mapping[str, str]]
    n_state: int
    n_shown: int
    field_rank: np.ndarray

    @property
    def n_chain(self) -> int:
        return self.layout.n_site

    @property
    def n_told(self) -> int:
        """Chains whose states a kernel must tell even where only the gradient is asked for."""
        return 0 if self.family.states else self.n_chain

    @property
    def n_step(self) -> int:
        return self.layout.n_step

    @property
    def y(self) -> np.ndarray:
        """(visit used,) what the family observes, layout order."""
        return self.observed.y

    @property
    def chain_of_visit(self) -> np.ndarray:
        """(visit used,) place of the visit's chain, layout order."""
        return self.observed.chain

    @cached_property
    def visits_by_season(self) -> np.ndarray:
        """(species, site, season) number of visits used."""
        return self.used.sum(axis=3)

    @cached_property
    def detections_by_season(self) -> np.ndarray:
        """(species, site, season) number of visits used that detected."""
        return self.seen.sum(axis=3)

    @cached_property
    def visits_per_chain(self) -> np.ndarray:
        """(chain,) number of visits used, field order."""
        return self._per_chain(self.visits_by_season)

    @cached_property
    def detections_per_chain(self) -> np.ndarray:
        """(chain,) number of visits with a detection, field order."""
        return self._per_chain(self.detections_by_season)

    def _per_chain(self, by_season: np.ndarray) -> np.ndarray:
        whole = by_season.sum(axis=2)
        return whole.sum(axis=0) if self.family.joint else whole.ravel()

    @cached_property
    def family_data(self) -> tuple[np.ndarray, np.ndarray]:
        by_visit, by_chain = self.family.data(self.observed)
        return np.ascontiguousarray(by_visit), np.ascontiguousarray(by_chain)

    @cached_property
    def links(self) -> np.ndarray:
        """(parameter,) codes of the links."""
        return np.array([LINK_CODES[p.link] for p in self.predictors.values()], np.int64)

    @cached_property
    def start(self) -> np.ndarray:
        """(parameter + 1,) where each predictor begins among all rows."""
        rows = [p.columns.shape[1] for p in self.predictors.values()]
        return np.cumsum([0, *rows]).astype(np.int64)

    @property
    def fast(self) -> bool:
        """Whether the density fused for single-season occupancy is this problem's."""
        return self.family.fast and self.links[1] == 0 and not self.observed.known.any()

    @property
    def blocks(self) -> tuple[np.ndarray, ...]:
        """Arrays of the layout that the fused density of one season takes."""
        return self.layout.arrays[:4]

    def without_groups(self) -> Problem:
        """The same problem with complete pooling: no group effects."""
        plain = {
            n: replace(p, groups=(), design=replace(p.design, groups=()))
            for n, p in self.predictors.items()
        }
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
        self,
        predictors: tuple[np.ndarray, ...],
        with_pairs: bool = False,
        n_state: int | None = None,
    ) -> tuple[float, np.ndarray, np.ndarray, np.ndarray, tuple[np.ndarray, ...]]:
        """Kernel on linear predictors, all in layout order.

        Parameters
        ----------
        n_state : int, optional
            Rows of states, where states are numbers of individuals.

        Returns
        -------
        total : float
        log_lik : (chain,)
        states : (step, state, chain)
        pairs : (step - 1, from, to, chain), or no chains unless asked for
        gradients : as ``predictors``
        """
        eta = np.concatenate(predictors)
        gradient = np.empty_like(eta)
        n, t, k = self.n_chain, self.n_step, n_state or self.n_state
        log_lik, states = np.empty(n), np.empty((t, k, n))
        pairs = np.empty((t - 1, k, k, n if with_pairs else 0))
        total = self.family.kernel(
            self.links,
            eta,
            self.start,
            *self.family_data,
            self.layout.arrays,
            gradient,
            log_lik,
            states,
            pairs,
        )
        return total, log_lik, states, pairs, tuple(np.split(gradient, self.start[1:-1]))


def build(
    data: xr.Dataset,
    family: str | Family,
    formulas: Mapping[str, str],
    stated: Mapping[str, Mapping[str, str]] | None = None,
    links: Mapping[str, str] | None = None,
    known: str = "",
) -> Problem:
    """Make the problem, or refuse before anything is sampled.

    Parameters
    ----------
    known : str
        Name of the site covariate that is 1 where the site is known to be occupied; "" for none.

    Raises
    ------
    ModelError
        The family cannot have these data, a formula does not fit the surveys, a prior is unknown.
    """
    chosen = families.get(family) if isinstance(family, str) else family
    check_data(data, chosen)
    stated, links = stated or {}, links or {}
    _check_names(chosen, formulas, stated, links)
    frames = make_frames(data, chosen.observes, chosen.steps, chosen.joint)
    label = _labels(chosen, frames)
    belongs = {p.name: _belongs(p, label) for p in chosen.parameters}
    made_designs = {
        p.name: _design(p, formulas.get(p.name, "1"), frames, belongs[p.name])
        for p in chosen.parameters
    }
    if not chosen.joint:
        _check_species(data, made_designs)
    last = _last_step(frames)
    keep, usable, left_out = _what_can_be_used(data, chosen, frames, made_designs, belongs, last)
    used = frames.made.copy()
    used[frames.made] = keep
    seen = frames.made.copy()
    seen[frames.made] = keep & frames.detected
    chain, step = frames.chain_of_visit[keep], frames.step_of_visit[keep]
    visited = np.bincount(chain, minlength=frames.n_chain) > 0
    for p in chosen.parameters:
        told = _told(p, frames, keep, visited, last)
        if not told.any() or told.all():
            continue
        if p.level == "visit":
            told = told[belongs[p.name]]
            if not told.all() and told.any():
                made_designs[p.name] = _learn_from(made_designs[p.name], p, frames, belongs, told)
        else:
            _refuse_unknowable(made_designs[p.name], p, frames, told)
    counts = np.zeros((frames.n_chain, frames.steps.n), np.int64)
    np.add.at(counts, (chain, step), 1)
    # visits are laid out from (chain, step) order, which is not the field's where chains are joint
    by_chain = np.lexsort((np.arange(chain.size), step, chain))
    layout = make_layout(counts, tables_size(chosen, frames.steps.n))
    order = by_chain[layout.visit_order]
    observed = Observed(
        frames.y[keep][order],
        frames.detected[keep][order],
        frames.effort[keep][order],
        layout.site_place()[chain][order],
        step[order],
        label[keep][order],
        _known(data, chosen, frames, known)[layout.site_order],
        frames.steps.n,
    )
    _refuse_impossible(data, chosen, observed, np.flatnonzero(frames.made)[keep][order])
    predictors = {}
    for p in chosen.parameters:
        frame, rows = _rows(p, frames, layout, keep & belongs[p.name], np.flatnonzero(keep)[order])
        own = observed.label == int(p.only) if p.only else slice(None)
        sign = None
        if p.name in chosen.signed:
            sign = np.where(observed.detected[own], -1.0, 1.0)
        exposure = np.log(observed.effort[own]) if p.exposure else None
        predictors[p.name] = _predictor(
            p,
            links.get(p.name, p.links[0]),
            made_designs[p.name],
            frame,
            rows,
            sign,
            stated.get(p.name, {}),
            exposure,
        )
    return Problem(
        chosen,
        data,
        layout,
        predictors,
        observed,
        frames.steps,
        used,
        seen,
        usable,
        _reach(chosen, frames, made_designs),
        left_out,
        dict(stated),
        chosen.n_state,
        chosen.n_state_for(observed),
        order,
    )


def _refuse_impossible(data, family: Family, observed: Observed, cell: np.ndarray) -> None:
    """Refuse what a visit cannot have seen by its label, naming site, season and visit."""
    if family.impossible is None:
        return
    strange = np.flatnonzero(family.impossible(observed))
    if strange.size:
        shape = tuple(data.sizes[d] for d in ("species", "site", "season", "visit"))
        v = strange[cell[strange].argmin()]
        _, i, t, j = np.unravel_index(cell[v], shape)
        label = family.labels[observed.label[v]] if family.labels else ""
        told = f" in '{family.label_by}'" if family.label_by else ""
        raise ModelError(
            f"Site '{data['site'].values[i]}' has detection {observed.y[v]:g} on visit "
            f"{data['visit'].values[j]} of season {data['season'].values[t]}, which is a visit of "
            f"kind '{label}' ({strange.size} such in all). Family '{family.name}' cannot have it: "
            f"correct the detection, or the kind of visit{told}."
        )


def _labels(family: Family, frames: Frames) -> np.ndarray:
    """(visit made,) which of the family's labels each visit carries."""
    if not family.label_by:
        return np.full(frames.y.size, family.label, np.int64)
    if family.label_by == "species":
        return frames.species_of_visit
    if family.label_by not in frames.visits:
        raise ModelError(
            f"Family '{family.name}' reads which visit is of which kind from "
            f"'{family.label_by}', which is not in the surveys."
        )
    text = as_text(np.asarray(frames.visits[family.label_by]))
    place = {name: k for k, name in enumerate(family.labels)}
    unknown = sorted({str(v) for v in text} - set(place))
    if unknown:
        raise ModelError(
            f"'{family.label_by}' says {listing(unknown)}; family '{family.name}' knows "
            f"{listing(family.labels)}."
        )
    return np.array([place[str(v)] for v in text], np.int64)


def _belongs(p, label: np.ndarray) -> np.ndarray:
    """(visit made,) bool: the visits that a parameter speaks of."""
    return np.ones(label.size, bool) if not p.only else label == int(p.only)


def _known(data: xr.Dataset, family: Family, frames: Frames, name: str) -> np.ndarray:
    """(chain,) bool: known to be occupied."""
    if not name:
        return np.zeros(frames.n_chain, bool)
    if not family.takes_known:
        raise ModelError(f"Family '{family.name}' cannot be told of sites known to be occupied.")
    if name not in frames.chains:
        raise ModelError(f"known_occupied = '{name}': the sites have no such covariate.")
    values = np.asarray(frames.chains[name])
    if values.dtype.kind != "f" or not np.isin(values[~np.isnan(values)], (0.0, 1.0)).all():
        raise ModelError(f"known_occupied = '{name}' must be 1 where a site is known, else 0.")
    return np.nan_to_num(values) > 0


def _last_step(frames: Frames) -> np.ndarray:
    """(chain,) last step with a visit; -1 where there is none."""
    last = np.full(frames.n_chain, -1)
    np.maximum.at(last, frames.chain_of_visit, frames.step_of_visit)
    return last


def _told(p, frames: Frames, keep, visited, last) -> np.ndarray:
    """Rows of a parameter that the visits tell something about."""
    if p.level == "visit":
        return keep
    if p.level == "site":
        return visited
    n_row = frames.steps.n - (p.level == "interval")
    reached = np.arange(n_row)[None, :] + (p.level == "interval") <= last[:, None]
    return (reached & visited[:, None]).ravel()


def _rows(p, frames: Frames, layout: Layout, mine: np.ndarray, visit: np.ndarray):
    """A parameter's table, and the row of it that lies at each place of its predictor."""
    if p.level == "visit":
        place = np.cumsum(mine) - 1
        return frames.visits.rows(mine), place[visit[mine[visit]]]
    if p.level == "site":
        return frames.chains, layout.site_order
    n_row = layout.n_step - (p.level == "interval")
    rows = layout.site_order[None, :] * n_row + np.arange(n_row)[:, None]
    return frames.at(p.level), rows.ravel()


def _reach(family: Family, frames: Frames, made: Mapping[str, Design]) -> np.ndarray:
    """(chain, step) bool: every covariate of seasons and intervals is known up to the step."""
    known = np.ones((frames.n_chain, frames.steps.n), bool)
    for p in family.parameters:
        if p.level not in ("season", "interval"):
            continue
        missing = made[p.name].missing(frames.at(p.level), n=frames.at(p.level).n)
        n_row = frames.steps.n - (p.level == "interval")
        known[:, frames.steps.n - n_row :] &= ~missing.reshape(frames.n_chain, n_row)
    return np.logical_and.accumulate(known, axis=1)


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


def _design(parameter, formula: str, frames: Frames, belongs: np.ndarray) -> Design:
    if parameter.level == "visit":
        rows = None if belongs.all() else belongs
        frame = frames.visits if rows is None else frames.visits.rows(belongs)
        return designs.build(formula, frame, parameter.name, n=int(belongs.sum()))
    frame = frames.at(parameter.level)
    return designs.build(
        formula, frame, parameter.name, elsewhere=frames.above[parameter.level], n=frame.n
    )


def _refuse_unknowable(made: Design, parameter, frames: Frames, told: np.ndarray) -> None:
    """Refuse columns that the visited sites cannot tell apart.

    Scales are learned from every site, as people do by hand; but a level of a factor met only at
    sites never visited would have a coefficient that no data know, and a share of 1 or 0 out of
    nowhere. Levels of groups may be such: they have their population.
    """
    frame = frames.at(parameter.level)
    for name in made.variables:
        values = np.asarray(frame[name])
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
            made.matrix(frame, n=told.size)[told],
            intercept=made.formula.intercept,
        )
    except ModelError as error:
        raise ModelError(f"`{parameter.name}`, at the visited sites: {error}") from None


def _learn_from(first: Design, parameter, frames: Frames, belongs, rows: np.ndarray) -> Design:
    """The design as the visits that are used tell it; levels of groups stay."""
    mine = belongs[parameter.name]
    frame = frames.visits if mine.all() else frames.visits.rows(mine)
    again = designs.build(first.formula, frame, parameter.name, rows, n=int(mine.sum()))
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


def _what_can_be_used(data, family, frames: Frames, made, belongs, last):
    """Which visits and chains have every covariate, by the policy of each covariate."""
    keep = np.ones(frames.y.size, dtype=bool)
    usable = np.ones(frames.n_chain, dtype=bool)
    left = LeftOut()
    names = np.tile(data["site"].values, frames.n_chain // data.sizes["site"])
    for p in family.parameters:
        mine = belongs[p.name] if p.level == "visit" else slice(None)
        frame = frames.at(p.level)
        if p.level == "visit" and not belongs[p.name].all():
            frame = frame.rows(mine)
        for name, absent in made[p.name].missing_by_variable(frame).items():
            if not absent.any():
                continue
            if p.level != "visit":
                lost = _chains_lost(p, frames, absent, last)
                usable &= ~lost
                if lost.any():
                    left.sites[name] = [str(s) for s in dict.fromkeys(names[lost].tolist())]
                continue
            full = np.zeros(keep.size, bool)
            full[mine] = absent
            if name in data and data[name].attrs.get("missing") == "refuse":
                at = np.argwhere(frames.made)[np.flatnonzero(full)[0]]
                raise ModelError(
                    f"`{p.name}` uses '{name}', which is missing on {int(absent.sum())} visits "
                    f"that were made (first: site '{data['site'].values[at[1]]}', visit "
                    f"{data['visit'].values[at[3]]}). Fill it in, or set "
                    f'[visit_covariates.{name}] missing = "drop visit".'
                )
            keep &= ~full
            left.visits[name] = int(absent.sum())
    keep &= usable[frames.chain_of_visit]
    return keep, usable, left


def _chains_lost(p, frames: Frames, absent: np.ndarray, last: np.ndarray) -> np.ndarray:
    """(chain,) bool: a value is missing that the chain's likelihood needs.

    A season after a chain's last visit says nothing, so that its covariates may be missing.
    """
    if p.level == "site":
        return absent
    told = _told(p, frames, None, np.ones(frames.n_chain, bool), last)
    return (absent & told).reshape(frames.n_chain, -1).any(axis=1)


def _predictor(p, link, design, frame, rows, sign, stated, exposure) -> Predictor:
    n = frame.n
    matrix = design.matrix(frame, n=n)
    matrix[~np.isfinite(matrix).all(axis=1)] = 0.0  # rows without visits: they say nothing
    columns = np.ascontiguousarray(matrix[rows].T)
    offset = design.offset(frame, n=n)
    offset = np.empty(0) if offset is None else np.nan_to_num(offset[rows])
    if exposure is not None:
        offset = offset + exposure if offset.size else exposure
    table = priors.resolve(design, dict(stated), link)
    groups = []
    for group, prior in zip(design.groups, table.sds, strict=True):
        index = group.index(frame, n=n)[rows]
        value = group.value(frame, n=n)
        if value is not None or (index < 0).any():
            value = np.ones(rows.size) if value is None else np.nan_to_num(value[rows])
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
    return Predictor(p.name, p.level, link, design, columns, offset, sign, tuple(groups), table)
