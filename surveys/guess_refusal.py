"""Why no table looked like detections: what each comes closest to, in the words of its owner."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from surveys import cells
from surveys.problems import Problem, listing
from surveys.readers import visit_columns
from surveys.readers.wide_guess import groups_by_values
from surveys.readers.wide_values import word_of_presence
from surveys.text_table import Table

MOST_TABLES = 6


def refusal(tables: Mapping[str, Table]) -> Problem:
    """The problem that tells, table by table, what is in the way."""
    told = [f"{name} {why}" for name, table in list(tables.items())[:MOST_TABLES]
            for why in [_why(table)]]  # fmt: skip
    return Problem(
        code="E411",
        fact=f"None of {listing(tables, MOST_TABLES)} looks like detections"
        if tables
        else "No table that looks like detections was given",
        why="; ".join(told),
        cure="wanted: one column for each visit (v1, v2, ...) with 0, 1 and blanks; or one row for "
        "each visit with a column of 0 and 1; or records with a site, a species and a date, beside "
        "a table that tells when somebody looked. Or write the study file by hand: "
        "[files.detections] path, [wide] visits",
    )


OCCURRENCES = ({"gbifid"}, {"basisofrecord", "scientificname"}, {"occurrenceid", "scientificname"})


def _known(table: Table) -> str:
    """What a table is that holds no detections by itself; "" where it is of no known kind."""
    if table.found.get("ebird") == "sampling":
        return (
            "is the list of checklists of eBird: what was seen on them stands in the other file "
            "of the download (ebd_....txt)"
        )
    names = {name.casefold() for name in table.names}
    if any(some <= names for some in OCCURRENCES):
        return (
            "holds occurrences, as GBIF hands them out: sightings alone, which tell neither visits "
            "nor absences. Data sets of sampling events come as Darwin Core archives (.zip)"
        )
    return ""


def _why(table: Table) -> str:
    if not len(table):
        return "has a header and no rows"
    if known := _known(table):
        return known
    if len(table.names) == 1:
        return f'has one column, "{table.names[0]}": which sign parts its values?'
    groups = list(groups_by_values(table))
    visits = visit_columns.find(table.names) or visit_columns.dated(table.names)
    if len(groups) > 1:
        return (
            f"has {len(groups)} groups of columns of 0 and 1 ({listing(groups, 4)}): if these are "
            "species, write a row for each site and species, with a column species"
        )
    if not visits:
        return f"has the columns {listing(table.names, 8)}"
    named = f"has columns like visits ({visits[0].name} to {visits[-1].name})"
    blank = True
    for column in visits:
        cell = table.text(column.name)
        for value in pd.unique(cell):
            if cells.is_missing(value, cells.MISSING_NUMBER):
                continue
            blank = False
            if not value.removesuffix(".0").isdecimal() and word_of_presence(value) is None:
                row = table.rows[cell == value][0]
                return f'{named}, but row {row}, column {column.name} holds "{value}"'
    return f"{named}, but all of them are blank" if blank else f"{named} with numbers of 1000 on"
