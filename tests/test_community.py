"""Several species in one model: traits, written formulas, what is refused."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import surveys
from occupancy import Model
from occupancy.community import coefficient_of
from surveys.problems import ModelError, SurveyError

SPECIES = ["fox", "hare", "lynx", "mole", "newt", "owl"]
MASS = pd.Series({"owl": 2.0, "fox": 6.0, "hare": 4.0, "lynx": 20.0, "mole": 0.1, "newt": 0.02})
GUILD = {"fox": "meat", "lynx": "meat", "owl": "meat", "hare": "green", "mole": "green"}


def surveys_of(species=tuple(SPECIES), n_site=30, n_visit=3, seed=1, **given):
    rng = np.random.default_rng(seed)
    y = (rng.random((len(species), n_site, 1, n_visit)) < 0.4).astype(float)
    y = xr.DataArray(
        y,
        dims=("species", "site", "season", "visit"),
        coords={"species": list(species), "site": [f"p{i}" for i in range(n_site)]},
    )
    return surveys.from_arrays(
        y,
        site_covariates={
            "elev": rng.normal(500, 100, n_site),
            "forest": np.array(["oak", "pine"])[rng.integers(0, 2, n_site)],
        },
        visit_covariates={"date": rng.normal(120, 10, (n_site, n_visit))},
        **given,
    )


@pytest.fixture(scope="module")
def data():
    traits = {"mass": MASS, "guild": GUILD | {"newt": "green"}}
    return surveys_of(species_covariates=traits)


# --- traits ----------------------------------------------------------------------------------


def test_traits__are_found_by_the_label_of_the_species(data):
    assert data["mass"].dims == ("species",)
    assert data["mass"].values.tolist() == [MASS[s] for s in SPECIES]
    assert data["guild"].values.tolist() == ["meat", "green", "meat", "green", "green", "meat"]
    table = pd.DataFrame({"species": SPECIES[::-1], "mass": [MASS[s] for s in SPECIES[::-1]]})
    again = surveys_of(species_covariates=table)
    np.testing.assert_array_equal(again["mass"], data["mass"])


def test_traits__a_species_without_a_row_is_named():
    with pytest.raises(SurveyError, match="no value for 1 of 6 species: owl"):
        surveys_of(species_covariates={"mass": MASS.drop("owl")})


def test_traits__over_species_and_sites_are_refused(data):
    ds = data.copy()
    ds["mass"] = (("species", "site"), np.ones((6, 30)), data["mass"].attrs)
    with pytest.raises(SurveyError, match="or species alone"):
        surveys.validate(ds)


def test_traits__act_on_sites_and_on_visits(data):
    text = "scale(mass) + scale(mass):scale(elev) + (1 | species)"
    problem = Model(data, psi=text, p="log(mass) + date + (1 | species)").problem
    psi, p = problem.predictors["psi"], problem.predictors["p"]
    mass = MASS[SPECIES].to_numpy()
    # Scales are learned over rows, of which every species has as many.
    rows = np.repeat((mass - mass.mean()) / np.repeat(mass, 30).std(ddof=1), 30)
    at = list(psi.terms).index("scale(mass)")
    np.testing.assert_allclose(problem.in_field_order(psi.columns[at]), rows, rtol=1e-12)
    cross = psi.columns[list(psi.terms).index("scale(mass):scale(elev)")]
    elev = np.tile(data["elev"], 6)
    elev = (elev - elev.mean()) / elev.std(ddof=1)
    np.testing.assert_allclose(problem.in_field_order(cross), rows * elev, rtol=1e-10)
    at = list(p.terms).index("log(mass)")
    sign = np.ones(p.columns.shape[1]) if p.sign is None else p.sign
    kind = problem.layout.site_order[problem.chain_of_visit] // 30
    np.testing.assert_allclose(p.columns[at] * sign, np.log(mass)[kind], rtol=1e-12)


def test_traits__act_on_seasons_and_intervals():
    y = np.random.default_rng(1).integers(0, 2, (3, 20, 3, 2)).astype(float)
    ds = surveys.from_arrays(y, species_covariates={"mass": [1.0, 2.0, 4.0]})
    text = "mass + (1 | species)"
    problem = Model(ds, "dynamic", psi=text, gamma=text, epsilon=text, p=text).problem
    gamma = problem.predictors["gamma"]
    told = gamma.columns[1].reshape(2, -1)[:, np.argsort(problem.layout.site_order)]
    np.testing.assert_array_equal(told, np.tile(np.repeat([1.0, 2.0, 4.0], 20), (2, 1)))


def test_traits__missing_of_one_species_are_refused_where_used(data):
    ds = data.copy()
    ds["mass"] = ds["mass"].where(ds["species"] != "owl")
    with pytest.raises(ModelError, match="'mass', which is missing for owl"):
        Model(ds, psi="mass + (1 | species)")
    Model(ds, psi="1 + (1 | species)")


def test_traits__of_a_study_file(tmp_path):
    (tmp_path / "study.toml").write_text(
        'schema = 1\n[files.detections]\npath = "detections.csv"\n'
        '[species_covariates.mass]\npath = "traits.csv"\nunits = "kg"\n'
        '[species_covariates.food]\npath = "traits.csv"\ncolumn = "diet"\n'
    )
    (tmp_path / "detections.csv").write_text(
        "species,site,v1,v2\nfox,A,0,1\nfox,B,1,1\nHare,A,0,0\nHare,B,1,0\n"
    )
    traits = "species,mass,diet\nhare,4,green\nFox,6.5,meat\nwolf,40,meat\n"
    (tmp_path / "traits.csv").write_text(traits)
    ds = surveys.read(tmp_path)
    assert dict(zip(ds["species"].values, ds["mass"].values, strict=True)) == {
        "Hare": 4.0,
        "fox": 6.5,
    }
    assert ds["mass"].attrs["units"] == "kg"
    assert sorted(ds["food"].values) == ["green", "meat"]
    (tmp_path / "traits.csv").write_text("species,mass,diet\nfox,6.5,meat\n")
    with pytest.raises(SurveyError, match="no row for 1 of 2 species: Hare"):
        surveys.read(tmp_path)


# --- the written formula ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "community", "written"),
    [
        ("elev", "species", "elev + (1 + center(elev) || species)"),
        ("1", True, "1 + (1 | species)"),
        ("scale(elev) + I(scale(elev)^2)", "species", "%s + (1 + %s || species)"),
        ("elev + I(elev^2)", "species", "%s + (1 + center(elev) + center(elev^2) || species)"),
        ("mass + mass:elev", "species", "%s + (1 | species)"),
        ("forest + elev", "species", "%s + (1 + center(elev) || species) + (1 | species:forest)"),
        ("elev + (1 | species)", "species", "%s + (0 + center(elev) | species)"),
        ("elev + (1 + elev | species)", "species", "%s"),
        ("elev", "guild/species", "%s + (1 + center(elev) || guild) + (1 + center(elev) || %g)"),
        ("0 + forest", "species", "%s + (1 | species:forest)"),
        ("1 + (1 | guild/species)", "species", "%s"),
    ],
)
def test_community__writes_what_varies_between_species(data, given, community, written):
    model = Model(data, psi=given, community=community)
    expected = written.replace("%s", given).replace("%g", "guild:species")
    assert model.formulas["psi"] == expected
    assert model.formulas["p"] == "1 + " + ("(1 | guild) + " * ("/" in str(community))) + (
        "(1 | guild:species)" if "/" in str(community) else "(1 | species)"
    )
    again = Model.from_dict(data, model.to_dict())
    assert again.digest == model.digest


def test_community__effects_belong_to_coefficients():
    terms = ("Intercept", "elev", "I(elev^2)", "log(rain)", "elev:rain", "scale(x)")
    for effect, term in {
        "Intercept": "Intercept",
        "center(elev)": "elev",
        "center(elev^2)": "I(elev^2)",
        "center(log(rain))": "log(rain)",
        "center(elev):center(rain)": "elev:rain",
        "scale(x)": "scale(x)",
        "center(other)": "",
    }.items():
        assert coefficient_of(effect, terms) == term


def test_community__is_offered_where_no_formula_mentions_species(data):
    with pytest.raises(ModelError, match='community="species"'):
        Model(data, psi="elev")


@pytest.mark.parametrize(
    ("community", "told"),
    [("guild", "does not end in species"), (3, "community = 3"), ("spe(cies", "functions")],
)
def test_community__wrong_groupings_are_refused(data, community, told):
    with pytest.raises(ModelError, match=told):
        Model(data, psi="elev", community=community)


def test_community__of_one_species_is_refused(data):
    with pytest.raises(ModelError, match="two species or more"):
        Model(data.isel(species=[0]), psi="elev", community=True)


def test_community__is_no_family_that_estimates_species_together(data):
    two = data.isel(species=[0, 1])
    with pytest.raises(ModelError, match="they are no community"):
        Model(two, "interacting", community=True)
