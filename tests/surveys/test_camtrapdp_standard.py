"""A Camtrap DP package held against schemas that lie beside it: findings, safety, and without."""

import json
import socket
import sys
import zipfile

import pytest
from camera_samples import DEPLOYMENTS, OBSERVATIONS
from test_camtrapdp import DATA, here, sample

from occupancy import cli
from surveys import quality
from surveys.readers.camtrapdp_valid import hold
from surveys.readers.into_dataset import surveyed
from surveys.study_file import read_study

BASE = "https://raw.githubusercontent.com/tdwg/camtrap-dp/1.0.2"
STUDY = 'schema = 1\n[source]\nformat = "camtrapdp"\n[files.package]\npath = "p/datapackage.json"\n'
MEDIA = "mediaID,deploymentID,filePath\nm1,d1,a/1.jpg\n"


def field(name, kind="string", **constraints):
    return {"name": name, "type": kind, "constraints": constraints}


def schema(key, *fields, links=()):
    keys = [{"fields": f, "reference": {"resource": r, "fields": f}} for f, r in links]
    fields = (*fields, *(field(f) for f, _ in links))
    return json.dumps(
        {
            "fields": [field(key, required=True, unique=True), *fields],
            "missingValues": [""],
            "primaryKey": key,
            "foreignKeys": keys,
        }
    )


LINK = ("deploymentID", "deployments")
SCHEMAS = {
    "deployments": schema(
        "deploymentID",
        field("latitude", "number", required=True, minimum=-90, maximum=90),
        field("cameraDelay", "number"),
        field("habitat", pattern=r"^(a+)+$"),  # could run for ever, and so is not asked
    ),
    "media": schema("mediaID", field("filePath", required=True, pattern=r"a/\d.jpg"), links=[LINK]),
    "observations": schema(
        "observationID",
        field("observationType", required=True, enum=["animal", "human", "blank"]),
        field("count", "integer", minimum=1),
        links=[LINK, ("mediaID", "media")],
    ),
}
PROFILE = json.dumps(
    {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "allOf": [{"$ref": "https://nowhere.invalid/data-package.json"}, {"required": ["project"]}],
    }
)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Write a package and hold it against its schemas; whoever asks the net fails."""

    def refuse(*given, **more):
        raise AssertionError("the net was asked")

    def make(schemas=SCHEMAS, more=None, **tables):
        tables = {"deployments": DEPLOYMENTS, "media": MEDIA, "observations": OBSERVATIONS} | tables
        resources = [
            {"name": n, "path": f"{n}.csv", "schema": f"{BASE}/{n}-table-schema.json"}
            for n in tables
        ]
        told = {"profile": f"{BASE}/camtrap-dp-profile.json", "resources": resources}
        home = tmp_path / "p"
        (home / "schemas-1.0.2").mkdir(parents=True, exist_ok=True)
        (home / "datapackage.json").write_text(json.dumps(told | (more or {})))
        for name, text in tables.items():
            (home / f"{name}.csv").write_text(text)
        for name, text in schemas.items():
            (home / "schemas-1.0.2" / f"{name}-table-schema.json").write_text(text)
        (tmp_path / "study.toml").write_text(STUDY)
        return home

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return make


def held(tmp_path):
    _, tidy = surveyed(read_study(tmp_path / "study.toml"))
    return hold(tidy.package)


def facts(tmp_path, code="W584"):
    return [p.fact for p in held(tmp_path).problems if p.code == code]


def test_a_package_that_keeps_to_its_schemas_says_so(package, tmp_path):
    package()
    found = held(tmp_path)
    assert found.tables == {"deployments.csv": 2, "media.csv": 1, "observations.csv": 7}
    # "vehicle" is no word of these schemas, but nothing here is of a vehicle
    assert [p.fact for p in found.problems] == []
    ds, tidy = surveyed(read_study(tmp_path / "study.toml"))
    section = {s.name: s for s in quality.examine(ds, package=tidy.package)}["standard"]
    assert section.title == "The package keeps to Camtrap DP 1.0.2"
    assert "the schemas in schemas-1.0.2 by frictionless" in section.told
    assert not section.asks


def test_each_breach_is_told_once_with_rows_and_column(package, tmp_path):
    heights = DEPLOYMENTS.replace("habitat", "habitat,cameraDelay")
    heights = heights.replace("oak", "oak,low").replace("fir", "fir,1.2")
    media = MEDIA.replace("a/1", "b/1") + "m2,d9,a/2.jpg\n"
    package(
        deployments=heights,
        media=media,
        observations=OBSERVATIONS.replace("human", "vehicle").replace("o2,d1,m1", "o2,d1,m7"),
    )
    assert facts(tmp_path) == [
        'deployments.csv, row 2, column cameraDelay: "low" is not a number',
        'media.csv, row 2, column filePath: "b/1.jpg" is not written as the standard asks',
        "media.csv, row 3: deploymentID is not in deployments",
        "observations.csv, row 3: mediaID is not in media",
        'observations.csv, row 5, column observationType: "vehicle" is none of animal, human, '
        "blank",
    ]
    found = held(tmp_path)
    assert {p.level for p in found.problems} == {"warn"}
    first = found.problems[0]
    assert (first.file, first.row, first.column) == ("deployments.csv", 2, "cameraDelay")


def test_a_column_that_the_standard_requires_and_an_id_that_stands_twice(package, tmp_path):
    package(media="mediaID,deploymentID\nm1,d1\nm1,d1\n")
    assert facts(tmp_path) == [
        "media.csv: this column, which the standard requires, is not there",
        'media.csv, row 3, column mediaID: "m1" stands in several rows',
    ]
    assert held(tmp_path).problems[0].column == "filePath"


def test_what_the_description_lacks_is_told_from_the_profile_and_nothing_is_fetched(
    package, tmp_path
):
    home = package()
    (home / "camtrap-dp-profile.json").write_text(PROFILE)
    assert facts(tmp_path, "W585") == ["p/datapackage.json: 'project' is a required property"]
    package(more={"project": {}})
    assert facts(tmp_path, "W585") == []


def test_without_schemas_in_the_folder_own_checks_remain_and_one_line_says_why(package, tmp_path):
    package(schemas={})
    found = held(tmp_path)
    assert [p.code for p in found.problems] == ["N584"]
    assert "no copy of deployments-table-schema.json" in found.lost
    assert "checked by the rules of this program alone" in found.problems[0].fact


def test_without_frictionless_one_line_says_how_to_install(package, tmp_path, monkeypatch, capsys):
    package()
    monkeypatch.setitem(sys.modules, "frictionless", None)
    assert cli.answer(["-C", str(tmp_path), "check"]) == 0
    told = capsys.readouterr().out
    assert "N585" in told
    assert "pip install 'occupancy[camtrapdp]'" in told


def test_paths_that_lead_elsewhere_are_not_followed(package, tmp_path):
    home = package()
    outside = tmp_path.parent / f"{tmp_path.name}_secret.csv"
    outside.write_text("mediaID,filePath\nsecret,secret\nsecret,secret\n")
    told = json.loads((home / "datapackage.json").read_text())
    for path in (f"../../{outside.name}", str(outside), "https://nowhere.invalid/media.csv"):
        told["resources"][1] |= {"path": path, "schema": path}
        (home / "datapackage.json").write_text(json.dumps(told))
        found = held(tmp_path)
        assert set(found.tables) == {"deployments.csv", "observations.csv"}
        assert "secret" not in repr(found)


def test_schemas_of_somebodys_own_making_stop_nothing(package, tmp_path):
    strange = {"fields": [{"name": "latitude", "type": "number", "constraints": {"minimum": []}}]}
    package(schemas={"deployments": json.dumps(strange), "media": "[", "observations": "{}"})
    found = held(tmp_path)
    assert not found.tables
    assert [p.code for p in found.problems] == ["N584"]


def test_a_zipped_package_is_held_against_the_schemas_in_it(package, tmp_path):
    home = package(observations=OBSERVATIONS.replace("human", "vehicle"))
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        for path in sorted(home.rglob("*.*")):
            if path.is_file():
                archive.write(path, path.relative_to(home).as_posix())
    (tmp_path / "study.toml").write_text(
        'schema = 1\n[source]\nformat = "camtrapdp"\npath = "p.zip"\n'
    )
    assert len(facts(tmp_path)) == 1


def test_of_large_tables_the_first_rows_are_looked_at(package, tmp_path, monkeypatch):
    monkeypatch.setattr("surveys.readers.camtrapdp_valid.MOST_ROWS", 3)
    package(
        observations=OBSERVATIONS.replace(
            "o7,d1,,2021-05-06T10:00:00Z,event,blank", "o7,d1,,2021-05-06T10:00:00Z,event,unknown"
        )
    )
    found = held(tmp_path)
    assert found.tables["observations.csv"] == 3
    assert [p.code for p in found.problems] == ["N584"]
    assert "only the first 3 rows of observations.csv" in found.problems[0].fact


def test_build_does_not_wait_for_it(package, tmp_path, monkeypatch, capsys):
    package()
    monkeypatch.setattr("surveys.readers.camtrapdp_valid.hold", lambda package: 1 / 0)
    assert cli.answer(["-C", str(tmp_path), "build"]) == 0
    capsys.readouterr()


@pytest.mark.reference
@here
def test_the_sample__keeps_to_the_schemas_and_the_profile_that_lie_beside_it(tmp_path):
    sample(tmp_path)
    found = held(tmp_path)
    assert found.problems == ()
    assert found.tables == {"deployments.csv": 4, "media.csv": 423, "observations.csv": 549}
    assert (DATA / "schemas-1.0.2" / "camtrap-dp-profile.json").is_file()
