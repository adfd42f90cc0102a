"""A million checklists to the Dataset, from the files of eBird and from one plain long table.

    python scripts/benchmark_checklists.py [--checklists 1000000] [--sites 100000] [--only ebird]

Files are made with a fixed seed in a temporary folder; each `read` runs in a process of its own,
whose wall time and peak memory are told. The goal on two cores: 90 seconds and 2 GB.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

SEED = 20261123
EBIRD = """schema = 1
[study]
species = "Turdus merula"
[source]
format = "ebird"
[files.detections]
path = "ebd.txt"
[files.sampling]
path = "sampling.txt"
[ebird]
site = ["locality_id"]
protocols = ["Traveling", "Stationary"]
max_duration_minutes = 360
max_distance_km = 10
min_obs = 1
max_obs = 10
"""
LONG = """schema = 1
[study]
species = "Turdus merula"
[source]
format = "long"
[files.detections]
path = "visits.csv"
columns = { site = "site", date = "date", detection = "detection" }
[files.sites]
path = "sites.csv"
"""
READ = """
import resource, sys, time
start = time.perf_counter()
import surveys
data = surveys.read(sys.argv[1])
wall = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
print(wall, peak, int(data["effort"].notnull().sum()), int((data["detection"] > 0).sum()))
"""


def make(folder: Path, n: int, n_site: int) -> None:
    """Both forms of the same checklists: what was seen is the same in them."""
    rng = np.random.default_rng(SEED)
    site = np.repeat(np.arange(n_site), n // n_site)
    n = len(site)
    lat = rng.uniform(45.9, 47.7, n_site).round(5)
    lon = rng.uniform(6.0, 10.4, n_site).round(5)
    day = np.sort(rng.integers(0, 120, (n_site, n // n_site)), axis=1).ravel()
    date = (np.datetime64("2021-04-01") + day).astype(str)
    minutes = rng.integers(5, 300, n)
    km = rng.gamma(2.0, 0.8, n).clip(0, 9.9).round(2)
    seen = (rng.random(n_site) < 0.4)[site] & (rng.random(n) < 0.3)
    name = np.char.add("S", (np.arange(n) + 10_000_000).astype(str))
    hour = np.char.zfill(rng.integers(5, 20, n).astype(str), 2)
    lists = pd.DataFrame(
        {
            "LAST EDITED DATE": "2024-01-01 10:00:00.000001",
            "COUNTRY": "Switzerland",
            "COUNTRY CODE": "CH",
            "STATE": "Ticino",
            "STATE CODE": "CH-TI",
            "LOCALITY": "Somewhere in the woods",
            "LOCALITY ID": np.char.add("L", (site + 1000).astype(str)),
            "LATITUDE": lat[site],
            "LONGITUDE": lon[site],
            "OBSERVATION DATE": date,
            "TIME OBSERVATIONS STARTED": np.char.add(hour, ":15:00"),
            "OBSERVER ID": np.char.add("obsr", rng.integers(0, 5000, n).astype(str)),
            "SAMPLING EVENT IDENTIFIER": name,
            "PROTOCOL NAME": np.where(km > 0.3, "Traveling", "Stationary"),
            "DURATION MINUTES": minutes,
            "EFFORT DISTANCE KM": km,
            "NUMBER OBSERVERS": rng.integers(1, 4, n),
            "ALL SPECIES REPORTED": "1",
            "GROUP IDENTIFIER": "",
            "CHECKLIST COMMENTS": "",
            "": "",
        }
    )
    lists.sample(frac=1, random_state=1).to_csv(folder / "sampling.txt", sep="\t", index=False)
    rows = lists[seen]
    sightings = rows.assign(
        **{
            "GLOBAL UNIQUE IDENTIFIER": np.char.add(
                "URN:", rows["SAMPLING EVENT IDENTIFIER"].to_numpy(str)
            ),
            "CATEGORY": "species",
            "COMMON NAME": "Eurasian Blackbird",
            "SCIENTIFIC NAME": "Turdus merula",
            "SUBSPECIES SCIENTIFIC NAME": "",
            "OBSERVATION COUNT": "2",
            "APPROVED": "1",
        }
    )
    sightings = sightings[[*(c for c in sightings if c), ""]]
    sightings.to_csv(folder / "ebd.txt", sep="\t", index=False)
    visits = pd.DataFrame(
        {
            "site": np.char.add("L", (site + 1000).astype(str)),
            "date": date,
            "detection": seen.astype(int),
            "duration_minutes": minutes,
            "effort_distance_km": km,
            "observer": lists["OBSERVER ID"],
        }
    )
    visits.sample(frac=1, random_state=2).to_csv(folder / "visits.csv", index=False)
    sites = np.char.add("L", (np.arange(n_site) + 1000).astype(str))
    elevation = rng.integers(200, 2500, n_site)
    pd.DataFrame({"site": sites, "longitude": lon, "latitude": lat, "elevation": elevation}).to_csv(
        folder / "sites.csv", index=False
    )


def main() -> int:
    """Make the files, read them, print a table; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checklists", type=int, default=1_000_000)
    parser.add_argument("--sites", type=int, default=100_000)
    parser.add_argument("--only", choices=["ebird", "long"])
    asked = parser.parse_args()
    missed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start = time.perf_counter()
        make(folder, asked.checklists, asked.sites)
        print(f"{asked.checklists:,} checklists made in {time.perf_counter() - start:.0f} s")
        print(f"{'files':8}{'MB':>7}{'seconds':>9}{'GB':>7}{'visits':>11}{'detections':>12}")
        for form, study, files in (
            ("ebird", EBIRD, ("ebd.txt", "sampling.txt")),
            ("long", LONG, ("visits.csv", "sites.csv")),
        ):
            if asked.only not in (None, form):
                continue
            (folder / "study.toml").write_text(study, encoding="utf-8")
            done = subprocess.run(
                [sys.executable, "-c", READ, str(folder)], capture_output=True, text=True
            )
            if done.returncode:
                print(done.stderr[-3000:])
                return 1
            wall, peak, made, found = map(float, done.stdout.split())
            size = sum((folder / f).stat().st_size for f in files) / 1e6
            print(f"{form:8}{size:7.0f}{wall:9.1f}{peak:7.2f}{made:11.0f}{found:12.0f}")
            missed += wall > 90 or peak > 2
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(f"(this script itself took {own:.1f} GB to make the files)")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
