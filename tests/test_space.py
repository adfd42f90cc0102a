"""Spatial fields: the compiled density is the PyMC model, and places are where they are."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from test_layers import compare

import surveys
from occupancy import graph
from occupancy.engines.compiled import CompiledDensity
from occupancy.engines.coordinates import coordinates_of, varying_terms
from occupancy.model import Model

N, J = 40, 3
CRS = "EPSG:3035"


def coordinates(n: int, rng: np.random.Generator, width: float = 5000.0) -> dict:
    at = rng.uniform(0, width, (n, 2)).round(2)
    at[6] = at[5]  # one place under two names
    return {"easting": 4_000_000 + at[:, 0], "northing": 3_000_000 + at[:, 1]}


@cache
def fields():
    """40 sites within 5 km, two of them at one place; site 0 never visited."""
    rng = np.random.default_rng(60)
    y = (rng.random((N, J)) < 0.4).astype(float)
    y[rng.random((N, J)) < 0.2] = np.nan
    y[0] = np.nan
    date = rng.normal(size=(N, J))
    date[np.isnan(y)] = np.nan
    return surveys.from_arrays(
        y,
        site_covariates={"ele": rng.normal(1200, 400, N)},
        visit_covariates={"date": date},
        coordinates=coordinates(N, rng),
        crs=CRS,
    )


@cache
def three_years():
    rng = np.random.default_rng(61)
    y = (rng.random((N, 3, 2)) < 0.4).astype(float)
    return surveys.from_arrays(y, coordinates=coordinates(N, rng), crs=CRS)


MODELS = {
    "waves": lambda: Model(fields(), psi="scale(ele) + space(basis=6)", p="date"),
    "slope in space": lambda: Model(
        fields(),
        psi="scale(ele) + space(basis=4) + space(ele, basis=4, smoothness='gaussian')",
        p="date",
    ),
    "two parameters": lambda: Model(
        fields(),
        psi="scale(ele) + space(basis=4)",
        p="date + space(basis=4, smoothness='matern52', boundary=1.2)",
        priors={"psi": {"range[space()]": "lognormal(0.5, 0.5)", "sd": "exponential(1)"}},
    ),
    "colonisation": lambda: Model(three_years(), "dynamic", psi="1", gamma="space(basis=4)"),
}


def first_term(model: Model):
    return next(term for _, term in varying_terms(model.problem))


@pytest.mark.parametrize("name", MODELS)
def test_space__precompiled_density_is_the_pymc_model(name):
    model = MODELS[name]()
    compare(model.problem, graph.build(model.problem), points=4)


@pytest.mark.parametrize("name", ["waves"])
def test_space__coordinates_do_not_change_the_model(name):
    """Sampled in units of the sd, as they are, or as the data choose: one posterior."""
    problem = MODELS[name]().problem
    psi = problem.predictors["psi"]
    values = {}
    for w in (0.0, 0.5, 1.0):
        (term,) = psi.varying
        term = replace(term, design=replace(term.design, centring=w))
        predictors = problem.predictors | {"psi": replace(psi, varying=(term,))}
        other = replace(problem, predictors=predictors)
        density = CompiledDensity(other)
        found = coordinates_of(other).arrays["psi", term.name]
        natural = np.array([0.8, 2.0])
        weights = np.random.default_rng(3).normal(size=term.design.n_weight)
        x = density.start(np.random.default_rng(1))
        k, scale = density.n_coefficient, term.design.scales(natural[None])[0]
        x[k : k + 2] = np.log(natural)
        x[k + 2 :] = weights * scale**w
        mean = density.mean_effects(x)[0]
        assert found[1].size > 1
        x[2:k] = 0.1, 0.2
        x[:2] = np.linalg.solve(density.transforms[0], [0.3 + mean, 0.5])
        values[w] = density(x)[0] + w * np.log(scale).sum()
    np.testing.assert_allclose(list(values.values()), values[0.0], rtol=1e-12)


def test_space__gradient_is_the_slope_of_the_value():
    density = CompiledDensity(MODELS["waves"]().problem)
    x = density.start(np.random.default_rng(4))
    _, gradient = density(x)
    for i in range(density.size):
        step = np.zeros(density.size)
        step[i] = 1e-6
        up, down = density(x + step)[0], density(x - step)[0]
        np.testing.assert_allclose(gradient[i], (up - down) / 2e-6, rtol=1e-5, atol=2e-5)
