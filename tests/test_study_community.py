"""A community in a study file: one unit, a folder for every species, traits from a table."""

import numpy as np
import pytest

from occupancy.study import FIGURES, OF_A_COMMUNITY, Study
from surveys.problems import ModelError, SurveyError

SPECIES = ("crane", "dipper", "eel")
TOML = """
schema = 1
[study]
title = "Three species"
[source]
format = "wide"
[files.detections]
path = "detections.csv"
[files.sites]
path = "sites.csv"
[species_covariates.mass]
path = "traits.csv"
units = "kg"
[model.all]
community = true
psi = "elev + mass"
[model.apart]
psi = "elev"
[model.byhand]
psi = "1 + (1 | species)"
p = "1"
[sample]
draws = 40
tune = 60
chains = 1
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("community")
    rng = np.random.default_rng(8)
    rows = ["species,site,v1,v2,v3"]
    for k, name in enumerate(SPECIES):
        for i in range(25):
            z = rng.random() < (0.8, 0.5, 0.2)[k]
            seen = (rng.random(3) < 0.5) & z
            rows.append(f"{name},p{i}," + ",".join(str(int(v)) for v in seen))
    (folder / "detections.csv").write_text("\n".join(rows) + "\n")
    sites = [f"p{i},{rng.normal(500, 100):.1f}" for i in range(25)]
    (folder / "sites.csv").write_text("site,elev\n" + "\n".join(sites) + "\n")
    (folder / "traits.csv").write_text("species,mass\neel,1.5\ncrane,5\ndipper,0.06\n")
    (folder / "study.toml").write_text(TOML)
    return folder


def test_units__a_community_is_one_and_has_a_page_for_each_species(folder):
    study = Study.open(folder)
    units = {u.model: [v for v in study.units() if v.model == u.model] for u in study.units()}
    assert [len(units[name]) for name in ("all", "apart", "byhand")] == [1, 3, 1]
    unit = units["all"][0]
    assert unit.is_community
    assert not units["apart"][0].is_community
    assert unit.species == "community of 3 species"
    assert unit.folder == study.results / "all" / "community"
    assert [page.page for page in unit.pages] == list(SPECIES)
    (one,) = study.units(["all"], ["eel"])
    assert [page.page for page in one.pages] == ["eel"]
    assert study.unit_key(one) == study.unit_key(unit)
    assert study.outputs_of(unit, "maps", FIGURES)[-2:] == list(OF_A_COMMUNITY)
    assert study.outputs_of(units["apart"][0], "maps", FIGURES) == list(FIGURES)


def test_model__is_written_out(folder):
    study = Study.open(folder)
    model = study.model(study.units(["all"])[0])
    assert model.formulas["psi"] == "elev + mass + (1 + center(elev) || species)"
    assert model.formulas["p"] == "1 + (1 | species)"
    assert model.data["mass"].attrs["units"] == "kg"


def test_community__is_fitted_and_reported(folder):
    study = Study.open(folder)
    (unit,) = study.units(["all"], ["eel"])
    fit = study.fit(unit)
    assert fit.is_community
    again = study.load(unit)
    assert again.species_coefficients().equals(fit.species_coefficients())
    (page,) = unit.pages
    results = study.results_of(page, show_blocked=True)  # so few draws are blocked
    assert results.species == "eel"
    files, refused = study.write(page, "maps", ("community", "richness-map"), results)
    assert [p.name for p in files] == ["community.png"]
    assert "coordinates" in refused["richness-map"]
    (html,) = study.write(page, "report", ("report",), results)[0]
    assert "Among 3 species" in html.read_text(encoding="utf-8")


def test_study__species_never_detected_are_counted_and_have_no_page(folder, tmp_path):
    for name in ("detections.csv", "sites.csv", "traits.csv"):
        (tmp_path / name).write_text((folder / name).read_text())
    own = """community = true
augment = 4
priors = { Omega = { Intercept = "beta(0.001, 1)" } }"""
    text = TOML.replace("community = true", own).replace(' + mass"', '"')
    (tmp_path / "study.toml").write_text(text)
    study = Study.open(tmp_path)
    (unit,) = study.units(["all"])
    assert [page.page for page in unit.pages] == list(SPECIES)
    fit = study.fit(unit)
    again = study.load(unit)
    assert again.total_richness().equals(fit.total_richness())
    assert again.data.sizes["species"] == 7
    results = study.results_of(unit.pages[0], show_blocked=True)
    assert list(results.community.species["species"]) == list(SPECIES)
    (html,) = study.write(unit.pages[0], "report", ("report",), results)[0]
    page = html.read_text(encoding="utf-8")
    assert "those that nobody detected among them" in page
    assert "Among 3 species" in page


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("community = true", 'community = "guild"', "does not end in species"),
        ("community = true", 'community = true\nspecies = "eel"', "two species or more"),
        ("community = true", 'community = true\nfamily = "interacting"', "no community"),
    ],
)
def test_model__a_wrong_community_is_refused_with_its_section(
    folder, tmp_path, before, after, told
):
    for name in ("detections.csv", "sites.csv", "traits.csv"):
        (tmp_path / name).write_text((folder / name).read_text())
    text = TOML.replace(before, after)
    if "interacting" in after:
        text = text.replace('psi = "elev + mass"', "")
    (tmp_path / "study.toml").write_text(text)
    study = Study.open(tmp_path)
    with pytest.raises(ModelError, match=rf"\[model.all\].*{told}"):
        study.model(study.units(["all"])[0])


def test_study_file__community_is_true_or_text(folder, tmp_path):
    (tmp_path / "study.toml").write_text(TOML.replace("community = true", "community = 3"))
    with pytest.raises(SurveyError, match="true, false or text"):
        Study.open(tmp_path)
