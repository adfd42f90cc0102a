"""A community of 50 species at 300 sites with 4 visits: effective draws per CPU second.

psi has an elevation and p a date, both with levels and slopes of species: four means, four sds,
200 effects. Part "community" of scripts/benchmark.py, which sets one thread.
"""

from __future__ import annotations

import json
import time

import numpy as np
import xarray as xr

import surveys
from occupancy.engines import nuts
from occupancy.engines.compiled import CompiledDensity
from occupancy.model import Model

SPECIES, SITES, VISITS = 50, 300, 4
WATCHED = ("psi", "p", "psi_sd[species]", "psi_sd[elev|species]", "p_sd[species]")


def simulate(seed: int = 42) -> xr.Dataset:
    """Species of mean psi 0.4 and mean p 0.35, sd 1 of both on the logit."""
    rng = np.random.default_rng(seed)
    elev, date = rng.normal(size=SITES), rng.normal(size=(SITES, VISITS))
    level, slope = rng.normal(-0.4, 1.0, SPECIES), rng.normal(0.5, 0.6, SPECIES)
    seen, season = rng.normal(-0.6, 1.0, SPECIES), rng.normal(0.2, 0.3, SPECIES)
    psi = 1 / (1 + np.exp(-(level[:, None] + slope[:, None] * elev)))
    p = 1 / (1 + np.exp(-(seen[:, None, None] + season[:, None, None] * date)))
    z = rng.random(psi.shape) < psi
    y = (rng.random(p.shape) < p) & z[:, :, None]
    y = xr.DataArray(
        y[:, :, None].astype(float),
        dims=("species", "site", "season", "visit"),
        coords={"species": [f"sp{i:02d}" for i in range(SPECIES)]},
    )
    return surveys.from_arrays(y, site_covariates={"elev": elev}, visit_covariates={"date": date})


def main(draws: int = 1000) -> None:
    """One line for the gradient and one for the sampler."""
    model = Model(
        simulate(),
        psi="elev + (1 + elev || species)",
        p="date + (1 + date || species)",
    )
    problem = model.problem
    density = CompiledDensity(problem)
    at = np.random.default_rng(1).normal(0, 0.1, density.size)
    density(at)
    best = np.inf
    for _ in range(200):
        began = time.perf_counter()
        density(at)
        best = min(best, time.perf_counter() - began)
    _tell(what="gradient", case="community", us=best * 1e6, visits=problem.y.size)
    nuts.sample(problem, draws=20, tune=20, chains=1, cores=1)  # load the caches
    began = time.process_time()
    got = nuts.sample(problem, draws=draws, tune=draws, chains=4, cores=1, seed=1)
    cpu = time.process_time() - began
    low = _least_ess(got.posterior)
    _tell(
        what="nuts",
        case=f"community {SPECIES} x {SITES} x {VISITS}",
        engine="ours",
        draws=draws,
        cpu_s=cpu,
        ess_min=low,
        min_ess_per_s=low / cpu,
        divergences=int(got.sample_stats["diverging"].sum()),
    )


def _least_ess(posterior: xr.Dataset) -> float:
    import arviz_stats as az

    told = az.ess(posterior[list(WATCHED)])
    return float(min(np.min(told[name].values) for name in WATCHED))


def _tell(**figures) -> None:
    rounded = {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in figures.items()}
    print(json.dumps(rounded), flush=True)


if __name__ == "__main__":
    main()
