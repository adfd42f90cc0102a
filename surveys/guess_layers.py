"""Map layers and rasters given to `occupancy init`: sites, regions, covariates."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from surveys import cells
from surveys.guess_lines import key, quoted
from surveys.ledger import Ledger
from surveys.places import RASTER_SUFFIXES
from surveys.problems import SurveyError
from surveys.readers import layer_table
from surveys.text_table import Table, TableSpec

YEAR = re.compile(r"^(?P<stem>.*?)[_ .-]*(?P<year>(?:19|20)[0-9]{2})$")
CELLS_WANTED = 4000  # of a first map
ROUND = (1, 2, 5)


@dataclass
class Rasters:
    """Covariates from rasters: one file for all seasons, or one for each."""

    plain: dict[str, str] = field(default_factory=dict)  # covariate -> file
    by_season: dict[str, dict[str, str]] = field(default_factory=dict)  # -> season -> file


def is_raster(name: str) -> bool:
    return Path(name).suffix.lower() in RASTER_SUFFIXES


def rasters(files: Sequence[str], seasons: Sequence[object]) -> Rasters:
    """Files called ndvi_2019.tif, ndvi_2020.tif are of seasons where these are seasons."""
    found = Rasters()
    years: dict[str, dict[str, str]] = {}
    known = {str(s) for s in seasons}
    for file in files:
        match = YEAR.match(Path(file).stem)
        if match and match["stem"] and match["year"] in known:
            years.setdefault(_name(match["stem"]), {})[match["year"]] = file
        else:
            found.plain[_name(Path(file).stem)] = file
    for name, by_year in years.items():
        if len(by_year) > 1:
            found.by_season[name] = dict(sorted(by_year.items()))
        else:
            file = next(iter(by_year.values()))
            found.plain[_name(Path(file).stem)] = file
    return found


def _name(stem: str) -> str:
    bare = re.sub(r"\W+", "_", stem).strip("_") or "raster"
    return f"r_{bare}" if bare[0].isdigit() else bare


def table_of_sites(
    name: str, path: Path, detections: Table, column: str | None
) -> tuple[Table, str] | None:
    """A layer whose features carry ids of the detections, and the column of these ids."""
    if column is None:
        return None
    spec = TableSpec(path, name, section="files.sites", crs="EPSG:4326")  # told later if unknown
    try:
        table = layer_table.open_layer(spec, Ledger())
    except SurveyError:
        return None
    if table is None:
        return None
    known = {v.casefold() for v in cells.ids(detections, column, Ledger()) if v}
    best, most = "", 0.0
    for one in table.names:
        values = {v.casefold() for v in table.text(one) if v}
        share = len(values & known) / max(1, len(known))
        if share > most:
            best, most = one, share
    return (table, best) if most >= 0.5 else None


def lines(found: Rasters, shown: Mapping[str, Path]) -> list[str]:
    """Sections of the covariates from rasters, with what each file holds."""
    out: list[str] = []
    for name, file in found.plain.items():
        told, is_classes = _held(shown[file])
        out += [f"[covariates.{key(name)}]", *told, f"raster = {quoted(file)}"]
        if is_classes:
            out += ['type = "factor"    # codes of classes, it seems']
            out += ['# or of the cells around: stat = "share of class", class = 3, buffer_m = 500']
        else:
            out += ['# of the cell at the site; of those around: stat = "mean", buffer_m = 500']
        out += ['# units = "..."', ""]
    for name, files in found.by_season.items():
        table = ", ".join(f"{key(s)} = {quoted(f)}" for s, f in files.items())
        out += [f"[season_covariates.{key(name)}]", *_held(shown[next(iter(files.values()))])[0]]
        out += [f"raster = {{ {table} }}", '# units = "..."', ""]
    return out


def is_numbers(path: Path) -> bool:
    """Whether a raster holds measures rather than codes of classes."""
    return not _held(path)[1]


def _held(path: Path) -> tuple[list[str], bool]:
    """A line on the bands, CRS and cells of a raster; and whether it seems to hold classes."""
    from surveys.places.rasters import told_of

    try:
        told, is_classes = told_of(path)
    except SurveyError as error:
        first = error.problems[0]
        return [f"# {first.fact}" + (f": {first.cure}" if first.cure else "")], False
    return [f"# {told}"], is_classes


def surface_lines(regions: Path, name: str = "") -> list[str]:
    """A surface made of the rasters over the regions, in a few thousand cells."""
    from surveys import places

    try:
        area = float(places.in_equal_area(places.read_layer(regions)).area.sum())
    except SurveyError:
        return []
    width = np.sqrt(area / CELLS_WANTED)
    power = 10.0 ** np.floor(np.log10(width))
    nice = min((r * power for r in (*ROUND, 10)), key=lambda w: abs(np.log(w / width)))
    return [
        "[surface]",
        "# cells of the map, made of the rasters over the regions; a raster's cell may be smaller",
        'from = "covariates"',
        f"cell_m = {nice:.10g}",
        "",
    ]
