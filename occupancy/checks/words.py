"""Numbers and quantities of verdicts in the user's words."""

from __future__ import annotations

import re

KINDS = {"partial_correlation": "partial correlation"} | {
    k: k for k in ("sd", "range", "share", "rho", "correlation", "effect")
}
_OF_GROUP = re.compile(rf"(\w+?)_({'|'.join(KINDS)})\[(.*)\]")


def counted(n: int, noun: str, plural: str = "") -> str:
    """1 visit, 12 visits."""
    return f"{n} {noun if n == 1 else plural or noun + 's'}"


def percent(share: float) -> str:
    """A share as 12 %, 0.3 %; never 0 % or 100 % unless it is that exactly."""
    value = 100 * share
    if value in (0.0, 100.0):
        return f"{value:.0f} %"
    if value < 0.1:
        return "<0.1 %"
    if value > 99.9:
        return ">99.9 %"
    return f"{value:.1f} %" if value < 1 or value > 99 else f"{value:.0f} %"


def probability(value: float) -> str:
    """A probability with two places, three near the ends."""
    return f"{value:.2f}" if 0.01 <= value <= 0.99 else f"{value:.3f}"


def quantity(parameter: str, term: str = "") -> str:
    """A stored variable as a user knows it: psi: scale(ele); psi: sd of 1 | region."""
    found = _OF_GROUP.fullmatch(parameter)
    if found is None:
        return f"{parameter}: {term}" if term else parameter
    name, kind, group = found[1], found[2], found[3].replace(":", "/")
    if kind == "effect":
        return f"{name}: effect of {group} = {term}"
    return f"{name}: {KINDS[kind]} of {group}"
