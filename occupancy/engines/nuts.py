"""The No-U-Turn sampler: nutpie on the precompiled density, or on the PyMC model.

Draws are counted after sampling: an interrupted sampler returns short or padded chains as if
nothing had happened, so every chain is cut to what was really drawn and the fit says PARTIAL.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import xarray as xr

from occupancy.engines.compiled import slots
from occupancy.engines.coordinates import varying_terms
from occupancy.engines.joined import density_of
from occupancy.problem import Problem
from occupancy.varying.base import USUAL_STEPS
from surveys.problems import ModelError

Route = Literal["precompiled", "pymc"]
KEPT = ("diverging", "energy", "n_steps", "depth", "step_size", "maxdepth_reached")


@dataclass(frozen=True)
class Draws:
    """What a sampler gave.

    Attributes
    ----------
    posterior : xr.Dataset
        Dims chain, draw, and one dim for each vector.
    asked : (chains, draws)
    got : int per chain
        Draws really made by each chain.
    """

    posterior: xr.Dataset
    sample_stats: xr.Dataset
    asked: tuple[int, int]
    got: list[int]
    route: Route
    seconds: float
    interrupted: bool

    @property
    def partial(self) -> bool:
        """Fewer chains or draws than asked."""
        return len(self.got) < self.asked[0] or min(self.got, default=0) < self.asked[1]


def sample(
    problem: Problem,
    *,
    draws: int = 1000,
    tune: int = 500,
    chains: int = 4,
    cores: int | None = None,
    seed: int = 1,
    target_accept: float | None = None,
    progress=None,
    route: Route | None = None,
    graph: Callable | None = None,
) -> Draws:
    """Sample the posterior.

    Parameters
    ----------
    progress
        Has ``start(chains, draws, tune)``, ``update(chain, drawn, divergences, tuning,
        seconds)`` and ``finish()``.
    target_accept : float
        Higher means smaller steps and fewer divergences; by default what varies says what it
        needs (``Varying.acceptance``).
    route : "precompiled" or "pymc"
        The precompiled density where it serves, by default.
    graph : callable
        Makes the PyMC model, for the route "pymc".

    Raises
    ------
    KeyboardInterrupt
        Stopped before the first draw.
    """
    import nutpie

    chosen: Route = route or "precompiled"
    if chosen == "precompiled":
        try:
            model = precompiled_model(problem)
        except (ImportError, AttributeError, TypeError) as error:
            # nutpie's model class is not a public promise: where it changed, the PyMC model serves
            if graph is None or route == "precompiled":
                raise
            chosen = "pymc"
            if progress is not None:
                progress.note(f"The precompiled density could not be bound ({error}).")
    if chosen == "pymc":
        if graph is None:
            raise ValueError("route 'pymc' needs the PyMC model")
        model = nutpie.compile_pymc_model(graph())
    settings = {
        "draws": draws,
        "tune": tune,
        "chains": chains,
        "cores": cores or _cores(chains),
        "seed": seed,
        "target_accept": target_accept or _target_accept(problem),
        "progress_bar": False,
        "save_warmup": False,
    }
    began = time.perf_counter()
    tree, interrupted = _run(nutpie, model, settings, progress, began)
    seconds = time.perf_counter() - began
    posterior = tree["posterior"].to_dataset()
    stats = tree["sample_stats"].to_dataset()
    stats = stats[[v for v in KEPT if v in stats]]
    if chosen == "pymc":
        posterior = posterior[[s.name for s in slots(problem)]]
    else:
        told = zip(plain_names(problem), slots(problem), strict=True)
        posterior = posterior.rename({plain: slot.name for plain, slot in told})
    posterior, stats, got = _cut(posterior, stats)
    if not posterior.sizes["draw"]:
        if interrupted:  # nothing to keep, and what was kept before stays
            raise KeyboardInterrupt
        raise ModelError(
            "The sampler gave no draw that is a number. State proper priors: flat() leaves what "
            "the data do not tell without bounds."
        )
    return Draws(
        _named(problem, posterior), stats, (chains, draws), got, chosen, seconds, interrupted
    )


def _target_accept(problem: Problem) -> float:
    """As small steps as the most delicate of what varies needs."""
    wanted = [t.design.acceptance for _, t in varying_terms(problem)]
    return max(wanted, default=USUAL_STEPS)


def _cores(chains: int) -> int:
    import os

    return max(
        1,
        min(
            chains,
            len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else os.cpu_count() or 1,
        ),
    )


def _run(nutpie, model, settings, progress, began):
    """Sample in the background, so that progress is told and an interrupt is heard at once."""
    told = None
    if progress is not None:
        progress.start(settings["chains"], settings["draws"], settings["tune"])
        told = _teller(progress, settings, began)
    stop = threading.Event()
    with _interrupts(stop):
        sampler = nutpie.sample(
            model, **settings, blocking=False, progress_callback=told, progress_rate=200
        )
        interrupted = False
        while True:
            try:
                tree = sampler.wait(timeout=0.2)
                break
            except TimeoutError:
                if stop.is_set():
                    interrupted = True
                    tree = sampler.abort()
                    break
    if progress is not None:
        progress.finish()
    return tree, interrupted


def _teller(progress, settings, began):
    def told(*news):
        for chain, state in enumerate(news[-1] if isinstance(news[-1], list) else []):
            done = state.finished_draws
            progress.update(
                chain,
                max(done - settings["tune"], 0),
                state.divergences,
                done < settings["tune"],
                time.perf_counter() - began,
            )

    return told


class _interrupts:
    """INT and TERM set a flag instead of killing the sampler; only in the main thread."""

    def __init__(self, stop: threading.Event):
        self.stop = stop
        self.before: dict[int, object] = {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self.before[number] = signal.signal(number, self._heard)
        return self

    def _heard(self, number, frame) -> None:
        if self.stop.is_set():
            raise KeyboardInterrupt
        self.stop.set()

    def __exit__(self, *problem) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)


def _cut(posterior: xr.Dataset, stats: xr.Dataset):
    """Drop padding: a draw counts where every value of it is a number.

    Chains are cut to a common length. One that hardly began (with fewer cores than chains the
    last start late) is left out where the others hold more draws without it.
    """
    n_chain, n_draw = posterior.sizes["chain"], posterior.sizes["draw"]
    good = np.ones((n_chain, n_draw), dtype=bool)
    for values in posterior.data_vars.values():
        size = int(np.prod(values.shape[2:], dtype=int))
        good &= np.isfinite(values.values).reshape(n_chain, n_draw, size).all(axis=2)
    got = [int(row.argmin()) if not row.all() else row.size for row in good]
    longest = sorted(got, reverse=True)
    common = max(longest, key=lambda n: n * sum(g >= n for g in got), default=0)
    kept = {"chain": [c for c, g in enumerate(got) if g >= common], "draw": slice(common)}
    return posterior.isel(kept), stats.isel(kept), got


def plain_names(problem: Problem) -> list[str]:
    """Names of the slots as nutpie may read them: it takes a comma for the end of a name."""
    return [f"slot{i}" for i in range(len(slots(problem)))]


def precompiled_model(problem: Problem):
    """nutpie's model around the native density, with this problem's data behind the pointer."""
    import pandas as pd
    from nutpie.compile_pymc import CompiledPyMCModel

    density = density_of(problem)
    native_density, native_expand = density.native()
    named = slots(problem)
    names = plain_names(problem)
    shapes = [(s.size,) for s in named]
    ends = np.cumsum([0, *[s.size for s in named]])
    parts = [slice(int(a), int(b)) for a, b in pairwise(ends)]
    return CompiledPyMCModel(
        dims={},
        _coords={"unconstrained_parameter": pd.RangeIndex(density.size)},
        _shapes=dict(zip(names, shapes, strict=True)),
        _n_dim=density.size,
        compiled_logp_func=native_density,
        compiled_expand_func=native_expand,
        initial_point_func=lambda seed: density.start(np.random.default_rng(seed)),
        shared_data={"density": density},  # keeps the arrays alive
        shared_var_keys={},
        user_data=density.header(),
        n_expanded=int(ends[-1]),
        shape_info=(names, parts, shapes),
        logp_func=None,
        expand_func=None,
        reparameterized_names=[],
    )


def _named(problem: Problem, posterior: xr.Dataset) -> xr.Dataset:
    """The same draws with the names of terms and levels on their dims."""
    out = {}
    coords: dict[str, object] = {
        "chain": np.arange(posterior.sizes["chain"]),
        "draw": np.arange(posterior.sizes["draw"]),
    }
    for slot in slots(problem):
        values = posterior[slot.name].values
        predictor = problem.predictors[slot.predictor]
        if slot.kind == "coefficients":
            dim = f"{slot.name}_term"
            coords[dim] = np.array(predictor.terms, dtype=object)
        elif slot.kind == "hyper":
            out[slot.name] = (("chain", "draw"), values.reshape(values.shape[:2]))
            continue
        else:
            dim = f"{slot.predictor}_level[{slot.term}]"
            term = next(t for t in predictor.varying if t.name == slot.term)
            coords[dim] = np.array(term.design.labels, dtype=object)
        out[slot.name] = (("chain", "draw", dim), values)
    return xr.Dataset(out, coords=coords)
