"""Bad inputs that come in company: two troubles at once, small tables, other layouts."""

import datetime

import openpyxl
import pytest
from spoilt_studies import one, read_files

from occupancy import cli
from surveys import read
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
