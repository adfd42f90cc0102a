"""Profile intervals: the same at any scale of the covariates, and those of a brute search."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq, minimize
from scipy.stats import chi2

import surveys
from occupancy.model import Model

BEST = {"single_season": 1, "dynamic": 3}


def survey(family, n=120, visits=4):
    """Dates of 168 +- 10 days and elevations in metres, raw."""
    rng = np.random.default_rng(4)
    ele = rng.normal(1500.0, 600.0, n)
    n_season = BEST[family]
    date = rng.normal(168.0, 10.0, (n, n_season, visits))
    psi = 1 / (1 + np.exp(-(ele - 1500) / 600))
    z = (rng.random(n) < psi)[:, None] & np.ones(n_season, bool)
    for t in range(1, n_season):
        stay, come = rng.random(n) < 0.7, rng.random(n) < 0.2
        z[:, t] = np.where(z[:, t - 1], stay, come)
    p = 1 / (1 + np.exp(-0.5 * (date - 168) / 10 + 0.3))
    y = (rng.random(date.shape) < p) & z[:, :, None]
    return surveys.from_arrays(
        y.astype(float), site_covariates={"ele": ele}, visit_covariates={"date": date}
    )


def highest_with(model, held, value, others):
    """The highest log-likelihood with one coefficient held, by scipy in scaled coordinates."""
    names = [(p, t) for p, own in model.problem.predictors.items() for t in own.terms]
    i = names.index(held)
    design = {p: own.design for p, own in model.problem.predictors.items()}
    rest = [k for k in range(len(names)) if k != i]

    def raw(x):
        """Slopes in sd, intercepts at the means: coordinates in which any search is easy."""
        beta = np.zeros(len(names))
        beta[rest] = x
        beta[i] = value
        spread = np.array([design[p].spreads[design[p].columns.index(t)] for p, t in names])
        for k in rest:
            if names[k][1] != "Intercept":
                beta[k] /= spread[k]
        for k in rest:
            if names[k][1] == "Intercept":
                p = names[k][0]
                own = [j for j, n in enumerate(names) if n[0] == p and n[1] != "Intercept"]
                beta[k] -= sum(
                    beta[j] * design[p].centres[design[p].columns.index(names[j][1])] for j in own
                )
        return beta

    def lost(x):
        beta = raw(x)
        at = {p: {} for p, _ in names}
        for (p, t), b in zip(names, beta, strict=True):
            at[p][t] = b
        return -float(model.evaluate(at)["log_likelihood"].sum())

    found = min((minimize(lost, x, method="BFGS") for x in others), key=lambda f: f.fun)
    return -found.fun


@pytest.mark.parametrize(
    ("held", "side"), [(("psi", "ele"), 1), (("p", "date"), 0), (("p", "Intercept"), 1)]
)
def test_profile__is_that_of_a_brute_search(held, side):
    model = Model(survey("single_season"), psi="ele", p="date")
    fit = model.fit(engine="ml")
    bound = fit.profile(0.9).set_index(["parameter", "term"]).loc[held, ("lower", "upper")[side]]
    drop = chi2.ppf(0.9, 1) / 2
    lost = fit.log_likelihood - highest_with(model, held, bound, [np.zeros(3)])
    assert lost == pytest.approx(drop, abs=1e-4)  # as far as a search by differences is good


@pytest.mark.parametrize("family", BEST)
def test_profile__the_units_of_covariates_change_nothing_but_units(family):
    data = survey(family)
    more = {} if family == "single_season" else {"gamma": "ele", "epsilon": "ele"}
    raw = Model(data, family=family, psi="ele", p="date", **more).fit(engine="ml")
    plain = data.copy()
    scale = {name: (float(data[name].mean()), float(data[name].std())) for name in ("ele", "date")}
    for name, (mean, sd) in scale.items():
        plain[name] = (data[name] - mean) / sd
        plain[name].attrs = data[name].attrs
    scaled = Model(plain, family=family, psi="ele", p="date", **more).fit(engine="ml")
    assert raw.log_likelihood == pytest.approx(scaled.log_likelihood, abs=1e-8)
    one, two = (f.profile(0.95).set_index(["parameter", "term"]) for f in (raw, scaled))
    for (parameter, term), own in one.iterrows():
        if term == "Intercept":
            continue
        other = two.loc[(parameter, term)] / scale[term][1]
        np.testing.assert_allclose(own, other, rtol=1e-5)
    assert np.isfinite(one.to_numpy()).all()


def test_profile__is_wide_on_the_side_where_the_likelihood_falls_slowly():
    """Against the closed form of one free coefficient: psi with p near 1 is a binomial share."""
    y = np.zeros((40, 6))
    y[:10] = 1.0
    y[0, 0] = 0.0  # so that p is not 1
    fit = Model(surveys.from_arrays(y)).fit(engine="ml")
    got = fit.profile(0.9).set_index("parameter").loc["psi", ["lower", "upper"]]

    def lost(x):
        psi = 1 / (1 + np.exp(-x))
        return 10 * np.log(0.25 / psi) + 30 * np.log(0.75 / (1 - psi)) - chi2.ppf(0.9, 1) / 2

    top = np.log(0.25 / 0.75)
    expected = [brentq(lost, top - 3, top), brentq(lost, top, top + 3)]
    np.testing.assert_allclose(got, expected, atol=1e-4)


def test_profile__is_infinite_where_nothing_bounds_it():
    """Every site detected: psi has a lower end only, and it is that of the sites."""
    rng = np.random.default_rng(3)
    y = (rng.random((30, 5)) < 0.8).astype(float)
    y[:, 0] = 1.0
    fit = Model(surveys.from_arrays(y)).fit(engine="ml")
    lower, upper = fit.profile(0.9).set_index("parameter").loc["psi", ["lower", "upper"]]
    assert upper == np.inf
    psi = 1 / (1 + np.exp(-lower))
    assert 30 * np.log(psi) == pytest.approx(-chi2.ppf(0.9, 1) / 2, abs=0.01)
