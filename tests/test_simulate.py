"""Prior predictive data: the truth behind each draw, whatever the priors allow."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

import surveys
from occupancy.model import Model


def test_simulate__tells_the_effects_of_groups_that_made_the_data():
    region = np.array(["north", "south"])[np.arange(400) % 2]
    data = surveys.from_arrays(np.zeros((400, 3)), region=region)
    model = Model(data, psi="1 + (1 | region)", p="1", priors={"psi": {"sd": "half_normal(3)"}})
    told = model.simulate(4, draws=20)
    assert told["psi_effect[region]"].dims == ("draw", "psi_level[region]")
    assert (told["psi_sd[region]"] > 0).all()
    for level in ("north", "south"):
        effect = told["psi_effect[region]"].sel({"psi_level[region]": level})
        psi = expit(told["psi"].sel(psi_term="Intercept") + effect)
        share = told["state"][:, 0, region == level, 0].mean("site")
        # five standard errors of a share of 200 sites
        assert (abs(share - psi) <= 5 * np.sqrt(psi * (1 - psi) / 200) + 1e-9).all()


@pytest.mark.parametrize(
    ("family", "mixture"),
    [
        ("royle_nichols", "poisson"),
        ("royle_nichols", "negative_binomial"),
        ("n_mixture", "poisson"),
        ("n_mixture", "zip"),
    ],
)
def test_simulate__millions_of_individuals_fit_in_memory(family, mixture):
    """Default priors on the log scale allow them; the tables of their numbers are never made."""
    y = np.zeros((5, 2))
    data = surveys.from_arrays(count=y) if family == "n_mixture" else surveys.from_arrays(y)
    priors = {"lam": {"Intercept": "normal(15, 0.1)"}}
    told = Model(data, family, priors=priors, mixture=mixture).simulate(2, draws=3)
    assert told["state"].max() > 1_000_000
    assert told["state"].min() >= 0
    assert np.isfinite(told["detection"]).all()
