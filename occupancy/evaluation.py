"""A model at given coefficients: likelihood, states and gradient, labelled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from occupancy import arguments
from occupancy.problem import Predictor, Problem
from surveys.problems import ModelError, did_you_mean

if TYPE_CHECKING:
    from occupancy.model import Model

VALUES = '{"psi": {"Intercept": 0.5}, "p": {"Intercept": 0.0}}'
Values = tuple[np.ndarray, dict[str, np.ndarray]]  # coefficients, effects of each group


def evaluate(model: Model, parameters: Mapping[str, Mapping[str, Any]]) -> xr.Dataset:
    """What ``Model.evaluate`` tells."""
    given = given_values(model.problem, parameters)
    problem = model.problem
    eta = tuple(linear_predictor(p, *given[p.name]) for p in problem.predictors.values())
    _, log_lik, states, pairs, gradients = problem.evaluate(eta, True, problem.n_shown)
    dims, coords = model.chain_dims
    shape = tuple(model.data.sizes[d] for d in dims)
    coords |= {"season": model.data["season"], "state": model.state_names}
    field, at = problem.in_field_order, problem.steps.of_season
    states = np.moveaxis(field(states), 2, 0)
    states[~problem.usable] = np.nan
    over = problem.steps.over
    if over == "season":
        told = states[:, at]
    else:
        coords["visit"] = model.data["visit"]
        told = states
    out = xr.Dataset(
        {
            "log_likelihood": (dims, field(log_lik).reshape(shape)),
            "state_probability": (
                (*dims, over, "state"),
                told.reshape(*shape, *told.shape[1:]),
            ),
        },
        coords=coords,
    )
    if problem.n_step > 1:
        moved = np.moveaxis(field(pairs), 3, 0)
        moved[~problem.usable] = np.nan
        names = ("interval", "state", "next_state")
        out["pair_probability"] = (
            (*dims, *names),
            moved.reshape(*shape, *moved.shape[1:]),
            {"long_name": "P(state now, state at the next step | data)"},
        )
        out = out.assign_coords(next_state=model.state_names)
    for p, g in zip(problem.predictors.values(), gradients, strict=True):
        dim = f"{p.name}_term"
        out[f"gradient_{p.name}"] = xr.DataArray(
            p.columns @ g, dims=dim, coords={dim: list(p.terms)}
        )
    return out


def given_values(
    problem: Problem, parameters: Mapping[str, Mapping[str, Any]]
) -> dict[str, Values]:
    """Coefficients and effects of every parameter from mappings by name.

    Raises
    ------
    ModelError
        A name is unknown, or a coefficient has no value.
    """
    parameters = arguments.mapping("parameters", parameters, VALUES)
    unknown = [name for name in parameters if name not in problem.predictors]
    if unknown:
        raise ModelError(
            f"Family '{problem.family.name}' has no parameter '{unknown[0]}'; it has "
            f"{', '.join(problem.predictors)}."
        )
    return {
        name: _read_values(p, parameters.get(name, {})) for name, p in problem.predictors.items()
    }


def linear_predictor(
    p: Predictor, beta: np.ndarray, effects: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Linear predictor in layout order, signed where the columns are."""
    eta = beta @ p.columns
    if p.offset.size:
        eta = eta + p.offset
    return p.add_varying(eta, effects)


def _read_values(p: Predictor, given: Mapping[str, Any]) -> Values:
    """Coefficients and effects of one parameter from a mapping by name."""
    groups = {g.design.name: g for g in p.groups}
    given = arguments.mapping(f"values of `{p.name}`", given, '{"Intercept": 0.5}')
    for name in given:
        if name not in p.terms and name not in groups:
            known = [*p.terms, *groups]
            raise ModelError(
                f"`{p.name}` has no term '{name}'.{did_you_mean(name, known)} "
                f"It has {', '.join(known)}."
            )
    absent = [t for t in p.terms if t not in given]
    if absent:
        raise ModelError(f"`{p.name}` needs a value for {', '.join(absent)}.")
    beta = np.array([arguments.number(f"`{p.name}`: the value of {t}", given[t]) for t in p.terms])
    effects = {}
    for name, group in groups.items():
        example = f'{{"{group.design.levels[0]}": 0.3}}'
        stated = arguments.mapping(f"Group '{name}' of `{p.name}`", given.get(name), example)
        unknown = [k for k in stated if str(k) not in group.design.levels]
        if unknown:
            raise ModelError(f"Group '{name}' of `{p.name}` has no level '{unknown[0]}'.")
        effects[group.name] = np.array(
            [
                arguments.number(f"`{p.name}`: the value of {name} {k}", stated.get(k, 0.0))
                for k in group.design.levels
            ]
        )
    return beta, effects
