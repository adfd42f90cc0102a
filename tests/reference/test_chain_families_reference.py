"""Multi-scale and multi-state families against published and stored fits of unmarked 1.5.0.9008."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from occupancy import families
from occupancy.families.padded import evaluate

REFERENCE = Path(__file__).parents[2].parent / "shared" / "reference"
pytestmark = [
    pytest.mark.reference,
    pytest.mark.skipif(not REFERENCE.is_dir(), reason="reference results are not here"),
]
OWLS = "eagle_owls_2015"


def wide(*path):
    return pd.read_csv(REFERENCE.joinpath(*path), index_col="site").to_numpy(float)


def highest(family, y, level):
    """Constant predictors at the maximum of the likelihood, and its value."""
    shape = {"site": y.shape[:1], "season": y.shape[:2], "visit": y.shape}
    names = [p.name for p in family.parameters]

    def downhill(beta):
        eta = {k: np.full(shape[level[k]], b) for k, b in zip(names, beta, strict=True)}
        got = evaluate(family, eta, y)
        return -got.total, -np.array([got.gradients[k].sum() for k in names])

    top = minimize(downhill, np.zeros(len(names)), jac=True, method="BFGS", tol=1e-7)
    return dict(zip(names, top.x, strict=True)), -top.fun


def test_multi_scale__crossbill_as_one_closed_period():
    """267 squares, 9 units of 3 visits; a visit without a date was not made."""
    y = np.where(np.isnan(wide("crossbill", "visit_date.csv")), np.nan, 1.0)
    y = (y * wide("crossbill", "detections.csv")).reshape(267, 9, 3)
    family = families.get("multi_scale")
    beta, log_lik = highest(family, y, {p.name: p.level for p in family.parameters})
    assert -2 * log_lik + 6 == pytest.approx(5157.409, abs=1e-3)
    natural = {k: expit(v) for k, v in beta.items()}
    assert natural == pytest.approx({"psi": 0.6199, "theta": 0.5544, "p": 0.5711}, abs=1e-4)
    assert beta == pytest.approx({"psi": 0.489, "theta": 0.218, "p": 0.286}, abs=1e-3)


# The peer's names of the parameters, and ours.
CONDITIONAL = {"psi(psi": "psi", "psi(R": "R", "p(p[1]": "p1", "p(p[2]": "p2", "p(delta": "delta"}
MULTINOMIAL = {
    "psi(psi[1]": "psi1",
    "psi(psi[2]": "psi2",
    "p(p[11]": "p11",
    "p(p[12]": "p12",
    "p(p[22]": "p22",
}


def owl_predictors(fit, names, y):
    """{parameter: predictor} at the stored coefficients."""
    scales = json.loads((REFERENCE / OWLS / "standardisation.json").read_text())

    def standard(values, own):
        return (values - own["mean"]) / own["sd"]

    sites = pd.read_csv(REFERENCE / OWLS / "site_covariates.csv", index_col="site")
    known = {k: standard(sites[k].to_numpy(float), scales[k]) for k in ("elev", "forest")}
    known["date"] = standard(wide(OWLS, "visit_julian_date.csv")[:, None], scales["julian_date"])
    eta = {}
    for told, estimate in pd.read_csv(REFERENCE / OWLS / f"{fit}_coef.csv")[
        ["parameter", "estimate"]
    ].itertuples(index=False):
        peer, _, term = told.rstrip(")").removesuffix("(Intercept").strip().partition(" ")
        name = names[peer]
        shape = y.shape if peer.startswith("p(") else y.shape[:1]
        column = known[term] if term else 1.0
        eta[name] = eta.get(name, np.zeros(shape)) + estimate * column
    return eta


@pytest.mark.slow
@pytest.mark.parametrize("fit", ["condbinom_null", "condbinom_cov", "multinomial_null"])
def test_multi_state__eagle_owls_at_the_stored_coefficients(fit):
    y = wide(OWLS, "detections.csv")[:, None]
    form = "multinomial" if fit.startswith("multinomial") else ""
    names = MULTINOMIAL if form else CONDITIONAL
    got = evaluate(families.get("multi_state", form=form), owl_predictors(fit, names, y), y)
    stored = json.loads((REFERENCE / OWLS / f"{fit}.json").read_text())
    assert got.total == pytest.approx(stored["loglik"], rel=1e-6)
    states = pd.read_csv(REFERENCE / OWLS / f"{fit}_site_state_posterior.csv", index_col="site")
    # ten digits of each coefficient are stored
    np.testing.assert_allclose(got.states[:, 0], states.to_numpy(float), atol=1e-7)
    slopes = {name: slope.sum() for name, slope in got.gradients.items()}
    assert slopes == pytest.approx(dict.fromkeys(slopes, 0.0), abs=0.02)  # near the top


def test_multi_state__eagle_owls_maximum_of_both_forms():
    y = wide(OWLS, "detections.csv")[:, None]
    for form in ("", "multinomial"):
        family = families.get("multi_state", form=form)
        _, log_lik = highest(family, y, {p.name: p.level for p in family.parameters})
        assert log_lik == pytest.approx(-907.859467742, abs=1e-6)
