"""Units of work: a model and the species it is about, its folder, and how it stands."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from occupancy import store

# What a model section may hold beside the formulas of its parameters.
NOT_FORMULAS = (
    *("family", "engine", "species", "season", "title", "priors", "options"),
    "community",
    "centring",
    "augment",
)
WINDOWS_NAMES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)


def folder_name(text: str) -> str:
    """Name a folder after a species: letters and digits of any script, safe on every system."""
    kept = re.sub(r"[^\w]+", "_", unicodedata.normalize("NFKC", text)).strip("_")
    changed = WINDOWS_NAMES.fullmatch(kept) or len(kept) > 60 or not kept
    return f"{kept[:50]}_{store.digest(text)[:8]}".lstrip("_") if changed else kept


def folder_names(texts: Iterable[str]) -> dict[str, str]:
    """Folder of each text; texts that would share one get a mark of their own."""
    names = {text: folder_name(text) for text in texts}
    taken = Counter(name.casefold() for name in names.values())
    return {
        text: name if taken[name.casefold()] == 1 else f"{name[:50]}_{store.digest(text)[:8]}"
        for text, name in names.items()
    }


@dataclass(frozen=True)
class Unit:
    """One model and one species, or species estimated together: what is fitted on its own.

    Attributes
    ----------
    species : str
        As people read it: the species, or "fox + coyote" where they are estimated together.
    together : tuple of str
        The species that share the fit; empty where it is one.
    page : str
        Species that a page of a shared fit is about; "" for the unit itself.
    shown : tuple of str
        Species of a shared fit whose pages are asked for; empty for all.
    """

    model: str
    species: str
    spec: Mapping[str, Any]
    folder: Path
    together: tuple[str, ...] = ()
    page: str = ""
    shown: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.model} · {self.page or self.species}"

    @property
    def members(self) -> tuple[str, ...]:
        """Every species of the unit."""
        return self.together or (self.species,)

    @property
    def is_community(self) -> bool:
        """Whether its species vary around one mean, so that they say something together."""
        from occupancy import community

        return len(self.together) > 1 and community.is_asked(self.spec, self.formulas)

    @property
    def family(self) -> str:
        return str(self.spec.get("family", "single_season"))

    @property
    def pages(self) -> list[Unit]:
        """The unit as each of its species is reported: itself, or one for each that share it."""
        names = self.shown or self.together
        return [replace(self, page=name) for name in names] or [self]

    @property
    def page_folder(self) -> Path:
        """Where figures and report lie."""
        if not self.page:
            return self.folder
        names = folder_names((*self.together, "fit "))  # no species takes the place of the fit
        return self.folder / names[self.page]

    @property
    def fit_folder(self) -> Path:
        return self.folder / "fit"

    @property
    def formulas(self) -> dict[str, str]:
        return {key: text for key, text in self.spec.items() if key not in NOT_FORMULAS}


@dataclass(frozen=True)
class State:
    """How a unit stands: "absent", "stale", "partial", "damaged" or "finished"; and why."""

    word: str
    reason: str = ""
    manifest: store.Manifest | None = None

    @property
    def is_finished(self) -> bool:
        return self.word == "finished"


def state_of(folder: Path, key: str, what: str) -> State:
    """Tell how a result folder stands against the key that it should have."""
    store.settle(folder)
    if not folder.exists():
        return State("absent")
    try:
        manifest = store.verify(folder)
    except store.StoreError as error:
        return State("damaged", str(error))
    if manifest.settings.get("key") != key:
        return State("stale", f"{what} changed since", manifest)
    if manifest.settings.get("interrupted"):
        return State("partial", "sampling was cut off", manifest)
    return State("finished", "", manifest)


def was_cut_off(fit: Any) -> bool:
    """Tell whether a fit holds fewer draws than were asked for."""
    return any(verdict.code == "PARTIAL" for verdict in fit.warnings) or bool(
        fit.about.get("interrupted")
    )
