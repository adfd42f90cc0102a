"""What pooling does: few surveys move further, and each column is what it says."""

from __future__ import annotations

import numpy as np
import pytest

import surveys
from occupancy.engines import ml
from occupancy.model import Model
from surveys.problems import ModelError

SITES = (3, 60, 20, 20, 20, 20)


def expit(x):
    return 1 / (1 + np.exp(-x))


@pytest.fixture(scope="module")
def uneven():
    """Six regions; the first has 3 sites and the second 60, both as full; the others are emptier.

    Observers: o0 made few visits, the others many.
    """
    rng = np.random.default_rng(21)
    region = np.repeat([f"r{k}" for k in range(len(SITES))], SITES)
    level = np.repeat([1.4, 1.4, -0.6, -0.2, -1.0, -0.4], SITES)
    n = len(region)
    who = rng.choice([f"o{k}" for k in range(5)], (n, 4), p=[0.02, 0.245, 0.245, 0.245, 0.245])
    skill = {"o0": 1.2, "o1": 0.9, "o2": -0.6, "o3": 0.2, "o4": -0.3}
    p = expit(np.vectorize(skill.get)(who))
    occupied = rng.random(n) < expit(level)
    occupied[:3] = True
    y = (rng.random((n, 4)) < p) & occupied[:, None]
    return surveys.from_arrays(
        y.astype(float),
        site_covariates={"ele": rng.normal(0, 1, n)},
        visit_covariates={"observer": who},
        region=region,
    )


@pytest.fixture(scope="module")
def fit(uneven):
    formulas = {"psi": "ele + (1 | region)", "p": "(1 | observer)"}
    return Model(uneven, **formulas).fit("ml", integrate="laplace")


def test_shrinkage__a_region_of_3_sites_moves_further_than_one_of_60(fit):
    table = fit.shrinkage(by="region").set_index("region")
    assert table.loc[["r0", "r1"], "sites"].tolist() == [3, 60]
    moved = (table["partial_mean"] - table["alone_mean"]).abs()
    link = fit.shrinkage(by="region", parameter="psi", scale="natural").set_index("region")
    gap = (link["partial_mean"] - link["alone_mean"]).abs()
    assert link.loc["r0", "alone_mean"] == pytest.approx(1.0, abs=1e-3)  # always seen
    assert gap["r0"] > 3 * gap["r1"]
    assert moved["r0"] > moved["r1"] or gap["r0"] > 0.1
    towards = (link["complete_mean"] - link["alone_mean"]) * (
        link["partial_mean"] - link["alone_mean"]
    )
    assert (towards[["r0", "r1"]] > 0).all()


def test_shrinkage__alone_and_complete_are_maxima_of_their_models(uneven):
    """Without anything else that varies they are fits of their own."""
    fit = Model(uneven, psi="ele + (1 | region)").fit("ml", integrate="laplace")
    table = fit.shrinkage(by="region", parameter="psi", interval=0.95).set_index("region")
    own = ml.maximise(Model(uneven, psi="0 + factor(region) + ele").problem, 1)
    beta, se = own.coefficients["psi"], own.standard_errors()["psi"]
    mean = float(uneven["ele"].mean())
    assert table.loc["r2", "alone_mean"] == pytest.approx(beta[2] + beta[6] * mean, abs=1e-6)
    assert table.loc["r2", "alone_upper"] > table.loc["r2", "alone_mean"] + se[2]
    assert np.isnan(table.loc["r0", "alone_lower"])  # seen at all three: no end above
    whole = ml.maximise(Model(uneven, psi="ele").problem, 1).coefficients["psi"]
    assert table["complete_mean"].tolist() == pytest.approx([whole[0] + whole[1] * mean] * 6)
    drawn, effect = fit.draws.point.coefficients["psi"][0], fit.groups()["mean"]
    assert table.loc["r2", "partial_mean"] == pytest.approx(
        drawn[0] + drawn[1] * mean + effect[2], abs=0.1
    )
    assert table.attrs["scale"] == "link"


def test_shrinkage__observers_of_detection(fit, uneven):
    table = fit.shrinkage(by="observer").set_index("observer")
    assert table.attrs["parameter"] == "p"
    who, y = uneven["observer"].values[:, 0], uneven["detection"].values[0, :, 0]
    mine = who == "o1"
    ever = np.broadcast_to((y > 0).any(axis=1)[:, None], y.shape)
    share = (y[mine & ever] > 0).mean()
    assert table.loc["o1", "rows"] == mine.sum()
    assert table.loc["o1", "naive"] == pytest.approx(np.log(share / (1 - share)), rel=1e-9)
    spread = table["alone_mean"].std(), table["partial_mean"].std()
    assert spread[1] < spread[0]
    width = table["alone_upper"] - table["alone_lower"]
    kept = table["partial_upper"] - table["partial_lower"]
    assert kept["o0"] < width["o0"]
    natural = fit.shrinkage(by="observer", scale="natural").set_index("observer")
    assert natural["alone_mean"].to_numpy() == pytest.approx(expit(table["alone_mean"]))


def test_shrinkage__what_is_not_pooled_is_refused(fit):
    with pytest.raises(ModelError, match=r"`p` has no effects of 'region'.* It has observer"):
        fit.shrinkage(by="region", parameter="p")
    with pytest.raises(ModelError, match="no label 'plot'"):
        fit.shrinkage(by="plot")
    with pytest.raises(ModelError, match='give "link" or "natural"'):
        fit.shrinkage(by="region", parameter="psi", scale="log")
