"""BASIS: a spatial field whose range is shorter than its waves resolve, or longer than its box."""

from __future__ import annotations

import numpy as np

from occupancy.checks.base import Evidence, Verdict
from occupancy.checks.words import percent
from occupancy.engines.compiled import hyper_names
from occupancy.results.fields import fields_of
from occupancy.varying.situated import in_words
from occupancy.varying.waves import Waves

MUCH = 0.1  # of the variance in waves that were left out


def check(evidence: Evidence) -> list[Verdict]:
    draws = evidence.draws
    if draws is None:
        return []
    verdicts = []
    for predictor, term in fields_of(evidence.problem):
        if isinstance(term.design, Waves):
            name = hyper_names(predictor.name, term)[1]
            verdicts += _judge(predictor.name, term.design, draws[name].values.ravel())
    return verdicts


def _judge(parameter: str, waves: Waves, ranges: np.ndarray) -> list[Verdict]:
    low, middle, high = (float(q) for q in np.quantile(ranges, [0.05, 0.5, 0.95]))
    lost, at_low = waves.lost(middle), waves.lost(low)
    numbers = {
        "parameter": parameter,
        "field": waves.name,
        "range_km": middle,
        "range_lower_km": low,
        "range_upper_km": high,
        "resolved_km": waves.resolved,
        "widest_km": waves.widest,
        "lost_share": lost,
    }
    about = f"`{parameter}`: the range of {waves.name} is {in_words(middle)}"
    about += f" ({in_words(low)} to {in_words(high)})"
    verdicts = []
    if at_low > MUCH:
        finer = waves.per_axis + 1
        while waves.lost(low * finer / waves.per_axis) > MUCH:  # as if of a longer range
            finer += 1
        level = "warn" if lost > MUCH else "note"
        message = (
            f"{about}, and its waves resolve {in_words(waves.resolved)}: they lack "
            f"{percent(lost)} of its variance, {percent(at_low)} at the lower end."
        )
        cure = f'Refit with basis={finer}, or with kind="nngp", and compare.'
        verdicts.append(Verdict("BASIS", level, message, numbers, cure))
    if middle > 2 * waves.widest:
        message = (
            f"{about}, and the box of its waves is made for ranges up to {in_words(waves.widest)}: "
            "the field is drawn towards its mean near the edge of the study."
        )
        cure = 'Refit with a wider box, such as boundary=2.5, or with kind="nngp".'
        verdicts.append(Verdict("BASIS", "note", message, numbers, cure))
    return verdicts
