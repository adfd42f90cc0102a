"""The account of every input row: used, or set aside by which rule; it must balance."""

from __future__ import annotations

import csv
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from surveys.problems import Level, Problem, SurveyError, Where

PLACES_KEPT = 20
# Rows of a table that lies in several files are numbered on: those of the second begin here.
ROWS_OF_A_FILE = 10**12
_ROWS = re.compile(r"(?<![\w.])(\d{13,})(?:-(\d{13,}))?(?![\w.]\d)")


class Ledger:
    """What became of each row of each file, and what was repaired or noticed on the way.

    Rows are counted; cells are noted. `read = used + set aside` holds for each file, or
    `balance()` raises. Row numbers count as a spreadsheet does: the header is row 1.
    """

    def __init__(self) -> None:
        self._read: dict[str, int] = {}
        self._used: dict[str, int] = {}
        self._aside: dict[tuple[str, str], dict[str, Any]] = {}
        self._cells: dict[tuple[str, str], dict[str, Any]] = {}
        self._splits: dict[str, list[str]] = {}
        self.problems: list[Problem] = []
        self._foot: dict[tuple[str, str], tuple[str, list[int], list[str]]] = {}
        self._foot_told: set[tuple[str, str]] = set()

    # --- rows -------------------------------------------------------------------------------

    def read(self, file: str, n: int) -> None:
        """`n` rows (without the header) were read from `file`; repeated calls add up."""
        self._read[file] = self._read.get(file, 0) + int(n)
        for key in [k for k in self._foot if k[0] == file and k not in self._foot_told]:
            self._foot_told.add(key)
            rule, rows, texts = self._foot[key]
            self._read[file] += len(rows)
            self.set_aside(rule, file, rows, texts)

    def below(
        self, rule: str, file: str, place: str, rows: Sequence[int], texts: Sequence[str]
    ) -> bool:
        """Rows that opening a table left out; they count once the table is read.

        False where they are known already, because the table was opened before.
        """
        known = (file, place) in self._foot
        self._foot[file, place] = (rule, list(rows), list(texts))
        return not known

    def use(self, file: str, n: int) -> None:
        """`n` rows of `file` went into the Dataset."""
        self._used[file] = self._used.get(file, 0) + int(n)

    def set_aside(
        self,
        rule: str,
        file: str,
        rows: Iterable[int],
        texts: Iterable[str] | None = None,
    ) -> None:
        """Rows of `file` that a rule keeps out, with the text of each as it stood in the file."""
        numbers = [int(r) for r in rows]
        words = [""] * len(numbers) if texts is None else [str(t) for t in texts]
        if len(words) != len(numbers):
            raise ValueError(f"{len(numbers)} rows were given with {len(words)} texts")
        entry = self._aside.setdefault((file, rule), {"rows": [], "texts": []})
        entry["rows"] += numbers
        entry["texts"] += words

    def count_aside(self, rule: str, file: str, n: int) -> None:
        """`n` more rows that a rule keeps out, too many to be listed one by one."""
        entry = self._aside.setdefault((file, rule), {"rows": [], "texts": []})
        entry["unlisted"] = entry.get("unlisted", 0) + int(n)

    def n_read(self, file: str | None = None) -> int:
        """Rows read, of one file or of all."""
        return sum(self._read.values()) if file is None else self._read.get(file, 0)

    def n_used(self, file: str | None = None) -> int:
        """Rows used, of one file or of all."""
        return sum(self._used.values()) if file is None else self._used.get(file, 0)

    def n_aside(self, file: str | None = None, rule: str | None = None) -> int:
        """Rows set aside, of one file or all, by one rule or all."""
        return sum(
            _size(entry)
            for (f, r), entry in self._aside.items()
            if file in (None, f) and rule in (None, r)
        )

    @property
    def aside_notes(self) -> list[tuple[str, str, int]]:
        """(file, rule, rows) of every rule that kept rows out, listed one by one or not."""
        return [(f, r, _size(entry)) for (f, r), entry in self._aside.items()]

    @property
    def files(self) -> tuple[str, ...]:
        """Files of which anything was told, in the order of reading."""
        told = [*self._read, *self._used, *(f for f, _ in self._aside)]
        return tuple(dict.fromkeys(told))

    def dropped(self) -> list[tuple[str, int, str, str]]:
        """(file, row, rule, text) of every row set aside and listed, in the order of file and row.

        Rows that were only counted (`count_aside`) are not among them.
        """
        order = {file: i for i, file in enumerate(self.files)}
        rows = [
            (file, row, rule, text)
            for (file, rule), entry in self._aside.items()
            for row, text in zip(entry["rows"], entry["texts"], strict=True)
        ]
        rows.sort(key=lambda r: (order[r[0]], r[1], r[2]))
        return [
            (self._part(f, row), row % ROWS_OF_A_FILE, rule, text) for f, row, rule, text in rows
        ]

    def split(self, file: str, parts: Iterable[str]) -> None:
        """`file` stands for several, whose rows are numbered on by ROWS_OF_A_FILE."""
        self._splits[file] = list(parts)

    def _part(self, file: str, row: int) -> str:
        """The file in which a row stands."""
        parts = self._splits.get(file, [])
        k = row // ROWS_OF_A_FILE
        return parts[k - 1] if 1 <= k <= len(parts) else file

    def named(self, problem: Problem) -> Problem:
        """A problem with the rows of tables in several files told by their own file."""
        shown = next((f for f in self._splits if problem.file.startswith(f)), None)
        if shown is None:
            return problem

        def own(match: re.Match) -> str:
            first, last = int(match[1]), int(match[2] or 0)
            if self._part(shown, first) == shown:
                return match[0]
            till = f"-{last % ROWS_OF_A_FILE}" if last else ""
            return f"{first % ROWS_OF_A_FILE}{till} of {self._part(shown, first)}"

        texts = {n: _ROWS.sub(own, getattr(problem, n)) for n in ("fact", "why", "cure", "more")}
        row = problem.row
        if row is not None and row >= ROWS_OF_A_FILE:
            return replace(problem, **texts, row=row % ROWS_OF_A_FILE, file=self._part(shown, row))
        return replace(problem, **texts)

    def balance(self) -> Ledger:
        """Raise unless read = used + set aside for each file; no row may be set aside twice."""
        found = []
        for file in self.files:
            read, used, aside = self.n_read(file), self.n_used(file), self.n_aside(file)
            if read != used + aside:
                found.append(
                    Problem(
                        code="E901",
                        file=file,
                        fact=f"{file}: {read} rows were read, but {used} used and {aside} "
                        f"set aside make {used + aside}",
                        why="a row that nobody accounts for can be a detection lost",
                        cure="this is a fault of the reader, not of the file: please report it",
                    )
                )
            rows = [r for (f, _), e in self._aside.items() if f == file for r in e["rows"]]
            if len(set(rows)) != len(rows):
                found.append(
                    Problem(
                        code="E902",
                        file=file,
                        row=min(r for r, n in Counter(rows).items() if n > 1),
                        fact=f"{file}: {len(rows) - len(set(rows))} rows were set aside twice",
                        cure="this is a fault of the reader, not of the file: please report it",
                    )
                )
        if found:
            raise SurveyError(found)
        return self

    # --- cells ------------------------------------------------------------------------------

    def cells(self, rule: str, file: str, n: int, places: Iterable[str] = ()) -> None:
        """`n` cells that a rule changed or that cost a visit; the first places are kept."""
        entry = self._cells.setdefault((file, rule), {"n": 0, "places": []})
        entry["n"] += int(n)
        room = PLACES_KEPT - len(entry["places"])
        entry["places"] += [str(p) for _, p in zip(range(room), places, strict=False)]

    @property
    def cell_notes(self) -> list[dict[str, Any]]:
        """Each as {"file", "rule", "n", "places"}."""
        return [{"file": f, "rule": r, **entry} for (f, r), entry in self._cells.items()]

    # --- problems ---------------------------------------------------------------------------

    def add(self, problem: Problem) -> None:
        """Keep a problem of any level; an error waits for `raise_errors`."""
        self.problems.append(self.named(problem))

    def repair(self, code: str, fact: str, at: Where | None = None, **more: Any) -> None:
        """Something was mended while reading.

        `at` are the rows it was seen in, told before the fact; `more` are fields of Problem.
        """
        self._tell("repair", code, fact, at, more)

    def warn(self, code: str, fact: str, at: Where | None = None, **more: Any) -> None:
        """Something to look at; the data were read all the same."""
        self._tell("warn", code, fact, at, more)

    def note(self, code: str, fact: str, at: Where | None = None, **more: Any) -> None:
        """Something to know."""
        self._tell("note", code, fact, at, more)

    def error(self, code: str, fact: str, at: Where | None = None, **more: Any) -> None:
        """Something that forbids going on; gathered, so that all can be told in one go."""
        self._tell("error", code, fact, at, more)

    def _tell(
        self, level: Level, code: str, fact: str, at: Where | None, more: dict[str, Any]
    ) -> None:
        """`at` stands before the fact, and is where programs find the first of its rows."""
        if at is not None:
            fact = f"{at}: {fact}"
            more = {"file": at.file, "row": min(at.rows, default=None), "column": at.column} | more
        self.add(Problem(code=code, fact=fact, level=level, **more))

    def of_level(self, level: str) -> list[Problem]:
        """The problems of one level: "error", "repair", "warn" or "note"."""
        return [p for p in self.problems if p.level == level]

    def raise_errors(self) -> None:
        """Raise one SurveyError with all errors gathered so far, if there are any."""
        errors = self.of_level("error")
        if errors:
            raise SurveyError(errors, [p for p in self.problems if p.level in ("repair", "warn")])

    def merge(self, other: Ledger) -> Ledger:
        """Take over the account of another ledger, for a study read in several steps."""
        for file, n in other._read.items():
            self.read(file, n)
        for file, n in other._used.items():
            self.use(file, n)
        for (file, rule), entry in other._aside.items():
            self.set_aside(rule, file, entry["rows"], entry["texts"])
            if entry.get("unlisted"):
                self.count_aside(rule, file, entry["unlisted"])
        for (file, rule), entry in other._cells.items():
            self.cells(rule, file, entry["n"], entry["places"])
        self.problems += other.problems
        self._splits |= other._splits
        return self

    # --- files ------------------------------------------------------------------------------

    def to_json(self) -> str:
        """The whole account as JSON text, as it is kept in `ds.attrs["ledger"]`."""
        return json.dumps(
            {
                "read": self._read,
                "used": self._used,
                "aside": [{"file": f, "rule": r, **e} for (f, r), e in self._aside.items()],
                "cells": self.cell_notes,
                "problems": [p.to_dict() for p in self.problems],
                **({"splits": self._splits} if self._splits else {}),
            },
            ensure_ascii=False,
        )

    @classmethod
    def from_json(cls, text: str) -> Ledger:
        """The account that `to_json` wrote; "" gives an empty one."""
        ledger = cls()
        if not text:
            return ledger
        kept = json.loads(text)
        ledger._read = {str(k): int(v) for k, v in kept["read"].items()}
        ledger._splits = {str(k): list(v) for k, v in kept.get("splits", {}).items()}
        ledger._used = {str(k): int(v) for k, v in kept["used"].items()}
        for entry in kept["aside"]:
            ledger.set_aside(entry["rule"], entry["file"], entry["rows"], entry["texts"])
            if entry.get("unlisted"):
                ledger.count_aside(entry["rule"], entry["file"], entry["unlisted"])
        for entry in kept["cells"]:
            ledger.cells(entry["rule"], entry["file"], entry["n"], entry["places"])
        ledger.problems = [Problem(**p) for p in kept["problems"]]
        return ledger

    def write_dropped(self, path: str | Path) -> int:
        """Write dropped.csv (file, row, rule, text) and tell how many rows it holds.

        Written beside its place and moved there whole, so that no half file is ever seen.
        """
        rows: Sequence[tuple] = self.dropped()
        target = Path(path)
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            with part.open("w", encoding="utf-8", newline="") as out:
                writer = csv.writer(out, lineterminator="\n")
                writer.writerow(["file", "row", "rule", "text"])
                writer.writerows(rows)
                out.flush()
                os.fsync(out.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        return len(rows)

    def __str__(self) -> str:
        lines = []
        for file in self.files:
            used, aside = self.n_used(file), self.n_aside(file)
            lines.append(f"{file}: {self.n_read(file)} rows read, {used} used, {aside} set aside")
            lines += [
                f"    {_size(entry)} {rule}"
                for (f, rule), entry in self._aside.items()
                if f == file
            ]
        for note in self.cell_notes:
            cells = f"{note['n']} {'cell' if note['n'] == 1 else 'cells'} {note['rule']}"
            lines.append(f"{note['file']}: {cells}" if note["file"] else cells)
        return "\n".join(lines)


def _size(entry: dict[str, Any]) -> int:
    """Rows of one rule: those listed and those only counted."""
    return len(entry["rows"]) + entry.get("unlisted", 0)
