"""Surveys drawn from the priors of a model, with the truth behind each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from occupancy import simulation
from occupancy.engines.compiled import hyper_names
from occupancy.engines.coordinates import varying_terms
from occupancy.evaluation import linear_predictor
from occupancy.varying.base import draw_hyper

if TYPE_CHECKING:
    from occupancy.model import Model


def simulate(model: Model, seed: int, draws: int) -> xr.Dataset:
    """What ``Model.simulate`` tells."""
    rng = np.random.default_rng(seed)
    problem = model.problem
    seen = np.full((draws, *problem.used.shape), np.nan, np.float32)
    dims, _ = model.chain_dims
    shape = tuple(model.data.sizes[d] for d in dims)
    over = problem.steps.over
    n_told = problem.steps.of_season.size
    state = np.empty((draws, *shape, n_told), np.int32)
    kept = {name: np.empty((draws, len(p.terms))) for name, p in model.problem.predictors.items()}
    terms = list(varying_terms(problem))
    hypers = {(p.name, t.name): np.empty((draws, len(t.priors))) for p, t in terms}
    effects = {(p.name, t.name): np.empty((draws, t.design.n_weight)) for p, t in terms}
    for d in range(draws):
        eta = []
        for name, p in model.problem.predictors.items():
            beta = p.table.sample(rng, 1)[0]
            kept[name][d] = beta
            own = {}
            for t in p.varying:
                natural = np.array([draw_hyper(q, h, rng) for q, h in t.hypers])
                hypers[name, t.name][d] = natural
                effects[name, t.name][d] = weights = t.design.draw(natural, rng)
                own[t.name] = t.design.at_levels(natural[None], weights[None])[0]
            eta.append(linear_predictor(p, beta, own))
        z, y = simulation.draw(problem, tuple(eta), rng)
        state[d] = z[:, problem.steps.of_season].reshape(*shape, n_told)
        seen[d][problem.used] = y
    full = ("draw", "species", "site", "season", "visit")
    out = xr.Dataset(
        {
            model.family.observes: (full, seen),
            "state": (("draw", *dims, over), state),
        },
        coords={d: model.data[d] for d in full[1:]},
    )
    if model.family.observes != "detection":
        out["detection"] = (full, simulation.as_detections(model.family, seen))
    for name, values in kept.items():
        dim = f"{name}_term"
        columns = list(model.problem.predictors[name].terms)
        out[name] = xr.DataArray(values, dims=("draw", dim), coords={dim: columns})
    for p, t in terms:
        dim = f"{p.name}_level[{t.name}]"
        for name, values in zip(hyper_names(p.name, t), hypers[p.name, t.name].T, strict=True):
            out[name] = ("draw", values)
        out[f"{p.name}_effect[{t.name}]"] = xr.DataArray(
            effects[p.name, t.name],
            dims=("draw", dim),
            coords={dim: np.array(t.design.labels, dtype=object)},
        )
    return out
