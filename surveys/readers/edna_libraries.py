"""Libraries of eDNA: which rows are sequenced samples, which are controls, and their numbers.

A library is what was sequenced under one name: one PCR replicate of one sample of one site.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd

from surveys import cells, dates
from surveys.ledger import Ledger
from surveys.problems import first_of, listing
from surveys.readers import long_visits, roles
from surveys.readers.deployments import column_of
from surveys.study_file import StudyFile
from surveys.text_table import Table
from surveys.values import natural

USUAL: dict[str, tuple[str, ...]] = {
    "site": (
        *("site", "site_id", "station", "location", "locality", "pond", "lake", "locationid"),
        "siteid",
    ),
    "sample": ("sample", "water_sample", "field_sample", "biosample", "filter", "bottle"),
    "replicate": ("replicate", "rep", "pcr", "pcr_replicate", "pcr_rep", "subsample"),
    "library": ("library", "library_id", "lib_id", "sample_id", "sampleid", "pcr_id", "row_names"),
    "control": ("control", "is_control", "sample_type", "type", "samp_category"),
    "season": ("season", "year"),
    "date": ("date", "sampling_date", "eventdate"),
}
_WORDS = re.compile(
    r"(?<![a-z])(?:[a-z]*blanks?|blk|ntc|neg|negative|pos|positive|controls?|ctrl|mock)(?![a-z])",
    re.IGNORECASE,
)
_NOT_CONTROL = frozenset({"", "false", "no", "0", "n", "na"})
_IS_CONTROL = frozenset({"true", "yes", "1", "y"})


def libraries_of(study: StudyFile, table: Table, ledger: Ledger) -> pd.DataFrame | None:
    """Site, sample, replicate and season of each row; `control` where it is none of the survey.

    `attrs["columns"]` tells the column of each role; None where there is no column of sites.
    """
    found = {role: column_of(table, role, ledger, USUAL, needed=role == "site") for role in USUAL}
    if found["site"] is None:
        return None
    out = pd.DataFrame({"row": table.rows})
    for role in ("sample", "replicate", "library", "season"):
        column = found[role]
        out[role] = table.text(column) if column else "1" if role == "season" else ""
    out["control"] = _controls(study, table, found)
    real = ~out["control"].to_numpy()
    site = table.text(str(found["site"])).copy()
    rest = replace(table, frame=table.frame[real])
    site[real] = roles.same_sites(study, cells.ids(rest, str(found["site"]), ledger))
    joined = site[real]
    roles.join_capitals(study, rest, joined, ledger)
    site[real] = joined
    out["site"] = site
    out["moment"] = np.full(len(table), np.datetime64("NaT", "s"))
    if found["date"]:
        out["moment"] = dates.dates(table, found["date"], ledger)
    for role in ("sample", "replicate", "season"):
        blank = real & (out[role] == "").to_numpy()
        if found[role] and blank.any():
            rows = table.rows[blank]
            ledger.error(
                "E514",
                "blank",
                at=table.at(rows, str(found[role])),
                cure=f"write the {role} of each row; name controls: [edna] controls = "
                '["NTC*", "blank*"]',
            )
    out.attrs = {
        "columns": {r: c for r, c in found.items() if c},
        "when": found["date"],
    }
    return out


def _controls(study: StudyFile, table: Table, found: dict[str, str | None]) -> np.ndarray:
    """Rows of blanks and controls: by the patterns of the study file, or by the usual words."""
    patterns = study.section("edna").get("controls")
    names = [found[r] for r in ("site", "sample", "replicate", "library") if found[r]]
    out = np.zeros(len(table), dtype=bool)
    for column in map(str, names):
        out |= _named(table.text(column), patterns)
    kind = found["control"]
    if kind:
        told = {
            v: v.casefold() in _IS_CONTROL
            or (v.casefold() not in _NOT_CONTROL and _is_control(v, patterns))
            for v in pd.unique(table.text(kind))
        }
        out |= np.array([told[v] for v in table.text(kind)], dtype=bool)
    return out


def _named(values: np.ndarray, patterns: Iterable[str] | None) -> np.ndarray:
    told = {v: _is_control(v, patterns) for v in pd.unique(values)}
    return np.array([told[v] for v in values], dtype=bool)


def _is_control(name: str, patterns: Iterable[str] | None) -> bool:
    if patterns is None:
        return bool(_WORDS.search(re.sub(r"[\d_]", " ", name)))
    return any(fnmatchcase(name.casefold(), p.casefold()) for p in patterns)


def numbered(
    study: StudyFile, table: Table, rows: pd.DataFrame, ledger: Ledger
) -> pd.DataFrame | None:
    """Rows of the survey with `visit`, and `season` where the samples are units of a site.

    Names that are the same at every site (left, centre, right) keep one number everywhere;
    others are numbered within the site, in the order of their names.
    """
    has = rows.attrs["columns"]
    out = rows.copy()
    out.attrs = rows.attrs
    if study.section("edna").get("units", "visits") == "samples":
        if "sample" not in has:
            ledger.error(
                "E015",
                f'{study.name}: [edna] units = "samples", but {table.place} has no column of '
                f"samples. It has: {listing(table.names, 12)}",
                file=table.place,
                cure=f'name it: [{table.spec.section}.columns] sample = "..."',
            )
            return None
        if out["season"].nunique() > 1:
            ledger.error(
                "E680",
                f'{study.name}: [edna] units = "samples" makes each sample of a site a unit, but '
                f"{table.place} has {out['season'].nunique()} seasons",
                file=study.name,
                why="units stand where seasons stand, so there is no place for both",
                cure='one season a study; or units = "visits"',
            )
            return None
        out["season"] = _numbers(out["site"], out["sample"]).astype(str)
        group, label = out["site"] + "\x1f" + out["season"], out["replicate"]
    else:
        group = out["site"] + "\x1f" + out["season"]
        label = out["sample"] + "\x1f" + out["replicate"]
        # Samples that were taken on several days are told apart by the day too.
        if "sample" not in has and out["moment"].notna().any():
            label = out["moment"].astype(str) + "\x1f" + label
    out["visit"] = _numbers(group, label)
    return out


def _numbers(group: pd.Series, label: pd.Series) -> pd.Series:
    order = {v: i for i, v in enumerate(sorted(set(label), key=_natural_parts))}
    code = label.map(order)
    if len(order) == int(label.groupby(group).nunique().max()):
        return code + 1
    return code.groupby(group).rank("dense").astype(int)


def _natural_parts(label: str) -> list[tuple]:
    return [natural(part) for part in label.split("\x1f")]


def tell_twice(table: Table, rows: pd.DataFrame, has: dict[str, str], ledger: Ledger) -> None:
    """One row a library: a second one of the same name is no replicate that anybody named."""
    key = ["site", "season", "visit"]
    twice = rows[rows.duplicated(key, keep=False)]
    for at, others in first_of(twice.groupby(key).indices.values()):
        group = twice.iloc[np.sort(at)]
        first = group.iloc[0]
        names = [f'{r} "{first[r]}"' for r in ("sample", "replicate") if r in has]
        told = ", ".join([f'site "{first["site"]}"', *names])
        ledger.error(
            "E516",
            f"{told} stands in {len(group)} rows",
            at=table.at(group["row"]),
            row=int(group["row"].iloc[1]),
            cure=f'name what tells them apart: [{table.spec.section}.columns] sample = "...", '
            'replicate = "..."',
            others=others,
        )


def covariate_frame(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows as the tools of long tables want them."""
    out = rows[["site", "season", "visit", "row", "moment"]].copy()
    out.attrs = rows.attrs
    return out


DAY = long_visits.DAY
