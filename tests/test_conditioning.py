"""Fits hold where columns almost follow from one another, and where sampling was cut off."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import surveys
from occupancy import Model
from occupancy.engines.nuts import _cut


@pytest.mark.parametrize("seed", [0, 4, 8, 21, 29])
def test_ml__a_year_and_its_square_are_the_same_model_as_orthogonal_polynomials(seed: int):
    rng = np.random.default_rng(seed)
    detection = rng.integers(0, 2, (40, 3))
    data = surveys.from_arrays(
        detection, site_covariates={"year": 2000.0 + rng.integers(0, 20, 40)}
    )
    raw = Model(data, psi="year + I(year^2)").fit("ml")
    orthogonal = Model(data, psi="poly(year, 2)").fit("ml")
    assert raw.log_likelihood == pytest.approx(orthogonal.log_likelihood, abs=1e-6)
    np.testing.assert_allclose(raw.sites()["psi_mean"], orthogonal.sites()["psi_mean"], atol=1e-5)
    codes = [w.code for w in raw.warnings]
    assert codes == ["COLLIN"]  # no false word of separation or of a flat top


def cut(*lengths: int) -> tuple[dict[str, int], list[int]]:
    draws = np.full((len(lengths), 100), np.nan)
    for chain, n in enumerate(lengths):
        draws[chain, :n] = 1.0
    posterior = xr.Dataset({"psi": (("chain", "draw"), draws)})
    kept, _, got = _cut(posterior, posterior)
    assert kept["psi"].notnull().all()
    return dict(kept.sizes), got


def test_cut_off__chains_that_had_not_begun_do_not_cost_the_others_their_draws():
    assert cut(100, 97, 3, 0) == ({"chain": 2, "draw": 97}, [100, 97, 3, 0])
    assert cut(50, 48, 49, 47) == ({"chain": 4, "draw": 47}, [50, 48, 49, 47])
    assert cut(100, 100) == ({"chain": 2, "draw": 100}, [100, 100])
    assert cut(0, 0)[0]["draw"] == 0
