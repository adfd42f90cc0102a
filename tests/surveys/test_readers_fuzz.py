"""Spoilt bytes: whatever a file holds, it is read right or refused in the user's words."""

import random

import pytest
from seeds import FILES, SEEDS, WIDE
from spoiling import Reader, spoilt

from surveys.problems import SurveyError
from surveys.readers import READERS
from surveys.readers.into_dataset import dataset
from surveys.study_file import read_study

CASES = {
    **{f"{form}-{i}": seed for form, seeds in SEEDS.items() for i, seed in enumerate(seeds)},
    **FILES,
}


def test_every_format_has_a_seed():
    assert not set(READERS) - set(SEEDS), "add a small sound study of it to tests/surveys/seeds.py"


def run(folder, case, n):
    """Read `n` spoilt copies; each is made from its own number, so that it can be made again."""
    reader = Reader(folder / case, CASES[case])
    assert reader.read()[0] is not None, reader.read()[1]
    outcomes = {True: 0, False: 0}
    for i in range(n):
        rng = random.Random(f"{case} {i}")
        try:
            outcomes[reader.spoilt_read(rng)] += 1
        except Exception as error:
            error.add_note(f"spoilt copy {i} of {case}")
            raise
    return outcomes


@pytest.mark.parametrize("case", CASES)
def test_spoilt_files_are_read_or_refused(tmp_path, case):
    outcomes = run(tmp_path, case, 14)
    assert outcomes[False]


@pytest.mark.nightly
@pytest.mark.parametrize("case", CASES)
def test_twenty_thousand_spoilt_files_are_read_or_refused(tmp_path, case):
    form = case.rpartition("-")[0]
    outcomes = run(tmp_path, case, 20_000 // len(SEEDS.get(form, [case])))
    assert outcomes[False]


def test_spoilt_study_files_are_read_or_refused(tmp_path):
    reader = Reader(tmp_path / "study", SEEDS["wide"][0])
    rng = random.Random(3)
    for _ in range(40):
        (reader.folder / "study.toml").write_bytes(spoilt(WIDE.encode(), rng))
        try:
            dataset(read_study(reader.folder))
        except SurveyError as error:
            told = str(error)
        else:
            told = "read"
        assert told
