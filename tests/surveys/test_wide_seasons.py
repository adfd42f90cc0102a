"""Wide tables with a row for each site and season, and tables of seasons beside them."""

import tomllib

import numpy as np
from spoilt_studies import put, read_files

from surveys import read
from surveys.guess import guess

NAN = np.nan
STACKED = (
    "site,year,y.1,y.2,elev,burn,state\nA,2019,0,1,10,0.5,dry\nA,2020,1,1,10,0.7,wet\n"
    "B,2019,0,0,20,0.1,dry\nB,2020,,0,20,0.2,NA\nC,2019,1,0,30,0.4,dry\n"
)
STUDY = """schema = 1
[source]
format = "wide"
[files.detections]
path = "d.csv"
columns = { season = "year" }
"""


def test_what_changes_between_seasons_belongs_to_them(tmp_path):
    ds, problems = read_files(tmp_path, STUDY, d__csv=STACKED)
    assert ds["elev"].dims == ("site",)
    assert ds["burn"].dims == ("site", "season")
    np.testing.assert_array_equal(ds["burn"], [[0.5, 0.7], [0.1, 0.2], [0.4, NAN]])
    assert ds["state"].values.tolist() == [["dry", "wet"], ["dry", ""], ["dry", ""]]
    assert '"burn"' in next(p for p in problems if p.code == "N361").fact


def test_a_slip_at_one_site_of_many_is_no_season(tmp_path):
    slip = {(4, 2020): 1}
    keys = [(i, t) for i in range(6) for t in (2019, 2020)]
    rows = [f"S{i},{t},0,1,{i * 10 + slip.get((i, t), 0)}" for i, t in keys]
    text = "site,year,y.1,y.2,elev\n" + "\n".join(rows) + "\n"
    _, problems = read_files(tmp_path, STUDY, d__csv=text)
    (problem,) = [p for p in problems if p.level == "error"]
    assert problem.code == "E513"
    study = STUDY + "[season_covariates.elev]\n"
    ds, _ = read_files(tmp_path, study, d__csv=text)
    assert ds["elev"].dims == ("site", "season")


def test_species_that_disagree_on_a_season_are_told(tmp_path):
    study = STUDY.replace("{ season", '{ species = "sp", season')
    text = (
        "site,sp,year,y.1,y.2,burn\nA,fox,2019,0,1,1\nA,hare,2019,0,1,2\nA,fox,2020,0,1,3\n"
        "A,hare,2020,0,1,3\n"
    )
    _, problems = read_files(tmp_path, study, d__csv=text)
    (problem,) = [p for p in problems if p.level == "error"]
    assert 'site "A" and season 2019 (rows 2-3)' in problem.fact


def test_rows_that_another_column_tells_apart(tmp_path):
    text = "site,year,part,y.1,y.2\nA,2019,1,0,1\nA,2019,2,0,1\nB,2019,1,0,1\n"
    _, problems = read_files(tmp_path, STUDY, d__csv=text)
    problem = next(p for p in problems if p.code == "E021")
    assert '"part" tells them apart' in problem.cure


def test_a_first_look_takes_tables_of_seasons(tmp_path):
    files = {
        "d.csv": STACKED,
        "weather.csv": "year,rain\n2019,100\n2020,200\n",
        "burnt.csv": "site,year,fires\nA,2019,1\nA,2020,2\nB,2019,3\nB,2020,4\nC,2019,0\n",
        "sites.csv": "site,slope\nA,5\nB,6\nC,7\n",
    }
    put(tmp_path, "", files)
    text = guess([tmp_path / name for name in files], folder=tmp_path)
    told = tomllib.loads(text)
    assert set(told["season_covariates"]) == {"rain", "fires"}
    assert told["files"]["sites"]["path"] == "sites.csv"
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    ds = read(tmp_path)
    np.testing.assert_array_equal(ds["rain"][0], [100, 200])
    np.testing.assert_array_equal(ds["fires"][:2], [[1, 2], [3, 4]])
    assert told["model"]["main"]["season"] == 2020


def test_columns_called_by_the_year_of_a_season(tmp_path):
    text = (
        "site,2019_1,2019_2,2020_1,2020_2,burn.2019,burn.2020,crop2019,crop2020,built_2018\n"
        "A,0,1,1,1,0.5,0.7,oats,rye,3\nB,0,0,,0,0.1,,oats,oats,4\n"
    )
    study = 'schema = 1\n[source]\nformat = "wide"\n[files.detections]\npath = "d.csv"\n'
    ds, problems = read_files(tmp_path, study, d__csv=text)
    np.testing.assert_array_equal(ds["burn"], [[0.5, 0.7], [0.1, NAN]])
    assert ds["crop"].values.tolist() == [["oats", "rye"], ["oats", "oats"]]
    assert ds["built_2018"].dims == ("site",)
    assert "burn.2019" in next(p for p in problems if p.code == "N361").fact
    # a year that no season is, or one too few, leaves them covariates of the site
    ds, _ = read_files(tmp_path, study, d__csv=text.replace("burn.2020", "burn.2021"))
    assert {"burn.2019", "burn.2021"} <= set(ds.data_vars)
