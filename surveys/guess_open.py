"""The files of a first look, opened as what they are: tables, histories, layers, rasters, JSON."""

from __future__ import annotations

from pathlib import Path

from surveys import guess_cameras, guess_layers, unpack
from surveys.guess_files import first_look
from surveys.guess_text import Parts
from surveys.ledger import Ledger
from surveys.open_table import open_table
from surveys.readers import mark, sound_labels, sound_tables
from surveys.readers.layer_table import is_layer
from surveys.text_table import Table, TableSpec

GPS_FILES = (".kml", ".kmz", ".gpx")


def open_all(shown: dict[str, Path], parts: Parts, ledger: Ledger) -> dict[str, Table]:
    """The tables among some files; rasters, packages and what is not used are noted in `parts`."""
    tables: dict[str, Table] = {}
    for name, path in shown.items():
        if guess_layers.is_raster(name):
            if not path.is_file():
                ledger.error("E401", f"{name} is not there", file=name)
            parts.raster_files.append(name)
            continue
        if name.lower().endswith(GPS_FILES) and path.is_file():
            parts.unused[name] = "places of a GPS: save them as GeoPackage or CSV, as QGIS does"
            continue
        before = len(ledger.of_level("error"))
        if (part := first_look(path, name, ledger)) is not None:
            tables[name] = part
        if part is not None or len(ledger.of_level("error")) > before:
            continue
        if path.is_dir():
            first = sound_tables.first_of(path, name)
            if first is not None:
                tables[name] = first
            else:
                ledger.error(
                    "E401",
                    f"{name} is a folder that holds no table, layer or raster that can be read",
                    file=name,
                    cure="name the folder that your tables lie in, or the tables: occupancy init "
                    "detections.csv sites.csv",
                )
            continue
        if is_layer(name):
            if not path.is_file() and not unpack.archive_of(path)[1]:
                ledger.error("E401", f"{name} is not there", file=name)
            _json(name, path, parts, tables, ledger)
            continue
        if mark.is_history(name):
            table = mark.table_of(TableSpec(path, name), ledger)
            if table is not None:
                tables[name] = table
            continue
        quiet = Ledger()
        table = open_table(TableSpec(path, name), quiet)
        faults = quiet.of_level("error")
        later = [int(p.row or 0) for p in faults if p.code == "E008" and (p.row or 0) > 1]
        later += [0 for p in faults if p.code == "E507"]  # a table without names
        if table is None and later:
            parts.header_rows[name] = later[0]
            quiet = Ledger()
            row = parts.header_rows[name]
            table = open_table(TableSpec(path, name, header_row=row, nameless=not row), quiet)
        if table is not None:  # faults of its cells are told by `check`, which can be eased
            tables[name] = sound_labels.with_recordings(table)
            continue
        for problem in quiet.of_level("error"):
            ledger.add(problem)
    return tables


def _json(name: str, path: Path, parts: Parts, tables: dict[str, Table], ledger: Ledger) -> None:
    """JSON that is no layer: a data package, or results of MegaDetector."""
    kind = guess_cameras.json_kind(path) if name.lower().endswith(".json") else ""
    if kind == "package":
        parts.package = name
    elif kind == "megadetector":
        table = guess_cameras.results_table(path, name, ledger)
        if table is not None:
            tables[name] = table
    elif kind == "other":
        parts.unused[name] = "JSON that is no layer, data package or result of MegaDetector"
