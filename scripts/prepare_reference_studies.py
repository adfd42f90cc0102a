"""Put published data sets beside the study files that read them, ready for `occupancy run`.

    python scripts/prepare_reference_studies.py FROM TO [NAME...]

FROM holds a folder of CSV files for each data set; TO gets a study folder of each, or of those
named. Most data are copied as they are. Some are laid out anew: three tables of detections, one a
species, become one (mesocarnivores); times and lengths of visits become a row for each visit
(ttd_peregrine); what kind of visit it was becomes a table (false_positive_...). For hbef2015,
regions.geojson is made: six blocks of the valley, cut along easting and northing so that each
holds about as many points.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

SITES = ("detections.csv", "site_covariates.csv")
STUDIES = Path(__file__).parent.parent / "docs" / "studies"
FILES: dict[str, tuple[str, ...]] = {
    "crossbill_1999": (*SITES, "visit_date.csv"),
    "hbef2015": (*SITES, "coordinates.csv", "visit_day.csv", "visit_tod.csv"),
    "crossbill": (*SITES, "visit_date.csv"),
    "eagle_owls_2015": (*SITES, "visit_julian_date.csv"),
    "false_positive_simulated": SITES,
    "false_positive_confirmed_simulated": SITES,
    "mesocarnivores": ("site_covariates.csv",),
    "ttd_peregrine": (),
    "woodthrush": ("detections.csv",),
}
READ = {  # laid out anew
    "mesocarnivores": tuple(f"detections_{s}.csv" for s in ("bobcat", "coyote", "redfox")),
    "ttd_peregrine": tuple(
        f"{name}.csv"
        for name in (
            "time_to_detection",
            "visit_detected",
            "visit_survey_length",
            "visit_minute_of_day",
        )
    ),
}
STRIPS, BLOCKS_OF_A_STRIP, MARGIN = 3, 2, 250.0


def main() -> None:
    """Copy what is there, make what is not, and say what to do next."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, metavar="FROM", help="folder of the data sets")
    parser.add_argument("target", type=Path, metavar="TO", help="folder for the studies")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these")
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in FILES:
            parser.error(f"there is no study {name}; there are {', '.join(FILES)}")
    for name in arguments.names or FILES:
        source, folder = arguments.source / name, arguments.target / name
        needed = (*FILES[name], *READ.get(name, ()))
        missing = [file for file in needed if not (source / file).is_file()]
        if missing:
            parser.error(f"{source} lacks {', '.join(missing)}")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(STUDIES / name / "study.toml", folder / "study.toml")
        for file in FILES[name]:
            shutil.copyfile(source / file, folder / file)
        if name in MADE:
            MADE[name](source, folder)
        print(f"occupancy -C {folder} run")


def three_species(source: Path, folder: Path) -> None:
    """One table of detections, a row for each site and species."""
    tables = []
    for file in READ["mesocarnivores"]:
        table = pd.read_csv(source / file, dtype=str)
        table.insert(1, "species", file.removeprefix("detections_").removesuffix(".csv"))
        tables.append(table)
    pd.concat(tables).to_csv(folder / "detections.csv", index=False)


def timed_visits(source: Path, folder: Path) -> None:
    """A row for each visit: its time to detection, blank where nothing was seen, and its length."""
    parts = {}
    for file in READ["ttd_peregrine"]:
        wide = pd.read_csv(source / file).set_index("site")
        parts[file.removesuffix(".csv").removeprefix("visit_")] = wide.stack()
    rows = pd.DataFrame(parts).dropna(subset="survey_length")
    rows["minutes"] = rows["time_to_detection"].where(rows["detected"] == 1)
    rows = rows.rename_axis(["site", "visit"]).reset_index()
    rows["visit"] = rows["visit"].str.removeprefix("v")
    columns = ["site", "visit", "minutes", "survey_length", "minute_of_day"]
    rows[columns].to_csv(folder / "visits.csv", index=False)


def types_of_visits(*types: str) -> Callable[[Path, Path], None]:
    """What kind each visit was, the same at every site."""

    def make(source: Path, folder: Path) -> None:
        table = pd.read_csv(source / "detections.csv", dtype=str)
        for column, kind in zip(table.columns[1:], types, strict=True):
            table[column] = kind
        table.to_csv(folder / "visit_type.csv", index=False)

    return make


def blocks_of_the_valley(source: Path, folder: Path) -> None:
    blocks = valley_blocks(pd.read_csv(source / "coordinates.csv"))
    (folder / "regions.geojson").write_text(json.dumps(blocks) + "\n", encoding="utf-8")


MADE: dict[str, Callable[[Path, Path], None]] = {
    "hbef2015": blocks_of_the_valley,
    "mesocarnivores": three_species,
    "ttd_peregrine": timed_visits,
    "false_positive_simulated": types_of_visits(*["standard"] * 2, *["unconfirmed"] * 4),
    "false_positive_confirmed_simulated": types_of_visits(*["confirmed"] * 4),
}


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
