"""Surveys simulated from every family, large enough that a fit of it deserves no warning."""

from __future__ import annotations

from typing import Any

import numpy as np

import surveys
from occupancy import families

SPECIES = ("fox", "lynx")
SITES = 400

# family -> (natural values, seasons, visits, options)
SETTINGS: dict[str, tuple[dict[str, float], int, int, dict[str, Any]]] = {
    "single_season": ({"psi": 0.5, "p": 0.4}, 1, 5, {}),
    "dynamic": ({"psi": 0.5, "gamma": 0.2, "epsilon": 0.3, "p": 0.5}, 4, 4, {}),
    "autologistic": ({"psi": 0.4, "theta": 1.0, "p": 0.5}, 4, 4, {}),
    "stacked": ({"psi": 0.5, "p": 0.4}, 4, 4, {}),
    "multi_scale": ({"psi": 0.6, "theta": 0.6, "p": 0.5}, 4, 4, {}),
    "multi_state": ({"psi": 0.6, "R": 0.5, "p1": 0.4, "p2": 0.6, "delta": 0.5}, 1, 5, {}),
    "correlated": ({"psi": 0.6, "pi": 0.5, "theta0": 0.3, "theta1": 0.7, "p": 0.6}, 1, 10, {}),
    "phenology": ({"psi": 0.7, "entry": 0.3, "departure": 0.15, "p": 0.7}, 1, 10, {}),
    "counts": ({"psi": 0.5, "rate": 1.2}, 1, 4, {}),
    "time_to_detection": ({"psi": 0.5, "rate": 0.8}, 1, 3, {}),
    "scores": (
        {"psi": 0.5, "p": 0.4, "mu0": -1.0, "gap": 3.0, "sigma0": 1.0, "sigma1": 1.0},
        1,
        6,
        {},
    ),
    "false_positive": ({"psi": 0.5, "p11": 0.5, "p10": 0.05, "b": 0.4}, 1, 5, {}),
    "interacting": (
        {"f[fox]": -0.2, "f[lynx]": -0.5, "f[fox:lynx]": 0.8, "p[fox]": 0.5, "p[lynx]": 0.4},
        1,
        5,
        {"species": SPECIES},
    ),
    "integrated": (
        {"psi": 0.5, "p[camera]": 0.4, "p[sign]": 0.3},
        1,
        6,
        {"sources": ("camera", "sign"), "by": "method"},
    ),
    "royle_nichols": ({"lam": 1.0, "r": 0.3}, 1, 6, {}),
    "n_mixture": ({"lam": 2.0, "p": 0.5}, 1, 5, {}),
}


def simulate(name: str, seed: int = 1, n_site: int = SITES):
    """Surveys of one family, and the options of its model."""
    values, n_season, n_visit, options = SETTINGS[name]
    family = families.get(name, **options)
    over_visits = family.steps == "visit"
    each = len(SPECIES) if family.joint else 1
    shape = (n_site, n_visit, 1) if over_visits else (n_site, n_season, each * n_visit)
    label = np.zeros(shape, int)
    if family.joint:
        label[:] = np.repeat(np.arange(each), n_visit)
    elif name == "integrated":
        label[..., n_visit // 2 :] = 1
    elif name == "false_positive":
        label[:] = families.get(name).labels.index("confirmed")
    full = {
        p.name: np.full(
            {
                "site": shape[:1],
                "season": shape[:2],
                "interval": (shape[0], shape[1] - 1),
                "visit": shape,
            }[p.level],
            values[p.name],
        )
        for p in family.parameters
    }
    rng = np.random.default_rng(seed)
    _, y = family.simulate({**full, "label": label}, np.ones(shape, bool), rng)
    y = y.reshape(n_site, n_season, each * n_visit)
    if family.joint:
        return surveys.from_arrays(
            {s: y[..., k * n_visit : (k + 1) * n_visit] for k, s in enumerate(SPECIES)}
        ), {}
    if family.observes != "detection":
        if family.observes == "time":
            return surveys.from_arrays(
                np.isfinite(y).astype(float), time=np.where(np.isfinite(y), y, np.nan)
            ), {}
        return surveys.from_arrays(**{family.observes: y}), {}
    if name == "integrated":
        method = np.array(["camera", "sign"])[label]
        return surveys.from_arrays(y, visit_covariates={"method": method}), {"by": "method"}
    return surveys.from_arrays(y), {}
