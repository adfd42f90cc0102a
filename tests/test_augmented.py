"""Species that nobody detected: the likelihood, its slopes and states, held to enumeration."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest
from mpmath import mp, mpf
from oracle import DIGITS, detected_and_not, occupied_and_not
from test_layers import compare

import surveys
from occupancy import Model, graph
from occupancy.engines.compiled import CompiledDensity
from occupancy.engines.joined import JoinedDensity, density_of

N_SITE, N_VISIT, M = 3, 2, 2


def community(seed=4, n_species=3, n_site=N_SITE, n_visit=N_VISIT, rate=0.4):
    """Species of which the last, though listed, was never seen; one visit was not made."""
    rng = np.random.default_rng(seed)
    y = (rng.random((n_species, n_site, 1, n_visit)) < rate).astype(float)
    y[:-1, 1, 0, 0] = 1.0
    y[-1] = 0.0
    y[:, 0, 0, -1] = np.nan
    return surveys.from_arrays(y, site_covariates={"elev": rng.normal(size=n_site)})


@cache
def model(augment=M):
    return Model(community(), psi="elev", p="1", community="species", augment=augment)


def predictors(problem, seed=8, scale=1.0):
    rng = np.random.default_rng(seed)
    rows = [p.columns.shape[1] for p in problem.predictors.values()]
    return tuple(scale * rng.normal(size=n) for n in rows)


def enumerated(problem, eta):
    """log P(y), and P(z_si = 1 | y) by chain, from every w and every z of every species.

    Exact numbers: ``eta`` may hold mpf. Layout order, signed as the kernel takes it.
    """
    psi, p, (omega,) = eta
    species = problem.layout.site_order // problem.data.sizes["site"]
    yes, no = detected_and_not(omega)
    total, present = mpf(0), {}
    for s in np.unique(species):
        chains = np.flatnonzero(species == s)
        weight, at = mpf(0), dict.fromkeys(chains, mpf(0))
        for w in (0, 1):
            for z in itertools.product((0, 1), repeat=chains.size):
                chance = yes if w else no
                for i, state in zip(chains, z, strict=True):
                    there, not_there = occupied_and_not(psi[i], "logit")
                    if not w:  # z = w psi
                        there, not_there = mpf(0), mpf(1)
                    chance *= there if state else not_there
                    for v in np.flatnonzero(problem.chain_of_visit == i):
                        seen = problem.observed.detected[v]
                        hit, miss = detected_and_not(-p[v] if seen else p[v])
                        if not state:
                            hit, miss = mpf(0), mpf(1)
                        chance *= hit if seen else miss
                weight += chance
                for i, state in zip(chains, z, strict=True):
                    at[i] += chance * state
        total += mp.log(weight)
        present |= {i: v / weight for i, v in at.items()}
    return total, present


@pytest.mark.parametrize("scale", [1.0, 8.0])
def test_kernel__is_the_sum_over_every_member_and_state(scale):
    problem = model().problem
    eta = predictors(problem, scale=scale)
    total, log_lik, states, _, gradients = problem.evaluate(eta)
    with mp.workdps(2 * DIGITS):
        exact = [[mpf(float(v)) for v in e] for e in eta]
        value, present = enumerated(problem, exact)
        assert total == pytest.approx(float(value), rel=1e-14)
        assert log_lik.sum() == pytest.approx(float(value), rel=1e-13)
        for i, share in present.items():
            assert states[0, 1, i] == pytest.approx(float(share), rel=1e-12, abs=1e-300)
        h = mpf(10) ** (-DIGITS // 2)
        rng = np.random.default_rng(1)
        rows = [(k, r) for k, e in enumerate(eta) for r in range(e.size)]
        for j in [*rng.choice(len(rows) - 1, 12, replace=False), len(rows) - 1]:
            k, r = rows[j]
            ends = []
            for step in (h, -h):
                moved = [list(e) for e in exact]
                moved[k][r] += step
                ends.append(enumerated(problem, moved)[0])
            slope = float((ends[0] - ends[1]) / (2 * h))
            assert gradients[k][r] == pytest.approx(slope, rel=1e-9, abs=1e-13)
    np.testing.assert_allclose(states.sum(axis=1), 1.0, rtol=1e-14)


def test_kernel__certain_members_are_the_plain_community():
    """Omega = 1: log-likelihood, states and slopes of the family inside."""
    problem = model().problem
    eta = (*predictors(problem)[:2], np.array([40.0]))
    total, _, states, _, gradients = problem.evaluate(eta)
    plain, _, inside, _, slopes = problem.if_member.evaluate(eta[:2])
    assert total == pytest.approx(plain, rel=1e-14)
    np.testing.assert_allclose(states, inside, rtol=1e-13)
    for a, b in zip(gradients[:2], slopes, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_kernel__impossible_members_leave_the_species_detected():
    """Omega -> 0: who was never detected is not there, and says nothing."""
    problem = model().problem
    eta = (*predictors(problem)[:2], np.array([-60.0]))
    _, _, states, _, gradients = problem.evaluate(eta)
    chain = problem.layout.site_order // N_SITE >= 2
    np.testing.assert_allclose(states[0, 1, chain], 0.0, atol=1e-25)
    np.testing.assert_allclose(gradients[0][chain], 0.0, atol=1e-25)
    assert gradients[2][0] == pytest.approx(2.0)  # two members, for certain


def test_model__no_species_added_is_the_model_without():
    plain = Model(community(), psi="elev", p="1", community="species")
    same = Model(community(), psi="elev", p="1", community="species", augment=0)
    assert same.to_dict() == plain.to_dict()
    assert "Omega" not in same.problem.predictors


def test_model__adds_species_that_were_looked_for_and_not_seen():
    data = model().data
    assert list(data["species"].values[3:]) == ["undetected 1", "undetected 2"]
    added, listed = data["detection"][3:], data["detection"][:3]
    assert float(added.sum()) == 0.0
    assert (added.isnull() == listed.isnull()[0]).all()
    assert model().formulas["Omega"] == "1"
    again = Model.from_dict(data, model().to_dict())
    assert again.data.equals(data)
    assert again.digest == model().digest


def test_layers__pymc_and_precompiled_density_agree():
    assert type(density_of(model().problem)) is JoinedDensity
    compare(model().problem, graph.build(model().problem), points=6)


def test_fast_path__is_of_communities_without_added_species_alone():
    plain = Model(community(), psi="elev", p="1", community="species")
    assert type(density_of(plain.problem)) is CompiledDensity
    assert not model().problem.fast
