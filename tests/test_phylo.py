"""Related species resemble each other: the covariance of a tree in a formula."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest
from test_layers import compare

import surveys
from occupancy import graph
from occupancy.design import Design
from occupancy.model import Model
from surveys.problems import ModelError

TREE = "((a:1,b:1):2,(c:0.5,d:0.5):2.5,e:3);"


@cache
def birds():
    rng = np.random.default_rng(41)
    seen = {s: (rng.random((20, 3)) < 0.4).astype(float) for s in "edcba"}
    data = surveys.from_arrays(seen, site_covariates={"ele": rng.normal(size=20)})
    return surveys.attach_phylogeny(data, TREE)


@cache
def model() -> Model:
    return Model(birds(), psi="ele + phylo(species)", p="(1 | species)")


def test_layers__precompiled_density_is_the_pymc_model():
    compare(model().problem, graph.build(model().problem), points=5)


def test_effects__have_the_covariance_of_the_tree():
    term = model().problem.predictors["psi"].varying[0].design
    assert term.labels == ("e", "d", "c", "b", "a")
    columns = []
    whole, real = term.arrays()
    for unit in np.eye(5):
        out = np.empty(5)
        term.functions.weights(np.array([2.0, 0.25]), unit, whole, real, out)
        columns.append(out)
    made = np.array(columns).T @ np.array(columns)
    c = np.eye(5)
    c[3, 4] = c[4, 3] = 2 / 3
    c[1, 2] = c[2, 1] = 2.5 / 3
    np.testing.assert_allclose(made, 4 * (0.25 * c + 0.75 * np.eye(5)), atol=1e-13)


def test_species__some_of_them_and_none_without_a_tree():
    fewer = Model(birds().sel(species=["a", "c", "e"]), psi="phylo(species)")
    assert fewer.problem.predictors["psi"].varying[0].design.labels == ("a", "c", "e")
    bare = birds().drop_vars(["species_covariance", "species2"])
    with pytest.raises(ModelError, match="do not know how related the species are"):
        Model(bare, psi="phylo(species)")


def test_keeping__gives_the_same_term():
    design = model().problem.predictors["psi"].design
    again = Design.from_dict(json.loads(json.dumps(design.to_dict())))
    for a, b in zip(design.groups[0].arrays(), again.groups[0].arrays(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_fit__is_asked_for_species_and_curves():
    fit = model().fit(draws=100, tune=100, chains=2, cores=1, seed=4)
    table = fit.groups()
    own = table[table["group"] == "phylo(species)"]
    assert own["level"].tolist() == ["e", "d", "c", "b", "a"]
    curves = fit.effects(parameter="psi", species="a")
    assert np.isfinite(curves["curve_mean"]).all()
    assert np.isfinite(fit.sites()["psi_mean"]).all()
