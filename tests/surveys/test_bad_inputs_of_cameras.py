"""Times, deployments and packages spoilt in every usual way: level, place and cure are told."""

import pytest
from camera_samples import DEPLOYMENTS, OBSERVATIONS, TOP, WI_DEPLOYMENTS, WI_IMAGES, package
from spoilt_studies import ledger_of, one, read_files


def study_of(form, detections, deployments):
    return f"""schema = 1
[source]
format = "{form}"
[files.detections]
path = "{detections}"
[files.deployments]
path = "{deployments}"
"""


CAMERAS = study_of("camtrapr", "records.csv", "stations.csv")
PACKAGE = study_of("camtrapdp", "observations.csv", "deployments.csv")
INSIGHTS = study_of("wildlife_insights", "images.csv", "deployments.csv")
STATIONS = "Station,Setup_date,Retrieval_date\nA,2021-05-01,2021-05-15\nB,2021-05-03,2021-05-12\n"
SUMMER = "Station,Setup_date,Retrieval_date\nA,2021-03-01,2021-11-15\n"
BRUSSELS = CAMERAS + '[time]\nzone = "Europe/Brussels"\n'
FAILURES = """Station,Setup_date,Retrieval_date,Problem1_from,Problem1_to
A,2021-05-01,2021-05-15,,
B,2021-05-03,2021-05-16,2021-05-12,2021-06-01
"""
RECORD = TOP + "A,fox,2021-05-02 01:00:00\n"


@pytest.fixture
def study(tmp_path):
    """Write files beside a study.toml and read it: (Dataset or None, problems)."""

    def run(toml, **files):
        return read_files(tmp_path, toml, **files)

    return run


# --- D. dates and times ----------------------------------------------------------------------


def test_37__camera_reset(study):
    records = RECORD + "B,fox,2000-01-01 00:03:11\nB,fox,2000-01-01 00:05:00\n"
    ds, problems = study(CAMERAS, stations__csv=STATIONS, records__csv=records)
    problem, _ = one(problems, "E037")
    assert ds is None
    assert problem.row == 3
    assert problem.fact.startswith("records.csv, rows 3-4: 2 records of B on 2000-01-01")
    assert "the camera clock was reset" in problem.fact
    assert '[clock."B"] shift' in problem.cure
    assert "drop_before" in problem.cure
    ds, _ = study(
        CAMERAS + "[time]\ndrop_before = 2010-01-01\n", stations__csv=STATIONS, records__csv=records
    )
    assert [row for _, row, *_ in ledger_of(ds).dropped()] == [3, 4]


def test_38__time_that_the_clock_change_skips(study):
    records = RECORD + "A,fox,2021-03-28 02:30:00\n"
    _, problems = study(BRUSSELS, stations__csv=SUMMER, records__csv=records)
    problem, _ = one(problems, "E038")
    assert (problem.row, problem.column) == (3, "DateTimeOriginal")
    assert "2021-03-28 02:30:00 does not exist in Europe/Brussels" in problem.fact
    assert "cameras seldom follow summer time" in problem.why
    assert '[time] zone = "UTC+01:00"' in problem.cure


def test_39__time_that_occurs_twice(study):
    records = RECORD + "A,fox,2021-10-31 02:15:00\n"
    ds, problems = study(BRUSSELS, stations__csv=SUMMER, records__csv=records)
    problem, _ = one(problems, "W039")
    assert problem.level == "warn"
    assert problem.row == 3
    assert "2021-10-31 02:15:00 occurs twice in Europe/Brussels; the first was taken" in (
        problem.fact
    )
    assert ledger_of(ds).n_used("records.csv") == 2


def test_40__times_with_and_without_offset(study):
    records = OBSERVATIONS.replace("2021-05-04T10:00:00Z", "2021-05-04T10:00:00")
    _, problems = study(PACKAGE, deployments__csv=DEPLOYMENTS, observations__csv=records)
    problem, _ = one(problems, "E040")
    assert (problem.row, problem.column) == (7, "eventStart")
    assert "row 7 has no offset" in problem.fact
    assert "give every row an offset" in problem.cure
    assert "[time] zone" in problem.cure
    ds, _ = study(
        PACKAGE + '[time]\nzone = "UTC+02:00"\n',
        deployments__csv=DEPLOYMENTS,
        observations__csv=records,
    )
    assert ds is not None


def test_41__record_outside_the_deployment(study):
    ds, problems = study(INSIGHTS, deployments__csv=WI_DEPLOYMENTS, images__csv=WI_IMAGES)
    same_day, _ = one(problems, "R041")
    assert same_day.fact.startswith("images.csv: 1 rows are later than end_date of their deploy")
    assert "the whole day counts" in same_day.fact
    later, _ = one(problems, "W049")
    assert later.level == "warn"
    assert "1 row (row 8) lies on days without effort, up to 11 days off" in later.fact
    aside = {(row, rule) for _, row, rule, _ in ledger_of(ds).dropped()}
    assert (8, "outside the time that a camera worked") in aside


def test_42__retrieval_before_set_up(study):
    stations = STATIONS.replace("2021-05-12", "2021-04-02")
    _, problems = study(CAMERAS, stations__csv=stations, records__csv=RECORD)
    problem, _ = one(problems, "E042")
    assert (problem.row, problem.column) == (3, "Retrieval_date")
    assert 'row 3 (site "B"): Retrieval_date' in problem.fact
    assert "Retrieval_date 2021-04-02 is before Setup_date 2021-05-03" in problem.fact
    assert "swap or correct" in problem.cure


def test_43__overlapping_deployments_of_one_camera(study):
    deployments = DEPLOYMENTS.replace("d2,,46.2,8.2", "d2,P,46.1,8.1").replace("c2", "c1")
    toml = PACKAGE + '[cameras]\ncombine = "sum"\n'
    _, problems = study(toml, deployments__csv=deployments, observations__csv=OBSERVATIONS)
    problem, _ = one(problems, "E043")
    assert 'rows 2-3: camera c1 stands at site "P" twice' in problem.fact
    assert "from 2021-05-01 to 2021-05-04" in problem.fact
    assert "count twice" in problem.fact
    assert "merge the rows" in problem.cure
    _, problems = study(PACKAGE, deployments__csv=deployments, observations__csv=OBSERVATIONS)
    assert 'combine = "union"' in one(problems, "E043")[0].cure
    toml = toml.replace("sum", "union")
    ds, problems = study(toml, deployments__csv=deployments, observations__csv=OBSERVATIONS)
    assert one(problems, "W043")[0].level == "warn"  # under union no day counts double
    assert ds is not None


def test_44__problem_period_outside_the_deployment(study):
    _, problems = study(CAMERAS, stations__csv=FAILURES, records__csv=RECORD)
    problem, _ = one(problems, "E044")
    assert (problem.row, problem.column) == (3, "Problem1_to")
    assert 'row 3 (site "B"): the problem ends 2021-06-01, after retrieval' in problem.fact
    assert "retrieval" in problem.cure


def test_45__problem_with_a_start_and_no_end(study):
    stations = FAILURES.replace("2021-06-01", "")
    _, problems = study(CAMERAS, stations__csv=stations, records__csv=RECORD)
    problem, _ = one(problems, "E045")
    assert problem.row == 3
    assert "Problem1_from 2021-05-12 has no Problem1_to" in problem.fact
    assert "if the camera stayed dead, write the day of retrieval" in problem.cure


# --- E. values -------------------------------------------------------------------------------


def test_53__blank_human_and_unknown_rows(study):
    ds, problems = study(PACKAGE, deployments__csv=DEPLOYMENTS, observations__csv=OBSERVATIONS)
    words, _ = one(problems, "N053")
    assert "set aside as not a species: 1 human, 1 unknown, 1 setup" in words.fact
    ranks, _ = one(problems, "W053")
    assert ranks.level == "warn"
    assert '1 record of "Aves"' in ranks.fact
    assert "[taxa] keep_ranks" in ranks.cure
    rules = [rule for _, _, rule, _ in ledger_of(ds).dropped()]
    assert sum("not a species" in rule for rule in rules) == 3
    assert sum("rank" in rule for rule in rules) == 1
    assert ds["species"].values.tolist() == ["Sus scrofa", "Vulpes vulpes"]


# --- F. packages and links -------------------------------------------------------------------


def test_55__observation_of_an_unknown_deployment(study):
    deployments = DEPLOYMENTS.replace("d1,", "62c200a9,")
    observations = OBSERVATIONS.replace("d1,", "62c200a8,")
    _, problems = study(PACKAGE, deployments__csv=deployments, observations__csv=observations)
    problem, _ = one(problems, "E055")
    assert (problem.file, problem.row, problem.column) == ("observations.csv", 2, "deploymentID")
    assert '"62c200a8" is not in deployments.csv (2 ids; closest "62c200a9")' in problem.fact


def test_56__camtrap_dp_of_an_old_version(study):
    toml = 'schema = 1\n[files.package]\npath = "datapackage.json"\n'
    _, problems = study(
        toml,
        datapackage__json=package("0.1.4"),
        deployments__csv=DEPLOYMENTS,
        observations__csv=OBSERVATIONS,
    )
    problem, _ = one(problems, "E056")
    assert problem.fact.startswith("datapackage.json: Camtrap DP 0.1.4. Versions 1.0, 1.0.1, 1.0.2")
    assert "export it again as version 1.0" in problem.cure


def test_57__both_media_and_event_level(study):
    ds, problems = study(PACKAGE, deployments__csv=DEPLOYMENTS, observations__csv=OBSERVATIONS)
    problem, _ = one(problems, "R057")
    assert problem.level == "repair"
    assert problem.fact.startswith("observations.csv holds 1 media-level and 6 event-level rows")
    assert "the event level was used" in problem.fact
    assert '[camtrapdp] level = "media"' in problem.cure
    assert ledger_of(ds).n_aside("observations.csv", "other level") == 1


def test_60__failed_images_and_no_time(study):
    toml = study_of("megadetector", "md.json", "stations.csv")
    found = """{"info": {}, "detection_categories": {"1": "animal"}, "images": [
        {"file": "A/a.jpg", "failure": "Failure image access"},
        {"file": "A/b.jpg", "detections": [{"category": "1", "conf": 0.9, "bbox": [0,0,1,1]}]}]}"""
    stations = "site,start,end\nA,2021-05-01,2021-05-11\n"
    _, problems = study(toml, md__json=found, stations__csv=stations)
    problem, _ = one(problems, "E060")
    assert "md.json holds no times of its 2 pictures, and 1 could not be read" in problem.fact
    assert "the first is A/a.jpg" in problem.fact
    assert "[files.times] path" in problem.cure
    times = "file,datetime\nA/a.jpg,2021-05-02 01:00:00\nA/b.jpg,2021-05-02 02:00:00\n"
    ds, problems = study(
        toml + '[files.times]\npath = "times.csv"\n',
        md__json=found,
        stations__csv=stations,
        times__csv=times,
    )
    failed, _ = one(problems, "W060")
    assert failed.level == "warn"
    assert "1 of 2 pictures could not be read (first: A/a.jpg)" in failed.fact
    assert float(ds["detection"].sum()) == 1
