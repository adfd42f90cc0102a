# ruff: noqa: E501  tables stand as they would in their files
"""Small packages by hand: Camtrap DP old and new, Wildlife Insights, Timelapse, MegaDetector."""

import json

import numpy as np
import pytest
from camera_samples import (
    DEPLOYMENTS,
    IMAGES,
    OBSERVATIONS,
    OLD_DEPLOYMENTS,
    OLD_OBSERVATIONS,
    STATIONS,
    WI_DEPLOYMENTS,
    WI_IMAGES,
    package,
    results,
)
from spoilt_studies import ledger_of, put, refusal

from surveys import read


def laid(folder, study, **files):
    """Files given as text; a name ends in _json where it is one."""
    named = {
        name.replace("_json", ".json") if name.endswith("_json") else f"{name}.csv": text
        for name, text in files.items()
    }
    return put(folder, "schema = 1\n" + study, named)


def load(*args, **changes):
    return read(laid(*args, **changes))


def refused(*args, **changes):
    return refusal(laid(*args, **changes))


# --- Camtrap DP --------------------------------------------------------------------------------

DP = '[source]\nformat = "camtrapdp"\n[occasions]\nlength_days = 5\n'


def dp(folder, more="", **files):
    files = {
        "datapackage_json": package(taxonomic=[{"scientificName": "Aves", "taxonRank": "class"}]),
        "deployments": DEPLOYMENTS,
        "observations": OBSERVATIONS,
    } | files
    return load(folder, DP + more, **{k: v for k, v in files.items() if v is not None})


def test_camtrapdp__the_camera_clock_is_that_of_the_deployment(tmp_path):
    ds = dp(tmp_path)
    assert ds["site"].values.tolist() == ["46.2,8.2", "P"]
    assert ds["effort"].sel(site="P").values[0].tolist() == [4.5, 0.5]
    assert ds["species"].values.tolist() == ["Sus scrofa", "Vulpes vulpes"]
    boar = ds.sel(species="Sus scrofa", site="P").isel(season=0)
    assert boar["detection"].values.tolist() == [1, 0]
    assert boar["count"].values.tolist() == [2, 0]
    assert str(ds["visit_start"].values[1, 0, 0])[:10] == "2021-05-01"
    assert ds["habitat"].values.tolist() == ["fir", "oak"]
    ledger = ledger_of(ds)
    file = "observations.csv"
    assert ledger.n_used(file) == 2  # the fox comes at the very second that its deployment ends
    for rule in ("other level", "rank: class", "not a species: unknown", "not a species: human"):
        assert ledger.n_aside(file, rule) == 1
    assert ledger.n_aside(file, "not a species: setup") == 1


def test_camtrapdp__a_time_in_utc_falls_on_the_day_of_the_camera(tmp_path):
    dp(tmp_path)
    daily = load(tmp_path, DP.replace("= 5", "= 1"))
    seen = np.flatnonzero(daily["detection"].sel(species="Sus scrofa", site="P").values[0] > 0)
    assert seen.tolist() == [1]  # 22:30 UTC is half past midnight of 2 May there
    assert int(daily["detection"].sel(species="Sus scrofa").sum()) == 1


def test_camtrapdp__version_0_1_6(tmp_path):
    old = {
        "datapackage_json": package("0.1.6"),
        "deployments": OLD_DEPLOYMENTS,
        "observations": OLD_OBSERVATIONS,
    }
    ds = dp(tmp_path, **old)
    assert ds["effort"].values.ravel().tolist() == [4.5, 0.5]
    assert ds["detection"].sel(species="Vulpes vulpes").values.ravel().tolist() == [1, 0]
    assert ledger_of(ds).n_aside("observations.csv", "not a species: setup") == 1
    for version in ("0.1.5", "2.0"):
        error = refused(tmp_path, DP, datapackage_json=package(version))
        assert error.codes == ("E056",)
        assert f"Camtrap DP {version}" in str(error)


def test_camtrapdp__a_clock_in_doubt_sets_its_deployment_aside(tmp_path):
    doubt = DEPLOYMENTS.replace("c1,false", "c1,true")
    ds = dp(tmp_path, deployments=doubt)
    assert ds["site"].values.tolist() == ["46.2,8.2"]
    assert ledger_of(ds).n_aside("deployments.csv", "timestampIssues") == 1
    assert ledger_of(ds).n_aside("observations.csv", "deployment set aside") == 2
    kept = dp(tmp_path, '[camtrapdp]\ntimestamp_issues = "keep"\n', deployments=doubt)
    assert kept.sizes["site"] == 2


def test_camtrapdp__the_level_can_be_chosen(tmp_path):
    ds = dp(tmp_path, '[camtrapdp]\nlevel = "media"\n')
    assert ledger_of(ds).n_used("observations.csv") == 1
    assert "count" not in ds  # pictures of one animal are no numbers of animals
    events = "\n".join(line for line in OBSERVATIONS.splitlines() if ",media," not in line) + "\n"
    error = refused(tmp_path, DP + '[camtrapdp]\nlevel = "media"\n', observations=events)
    assert error.codes == ("E577",)


@pytest.mark.parametrize(
    ("change", "code", "told"),
    [
        (("observations", "o6,d2", "o6,d9"), "E055", 'row 7, column deploymentID: "d9" is not in'),
        (("observations", "o6,", "o5,"), "E021", 'observation "o5" is in rows 6-7'),
        (("observations", ",blank,", ",ghost,"), "E576", '"ghost" is none of animal, human'),
        (("observations", "00:00Z,event,animal,,Vulpes vulpes,1", "00:00Z,event,animal,,Vulpes vulpes,0"), "E048", "row 7, column count: 0"),
        (("observations", "2021-05-04T10:00:00Z", "2021-05-04T10:00:00"), "E040", "row 7"),
        (("observations", "2021-05-04T10:00:00Z", "yesterday"), "E521", '"yesterday" is not a date'),
        (("deployments", "d2,,", "d1,,"), "E021", 'deployment "d1" is in rows 2-3'),
        (("deployments", "2021-05-04T12", "2021-04-04T12"), "E042", 'row 3 (deployment "d2")'),
        (("deployments", "2021-05-04T12:00:00+02:00", ""), "E514", "column deploymentEnd: blank"),
        (("deployments", "deploymentEnd", "ended"), "E015", 'no column "deploymentEnd"'),
        (("deployments", "46.2", "460.2"), "E025", "460.2 is not between -90 and 90"),
        (("datapackage_json", "camtrap-dp", "other"), "E056", "no Camtrap DP"),
        (("datapackage_json", "{", "["), "E578", "is no data package"),
        (("datapackage_json", '"resources"', '"tables"'), "E578", 'no list of "resources"'),
        (("datapackage_json", "observations.csv", "../../secret.csv"), "E406", "leads out of"),
        (("datapackage_json", "observations.csv", "https://x.org/o.csv"), "E406", "not a file of this"),
        (("datapackage_json", "observations.csv", "gone.csv"), "E401", "gone.csv is not there"),
    ],
)  # fmt: skip
def test_camtrapdp__damage_is_told_with_its_place(tmp_path, change, code, told):
    name, old, new = change
    files = {
        "datapackage_json": package(),
        "deployments": DEPLOYMENTS,
        "observations": OBSERVATIONS,
    }
    assert old in files[name]
    files[name] = files[name].replace(old, new)
    error = refused(tmp_path, DP, **files)
    assert code in error.codes
    assert told in str(error)
    assert str(tmp_path) not in str(error)


# --- Wildlife Insights -------------------------------------------------------------------------

WI = '[source]\nformat = "wildlife_insights"\n[occasions]\nlength_days = 5\n'


def test_wildlife_insights__days_count_whole_and_words_are_no_species(tmp_path):
    ds = load(tmp_path, WI, deployments=WI_DEPLOYMENTS, images=WI_IMAGES)
    assert ds["effort"].isel(season=0).values.tolist() == [[5, 5], [3, 5]]
    assert ds["species"].values.tolist() == ["Canis lupus", "Vulpes vulpes"]
    assert ds["detection"].sel(species="Canis lupus").values.ravel().tolist() == [0, 1, 0, 0]
    ledger = ledger_of(ds)
    for rule in (
        *("not a species: blank", "not a species: human", "not a species: unknown"),
        *("rank: class", "outside the time that a camera worked"),
    ):
        assert ledger.n_aside("images.csv", rule) == 1, rule
    told = {p.code: p.fact for p in ledger.problems}
    assert "1 rows are later than end_date" in told["R041"]
    assert "Vandalism/Theft" in told["W580"]
    assert "count" not in ds
    more = "[cameras]\nindependence_minutes = 30\n"
    counted = load(tmp_path, WI + more)
    assert float(counted["count"].sel(species="Canis lupus").sum()) == 2


def test_wildlife_insights__midnight_is_a_day_beside_deployments_with_hours(tmp_path):
    hours = WI_DEPLOYMENTS.replace("2021-05-03 00:00:00", "2021-05-03 06:00:00")
    ds = load(tmp_path, WI, deployments=hours, images=WI_IMAGES)
    # d1 as before; d2 from six o'clock on, and its last day whole
    assert ds["effort"].isel(season=0).values.tolist() == [[5, 5], [2.75, 5]]
    assert ds["detection"].sel(species="Canis lupus").values.ravel().tolist() == [0, 1, 0, 0]


def test_wildlife_insights__sequences_are_events(tmp_path):
    sequences = WI_IMAGES.replace("timestamp", "start_time").replace(
        "number_of_objects", "group_size"
    )
    ds = load(tmp_path, WI, deployments=WI_DEPLOYMENTS, sequences=sequences)
    assert float(ds["count"].sel(species="Canis lupus").sum()) == 2


def test_wildlife_insights__words_in_place_of_a_taxon_leave_its_rank(tmp_path):
    rows = [
        "1,d1,i1,0,Aves,Blank,Blank,Blank,Blank,Bird,2021-05-02 01:00:00,1",
        "1,d1,i2,0,Mammalia,Carnivora,Canidae,Canis,Unknown,Canis species,2021-05-02 01:00:00,1",
        "1,d1,i3,1,Blank,Blank,Blank,Blank,Blank,Blank,2021-05-02 01:00:00,1",
        "1,d1,i4,0,Unknown,Unknown,Unknown,Unknown,Unknown,Unknown species,2021-05-02 01:00:00,1",
        "1,d1,i5,Yes,NA,NA,NA,NA,NA,NA,2021-05-02 01:00:00,NA",
        "1,d2,i6,No,Mammalia,Carnivora,Canidae,Vulpes,vulpes,Red Fox,2021-05-04 01:00:00,1",
    ]
    images = WI_IMAGES.split("\n")[0] + "\n" + "\n".join(rows) + "\n"
    ds = load(tmp_path, WI, deployments=WI_DEPLOYMENTS, images=images)
    assert ds["species"].values.tolist() == ["Vulpes vulpes"]
    aside = {a["rule"]: a["rows"] for a in json.loads(ds.attrs["ledger"])["aside"]}
    assert aside == {
        **{"rank: class": [2], "rank: genus": [3]},
        **{"not a species: blank": [4, 6], "not a species: unknown": [5]},
    }


def test_counts__animals_of_one_picture_or_sequence_are_added_up(tmp_path):
    more = "[cameras]\nindependence_minutes = 60\n"
    head = WI_IMAGES.split("\n")[0].replace("timestamp", "start_time")
    head = head.replace("number_of_objects", "group_size").replace("image_id", "sequence_id")
    fox = "1,d1,{},0,Mammalia,Carnivora,Canidae,Vulpes,vulpes,Red Fox,2021-05-02 01:{}:00,{}"
    rows = [fox.format("s1", "00", 1), fox.format("s1", "00", 2), fox.format("s2", "10", 2)]
    sequences = "\n".join([head, *rows]) + "\n"
    wild = load(tmp_path / "wi", WI + more, deployments=WI_DEPLOYMENTS, sequences=sequences)
    assert float(wild["count"].sum()) == 3  # a male and two females, and two of them again
    head = "observationID,deploymentID,eventID,eventStart,observationLevel,observationType,"
    head += "scientificName,count"
    fox = "o{},d1,{},2021-05-02T0{}:00:00+02:00,event,animal,Vulpes vulpes,{}"
    rows = [fox.format(1, "e1", 1, 1), fox.format(2, "e1", 1, 2), fox.format(3, "e2", 1, 2)]
    rows += [fox.format(4, "", 3, 1), fox.format(5, "", 3, 1)]  # of no event: the largest
    camtrap = dp(tmp_path / "dp", more, observations="\n".join([head, *rows]) + "\n")
    assert float(camtrap["count"].sum()) == 4
    lines = IMAGES.split("\n")
    images = "\n".join([lines[0], lines[1], lines[1], lines[2]]) + "\n"
    timelapse = load(tmp_path / "tl", TL, ImageData=images, stations=STATIONS)
    assert float(timelapse["count"].sum()) == 2


@pytest.mark.parametrize(
    ("change", "code", "told"),
    [
        (("images", "d2,i7", "d7,i7"), "E055", 'row 8, column deployment_id: "d7"'),
        (("images", ",timestamp,", ",taken,"), "E015", 'no column for "datetime"'),
        (("images", ",genus,", ",kind,"), "E015", 'no column "genus"'),
        (("deployments", "1,d2", "1,d1"), "E021", 'deployment "d1" is in rows 2-3'),
        (("deployments", "2021-05-03", "2021-05-13"), "E042", "is before start_date"),
        (("deployments", "2021-05-03", "2021-02-30"), "E035", "does not exist"),
    ],
)
def test_wildlife_insights__damage(tmp_path, change, code, told):
    name, old, new = change
    files = {"deployments": WI_DEPLOYMENTS, "images": WI_IMAGES}
    assert old in files[name]
    files[name] = files[name].replace(old, new)
    error = refused(tmp_path, WI, **files)
    assert code in error.codes
    assert told in str(error)


def test_wildlife_insights__a_folder_without_pictures(tmp_path):
    error = refused(tmp_path, WI, deployments=WI_DEPLOYMENTS)
    assert error.codes == ("E401",)
    assert "images.csv is not in the study folder" in str(error)
    files = {"deployments": WI_DEPLOYMENTS, "images_1": WI_IMAGES, "images_2": WI_IMAGES}
    error = refused(tmp_path, WI, **files)
    assert "images_1.csv, images_2.csv" in str(error)


# --- Timelapse ---------------------------------------------------------------------------------

TL = """[source]
format = "timelapse"
[files.detections]
path = "ImageData.csv"
[files.deployments]
path = "stations.csv"
[cameras]
independence_minutes = 5
"""


def test_timelapse__the_site_is_a_folder(tmp_path):
    ds = load(tmp_path, TL, ImageData=IMAGES, stations=STATIONS)
    assert ds["site"].values.tolist() == ["A", "B"]
    deer = ds.sel(species="deer").isel(season=0, visit=0)
    assert deer["detection"].values.tolist() == [1, 0]
    assert deer["count"].values.tolist() == [2, 0]
    assert deer["n_records"].values.tolist() == [2, 0]
    ledger = ledger_of(ds)
    assert ledger.n_aside("ImageData.csv", "marked for deletion") == 1
    assert ledger.n_aside("ImageData.csv", "not a species: blank") == 1


def test_timelapse__older_tables_have_date_and_time_apart(tmp_path):
    old = IMAGES.replace("DateTime", "Date,Time").replace("2021-05-02 ", "02-May-2021,")
    old = old.replace("2021-05-03 ", "03-May-2021,")
    ds = load(tmp_path, TL, ImageData=old, stations=STATIONS)
    assert ds["detection"].sel(species="deer", site="A").values.ravel()[0] == 1


@pytest.mark.parametrize(
    ("old", "new", "code", "told"),
    [
        ("RelativePath", "Folder", "E015", "no column RelativePath"),
        (",Species,", ",Animal,", "E015", 'no column for "species"'),
        ("DateTime", "When", "E015", "no column DateTime"),
        ("c.jpg,B,", "c.jpg,C,", "E022", 'site "C"'),
        ("c.jpg,B,", "c.jpg,,", "E581", "has no folder number 1"),
    ],
)
def test_timelapse__damage(tmp_path, old, new, code, told):
    error = refused(tmp_path, TL, ImageData=IMAGES.replace(old, new), stations=STATIONS)
    assert code in error.codes
    assert told in str(error)


# --- MegaDetector ------------------------------------------------------------------------------

MD = TL.replace("timelapse", "megadetector").replace("ImageData.csv", "md.json")


def test_megadetector__animals_people_and_blanks(tmp_path):
    ds = load(tmp_path, MD, md_json=results(), stations=STATIONS)
    assert ds["species"].values.tolist() == ["animal"]
    animal = ds.sel(species="animal").isel(season=0, visit=0)
    assert animal["detection"].values.tolist() == [1, 0]
    assert animal["count"].values.tolist() == [2, 0]
    ledger = ledger_of(ds)
    for rule in ("not a species: human", "not a species: blank", "picture could not be read"):
        assert ledger.n_aside("md.json", rule) == 1, rule
    assert {"W060", "W583"} <= {p.code for p in ledger.problems}


def test_megadetector__times_from_a_table_and_names_from_a_classifier(tmp_path):
    told = json.loads(results())
    for image in told["images"]:
        image.pop("datetime")
    text = json.dumps(told)
    error = refused(tmp_path, MD, md_json=text, stations=STATIONS)
    assert error.codes == ("E060",)
    assert "[files.times]" in str(error)
    told["classification_categories"] = {"7": "deer"}
    told["images"][0]["detections"][0]["classifications"] = [["7", 0.95]]
    times = "file,datetime\nA/1.jpg,2021-05-02 01:00:00\nA/2.jpg,2021-05-02 02:00:00\n"
    times += "B/3.jpg,2021-05-02 03:00:00\nB/4.jpg,2021-05-02 03:00:00\nB/5.jpg,2021-05-02 03:00\n"
    more = '[files.times]\npath = "times.csv"\n'
    ds = load(tmp_path, MD + more, md_json=json.dumps(told), times=times)
    assert ds["species"].values.tolist() == ["deer"]
    assert float(ds["count"].sum()) == 1
    assert ledger_of(ds).n_aside("times.csv", "picture not in md.json") == 1
    inputs = {i["file"] for i in json.loads(ds.attrs["provenance"])["inputs"]}
    assert inputs == {"md.json", "stations.csv", "times.csv"}


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"images": 3}', '{"images": [{"detections": []}]}', '{"images": [7]}', ""]
)
def test_megadetector__what_is_no_result_is_refused(tmp_path, text):
    assert refused(tmp_path, MD, md_json=text, stations=STATIONS).codes == ("E578",)
