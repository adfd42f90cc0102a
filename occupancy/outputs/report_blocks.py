"""The report's blocks of words and tables, as plain values that the template lays out."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from occupancy.outputs import varying_words, words
from occupancy.outputs.headline import headline, region_number
from occupancy.outputs.histories import totals
from occupancy.outputs.results import Results, has_geometry, season_name, season_rows

LEVELS = {"block": "Forbids the headline", "warn": "Warning", "note": "Note"}
MOST_LEDGER_ROWS = 80
LOW = re.compile(r"_(\w+(?:,\w+(?:[+−]\w+)?|<\w+)?)")


def chips(results: Results) -> list[dict[str, str]]:
    """Short facts under the headline; each may lead to its section."""
    here = results.here
    out = [
        {
            "number": words.count(here["site"].nunique()),
            "text": "sites" if len(here) != 1 else "site",
        }
    ]
    if results.histories is not None:
        visits, found = totals(results.histories)
        names = [season_name(s, results.seasons) for s in results.seasons]
        when = (
            f", {names[0]}–{names[-1]}" if len(names) > 1 else f", {names[0]}" if names[0] else ""
        )
        out.append({"number": words.count(visits), "text": f"visits{when}"})
        if results.tells_detections:
            out.append({"number": words.count(found), "text": "detections"})
    worst = _worst_rhat(results)
    if worst is not None:
        good = worst <= 1.01
        sign, number = (
            ("≤", "1.01") if good else ("=", words.decimal(worst, 2 if worst > 1.015 else 3))
        )
        text = f"{'chains agree' if good else 'chains disagree'} (R̂ {sign} {number})"
        out.append({"text": text, "kind": "ok" if good else "warn", "to": "diagnostics"})
    serious = [w for w in results.warnings if w.level in ("block", "warn")]
    if serious:
        text = words.counted(len(serious), "warning")
        out.append({"text": text, "kind": "warn", "to": "warnings"})
    elif results.warnings:
        text = words.counted(len(results.warnings), "note") + ", no warnings"
        out.append({"text": text, "kind": "ok", "to": "warnings"})
    else:
        out.append({"text": "no warnings", "kind": "ok"})
    outside = results.overall_here().get("extrapolated", 0.0)
    outside = 0.0 if words.is_missing(outside) else float(outside)
    if results.cells is not None and outside > 0:
        text = f"{words.percent(outside)} of the area is outside sampled conditions"
        out.append({"text": text, "kind": "warn" if outside > 0.1 else ""})
    return [{"number": "", "kind": "", "to": ""} | chip for chip in out]


def label(key: object) -> str:
    return words.clean(key).replace("_", " ")


def number(value: Any) -> str:
    """Any value of a check or a ledger as text."""
    if isinstance(value, (list, tuple)):
        shown = ", ".join(number(v) for v in value[:12])
        return shown + (f" and {len(value) - 12} more" if len(value) > 12 else "")
    if isinstance(value, dict):
        return "; ".join(f"{label(k)}: {number(v)}" for k, v in value.items())
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (int, np.integer)):
        return (
            words.count(int(value))
            if abs(int(value)) >= 10_000
            else str(value).replace("-", words.MINUS)
        )
    if isinstance(value, (float, np.floating)):
        return words.DASH if not np.isfinite(value) else f"{value:.3g}".replace("-", words.MINUS)
    return words.DASH if value is None else words.clean(value)


def trends(results: Results) -> list[dict[str, Any]]:
    """Small pictures of each region's psi over the seasons, drawn so that they need no script."""
    if len(results.seasons) < 2 or results.withheld or results.regions is None:
        return []
    names = pd.unique(results.regions["region"])
    groups = [(n, results.regions[results.regions["region"] == n]) for n in names[:40]]
    return [_trend(words.clean(name), table, results) for name, table in groups]


def individuals(results: Results) -> str:
    """How many individuals the surveyed sites hold, in a sentence; "" where none are counted."""
    table = results.abundance
    if table is None or not len(table) or results.withheld:
        return ""
    row = table.iloc[0]
    ends = "–".join(words.count(row[f"number_{end}"]) for end in ("lower", "upper"))
    name = words.interval_name(results.interval, results.engine)
    return (
        f"Individuals at the {words.counted(int(row['sites']), 'surveyed site')}, given what was "
        f"seen: about {words.count(row['number_mean'])} ({name} {ends}), "
        f"{words.decimal(row['per_site_mean'], 1)} a site."
    )


def states(results: Results) -> list[dict[str, str]]:
    """Share of the surveyed sites in each state, in the season shown."""
    table = results.states
    if table is None or results.withheld:
        return []
    here = table[season_rows(table, results.season) & table["surveyed"].astype(bool)]
    names = [c for c in table.columns if c not in ("site", "season", "surveyed")]
    shares = here[names].mean()
    return [{"name": n, "share": words.percent(shares[n])} for n in names]


def turnover(results: Results) -> dict[str, Any]:
    """Gains and losses between neighbouring seasons, of the surveyed sites."""
    table = results.turnover
    if table is None or not len(table) or results.withheld:
        return {"rows": [], "equilibrium": ""}

    def told(row: pd.Series, name: str, as_text: Any, as_interval: Any) -> dict[str, str]:
        mean, lower, upper = (row.get(f"sample_{name}_{end}") for end in ("mean", "lower", "upper"))
        return {"mean": as_text(mean), "interval": as_interval(lower, upper)}

    rows = [
        {
            "when": f"{season_name(row['season'], results.seasons)} to "
            f"{season_name(row['next_season'], results.seasons)}",
            "cells": [
                *(
                    told(row, name, words.percent, words.percent_interval)
                    for name in ("colonised", "extinct", "turnover")
                ),
                told(row, "growth", words.decimal, words.decimal_interval),
            ],
        }
        for _, row in table.iterrows()
    ]
    last = table.iloc[-1]
    text = ""
    if not words.is_missing(last.get("equilibrium_mean")):
        ends = words.percent_interval(last["equilibrium_lower"], last["equilibrium_upper"])
        text = (
            "Were the rates between the last two seasons to go on, "
            f"{words.percent(last['equilibrium_mean'])} ({ends}) of such sites would be occupied "
            "in the long run."
        )
    return {"rows": rows, "equilibrium": text}


def _trend(name: str, table: pd.DataFrame, results: Results) -> dict[str, Any]:
    rows = []
    for k, season in enumerate(results.seasons):
        found = table[season_rows(table, season)]
        if len(found):
            row = found.iloc[0]
            mean, lower, upper = region_number(row)
            rows.append((k, mean, lower, upper, row.get("naive")))
    last = len(results.seasons) - 1

    def x(k: float) -> float:
        return 30 + 150 * k / last

    def y(v: float) -> float:
        return 90 - 80 * v

    known = [r for r in rows if not words.is_missing(r[1])]
    banded = [r for r in known if not words.is_missing(r[2])]
    up = [f"{x(k):.1f},{y(high):.1f}" for k, _, _, high, _ in banded]
    down = [f"{x(k):.1f},{y(low):.1f}" for k, _, low, _, _ in reversed(banded)]
    names = [season_name(s, results.seasons) for s in results.seasons]
    text = ""
    if len(known) > 1:
        change = round(100 * (known[-1][1] - known[0][1]))
        sign = "+" if change > 0 else words.MINUS if change < 0 else "±"
        noun = "point" if abs(change) == 1 else "points"
        first, final = words.percent(known[0][1]), words.percent(known[-1][1])
        text = f"{first} to {final} ({sign}{abs(change)} {noun})"
    return {
        "name": name,
        "band": "M" + "L".join([*up, *down]) + "Z" if banded else "",
        "line": "M" + "L".join(f"{x(k):.1f},{y(m):.1f}" for k, m, *_ in known) if known else "",
        "dots": [(f"{x(k):.1f}", f"{y(n):.1f}") for k, *_, n in rows if not words.is_missing(n)],
        "first": names[0],
        "last": names[-1],
        "text": text,
    }


def coefficients(results: Results) -> dict[str, Any]:
    """The table of coefficients: estimate beside maximum likelihood beside naive."""
    table = results.coefficients
    rows = []
    for _, row in table.iterrows():
        places = words.coefficient_places(row["sd"])
        ml = words.decimal(row.get("ml"), places)
        if not words.is_missing(row.get("ml_se")):
            ml += f" ({words.decimal(row['ml_se'], places)})"
        rows.append(
            {
                "parameter": results.parameter(row["parameter"]).name,
                **_term(row, results),
                "mean": words.decimal(row["mean"], places),
                "sd": words.decimal(row["sd"], places),
                "interval": words.decimal_interval(row["lower"], row["upper"], places),
                "ml": ml,
                "naive": words.decimal(row.get("naive"), places),
            }
        )
    with_naive = "naive" in table and bool(table["naive"].notna().any())
    return {"rows": rows, "estimate": words.estimate_name(results.engine), "naive": with_naive}


def _term(row: pd.Series, results: Results) -> dict[str, str]:
    """A coefficient's name, its unit, and its term in the formula where that differs."""
    name, unit = results.term_name(row["parameter"], row["term"])
    term = words.clean(row["term"])
    return {"name": name, "unit": unit, "term": term if term != name else ""}


def diagnostics(results: Results) -> dict[str, Any]:
    """R-hat and effective sample sizes, or standard errors of a maximum likelihood fit."""
    table = results.coefficients
    sampled = "rhat" in table
    columns = ("rhat", "ess_bulk") if sampled else ("se", "z")
    rows = [
        {
            "parameter": results.parameter(row["parameter"]).name,
            **_term(row, results),
            "first": words.decimal(row.get(columns[0]), 3),
            "second": words.count(row.get(columns[1]))
            if sampled
            else words.decimal(row.get("z"), 1),
        }
        for _, row in table.iterrows()
    ]
    return {
        "rows": rows,
        "first": "R̂" if sampled else "standard error",
        "second": "ESS" if sampled else "z",
        "note": "R̂ compares the chains with one another and should be at most 1.01; ESS is how "
        "many independent draws the chains are worth, and should be at least 400."
        if sampled
        else "Standard errors come from the curvature of the likelihood at its highest point.",
    }


def _worst_rhat(results: Results) -> float | None:
    """The largest of all quantities that the check has seen, or of the coefficients."""
    told = [w.numbers["largest_rhat"] for w in results.warnings if "largest_rhat" in w.numbers]
    if "rhat" in results.coefficients:
        told += results.coefficients["rhat"].dropna().tolist()
    return float(max(told)) if told else None


def hyperparameters(results: Results) -> list[dict[str, str]]:
    """How much everything that varies does so, on the link scale; ranges in km or m."""
    table = results.hyperparameters
    rows = []
    for _, row in table.iterrows() if table is not None else ():
        told = results.varying.get((row["parameter"], row["term"]))
        name, unit = f"{row['hyper']} {row['label']}".strip(), words.clean(row["unit"])
        if told is not None:
            name, unit = told.hypers.get((row["hyper"], row["label"]), (name, unit))
        rows.append(
            {
                "parameter": results.parameter(row["parameter"]).name,
                "name": words.clean(name),
                "term": words.clean(row["term"]),
                "mean": varying_words.quantity(row["mean"], unit),
                "interval": varying_words.interval(row["lower"], row["upper"], unit),
            }
        )
    return rows


def compared(results: Results) -> list[dict[str, str]]:
    """Kinds of pooling by what they predict of sites held out, the best first."""
    table = results.compared
    said = {
        "complete": "complete: all groups as one",
        "partial": "partial: this model",
        "none": "none: every group on its own",
    }
    return [
        {
            "name": said.get(row["model"], words.clean(row["model"])),
            "elpd": words.decimal(row["elpd"], 1),
            "difference": words.decimal(row["difference"], 1),
            "se": words.decimal(row["difference_se"], 1),
            "weight": words.percent(row["weight"]),
        }
        for _, row in (table.iterrows() if table is not None else ())
    ]


def model(results: Results) -> dict[str, Any]:
    """The model in words and symbols, formulas, and priors with their meaning as probabilities."""
    document = results.model
    formulas = document.get("formulas", {})
    story = list(document.get("story", []))
    varying = [
        {"parameter": results.parameter(name).name, "term": term, "sentence": told.sentence}
        for (name, term), told in results.varying.items()
    ]
    became = {}
    for _, row in results.priors.iterrows() if results.priors is not None else ():
        became[words.clean(f"{row['parameter']}: {row['term']}")] = words.clean(row["verdict"])
    priors = [
        row
        | {
            "meaning": row["meaning"] or _prior_meaning(row["name"], row["code"]),
            "became": became.get(row["name"], ""),
        }
        for row in document.get("priors", [])
    ]
    rows = []
    for name, formula in formulas.items():
        said = results.parameter(name)
        rows.append({"name": name, "said": said, "formula": formula})
    return {
        "family": document.get("title") or "not stated",
        "options": [f"{k} = {v}" for k, v in document.get("options", {}).items()],
        "story": story,
        "maths": [symbols(line) for line in document.get("maths", [])],
        "formulas": rows,
        "varying": varying,
        "priors": priors,
        "became": bool(became),
    }


def symbols(line: str) -> list[tuple[str, str]]:
    """A line of symbols in pieces (text, what is set low after it): z_ij is z and ij."""
    parts, start = [], 0
    for found in LOW.finditer(line):
        parts.append((line[start : found.start()], found[1]))
        start = found.end()
    return [*parts, (line[start:], "")]


def _prior_meaning(name: str, code: str) -> str:
    """What a prior means as a probability, at a place where everything else is average."""
    reach = words.prior_on_probability(code)
    if not reach:
        return words.DASH
    if "intercept" in name.lower():
        return f"90% of the prior lies in {reach}"
    return f"one unit more turns 50% into {reach}"


def ledger(results: Results) -> list[tuple[str, str]]:
    """The account of the input rows, flattened to lines."""
    lines: list[tuple[str, str]] = []

    def walk(prefix: str, value: Any) -> None:
        if isinstance(value, dict) and value:
            for key, inner in value.items():
                walk(f"{prefix} · {label(key)}" if prefix else label(key), inner)
        elif isinstance(value, list) and any(isinstance(v, dict) for v in value):
            for inner in value:
                if isinstance(inner, dict):
                    lines.append(
                        (
                            prefix,
                            number({k: v for k, v in inner.items() if v not in (None, [], {})}),
                        )
                    )
        elif value not in (None, [], {}):
            lines.append((prefix, number(value)))

    walk("", results.ledger)
    return lines[:MOST_LEDGER_ROWS]


def provenance(results: Results) -> list[tuple[str, str]]:
    """Run, data hash, seed, versions and projection."""
    names = {"data_sha256": "data (sha256)", "seed": "seed", "run": "run", "engine": "engine"}
    rows = []
    for key, value in results.provenance.items():
        if isinstance(value, dict):
            value = ", ".join(f"{k} {v}" for k, v in value.items())
        text = str(value) if isinstance(value, int) else number(value)
        if not text:
            continue
        rows.append((names.get(key, label(key)), text))
    if results.crs is not None:
        code = results.crs.to_authority()
        rows.append(("projection", results.crs.name + (f" ({':'.join(code)})" if code else "")))
    rows.append(
        ("places", "sites with coordinates" if has_geometry(results.here) else "no coordinates")
    )
    return rows


def citation(results: Results) -> list[str]:
    """How to cite the run and the method."""
    seal = results.provenance
    source = results.model.get("source", "")
    version = seal.get("versions", {}).get("occupancy", "")
    run = f", run {seal['run']}" if seal.get("run") else ""
    seed = f", seed {seal['seed']}" if seal.get("seed") is not None else ""
    return [
        f"{headline(results).sentence}. Fitted with occupancy {version}".rstrip() + f"{run}{seed}.",
        "MacKenzie, D. I., Nichols, J. D., Lachman, G. B., Droege, S., Royle, J. A. & Langtimm, "
        "C. A. (2002) Estimating site occupancy rates when detection probabilities are less than "
        "one. Ecology 83: 2248–2255.",
        *([f"The model: {source}."] if source and "83:2248" not in source else []),
    ]
