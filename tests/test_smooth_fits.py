"""Curves and seasons of a fit: the truth recovered, drawn, kept, and told at new places."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import occupancy
import surveys
from occupancy import Model
from occupancy.results.draws import linear_predictor
from surveys.problems import ModelError

YEARS = np.arange(2001, 2013)
TREND = np.array([0.9, 1.0, 0.6, 0.7, 0.2, 0.0, -0.1, -0.5, -0.4, -0.8, -0.7, -0.9])


def psi_of(ele):
    return expit(2.0 * np.sin(ele / 450.0) - 0.2 + 0.0004 * ele)


def p_of(day):
    return expit(0.3 + 1.2 * np.cos(2 * np.pi * (day - 120.0) / 365.0))


@pytest.fixture(scope="module")
def curves():
    """250 sites along a gradient, visited on five days of any season."""
    rng = np.random.default_rng(1)
    ele, day = rng.uniform(0, 3000, 250), rng.integers(0, 365, (250, 5)).astype(float)
    z = rng.random(250) < psi_of(ele)
    y = (rng.random(day.shape) < p_of(day)) & z[:, None]
    data = surveys.from_arrays(
        y.astype(float),
        site_covariates={"ele": ele, "wood": rng.choice(["oak", "pine"], 250)},
        visit_covariates={"day": day},
        region=np.array([f"R{k % 12}" for k in range(250)]),
    )
    model = Model(data, psi="spline(ele) + wood + (1 | region)", p="cyclic(day, period=365)")
    return model.fit(seed=2, chains=2, draws=400, tune=400, cores=2)


@pytest.fixture(scope="module")
def seasons():
    """120 sites in two regions over twelve years, of which one has no visit: its trend is known."""
    rng = np.random.default_rng(4)
    region = np.arange(120) % 2
    eta = np.where(region[:, None] == 0, 1.3 * TREND, -0.8 * TREND)
    z = rng.random(eta.shape) < expit(eta)
    y = ((rng.random((120, 12, 4)) < 0.5) & z[..., None]).astype(float)
    y[:, 5] = np.nan
    x = rng.normal(size=120)
    region = np.array(["north", "south"])[region]
    data = surveys.from_arrays(y, site_covariates={"x": x}, region=region)
    data = data.assign_coords(season=YEARS)
    model = Model(data, family="stacked", psi="x + rw(season | region)", p="ar1(season)")
    return model.fit(seed=2, chains=2, draws=400, tune=400, cores=2)


def test_spline__the_curve_of_psi_is_recovered(curves):
    told = curves.effects("psi", "ele")
    inside = told[~told["extrapolated"]]
    true = psi_of(inside["value"])
    held = ((inside["curve_lower"] <= true) & (true <= inside["curve_upper"])).mean()
    assert held > 0.7  # of 90 %, along one curve
    assert np.abs(inside["curve_mean"] - true).max() < 0.2
    assert told["extrapolated"].any()
    assert "region" in told.attrs["groups"]["psi"]
    assert told.attrs["held"]["psi"]["ele"] == pytest.approx(curves.data["ele"].values.mean())


def test_spline__its_curve_is_the_predictor_of_its_weights(curves):
    """By hand: intercept, and the kept weights times the shapes."""
    problem, draws = curves.problem, curves.draws
    p = problem.predictors["psi"]
    term = next(t.design for t in p.varying if t.name == "spline(ele)")
    told = curves.effects("psi", "ele")
    eta = draws.coefficients["psi"][:, :1] + draws.effects["psi", "spline(ele)"] @ (
        term.shapes(told["value"].to_numpy()).T
    )
    if told.attrs["held"]["psi"]["wood"] == "pine":
        eta = eta + draws.coefficients["psi"][:, 1:2]
    np.testing.assert_allclose(told["curve_mean"], expit(eta).mean(axis=0), rtol=1e-9)


def test_cyclic__the_year_of_p_is_recovered(curves):
    told = curves.effects("p", "day")
    assert np.abs(told["curve_mean"] - p_of(told["value"])).max() < 0.2
    assert told["value"].max() <= 365  # where it would begin again


def test_spline__other_curves_hold_it_at_the_mean(curves):
    told = curves.effects()
    pairs = set(told[["parameter", "covariate"]].itertuples(index=False, name=None))
    assert pairs == {("psi", "ele"), ("p", "day")}


def test_curves__predicted_sites_are_the_fitted_ones_and_a_loaded_fit_tells_the_same(
    curves, tmp_path
):
    data = curves.data
    frame = pd.DataFrame({k: data[k].values for k in ("ele", "wood", "region")})
    frame.loc[0, "ele"] = 4000.0
    curves.save(tmp_path / "fit")
    again = occupancy.load(tmp_path / "fit")
    one, two = curves.predict(frame), again.predict(frame)
    pd.testing.assert_frame_equal(one, two)
    np.testing.assert_allclose(
        one["psi_mean"][1:], curves.sites()["psi_mean"][1:], rtol=1e-12, atol=1e-14
    )
    assert one["extrapolated"].tolist()[:2] == [True, False]
    assert again.hyperparameters().equals(curves.hyperparameters())


def test_hyperparameters__every_term_has_its_own(curves, seasons):
    told = curves.hyperparameters()
    assert list(told["term"]) == ["region", "spline(ele)", "cyclic(day)"]
    told = seasons.hyperparameters().set_index(["term", "hyper"])["mean"]
    assert list(told.index) == [
        ("rw(season|region)", "sd"),
        ("ar1(season)", "sd"),
        ("ar1(season)", "rho"),
    ]
    assert -1 < told["ar1(season)", "rho"] < 1
    assert not len(seasons.groups())  # seasons are no levels of a group


def test_trends__two_regions_that_part_are_told_apart(seasons):
    told = seasons.trends()
    walks = told[told["parameter"] == "psi"]
    assert list(walks["season"][:12]) == list(YEARS)
    for group, sign in (("north", 1.3), ("south", -0.8)):
        own = walks[walks["group"] == group]
        true = sign * (TREND - TREND.mean())
        assert np.corrcoef(own["mean"], true)[0, 1] > 0.85
        held = (own["lower"] <= true) & (true <= own["upper"])
        assert held.mean() >= 0.7
        np.testing.assert_allclose(own["mean"].mean(), 0.0, atol=1e-12)
    north = walks[walks["group"] == "north"].reset_index(drop=True)
    draws = seasons.draws
    effect = draws.effects["psi", "rw(season|region)"][:, :12]
    held = told.attrs["held"]["psi"]["x"]
    fixed = draws.coefficients["psi"][:, :1] + draws.coefficients["psi"][:, 1:2] * held
    np.testing.assert_allclose(north["curve_mean"], expit(fixed + effect).mean(axis=0), rtol=1e-9)
    unseen = north["sd"][5]  # 2006, without visits
    assert unseen > north["sd"][[4, 6]].max()


def test_effects__seasons_stand_at_the_surveyed_ones(seasons):
    told = seasons.effects("p", "season")
    assert list(told["value"]) == [y for y in YEARS if y != 2006]
    with pytest.raises(ModelError, match="no numeric covariate of psi"):
        seasons.effects("psi", "season")  # it differs between regions alone


def test_time__seasons_to_come_and_regions_never_seen_are_told(seasons):
    p = seasons.problem.predictors["psi"]
    frame = {
        "x": np.zeros(4),
        "season": np.array([2012.0, 2013.0, 2020.0, 2012.0]),
        "region": np.array(["north", "north", "north", "east"], dtype=object),
    }
    eta = linear_predictor(p, seasons.draws, frame, 4)
    sd = eta.std(axis=0)
    assert sd[0] < sd[1] < sd[2]
    assert sd[0] < sd[3]
    assert abs(eta[:, 1].mean() - eta[:, 0].mean()) < 0.1  # a walk goes on level


def test_rw__the_prior_of_psi_prefers_neither_end_however_many_seasons():
    """Share of the prior below 1 % or above 99 %, and beyond 5 % and 95 %, in the worst season."""
    rng = np.random.default_rng(5)
    for formula in ("rw(season)", "ar1(season)"):
        shares = {}
        for n in (5, 40):
            data = surveys.from_arrays(np.zeros((2, n, 1)))
            model = Model(data.assign_coords(season=np.arange(n)), family="stacked", psi=formula)
            drawn = model.simulate(seed=int(rng.integers(100)), draws=4000)
            eta = drawn["psi"].values[:, :1] + drawn[f"psi_effect[{formula}]"].values
            ends = (np.abs(eta) > np.log(99)).mean(axis=0).max()
            shares[n] = (np.abs(eta) > np.log(19)).mean(axis=0).max()
            assert ends < 0.05
            assert shares[n] < 0.2
        assert abs(shares[5] - shares[40]) < 0.05


def test_stacked__is_single_season_occupancy_season_by_season():
    from occupancy import families
    from occupancy.families.padded import evaluate

    rng = np.random.default_rng(6)
    y = (rng.random((20, 3, 3)) < 0.4).astype(float)
    y[rng.random(y.shape) < 0.3] = np.nan
    eta = {"psi": rng.normal(size=(20, 3)), "p": rng.normal(size=(20, 3, 3))}
    got = evaluate(families.get("stacked"), eta, y)
    alone = 0.0
    for t in range(3):
        own = {"psi": eta["psi"][:, t], "p": eta["p"][:, t : t + 1]}
        part = evaluate(families.get("single_season"), own, y[:, t : t + 1])
        alone = alone + part.log_lik
        np.testing.assert_allclose(got.states[:, t], part.states[:, 0], rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(
            got.gradients["psi"][:, t], part.gradients["psi"], rtol=1e-9, atol=1e-12
        )
    np.testing.assert_allclose(got.log_lik, alone, rtol=1e-11)
