"""Input files of PRESENCE (.pao): counts, histories, blocks of covariates, seasons, names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from surveys import cells
from surveys.ledger import Ledger
from surveys.problems import listing, rows_text
from surveys.readers.mark_histories import (
    MISSING,
    MOST_SITES,
    Histories,
    Layout,
    histories,
    made_names,
    refuse_names,
    seasons_of,
)
from surveys.text_table import TableSpec

METHOD = "method"
MOST_VISITS = 10_000


class _Stop(Exception):
    """The rest of the file cannot be told apart; the reason is in the ledger."""


class _Lines:
    """The lines of a file, taken one by one; row numbers count from 1."""

    def __init__(self, spec: TableSpec, text: str, ledger: Ledger):
        self.spec, self.ledger = spec, ledger
        self.lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        while self.lines and not self.lines[-1].strip():
            self.lines.pop()
        self.at = 0

    @property
    def row(self) -> int:
        """The row of the line taken last."""
        return self.at

    def left(self) -> int:
        return len(self.lines) - self.at

    def take(self, what: str) -> str:
        """The next line, or an error that says what should stand there."""
        if not self.left():
            self.error(
                "E648",
                f"ends at row {len(self.lines)}, where {what} should follow",
                "was the file cut short? Save it again from PRESENCE",
                row=len(self.lines),
            )
            raise _Stop
        self.at += 1
        return self.lines[self.at - 1].strip()

    def number(self, what: str) -> int:
        """The next line as one whole number."""
        text = self.take(what)
        words = text.split()
        if len(words) != 1 or not re.fullmatch(r"\d{1,7}", words[0]):
            self.error(
                "E648",
                f'row {self.row}: "{text[:40]}" stands where {what} should be, a whole number',
                "a row may be missing or too many above it",
            )
            raise _Stop
        return int(words[0])

    def error(self, code: str, fact: str, cure: str, *, row: int | None = None, **more) -> None:
        place = self.spec.shown
        self.ledger.error(
            code, f"{place} {fact}", file=place, row=row or self.row, cure=cure, **more
        )


def parse(
    spec: TableSpec, text: str, keys: dict[str, Any], ledger: Ledger, *, guessing: bool = False
) -> Histories | None:
    """The histories of a file; each fault is told with its row."""
    before = len(ledger.of_level("error"))
    lines = _Lines(spec, text, ledger)
    try:
        found = _parsed(lines, keys, ledger)
    except _Stop:
        return None
    return found if len(ledger.of_level("error")) == before else None


def _parsed(lines: _Lines, keys: dict[str, Any], ledger: Ledger) -> Histories | None:
    spec = lines.spec
    _refuse_keys(spec, keys, ledger)
    n_site, n_visit = _sizes(lines)
    visits, times, rows = _visits(lines, n_site, n_visit, keys)
    covariates = _site_covariates(lines, n_site)
    of_visits = _visit_covariates(lines, n_site, n_visit)
    told, methods = _seasons(lines)
    per_season = seasons_of(keys, n_visit, spec, ledger, told)
    names = _names(lines, n_site, n_visit, times, ledger)
    if per_season is None or not refuse_names(
        [*covariates, *of_visits], [0] * (len(covariates) + len(of_visits)), spec, ledger
    ):
        return None
    if methods > 1 and METHOD not in of_visits:
        number = np.array([f"method {i % methods + 1}" for i in range(n_visit)], dtype=object)
        of_visits[METHOD] = np.broadcast_to(number, (n_site, n_visit))
        ledger.note(
            "N649",
            f"{spec.shown}: each survey has {methods} methods, which became visits of their own, "
            f'told apart by the visit covariate "{METHOD}"',
            file=spec.shown,
        )
    line = np.repeat(np.arange(n_site), times)
    return histories(
        spec,
        [rows[i] for i in line],
        names,
        visits[line],
        {name: [values[i] for i in line] for name, values in covariates.items()},
        {name: values[line] for name, values in of_visits.items()},
        Layout("PRESENCE", *per_season),
        n_site,
    )


def _refuse_keys(spec: TableSpec, keys: dict[str, Any], ledger: Ledger) -> None:
    for key in ("groups", "covariates"):
        if key in keys:
            ledger.error(
                "E408",
                f"{spec.shown}: [mark] {key} has no effect, for the file names its covariates",
                file=spec.shown,
                cure="remove it",
            )


def _words(text: str) -> list[str]:
    return re.split(r"\s*[\t,]\s*|\s+", text.strip()) if text.strip() else []


def _sizes(lines: _Lines) -> tuple[int, int]:
    text = lines.take("the numbers of sites and of surveys")
    words = _words(text)
    if len(words) < 2 or not all(re.fullmatch(r"\d{1,9}", w) for w in words):
        lines.error(
            "E648",
            f'row 1: "{text[:40]}" stands where the numbers of sites and of surveys should be',
            "the first row of a .pao file is like this: 39 5",
        )
        raise _Stop
    n_site, n_visit = int(words[0]), int(words[1])
    if not (0 < n_site <= MOST_SITES and 0 < n_visit <= MOST_VISITS) or n_site > lines.left():
        lines.error(
            "E648",
            f"row 1: {n_site} sites and {n_visit} surveys are told, but {lines.left()} rows follow",
            "correct the numbers; if the file was cut short, save it again",
        )
        raise _Stop
    return n_site, n_visit


def _visits(
    lines: _Lines, n_site: int, n_visit: int, keys: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Histories as text cells (site, visit), the frequencies if there are any, and the rows."""
    signs = [str(s) for s in keys.get("states", ())]
    codes = {s: str(i) for i, s in enumerate(signs, start=1)}
    out = np.full((n_site, n_visit), "", dtype=object)
    times = np.ones(n_site, dtype=np.int64)
    rows, widths = [], []
    for i in range(n_site):
        text = lines.take("a history")
        rows.append(lines.row)
        words = _words(text)
        if len(words) in (1, 2) and len(words[0]) == n_visit > 1:
            words = [*words[0], *words[1:]]  # 01101
        widths.append(len(words))
        if len(words) not in (n_visit, n_visit + 1):
            lines.error(
                "E645",
                f"row {lines.row}: the history has {len(words)} values, row 1 tells of {n_visit} "
                "surveys",
                'write "-" for each survey that was not made',
            )
            continue
        for j, sign in enumerate(words[:n_visit]):
            value = _sign(sign, codes)
            if value is None:
                lines.error(
                    "E645",
                    f'row {lines.row}: "{sign[:20]}" (survey {j + 1}) is not '
                    + (f"0, {', '.join(codes)} or -" if codes else '0, 1, a count or "-"'),
                    'write "-" for a survey that was not made',
                )
                break
            out[i, j] = value
        if len(words) > n_visit:
            times[i] = _frequency(lines, words[-1])
    if len(set(widths)) > 1 and set(widths) <= {n_visit, n_visit + 1}:
        odd = min(set(widths), key=widths.count)
        lines.error(
            "E645",
            f"row {rows[widths.index(odd)]}: the history has {odd} values, the others "
            f"{n_visit if odd > n_visit else n_visit + 1}",
            "a frequency stands behind every history, or behind none",
            row=rows[widths.index(odd)],
        )
    if times.sum() > MOST_SITES:
        lines.error(
            "E647",
            f"row {rows[int(times.argmax())]}: the frequencies make {times.sum():,} sites",
            "check the frequency: it is how many sites had the history",
            row=rows[int(times.argmax())],
        )
        raise _Stop
    return out, times, rows


def _sign(sign: str, codes: dict[str, str]) -> str | None:
    if sign in MISSING:
        return ""
    if codes:
        return codes.get(sign, "0" if sign == "0" else None)
    return str(int(sign)) if re.fullmatch(r"[0-9]{1,4}", sign) else None


def _frequency(lines: _Lines, value: str) -> int:
    if re.fullmatch(r"\d{1,9}(?:\.0*)?", value):
        return int(float(value))
    lines.error(
        "E647",
        f'row {lines.row}: the frequency "{value[:20]}" is no whole number',
        "a frequency is how many sites had the history; expected frequencies are no surveys",
    )
    return 0


def _site_covariates(lines: _Lines, n_site: int) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for k in range(lines.number("the number of site covariates")):
        name = lines.take(f"the name of site covariate {k + 1}")
        _refuse_twice(lines, name, out)
        values = []
        for _ in range(n_site):
            words = _words(lines.take(f'a value of the site covariate "{name}"'))
            if len(words) != 1:
                _refuse_width(lines, name, len(words), 1)
            values.append(_value(lines, name, words[0] if words else ""))
        out[name] = values
    return out


def _visit_covariates(lines: _Lines, n_site: int, n_visit: int) -> dict[str, np.ndarray]:
    out: dict[str, np.ndarray] = {}
    for k in range(lines.number("the number of survey covariates")):
        name = lines.take(f"the name of survey covariate {k + 1}")
        _refuse_twice(lines, name, out)
        values = np.full((n_site, n_visit), "", dtype=object)
        for i in range(n_site):
            words = _words(lines.take(f'a row of the survey covariate "{name}"'))
            if len(words) != n_visit:
                _refuse_width(lines, name, len(words), n_visit)
            values[i] = [_value(lines, name, w) for w in words]
        out[name] = values
    return out


def _refuse_twice(lines: _Lines, name: str, known: Sequence[str] | dict) -> None:
    if name in known:
        lines.error("E011", f'row {lines.row}: two covariates are called "{name}"', "rename one")


def _refuse_width(lines: _Lines, name: str, found: int, wanted: int) -> None:
    lines.error(
        "E648",
        f"row {lines.row}: {found} values of the covariate {name}, where {wanted} should be",
        "a row may be missing or too many above it: each covariate has one row for each site",
        column=name,
    )
    raise _Stop


def _value(lines: _Lines, name: str, word: str) -> str:
    """A number as it stands; missing as ""."""
    if cells.is_missing(word, cells.MISSING_NUMBER):
        return ""
    if cells.parse_number(word) is None:
        lines.error(
            "E046",
            f'row {lines.row}, covariate {name}: "{word[:20]}" is not a number',
            'write a number, or "-" where it is missing',
            column=name,
        )
    return word


def _seasons(lines: _Lines) -> tuple[list[int] | None, int]:
    """Surveys of each season and the number of methods: "3,3,3;1"; None where none are told."""
    if not lines.left():
        return None, 1
    text = lines.take("the surveys of each season")
    told = re.fullmatch(r"(\d{1,5}(?:[,\s]+\d{1,5})*)\s*(?:;\s*(\d{1,3})?)?", text)
    if told is None:
        lines.error(
            "E648",
            f'row {lines.row}: "{text[:40]}" stands where the surveys of each season should be',
            "like this: 3,3,3 (or 5 for one season); a row may be missing or too many above it",
        )
        raise _Stop
    return [int(n) for n in re.split(r"[,\s]+", told[1].strip())], int(told[2] or 1)


def _names(
    lines: _Lines, n_site: int, n_visit: int, times: np.ndarray, ledger: Ledger
) -> list[str]:
    """Names of sites after the title; made where there are none or a line is several sites."""
    spec = lines.spec
    if lines.left():
        lines.take("a title")
    n = int(times.sum())
    several = bool((times != 1).any())
    if several or lines.left() < n_site:
        some = f" ({lines.left()} rows follow the title)" if 0 < lines.left() < n_site else ""
        made = made_names(n)
        why = "a line stands for several sites" if several else f"it names no sites{some}"
        ledger.repair(
            "R640",
            f"{spec.shown}: {why}, so they became {made[0]} to {made[-1]}, in the order of the "
            "histories"
            if made
            else f"{spec.shown}: all frequencies are 0",
            file=spec.shown,
        )
        if not made:
            lines.error("E647", "all frequencies are 0, so there is no site", "correct them", row=2)
        return made
    start = lines.row + 1
    names = [lines.take("the name of a site") for _ in range(n_site)]
    blank = [start + i for i, name in enumerate(names) if not name]
    if blank:
        lines.error(
            "E013",
            f"{rows_text(blank)}: blank, where the name of a site should be",
            "write the name",
            row=blank[0],
        )
    first: dict[str, int] = {}
    for i, name in enumerate(names):
        if name and first.setdefault(name, start + i) != start + i:
            lines.error(
                "E021",
                f'row {start + i}: site "{name}" stands in row {first[name]} already',
                "give each site a name of its own",
                row=start + i,
            )
    left = lines.left()
    if left not in (0, n_visit, n_visit + 1) and lines.lines[lines.at].strip():
        extra = listing([lines.lines[lines.at].strip()[:20]])
        ledger.note(
            "N648",
            f"{spec.shown}: {left} rows from row {lines.at + 1} on ({extra} ...) were not read",
            file=spec.shown,
            row=lines.at + 1,
        )
    return names
