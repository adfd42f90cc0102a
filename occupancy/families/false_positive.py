"""False positives: a visit to an empty site may detect, by a mistake of ear, eye or machine.

    z_i ~ Bernoulli(psi_i), and by the type of visit j

                      if present                       if absent
    standard      y   0: 1 - p11   1: p11              0: 1         1: 0
    unconfirmed   y   0: 1 - p11   1: p11              0: 1 - p10   1: p10
    confirmed     y   0: 1 - p11   1: p11 (1 - b)      0: 1 - p10   1: p10
                                   2: p11 b                         2: 0

A standard visit makes no false detections (a physical trap, a nest). On a confirmed one some
detections are certain (2: a photograph, a second listener) and others are not (1); b is the share
of certain ones among the true. The covariate ``visit_type``, or the one that ``by`` names, says
of each visit which it is; in the formula of p11 it lets the types detect differently. p10 is told
of every visit, and only those that speak of it teach it; b is no parameter where no visit is
confirmed.

Surveys without such a covariate have visits of one type: confirmed if any detection is certain
(2), else unconfirmed. ``visits="confirmed"`` says so where none happened to be.

**Two answers.** Of unconfirmed visits alone the likelihood is the same at psi and 1 - psi with
p11 and p10 swapped (Royle and Link 2006): no data tell the common true detector from the common
false one. Standard or confirmed visits that detected settle it. Without any, choose
``mirror="below"``: the third parameter is then the ratio q = p10 / p11, on a logit, so that

    p10 = p11 q < p11

and only one of the two answers exists. Every type of visit may be used with it.

With ``seasons="dynamic"`` sites are colonised and abandoned between seasons.

Source: Royle and Link (2006) Ecology 87:835-841; Miller et al. (2011) Ecology 92:1422-1428.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

from occupancy.families import pieces, turnover
from occupancy.families.base import Family, Observed, Parameter
from occupancy.kernel.simd import sigmoid, softplus
from surveys.problems import ModelError

if TYPE_CHECKING:
    import xarray as xr

BY = "visit_type"
LABELS = ("standard", "unconfirmed", "confirmed")
STANDARD, UNCONFIRMED, CONFIRMED = range(3)  # places in LABELS
AT_B, AT_P11, AT_P10 = -4, -3, -2  # places of the parameters, from the end of ``start``
P11 = Parameter("p11", "visit", ("logit",), "probability of detection, if occupied")
P10 = Parameter("p10", "visit", ("logit",), "probability of a false detection, if empty")
Q = Parameter("q", "visit", ("logit",), "false detections relative to true ones, p10 / p11")
B = Parameter("b", "visit", ("logit",), "probability that a true detection is a certain one")


def tables(values, y, effort):
    """Tables of the states; ``values["label"]`` is the type of visit, like ``y``, int."""
    values = {"b": 0.0, **values}  # where no visit is confirmed
    p11, b, label = (np.broadcast_to(values[k], y.shape) for k in ("p11", "b", "label"))
    p10 = np.broadcast_to(p11 * values["q"] if "q" in values else values["p10"], y.shape)
    false = np.where(label == STANDARD, 0.0, p10)
    certain = np.where(label == CONFIRMED, b, 0.0)
    chance = np.stack(
        [
            np.select([y == 0, y == 1], [1 - false, false], 0.0),
            np.select([y == 0, y == 1], [1 - p11, p11 * (1 - certain)], p11 * certain),
        ],
        axis=-1,
    )
    return *turnover.tables(values, y), np.where(np.isnan(y)[..., None], 1.0, chance)


def data(observed: Observed):
    """by_visit: what was seen (0, 1, 2); type of the visit."""
    y, label = observed.y, observed.label
    if not np.isin(y, (0.0, 1.0, 2.0)).all():
        raise ModelError(
            "Family 'false_positive' takes detections 0 (none), 1 (uncertain) and 2 (certain)."
        )
    if ((y == 2) & (label != CONFIRMED)).any():
        raise ModelError(
            "A detection of 2 (certain) is on a visit that is not of type 'confirmed'. Label "
            "the visits on which detections could be certain as 'confirmed'; a visit that "
            "makes no false detections is 'standard', and its detections are 1."
        )
    return np.stack([y, label.astype(float)]), np.zeros((0, observed.n_chain))


def impossible(observed: Observed) -> np.ndarray:
    """A certain detection on a visit on which none could be certain."""
    return (observed.y == 2) & (observed.label != CONFIRMED)


def guess(observed: Observed) -> dict[str, float]:
    """Few false detections; sites with a certain or a second detection are occupied."""
    y, label = observed.y, observed.label
    sure = (y == 2) | ((label == STANDARD) & (y > 0))
    weight = np.bincount(observed.chain, np.where(sure, 2, y > 0), minlength=observed.n_chain)
    found = ((y > 0) & (label == CONFIRMED)).sum()
    occupied = weight >= 2
    here = occupied[observed.chain]
    return {
        "psi": (occupied.sum() + 0.5) / (observed.n_chain + 1),
        "p11": ((y > 0)[here].sum() + 0.5) / (here.sum() + 1),
        "p10": 0.05,
        "q": 0.1,
        "b": ((y == 2).sum() + 0.5) / (found + 1),
    }


@njit(error_model="numpy", cache=True)
def _present(at, v, out):
    """What a visit sees where the species is: p11, and b of the certain detections."""
    _, eta, start, by_visit, _, _ = at
    y, kind = by_visit[0, v], by_visit[1, v]
    p11 = eta[start[start.size + AT_P11] + v]
    out[1] -= softplus(-p11) if y > 0.0 else softplus(p11)
    if kind == CONFIRMED and y > 0.0:
        b = eta[start[start.size + AT_B] + v]
        out[1] -= softplus(-b) if y > 1.0 else softplus(b)


@njit(error_model="numpy", cache=True)
def _present_slope(at, v, weight, gradient):
    _, eta, start, by_visit, _, _ = at
    y, kind = by_visit[0, v], by_visit[1, v]
    p11 = start[start.size + AT_P11] + v
    gradient[p11] += weight[1] * (sigmoid(-eta[p11]) if y > 0.0 else -sigmoid(eta[p11]))
    if kind == CONFIRMED and y > 0.0:
        b = start[start.size + AT_B] + v
        gradient[b] += weight[1] * (sigmoid(-eta[b]) if y > 1.0 else -sigmoid(eta[b]))


@njit(error_model="numpy", cache=True)
def visit(at, t, i, v, out):
    """p11 and b if present, p10 if absent."""
    _present(at, v, out)
    _, eta, start, by_visit, _, _ = at
    y, kind = by_visit[0, v], by_visit[1, v]
    p10 = eta[start[start.size + AT_P10] + v]
    if y > 1.0 or (kind == STANDARD and y > 0.0):
        out[0] = -np.inf
    elif kind != STANDARD:
        out[0] -= softplus(-p10) if y > 0.0 else softplus(p10)


@njit(error_model="numpy", cache=True)
def visit_slope(at, t, i, v, weight, gradient):
    """Seen less expected."""
    _present_slope(at, v, weight, gradient)
    _, eta, start, by_visit, _, _ = at
    y, kind = by_visit[0, v], by_visit[1, v]
    p10 = start[start.size + AT_P10] + v
    if kind != STANDARD and y < 2.0:
        gradient[p10] += weight[0] * (sigmoid(-eta[p10]) if y > 0.0 else -sigmoid(eta[p10]))


@njit(error_model="numpy", cache=True)
def _nothing_false(p11, q):
    """log(1 - p10) = log((1 - p11) + p11 (1 - q)) from two logits, and its two parts."""
    missed, true = -softplus(p11), -softplus(-p11) - softplus(q)
    top = max(missed, true)
    return top + np.log1p(np.exp(min(missed, true) - top)), missed, true


@njit(error_model="numpy", cache=True)
def visit_below(at, t, i, v, out):
    """The same with p10 = p11 q."""
    _present(at, v, out)
    _, eta, start, by_visit, _, _ = at
    y, kind = by_visit[0, v], by_visit[1, v]
    p11, q = eta[start[start.size + AT_P11] + v], eta[start[start.size + AT_P10] + v]
    if y > 1.0 or (kind == STANDARD and y > 0.0):
        out[0] = -np.inf
    elif kind != STANDARD:
        out[0] += -softplus(-p11) - softplus(-q) if y > 0.0 else _nothing_false(p11, q)[0]


@njit(error_model="numpy", cache=True)
def visit_below_slope(at, t, i, v, weight, gradient):
    """Seen less expected; the absent state now teaches p11 too."""
    _present_slope(at, v, weight, gradient)
    _, eta, start, by_visit, _, _ = at
    y, kind = by_visit[0, v], by_visit[1, v]
    p11, q = start[start.size + AT_P11] + v, start[start.size + AT_P10] + v
    if kind == STANDARD or y > 1.0:
        return
    if y > 0.0:
        gradient[p11] += weight[0] * sigmoid(-eta[p11])
        gradient[q] += weight[0] * sigmoid(-eta[q])
    else:
        none, missed, true = _nothing_false(eta[p11], eta[q])
        false = sigmoid(eta[p11]) * sigmoid(eta[q])
        gradient[p11] -= weight[0] * np.exp(missed - none) * false
        gradient[q] -= weight[0] * np.exp(true - none) * sigmoid(eta[q])


KERNELS = {
    "": turnover.kernels("false_positive", visit, visit_slope),
    "below": turnover.kernels("false_positive_below", visit_below, visit_below_slope),
}


def options_from(surveys: xr.Dataset, options: dict[str, Any]) -> dict[str, Any]:
    """Add which types of visits there are: as the covariate tells, or one for all visits.

    Raises
    ------
    ModelError
        No visit could detect falsely, or one type is given beside a covariate that tells it.
    """
    by, visits = options.get("by", BY), options.get("visits", "")
    made = surveys["detection"].notnull()
    if by not in surveys.variables:
        if by != BY:  # refused where the visits are labelled
            return {k: v for k, v in options.items() if k != "visits"}
        if not visits:
            certain = bool((surveys["detection"] == 2).any())
            visits = LABELS[CONFIRMED if certain else UNCONFIRMED]
        return options | {"visits": visits}
    if isinstance(visits, str) and visits:
        raise ModelError(
            f"Family 'false_positive' got visits = {visits!r}, and the surveys tell it of each "
            f"visit in '{by}'. Leave one of them out."
        )
    told = surveys[by].broadcast_like(made).transpose(*made.dims).values[made.values]
    found = set(np.unique(told.astype(str)).tolist())
    if not found <= set(LABELS):
        return options  # told with the names that there are
    return options | {"visits": tuple(name for name in LABELS if name in found)}


def family(
    mirror: str = "",
    seasons: str = "",
    by: str = BY,
    visits: str | Sequence[str] = LABELS,
    **unknown: Any,
) -> Family:
    """False positives; ``mirror="below"`` keeps p10 below p11 where no detection is certain.

    Parameters
    ----------
    by : str
        Covariate of the visits that says "standard", "unconfirmed" or "confirmed" of each.
    visits : str or sequence of str
        The one type of all visits, where no covariate tells; else the types that there are.
    """
    pieces.check_options(
        "false_positive",
        unknown,
        mirror=(mirror, tuple(KERNELS)),
        seasons=(seasons, turnover.SEASONS),
        by=(None, (None,)),
        visits=(visits, LABELS) if isinstance(visits, str) else (None, (None,)),
    )
    alike = isinstance(visits, str)
    types = (visits,) if alike else tuple(visits)
    if types == (LABELS[STANDARD],):
        raise ModelError(
            "Every visit is of type 'standard', which makes no false detections, so there are none "
            "to estimate. Use a family without them, such as single_season, or tell which visits "
            f"were 'unconfirmed' or 'confirmed' in a covariate '{BY}'."
        )
    certain = (B,) if LABELS[CONFIRMED] in types else ()
    chosen = {"mirror": mirror, "by": by if by != BY else "", "visits": visits if alike else ""}
    return Family(
        name="false_positive",
        title="Occupancy with false positives",
        source="Royle and Link (2006) Ecology 87:835-841",
        states=("absent", "present"),
        detections=(0.0, 1.0, 2.0),
        parameters=(*turnover.parameters(seasons), *certain, P11, Q if mirror else P10),
        tables=tables,
        kernel=KERNELS[mirror][seasons],
        data=data,
        impossible=impossible,
        guess=guess,
        proof=False,
        labels=LABELS,
        label_by="" if alike else by,
        label=LABELS.index(types[0]) if alike else 0,
        **turnover.as_options(seasons, **chosen),
    )
