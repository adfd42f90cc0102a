"""Regions that touch: the graph, its scaled covariance, effects that are smooth over borders."""

from __future__ import annotations

import json
from functools import cache
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from test_layers import compare

import surveys
from occupancy import graph
from occupancy.design import Design
from occupancy.engines.compiled import CompiledDensity
from occupancy.model import Model
from occupancy.results.draws import Draws, linear_predictor
from occupancy.varying.graph_of_regions import basis, components, laplacian
from surveys.problems import ModelError

CHESS = {
    "a1": ["a2", "b1"],
    "a3": ["a2", "b3"],
    "b2": ["a2", "b1", "b3"],
    "x1": ["x2"],
    "isle": [],
}


@cache
def archipelago():
    """A board of six regions, two apart, an isle; a3 and x2 were never surveyed."""
    rng = np.random.default_rng(31)
    names = ["a1", "a2", "b1", "b2", "b3", "x1", "isle"]
    region = np.array([names[k % 7] for k in range(42)])
    y = (rng.random((42, 3)) < 0.4).astype(float)
    return surveys.from_arrays(
        y,
        region=region,
        neighbours=CHESS,
        site_covariates={"ele": rng.normal(size=42)},
        visit_covariates={"date": rng.normal(size=(42, 3))},
    )


@cache
def model(formula: str) -> Model:
    return Model(archipelago(), psi=f"ele + {formula}", p="date")


def term_of(own: Model):
    return own.problem.predictors["psi"].varying[0]


# ---------------------------------------------------------------- the graph


def test_scaling__geometric_mean_of_the_generalised_inverse_is_one_in_every_part():
    borders = np.array([[0, 1], [1, 2], [2, 3], [3, 0], [0, 2], [4, 5], [1, 0]])  # 6 is an isle
    directions, variance = basis(7, borders)
    np.testing.assert_allclose(directions.T @ directions, np.eye(7), atol=1e-14)
    made = (directions * variance) @ directions.T
    q = laplacian(7, borders)
    for own in components(7, borders):
        marginal = np.diag(made)[own]
        np.testing.assert_allclose(np.log(marginal).mean(), 0.0, atol=1e-13)
        if own.size > 1:
            inside = np.ix_(own, own)
            inverse = np.linalg.pinv(q[inside])
            scale = np.exp(np.log(np.diag(inverse)).mean())
            np.testing.assert_allclose(made[inside], inverse / scale, atol=1e-13)
    assert made[6, 6] == 1.0
    np.testing.assert_allclose(made[:6].sum(axis=1), 0.0, atol=1e-13)  # sums to zero


def test_scaling__a_border_listed_twice_counts_once():
    once, twice = (basis(3, np.array(b)) for b in ([[0, 1], [1, 2]], [[0, 1], [1, 2], [1, 0]]))
    np.testing.assert_array_equal(once[1], twice[1])


def test_scaling__two_regions_have_the_covariance_worked_out_by_hand():
    directions, variance = basis(2, np.array([[0, 1]]))
    np.testing.assert_allclose((directions * variance) @ directions.T, [[1, -1], [-1, 1]])


# ---------------------------------------------------------------- layers


@pytest.mark.parametrize("formula", ["icar(region)", "bym2(region)"])
def test_layers__precompiled_density_is_the_pymc_model(formula):
    own = model(formula)
    compare(own.problem, graph.build(own.problem), points=6)


def test_layers__on_detection_and_centred_alike():
    from dataclasses import replace

    problem = Model(archipelago(), psi="bym2(region)", p="date + icar(region)").problem
    for centring in (None, 1.0):
        changed = {
            name: replace(
                p,
                varying=tuple(
                    replace(t, design=replace(t.design, centring=centring)) for t in p.varying
                ),
            )
            for name, p in problem.predictors.items()
        }
        compare(*(lambda q: (q, graph.build(q)))(replace(problem, predictors=changed)), points=3)


@pytest.mark.parametrize("formula", ["icar(region)", "bym2(region)"])
def test_layers__gradient_is_the_slope_of_the_value(formula):
    density = CompiledDensity(model(formula).problem)
    x = density.start(np.random.default_rng(4))
    _, gradient = density(x)
    for i in range(density.size):
        step = np.zeros(density.size)
        step[i] = 1e-6
        slope = (density(x + step)[0] - density(x - step)[0]) / 2e-6
        np.testing.assert_allclose(gradient[i], slope, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("formula", ["icar(region)", "bym2(region)"])
def test_effects__have_the_covariance_of_their_definition(formula):
    """The map from raw coordinates to effects, column by column: no draws, no error."""
    term = term_of(model(formula)).design
    whole, real = term.arrays()
    sd, share = 0.7, 0.3 if formula.startswith("bym2") else 1.0
    natural = np.array([sd, share][: len(term.hypers)])
    columns = []
    for unit in np.eye(term.n_raw):
        out = np.empty(term.n_weight)
        term.functions.weights(natural, unit, whole, real, out)
        columns.append(out)
    made = np.array(columns).T @ np.array(columns)
    directions, variance = basis(len(term.levels), term.borders)
    structured = (directions * variance) @ directions.T
    wanted = sd**2 * (share * structured + (1 - share) * np.eye(len(term.levels)))
    np.testing.assert_allclose(made, wanted, atol=1e-13)


# ---------------------------------------------------------------- learning and keeping


def test_levels__are_all_regions_of_the_graph():
    term = term_of(model("bym2(region)"))
    assert term.design.labels == ("a1", "a2", "a3", "b1", "b2", "b3", "isle", "x1", "x2")
    assert term.design.n_effect == 7
    assert [h.key for h in term.design.hypers] == ["sd", "share"]
    assert [q.to_text() for q in term.priors] == ["half_normal(1)", "beta(1, 1.585)"]


def test_learning__refuses_with_the_names():
    data = archipelago()
    bare = data.drop_vars(["neighbours", "layer_region"])
    with pytest.raises(ModelError, match=r"cannot use icar\(region\): the surveys do not know"):
        Model(bare, psi="icar(region)")
    strange = data.assign(
        region=("site", np.where(data["region"] == "isle", "ilse", data["region"]))
    )
    with pytest.raises(ModelError, match="'region' has ilse, which is not among the 9 regions"):
        Model(strange, psi="bym2(region)")
    one = data.isel(site=slice(0, 42, 7))
    with pytest.raises(ModelError, match=r"only one level of region \('a1'\)"):
        Model(one, psi="icar(region)")


def test_keeping__design_and_surveys_give_the_same_term(tmp_path):
    design = model("bym2(region)").problem.predictors["psi"].design
    again = Design.from_dict(json.loads(json.dumps(design.to_dict())))
    one, other = design.groups[0], again.groups[0]
    for a, b in zip(one.arrays(), other.arrays(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.labels == other.labels
    surveys.save(archipelago(), tmp_path / "s.nc")
    assert surveys.open(tmp_path / "s.nc").identical(archipelago())


def test_prediction__is_that_of_the_fitted_rows_and_reaches_other_regions():
    own = model("bym2(region)")
    p = own.problem.predictors["psi"]
    term = p.varying[0]
    rng = np.random.default_rng(5)
    weights = rng.normal(size=(4, term.design.n_weight))
    natural = np.column_stack([rng.uniform(0.2, 2, 4), rng.uniform(0.1, 0.9, 4)])
    beta = rng.normal(size=(4, 2))
    draws = Draws({"psi": beta}, {("psi", term.name): natural}, {("psi", term.name): weights})
    data = own.data
    frame = {"ele": data["ele"].values, "region": data["region"].values.astype(object)}
    eta = linear_predictor(p, draws, frame, 42)
    effects = term.design.at_levels(natural, weights)
    for d in range(4):
        made = p.add_varying(beta[d] @ p.columns, {term.name: effects[d]})
        np.testing.assert_allclose(own.problem.in_field_order(made), eta[d], rtol=1e-12)
    new = {"ele": np.zeros(3), "region": np.array(["a3", "nowhere", "nowhere"], object)}
    far = linear_predictor(p, draws, new, 3) - beta[:, :1]
    np.testing.assert_allclose(far[:, 0], weights[:, term.design.labels.index("a3")])
    np.testing.assert_array_equal(far[:, 1], far[:, 2])
    assert np.ptp(far[:, 1]) > 0


# ---------------------------------------------------------------- posterior


def test_fit__a_region_between_others_is_told_by_them():
    """Eight regions in a row, the first half empty, the other full; the fourth and fifth unseen."""
    names = [f"r{k}" for k in range(8)]
    region = np.repeat([n for n in names if n not in ("r1", "r6")], 12)
    high = np.isin(region, ("r4", "r5", "r7"))
    rng = np.random.default_rng(8)
    y = ((rng.random(72) < np.where(high, 0.9, 0.1))[:, None] * (rng.random((72, 4)) < 0.7)) * 1.0
    data = surveys.from_arrays(y, region=region, neighbours=list(pairwise(names)))
    fit = Model(data, psi="icar(region)").fit(draws=200, tune=200, chains=2, cores=1, seed=3)
    table = fit.groups().set_index("level")["mean"]
    assert table["r1"] < -0.8
    assert table["r6"] > 0.8
    assert int(fit.sample_stats["diverging"].sum()) == 0
    told = fit.predict(pd.DataFrame({"region": ["r1", "r6"]}))
    assert told["psi_mean"][0] < 0.3 < 0.7 < told["psi_mean"][1]


def test_simulate__effects_sum_to_zero_and_have_the_stated_size():
    own = Model(archipelago(), psi="icar(region)", priors={"psi": {"sd": "lognormal(0, 0.001)"}})
    drawn = own.simulate(seed=3, draws=400)
    effects = drawn["psi_effect[icar(region)]"]
    board = effects.sel({effects.dims[1]: ["a1", "a2", "a3", "b1", "b2", "b3"]})
    np.testing.assert_allclose(board.sum(effects.dims[1]), 0.0, atol=1e-12)
    spread = np.log((board**2).mean("draw")).mean()  # geometric mean of variances is 1
    assert abs(float(spread)) < 4 * np.sqrt(2 / 400)
