"""Stored fits of unmarked 1.5.0.9008 (R 4.2.2), and what a fit of ours must be beside one.

Its optimiser (BFGS, ``reltol`` 1e-13) leaves a slope, so its coefficients are good to about five
digits; its standard errors come from differences of differences, good to about 1e-5. Ours are held
to more than agreement: the log-likelihood is no lower than the stored one, the slope is nothing.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

REFERENCE = Path(__file__).parents[2].parent / "shared" / "reference"
marks = [
    pytest.mark.reference,
    pytest.mark.skipif(not REFERENCE.is_dir(), reason="reference results are not here"),
]


def wide(path):
    """(site, visit) of a table of the reference folder."""
    return pd.read_csv(REFERENCE / path, index_col="site").to_numpy(float)


def read(path, **more):
    """A table of the reference folder."""
    return pd.read_csv(REFERENCE / path, **more)


def told(fit):
    """What was said of a stored fit: log-likelihood, AIC, sites used."""
    return json.loads((REFERENCE / f"{fit}.json").read_text())


def standardised(folder, name, values, stored=None):
    """Values as they went into the stored fits."""
    own = json.loads((REFERENCE / folder / "standardisation.json").read_text())[stored or name]
    return (np.asarray(values, float) - own["mean"]) / own["sd"]


def slopes_in_errors(fit):
    """(coefficient,) slope of the log-likelihood at the maximum, per standard error."""
    table = fit.coefficients()
    at = {}
    for name, own in table.groupby("parameter", sort=False):
        at[name] = dict(zip(own["term"], own["mean"], strict=True))
    got = fit.model.evaluate(at)
    slope = np.concatenate([got[f"gradient_{name}"].values for name in at])
    return slope * table["se"].to_numpy()


def assert_is_its_maximum(fit, name, order=None, rtol_se=1e-5, in_errors=2e-4):
    """Log-likelihood, AIC, coefficients, standard errors and covariance of a stored fit.

    Parameters
    ----------
    order : sequence of int, optional
        Place of each of our coefficients in the stored table.
    in_errors : float
        How far the stored coefficients may lie from the maximum, in standard errors.
    """
    stored = told(name)
    assert fit.log_likelihood == pytest.approx(stored["loglik"], rel=1e-6)
    assert fit.log_likelihood > stored["loglik"] - 1e-9 * abs(stored["loglik"])
    assert fit.aic == pytest.approx(stored["AIC"], rel=1e-6)
    assert fit.ml.converged
    assert np.abs(slopes_in_errors(fit)).max() < 1e-6
    expected, covariance = read(f"{name}_coef.csv"), read(f"{name}_vcov.csv", index_col=0)
    order = np.arange(len(expected)) if order is None else np.asarray(order)
    expected, covariance = expected.iloc[order], covariance.to_numpy(float)[np.ix_(order, order)]
    mine = fit.coefficients()
    off = (mine["mean"].to_numpy() - expected["estimate"].to_numpy()) / mine["se"].to_numpy()
    assert np.abs(off).max() < in_errors
    np.testing.assert_allclose(mine["se"], expected["se"], rtol=rtol_se)
    scale = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    np.testing.assert_allclose(fit.ml.covariance / scale, covariance / scale, atol=2 * rtol_se)
