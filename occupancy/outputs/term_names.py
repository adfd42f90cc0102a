"""Coefficients in the words of the field: what a column of a formula is called, and its unit.

`I(scale(elevation)^2)` is "elevation, squared", per 149 m. The formula's own term is kept beside
the name wherever a reader may want to find it in the formula again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from occupancy.columns.blocks import coded_in_full, effect_labels
from occupancy.design.design import Design
from occupancy.formula.tree import Arithmetic, Call, Column, Number, columns_in
from occupancy.outputs import words

POWERS = {2: "squared", 3: "cubed"}
DEGREES = ("linear part", "quadratic part", "cubic part")

NO_UNIT = ("", "1", "share", "proportion", "fraction", "index", "ratio")


@dataclass(frozen=True)
class Covariate:
    """What the surveys say of a covariate."""

    name: str
    long_name: str = ""
    units: str = ""

    @property
    def label(self) -> str:
        return self.long_name or self.name.replace("_", " ")

    @property
    def axis(self) -> str:
        """Name and unit as an axis carries them: elevation (m)."""
        return f"{self.label} ({self.units})" if self.units else self.label


def covariates(data: Any) -> dict[str, Covariate]:
    """Long names and units of all variables of the surveys."""
    if data is None:
        return {}
    return {
        str(name): Covariate(
            words.clean(name),
            words.clean(variable.attrs.get("long_name", "")),
            words.clean(variable.attrs.get("units", "")),
        )
        for name, variable in data.variables.items()
    }


def quantity(value: float, units: str = "") -> str:
    """A number with three figures and its unit: 149 m, 0.2, 23%."""
    if words.is_missing(value):
        return words.DASH
    size = abs(float(value))
    text = words.count(value) if size >= 1000 else f"{float(value):.3g}".replace("-", words.MINUS)
    if units == "%":
        return text + "%"
    if units in NO_UNIT:
        return text
    return f"{text} ({units})" if " " in units else f"{text} {units}".rstrip()


def term_names(design: Design, known: dict[str, Covariate]) -> dict[str, tuple[str, str]]:
    """{term: (name, unit)} of every coefficient; a term without better words names itself."""
    full = coded_in_full(design.formula, design.memory)
    out: dict[str, tuple[str, str]] = {}
    if design.formula.intercept:
        out["Intercept"] = ("Intercept", _baseline(design))
    for effect in design.formula.effects:
        told: list[tuple[str, str]] = []
        for part in effect.parts:
            mine = _of_part(part, design, known, full.get((effect, part), True))
            told = [
                (f"{a} × {b}", ", ".join(u for u in (v, w) if u)) if told else (b, w)
                for b, w in mine
                for a, v in (told or [("", "")])
            ]
        out |= dict(zip(effect_labels(effect, design.memory, full), told, strict=True))
    return out


def _baseline(design: Design) -> str:
    """Where the intercept stands."""
    parts = [part for effect in design.formula.effects for part in effect.parts]
    if not parts:
        return ""
    numbers = [p for p in parts if not design.memory.has_levels(p)]
    labels = [p for p in parts if design.memory.has_levels(p)]
    where = []
    if numbers:
        centred = all(_centred(p) for p in numbers)
        where.append("covariates at their mean" if centred else "where the other columns are 0")
    if labels:
        where.append("at the reference level" + ("s" if len(set(labels)) > 1 else ""))
    return ", ".join(where)


def _centred(part: Any) -> bool:
    """Whether a column is 0 where its covariate is at its mean."""
    if isinstance(part, Call):
        if part.function in ("scale", "center"):
            return isinstance(part.inside, Column)
        inside = part.inside
        if part.function == "I" and isinstance(inside, Arithmetic) and inside.operator == "^":
            return _centred(inside.left)
    return False


def _of_part(
    part: Column | Call, design: Design, known: dict[str, Covariate], full: bool
) -> list[tuple[str, str]]:
    """(name, unit) of each column of a part."""
    memory = design.memory
    if memory.has_levels(part):
        name = next(columns_in(part))
        label = known.get(name, Covariate(name)).label
        levels = memory.states[str(part)]["levels"]
        unit = "" if full else f"compared with {words.clean(levels[0])}"
        return [(f"{label}: {words.clean(v)}", unit) for v in (levels if full else levels[1:])]
    if isinstance(part, Call) and part.function == "poly":
        name, _ = _of_value(part.inside, design, known)
        n = len(memory.labels(part))
        degree = [DEGREES[k] if k < len(DEGREES) else f"part of degree {k + 1}" for k in range(n)]
        return [(f"{name or part.inside_label}, {d}", "") for d in degree]
    name, unit = _of_value(part, design, known)
    return [(name or words.clean(part.label), unit)]


def _of_value(value: Any, design: Design, known: dict[str, Covariate]) -> tuple[str, str]:
    """Name and unit of one column of numbers; ("", "") for arithmetic without a name."""
    if isinstance(value, Column):
        one = known.get(value.name, Covariate(value.name))
        return one.label, _per("1", one.units)
    if isinstance(value, Call):
        name, unit = _of_value(value.inside, design, known)
        if not name:
            return "", ""
        if value.function == "scale":
            units = known[n].units if (n := next(columns_in(value))) in known else ""
            plain = isinstance(value.inside, Column)
            return name, f"per {quantity(_sd(value, design), units if plain else '')}"
        if value.function in ("center", "I"):
            return name, unit
        if value.function == "log":
            return f"{name}, logarithm", "per factor of 2.72"
        if value.function == "sqrt":
            return f"{name}, square root", ""
        return f"{name}, {value.function}", ""
    if isinstance(value, Arithmetic) and value.operator == "^" and isinstance(value.right, Number):
        name, unit = _of_value(value.left, design, known)
        power = value.right.value
        word = POWERS.get(int(power), f"to the power {power:g}") if power == int(power) else ""
        return (f"{name}, {word}", unit) if name and word else ("", "")
    return "", ""


def _per(size: str, units: str) -> str:
    if not units:
        return ""
    return "per 1%" if units == "%" else f"per {size} {units}"


def _sd(call: Call, design: Design) -> float:
    return float(design.memory.states.get(str(call), {}).get("sd", np.nan))
