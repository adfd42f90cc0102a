"""A formula as plain data: columns, calls, arithmetic, effects and groups. Nothing here can be run.

`str` of each gives the canonical text, which parses to the same tree; `label` the same text as
a table shows it, without the backquotes of unusual names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

SIGNS_IN_NAMES = "_."
DIGITS = "0123456789"


def is_plain_name(name: str) -> bool:
    """Whether a column's name may stand in a formula without backquotes."""
    return bool(name) and starts_name(name[0]) and all(continues_name(c) for c in name)


def starts_name(char: str) -> bool:
    return char.isalpha() or char == "_"


def continues_name(char: str) -> bool:
    return char.isalpha() or char in DIGITS or char in SIGNS_IN_NAMES


@dataclass(frozen=True)
class Number:
    """A literal, never negative."""

    value: int | float

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True)
class Column:
    """A column of the surveys, by name."""

    name: str

    def __str__(self) -> str:
        return self.name if is_plain_name(self.name) else f"`{self.name}`"

    @property
    def label(self) -> str:
        return self.name


@dataclass(frozen=True)
class Arithmetic:
    """`left operator right` inside a function; a negative is `0 - right` written `-right`."""

    operator: str
    left: Value | None
    right: Value

    def __str__(self) -> str:
        return _write(self, plain=False)


@dataclass(frozen=True)
class Argument:
    """One option of a call as it was given; a `bare` one is written without its name."""

    name: str
    value: int | float | str
    bare: bool = False

    def __str__(self) -> str:
        if isinstance(self.value, str):
            quote = "'" if '"' in self.value else '"'
            text = f"{quote}{self.value}{quote}"
        else:
            text = str(self.value)
        return text if self.bare else f"{self.name}={text}"


@dataclass(frozen=True)
class Call:
    """A function of the table of terms around a column or arithmetic: `poly(ele, 2)`."""

    function: str
    inside: Value
    arguments: tuple[Argument, ...] = ()

    def __str__(self) -> str:
        return _write(self, plain=False)

    @property
    def label(self) -> str:
        return _write(self, plain=True)

    @property
    def inside_label(self) -> str:
        """The first argument as a table shows it."""
        return _write(self.inside, plain=True)

    @property
    def options(self) -> dict[str, int | float | str]:
        return {a.name: a.value for a in self.arguments}


Part = Column | Call
Value = Number | Column | Arithmetic | Call

BINDING = {"+": 1, "-": 1, "*": 2, "/": 2, "^": 4}
NEGATIVE = 3


@dataclass(frozen=True)
class Effect:
    """A main effect (one part) or an interaction (several): `ele`, `ele:forest`."""

    parts: tuple[Part, ...]

    def __str__(self) -> str:
        return ":".join(str(p) for p in self.parts)

    @property
    def label(self) -> str:
        return ":".join(p.label for p in self.parts)


@dataclass(frozen=True)
class Group:
    """Something that varies between groups: the level (`effect` None), or the slope of an effect.

    `by` holds the columns that make a group together: park in region is ("region", "park").
    """

    effect: Effect | None
    by: tuple[Column, ...]

    def __str__(self) -> str:
        what = "1" if self.effect is None else f"0 + {self.effect}"
        return f"({what} | {':'.join(str(c) for c in self.by)})"

    @property
    def name(self) -> str:
        """Levels are named "region/park", slopes "ele|region/park"."""
        by = "/".join(c.name for c in self.by)
        return by if self.effect is None else f"{self.effect.label}|{by}"


@dataclass(frozen=True)
class Varying:
    """Something that varies with structure: `spline(year)`, `ar1(season | region)`, `space(ele)`.

    `inside` holds the columns before the bar, `by` those after it; `effects` what varies together
    in `(1 + ele | region)`, whose kind is "correlated"; `reads` the columns that the kind needs
    without being told, such as coordinates.
    """

    kind: str
    inside: tuple[Column, ...] = ()
    by: tuple[Column, ...] = ()
    effects: tuple[Effect | None, ...] = ()
    arguments: tuple[Argument, ...] = ()
    reads: tuple[str, ...] = ()

    def __str__(self) -> str:
        by = ":".join(str(c) for c in self.by)
        if self.effects:
            return f"({self._what} | {by})"
        parts = [" | ".join([", ".join(str(c) for c in self.inside), by] if by else [])]
        parts = [parts[0] or ", ".join(str(c) for c in self.inside)]
        return f"{self.kind}({', '.join(p for p in [*parts, *map(str, self.arguments)] if p)})"

    @property
    def _what(self) -> str:
        each = ["0"] if None not in self.effects else []
        return " + ".join([*each, *("1" if e is None else str(e) for e in self.effects)])

    @property
    def name(self) -> str:
        """Of the term in tables: "(1 + ele)|region", "spline(year)", "ar1(season|region)"."""
        by = "/".join(c.name for c in self.by)
        if self.effects:
            what = " + ".join("1" if e is None else e.label for e in self.effects)
            return f"({what})|{by}"
        inside = ", ".join(c.name for c in self.inside)
        return f"{self.kind}({inside}|{by})" if by else f"{self.kind}({inside})"

    @property
    def options(self) -> dict[str, int | float | str]:
        return {a.name: a.value for a in self.arguments}


@dataclass(frozen=True)
class Formula:
    """One linear predictor: intercept, effects (main ones first), offsets, what varies."""

    intercept: bool
    effects: tuple[Effect, ...]
    offsets: tuple[Call, ...] = ()
    groups: tuple[Group, ...] = ()
    varying: tuple[Varying, ...] = ()

    def __str__(self) -> str:
        varying = (*self.groups, *self.varying)
        terms = [str(t) for t in (*self.effects, *self.offsets, *varying)]
        if not self.intercept:
            terms.insert(0, "0")
        elif not self.effects:
            terms.insert(0, "1")
        return " + ".join(terms)

    @property
    def variables(self) -> tuple[str, ...]:
        """Every column used, each once, in the order of the formula."""
        found: dict[str, None] = {}
        for effect in self.effects:
            for part in effect.parts:
                found.update(dict.fromkeys(columns_in(part)))
        for call in self.offsets:
            found.update(dict.fromkeys(columns_in(call)))
        for group in self.groups:
            for part in group.effect.parts if group.effect else ():
                found.update(dict.fromkeys(columns_in(part)))
            found.update(dict.fromkeys(c.name for c in group.by))
        for term in self.varying:
            parts = (part for effect in term.effects if effect for part in effect.parts)
            found.update(dict.fromkeys(name for part in parts for name in columns_in(part)))
            found.update(dict.fromkeys(c.name for c in (*term.inside, *term.by)))
            found.update(dict.fromkeys(term.reads))
        return tuple(found)


def columns_in(value: Value) -> Iterator[str]:
    """Names of the columns inside a value, from left to right."""
    if isinstance(value, Column):
        yield value.name
    elif isinstance(value, Call):
        yield from columns_in(value.inside)
    elif isinstance(value, Arithmetic):
        if value.left is not None:
            yield from columns_in(value.left)
        yield from columns_in(value.right)


def _write(value: Value, *, plain: bool) -> str:
    """Canonical text with the fewest brackets that keep the tree."""
    if isinstance(value, Column):
        return value.name if plain else str(value)
    if isinstance(value, Call):
        inside = [_write(value.inside, plain=plain), *(str(a) for a in value.arguments)]
        return f"{value.function}({', '.join(inside)})"
    if isinstance(value, Number):
        return str(value)
    right = _write(value.right, plain=plain)
    if value.left is None:
        return f"-({right})" if _binding(value.right) < NEGATIVE else f"-{right}"
    left = _write(value.left, plain=plain)
    mine = BINDING[value.operator]
    if value.operator == "^":  # binds from the right: a^b^c is a^(b^c)
        left = f"({left})" if _binding(value.left) <= mine else left
        right = f"({right})" if _binding(value.right) < mine else right
        return f"{left}^{right}"
    left = f"({left})" if _binding(value.left) < mine else left
    right = f"({right})" if _binding(value.right) <= mine else right
    return f"{left} {value.operator} {right}"


def _binding(value: Value) -> int:
    if isinstance(value, Arithmetic):
        return NEGATIVE if value.left is None else BINDING[value.operator]
    return 5
