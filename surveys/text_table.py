"""A field table as text: every cell a string, every row with its number in the file."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from surveys.problems import Where

_UNIT = re.compile(r"\s*[(\[][^()\[\]]*[)\]]$")
CUT = 10  # letters of a column's name that a Shapefile keeps


@dataclass(frozen=True)
class TableSpec:
    """How the study file says that a table is to be read; everything unsaid is sniffed."""

    path: Path
    shown: str  # the path as the study file names it
    section: str = "files.detections"
    sheet: str | None = None
    header_row: int = 1
    nameless: bool = False  # a table that begins with its first row; header_row is 0 then
    separator: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    missing: tuple[str, ...] = ()
    date_format: tuple[str, ...] = ()
    excel_epoch: int = 1900
    fill_down: tuple[str, ...] = ()
    columns: dict[str, str] = field(default_factory=dict)
    parts: tuple[TableSpec, ...] = ()  # where the table lies in several files
    layer: str | None = None  # of a map layer
    crs: str | None = None  # for a map layer that does not tell its own
    relation: str = ""  # a table of a database: schema.table
    database: dict[str, Any] = field(default_factory=dict)  # how to reach it: [postgis]

    @classmethod
    def of(cls, section: str, path: Path, shown: str, keys: dict[str, Any]) -> TableSpec:
        """From the keys of one `[files.NAME]` section (or of a covariate's)."""
        dates = keys.get("date_format", ())
        return cls(
            path=path,
            shown=shown,
            section=section,
            sheet=keys.get("sheet"),
            header_row=keys.get("header_row", 1 if keys.get("header", True) else 0),
            nameless=not keys.get("header", True),
            separator={"tab": "\t", "\\t": "\t"}.get(keys.get("separator"), keys.get("separator")),
            decimal=keys.get("decimal"),
            encoding=keys.get("encoding"),
            missing=tuple(keys.get("missing", ())),
            date_format=(dates,) if isinstance(dates, str) else tuple(dates),
            excel_epoch=keys.get("excel_epoch", 1900),
            fill_down=tuple(keys.get("fill_down", ())),
            columns=dict(keys.get("columns", {})),
            layer=keys.get("layer"),
            relation=keys.get("table", ""),
        )


@dataclass
class Table:
    """Text cells; the index of `frame` is the row in the file, counted as a spreadsheet does."""

    spec: TableSpec
    frame: pd.DataFrame
    found: dict[str, Any]
    sheet: str = ""
    separator: str = ","
    dates: set[tuple[int, str]] = field(default_factory=set)  # cells that the file holds as dates
    types: dict[str, str] = field(default_factory=dict)  # of columns, where the file tells them
    merged: list[tuple[int, int, str, str]] = field(default_factory=list)  # rows, column, range
    told_blank: set[tuple[int, str]] = field(default_factory=set)  # cells that a merge left blank
    decimal_columns: dict[str, str] = field(default_factory=dict)
    decimal_default: str | None = None
    comma_read: list[str] = field(default_factory=list)  # columns read with a decimal comma
    thousands_read: dict[str, tuple[int, str, float]] = field(default_factory=dict)
    units_read: dict[str, tuple[int, str, str]] = field(default_factory=dict)  # row, cell, unit
    taken: dict[str, str] = field(default_factory=dict)  # column -> name asked for
    written: dict[str, str] = field(default_factory=dict)  # column -> header with its blanks
    repeated: bool = False  # whether several rows here are one of the file
    placed: set[str] = field(default_factory=set)  # columns that told a place besides coordinates
    site_column: str | None = None  # set once the column of site ids is known
    points: tuple[str, str] | None = None  # of a map layer: the columns that hold its places
    crs: str = ""  # of these places
    row_names: list[str] | None = None  # of a first column without a name, which is not read
    names_cut: bool = False  # a Shapefile keeps ten letters of a column's name
    _named: tuple[pd.Index, dict[str, list[str]]] | None = None  # columns by their bare names

    @property
    def file(self) -> str:
        """The file as the user named it."""
        return self.spec.shown

    @property
    def place(self) -> str:
        """The file, and the sheet where there is one: "survey.xlsx, sheet Data"."""
        return f"{self.file}, sheet {self.sheet}" if self.sheet else self.file

    def at(self, rows: Iterable[int], column: str | None = "") -> Where:
        """Rows of this table, counted as in the file, as problems tell them."""
        return Where(self.place, tuple(int(r) for r in rows), column or "")

    @property
    def workbook(self) -> bool:
        """Whether the table came from a workbook, whose numbers need no decimal sign."""
        return bool(self.sheet)

    @property
    def names(self) -> list[str]:
        """The column names as they stand in the file, blanks at the ends removed."""
        return list(self.frame.columns)

    @property
    def rows(self) -> np.ndarray:
        """Row numbers in the file."""
        return self.frame.index.to_numpy()

    def __len__(self) -> int:
        return len(self.frame)

    def text(self, column: str) -> np.ndarray:
        """The cells of a column, blanks at the ends removed, as an object array of str."""
        return self.frame[column].to_numpy(dtype=object)

    def match(self, name: str) -> str | None:
        """The column called `name`, or the only one that is so but for blanks and capitals."""
        if self._named is None or self._named[0] is not self.frame.columns:
            alike: dict[str, list[str]] = {}
            for column in self.frame.columns:
                alike.setdefault(bare(column), []).append(column)
            self._named = (self.frame.columns, alike)
        same = self._named[1].get(bare(name), [])
        if name in same:
            return name
        if not same and self.names_cut and len(name) > CUT:
            same = [c for c in self.frame.columns if c == name[:CUT]]
        return same[0] if len(same) == 1 else None

    def match_but_unit(self, name: str) -> str | None:
        """The column called `name`, or the only one that is but for a unit behind: Lat (°N)."""
        found = self.match(name)
        same = [c for c in self.frame.columns if bare(_UNIT.sub("", c)) == bare(name)]
        return found or (same[0] if len(same) == 1 else None)

    def column(self, role: str, *, default: str | None = None) -> str | None:
        """The column that plays a role: the one the study file names, else one called `default`."""
        asked = self.spec.columns.get(role)
        found = self.match(asked if asked is not None else (default or role))
        wanted = asked or default or role
        if found is not None and (found != wanted or found in self.written):
            self.taken[found] = wanted
        return found


@lru_cache(maxsize=4096)
def bare(name: str) -> str:
    """A name as it is compared: without blanks, in small letters."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFC", str(name))).casefold()
