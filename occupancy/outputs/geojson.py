"""GeoJSON after RFC 7946: WGS 84, six decimals, no `crs` member, right-hand rings."""

from __future__ import annotations

from pathlib import Path

from occupancy.outputs import OutputError, tables
from occupancy.outputs.files import replacing
from occupancy.outputs.geopackage import LAYERS, layer_frame
from occupancy.outputs.results import Results, has_geometry


def write(results: Results, folder: Path) -> list[Path]:
    """Write one file for each of sites, regions and cells that have a place."""
    import pyogrio

    made, paths = tables.frames(results), []
    for name in LAYERS:
        source = getattr(results, name)
        if name not in made or not has_geometry(source):
            continue
        frame = layer_frame(made[name], source)
        frame = frame[frame.geometry.notna() & ~frame.geometry.is_empty]
        path = Path(folder) / f"{name}.geojson"
        with replacing(path) as part:
            pyogrio.write_dataframe(
                frame, part, driver="GeoJSON", layer=name, RFC7946="YES", COORDINATE_PRECISION=6
            )
        paths.append(path)
    if not paths:
        raise OutputError(
            "There is no GeoJSON: the sites have no coordinates. The CSV tables hold the numbers."
        )
    return paths
