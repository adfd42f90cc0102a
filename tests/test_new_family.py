"""One file and one line make a family: everything else follows from it."""

import numpy as np
import pytest

import occupancy
import surveys
from occupancy import families

TRUTH = {"psi": 0.4, "p11": 0.7, "p10": 0.05}
PRIORS = {"p10": {"Intercept": "normal(-3, 0.7)"}, "p11": {"Intercept": "normal(1, 0.7)"}}


@pytest.fixture(autouse=True)
def line(monkeypatch):
    """The one line."""
    monkeypatch.setitem(families.FAMILIES, "false_calls", "new_family")


@pytest.fixture
def data():
    rng = np.random.default_rng(5)
    z = rng.random(300) < TRUTH["psi"]
    p = np.where(z, TRUTH["p11"], TRUTH["p10"])[:, None]
    y = (rng.random((300, 5)) < p).astype(float)
    y[rng.random(y.shape) < 0.1] = np.nan
    y[0] = np.nan
    ele = rng.normal(size=300)
    region = np.array([f"r{i % 12:02d}" for i in range(300)])
    return surveys.from_arrays(y, site_covariates={"ele": ele}, region=region)


def model(data, **more):
    return occupancy.Model(data, family="false_calls", priors=PRIORS, **more)


def test_new_family__likelihood_is_the_sum_over_states(data):
    at = {"psi": {"Intercept": -0.4, "ele": 0.3}, "p11": {"Intercept": 0.8}}
    at["p10"] = {"Intercept": -2.5}
    got = model(data, psi="ele").evaluate(at)
    y = data["detection"].values[0, :, 0]
    psi = 1 / (1 + np.exp(0.4 - 0.3 * data["ele"].values))
    p11, p10 = 1 / (1 + np.exp(-0.8)), 1 / (1 + np.exp(2.5))
    seen, made = np.nansum(y, axis=1), (~np.isnan(y)).sum(axis=1)
    present = psi * p11**seen * (1 - p11) ** (made - seen)
    absent = (1 - psi) * p10**seen * (1 - p10) ** (made - seen)
    np.testing.assert_allclose(got["log_likelihood"][0], np.log(present + absent), rtol=1e-10)
    np.testing.assert_allclose(
        got["state_probability"][0, :, 0, 1], present / (present + absent), rtol=1e-10
    )


def test_new_family__gradient_is_the_slope_of_the_likelihood(data):
    own = model(data, psi="ele")
    at = {"psi": {"Intercept": -0.4, "ele": 0.3}, "p11": {"Intercept": 0.8}}
    at["p10"] = {"Intercept": -2.5}
    got = own.evaluate(at)
    for name in ("psi", "p11", "p10"):
        up = {k: dict(v) for k, v in at.items()}
        down = {k: dict(v) for k, v in at.items()}
        up[name]["Intercept"] += 1e-5
        down[name]["Intercept"] -= 1e-5
        high, low = (float(own.evaluate(w)["log_likelihood"].sum()) for w in (up, down))
        slope = (high - low) / 2e-5
        assert float(got[f"gradient_{name}"][0]) == pytest.approx(slope, rel=1e-6)


def test_new_family__maximum_likelihood_finds_the_truth(data):
    fit = model(data, psi="ele").fit(engine="ml")
    table = fit.coefficients().set_index(["parameter", "term"])
    for name, truth in TRUTH.items():
        row = table.loc[name, "Intercept"]
        assert abs(row["mean"] - np.log(truth / (1 - truth))) < 4 * row["se"]
    sites = fit.sites()
    assert sites["present"].between(0, 1).all()
    assert len(fit.regions()) == 12


def test_new_family__simulates_from_its_tables(data):
    drawn = model(data).simulate(seed=3, draws=40)
    made = ~np.isnan(data["detection"].values)
    assert (np.isnan(drawn["detection"].values) == ~made).all()
    empty = drawn["state"].values[..., None] == 0
    false = drawn["detection"].where(empty).mean()
    assert 0.01 < float(false) < 0.3  # p10 of the prior, about 0.05


@pytest.mark.slow
def test_new_family__is_sampled_with_groups(data):
    fit = model(data, psi="ele + (1 | region)").fit(seed=2, draws=300, tune=300, chains=2)
    assert fit.about["route"] == "pymc"
    table = fit.coefficients().set_index(["parameter", "term"])
    for name in ("p11", "p10"):
        truth = np.log(TRUTH[name] / (1 - TRUTH[name]))
        row = table.loc[name, "Intercept"]
        assert abs(row["mean"] - truth) < 4 * row["sd"]
    assert fit.sites()["present"].between(0, 1).all()
