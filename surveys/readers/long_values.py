"""Results of long tables: detections, counts, words for present, and the species."""

from __future__ import annotations

import numpy as np
import pandas as pd

from surveys import cells
from surveys.counts_in_cells import is_thousands
from surveys.ledger import Ledger
from surveys.problems import first_of
from surveys.readers import roles
from surveys.schema import LARGEST_DETECTION
from surveys.study_file import StudyFile
from surveys.text_table import Table

PRESENT = frozenset(
    {"x", "present", "yes", "y", "true", "p", "detected"}
    | {"oui", "ja", "sí", "si", "sim", "tak", "vrai", "wahr", "verdadero", "verdadeiro", "vero"}
)
MEASURES = ("time", "score")
ABSENT = frozenset(
    {"absent", "no", "n", "false", "a"}
    | {"non", "nein", "nee", "nej", "não", "nao", "nie", "faux", "falsch", "falso"}
)


def records_alone(table: Table, ledger: Ledger) -> None:
    ledger.error(
        "E510",
        f"{table.place} holds records of detections only: no row says that somebody looked and "
        "found nothing",
        file=table.place,
        why="records alone give no zeros, and without zeros nothing can be told about detection",
        cure='list every visit made, seen or not: [files.visits] path = "visits.csv" (site, date '
        "or visit, effort); or give each visit a row with detection 0 or 1, and name that column: "
        '[files.detections.columns] detection = "..."',
    )


def result_columns(table: Table, ledger: Ledger) -> list[str]:
    found = [c for c in map(table.column, _measured(table)) if c is not None]
    for role in ("detection", "count", "effort"):
        column = table.match(table.spec.columns[role]) if role in table.spec.columns else None
        if column is None and role not in table.spec.columns:
            column = roles.named(table, role, ledger)
        if column:
            found.append(column)
    return found


def _measured(table: Table) -> list[str]:
    """Roles of what a visit may have measured, where named: `time` is often the clock's."""
    return [role for role in MEASURES if role in table.spec.columns]


def measured(
    table: Table, values: np.ndarray | None, ledger: Ledger
) -> tuple[np.ndarray | None, dict[str, np.ndarray]]:
    """Times to detection and scores of each row, and the detections that follow from them.

    A visit with a time has detected, one without has not; where detections are told too, a time
    beside a 0 says how long the visit was and is not taken. A file with a score is a visit.
    """
    found: dict[str, np.ndarray] = {}
    for role in _measured(table):
        column = roles.named(table, role, ledger)
        if column is not None:
            found[role] = cells.numbers(table, column, ledger)
    if "time" in found:
        time = found["time"]
        detected = ~np.isnan(time) if values is None else values > 0
        odd = detected & ~(time > 0)
        if odd.any():
            column = str(table.column("time"))
            ledger.error(
                "E126",
                "a visit that detected has no time above 0",
                at=table.at(table.rows[odd], column),
                cure="write the time from the start of the visit to the first detection",
            )
        found["time"] = np.where(detected, time, np.nan)
        values = detected.astype(float) if values is None else values
    if "score" in found and values is None:
        values = np.where(np.isnan(found["score"]), np.nan, 1.0)
    return values, found


def results(
    study: StudyFile, table: Table, ledger: Ledger
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Detection of each row (NaN: no result), and counts where there are any."""
    detection = roles.named(table, "detection", ledger)
    count = roles.named(table, "count", ledger)
    kind = study.section("detections").get("values")
    values = counts = None
    if count is not None:
        counts, present = count_cells(table, count, ledger)
        values = np.where(present, 1.0, np.where(np.isnan(counts), np.nan, counts > 0))
    if detection is not None:
        told, present = count_cells(table, detection, ledger)
        told = np.where(present, 1.0, told)
        most = np.nanmax(told) if not np.isnan(told).all() else 0
        if most > 1 and kind != "state":
            if kind is None:
                ledger.repair(
                    "R511",
                    f"{table.place}, column {detection}: values up to {most:g} were read as "
                    "counts; a detection is a count above 0",
                    file=table.file,
                    column=detection,
                    cure='for breeding states or other codes set [detections] values = "state"',
                )
            counts = np.where(present, np.nan, told) if counts is None else counts
            told = np.where(np.isnan(told), np.nan, told > 0)
        values = told
    return values, counts


def count_cells(table: Table, column: str, ledger: Ledger) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers from 0; words for present or absent are taken and told."""
    texts = table.text(column)
    missing = frozenset(table.spec.missing)
    numbers = np.full(len(texts), np.nan)
    present = np.zeros(len(texts), dtype=bool)
    words: dict[str, int] = {}
    if cells.error_cells(table, column, ledger, missing):
        return numbers, present
    sign = cells.decimal_sign(table, column) or "."
    if is_thousands(table, column, ledger):
        return numbers, present
    # Each different text is judged once; its cells take the verdict by their code.
    codes, different = pd.factorize(texts)
    value_of = np.full(len(different), np.nan)
    is_present = np.zeros(len(different), dtype=bool)
    no_numbers: list[int] = []
    no_counts: dict[int, str] = {}
    for code, text in enumerate(different):
        if cells.is_missing(text, cells.MISSING_NUMBER, missing):
            continue
        bare = text.casefold()
        if bare in PRESENT or bare in ABSENT:
            words[text] = int((codes == code).sum())
            is_present[code] = bare in PRESENT
            value_of[code] = np.nan if bare in PRESENT else 0.0
            continue
        parsed = cells.parse_number(text, sign)
        if parsed and 0 <= parsed[0] <= LARGEST_DETECTION and parsed[0] == int(parsed[0]):
            value_of[code] = parsed[0]
            continue
        if parsed is None:
            no_numbers.append(code)
        elif parsed[0] > LARGEST_DETECTION:
            no_counts[code] = "is too large for a count"
        else:
            no_counts[code] = "is below 0" if parsed[0] < 0 else "is no whole number"
    for code, others in first_of(no_numbers):
        rows = table.rows[codes == code]
        ledger.error(
            "E046",
            f'"{different[code]}" is not a number',
            at=table.at(rows, column),
            cure='for "present, not counted" write X',
            others=others,
        )
    for (code, fact), others in first_of(no_counts.items()):
        rows = table.rows[codes == code]
        ledger.error(
            "E048",
            f"{different[code]} {fact}",
            at=table.at(rows, column),
            cure=f'if it means missing, set [{table.spec.section}] missing = ["{different[code]}"]',
            others=others,
        )
    numbers, present = value_of[codes], is_present[codes]
    if words:
        told = " and ".join(f'"{w}" ({n} {"row" if n == 1 else "rows"})' for w, n in words.items())
        ledger.repair(
            "R051",
            f"{table.place}, column {column}: {told} read as present or absent; counts are kept "
            "for the others",
            file=table.file,
            column=column,
        )
    return numbers, present


def species_of(
    study: StudyFile, table: Table, ledger: Ledger
) -> tuple[np.ndarray, np.ndarray, str | None]:
    column = roles.named(table, "species", ledger)
    if column is None:
        n = len(table)
        name = roles.only_species(study, table, ledger)
        return np.full(n, name, dtype=object), np.full(n, "", dtype=object), None
    names, reason = roles.species_names(study, table, table.text(column), ledger)
    roles.tell_doubtful_names(table, table.text(column), names, reason, ledger)
    names[reason != ""] = ""
    return names, reason, column


def species_list(study: StudyFile, names: pd.Series) -> list[str]:
    """Species looked for: those of the study file and those recorded."""
    told = study.section("study").get("species", [])
    told = [told] if isinstance(told, str) else list(told)
    found = {str(n) for n in pd.unique(names) if n}
    if not found:
        return told or ["species"]
    return sorted({*found, *told}) if len(told) > 1 else sorted(found)
