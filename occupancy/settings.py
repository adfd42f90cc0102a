"""Settings and their origin: flag before environment before study file before default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from surveys.problems import Problem, SurveyError

# Name: section of the study file, default, and what it is for.
DEFAULTS: dict[str, tuple[str, Any, str]] = {
    "engine": ("sample", "nuts", "nuts draws from the posterior, ml maximises the likelihood"),
    "draws": ("sample", 1000, "draws kept of each chain"),
    "tune": ("sample", 0, "steps of adaptation before them; 0 is what the model needs"),
    "chains": ("sample", 4, "independent chains, compared with one another"),
    "seed": ("sample", 1, "seed of all chance"),
    "cores": ("sample", 0, "chains at a time; 0 is all cores"),
    "target_accept": ("sample", 0.0, "higher is safer and slower; 0 is what the model needs"),
    "integrate": ("sample", "auto", "how ml integrates effects of groups"),
    "nodes": ("sample", 0, "of its quadrature, for each effect; 0 is what the model needs"),
    "interval": ("report", 0.9, "probability inside every interval that is shown"),
}
LEAST = {"draws": 1, "tune": 0, "chains": 1, "seed": 0, "cores": 0, "nodes": 0}
# Keys that the schema of the study file has room for, and what to do in their place.
IDLE: dict[str, dict[str, str]] = {
    "privacy": {
        "blur": ", and round the coordinates before you share the report",
        "hide_site_ids": ", and rename the sites before you share the report",
    },
    "map": {
        "crs": "; maps are drawn in the equal-area CRS of the study",
        "cell": "; give the cells as a layer: [surface] path",
    },
}


@dataclass(frozen=True)
class Setting:
    """A value and who set it."""

    value: Any
    origin: str


def settings(
    config: Mapping[str, Any],
    flags: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> dict[str, Setting]:
    """Resolve every setting.

    Raises
    ------
    SurveyError
        A value that cannot be used, with who set it.
    """
    environment = os.environ if environment is None else environment
    found: dict[str, Setting] = {}
    for name, (section, default, _) in DEFAULTS.items():
        variable = f"OCCUPANCY_{name.upper()}"
        if flags and flags.get(name) is not None:
            found[name] = Setting(flags[name], f"--{name}")
        elif environment.get(variable):
            found[name] = Setting(_parse(environment[variable], default), variable)
        elif name in config.get(section, {}):
            found[name] = Setting(config[section][name], f"study.toml [{section}]")
        else:
            found[name] = Setting(default, "default")
        _check(name, found[name])
    return found


def refuse_idle_keys(config: Mapping[str, Any]) -> None:
    """Refuse keys of the study file that this version knows and does nothing with.

    Raises
    ------
    SurveyError
        A setting that is taken and not used would be believed: coordinates thought blurred.
    """
    idle = [
        (section, key)
        for section, keys in IDLE.items()
        for key in config.get(section, {})
        if key in keys
    ]
    if idle:
        raise SurveyError(
            Problem(
                code="E408",
                fact=f"study.toml: this version does nothing with [{section}] {key}",
                file="study.toml",
                why="a setting without effect would be believed to have one",
                cure=f"take the line out{IDLE[section][key]}",
            )
            for section, key in idle
        )


def _parse(text: str, default: Any) -> Any:
    try:
        return type(default)(text)
    except ValueError:
        return text


def _check(name: str, setting: Setting) -> None:
    value, least = setting.value, LEAST.get(name)
    if name == "interval":
        wrong = not isinstance(value, float) or not 0 < value < 1
        wanted = "a number between 0 and 1, such as 0.9"
    elif name == "target_accept":
        wrong = isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1
        wanted = "a number below 1, such as 0.95"
    elif name == "integrate":
        wrong = value not in ("auto", "laplace", "quadrature")
        wanted = '"auto", "laplace" or "quadrature"'
    elif name == "engine":
        wrong, wanted = value not in ("nuts", "ml"), '"nuts" or "ml"'
    else:
        wrong = not isinstance(value, int) or isinstance(value, bool) or value < (least or 0)
        wanted = f"a whole number, {least} or more"
    if wrong:
        raise SurveyError(
            Problem(
                code="E405",
                fact=f"{name} is {value!r} ({setting.origin}); it must be {wanted}",
                file="study.toml" if setting.origin.startswith("study.toml") else "",
            )
        )
