"""A first look at cameras whose tables have names of their owner's, or are one table."""

import json

import pytest
from spoilt_studies import put

from surveys import read
from surveys.guess import guess
from surveys.problems import SurveyError


def first_look(folder, **files):
    """The Dataset of files as a first look at them makes it, and the text of its study."""
    named = {name.replace("__", "."): text for name, text in files.items()}
    put(folder, "", named)
    text = guess([folder / name for name in named])
    (folder / "study.toml").write_text(text)
    return read(folder / "study.toml"), text


def found(ds):
    """Where each species was seen: (species, site, visit)."""
    seen = ds["detection"].isel(season=0).fillna(0).to_series()
    return sorted((str(s), str(p), int(v)) for (s, p, v), d in seen.items() if d)


STATIONS = {
    "trap": "Camera,Start,End\nA1,2021-05-01,2021-05-15\nA2,2021-05-01,2021-05-15\n",
    "spanish": "X,Estación,Fecha_colocacion,Fecha_retiro\n1,A1,2021-05-01,2021-05-15\n"
    "2,A2,2021-05-01,2021-05-15\n",
    "order": "plot,date_in,date_out\nA1,2021-05-15,2021-05-01\nA2,2021-05-15,2021-05-01\n",
    "coarse": "Site Name,Trap Station Name,Session Start Date,Session End Date,Camera Name\n"
    "N,A1,2021-05-01,2021-05-15,c1\nN,A2,2021-05-01,2021-05-15,c2\n",
}
RECORDS = {
    "trap": "Camera,Species,DateTimeOriginal,Date,Time\nA1,fox,2021-05-02 01:00:00,x,y\n"
    "A2,hare,2021-05-09 01:00:00,x,y\n",
    "spanish": "Estación,Especie,Fecha,Hora\nA1,fox,2021-05-02,01:00\nA2,hare,2021-05-09,01:00\n",
    "order": "plot,species,date\nA1,fox,2021-05-02\nA2,hare,2021-05-09\n",
    "coarse": "Site Name,Trap Station Name,Media Capture Timestamp,Common Name,Sighting Quantity\n"
    "N,A1,2021-05-02 01:00:00,fox,2\nN,A2,2021-05-09 01:00:00,hare,1\n",
}


@pytest.mark.parametrize("names", list(STATIONS))
def test_guess__tables_of_cameras_under_names_of_their_owner(tmp_path, names):
    ds, text = first_look(tmp_path, records__csv=RECORDS[names], cams__csv=STATIONS[names])
    assert 'format = "camtrapr"' in text
    assert found(ds) == [("fox", "A1", 1), ("hare", "A2", 2)]
    assert float(ds["effort"].sum()) == 28


def test_guess__places_of_stations_by_a_word_of_their_names(tmp_path):
    stations = (
        "Trap Station,Trap Station Longitude,Trap Station Latitude,Session Start,Session End\n"
    )
    stations += "A1,8.25,46.5,2021-05-01,2021-05-15\nA2,8.5,46.75,2021-05-01,2021-05-15\n"
    records = RECORDS["order"].replace("plot", "Trap Station")
    ds, _ = first_look(tmp_path, records__csv=records, cams__csv=stations)
    assert ds["longitude"].values.tolist() == [8.25, 8.5]
    assert ds["latitude"].values.tolist() == [46.5, 46.75]


def test_guess__one_table_of_records_that_tell_their_deployments(tmp_path):
    head = "ID,Site Name,Camera Trap Name,Latitude,Photo Type,Photo Date,Photo Time,Class,Genus,"
    head += "Species,Number of Animals,Camera Serial,Camera Start Date,Camera End Date,Longitude\n"
    rows = [
        "1,VB,CT-1,10.4,Start,2021-05-01,12:00:00,,,,,s1,2021-05-01 12:00:00,2021-05-15 12:00:00,8",
        "2,VB,CT-1,10.4,Animal,2021-05-02,01:00:00,MAMMALIA,Meles,meles,1,s1,"
        "2021-05-01 12:00:00,2021-05-15 12:00:00,8",
        "3,VB,CT-1,10.4,Animal,2021-05-02,01:00:00,MAMMALIA,Martes,,1,s1,"
        "2021-05-01 12:00:00,2021-05-15 12:00:00,8",
        "4,VB,CT-2,10.5,Animal,2021-05-09,01:00:00,MAMMALIA,Martes,martes,1,s2,"
        "2021-05-01 12:00:00,2021-05-15 12:00:00,8.1",
    ]
    ds, _ = first_look(tmp_path, team__csv=head + "\n".join(rows) + "\n")
    assert found(ds) == [("Martes martes", "CT-2", 2), ("Meles meles", "CT-1", 1)]
    assert float(ds["effort"].sum()) == 28
    assert ds["latitude"].values.tolist() == [10.4, 10.5]
    told = json.loads(ds.attrs["ledger"])
    assert told["read"] == {"team.csv": 4}
    assert {a["rule"] for a in told["aside"]} == {"not a species: blank", "rank: genus or above"}


def test_guess__a_station_without_dates_had_no_camera(tmp_path):
    stations = STATIONS["trap"] + "A3,NA,NA\n"
    ds, _ = first_look(tmp_path, records__csv=RECORDS["trap"], cams__csv=stations)
    assert ds["site"].values.tolist() == ["A1", "A2"]
    told = json.loads(ds.attrs["ledger"])
    assert [a["rows"] for a in told["aside"]] == [[4]]
    assert "W514" in {p["code"] for p in told["problems"]}


IMAGES = """RootFolder,File,RelativePath,DateTime,DeleteFlag,Animal
{0},1.JPG,{1},2021-05-02 01:00:00,false,fox
{2},2.JPG,{3},2021-05-09 01:00:00,false,hare
"""


@pytest.mark.parametrize(
    ("paths", "told"),
    [
        (("R", "A1", "R", "A2\\100"), ""),
        (("R", "May\\A1", "R", "May\\A2\\100"), "site_folder = 2"),
        (("A1", "", "A2", "100"), 'site = "RootFolder"'),
    ],
)
def test_guess__the_folder_of_pictures_that_is_a_station(tmp_path, paths, told):
    images = IMAGES.format(*paths)
    ds, text = first_look(tmp_path, images__csv=images, cams__csv=STATIONS["trap"])
    assert told in text
    assert ("site_folder" in text) == ("site_folder" in told)
    assert found(ds) == [("fox", "A1", 1), ("hare", "A2", 2)]


def test_guess__several_runs_of_megadetector_are_one_table(tmp_path):
    def run(*pictures):
        box = {"category": "1", "conf": 0.9}
        images = [{"file": f, "datetime": t, "detections": [box]} for f, t in pictures]
        return json.dumps({"images": images})

    one, other = ("D:\\p\\A1\\1.JPG", "2021:05:02 01:00:00"), ("D:\\p\\A2\\1.JPG", "2021:05:09")
    ds, text = first_look(
        tmp_path,
        **{"a__json": run(one), "b__json": run(other), "part__json": run(one)},
        cams__csv=STATIONS["trap"],
    )
    assert 'path = ["a.json", "b.json"]' in text
    assert "part.json (it repeats rows of the other files)" in text
    assert found(ds) == [("animal", "A1", 1), ("animal", "A2", 2)]
    assert float(ds["effort"].sum()) == 28


def test_guess__wildlife_insights_in_several_files(tmp_path):
    places = "project_id,deployment_id,placename,longitude,latitude,start_date,end_date\n"
    places += "1,d1,P,8.1,46.1,2021-05-01,2021-05-14\n"
    head = "project_id,deployment_id,image_id,genus,species,timestamp\n"
    ds, _ = first_look(
        tmp_path,
        deployments__csv=places,
        images_1__csv=head + "1,d1,i1,Vulpes,vulpes,2021-05-02 01:00:00\n",
        images_2__csv=head + "1,d1,i2,Vulpes,vulpes,2021-05-09 01:00:00\n",
    )
    assert found(ds) == [("Vulpes vulpes", "P", 1), ("Vulpes vulpes", "P", 2)]


def test_guess__a_table_of_failures_is_said_to_be_left_out(tmp_path):
    failures = "Camera,malf1_start,malf1_end\nA1,2021-05-03,2021-05-05\n"
    files = {"records__csv": RECORDS["trap"], "cams__csv": STATIONS["trap"]}
    _, text = first_look(tmp_path, **files, malf__csv=failures)
    assert "# not used: malf.csv (it tells when cameras failed" in text


def test_guess__a_table_of_pictures_with_their_paths_and_labels(tmp_path):
    head = "absolute_path,relative_path,label,confidence,DateTimeOriginal\n"
    rows = "C:\\d,2021\\A1\\100\\1.JPG,fox,0.9,02/05/21 01:00:00\n"
    rows += "C:\\d,2021\\A2\\2.JPG,person,0.9,14/05/21 01:00:00\n"
    rows += "C:\\d,2021\\A2\\3.JPG,hare,0.9,09/05/21 01:00:00\n"
    ds, text = first_look(tmp_path, results__csv=head + rows, cams__csv=STATIONS["trap"])
    assert 'file = "relative_path"' in text
    assert "site_folder = 2" in text
    assert found(ds) == [("fox", "A1", 1), ("hare", "A2", 2)]
    elsewhere = STATIONS["trap"].replace("A1", "Z1").replace("A2", "Z2")
    with pytest.raises(SurveyError):  # no folder is a station of that table
        first_look(tmp_path, results__csv=head + rows, cams__csv=elsewhere)


@pytest.mark.parametrize(
    "sites",
    [
        "plot,first_visit,last_visit\nA1,2021-05-01,2021-06-01\nA2,2021-05-01,2021-06-01\n",
        "plot,planted,felled\nA1,2001-05-01,2021-06-01\nA2,2001-05-01,2021-06-01\n",
        "plot,start,end\nA1,2021-05-01 07:00,2021-05-01 07:10\n"
        "A2,2021-05-02 07:00,2021-05-02 07:10\n",
    ],
)
def test_guess__visits_of_people_are_no_cameras(tmp_path, sites):
    counts = "plot,species,date,count\nA1,fox,2021-05-02,0\nA1,fox,2021-05-09,2\n"
    counts += "A2,fox,2021-05-02,1\nA2,fox,2021-05-09,0\n"
    put(tmp_path, "", {"counts.csv": counts, "sites.csv": sites})
    assert 'format = "long"' in guess([tmp_path / "counts.csv", tmp_path / "sites.csv"])


def test_guess__records_in_several_files_beside_one_table_of_stations(tmp_path):
    head = "Station,Species,DateTimeOriginal\n"
    files = {
        "one__csv": head + "A1,fox,2021-05-02 01:00:00\n",
        "two__csv": head + "A2,hare,2021-05-09 01:00:00\n",
        "elsewhere__csv": head + "Z9,hare,2021-05-09 01:00:00\n",
        "part__csv": head + "A1,fox,2021-05-02 01:00:00\n",
    }
    stations = "Station,Setup_date,Retrieval_date\nA1,2021-05-01,2021-05-15\n"
    ds, text = first_look(tmp_path, **files, s__csv=stations + "A2,2021-05-01,2021-05-15\n")
    assert 'path = ["one.csv", "two.csv"]' in text
    assert "elsewhere.csv (further records" in text
    assert "part.csv (it repeats rows" in text
    assert found(ds) == [("fox", "A1", 1), ("hare", "A2", 2)]


def test_guess__a_site_beside_a_station_is_the_area(tmp_path):
    stations = "Site,Station,Setup_date,Retrieval_date\nN,A1,2021-05-01,2021-05-15\n"
    records = "Site,Station,Species,DateTimeOriginal\nN,A1,fox,2021-05-02 01:00:00\n"
    records += "N,A2,hare,2021-05-09 01:00:00\n"
    stations += "N,A2,2021-05-01,2021-05-15\n"
    ds, _ = first_look(tmp_path, records__csv=records, stations__csv=stations)
    assert found(ds) == [("fox", "A1", 1), ("hare", "A2", 2)]
