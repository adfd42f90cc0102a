"""The variance ledger against a calculation by hand, on draws that are written down."""

from __future__ import annotations

import numpy as np
import pytest

import surveys
from occupancy.model import Model
from occupancy.results import variance
from occupancy.results.draws import Draws

N = 60


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(5)
    region = rng.integers(0, 4, N)
    park = [f"{r}.{k}" for r, k in zip(region, rng.integers(0, 3, N), strict=True)]
    return surveys.from_arrays(
        (rng.random((N, 3)) < 0.4).astype(float),
        site_covariates={"ele": rng.normal(3.0, 2.0, N), "park": np.array(park)},
        region=np.array([f"r{r}" for r in region]),
    )


def drawn(problem, sds, slopes):
    """Draws with these sds of every term and these slopes of psi."""
    n = len(slopes)
    coefficients = {"psi": np.column_stack([np.zeros(n), slopes]), "p": np.zeros((n, 1))}
    hypers, effects = {}, {}
    for t in problem.predictors["psi"].varying:
        hypers["psi", t.name] = sds[t.design.name]
        effects["psi", t.name] = np.zeros((n, t.design.n_weight))
    return Draws(coefficients, hypers, effects)


def at(table, component, measure):
    return table.loc[table["component"] == component, measure].item()


def test_variance__nested_groups_add_up_as_by_hand(data):
    problem = Model(data, psi="ele + (1 | region/park)").problem
    sds = {"region": np.array([[1.2], [0.8]]), "region/park": np.array([[0.5], [0.7]])}
    slopes = np.array([0.3, -0.1])
    table = variance.ledger(problem, drawn(problem, sds, slopes), 0.9)
    region, park = sds["region"][:, 0] ** 2, sds["region/park"][:, 0] ** 2
    fixed, noise = slopes**2 * np.var(data["ele"].values, ddof=1), np.pi**2 / 3
    random, total = region + park + noise, region + park + noise + fixed
    expected = {
        ("region", "icc_mean"): (region / random).mean(),
        ("region", "alike_mean"): (region / random).mean(),
        ("region/park", "icc_mean"): (park / random).mean(),
        ("region/park", "alike_mean"): ((region + park) / random).mean(),
        ("region/park", "share_mean"): (park / total).mean(),
        ("covariates", "share_mean"): (fixed / total).mean(),
        ("covariates", "variance_mean"): fixed.mean(),
        ("link", "variance_mean"): noise,
        ("region", "sd_lower"): np.quantile([1.2, 0.8], 0.05),
    }
    for (component, measure), value in expected.items():
        assert at(table, component, measure) == pytest.approx(value, rel=1e-12), component
    told = variance.explained(problem, drawn(problem, sds, slopes), 0.9).set_index("measure")
    assert told.loc["marginal", "mean"] == pytest.approx((fixed / total).mean(), rel=1e-12)
    assert told.loc["conditional", "mean"] == pytest.approx(
        ((fixed + region + park) / total).mean(), rel=1e-12
    )


@pytest.mark.parametrize(("link", "noise"), [("logit", np.pi**2 / 3), ("cloglog", np.pi**2 / 6)])
def test_variance__noise_is_that_of_the_link(data, link, noise):
    problem = Model(data, psi="(1 | region)", link_psi=link).problem
    draws = Draws(
        {"psi": np.zeros((1, 1)), "p": np.zeros((1, 1))},
        {("psi", "region"): np.array([[1.5]])},
        {("psi", "region"): np.zeros((1, 4))},
    )
    table = variance.ledger(problem, draws, 0.9)
    assert at(table, "region", "icc_mean") == pytest.approx(2.25 / (2.25 + noise), rel=1e-12)


def test_variance__crossbill_sd_has_the_published_icc():
    """sigma 1.8108 of a site effect is a latent ICC of .499 on the logit scale."""
    assert 1.8108**2 / (1.8108**2 + np.pi**2 / 3) == pytest.approx(0.499, abs=5e-4)


def test_variance__correlated_slopes_by_their_covariance(data):
    """Variance of u + x v over the rows: mean of (1, x) S (1, x)'."""
    problem = Model(data, psi="ele + (1 + ele | region)").problem
    (term,) = problem.predictors["psi"].varying
    natural = np.array([[0.9, 0.4, -0.6]])
    draws = Draws(
        {"psi": np.zeros((1, 2)), "p": np.zeros((1, 1))},
        {("psi", term.name): natural},
        {("psi", term.name): np.zeros((1, 8))},
    )
    x = data["ele"].values
    cov = -0.6 * 0.9 * 0.4
    expected = np.mean(0.81 + 2 * x * cov + 0.16 * x**2)
    table = variance.ledger(problem, draws, 0.9)
    assert at(table, "(1 + ele)|region", "variance_mean") == pytest.approx(expected, rel=1e-12)


def test_tjur__mean_psi_of_the_occupied_less_that_of_the_empty():
    psi = np.array([[0.9, 0.6, 0.2, 0.5], [0.8, 0.4, 0.3, 0.5]])
    z = np.array([[True, True, False, True], [True, False, False, True]])
    surveyed = np.array([True, True, True, False])
    told = variance.tjur(psi, z, surveyed, 0.9)
    assert told["mean"] == pytest.approx(np.mean([0.75 - 0.2, 0.8 - 0.35]))


def test_sentences__of_a_slope_do_not_tell_again_how_alike_places_of_a_level_are():
    from occupancy.outputs import variance_figure
    from occupancy.outputs.results import Results

    rng = np.random.default_rng(3)
    n = 60
    region = np.arange(n) % 6
    ele = rng.normal(size=n)
    psi = 1 / (1 + np.exp(-rng.normal(0, 1.5, 6)[region] - rng.normal(0, 1, 6)[region] * ele))
    y = ((rng.random(n) < psi)[:, None] & (rng.random((n, 5)) < 0.6)).astype(float)
    data = surveys.from_arrays(
        y, site_covariates={"ele": ele}, region=np.array([f"r{k}" for k in region])
    )
    model = Model(data, psi="ele + (1 + ele || region)")
    told = variance_figure.sentences(Results.from_fit(model.fit("ml", integrate="laplace")))
    of = {line.split(" accounts for")[0]: line for line in told if " accounts for" in line}
    assert "two places that share it are alike by" in of["Region"]
    assert "alike" not in of["Effect of ele, by region"]
