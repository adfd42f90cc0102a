"""A first study of environmental DNA: tables of reads, of libraries, and of taxa."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from surveys import cells
from surveys.guess_lines import quoted
from surveys.ledger import Ledger
from surveys.problems import listing
from surveys.readers import edna_libraries, edna_reads, edna_taxa
from surveys.readers.deployments import column_of
from surveys.readers.tidy import Guess
from surveys.study_file import StudyFile
from surveys.text_table import Table

ROLES = ("site", "sample", "replicate", "season", "date", "control")


def detect(tables: dict[str, Table]) -> Guess | None:
    """A table of reads by library: numbers too large for counts of animals, or said to be reads."""
    for file, table in tables.items():
        quiet = Ledger()
        found = {
            role: column_of(table, role, quiet, edna_libraries.USUAL)
            for role in ("site", "sample", "replicate", "season")
        }
        if found["site"] is None or not (found["sample"] or found["replicate"]):
            continue
        columns = {r: c for r, c in found.items() if c}
        long = {r: column_of(table, r, quiet, edna_reads.USUAL) for r in edna_reads.USUAL}
        if all(long.values()) and "read" in str(long["count"]).casefold():
            columns |= {r: str(c) for r, c in long.items()}
            why = f'column "{long["count"]}" holds reads of each taxon and replicate'
            return Guess("edna", 0.92, why, columns=columns, extra={"file": file})
        if long["species"]:
            continue
        taxa = _wide_taxa(table, set(columns.values()))
        if len(taxa) > 1 and _are_reads(table, taxa, len(taxa)):
            why = f"{len(taxa)} columns hold reads, one for each taxon ({listing(taxa, 3)})"
            return Guess("edna", 0.9, why, columns=columns, extra={"file": file})
    return _beside_samples(tables)


def _beside_samples(tables: dict[str, Table]) -> Guess | None:
    """Reads whose columns, or whose rows, are the libraries of another table."""
    copies = {
        file: replace(table, frame=table.frame.copy())
        for file, table in tables.items()
        if not table.points
    }
    named = {file: edna_taxa.with_row_names(table) for file, table in copies.items()}
    for file in named:
        own = replace(tables[file], frame=tables[file].frame.copy())
        samples = edna_taxa.with_row_names(own, libraries=False)
        found = {r: column_of(samples, r, Ledger(), edna_libraries.USUAL) for r in ROLES}
        if found["site"] is None:
            continue
        for other, reads in named.items():
            if other == file or len(reads) < 1:
                continue
            fit = _libraries(samples, reads, str(found["site"]))
            if fit is None:
                continue
            library, columns = fit
            used = {"library": library} | {r: c for r, c in found.items() if c and c != library}
            extra = {"file": other, "files": {"samples": (file, used)}, "site_of": used["site"]}
            taxa = _taxonomy(named, {file, other}, reads, columns)
            if taxa:
                extra["files"]["taxa"] = (taxa, {})
            why = f"{other} holds reads of the libraries that {file} lists"
            return Guess("edna", 0.93, why, columns=columns, extra=extra)
    return None


def _libraries(samples: Table, reads: Table, site: str) -> tuple[str, dict[str, str]] | None:
    """The column of samples that names libraries, and the columns of the reads; None: no fit."""
    for library in samples.names:
        if library == site:
            continue
        listed = samples.text(library)
        names = set(listed) - {""}
        if len(names) < 2 or len(names) < len(listed):
            continue
        across = [c for c in reads.names if c in names]
        if len(across) > 1 and 2 * len(across) >= len(names):
            rest = [c for c in reads.names if c not in names]
            if not rest or not _are_reads(reads, across, len(reads)):
                continue
            quiet = Ledger()
            told = column_of(reads, "species", quiet, edna_reads.USUAL)
            return library, {"species": told or rest[0]}
        for column in reads.names[:1]:
            down = set(reads.text(column)) & names
            numbers = [c for c in reads.names if c != column]
            fits = len(down) > 1 and len(down) == len(reads) and 2 * len(down) >= len(names)
            if fits and numbers and _are_reads(reads, numbers, len(numbers)):
                return library, {"library": column}
    return None


def _taxonomy(
    tables: dict[str, Table], used: set[str], reads: Table, columns: dict[str, str]
) -> str:
    """The table that names the species of each sequence; "" where there is none."""
    labels = set(reads.text(columns["species"])) if "species" in columns else set(reads.names[1:])
    for file, table in tables.items():
        if file not in used and edna_taxa.key_of(table, labels) is not None:
            return file
    return ""


def _are_reads(table: Table, columns: list[str], n: int) -> bool:
    """Whether columns hold whole numbers too large for counts of animals of `n` taxa."""
    whole = all(edna_reads.is_whole(table, c) for c in columns)
    return whole and _most(table, columns) > 50 * max(2, n) ** 0.5


def _wide_taxa(table: Table, used: set[str]) -> list[str]:
    nothing = StudyFile(table.spec.path, {}, "")
    return edna_reads.taxa_columns(nothing, table, used, Ledger())


def _most(table: Table, columns: list[str]) -> float:
    quiet = Ledger()
    return max(np.nanmax(cells.numbers(table, c, quiet), initial=0) for c in columns)


def study_lines(guess: Guess, tables: dict[str, Table]) -> list[str]:
    """Keys of the reads, with what they mean."""
    return [
        "[edna]",
        "min_reads = 1            # fewer reads of a taxon in a library are no detection",
        f"# min_reads_by_taxon = {{ {quoted('Cyprinus carpio')} = 20 }}",
        '# controls = ["NTC*", "blank*"]   # names of controls, where they are not called so',
        '# units = "samples"      # for the family multi_scale: samples are the units of a site',
        '# without_reads = "drop" # libraries without any read failed',
        "",
    ]
