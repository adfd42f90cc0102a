"""Maximum likelihood and the sampler against published and exact numbers.

Numbers of maximum likelihood: package wiqid (help pages) and PRESENCE, as given in the field's
book; those of the posteriors: two-dimensional quadrature, here and elsewhere.
"""

from __future__ import annotations

import numpy as np
import pytest
import salamanders
from salamanders import Y, exact, log_normal, log_uniform
from scipy.special import expit

import surveys
from occupancy.engines import ml, nuts
from occupancy.engines.compiled import CompiledDensity
from occupancy.model import Model
from surveys.problems import ModelError


def fit_ml(psi="1", p="1", y=Y, **more):
    return Model(salamanders.data(y), psi=psi, p=p, **more).fit("ml")


# ---------------------------------------------------------------- maximum likelihood


def test_ml__salamanders_constant():
    fit = fit_ml()
    table = fit.coefficients(0.95).set_index("parameter")
    np.testing.assert_allclose(table["mean"], [0.3831, -1.0526], atol=1e-4)
    np.testing.assert_allclose(table["se"], [0.5086, 0.3009], atol=1e-4)
    assert fit.log_likelihood == pytest.approx(-80.8793, abs=1e-4)
    assert fit.aic == pytest.approx(165.7586, abs=1e-4)
    psi = fit.sites(0.95).iloc[0]
    told = psi[["psi_mean", "psi_sd", "psi_lower", "psi_upper"]].astype(float)
    np.testing.assert_allclose(told, [0.5946, 0.1226, 0.3512, 0.7990], atol=1e-4)
    p = expit(table.loc["p", ["mean", "lower", "upper"]].astype(float))
    np.testing.assert_allclose(p, [0.2587, 0.1622, 0.3863], atol=1e-4)


def test_ml__salamanders_states():
    """P(z = 1 | 00000) at the maximum, sites occupied, p* of five visits."""
    fit = fit_ml()
    sites = fit.sites()
    unseen = sites["detections"] == 0
    assert unseen.sum() == 21
    np.testing.assert_allclose(sites["present"][unseen], 0.2472, atol=5e-5)
    np.testing.assert_allclose(sites["present"][~unseen], 1.0)
    assert fit.overall()["occupied_mean"][0] == pytest.approx(23.190, abs=1e-3)
    detection = fit.detection().iloc[0]
    assert detection["p_star_mean"] == pytest.approx(0.7762, abs=1e-4)
    assert detection["visits_for_95"] == np.ceil(np.log(0.05) / np.log1p(-0.25873))


def test_ml__salamanders_profile_intervals():
    profile = fit_ml().profile(0.95).set_index("parameter")
    np.testing.assert_allclose(
        profile.loc["psi", ["lower", "upper"]].astype(float), [-0.4666, 2.2213], atol=1e-4
    )
    np.testing.assert_allclose(
        profile.loc["p", ["lower", "upper"]].astype(float), [-1.6943, -0.5025], atol=1e-4
    )


@pytest.mark.parametrize("formula", ["which", "0 + which", "factor(visit)"])
def test_ml__salamanders_p_by_day(formula):
    fit = fit_ml(p=formula)
    assert fit.aic == pytest.approx(167.7144, abs=1e-4)
    assert expit(fit.ml.coefficients["psi"][0]) == pytest.approx(0.5799, abs=1e-4)
    beta = fit.ml.coefficients["p"]
    by_day = expit(beta if formula.startswith("0") else np.append(0, beta[1:]) + beta[0])
    np.testing.assert_allclose(by_day, [0.1769, 0.1327, 0.3980, 0.3537, 0.2653], atol=1e-4)


@pytest.mark.parametrize(
    ("formula", "aic", "psi"),
    [
        ("day", 165.9228, 0.5899),
        ("scale(day)", 165.9228, 0.5899),
        ("day + I(day^2)", 166.3525, 0.5870),
        ("poly(day, 2)", 166.3525, 0.5870),
    ],
)
def test_ml__salamanders_p_in_time(formula, aic, psi):
    fit = fit_ml(p=formula)
    assert fit.aic == pytest.approx(aic, abs=1e-4)
    assert expit(fit.ml.coefficients["psi"][0]) == pytest.approx(psi, abs=1e-4)


def test_ml__salamanders_missing_data_ladder():
    """Cells counted down the columns, then a site, then a visit, without data."""
    y = Y.copy()
    cells = y.T.reshape(-1).copy()
    cells[np.array([6, 32, 89, 120, 123, 127, 130, 147, 154, 167]) - 1] = np.nan
    y = cells.reshape(5, 39).T.copy()
    found = []
    for step in (None, np.s_[2], np.s_[:, 2]):
        if step is not None:
            y[step] = np.nan
        fit = fit_ml(y=y)
        beta = fit.ml.coefficients
        found.append([expit(beta["psi"][0]), expit(beta["p"][0]), fit.aic])
    expected = [[0.5861, 0.2445, 149.7430], [0.5558, 0.2531, 144.1232], [0.3798, 0.3160, 101.1297]]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_ml__cloglog_of_a_constant_is_the_same_model():
    logit, cloglog = fit_ml(), fit_ml(link_psi="cloglog")
    assert cloglog.log_likelihood == pytest.approx(logit.log_likelihood, abs=1e-9)
    psi = -np.expm1(-np.exp(cloglog.ml.coefficients["psi"][0]))
    assert psi == pytest.approx(expit(logit.ml.coefficients["psi"][0]), abs=1e-7)


def test_ml__raw_and_scaled_covariates_are_one_model():
    """A date in thousands: same maximum, same fitted p; the slope in other units."""
    rng = np.random.default_rng(40)
    date = rng.normal(20_000, 30, (39, 5))
    data = surveys.from_arrays(Y, visit_covariates={"date": date})
    raw, scaled = (Model(data, p=f).fit("ml") for f in ("date", "scale(date)"))
    assert raw.log_likelihood == pytest.approx(scaled.log_likelihood, abs=1e-9)
    slope = scaled.ml.coefficients["p"][1] / np.std(date, ddof=1)
    assert raw.ml.coefficients["p"][1] == pytest.approx(slope, rel=1e-6)
    se = [f.ml.standard_errors()["p"][1] for f in (raw, scaled)]
    assert se[0] == pytest.approx(se[1] / np.std(date, ddof=1), rel=1e-6)


@pytest.mark.parametrize("n_visit", [2, 5])
def test_ml__closed_form_with_perfect_detection(n_visit):
    """O10: detected at every visit where present; psi is the naive share, p runs to 1."""
    y = np.zeros((30, n_visit))
    y[:12] = 1.0
    fit = Model(surveys.from_arrays(y)).fit("ml")
    assert expit(fit.ml.coefficients["psi"][0]) == pytest.approx(0.4, abs=1e-6)
    assert expit(fit.ml.coefficients["p"][0]) > 1 - 1e-6
    assert fit.log_likelihood == pytest.approx(12 * np.log(0.4) + 18 * np.log(0.6), abs=1e-6)
    assert fit.ml.flat


def test_ml__boundary_law():
    """psi-hat = 1 exactly when (never detected) / M < (1 - d / (M J))^J.

    Source: Guillera-Arroita, Ridout & Morgan (2010) Methods in Ecology and Evolution 1:131-139.
    """
    rng = np.random.default_rng(41)
    m, j = 20, 3
    on_boundary = 0
    for _ in range(60):
        y = (rng.random((m, 1)) < 0.7) * (rng.random((m, j)) < 0.2) * 1.0
        if not y.any():
            continue
        unseen = (y.sum(axis=1) == 0).mean()
        law = unseen < (1 - y.sum() / (m * j)) ** j
        top = ml.maximise(Model(surveys.from_arrays(y)).problem)
        at_one = expit(top.coefficients["psi"][0]) > 1 - 1e-6
        assert at_one == law
        assert top.flat == law
        on_boundary += law
    assert 10 < on_boundary < 40


def test_ml__one_visit_is_a_ridge_and_says_so():
    y = (np.random.default_rng(42).random((60, 1)) < 0.3).astype(float)
    top = Model(surveys.from_arrays(y)).fit("ml").ml
    assert top.flat
    assert np.isnan(top.covariance).all()
    share = y.mean()
    product = expit(top.coefficients["psi"][0]) * expit(top.coefficients["p"][0])
    assert product == pytest.approx(share, rel=1e-4)
    assert top.log_likelihood == pytest.approx(
        60 * (share * np.log(share) + (1 - share) * np.log(1 - share)), abs=1e-6
    )


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_ml__all_alike_is_told_and_gives_no_standard_errors(value):
    """Never, or always, detected: no number pretends to be an estimate with an error."""
    fit = Model(surveys.from_arrays(np.full((20, 4), value))).fit("ml")
    assert fit.ml.flat
    assert np.isnan(fit.ml.covariance).all()
    assert fit.log_likelihood == pytest.approx(0.0, abs=1e-4)
    table = fit.coefficients()
    assert table["se"].isna().all()
    assert table[["lower", "upper"]].isna().all(axis=None)
    sites = fit.sites()
    assert sites["psi_sd"].isna().all()
    if value:
        np.testing.assert_allclose(sites["present"], 1.0)
    codes = {w.code for w in fit.warnings if w.level in ("warn", "block")}
    assert codes & {"NODET", "ALLDET"}


def test_ml__no_visit_at_all_is_refused():
    with pytest.raises((ModelError, ValueError), match=r"[Nn]o visit"):
        Model(surveys.from_arrays(np.full((5, 3), np.nan))).fit("ml")


# ---------------------------------------------------------------- exact posteriors

PUBLISHED = {
    # prior: psi mean sd, p mean sd, E[N_fs]
    "uniform()": (log_uniform, 0.6128, 0.1230, 0.2591, 0.0559, 24.126),
    "normal(0, 1.6492422502470643)": (log_normal(2.72), 0.6176, 0.1243, 0.2569, 0.0558, 24.281),
    "normal(0, 1)": (log_normal(1.0), 0.5837, 0.1050, 0.2729, 0.0535, 23.122),
}


@pytest.mark.parametrize("prior", PUBLISHED)
def test_quadrature__is_the_published_one(prior):
    """The yardstick below, against numbers that others computed."""
    log_prior, *numbers = PUBLISHED[prior]
    answer = exact(log_prior)
    expected_sites = 18 + 21 * answer.mean(answer.present_unseen)
    found = [*answer.moments("psi"), *answer.moments("p"), expected_sites]
    np.testing.assert_allclose(found[:4], numbers[:4], atol=6e-5)
    assert found[4] == pytest.approx(numbers[4], abs=2e-3)  # 18 + 21 x four digits
    if prior == "uniform()":
        assert answer.correlation == pytest.approx(-0.548, abs=5e-4)
        assert answer.mean(answer.present_unseen) == pytest.approx(0.2917, abs=5e-5)
        quantiles = [answer.quantile(k, [0.025, 0.5, 0.975]) for k in ("psi", "p")]
        np.testing.assert_allclose(quantiles[0], [0.395, 0.603, 0.883], atol=1e-3)
        np.testing.assert_allclose(quantiles[1], [0.157, 0.256, 0.374], atol=1e-3)
        assert answer.mean(-2 * answer.log_lik) == pytest.approx(163.665, abs=2e-3)


def monte_carlo_error(values):
    """Standard error of the mean of (chain, draw) values by means of 25 batches per chain."""
    batches = np.stack(np.split(values[:, : values.shape[1] // 25 * 25], 25, axis=1), axis=1)
    means = batches.mean(axis=-1).ravel()
    return means.std(ddof=1) / np.sqrt(means.size)


def sampled(prior, draws, tune=500, **more):
    stated = {"Intercept": prior}
    model = Model(salamanders.data(), priors={"psi": stated, "p": stated})
    return model, model.fit("nuts", seed=7, draws=draws, tune=tune, chains=4, **more)


@pytest.mark.parametrize("prior", PUBLISHED)
def test_nuts__equals_quadrature(prior):
    """Means within 4 Monte Carlo errors, sd within 6 %, states and their sum as well."""
    answer = exact(PUBLISHED[prior][0])
    _, fit = sampled(prior, draws=2500)
    values = {k: expit(fit.posterior[k].values[..., 0]) for k in ("psi", "p")}
    for name, v in values.items():
        mean, sd = answer.moments(name)
        error = monte_carlo_error(v)
        assert error < 0.05 * sd
        assert abs(v.mean() - mean) < 4 * error
        assert v.std() == pytest.approx(sd, rel=0.06)
    hidden = values["psi"] * (1 - values["p"]) ** 5
    present = hidden / (hidden + 1 - values["psi"])
    expected = answer.mean(answer.present_unseen)
    assert abs(present.mean() - expected) < 4 * monte_carlo_error(present)
    sites = fit.sites()
    unseen = (sites["detections"] == 0).to_numpy()
    # the fit keeps 4,000 of the 10,000 draws for states: a wider Monte Carlo error
    assert sites["present"][unseen].to_numpy() == pytest.approx(expected, abs=0.012)
    overall = fit.overall().iloc[0]
    assert overall["occupied_mean"] == pytest.approx(18 + 21 * expected, abs=0.25)
    assert 18 <= overall["occupied_lower"] <= overall["occupied_upper"] <= 39


@pytest.mark.slow
def test_nuts__pymc_route_is_the_same_posterior():
    answer = exact(log_uniform)
    _, fit = sampled("uniform()", draws=1500, route="pymc")
    assert fit.about["route"] == "pymc"
    for name in ("psi", "p"):
        v = expit(fit.posterior[name].values[..., 0])
        assert abs(v.mean() - answer.moments(name)[0]) < 4 * monte_carlo_error(v)


def test_nuts__same_seed_same_draws_on_one_core_and_two():
    """O15: bit for bit; another seed is another set of draws."""
    problem = Model(
        surveys.from_arrays(Y, region=np.array(list("abc") * 13)), psi="(1 | region)"
    ).problem
    settings = {"draws": 60, "tune": 150, "chains": 2}
    runs = [
        nuts.sample(problem, seed=s, cores=c, **settings).posterior
        for s, c in ((3, 1), (3, 2), (3, 2), (4, 2))
    ]
    assert runs[0].identical(runs[1])
    assert runs[1].identical(runs[2])
    assert not runs[0].equals(runs[3])


def test_nuts__chains_differ_and_start_apart():
    _, fit = sampled("normal(0, 1)", draws=50, tune=200)
    first = fit.posterior["psi"].values[:, :, 0]
    assert len({row.tobytes() for row in first}) == 4
    density = CompiledDensity(fit.problem)
    starts = [density.start(np.random.default_rng(s)) for s in range(4)]
    assert len({s.tobytes() for s in starts}) == 4


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_nuts__all_alike_gives_the_prior_s_answer_not_nonsense(value):
    """Never detected: an interval for psi that reaches far from 0, never a bare 0."""
    y = np.full((30, 4), value)
    model = Model(surveys.from_arrays(y))
    fit = model.fit("nuts", seed=2, draws=400, tune=300, chains=2)
    sites = fit.sites(0.9)
    assert np.isfinite(sites[["psi_mean", "psi_lower", "psi_upper", "present"]]).all(axis=None)
    overall = fit.overall(interval=0.9).iloc[0]
    if value:
        assert overall["occupied_lower"] == overall["occupied_upper"] == 30
        assert sites["psi_lower"][0] > 0.8
    else:
        assert overall["naive"] == 0
        assert sites["psi_upper"][0] > 0.05
        assert overall["occupied_upper"] >= 1
    codes = {w.code for w in fit.warnings if w.level in ("warn", "block")}
    assert codes & {"NODET", "ALLDET"}
