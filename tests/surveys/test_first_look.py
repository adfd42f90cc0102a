"""What `guess` takes up of files as people name them, and that its study file reads unedited."""

import tomllib
import zipfile

import numpy as np
import pandas as pd
import pytest
from camera_samples import CAMERA_RECORDS, CAMERA_STATIONS, DEPLOYMENTS, OBSERVATIONS, package
from dwca_samples import TABLES
from dwca_samples import write as write_archive
from ebird_samples import EBD_HEADER, sighting, text
from ebird_samples import LISTS as CHECKLISTS
from ebird_samples import write as write_ebird
from recorder_samples import COMBINED, COUNT_DATA, tables_of_recordings

from surveys import from_arrays, quality, read
from surveys.guess import guess
from surveys.ledger import Ledger
from surveys.problems import SurveyError

HISTORIES = "010 1;\n110 1;\n000 1;\n"


def written(folder, *names):
    """The study file for these names, and the dataset that it gives as it stands."""
    told = guess([folder / name for name in names], folder=folder)
    (folder / "study.toml").write_text(told, encoding="utf-8")
    return told, tomllib.loads(told), read(folder)


def put(folder, files):
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")


PACKAGE = {
    "datapackage.json": package(),
    "deployments.csv": DEPLOYMENTS,
    "observations.csv": OBSERVATIONS,
}


def test_a_package_is_named_by_its_json_alone(tmp_path):
    put(tmp_path, PACKAGE)
    _, study, ds = written(tmp_path, "datapackage.json")
    assert study["files"]["package"]["path"] == "datapackage.json"
    assert study["files"]["deployments"]["path"] == "deployments.csv"
    assert float(ds["camera_days"].sum()) > 0


def test_a_folder_stands_for_its_files(tmp_path):
    put(
        tmp_path / "field",
        PACKAGE | {"README.md": "# a note\n", "settings.json": '{"type": "object"}'},
    )
    (tmp_path / "field" / "pictures").mkdir()
    _, study, _ = written(tmp_path, "field")
    assert study["files"]["detections"]["path"] == "field/observations.csv"
    # a star names the folder of pictures and the settings too
    again = guess([p for p in sorted((tmp_path / "field").iterdir()) if p.suffix != ".md"])
    assert tomllib.loads(again)["source"]["format"] == "camtrapdp"
    assert "# not used: settings.json (JSON that is no layer" in again


def test_a_folder_without_any_table_says_so(tmp_path):
    put(tmp_path / "field", {"README.md": "# a note\n"})
    with pytest.raises(SurveyError, match="field is a folder that holds no table") as error:
        guess([tmp_path / "field"])
    assert error.value.codes == ("E401",)


def test_stations_and_records_of_two_surveys_are_paired_by_their_names(tmp_path):
    stations = "Station,Setup_date,Retrieval_date\nY1,2021-05-01,2021-05-11\n"
    files = {
        "a_records.csv": CAMERA_RECORDS,
        "a_stations.csv": CAMERA_STATIONS,
        "b_stations.csv": stations,
    }
    put(tmp_path, files)
    told, study, _ = written(tmp_path, *files)
    assert study["files"]["deployments"]["path"] == "a_stations.csv"
    assert "# not used: b_stations.csv (further stations" in told


def test_sightings_are_paired_with_the_file_of_their_checklists(tmp_path):
    write_ebird(tmp_path)
    strange = [sighting(dict(CHECKLISTS[0], **{"SAMPLING EVENT IDENTIFIER": "S999"}), 9)]
    (tmp_path / "a_rollup.txt").write_text(text(EBD_HEADER, strange), encoding="utf-8")
    told, study, _ = written(tmp_path, "a_rollup.txt", "ebd.txt", "ebd_sampling.txt")
    assert study["files"]["detections"]["path"] == "ebd.txt"
    assert "# not used: a_rollup.txt (further files of eBird" in told


def test_second_histories_are_no_covariate_of_the_first(tmp_path):
    put(tmp_path, {"a.inp": HISTORIES, "b.inp": HISTORIES})
    told, study, ds = written(tmp_path, "a.inp", "b.inp")
    assert "visit_covariates" not in study
    assert "# not used: b.inp (further histories" in told
    assert ds.sizes["site"] == 3


def test_recordings_whose_names_tell_no_site_are_sites_and_the_study_says_check_this(tmp_path):
    heard = COMBINED.replace("rec/A_20210623_050000", "first").replace("rec/A_20210623_060000", "b")
    rows = [r for r in heard.splitlines() if r.startswith("Start") or "first" in r or "b.wav" in r]
    put(tmp_path, {"heard.csv": "\n".join(rows) + "\n"})
    told, study, ds = written(tmp_path, "heard.csv")
    assert study["birdnet"]["site"] == "recording"
    assert "each recording is taken for a site. Check this" in told
    assert ds["site"].values.tolist() == ["b", "first"]


def test_accumulation_of_a_species_that_was_not_looked_for_on_every_visit():
    y = np.full((2, 3, 1, 4), np.nan)
    y[0, :, 0, :1] = [[1.0], [0.0], [1.0]]
    y[1, :, 0, :] = 0.0
    y[1, 2, 0, 3] = 1.0
    found = {s.name: s for s in quality.examine(from_arrays(y), None)}["accumulation"]
    assert not found.left_out
    assert [len(c.observed) for c in found.curves] == [1, 4]
    assert "from 67%" in found.told


def test_every_sheet_of_a_workbook_is_looked_at(tmp_path):
    visits = {"Standort": ["Mühle", "Bach", "Höhe"], "v1": [0, 1, 0], "v2": [1, 0, None]}
    sites = {"Standort": ["Mühle", "Bach", "Höhe"], "Höhe": [400, 500, 650]}
    with pd.ExcelWriter(tmp_path / "Feld daten.xlsx") as book:
        pd.DataFrame(visits).to_excel(book, sheet_name="Beobachtungen", index=False)
        pd.DataFrame(sites).to_excel(book, sheet_name="Orte", index=False)
    _, study, ds = written(tmp_path, "Feld daten.xlsx")
    assert study["files"]["detections"]["sheet"] == "Beobachtungen"
    assert study["files"]["sites"]["path"] == "Feld daten.xlsx"
    assert study["files"]["sites"]["sheet"] == "Orte"
    assert ds["Höhe"].sel(site="Bach").item() == 500
    assert not [p for p in Ledger.from_json(ds.attrs["ledger"]).problems if p.code == "W506"]


def test_a_second_column_of_zeros_and_ones_is_asked_about(tmp_path):
    rows = [f"{s},2021-05-0{k},{(k + i) % 2},{k % 2}" for i, s in enumerate("ABC") for k in (1, 2)]
    put(tmp_path, {"det.csv": "\n".join(["site,date,fox,badger", *rows]) + "\n"})
    told, study, _ = written(tmp_path, "det.csv")
    assert study["files"]["detections"]["columns"]["detection"] == "fox"
    assert "# badger holds 0 and 1 too: covariates of visits here. Species?" in told


def test_an_archive_in_a_folder_is_opened(tmp_path):
    (tmp_path / "field").mkdir()
    with zipfile.ZipFile(tmp_path / "field" / "package.zip", "w") as archive:
        for name, content in PACKAGE.items():
            archive.writestr(name, content)
    _, study, _ = written(tmp_path, "field")
    assert study["files"]["detections"]["path"] == "field/package.zip/observations.csv"


def test_several_rows_for_each_site_are_no_table_of_sites(tmp_path):
    days = "Station,day,fox_seen\n" + "".join(f"A,{k},1\nB,{k},0\n" for k in range(4))
    files = {"records.csv": CAMERA_RECORDS, "stations.csv": CAMERA_STATIONS, "days.csv": days}
    put(tmp_path, files)
    told, study, _ = written(tmp_path, *files)
    assert "sites" not in study["files"]
    assert "# not used: days.csv (several rows for each site" in told


def test_an_archive_without_events_is_refused(tmp_path):
    header = TABLES["event.txt"][2].splitlines()[0] + "\n"
    tables = TABLES | {"event.txt": (*TABLES["event.txt"][:2], header)}
    with pytest.raises(SurveyError) as error:
        read(write_archive(tmp_path, tables=tables))
    assert "E005" in error.value.codes


def test_a_first_model_is_of_a_species_that_was_looked_for_in_its_season(tmp_path):
    write_archive(tmp_path)
    told, study, ds = written(tmp_path, "archive")
    model = study["model"]["main"]
    assert model["season"] == 2022
    assert "# 1 of 2 species were looked for in that season" in told
    seen = ds["detection"].sel(species=model["species"], season=model["season"])
    assert int(seen.notnull().sum()) > 0


def test_tables_of_recordings_in_a_folder_of_the_study_are_found(tmp_path):
    put(tmp_path / "spring", tables_of_recordings())
    _, study, ds = written(tmp_path, ".")
    assert study["files"]["detections"]["path"] == "spring"
    assert ds["site"].values.tolist() == ["A", "B"]
    (tmp_path / "study.toml").unlink()
    put(tmp_path / "summer", tables_of_recordings())
    with pytest.raises(SurveyError, match="several folders: spring, summer"):
        guess([tmp_path], folder=tmp_path)


def test_histories_with_covariates_of_their_own_are_another_survey(tmp_path):
    files = {
        "a.csv": "site,y.1,y.2,elev\n1,0,1,10\n2,1,0,20\n3,0,0,30\n",
        "b.csv": "site,y.1,y.2,forest\n1,0,1,3\n2,0,0,4\n",
        "counts.csv": "place,day,fox\nA,1,0\nA,2,1\nB,1,1\n",
        "rain.csv": "site,y.1,y.2\n1,0,3\n2,1,2\n3,2,0\n",
    }
    put(tmp_path, files)
    told, study, ds = written(tmp_path, *files)
    assert list(study["visit_covariates"]) == ["rain"]
    for name in ("b.csv", "counts.csv"):
        assert f"# not used: {name} (further detections" in told
    assert ds.sizes["site"] == 3


def test_a_log_beside_rows_without_ids_is_no_table_of_sites(tmp_path):
    put(tmp_path, {"y.csv": "y.1,y.2\n0,1\n1,0\n", "log.txt": "started\nread it all\nended\n"})
    told, study, ds = written(tmp_path, "y.csv", "log.txt")
    assert "sites" not in study["files"]
    assert "# not used: log.txt" in told
    assert ds.sizes["site"] == 2


def test_one_visit_to_each_site_asks_for_times_or_says_what_it_cannot_tell(tmp_path):
    put(tmp_path, {"y.csv": "site,y.1\nA,0\nB,1\nC,0\n"})
    told, study, _ = written(tmp_path, "y.csv")
    assert study["model"]["main"]["family"] == "single_season"
    assert "one visit to each site cannot tell absence from a miss" in told
    put(tmp_path, {"counts.csv": COUNT_DATA})
    _, study, _ = written(tmp_path, "counts.csv")
    assert study["model"]["main"]["family"] == "time_to_detection"
    assert "rate" in study["model"]["main"]
