"""What a fit holds: its draws or its maximum, and the states given what was seen.

Draws of psi over sites are made when they are asked for and are not kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from occupancy import checks
from occupancy.engines.marginal import Integrated
from occupancy.engines.ml import Maximum
from occupancy.frames import make_frames
from occupancy.problem import Problem
from occupancy.results import (
    passes,
)
from occupancy.results.draws import (
    Draws,
    from_maximum,
    from_posterior,
)
from occupancy.results.occupied import Occupied, Places
from occupancy.results.passes import Pass
from surveys.problems import ModelError

if TYPE_CHECKING:
    from occupancy.model import Model
# States are sampled for so many draws; fewer where the visits are many, never under the least.
MOST_STATE_DRAWS, LEAST_STATE_DRAWS, MOST_VISITS_EVALUATED = 4000, 200, 400_000_000


class Drawn:
    """One model on one set of surveys, with its draws or its maximum.

    Attributes
    ----------
    model : Model
    engine : "nuts" or "ml"
    ml : Maximum or None
        Of a fit by maximum likelihood, that maximum: an ``engines.marginal.Integrated`` where the
        model has group effects. Of a sampled fit, the maximum without group effects, beside
        which the posterior is shown.
    posterior, sample_stats : xr.Dataset or None
        Draws of the sampler.
    warnings : list of Verdict
    """

    def __init__(
        self,
        model: Model,
        engine: str,
        seed: int,
        *,
        ml: Maximum | None,
        posterior: xr.Dataset | None = None,
        sample_stats: xr.Dataset | None = None,
        about: Mapping[str, Any] | None = None,
        warnings: list[checks.Verdict] | None = None,
    ):
        self.model, self.engine, self.seed = model, engine, seed
        self.ml, self.posterior, self.sample_stats = ml, posterior, sample_stats
        self.about = dict(about or {})
        self.warnings = warnings if warnings is not None else checks.run(self._evidence)

    @cached_property
    def _evidence(self) -> checks.Evidence:
        asked = self.about.get("asked")
        return checks.Evidence(
            problem=self.problem,
            ml=self.ml,
            posterior=self.posterior,
            sample_stats=self.sample_stats,
            asked=tuple(asked) if asked else None,
            got=self.about.get("got"),
            interrupted=bool(self.about.get("interrupted", False)),
        )

    def __repr__(self) -> str:
        formulas = ", ".join(f"{k} ~ {v}" for k, v in self.model.formulas.items())
        codes = ", ".join(w.code for w in self.warnings)
        return f"<occupancy.Fit by {self.engine}: {formulas}" + (f"; {codes}>" if codes else ">")

    @property
    def data(self) -> xr.Dataset:
        return self.model.data

    @property
    def problem(self) -> Problem:
        return self.model.problem

    # ------------------------------------------------------------ draws

    @cached_property
    def draws(self) -> Draws:
        """Draws of every parameter, chains joined."""
        if self.posterior is not None:
            return from_posterior(self.problem, self.posterior)
        return from_maximum(self.problem, self._maximum, self.seed)

    @property
    def _maximum(self) -> Maximum:
        if self.ml is None:
            raise ModelError("This fit has no maximum of the likelihood.")
        return self.ml

    @property
    def _pooled(self) -> Maximum | None:
        """The maximum of the model without its group effects."""
        return self.ml.pooled if isinstance(self.ml, Integrated) else self.ml

    @cached_property
    def _state_draws(self) -> Draws:
        """Draws for which states are sampled."""
        problem = self.problem
        work = MOST_VISITS_EVALUATED // max(problem.y.size, problem.n_chain * problem.n_step, 1)
        return self.draws.thinned(int(np.clip(work, LEAST_STATE_DRAWS, MOST_STATE_DRAWS)))

    @cached_property
    def _drawn(self) -> Pass:
        """States sampled for every draw."""
        draws = self._state_draws
        usable = all(np.isfinite(b).all() for b in draws.coefficients.values())
        return passes.run(self.problem, draws if usable else draws.centre, self.seed)

    @cached_property
    def _at_centre(self) -> Pass:
        """State probabilities: over the draws, or at the maximum of the likelihood."""
        if self.draws.told_at is None:
            return self._drawn
        return passes.run(self.problem, self.draws.told_at, self.seed)

    @property
    def _pass(self) -> Pass:
        """Probabilities from the centre, sampled states from the draws."""
        return replace(
            self._at_centre, log_lik=None, occupied=self._drawn.occupied, member=self._drawn.member
        )

    @cached_property
    def _frames(self):
        family = self.problem.family
        return make_frames(self.data, family.observes, family.steps, family.joint)

    @cached_property
    def _places(self) -> Places:
        """The chains of the surveys as places."""
        at = self._frames
        return Places(at.n_chain, at.chains, at.seasons, at.intervals, at.steps.n)

    @cached_property
    def _occupied(self) -> Occupied:
        """Occupancy under all the draws."""
        drawn = self.posterior is not None or self.problem.has_groups
        covariance = None if drawn else self._maximum.covariance
        return Occupied(self.problem, self.draws, covariance, self.seed)

    @cached_property
    def _own_covariance(self) -> dict[str, np.ndarray]:
        """{parameter: covariance of its coefficients} at a maximum; empty of a sampled fit."""
        covariances, at = {}, 0
        for name, p in self.problem.predictors.items() if self.posterior is None else ():
            rows = slice(at, at := at + len(p.terms))
            covariances[name] = self._maximum.covariance[rows, rows]
        return covariances

    def _wald_covariance(self, parameter: str) -> np.ndarray | None:
        """Covariance of a parameter's coefficients, where a model has nothing else to tell.

        Where anything varies, every answer is a mean over draws: those of sites and regions too.
        """
        return None if self.problem.has_groups else self._own_covariance.get(parameter)

    # ------------------------------------------------------------ likelihood

    @property
    def log_likelihood(self) -> float | xr.DataArray:
        """Maximum likelihood: the total. Sampled: (chain, draw, species, site), states summed out.

        The site is the unit: its visits share one unknown state.
        """
        if self.posterior is None:
            return float(self._maximum.log_likelihood)
        n = self.problem.n_chain
        values = passes.run(self.problem, self.draws, self.seed, pointwise=True).log_lik
        if values is None:
            raise ModelError(
                f"{self.draws.n} draws at {n} sites do not fit in memory; ask a fit of fewer draws."
            )
        sizes = self.posterior.sizes
        dims, coords = self.model.chain_dims
        shape = (sizes["chain"], sizes["draw"], *(self.data.sizes[d] for d in dims))
        return xr.DataArray(values.reshape(shape), dims=("chain", "draw", *dims), coords=coords)

    @property
    def aic(self) -> float:
        """Akaike's criterion at the maximum; for a sampled fit NaN, which has no maximum."""
        return self._maximum.aic if self.engine == "ml" else float("nan")

    @cached_property
    def states(self) -> xr.DataArray:
        """(species, site, season, state) P(state | whole history), NaN where a covariate is
        missing; (site, season, state) where species share a chain, and visits instead of seasons
        where the family runs over visits.
        """
        dims, coords = self.model.chain_dims
        over, problem = self.problem.steps.over, self.problem
        told = self._at_centre.states
        if over == "season":
            told = told[:, problem.steps.of_season]
        return xr.DataArray(
            told.reshape(*(self.data.sizes[d] for d in dims), *told.shape[1:]),
            dims=(*dims, over, "state"),
            coords={**coords, over: self.data[over], "state": self.model.state_names},
        )
