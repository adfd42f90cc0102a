"""The keys a study file may hold, and the strict check: an unknown key is an error."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from typing import Any

from surveys.ledger import Ledger
from surveys.problems import did_you_mean, listing
from surveys.readers import READERS, plugged

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
        *(*COLUMN_ROLES[:14], "time", "score", "deployment"),
        *("sample", "replicate", "library", "control"),
        *("file", "offset", "scientific", "common"),
    ),
    "sites": ("site", "longitude", "latitude", "easting", "northing", "region", "area"),
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
}
_FILE: dict[str, Any] = {
    "path": TEXT,
    "sheet": TEXT,
    "header_row": WHOLE,
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
        "package": {"path": TEXT},
        "sampling": {"path": TEXT},
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


def check(config: Mapping[str, Any], file: str, ledger: Ledger) -> None:
    """Tell every unknown key (with the nearest known one) and every value of a wrong type."""
    sections = {**SECTIONS, **plugged.sections_of(config)}
    for key, value in config.items():
        if key == "model":
            _check_models(value, file, ledger)
        elif key not in sections:
            _unknown(key, "", [*sections, "model"], file, ledger)
        else:
            _check(value, sections[key], key, file, ledger)
    if "schema" not in config:
        ledger.error(
            "E402",
            f"{file} does not say which schema it follows",
            file=file,
            cure="write schema = 1 as its first line",
        )
    elif config["schema"] != 1 or isinstance(config["schema"], bool):
        ledger.error(
            "E402",
            f"{file}: schema = {config['schema']!r} is not known; this version reads schema = 1",
            file=file,
            cure="write schema = 1, or install a newer version of the program",
        )


def _check_models(value: Any, file: str, ledger: Ledger) -> None:
    if not isinstance(value, Mapping):
        _wrong(value, "a table", "model", file, ledger)
        return
    if is_one_model(value):
        _check_model(value, "model", file, ledger)
        return
    for name, model in value.items():
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name):
            ledger.error(
                "E403",
                f'{file}: "{name}" cannot be the name of a model',
                file=file,
                cure="use letters, digits, _ and - (it names a folder of results)",
            )
        _check_model(model, f"model.{name}", file, ledger)


def _check_model(model: Any, place: str, file: str, ledger: Ledger) -> None:
    """One model: its keys, a formula for each label where the key says so, no option as a key."""
    if not isinstance(model, Mapping):
        _check(model, MODEL, place, file, ledger)
        return
    rest = {}
    for key, value in model.items():
        if OF_A_LABEL.fullmatch(key):
            _check(value, TEXT, f"{place}.{key}", file, ledger)
        elif key in OPTIONS or key.startswith("link_"):
            _told_as_key(key, value, place, file, ledger)
        else:
            rest[key] = value
    _check(rest, MODEL, place, file, ledger)


def _told_as_key(key: str, value: Any, place: str, file: str, ledger: Ledger) -> None:
    """An option of the model that stands among its formulas."""
    shown = _toml(value) if isinstance(value, str | bool | int | float) else OPTIONS.get(key, "...")
    cure = f"options = {{ {key} = {shown} }}"
    if key.startswith("link_"):
        cure = f"options = {{ links = {{ {key.removeprefix('link_')} = {shown} }} }}"
    ledger.error(
        "E404",
        f'{file}: [{place}] has a key "{key}", which is an option of the model',
        file=file,
        why="the keys of a model are the formulas of its parameters",
        cure=f"write {cure}",
    )


def is_one_model(section: Mapping[str, Any]) -> bool:
    """Whether `[model]` is one model itself, not a table of named models."""
    return any(not isinstance(v, Mapping) for v in section.values()) or set(section) <= {
        "priors",
        "options",
        "centring",
    }


def _check(value: Any, wanted: Any, place: str, file: str, ledger: Ledger) -> None:
    if isinstance(wanted, dict):
        if not isinstance(value, Mapping):
            _wrong(value, "a table", place, file, ledger)
            return
        for key, inner in value.items():
            if "*" in wanted:
                _check(inner, wanted["*"], f"{place}.{key}", file, ledger)
            elif key in wanted:
                _check(inner, wanted[key], f"{place}.{key}", file, ledger)
            else:
                _unknown(key, place, list(wanted), file, ledger)
    elif isinstance(wanted, list):
        if not isinstance(value, list):
            _wrong(value, f"a list of tables: [[{place}]]", place, file, ledger)
            return
        for inner in value:
            _check(inner, wanted[0], place, file, ledger)
    elif isinstance(wanted, set):
        kinds = {type(w) for w in wanted}
        if type(value) not in kinds or value not in wanted:
            choices = " or ".join(_toml(w) for w in sorted(wanted, key=str))
            _wrong(value, choices, place, file, ledger)
    elif not _fits(value, wanted):
        _wrong(value, wanted, place, file, ledger)


def _fits(value: Any, wanted: str) -> bool:
    texts = isinstance(value, list) and all(isinstance(v, str) for v in value)
    whole = isinstance(value, list) and all(type(v) is int for v in value)
    return {
        TEXT: isinstance(value, str),
        DAY: isinstance(value, str | dt.date),
        WHOLE: isinstance(value, int) and not isinstance(value, bool),
        NUMBER: isinstance(value, int | float) and not isinstance(value, bool),
        YES: isinstance(value, bool),
        TEXTS: texts,
        WHOLES: whole,
        TEXT_OR_TEXTS: texts or isinstance(value, str),
        YES_OR_TEXT: isinstance(value, bool | str),
        ALIAS: isinstance(value, Mapping) and all(isinstance(v, str) for v in value.values()),
        ANY: True,
    }[wanted]


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _parts(place: str) -> tuple[str, str]:
    section, _, key = place.rpartition(".")
    return (f"[{section}]", key) if section else ("", key)


def _unknown(key: str, place: str, known: list[str], file: str, ledger: Ledger) -> None:
    where = f"[{place}] " if place else ""
    has = f"It may hold: {listing(known, 30)}" if known else "It holds no keys yet"
    ledger.error(
        "E404",
        f'{file}: {where}has a key "{key}" that is not known.{did_you_mean(key, known)}'
        if place
        else f'{file} has a section "{key}" that is not known.{did_you_mean(key, known)}',
        file=file,
        why="a misspelt key would leave a setting out in silence",
        cure=has[0].lower() + has[1:],
    )


def _wrong(value: Any, wanted: str, place: str, file: str, ledger: Ledger) -> None:
    section, key = _parts(place)
    shown = _toml(value) if isinstance(value, str | bool | int | float) else type(value).__name__
    shown = {"dict": "a table", "list": "a list"}.get(shown, shown)
    ledger.error(
        "E405",
        f"{file}: {section + ' ' if section else ''}{key} is {shown}; it must be {wanted}",
        file=file,
    )
