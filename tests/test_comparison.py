"""Criteria and held-out scores against exact answers and against what is known to be better."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

import occupancy
import surveys
from occupancy.comparison import _folds, pooled
from occupancy.model import Model
from occupancy.results import information
from surveys.problems import ModelError


def normal_model(n: int = 60, draws: int = 4000):
    """y ~ normal(mu, 1), mu ~ normal(0, 10): draws of mu, and what leaving one out really gives."""
    rng = np.random.default_rng(1)
    y = rng.normal(1.0, 1.0, n)

    def posterior(values):
        precision = 0.01 + values.size
        return values.sum() / precision, 1 / np.sqrt(precision)

    mean, sd = posterior(y)
    mu = rng.normal(mean, sd, draws)
    exact = []
    for i in range(n):
        m, s = posterior(np.delete(y, i))
        exact.append(stats.norm.logpdf(y[i], m, np.sqrt(1 + s**2)))
    at_mean = stats.norm.logpdf(y, mean, 1.0)
    return stats.norm.logpdf(y, mu[:, None], 1.0), np.array(exact), at_mean


def test_loo__is_what_leaving_one_out_gives():
    log_lik, exact, _ = normal_model()
    got = information.loo(log_lik, 4)
    np.testing.assert_allclose(got.elpd, exact, atol=0.02)
    assert got.bad == 0
    assert got.p == pytest.approx(1.0, abs=0.35)  # one parameter


def test_waic_and_dic__agree_where_all_is_normal():
    log_lik, exact, at_mean = normal_model()
    assert information.waic(log_lik).total == pytest.approx(exact.sum(), abs=0.2)
    deviance = information.dic(log_lik, at_mean)
    assert deviance.p == pytest.approx(1.0, abs=0.1)
    assert deviance.total == pytest.approx(2 * log_lik.sum(axis=1).mean() - at_mean.sum())


def test_waic__is_its_definition():
    log_lik = np.log(np.array([[0.2, 0.5], [0.4, 0.1], [0.3, 0.3]]))
    expected = np.log([0.3, 0.3]) - log_lik.var(axis=0, ddof=1)
    np.testing.assert_allclose(information.waic(log_lik).elpd, expected, rtol=1e-12)


def test_stacking__finds_the_mixture():
    rng = np.random.default_rng(2)
    y = np.concatenate([rng.normal(-2, 1, 700), rng.normal(2, 1, 300)])
    scores = [information.Score(stats.norm.logpdf(y, m, 1), 0.0) for m in (-2.0, 2.0, 9.0)]
    np.testing.assert_allclose(information.stacking(scores), [0.7, 0.3, 0.0], atol=0.03)


@pytest.fixture(scope="module")
def regions():
    rng = np.random.default_rng(4)
    region = np.repeat(np.arange(12), 12)
    u = rng.normal(0, 1.6, 12)
    z = rng.random(region.size) < 1 / (1 + np.exp(-u[region]))
    y = (rng.random((region.size, 4)) < 0.5) * z[:, None]
    names = np.array([f"r{k:02d}" for k in region])
    x = rng.normal(5, 2, region.size)
    return surveys.from_arrays(y.astype(float), region=names, site_covariates={"x": x})


def test_cross_validate__held_out_scores_are_those_of_the_other_sites(regions):
    """By maximum likelihood each fold can be fitted by hand on the sites that are left."""
    model = Model(regions, psi="scale(x)")
    got = occupancy.cross_validate(model, folds=3, seed=5, engine="ml")
    fold = _folds(np.arange(144).astype(str), 3, np.random.default_rng(5), "groups")
    expected = np.empty(144)
    for k in range(3):
        fit = Model(regions.isel(site=fold != k), psi="x").fit(engine="ml")
        beta = {n: dict(zip(p.terms, fit.ml.coefficients[n], strict=True))
                for n, p in fit.problem.predictors.items()}  # fmt: skip
        told = Model(regions.isel(site=fold == k), psi="x").evaluate(beta)
        expected[fold == k] = told["log_likelihood"].values.ravel()
    np.testing.assert_allclose(got.elpd, expected, atol=2e-6)


def test_pooling__formulas_of_the_three(regions):
    model = Model(regions, psi="x + (1 + x || region)", p="1")
    three = pooled(model)
    assert three["complete"].formulas == {"psi": "x", "p": "1"}
    assert three["none"].formulas == {"psi": "x + factor(region) + x:factor(region)", "p": "1"}
    assert three["partial"] is model
    with pytest.raises(ModelError, match=r"write \(1 \| region\)"):
        pooled(Model(regions, psi="x"))


def test_pooling__partial_predicts_new_sites_of_uneven_regions_best(regions):
    """Sites held out of every region: groups are worth knowing, and worth shrinking."""
    thin = regions.isel(site=np.flatnonzero(np.arange(144) % 12 < 5))  # five sites a region
    model = Model(thin, psi="(1 | region)")
    told = occupancy.compare_pooling(model, folds=5, hold="sites", draws=300, seed=3)
    elpd = told.set_index("model")["elpd"]
    assert elpd["partial"] > elpd["complete"]
    assert elpd["partial"] > elpd["none"]


def test_compare__refuses_other_surveys_and_fits_without_draws(regions):
    one = Model(regions).fit(engine="nuts", draws=100, chains=2)
    other = Model(regions.isel(site=slice(0, 100))).fit(engine="nuts", draws=100, chains=2)
    with pytest.raises(ModelError, match="other surveys"):
        occupancy.compare({"a": one, "b": other})
    top = Model(regions).fit(engine="ml")
    with pytest.raises(ModelError, match=r"fit\.aic"):
        occupancy.compare({"a": top})
    told = occupancy.compare({"a": one, "b": Model(regions, psi="x").fit(draws=100, chains=2)})
    assert set(told["model"]) == {"a", "b"}
    assert told["difference"].iloc[0] == 0.0
    total = logsumexp(one.log_likelihood.stack(d=["chain", "draw"]).values, axis=-1) - np.log(200)
    assert told["elpd"].max() < total.sum()
