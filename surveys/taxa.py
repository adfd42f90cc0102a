"""Ranks of names: species are kept, subspecies join their species, everything else is set aside."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

SPECIES, SUBSPECIES = "species", "subspecies"
# Ranks as publishers write them, in short or in their own language.
_RANKS = {
    **dict.fromkeys(("sp.", "sp", "spec.", "spec", "especie", "espécie", "espèce", "art"), SPECIES),
    **dict.fromkeys(("specie", "soort", "laji", "вид"), SPECIES),
    **dict.fromkeys(("subsp.", "subsp", "ssp.", "ssp", "subespecie", "subespécie"), SUBSPECIES),
    **dict.fromkeys(("sous-espèce", "unterart", "ondersoort", "infraspecies"), SUBSPECIES),
    **dict.fromkeys(("var.", "var"), "variety"),
    **dict.fromkeys(("f.", "forma"), "form"),
    **dict.fromkeys(("género", "gênero", "genre", "gattung", "geslacht", "gen."), "genus"),
    **dict.fromkeys(("familia", "família", "famille", "familie"), "family"),
}
_OPEN = re.compile(r"\b(?:sp|spp|cf|aff|indet)\b\.?", re.IGNORECASE)
_HYBRID = re.compile(r"\s[x×]\s|^×|\bhybrid\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_][\w.'-]*")


def rank_of_name(name: str) -> str:
    """The rank that a scientific name shows by itself: "Sus scrofa" is a species, "Sus" is none."""
    if "/" in name:
        return "several species"
    if _HYBRID.search(name):
        return "hybrid"
    if _OPEN.search(name):
        return "genus or above"
    words = [w for w in re.sub(r"\([^)]*\)", " ", name).split() if _WORD.fullmatch(w)]
    lower = [w for w in words[1:] if w[0].islower()]
    if not lower:
        return "genus or above"
    return SPECIES if len(lower) == 1 else SUBSPECIES


def of_rank(
    name: str, rank: str | None, keep: Collection[str] = (), alias: Mapping[str, str] | None = None
) -> tuple[str, str]:
    """The name to count under, and why it is no species ("" where it is one).

    Parameters
    ----------
    name : a scientific name
    rank : as the source tells it; None: as the name shows it
    keep : further ranks to keep under their own names: "genus", "subspecies", ...
    alias : names, in small letters, that the user maps to another; their rank is the user's affair
    """
    plain = " ".join(name.split())
    if alias and plain.casefold() in alias:
        return plain, ""
    shown = rank_of_name(plain)
    told = (rank or shown).strip().casefold()
    told = _RANKS.get(told, told)
    kept = {k.casefold() for k in keep}
    if told in kept or (told == "genus or above" and "genus" in kept):
        return plain, ""
    if told == SUBSPECIES or (told in ("variety", "form") and shown == SUBSPECIES):
        words = plain.split()
        return " ".join(words[:2]), ""
    if told == SPECIES:
        if shown in ("several species", "hybrid") or _OPEN.search(plain):
            return plain, f"rank: {shown}"
        return plain, ""
    return plain, f"rank: {told}"
