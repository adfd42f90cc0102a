"""Effects of seasons, one line of them or one for each level of a group: what `rw` and `ar1` tell.

Beside each effect stands the parameter itself in that season, other numbers held at their mean and
other labels at their commonest level. The line of a region has what else is known of the region.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from occupancy.frames import Frames
from occupancy.problem import Predictor, Problem
from occupancy.results.draws import Draws, summary
from occupancy.results.places import summarise
from occupancy.results.typical import columns_of, held, surveyed
from occupancy.varying import AlongTime, Varying

COLUMNS = ["parameter", "term", "group", "season", "mean", "sd", "lower", "upper"]
COLUMNS += ["curve_mean", "curve_sd", "curve_lower", "curve_upper"]


def table(problem: Problem, frames: Frames, draws: Draws, interval: float) -> pd.DataFrame:
    """One row for each season of each line; ``attrs["held"]`` tells where others stand."""
    parts, stood = [], {}
    for name, p in problem.predictors.items():
        lines = [t for t in p.varying if isinstance(t.design, AlongTime)]
        if not lines:
            continue
        fixed = held(p, surveyed(problem, frames, p, None), columns_of(p))
        stood[name] = {k: v for k, v in fixed.items() if k not in {t.design.along for t in lines}}
        for term in lines:
            line = term.design
            assert isinstance(line, AlongTime)
            effect = summary(draws.effects[name, term.name], interval)
            n = line.times.n
            for g in range(line.n_group):
                told = {k: v[g * n : (g + 1) * n] for k, v in effect.items()}
                frame = _at_seasons(line, g, fixed)
                curve = summarise(_alone(p, line, frame), draws, frame, n, interval)
                told |= {f"curve_{k}": v for k, v in curve.items()}
                group = line.levels[g] if line.levels else ""
                parts.append(
                    pd.DataFrame(told).assign(
                        parameter=name, term=line.name, group=group, season=_labels(line)
                    )
                )
    out = pd.concat(parts, ignore_index=True)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)
    out.attrs.update(interval=interval, held=stood)
    return out


def _labels(line: AlongTime) -> np.ndarray:
    """(time,) seasons as the surveys have them."""
    if line.times.order:
        return np.array(line.times.labels, dtype=object)
    return line.times.at.astype(np.int64) if line.times.whole else line.times.at


def _at_seasons(line: AlongTime, g: int, fixed: dict[str, Any]) -> dict[str, np.ndarray]:
    """A table of the seasons of one line, everything else held."""
    n = line.times.n
    frame = {k: np.full(n, v) for k, v in fixed.items()}
    if line.keys:
        for name, label in zip(line.by, line.keys[g], strict=True):
            numeric = line.memory.kinds[name] == "number"
            frame[name] = np.full(n, float(label) if numeric else label, float if numeric else None)
    labels = np.array(line.times.labels, dtype=object)
    frame[line.along] = labels if line.times.order else line.times.at
    return frame


def _alone(p: Predictor, line: AlongTime, frame: dict[str, np.ndarray]) -> Predictor:
    """The predictor with what is known of the line; all else that varies at its mean."""

    def stays(term: Varying) -> bool:
        needed = {*term.by, *([term.along] if term.along else [])}
        needed |= set(_columns_of_slopes(term))
        return needed <= set(frame) and (set(term.by) <= set(line.by))

    keep = [k for k, term in enumerate(p.design.groups) if stays(term)]
    design = replace(p.design, groups=tuple(p.design.groups[k] for k in keep))
    return replace(p, design=design, varying=tuple(p.varying[k] for k in keep))


def _columns_of_slopes(term: Varying) -> list[str]:
    """Columns that a term's effects are multiplied by, or read without being told."""
    from occupancy.formula.tree import columns_in

    slope = getattr(term, "slope", None)
    node = getattr(term, "node", None)
    effects = [slope] if slope is not None else [e for e in getattr(node, "effects", ()) if e]
    names = [name for effect in effects for part in effect.parts for name in columns_in(part)]
    return [*names, *getattr(node, "reads", ())]
