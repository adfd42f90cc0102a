"""Wide and long tables become the Dataset that the field sheet means."""

import json
from collections import Counter

import numpy as np
import pytest
from spoilt_studies import ledger_of, put, refusal, tables

from surveys import read
from surveys.guess import guess
from surveys.ledger import Ledger
from surveys.problems import SurveyError

HEAD = 'schema = 1\n[files.detections]\npath = "detections.csv"\n'
LONG = 'schema = 1\n[source]\nformat = "long"\n[files.detections]\npath = "detections.csv"\n'
RECORDS = LONG + '[files.visits]\npath = "visits.csv"\n'


def laid(folder, toml, **files):
    return put(folder, toml, tables(files))


def load(*args, **changes):
    return read(laid(*args, **changes))


def refused(*args, **changes):
    return refusal(laid(*args, **changes))


# --- wide ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header", ["y.1,y.2", "v1,v2", "visit_1,visit_2", "Visit 1,Visit 2", "1,2", "X1,X2", "o1,o2"]
)
def test_wide__visits_are_known_by_their_names(tmp_path, header):
    ds = load(tmp_path, HEAD, detections=f"site,{header}\nA,0,1\nB,,0\n")
    assert ds["detection"].values[0, :, 0].tolist()[0] == [0, 1]
    assert np.isnan(ds["detection"].sel(site="B", visit=1)).all()
    assert np.isnan(ds["effort"].sel(site="B", visit=1)).all()


@pytest.mark.parametrize("header", ["s1999v1,s2000v1,s2000v2", "y.1999.1,y.2000.1,y.2000.2"])
def test_wide__seasons_in_the_header(tmp_path, header):
    ds = load(tmp_path, HEAD, detections=f"site,{header}\nA,1,0,1\n")
    assert ds["season"].values.tolist() == [1999, 2000]
    assert ds["detection"].sel(season=2000).values.ravel().tolist() == [0, 1]
    assert np.isnan(ds["detection"].sel(season=1999, visit=2)).all()


def test_wide__season_and_species_in_columns(tmp_path):
    text = "species,site,year,v1\nfox,A,2020,1\nfox,A,2021,0\nhare,A,2020,0\nhare,A,2021,\n"
    columns = 'columns = { species = "species", season = "year" }\n'
    ds = load(tmp_path, HEAD + columns, detections=text)
    assert ds["season"].values.tolist() == [2020, 2021]
    assert ds["detection"].sel(species="fox").values.ravel().tolist() == [1, 0]
    hare = ds["detection"].sel(species="hare", season=2021)
    assert np.isnan(hare).all()
    assert ds["effort"].sel(season=2021).item() == 1


def test_wide__covariates_in_the_same_file(tmp_path):
    text = "site,y.1,y.2,elev,bio12,forest,date.1,date.2,sky.1,sky.2\n"
    text += "A,0,1,100,7,oak,5,6,clear,rain\nB,1,0,200,8,,7,8,rain,clear\n"
    ds = load(tmp_path, HEAD, detections=text)
    assert ds["elev"].dims == ("site",)
    assert ds["bio12"].values.tolist() == [7, 8]
    assert ds["forest"].values.tolist() == ["oak", ""]
    assert ds["date"].values[:, 0].tolist() == [[5, 6], [7, 8]]
    assert ds["sky"].sel(site="A").values.ravel().tolist() == ["clear", "rain"]
    assert ds["date"].attrs["role"] == "covariate"


def test_wide__covariates_from_tables_of_the_same_layout(tmp_path):
    toml = HEAD + '[visit_covariates.day]\npath = "visit_day.csv"\nunits = "day"\n'
    toml += '[covariates.elev]\npath = "elev.csv"\ncolumn = "metres"\nunits = "m"\n'
    ds = load(
        tmp_path,
        toml,
        detections="site,v1,v2\nA,0,1\nB,1,0\n",
        visit_day="site,v1,v2\nB,3,4\nA,1,2\n",
        elev="site,metres\nB,20\nA,10\n",
    )
    assert ds["day"].values[:, 0].tolist() == [[1, 2], [3, 4]]
    assert ds["day"].attrs["units"] == "day"
    assert ds["elev"].values.tolist() == [10, 20]
    assert ds["elev"].attrs["units"] == "m"


def test_wide__dates_of_visits_become_days_of_the_year(tmp_path):
    text = "site,v1,v2,date.v1,date.v2\nA,0,1,2021-05-01,2021-12-31\n"
    ds = load(tmp_path, HEAD, detections=text)
    assert ds["date"].values.ravel().tolist() == [121, 365]
    assert ds["date"].attrs["units"] == "day of the year"
    assert str(ds["visit_start"].values.ravel()[0])[:10] == "2021-05-01"


MISSING = {"detections": "site,v1,v2,wind.v1,wind.v2\nA,0,1,3,\nB,1,,,\nC,0,0,1,2\n"}


def test_missing_visit_covariate__the_policy_must_be_told(tmp_path):
    error = refused(tmp_path, HEAD, **MISSING)
    assert error.codes == ("E552",)
    text = str(error)
    assert 'detections.csv, rows 2-3: "wind" is missing on 2 visits that were made' in text
    assert 'site "A", visit 2' in text
    pasted = [line.strip() for line in text.splitlines()][-2:]
    assert pasted == ["[visit_covariates.wind]", 'missing = "drop visit"']
    ds = load(tmp_path, HEAD + "\n".join(pasted) + "\n", **MISSING)
    assert ds["detection"].sel(site="C").notnull().all()
    assert np.isnan(ds["detection"].sel(site="A", visit=2)).all()
    assert ds.sizes["site"] == 3
    (note,) = [n for n in ledger_of(ds).cell_notes if "wind missing" in n["rule"]]
    assert note["n"] == 2


def test_missing_visit_covariate__refuse_leaves_it_to_the_model(tmp_path):
    toml = HEAD + '[visit_covariates.wind]\nmissing = "refuse"\n'
    ds = load(tmp_path, toml, **MISSING)
    assert int(ds["detection"].notnull().sum()) == 5
    assert ds["wind"].attrs["missing"] == "refuse"


def test_wide__a_covariate_where_nobody_went_is_only_noted(tmp_path):
    ds = load(tmp_path, HEAD, detections="site,v1,v2,w.v1,w.v2\nA,0,,3,4\nB,1,0,1,2\n")
    assert [p.code for p in ledger_of(ds).problems] == ["N510"]
    assert np.isnan(ds["w"].sel(site="A", visit=2)).all()


def test_wide__counts_are_kept_and_told(tmp_path):
    ds = load(tmp_path, HEAD, detections="site,v1,v2\nA,0,5\nB,2,0\n")
    assert ds["detection"].values[0, :, 0].tolist() == [[0, 1], [1, 0]]
    assert ds["count"].values[0, :, 0].tolist() == [[0, 5], [2, 0]]
    assert [p.code for p in ledger_of(ds).problems] == ["R511"]
    toml = HEAD + '[detections]\nvalues = "state"\n'
    ds = load(tmp_path, toml, detections="site,v1,v2\nA,0,2\nB,1,0\n")
    assert "count" not in ds
    assert ds["detection"].max() == 2


def test_wide__order_of_rows_and_columns_changes_nothing(tmp_path):
    one = load(tmp_path, HEAD, detections="site,v1,v2,elev\nA2,0,1,5\nA10,1,,6\n")
    two = load(tmp_path, HEAD, detections="elev,v2,site,v1\n6,,A10,1\n5,1,A2,0\n")
    assert one["site"].values.tolist() == ["A2", "A10"]
    assert one.drop_attrs().identical(two.drop_attrs())


def test_wide__never_visited_sites_stay(tmp_path):
    ds = load(tmp_path, HEAD, detections="site,v1,v2\nA,0,1\nB,,\n")
    assert ds["site"].values.tolist() == ["A", "B"]
    assert np.isnan(ds["effort"].sel(site="B")).all()


def test_wide__effort(tmp_path):
    text = "site,y.1,y.2,effort.1,effort.2\nA,0,1,3,2.5\nB,1,,1,\n"
    ds = load(tmp_path, HEAD + '[effort]\nunit = "days"\n', detections=text)
    assert ds["effort"].sel(site="A").values.ravel().tolist() == [3, 2.5]
    assert ds["effort"].attrs["units"] == "days"


def test_sites_that_only_the_sites_table_knows_are_left_out_and_told(tmp_path):
    toml = HEAD + '[files.sites]\npath = "sites.csv"\n'
    ds = load(tmp_path, toml, detections="site,v1\nA,1\nB,0\n", sites="site,elev\nA,1\nB,2\nC,3\n")
    assert ds["site"].values.tolist() == ["A", "B"]
    account = ledger_of(ds)
    assert "W554" in [p.code for p in account.problems]
    assert account.n_aside("sites.csv") == 1
    account.balance()


def test_a_word_among_numbers_is_no_category(tmp_path):
    text = "site,v1,elev\nA,1,100\nB,0,high\nC,0,300\n"
    error = refused(tmp_path, HEAD, detections=text)
    assert error.codes == ("E046",)
    assert 'row 3, column elev: "high" is not a number' in str(error)
    toml = HEAD + '[covariates.elev]\ntype = "factor"\n'
    ds = load(tmp_path, toml, detections=text)
    assert ds["elev"].values.tolist() == ["100", "high", "300"]


def test_season_covariates__for_all_sites_and_site_by_site(tmp_path):
    toml = HEAD + '[season_covariates.mast]\npath = "years.csv"\n'
    toml += '[season_covariates.snow]\npath = "snow.csv"\n'
    ds = load(
        tmp_path,
        toml,
        detections="site,s2019v1,s2020v1\nA,0,1\nB,1,0\n",
        years="season,mast\n2019,low\n2020,high\n2021,low\n",
        snow="site,season,snow\nB,2020,7\nA,2019,5\n",
    )
    assert ds["mast"].values.tolist() == [["low", "high"], ["low", "high"]]
    assert ds["snow"].sel(site="A", season=2019).item() == 5
    assert ds["snow"].sel(site="B", season=2020).item() == 7
    assert int(ds["snow"].isnull().sum()) == 2
    error = refused(tmp_path, toml.replace("snow.csv", "years.csv"))
    assert 'no column "snow"' in str(error)


def test_tables_may_lie_in_a_folder_of_the_source(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "detections.csv").write_text("site,v1\nA,1\nB,0\n")
    ds = load(tmp_path, HEAD + '[source]\npath = "raw"\n')
    assert ledger_of(ds).files == ("raw/detections.csv",)


# --- long ------------------------------------------------------------------------------------


def test_long__one_row_for_each_visit(tmp_path):
    text = "site,date,detected,wind,elev\nA,2021-05-09,1,3,100\nA,2021-05-01,0,2,100\n"
    text += "B,2021-05-02,0,1,200\n"
    ds = load(tmp_path, LONG, detections=text)
    assert ds["detection"].sel(site="A").values.ravel().tolist() == [0, 1]
    assert ds["wind"].sel(site="A").values.ravel().tolist() == [2, 3]
    assert ds["elev"].dims == ("site",)
    assert ds["day_of_year"].sel(site="B", visit=1).item() == 122


def test_long__visit_numbers_and_effort(tmp_path):
    text = "site,season,visit,count,effort\nA,2020,1,0,2\nA,2020,3,4,1\nA,2021,1,0,1\n"
    ds = load(tmp_path, LONG, detections=text)
    assert ds.sizes["visit"] == 3
    assert np.isnan(ds["detection"].sel(season=2020, visit=2)).all()
    assert ds["count"].sel(season=2020, visit=3).item() == 4
    assert ds["effort"].sel(season=2020, visit=1).item() == 2


def test_long__a_visit_in_two_rows_is_refused(tmp_path):
    error = refused(tmp_path, LONG, detections="site,visit,detection\nA,1,0\nA,1,1\n")
    assert 'rows 2-3: visit 1 of site "A" stands in 2 rows' in str(error)


def test_long__records_alone_give_no_zeros(tmp_path):
    error = refused(tmp_path, LONG, detections="site,date,species\nA,2021-05-01,fox\n")
    assert error.codes == ("E510",)
    assert "[files.visits]" in str(error)
    error = refused(tmp_path, LONG, detections="site,date,species,count\nA,2021-05-01,fox,2\n")
    assert error.codes == ("E510",)


def test_long__a_blank_species_is_a_visit_with_nothing_seen(tmp_path):
    text = "site,date,species,count\nA,2021-05-01,fox,2\nA,2021-05-02,none,\n"
    text += "B,2021-05-01,hare,1\nB,2021-05-03,,0\n"
    ds = load(tmp_path, LONG, detections=text)
    assert ds["species"].values.tolist() == ["fox", "hare"]
    assert ds["detection"].sel(species="fox", site="A").values.ravel().tolist() == [1, 0]
    assert ds["detection"].sel(species="hare", site="A").values.ravel().tolist() == [0, 0]


VISITS = "site,date,effort\nA,2021-05-01,1\nA,2021-05-08,2\nB,2021-05-02,1\n"
SEEN = "site,date,species,count\nA,2021-05-08,fox,2\nA,2021-05-08,Fox,1\nB,2021-05-02,human,1\n"


def test_records__zeros_come_from_the_visits(tmp_path):
    ds = load(tmp_path, RECORDS, detections=SEEN, visits=VISITS)
    assert ds["species"].values.tolist() == ["fox"]
    assert ds["detection"].sel(site="A").values.ravel().tolist() == [0, 1]
    assert ds["count"].sel(site="A", visit=2).item() == 3
    assert ds["detection"].sel(site="B", visit=1).item() == 0
    assert ds["effort"].sel(site="A", visit=2).item() == 2
    account = ledger_of(ds)
    assert account.n_aside("detections.csv", "not a species: human") == 1
    account.balance()


def test_records__on_a_visit_never_made(tmp_path):
    text = SEEN + "B,2021-06-02,fox,1\n"
    error = refused(tmp_path, RECORDS, detections=text, visits=VISITS)
    assert error.codes == ("E049",)
    assert "detections.csv, row 5" in str(error)
    toml = RECORDS + '[checks]\ndetection_without_effort = "drop"\n'
    ds = load(tmp_path, toml, detections=text, visits=VISITS)
    assert ledger_of(ds).n_aside("detections.csv", "detection without effort") == 1


def test_records__none_at_all_when_said_so(tmp_path):
    toml = RECORDS + '[study]\nspecies = "lynx"\n[detections]\nnone = true\n'
    ds = load(tmp_path, toml, detections="site,date,species\n", visits=VISITS)
    assert ds["species"].values.tolist() == ["lynx"]
    assert float(ds["detection"].sum()) == 0
    assert int(ds["detection"].notnull().sum()) == 3


def test_taxa__alias_and_exclude(tmp_path):
    toml = RECORDS + '[taxa]\nexclude = ["Dog"]\n[taxa.alias]\n"V. vulpes" = "fox"\n'
    text = "site,date,species\nA,2021-05-01,V. vulpes\nA,2021-05-08,fox\nB,2021-05-02,dog\n"
    ds = load(tmp_path, toml, detections=text, visits=VISITS)
    assert ds["species"].values.tolist() == ["fox"]
    assert ds["detection"].sel(site="A").values.ravel().tolist() == [1, 1]


def test_long__missing_visit_covariate(tmp_path):
    text = "site,visit,detection,wind\nA,1,0,2\nA,2,1,\nB,1,1,3\nB,2,0,4\n"
    error = refused(tmp_path, LONG, detections=text)
    assert "detections.csv, row 3, column wind: missing on 1 visit that was made" in str(error)
    toml = LONG + '[visit_covariates.wind]\nmissing = "drop visit"\n'
    ds = load(tmp_path, toml, detections=text)
    assert np.isnan(ds["detection"].sel(site="A", visit=2)).all()
    assert ledger_of(ds).n_aside("detections.csv") == 1


def test_long__rows_of_one_visit_must_agree(tmp_path):
    text = (
        "site,visit,species,detection,wind\nA,1,fox,0,2\nA,1,hare,1,{}\nB,1,fox,0,5\nB,1,hare,0,\n"
    )
    error = refused(tmp_path, LONG, detections=text.format(3))
    assert error.codes == ("E537",)
    assert 'rows 2-3: "wind" differs within visit 1 of site "A" (2, 3)' in str(error)
    ds = load(tmp_path, LONG, detections=text.format(2))
    assert ds["wind"].sel(site="B").item() == 5  # given in one of the rows of the visit


def test_long__effort_must_be_told_where_there_is_a_column_of_it(tmp_path):
    text = "site,visit,detection,effort\nA,1,0,\nA,2,1,2\nB,1,0,0\n"
    error = refused(tmp_path, LONG, detections=text)
    assert error.codes == ("E551",)
    assert "detections.csv, row 2: the effort is blank" in str(error)
    ds = load(tmp_path, LONG, detections=text.replace("A,1,0,", "A,1,0,1"))
    assert np.isnan(ds["detection"].sel(site="B")).all()
    (note,) = [n for n in ledger_of(ds).cell_notes if n["rule"] == "effort 0: no visit"]
    assert note["places"] == ['site "B", visit 1']


def test_long__a_detection_without_effort_is_told_or_set_aside(tmp_path):
    text = "site,visit,detection,effort\nA,1,0,1\nA,2,1,0\nB,1,1,2\n"
    error = refused(tmp_path, LONG, detections=text)
    assert error.codes == ("E049",)
    assert "detections.csv, row 3" in str(error)
    toml = LONG + '[checks]\ndetection_without_effort = "drop"\n'
    ds = load(tmp_path, toml, detections=text)
    assert ledger_of(ds).n_aside("detections.csv", "detection without effort") == 1
    assert np.isnan(ds["detection"].sel(site="A").values[..., 1:]).all()


@pytest.mark.parametrize("line", ['separator = "::"', "header_row = 0", 'encoding = "klingon"'])
def test_ways_of_reading_that_no_table_has_are_refused(tmp_path, line):
    error = refused(tmp_path, HEAD + line + "\n", detections="site,v1\nA,1\n")
    assert set(error.codes) <= {"E405", "E003"}


def test_several_species_need_a_column(tmp_path):
    toml = HEAD + '[study]\nspecies = ["fox", "hare"]\n'
    error = refused(tmp_path, toml, detections="site,v1\nA,1\nB,0\n")
    assert error.codes == ("E536",)


# --- guessing --------------------------------------------------------------------------------


def test_guess__reads_without_edits_and_says_why(tmp_path):
    (tmp_path / "detections.csv").write_text("Station;v1;v2\nA;0;1\nB;1;0\n")
    (tmp_path / "sites.csv").write_text("Station;lat;lon;elev\nA;46,8;8,2;5\nB;46,9;8,4;7\n")
    (tmp_path / "visit_wind.csv").write_text("Station;v1;v2\nA;1,5;2\nB;;4\n")
    text = guess([tmp_path / f"{n}.csv" for n in ("detections", "sites", "visit_wind")])
    assert "# columns v1 to v2 hold 0, 1: one column for each visit" in text
    (tmp_path / "study.toml").write_text(text)
    ds = read(tmp_path)
    assert {"elev", "wind", "latitude"} <= set(ds.variables)
    assert "[visit_covariates.wind]" in text
    assert 'missing = "drop visit"' in text
    assert int(ds["detection"].notnull().sum()) == 3


def test_guess__metres_leave_a_line_to_be_set(tmp_path):
    (tmp_path / "detections.csv").write_text("site,v1\nA,0\nB,1\n")
    (tmp_path / "coordinates.csv").write_text("site,x,y\nA,280000,4868400\nB,280900,4868400\n")
    files = [tmp_path / "detections.csv", tmp_path / "coordinates.csv"]
    text = guess(files)
    (marked,) = [line for line in text.splitlines() if "<-- SET THIS" in line]
    assert marked.startswith('crs = "unknown"')
    (tmp_path / "study.toml").write_text(text)
    ds = read(tmp_path)
    assert "latitude" not in ds
    assert int(ds["detection"].sum()) == 1
    (told,) = [p for p in ledger_of(ds).problems if p.code == "W026"]
    assert "columns x, y are not used" in told.fact
    (tmp_path / "study.toml").write_text(text.replace('crs = "unknown"', "#"))
    with pytest.raises(SurveyError) as error:
        read(tmp_path)
    assert error.value.codes == ("E026",)
    (tmp_path / "study.toml").write_text(guess(files, crs="EPSG:32619"))
    assert read(tmp_path)["latitude"].values == pytest.approx([43.93, 43.93], abs=0.02)


def test_guess__records_beside_visits(tmp_path):
    (tmp_path / "records.csv").write_text(SEEN)
    (tmp_path / "visits.csv").write_text(VISITS)
    text = guess([tmp_path / "records.csv", tmp_path / "visits.csv"])
    assert "[files.visits]" in text
    (tmp_path / "study.toml").write_text(text)
    assert float(read(tmp_path)["detection"].sum()) == 1


def test_guess__nothing_that_looks_like_detections(tmp_path):
    (tmp_path / "a.csv").write_text("name,colour\nx,red\ny,blue\n")
    with pytest.raises(SurveyError) as error:
        guess([tmp_path / "a.csv"])
    assert error.value.codes == ("E411",)


def test_guess__tables_of_other_ids_are_not_taken_for_sites(tmp_path):
    (tmp_path / "a_model.csv").write_text("parameter,se\npsi(Int),0.2\np(Int),0.1\n")
    (tmp_path / "detections.csv").write_text("site,v1,v2\nA,0,1\nB,1,0\n")
    (tmp_path / "sites.csv").write_text("site,elev\nA,5\nB,7\n")
    text = guess(sorted(tmp_path.glob("*.csv")))
    assert 'path = "sites.csv"' in text
    assert "# not used: a_model.csv" in text


def test_guess__first_model_scales_numbers_whatever_the_place_of_their_table(tmp_path):
    (tmp_path / "detections.csv").write_text("site,v1,v2\nA,0,1\nB,1,0\nC,1,0\n")
    (tmp_path / "places.csv").write_text(
        "site,x,y\nA,280000,4868400\nB,280900,4868400\nC,280100,4868400\n"
    )
    (tmp_path / "sites.csv").write_text("site,elev,burnt,id2\nA,5,0,q\nB,7,1,q\nC,8,1,q\n")
    files = [tmp_path / f"{n}.csv" for n in ("detections", "places", "sites")]
    text = guess(files)  # the CRS is yet to be set, and the covariates are known all the same
    assert 'psi = "scale(elev) + burnt"' in text
    assert "[model.main]" in text


def test_guess__several_seasons_leave_a_model_that_can_be_fitted(tmp_path):
    (tmp_path / "detections.csv").write_text(
        "site,y2019.1,y2019.2,y2020.1,y2020.2\nA,0,1,0,1\nB,1,0,0,0\n"
    )
    text = guess([tmp_path / "detections.csv"])
    assert 'family = "single_season"\nseason = 2020' in text


def test_sites__none_known_is_one_problem_not_one_for_each(tmp_path):
    rows = "".join(f"S{i},0,1\n" for i in range(50))
    (tmp_path / "detections.csv").write_text("site,v1,v2\n" + rows)
    (tmp_path / "sites.csv").write_text("site,elev\n" + "".join(f"{i},{i}\n" for i in range(50)))
    (tmp_path / "study.toml").write_text(
        'schema = 1\n[study]\nspecies = "a"\n[files.detections]\npath = "detections.csv"\n'
        'columns = { site = "site" }\n[files.sites]\npath = "sites.csv"\n'
        'columns = { site = "site" }\n'
    )
    with pytest.raises(SurveyError, match="none of its 50 sites") as error:
        read(tmp_path)
    assert len(error.value.problems) == 1


# --- reference files -------------------------------------------------------------------------


@pytest.fixture
def shared(pytestconfig):
    folder = pytestconfig.rootpath.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the reference files are not beside the repository")
    return folder


def guessed(tmp_path, files, **keys):
    (tmp_path / "study.toml").write_text(guess(files, folder=tmp_path, **keys))
    return read(tmp_path)


@pytest.mark.reference
def test_reference__crossbill_1999(tmp_path, shared):
    folder = shared / "reference" / "crossbill_1999"
    names = ("detections.csv", "site_covariates.csv", "visit_date.csv")
    ds = guessed(tmp_path, [folder / n for n in names])
    assert dict(ds.sizes) == {"species": 1, "site": 267, "season": 1, "visit": 3}
    visited = ds["detection"].notnull().any(["species", "season", "visit"])
    assert int((~visited).sum()) == 22  # sites not visited in 1999, as the source says
    assert ds["ele"].mean().item() == pytest.approx(1189.32584269663)
    assert {"forest", "date"} <= set(ds.variables)


@pytest.mark.reference
def test_reference__hubbard_brook(tmp_path, shared):
    folder = shared / "reference" / "hbef2015"
    names = ("site_covariates", "coordinates", "visit_day", "visit_tod")
    files = [folder / f"{n}.csv" for n in names]
    ds = guessed(tmp_path, [folder / "detections_OVEN.csv", *files], crs="EPSG:32619")
    assert ds.sizes["site"] == 373
    assert ds["species"].values.tolist() == ["OVEN"]
    assert {"elevation", "day", "tod", "latitude"} <= set(ds.variables)
    many = guessed(tmp_path, [folder / "detections.csv", *files], crs="EPSG:32619")
    assert many.sizes["species"] == 12
    assert many["detection"].sel(species="OVEN").equals(ds["detection"].sel(species="OVEN"))


@pytest.mark.reference
def test_reference__crossbill_nine_seasons(tmp_path, shared):
    folder = shared / "reference" / "crossbill"
    names = ("detections.csv", "site_covariates.csv", "visit_date.csv")
    ds = guessed(tmp_path, [folder / n for n in names])
    assert ds["season"].values.tolist() == list(range(1999, 2008))


@pytest.mark.reference
def test_reference__tables_of_modelling_programs(tmp_path, shared):
    folder = shared / "data" / "unmarked_csv"
    expected = json.loads((folder / "expected.json").read_text())
    for name in ("frog2001pcru.csv", "frog2001pfer.csv"):
        ds = guessed(tmp_path, [folder / name])
        wanted = expected[name]
        ledger = Ledger.from_json(ds.attrs["ledger"])
        made = ds["detection"].notnull().isel(species=0, season=0)
        found = ds["detection"].max(["season", "visit"])
        assert ledger.n_read() == ledger.n_used() == wanted["rows"]
        assert ds.sizes["site"] == wanted["sites"]
        assert ds.sizes["visit"] == wanted["visits_max"]
        by_site = Counter(str(int(n)) for n in made.sum("visit").values)
        assert by_site == wanted["visits_by_site"]
        assert int(made.sum()) == wanted["rows"] - wanted["missing_response"]
        assert int(ds["detection"].sum()) == wanted["detections_over_0"]
        assert int(found.sum()) == wanted["sites_detected"]
        assert round(found.mean().item(), 4) == wanted["naive_occupancy"]
        indices = Counter(str(int(n)) for n in ds["count"].values.ravel() if n == n)
        assert indices == wanted["call_index_counts"]
    ds = guessed(tmp_path, [folder / "widewt.csv"])
    wanted = expected["widewt.csv"]
    y = ds["detection"].isel(species=0, season=0)
    visited = y.notnull().any("visit")
    found = (y > 0).any("visit")
    assert (ds.sizes["site"], ds.sizes["visit"]) == (wanted["sites"], wanted["visits"])
    assert int(y.isnull().sum()) == wanted["missing_y"]
    assert int(y.sum()) == wanted["detections"]
    assert int(visited.sum()) == wanted["sites_with_any_visit"]
    assert int(found.sum()) == wanted["sites_detected"]
    assert (
        round(found.sum().item() / visited.sum().item(), 4)
        == (wanted["naive_occupancy_of_visited"])
    )
    dims = {n: ds[n].dims for n in (*wanted["site_covariates"], *wanted["visit_covariates"])}
    assert {n for n, d in dims.items() if d == ("site",)} == set(wanted["site_covariates"])
    assert {n for n, d in dims.items() if "visit" in d} == set(wanted["visit_covariates"])
    ds = guessed(tmp_path, [folder / "csv_factor_test.csv"])
    assert ds["rain"].dims == ("site", "season", "visit")
    assert ds["forest"].dtype.kind in "UT"


def test_guess__region_polygons_and_cells_of_the_surface(tmp_path):
    import geopandas
    import shapely

    shapes = [shapely.box(8, 46, 8.3, 47), shapely.box(8.3, 46, 9, 47)]
    regions = geopandas.GeoDataFrame({"canton": ["UR", "GL"]}, geometry=shapes, crs="EPSG:4326")
    regions.to_file(tmp_path / "cantons.gpkg")
    (tmp_path / "surface.csv").write_text("lon,lat,elev\n8.1,46.5,1\n8.5,46.5,2\n")
    (tmp_path / "detections.csv").write_text("site,v1\nA,0\nB,1\n")
    (tmp_path / "sites.csv").write_text("site,lat,lon,elev\nA,46.5,8.2,5\nB,46.9,8.4,7\n")
    names = ("cantons.gpkg", "surface.csv", "detections.csv", "sites.csv")
    text = guess([tmp_path / n for n in names])
    assert '[regions]\npath = "cantons.gpkg"\nname = "canton"' in text
    assert "[surface]\n" in text
    assert 'path = "surface.csv"' in text
    (tmp_path / "study.toml").write_text(text)
    assert read(tmp_path)["region"].values.tolist() == ["UR", "GL"]
