"""First looks at tables as R, PRESENCE and people of other languages write them."""

import tomllib

import numpy as np
import pytest

from surveys import read
from surveys.guess import guess
from surveys.problems import SurveyError

NAN = np.nan


def looked_at(folder, **files):
    """The study file for these files, parsed, and the dataset that it gives as it stands."""
    paths = []
    for name, content in files.items():
        paths.append(folder / name.replace("__", "."))
        raw = content if isinstance(content, bytes) else content.encode()
        paths[-1].write_bytes(raw)
    told = guess(paths, folder=folder)
    (folder / "study.toml").write_text(told, encoding="utf-8")
    return tomllib.loads(told), read(folder)


def histories(ds):
    return dict(zip(ds["site"].values.tolist(), ds["detection"].values[0, :, 0], strict=True))


def same(ds, expected):
    found = histories(ds)
    assert list(found) == list(expected)
    for site, visits in expected.items():
        np.testing.assert_array_equal(found[site], visits, err_msg=site)


def test_names_of_rows_that_r_wrote_are_read_as_the_study_file_says(tmp_path):
    study, ds = looked_at(
        tmp_path,
        det__csv='"","o1","o2"\n"A",0,1\n"B",NA,0\n',
        effort__csv='"","o1","o2"\n"A",7,3\n"B",NA,7\n',
        sites__csv='"","elev"\n"A",10\n"B",20\n',
    )
    assert study["files"]["detections"]["columns"]["site"] == "site"
    same(ds, {"A": [0, 1], "B": [NAN, 0]})
    np.testing.assert_array_equal(ds["effort"].values[:, 0], [[7, 3], [NAN, 7]])
    np.testing.assert_array_equal(ds["elev"], [10, 20])


@pytest.mark.parametrize(
    ("header", "site"),
    [
        ("Standort;Begehung1;Begehung2", "Standort"),
        ("Sitio;Visita 1;Visita 2", "Sitio"),
        ("Lokal;Besök1;Besök2", "Lokal"),
        ("样点;调查1;调查2", "样点"),
        ("участок;визит1;визит2", "участок"),
        ("Site;R1N1;R1N2", "Site"),
    ],
)
def test_visits_are_known_by_their_values_in_any_language(tmp_path, header, site):
    study, ds = looked_at(tmp_path, d__csv=f"{header};elev\nA;0;1;10\nB;0;;20\nC;1;1;30\n")
    assert study["files"]["detections"]["columns"] == {"site": site}
    assert study["wide"]["visits"] == header.split(";")[1:]
    same(ds, {"A": [0, 1], "B": [0, NAN], "C": [1, 1]})
    np.testing.assert_array_equal(ds["elev"], [10, 20, 30])


@pytest.mark.parametrize(("yes", "no"), [("sí", "no"), ("oui", "non"), ("WAHR", "FALSCH")])
def test_words_of_presence_in_other_languages(tmp_path, yes, no):
    _, ds = looked_at(tmp_path, d__csv=f"site,visita1,visita2\nA,{no},{yes}\nB,{no},\n")
    same(ds, {"A": [0, 1], "B": [0, NAN]})


def test_columns_of_days_that_r_renamed(tmp_path):
    text = "site,X2021.05.14,X2021.05.01\nA,0,1\nB,1,\n"
    _, ds = looked_at(tmp_path, d__csv=text)
    same(ds, {"A": [1, 0], "B": [NAN, 1]})


def test_counts_numbered_by_year_and_visit_with_their_days(tmp_path):
    text = "id,elev,count141,count142,day141,day142\n1,450,0,2,20,51\n2,460,NA,1,NA,32\n"
    study, ds = looked_at(tmp_path, d__csv=text)
    assert study["wide"]["visits"] == ["count141", "count142"]
    np.testing.assert_array_equal(ds["count"].values[0, :, 0], [[0, 2], [NAN, 1]])
    np.testing.assert_array_equal(ds["day"].values[:, 0], [[20, 51], [NAN, 32]])


def test_visits_of_two_species_side_by_side_are_no_sites(tmp_path):
    text = ",Myyu1,Myyu2,Myca1,Myca2\n1,0,1,1,1\n2,0,0,0,1\n3,1,1,0,0\n"
    with pytest.raises(SurveyError, match="looks like detections") as error:
        looked_at(tmp_path, d__csv=text)
    assert "2 groups of columns of 0 and 1 (myyu, myca)" in error.value.problems[0].why


def test_records_in_french(tmp_path):
    text = (
        "Site;Date;Espèce;Effectif;Observateur\nA;3 mai 2021;Alouette;2;JD\nA;15 mai 2021;;0;JD\n"
        "B;1er juin 2021;aucune;0;MP\nB;14 juin 2021;aucune;0;MP\n"
    )
    study, ds = looked_at(tmp_path, d__csv=text)
    assert study["files"]["detections"]["columns"]["species"] == "Espèce"
    assert study["files"]["detections"]["columns"]["count"] == "Effectif"
    assert ds["species"].values.tolist() == ["Alouette"]
    same(ds, {"A": [1, 0], "B": [0, 0]})
    assert str(ds["visit_start"].values[1, 0, 0])[:10] == "2021-06-01"


def test_visits_and_records_in_german(tmp_path):
    _, ds = looked_at(
        tmp_path,
        begehungen__csv="Standort;Datum;Beobachter\nA;01.05.2021;X\nA;02.05.2021;Y\nB;01.05.2021;X\n",
        funde__csv="Standort;Datum;Art;Anzahl\nA;02.05.2021;Fuchs;3\nB;01.05.2021;Dachs;1\n",
    )
    assert ds["species"].values.tolist() == ["Dachs", "Fuchs"]
    np.testing.assert_array_equal(ds["detection"].values[1, :, 0], [[0, 1], [0, NAN]])
    assert ds["observer"].values[:, 0].tolist() == [["X", "Y"], ["X", ""]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A1,0,1\nA2,1,1\nA3,0,0\n", {"A1": [0, 1], "A2": [1, 1], "A3": [0, 0]}),
        ("s 1,-,1,0\ns 2,0,0,-\n", {"s 1": [NAN, 1, 0], "s 2": [0, 0, NAN]}),
        ("0,1\n1,1\n0,0\n", {"1": [0, 1], "2": [1, 1], "3": [0, 0]}),
        ("  0 1 NA\n  1 1 0\n 0 0 0\n", {"1": [0, 1, NAN], "2": [1, 1, 0], "3": [0, 0, 0]}),
    ],
)
def test_a_table_without_names_loses_no_row(tmp_path, text, expected):
    study, ds = looked_at(tmp_path, d__csv=text)
    assert study["files"]["detections"]["header"] is False
    same(ds, expected)


def test_tables_beside_it_without_names_or_with_a_title_are_told_apart(tmp_path):
    study, ds = looked_at(
        tmp_path,
        d__csv="A1,0,1\nA2,1,1\nA3,0,0\n",
        day__csv="A1,120,130\nA2,121,131\nA3,119,141\n",
        sites__csv="My survey,,\nof 2021,,\nplot,elev,forest\nA1,10,2\nA2,20,3\nA3,30,4\n",
    )
    assert study["visit_covariates"]["day"]["header"] is False
    assert study["files"]["sites"]["header_row"] == 3
    np.testing.assert_array_equal(ds["day"].values[:, 0], [[120, 130], [121, 131], [119, 141]])
    np.testing.assert_array_equal(ds["elev"], [10, 20, 30])


def test_a_table_without_names_is_refused_where_a_header_is_said(tmp_path):
    (tmp_path / "d.csv").write_text("A1,0,1,0\nA2,1,1,1\n")
    (tmp_path / "study.toml").write_text('schema = 1\n[files.detections]\npath = "d.csv"\n')
    with pytest.raises(SurveyError, match="0, 1, 0 are values") as error:
        read(tmp_path)
    assert error.value.codes == ("E507",)
    assert "header = false" in error.value.problems[0].cure


@pytest.mark.parametrize("names", ["site,1,2,3", "site,0,1,2", "site,3,7,12"])
def test_numbers_that_rise_are_names_of_visits(tmp_path, names):
    visits = ", ".join(f'"{n}"' for n in names.split(",")[1:])
    (tmp_path / "d.csv").write_text(f"{names}\nA,0,1,0\nB,1,1,1\n")
    (tmp_path / "study.toml").write_text(
        f'schema = 1\n[source]\nformat = "wide"\n[files.detections]\npath = "d.csv"\n'
        f"[wide]\nvisits = [{visits}]\n"
    )
    same(read(tmp_path), {"A": [0, 1, 0], "B": [1, 1, 1]})


def test_a_table_of_r_with_blanks_between_its_values(tmp_path):
    text = '"site" "y.1" "y.2" "elev"\n"1" "A" 0 NA 12.5\n"2" "B c" 1 0 33.1\n'
    _, ds = looked_at(tmp_path, d__txt=text)
    same(ds, {"A": [0, NAN], "B c": [1, 0]})
    np.testing.assert_array_equal(ds["elev"], [12.5, 33.1])


@pytest.mark.parametrize(
    ("encoding", "sites"),
    [
        ("gb18030", ["甲一", "乙二", "丙三"]),
        ("cp1251", ["Дуб", "Ель", "Бор"]),
        ("cp1252", ["Château", "Große", "Ñu"]),
    ],
)
def test_old_encodings_of_spreadsheets(tmp_path, encoding, sites):
    text = "site,v1,v2\n" + "".join(f"{s},0,1\n" for s in sites)
    _, ds = looked_at(tmp_path, d__csv=text.encode(encoding))
    assert set(ds["site"].values) == set(sites)


def test_letters_of_poland_are_not_taken_for_cyrillic(tmp_path):
    text = "site,v1,v2\nżółw,0,1\nłąka,0,1\n".encode("cp1250")
    _, ds = looked_at(tmp_path, d__csv=text)
    assert "Windows-1252" in ds.attrs["ledger"]


def test_names_with_a_meaning_of_their_own_are_given_others(tmp_path):
    text = (
        "field,v1,v2,v3,crop1,crop2,count1,count2,count3,time1,time2,time3,size\n"
        "1,1,0,1,1,0,2,0,1,06:30,07:00,08:15,14\n2,0,0,0,0,1,0,0,0,06:00,07:30,08:45,12\n"
        "3,1,1,0,1,0,1,3,0,06:10,07:10,08:10,13\n"
    )
    study, ds = looked_at(tmp_path, d__csv=text)
    same(ds, {"1": [1, 0, 1], "2": [0, 0, 0], "3": [1, 1, 0]})
    assert study["visit_covariates"]["count_of_visit"] == {"column": "count"}
    assert "count" not in study["model"]["main"]["p"]
    np.testing.assert_array_equal(ds["count_of_visit"].values[0, 0], [2, 0, 1])
    np.testing.assert_array_equal(ds["time_of_day"].values[0, 0], [6.5, 7, 8.25])
    np.testing.assert_array_equal(ds["crop1"], [1, 0, 1])


def test_a_table_without_ids_is_not_joined_by_its_rows(tmp_path):
    (tmp_path / "d.csv").write_text("Site,Visit1,Visit2\nA,0,1\nB,1,0\n")
    (tmp_path / "temp.csv").write_text("Visit1,Visit2\n20.5,21\n18,19\n")
    told = guess([tmp_path / "d.csv", tmp_path / "temp.csv"], folder=tmp_path)
    assert "# not used: temp.csv (it has no column of site ids" in told
    (tmp_path / "study.toml").write_text(told, encoding="utf-8")
    same(read(tmp_path), {"A": [0, 1], "B": [1, 0]})


def test_years_of_a_long_table_are_its_seasons(tmp_path):
    text = "site,year,visit,det\nA,2019,1,0\nA,2019,2,NA\nA,2020,1,1\nB,2019,1,0\nB,2020,1,0\n"
    study, ds = looked_at(tmp_path, d__csv=text)
    assert study["files"]["detections"]["columns"]["season"] == "year"
    assert study["study"]["species"] == "species"
    np.testing.assert_array_equal(ds["detection"].values[0, 0], [[0], [1]])


def test_years_of_sites_surveyed_once_are_no_seasons(tmp_path):
    text = "site,year,visit,det\nA,2019,1,0\nA,2019,2,1\nB,2020,1,0\nB,2020,2,1\n"
    study, ds = looked_at(tmp_path, d__csv=text)
    assert "season" not in study["files"]["detections"]["columns"]
    assert ds["year"].values.tolist() == [2019, 2020]


@pytest.mark.parametrize(
    ("name", "cells", "hours"),
    [
        ("Time", ["0630", "0715", "1005"], [6.5, 7.25, 10 + 1 / 12]),
        ("start_time", ["0555", "0610", "2359"], [5 + 55 / 60, 6 + 1 / 6, 23 + 59 / 60]),
        ("time", ["630", "715", "1005"], None),
        ("code", ["0630", "0715", "1005"], None),
    ],
)
def test_four_digits_are_a_time_of_day_where_a_column_is_called_so(tmp_path, name, cells, hours):
    rows = [
        f"{s},{v},{v % 2},{c}\n"
        for (s, v), c in zip([("A", 1), ("A", 2), ("B", 1)], cells, strict=True)
    ]
    if hours is None:
        name = name.replace("time", "when")
    _, ds = looked_at(tmp_path, d__csv=f"site,visit,y,{name}\n" + "".join(rows))
    called = "time_of_day" if name == "Time" else name
    told = ds[called].values[:, 0].ravel()[:3].astype(float)
    np.testing.assert_allclose(told, hours or [float(c) for c in cells], atol=1e-5)


def test_numbers_of_rows_that_pandas_wrote_are_no_covariates(tmp_path):
    _, ds = looked_at(tmp_path, d__csv="Unnamed: 0,site,y.1,y.2\n0,A,0,1\n1,B,1,0\n")
    same(ds, {"A": [0, 1], "B": [1, 0]})
    assert not [n for n in ds.data_vars if ds[n].attrs.get("role") == "covariate"]


def test_levels_of_a_factor_are_no_visits(tmp_path):
    study, ds = looked_at(
        tmp_path,
        records__csv=(
            "site,date,species,count\nA,2021-05-01,fox,1\nA,2021-05-02,,0\nB,2021-05-01,,0\n"
            "C,2021-05-01,fox,2\nD,2021-05-01,,0\n"
        ),
        sites__csv="site,forest1,forest2,forest3\nA,1,0,0\nB,0,1,0\nC,0,0,1\nD,1,0,0\n",
    )
    assert study["files"]["detections"]["path"] == "records.csv"
    np.testing.assert_array_equal(ds["forest1"], [1, 0, 0, 1])


def test_columns_of_0_and_1_of_sites_beside_records_are_no_visits(tmp_path):
    study, _ = looked_at(
        tmp_path,
        records__csv="site,date,y\nA,2021-05-01,1\nA,2021-05-02,0\nB,2021-05-01,0\nC,2021-05-01,1\n",
        sites__csv="site,cat1,cat2\nA,1,1\nB,0,1\nC,0,0\n",
    )
    assert study["files"]["detections"]["path"] == "records.csv"
    assert study["files"]["sites"]["path"] == "sites.csv"


def test_years_over_the_names_of_visits_are_told(tmp_path):
    text = "Site,2019,,,2020,,\n,v1,v2,v3,v1,v2,v3\nA,0,1,0,1,1,\nB,0,0,0,0,0,0\n"
    with pytest.raises(SurveyError, match="stand in two rows, 1 and 2"):
        looked_at(tmp_path, d__csv=text)
