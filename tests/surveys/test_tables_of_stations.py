"""Tables of stations as people keep them: their problem periods, hours, blanks and sheets."""

import io
import json

import pandas as pd
import pytest
from test_camera_formats import load

DAYS = '[source]\nformat = "camtrapr"\n[occasions]\nlength_days = 14\n'
DAYS += '[files.detections]\npath = "records.csv"\n[files.deployments]\npath = "stations.csv"\n'
SEEN = "Station,Species,DateTimeOriginal\nA,fox,2021-05-02 01:00:00\n"


def days_worked(folder, stations, records=SEEN):
    return load(folder, DAYS, stations=stations, records=records)["effort"].values.ravel().tolist()


@pytest.mark.parametrize(
    "names",
    [
        ("Problem1_from", "Problem1_to", "Problem2_from", "Problem2_to"),
        ("Problem1_start", "Problem1_end", "Problem2_start", "Problem2_end"),
        ("malf1_start", "malf1_end", "malf2_start", "malf2_end"),
        ("failure_date_from_1", "failure_date_to_1", "failure_date_from_2", "failure_date_to_2"),
        ("Fallo inicio", "Fallo fin", "problem_from", "problem_to"),
    ],
)
def test_problem_periods_under_other_names_are_no_effort(tmp_path, names):
    head = f"Station,Setup_date,Retrieval_date,{','.join(names)}\n"
    row = "A,2021-05-01,2021-05-15,2021-05-03,2021-05-05,2021-05-07,2021-05-08\n"
    assert days_worked(tmp_path, head + row) == [13.5 - 5, 0.5]


def test_hours_in_a_column_of_their_own_count(tmp_path):
    head = "Station,Setup_date,Setup_time,Retrieval_date,Retrieval_time\n"
    rows = "A,2021-05-01,06:00,2021-05-14,18:00\nB,2021-05-01,,2021-05-14,6:00 PM\n"
    assert days_worked(tmp_path, head + rows) == [13.5, 13.25]


def test_what_one_row_of_a_site_tells_holds_for_the_site(tmp_path):
    stations = "Station,Setup_date,Retrieval_date,lat,lon,elev\n"
    stations += "A,2021-05-01,2021-05-05,,,\nA,2021-05-06,2021-05-15,46.1,8.1,812\n"
    stations += "B,2021-05-01,2021-05-15,46.2,8.2,900\n"
    ds = load(tmp_path, DAYS, stations=stations, records=SEEN)
    assert ds["elev"].values.tolist() == [812, 900]
    assert ds["latitude"].values.tolist() == [46.1, 46.2]


def test_every_sheet_of_a_workbook_is_accounted_for(tmp_path):
    stations = pd.DataFrame(
        {"Station": ["A", "B"], "Setup_date": "2021-05-01", "Retrieval_date": "2021-05-15"}
    )
    with pd.ExcelWriter(tmp_path / "survey.xlsx") as book:
        stations.to_excel(book, sheet_name="stations", index=False)
        pd.read_csv(io.StringIO(SEEN)).to_excel(book, sheet_name="records", index=False)
    study = DAYS.replace('"records.csv"', '"survey.xlsx"\nsheet = "records"')
    study = study.replace('"stations.csv"', '"survey.xlsx"\nsheet = "stations"')
    told = json.loads(load(tmp_path, study).attrs["ledger"])
    assert told["read"] == told["used"] == {"survey.xlsx": 3}


STATIONS = "Station,Setup_date,Retrieval_date\nA,2021-05-01,2021-05-15\nB,2021-05-01,2021-05-15\n"


def aside(ds):
    return {a["rule"]: a["rows"] for a in json.loads(ds.attrs["ledger"])["aside"]}


def test_words_of_several_programs_and_languages_are_no_species(tmp_path):
    words = ["NOTHINGHERE", "no_animal", "Camera-Trapper", "motorbike", "vacío", "Mensch", "Tiger"]
    records = SEEN + "".join(f"A,{word},2021-05-03 01:00:00\n" for word in words)
    ds = load(tmp_path, DAYS, stations=STATIONS, records=records)
    assert ds["species"].values.tolist() == ["Tiger", "fox"]
    assert aside(ds) == {
        "not a species: blank": [3, 4, 7],
        "not a species: human": [5, 8],
        "not a species: vehicle": [6],
    }
    # what the study file says of a word goes before
    alias = '[taxa.alias]\n"Mensch" = "Yeti"\n"Tiger" = "people"\n'
    ds = load(tmp_path, DAYS + alias)
    assert ds["species"].values.tolist() == ["Yeti", "fox"]


def test_a_header_that_stands_in_the_table_again_is_no_row(tmp_path):
    records = SEEN + "Station, Species,DateTimeOriginal\nB,fox,2021-05-03 01:00:00\n"
    ds = load(tmp_path, DAYS, stations=STATIONS, records=records)
    assert ds["detection"].sel(species="fox", visit=1).values.ravel().tolist() == [1, 1]
    assert aside(ds) == {"the header once more": [3]}
    told = json.loads(ds.attrs["ledger"])
    assert told["read"]["records.csv"] == 3
    assert [p["row"] for p in told["problems"] if p["code"] == "W009"] == [3]


@pytest.mark.parametrize("names", [("Species1", "Species2"), ("Species", "Species_2")])
def test_further_names_in_a_row_are_told(tmp_path, names):
    records = SEEN.replace("Species", names[0]).replace("Original", f"Original,{names[1]}", 1)
    records = records.replace("01:00:00", "01:00:00,hare") + "B,fox,2021-05-02 01:00:00,\n"
    study = DAYS.replace('"records.csv"', f'"records.csv"\ncolumns = {{ species = "{names[0]}" }}')
    ds = load(tmp_path, study, stations=STATIONS, records=records)
    told = {p["code"]: p for p in json.loads(ds.attrs["ledger"])["problems"]}
    assert (told["W503"]["row"], told["W503"]["column"]) == (2, names[1])
    records = records.replace("hare", "")
    ds = load(tmp_path, study, records=records)
    assert "W503" not in {p["code"] for p in json.loads(ds.attrs["ledger"]).get("problems", [])}
