"""Opening a map layer that somebody sent: a local file of a known kind, and nothing else.

GDAL follows addresses, virtual files and `/vsi` paths that stand where a name is expected. So the
path is checked, the kind is told from the first bytes of the file, and GeoJSON is read without
GDAL. What is opened is always a plain file on this machine.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surveys.places import shapefile
from surveys.places.crs import parse_crs
from surveys.problems import Problem, SurveyError, did_you_mean, listing

if TYPE_CHECKING:
    import geopandas as gpd

LARGEST_GEOJSON = 512 * 1024 * 1024  # bytes; a larger layer belongs in a GeoPackage
_ADDRESS = re.compile(r"^[A-Za-z][A-Za-z0-9+.\-]*://|^[A-Za-z_]{2,}:|[\x00-\x1f]")


def safe_path(path: str | Path, within: str | Path | None = None) -> Path:
    """The real path of a plain local file; addresses, virtual paths and devices are refused.

    `within`: the folder in which the file must lie after links are followed.
    """
    text = str(path)
    if _ADDRESS.search(text) or "/vsi" in text.replace("\\", "/").casefold() or "<" in text:
        raise _refused(text, "is not a file of this machine", "download the file and give its path")
    real = Path(path).expanduser().resolve()
    if within is not None and not real.is_relative_to(Path(within).resolve()):
        raise _refused(
            text, f"lies outside {Path(within)}", "copy the file into the study's folder"
        )
    if not real.exists():
        near = did_you_mean(real.name, (p.name for p in real.parent.glob("*")))
        raise _refused(text, f"does not exist.{near}", "check the path")
    if not real.is_file():
        raise _refused(text, "is not a file", "give the path of the file itself")
    return real


def _refused(path: str, fact: str, cure: str) -> SurveyError:
    return SurveyError(Problem(code="E301", file=path, fact=f"{path} {fact}", cure=cure))


def kind_of(path: Path) -> str:
    """Tell gpkg, shp, fgb, geojson or csv from the first bytes, never from the name alone."""
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith(b"SQLite format 3\0"):
        return "gpkg"
    if head.startswith(b"\x00\x00\x27\x0a"):
        return "shp"
    if head[:3] == b"fgb" and head[4:7] == b"fgb":
        return "fgb"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith((b"<", b"PK", b"II*", b"MM\0*", b"\x89HDF", b"CDF")) or b"\0" in head:
        raise SurveyError(
            Problem(
                code="E302",
                file=path.name,
                fact=f"{path.name} is not a GeoPackage, Shapefile, FlatGeobuf, GeoJSON or CSV file",
                cure="export the layer as GeoPackage; unzip an archive first",
            )
        )
    if text.startswith(b"{"):
        return "geojson"
    if not text:
        fact = f"{path.name} is empty (0 bytes). Was the export cut short?"
        raise SurveyError(Problem(code="E005", file=path.name, fact=fact, cure="export it again"))
    return "csv"


def read_layer(
    path: str | Path,
    *,
    crs: Any = None,
    layer: str | None = None,
    encoding: str | None = None,
    within: str | Path | None = None,
) -> gpd.GeoDataFrame:
    """A layer with its CRS, its features in the order of the file.

    Parameters
    ----------
    crs
        For a file that does not tell its own.
    layer
        Of a file with several; None: the only one that has shapes.
    encoding
        Of the texts of a Shapefile, where it tells none and the guess is wrong.
    """
    real = safe_path(path, within)
    kind = kind_of(real)
    if kind == "csv":
        fact = f"{real.name} is a table, not a map layer"
        raise SurveyError(
            Problem(code="E303", file=real.name, fact=fact, cure="give a GeoPackage or GeoJSON")
        )
    is_json = kind == "geojson"
    frame = _read_geojson(real) if is_json else _read_ogr(real, kind, layer, encoding)
    if frame.crs is None:
        if crs is None:
            raise SurveyError(_no_crs(real, kind))
        frame = frame.set_crs(parse_crs(crs))
    if not len(frame):
        raise SurveyError(
            Problem(code="E006", file=real.name, fact=f"{real.name} holds no feature")
        )
    return frame


def _no_crs(path: Path, kind: str) -> Problem:
    if kind == "shp":
        fact = f"{path.name} has no .prj file: its CRS is not known"
        cure = f'put {path.stem}.prj beside it, or give crs = "EPSG:2056" (the number of yours)'
    else:
        fact = f"{path.name} does not tell its CRS"
        cure = 'give crs = "EPSG:2056" (the number of yours)'
    why = "without it nobody can say where on earth its shapes lie"
    return Problem(code="E030", file=path.name, fact=fact, why=why, cure=cure)


SUFFIXES = {"shp": "a Shapefile", "gpkg": "a database", "fgb": "a FlatGeobuf file"}


def _read_ogr(path: Path, kind: str, layer: str | None, encoding: str | None) -> gpd.GeoDataFrame:
    import geopandas as gpd
    import pyogrio
    from pyogrio.errors import CRSError, DataLayerError, DataSourceError, FeatureError

    if path.suffix.lower() != f".{kind}":
        fact = f"is {SUFFIXES[kind]} under another name"
        raise _refused(path.name, fact, f"name it .{kind}")
    if kind == "shp":
        encoding = encoding or shapefile.encoding_of(path)
    try:
        chosen = _choose(path, layer, pyogrio.list_layers(path)) if kind != "shp" else None
        frame = pyogrio.read_dataframe(
            path, layer=chosen, datetime_as_string=True, encoding=encoding
        )
    except (DataSourceError, DataLayerError, FeatureError, CRSError, LookupError) as error:
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        told = told.replace(f"{path.parent}{os.sep}", "")[:200]  # no paths of somebody's disk
        fact = f"{path.name} cannot be read: {told}"
        cure = "export it again; a Shapefile needs its .shx and .dbf beside it"
        raise SurveyError(Problem(code="E305", file=path.name, fact=fact, cure=cure)) from None
    if not isinstance(frame, gpd.GeoDataFrame):
        fact = f"{path.name} is a table without geometry"
        raise SurveyError(Problem(code="E303", file=path.name, fact=fact))
    return frame


def _choose(path: Path, layer: str | None, found: Any) -> str:
    """The layer asked for, or the only one with shapes (GIS keep styles in a table beside it)."""
    names = [str(name) for name in found[:, 0]]
    if layer is not None:
        if layer in names:
            return layer
        fact = f'{path.name} has no layer "{layer}". It has: {listing(names)}.'
        raise SurveyError(
            Problem(code="E304", file=path.name, fact=fact + did_you_mean(layer, names))
        )
    shapes = [str(name) for name, kind in found if kind is not None]
    if len(names) == 1 or len(shapes) == 1:
        return (shapes or names)[0]
    if not names:
        fact = f"{path.name} cannot be read: it holds no layer. Was it cut short?"
        raise SurveyError(Problem(code="E305", file=path.name, fact=fact, cure="export it again"))
    raise SurveyError(
        Problem(
            code="E304",
            file=path.name,
            fact=f"{path.name} has {len(shapes) or len(names)} layers: {listing(shapes or names)}",
            cure=f'name one: layer = "{(shapes or names)[0]}"',
        )
    )


def _read_geojson(path: Path) -> gpd.GeoDataFrame:
    """GeoJSON without GDAL, which would also follow what a file points to."""
    import geopandas as gpd

    if path.stat().st_size > LARGEST_GEOJSON:
        raise _refused(path.name, "is too large for GeoJSON", "save it as GeoPackage")
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
        if document.get("type") == "Topology":
            fact = f"{path.name} is TopoJSON"
            cure = "save it as GeoJSON or GeoPackage (QGIS: Export > Save Features As)"
            raise SurveyError(Problem(code="E302", file=path.name, fact=fact, cure=cure))
        features = document.get("features", [document] if document.get("type") == "Feature" else [])
        rows = [
            {"type": "Feature", "properties": f.get("properties") or {}, "geometry": f["geometry"]}
            for f in features
        ]
        told = document.get("crs", "EPSG:4326")  # RFC 7946: WGS 84 unless an old file tells another
        if isinstance(told, dict):
            told = str(told.get("properties", {}).get("name", "")) or None
            if told is not None and told.endswith(("CRS84", "EPSG::4326")):
                told = "EPSG:4326"  # the same, once order is always x, y
        frame = gpd.GeoDataFrame.from_features(rows, crs=None if told is None else parse_crs(told))
    except SurveyError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        fact = f"{path.name} is no readable GeoJSON: {str(error)[:200]}"
        raise SurveyError(
            Problem(code="E305", file=path.name, fact=fact, cure="export it again")
        ) from None
    if not len(frame):
        raise SurveyError(Problem(code="E006", file=path.name, fact=f"{path.name} has no feature"))
    bounds = frame.total_bounds
    if frame.crs is not None and frame.crs.is_geographic and max(map(abs, bounds)) > 400:
        frame = frame.set_crs(None, allow_override=True)  # metres, whatever the standard says
    return frame
