"""Maximum likelihood where it is hard: ends of the scale, several tops, what is told of them."""

from __future__ import annotations

import numpy as np
import pytest
from good_surveys import simulate

import surveys
from occupancy.model import Model
from surveys.problems import ModelError


def table(fit):
    return fit.coefficients().set_index(["parameter", "term"])


# ---------------------------------------------------------------- ends of the scale


@pytest.fixture(scope="module")
def no_colonisation():
    """Three seasons; none of the sites empty in the first was ever colonised after it."""
    rng = np.random.default_rng(8)
    z = np.zeros((150, 3), bool)
    z[:, 0] = rng.random(150) < 0.5
    z[:, 1] = z[:, 0] & (rng.random(150) < 0.7)
    z[:, 2] = np.where(z[:, 1], rng.random(150) < 0.8, rng.random(150) < 0.4)
    y = (rng.random((150, 3, 6)) < 0.7) & z[:, :, None]
    data = surveys.from_arrays(y.astype(float))
    return data.assign_coords(season=["a", "b", "c"])


def test_boundary__a_rate_of_zero_leaves_the_other_standard_errors(no_colonisation):
    """They are those of the model in which that rate is zero: its year is then left out."""
    fit = Model(no_colonisation, family="dynamic", gamma="0 + factor(season)").fit(engine="ml")
    got = table(fit)
    (flat,) = [w for w in fit.warnings if w.code == "FLAT"]
    assert flat.numbers["without_standard_error"] == ["gamma: season[a]"]
    assert np.isnan(got.loc[("gamma", "season[a]"), "se"])
    others = got.drop(index=("gamma", "season[a]"))
    assert (others["se"] > 0).all()
    # by differences of the log-likelihood itself, the rate held at nothing
    at = {p: own["mean"].droplevel(0).to_dict() for p, own in got.groupby(level=0)}
    at["gamma"]["season[a]"] = -40.0
    places = list(others.index)

    def value(step):
        moved = {p: dict(own) for p, own in at.items()}
        for (p, t), s in zip(places, step, strict=True):
            moved[p][t] += s
        return float(fit.model.evaluate(moved)["log_likelihood"].sum())

    h, n = 1e-3, len(places)
    hessian = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            e, f = h * np.eye(n)[i], h * np.eye(n)[j]
            hessian[i, j] = (value(e + f) - value(e - f) - value(f - e) + value(-e - f)) / (
                4 * h * h
            )
    errors = np.sqrt(np.diag(np.linalg.inv(-hessian)))
    np.testing.assert_allclose(others["se"], errors, rtol=1e-4)


def test_boundary__answers_that_need_the_lost_error_have_none(no_colonisation):
    fit = Model(no_colonisation, family="dynamic", gamma="0 + factor(season)").fit(engine="ml")
    got = fit.predict({"season": ["a", "b"]}, parameter="gamma")
    assert got["gamma_mean"][0] < 1e-6
    assert np.isnan(got["gamma_sd"][0])
    assert got["gamma_sd"][1] > 0
    assert fit.predict({"x": [1]}, parameter="p")["p_sd"].notna().all()
    assert fit.sites()["psi_mean"].notna().all()
    assert fit.sites()["present"].notna().all()


def test_ridge__coefficients_that_trade_places_have_no_standard_error():
    rng = np.random.default_rng(4)
    fit = Model(surveys.from_arrays((rng.random((60, 1)) < 0.4).astype(float))).fit(engine="ml")
    assert fit.coefficients()["se"].isna().all()


# ---------------------------------------------------------------- several tops


def test_starts__more_are_made_where_much_is_hidden():
    """Correlated visits, 70 sites: three starts end 0.48 below the top that one of eight finds."""
    data, options = simulate("correlated", seed=0, n_site=70)
    fit = Model(data, family="correlated", **options).fit(engine="ml")
    assert fit.log_likelihood == pytest.approx(-280.0826, abs=1e-3)
    assert fit.ml.starts == 8
    assert "FLAT" in {w.code for w in fit.warnings}


def test_starts__three_are_enough_where_they_agree():
    data, _ = simulate("single_season", n_site=70)
    assert Model(data).fit(engine="ml").ml.starts == 3


# ---------------------------------------------------------------- types of visits


def unlabelled(y, **more):
    return Model(surveys.from_arrays(np.asarray(y, float)), family="false_positive", **more)


def seen(certain, n=120):
    rng = np.random.default_rng(5)
    present = rng.random(n) < 0.5
    y = (rng.random((n, 5)) < np.where(present, 0.6, 0.05)[:, None]).astype(float)
    sure = (rng.random(y.shape) < 0.4) & (y > 0) & present[:, None]
    return np.where(sure & certain, 2.0, y)


def test_visits__without_a_covariate_a_certain_detection_tells_that_they_were_confirmed():
    assert list(unlabelled(seen(True)).problem.predictors) == ["psi", "b", "p11", "p10"]
    assert unlabelled(seen(True)).family.options == {"visits": "confirmed"}


def test_visits__without_any_certain_detection_nothing_was_confirmed():
    made = unlabelled(seen(False), mirror="below")
    assert list(made.problem.predictors) == ["psi", "p11", "q"]  # no b, of which nothing is known
    assert unlabelled(seen(False), visits="confirmed", mirror="below").formulas.keys() >= {"b"}


def test_visits__the_document_makes_the_same_model_again():
    for made in (unlabelled(seen(True)), unlabelled(seen(False), mirror="below")):
        again = Model.from_dict(made.data, made.to_dict())
        assert again.to_dict() == made.to_dict()
        assert again.digest == made.digest


def test_visits__one_type_beside_a_covariate_that_tells_is_refused():
    kind = np.full((120, 5), "confirmed")
    data = surveys.from_arrays(seen(True), visit_covariates={"visit_type": kind})
    with pytest.raises(ModelError, match="Leave one of them out"):
        Model(data, family="false_positive", visits="unconfirmed")
    assert "b" in Model(data, family="false_positive").formulas


def test_visits__without_any_that_could_be_wrong_there_is_nothing_to_estimate():
    kind = np.full((120, 5), "standard")
    data = surveys.from_arrays(seen(False), visit_covariates={"visit_type": kind})
    with pytest.raises(ModelError, match="single_season"):
        Model(data, family="false_positive")
    with pytest.raises(ModelError, match="'method', which is not in the surveys"):
        Model(data, family="false_positive", by="method")
    with pytest.raises(ModelError, match="visits = 'sure'"):
        unlabelled(seen(False), visits="sure")


# ---------------------------------------------------------------- any parameter, anywhere


def test_predict__a_parameter_by_name_and_its_faults_in_words():
    rng = np.random.default_rng(2)
    date = rng.normal(size=(80, 4))
    y = (rng.random(date.shape) < 0.5) & (rng.random(80) < 0.6)[:, None]
    data = surveys.from_arrays(y.astype(float), visit_covariates={"date": date})
    fit = Model(data, p="date").fit(engine="ml")
    got = fit.predict({"date": [0.0, 9.0, np.nan]}, interval=0.95, parameter="p")
    at, se = table(fit).loc[("p", "Intercept"), ["mean", "se"]]
    ends = [at - 1.959964 * se, at, at + 1.959964 * se]
    natural = 1 / (1 + np.exp(-np.array(ends)))
    np.testing.assert_allclose(got.loc[0, ["p_lower", "p_mean", "p_upper"]], natural, rtol=1e-6)
    assert got["extrapolated"].tolist() == [False, True, False]
    assert np.isnan(got["p_mean"][2])
    with pytest.raises(ModelError, match=r"no parameter 'P'.*It has psi, p"):
        fit.predict({"date": [0.0]}, parameter="P")
    with pytest.raises(ModelError, match="no column date, which p uses"):
        fit.predict({"day": [0.0]}, parameter="p")


def test_predict__a_rate_is_of_one_unit_of_effort():
    rng = np.random.default_rng(2)
    effort = rng.uniform(1, 9, (120, 3))
    count = rng.poisson(0.7 * effort) * (rng.random(120) < 0.6)[:, None]
    data = surveys.from_arrays(count=count.astype(float), effort=effort, effort_units="hours")
    fit = Model(data, family="counts").fit(engine="ml")
    got = fit.predict({"any": [1]}, parameter="rate")
    assert got["rate_mean"][0] == pytest.approx(0.7, abs=0.1)
