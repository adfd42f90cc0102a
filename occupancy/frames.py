"""Covariates of the surveys as flat tables: one row per chain, and one per visit made.

A chain is one species at one site. Rows run over species, then sites, then seasons, then visits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

NOT_COVARIATES = frozenset(
    {"detection", "count", "score", "visit_start", "visit_end", "spatial_ref"}
)
LEVELS = ("site", "season", "visit")

Frame = dict[str, np.ndarray]


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


def make_frames(data: xr.Dataset) -> Frames:
    """Flat tables from a Dataset of one season."""
    detection = data["detection"].transpose("species", "site", "season", "visit").values
    made = ~np.isnan(detection)
    n_species, n_site = detection.shape[:2]
    chains: Frame = {}
    visits: Frame = {}
    above: dict[str, str] = {}
    several = [d for d in ("season", "visit") if data.sizes[d] > 1]
    for name, values in covariates(data).items():
        dims = set(values.dims)
        out_of_reach = [d for d in several if d in dims]
        if out_of_reach:
            above[name] = out_of_reach[-1]
        else:
            flat = values.isel({d: 0 for d in values.dims if d != "site"}).values
            chains[name] = np.tile(np.broadcast_to(flat, (n_site,)), n_species)
        where = [d for d in LEVELS if d in dims]
        ordered = values.transpose(*where).values
        shape = [1, *(data.sizes[d] if d in dims else 1 for d in LEVELS)]
        visits[name] = np.broadcast_to(ordered.reshape(shape), made.shape)[made]
    if n_species > 1:
        names = data["species"].values.astype(object)
        chains["species"] = np.repeat(names, n_site)
        visits["species"] = np.broadcast_to(names[:, None, None, None], made.shape)[made]
    chain = np.arange(n_species * n_site).reshape(n_species, n_site, 1, 1)
    return Frames(
        chains,
        visits,
        above,
        made,
        detection[made].astype(np.float64),
        np.broadcast_to(chain, made.shape)[made],
    )


def covariates(data: xr.Dataset) -> dict[str, xr.DataArray]:
    """Everything in the surveys that a formula may name, with the labels of sites and visits."""
    out = {
        str(name): values
        for name, values in data.data_vars.items()
        if name not in NOT_COVARIATES and set(values.dims) <= set(LEVELS)
    }
    for name in LEVELS:
        values = data[name]
        if values.dtype.kind not in "iuf":
            values = values.astype(object)
        out[name] = values if name != "visit" else values.astype(np.float64)
    return out
