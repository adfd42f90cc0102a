"""ALLDET: the species was detected at every visited site, so psi has a lower bound at best."""

from __future__ import annotations

from occupancy.checks.base import Evidence, Verdict
from occupancy.checks.species import by_species, changes
from occupancy.checks.words import counted, probability
from surveys.problems import listing

CURE = "Report the lower end of the interval of psi. Smaller sites or shorter visits tell more."


def check(evidence: Evidence) -> list[Verdict]:
    if not evidence.problem.family.proof:
        return []
    table = by_species(evidence.problem)
    every = [s for s in table if s.visits.size and s.detected.all()]
    if not every:
        return []
    if len(table) > 1:
        names = [s.name for s in every]
        message = f"{len(every)} of {len(table)} species were detected at every visited site: "
        numbers: dict = {"species": names, "species_in_all": len(table)}
        return [Verdict("ALLDET", "warn", message + listing(names) + ".", numbers, CURE)]
    n = every[0].visits.size
    if changes(evidence.problem):
        message = (
            f"The species was detected at every visited site in every season ({n} in all). "
            "Colonisation and extinction cannot be estimated from sites that never change."
        )
        return [Verdict("ALLDET", "warn", message, {"visited_sites_and_seasons": n}, CURE)]
    lowest = 0.05 ** (1 / n)  # psi^n = .05: a detection at all sites is rarer below, whatever p
    message = (
        f"The species was detected at {'the only' if n == 1 else 'each of the'} "
        f"{counted(n, 'visited site')}. The data only say that psi is large (above "
        f"{probability(lowest)} at 95 %); covariates of psi cannot be estimated."
    )
    numbers = {"visited_sites": n, "lowest_psi": lowest}
    return [Verdict("ALLDET", "warn", message, numbers, CURE)]
