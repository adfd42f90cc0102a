"""FLAT: the likelihood has no single top, so a maximum-likelihood table stands on nothing."""

from __future__ import annotations

from occupancy.checks.base import Evidence, Verdict


def check(evidence: Evidence) -> list[Verdict]:
    ml = evidence.ml
    if evidence.posterior is not None or ml is None or (ml.converged and not ml.flat):
        return []
    seen = (evidence.problem.detections_per_chain > 0)[evidence.problem.visits_per_chain > 0]
    if seen.all() or not seen.any():  # NODET and ALLDET say why
        return []
    if ml.flat:
        fact = (
            "The likelihood is flat at its top: a coefficient runs away or two of them trade "
            "places, so there are no standard errors and no intervals."
        )
    else:
        fact = f"None of {ml.starts} climbs came to rest; the highest is shown."
    return [
        Verdict(
            "FLAT",
            "warn",
            fact,
            {"starts": ml.starts, "same_top": ml.same_top, "converged": ml.converged},
            'Drop a term, or use engine = "nuts": its priors hold what the data do not.',
        )
    ]
