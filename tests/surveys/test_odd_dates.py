"""Dates as cameras, spreadsheets and people of many tongues write them."""

import numpy as np
import pytest
from spoilt_studies import one, read_files

from surveys.date_cells import kind_of_date, named
from surveys.month_names import month_of
from surveys.problems import Problem, render

LONG = """schema = 1
[source]
format = "long"
[files.detections]
path = "d.csv"
"""


def table(*dates):
    """Two sites, each visited on these dates."""
    rows = [f'{site},"{date}",{i % 2}' for site in "AB" for i, date in enumerate(dates)]
    return "site,date,detection\n" + "\n".join(rows) + "\n"


def days(folder, *dates):
    ds, problems = read_files(folder, LONG, d__csv=table(*dates))
    assert ds is not None, render(problems)
    return ds["visit_start"].values[0, 0].astype("datetime64[m]").astype(str).tolist(), problems


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("14-May-21", "2021-05-14"),
        ("14 Sept 2021", "2021-09-14"),
        ("14. März 2021", "2021-03-14"),
        ("14 août 2021", "2021-08-14"),
        ("14 dic. 2021", "2021-12-14"),
        ("1.May.2021", "2021-05-01"),
        ("May 13, 2021", "2021-05-13"),
        ("March 1st, 2021", "2021-03-01"),
    ],
)
def test_months_are_known_by_name(written, day):
    assert kind_of_date(written) == "named"
    assert str(named(written)).startswith(day)


def test_a_word_that_is_no_month_is_none():
    assert [month_of(w) for w in ("jui", "ma", "spring", "foo", "decided")] == [None] * 5
    assert kind_of_date("13 spring 2021") is None


def test_a_clock_of_twelve_hours(tmp_path):
    told, _ = days(tmp_path, "5/13/2021 12:05 AM", "5/13/2021 9:30 a.m.", "5/13/2021 12:30\u202fPM")
    assert told == ["2021-05-13T00:05", "2021-05-13T09:30", "2021-05-13T12:30"]


@pytest.mark.parametrize("time", ["13:30 PM", "0:30 AM", "24:00"])
def test_a_time_that_no_clock_shows_is_refused(tmp_path, time):
    _, problems = read_files(tmp_path, LONG, d__csv=table(f"2021-05-13 {time}", "2021-05-14 10:00"))
    found = [p for p in problems if p.level == "error"]
    assert {p.code for p in found} == {"E035"}  # and no visit is called double for it
    assert (found[0].row, found[0].column) == (2, "date")
    assert ("midnight is 00:00" in found[0].fact) == (time == "24:00")


@pytest.mark.parametrize("year", ["0021", "9999"])
def test_a_year_of_nobody_is_told(tmp_path, year):
    _, problems = read_files(tmp_path, LONG, d__csv=table(f"{year}-05-13", "2021-05-14"))
    assert f"is of the year {int(year)}" in one(problems, "E035")[0].fact


def test_a_year_of_two_digits_that_may_lead_is_asked(tmp_path):
    _, problems = read_files(tmp_path, LONG, d__csv=table("21-05-13", "21-05-14"))
    assert 'date_format = "%y-%m-%d"' in one(problems, "E032")[0].cure
    told, problems = days(tmp_path, "13-05-21", "14-05-21")
    assert told == ["2021-05-13T00:00", "2021-05-14T00:00"]
    assert one(problems, "R036")[0].fact.endswith('row 2 ("13-05-21")')
    stated = LONG + 'date_format = "%y-%m-%d"\n'
    ds, _ = read_files(tmp_path, stated, d__csv=table("21-05-13", "21-05-14"))
    assert ds["visit_start"].values[0, 0, 0] == np.datetime64("2021-05-13")


def test_two_digits_beside_a_month_of_letters_are_told(tmp_path):
    _, problems = days(tmp_path, "13-May-21", "14-May-21")
    assert one(problems, "R036")[0].fact == "d.csv, column date: two-digit years read as 2021"


def test_a_problem_that_tells_its_rows_is_told_once():
    facts = ('d.csv, row 2, column date: "x" is no', 'd.csv, rows 3, 5, column date: "y" is no')
    rows = (2, 3)
    told = render(
        Problem(code="E521", fact=f, file="d.csv", row=r, column="date")
        for f, r in zip(facts, rows, strict=True)
    )
    assert told == f"✗ E521 {facts[0]}\n    {facts[1]}"
