"""`occupancy doctor`: look at the machine and say what is missing."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from occupancy.cli.failures import Exit
from occupancy.cli.session import Session

LEAST_SPACE = 500_000_000
NEEDED = ("pymc", "nutpie", "numba", "xarray", "pandas", "h5netcdf", "geopandas", "matplotlib")

Finding = tuple[str, bool, str]


@click.command()
@click.pass_obj
def command(session: Session) -> int:
    """Look at versions, the compiled kernel, map projections, fonts, threads and disk.

    Exit code 6 if a piece is missing.
    """
    healthy = True
    for name, is_good, text in _findings(session):
        healthy &= is_good
        session.say(f"  {'✓' if is_good else '✗'} {name:<12} {text}")
        session.emit("finding", name=name, good=is_good, text=text)
    session.say("Nothing is missing." if healthy else "Something is missing: see ✗ above.")
    return Exit.DONE if healthy else Exit.MACHINE


def _findings(session: Session) -> Iterator[Finding]:
    yield from _versions()
    looks: tuple[tuple[str, Callable[[], Finding]], ...] = (
        ("kernel", _kernel),
        ("projections", _projections),
        ("fonts", _fonts),
        ("threads", _threads),
        ("disk", lambda: _disk(session.folder)),
    )
    for name, look in looks:
        try:
            yield look()
        except Exception as error:  # a piece that fails is a finding, not the end of the search
            yield (name, False, f"{type(error).__name__}: {error}")


def _versions() -> Iterator[Finding]:
    from occupancy.checksums import versions

    found = versions()
    is_new = sys.version_info >= (3, 12)
    yield ("python", is_new, f"{found['python']} ({found['platform']})")
    for name in NEEDED:
        missing = "missing: pip install -c constraints.txt ."
        yield (name, name in found, found.get(name, missing))


def _kernel() -> Finding:
    """Compile, or read from its cache, the likelihood of a survey small enough to do by hand."""
    import time

    import numpy as np

    import surveys
    from occupancy.model import Model

    begun = time.perf_counter()
    data = surveys.from_arrays(np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]]))
    fit = Model(data, psi="1", p="1").fit(engine="ml")
    seconds = time.perf_counter() - begun
    is_finite = bool(np.isfinite(fit.log_likelihood))
    return ("kernel", is_finite, f"compiled and answering in {seconds:.1f} s")


def _projections() -> Finding:
    from pyproj import CRS, Transformer, datadir

    to_metres = Transformer.from_crs("EPSG:4326", CRS.from_epsg(3035), always_xy=True)
    easting, northing = to_metres.transform(10.0, 52.0)
    # The centre of this projection, by its definition.
    is_right = abs(easting - 4_321_000) < 0.01 and abs(northing - 3_210_000) < 0.01
    return ("projections", is_right, f"PROJ data in {datadir.get_data_dir()}")


def _fonts() -> Finding:
    found = importlib.util.find_spec("matplotlib")
    places = list(found.submodule_search_locations or []) if found else []
    fonts = [Path(place) / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf" for place in places]
    is_there = any(font.is_file() for font in fonts)
    return ("fonts", is_there, "DejaVu Sans" if is_there else "DejaVu Sans of matplotlib missing")


def _threads() -> Finding:
    limits = [
        f"{name}={os.environ[name]}"
        for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "RAYON_NUM_THREADS")
        if name in os.environ
    ]
    cores = os.cpu_count() or 1
    return ("threads", True, f"{cores} cores {' '.join(limits)}".rstrip())


def _disk(folder: Path) -> Finding:
    place = folder.resolve()
    free = shutil.disk_usage(place).free
    writable = os.access(place, os.W_OK)
    text = f"{free / 1e9:.1f} GB free in {place}{'' if writable else ', which is read-only'}"
    return ("disk", writable and free > LEAST_SPACE, text)
