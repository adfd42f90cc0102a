"""Files as they come from the field, spoilt in every usual way: level, place and cure are told."""

import datetime
import json
import re

import numpy as np
import openpyxl
import pytest
from spoilt_studies import one, read_files

from surveys.ledger import Ledger
from surveys.problems import render
from surveys.study_file import read_study

WIDE = """schema = 1
[files.detections]
path = "detections.csv"
"""
SITES = WIDE + '[files.sites]\npath = "sites.csv"\n'
LONG = """schema = 1
[source]
format = "long"
[files.detections]
path = "detections.csv"
"""
DETECTIONS = "site,v1,v2\nA,0,1\nB,0,0\n"


@pytest.fixture
def study(tmp_path):
    """Write files beside a study.toml and read it: (Dataset or None, problems)."""

    def run(toml, **files):
        return read_files(tmp_path, toml, **files)

    return run


def workbook(rows, title="Sheet1"):
    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    return book


# --- A. the file itself ----------------------------------------------------------------------


def test_01__semicolons_and_decimal_comma(study):
    sites = "site;lat;lon;elev\nA;46,812;8,234;1.203\nB;46,901;8,400;987\n"
    ds, problems = study(SITES, detections__csv=DETECTIONS, sites__csv=sites)
    problem, text = one(problems, "R001")
    assert problem.level == "repair"
    assert (problem.file, problem.row, problem.column) == ("sites.csv", 2, "elev")
    assert 'separator ";" and decimal comma (columns lon, lat' in text
    assert '"1.203" was read as 1203' in text
    assert '[files.sites] decimal = "."' in problem.cure
    assert ds["elev"].values.tolist() == [1203.0, 987.0]
    assert ds["latitude"].values == pytest.approx([46.812, 46.901])


def test_02__byte_order_mark(study):
    ds, problems = study(WIDE, detections__csv=b"\xef\xbb\xbf" + DETECTIONS.encode())
    problem, _ = one(problems, "R002")
    assert problem.level == "repair"
    assert problem.file == "detections.csv"
    assert 'first column is "site"' in problem.fact
    assert ds["site"].values.tolist() == ["A", "B"]


def test_03__windows_1252(study):
    raw = "site,v1\nChâteau,1\nB,0\n".encode("cp1252")
    ds, problems = study(WIDE, detections__csv=raw)
    problem, _ = one(problems, "R003")
    assert problem.level == "repair"
    assert (problem.row, problem.column) == (2, "site")
    assert "byte 0xE2" in problem.fact
    assert '"Château"' in problem.fact
    assert 'encoding = "cp1252"' in problem.cure
    assert "Château" in ds["site"].values


def test_04__utf_16(study):
    raw = DETECTIONS.replace(",", "\t").encode("utf-16")
    ds, problems = study(WIDE, detections__csv=raw)
    problem, _ = one(problems, "R004")
    assert problem.level == "repair"
    assert "UTF-16 little-endian, tab-separated" in problem.fact
    assert float(ds["detection"].sum()) == 1


def test_05__empty_file(study):
    ds, problems = study(SITES, detections__csv=DETECTIONS, sites__csv="")
    problem, _ = one(problems, "E005")
    assert ds is None
    assert problem.level == "error"
    assert problem.fact == "sites.csv is empty (0 bytes)"
    assert "Export it again" in problem.cure


def test_06__header_but_no_rows(study):
    _, problems = study(WIDE, detections__csv="site,date,species\n")
    problem, _ = one(problems, "E006")
    assert problem.fact.startswith("detections.csv has a header and no rows")
    assert "[detections] none = true" in problem.cure


def test_07__workbook_called_csv(study, tmp_path):
    workbook([["site", "v1"], ["A", 1], ["B", 0]]).save(tmp_path / "book.xlsx")
    ds, problems = study(WIDE, detections__csv=(tmp_path / "book.xlsx").read_bytes())
    problem, _ = one(problems, "R007")
    assert problem.level == "repair"
    assert 'starts with "PK"' in problem.fact
    assert 'sheet "Sheet1"' in problem.fact
    assert problem.cure == "rename it to detections.xlsx"
    assert ds["detection"].values.ravel().tolist() == [1, 0]


@pytest.mark.parametrize("columns", ["", 'columns = { site = "site" }\n'])
def test_08__text_above_the_header(study, columns):
    text = "Survey 2021;;\nObserver: J. Doe;;\nsite;date;species\nA;01.05.2021;fox\n"
    _, problems = study(LONG + columns, detections__csv=text)
    problem, _ = one(problems, "E008")
    assert problem.row == 3
    assert "column names site, date, species are in row 3, not row 1" in problem.fact
    assert "[files.detections] header_row = 3" in problem.cure


def test_09__row_with_too_many_fields(study):
    text = "site,date,species,remark\nA,2021-05-01,fox,two adults, one pup\n"
    _, problems = study(LONG, detections__csv=text)
    problem, _ = one(problems, "E009")
    assert (problem.row, problem.column) == (2, "remark")
    assert "5 values, header has 4" in problem.fact
    assert "comma" in problem.fact
    assert "double quotes" in problem.cure


def test_10__quote_never_closed(study):
    text = 'deployment_id,remark\nD1,"broken\n' + "D2,ok\n" * 1202
    _, problems = study(LONG, detections__csv=text)
    problem, _ = one(problems, "E010")
    assert (problem.row, problem.column) == (2, "remark")
    assert "not closed by row 1204 (end of file)" in problem.fact


def test_11__two_columns_of_one_name(study):
    _, problems = study(LONG, detections__csv="site,date,species,date\nA,1,2,3\n")
    problem, _ = one(problems, "E011")
    assert problem.column == "date"
    assert "(2 and 4)" in problem.fact
    assert "rename one" in problem.cure


def test_12__blanks_and_capitals_in_a_column_name(study):
    text = "Site ,VISIT,Detection\nA,1,0\nA,2,1\n"
    ds, problems = study(LONG, detections__csv=text)
    problem, _ = one(problems, "R012")
    assert problem.level == "repair"
    assert '"Site " was taken for "site"' in problem.fact
    assert '"VISIT" for "visit"' in problem.fact
    assert ds["detection"].values.ravel().tolist() == [0, 1]


def test_13__merged_cells(study):
    rows = [["site", "species", "visit", "detection"], ["A", "fox", 1, 1], [None, "badger", 1, 0]]
    book = workbook([*rows, [None, "deer", 1, 0]], "Data")
    book.active.merge_cells("A2:A4")
    toml = LONG.replace("detections.csv", "survey.xlsx")
    _, problems = study(toml, survey__xlsx=book)
    problem, _ = one(problems, "E013")
    assert problem.fact.startswith("survey.xlsx, sheet Data, rows 3-4, column site: blank")
    assert "A2:A4 are merged" in problem.fact
    assert '[files.detections] fill_down = ["site"]' in problem.cure
    ds, problems = study(toml + 'fill_down = ["site"]\n', survey__xlsx=book)
    assert ds.sizes == {"species": 3, "site": 1, "season": 1, "visit": 1}
    assert one(problems, "R013")[0].level == "repair"


def test_14__hidden_rows(study):
    book = workbook([["site", "v1"], *([f"S{i}", i % 2] for i in range(30))], "Data")
    for row in range(10, 26):
        book.active.row_dimensions[row].hidden = True
    ds, problems = study(WIDE.replace("detections.csv", "survey.xlsx"), survey__xlsx=book)
    problem, _ = one(problems, "W014")
    assert problem.level == "warn"
    assert "survey.xlsx, sheet Data: 16 rows are hidden" in problem.fact
    assert ds.sizes["site"] == 30


# --- B. columns ------------------------------------------------------------------------------


def test_15__column_that_is_not_there(study):
    toml = SITES + 'columns = { longitude = "Setup_date" }\n'
    sites = "site,Setup,Retrieval\nA,1,2\nB,1,2\n"
    _, problems = study(toml, detections__csv=DETECTIONS, sites__csv=sites)
    problem, _ = one(problems, "E015")
    assert 'sites.csv has no column "Setup_date"' in problem.fact
    assert "[files.sites.columns] longitude" in problem.fact
    assert "It has: site, Setup, Retrieval" in problem.fact
    assert 'Did you mean "Setup"?' in problem.fact


def test_16__hole_in_the_visit_numbers(study):
    _, problems = study(WIDE, detections__csv="site,y.1,y.2,y.4\nA,0,1,0\n")
    problem, _ = one(problems, "E016")
    assert "visit columns y.1, y.2, y.4: y.3 is missing" in problem.fact
    assert "[wide] visits" in problem.cure
    ds, _ = study(
        WIDE + '[wide]\nvisits = ["y.1", "y.2", "y.4"]\n',
        detections__csv="site,y.1,y.2,y.4\nA,0,1,0\n",
    )
    assert ds.sizes["visit"] == 3


def test_17__visit_covariate_with_too_few_columns(study):
    text = "site,y.1,y.2,y.3,date.1,date.2\nA,0,1,0,5,6\n"
    _, problems = study(WIDE, detections__csv=text)
    problem, _ = one(problems, "E017")
    assert '3 visits (y.1-y.3) but 2 columns for "date" (date.1, date.2)' in problem.fact
    assert "add date.3" in problem.cure


def test_18__ids_are_text(study):
    ds, problems = study(WIDE, detections__csv="site,v1\n007,1\n7,0\n1E5,0\n2021-1,0\n")
    problem, _ = one(problems, "R018")
    assert problem.level == "repair"
    assert problem.column == "site"
    assert '"007", "1E5", "2021-1" stay as written' in problem.fact
    assert set(ds["site"].values.tolist()) == {"007", "7", "1E5", "2021-1"}


def test_19__ids_that_excel_turned_into_dates(study):
    book = workbook([["site", "elev"], ["A", 1], [datetime.datetime(2021, 9, 1), 2]], "Sites")
    _, problems = study(
        SITES.replace("sites.csv", "sites.xlsx"), detections__csv=DETECTIONS, sites__xlsx=book
    )
    problem, text = one(problems, "E019")
    assert problem.fact == "sites.xlsx, sheet Sites, row 3, column site: a date (2021-09-01)"
    assert "SEPT1" in text
    assert "as text" in problem.cure


def test_20__excel_error_cells(study):
    book = workbook([["site", "elev"], ["A", 1], ["B", "#REF!"]], "Sites")
    toml = SITES.replace("sites.csv", "sites.xlsx")
    _, problems = study(toml, detections__csv=DETECTIONS, sites__xlsx=book)
    problem, _ = one(problems, "E020")
    assert problem.fact == "sites.xlsx, sheet Sites, row 3, column elev: Excel error #REF!"
    assert '"#REF!" under [files.sites] missing' in problem.cure
    ds, _ = study(toml + 'missing = ["#REF!"]\n', detections__csv=DETECTIONS, sites__xlsx=book)
    assert np.isnan(ds["elev"].sel(site="B"))


# --- C. sites --------------------------------------------------------------------------------


def test_21__site_twice(study):
    sites = "site,lat,lon\nA,46.81,8.21\nB,46.80,8.20\nA,46.95,8.39\n"
    _, problems = study(SITES, detections__csv=DETECTIONS, sites__csv=sites)
    problem, _ = one(problems, "E021")
    assert 'site "A" is in rows 2 and 4 with different lat, lon' in problem.fact
    assert "one row a site" in problem.cure


def test_22__unknown_site(study):
    text = "site,v1\nA 1,1\nB,0\n"
    sites = "site,elev\nA1,1\nB,2\n"
    _, problems = study(SITES, detections__csv=text, sites__csv=sites)
    problem, _ = one(problems, "E022")
    assert 'site "A 1" (1 row, row 2) is not in sites.csv. Closest: "A1"' in problem.fact
    assert '[sites.alias] "A 1" = "A1"' in problem.cure
    ds, _ = study(SITES + '[sites.alias]\n"A 1" = "A1"\n', detections__csv=text, sites__csv=sites)
    assert ds["detection"].sel(site="A1").item() == 1
    ds, problems = study(
        SITES + '[checks]\nunknown_site = "drop"\n', detections__csv=text, sites__csv=sites
    )
    assert ds["site"].values.tolist() == ["B"]
    dropped = Ledger.from_json(ds.attrs["ledger"]).dropped()
    assert ("detections.csv", 2, "unknown site", "A 1") in dropped


def test_23__other_capitals(study):
    text = "site,v1\nstationA,1\nB,0\n"
    sites = "site,elev\nStationA,1\nB,2\n"
    _, problems = study(SITES, detections__csv=text, sites__csv=sites)
    problem, _ = one(problems, "E023")
    assert 'site "stationA" (row 2) differs from "StationA" in sites.csv' in problem.fact
    assert "[sites] ignore_case = true" in problem.cure
    ds, _ = study(SITES + "[sites]\nignore_case = true\n", detections__csv=text, sites__csv=sites)
    assert ds["detection"].sel(site="StationA").item() == 1


def test_24__latitude_and_longitude_swapped(study):
    sites = "site,lat,lon\nA,8.234,46.812\nB,8.512,46.955\n"
    toml = SITES + '[study]\nregion = "CH"\n'
    _, problems = study(toml, detections__csv=DETECTIONS, sites__csv=sites)
    problem, _ = one(problems, "E024")
    assert "column lat 8.234 to 8.512, lon 46.812 to 46.955" in problem.fact
    assert "swapped all 2 lie in CH" in problem.fact
    assert 'latitude = "lon"' in problem.cure
    cured = toml.replace(
        'path = "sites.csv"\n',
        'path = "sites.csv"\ncolumns = { latitude = "lon", longitude = "lat" }\n',
    )
    ds, _ = study(cured, detections__csv=DETECTIONS, sites__csv=sites)
    assert ds["latitude"].values == pytest.approx([46.812, 46.955])


def test_25__latitude_out_of_range(study):
    sites = "site,lat,lon\nA,468.12,8.2\nB,46.9,8.4\n"
    _, problems = study(SITES, detections__csv=DETECTIONS, sites__csv=sites)
    problem, _ = one(problems, "E025")
    assert (problem.file, problem.row, problem.column) == ("sites.csv", 2, "lat")
    assert "468.12 is not between -90 and 90" in problem.fact
    assert "46.812" in problem.cure
    assert "[sites] crs" in problem.cure


def test_26__metres_without_crs(study):
    sites = "site,x,y\nA,526000,604000\nB,526100,604000\n"
    _, problems = study(SITES, detections__csv=DETECTIONS, sites__csv=sites)
    problem, _ = one(problems, "E026")
    assert "columns x, y hold metres (526000" in problem.fact
    assert "[sites] crs" in problem.cure
    ds, _ = study(
        SITES + '[sites]\ncrs = "EPSG:32650"\n', detections__csv=DETECTIONS, sites__csv=sites
    )
    assert ds["latitude"].values == pytest.approx([5.46, 5.46], abs=0.01)


def test_27__degrees_minutes_seconds(study):
    sites = "site,lat,lon\nA,46°48'43\"N,8°14'2\"E\nB,46°50'0\"N,8°15'0\"E\n"
    ds, problems = study(SITES, detections__csv=DETECTIONS, sites__csv=sites)
    found = [p for p in problems if p.code == "R027"]
    assert {p.column for p in found} == {"lat", "lon"}
    assert any("row 2 46°48'43\"N = 46.811944" in p.fact for p in found)
    assert ds["latitude"].sel(site="A").item() == pytest.approx(46.811944, abs=1e-6)


def test_28__null_island(study):
    sites = "site,lat,lon\nA,0,0\nB,46.9,8.4\n"
    _, problems = study(SITES, detections__csv=DETECTIONS, sites__csv=sites)
    problem, _ = one(problems, "E028")
    assert "sites.csv, row 2: lon and lat are 0 (a point in the Gulf of Guinea)" in problem.fact
    assert "leave them blank" in problem.cure


def test_29__two_sites_a_few_metres_apart(study):
    sites = "site,lat,lon\nA,39.830639,-2.957701\nB,39.830652,-2.957695\n"
    ds, problems = study(SITES, detections__csv=DETECTIONS, sites__csv=sites)
    problem, _ = one(problems, "W029")
    assert problem.level == "warn"
    assert '"A" and "B" are 2 m apart' in problem.fact
    assert "[sites.alias]" in problem.cure
    assert ds.sizes["site"] == 2


def test_30__polygons_without_crs(study, tmp_path):
    import geopandas
    import shapely

    box = geopandas.GeoDataFrame(
        {"kind": ["oak"]}, geometry=[shapely.box(8, 46, 9, 47)], crs="EPSG:4326"
    )
    box.to_file(tmp_path / "forest.shp")
    (tmp_path / "forest.prj").unlink()
    sites = "site,lat,lon\nA,46.81,8.21\nB,47.80,8.20\n"
    toml = SITES + '[covariates.forest]\npath = "forest.shp"\ncolumn = "kind"\n'
    _, problems = study(toml, detections__csv=DETECTIONS, sites__csv=sites)
    problem, _ = one(problems, "E030")
    assert problem.level == "error"
    assert "forest.shp has no .prj file: its CRS is not known" in problem.fact
    assert '[covariates.forest] crs = "EPSG:' in problem.cure
    ds, _ = study(toml + 'crs = "EPSG:4326"\n', detections__csv=DETECTIONS, sites__csv=sites)
    assert ds["forest"].values.tolist() == ["oak", ""]


# --- D, E. dates and values ------------------------------------------------------------------

DATED = LONG + 'columns = { detection = "y" }\n'


def dated(*days):
    return "site,date,y\n" + "".join(f"S{i},{d},{i % 2}\n" for i, d in enumerate(days))


def test_32__day_and_month_cannot_be_told_apart(study):
    _, problems = study(DATED, detections__csv=dated("04/05/2021", "05/05/2021"))
    problem, _ = one(problems, "E032")
    assert '"04/05/2021" can be 4 May or April 5' in problem.fact
    assert '"%d/%m/%Y" or "%m/%d/%Y"' in problem.cure


def test_33__mixed_date_formats(study):
    _, problems = study(DATED, detections__csv=dated("2021-05-01", "3.5.21", "2021-05-09"))
    problem, _ = one(problems, "E033")
    assert problem.row == 3
    assert '2 rows like "2021-05-01"' in problem.fact
    assert '1 row like "3.5.21" (row 3)' in problem.fact


def test_34__excel_serial_numbers(study):
    ds, problems = study(DATED, detections__csv=dated("44317", "44318"))
    problem, _ = one(problems, "R034")
    assert "44317 = 2021-05-01" in problem.fact
    assert "excel_epoch = 1904" in problem.cure
    assert str(ds["visit_start"].values.ravel()[0])[:10] == "2021-05-01"


def test_35__impossible_date(study):
    _, problems = study(DATED, detections__csv=dated("2021-02-28", "2021-02-30"))
    problem, _ = one(problems, "E035")
    assert 'detections.csv, row 3, column date: "2021-02-30" does not exist' in problem.fact


def test_36__two_digit_year(study):
    ds, problems = study(DATED, detections__csv=dated("5/5/19 17:21", "4/28/19 10:00"))
    problem, _ = one(problems, "R036")
    assert "read as 2019" in problem.fact
    assert 'row 3 ("4/28/19 10:00")' in problem.fact
    assert str(ds["visit_start"].values.ravel()[1])[:10] == "2019-04-28"


def test_46__word_where_a_number_belongs(study):
    _, problems = study(
        LONG + 'columns = { count = "n" }\n', detections__csv="site,n\nA,0\nA,many\n"
    )
    problem, _ = one(problems, "E046")
    assert 'detections.csv, row 3, column n: "many" is not a number' in problem.fact


def test_47__unknown_missing_code(study):
    text = "site,y.1,y.2\nA,0,-999\nB,-,NA\nC,1,0\n"
    _, problems = study(WIDE, detections__csv=text)
    problem, _ = one(problems, "E047")
    assert (problem.row, problem.column) == (2, "y.2")
    assert '"-999" in row 2, column y.2 (1 cell) is not 0, 1 or a count' in problem.fact
    assert '[wide] missing = ["-999"]' in problem.cure
    ds, _ = study(WIDE + '[wide]\nmissing = ["-999"]\n', detections__csv=text)
    assert int(ds["detection"].notnull().sum()) == 3


def test_48__fractional_count(study):
    _, problems = study(
        LONG + 'columns = { count = "n" }\n', detections__csv="site,n\nA,0\nA,2.5\nA,-1\n"
    )
    told = [p.fact for p in problems if p.code == "E048"]
    assert any("row 3, column n: 2.5 is no whole number" in t for t in told)
    assert any("row 4, column n: -1 is below 0" in t for t in told)


def test_49__detection_while_nobody_was_there(study):
    text = "site,y.1,y.2,effort.1,effort.2\nG,0,0,3,2\nH,0,1,3,0\n"
    _, problems = study(WIDE, detections__csv=text)
    problem, _ = one(problems, "E049")
    assert problem.row == 3
    assert 'site "H", visit 2: detection 1 but effort.2 is 0' in problem.fact
    assert 'detection_without_effort = "drop"' in problem.cure
    ds, _ = study(WIDE + '[checks]\ndetection_without_effort = "drop"\n', detections__csv=text)
    assert np.isnan(ds["detection"].sel(site="H", visit=2)).all()


def test_50__zeros_that_are_really_no_visits(study):
    rows = "".join(f"S{i},{i % 2},0,{i + 5},{'' if i else 9}\n" for i in range(8))
    toml = WIDE + '[visit_covariates.date]\nmissing = "refuse"\n'
    ds, problems = study(toml, detections__csv="site,y.1,y.2,date.1,date.2\n" + rows)
    problem, _ = one(problems, "W050")
    assert problem.level == "warn"
    assert (problem.file, problem.column) == ("detections.csv", "y.2")
    assert "visit y.2: all 8 sites are 0 and date.2 is blank at 7 of them" in problem.fact
    assert "blank them if nobody went" in problem.cure
    assert float(ds["detection"].sel(visit=2).sum()) == 0
    seen = rows.replace("S7,1,0,12,", "S7,1,1,12,9")
    _, problems = study(toml, detections__csv="site,y.1,y.2,date.1,date.2\n" + seen)
    assert "W050" not in {p.code for p in problems}


def test_51__counts_and_presence_mixed(study):
    ds, problems = study(
        LONG + 'columns = { count = "n" }\n', detections__csv="site,n\nA,3\nA,X\nB,0\nB,present\n"
    )
    problem, _ = one(problems, "R051")
    assert '"X" (1 row) and "present" (1 row) read as present' in problem.fact
    assert ds["detection"].sel(site="A").values.ravel().tolist() == [1, 1]
    assert np.isnan(ds["count"].sel(site="A", visit=2)).all()


def test_52__a_name_spelt_in_several_ways(study):
    rows = ["A,Vulpes vulpes", "A,vulpes vulpes", "B,Vulpes  vulpes", "B,V. vulpes"]
    text = "site,visit,species\n" + "".join(f"{r.replace(',', ',1,')}\n" for r in rows)
    ds, problems = study(
        LONG + '[files.visits]\npath = "visits.csv"\n',
        detections__csv=text,
        visits__csv="site,visit\nA,1\nB,1\n",
    )
    joined, short = [p for p in problems if p.code == "W052"]
    assert joined.level == short.level == "warn"
    for spelling in ('"Vulpes vulpes" (1 row)', '"vulpes vulpes" (1 row)', '"Vulpes  vulpes"'):
        assert spelling in joined.fact
    assert 'row 5: species "V. vulpes" was not joined with "Vulpes vulpes"' in short.fact
    assert short.row == 5
    assert '[taxa.alias] "V. vulpes" = "Vulpes vulpes"' in short.cure
    assert ds["species"].values.tolist() == ["V. vulpes", "Vulpes vulpes"]


def test_all_errors_of_all_files_come_in_one_go(study):
    sites = "site,lat,lon,elev\nA,468.12,8.2,many\nB,46.9,8.4,3\nB,46.9,8.5,4\n"
    text = "site,v1,v2\nA,0,7.5\nB,-3,0\nC,0,0\n"
    _, problems = study(SITES, detections__csv=text, sites__csv=sites)
    assert {"E021", "E022", "E047", "E048"} <= {p.code for p in problems}
    assert {p.file for p in problems} == {"sites.csv", "detections.csv"}


def test_many_errors_of_one_kind_are_cut_at_twenty(study):
    text = "site,v1\n" + "".join(f"S{i},{i + 1000}.5\n" for i in range(40))
    _, problems = study(WIDE, detections__csv=text)
    assert "and 20 more" in render(problems)


def test_provenance__checksums_and_no_absolute_paths(study, tmp_path):
    ds, _ = study(WIDE, detections__csv=DETECTIONS)
    told = json.loads(ds.attrs["provenance"])
    (source,) = told["inputs"]
    assert source["file"] == "detections.csv"
    assert source["rows"] == 2
    assert source["bytes"] == len(DETECTIONS)
    assert len(source["sha256"]) == 64
    assert (source["encoding"], source["separator"]) == ("utf-8", "comma")
    assert told["study_sha256"] == read_study(tmp_path).digest
    assert str(tmp_path) not in ds.attrs["provenance"] + ds.attrs["ledger"]


# Checklists (58, 59), layers under points (31) and classifiers of calls (54) have files of their
# own, where they are read.
ELSEWHERE = {31, 54, 58, 59}


def test_each_entry_of_the_list_has_its_test(pytestconfig):
    folder = pytestconfig.rootpath / "tests" / "surveys"
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("test_*.py")))
    have = {int(n) for n in re.findall(r"^def test_(\d\d)__", text, re.MULTILINE)}
    assert have | ELSEWHERE >= set(range(1, 61))
