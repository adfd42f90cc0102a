"""Models beside each other, by what they predict of sites, or of whole groups, held out.

occupancy.compare({"elevation": one, "forest": other})       # criteria of fits that are there
occupancy.cross_validate(model, by="region")                 # fitted again without each fold
occupancy.compare_pooling(model, by="region")                # complete, partial and no pooling
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from occupancy.formula import parse
from occupancy.formula.tree import Call, Column, Effect, Formula
from occupancy.results import information, passes
from surveys.problems import ModelError, listing

if TYPE_CHECKING:
    from occupancy.fit import Fit
    from occupancy.model import Model

COLUMNS = ["model", "elpd", "se", "difference", "difference_se", "p", "bad", "weight"]
POOLING = ("complete", "partial", "none")
FOLDS = 5
Hold = Literal["sites", "groups"]


def compare(fits: Mapping[str, Fit], criterion: str = "loo") -> pd.DataFrame:
    """Sampled fits of the same surveys, the best first.

    Parameters
    ----------
    criterion : "loo", "waic" or "dic"

    Returns
    -------
    DataFrame
        model, ``elpd`` (higher is better; -2 elpd is LOOIC or WAIC) with its ``se`` over sites,
        ``difference`` to the best with its own standard error, ``p`` (effective parameters),
        ``bad`` (sites for which the approximation fails) and stacking ``weight``.

    Raises
    ------
    ModelError
        A fit has no draws, or the surveys are not the same.
    """
    scores = {name: score(fit, criterion) for name, fit in fits.items()}
    _same_surveys(fits)
    return _table(scores)


def score(fit: Fit, criterion: str = "loo") -> information.Score:
    """One criterion of one sampled fit; sites never visited tell nothing and are left out."""
    if fit.posterior is None:
        raise ModelError('Criteria over draws need engine="nuts"; by "ml" there is fit.aic.')
    if criterion not in ("loo", "waic", "dic"):
        raise ModelError(f"There is no criterion '{criterion}'. Known: loo, waic, dic.")
    problem = fit.problem
    visited = problem.visits_per_chain > 0
    if criterion == "dic":
        log_lik = passes.log_likelihoods(problem, fit.draws)[:, visited]
        at_mean = passes.log_likelihoods(problem, fit.draws.averaged())[0]
        return information.dic(log_lik, at_mean[visited])
    log_lik = passes.held_out_likelihoods(problem, fit.draws)[:, visited]
    if criterion == "waic":
        return information.waic(log_lik)
    return information.loo(log_lik, fit.posterior.sizes["chain"])


def cross_validate(
    model: Model,
    by: str | None = None,
    folds: int = FOLDS,
    seed: int = 1,
    *,
    hold: Hold = "groups",
    **settings: Any,
) -> information.Score:
    """Expected log predictive density of sites that the model did not see.

    The model is fitted again without each fold, its columns scaled as with all sites. A group
    that is held out whole has its effect from the population of groups.

    Parameters
    ----------
    by : name of a site covariate that makes groups ("region"); by default every site is its own.
    hold : "groups" holds out whole groups, "sites" some sites of every group.
    settings : of ``Model.fit``
    """
    if model.problem.if_member is not None:
        raise ModelError(
            "Whether a species that nobody detected is there rests on all sites together, so that "
            "none can be held out with it: compare fits by compare(), or models without `augment`."
        )
    label = _labels(model, by)
    fold = _folds(label, folds, np.random.default_rng(seed), hold)
    settings = {"draws": 500, "chains": 2, **settings}
    problem = model.problem
    visited = problem.visits_per_chain > 0
    of_chain = np.tile(fold, problem.n_chain // fold.size)
    elpd = np.full(problem.n_chain, np.nan)
    for k in np.unique(fold):
        held = (of_chain == k) & visited
        if not held.any():
            continue
        fit = model.without_sites(fold == k).fit(seed=seed + int(k), **settings)
        draws = fit.draws if fit.posterior is not None else fit.draws.centre
        elpd[held] = information.density(passes.log_likelihoods(problem, draws)[:, held])
    return information.Score(elpd[visited], float("nan"))


def compare_pooling(
    model: Model,
    by: str = "region",
    folds: int = FOLDS,
    seed: int = 1,
    *,
    hold: Hold = "groups",
    **settings: Any,
) -> pd.DataFrame:
    """Complete, partial and no pooling between groups, by what they predict of sites held out.

    "complete" leaves the groups out of every formula; "none" gives every group a coefficient of
    its own, with nothing shared; "partial" is the model itself. Columns as in ``compare``.
    """
    _labels(model, by)
    models = pooled(model, by)
    scores = {
        name: cross_validate(one, by, folds, seed, hold=hold, **settings)
        for name, one in models.items()
    }
    return _table(scores).drop(columns=["p", "bad"])


def pooled(model: Model, by: str = "region") -> dict[str, Model]:
    """The model with complete, partial and no pooling between the levels of ``by``."""
    trees = _trees(model, by)
    complete = {name: str(_complete(tree, by)) for name, tree in trees.items()}
    none = {
        name: str(_none(tree, by) if _grouped(tree, by) else tree) for name, tree in trees.items()
    }
    return {
        "complete": model.with_formulas(complete),
        "partial": model,
        "none": model.with_formulas(none),
    }


def unpooled(model: Model, by: str, parameter: str) -> tuple[Model, Model]:
    """For maximum likelihood: a parameter with a coefficient for each level, and without any.

    Each level has a coefficient of its own rather than a difference to the first, so that a level
    that was always seen leaves the others alone. Priors are left out.
    """
    trees = _trees(model, by)
    if not _grouped(trees[parameter], by):
        raise ModelError(f"`{parameter}` has no effect of {by}.")
    whole = {name: str(tree) for name, tree in trees.items()}
    tree = _none(trees[parameter], by)
    own = Call("factor", Column(by))
    crossed = [e for e in tree.effects if own in e.parts and len(e.parts) > 1]
    main = {tuple(part for part in e.parts if part != own) for e in crossed}
    first = Effect((own,))
    rest = tuple(e for e in tree.effects if e != first and e.parts not in main)
    apart = replace(tree, intercept=False, effects=(first, *rest))
    complete = str(_complete(trees[parameter], by))
    return (
        model.with_formulas(whole | {parameter: str(apart)}, priors=False),
        model.with_formulas(whole | {parameter: complete}, priors=False),
    )


def _trees(model: Model, by: str) -> dict[str, Formula]:
    trees = {name: parse(text) for name, text in model.formulas.items()}
    if not any(_grouped(tree, by) for tree in trees.values()):
        raise ModelError(f"No formula has an effect of {by}: write (1 | {by}) to pool partially.")
    return trees


def _grouped(tree: Formula, by: str) -> bool:
    return _complete(tree, by) != tree


def _complete(tree: Formula, by: str) -> Formula:
    groups = tuple(g for g in tree.groups if by not in {c.name for c in g.by})
    varying = tuple(v for v in tree.varying if by not in {c.name for c in (*v.inside, *v.by)})
    return replace(tree, groups=groups, varying=varying)


def _none(tree: Formula, by: str) -> Formula:
    own = Effect((Call("factor", Column(by)),))
    slopes = tuple(
        Effect((*effect.parts, *own.parts))
        for effect in dict.fromkeys(
            [g.effect for g in tree.groups if [c.name for c in g.by] == [by]]
            + [e for v in tree.varying if [c.name for c in v.by] == [by] for e in v.effects]
        )
        if effect is not None
    )
    effects = tuple(dict.fromkeys((*_complete(tree, by).effects, own, *slopes)))
    return replace(_complete(tree, by), effects=tuple(sorted(effects, key=lambda e: len(e.parts))))


def _labels(model: Model, by: str | None) -> np.ndarray:
    """(site,) label of each site's group."""
    data = model.data
    if by is None:
        return np.arange(data.sizes["site"]).astype(str)
    if by not in data or data[by].dims != ("site",):
        known = [str(v) for v in data.variables if data[v].dims == ("site",) and v != "site"]
        raise ModelError(f"'{by}' is no covariate of sites. Known: {listing(known, 12)}.")
    return data[by].values.astype(str)


def _folds(label: np.ndarray, folds: int, rng: np.random.Generator, hold: str) -> np.ndarray:
    """(site,) fold of each site; whole groups, or the sites of every group spread evenly."""
    if hold not in ("sites", "groups"):
        raise ModelError(f'hold = "{hold}": give "groups" or "sites".')
    if folds < 2:
        raise ModelError("Two folds or more are needed: what is held out must leave something.")
    names, of_site = np.unique(label, return_inverse=True)
    if hold == "groups":
        if names.size < 2:
            raise ModelError("There is one group only, and nothing is left when it is held out.")
        fold = rng.permutation(names.size) % min(folds, names.size)
        return fold[of_site]
    out = np.empty(label.size, np.int64)
    start = 0
    for k in range(names.size):
        own = rng.permutation(np.flatnonzero(of_site == k))
        out[own] = (start + np.arange(own.size)) % folds
        start += own.size
    return out


def _same_surveys(fits: Mapping[str, Fit]) -> None:
    first = next(iter(fits.values())).data
    for name, fit in fits.items():
        same = fit.data["site"].equals(first["site"]) and fit.data["detection"].equals(
            first["detection"]
        )
        if not same:
            raise ModelError(f"'{name}' was fitted to other surveys: they cannot be compared.")


def _table(scores: Mapping[str, information.Score]) -> pd.DataFrame:
    sizes = {s.elpd.size for s in scores.values()}
    if len(sizes) > 1:
        raise ModelError(
            "The models use different sites (covariates are missing at some). Leave those sites "
            "out of all of them."
        )
    weights = dict(zip(scores, information.stacking(list(scores.values())), strict=True))
    best = max(scores.values(), key=lambda s: s.total)
    rows = []
    for name, one in scores.items():
        apart = information.Score(one.elpd - best.elpd, 0.0)
        se = 0.0 if one is best else apart.se
        values = [name, one.total, one.se, apart.total, se, one.p, one.bad, weights[name]]
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    table = pd.DataFrame(rows, columns=COLUMNS).sort_values("elpd", ascending=False)
    return table.reset_index(drop=True)
