"""Made-up field files to walk through docs/from-field-to-map.md with.

    python scripts/field_files.py FOLDER

writes two surveys of one landscape, as they come from the field, faults and all: `cameras/` (a
table of stations and one of records) and `spreadsheet/` (one table that somebody typed).
"""

from __future__ import annotations

import argparse
import csv
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from occupancy.landscape import simulate_study

SITES, DAYS, SEED = 70, 49, 12
# Species: share of sites, chance a day where present, hour and its spread, pictures at a time.
COMPANIONS = {
    "Roe deer": (0.7, 0.3, 19.5, 1.8),
    "Red fox": (0.6, 0.22, 23.5, 2.5),
    "Eurasian jay": (0.5, 0.2, 10.0, 2.0),
}
WILDCAT = ("Marsh wildcat", 0.07, 1.0, 2.0)


def landscape(folder: Path) -> tuple[pd.DataFrame, np.random.Generator]:
    """Sites with their covariates and the truth; layers of regions and cells into `folder`."""
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as place:
        simulate_study(place, seed=SEED, sites=SITES, never_visited=0)
        sites = pd.read_csv(Path(place) / "sites.csv")
        for name in ("regions.gpkg", "cells.gpkg"):
            shutil.copy(Path(place) / name, folder / name)
    chance = np.random.default_rng(SEED)
    sites["site"] = [f"C{i + 1:02}" for i in range(SITES)]
    height, forest = (
        (sites[c] - sites[c].mean()) / sites[c].std() for c in ("elevation", "forest")
    )
    psi = 1 / (1 + np.exp(-(0.2 - 1.0 * height + 0.8 * forest)))
    sites["present"] = chance.random(SITES) < psi
    return sites, chance


def cameras(folder: Path) -> None:
    """Stations and records of seven weeks; a dead camera, a failure, a clock half a day off."""
    sites, chance = landscape(folder)
    stations, records = [], []
    living = {name: chance.random(SITES) < share for name, (share, *_) in COMPANIONS.items()}
    for i, site in enumerate(sites.itertuples()):
        start = pd.Timestamp("2024-04-08 10:00") + pd.Timedelta(int(chance.integers(0, 10)), "D")
        start += pd.Timedelta(int(chance.integers(0, 360)), "m")
        end = start + pd.Timedelta(DAYS, "D")
        broken = (start + pd.Timedelta(20, "D"), start + pd.Timedelta(27, "D"))
        failed = broken if i in (7, 40) else ("", "")
        last = start + pd.Timedelta(19, "D") if i == 22 else end
        off = pd.Timedelta(12, "h") if i == 4 else pd.Timedelta(0)
        place = (site.site, site.longitude, site.latitude, site.elevation, site.forest)
        stations.append([*place, start, end, *failed])
        told = [(start + pd.Timedelta(3, "m"), "Human")]
        if last == end:
            told.append((end - pd.Timedelta(4, "m"), "Human"))
        told += [(start + pd.Timedelta(float(d), "D"), "Blank") for d in chance.random(8) * DAYS]
        animals = [
            (n, *rest) for n, (_, *rest) in COMPANIONS.items() if living[n][i] or i in (4, 22)
        ]
        animals += [WILDCAT] if site.present else []
        for name, rate, hour, spread in animals:
            for day in np.flatnonzero(chance.random(DAYS) < rate):
                when = start.normalize() + pd.Timedelta(int(day) + 1, "D")
                when += pd.Timedelta(int(3600 * chance.normal(hour, spread)), "s")
                told += [(when + pd.Timedelta(2 * k, "s"), name) for k in range(3)]
        seen = [
            (when, name)
            for when, name in told
            if start <= when < last and not (failed[0] != "" and failed[0] <= when < failed[1])
        ]
        for k, (when, name) in enumerate(sorted(seen)):
            picture = (f"pictures/{site.site}", f"IMG_{k + 1:04}.JPG")
            records.append([site.site, name, (when + off).floor("s"), *picture])
    head = ["Station", "longitude", "latitude", "elevation", "forest"]
    head += ["Setup_date", "Retrieval_date", "Problem1_from", "Problem1_to"]
    _write(folder / "stations.csv", head, stations)
    names = ["Station", "Species", "DateTimeOriginal", "Directory", "FileName"]
    _write(folder / "records.csv", names, records)


def spreadsheet(folder: Path) -> None:
    """Up to four visits to each place, typed in a spreadsheet with decimal commas."""
    sites, chance = landscape(folder)
    rows = []
    for site in sites.itertuples():
        for visit in range(4):
            if chance.random() < 0.12:
                continue
            day = pd.Timestamp("2024-04-10") + pd.Timedelta(
                int(14 * visit + chance.integers(0, 9)), "D"
            )
            minutes = int(chance.choice([20, 30, 30, 45]))
            seen = bool(site.present) and chance.random() < 1 - np.exp(-0.02 * minutes)
            place = (f"{site.longitude:.5f}", f"{site.latitude:.5f}", site.elevation, site.forest)
            rows.append(
                [site.site, day.strftime("%d.%m.%Y"), minutes, int(seen)]
                + [str(value).replace(".", ",") for value in place]
            )
    head = ["Site", "Date", "Minutes", "Seen", "Longitude", "Latitude", "Elevation", "Forest"]
    _write(folder / "survey.csv", head, rows, separator=";")


def _write(path: Path, head: Sequence[str], rows: Iterable[Sequence], separator: str = ",") -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=separator, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)


SURVEYS = {"cameras": cameras, "spreadsheet": spreadsheet}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Write made-up field files into FOLDER.")
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    folder = parser.parse_args(arguments).folder
    for name, make in SURVEYS.items():
        make(folder / name)
        print(folder / name)


if __name__ == "__main__":
    main()
