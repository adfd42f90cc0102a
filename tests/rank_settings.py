"""Surveys and models whose posteriors are proved by ranks: one entry for each family.

Every family has 60 sites, or 40 where its likelihood takes longer. 40 % of the visits were not
made, and every tenth site was never surveyed. There is one covariate of the sites, on the first
parameter, and priors are the defaults unless the entry says why not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from ranks import Setting

import surveys

N_REGION = 10
MISSING = 0.4
ORDINARY = {"draws": 80, "tune": 120, "most": 39}
LONG = {"draws": 150, "tune": 200, "most": 63}


@dataclass(frozen=True)
class Entry:
    """How a family is tried.

    Attributes
    ----------
    formulas, priors, options : mapping
        What the model is told beyond its family.
    rare : {parameter: prior of the intercept}
        What makes the species rare.
    observed : "detection", "count", "score" or "time"
    labels : {covariate: labels of the visits}
    """

    sites: int = 60
    seasons: int = 1
    visits: int = 4
    species: int = 1
    formulas: Mapping[str, str] = field(default_factory=dict)
    priors: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    rare: Mapping[str, str] = field(default_factory=dict)
    observed: str = "detection"
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    effort: bool = False
    told: Mapping[str, Any] = field(default_factory=dict)


RARE = {"psi": "normal(-2.2, 0.5)", "p": "normal(-1.7, 0.5)"}  # psi about 0.1, p about 0.15

# The defaults allow a million individuals at the best of the sites, where every visit detects, and
# a simulation is one of numbers that nobody surveys. Here a site holds 2, or 10 at most.
NUMBERS = {"lam": {"Intercept": "normal(0.5, 0.7)", "slopes": "normal(0, 0.5)"}}

ENTRIES = {
    "single_season": Entry(formulas={"psi": "x", "p": "w"}, rare=RARE),
    "dynamic": Entry(seasons=3, visits=3, formulas={"psi": "x", "gamma": "x"}, rare=RARE),
    "autologistic": Entry(sites=40, seasons=3, visits=3, formulas={"psi": "x"}, rare=RARE),
    "stacked": Entry(sites=40, seasons=3, visits=3, formulas={"psi": "x"}, rare=RARE),
    "multi_scale": Entry(sites=40, seasons=3, visits=3, formulas={"psi": "x"}, rare=RARE),
    "multi_state": Entry(
        sites=40,
        visits=5,
        formulas={"psi": "x"},
        # State 2 that is hardly ever shown, and state 1, are two names for sites of high and of
        # low detection, which may trade places: two answers. A state 2 that shows has one.
        priors={"delta": {"Intercept": "normal(1, 0.7)"}},
        rare={"psi": RARE["psi"], "p1": RARE["p"], "p2": RARE["p"]},
    ),
    "correlated": Entry(sites=40, formulas={"psi": "x"}, rare=RARE),
    "phenology": Entry(sites=40, formulas={"psi": "x"}, rare=RARE),
    "royle_nichols": Entry(
        formulas={"lam": "x"},
        priors=NUMBERS,
        rare={"lam": "normal(-2.2, 0.5)", "r": RARE["p"]},
    ),
    "n_mixture": Entry(
        observed="count",
        formulas={"lam": "x"},
        priors=NUMBERS,
        rare={"lam": "normal(-2.2, 0.5)", "p": RARE["p"]},
    ),
    "counts": Entry(
        observed="count",
        effort=True,
        formulas={"psi": "x"},
        rare={"psi": RARE["psi"], "rate": "normal(-1.7, 0.5)"},
    ),
    "time_to_detection": Entry(
        observed="time",
        effort=True,
        formulas={"psi": "x"},
        rare={"psi": RARE["psi"], "rate": "normal(-1.7, 0.5)"},
    ),
    "scores": Entry(
        sites=40,
        observed="score",
        formulas={"psi": "x"},
        # Two normals whose widths are free over a factor of 20, and whose means may be as near as
        # nothing, trade places: narrow calls in wide noise for wide calls around narrow noise.
        # Classifiers whose scores are worth a model tell the two apart by a few sds.
        priors={
            "gap": {"Intercept": "normal(1.1, 0.3)"},
            "sigma0": {"Intercept": "normal(0, 0.3)"},
            "sigma1": {"Intercept": "normal(0, 0.3)"},
        },
        rare=RARE,
    ),
    "false_positive": Entry(
        formulas={"psi": "x"},
        labels={"visit_type": ("standard", "unconfirmed", "confirmed")},
        rare={"psi": RARE["psi"], "p11": RARE["p"]},
    ),
    "interacting": Entry(
        sites=40,
        species=2,
        formulas={"f[species 1]": "x"},
        rare={"f": RARE["psi"], "p": RARE["p"]},
    ),
    "integrated": Entry(
        formulas={"psi": "x"},
        labels={"method": ("camera", "transect")},
        rare=RARE,
    ),
}


# Terms that vary with structure; what they stand in is as simple as can be.
def pattern(entry: Entry, seed: int = 20) -> xr.Dataset:
    """Surveys in which nothing was seen yet."""
    rng = np.random.default_rng(seed)
    shape = (entry.species, entry.sites, entry.seasons, entry.visits)
    made = rng.random(shape[1:]) >= MISSING
    made[9::10] = False
    seen = np.where(made, 0.0, np.nan)
    visit_covariates: dict[str, np.ndarray] = {"w": rng.normal(size=shape[1:])}
    for name, labels in entry.labels.items():
        visit_covariates[name] = rng.choice(np.array(labels, dtype=object), size=shape[1:])
    own: dict[str, Any] = {"detection": np.broadcast_to(seen, shape)}
    if entry.species > 1:
        own = {"detection": {f"species {k + 1}": seen for k in range(entry.species)}}
    if entry.observed != "detection":
        nothing = np.where(made, np.inf, np.nan) if entry.observed == "time" else seen
        own = {entry.observed: nothing[None]}
    return surveys.from_arrays(
        **own,
        site_covariates={"x": rng.normal(size=entry.sites)},
        visit_covariates=visit_covariates,
        effort=np.where(made, rng.uniform(0.5, 2.0, shape[1:]), 0.0) if entry.effort else None,
        region=np.array([f"region {k % N_REGION + 1}" for k in range(entry.sites)]),
    )


def first_parameter(entry: Entry) -> str:
    """The parameter that has the covariate of the sites."""
    return next(iter(entry.formulas))


def setting(family: str, kind: str = "ordinary") -> Setting:
    """A family's setting: "ordinary", "rare" or "regions"."""
    entry = ENTRIES[family]
    formulas = dict(entry.formulas)
    priors = {k: dict(v) for k, v in entry.priors.items()}
    if kind == "rare":
        for name, prior in entry.rare.items():
            priors[name] = {**priors.get(name, {}), "Intercept": prior}
    if kind == "regions":
        first = first_parameter(entry)
        formulas[first] = f"{formulas[first]} + (1 | region)"
    model = {"family": family, "priors": priors, **entry.options, **formulas}
    new = {"x": 1.5, "region": "region 2"}
    effort = ORDINARY if kind == "ordinary" else LONG
    return Setting(pattern(entry), model, new, **{**effort, **entry.told})
