"""FLAT: the likelihood has no single top, so a maximum-likelihood table stands on nothing."""

from __future__ import annotations

import numpy as np

from occupancy.checks.base import Evidence, Verdict
from occupancy.checks.species import settled
from occupancy.checks.words import quantity
from surveys.problems import listing


def check(evidence: Evidence) -> list[Verdict]:
    ml = evidence.ml
    if evidence.posterior is not None or ml is None or (ml.converged and not ml.flat):
        return []
    if settled(evidence.problem):
        return []  # NODET and ALLDET say why
    numbers: dict = {"starts": ml.starts, "same_top": ml.same_top, "converged": ml.converged}
    if ml.flat:
        names = [
            quantity(name, term)
            for name, se in ml.standard_errors().items()
            for term, s in zip(evidence.problem.predictors[name].terms, se, strict=True)
            if np.isnan(s)
        ]
        numbers["without_standard_error"] = names
        fact = (
            f"The likelihood is flat at its top: it sets no value of {listing(names)} (running to "
            "an end of the scale, or trading places), so these have no standard error and no "
            "interval."
        )
    else:
        fact = f"None of {ml.starts} climbs came to rest; the highest is shown."
    return [
        Verdict(
            "FLAT",
            "warn",
            fact,
            numbers,
            'Drop a term, or use engine = "nuts": its priors hold what the data do not.',
        )
    ]
