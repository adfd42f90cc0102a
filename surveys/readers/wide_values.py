"""Cells of wide histories: 0 and 1, counts, states, and their agreement with effort."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from surveys import cells
from surveys.counts_in_cells import is_thousands
from surveys.ledger import Ledger
from surveys.problems import first_of
from surveys.readers.long_values import ABSENT, PRESENT
from surveys.readers.visit_columns import VisitColumn
from surveys.readers.visit_covariates import Cube, Layout, cell_words
from surveys.schema import LARGEST_DETECTION
from surveys.study_file import StudyFile
from surveys.text_table import Table


def word_of_presence(text: str) -> float | None:
    """1 for TRUE, yes, present; 0 for FALSE, no, absent; None for any other cell.

    A single letter in a history may as well mean that nobody went, so it is asked.
    """
    word = text.casefold()
    if len(word) < 2:
        return None
    return 1.0 if word in PRESENT else 0.0 if word in ABSENT else None


def detections(
    study: StudyFile, table: Table, columns: Sequence[VisitColumn], ledger: Ledger
) -> np.ndarray:
    """Cells of the visit columns as numbers: 0, 1, counts or states; anything else is told."""
    missing = frozenset((*table.spec.missing, *study.section("wide").get("missing", ())))
    out = np.full((len(table), len(columns)), np.nan)
    said: dict[str, int] = {}  # words for present and absent, and in how many cells
    wrong: dict[str, tuple[int, int, str]] = {}  # cells, and the row and column of the first
    beside = {v for c in columns for v in pd.unique(table.text(c.name))}
    for j, column in enumerate(columns):
        texts = table.text(column.name)
        if cells.error_cells(table, column.name, ledger, missing):
            continue
        if is_thousands(table, column.name, ledger, beside):
            continue
        values = {}
        codes, different = pd.factorize(texts)
        many = np.bincount(codes, minlength=len(different))
        first = table.rows[np.unique(codes, return_index=True)[1]]
        sign = cells.decimal_sign(table, column.name) or "."
        for code, text in enumerate(different):
            if cells.is_missing(text, cells.MISSING_NUMBER, missing):
                values[text] = np.nan
                continue
            word = word_of_presence(text)
            if word is not None:
                values[text] = word
                said[text] = said.get(text, 0) + int(many[code])
                continue
            parsed = cells.parse_number(text, sign)
            number = np.nan if parsed is None else parsed[0]
            values[text] = number
            if not 0 <= number <= LARGEST_DETECTION or number != int(number):
                n, *place = wrong.get(text, (0, int(first[code]), column.name))
                place = min(tuple(place), (int(first[code]), column.name))
                wrong[text] = (n + int(many[code]), *place)
        out[:, j] = [values[t] for t in texts]
    if said and np.nanmax(out) > 1:  # beside counts a word says nothing of how many
        for text, n in said.items():
            rows = ((table.rows[table.text(c.name) == text], c.name) for c in columns)
            wrong[text] = (n, *min((int(r[0]), name) for r, name in rows if len(r)))
    elif said:
        told = " and ".join(f'"{t}" ({n} {"cell" if n == 1 else "cells"})' for t, n in said.items())
        ledger.repair(
            "R051",
            f"{table.place}: {told} read as present or absent",
            file=table.file,
        )
    fractions = [text for text in wrong if "." in text and _above_0(text)]
    known = set(fractions)
    _tell_wrong(table, "E048", {text: wrong[text] for text in fractions}, ledger)
    _tell_wrong(
        table, "E047", {text: told for text, told in wrong.items() if text not in known}, ledger
    )
    return out


def _above_0(text: str) -> bool:
    number = cells.parse_number(text)
    return number is not None and number[0] > 0


def _tell_wrong(
    table: Table, code: str, wrong: dict[str, tuple[int, int, str]], ledger: Ledger
) -> None:
    """Cells of visits that are no result; `wrong` has how many, and where the first is."""
    for (text, (n, row, name)), others in first_of(wrong.items()):
        word = text.isalpha()
        ledger.error(
            code,
            f'{table.place}: "{text}" in row {row}, column {name} '
            f"({n} {'cell' if n == 1 else 'cells'}) is not 0, 1 or a count",
            file=table.place,
            row=row,
            column=name,
            cure=(
                "write 1, or how many, where it means that the species was seen; " if word else ""
            )
            + f'if it means missing, set [wide] missing = ["{text}"] (read as missing without '
            'asking: blank, NA, ".", "-", "n/a", "NaN")',
            others=others,
        )


def counts(
    study: StudyFile,
    table: Table,
    cube: np.ndarray,
    columns: Sequence[VisitColumn],
    ledger: Ledger,
    told: str | None = None,
) -> bool:
    """Whether values above 1 are counts; told, because a state code would be one too."""
    kind = study.section("detections").get("values", told)
    most = np.nanmax(cube) if not np.isnan(cube).all() else 0
    if kind == "state" or (kind != "count" and most <= 1):
        return False
    if kind == "presence":
        ledger.error(
            "E047",
            f"{table.place}: values up to {most:g} in columns {columns[0].name} to "
            f'{columns[-1].name}, but [detections] values = "presence"',
            file=table.place,
        )
    elif kind is None:
        ledger.repair(
            "R511",
            f"{table.place}, columns {columns[0].name} to {columns[-1].name}: values up to "
            f"{most:g} were read as counts; a detection is a count above 0",
            file=table.file,
            cure='for breeding states or other codes set [detections] values = "state"',
        )
    return True


def tell_zeros(
    table: Table,
    columns: Sequence[VisitColumn],
    y: np.ndarray,
    groups: dict[str, list[str]],
    ledger: Ledger,
) -> dict[str, list[VisitColumn]]:
    """Zeros of a whole visit without a date, or whatever was noted, are often no visits at all.

    Returns the visits in doubt of each covariate that is blank there.
    """
    doubted: dict[str, list[VisitColumn]] = {}
    for j, column in enumerate(columns):
        made = ~np.isnan(y[:, j])
        if made.sum() < 2 or y[made, j].any() or not np.nansum(y):
            continue
        for group, names in groups.items():
            blank = np.array(
                [[cells.is_missing(v, cells.MISSING_NUMBER) for v in table.text(n)] for n in names]
            )[:, made]  # fmt: skip  (visit, site)
            here = blank[j].mean()
            if here <= 0.5 or np.median(blank.mean(axis=1)) > 0.5:
                continue
            doubted.setdefault(group, []).append(column)
            ledger.warn(
                "W050",
                f"{table.place}, visit {column.name}: all {int(made.sum())} sites are 0 and "
                f"{names[j]} is blank at {int(blank[j].sum())} of them. Are these zeros visits?",
                file=table.file,
                column=column.name,
                why="a zero where nobody went makes detection look harder than it is",
                cure="blank them if nobody went",
            )
            break
    return doubted


def agree_effort(
    study: StudyFile,
    table: Table,
    layout: Layout,
    cube: np.ndarray,
    made: np.ndarray,
    effort: Cube,
    row_at: np.ndarray,
    ledger: Ledger,
) -> None:
    """A detection where effort is 0 is an error, or is set aside when the study file says so."""
    for at in np.argwhere(made & (effort.values.astype(float) < 0)):
        site, season, visit = (int(i) for i in at)
        row = int(row_at[:, site, season].max())
        name = effort.columns[min(visit, len(effort.columns) - 1)]
        ledger.error(
            "E048",
            f"{table.place}, row {row}, column {name}: the effort "
            f"{effort.values[site, season, visit]:g} is below 0",
            file=table.place,
            row=row,
            column=name,
            cure="write the effort; 0 where nobody went",
        )
    worked = effort.values.astype(float) != 0  # what is below 0 is told above
    worked &= ~np.isnan(effort.values.astype(float))
    seen = (np.nan_to_num(cube) > 0).any(axis=0)
    drop = study.section("checks").get("detection_without_effort") == "drop"
    for at in np.argwhere(seen & ~worked):
        site, season, visit = (int(i) for i in at)
        if drop:
            continue
        row = int(row_at[:, site, season].max())
        value = effort.values[site, season, visit]
        name = effort.columns[min(visit, len(effort.columns) - 1)]
        if effort.table is not table:
            name = f"the effort in {effort.table.place}, column {name},"
        told = "blank" if np.isnan(value) else f"{value:g}"
        ledger.error(
            "E049",
            f"{table.place}, row {row}: {cell_words(layout, (site, season, visit))}: "
            f"detection {np.nanmax(cube[:, site, season, visit]):g} but {name} is {told}",
            file=table.place,
            row=row,
            cure="either the effort or the detection is wrong; set [checks] "
            'detection_without_effort = "drop" to set it aside',
        )
    if drop and (seen & ~worked).any():
        lost = seen & ~worked
        places = (cell_words(layout, tuple(int(i) for i in at)) for at in np.argwhere(lost))
        ledger.cells("detections without effort set aside", table.file, int(lost.sum()), places)
    if (blank := made & ~seen & np.isnan(effort.values.astype(float))).any():
        at = tuple(int(i) for i in np.argwhere(blank)[0])
        ledger.error(
            "E551",
            f"{table.place}, row {int(row_at[:, at[0], at[1]].max())}: the effort is blank on "
            f"{int(blank.sum())} visits that were made (first: {cell_words(layout, at)})",
            file=table.place,
            row=int(row_at[:, at[0], at[1]].max()),
            cure="write the effort, or blank the detection if nobody went",
        )
    idle = made & ~seen & (effort.values.astype(float) == 0)
    if idle.any():
        places = (cell_words(layout, tuple(int(i) for i in at)) for at in np.argwhere(idle))
        ledger.cells("effort 0: no visit", table.file, int(idle.sum()), places)
    cube[:, ~worked] = np.nan
