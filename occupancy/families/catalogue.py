"""What each family is in plain words, and the names of its parameters; read without any kernel."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

TEXT = Path(__file__).with_name("catalogue.toml")
SPLIT = re.compile(r"([^\[]+)\[(.+)\]")


@dataclass(frozen=True)
class About:
    """A family as people speak of it; empty where the catalogue does not know it.

    Attributes
    ----------
    use, data : when to choose it; what the surveys must hold
    story, maths : the model in words and in symbols
    seen : where the chance to detect on a visit is meant
    corrects : what the estimate corrects for
    options : {option: {"values": list, "text": str}}
    names : {parameter: name}
    """

    use: str = ""
    data: str = ""
    story: tuple[str, ...] = ()
    maths: tuple[str, ...] = ()
    seen: str = "where it is present"
    corrects: str = "missed detections"
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


@cache
def _all() -> dict[str, Any]:
    return tomllib.loads(TEXT.read_text(encoding="utf-8"))


def about(family: str) -> About:
    """What the catalogue says of a family."""
    entry = {k: tuple(v) if isinstance(v, list) else v for k, v in _all().get(family, {}).items()}
    return About(**entry) if family != "parameters" else About()


def parameter_name(family: str, parameter: str, meaning: str = "") -> str:
    """A parameter as figures call it: Occupancy ψ; by its meaning where it has no name.

    A parameter of one label says which: Detection p, camera.
    """
    known = {**_all()["parameters"], **about(family).names}
    if parameter in known:
        return known[parameter]
    split = SPLIT.fullmatch(parameter)
    if split is not None:
        stem, label = split.groups()
        if stem == "f":
            together = label.split(":")
            if len(together) == 1:
                return f"Log odds of {label}, alone"
            return f"Interaction of {', '.join(together[:-1])} and {together[-1]}"
        if stem in known:
            return f"{known[stem]}, {label}"
    return f"{meaning[:1].upper()}{meaning[1:]} ({parameter})" if meaning else parameter
