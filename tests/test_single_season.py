"""Model.evaluate and Model.simulate on raw surveys against sums written out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from oracle import sites
from scipy.stats import chi2

import surveys
from occupancy.model import Model
from surveys.problems import ModelError, SurveyError

PSI = {"Intercept": 0.4, "ele": -0.9, "forest": 0.03}
P = {"Intercept": -0.7, "date": 0.05, "wind[strong]": -0.6}
REGION = {"a": 0.5, "b": -0.25, "c": 1.0}
OBSERVER = {"x": -0.4, "y": 0.3}


def ragged(rng, n=11, j=4):
    """Raw surveys whose order of sites, visits and labels is not what the layout uses."""
    y = (rng.random((n, j)) < 0.35).astype(float)
    y[rng.random((n, j)) < 0.3] = np.nan
    y[2], y[5] = np.nan, 0.0
    return {
        "y": y,
        "ele": rng.normal(size=n),
        "forest": rng.uniform(0, 90, n),
        "region": np.array(list("cab"))[rng.integers(0, 3, n)],
        "date": rng.uniform(-30, 30, (n, j)),
        "wind": np.array(["calm", "strong"])[rng.integers(0, 2, (n, j))],
        "observer": np.array(["y", "x"])[rng.integers(0, 2, (n, j))],
        "minutes": rng.uniform(5, 60, (n, j)),
    }


def model_of(raw, psi, p, **more):
    data = surveys.from_arrays(
        raw["y"],
        site_covariates={k: raw[k] for k in ("ele", "forest")},
        visit_covariates={k: raw[k] for k in ("date", "wind", "observer", "minutes")},
        region=raw["region"],
    )
    return Model(data, psi=psi, p=p, **more)


def by_hand(raw, effects=True):
    """(site,) and (site, visit) predictors from the raw arrays and the numbers above."""
    eta = PSI["Intercept"] + PSI["ele"] * raw["ele"] + PSI["forest"] * raw["forest"]
    eta_p = P["Intercept"] + P["date"] * raw["date"] + P["wind[strong]"] * (raw["wind"] == "strong")
    if effects:
        eta = eta + np.array([REGION[r] for r in raw["region"]])
        eta_p = eta_p + np.vectorize(OBSERVER.get)(raw["observer"]) + np.log(raw["minutes"])
    return eta, eta_p


@pytest.mark.parametrize("link", ["logit", "cloglog"])
def test_evaluate__equals_enumeration_from_raw_surveys(link):
    """O1-O3 with covariates, factor, offset, groups in psi and p, ragged, one site unvisited."""
    raw = ragged(np.random.default_rng(30))
    model = model_of(
        raw,
        "ele + forest + (1 | region)",
        "date + wind + offset(log(minutes)) + (1 | observer)",
        link_psi=link,
    )
    got = model.evaluate({"psi": PSI | {"region": REGION}, "p": P | {"observer": OBSERVER}})
    eta, eta_p = by_hand(raw)
    value, present, slope, slopes = sites(eta, eta_p, raw["y"], link)
    np.testing.assert_allclose(got["log_likelihood"].values[0], value, rtol=1e-10, atol=1e-100)
    states = got["state_probability"].sel(state="present").values[0, :, 0]
    np.testing.assert_allclose(states, present, rtol=1e-10)
    made = ~np.isnan(raw["y"])
    visits = np.where(made, slopes, 0.0)
    np.testing.assert_allclose(
        got["gradient_psi"],
        [slope.sum(), slope @ raw["ele"], slope @ raw["forest"]],
        rtol=1e-8,
        atol=1e-12,
    )
    strong = raw["wind"] == "strong"
    expected = [visits.sum(), (visits * raw["date"]).sum(), visits[strong].sum()]
    np.testing.assert_allclose(got["gradient_p"], expected, rtol=1e-8, atol=1e-12)
    assert list(got["gradient_p"]["p_term"].values) == list(P)


@pytest.mark.parametrize("size", [40.0, 800.0])
def test_evaluate__extreme_predictors(size):
    """Through the whole of the model; 800 logits are exp(-800), which no double holds."""
    y = np.array([[0, 0], [1, 0], [0, 0], [1, 1], [0, np.nan]], float)
    steep = np.array([size, -size, -size, size, size])
    data = surveys.from_arrays(
        y, site_covariates={"x": steep}, visit_covariates={"v": steep[:, None] * [[0.5, -1.0]]}
    )
    got = Model(data, psi="x", p="v").evaluate(
        {"psi": {"Intercept": 0, "x": 1}, "p": {"Intercept": 0, "v": 1}}
    )
    expected = sites(steep, steep[:, None] * [[0.5, -1.0]], y, digits=100 if size < 100 else 500)
    np.testing.assert_allclose(
        got["log_likelihood"].values[0], expected[0], rtol=1e-10, atol=1e-13 if size > 100 else 0
    )
    np.testing.assert_allclose(
        got["gradient_psi"], [expected[2].sum(), expected[2] @ steep], rtol=1e-8, atol=1e-10
    )


def test_evaluate__all_sites_add_up_and_twice_is_double():
    """O7."""
    raw = ragged(np.random.default_rng(31))
    twice = {k: np.concatenate([v, v]) for k, v in raw.items()}
    given = {"psi": PSI, "p": P}
    formulas = ("ele + forest", "date + wind")
    one = model_of(raw, *formulas).evaluate(given)
    two = model_of(twice, *formulas).evaluate(given)
    for name in ("gradient_psi", "gradient_p"):
        np.testing.assert_allclose(two[name], 2 * one[name], rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(two["log_likelihood"].sum(), 2 * one["log_likelihood"].sum())
    part = {k: v[:5] for k, v in raw.items()}
    rest = {k: v[5:] for k, v in raw.items()}
    parts = [model_of(r, *formulas).evaluate(given)["log_likelihood"].sum() for r in (part, rest)]
    np.testing.assert_allclose(sum(map(float, parts)), float(one["log_likelihood"].sum()))


def test_evaluate__missing_visits_and_their_covariates_change_nothing():
    """O6: NaN covariates where no visit was made; a visit more, a site more."""
    raw = ragged(np.random.default_rng(32))
    given = {"psi": PSI, "p": P}
    first = model_of(raw, "ele + forest", "date + wind").evaluate(given)
    blank = dict(raw, date=np.where(np.isnan(raw["y"]), np.nan, raw["date"]))
    blank["wind"] = np.where(np.isnan(raw["y"]), "", raw["wind"])
    wide = dict(blank)
    for name in ("y", "date", "minutes"):
        wide[name] = np.column_stack([blank[name], np.full(11, np.nan)])
    for name in ("wind", "observer"):
        wide[name] = np.column_stack([blank[name], np.full(11, "")])
    tall = {
        k: np.concatenate([v, np.full((1, *v.shape[1:]), np.nan if v.dtype.kind == "f" else "")])
        for k, v in wide.items()
    }
    tall["ele"][-1], tall["forest"][-1], tall["region"][-1] = 0.1, 50.0, "a"
    for changed in (blank, wide, tall):
        got = model_of(changed, "ele + forest", "date + wind").evaluate(given)
        same = got["log_likelihood"].values[0, :11]
        np.testing.assert_array_equal(same, first["log_likelihood"].values[0])
        for name in ("gradient_psi", "gradient_p"):
            np.testing.assert_allclose(got[name], first[name], rtol=1e-12, atol=1e-14)


def test_evaluate__visit_without_its_covariate_is_dropped_where_it_is_used():
    """The policy "drop visit" acts in the model that uses the covariate, and is told."""
    raw = ragged(np.random.default_rng(33))
    made = np.argwhere(~np.isnan(raw["y"]))
    i, j = made[7]
    raw["date"][i, j] = np.nan
    without = dict(raw, y=raw["y"].copy())
    without["y"][i, j] = np.nan
    given = {"psi": {"Intercept": 0.4}, "p": {"Intercept": -0.7, "date": 0.05}}
    dropped = model_of(raw, "1", "date")
    assert dropped.problem.left_out.visits == {"date": 1}
    np.testing.assert_array_equal(
        dropped.evaluate(given)["log_likelihood"],
        model_of(without, "1", "date").evaluate(given)["log_likelihood"],
    )
    kept = model_of(raw, "1", "wind")
    assert not kept.problem.left_out
    assert kept.problem.used.sum() == dropped.problem.used.sum() + 1


def test_evaluate__float32_is_taken_up():
    """O15: numbers given in single precision are computed in double."""
    raw = ragged(np.random.default_rng(34))
    single = {k: v.astype(np.float32) if v.dtype.kind == "f" else v for k, v in raw.items()}
    double = {k: v.astype(np.float64) if v.dtype.kind == "f" else v for k, v in single.items()}
    given = {"psi": PSI, "p": P}
    got = [model_of(r, "ele + forest", "date + wind").evaluate(given) for r in (single, double)]
    for name in ("log_likelihood", "gradient_psi", "gradient_p"):
        assert got[0][name].dtype == np.float64
        np.testing.assert_array_equal(got[0][name], got[1][name])


@pytest.mark.parametrize("formula", ["log(forest)", "sqrt(ele)", "offset(log(forest))"])
def test_evaluate__a_term_without_a_result_is_refused(formula):
    """A logarithm of 0 at a visited site must never become a column of zeros."""
    raw = ragged(np.random.default_rng(35))
    raw["forest"][0], raw["ele"][0] = 0.0, -1.0
    with pytest.raises(ModelError, match=r"forest|ele"):
        model_of(raw, formula, "1")


@pytest.mark.parametrize("value", [2.0, 0.5, -1.0, np.inf])
def test_model__detections_are_zero_or_one(value):
    y = np.array([[0, 1, 0], [value, 0, 0]])
    with pytest.raises((SurveyError, ModelError)):
        Model(surveys.from_arrays(y))


def test_evaluate__coefficients_that_are_not_numbers_are_refused():
    model = Model(surveys.from_arrays(np.array([[1.0, 0], [0, 0]])))
    for bad in (np.nan, np.inf):
        with pytest.raises(ModelError, match="Intercept"):
            model.evaluate({"psi": {"Intercept": bad}, "p": {"Intercept": 0.0}})


def test_simulate__histories_follow_the_model():
    """O14 through Model.simulate: p differs by visit, and a third of the sites skip visit 2."""
    n = 21_000
    rng = np.random.default_rng(36)
    y = np.zeros((n, 3))
    y[::3, 1] = np.nan
    x = np.tile([-1.0, 0.0, 1.5], (n, 1))
    z = rng.integers(0, 2, n).astype(float)
    tight = {"Intercept": "normal(0.3, 1e-9)", "slopes": "normal(0.8, 1e-9)"}
    data = surveys.from_arrays(y, site_covariates={"z": z}, visit_covariates={"x": x})
    model = Model(data, psi="z", p="x", priors={"psi": tight, "p": tight})
    drawn = model.simulate(seed=5)["detection"].values[0, 0, :, 0]
    assert (np.isnan(drawn) == np.isnan(y)).all()
    statistic, freedom = 0.0, 0
    for skips in (False, True):
        for covariate in (0.0, 1.0):
            rows = (z == covariate) & (np.isnan(y[:, 1]) == skips)
            visits = [0, 2] if skips else [0, 1, 2]
            codes = drawn[rows][:, visits] @ 2.0 ** np.arange(len(visits))
            table = np.full((2 ** len(visits), 3), np.nan)
            table[:, visits] = (np.arange(len(table))[:, None] >> np.arange(len(visits))) & 1
            eta = np.full(len(table), 0.3 + 0.8 * covariate)
            value, *_ = sites(eta, 0.3 + 0.8 * np.tile(x[0], (len(table), 1)), table)
            expected = rows.sum() * np.exp(value)
            seen = np.bincount(codes.astype(int), minlength=len(table))
            statistic += ((seen - expected) ** 2 / expected).sum()
            freedom += len(table) - 1
    assert chi2.sf(statistic, freedom) > 1e-4
    again = model.simulate(seed=5)["detection"].values[0, 0, :, 0]
    np.testing.assert_array_equal(again, drawn)
