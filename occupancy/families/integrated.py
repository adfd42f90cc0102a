"""Integrated occupancy: several ways of surveying, each with its own detection, over one psi.

    z_i ~ Bernoulli(psi_i)        y_ij | z_i ~ Bernoulli(z_i p_ij),   logit p_ij by the source of j

Cameras and transects, atlas and structured surveys: a site may be surveyed by one source, by
several or by none, and what one source saw tells the others that the species was there. With
``effort="exposure"`` every p comes from a hazard per unit of the source's own effort.

A site told to be occupied has psi = 1 in its likelihood: it was not chosen by chance, so it
teaches detection and nothing about psi.

Source: Doser et al. (2022) Methods in Ecology and Evolution 13:919-932; Nichols et al. (2008)
Journal of Applied Ecology 45:1321-1329, with one scale.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

from occupancy.families import labelled, pieces
from occupancy.families.base import PROBABILITY, Family, Observed, Parameter, stationary
from occupancy.families.chain import from_logs
from occupancy.kernel.two_state import occupy_in_logs
from surveys.problems import ModelError

if TYPE_CHECKING:
    import xarray as xr

MOST_SOURCES = 20
BY = "method"


def _tables(sources: tuple[str, ...]):
    def tables(values, y, effort):
        """Initial (site, state), no transition, emission (site, season, visit, state)."""
        n_site, n_season, _ = y.shape
        p = np.full(y.shape, np.nan)
        for s, name in enumerate(sources):
            p = np.where(np.asarray(values["label"]) == s, values[f"p[{name}]"], p)
        emission = pieces.detected_if_present(p, y)
        return pieces.present(values["psi"]), stationary(n_site, n_season, 2), emission

    return tables


def _data(n_source: int):
    def data(observed: Observed):
        """by_visit: seen, row and source, as ``labelled`` has them. by_chain: known."""
        by_chain = observed.known[None, :].astype(np.float64)
        return labelled.by_label(observed, n_source), by_chain

    return data


@njit(error_model="numpy", cache=True)
def initial(at, i, out):
    """log(1 - psi), log psi; 0 and certain where the site is known to be occupied."""
    links, eta, start, _, by_chain, _ = at
    out[1], out[0], _, _ = occupy_in_logs(links[0], eta[start[0] + i])
    if by_chain[0, i] > 0.0:
        out[0], out[1] = -np.inf, 0.0


@njit(error_model="numpy", cache=True)
def initial_slope(at, i, weight, gradient):
    """Expected minus predicted."""
    links, eta, start, _, by_chain, _ = at
    _, _, slope, empty = occupy_in_logs(links[0], eta[start[0] + i])
    if by_chain[0, i] == 0.0:
        gradient[start[0] + i] += weight[1] * slope - weight[0] * empty


@njit(error_model="numpy", cache=True)
def visit(at, t, i, v, out):
    """Bernoulli(p of its source) if present, never if absent."""
    out[1] += labelled.log_chance(at, 1, v)
    if at[3][labelled.SEEN, v] > 0.0:
        out[0] = -np.inf


@njit(error_model="numpy", cache=True)
def visit_slope(at, t, i, v, weight, gradient):
    """Slope of what was seen, times P(present)."""
    labelled.add_slope(at, 1, v, weight[1], gradient)


kernel = from_logs("integrated", initial, initial_slope, visit, visit_slope)


def options_from(data: xr.Dataset, options: dict[str, Any]) -> dict[str, Any]:
    """The sources are the values of the covariate ``by``, in the order of their names."""
    by = str(options.get("by", BY))
    if "sources" in options:
        return options
    if by not in data:
        raise ModelError(
            f"Family 'integrated' reads the source of each visit from '{by}', which is not in the "
            'surveys. Give it as a covariate, or name the covariate: by = "source".'
        )
    if data[by].dtype.kind not in "OUT":
        raise ModelError(
            f"Family 'integrated' reads the source of each visit from '{by}', which holds numbers. "
            "Give the names of the sources."
        )
    return options | {"sources": tuple(sorted({str(v) for v in data[by].values.ravel()} - {""}))}


def family(sources: tuple[str, ...] = (), by: str = BY, effort: str = "", **unknown: Any) -> Family:
    """Integrated occupancy; ``effort="exposure"`` for hazards per unit of effort.

    Parameters
    ----------
    by : str
        Covariate of the visits that names the source of each.
    sources : two names or more
        Those of the ways of surveying, which are the labels of the visits.
    """
    pieces.check_options(
        "integrated",
        unknown,
        sources=(None, (None,)),
        by=(None, (None,)),
        effort=(effort, ("", "exposure")),
    )
    sources = pieces.check_names("integrated", "sources", sources, 2, MOST_SOURCES)
    exposed = effort == "exposure"
    p = [
        Parameter(
            f"p[{name}]",
            "visit",
            ("cloglog",) if exposed else PROBABILITY,
            f"probability of detection on a visit by {name}, if occupied",
            only=str(s),
            short="p",
            exposure=exposed,
        )
        for s, name in enumerate(sources)
    ]
    psi = Parameter("psi", "site", PROBABILITY, "probability that a site is occupied")
    return Family(
        name="integrated",
        title="Integrated occupancy",
        source="Doser et al. (2022) Methods in Ecology and Evolution 13:919-932",
        states=("absent", "present"),
        detections=(0.0, 1.0),
        parameters=(psi, *p),
        tables=_tables(sources),
        kernel=kernel,
        data=_data(len(sources)),
        labels=sources,
        label_by=by,
        takes_known=True,
        options={"sources": list(sources), "by": by} | ({"effort": effort} if effort else {}),
    )
