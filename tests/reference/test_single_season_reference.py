"""Single-season fits against unmarked 1.5.0.9008 and spOccupancy 0.8.0 (R 4.2.2).

Coefficients 1e-4 and standard errors 1e-3 relative, as the files' optimiser allows;
log-likelihoods 1e-6; P(occupied | data) and psi of every site.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import surveys
from occupancy.model import Model

REFERENCE = Path(__file__).parents[2].parent / "shared" / "reference"
pytestmark = [
    pytest.mark.reference,
    pytest.mark.skipif(not REFERENCE.is_dir(), reason="reference results are not here"),
]
SD = 2.72**0.5  # spOccupancy's default prior of every coefficient
SPOCCUPANCY = {"Intercept": f"normal(0, {SD})", "slopes": f"normal(0, {SD})"}


def wide(path):
    return pd.read_csv(path, index_col="site").to_numpy(float)


@cache
def scales(folder):
    return json.loads((REFERENCE / folder / "standardisation.json").read_text())


def standard(folder, name, values):
    own = scales(folder)[name]
    return (values - own["mean"]) / own["sd"]


@cache
def crossbill_1999():
    at = REFERENCE / "crossbill_1999"
    sites = pd.read_csv(at / "site_covariates.csv", index_col="site")
    return surveys.from_arrays(
        wide(at / "detections.csv"),
        site_covariates={k: standard("crossbill_1999", k, sites[k].to_numpy()) for k in sites},
        visit_covariates={"date": standard("crossbill_1999", "date", wide(at / "visit_date.csv"))},
    )


@cache
def frogs(detections="detections.csv"):
    at = REFERENCE / "frogs"
    names = ("MinAfterSunset", "Wind", "Sky", "Temperature")
    visits = {k: standard("frogs", k, wide(at / f"visit_{k}.csv")) for k in names}
    return surveys.from_arrays(wide(at / detections), visit_covariates=visits)


@cache
def ovenbird():
    at = REFERENCE / "hbef2015"
    sites = pd.read_csv(at / "site_covariates.csv", index_col="site")
    visits = {k: standard("hbef2015", k, wide(at / f"visit_{k}.csv")) for k in ("day", "tod")}
    elev = standard("hbef2015", "elevation", sites["elevation"].to_numpy())
    return surveys.from_arrays(
        wide(at / "detections_OVEN.csv"), site_covariates={"elev": elev}, visit_covariates=visits
    )


FITS = {
    "crossbill_1999/null": (crossbill_1999, "1", "1", {}),
    "crossbill_1999/ele_forest_date": (crossbill_1999, "ele + forest", "date", {}),
    "crossbill_1999/quadratic": (
        crossbill_1999,
        "ele + I(ele^2) + forest",
        "date + I(date^2)",
        {},
    ),
    "frogs/pcru_null": (frogs, "1", "1", {}),
    "frogs/pcru_min_temp": (frogs, "1", "MinAfterSunset + Temperature", {}),
    "frogs/pcru_min_temp_cloglog": (
        frogs,
        "1",
        "MinAfterSunset + Temperature",
        {"link_psi": "cloglog"},
    ),
    "frogs/pcru_full": (
        frogs,
        "1",
        "MinAfterSunset + I(MinAfterSunset^2) + Wind + Sky + Temperature",
        {},
    ),
    "frogs/pfer_min_temp": (
        lambda: frogs("detections_pfer.csv"),
        "1",
        "MinAfterSunset + Temperature",
        {},
    ),
    "hbef2015/OVEN_unmarked_occu": (ovenbird, "elev + I(elev^2)", "day + I(day^2) + tod", {}),
}
every_fit = pytest.mark.parametrize("name", FITS)


@cache
def fitted(name):
    data, psi, p, more = FITS[name]
    return Model(data(), psi=psi, p=p, **more).fit("ml")


def table(name, what):
    return pd.read_csv(REFERENCE / f"{name}_{what}.csv")


@every_fit
def test_unmarked__log_likelihood_and_coefficients(name):
    fit, told = fitted(name), json.loads((REFERENCE / f"{name}.json").read_text())
    assert fit.log_likelihood == pytest.approx(told["loglik"], rel=1e-6)
    assert fit.aic == pytest.approx(told["AIC"], rel=1e-6)
    expected = table(name, "coef")
    mine = fit.coefficients()
    names = [f"{a}({b.replace('Intercept', 'Int')})" for a, b in mine[["parameter", "term"]].values]
    assert names == list(expected["parameter"])
    np.testing.assert_allclose(mine["mean"], expected["estimate"], atol=1e-4)
    np.testing.assert_allclose(mine["se"], expected["se"], rtol=1e-3)
    covariance = table(name, "vcov").set_index("parameter").to_numpy()
    scale = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    np.testing.assert_allclose(fit.ml.covariance / scale, covariance / scale, atol=1e-3)


@every_fit
def test_unmarked__psi_and_states_of_every_site(name):
    expected, sites = table(name, "site"), fitted(name).sites()
    psi = expected["psi"].notna().to_numpy()
    np.testing.assert_allclose(sites["psi_mean"][psi], expected["psi"][psi], atol=2e-5)
    z = expected["z_mean"].notna().to_numpy()
    assert (z == (sites["visits"] > 0)).all()
    np.testing.assert_allclose(sites["present"][z], expected["z_mean"][z], atol=5e-5)
    np.testing.assert_array_equal(sites["naive"][z], expected["naive"][z])
    unvisited = ~z  # nothing was seen there: P(occupied | data) is psi
    np.testing.assert_allclose(sites["present"][unvisited], sites["psi_mean"][unvisited])


@pytest.mark.parametrize(
    "name", [n for n in FITS if n not in ("crossbill_1999/null", "frogs/pcru_null")]
)
def test_unmarked__prediction(name):
    """Occupancy at new places: mean, delta-method sd and Wald interval."""
    expected = table(name, "predict_state")
    got = fitted(name).predict(expected, interval=0.95)
    np.testing.assert_allclose(got["psi_mean"], expected["predicted"], atol=2e-5)
    np.testing.assert_allclose(got["psi_lower"], expected["lower95"], atol=5e-5)
    np.testing.assert_allclose(got["psi_upper"], expected["upper95"], atol=5e-5)
    # unmarked's derivative of the cloglog link lacks a factor; 0.04254 is right
    se = 0.04254 if name.endswith("cloglog") else expected["se"]
    np.testing.assert_allclose(got["psi_sd"], se, rtol=1e-3)


def test_unmarked__profile_intervals():
    name = "frogs/pcru_min_temp"
    expected = table(name, "profile_ci")
    got = fitted(name).profile(0.95)
    np.testing.assert_allclose(got[["lower", "upper"]], expected[["lower95", "upper95"]], atol=1e-3)


@pytest.mark.parametrize("name", ["crossbill_1999/ele_forest_date", "hbef2015/OVEN_unmarked_occu"])
def test_unmarked__prediction_from_raw_covariates(name):
    """scale() in the formula, raw units given: the same predictions to 1e-10."""
    folder = name.split("/")[0]
    standardised = fitted(name)
    raw_names = {"ele": "ele", "forest": "forest", "elev": "elevation", "date": "date"}
    raw_names |= {"day": "day", "tod": "tod"}
    data = standardised.data.copy()
    for short, long in raw_names.items():
        if short in data:
            own = scales(folder)[long]
            data[short] = data[short] * own["sd"] + own["mean"]
    _, psi, p, _ = FITS[name]
    words = {"ele + forest": "scale(ele) + scale(forest)", "date": "scale(date)"}
    words |= {"elev + I(elev^2)": "poly(elev, 2)", "day + I(day^2) + tod": "poly(day, 2) + tod"}
    fit = Model(data, psi=words[psi], p=words[p]).fit("ml")
    assert fit.log_likelihood == pytest.approx(standardised.log_likelihood, abs=1e-9)
    frame = table(name, "predict_state")
    raw = frame.copy()
    for short, long in raw_names.items():
        if short in raw:
            raw[short] = raw[short] * scales(folder)[long]["sd"] + scales(folder)[long]["mean"]
    expected, got = standardised.predict(frame, 0.95), fit.predict(raw, 0.95)
    for column in ("psi_mean", "psi_sd", "psi_lower", "psi_upper"):
        np.testing.assert_allclose(got[column], expected[column], rtol=1e-6)


def test_unmarked__crossbill_with_dates_as_they_are():
    """Raw dates in p, as the field's vignettes have it; AIC 455.3892."""
    at = REFERENCE / "crossbill_1999"
    data = crossbill_1999().copy()
    data["date"] = (("site", "season", "visit"), wide(at / "visit_date.csv")[:, None, :])
    data["date"].attrs["role"] = "covariate"
    fit = Model(data, psi="ele + I(ele^2) + forest", p="date").fit("ml")
    assert fit.aic == pytest.approx(455.3892, abs=1e-4)
    told = fit.coefficients()
    # the published intercept of p stopped short, on a ridge with the slope of raw dates
    expected, near = [0.464, 1.228, -1.333, 0.654, -2.236, 0.0254], [6e-4] * 6
    near[4] = 4e-3
    assert (np.abs(told["mean"] - expected) < near).all()
    np.testing.assert_allclose(told["se"], [0.541, 0.319, 0.417, 0.274, 0.523, 0.0075], atol=6e-4)
    sites = fit.sites()
    assert int(sites["naive"].sum()) == 63
    assert int((sites["visits"] > 0).sum()) == 245


def test_unmarked__black_throated_blue_warbler():
    records = pd.read_csv(REFERENCE / "hbef2015" / "detections.csv")
    visits = [c for c in records if c not in ("species", "site")]
    y = records[records["species"] == "BTBW"].sort_values("site")[visits].to_numpy(float)
    data = ovenbird().copy()
    data["detection"] = data["detection"].copy(data=y[None, :, None, :].astype(np.float32))
    fit = Model(data, psi="elev + I(elev^2)", p="day + tod + I(day^2)").fit("ml")
    assert fit.aic == pytest.approx(1412.493, abs=1e-3)
    expected = [3.668, -0.505, -1.060, 0.654, 0.289, -0.033, -0.078]
    np.testing.assert_allclose(fit.coefficients()["mean"], expected, atol=6e-4)


# ---------------------------------------------------------------- posteriors


def monte_carlo_error(values):
    """Standard error of the mean of (chain, draw) values by means of 20 batches per chain."""
    means = np.stack(np.split(values, 20, axis=1), axis=1).mean(axis=-1).ravel()
    return means.std(ddof=1) / np.sqrt(means.size)


@pytest.mark.slow
def test_spoccupancy__ovenbird_posterior():
    """PGOcc with normal(0, variance 2.72) on every coefficient, intercepts at zero covariates."""
    model = Model(
        ovenbird(),
        psi="elev + I(elev^2)",
        p="day + I(day^2) + tod",
        priors={"psi": SPOCCUPANCY, "p": SPOCCUPANCY},
    )
    fit = model.fit("nuts", seed=1, draws=2000, chains=4)
    expected = table("hbef2015/OVEN_PGOcc", "posterior").set_index("parameter")
    rows = ["psi:(Intercept)", "psi:elev", "psi:I(elev^2)"]
    rows += ["p:(Intercept)", "p:day", "p:I(day^2)", "p:tod"]
    mine = np.concatenate([fit.posterior["psi"].values, fit.posterior["p"].values], axis=-1)
    assert set(rows) <= set(expected.index)
    for k, row in enumerate(rows):
        other = expected.loc[row]
        error = np.hypot(monte_carlo_error(mine[..., k]), other["sd"] / np.sqrt(other["ess"]))
        assert abs(mine[..., k].mean() - other["mean"]) < max(4 * error, 0.1 * other["sd"]), row
        assert mine[..., k].std() == pytest.approx(other["sd"], rel=0.08), row
    sites, told = fit.sites(), table("hbef2015/OVEN_PGOcc", "site")
    np.testing.assert_allclose(sites["psi_mean"], told["psi_mean"], atol=0.01)
    np.testing.assert_allclose(sites["psi_sd"], told["psi_sd"], atol=0.01)
    np.testing.assert_allclose(sites["present"], told["z_mean"], atol=0.03)


@cache
def crossbill_stacked():
    """1999-2001 one below the other: 801 rows, covariates scaled after stacking."""
    at = REFERENCE / "crossbill"
    sites = pd.read_csv(at / "site_covariates.csv")
    seasons = [slice(3 * k, 3 * k + 3) for k in range(3)]
    y = np.vstack([wide(at / "detections.csv")[:, s] for s in seasons])
    date = np.vstack([wide(at / "visit_date.csv")[:, s] for s in seasons])
    stack = pd.concat([sites] * 3, ignore_index=True)

    def scaled(x):
        return (x - np.nanmean(x)) / np.nanstd(x, ddof=1)

    square = np.array([f"square {k}" for k in stack["site"]])
    data = surveys.from_arrays(
        y,
        site_covariates={
            "ele": scaled(stack["ele"].to_numpy(float)),
            "forest": scaled(stack["forest"].to_numpy(float)),
            "square": square,
        },
        visit_covariates={"date": scaled(date)},
    )
    return data, square


def test_hierarchical__crossbill_without_the_effect():
    data, _ = crossbill_stacked()
    fit = Model(data, psi="ele + forest", p="date").fit("ml")
    assert data.sizes["site"] == 801
    assert fit.aic == pytest.approx(1547.462, abs=2e-3)
    np.testing.assert_allclose(fit.ml.coefficients["psi"], [-1.0661, 0.8006, 0.9843], atol=1e-4)


PSI, P, SIGMA = [-1.5695, 1.1266, 1.4528], [0.1914, 0.3346], 1.8108


def test_hierarchical__crossbill_likelihood_by_gauss_hermite():
    """The effect integrated over 61 nodes, from the model's own likelihood of every site."""
    data, square = crossbill_stacked()
    model = Model(data, psi="ele + forest + (1 | square)", p="date")
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    weights = weights / weights.sum()
    names = np.unique(square)
    of_site = np.searchsorted(names, square)
    given = {
        "psi": dict(zip(("Intercept", "ele", "forest"), PSI, strict=True)),
        "p": dict(zip(("Intercept", "date"), P, strict=True)),
    }
    log_lik = np.empty((61, names.size))
    for k, node in enumerate(nodes):
        effects = {"square": dict.fromkeys(names, SIGMA * node)}
        at = model.evaluate({"psi": given["psi"] | effects, "p": given["p"]})
        log_lik[k] = np.bincount(of_site, weights=at["log_likelihood"].values[0])
    total = np.logaddexp.reduce(log_lik + np.log(weights)[:, None], axis=0).sum()
    assert total == pytest.approx(-749.436, abs=2e-3)


def hierarchical(draws, **priors):
    data, _ = crossbill_stacked()
    formulas = {"psi": "ele + forest + (1 | square)", "p": "date"}
    return Model(data, **formulas, priors=priors).fit("nuts", seed=1, draws=draws, chains=4)


@pytest.mark.slow
def test_hierarchical__crossbill_posterior_of_ubms():
    """Published: -1.60 (.218) 1.13 1.49, sigma 1.95 (.319; 1.39-2.66), p .182 .337; weak priors."""
    weak = {"Intercept": "normal(0, 2.5)", "slopes": "normal(0, 2.5)"}
    fit = hierarchical(1500, psi=weak | {"sd": "half_normal(100)"}, p=weak)
    sigma = fit.posterior["psi_sd[square]"].values
    assert sigma.mean() == pytest.approx(1.95, abs=0.05)
    assert sigma.std() == pytest.approx(0.319, rel=0.1)
    ends = np.quantile(sigma, [0.025, 0.975])
    np.testing.assert_allclose(ends, [1.39, 2.66], atol=0.1)
    assert ends[0] < SIGMA < ends[1]
    psi = fit.posterior["psi"].values
    for k, (mean, sd) in enumerate([(-1.60, 0.218), (1.13, 0.2123), (1.49, 0.2255)]):
        assert abs(psi[..., k].mean() - mean) < 0.2 * sd
    p = fit.posterior["p"].values.mean(axis=(0, 1))
    np.testing.assert_allclose(p, [0.182, 0.337], atol=0.01)
    variances = fit.variances().iloc[0]
    assert variances["icc_lower"] < 0.499 < variances["icc_upper"]


class Integrated:
    """The hierarchical likelihood with the effects integrated, written out in numpy."""

    def __init__(self):
        data, square = crossbill_stacked()
        y = data["detection"].values[0, :, 0]
        date = data["date"].values.reshape(y.shape)
        made = np.isfinite(y) & np.isfinite(date)
        self.sign = np.where(y > 0, 1.0, -1.0)
        self.made, self.date = made, np.where(made, date, 0.0)
        self.seen = ((y > 0) & made).any(axis=1)
        self.x = np.column_stack([np.ones(len(y)), data["ele"].values, data["forest"].values])
        self.square = np.unique(square, return_inverse=True)[1]
        nodes, weights = np.polynomial.hermite_e.hermegauss(41)
        self.nodes, self.log_weights = nodes, np.log(weights / weights.sum())

    def __call__(self, theta):
        """Of (psi, p, log sigma)."""
        eta = (self.x @ theta[:3])[:, None] + np.exp(theta[5]) * self.nodes
        signed = self.sign * (theta[3] + theta[4] * self.date)
        log_q = np.where(self.made, -np.logaddexp(0, -signed), 0.0).sum(axis=1)[:, None]
        log_psi, log_not = -np.logaddexp(0, -eta), -np.logaddexp(0, eta)
        either = np.logaddexp(log_psi + log_q, np.where(self.seen[:, None], -np.inf, log_not))
        of_square = np.zeros((self.square.max() + 1, self.nodes.size))
        np.add.at(of_square, self.square, either)
        return np.logaddexp.reduce(of_square + self.log_weights, axis=1).sum()


@pytest.mark.slow
def test_hierarchical__sampler_equals_importance_sampling_of_the_integrated_posterior():
    """267 effects sampled, against 6 parameters with the effects integrated."""
    from scipy.optimize import minimize
    from scipy.stats import multivariate_t

    own = {"Intercept": "normal(0, 1.5)", "slopes": "normal(0, 1.5)"}
    fit = hierarchical(2000, psi=own | {"sd": "half_normal(1)"}, p=own)
    log_lik = Integrated()
    assert log_lik(np.array([*PSI, *P, np.log(SIGMA)])) == pytest.approx(-749.436, abs=2e-3)

    def log_posterior(theta):
        prior = -0.5 * (theta[:5] ** 2).sum() / 1.5**2 - 0.5 * np.exp(2 * theta[5]) + theta[5]
        return log_lik(theta) + prior

    start = np.array([*PSI, *P, np.log(SIGMA)])
    top = minimize(lambda t: -log_posterior(t), start, method="BFGS")
    proposal = multivariate_t(top.x, top.hess_inv * 1.2, df=7, seed=5)
    drawn = proposal.rvs(1200)
    log_weight = np.array([log_posterior(t) for t in drawn]) - proposal.logpdf(drawn)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    effective = 1 / (weight**2).sum()
    assert effective > 500
    drawn[:, 5] = np.exp(drawn[:, 5])
    names = ("psi", "p")
    mine = [
        fit.posterior[k].values[..., j] for k in names for j in range(fit.posterior[k].shape[-1])
    ]
    mine.append(fit.posterior["psi_sd[square]"].values)
    for k, values in enumerate(mine):
        mean = weight @ drawn[:, k]
        sd = (weight @ (drawn[:, k] - mean) ** 2) ** 0.5
        error = np.hypot(sd / effective**0.5, monte_carlo_error(values))
        assert abs(values.mean() - mean) < 4 * error
        assert values.std() == pytest.approx(sd, rel=0.12)
