"""Which columns of a table of sites tell where the sites lie, for a first look."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from surveys import cells, field_words, position_text
from surveys.ledger import Ledger
from surveys.readers import coordinates, positions, roles
from surveys.text_table import Table, bare


def coordinate_columns(table: Table) -> dict[str, str]:
    """Columns of coordinates by their role; x and y that can only be degrees are degrees."""
    for pair, names in itertools.product(coordinates.PAIRS, (roles.USUAL, field_words.PLACES)):
        found = {
            r: next((c for n in names[r] if (c := table.match_but_unit(n))), None) for r in pair
        }
        plot = pair[0] == "longitude" and names is field_words.PLACES  # its length and width?
        if all(found.values()):
            columns = [str(c) for c in found.values()]
            if plot and not _are_degrees(table, *columns):
                continue
            if pair[0] == "easting" and _are_degrees(table, *columns):
                pair = ("longitude", "latitude")
            zone = _zones(table) if pair[0] == "easting" else {}
            return {**dict(zip(pair, columns, strict=True)), **zone}
    return _position(table)


def places_in_detections(table: Table, site: str, visits: Sequence[str]) -> dict[str, str]:
    """Coordinates in the table of detections, where each site has one place.

    Columns called longitude and latitude are found by the readers themselves.
    """
    of_sites = [c for c in table.names if c not in visits and c != site]
    found = coordinate_columns(replace(table, frame=table.frame[of_sites]))
    if not site or not found:
        return {}
    once = (table.frame.groupby(site)[list(found.values())].nunique() <= 1).all(axis=None)
    return found if once else {}


def _zones(table: Table) -> dict[str, str]:
    """The column of UTM zones beside easting and northing, where each tells its half too."""
    named = (c for c in table.names if re.search("zone|zona|utm|fuseau|huso", c, re.IGNORECASE))
    found = next((c for c in named if positions.is_zones(table, c)), None)
    return {} if found is None else {"zone": found}


def _position(table: Table) -> dict[str, str]:
    """A column of places: pairs, WKT, UTM; squares of a national grid where its name says so."""
    for column in table.names:
        if not positions.is_places(table, column):
            continue
        crs = {p.crs for v in pd.unique(table.text(column)) if (p := position_text.parse(v))}
        if bare(column) in positions.USUAL or not crs & {*position_text.NATIONAL}:
            return {"position": column}
    return {}


def _are_degrees(table: Table, x: str, y: str) -> bool:
    """Whether x and y are within the ranges of degrees, with fractions, wherever they are told."""
    quiet = Ledger()
    one, other = (cells.numbers(table, c, quiet) for c in (x, y))
    known = np.isfinite(one) & np.isfinite(other)
    if quiet.of_level("error") or not known.any():
        return False
    one, other = one[known], other[known]
    within = (np.abs(one) <= 180).all() and (np.abs(other) <= 90).all()
    return bool(within and (one % 1 != 0).any() and (other % 1 != 0).any())


def metres(table: Table, columns: dict[str, str]) -> tuple[str, str] | None:
    """Coordinates that are no degrees, and so need a CRS."""
    if "position" in columns:
        column = columns["position"]
        told = [position_text.parse(v) for v in pd.unique(table.text(column))]
        return (column, column) if any(p is not None and not p.crs for p in told) else None
    pair = [c for r, c in columns.items() if r not in ("site", "region")]
    if not pair or "zone" in columns:
        return None
    quiet = Ledger()
    one, other = (np.abs(cells.numbers(table, c, quiet)) for c in pair)
    known = np.isfinite(one) & np.isfinite(other)
    beyond = known & (one > 180) & (other > 90)
    if "easting" in columns or 2 * beyond.sum() > known.sum():
        return pair[0], pair[1]
    return None
