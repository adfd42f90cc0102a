"""What the files of MARK and PRESENCE have in common: histories, their seasons, their layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from surveys.guess_lines import quoted
from surveys.ledger import Ledger
from surveys.readers.visit_columns import VisitColumn
from surveys.text_table import Table, TableSpec

MOST_SITES = 100_000
MISSING = (".", "-")
TAKEN = ("site", "species", "season", "visit")


@dataclass
class Layout:
    """How the columns of a table of histories are to be read."""

    program: str  # whose file it is
    per_season: list[int]
    years: list[int] | None = None
    site_columns: list[str] = field(default_factory=list)
    visit_covariates: list[str] = field(default_factory=list)
    keys: dict[str, Any] = field(default_factory=dict)  # of [mark], as the file suggests them

    def columns(self) -> list[VisitColumn]:
        """The columns of visits, season by season: v3, or s2001v3."""
        if len(self.per_season) == 1 and self.years is None:
            return [VisitColumn(f"v{v}", None, v, "v") for v in range(1, self.per_season[0] + 1)]
        labels = self.years or list(range(1, len(self.per_season) + 1))
        return [
            VisitColumn(f"s{s}v{v}", s, v)
            for s, n in zip(labels, self.per_season, strict=True)
            for v in range(1, n + 1)
        ]

    def visit_groups(self) -> dict[str, list[str]]:
        """Columns of each visit covariate, one a visit."""
        return {n: [f"{n}_{c.name}" for c in self.columns()] for n in self.visit_covariates}

    def toml(self) -> list[str]:
        """Lines of [mark] for a study file."""
        lines = []
        for key, value in self.keys.items():
            told = ", ".join(quoted(v) if isinstance(v, str) else str(v) for v in value)
            lines.append(f"{key} = [{told}]")
        return lines


@dataclass
class Histories:
    """A row a site: `site`, the visits, the covariates; the index is the row in the file."""

    table: Table
    layout: Layout


def histories(
    spec: TableSpec,
    rows: Sequence[int],
    sites: Sequence[str],
    visits: np.ndarray,
    covariates: dict[str, Sequence[str]],
    of_visits: dict[str, np.ndarray],
    layout: Layout,
    lines: int,
) -> Histories:
    """The table of what was parsed.

    Parameters
    ----------
    rows, sites : (site,)
    visits : (site, visit) text
    covariates : name -> (site,) text
    of_visits : name -> (site, visit) text
    lines : how many lines of the file hold a history
    """
    data: dict[str, Any] = {"site": np.array(sites, dtype=object)}
    for j, column in enumerate(layout.columns()):
        data[column.name] = visits[:, j]
    layout.site_columns, layout.visit_covariates = list(covariates), list(of_visits)
    data |= {name: np.array(values, dtype=object) for name, values in covariates.items()}
    for name, names in layout.visit_groups().items():
        data |= {c: of_visits[name][:, j] for j, c in enumerate(names)}
    index = pd.Index(np.array(rows, dtype="int64"))
    frame = pd.DataFrame(data, index=index, dtype=object)
    return Histories(Table(spec, frame, {"rows": lines, "mark": layout}), layout)


def seasons_of(
    keys: dict[str, Any], n_visit: int, spec: TableSpec, ledger: Ledger, told: list[int] | None
) -> tuple[list[int], list[int] | None] | None:
    """Visits a season and the years, from [mark] or the file; None where they do not fit."""
    per_season = keys.get("seasons") or told or [n_visit]
    years = keys.get("years")
    if any(n < 1 for n in per_season) or sum(per_season) != n_visit:
        ledger.error(
            "E643",
            f"{spec.shown}: its histories have {n_visit} visits, but the seasons "
            f"{', '.join(map(str, per_season))} make {sum(per_season)}",
            file=spec.shown,
            cure="[mark] seasons lists how many visits each season has: seasons = "
            f"[{n_visit}] for one season",
        )
        return None
    if years is not None and (
        len(years) != len(per_season) or any(b <= a for a, b in pairwise(years))
    ):
        ledger.error(
            "E643",
            f"{spec.shown}: [mark] years names {len(years)} seasons for {len(per_season)}"
            if len(years) != len(per_season)
            else f"{spec.shown}: [mark] years do not rise",
            file=spec.shown,
            cure=f"one whole number for each season, rising; {len(per_season)} in all",
        )
        return None
    return list(per_season), years


def made_names(n: int) -> list[str]:
    """site_001, site_002 ... for sites without names."""
    width = max(3, len(str(n)))
    return [f"site_{i:0{width}d}" for i in range(1, n + 1)]


def refuse_names(
    names: Sequence[str], rows: Sequence[int], spec: TableSpec, ledger: Ledger
) -> bool:
    """Whether names of covariates can stand: not blank, not twice, no role of their own."""
    good = True
    for i, (name, row) in enumerate(zip(names, rows, strict=True)):
        fact = ""
        if not name:
            fact = "a covariate has no name"
        elif name in names[:i]:
            fact = f'two covariates are called "{name}"'
        elif name in TAKEN:
            fact = f'a covariate cannot be called "{name}", which has a meaning of its own'
        if fact:
            good = False
            where = f"{spec.shown} row {row}" if row else f"{spec.shown}"
            ledger.error(
                "E011",
                f"{where}: {fact}",
                file=spec.shown,
                row=row or None,
                column=name,
                cure="rename it",
            )
    return good


def short(words: Sequence[str]) -> str:
    told = " ".join(words)
    return told if len(told) <= 40 else f"{told[:37]}..."
