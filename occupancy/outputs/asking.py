"""How a fit is asked for its answers: every question once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from occupancy.outputs import OutputError, words
from occupancy.outputs.of_community import (
    ask_community,
    with_richness_of_cells,
    with_richness_of_sites,
)
from occupancy.outputs.of_places import (
    all_regions,
    in_one_crs,
    of_species,
    predicted_cells,
    psi_quantiles,
    spatial_fields,
    tidy_regions,
    tidy_sites,
    with_inner_interval,
)
from occupancy.outputs.origin import ledger_of, model_document, provenance_of
from occupancy.outputs.results import Histories, Notice, Results
from occupancy.outputs.said import SHARES, parameters
from occupancy.outputs.term_names import covariates, term_names
from occupancy.outputs.varying_words import tell

if TYPE_CHECKING:
    import geopandas as gpd

MOST_SITE_SEASONS_WITH_QUANTILES = 20_000
MOST_LEVELS, MOST_POOLINGS = 60, 3  # of groupings set beside no pooling
# Surveys drawn from the priors; fewer where each has many visits, never under the least.
PRIOR_DRAWS, LEAST_PRIOR_DRAWS, MOST_VISITS_DRAWN = 1000, 100, 20_000_000


def ask(
    fit: Any,
    regions: gpd.GeoDataFrame | None,
    surface: gpd.GeoDataFrame | None,
    title: str | None,
    interval: float,
    provenance: Mapping[str, Any] | None,
    *,
    species: str | None,
    season: Any,
    show_blocked: bool,
    quantiles: bool,
) -> Results:
    """Ask a fit every question that the outputs need; see `Results.from_fit`."""
    sites = fit.sites(interval=interval)
    species = _one_species(sites, species)
    pick = sites["species"] == species if "species" in sites else slice(None)
    sites = tidy_sites(sites[pick] if "species" in sites else sites)
    seasons = tuple(pd.unique(sites["season"]))
    absent: dict[str, str] = {}

    asked = regions is not None or "region" in getattr(fit, "data", {})
    table = None
    if asked or (surface is not None and "region" in surface):
        answer = fit.regions(layer=regions, surface=surface, interval=interval)
        table = tidy_regions(of_species(answer, species))
    community = ask_community(fit, table is not None, regions, interval)
    sites = with_richness_of_sites(sites, community)
    cells = cell_quantiles = None
    if surface is not None:
        if "species" in fit.data and fit.data["species"].size > 1:
            surface = surface.assign(species=species)  # a community's psi asks which species
        cells = predicted_cells(surface, fit.predict(surface, interval=interval))
        cells = with_richness_of_cells(cells, fit, surface, interval)
        if quantiles:
            cell_quantiles = psi_quantiles(fit, surface)
    site_quantiles = None
    if quantiles and len(sites) <= MOST_SITE_SEASONS_WITH_QUANTILES:
        site_quantiles = psi_quantiles(fit)[pick]

    def attempt(name: str, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except ValueError as error:  # our typed refusals: the page says why
            absent[name] = str(error)
            return None

    pools = table is not None and community is None and _may_pool(fit)
    if table is None:
        absent["shrinkage"] = "The surveys have no regions, so there is nothing to pool between."
    elif community is not None:
        absent["shrinkage"] = "Species lean on one another here: see the community."
    elif not pools:
        absent["shrinkage"] = (
            "A region on its own is estimated by the single-season model, which is not this one."
        )
    curves = _effects(fit, surface, species, interval)
    results = Results(
        title=words.clean(title or getattr(fit.data, "attrs", {}).get("title", "") or ""),
        species=words.clean(species),
        seasons=seasons,
        season=_one_season(season, seasons),
        sites=sites,
        regions=table,
        overall=with_inner_interval(
            fit, species, all_regions(fit, species, table, sites, surface, interval), len(seasons)
        ),
        cells=cells,
        coefficients=_coefficients(fit, interval),
        groups=fit.groups(interval=interval),
        variances=fit.variances(interval=interval),
        shrinkage=None
        if not pools
        else attempt("shrinkage", lambda: fit.shrinkage(by="region", interval=interval)),
        detection=attempt("detection", lambda: _detection(fit, community, species, interval)),
        warnings=_warnings(fit.warnings),
        provenance=provenance_of(fit, provenance),
        interval=interval,
        engine=str(fit.engine),
        model=model_document(getattr(fit, "model", None)),
        histories=_histories(fit.data, species),
        ledger=ledger_of(fit.data),
        absent=absent,
        fields=spatial_fields(fit, surface, interval),
        cell_quantiles=cell_quantiles,
        site_quantiles=site_quantiles,
        show_blocked=show_blocked,
        effects=curves,
        rug=None if curves is None else fit.rug(species or None),
        held={} if curves is None else curves.attrs.get("held", {}),
        averaged={} if curves is None else curves.attrs.get("groups", {}),
        terms=_terms(fit),
        covariates=covariates(fit.data),
        parameters=parameters(getattr(fit, "model", None), getattr(fit, "problem", None)),
        turnover=attempt("turnover", lambda: _between(fit, "turnover", species, interval)),
        states=_states(fit),
        components=attempt("components", lambda: _if_told(fit, "variance_components", interval)),
        hyperparameters=attempt(
            "hyperparameters", lambda: _if_told(fit, "hyperparameters", interval)
        ),
        varying=_varying(fit),
        poolings={} if community is not None else _poolings(fit, interval),
        r_squared=attempt("r_squared", lambda: _if_told(fit, "r_squared", interval)),
        abundance=attempt("abundance", lambda: _abundance(fit, species, interval)),
        priors=attempt("priors", lambda: _what_priors_did(fit)),
        prior_predictive=attempt("prior_predictive", lambda: _prior_predictive(fit, species)),
        change=attempt("change", lambda: _between(fit, "change", species, interval)),
        community=community,
    )
    return in_one_crs(results)


def _if_told(fit: Any, name: str, interval: float) -> pd.DataFrame | None:
    ask = getattr(fit, name, None)
    return None if ask is None else ask(interval=interval)


def _one_species(sites: pd.DataFrame, species: str | None) -> str:
    if "species" not in sites:
        return species or ""
    known = [str(s) for s in pd.unique(sites["species"])]
    if species is None and len(known) == 1:
        return known[0]
    if species not in known:
        raise OutputError(
            f"These results hold {len(known)} species ({words.listing(known)}). "
            "A page shows one: choose it with species=..."
        )
    return str(species)


def _one_season(season: Any, seasons: tuple) -> Any:
    """The season asked for, by its label as text; the last where none is asked for."""
    if season is None:
        return seasons[-1]
    for known in seasons:
        if str(known) == str(season):
            return known
    raise OutputError(
        f"There is no season '{season}' in these results. Known: {', '.join(map(str, seasons))}."
    )


def _abundance(fit: Any, species: str, interval: float) -> pd.DataFrame:
    """Numbers of individuals at the surveyed sites, all together and by region."""
    ask = getattr(fit, "abundance", None)
    if ask is None:
        raise OutputError("This fit does not count individuals.")
    tables = [ask(interval=interval)]
    if "region" in fit.data:
        tables.append(ask(interval=interval, by="region"))
    return of_species(pd.concat(tables, ignore_index=True), species).reset_index(drop=True)


def _what_priors_did(fit: Any) -> pd.DataFrame:
    """Every prior in words, and what became of it: columns as in ``fit.sensitivity``, and says."""
    ask = getattr(fit, "sensitivity", None)
    if ask is None:
        raise OutputError("This fit does not tell what its priors did.")
    says = {(row["parameter"], row["term"]): row["says"] for row in fit.model.prior_table()}
    table = ask()
    keys = zip(table["parameter"], table["term"], strict=True)
    table.insert(3, "says", [says.get(key, "") for key in keys])
    return table


def _prior_predictive(fit: Any, species: str) -> Any:
    """Naive occupancy, psi and p as the priors expect them, of one species."""
    ask = getattr(getattr(fit, "model", None), "prior_predictive", None)
    if ask is None or str(fit.engine) == "ml":
        raise OutputError("maximum likelihood uses no prior.")
    work = MOST_VISITS_DRAWN // max(fit.data["detection"].size, 1)
    drawn = ask(draws=int(np.clip(work, LEAST_PRIOR_DRAWS, PRIOR_DRAWS)), seed=fit.seed)
    if "way" in drawn.dims:
        own = drawn["way_species"].astype(str) == species
        drawn = drawn.isel(way=np.flatnonzero(own)) if own.any() else drawn
    names = [str(s) for s in drawn["species"].values]
    return drawn.isel(species=names.index(species) if species in names else 0)


def _detection(fit: Any, community: Any, species: str, interval: float) -> pd.DataFrame:
    """The chance to detect, of the species of the page where each has a row of its own."""
    table = fit.detection(interval=interval)
    if community is None:
        return table
    return of_species(table, species).reset_index(drop=True)


def _states(fit: Any) -> pd.DataFrame | None:
    """P(state | everything seen), a row for each site and season and a column for each state.

    None where presence says it all, or where states are numbers or pass within the season.
    """
    family = getattr(getattr(fit, "model", None), "family", None)
    if len(getattr(family, "states", ())) < 3 or family.closed or family.steps != "season":
        return None
    told = fit.states
    told = told.isel(species=0) if "species" in told.dims else told
    told = told.transpose("site", "season", "state")
    sites, labels = told["site"].values, told["season"].values
    table = pd.DataFrame(
        {"site": np.repeat(sites, len(labels)), "season": np.tile(labels, len(sites))}
    )
    values = told.to_numpy().reshape(len(table), -1)
    for k, name in enumerate(told["state"].values):
        table[words.clean(name)] = values[:, k]
    visits = fit.data["detection"].notnull().any(["species", "visit"]).any("season")
    table["surveyed"] = np.repeat(visits.sel(site=sites).to_numpy(), len(labels))
    return table


def _may_pool(fit: Any) -> bool:
    """Whether a region by itself can be set beside the model: both are of one season."""
    family = getattr(getattr(fit, "model", None), "family", "")
    return getattr(family, "name", family) in ("single_season", "", None)


def _between(fit: Any, question: str, species: str, interval: float) -> pd.DataFrame:
    """What happened between seasons, of one species, all sites together."""
    ask = getattr(fit, question, None)
    if ask is None:
        raise OutputError("This fit does not tell what happens between seasons.")
    return of_species(ask(interval=interval), species).reset_index(drop=True)


def _coefficients(fit: Any, interval: float) -> pd.DataFrame:
    """Coefficients with a second, inner interval of 50 %."""
    table = fit.coefficients(interval=interval).reset_index(drop=True)
    inner = fit.coefficients(interval=0.5).reset_index(drop=True)
    return table.assign(lower_50=inner["lower"], upper_50=inner["upper"])


def _effects(fit: Any, surface: Any, species: str, interval: float) -> pd.DataFrame | None:
    """Curves along every numeric covariate, out to what the surface holds."""
    if not hasattr(fit, "effects"):
        return None
    reach = {}
    columns = {} if surface is None else {str(c): surface[c] for c in surface.columns}
    for name, values in columns.items():
        if pd.api.types.is_numeric_dtype(values) and values.notna().any():
            reach[name] = (float(values.min()), float(values.max()))
    asked: dict[str, Any] = {"reach": reach, "species": species or None}
    table = fit.effects(interval=interval, **asked)
    if not len(table):
        return None
    inner = fit.effects(interval=0.5, **asked)
    table["curve_lower_50"], table["curve_upper_50"] = inner["curve_lower"], inner["curve_upper"]
    return table


def _terms(fit: Any) -> dict[tuple[str, str], tuple[str, str]]:
    """Names of all coefficients, where the fit knows its designs."""
    problem = getattr(fit, "problem", None)
    known = covariates(fit.data)
    return {
        (parameter, term): name
        for parameter, p in (problem.predictors.items() if problem is not None else ())
        for term, name in term_names(p.design, known).items()
    }


def _varying(fit: Any) -> dict:
    """Words for everything that varies, where the fit knows its designs."""
    problem = getattr(fit, "problem", None)
    return {} if problem is None else tell(problem, covariates(fit.data))


def _poolings(fit: Any, interval: float) -> dict[str, pd.DataFrame]:
    """What pooling did to groupings other than the regions: parks, observers; natural scale.

    One table a grouping, of the first parameter that has it, where that is a probability.
    """
    problem = getattr(fit, "problem", None)
    out: dict[str, pd.DataFrame] = {}
    for name, p in problem.predictors.items() if problem is not None else ():
        for term in p.varying:
            by = term.design.by
            levels = len(getattr(term.design, "levels", ()))
            few = len(by) == 1 and levels <= MOST_LEVELS and len(out) < MOST_POOLINGS
            if not few or by[0] in ("region", "species", *out) or p.link not in SHARES:
                continue
            try:
                table = fit.shrinkage(by[0], interval, parameter=name, scale="natural")
            except ValueError:  # no such model without pooling: nothing to set beside it
                continue
            table.attrs["level"] = p.level
            out[by[0]] = table
    return out


def _warnings(verdicts: Any) -> tuple[Notice, ...]:
    """Verdicts with what forbids first, then what warns, then notes."""
    order = {"block": 0, "warn": 1, "note": 2}
    made = [
        Notice(
            words.clean(v.code),
            v.level,
            words.clean(v.message),
            {words.clean(k): n for k, n in dict(v.numbers or {}).items()},
            words.clean(v.cure),
        )
        for v in verdicts
    ]
    return tuple(sorted(made, key=lambda w: order.get(w.level, 3)))


def _histories(data: Any, species: str) -> Histories | None:
    if data is None or "detection" not in data:
        return None
    seen = data["detection"]
    if "species" in seen.dims:
        seen = seen.sel(species=species) if species in seen["species"] else seen.isel(species=0)
    order = ("site", "season", "visit")
    effort = data.get("effort")
    return Histories(
        sites=tuple(str(s) for s in seen["site"].to_numpy()),
        seasons=tuple(seen["season"].to_numpy().tolist()),
        detection=seen.transpose(*order).to_numpy(),
        effort=None if effort is None else effort.transpose(*order).to_numpy(),
        effort_units="" if effort is None else words.clean(effort.attrs.get("units", "")),
    )
