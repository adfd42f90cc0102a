"""Bad inputs that come in company: two troubles at once, small tables, other layouts."""

import datetime
import random

import openpyxl
import pytest
import xarray as xr
from seeds import SEEDS
from spoilt_studies import one, read_files

from occupancy import cli
from surveys import places, read
from surveys.guess import guess
from surveys.problems import SurveyError, render

LONG = """schema = 1
[source]
format = "long"
[files.detections]
path = "detections.csv"
[files.visits]
path = "visits.csv"
"""
VISITS = "site,date,effort\nA,2021-05-01,1\nA,2021-05-08,1\nB,2021-05-01,1\nB,2021-05-08,1\n"
RECORDS = "site,date,species\nA,2021-05-01,fox\nB,2021-05-08,hare\n"


def workbook(rows, *merged):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for cells in merged:
        book.active.merge_cells(cells)
    return book


def files(folder, **contents):
    for name, text in contents.items():
        (folder / name.replace("__", ".")).write_bytes(
            text if isinstance(text, bytes) else text.encode()
        )
    return folder


@pytest.mark.parametrize(
    "records",
    [
        RECORDS,  # each site once
        "site,date,species\nA,44317,fox\nB,44324,hare\n",
        "site,date,species,remark\nA,2021-05-01,fox,1\nA,2021-05-01,fox,1\n",
    ],
)
def test_init__few_records_are_the_detections_and_visits_the_visits(tmp_path, records):
    files(tmp_path, detections__csv=records, visits__csv=VISITS)
    text = guess([tmp_path / "visits.csv", tmp_path / "detections.csv"], folder=tmp_path)
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    ds = read(tmp_path)
    assert set(ds["species"].values) <= {"fox", "hare"}
    assert ds["effort"].sum() == 4


def test_init__faults_of_cells_are_left_to_check(tmp_path):
    rows = [["site", "date", "species"], ["A", "2021-05-01", "fox"], [None, "2021-05-01", "hare"]]
    workbook(rows, "A2:A3").save(tmp_path / "detections.xlsx")
    files(tmp_path, visits__csv=VISITS)
    text = guess([tmp_path / "detections.xlsx", tmp_path / "visits.csv"], folder=tmp_path)
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SurveyError) as error:
        read(tmp_path)
    assert error.value.codes == ("E013",)


def test_an_error_is_told_with_the_repairs_of_the_same_reading(tmp_path, capsys):
    raw = b"\xef\xbb\xbf" + RECORDS.replace("2021-05-08", "2021-05-32").encode()
    files(tmp_path, detections__csv=raw, visits__csv=VISITS, study__toml=LONG)
    with pytest.raises(SurveyError) as error:
        read(tmp_path)
    assert error.value.codes == ("E035",)
    assert [p.code for p in error.value.beside] == ["R002"]
    assert cli.answer(["-C", str(tmp_path), "check"]) == 3
    told = capsys.readouterr().err
    assert told.index("E035") < told.index("R002")


def test_build__that_is_refused_leaves_nothing(tmp_path):
    files(tmp_path, detections__csv="", visits__csv=VISITS, study__toml=LONG)
    before = sorted(tmp_path.rglob("*"))
    assert cli.answer(["-C", str(tmp_path), "build"]) == 3
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_of_two_encodings__the_row_that_is_not_utf_8(tmp_path):
    raw = "site,date,species\nA,2021-05-01,Lièvre\n".encode()
    raw += "B,2021-05-08,Lièvre\n".encode("cp1252")
    ds, problems = read_files(tmp_path, LONG, detections__csv=raw, visits__csv=VISITS)
    problem, _ = one(problems, "R003")
    assert (problem.row, problem.column) == (3, "species")
    assert 'byte 0xE8). Read as Windows-1252: "Lièvre"; but row 2' in problem.fact
    assert ds["species"].size == 2


def test_a_mark_alone_is_an_empty_file(tmp_path):
    _, problems = read_files(tmp_path, LONG, detections__csv=b"\xef\xbb\xbf", visits__csv=VISITS)
    assert one(problems, "E005")[0].fact.startswith("detections.csv is empty (3 bytes")


def test_rows_too_long_do_not_hide_the_faults_of_others(tmp_path):
    records = "site,date,species,remark\n" + "A,2021-05-01,fox,two adults, one pup\n" * 30
    records += "A,2021-05-32,fox,x\nC,2021-05-01,fox,x\n"
    _, problems = read_files(tmp_path, LONG, detections__csv=records, visits__csv=VISITS)
    assert {p.code for p in problems} >= {"E009", "E035"}
    told = render(problems)
    assert "and 10 more" in told
    assert '"2021-05-32"' in told


@pytest.mark.parametrize(("cells", "column"), [("B2:B3", "date"), ("C2:C3", "species")])
def test_merged_cells__of_any_column_lose_no_value_in_silence(tmp_path, cells, column):
    row = ["A", datetime.datetime(2021, 5, 1), "fox"]
    below = [None if cells[0] == "ABC"[i] else value for i, value in enumerate(row)]
    book = workbook([["site", "date", "species"], row, below], cells)
    toml = LONG.replace("detections.csv", "detections.xlsx")
    _, problems = read_files(tmp_path, toml, detections__xlsx=book, visits__csv=VISITS)
    problem, _ = one(problems, "E013")
    assert (problem.row, problem.column) == (3, column)
    assert f"The cells {cells} are merged" in problem.fact
    assert f'fill_down = ["{column}"]' in problem.cure


def test_ids_that_differ_by_zeros_are_told_to_be_two(tmp_path):
    wide = 'schema = 1\n[files.detections]\npath = "d.csv"\n'
    ds, problems = read_files(tmp_path, wide, d__csv="site,y.1,y.2\n007,0,1\n7,1,0\n")
    assert "007 and 7 are two" in one(problems, "R018")[0].fact
    assert set(ds["site"].values) == {"007", "7"}


CAMERAS = """schema = 1
[source]
format = "camtrapr"
[files.detections]
path = "records.csv"
[files.deployments]
path = "stations.csv"
"""
STATIONS = "Station,Setup_date,Retrieval_date\nA,2021-03-20,2021-04-12\nB,2021-03-20,2021-04-12\n"
TOP = "Station,Species,DateTimeOriginal\n"


def cameras(folder, records, stations=STATIONS, more=""):
    return read_files(folder, CAMERAS + more, records__csv=TOP + records, stations__csv=stations)


def test_times_with_an_offset__go_to_the_clock_of_the_study(tmp_path):
    records = "A,fox,2021-03-29T22:30:00Z\nA,hare,2021-03-29T21:30:00Z\n"
    day = "[occasions]\nlength_days = 1\n"
    ds, _ = cameras(tmp_path, records, more=f'[time]\nzone = "Europe/Brussels"\n{day}')
    seen = {
        name: ds["visit_start"]
        .sel(site="A")
        .values.ravel()[ds["detection"].sel(species=name, site="A").values.ravel() == 1]
        for name in ("fox", "hare")
    }  # half past ten of UTC is after midnight of the Belgian summer
    assert [str(d)[:10] for d in seen["fox"]] == ["2021-03-30"]
    assert [str(d)[:10] for d in seen["hare"]] == ["2021-03-29"]


def test_times_of_which_some_tell_an_offset_are_refused_in_any_layout(tmp_path):
    _, problems = cameras(tmp_path, "A,fox,2021-03-29T22:30:00Z\nA,fox,2021-03-29 22:30:00\n")
    assert "row 2 has an offset" in one(problems, "E040")[0].fact
    records = RECORDS.replace("05-01", "05-01T10:00:00Z").replace("05-08", "05-08 10:00")
    _, problems = read_files(tmp_path, LONG, detections__csv=records, visits__csv=VISITS)
    assert "row 3 has no offset" in one(problems, "E040")[0].fact


@pytest.mark.parametrize(
    ("zone", "time", "offset"),
    [
        ("Europe/Brussels", "2021-03-28 02:30:00", "UTC+01:00"),
        ("America/New_York", "2021-03-14 02:30:00", "UTC-05:00"),
    ],
)
def test_38__the_cure_is_the_offset_of_that_zone(tmp_path, zone, time, offset):
    stations = STATIONS.replace("03-20", "03-01")
    _, problems = cameras(tmp_path, f"A,fox,{time}\n", stations, f'[time]\nzone = "{zone}"\n')
    problem, _ = one(problems, "E038")
    assert "(the clocks went from 02:00 to 03:00)" in problem.fact
    assert f'zone = "{offset}"' in problem.cure


def test_37__a_clock_that_began_anew_runs_on_and_tables_of_visits_tell_it_too(tmp_path):
    records = "A,fox,2021-03-29 22:30:00\nB,fox,2000-01-01 00:03:11\nB,fox,2000-01-02 01:00:00\n"
    _, problems = cameras(tmp_path, records)
    problem, _ = one(problems, "E037")
    assert problem.row == 3
    assert "rows 3-4: 2 records of B on 2000-01-01 to 2000-01-02" in problem.fact
    records = RECORDS + "B,2000-01-01,fox\nB,2000-01-01,hare\n"
    _, problems = read_files(tmp_path, LONG, detections__csv=records, visits__csv=VISITS)
    assert '2 records of site "B" on 2000-01-01' in one(problems, "E037")[0].fact


def test_37__a_survey_of_january_2000_is_one(tmp_path):
    stations = STATIONS.replace("2021-03-20", "2000-01-01").replace("2021-04-12", "2000-01-15")
    ds, _ = cameras(tmp_path, "A,fox,2000-01-01 00:03:11\n", stations)
    assert float(ds["detection"].sum()) == 1


def test_32__days_that_are_their_own_month_are_no_question(tmp_path):
    visits = VISITS.replace("2021-05-01", "05/05/2021").replace("2021-05-08", "06/06/2021")
    records = RECORDS.replace("2021-05-01", "05/05/2021").replace("2021-05-08", "06/06/2021")
    ds, _ = read_files(tmp_path, LONG, detections__csv=records, visits__csv=visits)
    assert str(ds["visit_start"].values.min())[:10] == "2021-05-05"
    visits = visits.replace("06/06/2021", "07/06/2021")
    _, problems = read_files(tmp_path, LONG, detections__csv=records, visits__csv=visits)
    assert '"07/06/2021" can be 7 June or July 6' in one(problems, "E032")[0].fact
    assert "E519" not in {p.code for p in problems}


def test_a_bad_date_of_a_deployment_is_no_deployment_of_1970(tmp_path):
    _, problems = cameras(tmp_path, "B,fox,2021-03-29\n", STATIONS.replace("A,2021-03-20", "A,x"))
    assert {p.code for p in problems if p.level == "error"} == {"E521"}


def test_44__tells_the_day_of_retrieval(tmp_path):
    stations = "Station,Setup_date,Retrieval_date,Problem1_from,Problem1_to\n"
    stations += "A,2021-05-01,2021-05-16,2021-05-12,2021-06-01\n"
    for more in ("", '[time]\nends_without_time = "whole"\n'):
        _, problems = cameras(tmp_path, "A,fox,2021-05-02\n", stations, more)
        assert "ends 2021-06-01, after retrieval 2021-05-16" in one(problems, "E044")[0].fact


def test_more_than_twenty_of_a_kind_are_all_counted(tmp_path):
    stations = "Station,Setup_date,Retrieval_date\n"
    stations += "".join(f"S{i},2021-05-14,2021-04-02\n" for i in range(25))
    _, problems = cameras(tmp_path, "S1,fox,2021-05-02\n", stations)
    told = render([p for p in problems if p.code == "E042"])
    assert "and 5 more" in told
    sites = "site,lat,lon\n" + "".join(f"S{i},{466 + i / 10},8.2\n" for i in range(25))
    toml = 'schema = 1\n[files.detections]\npath = "d.csv"\n[files.sites]\npath = "s.csv"\n'
    detections = "site,y.1,y.2\n" + "".join(f"S{i},0,1\n" for i in range(25))
    _, problems = read_files(tmp_path, toml, d__csv=detections, s__csv=sites)
    assert "and 5 more" in render([p for p in problems if p.code == "E025"])


def test_22__one_strange_name_for_all_rows_is_told_with_its_twin(tmp_path):
    stations = STATIONS.replace("A,", "A1,")
    _, problems = cameras(tmp_path, "A 1,fox,2021-03-29\nQ,fox,2021-03-29\n", stations)
    told = [p for p in problems if p.code == "E022"]
    assert 'site "A 1" (1 row, row 2) is not in stations.csv. Closest: "A1"' in told[0].fact
    assert '[sites.alias] "A 1" = "A1"' in told[0].cure


def test_25__a_latitude_beyond_its_range_is_no_metre(tmp_path):
    sites = "site,lat,lon\nA,468.12,8.2\n"
    toml = 'schema = 1\n[files.detections]\npath = "d.csv"\n[files.sites]\npath = "s.csv"\n'
    _, problems = read_files(tmp_path, toml, d__csv="site,y.1\nA,1\n", s__csv=sites)
    assert one(problems, "E025")[0].row == 2


def test_50__zeros_in_doubt_are_read(tmp_path):
    wide = "site,y.1,y.2,date.1,date.2\n" + "".join(
        f"S{i},{i % 2},0,2021-04-01,{'2021-05-01' if i < 2 else ''}\n" for i in range(9)
    )
    toml = 'schema = 1\n[files.detections]\npath = "d.csv"\n'
    ds, problems = read_files(tmp_path, toml, d__csv=wide)
    assert "all 9 sites are 0 and date.2 is blank at 7" in one(problems, "W050")[0].fact
    assert ds["detection"].notnull().sum() == 18


@pytest.mark.parametrize(
    "head", ["site,julian_date,seen,wind", "site,date,seen,wind", "site,day_of_year,seen,wind"]
)
def test_visits_without_a_number_follow_the_day_of_the_year_in_any_order_of_rows(tmp_path, head):
    toml = 'schema = 1\n[source]\nformat = "long"\n[files.detections]\npath = "d.csv"\n'
    toml += 'columns = { detection = "seen" }\n'
    rows = ["A,89,0,3", "A,130,1,2", "A,9,1,1", "A,130,0,2", "B,20,1,5"]
    for order in (rows, rows[::-1], sorted(rows)):
        ds, _ = read_files(tmp_path, toml, d__csv="\n".join([head, *order]) + "\n")
        assert ds["wind"].sel(site="A").values.ravel().tolist() == [1, 3, 2, 2]
        assert ds["detection"].sel(site="A").values.ravel().tolist() == [1, 0, 0, 1]


def test_two_visits_on_one_day_stand_in_one_order_whatever_that_of_the_rows(tmp_path):
    toml = 'schema = 1\n[source]\nformat = "long"\n[files.detections]\npath = "d.csv"\n'
    rows = ["A,2021-05-01,0,3", "A,2021-05-01,1,2", "A,2021-04-01,1,9"]
    for order in (rows, rows[::-1]):
        text = "\n".join(["site,date,detection,wind", *order]) + "\n"
        ds, _ = read_files(tmp_path, toml, d__csv=text)
        assert ds["wind"].values.ravel().tolist() == [9, 2, 3]
        assert ds["detection"].values.ravel().tolist() == [1, 1, 0]


DAYS = "[occasions]\nlength_days = 1\n"


@pytest.mark.parametrize(
    ("how", "effort"),
    [("half", [0.5, 1, 1, 0.5]), ("whole", [1, 1, 1, 1])],
)
def test_days_without_a_time_among_times_follow_the_rule_and_are_told(tmp_path, how, effort):
    stations = "Station,Setup_date,Retrieval_date\nA,2021-03-26 10:00,2021-03-29 18:00\n"
    stations += "B,2021-03-26,2021-03-29\n"
    more = f'{DAYS}[time]\nends_without_time = "{how}"\n'
    ds, problems = cameras(tmp_path, "A,fox,2021-03-28 01:00:00\n", stations, more)
    assert ds["effort"].sel(site="A").values.ravel().round(4).tolist() == [0.5833, 1, 1, 0.75]
    assert ds["effort"].sel(site="B").values.ravel().tolist() == effort
    told = [p for p in problems if p.code == "R042"]
    assert [(p.row, p.column) for p in told] == [(3, "Setup_date"), (3, "Retrieval_date")]


def test_a_problem_that_ends_on_a_day_among_times_takes_that_day(tmp_path):
    stations = "Station,Setup_date,Retrieval_date,Problem1_from,Problem1_to\n"
    stations += "A,2021-03-26 12:00,2021-03-31 12:00,2021-03-27 06:00,2021-03-28\n"
    ds, problems = cameras(tmp_path, "A,fox,2021-03-30 01:00:00\n", stations, DAYS)
    effort = ds["effort"].values.ravel()
    assert effort[[0, 1, 3, 4, 5]].tolist() == [0.5, 0.25, 1, 1, 0.5]
    assert not effort[2] > 0
    assert one(problems, "R042")[0].column == "Problem1_to"


def codes(problems):
    return {p.code for p in problems if p.level == "error"}


def test_all_errors_of_all_files_of_cameras_come_at_once(tmp_path):
    stations = "Station,Setup_date,Retrieval_date,Problem1_from,Problem1_to,lat,lon\n"
    stations += "A,2021-05-01,2021-05-12,2021-05-05,,46.1,8.1\nB,2021-05-14,2021-05-02,,,0,0\n"
    stations += "C,2021-05-01,2021-05-12,2021-05-11,2021-06-01,46,8\n"
    records = "A,fox,2021-02-30 01:00:00\nZ,fox,2021-05-03\nA,fox,2000-01-01 00:00:00\n"
    _, problems = cameras(tmp_path, records, stations)
    assert codes(problems) == {"E022", "E028", "E035", "E037", "E042", "E044", "E045"}
    assert one(problems, "E037")[0].row == 4


def test_all_errors_of_visits_and_records_come_at_once(tmp_path):
    visits = "site,date,effort\nA,2021-05-01,many\nB,2021-13-01,1\nA,2021-05-08,-2\n"
    records = "site,date,species\nA,2021-05-32,fox\nZ,2021-05-01,fox\n"
    _, problems = read_files(tmp_path, LONG, detections__csv=records, visits__csv=visits)
    assert codes(problems) == {"E022", "E035", "E046", "E048"}
    assert "the effort -2 is below 0" in one(problems, "E048")[0].fact


def test_all_errors_of_a_wide_table_and_of_its_sites_come_at_once(tmp_path):
    wide = "site,y.1,y.2,effort.1,effort.2\nA,0,1,1,-1\nB,0,0,-2,1\n"
    toml = 'schema = 1\n[files.detections]\npath = "d.csv"\n'
    _, problems = read_files(tmp_path, toml, d__csv=wide)
    told = [(p.code, p.row, p.column) for p in problems if p.level == "error"]
    assert told == [("E048", 2, "effort.2"), ("E048", 3, "effort.1")]
    toml += '[files.sites]\npath = "s.csv"\n'
    wide = "site,y.1,y.2\nA,0,x\nB,1,0\nA,0,1\n"
    sites = "site,lat,lon,elev\nA,46.8,8.1,#N/A\nA,46.9,8.1,3\nB,99,8.2,4\n"
    _, problems = read_files(tmp_path, toml, d__csv=wide, s__csv=sites)
    assert codes(problems) == {"E020", "E021", "E025", "E047"}


def damaged(folder, form, file, edit):
    """The error of a seed of which one file is spoilt, and its text."""
    seed = SEEDS[form][0]
    (folder / "study.toml").write_text(seed.toml, encoding="utf-8")
    for name, content in seed.files.items():
        (folder / name).write_bytes(edit(content) if name == file else content)
    with pytest.raises(SurveyError) as error:
        read(folder)
    return error.value.codes, str(error.value)


@pytest.mark.parametrize(
    ("form", "file", "edit", "code", "fact"),
    [
        ("ebird", "ebd.txt", lambda _: b"", "E005", "ebd.txt is empty (0 bytes)"),
        ("ebird", "ebd.txt", lambda b: b[: b.index(b"\n") + 1], "E006", "none = true"),
        ("ebird", "ebd_sampling.txt", lambda b: b[: b.index(b"\n") + 1], "E006", "no checklist"),
        (
            *("ebird", "ebd.txt", lambda b: b.replace(b"LAST EDITED DATE", b"OBSERVATION COUNT")),
            *("E011", '2 columns are called "OBSERVATION COUNT"'),
        ),
        ("ebird", "ebd.txt", lambda b: b.replace(b"\t3\t", b"\t2.5\t"), "E601", '"2.5"'),
        (
            *("megadetector", "d.csv", lambda b: b.replace(b'"conf": 0.9', b'"conf": 90')),
            *("E054", "picture 1 (A/1.jpg), conf: 90 is not between 0 and 1"),
        ),
    ],
)
def test_damage_of_formats_with_readers_of_their_own(tmp_path, form, file, edit, code, fact):
    codes_told, told = damaged(tmp_path, form, file, edit)
    assert code in codes_told
    assert fact in told


def in_other_order(raw, rng, columns):
    """Tab-separated lines with rows and, where asked, columns in another order."""
    head, *body = [line.split("\t") for line in raw.decode().splitlines()]
    order = list(range(len(head)))
    if columns:
        rng.shuffle(order)
    rng.shuffle(body)
    return "".join("\t".join(r[i] for i in order) + "\n" for r in [head, *body]).encode()


@pytest.mark.parametrize(("form", "columns"), [("ebird", True), ("dwca", False)])
def test_order_of_rows_and_columns_changes_no_archive(tmp_path, form, columns):
    seed = SEEDS[form][0]
    found = []
    for shuffle in range(4):
        rng = random.Random(shuffle)
        folder = tmp_path / str(shuffle)
        folder.mkdir()
        (folder / "study.toml").write_text(seed.toml, encoding="utf-8")
        for name, content in seed.files.items():
            if shuffle and name.endswith(".txt"):
                content = in_other_order(content, rng, columns)
            (folder / name).write_bytes(content)
        ds = read(folder)
        ds.attrs = {k: v for k, v in ds.attrs.items() if k not in ("ledger", "provenance")}
        found.append(ds[sorted(map(str, ds.data_vars))])
    for other in found[1:]:
        xr.testing.assert_identical(found[0], other)


def test_24__points_of_the_north_of_somalia_lie_in_somalia():
    assert places.country_name(46.8, 8.2) == "Somalia"
    assert places.inside_country([46.8, 45.3], [8.2, 2.0], "SO").all()


def test_a_layer_that_cannot_be_read_tells_no_folder(tmp_path):
    (tmp_path / "forest.shp").write_bytes(b"\0\0\x27\x0a" + bytes(200))
    with pytest.raises(SurveyError) as error:
        places.read_regions(tmp_path / "forest.shp")
    assert str(tmp_path) not in str(error.value)


def test_47__codes_for_missing_among_covariates_are_told(tmp_path):
    toml = 'schema = 1\n[files.detections]\npath = "d.csv"\n[files.sites]\npath = "s.csv"\n'
    wide = "site,y.1,y.2,temp.1,temp.2\nA,0,1,12,-9999\nB,1,0,3,4\n"
    sites = "site,elev,balance\nA,-999,-120\nB,500,-99\n"
    ds, problems = read_files(tmp_path, toml, d__csv=wide, s__csv=sites)
    told = {(p.file, p.row, p.column): p.cure for p in problems if p.code == "W047"}
    assert set(told) == {("s.csv", 2, "elev"), ("d.csv", 2, "temp.2")}
    assert told["s.csv", 2, "elev"] == 'if so, set [files.sites] missing = ["-999"]'
    assert ds["elev"].values.tolist() == [-999, 500]
    toml += 'missing = ["-999"]\n'
    _, problems = read_files(tmp_path, toml, d__csv=wide, s__csv=sites)
    assert {p.column for p in problems if p.code == "W047"} == {"temp.2"}


def test_12__blanks_round_a_name_are_told_where_the_study_file_names_the_column_too(tmp_path):
    toml = LONG.replace('"detections.csv"\n', '"detections.csv"\ncolumns = { site = "Site" }\n')
    records = RECORDS.replace("site,", "Site ,")
    _, problems = read_files(tmp_path, toml, detections__csv=records, visits__csv=VISITS)
    assert 'column "Site " was taken for "Site"' in one(problems, "R012")[0].fact
    _, problems = cameras(tmp_path, "A,fox,2021-03-29\n", STATIONS.replace("Station,", " Station,"))
    assert 'column " Station" was taken for "Station"' in one(problems, "R012")[0].fact
