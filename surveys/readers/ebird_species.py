"""Names of eBird to species: roll-up, common names, what the study asks for."""

from __future__ import annotations

import numpy as np
import pandas as pd

from surveys import taxa
from surveys.ledger import Ledger
from surveys.problems import did_you_mean
from surveys.readers.ebird_files import EbirdFile
from surveys.readers.ebird_settings import Settings
from surveys.study_file import StudyFile

HIGHER = ("spuh", "slash", "hybrid")


def species_of(
    study: StudyFile, settings: Settings, names: pd.DataFrame, ebd: EbirdFile, ledger: Ledger
) -> tuple[list[str], pd.DataFrame]:
    """The species of the study, and of each name of the file its species or why it has none."""
    section = study.section("taxa")
    keep = section.get("keep_ranks", [])
    alias = {_plain(k): v for k, v in section.get("alias", {}).items()}
    exclude = {_plain(v) for v in section.get("exclude", [])}
    told = study.section("study").get("species", [])
    told = [told] if isinstance(told, str) else list(told)
    wanted = {_plain(name): name for name in told}
    judged = [
        judge(r.scientific, r.common, r.category.casefold(), keep, alias)
        for r in names.itertuples()
    ]
    label = np.array([name for name, _ in judged], dtype=object)
    why = np.array([reason for _, reason in judged], dtype=object)
    common = _common(label, names)
    for i, (name, own) in enumerate(zip(label, names["common"], strict=True)):
        if why[i]:
            continue
        called = {_plain(name), _plain(own), _plain(common.get(name, ""))} - {""}
        if called & exclude:
            why[i] = "excluded by [taxa] exclude"
        elif wanted:
            asked = [wanted[c] for c in sorted(called) if c in wanted]
            if asked:
                label[i] = asked[0]
            else:
                why[i] = "other species"
        elif settings.names == "common":
            label[i] = common.get(name) or name
    found = {str(n) for n in label[why == ""]}
    lost = [name for name in told if name not in found]
    for name in lost:
        every = [*names["scientific"], *names["common"]]
        ledger.warn(
            "W601",
            f'{ebd.shown}: no sighting of "{name}".{did_you_mean(name, every)} It was taken as '
            "never seen",
            file=ebd.shown,
            cure="[study] species: names as in the file, scientific or common, without the "
            "subspecies",
        )
    species = sorted({*found, *told}) or ["species"]
    code = {name: i for i, name in enumerate(species)}
    codes = [code.get(n, -1) if not w else -1 for n, w in zip(label, why, strict=True)]
    return species, names.assign(code=codes, why=why)


def judge(
    scientific: str, common: str, category: str, keep: list[str], alias: dict[str, str]
) -> tuple[str, str]:
    """Species of a name of eBird; below a species it joins it, above it is set aside."""
    for name in (scientific, common):
        if _plain(name) in alias:
            return alias[_plain(name)], ""
    if category in HIGHER:
        kept = {k.casefold() for k in keep}
        return scientific, "" if category in kept else f"rank: {category}"
    bare = scientific.split("(")[0].strip() or scientific
    name, reason = taxa.of_rank(bare, None, [k for k in keep if k.casefold() != "subspecies"])
    if reason and category in ("species", "issf", "form", "domestic", "intergrade"):
        # A form that has no name of its own yet: eBird counts it as no species.
        return name, f"rank: {category}" if category != "species" else ""
    return name, reason


def _common(label: np.ndarray, names: pd.DataFrame) -> dict[str, str]:
    """The common name of each species: the one most rows have."""
    table = pd.DataFrame({"label": label, "common": names["common"], "n": names["n"].astype(int)})
    total = table[table["common"] != ""].groupby(["label", "common"])["n"].sum().reset_index()
    total = total.sort_values(["label", "n", "common"], ascending=[True, False, True])
    return dict(total.drop_duplicates("label")[["label", "common"]].to_numpy().tolist())


def _plain(name: str) -> str:
    return " ".join(str(name).split()).casefold()
