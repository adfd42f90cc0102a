"""The priors of one parameter: defaults by the columns of its design, and what the user stated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from occupancy.priors.prior import Prior, parse
from surveys.problems import ModelError, listing, nearest

if TYPE_CHECKING:
    from occupancy.design import Design

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
SD_OF_GROUPS = 1.0
LINE = "flat, normal, student_t, cauchy, logistic, laplace"
POSITIVE = (
    "half_normal, half_student_t, half_cauchy, exponential, gamma, inverse_gamma, "
    "inverse_gamma_variance, lognormal"
)


@dataclass(frozen=True, eq=False)
class PriorTable:
    """Priors of the coefficients and of the groups' standard deviations of one parameter.

    The prior of coefficient j is on phi[j], with phi = functional @ beta. A row of `functional`
    is that of the identity, but for an intercept with its default prior: there it holds the means
    of the other columns, so that phi is the linear predictor at average conditions. Its
    determinant is 1: a density of phi is a density of beta.
    """

    parameter: str
    link: str
    columns: tuple[str, ...]
    groups: tuple[str, ...]
    coefficients: tuple[Prior, ...]
    sds: tuple[Prior, ...]
    functional: np.ndarray
    stated: tuple[str, ...] = ()
    offset_centre: float = 0.0

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
        for name, prior in zip(self.groups, self.sds, strict=True):
            acts_on = "the standard deviation between groups"
            rows.append(self._row(f"sd[{name}]", prior, acts_on, ""))
        return rows

    def _row(self, term: str, prior: Prior, acts_on: str, says: str) -> dict[str, Any]:
        stated = term in self.stated
        row = {"parameter": self.parameter, "term": term, "prior": prior.shown()}
        return row | {"acts_on": acts_on, "stated": stated, "says": says}

    def _says(self, j: int) -> str:
        """Say what the prior of an intercept means for the probability; "" for others."""
        prior, row = self.coefficients[j], self.functional[j]
        averaged = np.count_nonzero(row) > 1
        if self.link in NOT_A_PROBABILITY or not (averaged or self.columns[j] == "Intercept"):
            return ""
        if prior.kind == "normal" and self.columns[j] not in self.stated:
            mu, sd = prior.arguments
            return Prior("normal", (mu + self.offset_centre, sd)).on_probability(
                self.parameter, self.link
            )
        where = "where every other column is 0" if len(self.columns) > 1 else "on average"
        return prior.on_probability(self.parameter, self.link, where)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, exact."""
        return {
            "parameter": self.parameter,
            "link": self.link,
            "columns": list(self.columns),
            "groups": list(self.groups),
            "coefficients": [p.to_text() for p in self.coefficients],
            "sds": [p.to_text() for p in self.sds],
            "functional": self.functional.tolist(),
            "stated": list(self.stated),
            "offset_centre": self.offset_centre,
        }

    @staticmethod
    def from_dict(stored: Mapping[str, Any]) -> PriorTable:
        """Read what `to_dict` wrote."""
        k = len(stored["columns"])
        return PriorTable(
            stored["parameter"],
            stored["link"],
            tuple(stored["columns"]),
            tuple(stored["groups"]),
            tuple(parse(text) for text in stored["coefficients"]),
            tuple(parse(text) for text in stored["sds"]),
            np.array(stored["functional"], dtype=np.float64).reshape(k, k),
            tuple(stored["stated"]),
            float(stored["offset_centre"]),
        )


def resolve(
    design: Design, stated: Mapping[str, str | Prior] | None = None, link: str = "logit"
) -> PriorTable:
    """Priors for every coefficient and standard deviation of a design.

    Parameters
    ----------
    stated : {key: text}
        Keys: a coefficient ("Intercept", "scale(ele)"), "slopes" for all but the intercept, "sd"
        for every standard deviation, "sd[region]" for one. The narrower key wins.

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
    columns, groups = design.columns, tuple(g.name for g in design.groups)
    told = _check_keys(design, stated)
    (centre, sd), slope = DEFAULTS[link]
    levels = {0} if design.formula.intercept else set(design.level_means)
    functional = np.eye(len(columns))
    coefficients, named = [], []
    for j, name in enumerate(columns):
        is_level = j in levels
        key = name if name in told else "slopes" if "slopes" in told and not is_level else ""
        if key:
            coefficients.append(_for_coefficient(design, key, told[key], is_level, link))
            named.append(name)
        elif is_level:
            # The offset is part of the predictor at average conditions too.
            coefficients.append(Prior("normal", (_tidy(centre - design.offset_centre), sd)))
            others = [i for i in range(len(columns)) if i not in levels]
            functional[j, others] = np.array(design.centres)[others]
        else:
            one = SPREAD_OF_INDICATOR if design.is_indicator(j) else design.spreads[j]
            coefficients.append(Prior("normal", (0.0, _tidy(slope / one))))
    sds = []
    for group in design.groups:
        key = f"sd[{group.name}]" if f"sd[{group.name}]" in told else "sd"
        if key in told:
            sds.append(_for_sd(design, key, told[key]))
            named.append(f"sd[{group.name}]")
        else:
            sds.append(Prior("half_normal", (_tidy(SD_OF_GROUPS / group.spread),)))
    return PriorTable(
        design.parameter,
        link,
        columns,
        groups,
        tuple(coefficients),
        tuple(sds),
        functional,
        tuple(named),
        design.offset_centre,
    )


def _tidy(value: float) -> float:
    """Ten digits: the sd of a scaled column is 1 but for rounding, and its prior 1.5."""
    return float(f"{value:.10g}")


def _check_keys(design: Design, stated: Mapping[str, str | Prior]) -> dict[str, Prior]:
    """Priors by key, every key known."""
    sds = ["sd", *(f"sd[{g.name}]" for g in design.groups)] if design.groups else []
    known = [*design.columns, *(["slopes"] if len(design.columns) > 1 else []), *sds]
    told = {}
    for key, text in stated.items():
        if key not in known:
            near = nearest(key, known)
            hint = f" Did you mean '{near}'?" if near else f" Known: {listing(known, 12)}."
            raise ModelError(f"`{design.parameter}` has no '{key}' to set a prior for.{hint}")
        try:
            told[key] = parse(text)
        except ModelError as error:
            raise ModelError(f"`{design.parameter}`, prior of '{key}': {error}") from None
    return told


def _for_coefficient(design: Design, key: str, prior: Prior, is_level: bool, link: str) -> Prior:
    head = f"`{design.parameter}`, prior of '{key}': {prior}"
    if prior.is_positive:
        raise ModelError(f"{head} allows positive values only. Use one of {LINE}.")
    if prior.kind == "beta" and not is_level:
        raise ModelError(f"{head} is for an intercept only. Use one of {LINE}.")
    if prior.kind == "beta" and link != "logit":
        raise ModelError(f"{head} needs the logit link, and this parameter has {link}.")
    return prior


def _for_sd(design: Design, key: str, prior: Prior) -> Prior:
    if not prior.is_positive:
        half = {"normal": "half_normal", "student_t": "half_student_t"}.get(prior.kind)
        cure = f"Use {half}" if half else f"Use one of {POSITIVE}"
        raise ModelError(
            f"`{design.parameter}`, prior of '{key}': {prior} allows negative values, and a "
            f"standard deviation has none. {cure}."
        )
    return prior
