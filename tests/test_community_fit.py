"""What a fit tells of a community, held to direct counts over its own draws."""

import numpy as np
import pandas as pd
import pytest
from test_community import SPECIES, surveys_of

from occupancy import Model
from occupancy.engines.compiled import slots
from occupancy.fit import Fit
from occupancy.results.draws import linear_predictor
from surveys.problems import ModelError

N_SITE, N_DRAW = 30, 60
REGIONS = np.array(["north", "south", "west"])[np.arange(N_SITE) % 3]
TRAITS = {"mass": [6.0, 4.0, 20.0, 0.1, 0.02, 2.0], "guild": list("mgmggm")}


def from_prior(model, seed=1, draws=N_DRAW):
    """A fit whose draws are those of the prior: nothing is sampled, all answers are checked."""
    truth = model.simulate(seed=seed, draws=draws)
    names = [slot.name for slot in slots(model.problem)]
    posterior = truth[names].rename(draw="row").expand_dims(chain=1).rename(row="draw")
    return Fit(model, "nuts", 1, ml=None, posterior=posterior, warnings=[])


@pytest.fixture(scope="module")
def data():
    return surveys_of(species_covariates=TRAITS, region=REGIONS)


@pytest.fixture(scope="module")
def fit(data):
    psi = "elev + I(elev^2) + scale(mass) + scale(mass):elev + forest"
    return from_prior(Model(data, psi=psi, p="scale(date)", community=True))


@pytest.mark.parametrize(
    ("psi", "p", "community"),
    [
        ("elev + I(elev^2) + mass + mass:elev + forest", "date", "species"),
        ("elev + forest + elev:forest", "scale(date) + guild", "guild/species"),
        ("elev + (1 + elev || guild/species)", "1 + (1 | species)", ""),
        ("elev + (1 + elev | species)", "1 + (1 + date | species)", ""),
        ("species + elev:species", "1 + (1 | species)", ""),
    ],
)
def test_species_coefficients__are_those_of_a_formula_of_its_own(data, psi, p, community):
    fit = from_prior(Model(data, psi=psi, p=p, community=community), draws=5)
    frames, draws = fit._frames, fit.draws
    for name, told in fit._of_species.items():
        table = frames.at(fit.problem.predictors[name].level)
        eta = linear_predictor(fit.problem.predictors[name], draws, table, table.n)
        for s, species in enumerate(SPECIES):
            mine = np.flatnonzero(np.asarray(table["species"]) == species)
            plain = {k: np.asarray(table[k])[mine] for k in table if k not in ("species",)}
            columns = np.stack([column(term, plain, mine.size, fit) for term in told.terms])
            np.testing.assert_allclose(
                told.own[:, s] @ columns, eta[:, mine], rtol=1e-7, atol=1e-6 * np.abs(eta).max()
            )


def column(term, frame, n, fit):
    """A column of a formula, written by hand."""
    if term == "Intercept":
        return np.ones(n)
    if ":" in term:
        a, b = term.split(":")
        return column(a, frame, n, fit) * column(b, frame, n, fit)
    if term.startswith("forest"):
        return (frame["forest"] == term[7:-1]) * 1.0
    if term == "I(elev^2)":
        return frame["elev"] ** 2
    if term == "date":
        return frame["date"]
    if term == "scale(date)":
        made = fit._frames.visits["date"]
        return (frame["date"] - made.mean()) / made.std(ddof=1)
    return frame[term]


def test_species_coefficients__mean_and_deviation_add_up(fit):
    table = fit.species_coefficients()
    np.testing.assert_allclose(table["community"] + table["deviation_mean"], table["mean"])
    one = table[(table["species"] == "owl") & (table["parameter"] == "p")].set_index("term")
    slope = fit.posterior["p"].sel(p_term="scale(date)").mean()
    np.testing.assert_allclose(one.loc["scale(date)", "community"], slope, rtol=1e-6)


def test_community__tells_means_and_sds(fit):
    table = fit.community().set_index(["parameter", "term"])
    assert list(table.loc["psi"].index) == ["Intercept", "elev", "I(elev^2)", "forest[pine]"]
    np.testing.assert_allclose(
        table.loc[("p", "scale(date)"), "mean"],
        fit.posterior["p"].sel(p_term="scale(date)").mean(),
        rtol=1e-6,
    )
    sd = fit.posterior["p_sd[scale(date)|species]"].mean()
    assert table.loc[("p", "scale(date)"), "sigma_mean"] == pytest.approx(float(sd))
    mean, lower, upper = fit.community().attrs["typical"]["p"]
    assert 0 < lower < mean < upper < 1


def test_species__agrees_with_sites_and_detection(fit, data):
    table = fit.species().set_index("species")
    seen = (data["detection"] > 0).any("visit")[:, :, 0]
    assert table["detected"].tolist() == seen.sum("site").values.tolist()
    assert (
        table["detections"].tolist()
        == data["detection"].sum(["site", "season", "visit"]).values.tolist()
    )
    sites = fit.sites()
    mean = sites.groupby("species")["psi_mean"].mean()
    np.testing.assert_allclose(table["psi_mean"], mean[table.index], rtol=1e-10)
    share = fit._pass.present[..., 0].mean(axis=1)
    np.testing.assert_allclose(table["share_mean"], share, rtol=1e-12)
    assert (table["share_mean"] >= table["naive"]).all()
    told = fit.detection().set_index("species")["p_mean"]
    np.testing.assert_allclose(table["p_mean"], told[table.index])
    assert "psi:elev_mean" in table


def test_richness__is_counted_on_joint_states(fit):
    occupied = fit._pass.occupied[..., 0]  # (draw, species, site)
    whole = fit.richness().iloc[0]
    assert whole["sample_mean"] == occupied.any(axis=2).sum(axis=1).mean()
    assert whole["at_a_site_mean"] == pytest.approx(occupied.sum(axis=1).mean())
    regions = fit.richness("region").set_index("region")
    for name in ("north", "south", "west"):
        part = occupied[:, :, name == REGIONS].any(axis=2).sum(axis=1)
        assert regions.loc[name, "sample_mean"] == part.mean()
        low, high = np.quantile(part, [0.05, 0.95])
        assert regions.loc[name, ["sample_lower", "sample_upper"]].tolist() == [low, high]
        assert regions.loc[name, "observed"] <= regions.loc[name, "sample_lower"]
    sites = fit.richness("site")
    np.testing.assert_allclose(sites["sample_mean"], occupied.sum(axis=1).mean(axis=0))
    assert (sites["observed"] <= sites["sample_lower"]).all()


def test_richness__of_the_population_comes_from_the_probabilities(fit):
    psi = np.stack([v[:, 0, :, 0] for _, v in fit._occupied.pieces(fit._state_draws, fit._places)])
    psi = psi[0].reshape(N_DRAW, len(SPECIES), N_SITE)
    sites = fit.richness("site")
    np.testing.assert_allclose(sites["population_mean"], psi.sum(axis=1).mean(axis=0), rtol=1e-10)
    north = psi[:, :, REGIONS == "north"]
    expected = (1 - (1 - north).prod(axis=2)).sum(axis=1).mean()
    regions = fit.richness("region").set_index("region")
    assert regions.loc["north", "population_mean"] == pytest.approx(expected, rel=1e-9)


def test_richness__of_a_site_never_visited_is_known_of_the_population_alone(data):
    ds = data.copy(deep=True)
    ds["detection"][:, 4] = np.nan
    ds["effort"][4] = np.nan
    told = from_prior(Model(ds, psi="1", p="1", community=True), draws=20).richness("site")
    assert np.isnan(told.loc[4, "sample_mean"])
    assert np.isnan(told.loc[4, "observed"])
    assert told.loc[4, "population_mean"] > 0


def test_similarity__is_that_of_the_draws(fit):
    occupied = fit._pass.occupied[..., 0]
    table = fit.similarity(index="jaccard").set_index(["first", "second"])
    other = fit.similarity(index="sorensen").set_index(["first", "second"])
    a, b = (occupied[:, :, name == REGIONS].any(axis=2) for name in ("north", "west"))
    jaccard = (a & b).sum(axis=1) / (a | b).sum(axis=1)
    assert table.loc[("north", "west"), "mean"] == pytest.approx(jaccard.mean(), rel=1e-6)
    sorensen = 2 * (a & b).sum(axis=1) / (a.sum(axis=1) + b.sum(axis=1))
    assert other.loc[("north", "west"), "mean"] == pytest.approx(sorensen.mean(), rel=1e-6)
    assert len(table) == 3
    pair = fit.similarity("site", among=["p3", "p1"])
    assert pair[["first", "second"]].to_numpy().tolist() == [["p3", "p1"]]


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda f: f.similarity(index="bray"), "jaccard"),
        (lambda f: f.similarity("site", among=["p1"]), "between 2 and"),
        (lambda f: f.similarity(season=1999), "no season 1999"),
        (lambda f: f.richness("guild"), "no label 'guild'"),
        (lambda f: f.similarity(among=["east", "north"]), "no region 'east'"),
    ],
)
def test_questions_that_have_no_answer_are_told(fit, ask, told):
    with pytest.raises(ModelError, match=told):
        ask(fit)


def test_one_species_has_no_richness(data):
    fit = Model(data.isel(species=[0])).fit("ml")
    with pytest.raises(ModelError, match="one species"):
        fit.richness()
    assert fit.species()["species"].tolist() == ["fox"]
    with pytest.raises(ModelError, match="no community"):
        fit.species_coefficients()


def test_predict__finds_the_traits_of_a_species(fit):
    place = pd.DataFrame({"elev": [500.0, 500.0], "forest": ["oak", "oak"]})
    lynx = fit.predict(place.assign(species="lynx"))
    by_hand = fit.predict(place.assign(species="lynx", mass=20.0))
    np.testing.assert_array_equal(lynx["psi_mean"], by_hand["psi_mean"])
    heavier = fit.predict(place.assign(species="lynx", mass=10.0))
    assert not np.allclose(lynx["psi_mean"], heavier["psi_mean"])
    with pytest.raises(ModelError, match="wolf was not surveyed: give its mass"):
        fit.predict(place.assign(species="wolf"))


def test_effects__of_the_community_and_of_one_species(fit):
    data = fit.data
    mean = fit.effects("psi", "elev")
    assert "species" in mean.attrs["groups"]["psi"]
    one = fit.effects("psi", "elev", species="lynx")
    assert one.attrs["groups"]["psi"] == []
    at = pd.DataFrame({"elev": one["value"][:3], "forest": one.attrs["held"]["psi"]["forest"]})
    told = fit.predict(at.assign(species="lynx"))
    np.testing.assert_allclose(told["psi_mean"], one["curve_mean"][:3])
    mass = fit.effects("psi", "mass", species="lynx")
    assert mass["value"].min() <= data["mass"].min() < data["mass"].max() <= mass["value"].max()


def test_regions__of_a_surface_know_the_traits(fit):
    cells = pd.DataFrame(
        {"elev": [400.0, 600.0], "forest": "oak", "region": ["north", "west"], "area_km2": 1.0}
    )
    table = fit.regions(surface=cells).set_index(["species", "region"])
    alone = fit.predict(cells.assign(species="lynx"))["psi_mean"].to_numpy()
    told = table.loc["lynx"].loc[["north", "west"], "area_psi_mean"]
    np.testing.assert_allclose(told, alone, rtol=1e-10)


def test_richness_at__other_places_is_the_sum_over_species(fit):
    places = pd.DataFrame({"elev": [450.0, 500.0, 550.0], "forest": ["oak", "pine", "oak"]})
    told = fit.richness_at(places)
    each = [fit.predict(places.assign(species=s))["psi_mean"].to_numpy() for s in SPECIES]
    np.testing.assert_allclose(told["richness_mean"], np.sum(each, axis=0), rtol=1e-10)
    assert (told["richness_lower"] < told["richness_mean"]).all()
    at_sites = pd.DataFrame({"elev": fit.data["elev"], "forest": fit.data["forest"]})
    here = fit.richness("site")["population_mean"]
    np.testing.assert_allclose(fit.richness_at(at_sites)["richness_mean"], here, rtol=1e-10)
