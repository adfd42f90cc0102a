"""Surveys and models whose terms that vary are proved by ranks: one entry for each kind of term.

Surveys are small: 24 sites of which every tenth was never visited, 40 % of the visits not made.
Each place to predict has a level, a season or coordinates that were never surveyed, where the kind
knows such.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from rank_settings import LONG, MISSING, ORDINARY
from ranks import Setting

import surveys

N_SITE = 24
EDGE = 6_000.0  # of the square in which sites lie, metres
CORNER = 4_000_000.0
# A ring of eight regions, of which two were never surveyed.
RING = {f"region {k + 1}": [f"region {(k + 1) % 8 + 1}"] for k in range(8)}


@dataclass(frozen=True)
class Term:
    """How a term is tried.

    Attributes
    ----------
    kind : of ``occupancy.varying``
    formulas : mapping
        {parameter: formula}
    new : {covariate: value}
    told : mapping
        Of the setting: bounds, and why.
    ordinary : bool
        Whether it is tried without being asked for.
    """

    kind: str
    formulas: Mapping[str, str]
    new: Mapping[str, Any] = field(default_factory=dict)
    seasons: tuple[float, ...] = (2001,)
    sites: int = N_SITE
    visits: int = 4
    species: int = 1
    family: str = "single_season"
    priors: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    told: Mapping[str, Any] = field(default_factory=dict)
    ordinary: bool = True


YEARS = (2001, 2002, 2003, 2005, 2006, 2009)
ALONG = {"seasons": YEARS, "family": "stacked", "sites": 12, "visits": 2}
HERE = {"easting": CORNER + 0.3 * EDGE, "northing": CORNER + 0.6 * EDGE}
BEYOND = {"easting": CORNER + 1.2 * EDGE, "northing": CORNER + 0.5 * EDGE}

TERMS = {
    "nested groups": Term(
        "group", {"psi": "(1 | region/park)"}, {"region": "region 2", "park": "new"}
    ),
    "crossed groups": Term(
        "group",
        {"psi": "(1 | region) + (1 | habitat)", "p": "(1 | observer)"},
        {"region": "new", "habitat": "bog", "observer": "new"},
    ),
    "slopes": Term(
        "group", {"psi": "x + (1 + x || region)"}, {"x": 1.5, "region": "new"}, ordinary=False
    ),
    "correlated slopes": Term(
        "correlated", {"psi": "x + (1 + x | region)"}, {"x": 1.5, "region": "new"}
    ),
    "three correlated": Term(
        "correlated",
        {"psi": "x + u + (1 + x + u | region)"},
        {"x": 1.5, "u": -1.0, "region": "region 2"},
        ordinary=False,
    ),
    "ar1": Term("ar1", {"psi": "ar1(season)"}, {"season": 2007}, **ALONG),
    "ar1 that is told": Term(
        "ar1",
        {"psi": "ar1(season)"},
        {"season": 2007},
        **ALONG,
        priors={"psi": {"sd": "lognormal(0.7, 0.2)", "rho": "beta(20, 2)"}},
        ordinary=False,
    ),
    "ar1 of groups": Term(
        "ar1",
        {"psi": "ar1(season | habitat)"},
        {"season": 2011, "habitat": "new"},
        **ALONG,
        ordinary=False,
    ),
    "rw": Term("rw", {"psi": "rw(season)"}, {"season": 2010}, **ALONG),
    "rw of order 2": Term(
        "rw", {"psi": "rw(season, order=2)"}, {"season": 2004}, **ALONG, ordinary=False
    ),
    "rw of groups": Term(
        "rw",
        {"psi": "rw(season | habitat)"},
        {"season": 2004, "habitat": "new"},
        **ALONG,
        ordinary=False,
    ),
    "spline": Term("spline", {"psi": "spline(x, basis=6)"}, {"x": 2.5}),
    "spline of groups": Term(
        "spline",
        {"psi": "spline(x, basis=5) + spline(x | habitat, basis=5)"},
        {"x": 0.3, "habitat": "new"},
        ordinary=False,
    ),
    "cyclic": Term("cyclic", {"p": "cyclic(day, period=365, harmonics=3)"}, {"day": 350.0}),
    "cyclic of groups": Term(
        "cyclic",
        {"p": "cyclic(day | observer, period=365, harmonics=2)"},
        {"day": 350.0, "observer": "new"},
        ordinary=False,
    ),
    "waves": Term("space", {"psi": "space(basis=5)"}, HERE),
    "waves beyond": Term("space", {"psi": "x + space(basis=8)"}, {"x": 0.5} | BEYOND,
                         sites=40, ordinary=False),
    "many waves": Term("space", {"psi": "x + space(basis=14)"}, {"x": 0.5} | BEYOND,
                       ordinary=False),
    "slope in space": Term(
        "space", {"psi": "x + space(x, basis=5)"}, {"x": 1.5} | HERE, ordinary=False
    ),
    "icar": Term("icar", {"psi": "icar(region)"}, {"region": "region 8"}),
    "bym2": Term("bym2", {"psi": "bym2(region)"}, {"region": "region 8"}),
    "community": Term(
        "group",
        {"psi": "x", "p": "1"},
        {"x": 1.5, "species": "species 2"},
        sites=15,
        visits=3,
        species=5,
        options={"community": "species"},
    ),
    "colonisation": Term(
        "ar1",
        {"gamma": "ar1(season) + (1 | region)", "p": "(1 | region)"},
        {"region": "new"},
        seasons=tuple(range(2001, 2006)),
        family="dynamic",
        visits=3,
        ordinary=False,
    ),
}  # fmt: skip


def pattern(term: Term, seed: int = 20) -> xr.Dataset:
    """Surveys in which nothing was seen yet."""
    rng = np.random.default_rng(seed)
    shape = (term.sites, len(term.seasons), term.visits)
    made = rng.random(shape) >= MISSING
    made[9::10] = False
    seen = np.where(made, 0.0, np.nan)
    site = np.arange(term.sites)
    out = surveys.from_arrays(
        {f"species {k + 1}": seen for k in range(term.species)},
        site_covariates={
            "x": rng.normal(size=term.sites),
            "u": rng.normal(size=term.sites),
            "park": np.array([f"park {k % 3}" for k in site // 6], dtype=object),
            "habitat": rng.choice(np.array(["oak", "pine", "bog", "fen"], object), term.sites),
        },
        visit_covariates={
            "day": rng.integers(60, 300, shape).astype(float),
            "observer": rng.choice(np.array(list("abcde"), object), shape),
        },
        coordinates={
            name: CORNER + rng.uniform(0, EDGE, term.sites) for name in ("easting", "northing")
        },
        crs="EPSG:3035",
        region=np.array([f"region {k % 6 + 1}" for k in site]),
        neighbours=RING,
    )
    return out.assign_coords(season=list(term.seasons))


def setting(name: str, kind: str = "ordinary") -> Setting:
    """A term's setting: "ordinary" or "long"."""
    term = TERMS[name]
    model = {"family": term.family, "priors": term.priors, **term.options, **term.formulas}
    effort = ORDINARY if kind == "ordinary" else LONG
    return Setting(pattern(term), model, term.new, **{**effort, **term.told})
