"""The study files on the pages of recorders and eDNA hold keys that are known, and nothing else."""

import re
import tomllib
from pathlib import Path

import pytest

from surveys.ledger import Ledger
from surveys.study_check import check
from surveys.study_keys import SECTIONS

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("page", ["recorders.md", "edna.md", "cameras.md"])
def test_examples_of_study_files_are_accepted(page):
    text = (DOCS / page).read_text("utf-8")
    examples = [tomllib.loads(e) for e in re.findall(r"```toml\n(.*?)```", text, re.DOTALL)]
    assert examples
    for example in examples:
        ledger = Ledger()
        check({"schema": 1, **example}, page, ledger)
        assert ledger.problems == []


@pytest.mark.parametrize(
    ("section", "page"),
    [("birdnet", "recorders.md"), ("neon", "recorders.md"), ("edna", "edna.md")],
)
def test_every_key_of_a_format_is_told_on_its_page_and_in_the_list_of_keys(section, page):
    for name in (page, "study-file.md"):
        text = (DOCS / name).read_text("utf-8")
        assert [k for k in SECTIONS[section] if f"{k}`" not in text] == []
