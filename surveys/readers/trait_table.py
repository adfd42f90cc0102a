"""Covariates of species (body mass, guild) from a table with one row for each species."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from surveys import cells
from surveys.ledger import Ledger
from surveys.open_table import open_table
from surveys.problems import did_you_mean, listing
from surveys.readers import roles
from surveys.readers.tidy import Tidy
from surveys.readers.visit_covariates import refuse_taken
from surveys.study_file import StudyFile
from surveys.text_table import Table


def read_traits(study: StudyFile, tidy: Tidy, ledger: Ledger) -> None:
    """Put the covariates of `[species_covariates]` into `tidy`, one row for each species."""
    sections = study.section("species_covariates")
    if not sections:
        return
    frame = pd.DataFrame({"species": list(tidy.species)})
    opened: dict[str, Table | None] = {}
    for name, keys in sections.items():
        path = keys.get("path")
        if path is None:
            ledger.error(
                "E531",
                f"{study.name}: [species_covariates.{name}] names no path",
                file=study.name,
                cure="name its table, which has a column species: "
                f'[species_covariates.{name}] path = "traits.csv"',
            )
            continue
        if path not in opened:
            spec = study.table(f"species_covariates.{name}", ledger)
            opened[path] = open_table(replace(spec, columns={}), ledger) if spec else None
        table = opened[path]
        if table is not None:
            values = _values(study, name, keys, table, tidy.species, ledger)
            if values is not None:
                frame[name] = values
    tidy.tables += [t for t in opened.values() if t is not None]
    tidy.species_covariates = frame


def _values(
    study: StudyFile,
    name: str,
    keys: dict[str, Any],
    table: Table,
    species: list[str],
    ledger: Ledger,
) -> np.ndarray | None:
    label = table.match(keys.get("species", "species"))
    column = table.match(keys.get("column", name))
    for what, wanted, found in (
        ("species", keys.get("species", "species"), label),
        ("column", keys.get("column", name), column),
    ):
        if found is None:
            ledger.error(
                "E015",
                f'{table.place} has no column "{wanted}" '
                f"(study file: [species_covariates.{name}]). "
                f"It has: {listing(table.names, 12)}.{did_you_mean(wanted, table.names)}",
                file=table.place,
                cure=f'[species_covariates.{name}] {what} = "..."',
            )
    if label is None or column is None or not refuse_taken([name], table, ledger):
        return None
    names, reason = roles.species_names(study, table, cells.ids(table, label, ledger), ledger)
    known = {roles.plain_name(own): own for own in species}
    owner = np.array([known.get(roles.plain_name(n), "") for n in names], dtype=object)
    owner[reason != ""] = ""
    used = owner != ""
    doubled = pd.Series(owner).duplicated(keep=False).to_numpy() & used
    if doubled.any():
        ledger.error(
            "E532",
            "a species has more than one row",
            at=table.at(table.rows[doubled]),
            cure="one row for each species",
        )
        return None
    gone = [own for own in species if own not in set(owner)]
    if gone:
        ledger.error(
            "E533",
            f"{table.place} has no row for {len(gone)} of {len(species)} species: {listing(gone)}."
            + did_you_mean(gone[0], list(names)),
            file=table.place,
            column=label,
            cure="give every species a row (a blank cell where a trait is not known), or map "
            'names: [taxa.alias] "as written" = "as meant"',
        )
        return None
    if not ledger.n_read(table.file):
        ledger.read(table.file, len(table))
        ledger.use(table.file, int(used.sum()))
        if not used.all():
            ledger.set_aside("species not in the surveys", table.file, table.rows[~used])
    kind = keys.get("type") or cells.kind_of(table, column, ledger)
    read_as = cells.numbers if kind == "number" else cells.words
    values = pd.Series(read_as(table, column, ledger)[used], index=owner[used])
    out = values.reindex(species).to_numpy()
    return out.astype(float) if kind == "number" else np.array(out, dtype=str)
