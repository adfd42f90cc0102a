"""A column taken for what it is not has a fault in every row: it is told at once, and counted."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import surveys
from surveys.date_cells import iso, iso_moments
from surveys.problems import Problem, SurveyError, first_of, render

ROWS = 3000
STUDY = """
schema = 1
[source]
format = "long"
[files.detections]
path = "records.csv"
columns = { site = "site", date = "date", species = "species", count = "count" }
"""
SITES = """
[files.sites]
path = "sites.csv"
columns = { site = "site", latitude = "latitude", longitude = "longitude" }
"""


def table() -> pd.DataFrame:
    day = pd.Timestamp("2021-01-01") + pd.to_timedelta(np.arange(ROWS) // 100, unit="D")
    return pd.DataFrame(
        {
            "site": [f"S{i % 100:03d}" for i in range(ROWS)],
            "date": day.strftime("%Y-%m-%d"),
            "species": "Vulpes vulpes",
            "count": np.arange(ROWS) % 2,
        }
    )


def places(n: int) -> pd.DataFrame:
    at = np.arange(n)
    ids = [f"S{i:03d}" for i in range(n)]
    return pd.DataFrame({"site": ids, "latitude": 46 + at / 1000, "longitude": 7 + at / 1000})


def refused(folder: Path, records: pd.DataFrame, more: str = "", sites=None) -> SurveyError:
    records.to_csv(folder / "records.csv", index=False)
    if sites is not None:
        sites.to_csv(folder / "sites.csv", index=False)
        more += SITES
    (folder / "study.toml").write_text(STUDY + more, encoding="utf-8")
    with pytest.raises(SurveyError) as caught:
        surveys.read(folder / "study.toml")
    return caught.value


@pytest.mark.parametrize(
    ("column", "code"), [("date", "E521"), ("count", "E046")], ids=["dates", "counts"]
)
def test_words_in_every_row__twenty_are_told_and_the_others_counted(tmp_path, column, code):
    records = table()
    records[column] = [f"{i}h" for i in range(ROWS)]
    error = refused(tmp_path, records)
    told = [p for p in error.problems if p.code == code]
    assert len(told) == 20
    assert sum(p.others for p in told) == ROWS - 20
    assert f"and {ROWS - 20} more" in str(error)
    assert told[0].row == 2


def test_no_coordinate_is_one(tmp_path):
    sites = places(100).astype({"latitude": str})
    sites["latitude"] = [f"x{i}" for i in range(100)]
    error = refused(tmp_path, table(), sites=sites)
    assert "and 80 more" in str(error)


def test_visits_given_twice_in_every_row(tmp_path):
    records = table()
    records["date"] = "2021-01-01"
    error = refused(tmp_path, records)
    assert error.codes == ("E516",)
    assert 'visit 1 of site "S000" stands in 30 rows' in str(error)
    assert "and 80 more" in str(error)


def test_sites_listed_twice_with_other_places(tmp_path):
    sites = pd.concat([places(100), places(100).assign(latitude=40.0)])
    error = refused(tmp_path, table(), sites=sites)
    assert 'site "S000" is in rows 2 and 102 with different latitude' in str(error)
    assert "and 80 more" in str(error)


def test_unknown_sites_among_known_ones(tmp_path):
    error = refused(tmp_path, table(), sites=places(50))
    told = [p for p in error.problems if p.code == "E022"]
    assert len(told) == 20
    assert "and 30 more" in str(error)


def test_names_of_files_are_no_species(tmp_path):
    records = pd.concat([table()] * 6, ignore_index=True)
    records["site"] = [f"S{i}" for i in range(len(records))]
    records["species"] = [f"IMG_{i}.JPG" for i in range(len(records))]
    error = refused(tmp_path, records)
    assert error.codes == ("E227",)
    assert "18,000 species x 18,000 visits would be 324,000,000 cells" in str(error)
    assert "name the right column" in str(error)


def test_visits_of_a_wide_table_that_hold_words_and_fractions(tmp_path):
    cells = {f"v{j}": [f"x{j}y{i}" for i in range(40)] for j in (1, 2)}
    cells["v3"] = [f"{i}.5" for i in range(40)]
    cells["v4"] = ["x1y0", "x1y0", *["1"] * 38]
    pd.DataFrame({"site": [f"S{i}" for i in range(40)], **cells}).to_csv(
        tmp_path / "wide.csv", index=False
    )
    (tmp_path / "study.toml").write_text(
        'schema = 1\n[source]\nformat = "wide"\n[files.detections]\npath = "wide.csv"\n'
        'columns = { site = "site" }\n[wide]\nvisits = ["v1", "v2", "v3", "v4"]\n',
        encoding="utf-8",
    )
    with pytest.raises(SurveyError) as caught:
        surveys.read(tmp_path / "study.toml")
    told = str(caught.value)
    assert '"x1y0" in row 2, column v1 (3 cells) is not 0, 1 or a count' in told
    assert "and 60 more" in told  # of 80 different words
    assert '"0.5" in row 2, column v3 (1 cell)' in told
    assert "and 20 more" in told  # of 40 fractions


def test_from_tables__more_cells_than_a_dataset_holds():
    visits = pd.DataFrame({"site": [f"S{i}" for i in range(20_000)]})
    with pytest.raises(SurveyError, match="20,000 sites x 1 season x 1 visit would be"):
        surveys.from_tables(visits, species=[f"sp{i}" for i in range(13_000)])


def test_first_of__counts_what_it_leaves_out():
    assert list(first_of("abc", most=2)) == [("a", 0), ("b", 1)]
    assert list(first_of("ab", most=2)) == [("a", 0), ("b", 0)]
    assert list(first_of([])) == []


def test_render__others_join_those_beyond_the_most():
    kind = [Problem(code="E046", fact=f"row {i}", others=5 * (i == 2)) for i in range(3)]
    assert "and 5 more" in render(kind)
    assert "and 6 more" in render(kind, most=2)
    assert "others" not in kind[0].to_dict()
    assert kind[2].to_dict()["others"] == 5


@pytest.mark.parametrize(
    "values",
    [
        ["2021-05-01", "1999-12-31"],
        ["2021-05-01 07:30:00", "2021-05-01T23:59:59"],
        ["2021-05-01T07:30:00Z", "2020-02-29T00:00:00Z"],
    ],
)
def test_iso_moments__are_those_read_one_by_one(values):
    found = iso_moments(values)
    assert found is not None
    assert list(found) == [iso(v) for v in values]


@pytest.mark.parametrize(
    "values",
    [
        [],
        ["2021-02-30"],
        ["2021-05-01", "2021-5-001"],
        ["2021-05-01", "2021-05-01 07:30:00"],
        ["2021/05/01"],
        ["0000-01-01"],
        ["2021-05-01 24:00:00"],
        ["2021-05-01 07:30:60"],
        ["2021-05-01x07:30:00"],
        ["２021-05-01"],
        ["2021-05-01 07:30:00+"],
    ],
)
def test_iso_moments__leave_all_else_to_the_closer_look(values):
    assert iso_moments(values) is None
