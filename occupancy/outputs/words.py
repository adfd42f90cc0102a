"""Numbers as words: one rule for each kind of number, used by every output.

Percentages are whole, never 0 % or 100 % unless certain; intervals carry the unit once and an en
dash; counts have a thin space every three digits; what was not estimated is a dash, never 0.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence

DASH = "—"
MINUS = "−"
THIN = "\u2009"
# Characters that reorder or hide text, and control characters, never belong in a name.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)


def clean(text: object) -> str:
    """A label of the user's as plain one-line text, without control and reordering characters."""
    flat = unicodedata.normalize("NFC", str(text)).replace("\n", " ").replace("\t", " ")
    return _HIDDEN.sub("", flat).strip()


def is_missing(value: object) -> bool:
    return (
        value is None or (isinstance(value, float) and not math.isfinite(value)) or value != value
    )


def _whole_percent(value: float) -> str:
    if value < 0.01:
        return "<1"
    return ">99" if value > 0.99 else str(math.floor(100 * value + 0.5))


def percent(value: float | None, *, certain: bool = False) -> str:
    """A probability in text: 38%, <1%, >99%. `certain` is for counted shares, which may be 0%."""
    if is_missing(value):
        return DASH
    value = float(value)  # type: ignore[arg-type]
    if certain and value in (0.0, 1.0):
        return f"{value:.0%}"
    return _whole_percent(value) + "%"


def percent_interval(lower: float | None, upper: float | None) -> str:
    """Both ends in whole percent with the unit once: 34–42%, <1–4%."""
    if is_missing(lower) or is_missing(upper):
        return DASH
    low, high = _whole_percent(float(lower)), _whole_percent(float(upper))  # type: ignore[arg-type]
    return f"{low}%" if low == high else f"{low}–{high}%"


def share(part: float, whole: float, noun: str = "") -> str:
    """Counted things: 63 of 274 (23%), or 63 of 274 surveyed sites (23%)."""
    if is_missing(part) or is_missing(whole):
        return DASH
    if not whole:
        return f"0 of 0 {noun}".rstrip()
    of = f"{count(part)} of {count(whole)} {noun}".rstrip()
    return f"{of} ({percent(part / whole, certain=True)})"


def count(value: float | None) -> str:
    if is_missing(value):
        return DASH
    return f"{round(float(value)):,}".replace(",", THIN).replace("-", MINUS)  # type: ignore[arg-type]


def counted(value: float, noun: str, plural: str = "") -> str:
    """1 site, 300 sites."""
    return f"{count(value)} {noun if value == 1 else plural or noun + 's'}"


def decimal(value: float | None, places: int = 2) -> str:
    if is_missing(value):
        return DASH
    text = f"{float(value):.{places}f}"  # type: ignore[arg-type]
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def decimal_interval(lower: float | None, upper: float | None, places: int = 2) -> str:
    """Both ends; an en dash, and the word "to" when an end is negative."""
    if is_missing(lower) or is_missing(upper):
        return DASH
    low, high = decimal(lower, places), decimal(upper, places)
    return f"{low} to {high}" if MINUS in low + high else f"{low}–{high}"


def coefficient_places(sd: float | None) -> int:
    """Decimals that a coefficient earns: two digits of its standard deviation."""
    if is_missing(sd) or float(sd) <= 0:  # type: ignore[arg-type]
        return 2
    return min(max(1 - math.floor(math.log10(float(sd))), 0), 6)  # type: ignore[arg-type]


def area(km2: float | None) -> str:
    """Square kilometres, without decimals above 100; small areas in hectares."""
    if is_missing(km2):
        return DASH
    km2 = float(km2)  # type: ignore[arg-type]
    if km2 >= 100:
        return f"{count(km2)} km²"
    if km2 >= 1:
        return f"{km2:.1f} km²"
    return f"{100 * km2:.1f} ha" if km2 >= 0.01 else f"{count(1e6 * km2)} m²"


def chance(probability: float | None) -> str:
    """A probability as one of five words (the one scale of all outputs)."""
    if is_missing(probability):
        return "not estimated"
    p = float(probability)  # type: ignore[arg-type]
    if p > 0.95:
        return "very likely"
    if p > 0.66:
        return "likely"
    if p >= 0.33:
        return "about as likely as not"
    return "unlikely" if p >= 0.05 else "very unlikely"


def listing(names: Sequence[str], most: int = 3) -> str:
    """A, B and C; a long list ends in "and 4 more"."""
    names = [clean(n) for n in names]
    if len(names) > most + 1:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def interval_name(interval: float, engine: str) -> str:
    """90% credible interval for a posterior, 90% confidence interval for maximum likelihood."""
    kind = "confidence" if engine in ("ml", "maximum likelihood") else "credible"
    return f"{100 * interval:g}% {kind} interval"


def estimate_name(engine: str) -> str:
    return "maximum likelihood" if engine in ("ml", "maximum likelihood") else "posterior mean"


def visits_needed(visits: float | None) -> str:
    if is_missing(visits):
        return DASH
    visits = float(visits)  # type: ignore[arg-type]
    return "more than 1000" if visits > 1000 else count(math.ceil(visits - 1e-9))


_NORMAL = re.compile(r"^\s*normal\(\s*(-?[\d.]+)\s*,\s*([\d.]+)\s*\)\s*$")


def prior_on_probability(code: str, interval: float = 0.9) -> str:
    """What a normal prior on the logit scale means for a probability; "" for other priors."""
    found = _NORMAL.match(code)
    if not found:
        return ""
    from statistics import NormalDist

    mean, sd = float(found[1]), float(found[2])
    reach = NormalDist().inv_cdf(0.5 + interval / 2) * sd
    ends = [1 / (1 + math.exp(-x)) for x in (mean - reach, mean + reach)]
    return percent_interval(*ends)
