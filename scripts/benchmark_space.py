"""Speed of spatial fields: JSON lines, one object for each fit.

    python scripts/benchmark_space.py                  2,500 and 10,000 sites x 5 visits, on a grid
    python scripts/benchmark_space.py 2500 --scattered --kinds hsgp nngp
    python scripts/benchmark_space.py --kinds hsgp --basis 15

CPU seconds of one core, two chains one after the other, warm-up included and as long as the draws.
`ess` are bulk effective draws (least over slopes), `per_second` the same by CPU second, and
`correlation` is that of the posterior mean of the field with the field that was simulated.

spOccupancy's spPGOcc is recorded with 17 and 20 effective draws of the slopes a second for 2,500
sites, on a machine where the yardstick, a plain scalar gradient of 2,000 x 5 visits, takes 217 us.
`recorded_elsewhere` is what these figures are worth on a machine as fast as this one.
"""

from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import xarray as xr
from benchmark import least, tell
from numba import njit

import surveys
from occupancy.engines import nuts
from occupancy.engines.joined import density_of
from occupancy.model import Model

RANGE_KM, SD, WIDTH_KM, WAVES = 60.0, 1.0, 100.0, 2000
VISITS = 5
RECORDED, YARDSTICK_US = (17.0, 20.0), 217.0


def simulate(n: int, scattered: bool, seed: int = 7) -> tuple[xr.Dataset, np.ndarray]:
    """Sites in a square of 100 km with a Matern 3/2 field, and the field.

    The field is a sum of random waves, whose frequencies have the spectral density of the field.
    """
    rng = np.random.default_rng(seed)
    if scattered:
        at = rng.uniform(0, WIDTH_KM, (n, 2))
    else:
        side = (np.arange(round(n**0.5)) + 0.5) * WIDTH_KM / round(n**0.5)
        at = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    n = len(at)
    length = RANGE_KM / 2.738871456692
    frequency = rng.normal(size=(WAVES, 2)) / length
    frequency /= np.sqrt(rng.gamma(1.5, 1 / 1.5, WAVES))[:, None]
    field = np.zeros(n)
    for w, phase in zip(frequency, rng.uniform(0, 2 * np.pi, WAVES), strict=True):
        field += np.cos(at @ w + phase)
    field *= SD * np.sqrt(2 / WAVES)
    x, v = rng.normal(size=(2, n)), rng.normal(size=(2, n, VISITS))
    psi = 1 / (1 + np.exp(-(0.3 + 0.8 * x[0] - 0.5 * x[1] + field)))
    p = 1 / (1 + np.exp(0.4 - 0.6 * v[0] - 0.4 * v[1]))
    y = (rng.random(p.shape) < p) & (rng.random(n) < psi)[:, None]
    metres = 1000 * at
    data = surveys.from_arrays(
        y.astype(float),
        site_covariates={"x1": x[0], "x2": x[1]},
        visit_covariates={"v1": v[0], "v2": v[1]},
        coordinates={"easting": 4e6 + metres[:, 0], "northing": 3e6 + metres[:, 1]},
        crs="EPSG:3035",
    )
    return data, field


def fit(n: int, scattered: bool, kind: str, draws: int, basis: int | None) -> None:
    """Sample one model and tell its figures."""
    import arviz as az

    data, field = simulate(n, scattered)
    began = time.process_time()
    size = f", basis={basis}" if basis and kind == "hsgp" else ""
    problem = Model(data, psi=f'x1 + x2 + space(kind="{kind}"{size})', p="v1 + v2").problem
    density = density_of(problem)
    prepared = time.process_time() - began
    x = density.start(np.random.default_rng(1))
    gradient = least(lambda: density(x))
    began = time.process_time()
    got = nuts.sample(problem, draws=draws, tune=draws, chains=2, cores=1, seed=3)
    cpu = time.process_time() - began
    posterior = got.posterior
    worth = az.ess(posterior[["psi", "p", "psi_sd[space()]", "psi_range[space()]"]])
    ess = {
        "slopes": float(worth["psi"].values[1:].min()),
        "intercept": float(worth["psi"].values[0]),
        "p": float(worth["p"].values.min()),
        "sd": float(worth["psi_sd[space()]"]),
        "range": float(worth["psi_range[space()]"]),
    }
    (term,) = problem.predictors["psi"].varying
    weights = posterior["psi_effect[space()]"].values.reshape(-1, term.design.n_weight)
    effect = term.design.at_levels(np.empty((len(weights), 2)), weights).mean(axis=0)
    mean = problem.in_field_order(effect[term.faces[0].index])
    tell(
        kind=kind,
        sites=len(field),
        scattered=scattered,
        sampled=term.design.n_raw,
        us_per_gradient=gradient,
        prepare_s=prepared,
        cpu_s=cpu,
        gradients_per_draw=float(got.sample_stats["n_steps"].mean()),
        divergences=int(got.sample_stats["diverging"].sum()),
        correlation=float(np.corrcoef(mean, field)[0, 1]),
        sd=float(posterior["psi_sd[space()]"].mean()),
        range_km=float(posterior["psi_range[space()]"].mean()),
        **{f"ess_{k}": v for k, v in ess.items()},
        **{f"per_second_{k}": v / cpu for k, v in ess.items()},
    )


@njit
def plain_gradient(eta_psi, eta_p, seen, slope_psi, slope_p):
    """Log-likelihood and gradient as one would first write them: no vectors, library functions."""
    total = 0.0
    for i in range(eta_psi.size):
        together, any_seen = 0.0, False
        for j in range(seen.shape[1]):
            share, kept, lost = told_by(eta_p[i, j])
            any_seen |= seen[i, j]
            together += kept if seen[i, j] else lost
            slope_p[i, j] = 1.0 - share if seen[i, j] else -share
        psi, present, absent = told_by(eta_psi[i])
        present += together
        slope_psi[i] = 1.0 - psi
        if not any_seen:
            most = max(present, absent)
            value = most + np.log1p(np.exp(min(present, absent) - most))
            here = np.exp(present - value)
            slope_psi[i] = here - psi
            for j in range(seen.shape[1]):
                slope_p[i, j] *= here
            present = value
        total += present
    return total


@njit
def told_by(eta):
    """A probability from its logit, its logarithm, and that of its complement."""
    a = np.exp(-abs(eta))
    low = np.log1p(a)
    if eta > 0:
        return 1.0 / (1.0 + a), -low, -eta - low
    return a / (1.0 + a), eta - low, -low


def yardstick() -> None:
    """How fast this machine runs plain scalar code, beside the one of spPGOcc's record."""
    rng = np.random.default_rng(1)
    eta_psi, eta_p = rng.normal(size=2000), rng.normal(size=(2000, VISITS))
    seen = (rng.random(eta_p.shape) < 0.4) & (rng.random(2000) < 0.5)[:, None]
    slopes = np.empty_like(eta_psi), np.empty_like(eta_p)
    took = least(lambda: plain_gradient(eta_psi, eta_p, seen, *slopes))
    tell(yardstick_us=took, recorded_elsewhere=[r * YARDSTICK_US / took for r in RECORDED])


if __name__ == "__main__":
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("sites", nargs="*", type=int, default=[2_500, 10_000])
    ask.add_argument("--scattered", action="store_true", help="no two sites share a northing")
    ask.add_argument("--kinds", nargs="+", default=["hsgp", "nngp"], choices=["hsgp", "nngp"])
    ask.add_argument("--draws", type=int, default=300)
    ask.add_argument("--basis", type=int, help="waves along each side, instead of the usual")
    given = ask.parse_args()
    yardstick()
    for size in given.sites:
        for chosen in given.kinds:
            fit(size, given.scattered, chosen, given.draws, given.basis)
