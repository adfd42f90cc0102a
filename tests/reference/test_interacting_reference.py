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
from stored import assert_is_its_maximum, read

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


MODELS = {
    "independent": {"order": 1},
    "null": {},
    "order3": {"order": 3},
    "cov": {f"f[{s}]": "Dist_5km" for s in SPECIES} | {"p": "Trail"},
    "boundary": {
        "f[bobcat]": "Dist_5km",
        "f[coyote]": "HDens_5km",
        "f[redfox]": "HDens_5km",
        "f[coyote:redfox]": "HDens_5km",
        "p": "Trail",
    },
}


@cache
def fitted(fit):
    y, label, columns = survey()
    data = surveys.from_arrays(
        {name: y[label == s].reshape(len(y), 3) for s, name in enumerate(SPECIES)},
        site_covariates={k: columns[k] for k in ("Dist_5km", "HDens_5km", "Trail")},
    )
    return occupancy.Model(data, family="interacting", **MODELS[fit]).fit(engine="ml")


def places(fit):
    """Place of each of our coefficients in the stored table."""
    stored = list(read(f"mesocarnivores/occuMulti_{fit}_coef.csv")["parameter"])
    out = []
    for name, term in fitted(fit).coefficients()[["parameter", "term"]].to_numpy():
        part = "psi" if name[0] == "f" else "p"
        column = term.replace("Intercept", "(Intercept)")
        out.append(stored.index(f"{part}([{name[2:-1]}] {column})"))
    return out


@pytest.mark.parametrize("fit", ["independent", "null", "cov", "order3"])
def test_maximum(fit):
    name = f"mesocarnivores/occuMulti_{fit}"
    assert_is_its_maximum(fitted(fit), name, places(fit), rtol_se=2e-4, in_errors=2e-3)


def test_published__natural_parameters_of_the_constant_pairs():
    """AIC 6626.111; bobcats with and without coyotes .4238 and .1375; both .1472."""
    fit = fitted("null")
    assert fit.aic == pytest.approx(6626.111, abs=5e-4)
    table = fit.coefficients()[:6]
    np.testing.assert_allclose(table["mean"], [-1.76, -1.30, -2.20, 1.72, -1.38, 1.41], atol=5e-3)
    np.testing.assert_allclose(table["se"][3:], [0.262, 0.377, 0.248], atol=5e-4)
    family, _, eta, _ = at_estimates("null")
    y, label, _ = survey()
    initial = family.tables(padded.natural(family, eta) | {"label": label}, y, np.ones(y.shape))[0]
    bobcat, coyote = (np.array(family.holds[s]) for s in (0, 1))
    both = initial[0, bobcat & coyote].sum()
    with_coyote = initial[0, coyote].sum()
    assert both == pytest.approx(0.1472, abs=5e-5)
    assert both / with_coyote == pytest.approx(0.4238, abs=5e-5)
    alone = initial[0, bobcat & ~coyote].sum() / (1 - with_coyote)
    assert alone == pytest.approx(0.1375, abs=5e-5)


@pytest.mark.slow
def test_boundary__is_found_no_lower_and_told():
    """Intercepts near -15 against a pair of +16: as likely as the stored fit, and said so."""
    fit = fitted("boundary")
    stored = json.loads((FOLDER / "occuMulti_boundary.json").read_text())["loglik"]
    assert fit.log_likelihood > stored - 1e-4
    assert {w.code for w in fit.warnings} & {"FLAT", "SEP"}


@pytest.mark.parametrize("fit", ["null", "cov"])
def test_occupancy_of_every_site(fit):
    """Of each species before it is looked for; given all visits it is the smoothed state."""
    expected = read(f"mesocarnivores/occuMulti_{fit}_site.csv", index_col="site")
    got = fitted(fit).sites()
    for name in SPECIES:
        own = got[got["species"] == name]
        np.testing.assert_allclose(own["psi_mean"], expected[f"psi_marginal_{name}"], atol=2e-5)
