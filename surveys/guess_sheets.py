"""Workbooks of several sheets: each sheet is looked at as a table of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from surveys.guess_lines import quoted
from surveys.ledger import Ledger
from surveys.open_table import open_table
from surveys.problems import SurveyError
from surveys.text_table import Table
from surveys.unpack import read_bytes
from surveys.workbook import NotWorkbook, read_sheet

SUFFIXES = (".xlsx", ".xlsm", ".xls", ".ods")
MOST = 12  # sheets of a workbook that are looked at

Sheets = dict[str, tuple[str, str]]  # label of a table -> file, sheet


def open_further(tables: dict[str, Table], shown: dict[str, Path], ledger: Ledger) -> Sheets:
    """Add the further sheets of each workbook to the tables, labelled FILE [SHEET]."""
    found: Sheets = {}
    for name, table in list(tables.items()):
        if Path(name).suffix.lower() not in SUFFIXES:
            continue
        try:
            first = read_sheet(read_bytes(shown[name]))
        except (NotWorkbook, OSError):
            continue  # a table under another suffix
        for sheet in first.others[:MOST]:
            label = f"{name} [{sheet}]"
            try:
                other = open_table(replace(table.spec, shown=label, sheet=sheet), Ledger())
            except SurveyError:
                other = None
            if other is not None and len(other):
                found[label] = (name, sheet)
                tables[label], shown[label] = other, shown[name]
        if first.others:
            found[name] = (name, first.name)
    return found


def named(text: str, sheets: Sheets) -> str:
    """The study file with the sheet told beside the file."""
    told = {
        f"path = {quoted(label)}": f"path = {quoted(name)}\nsheet = {quoted(sheet)}"
        for label, (name, sheet) in sheets.items()
    }
    return "\n".join(told.get(line, line) for line in text.split("\n"))
