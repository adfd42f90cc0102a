"""Point counts of NEON: visits from the points, birds from the counts, minutes by removal."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from recorder_samples import COUNT_DATA, PER_POINT
from spoilt_studies import ledger_of, put, refusal, reordered, tables

from surveys import read
from surveys.guess import guess

ALONE = 'schema = 1\n[source]\nformat = "neon"\n[files.detections]\npath = "birds.csv"\n'
PAIR = ALONE + '[files.visits]\npath = "points.csv"\n'
PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "neon_birds_bart"


def laid(folder, study=PAIR, birds=COUNT_DATA, points=PER_POINT):
    return put(folder, study, tables({"birds": birds, "points": points}))


def load(*args, **changes):
    return read(laid(*args, **changes))


def refused(*args, **changes):
    return refusal(laid(*args, **changes))


def vireo(ds, name="detection"):
    return ds[name].sel(species="Vireo olivaceus", season=2015).values.tolist()


def test_pair__points_are_visits_and_years_seasons(tmp_path):
    ds = load(tmp_path)
    assert ds["site"].values.tolist() == ["P1_1", "P1_2", "P2_1"]
    assert ds["season"].values.tolist() == [2015, 2016]
    assert ds["species"].values.tolist() == [
        "Junco hyemalis",
        "Poecile atricapillus",
        "Vireo olivaceus",
    ]
    np.testing.assert_array_equal(vireo(ds), [[1, 0], [0, np.nan], [1, np.nan]])
    np.testing.assert_array_equal(vireo(ds, "count"), [[3, 0], [0, np.nan], [1, np.nan]])
    np.testing.assert_array_equal(
        vireo(ds, "time"), [[0.5, np.nan], [np.nan, np.nan], [5.5, np.nan]]
    )
    assert ds["effort"].sel(site="P1_1", season=2015).values.tolist() == [6, 6]
    assert ds["effort"].attrs["units"] == "minutes"
    assert ds["elevation"].values.tolist() == [300, 310, 400]
    assert "siteID" not in ds  # one for all
    assert ds["observer"].sel(site="P1_1", season=2015).values.tolist() == ["KK", "LL"]
    assert ds["observedAirTemp"].attrs["missing"] == "drop visit"
    ledger = ledger_of(ds)
    assert ledger.n_aside("points.csv", "sampling impractical") == 1
    assert ledger.n_aside("birds.csv", "rank: class") == 1
    told = {p.code: p.fact for p in ledger.problems}
    assert "1 count has no row in birds.csv" in told["N685"]
    assert "N686" in told
    assert "W029" not in told


def test_without_points__a_row_without_birds_proves_its_visit(tmp_path):
    ds = load(tmp_path, ALONE)
    np.testing.assert_array_equal(vireo(ds), [[1], [0], [1]])
    assert "longitude" not in ds
    assert ledger_of(ds).n_used("birds.csv") == 6
    assert "N684" not in {p.code for p in ledger_of(ds).problems}


def test_without_points__counts_without_birds_are_not_known_and_that_is_told(tmp_path):
    birds = "".join(line for line in COUNT_DATA.splitlines(True) if ",,N," not in line)
    ds = load(tmp_path, ALONE, birds=birds)
    assert ds.sizes["site"] == 2
    assert "N684" in {p.code for p in ledger_of(ds).problems}


def test_minutes__what_follows_the_first_detection_is_missing(tmp_path):
    ds = load(tmp_path, PAIR + '[neon]\nvisits = "minutes"\n')
    assert ds.sizes["visit"] == 12
    seen = np.array(vireo(ds))
    nan = np.nan
    np.testing.assert_array_equal(seen[0], [1, nan, nan, nan, nan, nan, 0, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(seen[1][:6], [0] * 6)
    np.testing.assert_array_equal(seen[2][:6], [0, 0, 0, 0, 0, 1])
    assert ds["effort"].sel(site="P1_1", season=2015).values.tolist() == [1.0] * 12
    assert ds["minute"].sel(site="P1_2", season=2015).values.tolist()[:6] == [1, 2, 3, 4, 5, 6]
    assert ds["count"].sel(species="Poecile atricapillus", site="P1_1", visit=4).values[0] == 3
    assert "time" not in ds
    assert ledger_of(ds).n_aside("birds.csv", "after the first detection") == 1


def test_hours__are_local_where_the_zone_is_told(tmp_path):
    ds = load(tmp_path)
    assert ds["hour"].sel(site="P2_1", season=2016, visit=1).item() == 9
    ds = load(tmp_path, PAIR + '[time]\nzone = "UTC-05:00"\n')
    assert ds["hour"].sel(site="P2_1", season=2016, visit=1).item() == 4
    assert ds["hour"].attrs["units"] == "hour of the day (UTC-05:00)"
    assert ds["visit_start"].attrs["clock"] == "UTC-05:00"
    error = refused(tmp_path, PAIR + '[time]\nday_starts = "12:00"\n')
    assert error.codes == ("E408",)


def test_cut_offs_set_birds_aside(tmp_path):
    ds = load(tmp_path, PAIR + "[neon]\nmax_distance = 100\n")
    np.testing.assert_array_equal(vireo(ds, "count"), [[1, 0], [0, np.nan], [1, np.nan]])
    assert ledger_of(ds).n_aside("birds.csv", "beyond max_distance") == 1
    ds = load(tmp_path, PAIR + '[neon]\nmethods = ["singing", "Calling"]\n')
    np.testing.assert_array_equal(vireo(ds), [[1, 0], [0, np.nan], [0, np.nan]])
    assert ledger_of(ds).n_aside("birds.csv", "other detectionMethod") == 3
    error = refused(tmp_path, PAIR + '[neon]\nmethods = ["sung"]\n')
    assert error.codes == ("E684",)


def test_seasons__can_be_listed(tmp_path):
    listed = '[[seasons.list]]\nname = "early"\nfrom = 2015-06-01\nto = 2015-06-18\n'
    ds = load(tmp_path, PAIR + listed)
    assert ds["season"].values.tolist() == ["early"]
    assert ledger_of(ds).n_aside("points.csv", "outside all seasons") == 2


@pytest.mark.parametrize(
    ("table", "old", "new", "code", "told"),
    [
        ("birds", "pointID", "point", "E015", 'no column for "point"'),
        ("birds", "P2,1,2016", "P9,1,2016", "E685", "row 8: no row of points.csv"),
        ("birds", ",singing,2", ",singing,0", "E048", "row 3, column clusterSize: 0 birds"),
        ("birds", ",singing,2", ",singing,two", "E046", '"two" is not a number'),
        ("points", "2015-06-20T09:00Z", "", "E514", "row 6, column startDate: blank"),
        ("points", "2015-06-20T09:00Z", "2015-06-14T09:23Z", "E516", 'count at "P1_1"'),
        ("points", "2015-06-20T09:00Z", "2015-06-31", "E035", "does not exist"),
        ("points", "P2,1,44.07", "P2,1,440.7", "E025", "not between -90 and 90"),
    ],
)
def test_damage(tmp_path, table, old, new, code, told):
    text = {"birds": COUNT_DATA, "points": PER_POINT}[table]
    assert old in text
    error = refused(tmp_path, **{table: text.replace(old, new)})
    assert code in error.codes
    assert told in str(error)


def test_a_count_that_could_not_be_made_is_no_copy_of_one_that_was(tmp_path):
    row = next(line for line in PER_POINT.splitlines() if "2015-06-20T09:00Z" in line)
    ds = load(tmp_path, points=PER_POINT + row.replace(",OK,", ",location flooded,") + "\n")
    assert ds.drop_attrs().identical(load(tmp_path).drop_attrs())


def test_counts_without_any_bird_are_counts_all_the_same(tmp_path):
    ds = load(tmp_path, birds=COUNT_DATA.splitlines()[0] + "\n")
    assert ds["visit_start"].equals(load(tmp_path)["visit_start"])
    assert not (ds["detection"] > 0).any()


@pytest.mark.parametrize("visits", ["counts", "minutes"])
def test_order_of_rows_and_columns_changes_nothing(tmp_path, visits):
    more = PAIR + f'[neon]\nvisits = "{visits}"\n'
    first = load(tmp_path, more).drop_attrs()
    for seed in range(3):
        again = load(
            tmp_path, more, reordered(COUNT_DATA, seed), reordered(PER_POINT, seed)
        ).drop_attrs()
        xr.testing.assert_identical(first, again[list(first.variables)])


def test_guess__is_read_without_edits(tmp_path):
    (tmp_path / "birds.csv").write_text(COUNT_DATA, encoding="utf-8")
    (tmp_path / "points.csv").write_text(PER_POINT, encoding="utf-8")
    text = guess([tmp_path / "points.csv", tmp_path / "birds.csv"])
    told = tomllib.loads(text)
    assert told["source"]["format"] == "neon"
    assert told["files"]["visits"]["path"] == "points.csv"
    assert told["model"]["main"]["season"] == 2016
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    assert read(tmp_path).sizes["site"] == 3


@pytest.mark.parametrize("deep", [False, True])
def test_guess__a_download_has_tables_for_each_month(tmp_path, deep):
    (tmp_path / "one").mkdir()
    whole = load(tmp_path / "one")
    home = tmp_path / "months"
    home.mkdir()
    for year in ("2015", "2016"):
        folder = home / f"NEON.BART.{year}-06" if deep else home
        folder.mkdir(exist_ok=True)
        for name, text in (("countdata", COUNT_DATA), ("perpoint", PER_POINT)):
            head, *rows = text.strip().splitlines()
            lines = "\n".join([head, *(r for r in rows if f",{year}-" in r)]) + "\n"
            (folder / f"NEON.brd_{name}.{year}-06.csv").write_text(lines, encoding="utf-8")
    text = guess([home], folder=home)
    assert len(tomllib.loads(text)["files"]["detections"]["path"]) == 2
    (home / "study.toml").write_text(text, encoding="utf-8")
    months = read(home)
    xr.testing.assert_equal(months["detection"], whole["detection"])
    xr.testing.assert_equal(months["effort"], whole["effort"])


@pytest.mark.reference
@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published data are not here")
def test_bartlett__the_counts_alone(tmp_path):
    expected = json.loads((PUBLISHED / "expected.json").read_text())
    (tmp_path / "bird_counts.csv").write_bytes((PUBLISHED / "bird_counts.csv").read_bytes())
    (tmp_path / "study.toml").write_text(guess([tmp_path / "bird_counts.csv"]), encoding="utf-8")
    ds = read(tmp_path)
    ledger = ledger_of(ds)
    assert ledger.n_read("bird_counts.csv") == expected["rows"]
    assert ledger.n_used("bird_counts.csv") == expected["ranks"]["species"]
    assert ds.sizes["site"] == expected["points"]
    assert ds.sizes["visit"] == expected["visits_per_point_year_max"]
    assert ds["season"].values.astype(str).tolist() == expected["years"]
    made = ds["effort"].notnull()
    assert int(made.sum()) == expected["point_visits_with_a_bird"]
    for year, n in expected["points_by_year"].items():
        assert int(made.sel(season=int(year)).sum()) == n
    for name, told in expected["species"].items():
        mine = ds.sel(species=name)
        assert float(mine["count"].sum()) == told["individuals"]
        assert float(mine["detection"].sum()) == told["point_visits"]
        assert int((mine["detection"] > 0).any(["season", "visit"]).sum()) == told["points"]
