"""What a prior says, in a sentence on the natural scale: of a value, an effect, a spread."""

from __future__ import annotations

import math

import numpy as np

from occupancy import links
from occupancy.priors.of_hypers import SIGNED_NAMES
from occupancy.priors.prior import Prior

# What a step of a coefficient multiplies: "{}" is the parameter.
MULTIPLIES = {"logit": "the odds of {}", "cloglog": "the rate -log(1 - {})", "log": "{}"}
ENDS = (0.05, 0.5, 0.95)
TEN_GROUPS = 1.6448536269514722  # sds on either side that hold nine groups in ten


def of_value(prior: Prior, name: str, link: str, where: str) -> str:
    """An intercept: where the parameter itself lies."""
    if links.LINKS[link].is_probability or prior.kind == "flat":
        return prior.on_probability(name, link, where)
    low, middle, high = links.LINKS[link].inverse(prior.quantile(ENDS))
    return (
        f"90 % of the prior for {name} {where} lies between {number(low)} and {number(high)} "
        f"(median {number(middle)})."
    )


def of_effect(prior: Prior, name: str, link: str, term: str, step: float) -> str:
    """A slope: what one sd more does, or a level against its reference where step is 0."""
    if prior.kind == "flat":
        return f"flat() says nothing about {term}: every effect is alike."
    what = f"one sd more of {term}" if step else f"{term} against its reference"
    ends = prior.quantile(ENDS) * (step or 1.0)
    if link not in MULTIPLIES:
        low, middle, high = (number(v) for v in ends)
        scale = "" if link == "identity" else f" on the {link} scale"
        return f"90 % of the prior: {what} adds {low} to {high} to {name}{scale} (median {middle})."
    with np.errstate(over="ignore", under="ignore"):
        low, middle, high = (number(v) for v in np.exp(ends))
    return (
        f"90 % of the prior: {what} multiplies {MULTIPLIES[link].format(name)} by {low} to {high} "
        f"(median {middle})."
    )


def of_hyper(prior: Prior, name: str, link: str, what: str, term: str, label: str = "") -> str:
    """A hyper-parameter: an sd, another positive number, a share or a correlation."""
    if what == "sd":
        by = term.rpartition("|")[2] if label else term
        return of_sd(prior, name, link, f"{label}|{by}" if label not in ("", "1") else by)
    if prior.is_positive:
        low, middle, high = (number(v) for v in prior.quantile(ENDS))
        return f"90 % of the prior lies between {low} and {high} (median {middle})."
    share = links.LINKS["logit"].inverse(prior.quantile(ENDS))
    if what in SIGNED_NAMES:
        share = 2 * share - 1
    low, middle, high = (number(v) if abs(v) > 1e-9 else "0" for v in share)
    return f"90 % of the prior lies between {low} and {high} (median {middle})."


def of_sd(prior: Prior, name: str, link: str, group: str) -> str:
    """A standard deviation: where it lies, and what its middle means for groups."""
    middle, high = (float(v) for v in prior.quantile([0.5, 0.95]))
    text = f"Half of the prior lies below {number(middle)}, 95 % below {number(high)}."
    if link not in MULTIPLIES or not math.isfinite(middle):
        return text
    with np.errstate(over="ignore"):
        reach = number(float(np.exp(TEN_GROUPS * middle)))
    effect, _, by = group.rpartition("|")
    subject = f"an effect of {effect} on" if effect else ""
    what = " ".join(f"{subject} {MULTIPLIES[link].format(name)}".split())
    typical = f"nine in ten levels of {by} have {what} within {reach} times the mean"
    return f"{text} At {number(middle)}, {typical}."


def number(value: float) -> str:
    """Two digits; a number too large or too small to mean anything is said to be so."""
    value = float(value)
    if not math.isfinite(value) or abs(value) >= 1e6:
        return "more than a million" if value > 0 else "less than minus a million"
    if value != 0 and abs(value) < 1e-4:
        return "almost 0"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.2g}"
