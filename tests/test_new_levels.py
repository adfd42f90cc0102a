"""Groups that nobody surveyed: drawn from their population, refused, or without a label."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import foldnorm

import surveys
from occupancy import Model
from occupancy.engines.conditional import ends_of_sd
from surveys.problems import ModelError

RNG = np.random.default_rng(3)
N = 60
PARK = np.array([f"P{k % 15}" for k in range(N)], object)
DATA = surveys.from_arrays(
    (RNG.random((N, 3)) < 0.5) * (RNG.random(N) < 0.6)[:, None].astype(float),
    site_covariates={"x": RNG.normal(size=N), "park": PARK},
    visit_covariates={"observer": RNG.choice(np.array(list("abc"), object), (N, 3))},
    region=np.array([f"R{k % 5}" for k in range(N)]),
)
FIT = Model(DATA, psi="x + (1 | region/park)", p="(1 | observer)").fit("ml", integrate="laplace")


def place(region: str | None, park: str | None) -> pd.DataFrame:
    return pd.DataFrame({"x": [0.0], "region": [region], "park": [park]})


def test_predict__levels_never_surveyed_are_refused_by_choice():
    known = FIT.predict(place("R1", "P1"), new_levels="refuse")
    pd.testing.assert_frame_equal(known, FIT.predict(place("R1", "P1")))
    for region, park, told in (
        ("Q", "P1", "no region Q"),
        ("R1", "new", "no region/park R1/new"),
        ("R1", "P2", "no region/park R1/P2"),  # P2 lies in another region
    ):
        assert np.isfinite(FIT.predict(place(region, park))["psi_mean"]).all()
        with pytest.raises(ModelError, match=f"`psi` has {told} in the surveys"):
            FIT.predict(place(region, park), new_levels="refuse")
    new = pd.DataFrame({"observer": ["a", "nobody"]})
    with pytest.raises(ModelError, match="`p` has no observer nobody"):
        FIT.predict(new, parameter="p", new_levels="refuse")
    with pytest.raises(ModelError, match='give "draw" or "refuse"'):
        FIT.predict(place("R1", "P1"), new_levels="no")  # type: ignore[arg-type]


def test_predict__without_a_label_there_is_no_answer():
    for missing in (None, "", np.nan):
        for region, park in ((missing, "P1"), ("R1", missing)):
            assert FIT.predict(place(region, park))["psi_mean"].isna().all()
    told = FIT.predict(pd.DataFrame({"observer": ["a", None]}), parameter="p")
    assert told["p_mean"].isna().tolist() == [False, True]


def test_predict__a_whole_number_is_one_label_however_it_is_held():
    data = DATA.assign(park=("site", np.arange(N) % 15, DATA["park"].attrs))
    fit = Model(data, psi="(1 | park)").fit("ml", integrate="laplace")
    told = [fit.predict({"park": [99.0 if real else 99]})["psi_sd"].item() for real in (0, 1)]
    assert told[0] == told[1]


def test_sd__near_zero_has_no_endless_interval():
    """With a logarithm known to +-5 Wald's interval would end at 3,000 times the estimate."""
    assert ends_of_sd(np.log(2.0), 0.3, (0.05, 0.95)) == pytest.approx(
        (2 * np.exp(-1.644854 * 0.3), 2 * np.exp(1.644854 * 0.3))
    )
    lower, upper = ends_of_sd(np.log(0.25), 5.0, (0.05, 0.95))
    rng = np.random.default_rng(1)
    folded = np.abs(rng.normal(0.25, 1.25, 200_000))
    assert (lower, upper) == pytest.approx(np.quantile(folded, [0.05, 0.95]), rel=0.02)

    table = FIT.hyperparameters().set_index(["parameter", "term"])
    row = table.loc[("psi", "region/park")]
    error = row["sd"] / row["mean"]
    assert error > 1  # 15 parks that do not differ: 0 is within one standard error
    assert row["upper"] == pytest.approx(foldnorm.ppf(0.95, 1 / error, scale=row["sd"]))
    drawn = FIT.draws.hypers["psi", "region:park"][:, 0]
    assert np.quantile(drawn, 0.95) == pytest.approx(row["upper"], rel=0.1)
    assert FIT.predict(place("R1", "new"))["psi_lower"].item() > 0.01
