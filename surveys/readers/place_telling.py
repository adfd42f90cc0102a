"""What became of each site when a raster or a layer was asked, told in the ledger."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from surveys.ledger import Ledger
from surveys.problems import Problem, SurveyError, listing
from surveys.readers.layer_keys import Asked
from surveys.study_file import StudyFile

PLACES_TOLD = 20


@dataclass
class Found:
    """Values at places, and what is to be told of them."""

    values: np.ndarray  # (place,) numbers with NaN, or texts with ""
    file: str
    outside_m: np.ndarray | None = None
    cells: np.ndarray | None = None
    without: np.ndarray | None = None
    sentinel: float | None = None
    inputs: list[dict[str, Any]] = field(default_factory=list)


class Telling:
    """What became of each site, told in the ledger."""

    def __init__(self, study: StudyFile, asked: Asked, sites: np.ndarray, ledger: Ledger) -> None:
        self.study, self.asked, self.sites, self.ledger = study, asked, sites, ledger

    def site(self, i: int) -> str:
        """A site with the row that gave it: site "Z" (sites.csv row 31)."""
        place = self.study.site_rows.get(str(self.sites[i]))
        return f'site "{self.sites[i]}"' + (f" ({place[0]} row {place[1]})" if place else "")

    def row(self, i: int) -> int | None:
        place = self.study.site_rows.get(str(self.sites[i]))
        return place[1] if place else None

    def seasons(self, seasons: list[str]) -> None:
        """Seasons without a raster, and rasters of seasons never surveyed."""
        lacking = [s for s in seasons if s not in self.asked.files]
        idle = [s for s in self.asked.files if s not in seasons]
        section, study = self.asked.section, self.study.name
        if len(lacking) == len(seasons):
            fact = (
                f"{study}: [{section}] raster has {listing(self.asked.files)}, and the seasons of "
                f"the detections are {listing(seasons)}"
            )
            cure = f'raster = {{ {seasons[0]} = "..." }}'
            raise SurveyError(Problem(code="E533", file=study, fact=fact, cure=cure))
        if lacking:
            self.ledger.warn(
                "W349",
                f"{study}: [{section}] has no raster of {listing(lacking)}: {self.asked.name} is "
                "missing in all of it",
                file=study,
                cure=f'raster = {{ ..., {lacking[0]} = "..." }}',
            )
        if idle:
            self.ledger.note(
                "N349", f"{study}: [{section}] raster of {listing(idle)} is of no season surveyed"
            )

    def found(self, found: Found, placed: np.ndarray) -> None:
        """Sites outside the raster, without a value there, with few values around."""
        name, file = self.asked.name, found.file
        gone = (found.values == "") if found.values.dtype.kind == "U" else np.isnan(found.values)
        if found.outside_m is None or found.cells is None or found.without is None:
            self._missing(np.flatnonzero(gone & placed), file, "no polygon holds")
            return
        outside = (found.outside_m > 0) | ~np.isfinite(found.outside_m)
        self._outside(np.flatnonzero(outside & placed), found, np.flatnonzero(placed).size)
        if self.asked.stat == "point":
            self._missing(np.flatnonzero(gone & placed & ~outside), file, "no value at")
        else:
            few = np.flatnonzero(gone & placed & ~outside)
            self._missing(few, file, f"fewer than half of the cells within {self._reach} of")
            lost = np.flatnonzero((found.without > 0) & placed & ~outside)
            self.ledger.cells(
                f"{name}: cells without a value within {self._reach}",
                file,
                round(float(found.without[lost].sum())),
                (
                    f"{self.site(i)}: {found.without[i]:.3g} of {found.cells[i]:.4g} cells"
                    for i in lost
                ),
            ) if lost.size else None
        if found.sentinel is not None:
            self.ledger.warn(
                "W348",
                f"{file}: the number {found.sentinel:.10g} was read as a value; the raster names "
                "no number that means missing",
                file=file,
                cure=f"if it means missing: [{self.asked.section}] missing = "
                f'["{found.sentinel:.10g}"]',
            )
        if self.asked.stat == "share" and not gone.all() and not (found.values > 0).any():
            self.ledger.warn(
                "W347",
                f"{file}: no cell of class {listing(self.asked.classes)} lies within {self._reach} "
                f"of any site, so {name} is 0 at all of them",
                file=file,
                cure=f"[{self.asked.section}] class = ...",
            )

    @property
    def _reach(self) -> str:
        return f"{self.asked.buffer_m:g} m"

    def _outside(self, at: np.ndarray, found: Found, n_placed: int) -> None:
        assert found.outside_m is not None
        file, name = found.file, self.asked.name
        if at.size and at.size == n_placed:
            i = int(at[np.argmin(np.nan_to_num(found.outside_m[at], nan=np.inf))])
            raise SurveyError(
                Problem(
                    code="E344",
                    file=file,
                    fact=f"{file}: all {n_placed} sites lie outside the raster, the nearest "
                    f"({self.site(i)}) by {_km(found.outside_m[i])}",
                    why=f"its CRS is {found.inputs[0]['crs']}",
                    cure="name a raster of the study area; where the CRS in the file is wrong, "
                    "mend it: gdal_edit -a_srs EPSG:...",
                )
            )
        for i in at[:PLACES_TOLD]:
            self.ledger.warn(
                "W031",
                f"{file}: {self.site(i)} lies outside the raster by {_km(found.outside_m[i])}: "
                f"{name} is missing there",
                file=file,
                row=self.row(i),
                why="the site will be left out of models that use it",
                cure="check its coordinates, or name a raster that reaches it",
                more=f"{at.size} such sites" if at.size > PLACES_TOLD else "",
            )

    def _missing(self, at: np.ndarray, file: str, what: str) -> None:
        if not at.size:
            return
        name = self.asked.name
        n = "site" if at.size == 1 else "sites"
        tail = "have a value" if what.startswith("fewer") else ""
        self.ledger.cells(f"{name}: no value at the site", file, at.size, map(self.site, at))
        self.ledger.warn(
            "W342",
            f"{file}: {what} {listing([self.site(i) for i in at], 3)}{' ' + tail if tail else ''}: "
            f"{name} is missing at {at.size} {n}",
            file=file,
            row=self.row(int(at[0])),
            why=f"{'it' if at.size == 1 else 'they'} will be left out of models that use {name}",
        )


def _km(metres: float) -> str:
    if not np.isfinite(metres):
        return "more than its CRS reaches"
    return f"{metres / 1000:.1f} km" if metres >= 950 else f"{metres:.0f} m"
