"""What a check is given, and what it answers: verdicts are data, never log lines."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from occupancy.checks.predicted import Predicted
    from occupancy.engines.ml import Maximum
    from occupancy.problem import Problem

Level = Literal["note", "warn", "block"]
SEVERITY: dict[str, int] = {"block": 0, "warn": 1, "note": 2}


@dataclass(frozen=True)
class Verdict:
    """One thing to know before a number is quoted.

    Attributes
    ----------
    level : "note", "warn" or "block"
        A block withholds the headline number.
    message : str
        Plain words, with the numbers in them.
    numbers : dict
        The same numbers for machines, plain values that JSON can hold; None where there is none.
    cure : str
        What to do, or text to paste.
    """

    code: str
    level: Level
    message: str
    numbers: dict[str, Any] = field(default_factory=dict)
    cure: str = ""

    def __post_init__(self) -> None:
        if self.level not in SEVERITY:
            raise ValueError(f"'{self.level}' is no level; levels: {', '.join(SEVERITY)}")
        object.__setattr__(self, "numbers", _plain(self.numbers))

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)

    @staticmethod
    def from_dict(stored: Mapping[str, Any]) -> Verdict:
        """Read what `to_dict` wrote."""
        return Verdict(
            str(stored["code"]),
            stored["level"],
            str(stored["message"]),
            dict(stored.get("numbers", {})),
            str(stored.get("cure", "")),
        )


@dataclass(frozen=True)
class Evidence:
    """All that the checks may look at; a check is silent about what is not there.

    Attributes
    ----------
    ml : Maximum or None
        Of a fit by maximum likelihood, that maximum; of a sampled fit, that of the model without
        its group effects, where it could be made.
    posterior : xr.Dataset or None
        Dims chain, draw and one for each vector; variables by the names of
        `occupancy.engines.compiled.slots`.
    sample_stats : xr.Dataset or None
        diverging, energy, depth, maxdepth_reached, n_steps.
    asked : (chains, draws) or None
    got : int per chain, or None
        Draws really made by each chain.
    """

    problem: Problem
    ml: Maximum | None = None
    posterior: xr.Dataset | None = None
    sample_stats: xr.Dataset | None = None
    asked: tuple[int, int] | None = None
    got: list[int] | None = None
    interrupted: bool = False

    @property
    def draws(self) -> xr.Dataset | None:
        """The posterior, where it holds at least one draw."""
        if self.posterior is None:
            return None
        sizes = self.posterior.sizes
        return self.posterior if sizes.get("chain", 0) and sizes.get("draw", 0) else None

    @cached_property
    def convergence(self) -> pd.DataFrame:
        """R-hat and effective draws of every quantity; made once for the checks that ask."""
        import xarray as xr

        from occupancy.checks.convergence import convergence

        if self.draws is None:
            return convergence(xr.Dataset())
        # weights of a field are no quantities of their own, and there may be thousands
        fields = [
            f"{p.name}_effect[{t.name}]"
            for p in self.problem.predictors.values()
            for t in p.varying
            if t.design.is_field
        ]
        return convergence(self.draws.drop_vars(fields, errors="ignore"))

    @cached_property
    def predicted(self) -> Predicted | None:
        """Psi and p at the visited sites: of the draws, else at the maximum; None without both."""
        from occupancy.checks.predicted import predict

        return predict(self.problem, self.draws, self.ml)


Check = Callable[[Evidence], list[Verdict]]


def _plain(value: Any) -> Any:
    """Values that JSON can hold: no numpy scalars, no NaN, no infinity."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
