"""Reads of eDNA tables: a column for each taxon, a row for each taxon, or a row for each number."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from surveys import cells
from surveys.ledger import Ledger
from surveys.problems import listing, rows_text
from surveys.readers import roles
from surveys.readers.deployments import column_of
from surveys.study_file import StudyFile
from surveys.text_table import Table

USUAL: dict[str, tuple[str, ...]] = {
    "species": (
        *("species", "taxon", "taxon_name", "scientific_name", "scientificname", "name"),
        *("asv", "asv_id", "otu", "otu_id", "#otu id", "seq_id", "feature_id", "row_names"),
    ),
    "count": ("reads", "read_count", "n_reads", "count", "abundance"),
}
# Columns of whole numbers that are measured, not sequenced.
_MEASURED = re.compile(
    r"(volume|vol|ml|litres|depth|temp|temperature|ph|salinity|turbidity|conductivity|flow|width|"
    r"lat|latitude|lon|long|longitude|x|y|easting|northing|elevation|altitude|elev|year|month|day|"
    r"date|time|hour|plate|run|lane|well|cycle|cycles|total|dna|conc|concentration|distance|area|"
    r"batch|bottle|box|extraction|index|tag|barcode|order|week|doy|julian|block|treatment|ct|cq|"
    r"id|no|nr|num|number|pcr|age|season|zone|transect|n|n[_ ](?:samples|filters|pcrs?)|row|column)"
    r"([_ .(].*)?",
    re.IGNORECASE,
)


@dataclass
class Reads:
    """`frame`: row of the table (`at`), taxon as written, reads (NaN: no result).

    `library` is the name of the library where columns are libraries, else None.
    """

    frame: pd.DataFrame
    columns: list[str]  # those that hold reads or taxa
    layout: str  # "taxa in columns", "taxa in rows" or "one number a row"
    taxa: list[str] = field(default_factory=list)  # looked for, whether or not found


def layout_of(table: Table, libraries: set[str]) -> str:
    """How a table holds its reads."""
    quiet = Ledger()
    if len(libraries & set(table.names)) > 1:
        return "taxa in rows"
    long = all(column_of(table, role, quiet, USUAL) for role in USUAL)
    return "one number a row" if long else "taxa in columns"


def reads_of(
    study: StudyFile, table: Table, used: set[str], libraries: set[str], ledger: Ledger
) -> Reads | None:
    """The reads of a table in any of its three layouts."""
    layout = layout_of(table, libraries)
    if layout == "one number a row":
        return _long(table, ledger)
    if layout == "taxa in rows":
        return _matrix(table, libraries, ledger)
    names = taxa_columns(study, table, used, ledger)
    if not names:
        ledger.error(
            "E681",
            f"{table.place} has no column of reads. It has: {listing(table.names, 12)}",
            file=table.place,
            why="wanted: one column of whole numbers for each taxon; or a column of taxa and one "
            "of reads",
            cure='name them: [files.detections.columns] species = "...", count = "..."; or '
            '[edna] taxa = ["...", "..."]',
        )
        return None
    parts = [_column(table, name, name, ledger) for name in names]
    return Reads(pd.concat(parts, ignore_index=True), names, layout, names)


def _long(table: Table, ledger: Ledger) -> Reads:
    taxon, count = (str(column_of(table, role, ledger, USUAL)) for role in USUAL)
    names = cells.words(table, taxon, ledger)
    frame = pd.DataFrame({"at": np.arange(len(table)), "taxon": names})
    frame["reads"] = _whole(table, count, ledger)
    return Reads(frame, [taxon, count], "one number a row")


def _matrix(table: Table, libraries: set[str], ledger: Ledger) -> Reads | None:
    taxon = column_of(table, "species", ledger, USUAL, needed=True)
    if taxon is None:
        return None
    names = cells.words(table, taxon, ledger)
    columns = [c for c in table.names if c in libraries]
    parts = [_column(table, name, names, ledger).assign(library=name) for name in columns]
    return Reads(pd.concat(parts, ignore_index=True), [taxon, *columns], "taxa in rows")


def _column(table: Table, column: str, taxon: str | np.ndarray, ledger: Ledger) -> pd.DataFrame:
    reads = _whole(table, column, ledger)
    return pd.DataFrame({"at": np.arange(len(table)), "taxon": taxon, "reads": reads})


def taxa_columns(study: StudyFile, table: Table, used: set[str], ledger: Ledger) -> list[str]:
    """Columns that the study file calls taxa, or all of whole numbers that measure nothing else."""
    asked = study.section("edna").get("taxa")
    if asked is not None:
        found = {name: table.match(name) for name in asked}
        lost = [name for name, column in found.items() if column is None]
        if lost:
            ledger.error(
                "E015",
                f"{table.place} has no column {listing(lost)} ([edna] taxa). It has: "
                f"{listing(table.names, 12)}",
                file=table.place,
            )
        return [c for c in found.values() if c is not None]
    told = {*study.section("covariates"), *study.section("visit_covariates")}
    for section in ("covariates", "visit_covariates"):
        told |= {k["column"] for k in study.section(section).values() if "column" in k}
    names = [
        c for c in table.names if c not in used and c not in told and not _MEASURED.fullmatch(c)
    ]
    return [c for c in names if is_whole(table, c)]


def is_whole(table: Table, column: str) -> bool:
    """Whether at least half of a column are numbers, and none has a fraction."""
    if not cells.is_numeric(table, column):
        return False
    sign = cells.decimal_sign(table, column) or "."
    parsed = (cells.parse_number(v, sign) for v in pd.unique(table.text(column)))
    numbers = [p[0] for p in parsed if p is not None]
    return bool(numbers) and all(n == int(n) for n in numbers)


def _whole(table: Table, column: str, ledger: Ledger) -> np.ndarray:
    """Numbers of reads: whole, from 0."""
    values = cells.numbers(table, column, ledger)
    with np.errstate(invalid="ignore"):
        bad = ~np.isnan(values) & ((values < 0) | (values != np.floor(values)))
    for i in np.flatnonzero(bad):
        what = "is below 0" if values[i] < 0 else "is no whole number"
        ledger.error(
            "E048",
            f"{table.place}, row {table.rows[i]}, column {column}: {values[i]:g} {what}",
            file=table.place,
            row=int(table.rows[i]),
            column=column,
            cure="reads are counted before they are made into shares"
            if values[i] > 0
            else f'if it means missing, set [{table.spec.section}] missing = ["{values[i]:g}"]',
        )
    return np.where(bad, np.nan, values)


def named(study: StudyFile, table: Table, reads: Reads, ledger: Ledger) -> None:
    """Taxa after joining spellings and aliases, and why a row of reads is of none."""
    frame = reads.frame
    written = frame["taxon"].to_numpy(dtype=object)
    names, reason = roles.species_names(study, table, written, ledger)
    frame["taxon"] = names
    told = [r if r == "" or r.startswith("excluded") else f"not a species: {r}" for r in reason]
    frame["reason"] = pd.Series(told, index=frame.index, dtype="str")
    if reads.layout != "one number a row":
        gone = frame[frame["reason"] != ""].drop_duplicates("taxon")
        for name, why in zip(gone["taxon"], gone["reason"], strict=True):
            shown = f'"{name}"' if name else "a blank name"
            ledger.note("N680", f"{table.place}: {shown} was left out ({why})", file=table.file)
    reads.taxa = sorted({n for n, r in zip(names, reason, strict=True) if r == "" and n})


def thresholds(study: StudyFile, table: Table, taxa: list[str], ledger: Ledger) -> pd.Series:
    """The least reads that count as a detection, by taxon."""
    keys = study.section("edna")
    out = pd.Series(float(keys.get("min_reads", 1)), index=taxa, dtype=float)
    plain = {roles.plain_name(t): t for t in taxa}
    for name, least in keys.get("min_reads_by_taxon", {}).items():
        taxon = plain.get(roles.plain_name(name))
        if taxon is None:
            ledger.error(
                "E404",
                f'{study.name}: [edna.min_reads_by_taxon] "{name}" is no taxon of {table.place}. '
                f"There are: {listing(taxa)}",
                file=study.name,
            )
        else:
            out[taxon] = float(least)
    if (out < 1).any():
        ledger.error(
            "E405",
            f"{study.name}: [edna] min_reads is {out.min():g}; it must be 1 or more",
            file=study.name,
            cure="min_reads = 1 takes every read for a detection",
        )
    return out


def tell_under(table: Table, libraries: pd.DataFrame, joined: pd.DataFrame, ledger: Ledger):
    """Reads too few to count: cells that become 0."""
    few = joined[(joined["reads"] > 0) & ~joined["over"]]
    if len(few):
        of_library = dict(zip(libraries["library"], libraries["site"], strict=True))
        sites = few["library"].map(of_library)
        places = [
            f'site "{site}", {taxon}: {reads:g} reads'
            for site, taxon, reads in zip(sites, few["taxon"], few["reads"], strict=True)
        ]
        ledger.cells("fewer reads than min_reads: counted as 0", table.file, len(few), places[:20])


def tell_controls(
    table: Table, controls: pd.DataFrame, samples: pd.DataFrame, n: int, ledger: Ledger
) -> None:
    """What blanks and controls hold, taxon by taxon, and how it compares with the samples."""
    if not n:
        return
    found = controls[controls["reads"] > 0]
    if not len(found):
        ledger.note(
            "N681",
            f"{table.place}: {n} controls were set aside; they hold no reads",
            file=table.file,
        )
        return
    for taxon, part in found.groupby("taxon"):
        most = part["reads"].max()
        mine = samples[(samples["taxon"] == taxon) & samples["over"]]
        alike = int((mine["reads"] <= most).sum())
        ledger.warn(
            "W681",
            f"{table.place}: {taxon} has {part['reads'].sum():g} reads in {len(part)} of {n} "
            f"controls (at most {most:g}); {alike} of its {len(mine)} detections in samples have "
            "no more",
            file=table.file,
            why="what is in a blank came from the laboratory or from another sample",
            cure=f'[edna.min_reads_by_taxon]\n                  "{taxon}" = {most + 1:.0f}',
        )


def tell_silent(study, table: Table, rows: pd.DataFrame, empty: np.ndarray, ledger: Ledger) -> None:
    """Libraries in which nothing at all was read: failed, or truly without the taxa."""
    if not empty.any():
        return
    drop = study.section("edna").get("without_reads", "keep") == "drop"
    n = int(empty.sum())
    ledger.warn(
        "W682",
        f"{table.place}: {n} {'library has' if n == 1 else 'libraries have'} no read of any taxon "
        f"({rows_text(rows['row'][empty])}) and {'was' if n == 1 else 'were'} "
        + ("set aside" if drop else "kept as visits without detections"),
        file=table.file,
        why="a library that failed says nothing about the taxa",
        cure="" if drop else 'if they failed: [edna] without_reads = "drop"',
    )
