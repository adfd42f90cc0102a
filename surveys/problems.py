"""What can be wrong with survey data, told in the user's words, and the errors that carry it.

Codes: a letter for the level (E error, R repair, W warning, N note) and a number. 001-060 are
faults of field files, 101-159 breaches of the contract, 201-229 arrays and tables, 301-330 layers
and places, 401-409 files of ours, 901-909 faults of this program.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Level = Literal["error", "repair", "warn", "note"]
SIGNS: dict[str, str] = {"error": "✗", "repair": "↻", "warn": "!", "note": "·"}
MOST_OF_A_KIND = 20


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing found in the data: what, where, why it matters and the cure as text to paste.

    `row` counts as a spreadsheet does: the header is row 1. `more` tells where the full list is;
    `others` are further ones of its kind, counted and not told one by one (see `first_of`).
    """

    code: str
    fact: str
    level: Level = "error"
    file: str = ""
    row: int | None = None
    column: str = ""
    why: str = ""
    cure: str = ""
    more: str = ""
    others: int = 0

    @property
    def where(self) -> str:
        """The place as one phrase: "sites.csv, row 7, column lat"; "" when nothing is known."""
        parts = [self.file] if self.file else []
        if self.row is not None:
            parts.append(f"row {self.row}")
        if self.column:
            parts.append(f"column {self.column}")
        return ", ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Only what is told, so that a stored ledger stays short."""
        told = {k: v for k, v in asdict(self).items() if v not in ("", None)}
        return told if self.others else {k: v for k, v in told.items() if k != "others"}

    def __str__(self) -> str:
        return render([self])


@dataclass(frozen=True)
class Where:
    """Rows of a table, and a column of it where one is meant."""

    file: str
    rows: tuple[int, ...]
    column: str = ""

    def __str__(self) -> str:
        column = f", column {self.column}" if self.column else ""
        return f"{self.file}, {rows_text(self.rows)}{column}"


class SurveyError(ValueError):
    """The survey data cannot be used as they are; holds every problem found, not only the first.

    `beside` are the repairs and warnings of the same reading: an error is often their consequence.
    """

    def __init__(self, problems: Problem | Iterable[Problem], beside: Iterable[Problem] = ()):
        self.problems: tuple[Problem, ...] = (
            (problems,) if isinstance(problems, Problem) else tuple(problems)
        )
        self.beside = tuple(beside)
        super().__init__(self.problems)

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes found, each once, in the order of first appearance."""
        return tuple(dict.fromkeys(p.code for p in self.problems))

    def __str__(self) -> str:
        return render(self.problems)


class ModelError(ValueError):
    """The model asks for something that the surveys or the family cannot give."""


def first_of[T](found: Iterable[T], most: int = MOST_OF_A_KIND) -> Iterator[tuple[T, int]]:
    """The first `most` of what is at fault, each with 0; the last of them with the number left out.

    A wrong column has a fault in each of a million rows: to look up what each is like takes hours.
    """
    every = list(found)
    for i, one in enumerate(every[:most], start=1):
        yield one, len(every) - most if i == most else 0


def render(problems: Iterable[Problem], most: int = MOST_OF_A_KIND) -> str:
    """All problems as plain text, a block for each kind (code and level), `most` places in each."""
    kinds: dict[tuple[str, str], list[Problem]] = {}
    for problem in problems:
        kinds.setdefault((problem.level, problem.code), []).append(problem)
    return plain("\n\n".join(_block(kind, most) for kind in kinds.values()))


def _block(kind: Sequence[Problem], most: int) -> str:
    first = kind[0]
    lines = [f"{SIGNS[first.level]} {first.code} {first.fact}"]
    shown = kind[:most]
    if first.where and not _tells_place(first):
        lines.append(f"    {first.where}")
    for problem in shown[1:]:
        fact = "" if problem.fact == first.fact else problem.fact
        where = "" if fact and _tells_place(problem) else problem.where
        if problem.file and fact.startswith(problem.file) and re.search(r"\brows? \d", fact):
            where = ""
        told = ": ".join(part for part in (where, fact) if part)
        if told:
            lines.append(f"    {told}")
    more = len(kind) - len(shown) + sum(problem.others for problem in kind)
    if more:
        lines.append(f"    and {more} more")
    for label, name in (("Why it matters", "why"), ("To mend", "cure"), ("More", "more")):
        told = dict.fromkeys(getattr(p, name) for p in shown if getattr(p, name))
        for i, text in enumerate(told):
            head = label if i == 0 else ""
            lines.append(f"  {head:<14}  {text}")
    return "\n".join(lines)


def _tells_place(problem: Problem) -> bool:
    """Whether the fact names the file, the row (maybe among others) and the column already."""
    parts = [rf"(?<!\w){re.escape(p)}(?!\w)" for p in (problem.file, problem.column) if p]
    if problem.row is not None:
        parts.append(rf"\brows? (?:\d+(?:, | and |-))*{problem.row}\b")
    return all(re.search(part, problem.fact) for part in parts)


def plain(text: str) -> str:
    """The text without terminal escapes and direction marks, which a name in a file may carry."""
    kept = []
    for char in text:
        if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cf"):
            kept.append(char)
        else:
            kept.append(f"\\u{ord(char):04x}")
    return "".join(kept)


def nearest(name: object, candidates: Iterable[object], cutoff: float = 0.6) -> str | None:
    """The candidate most like `name`, for "did you mean"; None when none is close.

    Capitals, blanks and separators weigh nothing: "A 1" is nearest to "A1".
    """
    bare: dict[str, str] = {}
    for candidate in candidates:
        bare.setdefault(_bare(candidate), str(candidate))
    close = difflib.get_close_matches(_bare(name), list(bare), n=1, cutoff=cutoff)
    return bare[close[0]] if close else None


def did_you_mean(name: object, candidates: Iterable[object]) -> str:
    """A closing sentence, ` Did you mean "forest"?`, or nothing."""
    found = nearest(name, candidates)
    return f' Did you mean "{found}"?' if found is not None else ""


def _bare(name: object) -> str:
    text = unicodedata.normalize("NFKC", str(name)).casefold()
    return "".join(c for c in text if c.isalnum()) or text


def listing(names: Iterable[object], most: int = 5) -> str:
    """Names as a phrase: "A1, A2, A3 and 7 more"."""
    words = [str(n) for n in names]
    shown = ", ".join(words[:most])
    return f"{shown} and {len(words) - most} more" if len(words) > most else shown


def rows_text(rows: Iterable[int], most: int = 5) -> str:
    """Row numbers as a phrase: "row 7", "rows 3-5", "rows 2, 9 and 4 more"."""
    numbers = sorted({int(r) for r in rows})
    if len(numbers) == 1:
        return f"row {numbers[0]}"
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"rows {numbers[0]}-{numbers[-1]}"
    if len(numbers) == 2 and numbers[1] == numbers[0] + 1:
        return f"rows {numbers[0]}-{numbers[1]}"
    return f"rows {listing(numbers, most)}"
