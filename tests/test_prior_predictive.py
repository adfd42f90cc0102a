"""What the priors expect of the surveys: known means, every family, no memory that grows."""

from __future__ import annotations

import numpy as np
import pytest
from rank_settings import ENTRIES, setting

import surveys
from occupancy.model import Model
from occupancy.results import prior_predictive
from surveys.problems import ModelError

UNIFORM = {"psi": {"Intercept": "uniform()"}, "p": {"Intercept": "uniform()"}}


def survey():
    y = np.zeros((50, 4))
    y[:20, 0] = 1
    y[45:] = np.nan  # never visited: no part of the naive share
    return surveys.from_arrays(y)


def test_prior_predictive__has_the_means_of_uniform_priors():
    """E psi = 1 / 2; E [1 - (1 - p)^4] = 4 / 5; their product is the naive share."""
    told = Model(survey(), psi="1", p="1", priors=UNIFORM).prior_predictive(draws=2000, seed=7)
    psi, p, naive = told["psi"][:, 0, 0], told["p"][:, 0], told["naive"][:, 0, 0]
    for values, mean in ((psi, 0.5), (p, 0.5), (naive, 0.4)):
        error = float(values.std()) / np.sqrt(2000)
        assert float(values.mean()) == pytest.approx(mean, abs=4 * error)
    # Given psi and p the share is binomial over the 45 sites visited.
    chance = psi * (1 - (1 - p) ** 4)
    z = (naive - chance) / np.sqrt(chance * (1 - chance) / 45)
    assert float((z**2).mean()) == pytest.approx(1, abs=0.15)
    assert float(told["observed"][0, 0]) == pytest.approx(20 / 45)


def test_prior_predictive__a_statement_is_what_the_draws_have():
    priors = {"psi": {"Intercept": "between 0.2 and 0.6"}, "p": {"Intercept": "below 0.3"}}
    told = Model(survey(), psi="1", p="1", priors=priors).prior_predictive(draws=2000, seed=7)
    psi, p = told["psi"].values.ravel(), told["p"].values.ravel()
    # four standard errors of 2000 draws
    assert np.mean((psi > 0.2) & (psi < 0.6)) == pytest.approx(0.9, abs=0.027)
    assert np.mean(p < 0.3) == pytest.approx(0.95, abs=0.02)


def test_prior_predictive__the_same_seed_and_pieces_of_any_size(monkeypatch):
    model = Model(survey(), psi="1", p="1")
    one, two = (model.prior_predictive(draws=30, seed=3) for _ in range(2))
    assert one.identical(two)
    assert not one.identical(model.prior_predictive(draws=30, seed=4))
    monkeypatch.setattr(prior_predictive, "CELLS_AT_ONCE", 50 * 4 * 7)
    pieces = model.prior_predictive(draws=30, seed=3)
    assert pieces.sizes == one.sizes
    assert len(np.unique(pieces["psi"])) == 30  # no piece repeats another


@pytest.mark.parametrize("family", sorted(ENTRIES))
def test_prior_predictive__of_every_family(family):
    given = setting(family)
    model = Model(given.surveys, **given.model)
    if model.family.observes == "score":
        with pytest.raises(ModelError, match="until somebody sets a threshold"):
            model.prior_predictive(draws=4)
        return
    told = model.prior_predictive(draws=6, seed=2)
    assert told["naive"].dims == ("draw", "species", "season")
    naive, psi = told["naive"].to_numpy(), told["psi"].to_numpy()
    assert ((naive >= 0) & (naive <= 1)).all()
    assert ((psi >= 0) & (psi <= 1)).all()
    assert naive.shape == psi.shape
    if "p" in told:
        assert told.sizes["way"] == len(told["way_species"])
        assert ((told["p"] >= 0) & (told["p"] <= 1)).all()


def test_prior_predictive__nothing_can_be_drawn_from_a_flat_prior():
    model = Model(survey(), psi="1", p="1", priors={"p": {"Intercept": "flat()"}})
    with pytest.raises(ModelError, match="State a proper prior"):
        model.prior_predictive(draws=3)
    with pytest.raises(ModelError, match="draws"):
        model.prior_predictive(draws=0)
