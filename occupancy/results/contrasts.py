"""The same place with one thing changed: difference, ratio and odds ratio of a parameter.

Everything else stays where `occupancy.results.typical` holds it, in both. Each measure is computed
draw by draw, so that its interval knows that both values come from one model. The odds ratio is
told of probabilities alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from occupancy import arguments
from occupancy.frames import Frames
from occupancy.problem import Predictor, Problem
from occupancy.results.draws import Draws, linear_predictor, natural, summary
from occupancy.results.typical import surveyed, typical, value_of
from surveys.problems import ModelError, did_you_mean, listing

SHARES = ("logit", "cloglog", "probit")
INNER = 0.5
MEASURES = ("from", "to", "difference", "ratio", "odds_ratio")
COLUMNS = ["parameter", "covariate", "from_value", "to_value", "measure", "mean", "sd"]
COLUMNS += ["lower", "upper", "lower_50", "upper_50", "extrapolated"]
BETWEEN = '{"ele": (800, 1200)}'


def table(
    problem: Problem,
    frames: Frames,
    draws: Draws,
    parameter: str,
    between: Mapping[str, Any],
    interval: float,
    at: Mapping[str, Any] | None = None,
    species: str | None = None,
) -> pd.DataFrame:
    """Five rows for each covariate in ``between``; each changes by itself.

    Raises
    ------
    ModelError
        The parameter, a covariate or a level is unknown, or there are not two values.
    """
    if parameter not in problem.predictors:
        known = list(problem.predictors)
        raise ModelError(
            f"The model has no parameter '{parameter}'.{did_you_mean(str(parameter), known)} "
            f"It has {listing(known)}."
        )
    p = problem.predictors[parameter]
    rows = surveyed(problem, frames, p, species)
    out, stood, averaged = [], {}, {}
    for name, pair in arguments.mapping("between", between, BETWEEN).items():
        first, second = _pair(name, pair)
        values = [value_of(p, rows, name, v) for v in (first, second)]
        still = typical(problem, rows, p, species, at, [name])
        frame = still.frame(2, **{name: np.array(values, dtype=rows.values[name].dtype)})
        stood[name] = {k: v for k, v in {**still.held, **still.stated}.items() if k != name}
        averaged[name] = still.averaged
        outside = _outside(rows.values[name], values)
        about = {"parameter": parameter, "covariate": name, "from_value": first}
        about["to_value"] = second
        for measure, told in _measures(still.predictor, draws, frame, interval).items():
            out.append({**about, "measure": measure, **told, "extrapolated": outside})
    made = pd.DataFrame(out, columns=COLUMNS)
    made.attrs.update(interval=interval, held=stood, groups=averaged)
    return made


def _measures(
    p: Predictor, draws: Draws, frame: Mapping[str, np.ndarray], interval: float
) -> dict[str, dict[str, float]]:
    drawn = _values(p, draws, frame)
    point = None if draws.told_at is None else _values(p, draws.told_at, frame)
    return {
        k: _told(v, None if point is None else point[k], interval)
        for k, v in drawn.items()
        if k != "odds_ratio" or p.link in SHARES
    }


def _values(p: Predictor, draws: Draws, frame: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """{measure: (draw,)}."""
    first, second = natural(p, linear_predictor(p, draws, frame, 2)).T
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = second / (1 - second) / (first / (1 - first))
        if p.link == "logit":  # exact where a probability is within rounding of 1
            eta = linear_predictor(p, draws, frame, 2)
            odds = np.exp(eta[:, 1] - eta[:, 0])
        values = (first, second, second - first, second / first, odds)
    return dict(zip(MEASURES, values, strict=True))


def _told(values: np.ndarray, point: np.ndarray | None, interval: float) -> dict[str, float]:
    whole = {k: float(v[0]) for k, v in summary(values[:, None], interval).items()}
    inner = summary(values[:, None], INNER)
    if point is not None:
        whole["mean"] = float(point[0])
    return whole | {f"{k}_50": float(inner[k][0]) for k in ("lower", "upper")}


def _pair(name: str, pair: Any) -> tuple[Any, Any]:
    if isinstance(pair, (str, bytes)) or not hasattr(pair, "__len__") or len(pair) != 2:
        raise ModelError(f"between: {name} = {pair!r}. Give two values, as {BETWEEN}.")
    return pair[0], pair[1]


def _outside(seen: np.ndarray, values: list[Any]) -> bool:
    """Whether a number lies beyond those surveyed."""
    if seen.dtype.kind != "f":
        return False
    return bool(min(values) < np.nanmin(seen) or max(values) > np.nanmax(seen))
