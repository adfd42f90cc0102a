"""The finding in one sentence, with its interval and the raw detections beside it."""

from __future__ import annotations

from dataclasses import dataclass

from occupancy.outputs import words
from occupancy.outputs.results import Results


@dataclass(frozen=True)
class Headline:
    """The number that every output leads with; computed here and nowhere else."""

    sentence: str
    support: str  # interval and raw detections, one or two sentences
    stamp: str  # "" or the mark that a number is shown although a check forbids it
    mean: float | None
    lower: float | None
    upper: float | None
    of: str  # "area": all cells; "sites": the surveyed sites


def headline(results: Results) -> Headline:
    """The headline of the season shown, withheld where a check says that it must be."""
    row = results.overall_here()
    here = results.here
    surveyed, detected = int(here["surveyed"].sum()), int(here["detected"].sum())
    told = results.tells_detections
    by_area = not words.is_missing(row.get("area_psi_mean"))
    kind = "area_psi" if by_area else "share"
    mean, lower, upper = (row.get(f"{kind}_{end}") for end in ("mean", "lower", "upper"))
    species = results.species_name
    when = f" in {results.season_name}" if results.season_name else ""
    codes = ", ".join(w.code for w in results.blocks)
    several = len(results.seasons) > 1
    noun = f"sites surveyed{when}" if several and when else "surveyed sites"
    raw = f"Detected at {words.share(detected, surveyed, noun)}"
    if not told:
        raw = f"Scores of {words.count(surveyed)} {noun}, without a threshold"

    if results.withheld:
        return Headline(
            f"{species}: the occupancy estimate{when} is withheld",
            f"A check forbids it ({codes}): see the warnings. {raw}"
            f"{', not corrected for missed detections' if told else ''}.",
            "",
            None,
            None,
            None,
            "area" if by_area else "sites",
        )
    ever = results.ever_surveyed if several else surveyed  # whom the share is about
    where = "of the study area" if by_area else f"of the {words.count(ever)} surveyed sites"
    if not by_area and not ever:
        where = "of the sites"
    about = words.percent(mean)
    about = about if about[0] in "<>" else f"about {about}"
    name = words.interval_name(results.interval, results.engine)
    interval = words.percent_interval(lower, upper)
    why = f"the estimate corrects for {results.model.get('corrects', 'missed detections')}"
    why += " and for where sites were placed" if by_area else ""
    return Headline(
        f"{species} occupied {about} {where}{when}",
        f"{name} {interval}. {raw}; {why}.",
        f"Shown although a check forbids it: {codes}" if results.blocks else "",
        float(mean),
        None if words.is_missing(lower) else float(lower),
        None if words.is_missing(upper) else float(upper),
        "area" if by_area else "sites",
    )


def region_number(row) -> tuple[float | None, float | None, float | None]:
    """Mean and interval that maps and tables print for a region: its area, else its sites' psi."""
    kind = "psi" if words.is_missing(row.get("area_psi_mean")) else "area_psi"
    return tuple(row.get(f"{kind}_{end}") for end in ("mean", "lower", "upper"))  # type: ignore[return-value]


def caption(results: Results) -> str:
    """One line that lets a reader trace a picture: projection, cells, model, run."""
    parts = []
    crs = results.crs
    if crs is not None:
        code = crs.to_authority()
        method = getattr(crs.coordinate_operation, "method_name", "")
        inside = [":".join(code)] if code else []
        inside += ["equal area"] if "equal area" in method.lower() else []
        parts.append(crs.name + (f" ({', '.join(inside)})" if inside else ""))
    if results.cells is not None and len(results.cells):
        parts.append(f"cells of {words.area(float(results.cells['area_km2'].max()))}")
    text = ", ".join(parts)
    model = results.model
    if model.get("family"):
        formulas = "; ".join(
            f"{k} ~ {v.removeprefix('~').strip()}" for k, v in model["formulas"].items()
        )
        text += f"{'. ' if text else ''}Model: {model['family'].replace('_', ' ')}"
        text += f" ({formulas})" if formulas else ""
    seal = results.provenance
    tail = [f"run {seal['run']}"] if seal.get("run") else []
    tail += [f"data sha256 {seal['data_sha256'][:8]}…"] if seal.get("data_sha256") else []
    tail += [f"seed {seal['seed']}"] if seal.get("seed") is not None else []
    tail += [f"occupancy {v}"] if (v := seal.get("versions", {}).get("occupancy")) else []
    return f"{text}{'. ' if text and tail else ''}{' · '.join(tail)}"
