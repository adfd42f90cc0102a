"""Group effects by maximum likelihood against an exact integral: crossbills 1999 to 2001.

801 site-years of 267 squares, an effect of the square in psi. Reference values by 61-point
Gauss-Hermite quadrature, to the digits printed; Laplace's approximation as unmarked 1.5.0 has it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import surveys
from occupancy.model import Model

REFERENCE = Path(__file__).parents[2].parent / "shared" / "reference" / "crossbill"
pytestmark = [
    pytest.mark.reference,
    pytest.mark.skipif(not REFERENCE.is_dir(), reason="reference results are not here"),
]
YEARS = (1999, 2000, 2001)


@pytest.fixture(scope="module")
def model():
    """Years stacked, covariates scaled after stacking, visits without a date left out."""
    read = lambda name: pd.read_csv(REFERENCE / name, index_col="site")  # noqa: E731
    visits = [[f"s{year}v{j}" for j in (1, 2, 3)] for year in YEARS]
    y, date = (
        np.concatenate([read(name)[v].to_numpy(float) for v in visits])
        for name in ("detections.csv", "visit_date.csv")
    )
    sites = read("site_covariates.csv")
    square = np.tile([f"s{i}" for i in sites.index], len(YEARS)).astype(object)
    y = np.where(np.isnan(date), np.nan, y)

    def scaled(x):
        return (x - np.nanmean(x)) / np.nanstd(x, ddof=1)

    covariates = {n: scaled(np.tile(sites[n].to_numpy(float), len(YEARS))) for n in NAMES}
    data = surveys.from_arrays(
        y,
        site_covariates={**covariates, "square": square},
        visit_covariates={"date": np.where(np.isnan(y), np.nan, scaled(date))},
    )
    return Model(data, psi="ele + forest + (1 | square)", p="date")


NAMES = ("ele", "forest")


def test_crossbill__quadrature_is_the_exact_fit(model):
    fit = model.fit(engine="ml", nodes=61)
    got = fit.coefficients()
    np.testing.assert_allclose(got["mean"], [-1.5695, 1.1266, 1.4528, 0.1914, 0.3346], atol=1e-4)
    np.testing.assert_allclose(got["se"], [0.2153, 0.2123, 0.2255, 0.0975, 0.0904], atol=1e-4)
    told = fit.variances().iloc[0]
    assert told["mean"] == pytest.approx(1.8108, abs=1e-4)
    assert told["icc_mean"] == pytest.approx(0.499, abs=5e-4)
    assert fit.ml.hyper[0] == pytest.approx(0.5938, abs=1e-4)
    assert fit.ml.hyper_errors[0] == pytest.approx(0.1669, abs=1e-4)
    assert fit.log_likelihood == pytest.approx(-749.436, abs=5e-4)
    assert fit.aic == pytest.approx(1510.872, abs=1e-3)
    pooled = fit.ml.pooled
    assert pooled.aic == pytest.approx(1547.462, abs=1e-3)
    assert 2 * (fit.log_likelihood - pooled.log_likelihood) == pytest.approx(38.59, abs=5e-3)
    np.testing.assert_allclose(pooled.coefficients["psi"], [-1.0661, 0.8006, 0.9843], atol=1e-4)


def test_crossbill__by_itself_the_fit_takes_nodes_enough(model):
    fit = model.fit(engine="ml")
    assert fit.log_likelihood == pytest.approx(-749.436, abs=1e-3)
    assert fit.variances()["mean"][0] == pytest.approx(1.8108, abs=1e-3)
    assert "LAPLACE" not in {w.code for w in fit.warnings}


def test_crossbill__laplace_is_that_of_others_and_is_warned_of(model):
    fit = model.fit(engine="ml", integrate="laplace")
    assert fit.variances()["mean"][0] == pytest.approx(1.512, abs=5e-4)
    assert fit.aic == pytest.approx(1519.104, abs=1e-3)
    (told,) = [w for w in fit.warnings if w.code == "LAPLACE"]
    assert told.numbers["sd_by_quadrature"]["psi: sd of square"] == pytest.approx(1.811, abs=1e-3)
    assert told.numbers["aic_by_quadrature"] == pytest.approx(1510.872, abs=1e-2)
    assert told.numbers["shift_in_standard_errors"]["psi: sd of square"] > 1
