"""Coordinates that somebody chooses for the effects of a term: centred, non-centred, or auto.

The model is the same in all of them, and so is the posterior; what differs is how well a sampler
moves. Centred samples the effects themselves, right where the data tell much about each;
non-centred samples them in units of their sd. "auto" lets the data choose, as where nothing is
said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from surveys.problems import ModelError, did_you_mean, listing

WEIGHTS = {"centred": 1.0, "non-centred": 0.0, "auto": None}


def centred(designs: Mapping[str, Any], asked: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """{parameter: Design} with the coordinates asked for, {parameter: {term: word}}.

    A term is named as in tables ("region", "(1 + ele)|region", "spline(ele)"); the name of a
    grouping stands for every term of it.

    Raises
    ------
    ModelError
        No such parameter, term or word.
    """
    out = dict(designs)
    for parameter, given in asked.items():
        if parameter not in out:
            known = list(out)
            raise ModelError(
                f"centring is given for '{parameter}', which is no parameter."
                f"{did_you_mean(str(parameter), known)} There is {listing(known)}."
            )
        groups = list(out[parameter].groups)
        for name, word in given.items():
            if word not in WEIGHTS:
                raise ModelError(
                    f"centring of {name} in `{parameter}` = {word!r}: give "
                    f"{listing([repr(w) for w in WEIGHTS])}."
                )
            found = [k for k, g in enumerate(groups) if name in (g.name, "/".join(g.by))]
            if not found:
                known = [g.name for g in groups]
                raise ModelError(
                    f"centring: nothing that varies in `{parameter}` is called '{name}'."
                    f"{did_you_mean(str(name), known)} It has {listing(known) or 'nothing'}."
                )
            for k in found:
                if not is_dataclass(groups[k]) or "centring" not in {
                    f.name for f in fields(groups[k])
                }:
                    raise ModelError(f"centring: {groups[k].name} has coordinates of its own.")
                groups[k] = replace(groups[k], centring=WEIGHTS[word])  # type: ignore[type-var]
        out[parameter] = replace(out[parameter], groups=tuple(groups))
    return out
