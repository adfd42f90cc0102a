"""Checks of draws: chains that disagree, stand still, diverge, were cut off."""

import numpy as np
import pytest
import xarray as xr
from test_checks import build, simulate

from occupancy import checks
from occupancy.checks import Evidence
from occupancy.checks.convergence import convergence
from occupancy.checks.energy import bfmi
from occupancy.checks.words import percent, quantity
from occupancy.engines import compiled

CHAINS, DRAWS = 4, 500


def make_posterior(made, means, sd=0.1, chains=CHAINS, draws=DRAWS, seed=1):
    """Independent normal draws about given means, by the names that the sampler uses."""
    rng = np.random.default_rng(seed)
    out, coords = {}, {}
    for slot in compiled.slots(made):
        values = sd * rng.normal(size=(chains, draws, slot.size))
        values += np.asarray(means.get(slot.name, np.zeros(slot.size)))
        if slot.kind == "hyper":
            out[slot.name] = (("chain", "draw"), np.exp(values[..., 0]))
            continue
        dim = f"{slot.name}_dim"
        terms = made.predictors[slot.predictor].terms
        levels = [f"level {i}" for i in range(slot.size)]
        coords[dim] = list(terms) if slot.kind == "coefficients" else levels
        out[slot.name] = (("chain", "draw", dim), values)
    return xr.Dataset(out, coords=coords)


@pytest.fixture(scope="module")
def made():
    rng = np.random.default_rng(1)
    region = np.array([f"r{k}" for k in range(10)])[np.arange(100) % 10]
    ele = rng.normal(size=100)
    data = simulate(rng, region=region, site_covariates={"ele": ele})
    return build(data, "scale(ele) + (1 | region)")


@pytest.fixture
def good(made):
    return make_posterior(made, {"p": [-0.4]})


@pytest.fixture
def stats():
    rng = np.random.default_rng(2)
    shape = (CHAINS, DRAWS)
    return xr.Dataset(
        {
            "diverging": (("chain", "draw"), np.zeros(shape, bool)),
            "energy": (("chain", "draw"), rng.normal(size=shape)),
            "maxdepth_reached": (("chain", "draw"), np.zeros(shape, bool)),
        }
    )


def codes(made, posterior=None, stats=None, **more):
    verdicts = checks.run(Evidence(made, None, posterior, stats, **more))
    return {v.code: v for v in verdicts}


def test_all__good_draws_raise_nothing(made, good, stats):
    assert codes(made, good, stats, asked=(4, 500), got=[500] * 4) == {}


def test_rhat__warns_then_blocks_and_names_the_quantity(made, good):
    shifted = good.copy(deep=True)
    shifted["psi"].values[0, :, 1] += 0.04
    found = codes(made, shifted)["RHAT"]
    assert found.level == "warn"
    assert "psi: scale(ele)" in found.message
    assert found.numbers["quantities_above_1.01"] == 1
    shifted["psi"].values[0, :, 1] += 0.3
    assert codes(made, shifted)["RHAT"].level == "block"


def test_rhat__a_chain_that_stands_still_is_no_agreement(made, good):
    stuck = good.copy(deep=True)
    stuck["p"].values[:] = np.arange(CHAINS)[:, None, None]
    assert codes(made, stuck)["RHAT"].level == "block"
    stuck["p"].values[:] = 1.0
    found = codes(made, stuck)["RHAT"]
    assert found.level == "block"
    assert "p: Intercept" in found.message


def test_rhat__one_chain_is_compared_with_itself_and_still_warns(made):
    one = make_posterior(made, {"p": [-0.4]}, chains=1, draws=2000)
    found = codes(made, one)["RHAT"]
    assert found.level == "warn"
    assert "One chain" in found.message
    one["p"].values[0, 1000:] += 1.0
    assert codes(made, one)["RHAT"].level == "block"


def test_ess__warns_and_blocks_on_draws_that_resemble_their_neighbours(made, good):
    rng = np.random.default_rng(3)
    slow = good.copy(deep=True)
    for phi, level in ((0.8, "warn"), (0.98, "block")):
        x = rng.normal(size=(CHAINS, DRAWS))
        for t in range(1, DRAWS):
            x[:, t] = phi * x[:, t - 1] + np.sqrt(1 - phi**2) * x[:, t]
        slow["p"].values[..., 0] = x
        found = codes(made, slow)["ESS"]
        assert found.level == level
        assert found.numbers["quantity"] == "p: Intercept"
        assert found.numbers["needed"] == 400


def test_ess__needs_a_hundred_for_each_chain(made):
    few = make_posterior(made, {"p": [-0.4]}, chains=2, draws=250)
    assert "ESS" not in codes(made, few)
    assert "ESS" in codes(made, make_posterior(made, {"p": [-0.4]}, chains=4, draws=80))


def test_div__warns_from_the_first_and_blocks_above_one_percent(made, good, stats):
    stats["diverging"].values[1, 7] = True
    found = codes(made, good, stats)["DIV"]
    assert found.level == "warn"
    assert found.message.startswith("1 draw of 2000 (<0.1 %)")
    stats["diverging"].values[0, ::20] = True
    assert codes(made, good, stats)["DIV"].level == "block"


def test_div__blocks_a_few_that_gather_at_a_small_sd(made, good, stats):
    sd = good["psi_sd[region]"].values
    smallest = np.argsort(sd.ravel())[:4]
    stats["diverging"].values.reshape(-1)[smallest] = True
    found = codes(made, good, stats)["DIV"]
    assert found.level == "block"
    assert "sd of region of psi" in found.message
    assert found.numbers["of_them_there"] == 4


def test_ebfmi__warns_on_energies_that_wander(made, good, stats):
    stats["energy"].values[2] = np.cumsum(np.random.default_rng(4).normal(size=DRAWS))
    found = codes(made, good, stats)["EBFMI"]
    assert found.level == "warn"
    assert found.numbers["chains_below"] == 1


def test_ebfmi__by_hand():
    # steps of 2 and -2: mean square 4; variance of 1, -1, 1, -1 with n - 1: 4/3
    assert bfmi(np.array([[1.0, -1.0, 1.0, -1.0]])) == pytest.approx([3.0])


def test_tree__notes_more_than_one_percent_at_the_limit(made, good, stats):
    stats["maxdepth_reached"].values[0, :20] = True
    assert "TREE" not in codes(made, good, stats)  # exactly 1 %
    stats["maxdepth_reached"].values[0, :21] = True
    assert codes(made, good, stats)["TREE"].level == "note"


def test_partial__blocks_lost_chains_lost_draws_and_draws_without_a_value(made, good):
    assert codes(made, good, asked=(4, 500), got=[500] * 3)["PARTIAL"].level == "block"
    short = codes(made, good, asked=(4, 500), got=[500, 500, 410, 500], interrupted=True)["PARTIAL"]
    assert "410" in short.message
    assert short.numbers["draws_made"] == [500, 500, 410, 500]
    assert "PARTIAL" in codes(made, None, asked=(4, 500), got=[])
    good["p"].values[0, 3] = np.nan
    found = codes(made, good, asked=(4, 500), got=[500] * 4)["PARTIAL"]
    assert found.numbers["draws_without_value"] == 1


def test_all__hardly_any_draws_break_nothing(made, stats):
    for draws in (0, 1, 3, 7):
        tiny = make_posterior(made, {}, draws=draws)
        found = codes(made, tiny, stats.isel(draw=slice(draws)), asked=(4, 500), got=[draws] * 4)
        assert set(found) == {"PARTIAL"}
        assert not any("error" in v.numbers for v in found.values())


def test_convergence__agrees_with_arviz(made, good):
    import arviz_stats

    table = convergence(good).set_index(["parameter", "term"])
    row = table.loc["psi", "scale(ele)"]
    draws = good["psi"].isel(psi_dim=1).values
    assert row["rhat"] == pytest.approx(float(arviz_stats.rhat(draws)), rel=1e-12)
    assert row["ess_bulk"] == pytest.approx(float(arviz_stats.ess(draws)), rel=1e-12)
    assert row["mcse_mean"] == pytest.approx(draws.std() / np.sqrt(draws.size), rel=0.15)
    assert list(table.loc["psi_sd[region]"].index) == [""]
    assert len(table.loc["psi_effect[region]"]) == 10


def test_convergence__leaves_constant_and_broken_draws_without_numbers(good):
    good["p"].values[:] = 2.0
    good["psi"].values[0, 0, 0] = np.nan
    table = convergence(good).set_index(["parameter", "term"])
    measures = ["rhat", "ess_bulk", "ess_tail", "mcse_mean"]
    assert table.loc[("p", "Intercept"), measures].isna().all()
    assert table.loc[("psi", "Intercept"), measures].isna().all()
    assert table.loc[("psi", "scale(ele)"), measures].notna().all()


def test_words__name_quantities_and_shares_as_users_do():
    assert (
        quantity("psi_effect[region:park]", "north/p1") == "psi: effect of region/park = north/p1"
    )
    assert quantity("p_sd[observer]") == "p: sd of observer"
    assert quantity("psi_range[space()]") == "psi: range of space()"
    assert (
        quantity("psi_partial_correlation[ele wood, (1 + ele)|region]")
        == "psi: partial correlation of ele wood, (1 + ele)|region"
    )
    shares = (0, 0.0004, 0.003, 0.12, 0.9995, 1)
    assert [percent(s) for s in shares] == ["0 %", "<0.1 %", "0.3 %", "12 %", ">99.9 %", "100 %"]
