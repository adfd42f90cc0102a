"""Interacting species: what must hold whatever the data, and what the family refuses."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import occupancy
import surveys
from occupancy import families
from occupancy.families import padded
from surveys.problems import ModelError

ATOL = 1e-14  # a site without visits has log P = 0 but for rounding
SPECIES = ("bobcat", "coyote", "red fox")
SINGLES = tuple(f"f[{s}]" for s in SPECIES)


def survey(seed=1, n_site=40, per_species=3):
    """Predictors, y and labels: each species looked for on its own visits, some never made."""
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(3), per_species)
    label = np.broadcast_to(label, (n_site, 1, label.size))
    made = rng.random(label.shape) < 0.8
    made[3] = False
    made[4, 0, :per_species] = False  # nobody looked for the bobcat there
    y = np.where(made, rng.random(label.shape) < 0.35, np.nan)
    family = families.get("interacting", species=SPECIES)
    shapes = {"site": (n_site,), "visit": y.shape}
    eta = {p.name: rng.normal(size=shapes[p.level]) for p in family.parameters}
    return family, eta, y, label


def test_interacting__without_pair_terms_is_the_sum_of_single_species():
    family, eta, y, label = survey()
    eta = {k: v if v.ndim == 3 or k in SINGLES else 0.0 * v for k, v in eta.items()}
    together = padded.evaluate(family, eta, y, labels=label)
    alone = families.get("single_season")
    total = np.zeros(len(y))
    for s, name in enumerate(SPECIES):
        own = {"psi": eta[f"f[{name}]"], "p": eta[f"p[{name}]"]}
        one = padded.evaluate(alone, own, np.where(label == s, y, np.nan))
        total += one.log_lik
        present = together.states[:, 0, np.array(family.holds[s])].sum(axis=-1)
        np.testing.assert_allclose(present, one.states[:, 0, 1], rtol=1e-11)
        for mine, its in ((f"f[{name}]", "psi"), (f"p[{name}]", "p")):
            np.testing.assert_allclose(
                together.gradients[mine], one.gradients[its], rtol=1e-10, atol=1e-13
            )
    np.testing.assert_allclose(together.log_lik, total, rtol=1e-12, atol=ATOL)
    independent = families.get("interacting", species=SPECIES, order=1)
    own = {p.name: eta[p.name] for p in independent.parameters}
    np.testing.assert_allclose(
        padded.evaluate(independent, own, y, labels=label).log_lik, total, rtol=1e-12, atol=ATOL
    )


@pytest.mark.parametrize("order", list(itertools.permutations(range(3)))[1:])
def test_interacting__order_of_the_species_does_not_matter(order):
    family, eta, y, label = survey()
    got = padded.evaluate(family, eta, y, labels=label)
    other = families.get("interacting", species=tuple(SPECIES[s] for s in order))

    def first_name(name):
        """The parameter of the same species in their first order."""
        if name in eta:
            return name
        a, b = name[2:-1].split(":")
        return f"f[{b}:{a}]"

    moved = padded.evaluate(
        other,
        {p.name: eta[first_name(p.name)] for p in other.parameters},
        y,
        labels=np.argsort(order)[label],
    )
    np.testing.assert_allclose(moved.log_lik, got.log_lik, rtol=1e-12, atol=ATOL)
    for name, slope in moved.gradients.items():
        np.testing.assert_allclose(slope, got.gradients[first_name(name)], rtol=1e-10, atol=1e-13)
    for s, k in enumerate(order):
        np.testing.assert_allclose(
            moved.states[:, 0, np.array(other.holds[s])].sum(axis=-1),
            got.states[:, 0, np.array(family.holds[k])].sum(axis=-1),
            rtol=1e-12,
        )


def test_interacting__pair_term_is_the_log_odds_ratio():
    family, eta, y, label = survey()
    values = padded.natural(family, eta) | {"label": label}
    initial, _, _ = family.tables(values, y, np.ones(y.shape))
    at = {name: k for k, name in enumerate(family.states)}
    both, neither = initial[:, at["bobcat + coyote"]], initial[:, at["none"]]
    one, other = initial[:, at["bobcat"]], initial[:, at["coyote"]]
    np.testing.assert_allclose(
        np.log(both * neither / (one * other)), eta["f[bobcat:coyote]"], rtol=1e-10, atol=1e-12
    )


def test_interacting__species_never_looked_for_is_told_by_the_others():
    """P(bobcat | coyote seen) of a site where nobody looked for the bobcat, by hand."""
    family = families.get("interacting", species=SPECIES[:2])
    f = {"f[bobcat]": -1.0, "f[coyote]": -0.5, "f[bobcat:coyote]": 2.0}
    eta = {k: np.array([v]) for k, v in f.items()}
    eta |= {"p[bobcat]": np.zeros((1, 1, 1)), "p[coyote]": np.full((1, 1, 1), 0.3)}
    got = padded.evaluate(family, eta, np.ones((1, 1, 1)), labels=np.ones((1, 1, 1), int))
    np.testing.assert_allclose(
        got.states[0, 0, np.array(family.holds[0])].sum(), 1 / (1 + np.exp(-1.0)), rtol=1e-14
    )


def test_interacting__states_and_parameters_by_name():
    family = families.get("interacting", species=list(SPECIES), order=3)
    assert family.states[:4] == ("none", "bobcat", "coyote", "bobcat + coyote")
    assert family.states[7] == "bobcat + coyote + red fox"
    assert family.occupied == (False, *[True] * 7)
    assert family.holds[2] == (False,) * 4 + (True,) * 4
    assert [p.name for p in family.parameters] == [
        "f[bobcat]", "f[coyote]", "f[red fox]", "f[bobcat:coyote]", "f[bobcat:red fox]",
        "f[coyote:red fox]", "f[bobcat:coyote:red fox]", "p[bobcat]", "p[coyote]", "p[red fox]",
    ]  # fmt: skip
    assert [p.short for p in family.parameters] == ["f"] * 3 + ["f2"] * 3 + ["f3"] + ["p"] * 3
    assert [p.only for p in family.parameters[-3:]] == ["0", "1", "2"]
    assert family.options == {"species": list(SPECIES), "order": 3}
    again = families.get("interacting", **family.options)
    assert again.parameters == family.parameters


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "needs its species. Give 2 to 5 names"),
        ({"species": ["bobcat"]}, r"cannot have species = \['bobcat'\]. Give 2 to 5"),
        ({"species": list("abcdef")}, r"cannot have species = \['a', .*\]. Give 2 to 5"),
        ({"species": "bobcat"}, "cannot have species = 'bobcat'"),
        ({"species": {"a": 1, "b": 2}}, "cannot have species"),
        ({"species": ["bobcat", " "]}, "has ' ' among its species"),
        ({"species": ["bobcat", 3]}, "has 3 among its species"),
        ({"species": ["bobcat", "bobcat"]}, "'bobcat' twice among its species"),
        ({"species": ["a", "b", "a:b"]}, r"two parameters 'f\[a:b\]'"),
        ({"species": ["a", "b"], "order": 3}, "cannot have order = 3 with 2 species"),
        ({"species": ["a", "b"], "order": 0}, "cannot have order = 0"),
        ({"species": ["a", "b"], "ordre": 1}, 'no option .ordre.. Did you mean "order"'),
    ],
)
def test_interacting__refuses_options_it_cannot_have(options, message):
    with pytest.raises(ModelError, match=message):
        families.get("interacting", **options)


def surveyed(*species):
    rng = np.random.default_rng(4)
    return surveys.from_arrays(
        {
            name: (rng.random((30, 4)) < 0.2 + 0.2 * k).astype(float)
            for k, name in enumerate(species)
        }
    )


def test_interacting__model_takes_the_species_of_the_surveys():
    data = surveyed(*SPECIES)
    model = occupancy.Model(data, family="interacting")
    assert model.family.labels == SPECIES
    at = {p.name: {"Intercept": 0.0} for p in model.family.parameters}
    at |= {"f[bobcat]": {"Intercept": 0.3}, "p[red fox]": {"Intercept": -0.4}}
    got = model.evaluate(at)["log_likelihood"].values
    y = np.moveaxis(data["detection"].values[:, :, 0], 0, 1).reshape(30, 1, 12)
    eta = {p.name: np.zeros(30 if p.level == "site" else y.shape) for p in model.family.parameters}
    eta["f[bobcat]"] += 0.3
    eta["p[red fox]"] -= 0.4
    label = np.broadcast_to(np.repeat(np.arange(3), 4), y.shape)
    own = padded.evaluate(model.family, eta, y, labels=label).log_lik
    np.testing.assert_allclose(got.ravel(), own, rtol=1e-12)


def test_interacting__species_told_in_another_order_are_still_those_of_the_surveys():
    model = occupancy.Model(surveyed("b", "a"), family="interacting", species=["a", "b"])
    assert model.family.labels == ("b", "a")


@pytest.mark.parametrize(
    ("species", "told", "message"),
    [
        (("a",), {}, "and the surveys have 1. Use single_season"),
        (tuple("abcdef"), {}, r"have 6. Select some, for example data.sel\(species=\['a', 'b'\]\)"),
        (("a", "b"), {"species": ["a", "c"]}, r"got species = \['a', 'c'\], and the surveys have"),
    ],
)
def test_interacting__refuses_surveys_of_other_species(species, told, message):
    with pytest.raises(ModelError, match=message):
        occupancy.Model(surveyed(*species), family="interacting", **told)
