"""Plenty of data without any variance: an sd near zero is sampled without divergences.

Coordinates that suit levels known well are the wrong ones where nothing varies; a sampler that kept
to them would diverge and stick. Truth: no effect of the region, the day or the place.
"""

from __future__ import annotations

import numpy as np
import pytest
from arviz_stats.base.array import array_stats

import surveys
from occupancy import Model
from occupancy.engines import nuts

N, REGIONS = 1000, 10
TERMS = {
    "levels": {"psi": "x + (1 | region)"},
    "levels of p": {"psi": "x", "p": "(1 | region)"},
    "slopes": {"psi": "x + (1 + x || region)"},
    "correlated slopes": {"psi": "x + (1 + x | region)"},
    "curve": {"psi": "spline(x)"},
    "days of the year": {"psi": "x", "p": "cyclic(day, period=365)"},
    "regions that touch": {"psi": "x + icar(region)"},
    "regions that touch, in part": {"psi": "x + bym2(region)"},
}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(3)
    x = rng.normal(size=N)
    z = rng.random(N) < 1 / (1 + np.exp(-(0.2 + 0.7 * x)))
    y = (rng.random((N, 4)) < 0.5) & z[:, None]
    made = surveys.from_arrays(
        y.astype(float),
        site_covariates={"x": x},
        visit_covariates={"day": rng.integers(0, 365, (N, 4)).astype(float)},
        region=np.array([f"R{k % REGIONS}" for k in range(N)]),
    )
    ring = {f"R{k}": [f"R{(k + 1) % REGIONS}"] for k in range(REGIONS)}
    return surveys.attach_neighbours(made, ring)


def assert_mixed(model, least=100.0):
    got = nuts.sample(model.problem, draws=400, tune=400, chains=2, cores=1, seed=2)
    assert int(got.sample_stats["diverging"].sum()) == 0
    hypers = [v for k, v in got.posterior.items() if "_sd[" in str(k)]
    assert hypers
    for values in hypers:
        assert float(array_stats.ess(values.values, chain_axis=0, draw_axis=1)) > least


@pytest.mark.parametrize("term", TERMS)
def test_no_variance__nothing_diverges_and_the_sd_mixes(data, term):
    assert_mixed(Model(data, **TERMS[term]))


def test_no_variance__seasons_that_are_all_alike():
    rng = np.random.default_rng(4)
    z = rng.random((120, 10)) < 0.6
    y = (rng.random((120, 10, 4)) < 0.5) & z[..., None]
    data = surveys.from_arrays(y.astype(float)).assign_coords(season=np.arange(10))
    assert_mixed(Model(data, family="stacked", psi="ar1(season)", p="rw(season)"))
