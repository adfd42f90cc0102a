"""The study file and the dataset: what stands in the folder before any model is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from occupancy import inputs, store
from occupancy.settings import Setting, refuse_idle_keys, settings
from occupancy.units import State, state_of
from surveys.study_file import StudyFile, read_study

if TYPE_CHECKING:
    import geopandas as gpd
    import xarray as xr

RESULTS = "results"
# Sections that say how to estimate or show, and leave the dataset as it is.
NOT_DATA = ("model", "sample", "compare", "report", "map", "privacy", "surface")
ONLY_SHOWN = ("title", "authors", "organisation")


@dataclass
class StudyData:
    """The study file of a folder, and the dataset that its files make."""

    file: StudyFile
    settings: dict[str, Setting]
    _data: Any = field(default=None, repr=False)
    _cells: Any = field(default=None, repr=False)

    @classmethod
    def open(cls, folder: Path | str = ".", flags: Mapping[str, Any] | None = None) -> Self:
        """Open the study in `folder`; `flags` override settings of the study file.

        Raises
        ------
        SurveyError
            The study file is missing or wrong.
        """
        file = read_study(Path(folder))
        refuse_idle_keys(file.config)
        return cls(file, settings(file.config, flags))

    @property
    def folder(self) -> Path:
        return self.file.folder

    @property
    def results(self) -> Path:
        return self.folder / RESULTS

    @property
    def title(self) -> str:
        return self.file.title or self.folder.resolve().name

    def setting(self, name: str) -> Any:
        return self.settings[name].value

    # ------------------------------------------------------------ data

    @cached_property
    def inputs(self) -> dict[str, str]:
        """Every file that the study file names, with its checksum."""
        return inputs.digests(self.file)

    @cached_property
    def data_key(self) -> str:
        """Checksum of all that the dataset is made of."""
        config = {key: part for key, part in self.file.config.items() if key not in NOT_DATA}
        files = inputs.digests(self.file, tuple(config))
        study = self.file.section("study").items()
        config["study"] = {key: part for key, part in study if key not in ONLY_SHOWN}
        version = store.versions().get("occupancy", "")
        return store.digest({"config": config, "inputs": files, "version": version})

    def data_state(self) -> State:
        """Tell whether the dataset stands."""
        return state_of(self.results / "data", self.data_key, "the field files or their settings")

    def build(self, force: bool = False) -> bool:
        """Join the field files into `results/data/`; False if that was done already.

        Raises
        ------
        SurveyError
            With every problem in the files.
        """
        if self.data_state().is_finished and not force:
            return False
        import surveys
        from surveys.ledger import Ledger

        data = surveys.read(self.file.path) if self._data is None else self._data
        manifest = store.Manifest("data", settings={"key": self.data_key}, inputs=dict(self.inputs))
        with store.new_folder(self.results / "data", replace=True) as folder:
            surveys.save(data, folder / "data.nc")
            ledger = Ledger.from_json(data.attrs.get("ledger", ""))
            if ledger.n_aside():
                ledger.write_dropped(folder / "dropped.csv")
            store.finish(folder, manifest)
        self._data = data
        return True

    @property
    def data(self) -> xr.Dataset:
        """The dataset, built first if need be."""
        if self._data is None and not self.build():
            import surveys

            self._data = surveys.open(self.results / "data" / "data.nc")
        return self._data

    def use(self, data: xr.Dataset) -> None:
        """Take over a dataset that was read already, without writing it."""
        self._data = data

    def regions(self) -> gpd.GeoDataFrame | None:
        """The polygons to report by, if the study has any."""
        if self.file.regions_path is None:
            return None
        from surveys import places

        keys = self.file.section("regions")
        return places.read_regions(
            self.file.regions_path,
            name=keys.get("name"),
            crs=keys.get("crs"),
            layer=keys.get("layer"),
        )

    def surface(self) -> gpd.GeoDataFrame | None:
        """The cells to predict to, if the study has any; made but once where they are made."""
        if self.file.surface_path is None:
            if self._cells is None:
                from surveys.readers import made_surface

                self._cells = made_surface.cells_of(self.file)
            return self._cells
        from surveys import places

        keys = self.file.section("surface")
        return places.read_surface(
            self.file.surface_path,
            crs=keys.get("crs"),
            columns=keys.get("columns"),
            layer=keys.get("layer"),
        )
