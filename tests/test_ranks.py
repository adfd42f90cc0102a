"""NUTS recovers the truth in every family, and the harness that says so finds planted errors."""

from __future__ import annotations

import numpy as np
import pytest
import rank_settings
import ranks
from scipy import stats

import surveys
from occupancy.model import Model

FAMILIES = tuple(rank_settings.ENTRIES)
# One for each way to write a kernel: by hand, in blocks, in logarithms, by numbers.
REPRESENTED = ("single_season", "dynamic", "multi_state", "n_mixture")
FEW, ORDINARY, LONG = 3, 40, 200
SEED = 20


def assert_right(verdict: ranks.Verdict) -> None:
    __tracebackhide__ = True
    told = "\n".join(f"{name}: {what}" for name, what in verdict.problems.items())
    assert verdict, told
    assert all(len(own) == verdict.first.n for own in verdict.first.ranks.values())


# ---------------------------------------------------------------- the families


@pytest.mark.parametrize(
    "family",
    [
        pytest.param(name, marks=() if name in REPRESENTED else pytest.mark.slow)
        for name in FAMILIES
    ],
)
def test_ranks__truth_from_the_priors_ranks_uniformly(family):
    assert_right(ranks.judge(rank_settings.setting(family), ORDINARY, SEED))


@pytest.mark.parametrize("family", [name for name in FAMILIES if name not in REPRESENTED])
def test_ranks__every_family_is_sampled_without_a_fault(family):
    """No fit fails or diverges; that the ranks are uniform is a matter of many more."""
    setting = rank_settings.setting(family)
    done = ranks.run(setting, FEW, SEED)
    assert done.n == FEW
    assert not ranks.flaws(done, setting.divergent)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["rare", "regions"])
@pytest.mark.parametrize("family", FAMILIES)
def test_ranks__rare_species_and_regions(family, kind):
    assert_right(ranks.judge(rank_settings.setting(family, kind), LONG, SEED))


def test_ranks__every_family_is_tried():
    from occupancy import families

    assert set(FAMILIES) == set(families.FAMILIES)


# ---------------------------------------------------------------- the decision


def uniform(n: int, most: int, seed: int) -> ranks.Run:
    """A run of one quantity whose ranks are as they should be."""
    drawn = np.random.default_rng(seed).integers(most + 1, size=n)
    return ranks.Run(most, {"a": drawn.tolist()}, diverging=[0] * n, drawn=[100] * n)


def test_ranks__the_band_holds_with_the_chance_that_it_claims():
    n, most, level, tries = 40, 39, 0.05, 4000
    low, high = ranks.band(n, most, level)
    drawn = np.random.default_rng(3).integers(most + 1, size=(tries, n))
    below = (drawn[:, :, None] < np.arange(1, most + 1)).sum(axis=1)
    outside = ((below < low) | (below > high)).any(axis=1).mean()
    # counts are whole, so that the level is not reached; four standard errors above it
    assert 0.4 * level < outside < level + 4 * np.sqrt(level / tries)


def test_ranks__uniform_ranks_are_outside_as_seldom_as_claimed():
    told = [bool(ranks.outside(uniform(60, 39, seed), seed)) for seed in range(1000)]
    assert np.mean(told) < ranks.LEVEL + 4 * np.sqrt(ranks.LEVEL / 1000)


def conjugate(n: int, sd: float, seed: int, most: int = 99) -> ranks.Run:
    """Exact posteriors of y ~ normal(theta, 2), theta ~ normal(0, 1); theta drawn with ``sd``."""
    rng = np.random.default_rng(seed)
    theta = rng.normal(0, sd, n)
    y = rng.normal(theta, 2.0)
    draws = 0.2 * y + np.sqrt(0.8) * rng.normal(size=(most, n))
    below = (draws < theta).sum(axis=0)
    return ranks.Run(most, {"a": below.tolist()}, diverging=[0] * n, drawn=[most] * n)


def test_ranks__a_prior_sd_wrong_by_a_fifth_is_found_among_exact_posteriors():
    found = [ranks.outside(conjugate(400, 1.2, seed), seed) for seed in range(20)]
    assert sum("narrow" in told.get("a", "") for told in found) >= 17
    assert sum(bool(ranks.outside(conjugate(400, 1.0, seed), seed)) for seed in range(20)) <= 4


def test_ranks__ties_are_broken_evenly():
    """A state that is known always ties with every draw; its ranks are as even as any."""
    done = ranks.Run(39)
    rng = np.random.default_rng(8)
    for _ in range(200):
        ranks.add_ranks(done, {"z": np.ones(39, np.int64)}, {"z": np.ones(1, np.int64)}, rng)
    assert stats.chisquare(np.bincount(done.ranks["z"], minlength=40)).pvalue > 1e-4


@pytest.mark.parametrize("failed", [0, 1])
def test_ranks__one_failed_fit_of_forty_fails_the_run(failed):
    done = uniform(40, 39, 1)
    done.failed += ["simulation 3: worth 5 draws"] * failed
    assert bool(ranks.flaws(done, 0.001)) == bool(failed)


def test_ranks__divergences_beyond_the_bound_fail_the_run():
    done = uniform(40, 39, 1)
    done.diverging[5] = 3  # of 4000 draws
    assert not ranks.flaws(done, 0.001)
    done.diverging[6] = 2
    assert "5 of 4000 draws, in 2 of 40 fits" in ranks.flaws(done, 0.001)["divergences"]


# ---------------------------------------------------------------- planted errors


@pytest.fixture(scope="module")
def weak():
    """Eight sites with two visits: the posterior is little more than the prior."""
    x = np.linspace(-1.5, 1.5, 8)
    data = surveys.from_arrays(np.zeros((8, 2)), site_covariates={"x": x})
    model = {"family": "single_season", "psi": "x", "p": "1", "priors": priors(1.0)}
    return ranks.Setting(data, model, {"x": 2.0}, draws=150, tune=150)


def priors(times: float) -> dict[str, dict[str, str]]:
    """Priors with their sd times a number."""
    told = {"Intercept": f"normal(0, {times})"}
    return {"psi": told | {"x": f"normal(0, {times})"}, "p": told}


@pytest.mark.slow
def test_ranks__a_prior_sd_wrong_by_a_fifth_is_found(weak):
    truth = Model(weak.surveys, **{**weak.model, "priors": priors(1.2)})
    verdict = ranks.judge(weak, 400, SEED, truth=truth)
    assert "narrow" in " ".join(verdict.problems.values())


@pytest.mark.slow
def test_ranks__the_same_run_without_the_error_passes(weak):
    assert_right(ranks.judge(weak, 400, SEED))


def test_ranks__a_prior_sd_twice_too_small_is_found(weak):
    truth = Model(weak.surveys, **{**weak.model, "priors": priors(2.0)})
    verdict = ranks.judge(weak, 25, SEED, truth=truth)
    assert "narrow" in " ".join(verdict.problems.values())


def test_ranks__visits_never_made_taken_for_zeros_are_found():
    setting = rank_settings.setting("single_season")
    verdict = ranks.judge(setting, 20, SEED, given=lambda told: told.fillna({"detection": 0}))
    assert {"p Intercept", "log likelihood"} <= set(verdict.problems)


def test_ranks__a_posterior_of_half_the_data_is_found_by_the_likelihood_alone():
    """The truth ranks uniformly among the draws of half the data too: parameters cannot tell."""
    setting = rank_settings.setting("single_season")

    def half(told):
        return told.assign(detection=told["detection"].where(told["visit"] % 2 > 0))

    verdict = ranks.judge(setting, 25, SEED, given=half)
    assert "log likelihood" in verdict.problems
    assert not any(name.startswith(("psi", "p ")) for name in verdict.problems)
