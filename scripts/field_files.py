"""Made-up field files to walk through docs/from-field-to-map.md with.

    python scripts/field_files.py FOLDER

writes three surveys of one landscape, as they come from the field, faults and all: `cameras/` (a
table of stations and one of records), `checklists/` (an extract of eBird) and `spreadsheet/` (one
table that somebody typed).
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
# Columns of eBird's files, as its downloads name them.
SAMPLING = (
    "LAST EDITED DATE",
    "COUNTRY CODE",
    "STATE CODE",
    "COUNTY",
    "LOCALITY",
    "LOCALITY ID",
    "LATITUDE",
    "LONGITUDE",
    "OBSERVATION DATE",
    "TIME OBSERVATIONS STARTED",
    "OBSERVER ID",
    "SAMPLING EVENT IDENTIFIER",
    "PROTOCOL NAME",
    "DURATION MINUTES",
    "EFFORT DISTANCE KM",
    "NUMBER OBSERVERS",
    "ALL SPECIES REPORTED",
    "GROUP IDENTIFIER",
)
SIGHTING = ("GLOBAL UNIQUE IDENTIFIER", "CATEGORY", "COMMON NAME", "SCIENTIFIC NAME")
BIRDS = {
    "Dryocopus martius": ("Black Woodpecker", 0.012),
    "Turdus merula": ("Eurasian Blackbird", 0.05),
    "Parus major": ("Great Tit", 0.06),
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


def checklists(folder: Path) -> None:
    """Checklists of one spring, and what was seen; some walks too long, some lists not complete."""
    sites, chance = landscape(folder)
    lists, seen = [], []
    for i, site in enumerate(sites.itertuples()):
        for _ in range(int(chance.integers(3, 8))):
            day = pd.Timestamp("2024-04-15") + pd.Timedelta(int(chance.integers(0, 60)), "D")
            minutes = 420 if chance.random() < 0.06 else int(chance.choice([25, 45, 60, 90]))
            hour, complete = int(chance.integers(5, 11)), int(chance.random() > 0.08)
            name = f"S{9000001 + len(lists)}"
            place = ("CH", "CH-ZZ", "Six Vales", f"Place {i + 1}", f"L{700 + i}")
            line = ["2024-09-01 08:00:00", *place, site.latitude, site.longitude]
            line += [f"{day:%Y-%m-%d}", f"{hour:02}:10:00", f"obsr{100 + i % 31}", name]
            line += ["Traveling", minutes, round(minutes / 60 * 2.1, 1), 1, complete, ""]
            lists.append(line)
            for bird, (common, rate) in BIRDS.items():
                there = site.present if bird == "Dryocopus martius" else True
                if there and chance.random() < 1 - np.exp(-rate * minutes):
                    label = (f"URN:OBS{len(seen) + 1}", "species", common, bird)
                    seen.append([*label, "", int(chance.integers(1, 4)), *line, 1])
    head = [*SIGHTING, "SUBSPECIES SCIENTIFIC NAME", "OBSERVATION COUNT", *SAMPLING, "APPROVED"]
    _write(folder / "ebd_vales_2024.txt", head, seen, separator="\t")
    _write(folder / "ebd_vales_2024_sampling.txt", SAMPLING, lists, separator="\t")
    places = [[f"L{700 + i}", s.elevation, s.forest] for i, s in enumerate(sites.itertuples())]
    _write(folder / "localities.csv", ["site", "elevation", "forest"], places)


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


SURVEYS = {"cameras": cameras, "checklists": checklists, "spreadsheet": spreadsheet}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Write made-up field files into FOLDER.")
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    folder = parser.parse_args(arguments).folder
    for name, make in SURVEYS.items():
        make(folder / name)
        print(folder / name)


if __name__ == "__main__":
    main()
