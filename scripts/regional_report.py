"""From field files to a regional report, with public names alone.

    python scripts/regional_report.py demo/study.toml report/

The same as `occupancy run`, for those who want to change a step.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import occupancy
import surveys
from occupancy import outputs
from occupancy.outputs.results import Results
from surveys import places


def main() -> None:
    """Read, fit, tell, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path, help="a study.toml with regions")
    parser.add_argument("folder", type=Path, help="where the report goes")
    parser.add_argument("--psi", default="scale(elevation) + scale(forest) + (1 | region)")
    parser.add_argument("--p", default="scale(date) + (1 | region)")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()

    data = surveys.read(arguments.study)
    print(surveys.describe(data))

    fit = occupancy.Model(data, psi=arguments.psi, p=arguments.p).fit(seed=arguments.seed)
    for verdict in fit.warnings:
        print(f"{verdict.level}: {verdict.code} {verdict.message}")

    here = arguments.study.parent
    regions = places.read_regions(here / "regions.gpkg")
    surface = places.read_surface(here / "cells.gpkg")
    table = fit.regions(layer=regions, surface=surface)
    columns = ["region", "surveyed", "detected", "naive", "share_mean", "area_psi_mean"]
    print(table[columns].to_string(index=False, float_format="{:.2f}".format))

    results = Results.from_fit(fit, regions=regions, surface=surface, title=data.attrs["title"])
    for name in ("report", "paired-map", "shrinkage", "tables", "geopackage"):
        for path in outputs.write(name, results, arguments.folder):
            print(path)


if __name__ == "__main__":
    main()
