"""Published files as they come: init, check and build by the command, without a line edited.

Each folder is copied; nobody writes in its study file. The numbers are those of its README.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

import surveys
from occupancy import cli

DATA = Path(__file__).parents[3] / "shared" / "data"
OURS = ("README.md", "expected*")  # beside the files of the field


class Sample(NamedTuple):
    """A folder, or some files of it, and what a correct reading gives."""

    folder: str
    files: tuple[str, ...] = ()  # none: the folder itself
    sizes: tuple[int, int, int, int] = (0, 0, 0, 0)  # species, sites, seasons, visits
    naive: dict[str, float] = {}  # noqa: RUF012  of species, all seasons together


CAMTRAPR = {"PBE": 1.0, "VTA": 1.0, "MNE": 1 / 3, "EGY": 1 / 3, "TRA": 1 / 3}
SAMPLES = {
    "camtrapdp": Sample(
        "camtrapdp_example",
        sizes=(7, 4, 1, 47),
        naive={"Anas platyrhynchos": 0.5, "Mustela putorius": 0.25},
    ),
    "camtrapr": Sample(
        "camtrapr",
        ("camtraps.csv", "recordTableSample.csv"),
        sizes=(5, 3, 1, 7),
        naive=CAMTRAPR,
    ),
    "camtrapr, seasons": Sample(
        "camtrapr",
        ("camtrapsMultiSeason.csv", "recordTableSampleMultiSeason.csv"),
        sizes=(5, 4, 2, 11),
        naive={"PBE": 0.75, "MNE": 0.25},
    ),
    "camtrapr, the folder": Sample("camtrapr", sizes=(5, 3, 1, 7), naive=CAMTRAPR),
    "wildlife insights": Sample(
        "wildlife_insights_cajambre",
        sizes=(22, 18, 1, 8),
        naive={"Dasypus novemcinctus": 10 / 18, "Proechimys semispinosus": 17 / 18},
    ),
    "birdnet, r tables": Sample(
        "birdnet/r_format", sizes=(3, 1, 1, 2), naive={"Catharus ustulatus": 1.0}
    ),
    "birdnet, raven": Sample("birdnet/raven", sizes=(21, 1, 1, 1)),
    "birdnet, formats": Sample(
        "birdnet/formats", sizes=(4, 3, 1, 1), naive={"American Robin": 2 / 3}
    ),
    "ebird": Sample("ebird_singapore", sizes=(3, 31, 1, 10)),
    "darwin core": Sample("dwc_dragonflies", sizes=(50, 88, 6, 7)),
    "edna": Sample(
        "edna_kasumigaura",
        sizes=(50, 50, 1, 3),
        naive={"Rhinogobius spp.": 1.0, "Abbottina rivularis": 0.54},
    ),
    "mark": Sample("mark_inp", ("salamander.inp",), (1, 39, 1, 5), {"species": 18 / 39}),
    "mark, the folder": Sample("mark_inp", sizes=(1, 20, 1, 5), naive={"species": 0.85}),
    "neon": Sample("neon_birds_bart", sizes=(47, 80, 2, 1), naive={"Seiurus aurocapilla": 75 / 80}),
    "long table": Sample("unmarked_csv", ("frog2001pcru.csv",), (1, 130, 1, 3), {"Pcru": 96 / 130}),
    "long table, rare": Sample(
        "unmarked_csv", ("frog2001pfer.csv",), (1, 130, 1, 3), {"Pfer": 43 / 130}
    ),
    "wide table": Sample("unmarked_csv", ("widewt.csv",), (1, 237, 1, 3), {"species": 79 / 237}),
    "wide table of words": Sample("unmarked_csv", ("csv_factor_test.csv",), (1, 20, 1, 3)),
    "wide table, the folder": Sample("unmarked_csv", sizes=(1, 20, 1, 3)),
}


@pytest.mark.reference
@pytest.mark.skipif(not DATA.is_dir(), reason="without the sample data")
@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_folder__init_check_and_build_without_an_edit(name, tmp_path, monkeypatch, capsys):
    sample = SAMPLES[name]
    home = tmp_path / "study"
    shutil.copytree(DATA / sample.folder, home, ignore=shutil.ignore_patterns(*OURS))
    monkeypatch.chdir(home)
    assert cli.answer(["init", *(sample.files or ["."])]) == 0
    assert cli.answer(["check", "--page", "qc.html"]) == 0
    assert cli.answer(["--json", "build"]) == 0
    capsys.readouterr()
    page = Path("qc.html").read_text(encoding="utf-8")
    assert page.count("<section") >= 4
    assert "could not be looked at" not in page
    ds = surveys.open("results/data/data.nc")
    assert tuple(ds.sizes[d] for d in ("species", "site", "season", "visit")) == sample.sizes
    naive = surveys.describe(ds).by_species.set_index("species")["naive"]
    for species, wanted in sample.naive.items():
        assert naive[species] == pytest.approx(wanted)
    ledger = json.loads(ds.attrs["ledger"])
    assert ledger
    assert str(tmp_path) not in json.dumps(dict(ds.attrs), default=str)
