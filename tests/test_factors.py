"""Species that occur together: factors in a formula, their density, and what is told of them."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pandas as pd
import pytest
from test_layers import compare

import surveys
from occupancy import graph
from occupancy.design import Design
from occupancy.engines.compiled import CompiledDensity
from occupancy.formula import FormulaError, parse
from occupancy.model import Model
from occupancy.results.draws import Draws, linear_predictor
from surveys.problems import ModelError

LOADINGS = np.array([2.0, 2.0, -2.0, 0.0])


@cache
def community(n_site: int = 12, seed: int = 51):
    """Four species: two that go together, one that avoids them, one that does not care."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n_site)
    present = rng.random((4, n_site)) < 1 / (1 + np.exp(-LOADINGS[:, None] * z))
    seen = (rng.random((4, n_site, 4)) < 0.6) * present[:, :, None]
    return surveys.from_arrays(
        {f"s{k}": seen[k].astype(float) for k in range(4)},
        site_covariates={"ele": rng.normal(size=n_site)},
    )


@cache
def model() -> Model:
    return Model(community(), psi="ele + factors(2)", p="(1 | species)")


def term():
    return model().problem.predictors["psi"].varying[0]


@pytest.mark.parametrize("centring", [None, 0.0, 1.0])
def test_layers__precompiled_density_is_the_pymc_model(centring):
    from dataclasses import replace

    problem = model().problem
    p = problem.predictors["psi"]
    if centring is not None:
        own = replace(term(), design=replace(term().design, centring=centring))
        p = replace(p, varying=(own,))
        problem = replace(problem, predictors={**problem.predictors, "psi": p})
    compare(problem, graph.build(problem), points=3)


def test_layers__gradient_is_the_slope_of_the_value():
    density = CompiledDensity(model().problem)
    x = density.start(np.random.default_rng(4))
    _, gradient = density(x)
    for i in range(density.size):
        step = np.zeros(density.size)
        step[i] = 1e-6
        slope = (density(x + step)[0] - density(x - step)[0]) / 2e-6
        np.testing.assert_allclose(gradient[i], slope, rtol=1e-5, atol=2e-5)


def test_loadings__are_a_triangle_with_a_positive_diagonal():
    design = term().design
    weights = np.random.default_rng(1).normal(size=(3, design.n_weight))
    natural = np.array([0.8])
    whole, real = design.arrays()
    out = np.empty(design.n_weight)
    design.functions.weights(natural, weights[0], whole, real, out)
    made = design.loadings(out[None])[0]
    assert made[0, 1] == 0.0
    assert (np.diag(made[:2]) > 0).all()
    assert design.labels[0] == f"loading 1, {design.species[0]}"
    assert design.labels[4] == f"loading 2, {design.species[1]}"
    assert design.labels[7] == "score 1, 1"


def test_prior__of_the_covariance_is_that_of_free_loadings_whatever_the_order():
    """L L' of the triangle, of each species at any place, has the moments of k normal columns."""
    design = term().design
    rng = np.random.default_rng(6)
    draws = np.array([design.draw(np.array([1.0]), rng) for _ in range(4000)])
    covariance = design.covariance(draws)
    diagonal = np.diagonal(covariance, axis1=1, axis2=2)
    # chi-square with 2 degrees of freedom: mean 2, sd 2; 5 standard errors
    np.testing.assert_allclose(diagonal.mean(axis=0), 2.0, atol=5 * 2 / np.sqrt(4000))
    np.testing.assert_allclose(diagonal.var(axis=0), 4.0, rtol=0.35)
    below = covariance[:, [1, 2, 3], [0, 1, 2]]
    np.testing.assert_allclose(below.mean(axis=0), 0.0, atol=5 * np.sqrt(2 / 4000))
    np.testing.assert_allclose((below**2).mean(axis=0), 2.0, rtol=0.35)


def test_axes__are_held_by_species_that_tell_different_things():
    y = np.zeros((4, 8, 1))
    y[0, :4], y[1, :4], y[2, ::2] = 1, 1, 1  # the second repeats the first; the last is never seen
    data = surveys.from_arrays({f"s{k}": y[k] for k in range(4)})
    design = Model(data, psi="factors(2)").problem.predictors["psi"].varying[0].design
    assert set(design.species[:2]) in ({"s0", "s2"}, {"s1", "s2"})


def test_prediction__is_that_of_the_fitted_rows_and_draws_new_sites_and_species():
    p, own = model().problem.predictors["psi"], term()
    rng = np.random.default_rng(5)
    weights = rng.normal(size=(400, own.design.n_weight))
    natural, beta = rng.uniform(0.5, 1, (400, 1)), rng.normal(size=(400, 2))
    draws = Draws({"psi": beta}, {("psi", own.name): natural}, {("psi", own.name): weights})
    data = community()
    frame = {
        "ele": np.tile(data["ele"].values, 4),
        "species": np.repeat(data["species"].values.astype(object), 12),
        "site": np.tile(data["site"].values.astype(object), 4),
    }
    eta = linear_predictor(p, draws, frame, 48)
    effects = own.design.at_levels(natural, weights)
    for d in range(3):
        made = p.add_varying(beta[d] @ p.columns, {own.name: effects[d]})
        np.testing.assert_allclose(model().problem.in_field_order(made), eta[d], rtol=1e-12)
    new = {
        "ele": np.zeros(4),
        "species": np.array(["s0", "s1", "s0", "ghost"], object),
        "site": np.array(["far", "far", "farther", "far"], object),
    }
    far = linear_predictor(p, draws, new, 4) - beta[:, :1]
    loadings = own.design.loadings(weights)
    at = [own.design.species.index(s) for s in ("s0", "s1")]
    # at one new site the species share its scores: their covariance is that of the loadings
    shared = (loadings[:, at[0]] * loadings[:, at[1]]).sum(axis=1)
    product = far[:, 0] * far[:, 1]
    assert abs((product - shared).mean()) < 5 * product.std() / np.sqrt(400)
    assert np.corrcoef(far[:, 0], far[:, 2])[0, 1] < 0.3
    assert far[:, 3].std() > 0.3


def test_keeping__gives_the_same_term():
    design = model().problem.predictors["psi"].design
    again = Design.from_dict(json.loads(json.dumps(design.to_dict())))
    assert again.groups[0].labels == design.groups[0].labels
    assert again.groups[0].hypers == design.groups[0].hypers


def test_words__are_told_before_anything_is_sampled():
    assert str(parse("ele + factors(k=3)")) == "ele + factors(3)"
    with pytest.raises(FormulaError, match=r"needs its k: factors\(2\)"):
        parse("factors()")
    with pytest.raises(ModelError, match="4 factors for 4 species"):
        Model(community(), psi="factors(4)")


def test_fit__finds_who_goes_with_whom(tmp_path):
    data = community(120, 53)
    fit = Model(data, psi="factors(1)", p="1").fit(draws=150, tune=200, chains=2, cores=1, seed=3)
    table = fit.residual_correlation().set_index(["species", "other"])
    assert table.loc[("s0", "s1"), "mean"] > 0.6
    assert table.loc[("s0", "s2"), "mean"] < -0.6
    assert not table["sure"].loc[("s0", "s3")]
    assert table.loc[("s2", "s2"), "mean"] == pytest.approx(1.0)
    assert table["sure"].loc[("s0", "s1")]
    parts = fit.variance_components().set_index("component")
    np.testing.assert_allclose(
        parts.loc["factors()", "variance_mean"], (fit.draws.hypers["psi", "factors()"] ** 2).mean()
    )
    told = fit.predict(pd.DataFrame({"species": ["s0", "s0"]}))
    assert 0.2 < told["psi_mean"].iloc[0] < 0.8
    assert not told["extrapolated"].any()
    fit.save(tmp_path / "fit")
    import occupancy

    again = occupancy.load(tmp_path / "fit").residual_correlation()
    pd.testing.assert_frame_equal(again, fit.residual_correlation())
    with pytest.raises(ModelError, match="has no factors"):
        fit.residual_correlation("p")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_factors__every_chain_tells_the_same(seed):
    rng = np.random.default_rng(5)
    loadings, gradients = rng.normal(0, 1.2, (12, 2)), rng.normal(size=(2, 150))
    level = rng.normal(-0.3, 1, 12)[:, None]
    present = rng.random((12, 150)) < 1 / (1 + np.exp(-level - loadings @ gradients))
    seen = (rng.random((12, 150, 4)) < 0.5) * present[:, :, None]
    data = surveys.from_arrays({f"s{k:02d}": own.astype(float) for k, own in enumerate(seen)})
    model = Model(data, psi="(1 | species) + factors(2)", p="(1 | species)")
    fit = model.fit(draws=300, tune=400, chains=4, cores=1, seed=seed)
    design = model.problem.predictors["psi"].varying[-1].design
    covariance = design.covariance(fit.draws.effects["psi", design.name])
    by_chain = covariance.reshape(4, 300, 12, 12).mean(axis=1)
    sd = covariance.std(axis=0)
    gaps = np.abs(by_chain - by_chain.mean(axis=0)) / sd
    assert gaps.max() < 0.5
