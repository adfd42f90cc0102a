"""The parameters of a model in words: name, meaning, and the scale on which people read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from occupancy.families.catalogue import about, parameter_name
from occupancy.outputs import words

SHARES = ("logit", "cloglog", "probit")
VALUES = {
    "multi_state": {1: "state 1 seen", 2: "state 2 seen"},
    "false_positive": {1: "detected", 2: "certain"},
    "scores": {1: "a score"},
}


@dataclass(frozen=True)
class Said:
    """A parameter as figures and tables speak of it.

    Attributes
    ----------
    link : str
    meaning : str
        "probability that an empty site is colonised"; "" where the model does not tell.
    """

    name: str
    link: str = "logit"
    meaning: str = ""

    @property
    def scale(self) -> str:
        """The scale that its coefficients act on, "" where it is that of the parameter itself."""
        return "" if self.link == "identity" else f"{self.link} scale"

    @property
    def is_share(self) -> bool:
        """Whether its values are probabilities, shown in per cent."""
        return self.link in SHARES

    def value(self, number: float | None) -> str:
        """A value on the natural scale."""
        return words.percent(number) if self.is_share else plain(number)

    def interval(self, lower: float | None, upper: float | None) -> str:
        if self.is_share:
            return words.percent_interval(lower, upper)
        if words.is_missing(lower) or words.is_missing(upper):
            return words.DASH
        joint = " to " if "-" in f"{lower}{upper}" else "–"
        return f"{plain(lower)}{joint}{plain(upper)}"


def plain(number: float | None) -> str:
    """A number with three figures."""
    if words.is_missing(number):
        return words.DASH
    size = abs(float(number))  # type: ignore[arg-type]
    if size >= 1000:
        return words.count(number)
    return f"{float(number):.3g}".replace("-", words.MINUS)  # type: ignore[arg-type]


def parameters(model: Any, problem: Any) -> dict[str, Said]:
    """All parameters of a fit's model; none where the model is no family of ours."""
    family = getattr(model, "family", None)
    if problem is None or not hasattr(family, "parameters"):
        return {}
    return {
        p.name: Said(
            words.clean(parameter_name(family.name, p.name, p.meaning)),
            problem.predictors[p.name].link,
            words.clean(p.meaning),
        )
        for p in family.parameters
    }


def said(name: str, known: dict[str, Said]) -> Said:
    """A parameter by its name, known or not."""
    return known.get(name) or Said(words.clean(parameter_name("", name)))


def family_in_words(model: Any) -> dict[str, Any]:
    """Title, source and story of a family, for the report."""
    family = getattr(model, "family", "")
    name = str(getattr(family, "name", family) or "single_season").replace("-", "_")
    told = about(name)
    meaning = [f"{p.name}: {p.meaning}" for p in getattr(family, "parameters", ())]
    return {
        "title": words.clean(getattr(family, "title", "") or name.replace("_", " ")),
        "source": words.clean(getattr(family, "source", "")),
        "story": list(told.story) or ([f"{'; '.join(meaning)}."] if meaning else []),
        "maths": list(told.maths),
        "seen": told.seen,
        "corrects": told.corrects,
        "values": VALUES.get(name, {}),
        "options": {
            words.clean(k): words.clean(", ".join(v) if isinstance(v, list) else v)
            for k, v in dict(getattr(family, "options", None) or {}).items()
        },
    }
