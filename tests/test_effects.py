"""Curves along one covariate: the model's own arithmetic, in the units of the surveys."""

import numpy as np
import pytest

import surveys
from occupancy import Model
from surveys.problems import ModelError


def make_surveys(n=80, seed=5):
    rng = np.random.default_rng(seed)
    ele = rng.uniform(200, 1400, n)
    cover = rng.uniform(0, 100, n)
    day = rng.integers(100, 160, (n, 4)).astype(float)
    wood = rng.choice(["oak", "oak", "pine"], n)
    psi = 1 / (1 + np.exp(-(0.3 + 1.2 * (ele - 800) / 350)))
    p = 1 / (1 + np.exp(-(0.2 + 0.02 * (day - 130))))
    y = (rng.random((n, 4)) < p) & (rng.random(n) < psi)[:, None]
    return surveys.from_arrays(
        y.astype(float),
        site_covariates={"ele": ele, "cover": cover, "wood": wood},
        visit_covariates={"day": day},
        region=np.array([f"R{k % 4}" for k in range(n)]),
    )


@pytest.fixture(scope="module")
def fit():
    formulas = {"psi": "scale(ele) + I(scale(ele)^2) + cover + wood", "p": "scale(day)"}
    return Model(make_surveys(), **formulas).fit(engine="ml", seed=1)


def test_effects__curve_is_the_predictor_with_the_others_held(fit):
    curve = fit.effects("psi", "ele")
    data = fit.data
    table = fit.coefficients().set_index(["parameter", "term"])["mean"]["psi"]
    ele, cover = data["ele"].values, data["cover"].values
    z = (curve["value"] - ele.mean()) / ele.std(ddof=1)
    eta = table["Intercept"] + table["scale(ele)"] * z + table["I(scale(ele)^2)"] * z**2
    eta += table["cover"] * cover.mean()  # oak, the commonest, is the reference level
    assert np.allclose(curve["curve_mean"], 1 / (1 + np.exp(-eta)), atol=1e-12)
    assert curve.attrs["held"]["psi"]["wood"] == "oak"
    assert (curve["curve_lower"] < curve["curve_mean"]).all()


def test_effects__all_numeric_covariates_and_no_label(fit):
    pairs = set(fit.effects()[["parameter", "covariate"]].itertuples(index=False, name=None))
    assert pairs == {("psi", "ele"), ("psi", "cover"), ("p", "day")}


def test_effects__what_lies_beyond_the_surveyed_range_is_marked(fit):
    curve = fit.effects("psi", "ele", reach={"ele": (0.0, 3000.0)})
    low, high = fit.data["ele"].values.min(), fit.data["ele"].values.max()
    assert curve["value"].min() == 0.0
    assert curve["value"].max() == 3000.0
    beyond = (curve["value"] < low) | (curve["value"] > high)
    assert (curve["extrapolated"] == beyond).all()
    assert fit.effects("psi", "cover")["value"].min() >= 0


def test_effects__unknown_names_are_refused(fit):
    with pytest.raises(ModelError, match="no parameter 'phi'; it has psi, p"):
        fit.effects("phi")
    with pytest.raises(ModelError, match="'wood' is no numeric covariate of psi"):
        fit.effects("psi", "wood")


def test_rug__counts_sites_for_psi_and_visits_for_p(fit):
    rug = fit.rug()
    n = rug.groupby(["parameter", "covariate"]).size()
    assert n["psi", "ele"] == 80
    assert n["p", "day"] == 320
    seen = rug[rug["covariate"] == "day"]["detected"].sum()
    assert seen == np.nansum(fit.data["detection"].values)
