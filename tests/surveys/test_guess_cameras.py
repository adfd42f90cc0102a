"""`guess` knows files of cameras by their columns, and what it writes can be read at once."""

import tomllib

import pytest
from camera_samples import CAMERA_RECORDS as RECORDS
from camera_samples import (
    CAMERA_STATIONS,
    DEPLOYMENTS,
    IMAGES,
    OBSERVATIONS,
    OLD_DEPLOYMENTS,
    OLD_OBSERVATIONS,
    SESSIONS,
    STATIONS,
    WI_DEPLOYMENTS,
    WI_IMAGES,
    package,
    results,
)

from surveys import read
from surveys.guess import guess

FILES = {
    "camtrapr": {"records.csv": RECORDS, "stations.csv": CAMERA_STATIONS},
    "camtrapdp": {
        "datapackage.json": package(),
        "deployments.csv": DEPLOYMENTS,
        "observations.csv": OBSERVATIONS,
        "media.csv": "mediaID,deploymentID\nm1,d1\n",
    },
    "wildlife_insights": {
        "deployments.csv": WI_DEPLOYMENTS,
        "images.csv": WI_IMAGES,
        "cameras.csv": "project_id,camera_id\n1,c1\n",
    },
    "timelapse": {"ImageData.csv": IMAGES, "stations.csv": STATIONS},
    "megadetector": {"md.json": results(), "stations.csv": STATIONS},
}


def guessed(folder, files):
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    text = guess([folder / name for name in files])
    (folder / "study.toml").write_text(text, encoding="utf-8")
    return tomllib.loads(text)


@pytest.mark.parametrize("form", FILES)
def test_each_format_is_known_and_read(tmp_path, form):
    study = guessed(tmp_path, FILES[form])
    assert study["source"]["format"] == form
    assert study["files"]["deployments"]["path"] in FILES[form]
    assert "species" not in study["study"]
    ds = read(tmp_path)
    assert int((ds["detection"] > 0).sum()) >= 1
    assert float(ds["camera_days"].sum()) > 0


def test_an_older_package_is_known_by_its_columns(tmp_path):
    files = {"deployments.csv": OLD_DEPLOYMENTS, "observations.csv": OLD_OBSERVATIONS}
    assert guessed(tmp_path, files)["source"]["format"] == "camtrapdp"
    assert read(tmp_path)["species"].values.tolist() == ["Vulpes vulpes"]


def test_sessions_become_seasons_and_a_table_of_sites_its_covariates(tmp_path):
    records = RECORDS.replace("2021-05-09", "2021-05-08")
    sites = "Station,forest\nA,oak\nB,fir\n"
    files = {"records.csv": records, "stations.csv": SESSIONS, "places.csv": sites}
    study = guessed(tmp_path, files)
    assert study["seasons"] == {"by": "column"}
    assert study["model"]["main"]["season"] == 2021
    assert study["files"]["sites"]["path"] == "places.csv"
    ds = read(tmp_path)
    assert ds["season"].values.tolist() == [2020, 2021]
    assert ds["forest"].values.tolist() == ["oak", "fir"]


def test_metres_leave_a_line_to_fill_in(tmp_path):
    stations = CAMERA_STATIONS.replace(",elev", ",utm_x,utm_y")
    stations = stations.replace(",100\n", ",526000,604000\n")
    stations = stations.replace(",200\n", ",523000,606000\n")
    (tmp_path / "records.csv").write_text(RECORDS)
    (tmp_path / "stations.csv").write_text(stations)
    text = guess([tmp_path / "records.csv", tmp_path / "stations.csv"])
    assert "SET THIS" in text
    with_crs = guess([tmp_path / "records.csv", tmp_path / "stations.csv"], crs="EPSG:32650")
    assert tomllib.loads(with_crs)["sites"]["crs"] == "EPSG:32650"
