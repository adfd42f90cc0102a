"""Opening a map layer that somebody sent: a local file of a known kind, and nothing else.

GDAL follows addresses, virtual files and `/vsi` paths that stand where a name is expected. So the
path is checked, the kind is told from the first bytes of the file, and GeoJSON is read without
GDAL. What is opened is always a plain file on this machine.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    """Tell gpkg, shp, geojson or csv from the first bytes, never from the name alone."""
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith(b"SQLite format 3\0"):
        return "gpkg"
    if head.startswith(b"\x00\x00\x27\x0a"):
        return "shp"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith((b"<", b"PK", b"II*", b"MM\0*", b"\x89HDF", b"CDF")) or b"\0" in head:
        raise SurveyError(
            Problem(
                code="E302",
                file=path.name,
                fact=f"{path.name} is not a GeoPackage, Shapefile, GeoJSON or CSV file",
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
    within: str | Path | None = None,
) -> gpd.GeoDataFrame:
    """A layer with its CRS. `crs` is for a file that does not tell its own."""
    real = safe_path(path, within)
    kind = kind_of(real)
    if kind == "csv":
        fact = f"{real.name} is a table, not a map layer"
        raise SurveyError(
            Problem(code="E303", file=real.name, fact=fact, cure="give a GeoPackage or GeoJSON")
        )
    frame = _read_geojson(real) if kind == "geojson" else _read_ogr(real, kind, layer)
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
    why = "without it nobody can say where on earth the polygons lie"
    return Problem(code="E030", file=path.name, fact=fact, why=why, cure=cure)


def _read_ogr(path: Path, kind: str, layer: str | None) -> gpd.GeoDataFrame:
    import geopandas as gpd
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError

    if kind == "shp" and path.suffix.lower() != ".shp":
        raise _refused(path.name, "is a Shapefile under another name", "name it .shp")
    if kind == "gpkg" and path.suffix.lower() != ".gpkg":
        raise _refused(path.name, "is a database under another name", "name it .gpkg")
    try:
        names = [str(name) for name in pyogrio.list_layers(path)[:, 0]]
        if layer is None and len(names) > 1:
            raise SurveyError(
                Problem(
                    code="E304",
                    file=path.name,
                    fact=f"{path.name} has {len(names)} layers: {listing(names)}",
                    cure=f'name one: layer = "{names[0]}"',
                )
            )
        if layer is not None and layer not in names:
            fact = f'{path.name} has no layer "{layer}". It has: {listing(names)}.'
            raise SurveyError(
                Problem(code="E304", file=path.name, fact=fact + did_you_mean(layer, names))
            )
        frame = pyogrio.read_dataframe(path, layer=layer, datetime_as_string=True)
    except (DataSourceError, DataLayerError) as error:
        fact = f"{path.name} cannot be read: {str(error).splitlines()[0][:200]}"
        cure = "export it again; a Shapefile needs its .shx and .dbf beside it"
        raise SurveyError(Problem(code="E305", file=path.name, fact=fact, cure=cure)) from None
    if not isinstance(frame, gpd.GeoDataFrame):
        fact = f"{path.name} is a table without geometry"
        raise SurveyError(Problem(code="E303", file=path.name, fact=fact))
    return frame


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
