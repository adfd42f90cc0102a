"""A fit: one set of draws or one maximum, and the questions asked of it.

Every answer is computed from joint draws of the parameters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import xarray as xr

from occupancy.engines import ml as maximum
from occupancy.engines import profile as profiles
from occupancy.results import (
    effects,
    elsewhere,
    parameters,
)
from occupancy.results import fields as spatial
from occupancy.results.draws import (
    interval_ends,
)
from occupancy.varying.situated import COORDINATES
from surveys.problems import ModelError

if TYPE_CHECKING:
    from occupancy.model import Model
from occupancy.fit_places import OfPlaces, with_places

SCHEMA = 1


class Fit(OfPlaces):
    """Answers of one model on one set of surveys.

    Its state is told by ``occupancy.fit_draws.Drawn``; questions about sites, regions, seasons and
    other places stand in ``occupancy.fit_places``.
    """

    # ------------------------------------------------------------ parameters

    def coefficients(self, interval: float = 0.9) -> pd.DataFrame:
        """Coefficients of every parameter on the link scale.

        Returns
        -------
        DataFrame
            parameter, term, mean, sd, lower, upper; ``rhat`` and ``ess_bulk`` of a sampled fit,
            ``se`` and ``z`` of a maximum; then ``ml`` and ``ml_se`` (maximum likelihood without
            group effects) and ``naive`` (logistic regression of "ever detected", psi only).
        """
        found = None if self.posterior is None else self._evidence.convergence
        ml = self.ml if found is not None else self._maximum
        return parameters.coefficients(self.problem, self.draws, ml, found, interval)

    def profile(self, interval: float = 0.9) -> pd.DataFrame:
        """Profile-likelihood intervals of a maximum-likelihood fit: parameter, term, lower, upper.

        They need no symmetry and are infinite on the side where the likelihood never falls.
        """
        if self.engine != "ml":
            raise ModelError('Profile intervals belong to a fit by engine="ml".')
        low, high = interval_ends(interval)
        bounds = profiles.profile(self.problem, self._maximum, high - low)
        return parameters.profiles(self.problem, self._maximum, bounds)

    def groups(self, interval: float = 0.9) -> pd.DataFrame:
        """Effects of every level on the link scale."""
        return parameters.groups(self.problem, self.draws, interval)

    def variances(self, interval: float = 0.9) -> pd.DataFrame:
        """Standard deviations between the levels of each group, with the latent share (ICC).

        icc = sd^2 / (sum of the predictor's group variances + variance of the link's own noise),
        pi^2 / 3 for logit and pi^2 / 6 for cloglog.
        """
        return parameters.variances(self.problem, self.draws, interval)

    def effects(
        self,
        parameter: str | None = None,
        covariate: str | None = None,
        interval: float = 0.9,
        *,
        reach: Mapping[str, tuple[float, float]] | None = None,
        species: str | None = None,
    ) -> pd.DataFrame:
        """Curve of a parameter along one covariate, in the units of the surveys; all by default.

        Returns
        -------
        DataFrame
            parameter, covariate, value, ``curve_mean``, ``curve_sd``, ``curve_lower``,
            ``curve_upper``, and ``extrapolated``: beyond the surveyed range, which ``reach``
            {covariate: (low, high)} widens. ``attrs`` tell where the others are ``held`` and
            which ``groups`` are at the mean of their population.
        """
        return effects.table(
            self.problem,
            self._frames,
            self.draws,
            self._own_covariance,
            interval,
            parameter,
            covariate,
            reach,
            species,
        )

    def field(
        self,
        term: str | None = None,
        parameter: str | None = None,
        interval: float = 0.9,
        *,
        frame: Any = None,
    ) -> pd.DataFrame:
        """A spatial field on the link scale, against the mean of the surveyed sites.

        Parameters
        ----------
        term, parameter : str, optional
            "space()" or "space(ele)", and the parameter it is on; the first field by default.
        frame : DataFrame or GeoDataFrame, optional
            Other places: shapes with a CRS, longitude and latitude, or easting and northing.

        Returns
        -------
        DataFrame
            site, mean, sd, lower, upper and geometry, or a row for each place of ``frame``;
            ``attrs`` tell the ``parameter``, the ``field`` and how it was computed (``about``).
        """
        p, t = spatial.choose(self.problem, term, parameter)
        sites = {v: self.data[v].values for v in COORDINATES}
        if frame is None:
            table = spatial.table(p, t, self.draws, sites, sites, interval, self.seed)
            named = {"site": self.data["site"].values.astype(object)}
            table = with_places(
                self.data, named | {k: v.to_numpy() for k, v in table.items()}, 1, 1
            )
        else:
            given = elsewhere.as_table(frame)
            told = elsewhere.located(given, self.data, COORDINATES)
            at = elsewhere.columns(told, COORDINATES, "", t.design.name)
            table = spatial.table(p, t, self.draws, sites, at, interval, self.seed)
            table.index = given.index
        about = t.design.describe()
        table.attrs |= {"parameter": p.name, "field": t.design.name, "about": about}
        return table

    def fields(self, interval: float = 0.9) -> pd.DataFrame:
        """Standard deviation and range of every spatial field: parameter, field, name, mean, ...

        The range is the distance in kilometres at which the correlation has fallen to 5 %.
        """
        parts = [
            spatial.hypers(p, t, self.draws, interval) for p, t in spatial.fields_of(self.problem)
        ]
        names = ["parameter", "field", "name", "mean", "sd", "lower", "upper"]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=names)

    def rug(self, species: str | None = None) -> pd.DataFrame:
        """Surveyed values along each curve: parameter, covariate, value, detected."""
        return effects.rug(self.problem, self._frames, species)

    # ------------------------------------------------------------ keep

    @property
    def tree(self) -> xr.DataTree:
        """Everything as one DataTree: surveys, posterior, sample_stats, states."""
        parts: dict[str, xr.Dataset] = {"/surveys": self.data}
        if self.posterior is not None:
            parts["/posterior"] = self.posterior
        if self.sample_stats is not None:
            parts["/sample_stats"] = self.sample_stats
        parts["/states"] = self.states.to_dataset(name="probability")
        tree = xr.DataTree.from_dict(parts)
        tree.attrs.update(model=json.dumps(self.model.to_dict()), seed=self.seed)
        return tree

    def save(self, folder: Path | str, replace: bool = False) -> Path:
        """Write the fit as a folder that is whole or absent, with checksums."""
        from occupancy import keeping

        return keeping.save(self, Path(folder), replace)


def load(folder: Path | str) -> Fit:
    """Read a fit that was saved; a damaged file is told before any number is shown.

    Raises
    ------
    StoreError
        The folder is damaged or no fit.
    """
    from occupancy import keeping

    return keeping.load(Path(folder))


def by_ml(model: Model, seed: int) -> Fit:
    """Fit by maximum likelihood."""
    return Fit(model, "ml", seed, ml=maximum.maximise(model.problem, seed))


def by_nuts(model: Model, seed: int, **settings: Any) -> Fit:
    """Sample the posterior; maximum likelihood goes first, for its early warnings."""
    from occupancy.engines import nuts

    problem = model.problem
    top = maximum.maximise(problem.without_groups(), seed) if problem.y.size else None
    got = nuts.sample(problem, seed=seed, graph=lambda: model.pymc, **settings)
    about = {
        "asked": list(got.asked),
        "got": got.got,
        "route": got.route,
        "seconds": got.seconds,
        "interrupted": got.interrupted,
        "tune": settings.get("tune"),
    }
    return Fit(
        model,
        "nuts",
        seed,
        ml=top,
        posterior=got.posterior,
        sample_stats=got.sample_stats,
        about=about,
    )
