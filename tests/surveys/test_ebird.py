"""eBird: the sample of auk, and small downloads by hand."""

import csv
import json
import random
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from ebird_samples import (
    EBD_HEADER,
    LISTS,
    OLD_WORDS,
    SAMPLING_HEADER,
    SEEN,
    STUDY,
    checklist,
    sighting,
    text,
    write,
)

from surveys import read
from surveys.guess import guess
from surveys.ledger import Ledger
from surveys.problems import SurveyError
from surveys.readers.ebird_visits import grid_cells

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "ebird_singapore"
here = pytest.mark.skipif(not DATA.is_dir(), reason="the samples are not beside the project")
ALL = "[ebird]\nmin_obs = 1\nmax_obs = 0\n"
OURS = "ebd_sampling.txt"


def ledger(ds):
    return Ledger.from_json(ds.attrs["ledger"])


def sample(folder, more):
    for name in ("ebd", "sampling"):
        (folder / f"{name}.txt").write_bytes((DATA / f"zerofill-ex_{name}.txt").read_bytes())
    study = STUDY.replace("ebd_sampling.txt", "sampling.txt")
    (folder / "study.toml").write_text(study + more)
    return read(folder)


@pytest.mark.reference
@here
def test_the_sample__zero_filled_as_auk_does(tmp_path):
    ds = sample(tmp_path, ALL)
    told = json.loads((DATA / "expected.json").read_text())
    account = ledger(ds)
    assert account.n_read("sampling.txt") == told["sampling_rows"]
    assert account.n_used("sampling.txt") == told["unique_checklists_after_group_collapse"]
    assert account.n_read("ebd.txt") == told["ebd_rows"]
    assert account.n_used("ebd.txt") == told["ebd_rows_after_unique"]
    made = ds["detection"].notnull()
    assert int(made.sum()) == told["zero_filled_rows"]
    wanted = pd.read_csv(DATA / "expected_zerofill.csv", dtype=str, keep_default_na=False)
    for name, numbers in told["species"].items():
        mine = ds.sel(species=name)
        assert int((mine["detection"] > 0).sum()) == numbers["checklists_detected"]
        assert int(mine["detection"].notnull().sum()) == numbers["checklists"]
        unknown = mine["count"].isnull() & (mine["detection"] > 0)
        assert int(unknown.sum()) == numbers["X_counts"]
        rows = wanted[wanted["scientific_name"] == name]
        counted = pd.to_numeric(rows["observation_count"], errors="coerce").dropna()
        ours = mine["count"].values[~np.isnan(mine["count"].values)]
        assert sorted(ours) == sorted(counted)


@pytest.mark.reference
@here
def test_the_sample__repeat_visits_of_a_year(tmp_path):
    more = '[study]\nspecies = "Collared Kingfisher"\n[ebird]\nmax_obs = 0\nobservers = "auk"\n'
    ds = sample(tmp_path, more)
    key = "repeat_visits_collared_kingfisher_annual_min2_no_maximum"
    told = json.loads((DATA / "expected.json").read_text())[key]
    seen = ds["detection"].squeeze(("species", "season"))
    assert int(seen.notnull().sum()) == told["rows"]
    assert ds.sizes["site"] == told["sites"]
    assert ds.sizes["visit"] == told["visits_max"]
    assert int((seen > 0).sum()) == told["detections"]
    assert int((seen > 0).any("visit").sum()) == told["sites_detected"]
    assert float((seen > 0).any("visit").mean()) == told["naive_occupancy"]
    wanted = pd.read_csv(DATA / "expected_repeat_annual_all.csv", dtype={"closure_id": str})
    assert set(ds["site"].values) == set(wanted["site"])
    by_site = wanted.groupby("site")
    for site in ds["site"].values:
        mine, theirs = seen.sel(site=site).dropna("visit"), by_site.get_group(site)
        assert len(mine) == theirs["n_observations"].iloc[0]
        assert int((mine > 0).sum()) == int(theirs["species_observed"].sum())
        # auk leaves checklists of one day in the order of the file; days must agree.
        days = ds["visit_start"].sel(site=site).values.ravel()
        assert sorted(map(str, days[~np.isnat(days)].astype("datetime64[D]"))) == sorted(
            theirs["observation_date"]
        )


@pytest.mark.reference
@here
def test_the_sample__repeat_visits_of_thirty_days(tmp_path):
    ds = sample(tmp_path, '[ebird]\nn_days = 30\nblocks = "auk"\nobservers = "auk"\n')
    told = json.loads((DATA / "expected.json").read_text())["repeat_visits_30_days_min2_max10"]
    assert int(ds["effort"].notnull().sum()) == told["rows"]
    wanted = pd.read_csv(DATA / "expected_repeat_30d_one_draw.csv")
    assert ds.sizes["site"] == told["sites"] == wanted["site"].nunique()
    visits = ds["effort"].notnull().sum(("season", "visit")).to_series()
    theirs = wanted.groupby("site")["n_observations"].first()
    assert visits.to_dict() == theirs.to_dict()
    full = theirs.index[theirs < 10]  # where nothing is drawn the visits themselves agree
    seen = (ds["detection"].sel(species="Todiramphus chloris") > 0).sum(("season", "visit"))
    by_site = wanted.groupby("site")["species_observed"].sum()
    assert seen.sel(site=full).to_series().to_dict() == by_site[full].to_dict()


@pytest.mark.reference
@here
def test_the_sample__best_practice(tmp_path):
    more = """[study]\nspecies = "Todiramphus chloris"\n[ebird]\nmin_obs = 1\nmax_obs = 0
protocols = ["Stationary", "Traveling"]\nmax_duration_minutes = 360\nmax_distance_km = 10
max_observers = 10\nblank_effort = "keep"\n"""
    ds = sample(tmp_path, more)
    key = "best_practice_subset_collared_kingfisher"
    told = json.loads((DATA / "expected.json").read_text())[key]
    assert int(ds["effort"].notnull().sum()) == told["checklists"]
    assert ledger(ds).n_aside("sampling.txt", "other protocols") > 0


@pytest.mark.reference
@here
def test_the_sample__roll_up_sums_subspecies_and_drops_what_is_no_species(tmp_path):
    table = pd.read_csv(DATA / "ebd-rollup-ex.txt", sep="\t", dtype=str, quoting=3).fillna("")
    (tmp_path / "ebd.txt").write_bytes((DATA / "ebd-rollup-ex.txt").read_bytes())
    lists = table.drop_duplicates("SAMPLING EVENT IDENTIFIER")
    kept = [c for c in lists if c in (*SAMPLING_HEADER, "LAST EDITED DATE")]
    lists[kept].to_csv(tmp_path / "ebd_sampling.txt", sep="\t", index=False)
    more = ALL + 'incomplete = "drop"\n'
    (tmp_path / "study.toml").write_text(STUDY + more)
    ds = read(tmp_path)
    account = ledger(ds)
    for category in ("slash", "spuh", "hybrid"):
        n = int((table["CATEGORY"] == category).sum())
        assert account.n_aside("ebd.txt", f"rank: {category}") == n
    assert "Setophaga coronata" in ds["species"].values
    assert not any("/" in s or " x " in s or "sp." in s for s in ds["species"].values)
    warbler = ds["count"].sel(species="Setophaga coronata")
    rows = table[table["SCIENTIFIC NAME"] == "Setophaga coronata"]
    complete = rows[rows["ALL SPECIES REPORTED"] == "1"]
    sums = complete["OBSERVATION COUNT"].astype(int).groupby(complete["SAMPLING EVENT IDENTIFIER"])
    assert sorted(warbler.values[warbler.values > 0]) == sorted(sums.sum())


# --- by hand -----------------------------------------------------------------------------------


def test_what_a_checklist_did_not_list_is_a_zero(tmp_path):
    ds = read(write(tmp_path, ALL))
    assert ds["species"].values.tolist() == ["Parus major", "Turdus merula"]
    assert ds["site"].values.tolist() == [
        "L1_obsr0,obsr1_2021",
        "L1_obsr1_2021",
        "L2_obsr2_2021",
        "L2_obsr2_2022",
    ]
    merle = ds.sel(species="Turdus merula", season=1)
    alone = merle.sel(site="L1_obsr1_2021")
    assert alone["detection"].values.tolist() == [1, 1, 0]
    assert alone["count"].values[0] == 5  # 2 and 3 of a subspecies
    assert np.isnan(alone["count"].values[1])  # X
    assert alone["count"].values[2] == 0
    assert alone["n_records"].values.tolist() == [2, 1, 0]
    group = merle.sel(site="L1_obsr0,obsr1_2021")
    assert group["count"].values[0] == 4  # the copy S9 is lower than S10
    assert np.isnan(group["detection"].values[1:]).all()
    assert merle.sel(site="L2_obsr2_2021")["detection"].values[:2].tolist() == [0, 0]


def test_every_row_is_accounted_for(tmp_path):
    account = ledger(read(write(tmp_path, ALL)))
    assert (account.n_read(OURS), account.n_used(OURS)) == (8, 7)
    assert account.aside_notes == [
        (OURS, "shared checklist", 1),
        ("ebd.txt", "rank: slash", 1),
        ("ebd.txt", "shared checklist", 1),
    ]
    assert (OURS, 5, "shared checklist", "S10") in account.dropped()
    assert account.n_used("ebd.txt") == 5


def test_covariates_arrive_at_their_level(tmp_path):
    ds = read(write(tmp_path, ALL))
    alone = ds.sel(site="L1_obsr1_2021", season=1)
    assert alone["duration_minutes"].values[:2].tolist() == [60, 60]
    assert np.isnan(alone["duration_minutes"].values[2])
    assert alone["effort_distance_km"].values[:2].tolist() == [1.5, 0]  # stationary: 0
    assert alone["time_of_day"].values[0] == 6.5
    assert alone["day_of_year"].values.tolist() == [121, 128, 140]
    assert alone["protocol"].values.tolist() == ["Traveling", "Stationary", "Traveling"]
    assert ds["observer"].dims == ("site",)
    assert ds["year"].values.tolist() == [2021, 2021, 2021, 2022]
    assert ds["longitude"].values.tolist() == [8.1, 8.1, 8.2, 8.2]
    assert str(alone["visit_end"].values[0])[:16] == "2021-05-01T07:30"
    assert ds["duration_minutes"].attrs["missing"] == "drop visit"


def test_comments_are_never_written_out(tmp_path):
    ds = read(write(tmp_path, ALL))
    ds.to_netcdf(tmp_path / "data.nc")
    raw = (tmp_path / "data.nc").read_bytes() + json.dumps(ds.attrs).encode()
    assert b"quote never" not in raw
    with pytest.raises(SurveyError, match="never read"):
        read(write(tmp_path, '[visit_covariates.note]\ncolumn = "CHECKLIST COMMENTS"\n'))


def test_older_releases_have_other_words(tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "old").mkdir()
    older = [dict(r, **{"PROTOCOL NAME": f"eBird - {r['PROTOCOL NAME']} Count"}) for r in LISTS]
    more = ALL + 'protocols = ["Traveling"]\n'
    new = read(write(tmp_path / "new", more))
    old = read(write(tmp_path / "old", more, lists=older, words=OLD_WORDS))
    assert "eBird - Traveling Count" in old["protocol"].values
    xr.testing.assert_equal(new.drop_vars("protocol"), old.drop_vars("protocol"))


def test_lists_that_are_packed_are_read(tmp_path):
    import gzip

    folder = write(tmp_path, ALL)
    for name in ("ebd.txt", OURS):
        (folder / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
    plain = read(folder)
    toml = (folder / "study.toml").read_text().replace('.txt"', '.txt.gz"')
    (folder / "study.toml").write_text(toml)
    xr.testing.assert_equal(plain, read(folder))


LIMITS = {
    "years = [2021, 2021]": ("not of 2021-2021", 1),
    'days = ["05-05", "12-31"]': ("other days of the year", 2),
    'days = ["12-01", "05-10"]': ("other days of the year", 5),
    "box = [8.15, 46, 9, 47]": ("outside the box", 5),
    'protocols = ["stationary"]': ("other protocols", 7),
    "max_duration_minutes = 30": ("duration above 30 minutes", 7),
    "max_duration_minutes = 90": ("duration minutes blank", 1),
    "min_duration_minutes = 90": ("duration below 90 minutes", 7),
    "max_distance_km = 1": ("distance above 1 km", 6),
    "max_distance_km = 2": ("effort distance km blank", 1),
    "max_observers = 1": ("more than 1 observers", 0),
    "max_speed_kmh = 1": ("faster than 1 km/h", 6),
    'effort = "effort_distance_km"': ("effort distance km blank or 0", 2),
}


@pytest.mark.parametrize("line", LIMITS)
def test_each_limit_sets_checklists_aside_by_its_name(tmp_path, line):
    rule, n = LIMITS[line]
    more = ALL + line + "\n"
    if n == 7 and "blank" not in rule and "protocols" not in line:
        with pytest.raises(SurveyError, match="none is left"):
            read(write(tmp_path, more))
        return
    assert ledger(read(write(tmp_path, more))).n_aside(OURS, rule) == n


def test_blank_effort_passes_where_the_study_keeps_it(tmp_path):
    more = ALL + 'max_duration_minutes = 90\nblank_effort = "keep"\n'
    assert ledger(read(write(tmp_path, more))).n_used(OURS) == 7


def test_any_column_can_filter_and_any_can_be_a_covariate(tmp_path):
    lists = [dict(r, **{"STATE CODE": "CH-VS"}) if i > 5 else r for i, r in enumerate(LISTS)]
    more = ALL + '[ebird.where]\n"State code" = ["ch-ti"]\n'
    more += '[visit_covariates.county]\ncolumn = "COUNTY"\nmissing = "refuse"\n'
    more += '[visit_covariates.code]\ncolumn = "LATITUDE"\n'
    ds = read(write(tmp_path, more, lists=lists))
    assert ledger(ds).n_aside(OURS, "[ebird.where] State code") == 2
    assert ds["county"].dims == ("site", "season", "visit")
    assert ds["county"].values[0, 0, 0] == "Locarno"
    assert ds["county"].attrs["missing"] == "refuse"
    assert ds["code"].values[0, 0, 0] == 46.1


def test_unapproved_sightings_are_set_aside(tmp_path):
    seen = [dict(SEEN[0], APPROVED="0"), *SEEN[1:]]
    ds = read(write(tmp_path, ALL, seen=seen))
    assert ledger(ds).n_aside("ebd.txt", "not approved") == 1
    kept = read(write(tmp_path, ALL + "approved_only = false\n", seen=seen))
    assert float(kept["count"].max()) == 7
    assert ledger(kept).n_aside("ebd.txt", "not approved") == 0


def test_rows_that_stand_twice_count_once(tmp_path):
    once = read(write(tmp_path, ALL))
    again = read(write(tmp_path, ALL, lists=[*LISTS, LISTS[0]], seen=[*SEEN, SEEN[0]]))
    xr.testing.assert_equal(once, again)
    assert ledger(again).n_aside(OURS, "the same checklist again") == 1
    assert ledger(again).n_aside("ebd.txt", "the same sighting again") == 1
    with pytest.raises(SurveyError, match="the rows differ"):
        read(write(tmp_path, ALL, lists=[*LISTS, dict(LISTS[0], **{"DURATION MINUTES": "5"})]))


# --- sites and visits --------------------------------------------------------------------------


def crowd(n=15):
    return [checklist(f"S{i}", day=f"2021-05-{i:02d}") for i in range(1, n + 1)]


def test_a_crowded_site_keeps_the_first_or_a_lot_by_seed(tmp_path):
    lists = crowd()
    first = read(write(tmp_path, '[ebird]\ndraw = "first"\nmax_obs = 4\n', lists=lists))
    assert first["day_of_year"].values.ravel().tolist() == [121, 122, 123, 124]
    lots = {
        seed: tuple(
            read(write(tmp_path, f"[ebird]\nmax_obs = 4\nseed = {seed}\n", lists=lists))[
                "day_of_year"
            ].values.ravel()
        )
        for seed in (1, 2, 1)
    }
    assert lots[1] != lots[2]
    assert all(sorted(days) == list(days) and len(days) == 4 for days in lots.values())
    assert ledger(first).n_aside(OURS, "more than 4 visits to the site: not kept") == 11


def test_a_lot_does_not_depend_on_what_else_is_read(tmp_path):
    lists = crowd()
    more = "[ebird]\nmax_obs = 14\n"
    one = read(write(tmp_path, more, lists=lists))
    other = [checklist(f"S{i}", place="L2", day="2021-07-01") for i in (90, 91)]
    two = read(write(tmp_path, more, lists=[*other, *lists]))
    xr.testing.assert_equal(
        one["day_of_year"].squeeze("site", drop=True),
        two["day_of_year"].sel(site="L1_obsr1_2021").drop_vars("site"),
    )


def test_periods_of_closure(tmp_path):
    # Days 121, 150, 151 and 180: blocks of 30 days from the first.
    days = ["2021-05-01", "2021-05-30", "2021-05-31", "2021-06-29"]
    lists = [checklist(f"S{i}", day=d) for i, d in enumerate(days)]
    exact = read(write(tmp_path, ALL + "n_days = 30\n", lists=lists))
    assert exact["site"].values.tolist() == ["L1_obsr1_2021-0", "L1_obsr1_2021-1"]
    assert exact["effort"].notnull().sum(("season", "visit")).values.tolist() == [2, 2]
    auk = read(write(tmp_path, ALL + 'n_days = 30\nblocks = "auk"\n', lists=lists))
    assert auk["effort"].notnull().sum(("season", "visit")).values.tolist() == [1, 2, 1]
    more = ALL + 'n_days = 30\nclosure_as = "season"\n'
    seasons = read(write(tmp_path, more, lists=lists))
    assert seasons["site"].values.tolist() == ["L1_obsr1"]
    assert seasons["season"].values.tolist() == ["2021-0", "2021-1"]
    over_years = [*lists, checklist("S7", day="2022-05-01")]
    blocks = read(write(tmp_path, ALL + 'closure = "days"\nn_days = 30\n', lists=over_years))
    assert blocks["site"].values.tolist() == ["L1_obsr1_0", "L1_obsr1_1", "L1_obsr1_12"]
    assert blocks["year"].dims == ("site", "season", "visit")


def test_years_can_be_seasons(tmp_path):
    more = '[ebird]\nmin_obs = 1\nsite = ["locality_id"]\nclosure_as = "season"\n'
    ds = read(write(tmp_path, more))
    assert ds["site"].values.tolist() == ["L1", "L2"]
    assert ds["season"].values.tolist() == [2021, 2022]
    assert ds["effort"].notnull().sum("visit").values.tolist() == [[4, 0], [2, 1]]
    assert ds["observer"].dims == ("site", "season", "visit")
    assert "obsr1" in ds["observer"].values  # of a party the one whose copy is lowest


def test_localities_join_on_a_grid_of_the_earth(tmp_path):
    near = [
        checklist("S1", place="L7", LATITUDE="46.1", LONGITUDE="8.1"),
        checklist("S2", place="L8", LATITUDE="46.1001", LONGITUDE="8.1001"),
        checklist("S3", place="L9", LATITUDE="46.5", LONGITUDE="8.1"),
    ]
    ds = read(
        write(tmp_path, '[ebird]\nmin_obs = 1\nsite = ["locality_id"]\ngrid_km = 3\n', lists=near)
    )
    assert ds.sizes["site"] == 2
    assert ds["effort"].notnull().sum(("season", "visit")).values.tolist() == [2, 1]
    assert abs(float(ds["latitude"][0]) - 46.1) < 0.03
    assert abs(float(ds["longitude"][0]) - 8.1) < 0.04


def test_cells_of_the_grid_are_of_one_size_everywhere():
    lat = np.array([0.0, 46.3, -70.0, 89.9])
    lon = np.array([-180.0, 8.2, 179.999, 33.0])
    row, column, east, north = grid_cells(lon, lat, 10.0)
    assert (np.abs(north - lat) < 0.06).all()
    assert (np.abs(north) < 90).all()
    assert ((east >= -180) & (east <= 180)).all()
    around = 360 * 111.195 * np.cos(np.radians(north[:3]))
    cells = 2 * np.pi * 6371 * np.cos(np.radians(north[:3])) / np.round(around / 10)
    assert np.allclose(cells, 10, atol=0.1)
    assert len(set(zip(row.tolist(), column.tolist(), strict=True))) == 4


def test_a_table_of_sites_goes_by_the_locality(tmp_path):
    folder = write(tmp_path, ALL + '[files.sites]\npath = "places.csv"\n')
    (folder / "places.csv").write_text("site,forest\nL1,oak\nL2,fir\n")
    ds = read(folder)
    assert ds["forest"].values.tolist() == ["oak", "oak", "fir", "fir"]
    assert ds["longitude"].values.tolist() == [8.1, 8.1, 8.2, 8.2]


def test_species_go_by_either_name(tmp_path):
    ds = read(write(tmp_path, '[study]\nspecies = "great tit"\n' + ALL))
    assert ds["species"].values.tolist() == ["great tit"]
    assert ledger(ds).n_aside("ebd.txt", "other species") == 5
    common = read(write(tmp_path, ALL + 'names = "common"\n'))
    assert common["species"].values.tolist() == ["Eurasian Blackbird", "Great Tit"]
    lost = read(write(tmp_path, '[study]\nspecies = "Grat Tit"\n' + ALL))
    (told,) = (p for p in ledger(lost).problems if p.code == "W601")
    assert 'Did you mean "Great Tit"?' in told.fact
    assert int((lost["detection"] > 0).sum()) == 0


def test_names_are_joined_and_left_out_as_the_study_says(tmp_path):
    more = ALL + '[taxa]\nexclude = ["Parus major"]\nkeep_ranks = ["slash"]\n'
    ds = read(write(tmp_path, more))
    assert ds["species"].values.tolist() == ["Parus major/ater", "Turdus merula"]
    alias = read(write(tmp_path, ALL + '[taxa.alias]\n"Parus major/ater" = "Parus major"\n'))
    assert float((alias.sel(species="Parus major")["detection"] > 0).sum()) == 2


# --- what is refused ---------------------------------------------------------------------------


def refusal(folder, more="", **changes):
    with pytest.raises(SurveyError) as caught:
        read(write(folder, more, **changes))
    return caught.value


def test_without_the_sampling_file_no_absence_is_known(tmp_path):
    folder = write(tmp_path)
    toml = STUDY.replace('[files.sampling]\npath = "ebd_sampling.txt"\n', "")
    (folder / "study.toml").write_text(toml)
    with pytest.raises(SurveyError) as caught:
        read(folder)
    (problem,) = caught.value.problems
    assert problem.code == "E058"
    assert "zero-filling needs the Sampling Event Data file" in problem.fact
    assert "detections_only = true" in problem.cure
    (folder / "study.toml").write_text(toml + ALL + "detections_only = true\n")
    ds = read(folder)
    assert set(np.unique(ds["detection"].values[~np.isnan(ds["detection"].values)])) == {1}
    assert int((ds["detection"] > 0).sum()) == 4
    assert int(ds["effort"].notnull().sum()) == 4  # a checklist of which nothing is left is none


def test_a_checklist_of_the_sightings_must_be_in_the_sampling_file(tmp_path):
    stray = sighting(checklist("S77"), 9)
    error = refusal(tmp_path, ALL, seen=[*SEEN, stray])
    (problem,) = error.problems
    assert problem.code == "E059"
    assert problem.fact == f"ebd.txt, row 9: checklist S77 is not in {OURS}"
    assert "same release?" in problem.cure
    assert problem.more == "1 checklists in all"


def test_a_list_that_is_not_complete_is_refused_or_set_aside(tmp_path):
    lists = [*LISTS, checklist("S20", ALL_SPECIES_REPORTED="0")]
    (problem,) = refusal(tmp_path, ALL, lists=lists).problems
    assert problem.code == "E602"
    assert "1 of 9 checklists are not complete (first: row 10)" in problem.fact
    ds = read(write(tmp_path, ALL + 'incomplete = "drop"\n', lists=lists))
    assert ledger(ds).n_aside(OURS, "checklist not complete") == 1


BAD = {
    "OBSERVATION DATE": "2021-02-30",
    "LATITUDE": "146.1",
    "LONGITUDE": "",
    "DURATION MINUTES": "-5",
    "EFFORT DISTANCE KM": "far",
    "TIME OBSERVATIONS STARTED": "25:00",
    "ALL SPECIES REPORTED": "yes",
    "SAMPLING EVENT IDENTIFIER": "",
}


@pytest.mark.parametrize(("column", "value"), [*BAD.items(), ("DURATION MINUTES", "1e300")])
def test_a_value_that_cannot_be_is_told_by_its_row(tmp_path, column, value):
    lists = [*LISTS, checklist("S20", **{column: value})]
    (problem,) = refusal(tmp_path, ALL, lists=lists).problems
    assert (problem.code, problem.row, problem.column) == ("E601", 10, column)


def test_a_count_that_is_no_count_is_told_by_its_row(tmp_path):
    seen = [*SEEN, sighting(LISTS[0], 20, count="many"), sighting(LISTS[0], 21, count="0")]
    problems = refusal(tmp_path, ALL, seen=seen).problems
    assert [(p.row, p.column) for p in problems] == [
        (9, "OBSERVATION COUNT"),
        (10, "OBSERVATION COUNT"),
    ]


def test_a_file_that_breaks_off_is_told_by_its_row(tmp_path):
    folder = write(tmp_path, ALL)
    whole = (folder / OURS).read_text()
    (folder / OURS).write_text(whole[: whole.rindex("obsr2")])
    with pytest.raises(SurveyError, match="row 9: the row has another number of values"):
        read(folder)


def test_files_that_are_swapped_or_spoilt_are_told(tmp_path):
    folder = write(tmp_path)
    (folder / "study.toml").write_text(STUDY.replace("ebd_sampling", "ebd"))
    with pytest.raises(SurveyError, match="holds sightings, not sampling events"):
        read(folder)
    toml = STUDY.replace('"ebd.txt"', f'"{OURS}"')
    (folder / "study.toml").write_text(toml)
    with pytest.raises(SurveyError, match="easily swapped"):
        read(folder)
    (folder / OURS).write_text("a,b\n1,2\n")
    (folder / "study.toml").write_text(STUDY)
    with pytest.raises(SurveyError, match="parted by tabs"):
        read(folder)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('site = ["locality"]', "locality_id"),
        ('site = ["observer_id"]', "names no place"),
        ("years = [2022]", "years = "),
        ("years = [2022, 2021]", "years = "),
        ('days = ["05-32", "06-01"]', 'days = ["05-15"'),
        ("box = [1, 2, 3]", "west"),
        ('closure = "days"', "n_days = 30"),
        ("max_obs = 1", "below min_obs"),
        ("grid_km = 0", "0.01 to 5000"),
        ('protocols = ["Travelling"]', 'Did you mean "Traveling"?'),
        ("max_speed_kmh = -1", "above 0"),
        ("speed = 1", "not known"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(tmp_path, line, told):
    assert told in str(refusal(tmp_path, f"[ebird]\n{line}\n"))


def test_keys_without_effect_are_refused(tmp_path):
    folder = write(tmp_path)
    toml = STUDY.replace('path = "ebd.txt"', 'path = "ebd.txt"\nseparator = ";"')
    (folder / "study.toml").write_text(toml)
    with pytest.raises(SurveyError, match="has no effect on files of eBird"):
        read(folder)
    (folder / "study.toml").write_text(STUDY.replace('"ebird"', '"long"') + "[ebird]\nseed = 3\n")
    with pytest.raises(SurveyError) as caught:
        read(folder)
    assert "E408" in caught.value.codes


def test_no_site_with_repeats_says_what_to_do(tmp_path):
    (problem,) = refusal(tmp_path, lists=LISTS[:1], seen=SEEN[:1]).problems
    assert problem.code == "E605"
    assert "grid_km" in problem.cure


# --- a first study file ----


def guessed(folder, names=("ebd.txt", OURS)):
    (folder / "study.toml").unlink()
    text_of_study = guess([folder / name for name in names])
    (folder / "study.toml").write_text(text_of_study, encoding="utf-8")
    return tomllib.loads(text_of_study), read(folder)


def test_files_of_ebird_are_known_and_read(tmp_path):
    study, ds = guessed(write(tmp_path))
    assert study["source"]["format"] == "ebird"
    assert study["files"]["detections"]["path"] == "ebd.txt"
    assert study["files"]["sampling"]["path"] == OURS
    assert study["ebird"]["max_speed_kmh"] == 100
    assert study["ebird"]["incomplete"] == "drop"
    assert "species" not in study["study"]
    assert ds.sizes["site"] == 2
    assert "scale(duration_minutes)" not in study["model"]["main"]["p"]  # 60 everywhere


def test_a_first_study_is_widened_until_it_can_be_read(tmp_path):
    lists = [dict(r, **{"PROTOCOL NAME": "Historical", "LOCALITY ID": "L1"}) for r in LISTS[5:7]]
    lists[1]["OBSERVER ID"] = "obsr9"
    study, ds = guessed(write(tmp_path, lists=lists))
    assert "protocols" not in study["ebird"]
    assert study["ebird"]["site"] == ["locality_id"]
    assert study["ebird"]["min_obs"] == 2
    assert int(ds["effort"].notnull().sum()) == 2
    study, ds = guessed(write(tmp_path, lists=lists[:1]))
    assert study["ebird"]["min_obs"] == 1


def test_a_first_study_without_the_sampling_file_says_what_is_missing(tmp_path):
    study, _ = guessed(write(tmp_path), ["ebd.txt"])
    assert study["ebird"]["detections_only"] is True
    assert "Ask eBird for it" in (tmp_path / "study.toml").read_text()


def test_a_table_of_localities_beside_them_is_taken(tmp_path):
    folder = write(tmp_path)
    (folder / "places.csv").write_text("site,forest\nL1,3\nL2,4\n")
    study, ds = guessed(folder, ["ebd.txt", OURS, "places.csv"])
    assert study["files"]["sites"]["path"] == "places.csv"
    assert ds["forest"].values.tolist() == [3, 4]


def joined_in_parts(folder):
    """The sightings in two files with a header each, and the same under each other in one."""
    head, *rows = (folder / "ebd.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    half = len(rows) // 2
    parts = "".join([head, *rows[:half]]), "".join([head, *rows[half:]])
    for i, part in enumerate(parts, start=1):
        (folder / f"ebd{i}.txt").write_text(part, encoding="utf-8")
    (folder / "both.txt").write_text("".join(parts), encoding="utf-8")


def test_sightings_in_several_files_are_read_together(tmp_path):
    whole = read(write(tmp_path))
    joined_in_parts(tmp_path)
    study, several = guessed(tmp_path, ["ebd1.txt", "ebd2.txt", OURS])
    assert study["files"]["detections"]["path"] == ["ebd1.txt", "ebd2.txt"]
    _, one = guessed(tmp_path, ["both.txt", OURS])
    _, first = guessed(tmp_path, ["ebd.txt", OURS])
    for other in (several, one):
        xr.testing.assert_equal(other, first)
    assert ledger(one).n_aside("both.txt", "the column names again") == 1
    assert ledger(one).n_read("both.txt") == ledger(whole).n_read("ebd.txt") + 1
    lines = (tmp_path / "ebd2.txt").read_text(encoding="utf-8").split("\n")
    cells = lines[1].split("\t")
    cells[EBD_HEADER.index("OBSERVATION COUNT")] = "-1"
    lines[1] = "\t".join(cells)
    (tmp_path / "ebd2.txt").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "study.toml").write_text(
        STUDY.replace('"ebd.txt"', '["ebd1.txt", "ebd2.txt"]'), encoding="utf-8"
    )
    with pytest.raises(SurveyError, match=r"row 2 of ebd2\.txt, column OBSERVATION COUNT"):
        read(tmp_path)


def test_a_download_may_stay_packed(tmp_path):
    plain_ = read(write(tmp_path))
    with zipfile.ZipFile(tmp_path / "ebd.zip", "w", zipfile.ZIP_DEFLATED) as out:
        for name in ("ebd.txt", OURS):
            out.write(tmp_path / name, name)
        out.writestr("terms_of_use.txt", "cite it")
    packed = STUDY.replace('"ebd.txt"', '"ebd.zip"').replace(f'"{OURS}"', '"ebd.zip"')
    (tmp_path / "study.toml").write_text(packed, encoding="utf-8")
    xr.testing.assert_equal(read(tmp_path), plain_)
    _, ds = guessed(tmp_path, ["ebd.zip"])
    assert ds.sizes["site"] == 2


def test_tables_that_other_software_wrote_of_them(tmp_path):
    whole = read(write(tmp_path))
    for name in ("ebd.txt", OURS):
        lines = (tmp_path / name).read_text(encoding="utf-8").splitlines()
        rows = [[v or "NA" for v in line.split("\t")] for line in lines]
        rows[0] = [h.lower().replace(" ", "_") for h in lines[0].split("\t")]
        with (tmp_path / name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
    xr.testing.assert_equal(read(tmp_path), whole)


def test_checklists_alone_are_told_as_such(tmp_path):
    write(tmp_path)
    with pytest.raises(SurveyError, match="is the list of checklists of eBird"):
        guess([tmp_path / OURS])


# --- order -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_order_of_rows_and_columns_changes_nothing(tmp_path, seed):
    more = "[ebird]\nmax_obs = 3\nn_days = 60\n"
    lists = [*LISTS, *crowd(), *[dict(r, **{"LOCALITY ID": "L3"}) for r in LISTS if r]]
    lists = [dict(r, **{"SAMPLING EVENT IDENTIFIER": f"S{i}"}) for i, r in enumerate(lists)]
    seen = [sighting(r, i, count=str(i % 4 or "X")) for i, r in enumerate(lists) if i % 3]
    plain = read(write(tmp_path, more, lists=lists, seen=seen))
    rng = random.Random(seed)
    for rows in (lists, seen):
        rng.shuffle(rows)
    folder = write(tmp_path, more)
    for name, header, rows in (("ebd.txt", EBD_HEADER, seen), (OURS, SAMPLING_HEADER, lists)):
        columns = list(header[:-1])
        rng.shuffle(columns)
        (folder / name).write_text(text([*columns, ""], rows))
    xr.testing.assert_identical(plain.drop_attrs(deep=False), read(folder).drop_attrs(deep=False))
