"""Gradients of the families on linear predictors, in one run: JSON lines.

    python scripts/benchmark_families.py            about a minute; also `benchmark.py families`

Every figure is the least of many repeats on one thread: log-likelihood of every site and the
gradient of every predictor. Beside them stands what one vectorised exponential costs on this
machine, for a visit needs at least one and a division: on a machine with wider vectors all of
them fall together.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import numpy as np
from numba import njit

from occupancy import families
from occupancy.families import single_season
from occupancy.families.base import Family, Observed
from occupancy.families.padded import LINK_CODES, tables_size
from occupancy.kernel.layout import make_layout
from occupancy.kernel.simd import FAST, vexp

SINGLE = {"S": (250, 4), "M": (2_000, 5), "L": (20_000, 5), "XL": (200_000, 5)}
OTHERS = {  # seasons and visits at 2,000 sites
    "single_season": (1, 5),
    "dynamic": (5, 4),
    "autologistic": (5, 4),
    "stacked": (5, 4),
    "multi_scale": (5, 4),
    "multi_state": (1, 5),
    "counts": (1, 5),
    "time_to_detection": (1, 5),
    "false_positive": (1, 5),
    "scores": (1, 5),
    "royle_nichols": (1, 5),
    "n_mixture": (1, 5),
}


def tell(**figures) -> None:
    """One line of JSON, numbers to four digits."""
    rounded = {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in figures.items()}
    print(json.dumps(rounded), flush=True)


def least(call: Callable[[], object], seconds: float = 1.5) -> float:
    """Least CPU time of one call in nanoseconds."""
    call()
    best, until = np.inf, time.perf_counter() + seconds
    while time.perf_counter() < until:
        began = time.perf_counter_ns()
        call()
        best = min(best, time.perf_counter_ns() - began)
    return float(best)


@njit(fastmath=FAST, error_model="numpy")
def _exponentials(x, out):
    for i in range(x.size):
        out[i] = vexp(x[i])


def exponential() -> float:
    """Nanoseconds of one exponential in a vectorised loop in cache."""
    x, out = np.linspace(-3, 3, 4096), np.empty(4096)
    return least(lambda: _exponentials(x, out), 0.5) / x.size


def problem_of(
    family: Family, n_site: int, n_season: int, n_visit: int, mean: float = 0.0, kernel=None
):
    """A call of the kernel on random predictors and data, and the number of visits."""
    rng = np.random.default_rng(42)
    steps = n_season if family.steps == "season" else n_visit
    counts = np.full((n_site, steps), n_visit if family.steps == "season" else 1)
    layout = make_layout(counts, tables_size(family, steps))
    n = int(counts.sum())
    chain = layout.place_of_visit
    here = rng.random(n_site) < 0.55
    seen = (rng.random(n) < 0.35) & here[chain]
    y = np.where(seen, 1.0, 0.0)
    if family.observes == "score":
        y = rng.normal(size=n) + seen
    if family.observes == "time":
        y = np.where(seen, rng.random(n), np.inf)
    observed = Observed(
        y,
        seen,
        np.ones(n),
        chain,
        layout.step_of_visit(),
        np.full(n, min(1, max(len(family.labels) - 1, 0))),
        np.zeros(n_site, bool),
        steps,
    )
    rows = {"site": n_site, "season": n_site * steps, "interval": n_site * (steps - 1), "visit": n}
    sizes = [rows[p.level] for p in family.parameters]
    start = np.cumsum([0, *sizes]).astype(np.int64)
    eta = 0.5 * rng.normal(size=start[-1])
    eta[: start[1]] += mean
    by_visit, by_chain = (np.ascontiguousarray(a) for a in family.data(observed))
    links = np.array([LINK_CODES[p.links[0]] for p in family.parameters], np.int64)
    k = family.n_state
    out = np.empty(eta.size), np.empty(n_site), np.empty((steps, k, 0 if family.states else n_site))
    pairs = np.empty((steps - 1, k, k, 0))
    chosen = family.kernel if kernel is None else kernel

    def call():
        return chosen(
            links, eta, start, by_visit, by_chain, layout.arrays, out[0], out[1], out[2], pairs
        )

    return call, n


def shared_core() -> None:
    """Single season: the shared core against the hand-written fast path."""
    family = families.get("single_season")
    for case, (n_site, n_visit) in SINGLE.items():
        fast, n = problem_of(family, n_site, 1, n_visit)
        core, _ = problem_of(family, n_site, 1, n_visit, kernel=single_season.kernel_on_core)
        by_hand, shared = least(fast) / n, least(core) / n
        tell(
            what="single season: shared core over hand-written",
            case=case,
            sites=n_site,
            visits=n_visit,
            hand_written_ns_per_visit=by_hand,
            shared_core_ns_per_visit=shared,
            ratio=shared / by_hand,
        )


def dynamic() -> None:
    """Dynamic occupancy, 50,000 sites x 10 seasons x 4 visits."""
    call, n = problem_of(families.get("dynamic"), 50_000, 10, 4)
    took = least(call, 4.0)
    tell(
        what="dynamic 50,000 x 10 x 4",
        ms=took / 1e6,
        ns_per_visit=took / n,
        exponentials_per_visit=took / n / exponential(),
    )


def royle_nichols(mean: float = 1.5) -> None:
    """Royle-Nichols, 2,000 sites x 5 visits; states counted as up to K = 20."""
    family = families.get("royle_nichols")
    call, n = problem_of(family, 2_000, 1, 5, mean)
    took = least(call)
    tell(
        what="Royle-Nichols 2,000 x 5",
        us=took / 1e3,
        mean_individuals=float(np.exp(mean)),
        ns_per_visit=took / n,
        ns_per_visit_and_state=took / n / 21,
        exponentials_per_visit=took / n / exponential(),
    )


def all_families() -> None:
    """Every family that has a case here, at 2,000 sites."""
    unit = exponential()
    for name, (n_season, n_visit) in OTHERS.items():
        if name not in families.FAMILIES:
            continue
        call, n = problem_of(families.get(name), 2_000, n_season, n_visit)
        took = least(call) / n
        tell(
            what="gradient of a family",
            family=name,
            seasons=n_season,
            visits=n_visit,
            ns_per_visit=took,
            exponentials_per_visit=took / unit,
        )


def main() -> None:
    """All parts."""
    tell(what="one vectorised exponential", ns=exponential())
    shared_core()
    dynamic()
    if "royle_nichols" in families.FAMILIES:
        royle_nichols()
    all_families()


if __name__ == "__main__":
    main()
