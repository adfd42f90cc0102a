"""The same numbers again: from float32, on one thread and on two, from the same seed.

Every family is held to it, on a survey of a few sites drawn from its own prior.
"""

from __future__ import annotations

import functools
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rank_settings
import ranks
import xarray as xr
from cases import CASES
from test_families import setting

from occupancy import Model
from occupancy.engines import nuts

FAMILIES = tuple(rank_settings.ENTRIES)
SEED = 4
SHORT = {"draws": 50, "tune": 100, "chains": 2}
TESTS = Path(__file__).parent
by_family = pytest.mark.parametrize("family", FAMILIES)
by_case = pytest.mark.parametrize("case", CASES, ids=str)


@functools.cache
def drawn(family: str) -> xr.Dataset:
    """Twenty sites, two of them never visited."""
    tried = rank_settings.setting(family)
    one = tried.on(tried.surveys).simulate(seed=3).isel(draw=0)
    return ranks.observed(tried.surveys, one).isel(site=slice(20))


def model_of(family: str, data: xr.Dataset | None = None) -> Model:
    return rank_settings.setting(family).on(drawn(family) if data is None else data)


def some_coefficients(model: Model) -> dict[str, dict[str, np.float32]]:
    """Numbers of single precision for every coefficient."""
    rng = np.random.default_rng(SEED)
    return {
        name: {term: np.float32(0.3 * rng.normal()) for term in p.terms}
        for name, p in model.problem.predictors.items()
    }


def as_precision(values, wanted):
    """Arrays of numbers in another precision; labels, counts and yes or no as they are."""
    given = np.asarray(values)
    return given.astype(wanted) if given.dtype.kind == "f" else values


# ---------------------------------------------------------------- single precision


@by_case
def test_kernel__float32_is_taken_up(case):
    """O15: predictors, data and effort in single precision are computed in double."""
    at = setting(case)

    def of(wanted):
        def cast(given):
            return {
                k: v if k == "links" else as_precision(as_precision(v, np.float32), wanted)
                for k, v in given.items()
            }

        y = as_precision(as_precision(at.y, np.float32), wanted)
        return at.evaluate(eta=cast(at.eta), y=y, extra=cast(at.extra))

    single, double = of(np.float32), of(np.float64)
    assert single.log_lik.dtype == np.float64
    np.testing.assert_array_equal(single.log_lik, double.log_lik)
    np.testing.assert_array_equal(single.states, double.states)
    np.testing.assert_array_equal(single.pairs, double.pairs)
    for name, slope in double.gradients.items():
        assert single.gradients[name].dtype == np.float64
        np.testing.assert_array_equal(single.gradients[name], slope, err_msg=name)


@by_family
def test_model__float32_is_taken_up(family):
    """O15: surveys and coefficients in single precision are computed in double."""
    own = drawn(family)
    single = own.map(lambda v: v.copy(data=as_precision(v.values, np.float32)), keep_attrs=True)
    double = single.map(lambda v: v.copy(data=as_precision(v.values, np.float64)), keep_attrs=True)
    assert any(v.dtype == np.float32 and "site" in v.dims for v in single.values())
    models = [model_of(family, data) for data in (single, double)]
    told = [m.evaluate(some_coefficients(m)) for m in models]
    for name, values in told[1].items():
        assert told[0][name].dtype == np.float64
        np.testing.assert_array_equal(told[0][name], values, err_msg=str(name))


@by_family
def test_problem__float32_predictors_are_taken_up(family):
    """O15: the kernel is never compiled for, or run in, single precision."""
    problem = model_of(family).problem
    rng = np.random.default_rng(SEED)
    eta = [
        0.3 * rng.normal(size=p.columns.shape[1]).astype(np.float32)
        for p in problem.predictors.values()
    ]
    single = problem.evaluate(tuple(eta))
    double = problem.evaluate(tuple(e.astype(np.float64) for e in eta))
    assert single[0] == double[0]
    np.testing.assert_array_equal(single[1], double[1])
    for own, other in zip(single[4], double[4], strict=True):
        assert own.dtype == np.float64
        np.testing.assert_array_equal(own, other)


# ---------------------------------------------------------------- seeds and threads


@by_family
def test_nuts__same_seed_same_draws_on_one_core_and_two(family):
    """O15: bit for bit, run again or not; another seed is another set of draws."""
    problem = model_of(family).problem
    one, two, again, other = (
        nuts.sample(problem, seed=seed, cores=cores, **SHORT).posterior
        for seed, cores in ((SEED, 1), (SEED, 2), (SEED, 2), (SEED + 1, 2))
    )
    assert one.sizes["draw"] == SHORT["draws"]
    assert one.identical(two)
    assert two.identical(again)
    assert not two.equals(other)


def answers(family: str) -> str:
    """Checksum of a likelihood, a maximum, and a posterior with everything told of it."""
    model, digest = model_of(family), hashlib.sha256()

    def add(values: object) -> None:
        given = np.asarray(values)
        text = given.dtype.kind in "OUTbV"
        digest.update(repr(given.tolist()).encode() if text else given.tobytes())

    told = model.evaluate(some_coefficients(model))
    for name in sorted(map(str, told)):
        add(told[name].values)
    for fit in (model.fit("ml", seed=SEED), model.fit("nuts", seed=SEED, cores=2, **SHORT)):
        for table in (fit.coefficients(), fit.sites(), fit.overall()):
            for name in table.columns:
                add(table[name].to_numpy())
        add([w.code for w in fit.warnings])
    return digest.hexdigest()


def start(threads: int) -> subprocess.Popen:
    """A new process with so many threads for everything, and its own order of sets."""
    counts = ("OMP", "OPENBLAS", "MKL", "NUMBA", "RAYON")
    given = {f"{c}_NUM_THREADS": str(threads) for c in counts}
    path = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    return subprocess.Popen(
        [sys.executable, str(TESTS / "test_repeatable.py")],
        env=os.environ | given | {"PYTHONPATH": path, "PYTHONHASHSEED": str(threads)},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_fit__one_thread_two_threads_and_a_new_process_give_the_same_answers():
    """O15: likelihood, maximum, draws, tables and warnings of every family, bit for bit."""
    processes = [start(threads) for threads in (1, 2)]
    told = [p.communicate()[0].splitlines() for p in processes]
    assert [p.returncode for p in processes] == [0, 0]
    assert [line.split()[0] for line in told[0]] == list(FAMILIES)
    assert told[0] == told[1]


if __name__ == "__main__":
    for name in FAMILIES:
        print(name, answers(name))
