"""The page of curves and seasons, and `explain`, held to the formula language."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from occupancy import design, formula
from occupancy.cli.explain import catalogue
from occupancy.priors import resolve
from occupancy.terms import WORDS

PAGE = Path(__file__).parent.parent / "docs" / "curves-and-seasons.md"
MINE = ("spline", "cyclic", "rw", "ar1")


def text() -> str:
    return PAGE.read_text(encoding="utf-8")


def frame():
    rng = np.random.default_rng(1)
    n = 60
    names = {"elevation": 3000.0, "day": 365.0, "hour": 24.0, "list_length": 20.0}
    out = {k: rng.uniform(1, top, n) for k, top in names.items()}
    out["season"] = np.tile(np.arange(2001.0, 2007.0), 10)
    for name in ("region", "habitat", "site"):
        out[name] = np.array([f"{name} {k % 4}" for k in range(n)], dtype=object)
    return out


def formulas() -> list[str]:
    """Of the table, and of the examples."""
    table = re.findall(r"^\| `([a-z0-9]+\(.*?)` \|", text(), re.MULTILINE)
    table = [row.replace(r"\|", "|") for row in table if row.split("(")[0] in MINE]
    return table + re.findall(r'^    \w+ = "(.*)"$', text(), re.MULTILINE)


def test_page__every_formula_on_it_is_read():
    assert len(formulas()) == 12
    for told in formulas():
        made = design.build(told, frame())
        assert made.groups, told
        assert {g.name for g in made.groups} >= {v.name for v in made.formula.varying}


def test_page__every_prior_on_it_is_known():
    stated = dict(re.findall(r'^"(.*)" = "(.*)"$', text(), re.MULTILINE))
    assert len(stated) == 2
    made = design.build("rw(season | region) + ar1(season)", frame())
    table = resolve(made, stated)
    assert [str(p) for p in table.hypers] == [
        "half_normal(0.3)",
        "half_normal(1)",
        "beta(8, 2)",
    ]


@pytest.mark.parametrize("word", MINE)
def test_explain__tells_every_word_with_its_example(word):
    assert word in catalogue()
    assert f"{word}(" in text()
    examples = re.findall(r"\w+\([^)]*\)", WORDS[word].example)
    assert len(examples) == 2
    for example in examples:
        assert str(formula.parse(example)) == f"1 + {example}"


def test_page__options_and_their_defaults_are_told():
    assert f"basis={WORDS['spline'].options[0].default}" in text()
    assert WORDS["spline"].options[1].default == 1.5
    assert "normal(0, 1.5)" in text()
