"""Input files of MARK: `0110. 12 7 3.5;` is a history, a frequency a group, then covariates."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from surveys import cells
from surveys.ledger import Ledger
from surveys.problems import listing, rows_text
from surveys.readers.mark_histories import (
    MOST_SITES,
    Histories,
    Layout,
    histories,
    made_names,
    refuse_names,
    seasons_of,
    short,
)
from surveys.text_table import TableSpec

GROUP = "group"
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_WHOLE = re.compile(r"[+-]?\d{1,12}(?:\.0*)?")


@dataclass
class Record:
    """One record: its history, the numbers behind it, and the row it starts in."""

    row: int
    history: str
    numbers: list[str]


def parse(
    spec: TableSpec, text: str, keys: dict[str, Any], ledger: Ledger, *, guessing: bool = False
) -> Histories | None:
    """The histories of a file; each fault is told with its row.

    With `guessing`, groups and covariates are told apart by what the file alone says.
    """
    before = len(ledger.of_level("error"))
    records = _records(spec, text, ledger)
    if records is None:
        return None
    length = _length(spec, records, keys, ledger, guessing)
    signs = [str(s) for s in keys.get("states", ())]
    codes = {s: str(i) for i, s in enumerate(signs, start=1)} if signs else {}
    visits = _visits(spec, records, length, codes, ledger)
    shape = _shape(spec, records, keys, ledger, guessing)
    fitted = seasons_of(keys, length, spec, ledger, None)
    if shape is None or fitted is None or len(ledger.of_level("error")) > before:
        return None
    groups, names = shape
    frequency = _frequencies(spec, records, groups, ledger)
    values = _covariates(spec, records, groups, names, ledger)
    if len(ledger.of_level("error")) > before:
        return None
    n_site = int(frequency.sum())
    # line by line, and group by group within a line  (site,)
    line, group = np.nonzero(frequency)
    times = frequency[line, group]
    line, group = np.repeat(line, times), np.repeat(group, times)
    covariates: dict[str, Sequence[str]] = {}
    if len(groups) > 1:
        covariates[GROUP] = [groups[g] for g in group]
    covariates |= {name: [values[name][i] for i in line] for name in names}
    layout = Layout("MARK", *fitted, keys=_keys(groups, names) if guessing else {})
    rows = [records[i].row for i in line]
    _tell(spec, records, frequency, n_site, ledger)
    return histories(
        spec, rows, made_names(n_site), visits[line], covariates, {}, layout, len(records)
    )


def _keys(groups: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    keys: dict[str, Any] = {"groups": list(groups)} if len(groups) > 1 else {}
    return keys | ({"covariates": list(names)} if names else {})


def _records(spec: TableSpec, text: str, ledger: Ledger) -> list[Record] | None:
    """Records between semicolons; comments are blanked, so that rows keep their number."""
    bare = _COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)
    opened = bare.find("/*")
    if opened >= 0:
        row = bare.count("\n", 0, opened) + 1
        ledger.error(
            "E644",
            f'{spec.shown} row {row}: a comment opened by "/*" is not closed by the end of the '
            "file",
            file=spec.shown,
            row=row,
            why="all that follows would be left out",
            cure='close it with "*/"',
        )
        return None
    records: list[Record] = []
    row = 1
    parts = bare.split(";")
    for i, part in enumerate(parts):
        words = part.split()
        start = row + part[: len(part) - len(part.lstrip())].count("\n")
        row += part.count("\n")
        if not words:
            continue
        if i == len(parts) - 1:
            ledger.error(
                "E644",
                f'{spec.shown} row {start}: the record "{short(words)}" has no ";" at its end',
                file=spec.shown,
                row=start,
                cure='put ";" at its end; if the file was cut short, export it again',
            )
            continue
        records.append(Record(start, words[0], words[1:]))
    if not records and not ledger.of_level("error"):
        ledger.error(
            "E006",
            f"{spec.shown} holds no history: no detection can be read",
            file=spec.shown,
            cure="histories look like this: 01101 1;  (was the export cut short?)",
        )
    return records or None


def _length(
    spec: TableSpec, records: list[Record], keys: dict[str, Any], ledger: Ledger, guessing: bool
) -> int:
    """How many visits a history has: as [mark] seasons says, else as most have."""
    counted = Counter(len(r.history) for r in records)
    usual = max(counted, key=lambda n: (counted[n], n))
    length = sum(keys.get("seasons") or [usual])
    apart = usual == 1 and all(len(r.numbers) > 1 for r in records)
    digits = guessing and all(set("".join(r.numbers[:-1])) <= set("01.") for r in records)
    if apart and (length != 1 or digits):
        ledger.error(
            "E645",
            f"{spec.shown} row {records[0].row}: the history is written with blanks between the "
            "visits",
            file=spec.shown,
            row=records[0].row,
            cure="write 01101 in place of 0 1 1 0 1",
        )
        return length
    if usual != length and counted[length] == 0:
        return usual  # seasons_of tells that the seasons do not fit
    merged = {r.row for r in records if any(_like(w, usual) for w in r.numbers) and length > 1}
    for record in records:
        if record.row in merged and len(record.history) == length:
            ledger.error(
                "E644",
                f'{spec.shown} row {record.row}: no ";" between two records '
                f'("{short([record.history, *record.numbers])}")',
                file=spec.shown,
                row=record.row,
                cure='put ";" at the end of each record',
            )
        elif len(record.history) != length:
            ledger.error(
                "E645",
                f'{spec.shown} row {record.row}: the history "{record.history[:60]}" has '
                f"{len(record.history)} visits, the others {length}",
                file=spec.shown,
                row=record.row,
                cure="write a dot for each visit that was not made",
            )
    return length


def _like(word: str, length: int) -> bool:
    """A word that is a history by its dots, or by zeros in front that no number has."""
    return (
        len(word) == length
        and re.fullmatch(r"[01.]+", word) is not None
        and (word.count(".") > 1 or (len(word) > 1 and word[0] == "0" and word[1] != "."))
    )


def _visits(
    spec: TableSpec, records: list[Record], length: int, codes: dict[str, str], ledger: Ledger
) -> np.ndarray:
    """Signs of the histories as text cells, (line, visit); "" where no visit was made."""
    out = np.full((len(records), length), "", dtype=object)
    known = {".": "", "0": "0", **(codes or {str(i): str(i) for i in range(1, 10)})}
    for i, record in enumerate(records):
        if len(record.history) != length:
            continue  # told by _length
        for j, sign in enumerate(record.history):
            if sign not in known:
                _refuse_sign(spec, record, j, sign, codes, ledger)
                break
            out[i, j] = known[sign]
    return out


def _refuse_sign(
    spec: TableSpec, record: Record, at: int, sign: str, codes: dict[str, str], ledger: Ledger
) -> None:
    wanted = f"0, {', '.join(codes)} or a dot" if codes else "0, 1, 2 or a dot"
    cure = "write a dot for a visit that was not made"
    if not codes and sign.isalpha():
        cure = 'if letters are states, list them: [mark] states = ["A", "B"]'
    ledger.error(
        "E645",
        f'{spec.shown} row {record.row}: the history "{record.history[:60]}" holds "{sign}" '
        f"(visit {at + 1}), which is not {wanted}",
        file=spec.shown,
        row=record.row,
        cure=cure,
    )


def _shape(
    spec: TableSpec, records: list[Record], keys: dict[str, Any], ledger: Ledger, guessing: bool
) -> tuple[list[str], list[str]] | None:
    """Names of the groups and of the covariates behind the history."""
    counted = Counter(len(r.numbers) for r in records)
    usual = max(counted, key=lambda n: (counted[n], n))
    groups, names = list(keys.get("groups", ())), list(keys.get("covariates", ()))
    width = len(groups) + len(names)
    if not groups and usual:
        groups = ["all"] if names or usual == 1 else []
        width = len(groups) + len(names)
    n = _groups_like(records, usual)
    like = [f"group {i}" for i in range(1, n + 1)]
    rest = [f"covariate{i}" for i in range(1, usual - n + 1)]
    if guessing and usual:
        groups, names, width = (like if n > 1 else ["all"]), rest, usual
    if width != usual or not groups:
        told = ", ".join(_keys_told(like, rest))
        ledger.error(
            "E646",
            f"{spec.shown}: {usual} numbers stand behind each history"
            + (f", but [mark] names {width}" if keys.get("groups") or names else "")
            if usual
            else f"{spec.shown} row {records[0].row}: no frequency stands behind the history",
            file=spec.shown,
            row=None if usual else records[0].row,
            why="a frequency for each group comes first, then the covariates",
            cure=f"name them, by the look of them: [mark] {told}"
            if usual
            else "write 01101 1; for one site",
        )
        return None
    told_of = {p.row for p in ledger.of_level("error")}
    bad = [r for r in records if len(r.numbers) != usual and r.row not in told_of]
    for record in bad:
        ledger.error(
            "E646",
            f"{spec.shown} row {record.row}: {len(record.numbers)} numbers behind the history, "
            f"the others have {usual}",
            file=spec.shown,
            row=record.row,
            cure='is a ";" or a number missing?',
        )
    if bad or not refuse_names([*names], [0] * len(names), spec, ledger):
        return None
    if len(set(groups)) < len(groups) or (len(groups) > 1 and GROUP in names):
        ledger.error(
            "E646",
            f"{spec.shown}: [mark] groups and covariates need names that differ "
            f'({listing([*groups, *names], 8)}); "{GROUP}" is made of the groups',
            file=spec.shown,
            cure="rename one in the study file",
        )
        return None
    return groups, names


def _keys_told(groups: Sequence[str], names: Sequence[str]) -> list[str]:
    def told(key: str, words: Sequence[str]) -> str:
        return f"{key} = [{', '.join(f'"{w}"' for w in words)}]"

    out = [told("groups", groups)] if len(groups) > 1 else []
    return out + ([told("covariates", names)] if names else [])


def _groups_like(records: list[Record], width: int) -> int:
    """How many of the first numbers look like frequencies of groups.

    The fewest leading columns of whole numbers that give every line a site. Where a line stands
    for several sites, further whole numbers are groups too: covariates belong to one site each.
    """
    whole = 0
    for i in range(width):
        column = [r.numbers[i] for r in records if len(r.numbers) > i]
        if not all(re.fullmatch(r"\d{1,9}", v) for v in column):
            break
        whole = i + 1
    lines = [[int(v) for v in r.numbers[:whole]] for r in records if len(r.numbers) >= whole]
    if whole == 0 or not lines:
        return 1
    if max(line[0] for line in lines) > 1:
        return whole
    return next((n for n in range(1, whole + 1) if all(sum(li[:n]) for li in lines)), whole)


def _frequencies(
    spec: TableSpec, records: list[Record], groups: list[str], ledger: Ledger
) -> np.ndarray:
    """How many sites each line stands for in each group, (line, group)."""
    out = np.zeros((len(records), len(groups)), dtype=np.int64)
    for i, record in enumerate(records):
        for g, value in enumerate(record.numbers[: len(groups)]):
            if not _WHOLE.fullmatch(value):
                _refuse_frequency(spec, record, value, "is no whole number", ledger)
            elif float(value) < 0:
                why = "a negative frequency (animals removed) has no meaning for occupancy"
                _refuse_frequency(spec, record, value, "is below 0", ledger, why)
            else:
                out[i, g] = int(float(value))
    if out.sum() > MOST_SITES:
        row = records[int(out.sum(axis=1).argmax())].row
        ledger.error(
            "E647",
            f"{spec.shown}: the frequencies make {out.sum():,} sites (most in row {row})",
            file=spec.shown,
            row=row,
            cure="check the frequency; a site is a place, not a record",
        )
    elif not out.sum() and not ledger.of_level("error"):
        ledger.error(
            "E647",
            f"{spec.shown}: all frequencies are 0, so there is no site",
            file=spec.shown,
            cure="a frequency is how many sites had the history",
        )
    return out


def _refuse_frequency(
    spec: TableSpec, record: Record, value: str, fact: str, ledger: Ledger, why: str = ""
) -> None:
    ledger.error(
        "E647",
        f'{spec.shown} row {record.row}: the frequency "{value}" {fact}',
        file=spec.shown,
        row=record.row,
        why=why,
        cure="a frequency is how many sites had the history; if the number is a covariate, name "
        "it in [mark] covariates",
    )


def _covariates(
    spec: TableSpec, records: list[Record], groups: list[str], names: list[str], ledger: Ledger
) -> dict[str, list[str]]:
    """Covariates as text cells; each that is no number is told with its row."""
    out: dict[str, list[str]] = {}
    for j, name in enumerate(names, start=len(groups)):
        out[name] = [r.numbers[j] for r in records]
        for record in records:
            value = record.numbers[j]
            if cells.is_missing(value, cells.MISSING_NUMBER) or cells.parse_number(value):
                continue
            ledger.error(
                "E046",
                f'{spec.shown} row {record.row}, covariate {name}: "{value}" is not a number',
                file=spec.shown,
                row=record.row,
                column=name,
                cure="write a number, or a dot where it is missing",
            )
    return out


def _tell(
    spec: TableSpec, records: list[Record], frequency: np.ndarray, n_site: int, ledger: Ledger
) -> None:
    names = made_names(n_site)
    several = frequency.sum(axis=1) > 1
    also = ""
    if several.any():
        first = records[int(np.flatnonzero(several)[0])]
        also = (
            f"; {int(several.sum())} of the lines stand for several sites (row {first.row}: "
            f"{int(frequency[several][0].sum())})"
        )
    ledger.repair(
        "R640",
        f"{spec.shown} holds no names of sites: its {len(records)} lines became the sites "
        f"{names[0]} to {names[-1]}, in their order{also}",
        file=spec.shown,
        cure="to join tables of sites, write the histories as CSV with a column of ids",
    )
    none = np.flatnonzero(frequency.sum(axis=1) == 0)
    if len(none):
        ledger.note(
            "N640",
            f"{spec.shown}, {rows_text(records[i].row for i in none)}: frequency 0, so no site",
            file=spec.shown,
            row=records[int(none[0])].row,
        )
