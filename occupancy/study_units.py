"""The units of a study: which there are, what each rests on, and the model of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from occupancy import store
from occupancy.study_data import StudyData
from occupancy.units import NOT_FORMULAS, State, Unit, folder_names, state_of
from surveys.problems import ModelError, did_you_mean, listing

if TYPE_CHECKING:
    import xarray as xr

COMMUNITY = "community"  # folder of species that vary around one mean
OPTIONS = ("links", "known_occupied")  # of any model, beside those of its family


class StudyUnits(StudyData):
    """The dataset of a study cut into units of work, each with its keys and its model."""

    def species(self) -> list[str]:
        """The species that the study is about, as the study file or the records name them."""
        named = self.file.section("study").get("species")
        if isinstance(named, str):
            return [named]
        return list(named) if named else [str(name) for name in self.data["species"].values]

    def units(self, models: Sequence[str] = (), species: Sequence[str] = ()) -> list[Unit]:
        """The units of work, all or those asked for.

        Raises
        ------
        ModelError
            A model or species that the study does not have.
        """
        known = self.file.models
        if not known:
            raise ModelError(
                f"{self.file.name} has no model. Add one:\n"
                '  [model.main]\n  family = "single_season"\n  psi = "1"\n  p = "1"'
            )
        for name in models:
            if name not in known:
                raise ModelError(
                    f'The study has no model "{name}".{did_you_mean(name, known)} '
                    f"It has: {listing(known)}."
                )
        chosen = [
            (model, spec, members)
            for model, spec in known.items()
            if not models or model in models
            for members in self._species_of(spec)
        ]
        every = dict.fromkeys(one for _, _, members in chosen for one in members)
        for name in species:
            if name not in every:
                raise ModelError(
                    f'The study has no species "{name}".{did_you_mean(name, every)} '
                    f"It has: {listing(every)}."
                )
        folders = folder_names(" + ".join(members) for _, _, members in chosen)
        units = []
        for model, spec, members in chosen:
            if species and not set(members) & set(species):
                continue
            told = " + ".join(members)
            folder = self.results / model / folders[told]
            together, shown = members if len(members) > 1 else (), ()
            if _is_community(spec, members):
                folder = self.results / model / COMMUNITY
                told = f"community of {len(members)} species"
                shown = tuple(name for name in members if name in species)
            units.append(Unit(model, told, spec, folder, together, shown=shown))
        return units

    def _species_of(self, spec: Mapping[str, Any]) -> list[tuple[str, ...]]:
        """The species of each unit of a model: one, or all where they are estimated together."""
        from occupancy import families

        named = spec.get("species")
        names = [named] if isinstance(named, str) else list(named) if named else self.species()
        together = families.is_joint(str(spec.get("family", "single_season")))
        if together or _is_community(spec, names):
            return [tuple(names)]
        return [(name,) for name in names]

    def engine(self, unit: Unit) -> str:
        """Which engine a unit uses: a flag or variable, else the model's own, else the study's."""
        chosen = self.settings["engine"]
        is_asked = chosen.origin.startswith(("--", "OCCUPANCY_"))
        return chosen.value if is_asked else unit.spec.get("engine", chosen.value)

    def content_key(self, unit: Unit) -> str:
        """Checksum of what a unit is about: data, model and species, however it is estimated."""
        spec = {key: part for key, part in unit.spec.items() if key not in ("title", "engine")}
        named = " + ".join(unit.members)
        return store.digest({"data": self.data_key, "model": spec, "species": named})

    def unit_key(self, unit: Unit) -> str:
        """Checksum of all that a unit's fit rests on: data, model, settings."""
        sampled = ("draws", "tune", "chains", "seed", "target_accept")
        sampling = {name: self.setting(name) for name in sampled}
        engine = self.engine(unit)
        rests_on = {
            "content": self.content_key(unit),
            "engine": engine,
            "sampling": sampling if engine == "nuts" else {},
        }
        if engine == "ml" and (chosen := self._integration()):
            rests_on["integration"] = chosen
        if comparing := self.file.section("compare"):
            rests_on["compare"] = dict(comparing)
        return store.digest(rests_on)

    def _integration(self) -> dict[str, Any]:
        """How maximum likelihood integrates effects, as far as the study says."""
        chosen: dict[str, Any] = {}
        if self.setting("integrate") != "auto":
            chosen["integrate"] = self.setting("integrate")
        if self.setting("nodes"):
            chosen["nodes"] = self.setting("nodes")
        return chosen

    def was_outrun(self, unit: Unit) -> bool:
        """Tell whether data or model changed since the fit; how it was sampled does not count."""
        manifest = self.state(unit).manifest
        return manifest is not None and manifest.settings.get("content") != self.content_key(unit)

    def state(self, unit: Unit) -> State:
        """Tell how a unit stands; reads the whole folder, so damage does not stay hidden."""
        return state_of(unit.fit_folder, self.unit_key(unit), "the data, the model or the settings")

    def dataset(self, unit: Unit) -> xr.Dataset:
        """The part of the dataset that a unit is about."""
        data = self.data
        names = [str(name) for name in data["species"].values]
        for name in unit.members:
            if name not in names:
                raise ModelError(
                    f'The records have no species "{name}".{did_you_mean(name, names)} '
                    f"They have: {listing(names)}."
                )
        data = data.sel(species=list(unit.members))
        season = unit.spec.get("season")
        if season is not None:
            seasons = list(data["season"].values)
            wanted = season if isinstance(season, list) else [season]
            by_text = {str(label): label for label in seasons}
            for label in wanted:
                if str(label) not in by_text:
                    raise ModelError(f"season {label}: the surveys have {listing(seasons)}.")
            data = data.sel(season=[by_text[str(label)] for label in wanted])
        return data

    def model(self, unit: Unit) -> Any:
        """Make a unit's model; what does not fit the data is refused here, before any sampling.

        Raises
        ------
        ModelError
            With the section of the study file that asks for it.
        """
        from occupancy import families
        from occupancy.model import Model

        spec = unit.spec
        family = unit.family
        given = dict(spec.get("options", {}))
        # The species of a unit are said by `species` of the model.
        own = [name for name in families.options_of(family) if name != "species"]
        known = [*own, *OPTIONS]
        for name in given:
            if name not in known and family in families.FAMILIES:
                raise ModelError(
                    f'[model.{unit.model}] options: there is no option "{name}".'
                    f"{did_you_mean(name, known)} It may hold: {listing(known)}."
                )
        try:
            return Model(
                self.dataset(unit),
                family=family,
                priors=spec.get("priors"),
                **{name: given.pop(name) for name in OPTIONS if name in given},
                options=given,
                community=spec.get("community", ""),
                centring=spec.get("centring"),
                augment=spec.get("augment", 0),
                **unit.formulas,
            )
        except ModelError as error:
            raise ModelError(f"[model.{unit.model}] {error}") from None

    def refuse_wrong_models(self, units: Sequence[Unit]) -> None:
        """Make every model once, so that none is fitted before all are known to be right.

        Raises
        ------
        ModelError
            With the faults of all models; a fault that several species share is told once.
        """
        told: dict[str, None] = {}
        for unit in units:
            try:
                self.model(unit)
            except ModelError as error:
                told[str(error)] = None
        if told:
            raise ModelError("\n✗ ".join(told))


def _is_community(spec: Mapping[str, Any], species: Sequence[str]) -> bool:
    """Whether the species of a model vary around one mean."""
    from occupancy import community

    formulas = {key: text for key, text in spec.items() if key not in NOT_FORMULAS}
    return len(species) > 1 and community.is_asked(spec, formulas)
