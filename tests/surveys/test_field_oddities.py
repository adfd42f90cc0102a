"""Cells as people of several countries write them, and what columns decide together."""

import numpy as np
import pytest
from spoilt_studies import read_files

from surveys import read
from surveys.guess import guess

WIDE = 'schema = 1\n[source]\nformat = "wide"\n[files.detections]\npath = "d.csv"\n'
LONG = WIDE.replace('"wide"', '"long"')
SITES = WIDE + '[files.sites]\npath = "s.csv"\n'
HISTORIES = "site,v1,v2\nA,0,1\nB,1,0\nC,0,0\n"


def errors(problems):
    return [p for p in problems if p.level == "error"]


def test_the_dates_of_one_covariate_decide_together(tmp_path):
    text = "site,y.1,y.2,date.1,date.2\nA,0,0,01/05/2021,13/06/2021\nB,1,0,02/05/2021,14/06/2021\n"
    ds, _ = read_files(tmp_path, WIDE, d__csv=text)
    np.testing.assert_array_equal(ds["date"].values[:, 0], [[121, 164], [122, 165]])
    _, problems = read_files(
        tmp_path, WIDE, d__csv=text.replace("13/06", "11/06").replace("14/", "12/")
    )
    assert [p.code for p in errors(problems)] == ["E032", "E032"]


@pytest.mark.parametrize("cell", ["#NV", "#VALEUR!", "#¡REF!", "#N/D", "#ZAHL!"])
def test_errors_of_a_spreadsheet_in_other_languages(tmp_path, cell):
    sites = f"site;elev\nA;{cell}\nB;2\nC;3\n"
    _, problems = read_files(tmp_path, SITES, d__csv=HISTORIES, s__csv=sites)
    (problem,) = errors(problems)
    assert (problem.code, problem.row) == ("E020", 2)


def test_three_digits_behind_a_point_between_semicolons_are_asked(tmp_path):
    sites = "site;elev\nA;1.203\nB;1.987\nC;2.004\n"
    _, problems = read_files(tmp_path, SITES, d__csv=HISTORIES, s__csv=sites)
    (problem,) = errors(problems)
    assert '"1.203" can be 1.203 or 1203' in problem.fact
    # one cell that can be no thousand decides for the table
    ds, _ = read_files(tmp_path, SITES, d__csv=HISTORIES, s__csv=sites.replace("1.987", "0.987"))
    np.testing.assert_array_equal(ds["elev"], [1.203, 0.987, 2.004])


def test_a_place_at_the_origin_of_a_grid_is_told_as_that(tmp_path):
    study = SITES + '[sites]\ncrs = "EPSG:2056"\n'
    sites = "site,x,y\nA,0,0\nB,2600000,1200000\nC,2600500,1200000\n"
    _, problems = read_files(tmp_path, study, d__csv=HISTORIES, s__csv=sites)
    (problem,) = errors(problems)
    assert "are 0 (the origin of EPSG:2056)" in problem.fact


@pytest.mark.parametrize("day", ["1970-01-01", "2000-01-03"])
def test_a_visit_years_before_all_others_is_doubted(tmp_path, day):
    text = f"site,date,count\nA,{day},0\nB,2021-05-02,1\nA,2021-05-03,0\n"
    _, problems = read_files(tmp_path, LONG, d__csv=text)
    (problem,) = [p for p in problems if p.code == "W037"]
    assert problem.row == 2
    text = f"site,date,count\nA,{day},0\nB,{day[:4]}-05-02,1\nA,2002-05-03,0\n"
    _, problems = read_files(tmp_path, LONG, d__csv=text)
    assert "W037" not in [p.code for p in problems]


def test_underscores_are_blanks_in_names_of_species(tmp_path):
    text = (
        "site,date,species,count\nA,2021-05-01,Vulpes vulpes,1\nA,2021-05-02,Vulpes_vulpes,1\n"
        "B,2021-05-01,leer,0\nB,2021-05-02,Mensch,1\n"
    )
    ds, problems = read_files(tmp_path, LONG, d__csv=text)
    assert ds["species"].values.tolist() == ["Vulpes vulpes"]
    assert float(ds["detection"].sum()) == 2
    assert "underscores" in next(p for p in problems if p.code == "W052").fact


def test_effort_of_another_table_is_named(tmp_path):
    study = WIDE + '[visit_covariates.effort]\npath = "e.csv"\n'
    effort = "site,v1,v2\nA,3,0\nB,2,2\nC,2,2\n"
    _, problems = read_files(tmp_path, study, d__csv=HISTORIES, e__csv=effort)
    (problem,) = errors(problems)
    assert "detection 1 but the effort in e.csv, column v2, is 0" in problem.fact


def test_a_letter_among_counts_may_mean_presence(tmp_path):
    _, problems = read_files(tmp_path, WIDE, d__csv="site,v1,v2\nA,0,X\nB,3,0\n")
    (problem,) = errors(problems)
    assert problem.cure.startswith("write 1, or how many, where it means that the species was seen")


@pytest.mark.parametrize("header", ["site,v1,v2,", "site,v1,v2"])
def test_a_separator_at_the_end_of_rows_moves_no_column(tmp_path, header):
    ds, problems = read_files(tmp_path, WIDE, d__csv=f"{header}\nA,0,1,\nB,1,0,\n")
    assert ds["site"].values.tolist() == ["A", "B"]
    np.testing.assert_array_equal(ds["detection"].values[0, :, 0], [[0, 1], [1, 0]])
    assert "R503" not in [p.code for p in problems]


def test_a_name_in_two_lines_is_one(tmp_path):
    text = '"Site\nname","Visit\n1","Visit\n2","Wind\n(m/s)"\nA,0,1,3\nB,1,0,4\n'
    (tmp_path / "d.csv").write_text(text)
    told = guess([tmp_path / "d.csv"], folder=tmp_path)
    (tmp_path / "study.toml").write_text(told)
    ds = read(tmp_path)
    assert ds["site"].values.tolist() == ["A", "B"]
    np.testing.assert_array_equal(ds["Wind (m/s)"], [3, 4])


def test_dates_with_the_signs_of_east_asia(tmp_path):
    text = "site,date,count\nA,2021年5月1日,0\nA,2021年5月10日,1\nB,2021年 5月 2日,0\n"
    ds, _ = read_files(tmp_path, LONG, d__csv=text)
    assert [str(d)[:10] for d in ds["visit_start"].values[0, 0]] == ["2021-05-01", "2021-05-10"]


@pytest.mark.parametrize(
    ("header", "month"),
    [("year,month,day", "5"), ("Jahr,Monat,Tag", "Mai"), ("Year,Mon,Day", "05")],
)
def test_a_date_in_three_columns(tmp_path, header, month):
    rows = [f"A,2021,{month},9,1,3", f"A,2021,{month},1,0,2", f"B,2021,{month},4,0,1"]
    text = "\n".join([f"site,{header},det,wind", *rows, ""])
    study = LONG + 'columns = { detection = "det" }\n'
    ds, problems = read_files(tmp_path, study, d__csv=text)
    assert [str(d)[:10] for d in ds["visit_start"].values[0, 0]] == ["2021-05-01", "2021-05-09"]
    np.testing.assert_array_equal(ds["detection"].values[0, 0, 0], [0, 1])
    assert "R030" in [p.code for p in problems]
    assert "day" not in ds
    # 30 February is told, and not made another day
    _, problems = read_files(tmp_path, study, d__csv=text.replace(f"{month},9,", "2,30,"))
    assert [p.code for p in errors(problems)] == ["E035"]


def test_days_of_the_year_are_no_days_of_a_month(tmp_path):
    text = "site,year,month,day,detection\nA,2021,5,121,1\nA,2021,5,130,0\nB,2021,5,122,0\n"
    ds, _ = read_files(tmp_path, LONG, d__csv=text)
    assert "visit_start" not in ds


def test_histories_and_effort_that_camtrapr_saved(tmp_path):
    history = "leopardCat__detection_history__with_effort__10_days__2024-01-01.csv"
    (tmp_path / history).write_text('"","o1","o2"\n"S1",0,1\n"S2",NA,0\n')
    effort = "leopardCat__effort__10_days_per_occasion__2024-01-01.csv"
    (tmp_path / effort).write_text('"","o1","o2"\n"S1",10,5.5\n"S2",NA,10\n')
    told = guess([tmp_path / history, tmp_path / effort], folder=tmp_path)
    (tmp_path / "study.toml").write_text(told)
    ds = read(tmp_path)
    assert ds["species"].values.tolist() == ["leopardCat"]
    np.testing.assert_array_equal(ds["effort"].values[:, 0], [[10, 5.5], [np.nan, 10]])


def test_the_ids_of_a_covariate_may_be_called_site_alone(tmp_path):
    study = WIDE + 'columns = { site = "Station" }\n[visit_covariates.wind]\npath = "w.csv"\n'
    histories = HISTORIES.replace("site", "Station")
    wind = "site,v1,v2\nA,3,4\nB,5,6\nC,7,8\n"
    ds, _ = read_files(tmp_path, study, d__csv=histories, w__csv=wind)
    np.testing.assert_array_equal(ds["wind"].values[:, 0], [[3, 4], [5, 6], [7, 8]])
    _, problems = read_files(tmp_path, study, d__csv=histories, w__csv=wind.replace("site", "id"))
    assert "E015" in [p.code for p in errors(problems)]
