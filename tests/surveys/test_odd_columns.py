"""Columns of visits and covariates that are odd, many, double, or hold their unit."""

import numpy as np
import pytest
from spoilt_studies import one, put, read_files

from surveys import read
from surveys.guess import guess
from surveys.readers import visit_columns

WIDE = """schema = 1
[files.detections]
path = "d.csv"
"""
SITES = WIDE + '[files.sites]\npath = "s.csv"\n'
HISTORIES = "site,y.1,y.2\nA,0,1\nB,1,0\nC,0,0\n"


def first_look(folder, *names, **files):
    """The study file that `init` writes, and what is read by it."""
    put(folder, "", {n.replace("__", "."): t for n, t in files.items()})
    text = guess([folder / n for n in names], folder=folder)
    (folder / "study.toml").write_text(text, encoding="utf-8")
    return text, read(folder)


def test_two_columns_for_one_covariate_of_a_visit_are_refused(tmp_path):
    text = "site,v1,v2,wind_v1,wind_v2,wind1,wind2\nA,0,1,1,2,3,4\nB,1,0,1,2,3,4\n"
    _, problems = read_files(tmp_path, WIDE, d__csv=text)
    found = [p for p in problems if p.code == "E018"]
    assert [p.fact.split(": ")[1] for p in found] == [
        'columns wind_v1 and wind1 both say "wind" of visit v1',
        'columns wind_v2 and wind2 both say "wind" of visit v2',
    ]


def test_more_visits_than_a_year_has_numbers(tmp_path):
    head = ",".join(f"y.{i}" for i in range(1, 1202))
    text = f"site,{head}\n" + "".join(f"{s},{'0,' * 1200}1\n" for s in "AB")
    ds, _ = read_files(tmp_path, WIDE, d__csv=text)
    assert ds.sizes["visit"] == 1201
    assert ds["detection"].values[0, 0, 0, -1] == 1
    assert not [n for n in ds.data_vars if str(n).startswith("y.")]


def test_a_year_behind_a_stem_is_no_visit():
    assert [v.name for v in visit_columns.find(["y1", "y2", "y2001"])] == ["y1", "y2"]


def test_hundreds_of_covariates_are_read_without_a_word(tmp_path):
    names = [f"c{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(150)]
    head, values = ",".join(names), ",".join(map(str, range(150)))
    sites = f"site,{head}\nA,{values}\nB,{values}\nC,{values}\n"
    ds, _ = read_files(tmp_path / "own", SITES, d__csv=HISTORIES, s__csv=sites)
    assert ds[names[149]].values.tolist() == [149.0] * 3
    same = f"site,y.1,y.2,{head}\nA,0,1,{values}\nB,1,0,{values}\n"
    ds, _ = read_files(tmp_path / "same", WIDE, d__csv=same)
    assert ds[names[149]].values.tolist() == [149.0] * 2


@pytest.mark.parametrize(
    ("heads", "order"),
    [
        (("2021-05-15", "2021-05-01", "2021-05-08"), (1, 2, 0)),
        (("15/5/2021", "1/5/2021", "8/5/2021"), (1, 2, 0)),
        (("15.5.21", "1.5.21", "8.6.21"), (1, 0, 2)),
        (("15-May-21", "1-May-21", "8-Jun-21"), (1, 0, 2)),
    ],
)
def test_columns_called_by_their_day_are_visits_in_the_order_of_the_days(tmp_path, heads, order):
    text, ds = first_look(
        tmp_path, "d.csv", d__csv=f"site,{','.join(heads)},elev\nA,0,1,0,3\nB,1,0,,4\n"
    )
    assert f'visits = ["{heads[order[0]]}", ' in text
    values = np.array([[0, 1, 0], [1, 0, np.nan]])[:, list(order)]
    np.testing.assert_array_equal(ds["detection"].values[0, :, 0], values)
    assert ds["elev"].values.tolist() == [3, 4]


def test_days_that_nobody_can_tell_from_months_are_no_order_of_visits():
    assert visit_columns.dated(["1/5/2021", "2/4/2021"]) == []
    assert [v.name for v in visit_columns.dated(["2/5/2021", "1/4/2021"])] == [
        "1/4/2021",
        "2/5/2021",
    ]


def test_histories_of_another_species_are_no_covariate(tmp_path):
    text, ds = first_look(tmp_path, "fox.csv", "hare.csv", fox__csv=HISTORIES, hare__csv=HISTORIES)
    assert "hare" not in ds
    assert "not used: hare.csv (0 and 1 at each visit, as in fox.csv. Another species" in text
    wind = HISTORIES.replace("0,1", "0.5,1")
    text, ds = first_look(
        tmp_path / "wind", "fox.csv", "wind.csv", fox__csv=HISTORIES, wind__csv=wind
    )
    assert ds["wind"].values[0, 0].tolist() == [0.5, 1]


@pytest.mark.parametrize(
    ("cells", "values", "unit"),
    [
        (("1203 m", "987 m", "800m"), (1203, 987, 800), "m"),
        (("20%", "35 %", ""), (20, 35, np.nan), "%"),
        (('"1203,5 ha"', '"987,1 ha"', "NA"), (1203.5, 987.1, np.nan), "ha"),
        (('"1,203.5 m"', '"2,987.1 m"', "7 m"), (1203.5, 2987.1, 7), "m"),
    ],
)
def test_numbers_with_their_unit_are_numbers(tmp_path, cells, values, unit):
    sites = "site,elev\n" + "".join(f"{s},{c}\n" for s, c in zip("ABC", cells, strict=True))
    ds, problems = read_files(tmp_path, SITES, d__csv=HISTORIES, s__csv=sites)
    np.testing.assert_array_equal(ds["elev"].values, values)
    problem, _ = one(problems, "R046")
    assert (problem.row, problem.column) == (2, "elev")
    assert problem.cure.endswith(f'units = "{unit}"')


@pytest.mark.parametrize(
    "cells", [("1a", "2b", "3a"), ("5 m", "3 km", "2 m"), ("0-5", "5-9", "9+")]
)
def test_what_is_no_number_with_one_unit_stays_a_name(tmp_path, cells):
    sites = "site,class\n" + "".join(f"{s},{c}\n" for s, c in zip("ABC", cells, strict=True))
    ds, problems = read_files(tmp_path, SITES, d__csv=HISTORIES, s__csv=sites)
    assert ds["class"].values.tolist() == list(cells)
    assert "R046" not in [p.code for p in problems]


@pytest.mark.parametrize("cell", ["<5", "10-20", "3+", "~ 7", "ca. 7", "4?"])
def test_a_number_that_is_not_said_exactly_makes_no_names_of_the_others(tmp_path, cell):
    sites = f"site,ph\nA,{cell}\nB,{cell}\nC,7.1\n"
    _, problems = read_files(tmp_path, SITES, d__csv=HISTORIES, s__csv=sites)
    assert one(problems, "E046")[0].column == "ph"
