"""Tables, GeoPackage and GeoJSON hold the same numbers and keep the rules of their formats."""

import json
import re
import sqlite3
from xml.etree import ElementTree

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely

from occupancy.outputs import OutputError, style, tables, write
from occupancy.outputs.files import replacing


@pytest.fixture(scope="module")
def folder(results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    for name in ("tables", "geopackage", "geojson"):
        write(name, results, folder)
    return folder


def test_tables__every_column_is_in_the_dictionary_with_a_meaning(folder):
    columns = pd.read_csv(folder / "_columns.csv", keep_default_na=False)
    for path in folder.glob("[a-z]*.csv"):
        header = pd.read_csv(path, nrows=0).columns
        known = columns[columns["file"] == path.name]
        assert list(known["column"]) == list(header)
        assert (known["meaning"] != "").all(), known[known["meaning"] == ""]
    assert {"sites.csv", "regions.csv", "cells.csv", "coefficients.csv", "warnings.csv"} <= set(
        columns["file"]
    )


def test_tables__numbers_survive_the_file(folder, results):
    sites = pd.read_csv(folder / "sites.csv")
    assert np.allclose(sites["psi_mean"], results.sites["psi_mean"], atol=5e-5)
    assert (sites["detected"] == results.sites["detected"].to_numpy()).all()
    assert sites["longitude"].between(-180, 180).all()


def test_tables__a_text_that_a_spreadsheet_would_run_gets_an_apostrophe_and_is_counted(
    hostile, tmp_path
):
    write("tables", hostile, tmp_path)
    regions = pd.read_csv(tmp_path / "regions.csv")
    assert "'=cmd|'/C calc'!A0" in set(regions["region"])
    columns = pd.read_csv(tmp_path / "_columns.csv")
    counted = columns.query("file == 'regions.csv' and column == 'region'")["apostrophes"]
    assert counted.tolist() == [1]
    write("tables", hostile, tmp_path, spreadsheet=False)
    assert "=cmd|'/C calc'!A0" in set(pd.read_csv(tmp_path / "regions.csv")["region"])


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-cmd", "@SUM(A1)", "\tx", "\rx", "-1+cmd"])
def test_guard__every_dangerous_start(text):
    assert tables.guard(text) == "'" + text


@pytest.mark.parametrize("spreadsheet", [True, False])
def test_csv__holds_no_control_character_of_a_label(spreadsheet):
    """A terminal that shows the file must not obey a site's name."""
    table = pd.DataFrame({"site": ["\x1b[31mred\x9b2J", "Łódź\tb"], "a\x1b]0;x\x07": [1, 2]})
    text = tables.csv_text(table, spreadsheet=spreadsheet)
    assert "\x1b" not in text
    assert "\x9b" not in text
    assert "\x07" not in text
    assert "\\u001b[31mred\\u009b2J" in text
    assert "Łódź\tb" in text


@pytest.mark.parametrize("text", ["-1.5", "+3", "-1e-05", "plain", "", "a=b"])
def test_guard__numbers_and_plain_text_are_left_alone(text):
    assert tables.guard(text) == text


def test_geopackage__layers_keep_projection_numbers_and_shapes(folder, results):
    path = folder / "occupancy.gpkg"
    assert {n for n, _ in pyogrio.list_layers(path)} >= {
        "sites", "regions", "cells", "provenance", "layer_styles", "warnings",
    }  # fmt: skip
    for layer in ("sites", "regions", "cells"):
        back, source = gpd.read_file(path, layer=layer), getattr(results, layer)
        assert back.crs.to_epsg() == 3035
        assert np.allclose(back["psi_mean"], source["psi_mean"], rtol=0, atol=1e-12)
        assert back.geometry.area.sum() == pytest.approx(source.geometry.area.sum(), rel=1e-12)
    seal = pyogrio.read_dataframe(path, layer="provenance").set_index("key")["value"]
    assert seal["data_sha256"] == results.provenance["data_sha256"]


def test_geopackage__default_styles_are_registered_and_use_the_maps_classes(folder):
    base = sqlite3.connect(folder / "occupancy.gpkg")
    try:
        kinds = dict(base.execute("SELECT table_name, data_type FROM gpkg_contents"))
        rows = base.execute(
            "SELECT f_table_name, f_geometry_column, styleName, styleQML, useAsDefault "
            "FROM layer_styles"
        ).fetchall()
    finally:
        base.close()
    assert kinds["layer_styles"] == "attributes"
    assert kinds["cells"] == "features"
    default = {layer: qml for layer, _, name, qml, on in rows if on == 1 and name == "occupancy"}
    assert set(default) == {"sites", "regions", "cells"}
    assert sum(on for *_, on in rows) == 3
    assert {column for _, column, *_ in rows} == {"geom"}
    tree = ElementTree.fromstring(default["cells"].split("\n", 1)[1])
    ends = [(float(r.get("lower")), float(r.get("upper"))) for r in tree.iter("range")]
    assert ends == list(zip(style.PSI_BREAKS, style.PSI_BREAKS[1:], strict=False))
    red, green, blue = (int(style.psi_colours()[9][k : k + 2], 16) for k in (1, 3, 5))
    colours = [o.get("value") for o in tree.iter("Option") if o.get("name") == "color"]
    assert colours[9] == f"{red},{green},{blue},255"


def test_geopackage__without_coordinates_holds_attribute_tables(placeless, tmp_path):
    (path,) = write("geopackage", placeless, tmp_path)
    back = pyogrio.read_dataframe(path, layer="sites")
    assert not isinstance(back, gpd.GeoDataFrame)
    assert np.allclose(back["psi_mean"], placeless.sites["psi_mean"])


def ring_area(ring):
    x, y = np.array(ring)[:, :2].T
    return float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum() / 2)


def test_geojson__keeps_the_rules_of_rfc_7946(folder, results):
    for layer in ("sites", "regions", "cells"):
        text = (folder / f"{layer}.geojson").read_text(encoding="utf-8")
        body = json.loads(text)
        assert "crs" not in body
        assert len(body["features"]) == len(getattr(results, layer))
        for feature in body["features"]:
            shape = feature["geometry"]
            parts = {"Polygon": [shape["coordinates"]], "MultiPolygon": shape["coordinates"]}
            for part in parts.get(shape["type"], []):
                assert ring_area(part[0]) > 0  # right-hand rule: outer rings run anticlockwise
                assert all(ring_area(hole) < 0 for hole in part[1:])
        assert not re.search(r"\d\.\d{7,}", coordinates_of(text))
    world = results.regions.geometry.to_crs(4326)
    back = gpd.read_file(folder / "regions.geojson")
    assert shapely.area(np.array(back.geometry)).sum() == pytest.approx(
        shapely.area(np.array(world)).sum(), rel=1e-4
    )


def coordinates_of(text):
    return " ".join(re.findall(r'"coordinates": (\[.*?\]) \}', text))


def test_geojson__without_coordinates_is_refused_in_plain_words(placeless, tmp_path):
    with pytest.raises(OutputError, match="no coordinates"):
        write("geojson", placeless, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_replacing__a_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")

    def fail():
        with replacing(path) as part:
            part.write_text("half")
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
