"""The priors of one parameter: defaults by the columns of its design, and what the user stated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from occupancy.priors import in_words
from occupancy.priors import stated as statements
from occupancy.priors.of_hypers import for_hyper
from occupancy.priors.prior import Prior, parse
from occupancy.priors.stated import Target
from occupancy.priors.statements import Statement
from surveys.problems import ModelError, listing, nearest

if TYPE_CHECKING:
    from occupancy.design import Design
    from occupancy.varying import Hyper, Varying

# Intercept, and effect of one sd of a covariate. On every link of a probability the intercept
# leaves it wide open between about .05 and .95 without favouring its ends.
DEFAULTS: dict[str, tuple[tuple[float, float], float]] = {
    "logit": ((0.0, 1.5), 1.5),
    "probit": ((0.0, 0.9), 0.9),
    "cloglog": ((-0.37, 1.0), 1.0),
    "log": ((0.0, 1.5), 1.5),
    "identity": ((0.0, 1.5), 1.5),  # log odds and log odds ratios of interacting species
}
NOT_A_PROBABILITY = ("log", "identity")
# The sd of an indicator of a level is that of two even halves, however rare the level is: a rare
# level deserves no vaguer prior.
SPREAD_OF_INDICATOR = 0.5
ACTS_ON = {
    "sd": "the standard deviation between groups",
    "range": "the distance over which it varies",
    "rho": "the correlation from one season to the next",
    "share": "the share of the variance with structure",
    "correlation": "the correlation of effects that vary together",
}
LINE = "flat, normal, student_t, cauchy, logistic, laplace"


@dataclass(frozen=True, eq=False)
class PriorTable:
    """Priors of the coefficients and of the groups' standard deviations of one parameter.

    The prior of coefficient j is on phi[j], with phi = functional @ beta. A row of `functional`
    is that of the identity, but for an intercept with its default prior: there it holds the means
    of the other columns, so that phi is the linear predictor at average conditions. Its
    determinant is 1: a density of phi is a density of beta. A statement about an intercept acts as
    the default does; `averaged` names the terms whose prior acts so. `spreads` holds the sd of
    each column, 0 where it marks a level.
    """

    parameter: str
    link: str
    columns: tuple[str, ...]
    varying: tuple[tuple[str, str], ...]
    coefficients: tuple[Prior, ...]
    hypers: tuple[Prior, ...]
    functional: np.ndarray
    stated: tuple[str, ...] = ()
    offset_centre: float = 0.0
    averaged: tuple[str, ...] = ()
    spreads: tuple[float, ...] = ()

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the terms with a standard deviation of their own."""
        return tuple(term for term, key in self.varying if key == "sd")

    @property
    def sds(self) -> tuple[Prior, ...]:
        """Priors of these standard deviations."""
        pairs = zip(self.varying, self.hypers, strict=True)
        return tuple(prior for (_, key), prior in pairs if key == "sd")

    def priors_of(self, term: str) -> tuple[Prior, ...]:
        """Priors of the hyper-parameters of one term that varies."""
        pairs = zip(self.varying, self.hypers, strict=True)
        return tuple(prior for (name, _), prior in pairs if name == term)

    def log_density(self, beta: np.ndarray) -> float:
        """Log prior density of the coefficients."""
        phi = self.functional @ np.asarray(beta, dtype=np.float64)
        pairs = zip(self.coefficients, phi, strict=True)
        return float(sum(float(prior.log_density(value)) for prior, value in pairs))

    def sample(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """(draw, column) coefficients from the prior."""
        phi = np.stack([prior.sample(rng, size) for prior in self.coefficients], axis=-1)
        return np.linalg.solve(self.functional, phi.T).T

    def table(self) -> list[dict[str, Any]]:
        """One row for each prior, for reports: parameter, term, prior, acts_on, stated, says."""
        rows = []
        for j, (name, prior) in enumerate(zip(self.columns, self.coefficients, strict=True)):
            averaged = np.count_nonzero(self.functional[j]) > 1
            acts_on = "the mean of the other columns" if averaged else "the coefficient"
            rows.append(self._row(name, prior, acts_on, self._says(j)))
        for (term, key), prior in zip(self.varying, self.hypers, strict=True):
            name, _, label = key.partition(" ")
            acts_on = ACTS_ON.get(name, name)
            inside = f"{label}, {term}" if label else term
            says = in_words.of_hyper(prior, self.parameter, self.link, name, term, label)
            rows.append(self._row(f"{name}[{inside}]", prior, acts_on, says))
        return rows

    def _row(self, term: str, prior: Prior, acts_on: str, says: str) -> dict[str, Any]:
        stated = term in self.stated
        row = {"parameter": self.parameter, "term": term, "prior": prior.shown()}
        return row | {"acts_on": acts_on, "stated": stated, "says": says}

    def _says(self, j: int) -> str:
        """Say what the prior of a coefficient means on the scale of the parameter."""
        prior, term = self.coefficients[j], self.columns[j]
        if term in self.averaged:
            if self.offset_centre and prior.kind == "normal":
                mu, sd = prior.arguments
                prior = Prior("normal", (mu + self.offset_centre, sd))
            return in_words.of_value(prior, self.parameter, self.link, "at average conditions")
        if term == "Intercept" or not self.spreads:
            where = "where every other column is 0" if len(self.columns) > 1 else "on average"
            return in_words.of_value(prior, self.parameter, self.link, where)
        return in_words.of_effect(prior, self.parameter, self.link, term, self.spreads[j])

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, exact."""
        return {
            "parameter": self.parameter,
            "link": self.link,
            "columns": list(self.columns),
            "varying": [list(pair) for pair in self.varying],
            "coefficients": [p.to_text() for p in self.coefficients],
            "hypers": [p.to_text() for p in self.hypers],
            "functional": self.functional.tolist(),
            "stated": list(self.stated),
            "offset_centre": self.offset_centre,
            "averaged": list(self.averaged),
            "spreads": list(self.spreads),
        }

    @staticmethod
    def from_dict(stored: Mapping[str, Any]) -> PriorTable:
        """Read what `to_dict` wrote."""
        k = len(stored["columns"])
        return PriorTable(
            stored["parameter"],
            stored["link"],
            tuple(stored["columns"]),
            tuple((term, key) for term, key in stored["varying"]),
            tuple(parse(text) for text in stored["coefficients"]),
            tuple(parse(text) for text in stored["hypers"]),
            np.array(stored["functional"], dtype=np.float64).reshape(k, k),
            tuple(stored["stated"]),
            float(stored["offset_centre"]),
            tuple(stored["averaged"]),
            tuple(map(float, stored["spreads"])),
        )


def resolve(
    design: Design, stated: Mapping[str, str | Prior] | None = None, link: str = "logit"
) -> PriorTable:
    """Priors for every coefficient and standard deviation of a design.

    Parameters
    ----------
    stated : {key: text}
        Keys: a coefficient ("Intercept", "scale(ele)"), "slopes" for all but the intercept, "sd"
        for every standard deviation, "sd[region]" for one. The narrower key wins. The text is a
        prior, "normal(0, 1)", of the coefficient itself, or a statement about the parameter at
        average conditions, "between 0.05 and 0.4".

    Returns
    -------
    PriorTable
        Unstated, the intercept is normal(0, 1.5) at the mean of the other columns, and a slope
        normal(0, 1.5 / sd of its column): one sd of the covariate moves the log odds by
        normal(0, 1.5) whether it was scaled or not. A standard deviation between groups is
        half_normal(1), of slopes half_normal(1 / sd of the covariate).

    Raises
    ------
    ModelError
        A key or kind is unknown, or a kind does not fit what it is stated for.
    """
    stated = dict(stated or {})
    if link not in DEFAULTS:
        raise ModelError(f"No link '{link}'. Known: {listing(DEFAULTS)}.")
    columns = design.columns
    told = _check_keys(design, stated)
    (centre, sd), slope = DEFAULTS[link]
    levels = {0} if design.formula.intercept else set(design.level_means)
    functional = np.eye(len(columns))
    steps = [0.0 if design.is_indicator(j) else s for j, s in enumerate(design.spreads)]
    coefficients, named, averaged = [], [], []
    for j, name in enumerate(columns):
        is_level = j in levels
        key = name if name in told else "slopes" if "slopes" in told and not is_level else ""
        if key:
            step = 0.0 if is_level else steps[j]
            on = Target(design.parameter, key, name, link, step, design.offset_centre)
            coefficients.append(_for_coefficient(told[key], on, is_level))
            named.append(name)
        elif is_level:
            # The offset is part of the predictor at average conditions too.
            coefficients.append(Prior("normal", (_tidy(centre - design.offset_centre), sd)))
        else:
            one = SPREAD_OF_INDICATOR if design.is_indicator(j) else design.spreads[j]
            coefficients.append(Prior("normal", (0.0, _tidy(slope / one))))
        if is_level and (not key or isinstance(told[key], Statement)):
            averaged.append(name)
            others = [i for i in range(len(columns)) if i not in levels]
            functional[j, others] = np.array(design.centres)[others]
    varying, hypers = [], []
    for term in design.groups:
        for hyper in term.hypers:
            names = _hyper_keys(term, hyper)
            key = next((k for k in names if k in told), "")
            prior = hyper.prior
            if key:
                named.append(names[0])
                on = Target(design.parameter, key, term.name, link, hyper.spread)
                prior = for_hyper(told[key], on, hyper)
            hypers.append(prior)
            varying.append((term.name, hyper.key))
    return PriorTable(
        design.parameter,
        link,
        columns,
        tuple(varying),
        tuple(coefficients),
        tuple(hypers),
        functional,
        tuple(named),
        design.offset_centre,
        tuple(averaged),
        tuple(steps),
    )


def _tidy(value: float) -> float:
    """Ten digits: the sd of a scaled column is 1 but for rounding, and its prior 1.5."""
    return float(f"{value:.10g}")


def _check_keys(design: Design, stated: Mapping[str, str | Prior]) -> dict[str, Prior | Statement]:
    """Priors and statements by key, every key known."""
    pairs = [(term, hyper) for term in design.groups for hyper in term.hypers]
    sds = list(dict.fromkeys(k for pair in pairs for k in reversed(_hyper_keys(*pair))))
    known = [*design.columns, *(["slopes"] if len(design.columns) > 1 else []), *sds]
    told = {}
    for key, text in stated.items():
        if key not in known:
            near = nearest(key, known)
            hint = f" Did you mean '{near}'?" if near else f" Known: {listing(known, 12)}."
            raise ModelError(f"`{design.parameter}` has no '{key}' to set a prior for.{hint}")
        try:
            told[key] = statements.read_prior(text)
        except ModelError as error:
            raise ModelError(f"`{design.parameter}`, prior of '{key}': {error}") from None
    return told


def _for_coefficient(told: Prior | Statement, on: Target, is_level: bool) -> Prior:
    if isinstance(told, Statement):
        return statements.of_level(told, on) if is_level else statements.of_effect(told, on)
    head = f"`{on.parameter}`, prior of '{on.key}': {told}"
    if told.is_bounded:
        cure = "Write uniform()" if told.kind == "uniform" and is_level else f"Use one of {LINE}"
        raise ModelError(f"{head} is for correlations and shares. {cure}.")
    if told.is_positive:
        raise ModelError(f"{head} allows positive values only. Use one of {LINE}.")
    if told.kind == "beta" and not is_level:
        raise ModelError(f"{head} is for an intercept only. Use one of {LINE}.")
    if told.kind == "beta" and on.link != "logit":
        raise ModelError(f"{head} needs the logit link, and this parameter has {on.link}.")
    return told


def _hyper_keys(term: Varying, hyper: Hyper) -> list[str]:
    """Keys under which a prior may be stated, the narrowest first: "sd[region]", "sd"."""
    narrow = [f"{hyper.name}[{hyper.label}, {term.name}]"] if hyper.label else []
    return [*narrow, f"{hyper.name}[{term.name}]", hyper.name]
