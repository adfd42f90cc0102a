"""Multi-state occupancy: a site is empty, occupied, or occupied and more, such as breeding.

True states are 0, 1 and 2. A visit sees a state no higher than the true one: y = 2 is certain, y
= 1 may hide state 2, y = 0 may hide both. In terms of conditional probabilities (the default)

    P(z = 2) = psi R        P(z = 1) = psi (1 - R)      P(z = 0) = 1 - psi
    P(y = 0, 1, 2 | z = 1) = 1 - p1, p1, 0
    P(y = 0, 1, 2 | z = 2) = 1 - p2, p2 (1 - delta), p2 delta

With ``seasons="dynamic"`` psi and R are those of the first season, and a site in state k is
occupied in the next with phi_k, and then in state 2 with R_k. Seasons in which a site was not
visited are summed over like any hidden state.

With ``form="multinomial"`` every row of chances has logits of its own, against its first entry,
or against staying where states change:

    P(z = 0, 1, 2) ~ 1, exp(psi1), exp(psi2)
    P(y = 0, 1 | z = 1) ~ 1, exp(p11)       P(y = 0, 1, 2 | z = 2) ~ 1, exp(p12), exp(p22)
    P(0 to 0, 1, 2) ~ 1, exp(phi01), exp(phi02), and so on by rows

where p12 sees state 1 in state 2. Without covariates the two forms are one model.

Source: Nichols et al. (2007) Ecology 88:1395-1400; MacKenzie et al. (2009) Ecology 90:823-835.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from scipy import special

from occupancy.families import pieces
from occupancy.families.base import Family, Parameter, stationary
from occupancy.families.chain import from_logs
from occupancy.families.chances import yes_no_slope
from occupancy.kernel.two_state import occupy_in_logs

EMPTY = np.array([1.0, 0.0, 0.0])


# ---------------------------------------------------------------- the definition


def conditional(occupied, second) -> np.ndarray:
    """(..., state) of an occupied site's chance and of state 2 given that."""
    return np.stack([1 - occupied, occupied * (1 - second), occupied * second], axis=-1)


def softmax(*log_odds) -> np.ndarray:
    """(..., state) from log odds against each other."""
    return special.softmax(np.stack(np.broadcast_arrays(*log_odds), axis=-1), axis=-1)


def _seen(y: np.ndarray, in_one: np.ndarray, in_two: np.ndarray) -> np.ndarray:
    """Emission (site, season, visit, state) from the chances of y = 0, 1, 2 in states 1 and 2."""
    rows = np.stack([np.broadcast_to(EMPTY, in_two.shape), in_one, in_two], axis=-2)
    column = np.where(np.isnan(y), 0, y).astype(np.int64)[..., None, None]
    chance = np.take_along_axis(rows, column, axis=-1)[..., 0]
    return np.where(np.isnan(y)[..., None], 1.0, chance)


def tables(values, y, effort):
    """Initial (site, state), transition (site, interval, from, to), emission by state."""
    v = {name: np.asarray(value) for name, value in values.items()}
    change = stationary(y.shape[0], y.shape[1], 3)
    if "phi0" in v:
        change = np.stack([conditional(v[f"phi{k}"], v[f"R{k}"]) for k in range(3)], axis=-2)
    in_one = conditional(v["p1"], np.zeros_like(v["p1"]))
    return conditional(v["psi"], v["R"]), change, _seen(y, in_one, conditional(v["p2"], v["delta"]))


def tables_multinomial(values, y, effort):
    """The same from log odds."""
    v = {name: np.asarray(value) for name, value in values.items()}
    change = stationary(y.shape[0], y.shape[1], 3)
    if "phi01" in v:
        same = np.zeros_like(v["phi01"])
        rows = (
            softmax(same, v["phi01"], v["phi02"]),
            softmax(v["phi10"], same, v["phi12"]),
            softmax(v["phi20"], v["phi21"], same),
        )
        change = np.stack(rows, axis=-2)
    never = np.full_like(v["p11"], -np.inf)
    in_one, in_two = softmax(0.0, v["p11"], never), softmax(0.0, v["p12"], v["p22"])
    return softmax(0.0, v["psi1"], v["psi2"]), change, _seen(y, in_one, in_two)


# ---------------------------------------------------------------- conditional probabilities

PSI, R, P1, P2, DELTA, PHI0 = 0, 1, 2, 3, 4, 5  # then phi1, phi2, R0, R1, R2


@njit(error_model="numpy", cache=True)
def _row(at, m, second, i, j, out):
    """log of a row: occupied by parameter m at row i, state 2 by ``second`` at row j."""
    links, eta, start, _, _, _ = at
    occupied, out[0], _, _ = occupy_in_logs(links[m], eta[start[m] + i])
    two, one, _, _ = occupy_in_logs(links[second], eta[start[second] + j])
    out[1], out[2] = occupied + one, occupied + two


@njit(error_model="numpy", cache=True)
def _row_slope(at, m, second, i, j, weight, gradient):
    links, eta, start, _, _, _ = at
    a, b = start[m] + i, start[second] + j
    gradient[a] += yes_no_slope(links[m], eta[a], weight[1] + weight[2], weight[0])
    gradient[b] += yes_no_slope(links[second], eta[b], weight[2], weight[1])


@njit(error_model="numpy", cache=True)
def initial(at, i, out):
    """Occupied with psi, in state 2 with psi R."""
    _row(at, PSI, R, i, i, out)


@njit(error_model="numpy", cache=True)
def initial_slope(at, i, weight, gradient):
    """Expected minus predicted."""
    _row_slope(at, PSI, R, i, i, weight, gradient)


@njit(error_model="numpy", cache=True)
def visit(at, t, i, v, out):
    """P(what was seen) in each state."""
    links, eta, start, by_visit, _, _ = at
    seen = by_visit[0, v]
    p1, q1, _, _ = occupy_in_logs(links[P1], eta[start[P1] + v])
    p2, q2, _, _ = occupy_in_logs(links[P2], eta[start[P2] + v])
    two, one, _, _ = occupy_in_logs(links[DELTA], eta[start[DELTA] + v])
    if seen > 0.0:
        out[0] = -np.inf
        out[1] += p1 if seen < 2.0 else -np.inf
        out[2] += p2 + (one if seen < 2.0 else two)
    else:
        out[1] += q1
        out[2] += q2


@njit(error_model="numpy", cache=True)
def visit_slope(at, t, i, v, weight, gradient):
    """Slopes of what was seen."""
    links, eta, start, by_visit, _, _ = at
    seen = by_visit[0, v]
    detected, two = 1.0 if seen > 0.0 else 0.0, 1.0 if seen > 1.0 else 0.0
    a, b, c = start[P1] + v, start[P2] + v, start[DELTA] + v
    gradient[a] += weight[1] * yes_no_slope(links[P1], eta[a], detected, 1.0 - detected)
    gradient[b] += weight[2] * yes_no_slope(links[P2], eta[b], detected, 1.0 - detected)
    if detected > 0.0:
        gradient[c] += weight[2] * yes_no_slope(links[DELTA], eta[c], two, 1.0 - two)


@njit(error_model="numpy", cache=True)
def change(at, t, i, out):
    """From state k: occupied with phi_k, then in state 2 with R_k."""
    o = t * at[5] + i
    for k in range(3):
        _row(at, PHI0 + k, PHI0 + 3 + k, o, o, out[k])


@njit(error_model="numpy", cache=True)
def change_slope(at, t, i, weight, gradient):
    """Expected minus predicted, from each state."""
    o = t * at[5] + i
    for k in range(3):
        _row_slope(at, PHI0 + k, PHI0 + 3 + k, o, o, weight[k], gradient)


kernel = from_logs("multi_state", initial, initial_slope, visit, visit_slope)
kernel_dynamic = from_logs(
    "multi_state_dynamic", initial, initial_slope, visit, visit_slope, change, change_slope
)


# ---------------------------------------------------------------- multinomial logits

PSI1, PSI2, P11, P12, P22, PHI01 = 0, 1, 2, 3, 4, 5  # then phi02, phi10, phi12, phi20, phi21


@njit(error_model="numpy", cache=True)
def _first_of(x, y):
    """log of 1 / (1 + exp(x) + exp(y)), to the last digit also where that is nearly 1."""
    top = max(0.0, x, y)
    if top == 0.0:
        return -np.log1p(np.exp(x) + np.exp(y))
    return -top - np.log1p(np.exp(-top) + np.exp(min(x, y) - top))


@njit(error_model="numpy", cache=True)
def _three(x, y):
    """Logs of three chances that are told as 1, exp(x), exp(y)."""
    return _first_of(x, y), _first_of(-x, y - x), _first_of(-y, x - y)


@njit(error_model="numpy", cache=True)
def _logits(at, m, i, base, out):
    """log of a row of three chances; ``base`` is the entry that the others are told against."""
    eta, start = at[1], at[2]
    one, two = 0 if base > 0 else 1, 2 if base < 2 else 1
    out[base], out[one], out[two] = _three(eta[start[m] + i], eta[start[m + 1] + i])


@njit(error_model="numpy", cache=True)
def _logits_slope(at, m, i, base, weight, gradient):
    """Weight of an entry times the chance of the others, less theirs times its own."""
    eta, start = at[1], at[2]
    a, b = start[m] + i, start[m + 1] + i
    one, two = 0 if base > 0 else 1, 2 if base < 2 else 1
    c, d, e = _three(eta[a], eta[b])
    c, d, e = np.exp(c), np.exp(d), np.exp(e)
    gradient[a] += weight[one] * (c + e) - (weight[base] + weight[two]) * d
    gradient[b] += weight[two] * (c + d) - (weight[base] + weight[one]) * e


@njit(error_model="numpy", cache=True)
def initial_logits(at, i, out):
    """Logits of states 1 and 2 against 0."""
    _logits(at, PSI1, i, 0, out)


@njit(error_model="numpy", cache=True)
def initial_logits_slope(at, i, weight, gradient):
    """Expected minus predicted."""
    _logits_slope(at, PSI1, i, 0, weight, gradient)


@njit(error_model="numpy", cache=True)
def visit_logits(at, t, i, v, out):
    """P(what was seen) in each state."""
    _, eta, start, by_visit, _, _ = at
    seen = int(by_visit[0, v])
    see, miss, _, _ = occupy_in_logs(0, eta[start[P11] + v])
    nothing, one, two = _three(eta[start[P12] + v], eta[start[P22] + v])
    if seen == 0:
        out[1] += miss
        out[2] += nothing
    else:
        out[0] = -np.inf
        out[1] += see if seen == 1 else -np.inf
        out[2] += one if seen == 1 else two


@njit(error_model="numpy", cache=True)
def visit_logits_slope(at, t, i, v, weight, gradient):
    """Slopes of what was seen."""
    _, eta, start, by_visit, _, _ = at
    seen = int(by_visit[0, v])
    a = start[P11] + v
    if seen < 2:
        gradient[a] += weight[1] * yes_no_slope(0, eta[a], 1.0 * seen, 1.0 - seen)
    in_two = np.zeros(3)
    in_two[seen] = weight[2]
    _logits_slope(at, P12, v, 0, in_two, gradient)


@njit(error_model="numpy", cache=True)
def change_logits(at, t, i, out):
    """Logits of each change against staying."""
    for k in range(3):
        _logits(at, PHI01 + 2 * k, t * at[5] + i, k, out[k])


@njit(error_model="numpy", cache=True)
def change_logits_slope(at, t, i, weight, gradient):
    """Expected minus predicted, from each state."""
    for k in range(3):
        _logits_slope(at, PHI01 + 2 * k, t * at[5] + i, k, weight[k], gradient)


_LOGITS = (initial_logits, initial_logits_slope, visit_logits, visit_logits_slope)
kernel_logits = from_logs("multi_state_logits", *_LOGITS)
kernel_logits_dynamic = from_logs(
    "multi_state_logits_dynamic", *_LOGITS, change_logits, change_logits_slope
)


# ---------------------------------------------------------------- parameters


def _conditional(level, name, meaning):
    return Parameter(name, level, ("logit",), meaning)


def _odds(level, name, meaning):
    return Parameter(name, level, ("identity",), f"log odds of {meaning}")


CONDITIONAL = (
    _conditional("site", "psi", "probability that a site is occupied"),
    _conditional("site", "R", "probability of state 2, if occupied"),
    _conditional("visit", "p1", "probability of detection in state 1"),
    _conditional("visit", "p2", "probability of detection in state 2"),
    _conditional("visit", "delta", "probability that a detection in state 2 shows state 2"),
)
CHANGES = (
    _conditional("interval", "phi0", "probability that an empty site is occupied next season"),
    _conditional("interval", "phi1", "probability that a site in state 1 is occupied next season"),
    _conditional("interval", "phi2", "probability that a site in state 2 is occupied next season"),
    _conditional("interval", "R0", "probability of state 2 next season, if occupied and now empty"),
    _conditional("interval", "R1", "probability of state 2 next season, if occupied and now in 1"),
    _conditional("interval", "R2", "probability of state 2 next season, if occupied and now in 2"),
)
MULTINOMIAL = (
    _odds("site", "psi1", "state 1 against state 0"),
    _odds("site", "psi2", "state 2 against state 0"),
    _odds("visit", "p11", "seeing state 1 against nothing, in state 1"),
    _odds("visit", "p12", "seeing state 1 against nothing, in state 2"),
    _odds("visit", "p22", "seeing state 2 against nothing, in state 2"),
)
CHANGES_OF_LOGITS = tuple(
    _odds("interval", f"phi{a}{b}", f"a change from state {a} to {b} against none")
    for a in range(3)
    for b in range(3)
    if a != b
)


def family(form: str = "", seasons: str = "", **unknown: Any) -> Family:
    """Multi-state occupancy; ``form="multinomial"`` for logits, ``seasons="dynamic"``."""
    pieces.check_options(
        "multi_state",
        unknown,
        form=(form, ("", "conditional", "multinomial")),
        seasons=(seasons, ("", "dynamic")),
    )
    logits, dynamic = form == "multinomial", seasons == "dynamic"
    if logits:
        parameters = MULTINOMIAL + (CHANGES_OF_LOGITS if dynamic else ())
        own = kernel_logits_dynamic if dynamic else kernel_logits
    else:
        parameters = CONDITIONAL + (CHANGES if dynamic else ())
        own = kernel_dynamic if dynamic else kernel
    options = {"form": form} if logits else {}
    return Family(
        name="multi_state",
        title="Dynamic multi-state occupancy" if dynamic else "Multi-state occupancy",
        source="Nichols et al. (2007) Ecology 88:1395-1400; MacKenzie et al. (2009) 90:823-835",
        states=("absent", "state 1", "state 2"),
        detections=(0.0, 1.0, 2.0),
        parameters=parameters,
        tables=tables_multinomial if logits else tables,
        kernel=own,
        occupied=(False, True, True),
        psi=None if logits or dynamic else pieces.psi_itself,
        min_seasons=2 if dynamic else 1,
        max_seasons=None if dynamic else 1,
        options=options | ({"seasons": seasons} if dynamic else {}),
    )


FAMILY = family()
