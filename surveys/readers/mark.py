"""Histories of MARK (.inp) and PRESENCE (.pao): a line for a site, or for several alike."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from surveys import cells
from surveys.ledger import Ledger
from surveys.open_table import plain_text
from surveys.problems import listing
from surveys.readers import mark_inp, mark_pao, wide
from surveys.readers.mark_histories import Histories, Layout
from surveys.readers.site_table import read_sites
from surveys.readers.tidy import Guess, Tidy
from surveys.study_file import StudyFile
from surveys.text_table import Table, TableSpec

ENDINGS = (".inp", ".pao")

SECTIONS = ("mark",)


MOST_STATES = 5


def is_history(path: str) -> bool:
    """Whether a name is that of an input file of MARK or PRESENCE."""
    return path.lower().removesuffix(".gz").endswith(ENDINGS)


def detect(tables: dict[str, Table]) -> Guess | None:
    """A table that `table_of` made."""
    for file, table in tables.items():
        layout = table.found.get("mark")
        if isinstance(layout, Layout):
            extra = {"file": file, "visits": layout.columns(), "lines": layout.toml()}
            extra["states"] = _seem_states(_above_one(table, layout))
            return Guess("mark", 0.99, f"{file} holds histories of {layout.program}", extra=extra)
    return None


def table_of(spec: TableSpec, ledger: Ledger) -> Table | None:
    """The histories as a table, laid out by what the file alone tells; None where it cannot be."""
    histories = _histories(spec, {}, ledger, guessing=True)
    return None if histories is None else histories.table


def read(study: StudyFile, ledger: Ledger) -> Tidy | None:
    """Sites, visits and detections of histories, as the wide reader makes them."""
    spec = study.table("files.detections", ledger)
    keys = study.section("mark")
    histories = _histories(spec, keys, ledger) if spec is not None else None
    if histories is None:
        read_sites(study, None, ledger)  # tell the faults of the other tables too
        return None
    table, layout = histories.table, histories.layout
    _refuse_effort(table, layout, ledger)
    role = {"site": "site", "species": None, "season": None}
    states = bool(keys.get("states")) or _tell_states(study, histories, ledger)
    if keys.get("states") and study.section("detections").get("values", "state") != "state":
        ledger.error(
            "E408",
            f"{study.name}: [mark] states beside [detections] values = "
            f'"{study.section("detections")["values"]}"',
            file=study.name,
            cure="remove one of the two",
        )
    return wide.of_columns(
        study,
        table,
        layout.columns(),
        role,
        layout.visit_groups(),
        layout.site_columns,
        ledger,
        values="state" if states else None,
    )


def _histories(
    spec: TableSpec, keys: dict[str, Any], ledger: Ledger, *, guessing: bool = False
) -> Histories | None:
    before = len(ledger.of_level("error"))
    _refuse_states(spec, keys.get("states", []), ledger)
    found = plain_text(spec, ledger)
    if found is None or len(ledger.of_level("error")) > before:
        return None
    text, told = found
    parse = mark_pao.parse if is_pao(spec.shown, text) else mark_inp.parse
    histories = parse(spec, text, keys, ledger, guessing=guessing)
    if histories is None or len(ledger.of_level("error")) > before:
        return None
    histories.table.found = told | histories.table.found
    return histories


def _refuse_states(spec: TableSpec, states: list[str], ledger: Ledger) -> None:
    good = all(len(s) == 1 and s not in "0.-" for s in states) and len(set(states)) == len(states)
    if not good:
        ledger.error(
            "E405",
            f"[mark] states is {listing(states)}; each state is one sign of its own, "
            'other than 0, "." and "-"',
            file=spec.shown,
            cure='in their order, such as ["1", "2"] or ["A", "B"]',
        )


def is_pao(name: str, text: str) -> bool:
    """By its name; else by its first line, which counts sites and surveys."""
    bare = name.lower().removesuffix(".gz")
    if bare.endswith(ENDINGS):
        return bare.endswith(".pao")
    first = text.lstrip().split("\n", 1)[0]
    return re.fullmatch(r"\s*\d+[\s,]+\d+\s*", first) is not None


def _tell_states(study: StudyFile, histories: Histories, ledger: Ledger) -> bool:
    """Digits above 1 are states unless the study file calls them counts; told: both are usual."""
    if study.section("detections").get("values"):
        return False
    table = histories.table
    above = _above_one(table, histories.layout)
    if not _seem_states(above):
        return False  # counts, which are told where they are read
    ledger.repair(
        "R641",
        f"{table.place}: {listing(above)} in the histories was read as a state (0 not seen, "
        f"{' and '.join(['1', *above])} states)",
        file=table.file,
        cure='for numbers of individuals set [detections] values = "count"',
    )
    return True


def _seem_states(above: list[str]) -> bool:
    """States are 2, or 2 and 3, and so on; where one is left out, or many are, they are counts."""
    told = sorted(map(int, above))
    return bool(told) and told == list(range(2, max(told) + 1)) and max(told) <= MOST_STATES


def _above_one(table: Table, layout: Layout) -> list[str]:
    """Signs of the histories that are neither 0 nor 1 nor missing."""
    seen = {v for column in layout.columns() for v in set(table.text(column.name))}
    return sorted(v for v in seen if v.isdecimal() and int(v) > 1)


def _refuse_effort(table: Table, layout: Layout, ledger: Ledger) -> None:
    """Where effort is 0 nobody was there: a covariate that is scaled would lose visits by it."""
    for name, columns in layout.visit_groups().items():
        if name != "effort":
            continue
        values = np.concatenate([cells.numbers(table, c, Ledger()) for c in columns])
        if (values <= 0).any():
            ledger.error(
                "E642",
                f'{table.place}: the covariate "effort" has values of 0 or below, '
                "which say that no visit was made",
                file=table.place,
                column="effort",
                cure="give it unscaled; or call it otherwise in the file if it is no effort",
            )
