"""One GeoPackage for the GIS office: sites, regions, cells, with default QGIS styles inside.

The study's equal-area projection is kept. Without coordinates the layers are attribute tables.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from occupancy.outputs import qgis, style, tables
from occupancy.outputs.files import replacing
from occupancy.outputs.headline import headline
from occupancy.outputs.results import Results, has_geometry

LAYERS = ("sites", "regions", "cells")
_STYLES = """
CREATE TABLE layer_styles (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    f_table_catalog TEXT(256), f_table_schema TEXT(256), f_table_name TEXT(256),
    f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT,
    useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30),
    update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now'))
)
"""


def write(results: Results, folder: Path, *, stem: str = "occupancy") -> list[Path]:
    """Write `occupancy.gpkg` whole or not at all."""
    path = Path(folder) / f"{stem}.gpkg"
    made = tables.frames(results)
    with replacing(path) as part:
        styled = []
        for name in LAYERS:
            if name in made and len(made[name]):
                styled.append((name, _write_layer(part, name, made[name], getattr(results, name))))
        if "warnings" in made and len(made["warnings"]):
            _write_layer(part, "warnings", made["warnings"], None)
        _write_layer(part, "provenance", provenance_table(results), None)
        with contextlib.closing(sqlite3.connect(part)) as base, base:
            _write_styles(base, results, [(name, column) for name, column in styled if column])
    return [path]


def provenance_table(results: Results) -> pd.DataFrame:
    """Where the numbers come from, as key and value."""
    line = headline(results)
    rows = {
        "title": results.title,
        "headline": line.sentence,
        "support": line.support,
        "stamp": line.stamp,
        "interval": f"{results.interval:g}",
        "model": json.dumps(dict(results.model), ensure_ascii=False, sort_keys=True),
        **{
            key: value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
            for key, value in results.provenance.items()
        },
    }
    return pd.DataFrame({"key": list(rows), "value": list(rows.values())})


def layer_frame(table: pd.DataFrame, source: Any) -> Any:
    """A table joined with its geometry, where it has one."""
    if not has_geometry(source):
        return table
    import geopandas as gpd

    table = table.drop(columns=["easting", "northing"], errors="ignore").reset_index(drop=True)
    shapes = source.geometry.reset_index(drop=True)
    return gpd.GeoDataFrame(table, geometry=shapes.to_numpy(), crs=source.crs)


def _write_layer(path: Path, name: str, table: pd.DataFrame, source: Any) -> str:
    """Append a layer; returns its geometry column, "" for an attribute table."""
    import pyogrio

    frame = layer_frame(table, source)
    options: dict[str, Any] = {}
    if has_geometry(source):
        options["geometry_type"] = "MultiPolygon" if name != "sites" else "Point"
        options["promote_to_multi"] = name != "sites"
    pyogrio.write_dataframe(frame, path, layer=name, driver="GPKG", **options)
    return "geom" if options else ""


def _write_styles(
    base: sqlite3.Connection, results: Results, layers: list[tuple[str, str]]
) -> None:
    """Store the styles and register their table, so that QGIS opens the layers styled."""
    base.execute(_STYLES)
    base.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change) "
        "VALUES ('layer_styles', 'attributes', 'layer_styles', 'default QGIS styles', "
        "strftime('%Y-%m-%dT%H:%M:%fZ','now'))"
    )
    for layer, geometry in layers:
        for default, (name, qml) in enumerate(reversed(styles_of(results, layer))):
            base.execute(
                "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, "
                "f_geometry_column, styleName, styleQML, styleSLD, useAsDefault, description, "
                "owner) "
                "VALUES ('', '', ?, ?, ?, ?, '', ?, ?, '')",
                (layer, geometry, name, qml, int(default == 1), f"occupancy: {name}"),
            )


def styles_of(results: Results, layer: str) -> list[tuple[str, str]]:
    """Name and QML of a layer's two styles, the default first: occupancy, then uncertainty."""
    kind = "marker" if layer == "sites" else "fill"
    outline = style.INK if layer == "regions" else ""
    mean, width = "psi_mean", "psi_width"
    if layer == "regions":
        stem = "area_psi" if "area_psi_mean" in results.regions else "psi"  # type: ignore[operator]
        mean, width = f"{stem}_mean", f'"{stem}_upper" - "{stem}_lower"'
    spread = results.here if results.cells is None else results.cells
    breaks = style.width_breaks(np.asarray(spread["psi_width"], dtype=float))
    return [
        (
            "occupancy",
            qgis.graduated(mean, style.PSI_BREAKS, style.psi_colours(), kind, outline=outline),
        ),
        (
            "uncertainty",
            qgis.graduated(width, breaks, style.width_colours(breaks), kind, outline=outline),
        ),
    ]
