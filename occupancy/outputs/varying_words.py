"""What varies in a model, in plain sentences with the names of the columns.

`(1 + ele | region)` is "Each region has its own level and its own effect of elevation, which vary
together", `space()` a smooth surface over the map.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from occupancy.outputs import words
from occupancy.outputs.term_names import Covariate, term_names
from occupancy.varying import Correlated, GroupDesign, Varying

LEAN = "Those with few surveys lean on the others."


@dataclass(frozen=True)
class Told:
    """One term that varies, for people.

    Attributes
    ----------
    name : "park in region", "curve along elevation"
    sentence : what it means, whole
    hypers : {(hyper, label): (what it is, unit)}
    """

    name: str
    sentence: str
    hypers: Mapping[tuple[str, str], tuple[str, str]]


def tell(problem: Any, known: Mapping[str, Covariate]) -> dict[tuple[str, str], Told]:
    """{(parameter, term): words} of every term that varies, in the order of the model."""
    out: dict[tuple[str, str], Told] = {}
    for p in problem.predictors.values():
        names = {k: name for k, (name, _) in term_names(p.design, dict(known)).items()}
        for term in p.varying:
            speaker = _Speaker(known, names, [t.design for t in p.varying])
            out[p.name, term.design.name] = speaker.told(term.design)
    return out


def quantity(value: float, unit: str) -> str:
    """A hyper-parameter as people write it: 850 m, 12 km, 0.43."""
    if words.is_missing(value):
        return words.DASH
    if unit == "km":
        return f"{1000 * value:.3g} m" if value < 1 else f"{value:.3g} km"
    return words.decimal(value, 2)


def interval(lower: float, upper: float, unit: str) -> str:
    """Both ends, in one unit."""
    if words.is_missing(lower) or words.is_missing(upper):
        return words.DASH
    if unit == "km":
        scale, name = (1000.0, "m") if upper < 1 else (1.0, "km")
        return f"{scale * lower:.3g}–{scale * upper:.3g} {name}"
    return words.decimal_interval(lower, upper, 2)


class _Speaker:
    """Words for the terms of one parameter."""

    def __init__(
        self, known: Mapping[str, Covariate], names: Mapping[str, str], terms: list[Varying]
    ) -> None:
        self.known, self.names, self.terms = known, names, terms

    def told(self, design: Varying) -> Told:
        name, sentence, hypers = getattr(self, design.kind, self._plain)(design)
        return Told(name, sentence, hypers)

    # ------------------------------------------------------------ names

    def column(self, name: str) -> str:
        return self.known.get(name, Covariate(words.clean(name))).label

    def effect(self, label: str) -> str:
        """Of a coefficient's column: "elevation", also where it has no coefficient."""
        if label in self.names:
            return self.names[label]
        for function in ("scale", "center"):
            if label.startswith(f"{function}(") and label.endswith(")"):
                return self.column(label[len(function) + 1 : -1])
        return self.column(label)

    def grouping(self, by: Iterable[str]) -> str:
        """("region", "park"): park in region."""
        return " in ".join(reversed([self.column(b) for b in by]))

    # ------------------------------------------------------------ kinds

    def group(self, design: GroupDesign):
        of = self.grouping(design.by)
        if design.slope is None:
            slopes = [
                self.effect(g.effect)
                for g in self.terms
                if isinstance(g, GroupDesign) and g.by == design.by and g.slope is not None
            ]
            text = f"Each {of} has its own level, drawn from what all have in common"
            if slopes:
                text += f", independently of its effect of {listed(slopes)}"
            return of, f"{text}. {LEAN}", {("sd", ""): (f"sd between levels of {of}", "")}
        effect = self.effect(design.effect)
        text = f"Each {of} has its own effect of {effect}, drawn from what all have in common."
        hyper = {("sd", ""): (f"sd of the effect of {effect} between levels of {of}", "")}
        return f"effect of {effect}, by {of}", f"{text} {LEAN}", hyper

    def correlated(self, design: Correlated):
        of = self.grouping(design.by)
        what = {e: "level" if e == "1" else f"effect of {self.effect(e)}" for e in design.effects}
        own = listed([f"its own {w}" for w in what.values()])
        text = (
            f"Each {of} has {own}, which vary together: how far one tells the "
            f"{'other' if len(what) == 2 else 'others'} is estimated. {LEAN}"
        )
        hypers = {("sd", e): (f"sd of the {w} between levels of {of}", "") for e, w in what.items()}
        for i, j in design.pairs:
            a, b = design.effects[j], design.effects[i]
            hypers["correlation", f"{a} {b}"] = (f"correlation of {what[a]} and {what[b]}", "")
        slopes = [self.effect(e) for e in design.effects if e != "1"]
        if "1" not in design.effects:
            return f"effects of {listed(slopes)}, by {of}", text, hypers
        return f"{of}, with its own effect of {listed(slopes)}", text, hypers

    def spline(self, design: Any):
        x = self.column(design.along)
        hypers = {("sd", ""): ("size of the bends away from a straight line", "")}
        text = f"A smooth curve along {x}; how far it bends away from a straight line is estimated."
        if not design.by:
            return f"curve along {x}", text, hypers
        of = self.grouping(design.by)
        hypers["sd", "line"] = (f"sd of the straight parts between levels of {of}", "")
        text = (
            f"Each {of} has its own smooth curve along {x}; how steep they are, and how far they "
            "bend away from a straight line, is estimated for all together."
        )
        return f"curve along {x}, by {of}", text, hypers

    def cyclic(self, design: Any):
        x = self.column(design.along)
        period = f"{float(design.node.options['period']):g}"
        hypers = {("sd", ""): ("size of the departures from a single wave", "")}
        text = f"A smooth curve along {x} that begins anew after {period}"
        if not design.by:
            return f"cycle of {x}", f"{text}; how far it leaves a single wave is estimated.", hypers
        of = self.grouping(design.by)
        hypers["sd", "wave"] = (f"sd of the single waves between levels of {of}", "")
        return f"cycle of {x}, by {of}", f"{text}, each {of} its own.", hypers

    def rw(self, design: Any):
        x, whose = self.column(design.along), self._whose(design)
        hypers = {("sd", ""): (f"typical distance of one {x} from the mean of all", "")}
        if getattr(design, "order", 1) == 2:
            hypers = {("sd", ""): ("size of the bends away from a straight line", "")}
            hypers["sd", "line"] = ("sd of the straight parts between levels", "")
            text = f"{whose}: steps change little from one {x} to the next: trends go on."
        else:
            text = f"{whose}: every {x} begins where the one before was, and may go anywhere."
        return self._named(f"walk over {x}", design), text, hypers

    def ar1(self, design: Any):
        x = self.column(design.along)
        text = (
            f"{self._whose(design)}: every {x} resembles the one before, and falls back towards "
            "the mean of all; how fast is estimated."
        )
        hypers = {
            ("sd", ""): (f"sd of a {x} about the mean of all", ""),
            ("rho", ""): (f"correlation of one {x} with the next", ""),
        }
        return self._named(f"{x} by {x}", design), text, hypers

    def _whose(self, design: Any) -> str:
        x = self.column(design.along)
        if not design.by:
            return f"A level for each {x}"
        return f"A level for each {x}, in each {self.grouping(design.by)} its own"

    def _named(self, name: str, design: Any) -> str:
        return f"{name}, in each {self.grouping(design.by)}" if design.by else name

    def space(self, design: Any):
        column = getattr(getattr(design, "field", None), "column", None)
        hypers = {
            ("sd", ""): ("sd of the surface over the map", ""),
            ("range", ""): ("distance at which two places hardly tell of each other", "km"),
        }
        if column is None:
            text = (
                "Sites near each other are alike: a smooth surface over the map, whose height and "
                "reach are estimated."
            )
            return "surface over the map", text, hypers
        x = self.column(column)
        text = (
            f"The effect of {x} changes smoothly over the map; how much and how far, is estimated."
        )
        return f"effect of {x} over the map", text, hypers

    def icar(self, design: Any):
        of = self.grouping(design.by)
        text = f"Each {of} has its own level and resembles those that it touches."
        return f"{of} and its neighbours", text, {("sd", ""): (f"sd between levels of {of}", "")}

    def bym2(self, design: Any):
        of = self.grouping(design.by)
        text = (
            f"Each {of} has its own level: a part that it shares with those that it touches, and a "
            "part of its own; which counts more is estimated."
        )
        hypers = {
            ("sd", ""): (f"sd between levels of {of}", ""),
            ("share", ""): ("share of the variance that neighbours have in common", ""),
        }
        return f"{of} and its neighbours", text, hypers

    def _plain(self, design: Varying):
        """A kind that these words do not know yet names itself."""
        name = words.clean(design.name)
        return name, f"{name} varies.", {}


def listed(items: list[str]) -> str:
    """One, two and three."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"
