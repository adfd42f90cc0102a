"""Every check beside every family: silent on good data, and right where it speaks."""

from __future__ import annotations

import numpy as np
import pytest
from good_surveys import SETTINGS, simulate

import surveys
from occupancy import checks, families
from occupancy.checks import Evidence
from occupancy.checks.no_upper_limit import shared
from occupancy.engines import ml
from occupancy.model import Model


def verdicts(data, family, **more):
    """{code: verdict} of a fit by maximum likelihood; no check may fail."""
    fit = Model(data, family=family, **more).fit(engine="ml")
    assert not any("error" in v.numbers for v in fit.warnings), fit.warnings
    return {v.code: v for v in fit.warnings}


def test_settings__every_family_has_good_surveys():
    assert set(SETTINGS) == set(families.FAMILIES)


@pytest.mark.parametrize("name", families.FAMILIES)
def test_checks__are_silent_on_good_surveys_of_every_family(name):
    data, options = simulate(name)
    assert verdicts(data, name, **options) == {}


@pytest.mark.parametrize("name", families.FAMILIES)
def test_checks__none_fails_where_nothing_was_seen(name):
    """No detection: said once, and not taken for anything else."""
    data, options = simulate(name, n_site=20)
    if name == "scores":
        pytest.skip("every file has a score")
    nothing = data.copy(deep=True)
    nothing["detection"] = nothing["detection"] * 0
    if "count" in nothing:
        nothing["count"] = nothing["count"] * 0
    if "time" in nothing:
        nothing["time"] = nothing["time"] * np.nan
    found = verdicts(nothing, name, **options)
    assert set(found) == {"NODET"}
    assert found["NODET"].level == "warn"


# ---------------------------------------------------------------- GAP


def rates(seasons, empty=()):
    """Four seasons of a dynamic family by these labels, some of them without visits."""
    data, _ = simulate("dynamic", n_site=150)
    data = data.assign_coords(season=list(seasons))
    for label in empty:
        data["detection"].loc[{"season": label}] = np.nan
        data["effort"].loc[{"season": label}] = 0.0
    return data


def test_gap__tells_of_seasons_left_out_and_of_seasons_without_visits():
    found = verdicts(rates([2001, 2002, 2005, 2006]), "dynamic")["GAP"]
    assert found.level == "warn"
    assert "2002 and 2005 are 3 steps apart" in found.message
    assert found.numbers["steps_without_surveys"] == 2
    found = verdicts(rates([2001, 2002, 2003, 2004], empty=[2003]), "dynamic")["GAP"]
    assert found.numbers == {"steps_without_surveys": 0, "seasons_without_visits": [2003]}


def test_gap__silent_on_even_seasons_and_where_nothing_changes_between_them():
    assert "GAP" not in verdicts(rates([2001, 2003, 2005, 2007]), "dynamic")
    assert "GAP" not in verdicts(rates(["a", "b", "c", "d"]), "dynamic")
    units = simulate("multi_scale", n_site=150)[0].assign_coords(season=[1, 2, 5, 9])
    assert "GAP" not in verdicts(units, "multi_scale")


# ---------------------------------------------------------------- LABEL


def unconfirmed(rng=None, n=200):
    """Sites of which nobody confirmed anything: 0 and 1 alone."""
    rng = rng or np.random.default_rng(6)
    present = rng.random(n) < 0.6
    p = np.where(present, 0.7, 0.1)[:, None]
    return surveys.from_arrays((rng.random((n, 5)) < p).astype(float))


def test_label__blocks_where_nothing_tells_true_from_false():
    found = verdicts(unconfirmed(), "false_positive")["LABEL"]
    assert found.level == "block"
    one = Model(unconfirmed(), family="false_positive")
    both = [
        {"psi": {"Intercept": s * 0.4}, "p11": {"Intercept": a}, "p10": {"Intercept": b}}
        for s, a, b in ((1, 0.8, -2.0), (-1, -2.0, 0.8))
    ]
    at = [float(one.evaluate(b)["log_likelihood"].sum()) for b in both]
    assert at[0] == pytest.approx(at[1], rel=1e-12)  # two answers, alike


def test_label__silent_where_the_mirror_is_settled():
    assert "LABEL" not in verdicts(unconfirmed(), "false_positive", mirror="below")
    some = unconfirmed()
    kind = np.array([["standard"] + ["unconfirmed"] * 4] * some.sizes["site"])
    y = some["detection"].values[0, :, 0].copy()
    y[:, 0] = np.where(y.sum(axis=1) > 2, y[:, 0], 0)
    told = surveys.from_arrays(y, visit_covariates={"visit_type": kind})
    assert "LABEL" not in verdicts(told, "false_positive")


def test_label__blocks_chains_on_both_sides_and_only_those():
    from test_checks_draws import make_posterior

    data, _ = simulate("false_positive", n_site=150)
    made = Model(data, family="false_positive").problem
    at = {"psi": [1.0], "p11": [0.5], "p10": [-2.0], "b": [0.0]}
    agreed = make_posterior(made, at, sd=0.1)
    assert "LABEL" not in {v.code for v in checks.run(Evidence(made, posterior=agreed))}
    torn = agreed.copy(deep=True)
    torn["psi"][0] = torn["psi"][0] - 2.0
    found = {v.code: v for v in checks.run(Evidence(made, posterior=torn))}["LABEL"]
    assert found.level == "block"
    assert found.numbers["psi_by_chain"][0] < 0.5 < found.numbers["psi_by_chain"][1]


# ---------------------------------------------------------------- FP


def test_fp__warns_of_sites_with_one_detection_where_the_species_is_easily_seen():
    rng = np.random.default_rng(9)
    y = (rng.random((300, 8)) < 0.6) & (rng.random(300) < 0.3)[:, None]
    y |= rng.random(y.shape) < 0.03
    found = verdicts(surveys.from_arrays(y.astype(float)), "single_season")["FP"]
    assert found.level == "warn"
    assert found.numbers["share_with_one_detection"] > 0.3
    assert found.numbers["share_expected"] < 0.1


@pytest.mark.parametrize(("p", "visits"), [(0.37, 5), (0.7, 2), (0.55, 3)])
def test_fp__silent_where_one_detection_is_nothing_strange(p, visits):
    """P* just above 0.9: a third of the occupied sites are seen once by chance alone."""
    alarms = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        y = (rng.random((150, visits)) < p) & (rng.random(150) < 0.5)[:, None]
        made = Model(surveys.from_arrays(y.astype(float))).problem
        found = checks.run(Evidence(made, ml.maximise(made, starts=1)))
        alarms += "FP" in {v.code for v in found}
    assert alarms <= 1


# ---------------------------------------------------------------- NMIX, KTRUNC


def counts(lam, p, n=150, visits=4, seed=3):
    rng = np.random.default_rng(seed)
    here = rng.poisson(lam, n)
    return surveys.from_arrays(count=rng.binomial(here[:, None], p, (n, visits)).astype(float))


def test_nmix__calls_it_an_index_where_animals_are_mostly_missed():
    found = verdicts(counts(12.0, 0.12), "n_mixture")["NMIX"]
    assert found.level == "warn"
    assert found.numbers["mean_p"] < 0.2
    assert "NMIX" not in verdicts(counts(3.0, 0.45), "n_mixture")


def mixed_counts(size=0.4, lam=4.0, p=0.25, n=60, visits=3, seed=11):
    """Numbers from a negative binomial, each counted now and then."""
    rng = np.random.default_rng(seed)
    here = rng.negative_binomial(size, size / (size + lam), n)
    return surveys.from_arrays(count=rng.binomial(here[:, None], p, (n, visits)).astype(float))


def test_nmix__compares_the_totals_of_the_forms_that_fit_alike():
    """Few visits and a long tail: the negative binomial goes far beyond the zero-inflated one."""
    data = mixed_counts(size=1.0, lam=3.0, p=0.2, n=40, visits=2, seed=4)
    found = verdicts(data, "n_mixture", mixture="zip")["NMIX"]
    totals = found.numbers["totals"]
    assert max(totals.values()) > 2 * min(totals.values())
    for name, total in totals.items():
        fit = Model(data, family="n_mixture", mixture=name).fit("ml")
        assert total == pytest.approx(fit.abundance()["number_mean"].iloc[0], rel=1e-6)
        assert name in ("poisson", "negative_binomial", "zip")
    assert "zip" in totals
    assert "zero-inflated Poisson" in found.message


def test_nmix__forms_that_the_counts_rule_out_are_no_reason_to_warn():
    """A Poisson total far from the rest says nothing where its AIC is hundreds worse."""
    data = mixed_counts(size=0.5, lam=8.0, p=0.5, n=200, visits=5)
    fits = [
        Model(data, family="n_mixture", mixture=m).fit("ml")
        for m in ("negative_binomial", "poisson")
    ]
    assert fits[1].aic > fits[0].aic + 100
    assert "NMIX" not in {v.code for v in fits[0].warnings}


def test_nmix__seldom_cries_wolf_on_counts_from_the_model():
    alarms = sum("NMIX" in verdicts(counts(3.0, 0.4, seed=s), "n_mixture") for s in range(6))
    assert alarms == 0


def test_ktrunc__blocks_where_counts_set_no_limit():
    """Counts of one site that differ as much as counts of different sites."""
    rng = np.random.default_rng(2)
    data = surveys.from_arrays(count=rng.poisson(1.0, (100, 3)).astype(float))
    made = Model(data, family="n_mixture").problem
    y = data["count"].values[0, :, 0].astype(float)
    by_hand = np.mean([np.mean(y[:, j] * y[:, k]) for j, k in ((0, 1), (0, 2), (1, 2))])
    assert shared(made) == pytest.approx(by_hand - y.mean() ** 2, rel=1e-12)
    assert shared(made) < 0
    found = {v.code: v for v in checks.run(Evidence(made))}["KTRUNC"]
    assert found.level == "block"
    assert "KTRUNC" not in verdicts(counts(3.0, 0.45), "n_mixture")
