"""NUTS recovers the truth in every family, and the harness that says so finds planted errors."""

from __future__ import annotations

import numpy as np
import pytest
import rank_settings
import ranks

import surveys
from occupancy.model import Model

FAMILIES = tuple(rank_settings.ENTRIES)
ORDINARY, LONG = 40, 200
SEED = 20


def assert_right(verdict: ranks.Verdict) -> None:
    __tracebackhide__ = True
    told = "\n".join(f"{name}: {what}" for name, what in verdict.problems.items())
    assert verdict, told
    assert all(len(own) == verdict.first.n for own in verdict.first.ranks.values())


# ---------------------------------------------------------------- the families


@pytest.mark.parametrize("family", FAMILIES)
def test_ranks__truth_from_the_priors_ranks_uniformly(family):
    assert_right(ranks.judge(rank_settings.setting(family), ORDINARY, SEED))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["rare", "regions"])
@pytest.mark.parametrize("family", FAMILIES)
def test_ranks__rare_species_and_regions(family, kind):
    assert_right(ranks.judge(rank_settings.setting(family, kind), LONG, SEED))


# ---------------------------------------------------------------- planted errors


@pytest.fixture(scope="module")
def weak():
    """Eight sites with two visits: the posterior is little more than the prior."""
    x = np.linspace(-1.5, 1.5, 8)
    data = surveys.from_arrays(np.zeros((8, 2)), site_covariates={"x": x})
    model = {"family": "single_season", "psi": "x", "p": "1", "priors": priors(1.0)}
    return ranks.Setting(data, model, {"x": 2.0}, draws=150, tune=200)


def priors(times: float) -> dict[str, dict[str, str]]:
    """Priors with their sd times a number."""
    sd = 1.0 * times
    told = {"Intercept": f"normal(0, {sd})"}
    return {"psi": told | {"x": f"normal(0, {sd})"}, "p": told}


def test_ranks__a_prior_sd_wrong_by_a_fifth_is_found(weak):
    truth = Model(weak.surveys, **{**weak.model, "priors": priors(1.2)})
    verdict = ranks.judge(weak, 240, SEED, truth=truth)
    assert "narrow" in " ".join(verdict.problems.values())


def test_ranks__the_same_run_without_the_error_passes(weak):
    assert_right(ranks.judge(weak, 240, SEED))


def test_ranks__visits_never_made_taken_for_zeros_are_found():
    setting = rank_settings.setting("single_season")
    verdict = ranks.judge(setting, ORDINARY, SEED, given=lambda told: told.fillna({"detection": 0}))
    assert {"p Intercept", "log likelihood"} <= set(verdict.problems)


def test_ranks__a_posterior_of_half_the_data_is_found_by_the_likelihood_alone():
    """The truth ranks uniformly among the draws of half the data too: parameters cannot tell."""
    setting = rank_settings.setting("single_season")
    half = lambda told: told.assign(detection=told["detection"].where(told["visit"] % 2 > 0))  # noqa: E731
    verdict = ranks.judge(setting, ORDINARY, SEED, given=half)
    assert "log likelihood" in verdict.problems
    assert not any(name.startswith(("psi", "p ")) for name in verdict.problems)
