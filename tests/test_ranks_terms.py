"""NUTS recovers the truth of terms that vary, and planted errors are found."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import rank_terms
import ranks
from test_ranks import assert_right

ORDINARY, LONG = 16, 200  # simulations
SEED = 20
TRIED = [name for name, term in rank_terms.TERMS.items() if term.ordinary]


@pytest.mark.parametrize("name", TRIED)
def test_ranks__truth_of_a_term_ranks_uniformly(name):
    assert_right(ranks.judge(rank_terms.setting(name), ORDINARY, SEED))


@pytest.mark.slow
@pytest.mark.parametrize("name", rank_terms.TERMS)
def test_ranks__truth_of_a_term_ranks_uniformly_for_long(name):
    assert_right(ranks.judge(rank_terms.setting(name, "long"), LONG, SEED))


def test_ranks__what_is_ranked_of_a_term():
    """Each hyper-parameter, effects at two levels, and what a level never surveyed may have."""
    done = ranks.run(rank_terms.setting("crossed groups"), 1, SEED)
    assert not done.failed
    terms = {"psi sd region", "psi sd habitat", "p sd observer"}
    effects = {"psi first effect region", "p last effect observer"}
    assert terms | effects | {"new p", "occupancy of a new site 0"} <= set(done.ranks)


# ---------------------------------------------------------------- planted errors


def planted(name: str, n: int, draw: Callable, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What n simulations find where effects are not drawn as the model says, unknown to fits."""
    setting = rank_terms.setting(name)
    (term,) = setting.on(setting.surveys).problem.predictors["psi"].varying
    right = type(term.design).draw
    monkeypatch.setattr(type(term.design), "draw", lambda own, *told: draw(own, right, *told))
    return ranks.judge(setting, n, SEED).problems


def test_ranks__a_range_in_metres_taken_for_kilometres_is_found(monkeypatch):
    def draw(own, right, natural, rng):
        return right(own, natural * np.array([1.0, 1000.0]), rng)

    told = planted("waves", 8, draw, monkeypatch)
    assert "psi first effect space()" in told


def test_ranks__a_correlation_of_the_wrong_sign_is_found(monkeypatch):
    def draw(own, right, natural, rng):
        return right(own, natural * np.array([1.0, -1.0]), rng)

    told = planted("ar1 that is told", 24, draw, monkeypatch)
    assert "log likelihood" in told
