"""Species that nobody detected: the likelihood, its slopes and states, held to enumeration."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest
from mpmath import mp, mpf
from oracle import DIGITS, detected_and_not, occupied_and_not
from scipy.special import betaln, expit, gammaln
from scipy.stats import binom
from test_community_fit import from_prior
from test_layers import compare

import surveys
from occupancy import Model, cross_validate, graph
from occupancy.checks import augmentation
from occupancy.checks.base import Evidence
from occupancy.engines.compiled import CompiledDensity
from occupancy.engines.joined import JoinedDensity, density_of
from occupancy.results import passes
from occupancy.results.draws import Draws
from surveys.problems import ModelError

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


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"psi": "elev", "community": ""}, "give community="),
        ({"psi": "species", "community": ""}, "coefficient of its own"),
        ({"psi": "mass", "community": "species"}, "nobody detected: leave it out"),
        ({"Omega": "elev", "community": "species"}, "elev"),
        ({"family": "false_positive", "community": "species"}, "may detect what is not there"),
        ({"augment": -1, "community": "species"}, "whole number"),
    ],
)
def test_model__what_says_nothing_of_a_species_never_seen_is_refused(given, told):
    data = community().assign_coords(mass=("species", [1.0, 2.0, 3.0]))
    with pytest.raises(ModelError, match=told):
        Model(data, **{"augment": M, **given})


def test_model__likelihood_at_its_maximum_has_no_number_of_species():
    with pytest.raises(ModelError, match="nuts"):
        model().fit(engine="ml")


def test_prior__of_omega_is_uniform_unless_stated():
    row = next(r for r in model().prior_table() if r["parameter"] == "Omega")
    assert (row["prior"], row["stated"]) == ("uniform()", False)
    own = {"Omega": "beta(0.001, 1)"}
    of_scale = Model(community(), p="1", community="species", augment=M, priors=own)
    row = next(r for r in of_scale.prior_table() if r["parameter"] == "Omega")
    assert (row["prior"], row["stated"]) == ("beta(0.001, 1)", True)


def at(problem, eta, n):
    """Draws of coefficients alone, effects of species 0, whose predictors are constants."""
    psi, p, omega = eta
    first = {"psi": [psi, 0.0], "p": [p], "Omega": [omega]}
    zero = {
        (q.name, t.name): (np.ones((n, len(t.priors))), np.zeros((n, t.design.n_weight)))
        for q in problem.predictors.values()
        for t in q.varying
    }
    return Draws(
        {k: np.tile(v, (n, 1)) for k, v in first.items()},
        {k: v[0] for k, v in zero.items()},
        {k: v[1] for k, v in zero.items()},
    )


def test_members__are_drawn_once_for_a_species_and_count_as_their_chance():
    """P(N = n | y) of species that are alike is binomial: Royle & Dorazio's u by hand."""
    problem = model(augment=6).problem
    n = 4000
    passed = passes.run(problem, at(problem, (-0.5, -1.0, 0.2), n), seed=3)
    psi, q, omega = expit(-0.5), 1 - expit(-1.0), expit(0.2)
    unseen = [1 - psi + psi * q**j for j in (N_VISIT - 1, N_VISIT, N_VISIT)]
    u = omega * np.prod(unseen) / (omega * np.prod(unseen) + 1 - omega)
    number = passed.member.sum(axis=1)
    assert passed.member[:, :2].all()
    shares = np.bincount(number - 2, minlength=8) / n
    np.testing.assert_allclose(shares, binom.pmf(np.arange(8), 7, u), atol=4 * 0.5 / np.sqrt(n))
    # present somewhere only if a member, and jointly so
    there = passed.occupied[:, 2:, :, 0]
    assert not there[~passed.member[:, 2:]].any()
    z = [psi * q**j / (1 - psi + psi * q**j) for j in (N_VISIT - 1, N_VISIT, N_VISIT)]
    np.testing.assert_allclose(there.mean(axis=(0, 1)), u * np.array(z), atol=0.02)
    np.testing.assert_allclose(passed.present[2:, :, 0], np.tile(u * np.array(z), (7, 1)))
    both = (there[:, :, 0] & there[:, :, 1]).mean()
    assert both == pytest.approx(u * z[0] * z[1], abs=0.01)


def test_simulate__strangers_are_never_detected():
    own = {"Omega": "normal(0, 0.01)"}
    one = Model(community(), p="1", community="species", augment=40, priors=own)
    drawn = one.simulate(seed=2, draws=20)
    there = (drawn["state"] > 0).any(["site", "season"])
    seen = (drawn["detection"] > 0).any(["site", "season", "visit"])
    assert not (seen & ~there).any()
    assert 0.2 < float(there.mean()) < 0.5  # half are members, and some of these live nowhere here


@pytest.fixture(scope="module")
def told():
    """A fit whose draws are the prior's."""
    region = np.array(["a", "b", "b"])
    data = community().assign_coords(region=("site", region))
    data["region"].attrs["role"] = "covariate"
    return from_prior(Model(data, psi="elev", community="species", augment=5), draws=80)


def test_richness__counts_members_that_nobody_detected(told):
    member, present = told._pass.member, told._pass.occupied
    whole = told.richness().iloc[0]
    assert whole["N_mean"] == pytest.approx(member.sum(axis=1).mean())
    assert whole["undetected_mean"] == pytest.approx(
        present[:, 2:].any(axis=(2, 3)).sum(axis=1).mean()
    )
    assert whole["sample_mean"] == pytest.approx(whole["undetected_mean"] + 2)
    assert whole["population_mean"] <= whole["N_mean"]
    total = told.total_richness().iloc[0]
    assert (total["detected"], total["never_detected"], total["at_most"]) == (2, 6, 8)
    assert total["N_mean"] == whole["N_mean"]
    assert sum(told.total_richness().attrs["N"].values()) == pytest.approx(1.0)
    sites = told.richness(by="site")
    np.testing.assert_allclose(
        sites["sample_mean"], present[..., 0].sum(axis=1).mean(axis=0), rtol=1e-12
    )


def test_species__tell_who_was_detected_and_who_may_be_there(told):
    table = told.species().set_index("species")
    assert list(table["status"]) == ["detected"] * 2 + ["undetected"] * 6
    assert (table["member"][:2] == 1).all()
    np.testing.assert_allclose(table["member"], told._pass.member.mean(axis=0))


def test_check__tells_where_n_presses_against_its_end():
    """Omega near 1 makes every species a member; near 0, none that was not detected."""
    codes = {}
    for centre in (6, -6):
        own = {"Omega": f"normal({centre}, 0.1)", "psi": {"Intercept": "normal(-3, 0.1)"}}
        one = Model(community(), community="species", augment=4, priors=own)
        posterior = from_prior(one, draws=80).posterior
        found = augmentation.check(Evidence(one.problem, None, posterior, None))
        codes[centre] = [v.code for v in found]
    assert codes == {6: ["AUGMENT"], -6: []}


def given(value):
    psi, p, omega = value
    told = {"psi": {"Intercept": psi, "elev": 0.0}, "p": {"Intercept": p}}
    return told | {"Omega": {"Intercept": omega}}


def test_held_out__a_site_given_the_rest_is_a_ratio_of_likelihoods():
    """P(y) / P(y without the site's visits), by the kernel on surveys that lack them."""
    own, value = model(), (-0.4, -0.8, 0.3)
    told = passes.held_out_likelihoods(own.problem, at(own.problem, value, 1))[0]
    whole = own.evaluate(given(value))["log_likelihood"].sum("site")
    for i in range(N_SITE):
        data = community().copy(deep=True)
        data["detection"][:, i] = np.nan
        data["effort"][i] = np.nan
        less = Model(data, psi="elev", p="1", community="species", augment=M)
        rest = less.evaluate(given(value))["log_likelihood"].sum("site")
        np.testing.assert_allclose(told.reshape(5, N_SITE)[:, i], whole - rest, rtol=1e-12)


def test_cross_validate__no_site_is_held_out_of_a_species_never_seen():
    with pytest.raises(ModelError, match="rests on all sites"):
        cross_validate(model())


@pytest.mark.slow
def test_fit__interval_of_n_holds_the_truth():
    """40 species, 30 or so of them seen; an even log N tells of fewer than an even N."""
    rng = np.random.default_rng(11)
    n_species, n_site, n_visit = 40, 25, 3
    psi, p = expit(rng.normal(-1.0, 1.0, n_species)), expit(rng.normal(-1.8, 0.8, n_species))
    z = rng.random((n_species, n_site)) < psi[:, None]
    y = (rng.random((n_species, n_site, n_visit)) < p[:, None, None]) & z[:, :, None]
    y = y[y.any(axis=(1, 2))]
    data = surveys.from_arrays(y[:, :, None].astype(float))
    told = {}
    for name, prior in {"uniform": "beta(1, 1)", "scale": "beta(0.001, 1)"}.items():
        one = Model(data, p="1", community="species", augment=40, priors={"Omega": prior})
        fit = one.fit(seed=3, draws=400, chains=2, cores=2)
        told[name] = fit.total_richness().iloc[0]
        assert told[name]["N_lower"] <= n_species <= told[name]["N_upper"]
        assert told[name]["N_mean"] > len(y)
        assert "AUGMENT" not in {w.code for w in fit.warnings}
    assert told["scale"]["N_mean"] < told["uniform"]["N_mean"]


@pytest.mark.slow
@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (0.001, 1.0)])
def test_fit__posterior_of_n_is_that_of_an_exact_sum(a, b):
    """psi and p known, Omega summed out: P(k members more) ~ C(M, k) B(n + k + a, M - k + b) u^k.

    u is the chance that a member is detected nowhere.
    """
    known = "normal(0, 0.001)"
    near = {"Intercept": known, "sd": "half_normal(0.001)"}
    prior = {"psi": {"Intercept": known}, "p": near, "Omega": f"beta({a}, {b})"}
    data = community(n_species=6, n_site=2, n_visit=2)
    one = Model(data, p="1 + (1 | species)", augment=11, priors=prior)
    fit = one.fit(seed=5, draws=1500, chains=2, cores=2)
    n, m = 5, 12  # one of the six that are listed was never seen
    k = np.arange(m + 1)
    u = (0.5 + 0.5 * 0.5) * (0.5 + 0.5 * 0.5**2)  # sites of one visit and of two
    weight = np.exp(
        gammaln(m + 1) - gammaln(k + 1) - gammaln(m - k + 1)
        + betaln(n + k + a, m - k + b) + k * np.log(u)
    )  # fmt: skip
    exact = weight / weight.sum()
    told = fit.total_richness().attrs["N"]
    drawn = np.array([told.get(n + int(j), 0.0) for j in k])
    # 3000 draws, of which a third are worth a draw of their own
    np.testing.assert_allclose(drawn, exact, atol=4 * 0.5 / np.sqrt(1000))
    assert drawn @ k == pytest.approx(exact @ k, rel=0.1)
