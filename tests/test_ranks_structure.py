"""NUTS recovers the truth of effects of regions on a graph, of relatives, and of factors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import rank_settings
import ranks
from rank_settings import LONG, ORDINARY
from test_ranks import assert_right

import surveys
from occupancy.columns.surroundings import Surroundings
from occupancy.varying import Factors
from occupancy.varying.spectral import Spectral

pytestmark = pytest.mark.slow  # half a minute for each kind
SEED = 20
TREE = "((a:1,b:1):2,(c:0.5,d:0.5):2.5,e:3);"
# A ring of ten regions with two that were never surveyed on it, and an isle of its own.
RING = [(f"region {k + 1}", f"region {(k + 1) % 12 + 1}") for k in range(12)]


def of_regions(word: str, effort: Mapping[str, int]) -> ranks.Setting:
    data = rank_settings.pattern(rank_settings.Entry())
    data = surveys.attach_neighbours(data, {a: [b] for a, b in RING} | {"isle": []})
    data["region"].values[:4] = "isle"
    model = {"family": "single_season", "psi": f"x + {word}(region)"}
    return ranks.Setting(data, model, {"x": 1.5, "region": "region 12"}, **effort)


def of_species(formula: str, names: str, effort: Mapping[str, int]) -> ranks.Setting:
    rng = np.random.default_rng(7)
    made = rng.random((24, 3)) >= rank_settings.MISSING
    made[9::10] = False
    data = surveys.from_arrays({s: np.where(made, 0.0, np.nan) for s in names})
    if "phylo" in formula:
        data = surveys.attach_phylogeny(data, TREE)
    model = {"family": "single_season", "psi": formula}
    return ranks.Setting(data, model, {"species": names[1]}, **effort)


SETTINGS = {
    "icar": lambda effort: of_regions("icar", effort),
    "bym2": lambda effort: of_regions("bym2", effort),
    "phylo": lambda effort: of_species("phylo(species)", "abcde", effort),
    "factors": lambda effort: of_species("factors(1)", "abcd", effort),
    "two factors": lambda effort: of_species("factors(2)", "abcd", effort),
}


@pytest.fixture
def with_terms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rank what these terms tell beside their hyper-parameters, with species in one order.

    The axes are chosen by the data. Their choice turns the factors, which changes no species, but
    loadings of two orders cannot be compared one by one.
    """
    others = ranks.quantities

    def quantities(problem: Any, draws: Any, places: Any, seed: int) -> dict[str, np.ndarray]:
        out = others(problem, draws, places, seed)
        for term in problem.predictors["psi"].varying:
            weights = draws.effects["psi", term.name]
            if isinstance(term.design, Factors):
                covariance = term.design.covariance(weights)
                for i, j in ((0, 0), (0, 1), (1, 2), (3, 3)):
                    out[f"covariance {i} {j}"] = covariance[:, i, j]
            elif isinstance(term.design, Spectral):
                out["first effect"], out["last effect"] = weights[:, 0], weights[:, -1]
        return out

    monkeypatch.setattr(ranks, "quantities", quantities)
    monkeypatch.setattr(Surroundings, "axes", ())


@pytest.mark.usefixtures("with_terms")
@pytest.mark.parametrize("name", ["bym2", "factors"])
def test_ranks__truth_from_the_priors_ranks_uniformly(name):
    assert_right(ranks.judge(SETTINGS[name](ORDINARY), 40, SEED))


@pytest.mark.slow
@pytest.mark.usefixtures("with_terms")
@pytest.mark.parametrize("name", SETTINGS)
def test_ranks__many_simulations(name):
    assert_right(ranks.judge(SETTINGS[name](LONG), 200, SEED))


@pytest.mark.slow
@pytest.mark.usefixtures("with_terms")
@pytest.mark.parametrize("name", ["icar", "bym2"])
def test_ranks__regions_held_by_their_borders(name, monkeypatch):
    from occupancy.varying import areal

    monkeypatch.setattr(areal, "DENSE", 0)
    assert_right(ranks.judge(SETTINGS[name](LONG), 40, SEED))
