"""What became of every row of every file: used, or set aside by which rule."""

from __future__ import annotations

from dataclasses import dataclass

from surveys.problems import rows_text
from surveys.quality.base import Evidence, Section, left_out
from surveys.quality.said import many, percent

NAME, TITLE = "account", "Every row, used or set aside"


@dataclass(frozen=True)
class Rule:
    """Rows that one rule keeps out."""

    rule: str
    n: int
    rows: str  # "rows 3-5", cut after a few
    example: str  # the first of them as it stands in the file


@dataclass(frozen=True)
class FileAccount:
    """One file: read = used + set aside."""

    file: str
    read: int
    used: int
    rules: tuple[Rule, ...]

    @property
    def aside(self) -> int:
        return sum(rule.n for rule in self.rules)


@dataclass(frozen=True, kw_only=True)
class Account(Section):
    files: tuple[FileAccount, ...] = ()
    cells: tuple[tuple[str, int, str], ...] = ()  # rule, number, first places


def look(evidence: Evidence) -> Section:
    """Count the rows of the ledger by file and rule."""
    ledger = evidence.ledger
    if not ledger.files:
        return left_out(NAME, TITLE, "These surveys came as arrays, so there are no rows to count.")
    by_file: dict[str, dict[str, list]] = {}
    for file, row, rule, text in ledger.dropped():
        by_file.setdefault(file, {}).setdefault(rule, []).append((row, text))
    files = tuple(
        FileAccount(
            file,
            ledger.n_read(file),
            ledger.n_used(file),
            tuple(
                Rule(rule, len(rows), rows_text(r for r, _ in rows), rows[0][1][:160])
                for rule, rows in sorted(
                    by_file.get(file, {}).items(), key=lambda item: -len(item[1])
                )
            ),
        )
        for file in ledger.files
    )
    read, used, aside = ledger.n_read(), ledger.n_used(), ledger.n_aside()
    cells = tuple((n["rule"], n["n"], ", ".join(n["places"][:3])) for n in ledger.cell_notes)
    told = (
        f"{many(read, 'row')} of {many(len(files), 'file')} were read: {used:,} are used "
        f"({percent(used, read)}) and {aside:,} are set aside. The two add up, file by file."
    )
    for rule, n, _ in cells:
        told += f" Besides, {many(n, 'cell')}: {rule}."
    return Account(
        name=NAME,
        title=f"Every row is accounted for: {used:,} of {read:,} are used",
        told=told,
        do="Read the rules with the most rows. A row that belongs in the analysis is put right in "
        "its file, or by the key that the message above names; --dropped FILE lists them all."
        if aside
        else "Nothing: every row is used.",
        numbers={
            "read": read,
            "used": used,
            "aside": aside,
            "files": {
                f.file: {
                    "read": f.read,
                    "used": f.used,
                    "aside": {rule.rule: rule.n for rule in f.rules},
                }
                for f in files
            },
            "cells": {rule: n for rule, n, _ in cells},
        },
        files=files,
        cells=cells,
    )
