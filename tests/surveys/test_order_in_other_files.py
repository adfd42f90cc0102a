"""The order of rows, columns, sheets, parts and features means nothing in any kind of file."""

import io
import random

import geopandas as gpd
import openpyxl
import pytest
import shapely
import xarray as xr
from ods_samples import ods
from seeds import parquet
from spoilt_studies import put

from surveys import read

SEEDS_OF_ORDER = range(4)
STUDY = """schema = 1
[files.detections]
path = "d.{kind}"
{sheet}
[files.sites]
path = "s.{kind}"
[season_covariates.rain]
path = "r.{kind}"
[species_covariates.mass]
path = "t.{kind}"
"""
DETECTIONS = [
    ["species", "site", "year", "y.1", "y.2", "wind.1", "wind.2"],
    ["fox", "A", 2001, 0, 1, 3.5, 2],
    ["fox", "B", 2001, 0, None, 1, 4],
    ["hare", "A", 2001, 1, 1, 3.5, 2],
    ["hare", "B", 2001, 0, None, 1, 4],
    ["fox", "A", 2002, 0, 0, 2, 2.5],
    ["fox", "B", 2002, 1, 0, 2, 2.5],
    ["hare", "A", 2002, 0, 1, 2, 2.5],
    ["hare", "B", 2002, 0, 0, 2, 2.5],
]
SITES = [["site", "lat", "lon", "kind"], ["A", 46.8, 8.2, "oak"], ["B", 46.9, 8.4, "fir"]]
RAIN = [["site", "season", "rain"], ["A", 2001, 3], ["A", 2002, 4], ["B", 2001, 5], ["B", 2002, 6]]
TRAITS = [["species", "mass"], ["fox", 6.5], ["hare", 4.0]]


def turned(rows, rng):
    """Rows below the header, and columns, in another order."""
    head, *body = rows
    order = rng.sample(range(len(head)), len(head))
    body = rng.sample(body, len(body))
    return [[row[i] for i in order] for row in [head, *body]]


def as_csv(rows):
    return "".join(",".join("" if v is None else str(v) for v in r) + "\n" for r in rows).encode()


def as_xlsx(rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def as_parquet(rows):
    head, *body = rows
    return parquet(**{n: [r[i] for r in body] for i, n in enumerate(head)})


WRITERS = {"csv": as_csv, "xlsx": as_xlsx, "ods": ods, "parquet": as_parquet}


def content(ds):
    """The Dataset without its attributes, which tell files and the numbers of rows."""
    return ds[sorted(map(str, ds.data_vars))].drop_attrs(deep=False)


def dataset(folder, kind, rng=None, more=""):
    tables = {"d": DETECTIONS, "s": SITES, "r": RAIN, "t": TRAITS}
    if rng is not None:
        tables = {name: turned(rows, rng) for name, rows in tables.items()}
    files = {f"{name}.{kind}": WRITERS[kind](rows) for name, rows in tables.items()}
    sheet = 'columns = { season = "year", species = "species" }'
    return content(read(put(folder, STUDY.format(kind=kind, sheet=sheet) + more, files)))


@pytest.mark.parametrize("kind", WRITERS)
def test_every_kind_of_table_gives_one_dataset_in_any_order(tmp_path, kind):
    first = dataset(tmp_path / "csv", "csv")
    for seed in SEEDS_OF_ORDER:
        ds = dataset(tmp_path / str(seed), kind, random.Random(seed))
        xr.testing.assert_identical(first, ds)


def test_order_of_the_sheets_of_a_workbook_changes_nothing(tmp_path):
    told = []
    for seed in SEEDS_OF_ORDER:
        rng = random.Random(seed)
        book = openpyxl.Workbook()
        book.remove(book.active)
        sheets = {"Data": DETECTIONS, "Sites": SITES, "Notes": [["x"]], "Rain": RAIN}
        for name in rng.sample(list(sheets), len(sheets)):
            page = book.create_sheet(name)
            for row in turned(sheets[name], rng):
                page.append(row)
        study = (
            'schema = 1\n[files.detections]\npath = "b.xlsx"\nsheet = "Data"\n'
            'columns = { season = "year" }\n[files.sites]\npath = "b.xlsx"\nsheet = "Sites"\n'
            '[season_covariates.rain]\npath = "b.xlsx"\nsheet = "Rain"\n'
        )
        told.append(content(read(put(tmp_path / str(seed), study, {"b.xlsx": book}))))
    for ds in told[1:]:
        xr.testing.assert_identical(told[0], ds)


def test_order_of_the_parts_of_a_table_changes_nothing(tmp_path):
    head, *body = DETECTIONS
    parts = {"a.csv": [head, *body[:3]], "b.csv": [head, *body[3:]]}
    study = 'schema = 1\n[files.detections]\npath = {}\ncolumns = {{ season = "year" }}\n'
    told = []
    for seed, path in enumerate(('["a.csv", "b.csv"]', '["b.csv", "a.csv"]')):
        rng = random.Random(seed)
        files = {n: as_csv(turned(rows, rng)) for n, rows in parts.items()}
        told.append(content(read(put(tmp_path / str(seed), study.format(path), files))))
    xr.testing.assert_identical(*told)


def test_order_of_the_features_of_layers_changes_nothing(tmp_path):
    squares = [shapely.box(7 + i, 46, 8 + i, 48) for i in range(3)]
    regions = gpd.GeoDataFrame(
        {"name": ["West", "Middle", "East"], "soil": ["a", "b", "c"]},
        geometry=squares,
        crs="EPSG:4326",
    )
    more = (
        '[regions]\npath = "regions.gpkg"\nname = "name"\n'
        '[covariates.soil]\npolygons = "regions.gpkg"\n'
    )
    told = []
    for k, order in enumerate(([0, 1, 2], [2, 0, 1], [1, 2, 0])):
        folder = tmp_path / str(k)
        folder.mkdir()
        regions.iloc[order].to_file(folder / "regions.gpkg")
        told.append(dataset(folder, "csv", random.Random(k), more))
    assert told[0]["region"].values.tolist() == ["Middle", "Middle"]
    assert told[0]["soil"].values.tolist() == ["b", "b"]
    for ds in told[1:]:
        xr.testing.assert_identical(told[0], ds)
