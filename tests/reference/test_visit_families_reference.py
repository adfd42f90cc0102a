"""Times to detection and false positives against unmarked 1.5.0.9008 (R 4.2.2).

At its coefficients the log-likelihood is equal to 1e-6 relative, and they are a maximum: the slopes
left there by its optimiser (BFGS, ``reltol`` 1e-13) are below 1e-4 per standard error, and a step
along them would gain less than 1e-8. Where psi lies at its boundary, it is flat to 1e-5.

Of counts there is no reference: unmarked's ``occuCOP`` documents independent Poisson counts of
the visits and computes the Poisson probability of their total, which is another likelihood
wherever the rate differs between visits (``tests/test_visit_families.py`` has the difference).
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from occupancy import families
from occupancy.families import padded

REFERENCE = Path(__file__).parents[2].parent / "shared" / "reference"
pytestmark = [
    pytest.mark.reference,
    pytest.mark.skipif(not REFERENCE.is_dir(), reason="reference results are not here"),
]


def wide(path):
    """(site, 1, visit)."""
    return pd.read_csv(path, index_col="site").to_numpy(float)[:, None, :]


def evaluate(family, columns, coefficients, y, **extra):
    """Log-likelihood, its gradient by coefficient, and P(present | data).

    Parameters
    ----------
    columns : {parameter: [column, ...]}
    coefficients : {parameter: [coefficient, ...]}
    """
    eta = {
        name: np.nan_to_num(sum(b * x for b, x in zip(coefficients[name], xs, strict=True)))
        for name, xs in columns.items()
    }
    got = padded.evaluate(family, eta, y, **extra)
    slopes = [
        float((got.gradients[name] * np.nan_to_num(x)).sum())
        for name, xs in columns.items()
        for x in xs
    ]
    return got.total, np.array(slopes), got.states[:, 0, 1]


def fitted(folder, name):
    """Coefficients, covariance and what was said of the fit."""
    at = REFERENCE / folder
    estimate = pd.read_csv(at / f"{name}_coef.csv")["estimate"].to_numpy()
    covariance = pd.read_csv(at / f"{name}_vcov.csv", index_col=0).to_numpy(float)
    return estimate, covariance, json.loads((at / f"{name}.json").read_text())


def assert_a_maximum(slopes, covariance):
    """No step that the curvature allows gains: half of slope' covariance slope is nothing."""
    inside = (np.diag(covariance) > 0) & (np.diag(covariance) < 1e4)
    assert np.abs(slopes[~inside]).max(initial=0.0) < 1e-5  # psi at its boundary
    slopes, covariance = slopes[inside], covariance[np.ix_(inside, inside)]
    assert slopes @ covariance @ slopes / 2 < 1e-8
    assert np.abs(slopes * np.sqrt(np.diag(covariance))).max() < 1e-4


@pytest.mark.parametrize("fit", ["exp_null", "exp_mod2", "weibull_null", "weibull_mod2"])
def test_time_to_detection__peregrines(fit):
    at = REFERENCE / "ttd_peregrine"
    seen = wide(at / "visit_detected.csv")
    effort = wide(at / "visit_survey_length.csv")
    y = np.where(seen == 0, np.inf, wide(at / "time_to_detection.csv"))
    assert ((effort == wide(at / "time_to_detection.csv")) == (seen == 0)).all()
    minute = json.loads((at / "standardisation.json").read_text())["minute_of_day"]
    mod = (wide(at / "visit_minute_of_day.csv") - minute["mean"]) / minute["sd"]
    visits, sites = np.ones(y.shape), np.ones(len(y))
    b, covariance, told = fitted("ttd_peregrine", f"occuTTD_{fit}")
    times, form = fit.split("_")
    columns = {"psi": [sites], "rate": [visits, mod, mod**2] if form == "mod2" else [visits]}
    n = len(columns["rate"])
    coefficients = {"psi": b[:1], "rate": b[1 : n + 1]}
    if times == "weibull":
        columns["shape"], coefficients["shape"] = [sites], b[n + 1 :]
    family = families.get(
        "time_to_detection", times={"exp": "exponential", "weibull": "weibull"}[times]
    )
    total, slopes, present = evaluate(family, columns, coefficients, y, effort=effort)
    assert total == pytest.approx(told["loglik"], rel=1e-6)
    assert_a_maximum(slopes, covariance)
    np.testing.assert_allclose(present[(seen == 1).any(axis=(1, 2))], 1.0, rtol=1e-14)
    # The peer's P(occupied | data) is not 1 at sites 8 and 36, which detected on a later visit, but
    # down to 7e-5: it reads the first visit of a site as often as there are columns of visits.
    z = pd.read_csv(at / f"occuTTD_{fit}_site.csv")["z_mean"].to_numpy()
    columns = {
        k: [np.repeat(x[..., :1], 5, -1) if x.ndim == 3 else x for x in xs]
        for k, xs in columns.items()
    }
    first = {"y": np.repeat(y[..., :1], 5, -1), "effort": np.repeat(effort[..., :1], 5, -1)}
    _, _, as_told = evaluate(family, columns, coefficients, **first)
    np.testing.assert_allclose(as_told, z, rtol=1e-6)


def test_false_positive__standard_and_unconfirmed_visits():
    at = REFERENCE / "false_positive_simulated"
    y = wide(at / "detections.csv")
    habitat = pd.read_csv(at / "site_covariates.csv")["habitat"].to_numpy()
    labels = np.broadcast_to(np.array([0, 0, 1, 1, 1, 1]), y.shape)
    visits = np.ones(y.shape)
    b, covariance, told = fitted("false_positive_simulated", "occuFP_mixed")
    columns = {
        "psi": [np.ones(len(y)), habitat],
        "p11": [visits, (labels == 0) * visits],
        "p10": [visits],
        "b": [visits],  # of confirmed visits, and there are none
    }
    coefficients = {"psi": b[:2], "p11": b[2:4], "p10": b[4:], "b": [0.0]}
    total, slopes, _ = evaluate(
        families.get("false_positive"), columns, coefficients, y, labels=labels
    )
    assert total == pytest.approx(told["loglik"], rel=1e-6)
    assert slopes[-1] == 0.0
    assert_a_maximum(slopes[:-1], covariance)


def test_false_positive__confirmed_visits():
    at = REFERENCE / "false_positive_confirmed_simulated"
    y = wide(at / "detections.csv")
    habitat = pd.read_csv(at / "site_covariates.csv")["habitat"].to_numpy()
    visits = np.ones(y.shape)
    b, covariance, told = fitted("false_positive_confirmed_simulated", "occuFP_confirmed")
    columns = {
        "psi": [np.ones(len(y)), habitat],
        "p11": [visits],
        "p10": [visits],
        "b": [visits],
    }
    coefficients = {"psi": b[:2], "p11": b[2:3], "p10": b[3:4], "b": b[4:]}
    total, slopes, _ = evaluate(
        families.get("false_positive"),
        columns,
        coefficients,
        y,
        labels=np.full(y.shape, 2),
    )
    assert total == pytest.approx(told["loglik"], rel=1e-6)
    assert_a_maximum(slopes, covariance)
