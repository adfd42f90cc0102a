"""A table or view of a database as a table of text cells, or as a map layer."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from surveys.ledger import Ledger
from surveys.problems import Problem, SurveyError
from surveys.readers import layer_table
from surveys.study_file import StudyFile
from surveys.text_table import Table, TableSpec

if TYPE_CHECKING:
    import geopandas as gpd

    from surveys.places.database import Relation


def open_relation(spec: TableSpec, ledger: Ledger) -> Table | None:
    """The rows of a relation, with their places where it has shapes; problems go to the ledger."""
    try:
        relation = _read(spec.relation, spec.database, spec.path)
        found = _found(spec.relation, relation, spec.database)
        if relation.shapes is not None and spec.section == "files.sites":
            frame = _frame(spec.relation, relation, spec.crs, "[sites] crs")
            table = layer_table.table_of(spec, frame, found, ledger)
        else:
            text = relation.attributes.copy()
            text.index = np.arange(1, len(text) + 1)
            table = Table(spec, text, found)
    except SurveyError as error:
        for problem in error.problems:
            ledger.add(replace(problem, file=problem.file or spec.shown))
        return None
    if table is not None and not table.decimal_columns:
        table.decimal_columns = dict.fromkeys(table.names, ".")
    if table is not None:  # a database has one sign for decimals
        table.decimal_columns |= dict.fromkeys(relation.numeric, ".")
    return table


def layer_of(study: StudyFile, name: str, crs: str | None) -> tuple[gpd.GeoDataFrame, dict]:
    """A relation with shapes as a map layer, and what provenance tells of it."""
    connection = study.section("postgis")
    relation = _read(name, connection, study.folder)
    if relation.shapes is None:
        fact = f"{name} has no column of shapes"
        cure = 'name the table of polygons, or join by site: site = "..." and no stat'
        raise SurveyError(Problem(code="E356", file=name, fact=fact, cure=cure))
    import pandas as pd

    frame = _frame(name, relation, crs, "crs")
    for column in relation.numeric:
        frame[column] = pd.to_numeric(frame[column].replace("", None))
    return frame, _found(name, relation, connection)


def _read(name: str, connection: dict[str, Any], folder: Any) -> Relation:
    from surveys.places.database import read_relation

    if not connection:
        raise SurveyError(
            Problem(
                code="E351",
                file=name,
                fact=f'table = "{name}" is of a database, and the study file does not say which',
                cure='[postgis]\n                  service = "..."    # of ~/.pg_service.conf; '
                'or environment = "DATABASE_URL"',
            )
        )
    return read_relation(name, connection, folder)


def _frame(name: str, relation: Relation, crs: str | None, key: str) -> gpd.GeoDataFrame:
    import geopandas as gpd
    import shapely

    from surveys.places.crs import parse_crs

    told = relation.crs or crs
    if not told:
        raise SurveyError(
            Problem(
                code="E030",
                file=name,
                fact=f"{name}: its shapes have no CRS (SRID 0)",
                why="without it nobody can say where on earth they lie",
                cure=f'set {key} = "EPSG:2056" (the number of yours), or in the database: '
                "UpdateGeometrySRID",
            )
        )
    shapes = shapely.from_wkb(relation.shapes)
    return gpd.GeoDataFrame(relation.attributes.copy(), geometry=shapes, crs=parse_crs(told))


def _found(name: str, relation: Relation, connection: dict[str, Any]) -> dict[str, Any]:
    """Provenance: what was read and its checksum; of the way there the name alone."""
    seen = hashlib.sha256()
    for row in relation.attributes.itertuples(index=False):
        seen.update("\x1f".join(row).encode())
        seen.update(b"\x1e")
    for shape in relation.shapes if relation.shapes is not None else ():
        seen.update(shape or b"")
    way = next((f"{k} {connection[k]}" for k in ("service", "environment") if k in connection), "")
    return {
        "file": name,
        "database": way or "as [postgis] says",
        "rows": len(relation.attributes),
        "sha256": seen.hexdigest(),
    }
