"""A model: family, formulas and priors on a Dataset of surveys.

``Model`` is the document and the surveys together; it makes the ``Problem`` for the engines, the
PyMC model for whoever wants to look inside, prior predictive data, and the ``Fit``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr

from occupancy import arguments, families, posing, simulation
from occupancy.engines.compiled import hyper_names
from occupancy.engines.coordinates import varying_terms
from occupancy.families.base import Family
from occupancy.problem import Predictor, Problem
from occupancy.varying.base import draw_hyper
from surveys.problems import ModelError, did_you_mean
from surveys.schema import DIMS

if TYPE_CHECKING:
    import pymc as pm

    from occupancy.fit import Fit

Engine = Literal["nuts", "ml"]
PRIORS = '{"Intercept": "normal(0, 1.5)"}'
VALUES = '{"psi": {"Intercept": 0.5}, "p": {"Intercept": 0.0}}'


class Model:
    """Occupancy kept apart from detection, on one Dataset.

    Parameters
    ----------
    data : xr.Dataset
        Surveys that follow the contract of ``surveys.schema``.
    family : str
        Name of a family, for example ``"single_season"``.
    psi, p, ... : str
        One formula for each parameter of the family; ``"1"`` where none is given.
    priors : {parameter: {term: text}}, optional
        ``{"psi": {"Intercept": "uniform()", "slopes": "normal(0, 1)", "sd": "half_normal(1)"}}``;
        what is not named keeps its default.
    links : {parameter: link}, optional
    known_occupied : str, optional
        Name of a site covariate that is 1 where the site is known to be occupied.
    options : mapping, optional
        What the family can be told, for example ``{"start": "equilibrium"}``; an option may also
        be given by its name, as ``start="equilibrium"``.

    Raises
    ------
    ModelError
        The family cannot have these data, a formula does not fit them, a prior is unknown: all
        before anything is sampled.

    Examples
    --------
    >>> import numpy as np, surveys
    >>> data = surveys.from_arrays(np.array([[1, 0], [0, 0], [1, 1]]))
    >>> Model(data, psi="1", p="1").evaluate({"psi": {"Intercept": 0.3}, "p": {"Intercept": 0.0}})[
    ...     "log_likelihood"
    ... ].sizes
    Frozen({'species': 1, 'site': 3})
    """

    def __init__(
        self,
        data: xr.Dataset,
        family: str = "single_season",
        priors: Mapping[str, Mapping[str, str]] | None = None,
        links: Mapping[str, str] | None = None,
        known_occupied: str = "",
        options: Mapping[str, Any] | None = None,
        **formulas: Any,
    ):
        self.data = _surveys(data)
        self.known_occupied = known_occupied
        self.family = self._family(family, dict(options or {}), formulas)
        short = {
            name.removeprefix("link_"): formulas.pop(name)
            for name in list(formulas)
            if name.startswith("link_")
        }
        self.links = {**arguments.mapping("links", links, '{"psi": "cloglog"}'), **short}
        self.priors = {
            name: {
                str(term): str(prior)
                for term, prior in arguments.mapping(f"priors of `{name}`", own, PRIORS).items()
            }
            for name, own in arguments.mapping("priors", priors, f'{{"psi": {PRIORS}}}').items()
        }
        self.formulas = self._formulas(formulas)
        names = {p.short: p.name for p in self.family.parameters if p.short}
        for given in (self.links, self.priors):
            for name in set(names) & set(given):
                own = given.pop(name)
                given |= {p.name: own for p in self.family.parameters if p.short == name}
        self.problem: Problem = posing.build(
            self.data, self.family, self.formulas, self.priors, self.links, known_occupied
        )

    def _family(self, family: str | Family, options: dict[str, Any], given: dict) -> Family:
        """The family with its options, those given among the formulas taken out of them."""
        if isinstance(family, Family):
            return family
        for name in families.options_of(str(family)):
            if name in given:
                options[name] = given.pop(name)
        return families.get(str(family), self.data, **options)

    def _formulas(self, given: dict[str, str]) -> dict[str, str]:
        """One formula for each parameter; a short name stands for several."""
        wide = {p.short for p in self.family.parameters if p.short}
        shared = {name: given.pop(name) for name in wide & set(given)}
        out = {
            p.name: _formula_text(p.name, given.pop(p.name, shared.get(p.short, "1")))
            for p in self.family.parameters
        }
        if given:
            name = next(iter(given))
            known = [*out, *sorted(wide), *families.options_of(self.family.name)]
            raise ModelError(
                f"Family '{self.family.name}' has no parameter '{name}'."
                f"{did_you_mean(name, known)} It has {', '.join(out)}."
            )
        return out

    def __repr__(self) -> str:
        formulas = ", ".join(f"{k}: {v}" for k, v in self.formulas.items())
        return f"<occupancy.Model {self.family.name} ({formulas}), {self.problem.n_chain} sites>"

    def to_dict(self) -> dict[str, Any]:
        """The document: plain data that makes the same model again on the same surveys."""
        told: dict[str, Any] = {
            "family": self.family.name,
            "formulas": dict(self.formulas),
            "links": {p.name: p.link for p in self.problem.predictors.values()},
            "priors": {k: dict(v) for k, v in self.priors.items()},
        }
        if self.family.options:
            told["options"] = dict(self.family.options)
        if self.known_occupied:
            told["known_occupied"] = self.known_occupied
        return told

    @staticmethod
    def from_dict(data: xr.Dataset, told: Mapping[str, Any]) -> Model:
        """The model that ``to_dict`` told, on these surveys."""
        return Model(
            data,
            told["family"],
            told["priors"],
            told["links"],
            told.get("known_occupied", ""),
            told.get("options"),
            **told["formulas"],
        )

    @property
    def digest(self) -> str:
        """Checksum of the document."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()

    @cached_property
    def pymc(self) -> pm.Model:
        """The PyMC model: the definition of record, with named dims."""
        from occupancy import graph

        return graph.build(self.problem)

    def prior_table(self) -> list[dict[str, Any]]:
        """Every prior, what it acts on, and what it says on the probability scale."""
        return [row for p in self.problem.predictors.values() for row in p.table.table()]

    # ------------------------------------------------------------ evaluate

    def evaluate(self, parameters: Mapping[str, Mapping[str, Any]]) -> xr.Dataset:
        """Likelihood, states and gradient at given coefficients.

        Parameters
        ----------
        parameters : {parameter: {term: value}}
            Every coefficient; group effects as ``{"region": {level: effect}}`` on the link
            scale, zero where not given.

        Returns
        -------
        xr.Dataset
            ``log_likelihood`` (species, site), states summed out, 0 at a site without visits;
            ``state_probability`` (species, site, season, state) given the whole history, NaN where
            a covariate of the site is missing; ``pair_probability`` (..., interval, state,
            next_state) of two steps, for families that run over steps;
            ``gradient_<parameter>`` (<parameter>_term) of the total log-likelihood.
        """
        given = self._given(parameters)
        problem = self.problem
        eta = tuple(self._predict(p, *given[p.name]) for p in problem.predictors.values())
        _, log_lik, states, pairs, gradients = problem.evaluate(eta, True, problem.n_shown)
        dims, coords = self.chain_dims
        shape = tuple(self.data.sizes[d] for d in dims)
        coords |= {"season": self.data["season"], "state": self.state_names}
        field, at = problem.in_field_order, problem.steps.of_season
        states = np.moveaxis(field(states), 2, 0)
        states[~problem.usable] = np.nan
        over = problem.steps.over
        if over == "season":
            told = states[:, at]
        else:
            coords["visit"] = self.data["visit"]
            told = states
        out = xr.Dataset(
            {
                "log_likelihood": (dims, field(log_lik).reshape(shape)),
                "state_probability": (
                    (*dims, over, "state"),
                    told.reshape(*shape, *told.shape[1:]),
                ),
            },
            coords=coords,
        )
        if problem.n_step > 1:
            moved = np.moveaxis(field(pairs), 3, 0)
            moved[~problem.usable] = np.nan
            names = ("interval", "state", "next_state")
            out["pair_probability"] = (
                (*dims, *names),
                moved.reshape(*shape, *moved.shape[1:]),
                {"long_name": "P(state now, state at the next step | data)"},
            )
            out = out.assign_coords(next_state=self.state_names)
        for p, g in zip(problem.predictors.values(), gradients, strict=True):
            dim = f"{p.name}_term"
            out[f"gradient_{p.name}"] = xr.DataArray(
                p.columns @ g, dims=dim, coords={dim: list(p.terms)}
            )
        return out

    @property
    def chain_dims(self) -> tuple[tuple[str, ...], dict[str, Any]]:
        """Dims of the chains, with their labels: species and site, or site alone."""
        dims = ("site",) if self.family.joint else ("species", "site")
        return dims, {d: self.data[d] for d in dims}

    @property
    def state_names(self) -> list[str]:
        """Names of the true states; numbers of individuals as text."""
        last = self.problem.n_shown - 1
        numbers = [str(k) for k in range(last)] + [f"{last} or more"]
        return list(self.family.states) or numbers

    def _given(self, parameters) -> dict[str, tuple[np.ndarray, dict[str, np.ndarray]]]:
        parameters = arguments.mapping("parameters", parameters, VALUES)
        unknown = [name for name in parameters if name not in self.problem.predictors]
        if unknown:
            raise ModelError(
                f"Family '{self.family.name}' has no parameter '{unknown[0]}'; it has "
                f"{', '.join(self.problem.predictors)}."
            )
        return {
            name: _read_values(p, parameters.get(name, {}))
            for name, p in self.problem.predictors.items()
        }

    @staticmethod
    def _predict(p: Predictor, beta: np.ndarray, effects: Mapping[str, np.ndarray]) -> np.ndarray:
        """Linear predictor in layout order, signed where the columns are."""
        eta = beta @ p.columns
        if p.offset.size:
            eta = eta + p.offset
        return p.add_varying(eta, effects)

    # ------------------------------------------------------------ simulate

    def simulate(self, seed: int = 1, draws: int = 1) -> xr.Dataset:
        """Prior predictive data: surveys as the model expects them before it sees any.

        Returns
        -------
        xr.Dataset
            ``detection`` (draw, species, site, season, visit), NaN where no visit was made;
            ``state`` (draw, species, site, season); ``<parameter>`` (draw, <parameter>_term),
            ``<parameter>_sd[<group>]`` (draw,) and ``<parameter>_effect[<group>]`` (draw,
            <parameter>_level[<group>]): the truth behind each draw, named as in a posterior.
        """
        rng = np.random.default_rng(seed)
        problem = self.problem
        seen = np.full((draws, *problem.used.shape), np.nan, np.float32)
        dims, _ = self.chain_dims
        shape = tuple(self.data.sizes[d] for d in dims)
        over = problem.steps.over
        n_told = problem.steps.of_season.size
        state = np.empty((draws, *shape, n_told), np.int32)
        kept = {
            name: np.empty((draws, len(p.terms))) for name, p in self.problem.predictors.items()
        }
        terms = list(varying_terms(problem))
        hypers = {(p.name, t.name): np.empty((draws, len(t.priors))) for p, t in terms}
        effects = {(p.name, t.name): np.empty((draws, t.design.n_weight)) for p, t in terms}
        for d in range(draws):
            eta = []
            for name, p in self.problem.predictors.items():
                beta = p.table.sample(rng, 1)[0]
                kept[name][d] = beta
                own = {}
                for t in p.varying:
                    natural = np.array([draw_hyper(q, h, rng) for q, h in t.hypers])
                    hypers[name, t.name][d] = natural
                    effects[name, t.name][d] = weights = t.design.draw(natural, rng)
                    own[t.name] = t.design.at_levels(natural[None], weights[None])[0]
                eta.append(self._predict(p, beta, own))
            z, y = simulation.draw(problem, tuple(eta), rng)
            state[d] = z[:, problem.steps.of_season].reshape(*shape, n_told)
            seen[d][problem.used] = y
        full = ("draw", "species", "site", "season", "visit")
        out = xr.Dataset(
            {
                self.family.observes: (full, seen),
                "state": (("draw", *dims, over), state),
            },
            coords={d: self.data[d] for d in full[1:]},
        )
        if self.family.observes != "detection":
            out["detection"] = (full, simulation.as_detections(self.family, seen))
        for name, values in kept.items():
            dim = f"{name}_term"
            columns = list(self.problem.predictors[name].terms)
            out[name] = xr.DataArray(values, dims=("draw", dim), coords={dim: columns})
        for p, t in terms:
            dim = f"{p.name}_level[{t.name}]"
            for name, values in zip(hyper_names(p.name, t), hypers[p.name, t.name].T, strict=True):
                out[name] = ("draw", values)
            out[f"{p.name}_effect[{t.name}]"] = xr.DataArray(
                effects[p.name, t.name],
                dims=("draw", dim),
                coords={dim: np.array(t.design.labels, dtype=object)},
            )
        return out

    # ------------------------------------------------------------ fit

    def fit(
        self,
        engine: Engine = "nuts",
        seed: int = 1,
        *,
        draws: int = 1000,
        tune: int | None = None,
        chains: int = 4,
        cores: int | None = None,
        target_accept: float | None = None,
        progress: Any = None,
        route: str | None = None,
    ) -> Fit:
        """Fit the model.

        Parameters
        ----------
        engine : "nuts" or "ml"
            Posterior by the No-U-Turn sampler, or maximum likelihood (fixed effects only).
        seed : int
            Same seed, same draws on one machine.
        tune : int, optional
            Draws of adaptation; by default 400, or 600 with group effects.
        target_accept : float, optional
            Higher means smaller steps and fewer divergences; 0.8, or 0.9 where a group has
            fewer than ten levels.
        route : "precompiled" or "pymc", optional
            How the sampler finds its density; the fit records the route taken.
        """
        from occupancy import fit as fits

        seed = arguments.whole("seed", seed, 0, arguments.MOST_SEED)
        if engine == "ml":
            return fits.by_ml(self, seed)
        if engine != "nuts":
            raise ModelError(
                f"There is no engine '{engine}'.{did_you_mean(engine, ['nuts', 'ml'])} "
                'Engines: "nuts", "ml".'
            )
        if route not in (None, "precompiled", "pymc"):
            raise ModelError(f'route = {route!r}: give "precompiled", "pymc" or None.')
        tune = arguments.whole("tune", tune or 0, 0)
        return fits.by_nuts(
            self,
            seed,
            draws=arguments.whole("draws", draws, 1),
            tune=tune or (600 if self.problem.has_groups else 400),
            chains=arguments.whole("chains", chains, 1),
            cores=arguments.whole("cores", cores or 0, 0) or None,
            target_accept=target_accept and arguments.share("target_accept", target_accept, "0.95"),
            progress=progress,
            route=route,
        )


def _surveys(data: Any) -> xr.Dataset:
    """The Dataset, or what to do to have one."""
    if not isinstance(data, xr.Dataset) or "detection" not in data or set(DIMS) - set(data.dims):
        what = "a Dataset without the surveys' dims" if isinstance(data, xr.Dataset) else ""
        raise ModelError(
            f"The surveys are {what or type(data).__name__}. Make them with "
            "surveys.from_arrays(detection, ...) or surveys.read('study.toml')."
        )
    return data


def _formula_text(name: str, formula: Any) -> str:
    if isinstance(formula, str) or (isinstance(formula, int) and not isinstance(formula, bool)):
        return str(formula)
    raise ModelError(f'`{name}` = {formula!r}: a formula is text, such as "scale(elevation)".')


def _read_values(p: Predictor, given: Mapping[str, Any]):
    """Coefficients and effects of one parameter from a mapping by name."""
    groups = {g.design.name: g for g in p.groups}
    given = arguments.mapping(f"values of `{p.name}`", given, '{"Intercept": 0.5}')
    for name in given:
        if name not in p.terms and name not in groups:
            known = [*p.terms, *groups]
            raise ModelError(
                f"`{p.name}` has no term '{name}'.{did_you_mean(name, known)} "
                f"It has {', '.join(known)}."
            )
    absent = [t for t in p.terms if t not in given]
    if absent:
        raise ModelError(f"`{p.name}` needs a value for {', '.join(absent)}.")
    beta = np.array([arguments.number(f"`{p.name}`: the value of {t}", given[t]) for t in p.terms])
    effects = {}
    for name, group in groups.items():
        example = f'{{"{group.design.levels[0]}": 0.3}}'
        stated = arguments.mapping(f"Group '{name}' of `{p.name}`", given.get(name), example)
        unknown = [k for k in stated if str(k) not in group.design.levels]
        if unknown:
            raise ModelError(f"Group '{name}' of `{p.name}` has no level '{unknown[0]}'.")
        effects[group.name] = np.array(
            [
                arguments.number(f"`{p.name}`: the value of {name} {k}", stated.get(k, 0.0))
                for k in group.design.levels
            ]
        )
    return beta, effects
