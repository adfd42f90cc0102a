"""Royle-Nichols against unmarked 1.5.0.9008 (occuRN) and PRESENCE, by the public names.

Neither sums over all numbers of individuals: the stored fits stop at 25 to 100. With lambda near 2
that is enough for all the digits that they have.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from stored import assert_is_its_maximum, marks, read, slopes_in_errors, standardised, wide

import surveys
from occupancy.families.numbers import expected_number
from occupancy.model import Model

pytestmark = marks
SALAMANDERS = {  # MacKenzie et al. (2006) p. 99: history and number of sites
    "00000": 21, "00001": 2, "00010": 2, "00011": 1, "00100": 5, "00111": 2, "01000": 2,
    "10000": 1, "10011": 1, "10110": 1, "11110": 1,
}  # fmt: skip
COVARIATES = ("MinAfterSunset", "Temperature")


@cache
def woodthrush():
    data = surveys.from_arrays(wide("woodthrush/detections.csv"))
    return Model(data, family="royle_nichols").fit(engine="ml")


@cache
def frogs():
    visits = {k: standardised("frogs", k, wide(f"frogs/visit_{k}.csv")) for k in COVARIATES}
    data = surveys.from_arrays(wide("frogs/detections.csv"), visit_covariates=visits)
    return Model(data, family="royle_nichols", r=" + ".join(COVARIATES)).fit(engine="ml")


FITS = {
    "woodthrush/occuRN_K25": woodthrush,
    "woodthrush/occuRN_K50": woodthrush,
    "woodthrush/occuRN_K100": woodthrush,
    "frogs/pcru_occuRN_K60": frogs,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FITS)
def test_unmarked__maximum(name):
    assert_is_its_maximum(FITS[name](), name, rtol_se=2e-5)


@pytest.mark.parametrize("name", FITS)
def test_unmarked__abundance_of_every_site(name):
    """Expected numbers: before anything was seen, and given a site's visits."""
    fit, expected = FITS[name](), read(f"{name}_site.csv")
    lam = np.exp(fit.coefficients().set_index("parameter")["mean"]["lam"])
    np.testing.assert_allclose(lam, expected["psi"], atol=3e-5)
    np.testing.assert_allclose(fit.sites()["psi_mean"], -np.expm1(-expected["psi"]), atol=1e-5)
    problem = fit.problem
    at = fit.draws.point.coefficients
    eta = [at[name][0] @ p.columns for name, p in problem.predictors.items()]
    slopes = problem.in_field_order(problem.evaluate(tuple(eta))[-1][0])
    told = expected_number({"lam": np.full(slopes.size, lam)}, {"lam": slopes})
    np.testing.assert_allclose(told, expected["z_mean"], rtol=5e-5)


def test_unmarked__prediction_of_r():
    expected = read("frogs/pcru_occuRN_K60_predict_det.csv")
    got = frogs().predict(expected, interval=0.95, parameter="r")
    for mine, theirs in {"mean": "predicted", "lower": "lower95", "upper": "upper95"}.items():
        np.testing.assert_allclose(got[f"r_{mine}"], expected[theirs], atol=2e-5)
    np.testing.assert_allclose(got["r_sd"], expected["se"], rtol=2e-4)


def test_presence__blue_ridge_salamanders():
    """Lambda 1.1425 (0.4735 to 2.7568), r 0.1475, psi 0.6810, AIC 164.0016."""
    y = [[float(c) for c in history] for history, n in SALAMANDERS.items() for _ in range(n)]
    fit = Model(surveys.from_arrays(np.array(y)), family="royle_nichols").fit(engine="ml")
    table = fit.coefficients(interval=0.95).set_index("parameter")
    assert fit.aic == pytest.approx(164.0016, abs=5e-5)
    lam = np.exp(table.loc["lam", ["mean", "lower", "upper"]].to_numpy(float))
    np.testing.assert_allclose(lam, [1.1425, 0.4735, 2.7568], atol=1e-4)
    assert 1 / (1 + np.exp(-table.loc["r", "mean"])) == pytest.approx(0.1475, abs=5e-5)
    assert fit.sites()["psi_mean"][0] == pytest.approx(0.6810, abs=5e-5)
    assert np.abs(slopes_in_errors(fit)).max() < 1e-6
