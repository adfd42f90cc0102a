"""Which columns of a wide table are visits: y.1 to y.3, v1 to v3, s1999v1, or as listed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from surveys.date_cells import kind_of_date, moments
from surveys.ledger import Ledger
from surveys.problems import did_you_mean, listing
from surveys.text_table import Table

# Stems that mean detections, the surest first.
STEMS = (
    *("y", "v", "visit", "det", "detection", "detections", "detected", "occ", "occasion", "o"),
    *("rep", "replicate", "survey", "obs", "h", "k", "day", "d", "week", "w", "x", "s", "r", ""),
)
MOST_BY_NAME = 999  # four digits alone are a year
_R_NAME = re.compile(r"^X(?=[0-9])")  # what R puts before a name that begins with a digit
_VISIT = re.compile(r"(?P<stem>.*?[^0-9._ -])??(?P<sep>[._ -]?)(?P<visit>[0-9]{1,3})")
_YEAR = re.compile(
    r"(?P<stem>[A-Za-z]*)(?P<sep>[._ -]?)(?P<season>(?:18|19|20|21)[0-9]{2})"
    r"(?:[._ -]|[._ -]?[A-Za-z]+[._ -]?)(?P<visit>[0-9]{1,3})"
)
_PERIOD = re.compile(
    r"(?P<stem>)(?P<sep>)(?:s|season|t|year|yr|primary|period)[._ -]?(?P<season>[0-9]{1,2})[._ -]?"
    r"(?:v|visit|k|o|occ|occasion|rep|survey|r|j)[._ -]?(?P<visit>[0-9]{1,3})",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class VisitColumn:
    """One column of detections: its season (None: the table has none in its header) and visit."""

    name: str
    season: int | None
    visit: int
    stem: str = ""
    sep: str = ""

    @property
    def label(self) -> str:
        """What follows the stem: ".1" of y.1; also what a covariate's column ends with."""
        return self.name[len(self.stem) :]


def parse(name: str) -> VisitColumn | None:
    """The season and visit that a column name tells, if it does."""
    for pattern in (_YEAR, _PERIOD, _VISIT):
        match = pattern.fullmatch(name)
        if match:
            found = match.groupdict()
            season = int(found["season"]) if found.get("season") else None
            stem = found["stem"] or ""
            return VisitColumn(name, season, int(found["visit"]), stem, found["sep"] or "")
    return None


def find(names: Iterable[str]) -> list[VisitColumn]:
    """The columns of detections by their names; [] when no group of columns looks like visits."""
    names = list(names)
    parsed = [p for p in map(parse, names) if p is not None]
    with_season = [p for p in parsed if p.season is not None]
    for group in (with_season, [p for p in parsed if p.season is None]):
        for stem in STEMS:
            found = [p for p in group if p.stem.casefold() == stem]
            if found and (len(found) > 1 or found[0].visit == 1):
                found += _beyond(names, found)
                return sorted(found, key=lambda p: (p.season or 0, p.visit))
        stems = {p.stem for p in group if p.season is not None}
        if len(stems) == 1:
            return sorted(group, key=lambda p: (p.season or 0, p.visit))
    return []


def _beyond(names: Sequence[str], found: Sequence[VisitColumn]) -> list[VisitColumn]:
    """Visits from 1000 on, which would be years if the 999 before them did not lead there."""
    last = max(found, key=lambda v: v.visit)
    have = set(names)
    more: list[VisitColumn] = []
    if last.season is None and last.visit == MOST_BY_NAME:
        stem = last.name.removesuffix(str(last.visit))
        while (name := f"{stem}{MOST_BY_NAME + 1 + len(more)}") in have:
            visit = MOST_BY_NAME + 1 + len(more)
            more.append(VisitColumn(name, None, visit, last.stem, last.sep))
    return more


def dated(names: Iterable[str]) -> list[VisitColumn]:
    """Columns called by the day of a visit (2021-05-01, 8.5.21), in the order of the days.

    [] where there are none, or where nobody can tell the day from the month.
    """
    names = list(names)
    written = {n: n for n in names}
    written |= {n: n[1:].replace(".", "/") for n in names if _R_NAME.match(n)}
    kinds = {n: kind_of_date(w) for n, w in written.items() if not w.isdecimal()}
    found = {n: written[n] for n, k in kinds.items() if k in ("iso", "parts", "named")}
    if len(found) < 2:
        return []
    days = [moments(found.values(), month_first=first) for first in (False, True)]
    orders = [sorted(found, key=lambda n, d=d: d[found[n]]) for d in days if d is not None]
    if not orders or any(order != orders[0] for order in orders):
        return []
    return [VisitColumn(name, None, i) for i, name in enumerate(orders[0], start=1)]


def listed(table: Table, names: Sequence[str], ledger: Ledger) -> list[VisitColumn]:
    """The columns that [wide] visits lists, in that order; seasons where every name tells one."""
    found: list[VisitColumn] = []
    for name in names:
        column = table.match(name)
        if column is None:
            ledger.error(
                "E015",
                f'{table.place} has no column "{name}" (study file: [wide] visits). It has: '
                f"{listing(table.names, 12)}.{did_you_mean(name, table.names)}",
                file=table.place,
            )
        elif column in [c.name for c in found]:
            ledger.error(
                "E535",
                f'[wide] visits lists "{name}" twice',
                file=table.place,
                cure="list each column once, in the order of the visits",
            )
        else:
            found.append(VisitColumn(column, None, len(found) + 1))
    told = [t for c in found if (t := parse(c.name)) is not None]
    if not found or len(told) < len(found):
        return found
    if all(t.season is not None for t in told):
        return told
    if len({(t.stem, t.sep) for t in told}) == 1:  # so that date.1 is of visit y.1
        return [replace(t, season=None, visit=i) for i, t in enumerate(told, start=1)]
    return found


def refuse_holes(table: Table, columns: Sequence[VisitColumn], ledger: Ledger) -> None:
    """Visits must run 1, 2, 3 ... within each season: a hole is a column lost or misnamed."""
    seasons: dict[int | None, list[VisitColumn]] = {}
    for column in columns:
        seasons.setdefault(column.season, []).append(column)
    for season, group in seasons.items():
        have = sorted(c.visit for c in group)
        lost = [v for v in range(1, have[-1] + 1) if v not in have]
        if not lost or (have[0] == 0 and have == list(range(len(have)))):
            continue
        sample = group[-1]
        stem = sample.name[: len(sample.name) - len(str(sample.visit))]
        lacking = listing([f"{stem}{v}" for v in lost])
        where = f" of season {season}" if season is not None else ""
        ledger.error(
            "E016",
            f"{table.place}: visit columns{where} {listing([c.name for c in group], 12)}: "
            f"{lacking} {'is' if len(lost) == 1 else 'are'} missing",
            file=table.place,
            row=table.spec.header_row,
            cure="add it (blank when nobody went), or list the columns in [wide] visits",
        )


def covariate_groups(
    table: Table, columns: Sequence[VisitColumn], others: Sequence[str], ledger: Ledger
) -> tuple[dict[str, list[str]], list[str]]:
    """Visit covariates among the other columns (name.1 to name.J), and what is left over.

    A group with fewer columns than visits is an error, unless a column is a site covariate whose
    name happens to end in a number (bio12): such numbers go beyond the visits, or stand alone.
    """
    labels = [c.label if c.stem or c.sep else "" for c in columns]
    names = [c.name for c in columns]
    groups: dict[str, dict[int, str]] = {}
    left: list[str] = []
    for other in others:
        for i, (name, label) in enumerate(zip(names, labels, strict=True)):
            stem = _stem_before(other, name) or _stem_before(other, label, bare=True)
            if stem:
                twin = groups.setdefault(stem, {}).setdefault(i, other)
                if twin != other:
                    _refuse_twins(table, stem, twin, other, name, ledger)
                break
        else:
            left.append(other)
    beyond = {p.stem for p in map(parse, left) if p is not None}
    whole: dict[str, list[str]] = {}
    for stem, found in groups.items():
        members = list(found.values())
        if len(found) == len(columns):
            whole[stem] = [found[i] for i in range(len(columns))]
        elif len(found) == 1 or (stem in beyond and not columns[0].sep):
            left += members
        else:
            lacking = _lacking(members[0], columns, found)
            ledger.error(
                "E017",
                f"{table.place}: {len(columns)} visits ({names[0]}-{names[-1]}) but "
                f'{len(found)} columns for "{stem}" ({listing(members, 8)})',
                file=table.place,
                row=table.spec.header_row,
                column=members[0],
                cure=f"add {lacking}, or name each as a site covariate: "
                f'[covariates."{members[0]}"] type = "number"',
            )
    order = {name: i for i, name in enumerate(others)}
    return whole, sorted(left, key=order.__getitem__)


def _refuse_twins(
    table: Table, stem: str, one: str, other: str, visit: str, ledger: Ledger
) -> None:
    ledger.error(
        "E018",
        f'{table.place}: columns {one} and {other} both say "{stem}" of visit {visit}',
        file=table.place,
        row=table.spec.header_row,
        column=other,
        why="one of them would be lost",
        cure="rename the columns of one covariate; the study file picks columns by name",
    )


def _stem_before(other: str, ending: str, *, bare: bool = False) -> str | None:
    """The name in front of a visit's column or label: date of date_s1999v1, or of date.1."""
    if not ending or not other.endswith(ending) or len(other) == len(ending):
        return None
    stem = other[: -len(ending)]
    parted = stem[-1] in "._ -"
    if not bare:
        return stem.rstrip("._ -") or None if parted else None  # sky.1 does not end in y.1
    if ending[0].isdigit() and stem[-1].isdigit():
        return None  # bio12 does not end in visit 2
    if parted and not ending[0].isalnum():
        return None
    return stem.rstrip("._ -") or None


def _lacking(member: str, columns: Sequence[VisitColumn], found: dict[int, str]) -> str:
    at = next(i for i in found if found[i] == member)
    label = columns[at].label
    stem = member[: len(member) - len(label)] if member.endswith(label) else member
    return listing([f"{stem}{c.label}" for i, c in enumerate(columns) if i not in found])
