"""Sites and covariates from a PostGIS server; run by scripts/postgis_server.sh test."""

import json
import os
import traceback

import numpy as np
import pytest
import sqlalchemy

from surveys import read
from surveys.ledger import Ledger
from surveys.places.database import read_relation
from surveys.problems import SurveyError, render

pytestmark = pytest.mark.postgis

TOML = """schema = 1
[postgis]
environment = "OCCUPANCY_TEST_POSTGIS"
[files.detections]
path = "detections.csv"
[files.sites]
table = "birds.sites"
columns = { site = "Plot" }
"""
MAKE = """
DROP SCHEMA IF EXISTS birds CASCADE;
CREATE SCHEMA birds;
CREATE TABLE birds.sites (
    "Plot" text, elevation double precision, aspect text, is_wet boolean, visited date,
    "select" integer, "odd ""name"" ; DROP TABLE birds.sites; --" integer,
    geom geometry(PointZ, 2056));
INSERT INTO birds.sites VALUES
    ('S10', 510.5, 'N', true, '2020-05-01', 1, 7, 'SRID=2056;POINT Z (2600000 1200000 500)'),
    ('S9', 1.203, NULL, false, NULL, 2, 8, 'SRID=2056;POINT Z (2610000 1205000 500)'),
    ('S1', 1203, 'Größe', NULL, '2020-05-03', 3, 9, 'SRID=2056;POINT Z (2620000 1210000 500)');
CREATE VIEW birds.high AS SELECT * FROM birds.sites WHERE elevation > 500;
CREATE TABLE birds.plain (plot text, rain double precision, lon float, lat float);
INSERT INTO birds.plain VALUES
    ('S1', 800.5, 8.1, 46.1), ('S9', 900, 8.2, 46.2), ('S10', 1.234, 8, 46);
CREATE TABLE birds.woods (kind text, code integer, geom geometry(Polygon, 2056));
INSERT INTO birds.woods VALUES
    ('oak', 3, ST_MakeEnvelope(2590000, 1190000, 2605000, 1220000, 2056)),
    ('fir', 7, ST_MakeEnvelope(2605000, 1190000, 2615000, 1220000, 2056));
CREATE TABLE birds.globe (plot text, place geography(Point, 4326));
INSERT INTO birds.globe VALUES ('S1', 'POINT(7.7 47.04)'), ('S9', 'POINT(7.57 47)'),
    ('S10', 'POINT(7.44 46.95)');
CREATE TABLE birds.none (plot text, geom geometry(Point));
INSERT INTO birds.none VALUES ('S1', 'POINT(1 1)');
CREATE TABLE birds.mixed (plot text, geom geometry);
INSERT INTO birds.mixed VALUES ('S1', 'SRID=2056;POINT(1 1)'), ('S9', 'SRID=4326;POINT(8 46)');
CREATE TABLE birds.seen (plot text, visit integer, y integer);
INSERT INTO birds.seen VALUES ('S1', 1, 0), ('S1', 2, 1), ('S9', 1, 0), ('S9', 2, 0);
CREATE TABLE birds.years (season integer, snow float);
INSERT INTO birds.years VALUES (2019, 12.5), (2020, 40);
CREATE TABLE birds.empty (plot text, geom geometry(Point, 2056));
"""


@pytest.fixture(scope="module")
def address():
    """The address of the server, its tables made anew."""
    found = os.environ.get("OCCUPANCY_TEST_POSTGIS")
    if not found:
        pytest.fail("no server: run scripts/postgis_server.sh test")
    engine = sqlalchemy.create_engine(found.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as link:
        link.exec_driver_sql(MAKE)
    engine.dispose()
    return found


@pytest.fixture
def password(address):
    return sqlalchemy.make_url(address).password


@pytest.fixture
def study(tmp_path, address):
    """Read the study of a text of study.toml: (Dataset or None, problems)."""

    def run(toml, sites=("S10", "S9", "S1")):
        rows = "".join(f"{site},{i % 2},0\n" for i, site in enumerate(sites))
        (tmp_path / "detections.csv").write_text("site,v1,v2\n" + rows)
        (tmp_path / "study.toml").write_text(toml)
        try:
            ds = read(tmp_path)
        except SurveyError as error:
            return None, list(error.problems)
        return ds, Ledger.from_json(ds.attrs["ledger"]).problems

    return run


def one(problems, code):
    found = [p for p in problems if p.code == code]
    assert len(found) == 1, render(problems)
    return found[0]


def test_sites__of_a_table_with_shapes(study):
    ds, problems = study(TOML)
    assert ds["site"].values.tolist() == ["S1", "S9", "S10"]
    assert ds["elevation"].values.tolist() == [1203, 1.203, 510.5]
    assert ds["aspect"].values.tolist() == ["Größe", "", "N"]
    assert ds["is_wet"].values == pytest.approx([np.nan, 0, 1], nan_ok=True)
    assert ds["select"].values.tolist() == [3, 2, 1]
    assert ds['odd "name" ; DROP TABLE birds.sites; --'].values.tolist() == [9, 8, 7]
    assert ds["longitude"].values == pytest.approx([7.7017, 7.5700, 7.4386], abs=1e-3)
    assert [p.code for p in problems] == ["N333"]  # heights of the points


def test_sites__order_of_rows_changes_nothing(study, address, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")  # provenance tells when it was read
    one_way, _ = study(TOML)
    engine = sqlalchemy.create_engine(address.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as link:  # an update moves a row to the end of its table
        link.exec_driver_sql("UPDATE birds.sites SET elevation = elevation WHERE \"Plot\" = 'S10'")
    engine.dispose()
    other, _ = study(TOML)
    assert one_way.attrs["provenance"] == other.attrs["provenance"]
    assert one_way["elevation"].values.tolist() == other["elevation"].values.tolist()


def test_sites__of_a_view_and_of_a_name_in_other_capitals(study):
    ds, _ = study(TOML.replace("birds.sites", "BIRDS.High"), sites=("S10", "S1"))
    assert ds["elevation"].values.tolist() == [1203, 510.5]


def test_sites__of_a_table_with_columns_of_coordinates_and_of_geography(study):
    plain = TOML.replace("birds.sites", "birds.plain").replace('"Plot"', '"plot"')
    ds, _ = study(plain)
    assert ds["longitude"].values.tolist() == [8.1, 8.2, 8.0]
    assert ds["rain"].values.tolist() == [800.5, 900, 1.234]
    ds, _ = study(TOML.replace("birds.sites", "birds.globe").replace('"Plot"', '"plot"'))
    assert ds["latitude"].values == pytest.approx([47.04, 47, 46.95])


def test_covariates__joined_by_site_and_by_place(study):
    ds, problems = study(
        TOML + '[covariates.rain]\ntable = "birds.plain"\nsite = "plot"\nunits = "mm"\n'
        '[covariates.wood]\ntable = "birds.woods"\ncolumn = "kind"\nstat = "value"\n'
        '[covariates.code]\ntable = "birds.woods"\nstat = "value"\n'
        '[covariates.oak]\ntable = "birds.woods"\ncolumn = "kind"\nstat = "share"\n'
        'class = "oak"\nbuffer_m = 1000\n'
        '[covariates.to_fir]\ntable = "birds.woods"\ncolumn = "kind"\nstat = "distance"\n'
        'class = "fir"\n'
    )
    assert ds["rain"].values.tolist() == [800.5, 900, 1.234]
    assert ds["wood"].values.tolist() == ["", "fir", "oak"]
    assert ds["code"].values == pytest.approx([np.nan, 7, 3], nan_ok=True)
    assert ds["oak"].values == pytest.approx([0, 0, 1], abs=1e-6)
    assert ds["to_fir"].values == pytest.approx([5000, 0, 5000], rel=2e-3)
    assert {p.code for p in problems} == {"N333", "W342"}


def test_detections_and_seasons__of_tables_without_shapes(study, tmp_path):
    toml = TOML.split("[files.detections]")[0] + (
        '[source]\nformat = "long"\n[files.detections]\ntable = "birds.seen"\n'
        'columns = { site = "plot", detection = "y" }\n'
    )
    ds, _ = study(toml)
    assert ds["detection"].values.squeeze().tolist() == [[0, 1], [0, 0]]
    (tmp_path / "wide.csv").write_text("site,y.2019.1,y.2020.1\nA,0,1\nB,1,0\n")
    ds, _ = study(
        TOML.split("[files.detections]")[0] + '[files.detections]\npath = "wide.csv"\n'
        '[season_covariates.snow]\ntable = "birds.years"\n'
    )
    assert ds["snow"].sel(site="A").values.tolist() == [12.5, 40]


@pytest.mark.parametrize(
    ("table", "code", "told"),
    [
        ("birds.site", "E354", 'no table or view birds.site. Did you mean "birds.sites"?'),
        ("birds.sites; DROP TABLE birds.sites", "E355", "is no name of a table"),
        ("(SELECT * FROM birds.sites) x", "E355", "is no name of a table"),
        ("a.b.c", "E355", "is no name of a table"),
        ("pg_catalog.pg_authid", "E354", "no table or view"),
        ("birds.none", "E030", "its shapes have no CRS (SRID 0)"),
        ("birds.mixed", "E356", "mixes shapes of 2 CRS (SRID 2056, 4326)"),
        ("birds.empty", "E006", "birds.empty has no rows"),
    ],
)
def test_table__that_cannot_be_read_is_told(study, table, code, told):
    _, problems = study(TOML.replace("birds.sites", table).replace('"Plot"', '"plot"'))
    assert told in one(problems, code).fact
    ds, _ = study(TOML)
    assert ds.sizes["site"] == 3  # nothing was dropped


def test_shapes__without_crs_take_that_of_the_study_file(study):
    toml = TOML.replace("birds.sites", "birds.none").replace('"Plot"', '"plot"')
    ds, _ = study(toml + '[sites]\ncrs = "EPSG:4326"\n', sites=("S1",))
    assert ds["longitude"].item() == 1


def test_connection__cannot_write(address):
    from surveys.places import database

    with (
        pytest.raises(SurveyError, match="read-only transaction"),
        database._connected({"environment": "OCCUPANCY_TEST_POSTGIS"}, None) as link,
    ):
        link.execute(sqlalchemy.text("DELETE FROM birds.sites"))


def test_connection__by_host_and_passfile_and_by_service(tmp_path, study, address, monkeypatch):
    url = sqlalchemy.make_url(address)
    plain = (
        f'host = "{url.host}"\nport = {url.port}\ndatabase = "{url.database}"\n'
        f'user = "{url.username}"\npassfile = "{os.environ["OCCUPANCY_TEST_PASSFILE"]}"'
    )
    way = 'environment = "OCCUPANCY_TEST_POSTGIS"'
    monkeypatch.delenv("OCCUPANCY_TEST_POSTGIS")
    ds, _ = study(TOML.replace(way, plain))
    assert ds.sizes["site"] == 3
    services = tmp_path / "services.conf"
    services.write_text(
        f"[survey]\nhost={url.host}\nport={url.port}\ndbname={url.database}\nuser={url.username}\n"
    )
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    monkeypatch.setenv("PGPASSFILE", os.environ["OCCUPANCY_TEST_PASSFILE"])
    ds, _ = study(TOML.replace(way, 'service = "survey"'))
    assert '"database": "service survey"' in ds.attrs["provenance"]


# --- secrets ---------------------------------------------------------------------------------


def test_password__is_in_nothing_that_is_kept(study, password):
    ds, _ = study(TOML)
    kept = json.dumps([ds.attrs["ledger"], ds.attrs["provenance"], str(ds.attrs), str(ds)])
    assert password not in kept
    assert "127.0.0.1" not in kept
    assert '\\"database\\": \\"environment OCCUPANCY_TEST_POSTGIS\\"' in kept


@pytest.mark.parametrize(
    "spoil", ["wrong password", "wrong database", "wrong port", "wrong address"]
)
def test_password__is_in_no_message(tmp_path, address, password, monkeypatch, spoil):
    url = sqlalchemy.make_url(address)
    bad = {
        "wrong password": address.replace(password, "not-" + password),
        "wrong database": address.replace("/field", "/nowhere"),
        "wrong port": address.replace(str(url.port), "9"),
        "wrong address": f"postgresql://biologist:{password}@@host:x/field?oops={password}",
    }[spoil]
    monkeypatch.setenv("OCCUPANCY_TEST_POSTGIS", bad)
    with pytest.raises(SurveyError) as error:
        read_relation("birds.sites", {"environment": "OCCUPANCY_TEST_POSTGIS"}, tmp_path)
    told = "".join(traceback.format_exception(error.value))
    assert password not in told
    assert error.value.__cause__ is None
    assert error.value.codes in (("E351",), ("E352",))


def test_table__without_the_right_to_read_it(study, address):
    engine = sqlalchemy.create_engine(address.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as link:
        link.exec_driver_sql("DROP ROLE IF EXISTS guest")
        link.exec_driver_sql("CREATE ROLE guest LOGIN PASSWORD 'visiting-1'")
        link.exec_driver_sql("GRANT USAGE ON SCHEMA birds TO guest")
    engine.dispose()
    url = sqlalchemy.make_url(address).set(username="guest", password="visiting-1")
    os.environ["OCCUPANCY_TEST_GUEST"] = url.render_as_string(hide_password=False)
    try:
        _, problems = study(TOML.replace("TEST_POSTGIS", "TEST_GUEST"))
    finally:
        del os.environ["OCCUPANCY_TEST_GUEST"]
    problem = one(problems, "E353")
    assert "permission denied for table sites" in problem.fact
    assert "GRANT SELECT" in problem.cure
    assert "visiting-1" not in render(problems)
