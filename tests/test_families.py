"""Every family against its own definition, summed over every path of states in many digits."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import pytest
from cases import CASES
from family_case import BY_SITE, Case, exact, of_site
from mpmath import mp, mpf
from scipy.stats import chi2

from occupancy import families
from occupancy.families import padded

SEED = 20_240_517
SAMPLED_SLOPES = 12
ATOL = 1e-13  # of a log-likelihood near 0: P near 1 has lost what lies below it
by_case = pytest.mark.parametrize("case", CASES, ids=str)
by_scale = pytest.mark.parametrize(
    ("case", "scale"), [(c, s) for c in CASES for s in c.scales], ids=str
)


def digits(scale: float) -> int:
    """1 - exp(-scale x), x a few units, must still differ from 1."""
    return 60 if scale < 10 else int(10 * scale)


@dataclass(frozen=True)
class Setting:
    """A case's survey at one scale of its predictors."""

    case: Case
    eta: dict
    y: np.ndarray
    extra: dict

    def evaluate(self, **changed) -> padded.Evaluated:
        given = {"eta": self.eta, "y": self.y, "extra": self.extra} | changed
        return padded.evaluate(self.case.family, given["eta"], given["y"], **given["extra"])

    def joint(self, i, eta=None):
        eta = exact(self.eta, i) if eta is None else eta
        return self.case.joint(eta, self.y[i], of_site(self.extra, i))

    def at_sites(self, index) -> padded.Evaluated:
        """Of these sites, in this order, repeated where they are."""
        index = np.asarray(index)
        return self.evaluate(
            eta={k: v[index] for k, v in self.eta.items()},
            y=self.y[index],
            extra={k: np.asarray(v)[index] if k in BY_SITE else v for k, v in self.extra.items()},
        )

    def natural(self) -> dict:
        """What ``tables`` reads."""
        with np.errstate(over="ignore"):
            values = padded.natural(self.case.family, self.eta, self.extra.get("links"))
        if "labels" in self.extra:
            values["label"] = self.extra["labels"]
        return values if self.case.values is None else self.case.values(values, self.extra)

    def effort(self) -> np.ndarray:
        return np.broadcast_to(self.extra.get("effort", 1.0), self.y.shape)


def scaled(case: Case, eta: dict, scale: float) -> dict:
    return {k: v if k in case.unscaled else v * scale for k, v in eta.items()}


@functools.cache
def setting(case: Case, scale: float = 1.0) -> Setting:
    eta, y, extra = case.make(np.random.default_rng(SEED))
    return Setting(case, scaled(case, eta, scale), y, extra)


@functools.cache
def evaluated(case: Case, scale: float = 1.0) -> padded.Evaluated:
    return setting(case, scale).evaluate()


@functools.cache
def enumerated(case: Case, scale: float = 1.0):
    """Per site: log P, smoothed (step, state), pairs (step - 1, from, to)."""
    at, shape = setting(case, scale), evaluated(case, scale)
    log_lik, states = np.empty(len(at.y)), np.zeros(shape.states.shape)
    pairs = np.zeros(shape.pairs.shape)
    with mp.workdps(digits(scale)):
        for i in range(len(at.y)):
            joint = at.joint(i)
            total = mp.fsum(joint.values())
            log_lik[i] = mp.log(total)
            for path, chance in joint.items():
                share = float(chance / total)
                for t, k in enumerate(path):
                    states[i, t, k] += share
                    if t:
                        pairs[i, t - 1, path[t - 1], k] += share
    return log_lik, states, pairs


def one_site(case: Case, y: list[np.ndarray], n: int = 0) -> Setting:
    """The second site's predictors, cut to the shape of ``y``, for each of these data sets."""
    at = setting(case)
    (t, j), n = y[0].shape, n or len(y)
    cut = {"site": (), "season": (t,), "interval": (t - 1,), "visit": (t, j)}

    def of(value, shape):
        part = np.asarray(value)[1][tuple(slice(s) for s in shape)]
        return np.broadcast_to(part, (n, *part.shape))

    eta = {p.name: of(at.eta[p.name], cut[p.level]) for p in case.family.parameters}
    extra = {k: of(v, (t, j)[: np.ndim(v) - 1]) if k in BY_SITE else v for k, v in at.extra.items()}
    return Setting(case, eta, np.stack(y), extra)


def every_data(case: Case) -> list[np.ndarray]:
    if case.all_data is None:
        pytest.skip("its data sets cannot be listed")
    return list(case.all_data(of_site(setting(case).extra, 1)))


def sampled(eta: dict, n: int) -> list[tuple[str, tuple]]:
    """About n entries, of every parameter or of some where there are many: (name, index)."""
    rng = np.random.default_rng(SEED)
    names = rng.permutation(list(eta))[:n]
    out = []
    for name in names:
        shape = eta[name].shape
        size = int(np.prod(shape))
        flat = rng.choice(size, min(n // len(names), size), replace=False)
        out += [(str(name), index) for index in zip(*np.unravel_index(flat, shape), strict=True)]
    return out


def assert_slopes(at: Setting, got: padded.Evaluated, digits: int, n: int) -> None:
    """About n entries of the gradient are central differences in twice the digits."""
    with mp.workdps(2 * digits):
        h = mpf(10) ** (-digits // 2)
        for name, (i, *rest) in sampled(at.eta, n):

            def log_p(change, i=i, name=name, rest=tuple(rest)):
                moved = exact(at.eta, i)
                if rest:
                    moved[name][rest] += change
                else:
                    moved[name] += change
                return mp.log(mp.fsum(at.joint(i, moved).values()))

            slope = float((log_p(h) - log_p(-h)) / (2 * h))
            own = got.gradients[name][i, *rest]
            np.testing.assert_allclose(own, slope, rtol=1e-8, atol=ATOL, err_msg=name)


def assert_same(a: padded.Evaluated, b: padded.Evaluated, rtol=1e-12):
    np.testing.assert_allclose(a.log_lik, b.log_lik, rtol=rtol, atol=ATOL)
    for name, slope in a.gradients.items():
        np.testing.assert_allclose(slope, b.gradients[name], rtol=rtol, atol=ATOL, err_msg=name)


# ---------------------------------------------------------------- against the definition


@by_scale
def test_family__log_likelihood_is_the_sum_over_paths(case, scale):
    """O1."""
    got, (log_lik, _, _) = evaluated(case, scale), enumerated(case, scale)
    np.testing.assert_allclose(got.log_lik, log_lik, rtol=case.rtol, atol=ATOL)
    np.testing.assert_allclose(got.total, log_lik.sum(), rtol=case.rtol, atol=ATOL)


@by_scale
def test_family__gradient_is_the_slope_of_the_sum_over_paths(case, scale):
    """O2: a few entries of the parameters, missing visits among them."""
    assert_slopes(setting(case, scale), evaluated(case, scale), digits(scale), SAMPLED_SLOPES)


@by_scale
def test_family__smoothed_states_and_pairs_are_shares_of_paths(case, scale):
    """O3."""
    got, (_, states, pairs) = evaluated(case, scale), enumerated(case, scale)
    np.testing.assert_allclose(got.states, states, rtol=case.rtol, atol=ATOL)
    np.testing.assert_allclose(got.pairs, pairs, rtol=case.rtol, atol=ATOL)


@by_case
def test_family__probabilities_of_all_data_add_to_one(case):
    """O4."""
    got = one_site(case, every_data(case)).evaluate()
    np.testing.assert_allclose(np.exp(got.log_lik).sum(), 1.0, rtol=1e-12)


@by_case
def test_family__tables_are_the_definition(case):
    at = setting(case)
    initial, transition, emission = case.family.tables(at.natural(), at.y, at.effort())
    log_lik, _, _ = enumerated(case)
    np.testing.assert_allclose(initial.sum(axis=-1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(transition.sum(axis=-1), 1.0, rtol=1e-12)
    assert (emission[np.isnan(at.y)] == 1.0).all()
    by_season = emission.prod(axis=2)
    alpha = initial * by_season[:, 0]
    for t in range(1, at.y.shape[1]):
        alpha = np.einsum("ia,iab->ib", alpha, transition[:, t - 1]) * by_season[:, t]
    np.testing.assert_allclose(np.log(alpha.sum(axis=-1)), log_lik, rtol=1e-9, atol=1e-12)


# ---------------------------------------------------------------- changes that change nothing


@by_scale
def test_family__sites_may_trade_places(case, scale):
    """O5."""
    at, got = setting(case, scale), evaluated(case, scale)
    order = np.random.default_rng(SEED).permutation(len(at.y))
    moved = at.at_sites(order)
    np.testing.assert_allclose(moved.log_lik, got.log_lik[order], rtol=1e-12, atol=ATOL)
    np.testing.assert_allclose(moved.states, got.states[order], rtol=1e-12, atol=ATOL)
    for name, slope in got.gradients.items():
        np.testing.assert_allclose(moved.gradients[name], slope[order], rtol=1e-12, atol=ATOL)


@by_scale
def test_family__visits_of_a_season_may_trade_places(case, scale):
    """O5."""
    if not case.exchangeable:
        pytest.skip("the order of its visits matters")
    at, got = setting(case, scale), evaluated(case, scale)
    order = np.random.default_rng(SEED).permuted(
        np.broadcast_to(np.arange(at.y.shape[2]), at.y.shape), axis=2
    )

    def move(value):
        return np.take_along_axis(np.asarray(value), order, axis=2)

    eta = {k: move(v) if v.ndim == 3 else v for k, v in at.eta.items()}
    extra = {k: move(v) if k in BY_SITE and np.ndim(v) == 3 else v for k, v in at.extra.items()}
    moved = at.evaluate(eta=eta, y=move(at.y), extra=extra)
    np.testing.assert_allclose(moved.log_lik, got.log_lik, rtol=1e-12, atol=ATOL)
    for name, slope in got.gradients.items():
        own = move(slope) if slope.ndim == 3 else slope
        np.testing.assert_allclose(moved.gradients[name], own, rtol=1e-12, atol=ATOL)


def padded_along(at: Setting, axis: int):
    """The survey with one more entry along an axis, missing everywhere there."""
    rng = np.random.default_rng(SEED)

    def grow(value, fill):
        value = np.asarray(value)
        if value.ndim <= axis:
            return value
        width = [(0, int(a == axis)) for a in range(value.ndim)]
        grown = np.pad(value, width)
        last = [slice(None)] * value.ndim
        last[axis] = slice(-1, None)
        grown[tuple(last)] = fill(grown[tuple(last)].shape)
        return grown

    def repeat_first(value):
        return lambda shape: np.broadcast_to(np.take(value, [0], axis=axis), shape)

    eta = {k: grow(v, lambda shape: rng.normal(size=shape)) for k, v in at.eta.items()}
    extra = {
        k: grow(v, repeat_first(np.asarray(v))) if k in BY_SITE and np.ndim(v) > axis else v
        for k, v in at.extra.items()
    }
    return eta, grow(at.y, lambda shape: np.full(shape, np.nan)), extra


@by_scale
@pytest.mark.parametrize("what", ["site", "season", "visit"])
def test_family__what_was_never_surveyed_changes_nothing(case, scale, what):
    """O6: a site, a last season, or a visit more, all missing."""
    at, got = setting(case, scale), evaluated(case, scale)
    most = case.family.max_seasons
    if what == "season" and not (case.extends and (most is None or at.y.shape[1] < most)):
        pytest.skip("it has no further season")
    axis = ("site", "season", "visit").index(what)
    eta, y, extra = padded_along(at, axis)
    more = at.evaluate(eta=eta, y=y, extra=extra)
    n = len(at.y)
    np.testing.assert_allclose(more.log_lik[:n], got.log_lik, rtol=1e-12, atol=ATOL)
    np.testing.assert_allclose(more.log_lik[n:], 0.0, atol=ATOL)
    for name, slope in got.gradients.items():
        grown = more.gradients[name]
        own = tuple(slice(s) for s in slope.shape)
        np.testing.assert_allclose(grown[own], slope, rtol=1e-12, atol=ATOL, err_msg=name)
        rest = grown.copy()
        rest[own] = 0.0
        np.testing.assert_allclose(rest, 0.0, atol=ATOL, err_msg=name)


@by_case
def test_family__predictors_of_missing_visits_are_never_read(case):
    """O6: NaN there, in value and gradient, is the trap of a product with 0."""
    at, got = setting(case), evaluated(case)
    eta = {k: np.where(np.isnan(at.y), np.nan, v) if v.ndim == 3 else v for k, v in at.eta.items()}
    assert_same(at.evaluate(eta=eta), got)


@by_scale
def test_family__parts_of_the_data_add_up(case, scale):
    """O7."""
    at, got = setting(case, scale), evaluated(case, scale)
    n = len(at.y)
    parts = at.at_sites(np.arange(n // 2)).total + at.at_sites(np.arange(n // 2, n)).total
    np.testing.assert_allclose(parts, got.total, rtol=1e-12, atol=ATOL)
    twice = at.at_sites(np.tile(np.arange(n), 2)).total
    np.testing.assert_allclose(twice, 2 * got.total, rtol=1e-12, atol=ATOL)


# ---------------------------------------------------------------- far out, and at random


@by_case
@pytest.mark.parametrize("sign", ["up", "down", "mixed"])
def test_family__far_out_value_and_gradient_are_finite(case, sign):
    """O9: predictors of +-800; right too, where no link runs out of doubles."""
    at = setting(case)
    rng = np.random.default_rng(SEED)

    def far(value):
        signs = {"up": 1.0, "down": -1.0, "mixed": rng.choice([-1.0, 1.0], value.shape)}[sign]
        return 800.0 * np.broadcast_to(signs, value.shape)

    eta = {k: v if k in case.unscaled else far(v) for k, v in at.eta.items()}
    got = at.evaluate(eta=eta)
    assert np.isfinite(got.log_lik).all()
    assert np.isfinite(got.total)
    assert np.isfinite(got.states).all()
    for name, slope in got.gradients.items():
        assert np.isfinite(slope).all(), name
    links = at.extra.get("links", {})
    if {links.get(p.name, p.links[0]) for p in case.family.parameters} <= {"logit", "identity"}:
        out = Setting(case, eta, at.y, at.extra)
        with mp.workdps(60):
            log_lik = [float(mp.log(mp.fsum(out.joint(i).values()))) for i in range(len(at.y))]
        np.testing.assert_allclose(got.log_lik, log_lik, rtol=case.rtol, atol=ATOL)
        assert_slopes(out, got, 60, SAMPLED_SLOPES // 2)


@by_case
def test_family__simulated_histories_follow_the_likelihood(case):
    """O14: 20,000 sites of one kind, chi-square against exp(log P)."""
    histories = every_data(case)
    chance = np.exp(one_site(case, histories).evaluate().log_lik)
    n = 20_000
    made = np.broadcast_to(~np.isnan(histories[0]), (n, *histories[0].shape))
    kind = one_site(case, histories[:1], n)
    kind = Setting(case, kind.eta, np.broadcast_to(histories[0], made.shape), kind.extra)
    rng = np.random.default_rng(SEED)
    _, y = case.family.simulate(kind.natural(), made, rng, kind.effort())
    assert (np.isnan(y) == ~made).all()
    place = {h.tobytes(): k for k, h in enumerate(histories)}
    drawn = np.bincount([place[h.tobytes()] for h in y], minlength=len(histories))
    expected = n * chance
    few = expected < 5
    if few.any():  # one cell of all rare histories
        drawn = np.append(drawn[~few], drawn[few].sum())
        expected = np.append(expected[~few], expected[few].sum())
    statistic = ((drawn - expected) ** 2 / expected).sum()
    assert chi2.sf(statistic, len(expected) - 1) > 1e-4


def test_family__every_family_has_a_case():
    assert {case.family.name for case in CASES} == set(families.FAMILIES)
