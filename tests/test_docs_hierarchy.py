"""The page about hierarchy, run as it stands."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from surveys.ledger import Ledger
from surveys.study_check import check

DOCS = Path(__file__).parent.parent / "docs"
PAGE = (DOCS / "hierarchy.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_hierarchy__page_runs_as_it_stands(capsys):
    scope: dict = {"__name__": "hierarchy"}
    made = blocks("python")
    assert len(made) > 9
    with pd.option_context("display.width", 250, "display.max_columns", 30):
        for k, block in enumerate(made):
            exec(compile(block, f"hierarchy.md block {k + 1}", "exec"), scope)
    told = capsys.readouterr().out
    for word in ("correlation", "range", "share", "complete", "odds_ratio", "Cleo"):
        assert word in told
    fit = scope["fit"]
    shares = fit.variance_components()
    assert shares.loc[shares["parameter"] == "psi", "share_mean"].sum() == pytest.approx(1.0)
    curve = scope["varied"].effects("psi", "ele", at={"region": "R2"})
    typical = scope["varied"].effects("psi", "ele")
    assert not pd.Series.equals(curve["curve_mean"], typical["curve_mean"])


def test_hierarchy__study_file_has_no_unknown_key():
    (text,) = blocks("toml")
    ledger = Ledger()
    check(tomllib.loads(text), "study.toml", ledger)
    assert ledger.problems == []


def test_hierarchy__every_link_of_the_page_and_the_index_leads_somewhere():
    for name in ("hierarchy.md", "index.md"):
        text = (DOCS / name).read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#]+)", text):
            assert (DOCS / target).exists(), target
