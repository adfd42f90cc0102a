"""Bobcat, coyote and red fox against unmarked 1.5.0.9008 (R 4.2.2), occuMulti.

Log-likelihood at the stored coefficients 1e-6 relative: they have ten digits. State probabilities
and P(present | own visits) of every site 1e-7 absolute. At the boundary, where intercepts of -15
stand against pairs of +16, too.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import occupancy
import surveys
from occupancy import families
from occupancy.families import padded

REFERENCE = Path(__file__).parents[2].parent / "shared" / "reference"
FOLDER = REFERENCE / "mesocarnivores"
pytestmark = [
    pytest.mark.reference,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="reference results are not here"),
]
SPECIES = ("bobcat", "coyote", "redfox")
FITS = {"independent": 1, "null": 2, "cov": 2, "boundary": 2, "order3": 3}
TERM = re.compile(r"(psi|p)\(\[(.*)\] (.*)\)")


@cache
def survey():
    """y and labels (site, 1, visit), three visits for each species; columns by name."""
    seen = [
        pd.read_csv(FOLDER / f"detections_{s}.csv", index_col="site").to_numpy(float)
        for s in SPECIES
    ]
    sites = pd.read_csv(FOLDER / "site_covariates.csv", index_col="site")
    scales = json.loads((FOLDER / "standardisation.json").read_text())
    columns = {"(Intercept)": np.ones(len(sites))}
    for name in sites:
        own = scales.get(name, {"mean": 0.0, "sd": 1.0})
        columns[name] = (sites[name].to_numpy(float) - own["mean"]) / own["sd"]
    y = np.concatenate(seen, axis=1)[:, None, :]
    return y, np.broadcast_to(np.repeat(np.arange(3), 3), y.shape), columns


@cache
def at_estimates(fit):
    """Family, coefficients, predictors and evaluation of one stored fit."""
    y, label, columns = survey()
    family = families.get("interacting", species=SPECIES, order=FITS[fit])
    stored = pd.read_csv(FOLDER / f"occuMulti_{fit}_coef.csv")
    eta = {p.name: 0.0 for p in family.parameters}
    terms = []
    for term, estimate in zip(stored["parameter"], stored["estimate"], strict=True):
        part, members, column = TERM.fullmatch(term).groups()
        name = f"{'f' if part == 'psi' else 'p'}[{members}]"
        eta[name] = eta[name] + estimate * columns[column]
        terms.append((name, column))
    eta = {
        k: v if k[0] == "f" else np.broadcast_to(v[:, None, None], y.shape) for k, v in eta.items()
    }
    return family, terms, eta, padded.evaluate(family, eta, y, labels=label)


@pytest.mark.parametrize("fit", FITS)
def test_log_likelihood(fit):
    stored = json.loads((FOLDER / f"occuMulti_{fit}.json").read_text())
    np.testing.assert_allclose(at_estimates(fit)[-1].total, stored["loglik"], rtol=1e-6)


@pytest.mark.parametrize("fit", FITS)
def test_state_probabilities_of_every_site(fit):
    family, _, eta, _ = at_estimates(fit)
    y, label, _ = survey()
    values = padded.natural(family, eta) | {"label": label}
    initial, _, _ = family.tables(values, y, np.ones(y.shape))
    stored = pd.read_csv(FOLDER / f"occuMulti_{fit}_state_probabilities.csv", index_col="site")
    for name in stored:
        k = sum(int(digit) << s for s, digit in enumerate(name[4:-1]))
        np.testing.assert_allclose(initial[:, k], stored[name], atol=1e-7, err_msg=name)


@pytest.mark.parametrize("fit", FITS)
def test_presence_given_the_own_visits_of_every_site(fit):
    """Unmarked tells a species' presence from the visits that looked for it, not for the others."""
    family, _, eta, _ = at_estimates(fit)
    y, label, _ = survey()
    stored = pd.read_csv(FOLDER / f"occuMulti_{fit}_site.csv", index_col="site")
    for s, name in enumerate(SPECIES):
        got = padded.evaluate(family, eta, np.where(label == s, y, np.nan), labels=label)
        present = got.states[:, 0, np.array(family.holds[s])].sum(axis=-1)
        np.testing.assert_allclose(present, stored[f"z_mean_{name}"], atol=1e-7, err_msg=name)


@pytest.mark.parametrize("fit", ["independent", "null", "cov", "order3"])
def test_stored_coefficients_are_a_maximum(fit):
    """The step that Newton would still take is below 1e-3 standard errors."""
    _, terms, _, got = at_estimates(fit)
    columns = survey()[-1]
    slope = []
    for name, column in terms:
        own = got.gradients[name]
        x = columns[column] if own.ndim == 1 else columns[column][:, None, None]
        slope.append((own * x).sum())
    v = pd.read_csv(FOLDER / f"occuMulti_{fit}_vcov.csv", index_col=0).to_numpy()
    np.testing.assert_array_less(np.abs(v @ slope) / np.sqrt(np.diag(v)), 1e-3)


def test_maximum_likelihood_finds_the_stored_coefficients():
    """Coefficients 1e-4 and standard errors 1e-3, as the files' optimiser allows."""
    y, label, columns = survey()
    data = surveys.from_arrays(
        {name: y[label == s].reshape(len(y), 3) for s, name in enumerate(SPECIES)},
        site_covariates={k: columns[k] for k in ("Dist_5km", "Trail")},
    )
    fit = occupancy.Model(data, family="interacting", f="Dist_5km", p="Trail").fit(engine="ml")
    table = fit.coefficients().set_index(["parameter", "term"])
    stored = pd.read_csv(FOLDER / "occuMulti_cov_coef.csv")
    for _, row in stored.iterrows():
        part, members, column = TERM.fullmatch(row["parameter"]).groups()
        name = f"{'f' if part == 'psi' else 'p'}[{members}]"
        own = table.loc[name, column.replace("(Intercept)", "Intercept")]
        assert own["mean"] == pytest.approx(row["estimate"], rel=1e-4, abs=1e-5)
        assert own["se"] == pytest.approx(row["se"], rel=1e-3)
    assert fit.log_likelihood == pytest.approx(-3091.72974, rel=1e-8)
