"""Checks of the surveys and of what a model asks of them."""

import json

import numpy as np
import pytest
import xarray as xr
from scipy.special import expit
from test_checks import build, simulate
from test_checks_draws import make_posterior

import surveys
from occupancy import checks
from occupancy.checks import Evidence
from occupancy.checks.never_detected import highest_psi
from occupancy.checks.predicted import predict
from occupancy.checks.separation import separating_direction
from occupancy.engines import ml
from occupancy.model import Model
from surveys.ledger import Ledger


@pytest.fixture
def rng():
    return np.random.default_rng(12)


def found(made, posterior=None, top=True):
    plain = made.without_groups() if made.has_groups else made
    verdicts = checks.run(Evidence(made, ml.maximise(plain) if top else None, posterior))
    assert not any("error" in v.numbers for v in verdicts)
    return {v.code: v for v in verdicts}


def letters(rng, n, names="abc"):
    return np.array(list(names))[rng.integers(0, len(names), n)]


# --- visits and detections ----------------------------------------------------------------


def test_onevisit__counts_sites_with_two_visits(rng):
    y = simulate(rng, 200, 2).detection.values[0, :, 0, :].copy()
    y[25:, 1] = np.nan
    assert "ONEVISIT" not in found(build(surveys.from_arrays(y)))  # 25 sites, 12.5 %
    y[19:, 1] = np.nan
    verdict = found(build(surveys.from_arrays(y)))["ONEVISIT"]
    assert verdict.level == "block"
    assert verdict.numbers["sites_with_two_visits"] == 19
    wide = np.full((300, 2), 0.0)
    wide[:, 0], wide[25:, 1] = rng.random(300) < 0.3, np.nan
    assert "ONEVISIT" in found(build(surveys.from_arrays(wide)), top=False)  # 25 sites, 8.3 %


def test_nodet__gives_the_bound_that_depends_on_p(rng):
    verdict = found(build(simulate(rng, 30, 2, psi=0)))
    assert set(verdict) == {"NODET"}
    numbers = verdict["NODET"].numbers
    assert numbers["visits"] == 60
    # (1 - psi p*)^30 = .05 with p* = 1 - .7^2
    assert numbers["highest_psi_at_p_0.3"] == pytest.approx((1 - 0.05 ** (1 / 30)) / 0.51)
    assert highest_psi(np.array([1, 1]), 0.1) == 1.0
    assert "NODET" not in found(build(simulate(rng)))


def test_alldet__and_nothing_else(rng):
    verdict = found(build(simulate(rng, 50, 4, psi=1, p=0.95)))
    assert set(verdict) == {"ALLDET"}
    assert verdict["ALLDET"].numbers["lowest_psi"] == pytest.approx(0.05 ** (1 / 50))
    assert "ALLDET" not in found(build(simulate(rng)))


def test_nodet_alldet__name_species_in_a_community(rng):
    owl = simulate(rng, 60, 4)
    elk, fox = owl.copy(deep=True), owl.copy(deep=True)
    elk["detection"][:], fox["detection"][:] = 0, 1
    three = xr.concat([owl["detection"], elk["detection"], fox["detection"]], "species")
    data = owl.drop_vars(["detection", "species"]).assign(detection=three)
    data = data.assign_coords(species=["owl", "elk", "fox"])
    verdict = found(build(data, "1 + (1 | species)"))
    assert "elk" in verdict["NODET"].message
    assert verdict["ALLDET"].numbers["species"] == ["fox"]


def test_pstar__notes_then_warns_by_each_visits_own_p(rng):
    assert "PSTAR" not in found(build(simulate(rng, 200, 5, p=0.4)))
    assert found(build(simulate(rng, 200, 3, p=0.33)))["PSTAR"].level == "note"
    verdict = found(build(simulate(rng, 300, 3, p=0.15)))["PSTAR"]
    assert verdict.level == "warn"
    assert verdict.numbers["visits_at_median_site"] == 3


def test_predicted__is_the_kernels_own_arithmetic(rng):
    date = rng.normal(size=(40, 3))
    y = np.where(rng.random((40, 3)) < 0.2, np.nan, rng.random((40, 3)) < 0.3)
    region = letters(rng, 40, "abcdef")
    data = surveys.from_arrays(y, visit_covariates={"date": date}, region=region)
    made = build(data, "1 + (1 | region)", "date")
    draws = make_posterior(made, {"psi": [0.3], "p": [-0.4, 0.8]}, sd=0.5, draws=20, chains=2)
    told = predict(made, draws, None)
    visited = ~np.isnan(y).all(axis=1)
    levels = np.unique(region, return_inverse=True)[1]
    psi, star = [], np.zeros(40)
    for c in range(2):
        for d in range(20):
            at = draws.isel(chain=c, draw=d)
            eta = float(at["psi"].item()) + at["psi_effect[region]"].values[levels]
            psi.append(expit(eta)[visited].mean())
            p = expit(at["p"].values[0] + at["p"].values[1] * date)
            star += 1 - np.prod(np.where(np.isnan(y), 1, 1 - p), axis=1)
    assert told.psi == pytest.approx(psi, rel=1e-12)
    assert np.sort(told.p_star) == pytest.approx(np.sort(star[visited] / 40), rel=1e-12)


# --- what the model asks ------------------------------------------------------------------


def test_relev__warns_of_few_levels_and_of_levels_with_one_site(rng):
    few = simulate(rng, region=letters(rng, 100))
    verdict = found(build(few, "1 + (1 | region)"))["RELEV"]
    assert "3 levels (a, b, c)" in verdict.message
    each = build(simulate(rng), "1 + (1 | site)")
    assert found(each)["RELEV"].numbers["levels_with_one_site"] == 100
    enough = simulate(rng, region=letters(rng, 100, "abcdef"))
    assert "RELEV" not in found(build(enough, "1 + (1 | region)", "1 + (1 | site)"))


def test_sep__finds_a_level_without_detections(rng):
    forest = letters(rng, 100)
    data = simulate(rng, site_covariates={"forest": forest})
    assert "SEP" not in found(build(data, "forest"))
    data.detection.values[:, forest == "c"] = 0
    verdict = found(build(data, "forest"))["SEP"]
    assert verdict.numbers["terms"] == ["forest[c]"]


def test_sep__finds_an_observer_who_never_sees_anything(rng):
    observer = letters(rng, 500).reshape(100, 5)
    data = simulate(rng, visit_covariates={"observer": observer})
    data.detection.values[0, :, 0, :][observer == "b"] = 0
    made = build(data, "1", "observer")
    assert found(made)["SEP"].numbers == {"parameter": "p", "terms": ["observer[b]"]}
    assert "SEP" in found(made, top=False)  # from the data alone


def test_sep__linear_programme_is_exact():
    x = np.array([0.0, 1.0, 2.0, 3.0])
    design = np.stack([np.ones(4), x], axis=1)
    assert separating_direction(design, x > 1.5)[1] > 0
    assert separating_direction(design, x < 0.5)[1] < 0
    assert (separating_direction(design, np.array([0, 1, 0, 1], bool)) == 0).all()
    # one overlapping row far down a long table is found
    x = np.linspace(-1, 1, 20_001)
    design, seen = np.stack([np.ones(x.size), x], axis=1), x > 0
    assert separating_direction(design, seen)[1] > 0
    seen[137] = True
    assert (separating_direction(design, seen) == 0).all()


def test_sep__warns_of_a_slope_that_only_its_prior_holds(rng):
    data = simulate(rng, site_covariates={"ele": rng.normal(size=100)})
    made = build(data, "scale(ele)")  # prior normal(0, 1.5)
    wide = make_posterior(made, {"p": [-0.4]}, sd=1.45)
    verdict = found(made, wide)["SEP"]
    assert verdict.numbers["terms"] == ["scale(ele)"]
    assert "SEP" not in found(made, make_posterior(made, {"p": [-0.4]}, sd=1.2))


def test_confound__same_covariate_with_two_visits(rng):
    ele = rng.normal(size=300)
    for visits, told in ((2, True), (3, False)):
        data = simulate(rng, 300, visits, p=0.7, site_covariates={"ele": ele})
        assert ("CONFOUND" in found(build(data, "ele", "ele"))) == told
    two = simulate(rng, 300, 2, p=0.7, site_covariates={"ele": ele})
    assert "CONFOUND" not in found(build(two, "ele"))


def test_confound__draws_of_psi_and_p_that_move_together(rng):
    made = build(simulate(rng))
    tied = make_posterior(made, {"p": [-0.4]}, sd=0.2)
    assert "CONFOUND" not in found(made, tied)
    tied["p"].values[:] = -0.4 - tied["psi"].values + 0.05 * rng.normal(size=tied["psi"].shape)
    verdict = found(made, tied)["CONFOUND"]
    assert verdict.numbers["correlation"] < -0.8


def test_confound__a_covariate_far_from_zero_ties_nothing(rng):
    year = 2000 + rng.normal(size=100)  # its slope and the intercept at zero move as one
    data = simulate(rng, site_covariates={"year": year})
    assert "CONFOUND" not in found(build(data, "year", "year"))


def test_collin__notes_covariates_that_tell_the_same(rng):
    ele = rng.normal(size=100)
    noise = rng.normal(size=100)
    data = simulate(rng, site_covariates={"ele": ele, "cold": -ele + 0.3 * noise, "wet": noise})
    verdict = found(build(data, "ele + cold"))["COLLIN"]
    assert verdict.level == "note"
    assert "ele" in verdict.message
    assert "COLLIN" not in found(build(data, "ele + wet"))
    assert "COLLIN" not in found(build(data, "poly(ele, 2)"))


def test_collin__finds_a_covariate_that_is_a_mix_of_others(rng):
    a, b, c, d, e = rng.normal(size=(5, 100))
    mix = (a + b + c + d) / 2 + 0.3 * e  # |r| near .5 with each, VIF above 5
    data = simulate(rng, site_covariates={"a": a, "b": b, "c": c, "d": d, "mix": mix})
    verdict = found(build(data, "a + b + c + d + mix"))["COLLIN"]
    assert verdict.numbers["VIF of mix"] > 5
    assert not any(k.startswith("r of") for k in verdict.numbers)


def test_collin__levels_of_a_factor_are_no_fault(rng):
    forest = np.array(["a"] * 3 + ["b"] * 50 + ["c"] * 47)  # a rare reference
    data = simulate(rng, site_covariates={"forest": forest})
    assert "COLLIN" not in found(build(data, "forest"))


# --- what was set aside -------------------------------------------------------------------


def test_miss__counts_what_the_model_could_not_use(rng):
    date, ele = rng.normal(size=(100, 5)), rng.normal(size=100)
    date[:7, 2], ele[3] = np.nan, np.nan
    data = simulate(rng, site_covariates={"ele": ele}, visit_covariates={"date": date})
    verdict = found(build(data, "ele", "date"))["MISS"]
    assert verdict.level == "warn"
    assert verdict.numbers == {"visits without date": 7, "sites without ele": 1}
    assert "7 visits of 500" in verdict.message
    assert "MISS" not in found(build(data))  # a model that does not use them keeps all


def with_ledger(data: xr.Dataset, ledger: Ledger) -> xr.Dataset:
    return data.assign_attrs(ledger=ledger.to_json())


def test_miss__tells_the_account_of_the_files(rng):
    ledger = Ledger()
    ledger.read("visits.csv", 12)
    ledger.set_aside("unknown site", "visits.csv", [4, 9], ["x", "y"])
    ledger.cells("non-detection with effort 0: no visit", "", 3)
    ledger.repair("R311", "visits.csv: values up to 4 were read as counts")
    verdict = found(build(with_ledger(simulate(rng), ledger)))["MISS"]
    assert "2 rows of visits.csv set aside: unknown site" in verdict.message
    assert "3 cells changed" in verdict.message
    assert "values up to 4 were read as counts" in verdict.message
    json.dumps(verdict.to_dict(), allow_nan=False)


def test_miss__silent_on_repairs_that_changed_nothing(rng):
    ledger = Ledger()
    ledger.read("visits.csv", 12)
    ledger.use("visits.csv", 12)
    ledger.repair("R001", "visits.csv: read with decimal comma")
    assert "MISS" not in found(build(with_ledger(simulate(rng), ledger)))


def test_miss__silent_on_notes_below_a_table(rng):
    ledger = Ledger()
    ledger.below("note below the table", "visits.csv", "visits.csv", [13], ["* by hand"])
    ledger.read("visits.csv", 11)
    ledger.use("visits.csv", 11)
    assert ledger.n_read("visits.csv") == 12
    assert "MISS" not in found(build(with_ledger(simulate(rng), ledger)))


def test_miss__an_account_that_cannot_be_read_is_told(rng):
    data = simulate(rng).assign_attrs(ledger="{broken")
    assert "cannot be read" in found(build(data))["MISS"].message


def test_relev__of_few_species_does_not_ask_for_a_factor():
    rng = np.random.default_rng(2)
    y = {f"s{k}": (rng.random((30, 3)) < 0.4).astype(float) for k in range(3)}
    fit = Model(surveys.from_arrays(y), community="species").fit("ml")
    cures = [w.cure for w in fit.warnings if w.code == "RELEV"]
    assert cures
    assert all(c.startswith("Estimate each species by itself") for c in cures)
