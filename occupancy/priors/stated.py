"""From a statement to the prior that says exactly that, on the link and the column at hand."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from occupancy import links
from occupancy.priors.prior import Prior, parse
from occupancy.priors.statements import Statement, is_statement, read
from surveys.problems import ModelError

BEYOND = 0.05  # of the prior beyond each end that a statement names
REACH = float(ndtri(1 - BEYOND))  # sds of a normal from its middle to such an end
# What exp(effect) is a factor of; other links have none.
FACTOR_OF = {"logit": "odds", "cloglog": "rate", "log": "value"}


@dataclass(frozen=True)
class Target:
    """What a statement is about.

    Attributes
    ----------
    key : str
        As the user wrote it: "Intercept", "slopes", "sd[region]".
    term : str
        The column or group itself.
    step : float
        One sd of the column on the scale of the coefficient; 0 where the column marks a level.
    shift : float
        Mean of the offset, which is part of the predictor at average conditions.
    """

    parameter: str
    key: str
    term: str
    link: str
    step: float = 1.0
    shift: float = 0.0

    def refuse(self, said: Statement, what: str, cure: str) -> ModelError:
        """The error: parameter, key, what was understood, what is wrong, what to write."""
        return ModelError(f"`{self.parameter}`, prior of '{self.key}': \"{said}\" {what}. {cure}")


def read_prior(text: str | Prior | Statement) -> Prior | Statement:
    """A prior or a statement from its text.

    Raises
    ------
    ModelError
        It is neither.
    """
    if isinstance(text, Statement):
        return text
    return read(text) if is_statement(text) else parse(text)  # type: ignore[arg-type]


def of_level(said: Statement, on: Target) -> Prior:
    """Prior of a parameter's own value at average conditions, as one of the linear predictor.

    Raises
    ------
    ModelError
        The statement does not fit a value of the parameter.
    """
    if said.times or said.per:
        raise on.refuse(
            said,
            f"is said of an effect, and '{on.key}' is a value of {on.parameter} itself",
            f'Write {_example(on)}, or give it to "slopes".',
        )
    link = links.LINKS[on.link]
    low, high = (0.0, 1.0) if link.is_probability else (0.0, math.inf)
    if on.link == "identity":
        low = -math.inf
    named = [said.a, said.b] if said.form == "between" else [said.a]
    for value in named:
        if not low < value < high:
            raise on.refuse(said, _outside(on, value, said), f"Write {_example(on)}.")
    if said.form == "between":
        refuse_order(said, on)
        ends = [float(link.forward(v)) for v in named]
        return _normal(*ends, on.shift)
    if said.form in ("below", "above") or said.how == "worth":
        return _beta(said, on)
    _strength(said, on)
    middle = float(link.forward(said.a))
    if said.how == "take":
        ends = said.a - said.b, said.a + said.b
    else:
        ends = said.a / said.b, said.a * said.b
        if on.link != "log":
            raise on.refuse(
                said, "has a factor, which is for numbers without an upper end", _as_take(on)
            )
    if not (low < ends[0] and ends[1] < high):
        raise on.refuse(
            said,
            f"was read as between {ends[0]:.4g} and {ends[1]:.4g}, which leaves the scale of "
            f"{on.parameter}",
            f"Write {_example(on)}.",
        )
    lower, upper = (float(link.forward(v)) for v in ends)
    return Prior("normal", (middle - on.shift, _sd_around(middle - lower, upper - middle)))


def of_effect(said: Statement, on: Target) -> Prior:
    """Prior of a slope, or of a level against its reference.

    Raises
    ------
    ModelError
        The statement does not fit an effect.
    """
    write = 'Write "between 0.5 and 2 times per sd"'
    if said.per and not on.step and on.key == on.term:
        raise on.refuse(
            said,
            f"is per {said.per}, and {on.term} is a level: its effect is against the reference",
            f'Leave "per {said.per}" out.',
        )
    step = on.step if on.step and said.per != "unit" else 1.0
    if on.link == "identity" and not said.times and said.form == "between":
        refuse_order(said, on)
        return _normal(said.a / step, said.b / step)
    if on.link not in FACTOR_OF:
        raise on.refuse(
            said,
            f"cannot be said of an effect on the {on.link} link, where effects are no factors",
            "Write it as normal(0, 0.5).",
        )
    if not said.times:
        raise on.refuse(
            said, f"does not say of what: an effect on {on.parameter} is a factor", f"{write}."
        )
    if said.form not in ("between", "about") or said.how not in ("", "factor"):
        raise on.refuse(
            said,
            "leaves an end of the effect open",
            f'{write}, or "about 2 times, within a factor of 1.5 per sd".',
        )
    if said.a <= 0:
        raise on.refuse(said, f"has the factor {said.a:g}; a factor is above 0", f"{write}.")
    if said.form == "between":
        refuse_order(said, on)
        return _normal(math.log(said.a) / step, math.log(said.b) / step)
    _strength(said, on)
    return Prior("normal", (math.log(said.a) / step, math.log(said.b) / REACH / step))


def of_sd(said: Statement, on: Target, is_slope: bool = False) -> Prior:
    """Prior of a standard deviation on the link scale; "below U" is pc(U, 0.05).

    Raises
    ------
    ModelError
        The statement does not fit a standard deviation.
    """
    write = 'Write "below 1"'
    if said.times or (said.per and not is_slope):
        told = "times" if said.times else f"per {said.per}"
        raise on.refuse(
            said, f'says "{told}", and a standard deviation is on the link scale', f"{write}."
        )
    step = on.step if on.step and is_slope and said.per != "unit" else 1.0
    if said.a <= 0:
        raise on.refuse(said, f"names {said.a:g}, and a standard deviation is above 0", f"{write}.")
    if said.form == "between":
        refuse_order(said, on)
        prior = _normal(math.log(said.a / step), math.log(said.b / step))
        return Prior("lognormal", prior.arguments)
    if said.form == "below":
        return Prior("exponential", (-math.log(BEYOND) / (said.a / step),))
    if said.how != "factor":
        raise on.refuse(
            said,
            "leaves an end of the standard deviation open",
            f'{write}, "between 0.2 and 1" or "about 0.5, within a factor of 2".',
        )
    _strength(said, on)
    return Prior("lognormal", (math.log(said.a / step), math.log(said.b) / REACH))


def _normal(lower: float, upper: float, shift: float = 0.0) -> Prior:
    """Normal with 5 % below one end and 5 % above the other."""
    return Prior("normal", (0.5 * (lower + upper) - shift, 0.5 * (upper - lower) / REACH))


def _sd_around(below: float, above: float) -> float:
    """The sd of a normal that has 90 % between its mean - below and its mean + above."""
    inside = 1 - 2 * BEYOND
    near, far = min(below, above) / REACH / 2, max(below, above) / REACH * 2
    return float(
        brentq(
            lambda sd: float(ndtr(above / sd) - ndtr(-below / sd)) - inside,
            near,
            far,
            xtol=1e-14,
            rtol=1e-14,
        )
    )


def _beta(said: Statement, on: Target) -> Prior:
    """Beta of the probability: one end, or a mean with the weight of a number of sites."""
    if on.link != "logit" or on.shift:
        needs = "the logit link" if on.link != "logit" else "a formula without an offset"
        raise on.refuse(said, f"needs {needs}", f"Write {_example(on)}.")
    if said.form == "below":  # Beta(1, b): P(p > a) = (1 - a)^b
        return Prior("beta", (1.0, math.log(BEYOND) / math.log1p(-said.a)))
    if said.form == "above":
        return Prior("beta", (math.log(BEYOND) / math.log(said.a), 1.0))
    if not said.b > 0:
        raise on.refuse(
            said, f"is worth {said.b:g}, which is no knowledge", 'Write "worth 20 sites".'
        )
    return Prior("beta", (said.a * said.b, (1 - said.a) * said.b))


def _strength(said: Statement, on: Target) -> None:
    least, name = (1.0, "a factor above 1") if said.how == "factor" else (0.0, "above 0")
    if not said.b > least:
        example = "within a factor of 2" if said.how == "factor" else "give or take 0.1"
        raise on.refuse(
            said, f"has the strength {said.b:g}, which must be {name}", f'Write "{example}".'
        )


def refuse_order(said: Statement, on: Target) -> None:
    """Refuse ends that are alike, or turned round."""
    if not said.a < said.b:
        low, high = sorted((said.a, said.b))
        cure = "Give two different ends." if low == high else ""
        turned = Statement("between", low, high, "", said.times, said.per)
        raise on.refuse(
            said,
            f"was read as from {said.a:g} up to {said.b:g}",
            cure or f'Write the smaller end first: "{turned}".',
        )


def _outside(on: Target, value: float, said: Statement) -> str:
    if links.LINKS[on.link].is_probability:
        if value in (0.0, 1.0):
            return f"has an end at {value:g}, which is infinitely far on the {on.link} scale"
        share = ""
        if value > 1 and "%" not in str(said) and value <= 100:
            share = f" (for {value:g} % write {value:g} % or {value / 100:g})"
        return f"names {value:g}, and {on.parameter} is a probability, between 0 and 1{share}"
    return f"names {value:g}, and {on.parameter} is above 0"


def _example(on: Target) -> str:
    if links.LINKS[on.link].is_probability:
        return '"between 0.05 and 0.4"'
    return '"between -1 and 1"' if on.link == "identity" else '"between 0.5 and 4"'


def _as_take(on: Target) -> str:
    return f'Write "about 0.3, give or take 0.1", or {_example(on)}.'
