"""What checks of quality work from, and what each of them gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from surveys.fieldwork import Fieldwork
from surveys.ledger import Ledger
from surveys.problems import Problem
from surveys.schema import visit_made

if TYPE_CHECKING:
    from surveys.readers.data_package import PackageFiles
    from surveys.text_table import Table

SPECIES_SHOWN = 6


@dataclass(frozen=True)
class Evidence:
    """A Dataset, with what its field files told beyond it where that is known."""

    ds: xr.Dataset
    fieldwork: Fieldwork | None = None
    tables: tuple[Table, ...] = ()
    asked: tuple[str, ...] = ()  # species to show, in this order
    package: PackageFiles | None = None

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger.from_json(str(self.ds.attrs.get("ledger", "")))

    @cached_property
    def made(self) -> np.ndarray:
        """Visits made: (site, season, visit) bool."""
        return visit_made(self.ds).transpose("site", "season", "visit").values

    @cached_property
    def seen(self) -> np.ndarray:
        """Any detection: (species, site, season, visit) bool."""
        return self.ds["detection"].values > 0

    @cached_property
    def has_zeros(self) -> bool:
        """False for scores that nobody cut: there a detection says nothing yet."""
        return "score" not in self.ds or bool((self.ds["detection"].values == 0).any())

    @cached_property
    def naive(self) -> np.ndarray:
        """Share of the surveyed sites with a detection, all seasons together: (species,)."""
        looked = self.ds["detection"].notnull().any(("season", "visit")).sum("site").values
        found = self.seen.any(axis=(2, 3)).sum(axis=1)
        return np.divide(found, looked, out=np.zeros(len(found)), where=looked > 0)

    @cached_property
    def shown(self) -> tuple[int, ...]:
        """Positions of the species to show: those asked for, else those found at most sites."""
        names = self.ds["species"].values.tolist()
        if self.asked:
            return tuple(names.index(name) for name in self.asked)
        found = self.seen.any(axis=(2, 3)).sum(axis=1)
        order = np.lexsort((np.arange(len(names)), -self.naive, -found))
        return tuple(int(i) for i in order[:SPECIES_SHOWN])

    def species_name(self, k: int) -> str:
        """A species in a sentence; one without a name is the species."""
        name = str(self.ds["species"].values[k])
        return "the species" if name == "species" else name

    @property
    def effort_units(self) -> str:
        return str(self.ds["effort"].attrs.get("units", "visits"))


@dataclass(frozen=True, kw_only=True)
class Section:
    """One thing looked at: what it shows, a caption with the numbers, and what to do about it."""

    name: str
    title: str
    told: str = ""
    do: str = ""
    left_out: str = ""  # why there is nothing to show
    numbers: dict[str, Any] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    told_before: bool = False  # reading has warned of what is seen here

    @property
    def asks(self) -> bool:
        """Whether something here asks for a look before modelling."""
        return self.told_before or any(p.level == "warn" for p in self.problems)

    def to_dict(self) -> dict[str, Any]:
        """What is told, in plain values for JSON; empty parts are left out."""
        out = {
            "name": self.name,
            "title": self.title,
            "told": self.told,
            "do": self.do,
            "left_out": self.left_out,
            "numbers": self.numbers,
            "problems": [p.to_dict() for p in self.problems],
        }
        return {key: value for key, value in out.items() if value not in ("", {}, [])}


def left_out(name: str, title: str, why: str) -> Section:
    """A section of one line, for what these surveys cannot show."""
    return Section(name=name, title=title, left_out=why)
