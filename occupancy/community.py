"""Several species in one model: what their formulas are, and what is refused.

A community is hierarchy, not a family (Dorazio & Royle 2005): every species has coefficients of its
own, beta_k,s = mu_k + u_k,s with u_k,s ~ normal(0, sigma_k), which in a formula is
``elev + (1 + elev || species)``. ``community="species"`` writes that for every coefficient.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import xarray as xr

from occupancy.formula import parse
from occupancy.formula.tree import Call, Column, Effect, Group, Number, Part, Value, columns_in
from occupancy.frames import covariates, traits
from occupancy.terms import TERMS
from surveys.problems import ModelError, listing

if TYPE_CHECKING:
    from occupancy.design import Design

SPECIES = "species"
CENTRED = ("scale", "center", "poly")  # functions whose columns have the mean 0


def grouping(community: str | bool) -> tuple[tuple[str, ...], ...]:
    """Columns of each step of ``"species"`` or ``"guild/species"``; none where it is empty.

    Raises
    ------
    ModelError
        It is no grouping, or its last step is not the species.
    """
    if community is False or community == "":
        return ()
    text = SPECIES if community is True else community
    if not isinstance(text, str):
        raise ModelError(f'community = {text!r}: write "species", or "guild/species".')
    groups = parse(f"(1 | {text})").groups
    if not groups or SPECIES not in (c.name for c in groups[-1].by):
        raise ModelError(f'community = "{text}" does not end in species: write "guild/species".')
    return tuple(tuple(c.name for c in group.by) for group in groups)


def expand(text: str, steps: tuple[tuple[str, ...], ...], data: xr.Dataset) -> str:
    """The formula with an effect of species beside each of its coefficients, as people write it.

    A number that was not centred is centred in the effect, so that the levels of species vary at
    its mean and not at zero metres. What already varies by species stays as it was written, and so
    does what a trait takes part in: a species has one value of it.
    """
    formula = parse(text)
    own = set(traits(data))
    out = [text]
    for by in steps:
        columns = tuple(Column(name) for name in by)
        there = {g.effect for g in formula.groups if _same(g.by, by, own)}
        there |= {e for v in formula.varying if _same(v.by, by, own) for e in v.effects}
        slopes: list[str] = []
        crossed: list[Group] = []
        if formula.intercept and None not in there:
            slopes.append("1")
        for effect in formula.effects:
            used = {name for part in effect.parts for name in columns_in(part)}
            if effect in there or used & (own | set(by)):
                continue
            factors, numbers = _split(effect, data)
            if factors:
                slope = Effect(tuple(map(_centred, numbers))) if numbers else None
                crossed.append(Group(slope, (*columns, *factors)))
            else:
                slopes.append(str(Effect(tuple(map(_centred, numbers)))))
        if slopes:
            bar = "||" if len(slopes) > 1 else "|"
            slopes = slopes if slopes[0] == "1" else ["0", *slopes]
            out.append(f"({' + '.join(slopes)} {bar} {':'.join(map(str, columns))})")
        out += [str(group) for group in crossed]
    return " + ".join(out)


def is_asked(spec: Mapping[str, object], formulas: Mapping[str, object]) -> bool:
    """Whether a model of a study file takes its species together: by its key, or by a formula."""
    if spec.get("community"):
        return True
    for text in formulas.values():
        try:
            if isinstance(text, str) and SPECIES in parse(text).variables:
                return True
        except ModelError:  # told with its place when the model is made
            continue
    return False


def coefficient_of(effect: str, terms: tuple[str, ...]) -> str:
    """The coefficient whose deviations an effect of species holds; "" where there is none."""
    for written in (effect, _plain(effect), f"I({_plain(effect)})"):
        if written in terms:
            return written
    return ""


def check_species(data: xr.Dataset, made: Mapping[str, Design]) -> None:
    """Refuse several species that share every coefficient, and species without a trait in use.

    Raises
    ------
    ModelError
        With the three ways out.
    """
    if data.sizes[SPECIES] > 1 and not any(SPECIES in d.variables for d in made.values()):
        names = ", ".join(str(s) for s in data[SPECIES].values[:4])
        raise ModelError(
            f"The surveys hold {data.sizes[SPECIES]} species ({names} ...) and no formula mentions "
            'species, so all would share one curve. Give them a community, community="species" '
            "(community = true in a study file), which lets every coefficient vary between "
            "species; or write (1 | species); or select one species, for example "
            f'data.sel(species=["{data[SPECIES].values[0]}"]).'
        )
    known = covariates(data)
    for parameter, design in made.items():
        for name in design.variables:
            if name not in traits(data):
                continue
            values = known[name].values
            gone = values == "" if values.dtype.kind not in "iuf" else values != values
            if gone.any():
                names = [str(s) for s in data[SPECIES].values[gone]]
                raise ModelError(
                    f"`{parameter}` uses '{name}', which is missing for {listing(names)}. Fill it "
                    "in, or leave these species out: one without it would drop out in silence."
                )


def _same(columns: tuple[Column, ...], by: tuple[str, ...], own: set[str]) -> bool:
    """Whether a grouping is that of a step; species in guilds are the species."""
    has = {c.name for c in columns}
    if SPECIES in has and SPECIES in by:
        return has - own == set(by) - own
    return has == set(by)


def _split(effect: Effect, data: xr.Dataset) -> tuple[list[Column], list[Part]]:
    """Columns that are factors, and the parts that are numbers."""
    known = covariates(data)
    factors: list[Column] = []
    numbers: list[Part] = []
    for part in effect.parts:
        if isinstance(part, Column):
            of_text = part.name in known and known[part.name].dtype.kind not in "iufb"
            (factors if of_text else numbers).append(part)  # type: ignore[arg-type]
        elif TERMS[part.function].gives == "levels" and isinstance(part.inside, Column):
            factors.append(part.inside)
        else:
            numbers.append(part)
    return factors, numbers


def _centred(part: Part) -> Part:
    if any(call.function in CENTRED for call in _calls(part)):
        return part
    inside: Value = part.inside if isinstance(part, Call) and part.function == "I" else part
    return Call("center", inside)


def _calls(value: Value) -> Iterator[Call]:
    """Every call inside a value, itself among them."""
    if isinstance(value, Call):
        yield value
        yield from _calls(value.inside)
    elif not isinstance(value, Column | Number):
        if value.left is not None:
            yield from _calls(value.left)
        yield from _calls(value.right)


def _plain(effect: str) -> str:
    """`center(elev):center(rain)` as `elev:rain`."""
    parts = parse(effect).effects
    if not parts:
        return effect
    return ":".join(
        part.inside_label if isinstance(part, Call) and part.function == "center" else part.label
        for part in parts[0].parts
    )
