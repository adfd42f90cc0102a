"""Speed, as ratios measured in one run: JSON lines, one object for each figure.

    python scripts/benchmark.py                     everything, about ten minutes
    python scripts/benchmark.py gradient cold       some parts: gradient families nuts ml cold
                                                    group community

Peers that are not installed (numpyro, biolith) are left out and said so. Every figure is CPU time
of one thread unless it says wall, least of several repeats for kernels, one run for samplers.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from importlib.util import find_spec

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import benchmark_community
import benchmark_families
import numpy as np
import xarray as xr

import surveys
from occupancy.engines import ml, nuts
from occupancy.engines.compiled import CompiledDensity
from occupancy.model import Model

SIZES = {"S": (250, 4), "M": (2_000, 5), "L": (20_000, 5)}
GROUPS = 40


def tell(**figures) -> None:
    """One line of JSON, numbers to four digits."""
    rounded = {
        k: float(f"{v:.4g}") if isinstance(v, float | np.floating) else v
        for k, v in figures.items()
    }
    print(json.dumps(rounded), flush=True)


def simulate(n_site: int, n_visit: int, groups: int = 0, seed: int = 42) -> xr.Dataset:
    """Surveys with three coefficients for psi and three for p."""
    rng = np.random.default_rng(seed)
    x, v = rng.normal(size=(2, n_site)), rng.normal(size=(2, n_site, n_visit))
    eta = 0.3 + 0.8 * x[0] - 0.5 * x[1]
    region = rng.integers(0, groups, n_site) if groups else None
    if groups:
        eta += rng.normal(0, 0.9, groups)[region]
    z = rng.random(n_site) < 1 / (1 + np.exp(-eta))
    p = 1 / (1 + np.exp(0.4 - 0.6 * v[0] - 0.4 * v[1]))
    y = (rng.random(p.shape) < p) & z[:, None]
    return surveys.from_arrays(
        y.astype(float),
        site_covariates={"x1": x[0], "x2": x[1]},
        visit_covariates={"v1": v[0], "v2": v[1]},
        region=None if region is None else np.array([f"r{r:02d}" for r in region]),
    )


def model(data: xr.Dataset, groups: bool = False) -> Model:
    """The model of the benchmark, the same priors for every peer."""
    priors = {
        "psi": {"Intercept": "normal(0, 1.5)", "slopes": "normal(0, 1.5)"},
        "p": {"Intercept": "normal(0, 1.5)", "slopes": "normal(0, 1.5)"},
    }
    if groups:
        priors["psi"]["sd"] = "half_normal(1)"
    return Model(
        data, psi="x1 + x2" + (" + (1 | region)" if groups else ""), p="v1 + v2", priors=priors
    )


def least(call, seconds: float = 1.0) -> float:
    """Least time of one call in microseconds."""
    call()
    best, spent = np.inf, 0.0
    while spent < seconds:
        began = time.perf_counter()
        call()
        took = time.perf_counter() - began
        best, spent = min(best, took), spent + took
    return best * 1e6


# ------------------------------------------------------------------ gradient


def plain_graph(m: Model):
    """The same model as plain PyTensor, without our kernel: the peer to beat."""
    import pymc as pm
    import pytensor.tensor as pt

    problem = m.problem
    psi, p = problem.predictors.values()
    n_site, n_visit = problem.used.shape[1], problem.used.shape[3]
    x = problem.in_field_order(psi.columns).T
    signed = np.empty((len(p.terms), n_site * n_visit))
    at = problem.layout.visit_order
    signed[:, at] = p.columns * p.sign
    y = m.data["detection"].values[0, :, 0].astype(float)
    w = signed.reshape(len(p.terms), n_site, n_visit)
    with pm.Model() as plain:
        beta = pm.Normal("beta", 0, 1.5, shape=x.shape[1])
        alpha = pm.Normal("alpha", 0, 1.5, shape=len(p.terms))
        eta = pm.Data("x", x) @ beta
        if psi.groups:
            g = psi.groups[0]
            sd = pm.HalfNormal("sd", 1.0)
            u = pm.Normal("u", 0, 1, shape=g.n_level)
            eta = eta + sd * u[pm.Data("g", problem.in_field_order(g.level))]
        visit = pt.tensordot(alpha, pm.Data("w", w), axes=1)
        data = pm.Data("y", y)
        log_q = (data * -pt.softplus(-visit) + (1 - data) * -pt.softplus(visit)).sum(axis=1)
        log_present = -pt.softplus(-eta) + log_q
        seen = pm.Data("seen", (y.sum(axis=1) > 0).astype(float))
        both = pt.logaddexp(log_present, -pt.softplus(eta))
        pm.Potential("likelihood", pt.switch(pt.gt(seen, 0), log_present, both).sum())
    return plain


def nutpie_gradient(pymc_model):
    """The compiled log posterior with gradient that nutpie would call, as a Python callable."""
    import ctypes

    import nutpie

    compiled = nutpie.compile_pymc_model(pymc_model)
    double = ctypes.POINTER(ctypes.c_double)
    native = ctypes.CFUNCTYPE(
        ctypes.c_int64, ctypes.c_uint64, double, double, double, ctypes.c_void_p
    )(compiled.compiled_logp_func.address)
    n = compiled.n_dim
    x, g, v = np.full(n, 0.1), np.zeros(n), np.zeros(1)
    where = [a.ctypes.data_as(double) for a in (x, g, v)]
    data = compiled.user_data.ctypes.data
    return lambda: native(n, *where, data), compiled


def gradient() -> None:
    """Value and gradient of the log posterior: precompiled, as an Op, and the plain graph."""
    for name, (n, j) in SIZES.items():
        m = model(simulate(n, j))
        density = CompiledDensity(m.problem)
        x, g = density.start(np.random.default_rng(1)), np.zeros(density.size)
        from occupancy.kernel import fused

        arrays = list(density.arrays.values())
        link = int(m.problem.links[0])
        ours = least(lambda: fused.density(x, g, link, *arrays))  # noqa: B023
        op, _ = nutpie_gradient(m.pymc)
        as_op = least(op)
        peer, _ = nutpie_gradient(plain_graph(m))
        plain = least(peer)
        tell(
            what="gradient",
            case=name,
            sites=n,
            visits=j,
            precompiled_us=ours,
            op_us=as_op,
            plain_us=plain,
            ns_per_visit=ours * 1e3 / (n * j),
            plain_over_precompiled=plain / ours,
            plain_over_op=plain / as_op,
        )


# ------------------------------------------------------------------ samplers


def ess(dataset: xr.Dataset, names: list[str]) -> tuple[float, float]:
    """Least and median bulk effective sample size."""
    import arviz_stats as az

    values = np.concatenate([np.atleast_1d(az.ess(dataset)[n].values).ravel() for n in names])
    return float(values.min()), float(np.median(values))


def run(call) -> tuple[float, object]:
    """CPU seconds and answer."""
    began = time.process_time()
    answer = call()
    return time.process_time() - began, answer


def sampler_figures(case: str, m: Model, draws: int, peers: list[str]) -> None:
    """Effective draws per CPU second of ours and of every peer that is here."""
    import nutpie

    names = ["psi", "p"] + [n for n in ("psi_sd[region]",) if m.problem.has_groups]
    nuts.sample(m.problem, draws=50, tune=50, chains=1, cores=1)  # load the caches
    cpu, got = run(
        lambda: nuts.sample(m.problem, draws=draws, tune=draws, chains=4, cores=1, seed=1)
    )
    low, mid = ess(got.posterior, names)
    ours = low / cpu
    tell(
        what="nuts",
        case=case,
        engine="ours",
        draws=draws,
        cpu_s=cpu,
        ess_min=low,
        ess_median=mid,
        min_ess_per_s=ours,
    )
    plain_names = ["beta", "alpha"] + (["sd"] if m.problem.has_groups else [])
    if "plain" in peers:
        compiled = nutpie.compile_pymc_model(plain_graph(m))
        few = draws if m.problem.n_chain <= 2000 else 200
        cpu, tree = run(
            lambda: nutpie.sample(
                compiled, draws=few, tune=few, chains=2, cores=1, seed=1, progress_bar=False
            )
        )
        low, mid = ess(tree["posterior"].to_dataset()[plain_names], plain_names)
        tell(
            what="nuts",
            case=case,
            engine="nutpie, plain graph",
            draws=few,
            cpu_s=cpu,
            ess_min=low,
            min_ess_per_s=low / cpu,
            ratio=ours / (low / cpu),
        )
    if "pymc" in peers:
        import pymc as pm

        few = 500
        cpu, tree = run(
            lambda: pm.sample(
                few,
                tune=few,
                chains=2,
                cores=1,
                model=plain_graph(m),
                random_seed=1,
                progressbar=False,
                nuts_sampler="pymc",
                compute_convergence_checks=False,
            )
        )
        low, mid = ess(tree["posterior"].to_dataset()[plain_names], plain_names)
        tell(
            what="nuts",
            case=case,
            engine="pymc (compilation counted)",
            draws=few,
            cpu_s=cpu,
            ess_min=low,
            min_ess_per_s=low / cpu,
            ratio=ours / (low / cpu),
        )
    for peer in ("numpyro", "biolith"):
        if find_spec(peer) is None:
            tell(what="nuts", case=case, engine=peer, left_out="not installed")
            continue
        few = 1000 if m.problem.n_chain <= 250 else (500 if m.problem.n_chain <= 2000 else 150)
        if peer == "biolith" and m.problem.has_groups:
            continue
        cpu, low = (numpyro_peer if peer == "numpyro" else biolith_peer)(m, few)
        tell(
            what="nuts",
            case=case,
            engine=f"{peer} (compilation counted)",
            draws=few,
            cpu_s=cpu,
            ess_min=low,
            min_ess_per_s=low / cpu,
            ratio=ours / (low / cpu),
        )


def _arrays(m: Model):
    data = m.data
    x = np.stack([data[k].values for k in ("x1", "x2")], axis=1)
    w = np.stack([data[k].values[:, 0] for k in ("v1", "v2")], axis=2)
    return x, w, data["detection"].values[0, :, 0].astype(float)


def numpyro_peer(m: Model, draws: int) -> tuple[float, float]:
    """The same marginal model in numpyro."""
    import jax
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist

    numpyro.enable_x64()
    x, w, y = _arrays(m)
    groups = m.problem.predictors["psi"].groups
    level = m.problem.in_field_order(groups[0].level) if groups else None

    def program():
        b = numpyro.sample("beta", dist.Normal(0, 1.5).expand([3]))
        a = numpyro.sample("alpha", dist.Normal(0, 1.5).expand([3]))
        eta = b[0] + x @ b[1:]
        if level is not None:
            sd = numpyro.sample("sd", dist.HalfNormal(1.0))
            eta = eta + (sd * numpyro.sample("u", dist.Normal(0, 1).expand([GROUPS])))[level]
        visit = a[0] + w @ a[1:]
        log_q = jnp.where(y > 0, -jax.nn.softplus(-visit), -jax.nn.softplus(visit)).sum(1)
        present = -jax.nn.softplus(-eta) + log_q
        both = jnp.logaddexp(present, -jax.nn.softplus(eta))
        numpyro.factor("likelihood", jnp.where(y.sum(1) > 0, present, both).sum())

    def call():
        sampler = numpyro.infer.MCMC(
            numpyro.infer.NUTS(program),
            num_warmup=draws,
            num_samples=draws,
            num_chains=2,
            chain_method="sequential",
            progress_bar=False,
        )
        sampler.run(jax.random.PRNGKey(1))
        return sampler.get_samples(group_by_chain=True)

    cpu, got = run(call)
    kept = {k: v for k, v in got.items() if k != "u"}
    return cpu, _ess_of(kept)


def biolith_peer(m: Model, draws: int) -> tuple[float, float]:
    """biolith's own single-season model."""
    from biolith.models import occu
    from biolith.utils import fit

    x, w, y = _arrays(m)
    cpu, got = run(
        lambda: fit(
            occu,
            site_covs=x,
            obs_covs=w[:, None] if w.ndim == 3 else w,
            obs=y[None, :, None],
            num_chains=2,
            num_samples=draws,
            num_warmup=draws,
        )
    )
    samples = got.samples if hasattr(got, "samples") else got
    kept = {k: np.asarray(v) for k, v in samples.items() if "cov" in k or k in ("beta", "alpha")}
    kept = {k: v.reshape(2, draws, *v.shape[1:]) for k, v in kept.items()}
    return cpu, _ess_of(kept)


def _ess_of(samples) -> float:
    dataset = xr.Dataset(
        {
            k: (("chain", "draw", *[f"{k}_{i}" for i in range(np.ndim(v) - 2)]), np.asarray(v))
            for k, v in samples.items()
        }
    )
    return ess(dataset, list(samples))[0]


def nuts_sizes() -> None:
    """S, M and L without groups."""
    for name, (n, j) in SIZES.items():
        peers = ["plain", "pymc"] if name != "L" else ["plain"]
        sampler_figures(name, model(simulate(n, j)), 1000, peers)


def group() -> None:
    """1,000 sites in 40 regions: random intercept; and one random intercept for each site."""
    sampler_figures("R", model(simulate(1000, 5, GROUPS), True), 1000, ["plain", "pymc"])
    data = simulate(801, 3)
    square = np.array([f"q{i // 3:03d}" for i in range(801)])
    data = data.assign(region=("site", square))
    m = model(data, True)
    cpu, got = run(lambda: nuts.sample(m.problem, draws=1000, tune=1000, chains=4, cores=1, seed=1))
    low, mid = ess(got.posterior, ["psi", "p", "psi_sd[region]"])
    tell(
        what="nuts",
        case="267 groups of 3",
        engine="ours",
        cpu_s=cpu,
        ess_min=low,
        ess_median=mid,
        min_ess_per_s=low / cpu,
    )


# ------------------------------------------------------------------ maximum likelihood, cold start


def likelihood() -> None:
    """Maximum likelihood with standard errors: the climb alone, five starts, and the whole call."""
    for name, (n, j) in (SIZES | {"XL": (200_000, 5)}).items():
        data = simulate(n, j)
        m = model(data)
        from occupancy.engines.newton import Objective, climb

        objective = Objective(m.problem)
        zero = np.zeros(objective.size)
        one = least(lambda: climb(objective, zero), 0.5)  # noqa: B023
        five = least(lambda: ml.maximise(m.problem), 0.5)  # noqa: B023
        whole = least(lambda: model(data).fit(engine="ml"), 0.5)  # noqa: B023
        tell(
            what="ml",
            case=name,
            sites=n,
            visits=j,
            climb_ms=one / 1e3,
            three_starts_ms=five / 1e3,
            whole_call_ms=whole / 1e3,
        )


COLD = """
import time; t = time.perf_counter()
import numpy as np, surveys, occupancy
rng = np.random.default_rng(1)
y = ((rng.random((250, 4)) < .4) & (rng.random(250) < .6)[:, None]).astype(float)
fit = occupancy.Model(surveys.from_arrays(y), psi="1", p="1").fit(engine="{engine}", {more})
print(time.perf_counter() - t)
"""


def cold() -> None:
    """Wall seconds from a fresh process to a fit; and a second fit in the process."""
    for engine, more in (("ml", ""), ("nuts", "draws=2000, seed=1")):
        times = []
        for _ in range(3):
            done = subprocess.run(
                [sys.executable, "-c", COLD.format(engine=engine, more=more)],
                capture_output=True,
                text=True,
                check=True,
            )
            times.append(float(done.stdout))
        tell(what="cold start", engine=engine, wall_s=min(times), first_of_three_s=times[0])
    m = model(simulate(250, 4))
    nuts.sample(m.problem, draws=100, chains=1)
    m = model(simulate(300, 5, seed=3))
    cpu, _ = run(lambda: m.fit(draws=2000, cores=1))
    tell(what="second fit in a process", engine="nuts, 4 x 2000", cpu_s=cpu)


PARTS = {
    "gradient": gradient,
    "families": benchmark_families.main,
    "ml": likelihood,
    "cold": cold,
    "nuts": nuts_sizes,
    "group": group,
    "community": benchmark_community.main,
}


def main() -> None:
    """Run the parts asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("parts", nargs="*", default=list(PARTS), choices=list(PARTS))
    for part in parser.parse_args().parts:
        PARTS[part]()


if __name__ == "__main__":
    main()
