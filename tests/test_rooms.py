"""The rooms: imports point towards arithmetic, heavy libraries stay home, text stays data."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted(path for room in ("surveys", "occupancy") for path in (ROOT / room).rglob("*.py"))

PLACES = ("surveys/places", "surveys/readers", "occupancy/outputs")
# Library: the files and folders that may import it.
HEAVY = {
    "matplotlib": ("occupancy/outputs",),
    "cmcrameri": ("occupancy/outputs",),
    "matplotlib_scalebar": ("occupancy/outputs",),
    "jinja2": ("occupancy/outputs",),
    "click": ("occupancy/cli",),
    "rich": ("occupancy/cli", "occupancy/progress.py"),
    # The simulator writes layers; the doctor asks PROJ how it is.
    "geopandas": (*PLACES, "occupancy/landscape.py"),
    "shapely": (*PLACES, "occupancy/landscape.py"),
    "pyproj": (*PLACES, "occupancy/landscape.py", "occupancy/cli/doctor.py"),
    "pyogrio": (*PLACES, "surveys/guess"),
    "rasterio": ("surveys/places/rasters.py",),
    "exactextract": ("surveys/places/rasters.py",),
    "sqlalchemy": ("surveys/places/database.py",),
    "psycopg": ("surveys/places/database.py",),
    "frictionless": ("surveys/readers/camtrapdp_valid.py",),
    "jsonschema": ("surveys/readers/camtrapdp_valid.py",),
}
# From arithmetic to pages: a room may import itself, and what stands above it in this list.
ORDER = (
    (
        "surveys.problems",
        "occupancy.kernel",
        "occupancy.links",
        "occupancy.checksums",
        "occupancy.arguments",
    ),
    ("occupancy.lock", "occupancy.progress"),
    ("occupancy.store", "occupancy.priors"),
    ("occupancy.terms", "occupancy.formula"),
    ("surveys",),
    ("occupancy.columns",),
    ("occupancy.varying",),
    ("occupancy.families", "occupancy.design", "occupancy.frames"),
    ("occupancy.suited", "occupancy.community", "occupancy.augmentation"),
    ("occupancy.problem",),
    ("occupancy.posing",),
    ("occupancy.graph", "occupancy.engines", "occupancy.simulation"),
    ("occupancy.results", "occupancy.checks", "occupancy.predict"),
    # A model makes a fit, and a fit knows its model: they share a floor.
    (
        "occupancy.fit_draws",
        "occupancy.fit_places",
        "occupancy.fit_species",
        "occupancy.fit_variation",
        "occupancy.fit",
        "occupancy.model",
        "occupancy.evaluation",
        "occupancy.prior_surveys",
        "occupancy.keeping",
        "occupancy.comparison",
    ),
    ("occupancy.outputs",),
    ("occupancy.landscape", "occupancy.settings", "occupancy.units", "occupancy.inputs"),
    ("occupancy.study_data", "occupancy.study_units", "occupancy.study"),
    ("occupancy.cli",),
)
# They hand out names of all rooms.
FACTORIES = {"occupancy", "occupancy.__main__"}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every module that a file imports when it runs, with its line; imports for types left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node.lineno
            for alias in node.names:
                if find_module(f"{node.module}.{alias.name}"):
                    yield f"{node.module}.{alias.name}", node.lineno


def find_module(name: str) -> bool:
    path = ROOT / Path(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def rank(name: str) -> int | None:
    places = [
        (len(room), place)
        for place, rooms in enumerate(ORDER)
        for room in rooms
        if name == room or name.startswith(room + ".")
    ]
    return max(places)[1] if places else None


def test_heavy_libraries__only_in_their_rooms():
    strays = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in MODULES
        for name, line in imports(path)
        if (homes := HEAVY.get(name.split(".")[0]))
        and not path.relative_to(ROOT).as_posix().startswith(homes)
    ]
    assert strays == []


def test_surveys__never_import_occupancy():
    strays = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in MODULES
        if path.is_relative_to(ROOT / "surveys")
        for name, line in imports(path)
        if name.split(".")[0] == "occupancy"
    ]
    assert strays == []


def test_problems__import_nothing_of_ours():
    names = [name for name, _ in imports(ROOT / "surveys" / "problems.py")]
    assert [name for name in names if name.split(".")[0] in ("surveys", "occupancy")] == []


def test_rooms__imports_point_towards_arithmetic():
    strays = []
    for path in MODULES:
        name = name_of(path)
        here = rank(name)
        if name in FACTORIES or name.startswith("surveys"):
            continue
        assert here is not None, f"{name} stands in no room: add it to ORDER"
        for other, line in imports(path):
            there = rank(other)
            if other.split(".")[0] in ("surveys", "occupancy") and there is not None:
                same_room = other.split(".")[:2] == name.split(".")[:2]
                if there > here and not same_room:
                    strays.append(f"{path.relative_to(ROOT)}:{line} imports {other}")
    assert strays == []


# Searches for neighbours, which have the same name as the queries of a DataFrame.
NEIGHBOURS = ("tree.query", "sindex.query")


def test_text_of_users__is_never_code():
    banned_modules = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    banned_modules |= {"patsy", "formulaic", "formulae", "yaml"}
    strays = []
    for path in MODULES:
        for name, line in imports(path):
            if name.split(".")[0] in banned_modules:
                strays.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            shell = any(k.arg == "shell" and ast.unparse(k.value) == "True" for k in node.keywords)
            if called in ("eval", "exec", "compile", "os.system") or shell:
                strays.append(f"{path.relative_to(ROOT)}:{node.lineno} calls {called}")
            of_frame = called.endswith((".query", ".eval")) and not called.endswith(NEIGHBOURS)
            if of_frame:
                strays.append(f"{path.relative_to(ROOT)}:{node.lineno} calls {called}")
    assert strays == []


def loaded_by(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


NUMERIC = {"numpy", "scipy", "pandas", "xarray", "numba", "matplotlib", "geopandas", "pymc", "rich"}


@pytest.mark.parametrize("package", ["occupancy", "surveys"])
def test_import__of_a_package_loads_no_numeric_library(package: str):
    assert loaded_by(f"import {package}") & NUMERIC == set()


def test_help__loads_no_numeric_library_and_no_verb():
    code = """
from occupancy.cli import answer
assert answer(["--help"]) == 0
import sys
assert not [name for name in sys.modules if name.startswith("occupancy.cli.f")]
"""
    assert loaded_by(code) & NUMERIC == set()


@pytest.mark.skipif(sys.platform == "win32", reason="counts CPU time of child processes")
def test_help__costs_less_than_150_ms_of_cpu():
    import resource

    def seconds(*command: str) -> float:
        spent = []
        for _ in range(5):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(
                [sys.executable, *command], cwd=ROOT, stdout=subprocess.DEVNULL, check=True
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
        return min(spent)

    # A slow or busy machine is measured by what an empty Python costs there.
    assert seconds("-m", "occupancy", "--help") < max(0.150, 6 * seconds("-c", "pass"))


@pytest.mark.skipif(find_spec("occupancy.model") is None, reason="without the model")
def test_maximum_likelihood__needs_neither_sampler_nor_drawing():
    code = """
import numpy as np
import surveys
from occupancy import Model
data = surveys.from_arrays(np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0], [0.0, 1.0]]))
Model(data, psi="1", p="1").fit(engine="ml")
"""
    assert loaded_by(code) & {"pymc", "nutpie", "matplotlib", "arviz"} == set()
