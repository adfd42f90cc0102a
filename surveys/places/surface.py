"""The surface of prediction: cells with covariates, from polygons or from a table of centres."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from surveys.columns import find_coordinates
from surveys.places.cells import cells_in_rows, cells_round
from surveys.places.crs import in_equal_area, parse_crs
from surveys.places.layers import kind_of, read_layer, safe_path
from surveys.problems import Problem, SurveyError, did_you_mean, listing
from surveys.values import as_covariate

if TYPE_CHECKING:
    import geopandas as gpd

MISSING = frozenset({"", "na", "nan", "n/a", ".", "-", "null", "none"})


def read_surface(
    path: str | Path,
    crs: Any = None,
    columns: Mapping[str, str] | None = None,
    *,
    layer: str | None = None,
    within: str | Path | None = None,
) -> gpd.GeoDataFrame:
    """Cells of prediction in an equal-area CRS: covariates, region, area_km2, geometry.

    Parameters
    ----------
    path
        GeoPackage, GeoJSON or Shapefile of polygons or of centres; or a table of centres with
        longitude and latitude, or easting and northing with `crs`. Round centres in offset rows
        hexagons are drawn, round centres in rows above each other squares.
    columns
        Name here -> name in the file, where they differ: {"forest": "FOR_PCT", "longitude": "X"}.
    """
    real = safe_path(path, within)
    packed = _is_packed(real)
    if packed or kind_of(real) == "csv":
        table = _read_packed(real) if packed else _read_csv(real)
        frame, taken = _renamed(table, columns, real.name), ()
        x, y, crs, taken = _centres(frame, crs, real.name)
        cells = _round_centres(x, y, crs, real.name)
    else:
        given = _renamed(read_layer(real, crs=crs, layer=layer), columns, real.name)
        frame, taken = given.drop(columns=given.geometry.name), ()
        cells = _from_layer(given, real.name)
    cells = in_equal_area(cells)
    out = {}
    for name in frame.columns:
        if name in taken or name in ("area_km2", "geometry"):
            continue
        if name == "region":
            region = frame[name].map(lambda v: "" if v is None or v != v else str(v).strip())
            out["region"] = region.to_numpy(dtype=object)
        else:
            out[str(name)] = as_covariate(frame[name], str(name))
    for name, values in out.items():
        if values.dtype.kind == "f" and np.isinf(values).any():
            row = int(np.flatnonzero(np.isinf(values))[0])
            fact = f'{real.name}: "{name}" is infinite in {np.isinf(values).sum()} cells'
            raise SurveyError(Problem(code="E152", file=real.name, row=row + 2, fact=fact))
    result = type(cells)(out, geometry=cells.geometry.to_numpy(), crs=cells.crs)
    result.insert(len(out), "area_km2", result.geometry.area.to_numpy() / 1e6)
    return result


def _is_packed(path: Path) -> bool:
    """Whether the file is Parquet, a workbook, or a packed table."""
    with path.open("rb") as file:
        return file.read(4).startswith((b"PAR1", b"PK\x03\x04", b"\x1f\x8b"))


def _read_packed(path: Path) -> pd.DataFrame:
    """A table of centres from whatever else holds tables, as the readers of surveys open it."""
    from surveys.ledger import Ledger
    from surveys.open_table import open_table
    from surveys.text_table import TableSpec

    ledger = Ledger()
    table = open_table(TableSpec(path, path.name, "surface"), ledger)
    ledger.raise_errors()
    if table is None or not len(table):
        fact = f"{path.name} has a header and no rows"
        raise SurveyError(Problem(code="E006", file=path.name, fact=fact, cure="export it again"))
    comma = table.separator == ";"
    return pd.DataFrame(
        {n: _numbers_or_text(tuple(table.text(n)), decimal_comma=comma) for n in table.names}
    )


def _read_csv(path: Path) -> pd.DataFrame:
    """All cells as numbers where every cell of the column is one, else as text."""
    raw = path.read_bytes()
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            text = raw.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        fact = f"{path.name} is neither UTF-8 nor Windows-1252"
        raise SurveyError(Problem(code="E003", file=path.name, fact=fact, cure="save as CSV UTF-8"))
    first = text.splitlines()[0] if text.strip() else ""
    separator = max(",;\t", key=first.count)
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    if len(rows) < 2:
        fact = f"{path.name} has a header and no rows"
        raise SurveyError(Problem(code="E006", file=path.name, fact=fact, cure="export it again"))
    header = [name.strip() for name in rows[0]]
    odd = [i for i, row in enumerate(rows[1:], start=2) if len(row) != len(header)]
    if odd:
        raise SurveyError(
            Problem(
                code="E009",
                file=path.name,
                row=i,
                fact=f"{path.name} row {i}: {len(rows[i - 1])} values, header has {len(header)}",
                cure="put a text that holds the separator in double quotes",
            )
            for i in odd
        )
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        fact = f'{path.name}: two columns are called "{twice}"'
        raise SurveyError(Problem(code="E011", file=path.name, fact=fact, cure="rename one"))
    columns = zip(*rows[1:], strict=True)
    return pd.DataFrame(
        {
            name: _numbers_or_text(cells, decimal_comma=separator != ",")
            for name, cells in zip(header, columns, strict=True)
        }
    )


def _numbers_or_text(cells: tuple[str, ...], decimal_comma: bool) -> np.ndarray:
    numbers = []
    for cell in cells:
        word = cell.strip()
        if word.casefold() in MISSING:
            numbers.append(np.nan)
            continue
        if decimal_comma and word.count(",") == 1 and "." not in word:
            word = word.replace(",", ".")
        try:
            if "_" in word:
                raise ValueError
            numbers.append(float(word))
        except ValueError:
            words = [c.strip() for c in cells]
            return np.array(["" if w.casefold() in MISSING else w for w in words], dtype=object)
    return np.array(numbers, dtype=np.float64)


def _renamed(frame: Any, columns: Mapping[str, str] | None, file: str) -> Any:
    for here, there in (columns or {}).items():
        if there not in frame.columns:
            raise SurveyError(
                Problem(
                    code="E015",
                    file=file,
                    fact=f'{file} has no column "{there}" (wanted as {here}). '
                    f"It has: {listing(frame.columns, 12)}." + did_you_mean(there, frame.columns),
                )
            )
    return frame.rename(columns={there: here for here, there in (columns or {}).items()})


def _centres(frame: pd.DataFrame, crs: Any, file: str):
    """x, y, their CRS and the names of the two columns."""
    bare = {str(c).strip().casefold(): str(c) for c in frame.columns}
    found = find_coordinates(bare)
    if found is None:
        raise SurveyError(
            Problem(
                code="E226",
                file=file,
                fact=f"{file} has {listing(frame.columns, 12)}, but no longitude and latitude, "
                "nor easting and northing",
                cure='name them: columns = { longitude = "...", latitude = "..." }',
            )
        )
    x_name, y_name, degrees = found
    x, y = (frame[n].to_numpy() for n in (x_name, y_name))
    for name, values in ((x_name, x), (y_name, y)):
        if values.dtype.kind != "f" or not np.isfinite(values).all():
            fact = f'{file}, column "{name}": every cell needs its coordinate as a number'
            raise SurveyError(Problem(code="E046", file=file, column=name, fact=fact))
    if crs is None and (degrees or max(np.abs(x).max(), np.abs(y).max()) <= 180):
        crs = "EPSG:4326"
    if crs is None:
        raise SurveyError(
            Problem(
                code="E026",
                file=file,
                fact=f"{file}: columns {x_name}, {y_name} hold metres ({x[0]:.0f} ...) "
                "and no CRS is given",
                cure='crs = "EPSG:2056" (the number of yours)',
            )
        )
    if degrees and parse_crs(crs).is_geographic and np.abs(y).max() > 90:
        i = int(np.abs(y).argmax())
        fact = f"{file} row {i + 2}, column {y_name}: {y[i]:g} is not between -90 and 90"
        raise SurveyError(Problem(code="E025", file=file, row=i + 2, column=y_name, fact=fact))
    return x, y, parse_crs(crs), (x_name, y_name)


def _round_centres(x: np.ndarray, y: np.ndarray, crs: Any, file: str) -> gpd.GeoDataFrame:
    import geopandas as gpd

    twice = pd.MultiIndex.from_arrays([x, y]).duplicated()
    if twice.any():
        row = int(np.flatnonzero(twice)[0]) + 2
        fact = f"{file} row {row}: a cell with this centre stands above already"
        raise SurveyError(Problem(code="E324", file=file, row=row, fact=fact))
    points = gpd.GeoDataFrame(geometry=gpd.points_from_xy(x, y, crs=crs))
    if crs.is_geographic:
        # a grid of degrees is one only in degrees; any other was made in metres of some projection
        found = cells_in_rows(x, y)
        if found is None or found[1] != "squares":
            return _in_metres(points)
        return gpd.GeoDataFrame(geometry=found[0], crs=crs)
    shapes, _ = cells_round(x, y)
    return gpd.GeoDataFrame(geometry=shapes, crs=crs)


def _in_metres(points: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    import geopandas as gpd

    projected = in_equal_area(points)
    shapes, _ = cells_round(projected.geometry.x.to_numpy(), projected.geometry.y.to_numpy())
    return gpd.GeoDataFrame(geometry=shapes, crs=projected.crs)


def _from_layer(given: gpd.GeoDataFrame, file: str) -> gpd.GeoDataFrame:
    import geopandas as gpd
    import shapely

    shapes = shapely.force_2d(given.geometry.to_numpy())
    kinds = set(shapely.get_type_id(shapes).tolist())
    if kinds == {0}:
        x, y = shapely.get_x(shapes), shapely.get_y(shapes)
        return _round_centres(x, y, given.crs, file)
    if not kinds <= {3, 6}:
        fact = f"{file}: cells must be polygons, or all of them points"
        raise SurveyError(Problem(code="E311", file=file, fact=fact))
    return gpd.GeoDataFrame(geometry=shapely.make_valid(shapes), crs=given.crs)
