"""Hyper-parameters of every kind of varying term: numbers by hand, and plain words."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri

import surveys
from occupancy.model import Model
from occupancy.outputs.term_names import covariates
from occupancy.outputs.varying_words import interval, quantity, tell
from occupancy.results import hyperparameters
from occupancy.results.draws import Draws

N = 40
NEIGHBOURS = {"r0": ["r1"], "r1": ["r0", "r2"], "r2": ["r1", "r3"], "r3": ["r2"]}


@pytest.fixture(scope="module")
def data():
    """40 sites in four regions, five seasons."""
    rng = np.random.default_rng(4)
    region = np.array([f"r{k % 4}" for k in range(N)])
    out = surveys.from_arrays(
        (rng.random((N, 5, 2)) < 0.4).astype(float),
        site_covariates={
            "ele": rng.uniform(200, 1400, N),
            "wood": rng.uniform(0, 1, N),
            "park": np.array([f"k{k % 8}" for k in range(N)]),
        },
        visit_covariates={"day": rng.uniform(0, 365, (N, 5, 2))},
        coordinates={
            "easting": 4_000_000 + rng.uniform(0, 5000, N),
            "northing": 3_000_000 + rng.uniform(0, 5000, N),
        },
        crs="EPSG:3035",
        region=region,
    )
    out["ele"].attrs.update(long_name="elevation", units="m")
    return surveys.attach_neighbours(out, NEIGHBOURS)


FORMULAS = {
    "psi": "ele + (1 | region/park) + spline(ele) + spline(wood | region) + space(basis=4) + "
    "space(ele, basis=4) + bym2(region)",
    "gamma": "(1 + scale(ele) | region) + ar1(season | region)",
    "epsilon": "(1 + ele || park) + icar(region)",
    "p": "cyclic(day, period=365) + rw(season)",
}
SENTENCES = {
    ("psi", "region"): "Each region has its own level, drawn from what all have in common",
    ("psi", "region/park"): "Each park in region has its own level",
    ("psi", "spline(ele)"): "A smooth curve along elevation; how far it bends",
    ("psi", "spline(wood|region)"): "Each region has its own smooth curve along wood",
    ("psi", "space()"): "Sites near each other are alike: a smooth surface over the map",
    ("psi", "space(ele)"): "The effect of elevation changes smoothly over the map",
    ("psi", "bym2(region)"): "Each region has its own level: a part that it shares",
    ("gamma", "(1 + scale(ele))|region"): "Each region has its own level and its own effect of "
    "elevation, which vary together",
    ("gamma", "ar1(season|region)"): "A level for each season, in each region its own: every "
    "season resembles the one before",
    ("epsilon", "park"): "Each park has its own level, drawn from what all have in common, "
    "independently of its effect of elevation",
    ("epsilon", "ele|park"): "Each park has its own effect of elevation",
    (
        "epsilon",
        "icar(region)",
    ): "Each region has its own level and resembles those that it",
    ("p", "cyclic(day)"): "A smooth curve along day that begins anew after 365",
    ("p", "rw(season)"): "A level for each season: every season begins where the one before was",
}


def test_words__every_kind_of_term_has_a_sentence_with_its_columns(data):
    problem = Model(data, family="dynamic", **FORMULAS).problem
    told = tell(problem, covariates(data))
    assert set(told) == set(SENTENCES)
    for key, start in SENTENCES.items():
        assert told[key].sentence.startswith(start), key
        assert told[key].sentence.endswith("."), key
    for p in problem.predictors.values():
        for term in p.varying:
            own = told[p.name, term.design.name].hypers
            assert set(own) == {(h.name, h.label) for h in term.design.hypers}
    assert told["psi", "region/park"].name == "park in region"
    assert told["gamma", "(1 + scale(ele))|region"].hypers["correlation", "1 scale(ele)"][0] == (
        "correlation of level and effect of elevation"
    )
    assert told["psi", "space()"].hypers["range", ""][1] == "km"


def test_hyperparameters__one_row_for_each_of_every_term(data):
    problem = Model(data, family="dynamic", **FORMULAS).problem
    rng = np.random.default_rng(1)
    terms = [(p, t) for p in problem.predictors.values() for t in p.varying]
    hypers = {(p.name, t.name): rng.uniform(0.2, 0.8, (50, len(t.priors))) for p, t in terms}
    effects = {(p.name, t.name): np.zeros((50, t.design.n_weight)) for p, t in terms}
    beta = {n: np.zeros((50, len(p.terms))) for n, p in problem.predictors.items()}
    table = hyperparameters.table(problem, Draws(beta, hypers, effects), 0.8)
    assert len(table) == sum(len(t.priors) for _, t in terms)
    row = table[(table["term"] == "space()") & (table["hyper"] == "range")].iloc[0]
    own = hypers["psi", "space()"][:, 1]
    assert row["unit"] == "km"
    assert row["mean"] == pytest.approx(own.mean(), rel=1e-12)
    assert [row["lower"], row["upper"]] == pytest.approx(np.quantile(own, [0.1, 0.9]), rel=1e-12)


def test_hyperparameters__three_effects_have_full_correlations(data):
    problem = Model(data, psi="(1 + ele + wood | region)", family="dynamic").problem
    partial = np.array([[1.0, 1.0, 1.0, 0.5, -0.3, 0.4]])
    (term,) = problem.predictors["psi"].varying
    draws = Draws(
        {n: np.zeros((1, len(p.terms))) for n, p in problem.predictors.items()},
        {("psi", term.name): partial},
        {("psi", term.name): np.zeros((1, term.design.n_weight))},
    )
    table = hyperparameters.table(problem, draws, 0.9)
    found = table[table["hyper"] == "correlation"].set_index("label")["mean"]
    # r23 = r12 r13 + c sqrt((1 - r12^2)(1 - r13^2))
    by_hand = 0.5 * -0.3 + 0.4 * np.sqrt((1 - 0.25) * (1 - 0.09))
    assert found.to_dict() == pytest.approx({"1 ele": 0.5, "1 wood": -0.3, "ele wood": by_hand})
    assert not (table["hyper"] == "partial_correlation").any()


def test_hyperparameters__of_a_maximum_have_intervals_of_wald():
    rng = np.random.default_rng(8)
    region = np.repeat(np.arange(12), 12)
    psi = 1 / (1 + np.exp(-rng.normal(0, 1.2, 12)[region]))
    y = (rng.random((144, 4)) < 0.6) & (rng.random(144) < psi)[:, None]
    data = surveys.from_arrays(y.astype(float), region=np.array([f"r{r:02d}" for r in region]))
    fit = Model(data, psi="(1 | region)").fit("ml", integrate="laplace")
    row = fit.hyperparameters(interval=0.95).iloc[0]
    old = fit.variances(interval=0.95).iloc[0]
    for measure in ("mean", "sd", "lower", "upper"):
        assert row[measure] == pytest.approx(old[measure], rel=1e-9)
    ratio = np.log(row["upper"] / row["mean"]) / ndtri(0.975)
    assert row["sd"] == pytest.approx(row["mean"] * ratio, rel=1e-9)


def test_quantity__distances_are_said_in_metres_or_kilometres():
    assert quantity(0.85, "km") == "850 m"
    assert quantity(12.34, "km") == "12.3 km"
    assert interval(0.4, 0.85, "km") == "400–850 m"
    assert interval(0.4, 3.0, "km") == "0.4–3 km"
    assert interval(-0.2, 0.5, "") == "−0.20 to 0.50"


def test_hyperparameters__of_nothing_that_varies_have_no_correlation_range_or_share():
    """As everywhere: regions that are all alike resemble each other in no way."""
    y = np.zeros((40, 4))
    y[np.arange(40) % 10 < 6, ::2] = 1  # the same in every region, and along every covariate
    ele = np.repeat([-1.0, 1.0], 20)
    data = surveys.from_arrays(
        y,
        site_covariates={"ele": ele},
        region=np.array([f"r{k // 10}" for k in range(40)]),
        neighbours=NEIGHBOURS,
    )
    for psi in ("(1 + ele | region)", "bym2(region)"):
        fit = Model(data, psi=psi).fit("ml", integrate="laplace")
        told = fit.hyperparameters().set_index("hyper")
        assert (told.loc[["sd"], "mean"] == 0).all()
        assert told.drop(index="sd")[["mean", "sd", "lower", "upper"]].isna().all(axis=None)
        said = [w.message for w in fit.warnings if w.code == "SDZERO"]
        assert len(set(said)) == len(told.loc[["sd"]])
        if psi == "bym2(region)":
            assert "estimated at 0: the data show nothing of it beyond chance" in said[0]
        else:
            assert "the sd of the level in (1 + ele)|region is estimated" in said[0]
            assert "the sd of ele in (1 + ele)|region is estimated" in said[1]


def test_range__of_which_nothing_is_known_ends_where_a_maximum_is_sought():
    rng = np.random.default_rng(5)
    n = 30
    y = ((rng.random((n, 1)) < 0.6) & (rng.random((n, 3)) < 0.5)).astype(float)
    line = {"easting": 4e6 + 1e3 * np.arange(n), "northing": np.full(n, 3e6)}
    data = surveys.from_arrays(y, coordinates=line, crs="EPSG:3035")
    told = Model(data, psi="space()").fit("ml").hyperparameters().set_index("hyper").loc["range"]
    ends = np.array([told["lower"], told["upper"]], float)
    assert np.isnan(ends).all() or (ends[0] > 1e-4 and ends[1] < 1e4)
