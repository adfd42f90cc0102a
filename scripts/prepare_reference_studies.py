"""Put two published data sets beside the study files that read them, ready for `occupancy run`.

    python scripts/prepare_reference_studies.py FROM TO

FROM holds the folders crossbill_1999 and hbef2015 with their CSV files; TO gets a study folder of
each. The data are copied, not changed. For hbef2015, regions.geojson is made: six blocks of the
valley, cut along easting and northing so that each holds about as many points.
"""

from __future__ import annotations

import argparse
import json
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

STUDIES = Path(__file__).parent.parent / "docs" / "studies"
FILES = {
    "crossbill_1999": ("detections.csv", "site_covariates.csv", "visit_date.csv"),
    "hbef2015": (
        "detections.csv",
        "coordinates.csv",
        "site_covariates.csv",
        "visit_day.csv",
        "visit_tod.csv",
    ),
}
STRIPS, BLOCKS_OF_A_STRIP, MARGIN = 3, 2, 250.0


def main() -> None:
    """Copy what is there, make the regions, and say what to do next."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, metavar="FROM", help="folder of the data sets")
    parser.add_argument("target", type=Path, metavar="TO", help="folder for the studies")
    arguments = parser.parse_args()
    for name, files in FILES.items():
        missing = [file for file in files if not (arguments.source / name / file).is_file()]
        if missing:
            parser.error(f"{arguments.source / name} lacks {', '.join(missing)}")
        folder = arguments.target / name
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(STUDIES / name / "study.toml", folder / "study.toml")
        for file in files:
            shutil.copyfile(arguments.source / name / file, folder / file)
        if name == "hbef2015":
            blocks = valley_blocks(pd.read_csv(folder / "coordinates.csv"))
            (folder / "regions.geojson").write_text(json.dumps(blocks) + "\n", encoding="utf-8")
        print(f"occupancy -C {folder} run")


def valley_blocks(points: pd.DataFrame) -> dict:
    """Blocks of the valley as GeoJSON: strips from west to east, each cut into south and north.

    Cuts fall between points, and the same corner is the same pair of degrees in every block, so
    that the blocks cover the valley without gap or overlap.
    """
    from pyproj import Transformer

    to_degrees = Transformer.from_crs("EPSG:26919", "EPSG:4326", always_xy=True)
    eastings = _cuts(points["x"].to_numpy(), STRIPS)
    strips = []
    for west, east in pairwise(eastings):
        inside = points[(points["x"] >= west) & (points["x"] < east)]
        strips.append((west, east, _cuts(inside["y"].to_numpy(), BLOCKS_OF_A_STRIP)))
    south = min(cuts[0] for _, _, cuts in strips)
    north = max(cuts[-1] for _, _, cuts in strips)
    strips = [(west, east, [south, *cuts[1:-1], north]) for west, east, cuts in strips]
    features = []
    for number, (west, east, heights) in enumerate(strips):
        # A border has the corners of both its sides: straight lines in metres bend in degrees.
        before = [h for _, e, cuts in strips if e == west for h in cuts]
        after = [h for w, _, cuts in strips if w == east for h in cuts]
        for (low, high), side in zip(pairwise(heights), ("south", "north"), strict=True):
            right = sorted({low, high, *(h for h in after if low < h < high)})
            left = sorted({low, high, *(h for h in before if low < h < high)}, reverse=True)
            corners = [(east, h) for h in right] + [(west, h) for h in left]
            ring = [[round(d, 7) for d in to_degrees.transform(*c)] for c in corners]
            name = f"{('West', 'Middle', 'East')[number]} {side}"
            features.append(
                {
                    "type": "Feature",
                    "properties": {"region": name},
                    "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
                }
            )
    return {"type": "FeatureCollection", "features": features}


def _cuts(values: np.ndarray, parts: int) -> list[float]:
    """Ends of `parts` stretches with about as many values each; no value lies on a cut."""
    known = np.unique(values)
    cuts = []
    for share in range(1, parts):
        at = np.searchsorted(known, np.quantile(values, share / parts), side="right")
        cuts.append(float(known[at - 1] + known[min(at, len(known) - 1)]) / 2)
    return [float(known[0]) - MARGIN, *cuts, float(known[-1]) + MARGIN]


if __name__ == "__main__":
    main()
