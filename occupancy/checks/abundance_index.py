"""NMIX: counts of individuals that are mostly missed tell an index, hardly a number.

Where p is small the counts hold the product of abundance and p, and which of the two is large is
settled by the form of the model: models that fit alike give totals that differ manifold. So the
other forms (Poisson, negative binomial, zero-inflated Poisson) are fitted too, by maximum
likelihood with the same formulas and without group effects, and those that the data do not rule
out are compared: the form fitted, and each whose AIC is within ten of the best.

Source: Barker et al. (2018) Biometrics 74:369-377; Kéry (2018) Ecology 99:281-288; Link et al.
(2018) Ecology 99:1547-1551.
"""

from __future__ import annotations

import numpy as np

from occupancy.checks.base import Evidence, Verdict
from occupancy.checks.predicted import estimates
from occupancy.checks.words import counted, probability
from occupancy.links import LINKS
from occupancy.problem import Problem
from surveys.problems import ModelError

LOWEST_P = 0.2
MOST_APART = 2.0  # times the smallest total
RULED_OUT = 10.0  # of AIC: Burnham and Anderson (2002), Model Selection, p. 70
MOST_VISITS = 50_000  # beyond which a fit of each form takes minutes
NAMES = {
    "poisson": "Poisson",
    "negative_binomial": "negative binomial",
    "zip": "zero-inflated Poisson",
}
CURE = (
    "Call the result an index of abundance, and compare it between sites and years with a like p. "
    "Numbers need knowledge of p from elsewhere in its prior: marked animals, distances, double "
    "observers."
)


def check(evidence: Evidence) -> list[Verdict]:
    problem = evidence.problem
    if problem.family.observes != "count" or "lam" not in problem.predictors:
        return []
    if not problem.observed.detected.any():
        return []
    p = problem.predictors["p"]
    values = [LINKS[p.link].inverse(e).mean() for e in estimates(evidence, p)]
    if not values:
        return []
    mean = float(np.mean(values))
    numbers: dict = {"mean_p": mean}
    said = []
    if mean < LOWEST_P:
        said.append(
            f"An individual is counted with probability {probability(mean)} on a visit. So small "
            "a p is hardly told apart from a smaller number of animals: how many there are is set "
            "by the form of the model."
        )
    totals = in_every_form(evidence)
    if totals and max(totals.values()) > MOST_APART * min(totals.values()):
        numbers["totals"] = totals
        visited = int((problem.visits_per_chain > 0).sum())
        told = ", ".join(f"{_individuals(n)} ({NAMES[name]})" for name, n in totals.items())
        said.append(
            f"Forms that these counts do not rule out put very different numbers of animals at "
            f"the {counted(visited, 'site')}: {told}."
        )
    return [Verdict("NMIX", "warn", " ".join(said), numbers, CURE)] if said else []


def in_every_form(evidence: Evidence) -> dict[str, float]:
    """{mixture: expected number of individuals at the visited sites} of the forms not ruled out.

    Empty where one form alone is left, or where the surveys are too large to fit them all.
    """
    from occupancy import families, posing
    from occupancy.engines.ml import maximise

    problem = evidence.problem.without_groups()
    if problem.family.name != "n_mixture" or problem.y.size > MOST_VISITS:
        return {}
    own = str(problem.family.options.get("mixture", "poisson"))
    formulas = {name: str(p.design.formula) for name, p in problem.predictors.items()}
    links = {name: p.link for name, p in problem.predictors.items()}
    aic, totals = {}, {}
    for name in NAMES:
        try:
            other = problem
            if name != own:
                family = families.get("n_mixture", mixture=name)
                mine = {p.name for p in family.parameters}
                other = posing.build(
                    problem.data,
                    family,
                    {k: v for k, v in formulas.items() if k in mine},
                    links={k: v for k, v in links.items() if k in mine},
                )
            top = evidence.ml if name == own and evidence.ml is not None else maximise(other)
        except ModelError:  # a form that cannot be fitted says nothing
            continue
        aic[name], totals[name] = top.aic, _total(other, top.coefficients)
    least = min(aic.values(), default=np.inf)
    kept = [n for n in aic if n == own or aic[n] < least + RULED_OUT]
    return {n: totals[n] for n in kept} if len(kept) > 1 and own in kept else {}


def _total(problem: Problem, coefficients: dict[str, np.ndarray]) -> float:
    """Expected number of individuals at the visited sites given the counts."""
    from occupancy.results.draws import Draws
    from occupancy.results.passes import expected_numbers

    point = Draws({name: b[None, :] for name, b in coefficients.items()})
    return float(expected_numbers(problem, point)[problem.visits_per_chain > 0].sum())


def _individuals(n: float) -> str:
    """A number with three figures, or that it has no limit."""
    return "no limit" if not n < 1e7 else f"about {float(f'{n:.3g}'):,.0f}"
