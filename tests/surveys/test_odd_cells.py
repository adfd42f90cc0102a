"""Cells that mean something and are no plain number: words, clock times, formulas, dates apart."""

import datetime

import numpy as np
import openpyxl
import pytest
from spoilt_studies import one, put, read_files

from surveys import read
from surveys.guess import guess
from surveys.problems import SurveyError

WIDE = """schema = 1
[files.detections]
path = "d.csv"
"""
LONG = """schema = 1
[source]
format = "long"
[files.detections]
path = "d.csv"
"""


def first_look(folder, **files):
    files = {n.replace("__", "."): content for n, content in files.items()}
    put(folder, "", files)
    text = guess([folder / n for n in files], folder=folder)
    (folder / "study.toml").write_text(text, encoding="utf-8")
    return text, read(folder)


def refused(folder, **files):
    files = {n.replace("__", "."): content for n, content in files.items()}
    put(folder, "", files)
    with pytest.raises(SurveyError) as error:
        guess([folder / n for n in files], folder=folder)
    assert error.value.codes == ("E411",)
    return error.value.problems[0].why


def book_of(*rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    return book


def test_words_for_present_and_absent_are_read_in_histories_too(tmp_path):
    book = book_of(["site", "y.1", "y.2"], ["A", True, False], ["B", "no", None])
    _, ds = first_look(tmp_path, d__xlsx=book)
    np.testing.assert_array_equal(ds["detection"].values[0, :, 0], [[1, 0], [0, np.nan]])
    _, problems = read_files(tmp_path, WIDE, d__csv="site,y.1,y.2\nA,TRUE,yes\nB,absent,0\n")
    fact = (
        'd.csv: "TRUE" (1 cell) and "absent" (1 cell) and "yes" (1 cell) read as present or absent'
    )
    assert one(problems, "R051")[0].fact == fact


def test_a_word_beside_counts_is_refused(tmp_path):
    _, problems = read_files(tmp_path, WIDE, d__csv="site,y.1,y.2\nA,yes,1\nB,3,0\n")
    assert '"yes" in row 2, column y.1' in one(problems, "E047")[0].fact


def test_a_formula_that_nobody_worked_out_is_no_blank(tmp_path):
    book = book_of(["site", "y.1", "y.2"], ["A", 0, "=1+0"], ["B", 1, "=B2"])
    study = WIDE.replace("d.csv", "d.xlsx")
    _, problems = read_files(tmp_path, study, d__xlsx=book)
    facts = [p.fact for p in problems if p.code == "E047"]
    assert len(facts) == 2
    assert '"=1+0" in row 2, column y.2' in facts[0]
    why = refused(tmp_path / "init", d__xlsx=book)
    assert why.endswith('(y.1 to y.2), but row 2, column y.2 holds "=1+0"')


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("site,y.1,y.2\nA,0,1\nmean,0.5,1\n", 'but row 3, column y.1 holds "0.5"'),
        ("site,y.1,y.2\n", "d.csv has a header and no rows"),
        ("site,y.1,y.2\nA,NA,\n", "but all of them are blank"),
        ("site   y.1 y.2\nA   0 1\n", 'd.csv has one column, "site   y.1 y.2"'),
        ("site,elev\nA,3\nB,4\n", "d.csv has the columns site, elev"),
    ],
)
def test_what_no_table_is_says_what_is_in_the_way(tmp_path, text, why):
    assert why in refused(tmp_path, d__csv=text)


@pytest.mark.parametrize("clock", ["10:30", "10:30:00", "10:30 AM"])
def test_times_of_day_are_hours(tmp_path, clock):
    rows = [f"{s},2021-05-0{d},{clock},{d % 2}" for s in "AB" for d in (1, 2)]
    text = "site,date,time,detection\n" + "\n".join(rows).replace(clock, "9:15", 1) + "\n"
    ds, problems = read_files(tmp_path, LONG, d__csv=text)
    assert ds["time_of_day"].values.ravel().tolist() == [9.25, 10.5, 10.5, 10.5]
    assert '(row 2: "9:15" = 9.25)' in one(problems, "R046")[0].fact
    assert "time" not in ds


def test_effort_as_a_clock_is_asked(tmp_path):
    text = "site,visit,detection,effort\nA,1,0,1:30\nB,1,1,0:45\n"
    _, problems = read_files(tmp_path, LONG, d__csv=text)
    assert {p.code for p in problems if p.level == "error"} == {"E046"}


def test_records_of_cameras_with_date_and_time_apart(tmp_path):
    stations = (
        "Station,Setup_date,Retrieval_date\nA,2021-05-01,2021-05-20\nB,2021-05-01,2021-05-20\n"
    )
    records = book_of(
        ["Station", "Species", "Date", "Time"],
        ["A", "fox", datetime.date(2021, 5, 13), datetime.time(9, 30)],
        ["B", "fox", datetime.date(2021, 5, 4), datetime.time(21, 30)],
    )
    _, ds = first_look(tmp_path, s__csv=stations, r__xlsx=records)
    assert ds["detection"].values[0, :, 0].tolist() == [[0, 1, 0], [1, 0, 0]]


@pytest.mark.parametrize(
    "name", ["Vulpes sp.", "Vulpes spp", "Vulpes cf. vulpes", "fox?", "fox/dog", "Unknown bird"]
)
def test_names_that_are_no_species_are_told(tmp_path, name):
    rows = f"A,1,{name},1\nA,1,fox,0\nB,1,{name},0\nB,1,fox,1\n"
    text = f"site,visit,species,detection\n{rows}"
    ds, problems = read_files(tmp_path, LONG, d__csv=text)
    assert name in ds["species"].values
    problem, _ = one(problems, "W051")
    assert f'"{name}" is read as species' in problem.fact
    aside = LONG + f'[taxa]\nexclude = ["{name}"]\n'
    ds, problems = read_files(tmp_path, aside, d__csv=text)
    assert ds["species"].values.tolist() == ["fox"]
    assert "W051" not in [p.code for p in problems]


@pytest.mark.parametrize("name", ["Aspitates", "Cf Moller", "Unknownia", "Great spotted p."])
def test_names_of_species_are_not_doubted(tmp_path, name):
    text = f"site,visit,species,detection\nA,1,{name},1\nB,1,{name},0\n"
    _, problems = read_files(tmp_path, LONG, d__csv=text)
    assert "W051" not in [p.code for p in problems]


@pytest.mark.parametrize("rows", [("yes", "Yes", "no"), ("no", "yes", "Yes")])
def test_levels_that_differ_by_capitals_are_told(tmp_path, rows):
    text = "site,y.1,y.2,burnt\n" + "".join(
        f"{s},0,1,{b}\n" for s, b in zip("ABC", rows, strict=True)
    )
    _, problems = read_files(tmp_path, WIDE, d__csv=text)
    assert one(problems, "W054")[0].fact.startswith('"burnt": "Yes" (1) and "yes" (1) differ by')


@pytest.mark.parametrize("layout", ["long", "wide"])
def test_a_count_that_can_be_one_or_a_thousand_is_asked(tmp_path, layout):
    long = "site;visit;detection\nA;1;1.000\nA;2;0\nB;1;2\nB;2;12\n"
    wide = "site;y.1;y.2\nA;1.000;0\nB;2;12\n"
    study, text = (LONG, long) if layout == "long" else (WIDE, wide)
    _, problems = read_files(tmp_path, study, d__csv=text)
    assert '"1.000" can be 1 or 1000' in one(problems, "E501")[0].fact
    stated = study + 'decimal = ","\n'
    ds, _ = read_files(tmp_path, stated, d__csv=text)
    assert ds["count"].max() == 1000
    printed = text.replace(";0\n", ";0.000\n").replace(";2\n", ";2.000\n").replace("12", "12.000")
    printed = printed.replace(";2;", ";2.000;") if layout == "wide" else printed
    ds, _ = read_files(tmp_path, study, d__csv=printed)
    assert ds["count"].max() == 12
