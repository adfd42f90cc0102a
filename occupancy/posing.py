"""From family, formulas, priors and surveys to a problem: what counts, and what is left out.

Everything that does not fit is refused here, before anything is sampled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import xarray as xr

from occupancy import design as designs
from occupancy import families, priors
from occupancy.columns.frame import as_text
from occupancy.community import check_species
from occupancy.design import Design
from occupancy.design.rank import refuse_dependent
from occupancy.families.base import Family, Observed
from occupancy.families.padded import tables_size
from occupancy.frames import Frames, make_frames
from occupancy.kernel.layout import Layout, make_layout
from occupancy.problem import GroupTerm, LeftOut, Predictor, Problem, VaryingTerm
from occupancy.suited import check_data
from occupancy.varying import Face, GroupDesign, Varying
from surveys.problems import ModelError, listing


def build(
    data: xr.Dataset,
    family: str | Family,
    formulas: Mapping[str, str],
    stated: Mapping[str, Mapping[str, str]] | None = None,
    links: Mapping[str, str] | None = None,
    known: str = "",
    learned: Mapping[str, Design] | None = None,
) -> Problem:
    """Make the problem, or refuse before anything is sampled.

    Parameters
    ----------
    learned : {parameter: Design}
        Designs that were learned before, from these surveys or more of them: their scales and
        levels stay. By default they are learned here.
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
        if learned is None or p.name not in learned
    } | dict(learned or {})
    if not chosen.joint:
        check_species(data, made_designs)
    last = _last_step(frames)
    keep, usable, left_out = _what_can_be_used(data, chosen, frames, made_designs, belongs, last)
    used = frames.made.copy()
    used[frames.made] = keep
    seen = frames.made.copy()
    seen[frames.made] = keep & frames.detected
    chain, step = frames.chain_of_visit[keep], frames.step_of_visit[keep]
    visited = np.bincount(chain, minlength=frames.n_chain) > 0
    for p in chosen.parameters if learned is None else ():
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
        return designs.build(
            formula,
            frame,
            parameter.name,
            n=int(belongs.sum()),
            surroundings=frames.surroundings,
        )
    frame = frames.at(parameter.level)
    return designs.build(
        formula,
        frame,
        parameter.name,
        elsewhere=frames.above[parameter.level],
        n=frame.n,
        surroundings=frames.surroundings,
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
    again = designs.build(
        first.formula,
        frame,
        parameter.name,
        rows,
        n=int(mine.sum()),
        surroundings=frames.surroundings,
    )
    kept = zip(again.groups, first.groups, strict=True)
    return replace(again, groups=tuple(_with_levels(g, own) for g, own in kept))


def _with_levels(again: Varying, first: Varying) -> Varying:
    if isinstance(again, GroupDesign) and isinstance(first, GroupDesign):
        return replace(again, keys=first.keys)
    return first


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
    varying = tuple(
        _varying_term(learned, table.priors_of(learned.name), frame, n, rows)
        for learned in design.groups
    )
    if sign is not None:
        columns *= sign
        offset = offset * sign if offset.size else offset
    return Predictor(p.name, p.level, link, design, columns, offset, sign, varying, table)


def _varying_term(learned: Varying, stated, frame, n: int, rows: np.ndarray) -> VaryingTerm:
    """A learned term at the rows of the surveys, in layout order."""
    faces = []
    for face in learned.faces(frame, n):
        index, value = face.index[rows], face.value
        if value is not None or (index < 0).any():
            value = np.ones(rows.size) if value is None else np.nan_to_num(value[rows])
            value = np.where(index < 0, 0.0, value)  # a missing label has no effect
        faces.append(Face(np.maximum(index, 0), value))
    if isinstance(learned, GroupDesign):
        return GroupTerm(learned, tuple(faces), stated)
    return VaryingTerm(learned, tuple(faces), stated)
