"""Notes, totals, units, names of rows and odd blanks round a table, as people leave them."""

import numpy as np
import openpyxl
import pytest
from spoilt_studies import ledger_of, one, read_files

WIDE = """schema = 1
[files.detections]
path = "d.csv"
"""
SITES = WIDE + '[files.sites]\npath = "s.csv"\n'
HISTORIES = "site,y.1,y.2\nA,0,1\nB,1,0\n"


@pytest.mark.parametrize(
    "note",
    [
        "* blank = not visited",
        "Source: J. Doe 2021",
        "Note: rain, all of May,",
        "Exported on 3 May 2021",
        "\nJane Doe counted everything",
        "\n\n¹ seen from the road,,",
    ],
)
def test_a_note_below_a_table_is_no_site(tmp_path, note):
    ds, problems = read_files(tmp_path, WIDE, d__csv=HISTORIES + note + "\n")
    assert list(ds["site"].values) == ["A", "B"]
    row = 4 + note.count("\n")
    assert one(problems, "W009")[0].row == row
    ledger = ledger_of(ds)
    assert (ledger.n_read("d.csv"), ledger.n_used("d.csv")) == (3, 2)
    ((file, at, rule, text),) = ledger.dropped()
    assert (file, at, rule) == ("d.csv", row, "note below the table")
    assert text.split(" | ")[0] in note


def test_notes_below_a_table_of_sites_that_is_opened_again(tmp_path):
    sites = "site,elev,rain\nA,1,3\nB,2,4\n* by hand, of 2021\n"
    study = SITES + '[covariates.wet]\npath = "s.csv"\ncolumn = "rain"\n'
    ds, problems = read_files(tmp_path, study, d__csv=HISTORIES, s__csv=sites)
    ledger = ledger_of(ds)
    assert (ledger.n_read("s.csv"), ledger.n_used("s.csv")) == (3, 2)
    assert [row for _, row, _, _ in ledger.dropped()] == [4]
    one(problems, "W009")


@pytest.mark.parametrize("row", ["C,,", "Old mill,,", "#12,,", "C", "Notes,0,1", "Key hill,,"])
def test_a_site_without_visits_is_no_note(tmp_path, row):
    ds, problems = read_files(tmp_path, WIDE, d__csv=HISTORIES + row + "\n")
    assert row.split(",")[0] in ds["site"].values
    assert "W009" not in [p.code for p in problems]


@pytest.mark.parametrize("name", ["Total", "TOTAL:", "Mean", "Grand total", "Summe", "total sites"])
def test_a_row_of_totals_is_no_site(tmp_path, name):
    _, problems = read_files(tmp_path, WIDE, d__csv=f"{HISTORIES}{name},1,1\n")
    assert one(problems, "E014")[0].row == 4
    sites = f"site,elev\nA,1\nB,2\n{name},3\n"
    _, problems = read_files(tmp_path, SITES, d__csv=HISTORIES, s__csv=sites)
    assert one(problems, "E014")[0].file == "s.csv"


def test_a_row_of_units_is_told_as_one(tmp_path):
    sites = "site,elev\n-,m\nA,1\nB,2\nC,3\n"
    _, problems = read_files(tmp_path, SITES, d__csv=HISTORIES, s__csv=sites)
    assert one(problems, "E046")[0].cure.startswith("if row 2 holds units, delete it; ")


def test_letters_and_blanks_that_look_alike_are_alike(tmp_path):
    histories = "site,y.1,y.2\nCha\u0302teau,0,1\nOld\u00a0mill,1,0\nB\u200b,1,1\n"
    sites = "site,elev\nCh\u00e2teau,1\nOld mill,2\nB,3\n"
    ds, _ = read_files(tmp_path, SITES, d__csv=histories, s__csv=sites)
    assert list(ds["site"].values) == ["B", "Ch\u00e2teau", "Old mill"]
    assert list(ds["elev"].values) == [3, 1, 2]


def test_letters_that_look_alike_are_alike_in_a_workbook_and_a_study_file(tmp_path):
    book = openpyxl.Workbook()
    for row in (["site", "y.1", "y.2", "Ho\u0308he"], ["A", 0, 1, 5], ["B", 1, 0, 6]):
        book.active.append(row)
    study = WIDE.replace("d.csv", "d.xlsx") + '[covariates.elev]\ncolumn = "H\u00f6he"\n'
    ds, _ = read_files(tmp_path, study, d__xlsx=book)
    assert list(ds["elev"].values) == [5, 6]


@pytest.mark.parametrize(
    "text",
    [
        '"","y.1","y.2"\n"A",0,1\n"B",1,NA\n',  # write.csv of a matrix with names
        '"y.1","y.2"\n"A",0,1\n"B",1,NA\n',  # write.table
    ],
)
def test_names_of_rows_that_r_wrote_are_sites(tmp_path, text):
    ds, problems = read_files(tmp_path, WIDE, d__csv=text)
    assert list(ds["site"].values) == ["A", "B"]
    np.testing.assert_array_equal(ds["detection"].values[0, :, 0], [[0, 1], [1, np.nan]])
    one(problems, "R503")


def test_numbers_of_rows_that_r_wrote_are_no_sites(tmp_path):
    text = '"site","y.1","y.2"\n"1","A",0,1\n"2","B",1,0\n'
    ds, problems = read_files(tmp_path, WIDE, d__csv=text)
    assert list(ds["site"].values) == ["A", "B"]
    assert "column 1 has no name" in one(problems, "W503")[0].fact


def test_rows_that_stand_whole_in_quotes(tmp_path):
    ds, problems = read_files(tmp_path, WIDE, d__csv='"site,y.1,y.2"\n"A,0,1"\n"B,1,"\n')
    assert list(ds["site"].values) == ["A", "B"]
    one(problems, "R010")


def test_the_sign_of_an_old_end_of_file_is_no_site(tmp_path):
    ds, _ = read_files(tmp_path, WIDE, d__csv=HISTORIES + "\x1a")
    assert list(ds["site"].values) == ["A", "B"]
