"""Camtrap DP packages: the sample of the standard, and small packages by hand."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from camera_samples import DEPLOYMENTS, OBSERVATIONS, package

from surveys import quality, read
from surveys.ledger import Ledger
from surveys.readers.into_dataset import surveyed
from surveys.study_file import read_study

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "camtrapdp_example"
here = pytest.mark.skipif(not DATA.is_dir(), reason="the samples are not beside the project")


def sample(folder, more=""):
    shutil.copytree(DATA, folder / "package")
    text = 'schema = 1\n[source]\nformat = "camtrapdp"\npath = "package"\n' + more
    (folder / "study.toml").write_text(text)
    return read(folder)


DAILY = '[occasions]\nlength_days = 1\nstart = "site"\n'


@pytest.mark.reference
@here
def test_the_sample__effort_of_each_day(tmp_path):
    ds = sample(tmp_path, DAILY)
    wanted = pd.read_csv(DATA / "expected_effort_days.csv").set_index(["locationID", "local_date"])
    frame = ds[["effort", "visit_start"]].to_dataframe().dropna()
    frame["day"] = frame["visit_start"].dt.strftime("%Y-%m-%d")
    ours = frame.reset_index().set_index(["site", "day"])["effort"].sort_index()
    wanted = wanted["effort_days"].sort_index()
    assert list(ours.index) == list(wanted.index)
    assert np.allclose(ours, wanted, atol=6e-7)  # they are written with six digits
    told = json.loads((DATA / "expected.json").read_text())
    assert len(ours) == told["site_days"]
    by_site = ours.groupby(level=0).sum()
    for site, days in told["effort_days_by_site"].items():
        assert by_site[site] == pytest.approx(days, abs=6e-5)


@pytest.mark.reference
@here
def test_the_sample__days_of_detection(tmp_path):
    ranks = '[taxa]\nkeep_ranks = ["genus", "class"]\n'
    ds = sample(tmp_path, DAILY + ranks)
    frame = ds[["detection", "visit_start"]].to_dataframe().query("detection > 0").reset_index()
    frame["day"] = frame["visit_start"].dt.strftime("%Y-%m-%d")
    ours = set(frame[["species", "site", "day"]].itertuples(index=False, name=None))
    wanted = pd.read_csv(DATA / "expected_detection_days.csv")
    assert ours == set(wanted.itertuples(index=False, name=None))
    told = json.loads((DATA / "expected.json").read_text())
    for species, numbers in told["species_at_event_level"].items():
        mine = ds.sel(species=species)
        assert float((mine["detection"] > 0).any(("season", "visit")).mean()) == pytest.approx(
            numbers["naive_occupancy"]
        )
        assert int(mine["count"].sum()) == numbers["individuals_summed"]
        assert int(mine["n_records"].sum()) == numbers["event_observations"]


@pytest.mark.reference
@here
def test_the_sample__every_row_is_accounted_for(tmp_path):
    ds = sample(tmp_path)
    told = json.loads((DATA / "expected.json").read_text())
    ledger = Ledger.from_json(ds.attrs["ledger"])
    file = "package/observations.csv"
    assert ledger.n_read(file) == told["n_observations"]
    assert ledger.n_aside(file, "other level") == 513
    assert ledger.n_used(file) == 25  # 29 of animals, less 2 of Aves and 2 of Ardea
    for kind, n in (("blank", 3), ("unknown", 2), ("setup", 1), ("vehicle", 1)):
        assert ledger.n_aside(file, f"not a species: {kind}") == n
    assert ledger.n_aside(file, "rank: class") == 2
    assert ledger.n_aside(file, "rank: genus") == 2
    codes = {p.code for p in ledger.problems}
    assert {"R057", "W053", "N053"} <= codes
    assert not {"Aves", "Ardea"} & set(ds["species"].values)
    inputs = json.loads(ds.attrs["provenance"])["inputs"]
    assert {i["file"] for i in inputs} == {
        f"package/{n}" for n in ("observations.csv", "deployments.csv", "datapackage.json")
    }
    assert all(len(i["sha256"]) == 64 for i in inputs)
    assert str(tmp_path) not in json.dumps(ds.attrs)


@pytest.mark.reference
@here
@pytest.mark.parametrize(("zone", "moved"), [("Europe/Brussels", False), ("UTC", True)])
def test_the_sample__on_one_clock_for_all(tmp_path, zone, moved):
    more = f'[time]\nzone = "{zone}"\n[taxa]\nkeep_ranks = ["genus", "class"]\n'
    ds = sample(tmp_path, DAILY + more)
    frame = ds[["detection", "visit_start"]].to_dataframe().query("detection > 0").reset_index()
    frame["day"] = frame["visit_start"].dt.strftime("%Y-%m-%d")
    ours = set(frame[["species", "site", "day"]].itertuples(index=False, name=None))
    wanted = pd.read_csv(DATA / "expected_detection_days.csv")
    assert (ours != set(wanted.itertuples(index=False, name=None))) == moved
    told = json.loads((DATA / "expected.json").read_text())
    total = sum(told["effort_days_by_site"].values())
    assert float(ds["effort"].sum()) == pytest.approx(total, abs=2e-4)


def test_pictures_of_the_media_table_show_a_clock_that_jumps(tmp_path):
    # A name each minute, in UTC; the camera is two hours on. Number 6 goes back a day.
    times = [f"2021-05-0{3 - (i >= 6)}T10:{i:02}:00Z" for i in range(15)]
    rows = [f"m{i},d1,{t},x/{i},20210801{i:06}-IMG_{i:04}.JPG" for i, t in enumerate(times)]
    rows.append("m99,d9,2021-05-03T10:00:00Z,x/99,IMG_0099.JPG")  # of no deployment
    media = "mediaID,deploymentID,timestamp,filePath,fileName\n" + "\n".join(rows) + "\n"
    told = json.loads(package())
    (tmp_path / "datapackage.json").write_text(json.dumps(told))
    (tmp_path / "deployments.csv").write_text(DEPLOYMENTS)
    (tmp_path / "observations.csv").write_text(OBSERVATIONS)
    (tmp_path / "media.csv").write_text(media)
    (tmp_path / "study.toml").write_text(
        'schema = 1\n[source]\nformat = "camtrapdp"\n[files.package]\npath = "datapackage.json"\n'
    )
    ds, tidy = surveyed(read_study(tmp_path / "study.toml"))
    pictures = tidy.fieldwork.pictures()
    assert len(pictures) == 15
    assert str(pictures["time"].iloc[0]) == "2021-05-03 12:00:00"
    found = {s.name: s for s in quality.examine(ds, tidy.fieldwork)}["clocks"]
    (jump,) = found.jumps.itertuples()
    assert (jump.site, jump.row, jump.number, jump.back) == ("P", 8, 6, 86_340)
    assert found.problems[0].file == "media.csv"
    # Only whoever looks at clocks reads the table.
    (tmp_path / "media.csv").unlink()
    again = {s.name: s for s in quality.examine(ds, tidy.fieldwork)}["clocks"]
    assert again.numbers["sequences_judged"] == 0


def small(folder, version="1.0.2", **changes):
    """A package by hand, read in occasions of five days."""
    files = {"deployments": DEPLOYMENTS, "observations": OBSERVATIONS} | changes
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text)
    (folder / "datapackage.json").write_text(package(version))
    study = 'schema = 1\n[source]\nformat = "camtrapdp"\n[occasions]\nlength_days = 5\n'
    (folder / "study.toml").write_text(study)
    return read(folder)


@pytest.mark.parametrize("version", ["1.0-rc.1", "1.1", "main"])
def test_a_package_with_the_columns_of_1_0_is_read_as_such(tmp_path, version):
    ds, known = small(tmp_path, version), small(tmp_path)
    assert ds["detection"].equals(known["detection"])
    assert ds["effort"].equals(known["effort"])
    problems = json.loads(ds.attrs["ledger"])["problems"]
    assert f"Camtrap DP {version}, read as 1.0" in str(problems)


def test_a_count_of_0_beside_a_blank_picture_is_no_fault(tmp_path):
    ds = small(tmp_path, observations=OBSERVATIONS.replace("blank,setup,,", "blank,,,0"))
    assert ds["count"].equals(small(tmp_path)["count"])


def test_the_last_picture_at_the_end_of_a_deployment_is_told_of_no_fault(tmp_path):
    def codes(last):
        text = OBSERVATIONS.replace("2021-05-04T10:00:00Z", f"2021-05-04T{last}+02:00")
        return {
            p["code"]
            for p in json.loads(small(tmp_path, observations=text).attrs["ledger"])["problems"]
        }

    assert "W041" not in codes("12:00:00")
    assert "W041" in codes("12:00:01")


def test_a_deployment_with_pictures_alone_keeps_them_beside_events_of_others(tmp_path):
    lines = OBSERVATIONS.rstrip().split("\n")
    pictures = [line.replace(",event,", ",media,") for line in lines if ",d2," in line]
    rest = [line for line in lines if ",d2," not in line]
    ds = small(tmp_path, observations="\n".join([*rest, *pictures]) + "\n")
    known = small(tmp_path)
    assert ds["detection"].equals(known["detection"])
    told = {p["code"]: p["fact"] for p in json.loads(ds.attrs["ledger"])["problems"]}
    assert "media-level rows alone (d2)" in told["R057"]
    assert "count" not in ds  # one animal stands in many pictures
