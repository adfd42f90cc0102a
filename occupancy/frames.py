"""Covariates of the surveys as flat tables: one row per chain, and one per visit made.

A chain is one species at one site. Rows run over species, then sites, then seasons, then visits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from occupancy.columns.surroundings import Surroundings

NOT_COVARIATES = frozenset(
    {"detection", "count", "score", "time", "visit_start", "visit_end", "spatial_ref"}
)
MOST_STEPS = 400  # a label such as 20190501 is a name, not a distance
LEVELS = ("site", "season", "visit")
TRAIT = ("species",)  # dims of a covariate of species


class Frame(Mapping[str, np.ndarray]):
    """A flat table whose columns are made when they are first read.

    Surveys may carry dozens of covariates of which a formula names two. ``orders`` holds the
    labels of those that have an order which the labels do not show: seasons told in words.
    """

    def __init__(
        self,
        makers: Mapping[str, Callable[[], np.ndarray]],
        n: int,
        orders: Mapping[str, tuple[str, ...]] | None = None,
    ):
        self._makers, self._made = dict(makers), {}
        self.n = n
        self.orders = dict(orders or {})

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    def rows(self, keep: np.ndarray) -> Frame:
        """The same table, rows picked by a mask."""
        if keep.all():
            return self
        rows = {k: lambda k=k: self[k][keep] for k in self}
        return Frame(rows, int(keep.sum()), self.orders)


@dataclass(frozen=True)
class Steps:
    """What the chains run over: seasons, or the visits of one season.

    Seasons whose labels are numbers need not follow each other evenly: a step stands for each
    season that was left out, so that rates are always those of one unit of time.

    Attributes
    ----------
    source : (step,) int64
        Season (or visit) whose covariates the step has: for a step left out, the one before it.
    of_season : (season,) int64
        Step of each season; of each visit where steps are visits.
    over : "season" or "visit"
    """

    source: np.ndarray
    of_season: np.ndarray
    over: str = "season"

    @property
    def n(self) -> int:
        return self.source.size

    @property
    def has_gaps(self) -> bool:
        return self.n > self.of_season.size


@dataclass(frozen=True)
class Frames:
    """Tables of the surveys that designs are built on, rows in field order.

    Attributes
    ----------
    chains : {name: (chain,)}
        What a site parameter may use. A chain is one species at one site, or one site where all
        species share a chain.
    seasons, intervals : {name: (chain * step,)}, {name: (chain * (step - 1),)}
        What season and interval parameters may use; an interval has the values of the step left.
    visits : {name: (visit made,)}
        What a visit parameter may use: everything.
    above : {level: {name: "visit" or "season"}}
        Covariates that the level cannot use, and where they vary.
    made : (species, site, season, visit) bool
        Visits made.
    y, detected, effort : (visit made,)
        What the family observes, whether it was a detection, and the effort.
    chain_of_visit, step_of_visit, species_of_visit : (visit made,) int64
    surroundings : Surroundings
        Which regions touch and which species are related, as the surveys tell.
    """

    chains: Frame
    seasons: Frame
    intervals: Frame
    visits: Frame
    above: dict[str, dict[str, str]]
    made: np.ndarray
    y: np.ndarray
    detected: np.ndarray
    effort: np.ndarray
    chain_of_visit: np.ndarray
    step_of_visit: np.ndarray
    species_of_visit: np.ndarray
    steps: Steps
    surroundings: Surroundings

    @property
    def n_chain(self) -> int:
        return self.chains.n

    def at(self, level: str) -> Frame:
        """The table of one level."""
        return {
            "site": self.chains,
            "season": self.seasons,
            "interval": self.intervals,
            "visit": self.visits,
        }[level]


def detections(data: xr.Dataset) -> np.ndarray:
    """(species, site, season, visit) as stored, NaN where no visit was made."""
    return _ordered(data.variables["detection"], ("species", *LEVELS))


def observations(data: xr.Dataset, observes: str) -> np.ndarray:
    """(species, site, season, visit) of what a family observes, NaN where no visit was made.

    A time is infinite where the visit ended without a detection.
    """
    seen = detections(data)
    if observes == "detection":
        return seen
    values = _ordered(data.variables[observes], ("species", *LEVELS)).astype(np.float64)
    if observes == "time":
        values = np.where(seen > 0, values, np.inf)
    return np.where(np.isnan(seen), np.nan, values)


def make_steps(data: xr.Dataset, over: str) -> Steps:
    """Steps of the surveys; seasons with whole-number labels may be unevenly spaced."""
    if over == "visit":
        n = data.sizes["visit"]
        return Steps(np.arange(n), np.arange(n), "visit")
    labels = data["season"].values
    n = labels.size
    even = Steps(np.arange(n), np.arange(n))
    if labels.dtype.kind not in "iu" or n < 3:
        return even
    gaps = np.diff(labels.astype(np.int64))
    if (gaps <= 0).any():
        return even
    units = gaps // np.gcd.reduce(gaps)
    if units.max() == 1 or units.sum() > MOST_STEPS:
        return even
    return Steps(np.repeat(np.arange(n), [*units, 1]), np.concatenate([[0], np.cumsum(units)]))


def make_frames(
    data: xr.Dataset, observes: str = "detection", over: str = "season", joint: bool = False
) -> Frames:
    """Flat tables from a Dataset; ``joint`` gives all species of a site one chain."""
    y = observations(data, observes)
    detection = detections(data)
    made = ~np.isnan(y)
    n_species, n_site = detection.shape[:2]
    n_kind = 1 if joint else n_species
    steps = make_steps(data, over)
    makers: dict[str, dict[str, Callable[[], np.ndarray]]] = {
        level: {} for level in ("site", "season", "interval", "visit")
    }
    above: dict[str, dict[str, str]] = {"site": {}, "season": {}, "interval": {}}
    several = [d for d in ("season", "visit") if data.sizes[d] > 1]
    for name, variable in covariates(data).items():
        if variable.dims == TRAIT:
            values = _as_stored(variable.values)
            makers["visit"][name] = lambda v=values: _species_by_visit(v, made)
            for level, n_row in (("site", 1), ("season", steps.n), ("interval", steps.n - 1)):
                if joint:  # a row of such a table is a site, whatever its species
                    above[level][name] = "species"
                else:
                    makers[level][name] = lambda v=values, r=n_row: np.repeat(v, n_site * r)
            continue
        out_of_reach = [d for d in several if d in variable.dims]
        if out_of_reach:
            above["site"][name] = out_of_reach[-1]
        else:
            makers["site"][name] = lambda v=variable: _by_chain(v, n_kind, n_site)
        for level, n_row in (("season", steps.n), ("interval", steps.n - 1)):
            if over not in out_of_reach[-1:] and out_of_reach:
                above[level][name] = out_of_reach[-1]
            else:
                makers[level][name] = lambda v=variable, r=n_row: _by_step(
                    v, n_kind, n_site, steps, r
                )
        makers["visit"][name] = lambda v=variable: _by_visit(v, made)
    if n_species > 1:
        names = data["species"].values.astype(object)
        makers["visit"]["species"] = lambda: _species_by_visit(names, made)
        if not joint:
            for level, n_row in (("site", 1), ("season", steps.n), ("interval", steps.n - 1)):
                makers[level]["species"] = lambda r=n_row: np.repeat(names, n_site * r)
    species, site, season, visit = np.nonzero(made)
    n_chain = n_kind * n_site
    sizes = {"site": 1, "season": steps.n, "interval": steps.n - 1}
    labels = data["season"].values
    orders = {} if labels.dtype.kind in "iuf" else {"season": tuple(str(v) for v in labels)}
    tables = {k: Frame(makers[k], n_chain * r, orders) for k, r in sizes.items()}
    return Frames(
        tables["site"],
        tables["season"],
        tables["interval"],
        Frame(makers["visit"], site.size, orders),
        above,
        made,
        y[made].astype(np.float64),
        detection[made] > 0,
        _effort(data, made),
        site if joint else species * n_site + site,
        steps.of_season[visit if over == "visit" else season],
        species,
        steps,
        Surroundings.of(data),
    )


def _effort(data: xr.Dataset, made: np.ndarray) -> np.ndarray:
    """(visit made,) effort; 1 where the surveys have none."""
    if "effort" not in data:
        return np.ones(int(made.sum()))
    effort = _ordered(data.variables["effort"], LEVELS).astype(np.float64)
    return np.broadcast_to(effort[None], made.shape)[made]


def covariates(data: xr.Dataset) -> dict[str, xr.Variable]:
    """Everything in the surveys that a formula may name, with the labels of sites and visits."""
    return {
        str(name): variable
        for name, variable in data.variables.items()
        if name not in NOT_COVARIATES
        and name != "species"
        and (set(variable.dims) <= set(LEVELS) or variable.dims == TRAIT)
    }


def traits(data: xr.Dataset) -> list[str]:
    """Names of the covariates of species."""
    return [name for name, variable in covariates(data).items() if variable.dims == TRAIT]


def _ordered(variable: xr.Variable, order: tuple[str, ...]) -> np.ndarray:
    """Values with their dims in this order."""
    where = [variable.dims.index(d) for d in order if d in variable.dims]
    return np.transpose(variable.values, where)


def _plain(variable: xr.Variable) -> np.ndarray:
    """Values by site, season, visit; numbers as float64, text as objects."""
    return _as_stored(_ordered(variable, LEVELS))


def _as_stored(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float64) if values.dtype.kind in "iuf" else values.astype(object)


def _species_by_visit(values: np.ndarray, made: np.ndarray) -> np.ndarray:
    """(visit made,) of one value for each species."""
    return np.broadcast_to(values[:, None, None, None], made.shape)[made]


def _by_chain(variable: xr.Variable, n_species: int, n_site: int) -> np.ndarray:
    flat = _plain(variable)
    if "site" not in variable.dims:
        flat = np.broadcast_to(flat.ravel()[:1], (n_site,))
    return np.tile(flat.reshape(n_site), n_species)


def _by_step(
    variable: xr.Variable, n_species: int, n_site: int, steps: Steps, n_row: int
) -> np.ndarray:
    """(chain * row,) values at the first ``n_row`` steps of every chain."""
    flat = _plain(variable)
    own = [d for d in LEVELS if d in variable.dims]
    last = own.index(steps.over) if steps.over in own else None
    flat = flat[..., None] if last is None else np.moveaxis(flat, last, -1)
    flat = flat.reshape(n_site if "site" in own else 1, -1)
    at = steps.source[:n_row] if steps.over in own else np.zeros(n_row, np.int64)
    return np.tile(np.broadcast_to(flat[:, at], (n_site, n_row)).ravel(), n_species)


def _by_visit(variable: xr.Variable, made: np.ndarray) -> np.ndarray:
    sizes = dict(zip(LEVELS, made.shape[1:], strict=True))
    shape = [1, *(sizes[d] if d in variable.dims else 1 for d in LEVELS)]
    return np.broadcast_to(_plain(variable).reshape(shape), made.shape)[made]
