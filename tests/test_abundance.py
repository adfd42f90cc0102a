"""Numbers of individuals far out, in their limits, and against other software.

The common tests of every family are in ``tests/test_families.py``. Here the posterior of N lies far
above or below what the prior says, where a fixed upper limit would cut it off silently.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cases.numbers import prior
from mpmath import mp, mpf
from salamanders import HISTORIES
from scipy.optimize import minimize
from scipy.special import expit, logit

from occupancy import families
from occupancy.families import padded
from surveys.problems import ModelError

DIGITS = 70
STEP = mpf(10) ** -25  # of a forward difference, whose error is as small
RN = {m: families.get("royle_nichols", mixture=m) for m in ("poisson", "negative_binomial")}
NM = {m: families.get("n_mixture", mixture=m) for m in ("poisson", "negative_binomial", "zip")}
REFERENCE = Path(__file__).parents[2] / "shared" / "reference"


def evaluate(family, y, visit, rows=None, **site):
    """One site: ``y`` (visit,), the predictor of the visits, and those of the site."""
    y = np.asarray(y, dtype=float)[None, None]
    name = family.parameters[-1].name
    eta = {k: np.array([v], dtype=float) for k, v in site.items()}
    eta[name] = np.broadcast_to(np.asarray(visit, dtype=float), y.shape)
    return padded.evaluate(family, eta, y, n_state=rows)


def terms(family, y, visit, site, last):
    """P(N, y) for N = 0 to last, from the definition."""
    counts = family.observes == "count"
    p = [1 / (1 + mp.exp(-e)) for e in visit]
    q = [1 / (1 + mp.exp(e)) for e in visit]
    none = [mpf(1)] * len(y)  # detections: (1 - r)^N; counts: binomial(y; N, p)
    out = []
    for n, chance in zip(range(last + 1), prior(site), strict=False):
        for j, value in enumerate(y):
            if not counts:
                chance *= 1 - none[j] if value else none[j]
                none[j] *= q[j]
                continue
            value = int(value)
            if n <= value:
                none[j] = p[j] ** value if n == value else mpf(0)
            else:
                none[j] *= mpf(n) / (n - value) * q[j]
            chance *= none[j]
        out.append(chance)
    return out


def assert_right(family, y, visit, last, rows=None, **site):
    """Value, E[N], rows and slopes against the sum over N up to ``last``, in many digits."""
    visit = np.broadcast_to(np.asarray(visit, dtype=float), np.shape(y))
    got = evaluate(family, y, visit, rows, **site)
    with mp.workdps(DIGITS):
        exact = {k: mpf(float(v)) for k, v in site.items()}
        etas = [mpf(float(e)) for e in visit]

        def sums(site=exact, visit=etas):
            return terms(family, y, visit, site, last)

        each = sums()
        total = mp.fsum(each)
        assert each[-1] < total * mpf(10) ** -25, "the sum ends too early"
        np.testing.assert_allclose(got.log_lik[0], float(mp.log(total)), rtol=1e-10)
        mean = float(mp.fsum(n * w for n, w in enumerate(each)) / total)
        values = {k: np.exp([v]) if k != "zero" else expit([v]) for k, v in site.items()}
        own = family.number(values, got.gradients)
        np.testing.assert_allclose(own[0], mean, rtol=1e-10, atol=1e-14)
        for n in range((rows or 1) - 1):
            np.testing.assert_allclose(got.states[0, 0, n], float(each[n] / total), atol=1e-10)
        if rows:
            np.testing.assert_allclose(got.states[0, 0].sum(), 1.0, rtol=1e-12)
        for name in site:
            moved = mp.fsum(sums(exact | {name: exact[name] + STEP}))
            slope = float(mp.log(moved / total) / STEP)
            np.testing.assert_allclose(got.gradients[name][0], slope, rtol=1e-8, err_msg=name)
        j = len(y) // 2
        moved = mp.fsum(sums(visit=[e + STEP if k == j else e for k, e in enumerate(etas)]))
        own = got.gradients[family.parameters[-1].name][0, 0, j]
        np.testing.assert_allclose(own, float(mp.log(moved / total) / STEP), rtol=1e-8)


# ---------------------------------------------------------------- no upper limit to set


@pytest.mark.parametrize(
    ("y", "r", "lam", "last"),
    [
        ([1] * 365, -14.0, np.log(1e-8), 90),  # a prior of 1e-8, a posterior near 17
        ([1] * 40 + [0] * 10, -40.0, -40.0, 200),
        ([1, 0] * 30, -2.0, 0.5, 200),
        ([1, 0, 1, 1, 0], -9.5, np.log(1e4), 11_500),
        ([1, 1, 1], -4.0, np.log(900.0), 1800),
        ([1, 1, 0, 1], -3.0, np.log(500.0), 1200),
        ([1, 1, 1], 40.0, np.log(30.0), 200),  # all seen at once: 1 - L is 1e-13
        ([0, 0, 0], -40.0, np.log(1e3), 1600),
        ([1, 0], [-3.0, 5.0], 6.0, 1000),
    ],
)
def test_royle_nichols__numbers_far_from_their_prior_are_summed(y, r, lam, last):
    assert_right(RN["poisson"], y, r, last, lam=lam)


@pytest.mark.parametrize(
    ("y", "r", "lam", "size", "last"),
    [
        ([1] * 60, -12.0, np.log(1e-4), 1.0, 150),
        ([1, 0, 1], -4.0, np.log(40.0), np.log(0.4), 6000),  # a tail too long to climb
        ([1, 0, 1], -1.0, 1.0, np.log(0.2), 2000),
        ([1, 0, 1], -1.0, 1.0, 20.0, 200),  # nearly a Poisson
        ([1, 1], -6.0, np.log(900.0), np.log(50.0), 6000),
        ([0, 0], -2.0, np.log(30.0), np.log(0.5), 3000),
    ],
)
def test_royle_nichols__overdispersed_numbers_are_summed(y, r, lam, size, last):
    assert_right(RN["negative_binomial"], y, r, last, lam=lam, size=size)


@pytest.mark.parametrize(
    ("y", "p", "lam", "last"),
    [
        pytest.param([500, 480, 510], -3.0, np.log(1e4), 12_500, marks=pytest.mark.slow),
        ([500, 480, 510], 3.0, np.log(500.0), 900),
        ([500, 3, 12], -3.0, np.log(2.0), 1500),  # a prior that expects 2
        ([3, 2, 4], -8.0, np.log(1e4), 11_500),
        ([7] * 100, 0.0, 2.0, 200),
        ([0, 0], -1.0, np.log(1e3), 1600),
        ([5, 5], 40.0, np.log(4.0), 60),
    ],
)
def test_n_mixture__counts_far_from_their_prior_are_summed(y, p, lam, last):
    assert_right(NM["poisson"], y, p, last, lam=lam)


@pytest.mark.parametrize(
    ("y", "p", "lam", "size", "last"),
    [
        ([500, 480, 510], -2.0, np.log(2000.0), np.log(2.0), 6000),
        ([3, 0, 2], -4.0, np.log(20.0), np.log(0.3), 4000),
        ([3, 0, 2], -1.0, 1.0, 25.0, 200),
        ([1, 0], 1.0, -9.0, -9.0, 400),
    ],
)
def test_n_mixture__overdispersed_counts_are_summed(y, p, lam, size, last):
    assert_right(NM["negative_binomial"], y, p, last, lam=lam, size=size)


@pytest.mark.parametrize("y", [[0, 0], [2, 0], [300, 310]])
@pytest.mark.parametrize("zero", [-40.0, -1.0, 40.0])
def test_n_mixture__structural_zeros_are_told_apart(y, zero):
    many = max(y) > 9
    last = 1500 if many else 60
    assert_right(NM["zip"], y, -1.0, last, lam=6.5 if many else np.log(3.0), zero=zero)


def test_rows__are_as_many_as_asked_for_and_add_to_one():
    assert_right(RN["poisson"], [1, 0, 1], -1.0, 150, rows=25, lam=1.5)
    assert_right(RN["poisson"], [0, 0, 0], -1.0, 150, rows=25, lam=1.5)
    assert_right(RN["poisson"], [1, 1, 1], -7.0, 1800, rows=1300, lam=np.log(900.0))
    assert_right(NM["poisson"], [4, 2, 3], -1.0, 150, rows=40, lam=1.5)
    assert_right(NM["negative_binomial"], [0, 0], -1.0, 900, rows=9, lam=1.5, size=0.5)
    for rows in (1, 2, 3):
        got = evaluate(NM["zip"], [0, 0], -1.0, rows, lam=0.5, zero=-1.0)
        many = evaluate(NM["zip"], [0, 0], -1.0, 50, lam=0.5, zero=-1.0)
        np.testing.assert_allclose(got.states[0, 0, 0], many.states[0, 0, 0], rtol=1e-14)
        assert got.log_lik == many.log_lik
    np.testing.assert_allclose(got.states[0, 0, 2], many.states[0, 0, 2:].sum(), rtol=1e-13)


# ---------------------------------------------------------------- closed forms, further out


def inclusion_exclusion(y, visit, site):
    """log P(y) of detections through P(no detection at these visits) alone, for any lam."""
    q = [1 / (1 + mp.exp(e)) for e in visit]
    lam = mp.exp(site["lam"])

    def none_seen(miss):
        if "size" in site:
            size = mp.exp(site["size"])
            return (1 + lam * (1 - miss) / size) ** -size
        return mp.exp(-lam * (1 - miss))

    seen = [j for j, value in enumerate(y) if value]
    missed = mp.fprod(q[j] for j, value in enumerate(y) if not value)
    total = mpf(0)
    for k in range(len(seen) + 1):
        for some in itertools.combinations(seen, k):
            total += (-1) ** k * none_seen(missed * mp.fprod(q[j] for j in some))
    return mp.log(total)


@pytest.mark.parametrize("mixture", ["poisson", "negative_binomial"])
@pytest.mark.parametrize("y", [[0, 0], [1, 0], [1, 1]], ids=str)
def test_royle_nichols__predictors_of_40_are_exact(mixture, y):
    """O2: values and slopes at +-40, through every sign."""
    family = RN[mixture]
    names = [p.name for p in family.parameters[:-1]]
    for signs in itertools.product([-40.0, 40.0], repeat=len(names) + 1):
        site, visit = dict(zip(names, signs, strict=False)), [signs[-1], 0.3]
        got = evaluate(family, y, visit, **site)
        with mp.workdps(160):
            h = mpf(10) ** -50
            exact = {k: mpf(v) for k, v in site.items()}
            etas = [mpf(v) for v in visit]
            value = inclusion_exclusion(y, etas, exact)
            # What is below 1e-290 beside 1 may be lost
            np.testing.assert_allclose(got.log_lik[0], float(value), rtol=1e-10, atol=1e-290)
            for k, v in exact.items():
                up = inclusion_exclusion(y, etas, exact | {k: v + h})
                down = inclusion_exclusion(y, etas, exact | {k: v - h})
                slope = float((up - down) / (2 * h))
                own = got.gradients[k][0]
                np.testing.assert_allclose(own, slope, rtol=1e-8, atol=1e-14, err_msg=k)
            for j in range(2):
                moved = [[e + d * (k == j) for k, e in enumerate(etas)] for d in (h, -h)]
                ends = [inclusion_exclusion(y, m, exact) for m in moved]
                slope = float((ends[0] - ends[1]) / (2 * h))
                own = got.gradients["r"][0, 0, j]
                np.testing.assert_allclose(own, slope, rtol=1e-8, atol=1e-290)


@pytest.mark.parametrize("family", [*RN.values(), *NM.values()], ids=lambda f: str(f.options))
def test_numbers__predictors_of_800_are_finite(family):
    names = [p.name for p in family.parameters]
    top = 1.0 if family.observes == "detection" else 7.0
    for signs in itertools.product([-800.0, 0.0, 800.0], repeat=len(names)):
        for y in ([0.0, 0.0], [top, 0.0], [top, 1.0]):
            site = dict(zip(names[:-1], signs, strict=False))
            got = evaluate(family, y, signs[-1], rows=4, **site)
            assert np.isfinite(got.log_lik).all(), (y, signs)
            assert np.isfinite(got.states).all(), (y, signs)
            for slope in got.gradients.values():
                assert np.isfinite(slope).all(), (y, signs)


def test_n_mixture__one_count_is_poisson_of_lam_p():
    """O8, at any lam: counts of one visit are thinned numbers."""
    for lam, p, y in itertools.product([-40.0, -5.0, 3.0, 12.0, 40.0], [-39.0, -3.0, 2.0], [0, 9]):
        got = evaluate(NM["poisson"], [y], p, lam=lam)
        mean = mp.exp(mpf(lam)) / (1 + mp.exp(-mpf(p)))
        value = y * mp.log(mean) - mean - mp.log(mp.factorial(y))
        np.testing.assert_allclose(got.log_lik[0], float(value), rtol=1e-10)
        np.testing.assert_allclose(got.gradients["lam"][0], float(y - mean), rtol=1e-8)
        slope = float((y - mean) / (1 + mp.exp(mpf(p))))
        np.testing.assert_allclose(got.gradients["p"][0, 0, 0], slope, rtol=1e-8)


# ---------------------------------------------------------------- limits


def survey(rng, family, n=12, j=4):
    y = rng.binomial(rng.poisson(2.0, (n, 1, 1)), 0.4, (n, 1, j)).astype(float)
    if family.observes == "detection":
        y = np.minimum(y, 1.0)
    y[rng.random(y.shape) < 0.2] = np.nan
    visit = family.parameters[-1].name
    return y, {"lam": rng.normal(0.5, 0.7, n), visit: rng.normal(-0.5, 1.0, y.shape)}


@pytest.mark.parametrize("pair", [RN, NM], ids=["royle_nichols", "n_mixture"])
def test_negative_binomial__of_great_size_is_poisson(pair):
    """O8: what they differ by falls with the size."""
    y, eta = survey(np.random.default_rng(1), pair["poisson"])
    plain = padded.evaluate(pair["poisson"], eta, y)
    for log_size, rtol in ((20.0, 1e-7), (36.0, 1e-13), (800.0, 1e-13)):
        sized = padded.evaluate(
            pair["negative_binomial"], eta | {"size": np.full(len(y), log_size)}, y
        )
        np.testing.assert_allclose(sized.log_lik, plain.log_lik, rtol=rtol)
        np.testing.assert_allclose(sized.gradients["lam"], plain.gradients["lam"], atol=1e-7)
    np.testing.assert_allclose(sized.gradients["size"], 0.0, atol=1e-12)


def test_zip__without_structural_zeros_is_poisson():
    y, eta = survey(np.random.default_rng(2), NM["poisson"])
    plain = padded.evaluate(NM["poisson"], eta, y)
    open_ = padded.evaluate(NM["zip"], eta | {"zero": np.full(len(y), -800.0)}, y)
    np.testing.assert_allclose(open_.log_lik, plain.log_lik, rtol=1e-13)
    np.testing.assert_allclose(open_.gradients["p"], plain.gradients["p"], atol=1e-12)


def test_royle_nichols__of_rare_individuals_is_single_season():
    """O8: with N in {0, 1}, psi = lam and p = r."""
    rng = np.random.default_rng(3)
    y, eta = survey(rng, RN["poisson"])
    eta["lam"] = np.full(len(y), -28.0)  # N = 2 has 1e-12 of the weight of N = 1
    eta["r"] = np.maximum(eta["r"], -1.0)
    rare = padded.evaluate(RN["poisson"], eta, y)
    known = families.get("single_season")
    same = padded.evaluate(known, {"psi": logit(np.exp(eta["lam"])), "p": eta["r"]}, y)
    seen = np.nansum(y, axis=(1, 2)) > 0
    np.testing.assert_allclose(rare.log_lik[seen], same.log_lik[seen], rtol=1e-8)
    np.testing.assert_allclose(rare.gradients["r"][seen], same.gradients["p"][seen], rtol=1e-8)
    np.testing.assert_allclose(rare.states[:, 0, 1], same.states[:, 0, 1], rtol=1e-8)


def test_tables__reach_as_far_as_the_numbers_do():
    """O13: at ten times the mean more states, not a cut."""
    family, made = NM["negative_binomial"], np.ones((2, 1, 3), bool)
    values = {
        "lam": np.array([3.0, 300.0]),
        "size": np.array([0.5, 2.0]),
        "p": np.full((2, 1, 3), 0.4),
    }
    y = np.array([[[1.0, 0.0, 2.0]], [[90.0, 120.0, 130.0]]])
    initial, _, emission = family.tables(values, y, np.ones(y.shape))
    value = np.log((initial * emission[:, 0].prod(axis=1)).sum(axis=1))
    eta = {"lam": np.log(values["lam"]), "size": np.log(values["size"]), "p": logit(values["p"])}
    np.testing.assert_allclose(padded.evaluate(family, eta, y).log_lik, value, rtol=1e-10)
    state, drawn = family.simulate(values, made, np.random.default_rng(4))
    assert (drawn <= state[:, :, None]).all()
    for some in (RN["poisson"], RN["negative_binomial"], *NM.values()):
        at = values | {"zero": np.array([0.2, 0.3]), "r": values["p"]}
        at = {p.name: at[p.name] for p in some.parameters}
        initial, _, _ = some.tables(at, np.full(y.shape, np.nan), None)
        np.testing.assert_allclose(some.psi(at), initial[:, 1:].sum(axis=1), rtol=1e-12)


def test_options__that_do_not_exist_are_refused():
    with pytest.raises(ModelError, match="cannot have mixture = 'zip'"):
        families.get("royle_nichols", mixture="zip")
    with pytest.raises(ModelError, match="has no option 'K'"):
        families.get("n_mixture", K=50)


def test_batches__of_unlike_sites_are_as_each_alone():
    """Sites climb together; what one needs must not change another."""
    rng = np.random.default_rng(5)
    n, j = 300, 40
    lam = rng.choice([-30.0, -2.0, 1.0, 4.0, 7.5, 30.0], n)
    visits = rng.integers(0, j + 1, n)
    gone = np.arange(j) >= visits[:, None]
    for family in (RN["poisson"], RN["negative_binomial"], *NM.values()):
        top = 2 if family.observes == "detection" else 30
        y = np.where(gone, np.nan, rng.integers(0, top, (n, j)))[:, None]
        y[rng.random(n) < 0.2] *= 0
        eta = {"lam": lam, "size": rng.normal(0, 2, n), "zero": rng.normal(0, 2, n)}
        eta = {k: v for k, v in eta.items() if k in {p.name for p in family.parameters}}
        eta[family.parameters[-1].name] = rng.normal(-1, 2, y.shape)
        got = padded.evaluate(family, eta, y, n_state=5)
        for i in rng.choice(n, 25, replace=False):
            alone = padded.evaluate(family, {k: v[[i]] for k, v in eta.items()}, y[[i]], n_state=5)
            np.testing.assert_allclose(got.log_lik[i], alone.log_lik[0], rtol=1e-11)
            np.testing.assert_allclose(got.states[i], alone.states[0], rtol=1e-9, atol=1e-12)
            for k, slope in got.gradients.items():
                np.testing.assert_allclose(slope[i], alone.gradients[k][0], rtol=1e-8, atol=1e-10)


# ---------------------------------------------------------------- other software


def test_royle_nichols__salamanders_as_published():
    """lambda 1.1425, r 0.1475, AIC 164.0016 (PRESENCE)."""
    y = np.array([list(h) for h in HISTORIES], dtype=float)[:, None]

    def objective(x):
        eta = {"lam": np.full(len(y), x[0]), "r": np.full(y.shape, x[1])}
        got = padded.evaluate(RN["poisson"], eta, y)
        return -got.total, -np.array([got.gradients["lam"].sum(), got.gradients["r"].sum()])

    found = minimize(objective, [0.0, -1.0], jac=True, options={"gtol": 1e-8})
    np.testing.assert_allclose(np.exp(found.x[0]), 1.1425, atol=5e-5)
    np.testing.assert_allclose(expit(found.x[1]), 0.1475, atol=5e-5)
    np.testing.assert_allclose(2 * found.fun + 4, 164.0016, atol=5e-5)
    np.testing.assert_allclose(-np.expm1(-np.exp(found.x[0])), 0.6810, atol=5e-5)


def table(name: str) -> np.ndarray:
    return pd.read_csv(REFERENCE / name).to_numpy(float)[:, 1:]


@pytest.mark.reference
@pytest.mark.skipif(not REFERENCE.is_dir(), reason="reference results are kept beside the project")
@pytest.mark.parametrize("upper", [25, 50, 100])
def test_royle_nichols__woodthrush_as_unmarked(upper):
    """unmarked sums N to a fixed upper limit of 25, 50 and 100; ours has none."""
    y = table("woodthrush/detections.csv")[:, None]
    name = f"woodthrush/occuRN_K{upper}"
    at = pd.read_csv(REFERENCE / f"{name}_coef.csv")["estimate"].to_numpy()
    told = json.loads((REFERENCE / f"{name}.json").read_text())
    eta = {"lam": np.full(len(y), at[0]), "r": np.full(y.shape, at[1])}
    got = padded.evaluate(RN["poisson"], eta, y)
    np.testing.assert_allclose(got.total, told["loglik"], rtol=1e-6)
    own = RN["poisson"].number({"lam": np.exp(eta["lam"])}, got.gradients)
    mean = pd.read_csv(REFERENCE / f"{name}_site.csv")["z_mean"]
    np.testing.assert_allclose(own, mean, rtol=1e-4)


@pytest.mark.reference
@pytest.mark.skipif(not REFERENCE.is_dir(), reason="reference results are kept beside the project")
def test_royle_nichols__frogs_as_unmarked():
    """Covariates of the visits; unmarked sums N to a fixed upper limit of 60."""
    y = table("frogs/detections.csv")[:, None]
    scale = json.loads((REFERENCE / "frogs/standardisation.json").read_text())
    name = "frogs/pcru_occuRN_K60"
    at = pd.read_csv(REFERENCE / f"{name}_coef.csv")["estimate"].to_numpy()
    told = json.loads((REFERENCE / f"{name}.json").read_text())
    r = np.full(y.shape, at[1])
    for k, covariate in enumerate(("MinAfterSunset", "Temperature")):
        values = table(f"frogs/visit_{covariate}.csv")[:, None]
        r += at[2 + k] * (values - scale[covariate]["mean"]) / scale[covariate]["sd"]
    y = np.where(np.isnan(r), np.nan, y)
    eta = {"lam": np.full(len(y), at[0]), "r": r}
    got = padded.evaluate(RN["poisson"], eta, y)
    np.testing.assert_allclose(got.total, told["loglik"], rtol=1e-6)
    own = RN["poisson"].number({"lam": np.exp(eta["lam"])}, got.gradients)
    mean = pd.read_csv(REFERENCE / f"{name}_site.csv")["z_mean"]
    np.testing.assert_allclose(own, mean, rtol=1e-4)
