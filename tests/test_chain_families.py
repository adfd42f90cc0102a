"""Limits and identities of the families that are chains of their own."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.special import expit, logit

from occupancy import families
from occupancy.families.padded import evaluate, natural
from surveys.problems import ModelError

CERTAIN = 800.0  # a logit so large that the chance is 1 in every digit


def detections(rng, *shape, missing=0.2, share=0.4):
    """Detections of a survey with missing visits; the last site was never visited."""
    y = (rng.random(shape) < share).astype(float)
    y[rng.random(shape) < missing] = np.nan
    y[-1] = np.nan
    return y


def one_season(psi, p, y, **more):
    """Single-season occupancy of all visits of a site, whatever their season."""
    flat = (len(y), 1, -1)
    return evaluate(
        families.get("single_season"), {"psi": psi, "p": p.reshape(flat)}, y.reshape(flat), **more
    )


# ---------------------------------------------------------------- autologistic


@pytest.mark.parametrize("start", ["", "equilibrium"])
def test_autologistic__is_dynamic_occupancy_of_its_rates(start):
    rng = np.random.default_rng(1)
    y = detections(rng, 30, 4, 3)
    x, theta, p = rng.normal(size=(30, 4)), rng.normal(size=(30, 3)), rng.normal(size=y.shape)
    family = families.get("autologistic", start=start)
    got = evaluate(family, {"psi": x, "theta": theta, "p": p}, y)
    first = x[:, 0]
    if start:
        gamma, persistence = expit(first), expit(first + theta[:, 0])
        first = logit(gamma / (gamma + 1 - persistence))
    rates = {"psi": first, "gamma": x[:, 1:], "epsilon": -(x[:, 1:] + theta), "p": p}
    same = evaluate(families.get("dynamic"), rates, y)
    np.testing.assert_allclose(got.log_lik, same.log_lik, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(got.states, same.states, atol=1e-13)
    slope = same.gradients["gamma"] - same.gradients["epsilon"]
    np.testing.assert_allclose(got.gradients["psi"][:, 1:], slope, rtol=1e-10, atol=1e-13)
    later = slice(1, None) if start else slice(None)  # the first theta moves the start too
    np.testing.assert_allclose(
        got.gradients["theta"][:, later],
        -same.gradients["epsilon"][:, later],
        rtol=1e-10,
        atol=1e-13,
    )


def test_autologistic__without_theta_seasons_are_independent():
    rng = np.random.default_rng(2)
    y = detections(rng, 20, 3, 3)
    x, p = rng.normal(size=(20, 3)), rng.normal(size=y.shape)
    got = evaluate(families.get("autologistic"), {"psi": x, "theta": np.zeros((20, 2)), "p": p}, y)
    alone = [one_season(x[:, t], p[:, t], y[:, t]).log_lik for t in range(3)]
    np.testing.assert_allclose(got.log_lik, np.sum(alone, axis=0), rtol=1e-12, atol=1e-13)


def test_autologistic__equilibrium_of_constant_rates_stays():
    values = {"psi": np.full((1, 6), 0.2), "theta": np.full((1, 5), 1.7)}
    values["p"] = np.full((1, 6, 1), 0.5)
    initial, change, _ = families.get("autologistic", start="equilibrium").tables(
        values, np.full((1, 6, 1), np.nan), np.ones((1, 6, 1))
    )
    persistence = expit(logit(0.2) + 1.7)
    share = 0.2 / (0.2 + 1 - persistence)
    state = initial
    for t in range(5):
        np.testing.assert_allclose(state[0, 1], share, rtol=1e-12)
        state = np.einsum("ia,iab->ib", state, change[:, t])


# ---------------------------------------------------------------- multi-scale


@pytest.mark.parametrize("link", ["logit", "cloglog", "probit"])
def test_multi_scale__always_in_every_unit_is_single_season(link):
    rng = np.random.default_rng(3)
    y = detections(rng, 25, 4, 3)
    psi, p = rng.normal(size=25), rng.normal(size=y.shape)
    links = {"psi": link, "p": link}
    eta = {"psi": psi, "theta": np.full((25, 4), CERTAIN), "p": p}
    got = evaluate(families.get("multi_scale"), eta, y, links=links)
    same = one_season(psi, p, y, links=links)
    np.testing.assert_allclose(got.log_lik, same.log_lik, rtol=1e-12, atol=1e-13)
    for name in ("psi", "p"):
        np.testing.assert_allclose(
            got.gradients[name],
            same.gradients[name].reshape(eta[name].shape),
            rtol=1e-10,
            atol=1e-13,
        )
    present = 1 - got.states[:, 0, 0]
    np.testing.assert_allclose(present, same.states[:, 0, 1], atol=1e-13)


def test_multi_scale__is_the_product_over_units():
    """The likelihood as it is printed, without a chain; 40 units need no 2^40 patterns."""
    rng = np.random.default_rng(4)
    y = detections(rng, 12, 40, 3, share=0.05)
    eta = {
        "psi": rng.normal(size=12),
        "theta": rng.normal(size=(12, 40)),
        "p": rng.normal(size=y.shape),
    }
    got = evaluate(families.get("multi_scale"), eta, y)
    psi, theta, p = (expit(eta[k]) for k in ("psi", "theta", "p"))
    seen = np.where(np.isnan(y), 1.0, np.where(y > 0, p, 1 - p)).prod(axis=2)
    never = ~(y > 0).any(axis=2)
    present = psi * (theta * seen + (1 - theta) * never).prod(axis=1)
    absent = (1 - psi) * never.all(axis=1)
    np.testing.assert_allclose(got.log_lik, np.log(present + absent), rtol=1e-11, atol=1e-13)


# ---------------------------------------------------------------- multi-state


def conditional_and_multinomial(dynamic, shape):
    """The same chances, without covariates, as predictors of both forms."""
    n, t, _ = shape
    site, interval = (n,), (n, t - 1)
    psi, r, p1, p2, delta = 0.7, 0.4, 0.35, 0.8, 0.55
    one = {"psi": (site, psi), "R": (site, r)}
    one |= {"p1": (shape, p1), "p2": (shape, p2), "delta": (shape, delta)}
    two = {
        "psi1": (site, psi * (1 - r) / (1 - psi)),
        "psi2": (site, psi * r / (1 - psi)),
        "p11": (shape, p1 / (1 - p1)),
        "p12": (shape, p2 * (1 - delta) / (1 - p2)),
        "p22": (shape, p2 * delta / (1 - p2)),
    }
    phi, breed = (0.25, 0.75, 0.9), (0.15, 0.45, 0.8)
    for k in range(3 if dynamic else 0):
        row = [1 - phi[k], phi[k] * (1 - breed[k]), phi[k] * breed[k]]
        one |= {f"phi{k}": (interval, phi[k]), f"R{k}": (interval, breed[k])}
        two |= {f"phi{k}{b}": (interval, row[b] / row[k]) for b in range(3) if b != k}
    return (
        {name: np.full(size, logit(value)) for name, (size, value) in one.items()},
        {name: np.full(size, np.log(value)) for name, (size, value) in two.items()},
    )


def states_seen(rng, *shape):
    y = rng.choice(3, shape, p=[0.6, 0.25, 0.15]).astype(float)
    y[rng.random(shape) < 0.2] = np.nan
    y[-1] = np.nan
    return y


@pytest.mark.parametrize("seasons", ["", "dynamic"])
def test_multi_state__both_forms_are_one_model_without_covariates(seasons):
    y = states_seen(np.random.default_rng(5), 40, 3 if seasons else 1, 4)
    one, two = conditional_and_multinomial(seasons == "dynamic", y.shape)
    a = evaluate(families.get("multi_state", seasons=seasons), one, y)
    b = evaluate(families.get("multi_state", seasons=seasons, form="multinomial"), two, y)
    np.testing.assert_allclose(a.log_lik, b.log_lik, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(a.states, b.states, atol=1e-13)
    np.testing.assert_allclose(a.pairs, b.pairs, atol=1e-13)


def test_multi_state__a_season_without_visits_is_summed_over():
    """A site keeps its other seasons: its likelihood is the sum over all that was not seen."""
    family = families.get("multi_state", seasons="dynamic")
    y = np.array([[1.0, 0.0], [np.nan, np.nan], [2.0, 0.0]])[None]
    eta, _ = conditional_and_multinomial(True, y.shape)
    got = evaluate(family, eta, y)
    cells = [np.array(cell) for cell in itertools.product((0.0, 1.0, 2.0), repeat=2)]
    full = np.repeat(y, len(cells), axis=0)
    full[:, 1] = cells
    every = {k: np.repeat(v, len(cells), axis=0) for k, v in eta.items()}
    np.testing.assert_allclose(
        np.exp(got.log_lik[0]), np.exp(evaluate(family, every, full).log_lik).sum(), rtol=1e-12
    )
    np.testing.assert_allclose(got.states[0, 1].sum(), 1.0, rtol=1e-12)


def test_multi_state__with_one_state_always_shown_is_single_season():
    rng = np.random.default_rng(6)
    y = detections(rng, 25, 1, 4)
    psi, p = rng.normal(size=25), rng.normal(size=y.shape)
    sure = np.full(y.shape, CERTAIN)
    eta = {"psi": psi, "R": np.full(25, CERTAIN), "p1": -p, "p2": p, "delta": sure}
    got = evaluate(families.get("multi_state"), eta, 2 * y)
    same = one_season(psi, p, y)
    np.testing.assert_allclose(got.log_lik, same.log_lik, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(got.gradients["p2"], same.gradients["p"], rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(got.states[:, 0, 2], same.states[:, 0, 1], atol=1e-13)


def test_multi_state__a_sure_sign_settles_the_state():
    y = np.array([[[1.0, 2.0, 0.0]], [[1.0, 0.0, 0.0]], [[0.0, 0.0, 0.0]]])
    eta, _ = conditional_and_multinomial(False, y.shape)
    states = evaluate(families.get("multi_state"), eta, y).states[:, 0]
    np.testing.assert_allclose(states[0], [0, 0, 1], atol=1e-15)
    assert states[1, 0] == 0.0
    assert 0 < states[1, 2] < 1
    assert (states[2] > 0).all()


# ---------------------------------------------------------------- steps are visits


def test_correlated__always_here_is_single_season():
    rng = np.random.default_rng(7)
    y = detections(rng, 25, 5, 1)
    psi, p = rng.normal(size=25), rng.normal(size=y.shape)
    sure = np.full(25, CERTAIN)
    eta = {"psi": psi, "pi": sure, "theta0": sure, "theta1": sure, "p": p}
    got, same = evaluate(families.get("correlated"), eta, y), one_season(psi, p, y)
    np.testing.assert_allclose(got.log_lik, same.log_lik, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(
        got.gradients["p"], same.gradients["p"].reshape(y.shape), rtol=1e-10, atol=1e-13
    )


@pytest.mark.parametrize("start", ["", "equilibrium"])
def test_correlated__here_by_chance_alone_thins_detection(start):
    """With theta0 = theta1 a visit detects with theta p, independently of the others."""
    rng = np.random.default_rng(8)
    y = detections(rng, 25, 5, 1)
    psi, p, theta = rng.normal(size=25), rng.normal(size=y.shape), rng.normal(size=25)
    eta = {"psi": psi, "pi": theta, "theta0": theta, "theta1": theta, "p": p}
    family = families.get("correlated", start=start)
    got = evaluate(family, {q.name: eta[q.name] for q in family.parameters}, y)
    same = one_season(psi, logit(expit(theta)[:, None, None] * expit(p)), y)
    np.testing.assert_allclose(got.log_lik, same.log_lik, rtol=1e-11, atol=1e-13)


def test_correlated__where_it_is_always_seen_the_history_is_the_path():
    """By hand: a run of three signs, and three signs apart."""
    psi, pi, theta0, theta1 = 0.6, 0.3, 0.1, 0.9
    eta = {"psi": psi, "pi": pi, "theta0": theta0, "theta1": theta1}
    eta = {k: np.full(2, logit(v)) for k, v in eta.items()} | {"p": np.full((2, 6, 1), CERTAIN)}
    y = np.array([[1.0, 1, 1, 0, 0, 0], [1, 0, 1, 0, 1, 0]])[..., None]
    run = psi * pi * theta1**2 * (1 - theta1) * (1 - theta0) ** 2
    apart = psi * pi * (1 - theta1) ** 3 * theta0**2
    got = evaluate(families.get("correlated"), eta, y)
    np.testing.assert_allclose(np.exp(got.log_lik), [run, apart], rtol=1e-12)


def test_phenology__here_from_first_to_last_is_single_season():
    rng = np.random.default_rng(9)
    y = detections(rng, 25, 5, 1)
    psi, p = rng.normal(size=25), rng.normal(size=y.shape)
    entry = rng.normal(size=(25, 5))
    entry[:, 0] = CERTAIN
    eta = {"psi": psi, "entry": entry, "departure": np.full((25, 4), -CERTAIN), "p": p}
    got, same = evaluate(families.get("phenology"), eta, y), one_season(psi, p, y)
    np.testing.assert_allclose(got.log_lik, same.log_lik, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(got.gradients["psi"], same.gradients["psi"], rtol=1e-10, atol=1e-13)


def test_phenology__has_come_by_the_last_visit_made():
    """By hand: two visits, absent or arriving before the first or the second, leaving or not."""
    y = np.array([[0.0, 1.0, np.nan], [1.0, 0.0, np.nan]])[..., None]
    eta = {
        "psi": np.full(2, logit(0.6)),
        "entry": np.tile(logit([0.3, 0.9, 0.2]), (2, 1)),
        "departure": np.tile(logit([0.25, 0.5]), (2, 1)),
        "p": np.full((2, 3, 1), logit(0.8)),
    }
    got = evaluate(families.get("phenology"), eta, y)
    second_alone = 0.6 * (0.3 * 0.75 * 0.2 * 0.8 + 0.7 * 0.8)
    first_alone = 0.6 * 0.3 * 0.8 * (0.75 * 0.2 + 0.25)
    np.testing.assert_allclose(np.exp(got.log_lik), [second_alone, first_alone], rtol=1e-12)
    np.testing.assert_allclose(got.gradients["entry"][:, 1:], 0.0, atol=1e-15)


def test_phenology__simulates_arrival_by_the_last_visit_made():
    family = families.get("phenology")
    rng = np.random.default_rng(10)
    made = np.arange(6)[None, :] <= rng.integers(0, 6, 500)[:, None]
    values = {
        "psi": np.ones(500),
        "entry": np.full((500, 6), 0.1),
        "departure": np.zeros((500, 5)),
        "p": np.ones((500, 6, 1)),
    }
    _, y = family.simulate(values, made[..., None], rng)
    last = made.sum(axis=1) - 1
    assert (y[np.arange(500), last, 0] == 1).all()
    assert np.nanmean(y[:, 0, 0][last > 0]) < 0.2


@pytest.mark.parametrize("name", ["correlated", "phenology"])
def test_steps_of_visits__visits_never_made_at_the_end_change_nothing(name):
    family, rng = families.get(name), np.random.default_rng(11)
    y = detections(rng, 20, 6, 1)
    sizes = {"site": (20,), "season": (20, 6), "interval": (20, 5), "visit": y.shape}
    eta = {p.name: rng.normal(size=sizes[p.level]) for p in family.parameters}
    got = evaluate(family, eta, y)
    wide = {
        k: np.concatenate([v, rng.normal(size=(20, 2, *v.shape[2:]))], axis=1) if v.ndim > 1 else v
        for k, v in eta.items()
    }
    more = evaluate(family, wide, np.concatenate([y, np.full((20, 2, 1), np.nan)], axis=1))
    np.testing.assert_allclose(more.log_lik, got.log_lik, rtol=1e-12, atol=1e-14)
    for k, slope in got.gradients.items():
        own = tuple(slice(s) for s in slope.shape)
        np.testing.assert_allclose(more.gradients[k][own], slope, rtol=1e-12, atol=1e-14)
        rest = more.gradients[k].copy()
        rest[own] = 0.0
        np.testing.assert_allclose(rest, 0.0, atol=1e-14)


@pytest.mark.parametrize("name", ["correlated", "phenology"])
def test_steps_of_visits__a_year_of_days_keeps_its_digits(name):
    """O9: against a plain forward pass through the tables, scaled at every day."""
    family, rng = families.get(name), np.random.default_rng(12)
    n, days = 6, 365
    y = detections(rng, n, days, 1, share=0.05)
    sizes = {"site": (n,), "season": (n, days), "interval": (n, days - 1), "visit": y.shape}
    shift = {"departure": -5.0, "entry": -4.0}
    eta = {
        p.name: rng.normal(size=sizes[p.level]) + shift.get(p.name, 0.0) for p in family.parameters
    }
    values = natural(family, eta)
    initial, change, emission = family.tables(values, y, np.ones(y.shape))
    log_lik, alpha = np.zeros(n), initial
    for t in range(days):
        if t:
            alpha = np.einsum("ia,iab->ib", alpha, change[:, t - 1])
        alpha = alpha * emission[:, t, 0]
        total = alpha.sum(axis=1)
        log_lik += np.log(total)
        alpha = alpha / total[:, None]
    got = evaluate(family, eta, y)
    np.testing.assert_allclose(got.log_lik, log_lik, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(got.states[:-1, -1], alpha[:-1], rtol=1e-9, atol=1e-13)


# ---------------------------------------------------------------- what they say of themselves


@pytest.mark.parametrize(
    ("name", "wrong", "told"),
    [
        ("autologistic", {"start": "balanced"}, '"equilibrium"'),
        ("multi_scale", {"start": "equilibrium"}, "no options"),
        ("multi_state", {"form": "logit"}, '"multinomial"'),
        ("multi_state", {"season": "dynamic"}, '"seasons"'),
        ("correlated", {"start": "free"}, '"equilibrium"'),
        ("phenology", {"steps": "visit"}, "no options"),
    ],
)
def test_chain_families__refuse_options_that_they_do_not_have(name, wrong, told):
    with pytest.raises(ModelError, match=told):
        families.get(name, **wrong)


@pytest.mark.parametrize(
    ("name", "options", "names"),
    [
        ("autologistic", {}, ["psi", "theta", "p"]),
        ("multi_scale", {}, ["psi", "theta", "p"]),
        ("multi_state", {}, ["psi", "R", "p1", "p2", "delta"]),
        ("multi_state", {"form": "multinomial"}, ["psi1", "psi2", "p11", "p12", "p22"]),
        ("correlated", {}, ["psi", "pi", "theta0", "theta1", "p"]),
        ("correlated", {"start": "equilibrium"}, ["psi", "theta0", "theta1", "p"]),
        ("phenology", {}, ["psi", "entry", "departure", "p"]),
    ],
)
def test_chain_families__parameters_and_options_are_kept(name, options, names):
    family = families.get(name, **options)
    assert [p.name for p in family.parameters] == names
    assert dict(family.options) == options
    assert len(family.states) == len(family.occupied)
    assert not family.occupied[0]
    assert all(family.occupied[1:])
