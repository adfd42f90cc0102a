"""The keys a study file may hold, and what each may be; `study_check` holds a file to them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from surveys.readers import READERS

TEXT, DAY, WHOLE, NUMBER, YES, TEXTS, WHOLES, TEXT_OR_TEXTS, YES_OR_TEXT, ALIAS, ANY = (
    "text",
    "text or a date",
    "a whole number",
    "a number",
    "true or false",
    "a list of texts",
    "a list of whole numbers",
    "text or a list of texts",
    "true, false or text",
    "a table of texts",
    "any",
)
COLUMN_ROLES = (
    "site",
    "species",
    "season",
    "visit",
    "date",
    "datetime",
    "detection",
    "count",
    "effort",
    "observer",
    "longitude",
    "latitude",
    "easting",
    "northing",
    "region",
    "area",
)
ROLES = {
    "detections": (
        *(*COLUMN_ROLES[:14], "position", "zone", "time", "score", "deployment"),
        *("sample", "replicate", "library", "control"),
        *("file", "offset", "scientific", "common"),
    ),
    "sites": (
        *("site", "longitude", "latitude", "easting", "northing", "region", "area"),
        *("position", "zone"),
    ),
    "visits": ("site", "season", "visit", "date", "datetime", "effort", "observer"),
    "deployments": (
        *("site", "deployment", "camera", "season", "start", "end"),
        *("longitude", "latitude", "easting", "northing", "region", "area"),
    ),
    "times": ("file", "datetime"),
    "recordings": (
        *("file", "site", "start", "duration", "season"),
        *("longitude", "latitude", "easting", "northing", "region"),
    ),
    "samples": ("site", "sample", "replicate", "library", "control", "season", "date"),
    "taxa": ("sequence", "species", "genus"),
}
_FILE: dict[str, Any] = {
    "path": TEXT,
    "sheet": TEXT,
    "header_row": WHOLE,
    "header": YES,
    "separator": TEXT,
    "decimal": {",", "."},
    "encoding": TEXT,
    "missing": TEXTS,
    "date_format": TEXT_OR_TEXTS,
    "excel_epoch": {1900, 1904},
    "fill_down": TEXTS,
}


_ELSEWHERE = {"layer": TEXT, "table": TEXT}  # of a map layer; of a database


def file_keys(roles: Iterable[str]) -> dict[str, Any]:
    """What a section `[files.NAME]` may hold, with these roles of columns."""
    return {**_FILE, **_ELSEWHERE, "columns": dict.fromkeys(roles, TEXT)}


_TABLE = {k: v for k, v in _FILE.items() if k != "missing"}
# Of rasters and map layers: what they tell of a place.
_AT_PLACES: dict[str, Any] = {
    "stat": {
        *("point", "mean", "sd", "min", "max", "share", "share of class", "majority"),
        *("value", "distance"),
    },
    "buffer_m": NUMBER,
    "class": ANY,
    "band": WHOLE,
}
DROP = {"error", "drop"}
# Sections that some formats alone use; with others they would be accepted and ignored.
OF_SOME_FORMATS = (
    *("time", "clock", "occasions", "seasons", "cameras"),
    *("camtrapdp", "timelapse", "megadetector", "birdnet", "edna", "neon", "ebird", "mark"),
    "dwca",
)
# A model's formulas, one a parameter of its family; which family has which is the models' affair.
PARAMETERS = (
    *("psi", "p", "gamma", "epsilon", "theta", "R", "p1", "p2", "delta", "phi0", "phi1", "phi2"),
    *("R0", "R1", "R2", "psi1", "psi2", "p11", "p12", "p22", "phi01", "phi02", "phi10", "phi12"),
    *("phi20", "phi21", "pi", "theta0", "theta1", "entry", "departure", "rate", "shape", "mu0"),
    *("gap", "sigma0", "sigma1", "p10", "q", "b", "f", "f2", "f3", "lam", "r", "size", "zero"),
)
# One formula for each label: "p[camera]", "f[fox:coyote]".
OF_A_LABEL = re.compile(r"(p|f)\[[^\[\]]+\]")
# What stands in `options = { ... }` of a model; a family's own are judged by the family.
OPTIONS = {
    **dict.fromkeys(("start", "effort", "seasons", "mixture", "times", "mirror"), '"..."'),
    **dict.fromkeys(("form", "visits"), '"..."'),
    **{
        "by": '"..."',
        "order": "2",
        "sources": '["...", "..."]',
        "known_occupied": '"..."',
    },
    "links": '{ psi = "cloglog" }',
}
MODEL: dict[str, Any] = {
    "family": TEXT,
    "engine": {"nuts", "ml"},
    "species": TEXT_OR_TEXTS,
    "season": ANY,
    "title": TEXT,
    "community": YES_OR_TEXT,
    "augment": WHOLE,
    **dict.fromkeys(PARAMETERS, TEXT),
    "priors": {"*": {"*": TEXT}},
    "centring": {"*": {"*": {"centred", "non-centred", "auto"}}},
    "options": {"*": ANY},
}
# Which checklists of eBird are used, what a site is, which visits are kept.
EBIRD: dict[str, Any] = {
    "detections_only": YES,
    "incomplete": {"refuse", "drop"},
    "approved_only": YES,
    "protocols": TEXTS,
    "min_duration_minutes": NUMBER,
    "max_duration_minutes": NUMBER,
    "max_distance_km": NUMBER,
    "max_observers": WHOLE,
    "max_speed_kmh": NUMBER,
    "blank_effort": {"keep", "drop"},
    "years": ANY,
    "days": ANY,
    "box": ANY,
    "where": {"*": TEXTS},
    "site": TEXTS,
    "grid_km": NUMBER,
    "closure": {"year", "days"},
    "closure_as": {"site", "season"},
    "n_days": WHOLE,
    "blocks": {"exact", "auk"},
    "observers": {"sorted", "auk"},
    "min_obs": WHOLE,
    "max_obs": WHOLE,
    "draw": {"random", "first"},
    "seed": WHOLE,
    "names": {"scientific", "common"},
    "effort": {"checklists", "duration_minutes", "effort_distance_km"},
}
SECTIONS: dict[str, Any] = {
    "schema": ANY,  # judged by itself, below
    "study": {
        "title": TEXT,
        "species": TEXT_OR_TEXTS,
        "authors": TEXT_OR_TEXTS,
        "organisation": TEXT,
        "region": TEXT,
        "folders": TEXTS,
    },
    "source": {"format": set(READERS), "path": TEXT},
    "files": {
        **{name: file_keys(roles) | {"path": TEXT_OR_TEXTS} for name, roles in ROLES.items()},
        "detections": file_keys(ROLES["detections"])
        | {"path": TEXT_OR_TEXTS, "species_columns": TEXTS},
        "package": {"path": TEXT},
        "sampling": {"path": TEXT_OR_TEXTS},
        "archive": {"path": TEXT},
    },
    "wide": {"visits": TEXTS, "missing": TEXTS},
    "long": {},
    "mark": {
        "seasons": WHOLES,
        "years": WHOLES,
        "groups": TEXTS,
        "covariates": TEXTS,
        "states": TEXTS,
    },
    "postgis": {
        **dict.fromkeys(("environment", "service", "host", "database", "user", "passfile"), TEXT),
        "port": WHOLE,
    },
    "sites": {"crs": TEXT, "alias": ALIAS, "ignore_case": YES},
    "detections": {"none": YES, "values": {"presence", "count", "state"}},
    "effort": {"unit": TEXT},
    "covariates": {
        "*": {
            **_FILE,
            **_ELSEWHERE,
            **_AT_PLACES,
            "raster": TEXT,
            "polygons": TEXT,
            "column": TEXT,
            "site": TEXT,
            "type": {"number", "factor"},
            "units": TEXT,
            "crs": TEXT,
            "long_name": TEXT,
        }
    },
    "visit_covariates": {
        "*": {
            **_TABLE,
            "column": TEXT,
            "type": {"number", "factor"},
            "units": TEXT,
            "long_name": TEXT,
            "missing": {"drop visit", "refuse"},
        }
    },
    "season_covariates": {
        "*": {
            **_FILE,
            **_AT_PLACES,
            "raster": ALIAS,
            "table": TEXT,
            "column": TEXT,
            "site": TEXT,
            "season": TEXT,
            "crs": TEXT,
            "type": {"number", "factor"},
            "units": TEXT,
            "long_name": TEXT,
        }
    },
    "species_covariates": {
        "*": {
            **_FILE,
            "column": TEXT,
            "species": TEXT,
            "type": {"number", "factor"},
            "units": TEXT,
            "long_name": TEXT,
        }
    },
    "time": {
        "zone": TEXT,
        "day_starts": TEXT,
        "ends_without_time": {"half", "whole"},
        "drop_before": DAY,
    },
    "clock": {"*": {"shift": TEXT}},
    "occasions": {
        "length_days": WHOLE,
        "start": DAY,
        "min_effort_days": NUMBER,
        "incomplete": {"keep", "drop"},
        "skip_days": WHOLE,
        "max_days": WHOLE,
    },
    "seasons": {"by": {"year", "column"}, "list": [{"name": ANY, "from": DAY, "to": DAY}]},
    "cameras": {
        "combine": {"union", "sum"},
        "independence_minutes": NUMBER,
        "independence": {"last record", "last independent record"},
        "count": {"individuals", "records"},
    },
    "camtrapdp": {"level": {"event", "media"}, "timestamp_issues": {"drop", "keep"}},
    "timelapse": {"site_folder": WHOLE},
    "megadetector": {"site_folder": WHOLE, "threshold": NUMBER},
    "birdnet": {
        "threshold": NUMBER,
        "threshold_by_species": {"*": NUMBER},
        "score_divisor": NUMBER,
        "score_scale": {"as told", "logit"},
        "count": {"records"},
        "names": {"scientific", "common"},
        "visits": {"recording", "hours", "day", "occasions"},
        "hours": WHOLE,
        "site": {"name", "folder", "recording"},
        "site_folder": WHOLE,
        "recording_minutes": NUMBER,
        "duration_unit": {"seconds", "minutes", "hours"},
    },
    "ebird": EBIRD,
    "dwca": {
        "site": TEXT,
        "season": {"year", "parent", "none"},
        "visit": {"event", "parent"},
        "scope": {"told", "all"},
        "effort": TEXT,
        "blank_effort": {"refuse", "drop"},
        "where": {"*": TEXTS},
    },
    "neon": {
        "visits": {"counts", "minutes"},
        "minutes": WHOLE,
        "max_distance": NUMBER,
        "methods": TEXTS,
    },
    "edna": {
        "min_reads": WHOLE,
        "min_reads_by_taxon": {"*": WHOLE},
        "controls": TEXTS,
        "taxa": TEXTS,
        "units": {"visits", "samples"},
        "without_reads": {"keep", "drop"},
    },
    "taxa": {"alias": ALIAS, "exclude": TEXTS, "tree": TEXT, "keep_ranks": TEXTS},
    "checks": {"unknown_site": DROP, "detection_without_effort": DROP},
    "regions": {"path": TEXT, "name": TEXT, "layer": TEXT, "crs": TEXT},
    "surface": {
        **{"path": TEXT, "crs": TEXT, "columns": ALIAS, "layer": TEXT},
        **{"from": {"covariates"}, "cell_m": NUMBER, "within": TEXT},
    },
    "sample": {
        "engine": {"nuts", "ml"},
        "draws": WHOLE,
        "tune": WHOLE,
        "chains": WHOLE,
        "seed": WHOLE,
        "cores": WHOLE,
        "target_accept": NUMBER,
        "integrate": {"auto", "laplace", "quadrature"},
        "nodes": WHOLE,
    },
    "compare": {"pooling": TEXT, "folds": WHOLE, "hold": {"groups", "sites"}},
    "report": {"interval": NUMBER, "title": TEXT, "formats": TEXTS},
    "map": {"crs": TEXT, "cell": ANY, "season": ANY},
    "privacy": {"blur": TEXT, "hide_site_ids": YES},
}
