"""Every output by name: one file is one new output, named in one line of `OUTPUTS`.

A member has `write(results, folder, **options) -> list[Path]`; a drawing also has
`figure(results, **options) -> (Figure, alt text)`. Members are imported
only when they are asked for.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from occupancy.outputs.results import Results

OUTPUTS = {
    "report": "occupancy.outputs.report",
    "paired-map": "occupancy.outputs.paired_map",
    "site-map": "occupancy.outputs.site_map",
    "field-map": "occupancy.outputs.field_map",
    "forest": "occupancy.outputs.forest",
    "effects": "occupancy.outputs.effects",
    "shrinkage": "occupancy.outputs.shrinkage",
    "variance": "occupancy.outputs.variance_figure",
    "trend": "occupancy.outputs.trend",
    "detection": "occupancy.outputs.detection_figure",
    "histories": "occupancy.outputs.histories",
    "prior-predictive": "occupancy.outputs.prior_figure",
    "community": "occupancy.outputs.community",
    "richness-map": "occupancy.outputs.richness_map",
    "tables": "occupancy.outputs.tables",
    "geopackage": "occupancy.outputs.geopackage",
    "geojson": "occupancy.outputs.geojson",
}


class OutputError(ValueError):
    """An output that cannot be made from these results; the message says what is missing."""


def output(name: str) -> ModuleType:
    """The module that makes one output; an unknown name is answered with the nearest known one."""
    refuse_unknown(name)
    return importlib.import_module(OUTPUTS[name])


def refuse_unknown(name: str) -> None:
    """Refuse a name that is no output, without loading any."""
    if name not in OUTPUTS:
        import difflib

        near = difflib.get_close_matches(name, OUTPUTS, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise OutputError(f"There is no output '{name}'.{hint} Known: {', '.join(OUTPUTS)}.")


def write(name: str, results: Results, folder: str | Path, **options) -> list[Path]:
    """Write one output into a folder (made if absent) and return the files written."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return output(name).write(results, folder, **options)
