"""What is said of the families, and what study files may hold, follows the families themselves."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import occupancy
import surveys
from occupancy import families
from occupancy.families.catalogue import _all, about, parameter_name
from occupancy.study_units import OPTIONS
from surveys import study_keys
from surveys.study_keys import OF_A_LABEL, PARAMETERS

ROOT = Path(__file__).parent.parent
spec = importlib.util.spec_from_file_location("families_page", ROOT / "scripts/families_page.py")
page = importlib.util.module_from_spec(spec)
spec.loader.exec_module(page)
ALL = list(families.FAMILIES)


def parameters():
    return {
        (name, p.name, p.short)
        for name in ALL
        for _, family in page.variants(name)
        for p in family.parameters
    }


def test_page__is_that_of_the_families():
    assert page.PAGE.read_text(encoding="utf-8") == page.page()


def test_parameters__study_files_may_name_every_one_and_no_other():
    used = {short or name for _, name, short in parameters()}
    assert used == set(PARAMETERS)
    assert all(OF_A_LABEL.fullmatch(name) for _, name, short in parameters() if short)
    assert not OF_A_LABEL.fullmatch("psi[camera]")


def test_parameters__every_one_has_a_name_for_people():
    for family, name, _ in parameters():
        told = parameter_name(family, name)
        assert told != name, f"{family}: {name}"
    assert parameter_name("dynamic", "gamma") == "Colonisation γ"
    assert parameter_name("integrated", "p[camera]") == "Detection p, camera"
    assert parameter_name("interacting", "f[fox:hare]") == "Interaction of fox and hare"
    assert parameter_name("mine", "s", "share of bold ones") == "Share of bold ones (s)"


@pytest.mark.parametrize("name", ALL)
def test_catalogue__tells_story_and_every_option_of_a_family(name):
    said = about(name)
    assert said.use
    assert said.data
    assert said.story
    assert said.maths
    assert set(said.options) == set(families.options_of(name)) - {"species"}
    for option, entry in said.options.items():
        values = [] if entry["values"] == ["..."] else entry["values"]
        for value in values:
            families.get(name, **page.EXAMPLES.get(name, {}), **{option: value})


def test_catalogue__knows_no_family_that_there_is_not():
    assert set(_all()) - {"parameters"} == set(ALL)


def test_joint__is_told_without_making_the_family():
    made = {name: next(page.variants(name))[1] for name in ALL}
    assert {name for name in ALL if families.is_joint(name)} == {
        name for name, family in made.items() if family.joint
    }
    code = (
        "import sys; from occupancy import families; from occupancy.families import catalogue\n"
        "families.is_joint('interacting'), catalogue.about('dynamic')\n"
        "sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_options__a_study_file_knows_those_of_every_family():
    every = {option for name in ALL for option in families.options_of(name)} - {"species"}
    assert every | set(OPTIONS) == set(study_keys.OPTIONS)


def test_correlated__a_formula_of_its_first_visit_survives_saving():
    rng = np.random.default_rng(4)
    y = (rng.random((20, 4)) < 0.4).astype(float)
    data = surveys.from_arrays(y, site_covariates={"x": rng.normal(size=20)})
    model = occupancy.Model(data, family="correlated", pi="x")
    assert model.formulas["pi"] == "x"
    again = occupancy.Model.from_dict(data, model.to_dict())
    assert again.digest == model.digest


def test_study_file_page__names_every_option_with_its_families():
    text = (ROOT / "docs" / "study-file.md").read_text(encoding="utf-8")
    start = text.index("| option | of |")
    rows = [line.split("|") for line in text[start : text.index("\n\n", start)].splitlines()[2:]]
    told = {name: row[2].strip() for row in rows for name in re.findall(r"`(\w+)`", row[1])}
    for option in study_keys.OPTIONS:
        having = [name for name in ALL if option in families.options_of(name)]
        if option == "known_occupied":
            having = [name for name in ALL if next(page.variants(name))[1].takes_known]
        if option in OPTIONS and not having:
            assert told[option] == "every family"
        elif told[option] == "one family each":
            assert len(having) == 1
        else:
            assert set(told[option].split(", ")) == set(having), option
