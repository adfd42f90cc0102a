"""Taxa of sequences: a table that names the species of each ASV or OTU, as pipelines write it."""

from __future__ import annotations

import re

import numpy as np

from surveys import cells
from surveys.ledger import Ledger
from surveys.open_table import open_table
from surveys.problems import listing
from surveys.readers import edna_libraries
from surveys.readers.deployments import column_of
from surveys.readers.edna_reads import Reads
from surveys.study_file import StudyFile
from surveys.text_table import Table, TableSpec

USUAL: dict[str, tuple[str, ...]] = {
    "sequence": (),  # the column whose values are the sequences of the reads, by any name
    "species": ("scientificname", "scientific_name", "species", "taxon", "taxon_name"),
    "genus": ("genus",),
}
_OF_SAMPLE = re.compile(r"(?:MERGED_)?sample:(.+)", re.IGNORECASE)  # as OBITools call libraries
ROW_NAMES = "row_names"  # a first column without a name, as R writes the names of rows


def with_row_names(table: Table, *, libraries: bool = True) -> Table:
    """The table with the names of its rows as a column, where R wrote them without a name.

    `libraries`: of a table of reads or taxa these are never sites, which samples tell.
    """
    names = table.row_names
    if names is not None and (ROW_NAMES in table.names or all(map(str.isdecimal, names))):
        names = None  # mere numbers of rows
    taken = names is not None and table.names[:1] == ["site"] and list(table.text("site")) == names
    if taken and libraries:
        table.frame = table.frame.rename(columns={"site": ROW_NAMES})
    elif names is not None and not taken and (libraries or not _has_library(table)):
        table.frame.insert(0, ROW_NAMES, np.array(names, dtype=object))
    of_obitools = {c: m[1] for c in table.names if (m := _OF_SAMPLE.fullmatch(c))}
    if len(of_obitools) > 1:
        table.frame = table.frame.rename(columns=of_obitools)
    return table


def _has_library(table: Table) -> bool:
    return column_of(table, "library", Ledger(), edna_libraries.USUAL) is not None


def opened(spec: TableSpec, ledger: Ledger, *, libraries: bool) -> Table | None:
    """A table of eDNA, whose names of rows may be libraries, sequences or taxa."""
    inner = Ledger()
    table = open_table(spec, inner)
    if table is None:
        ledger.merge(inner)
        return None
    had = set(table.names)
    table = with_row_names(table, libraries=libraries)
    if ROW_NAMES in table.names and ROW_NAMES not in had:
        # They are read after all.
        inner.problems = [p for p in inner.problems if p.code not in ("R503", "W503")]
    ledger.merge(inner)
    return table


def key_of(table: Table, labels: set[str]) -> str | None:
    """The column of a table of taxa that holds the labels of the reads; None where none does."""
    if not any(column_of(table, r, Ledger(), USUAL) for r in ("species", "genus")):
        return None
    for column in table.names:
        values = table.text(column)
        if len(set(values)) == len(values) and 2 * len(labels & set(values)) > len(labels):
            return column
    return None


def assign(study: StudyFile, table: Table, reads: Reads, ledger: Ledger) -> bool:
    """Put the species of each sequence into the reads; False where a fault forbids it."""
    spec = study.table("files.taxa", ledger)
    if spec is None:
        return True
    taxa = opened(spec, ledger, libraries=True)
    if taxa is None:
        return False
    labels = set(reads.frame["taxon"].astype(str))
    told = column_of(taxa, "sequence", ledger, USUAL)
    key = told or key_of(taxa, labels)
    species, genus = (column_of(taxa, r, ledger, USUAL) for r in ("species", "genus"))
    if key is None or species is None:
        lacks = "tells no species" if species is None else f"names none of the taxa of {table.file}"
        ledger.error(
            "E697",
            f"{taxa.place} {lacks}. It has: {listing(taxa.names, 12)}",
            file=taxa.place,
            cure='name its columns: [files.taxa.columns] sequence = "...", species = "..."',
        )
        return False
    names = {}
    words = zip(taxa.text(key), taxa.text(species), _texts(taxa, genus), strict=True)
    for label, name, above in words:
        names[label] = _species(name, above)
    frame = reads.frame
    found = frame["taxon"].astype(str).map(names)
    without = sorted(label for label in labels if not names.get(label))
    if without:
        ledger.warn(
            "W683",
            f"{taxa.place}: {len(without)} of {len(labels)} sequences of {table.file} have no "
            f"species ({listing(without, 2)}); their reads count in total_reads alone",
            file=taxa.file,
        )
    frame["taxon"] = found.fillna("")
    used = int(sum(label in labels for label in names))
    ledger.read(taxa.file, len(taxa))
    ledger.use(taxa.file, used)
    rest = taxa.rows[[label not in labels for label in taxa.text(key)]]
    if len(rest):
        ledger.set_aside("a sequence without reads", taxa.file, rest)
    return True


def _texts(table: Table, column: str | None) -> np.ndarray:
    return table.text(column) if column else np.full(len(table), "", dtype=object)


def _species(name: str, genus: str) -> str:
    """Genus and epithet, which DADA2 writes apart; "" where the species is not known."""
    blank = cells.is_missing(name, cells.MISSING_NUMBER)
    words = name.replace("_", " ").removeprefix("s  ").split()
    if blank or not words:
        return ""
    if len(words) == 1:
        lone = words[0][0].islower() and genus and not cells.is_missing(genus, cells.MISSING_NUMBER)
        return f"{genus.replace('g__', '')} {words[0]}" if lone else ""
    return " ".join(words)
