"""Covariates of the surveys as flat tables: one row per chain, and one per visit made.

A chain is one species at one site. Rows run over species, then sites, then seasons, then visits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

NOT_COVARIATES = frozenset(
    {"detection", "count", "score", "visit_start", "visit_end", "spatial_ref"}
)
LEVELS = ("site", "season", "visit")


class Frame(Mapping[str, np.ndarray]):
    """A flat table whose columns are made when they are first read.

    Surveys may carry dozens of covariates of which a formula names two.
    """

    def __init__(self, makers: Mapping[str, Callable[[], np.ndarray]], n: int):
        self._makers, self._made = dict(makers), {}
        self.n = n

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
        return Frame({k: lambda k=k: self[k][keep] for k in self}, int(keep.sum()))


@dataclass(frozen=True)
class Frames:
    """Tables of the surveys that designs are built on.

    Attributes
    ----------
    chains : {name: (species * site,)}
        What psi may use.
    visits : {name: (visit made,)}
        What p may use: everything.
    above : {name: "visit" or "season"}
        Covariates that psi cannot use, and the level at which they vary.
    made : (species, site, season, visit) bool
        Visits made.
    y : (visit made,) float64
        Detections.
    chain_of_visit : (visit made,) int64
    """

    chains: Frame
    visits: Frame
    above: dict[str, str]
    made: np.ndarray
    y: np.ndarray
    chain_of_visit: np.ndarray


def detections(data: xr.Dataset) -> np.ndarray:
    """(species, site, season, visit) as stored, NaN where no visit was made."""
    return _ordered(data.variables["detection"], ("species", *LEVELS))


def make_frames(data: xr.Dataset) -> Frames:
    """Flat tables from a Dataset of one season."""
    detection = detections(data)
    made = ~np.isnan(detection)
    n_species, n_site = detection.shape[:2]
    n_visit = int(made.sum())
    chains: dict[str, Callable[[], np.ndarray]] = {}
    visits: dict[str, Callable[[], np.ndarray]] = {}
    above: dict[str, str] = {}
    several = [d for d in ("season", "visit") if data.sizes[d] > 1]
    for name, variable in covariates(data).items():
        out_of_reach = [d for d in several if d in variable.dims]
        if out_of_reach:
            above[name] = out_of_reach[-1]
        else:
            chains[name] = lambda v=variable: _by_chain(v, n_species, n_site)
        visits[name] = lambda v=variable: _by_visit(v, made)
    if n_species > 1:
        names = data["species"].values.astype(object)
        chains["species"] = lambda: np.repeat(names, n_site)
        visits["species"] = lambda: np.broadcast_to(names[:, None, None, None], made.shape)[made]
    chain = np.arange(n_species * n_site).reshape(n_species, n_site, 1, 1)
    return Frames(
        Frame(chains, n_species * n_site),
        Frame(visits, n_visit),
        above,
        made,
        detection[made].astype(np.float64),
        np.broadcast_to(chain, made.shape)[made],
    )


def covariates(data: xr.Dataset) -> dict[str, xr.Variable]:
    """Everything in the surveys that a formula may name, with the labels of sites and visits."""
    return {
        str(name): variable
        for name, variable in data.variables.items()
        if name not in NOT_COVARIATES and name != "species" and set(variable.dims) <= set(LEVELS)
    }


def _ordered(variable: xr.Variable, order: tuple[str, ...]) -> np.ndarray:
    """Values with their dims in this order."""
    where = [variable.dims.index(d) for d in order if d in variable.dims]
    return np.transpose(variable.values, where)


def _plain(variable: xr.Variable) -> np.ndarray:
    """Values by site, season, visit; numbers as float64, text as objects."""
    values = _ordered(variable, LEVELS)
    return values.astype(np.float64) if values.dtype.kind in "iuf" else values.astype(object)


def _by_chain(variable: xr.Variable, n_species: int, n_site: int) -> np.ndarray:
    flat = _plain(variable)
    if "site" not in variable.dims:
        flat = np.broadcast_to(flat.ravel()[:1], (n_site,))
    return np.tile(flat.reshape(n_site), n_species)


def _by_visit(variable: xr.Variable, made: np.ndarray) -> np.ndarray:
    sizes = dict(zip(LEVELS, made.shape[1:], strict=True))
    shape = [1, *(sizes[d] if d in variable.dims else 1 for d in LEVELS)]
    return np.broadcast_to(_plain(variable).reshape(shape), made.shape)[made]
