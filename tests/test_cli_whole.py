"""Whole studies through the command, as users run it: the demonstration, and published data."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT.parent / "shared" / "reference"

pytestmark = pytest.mark.skipif(
    find_spec("occupancy.results") is None, reason="without the questions asked of a fit"
)


def run(*arguments: str | Path, script: str = "") -> subprocess.CompletedProcess[str]:
    start = [script] if script else ["-m", "occupancy"]
    return subprocess.run(
        [sys.executable, *start, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


@pytest.mark.slow
def test_demo__ends_with_a_report_and_most_truths_inside_their_intervals(tmp_path: Path):
    done = run("--json", "demo", tmp_path / "demo")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    told = events[-1]
    # Twenty 90 % intervals, some of them tied together: 13 or fewer inside has a chance near 1e-4.
    assert told["of"] == 20
    assert told["inside"] >= 14
    page = Path(told["report"][0]).read_text(encoding="utf-8")
    assert "Marsh wildcat (simulated)" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    again = run("-C", tmp_path / "demo", "run")
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("nothing to do") == 4


@pytest.mark.reference
@pytest.mark.skipif(not REFERENCE.is_dir(), reason="without the reference data")
def test_crossbill__without_coordinates_gives_all_but_maps_and_the_likelihood_of_unmarked(
    tmp_path: Path,
):
    import occupancy

    prepared = run(REFERENCE, tmp_path, script="scripts/prepare_reference_studies.py")
    assert prepared.returncode == 0, prepared.stderr
    folder = tmp_path / "crossbill_1999"
    assert run("-C", folder, "fit", "likelihood").returncode == 0
    assert run("-C", folder, "map", "--model", "likelihood").returncode == 0
    assert run("-C", folder, "report", "likelihood").returncode == 0
    unit = folder / "results" / "likelihood" / "Loxia_curvirostra"
    expected = json.loads(
        (REFERENCE / "crossbill_1999" / "ele_forest_date.json").read_text(encoding="utf-8")
    )
    fit = occupancy.load(unit / "fit" / "posterior")
    # Four decimals: what the optimiser behind the reference promises.
    assert fit.log_likelihood == pytest.approx(-230.9150, abs=1e-4)
    assert expected["n_sites_used"] == 245
    maps = json.loads((unit / "maps" / "manifest.json").read_text(encoding="utf-8"))
    assert set(maps["settings"]["refused"]) == {
        "paired-map",
        "field-map",
        "site-map",
        "shrinkage",
        "trend",
        "prior-predictive",
    }
    assert (unit / "report" / "report.html").stat().st_size > 10_000
    assert (unit / "report" / "occupancy.gpkg").exists()
