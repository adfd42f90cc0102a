"""Building the design of one parameter: names checked, terms learned, columns proved distinct."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from occupancy.columns.blocks import Memory, Reader, Told
from occupancy.columns.frame import Frame, absent, count_rows, kind_of, read_column
from occupancy.columns.surroundings import Surroundings
from occupancy.design.design import Design, fill_matrix, sum_offsets
from occupancy.design.rank import refuse_dependent
from occupancy.formula import Formula, parse
from occupancy.varying import VARYING, Varying, learn_groups
from surveys.problems import ModelError, listing, nearest

WORDS = {"psi": "occupancy", "p": "detection", "lam": "abundance", "gamma": "colonisation"}
WORDS |= {"epsilon": "extinction", "r": "detection"}
FIRST = ("psi", "lam")  # set once for each site, whatever the seasons


def build(
    formula: str | Formula,
    frame: Frame,
    parameter: str = "psi",
    rows: np.ndarray | None = None,
    *,
    elsewhere: Mapping[str, str] | None = None,
    n: int | None = None,
    surroundings: Surroundings | None = None,
) -> Design:
    """Read a formula against a table, and remember what new data will need.

    Parameters
    ----------
    frame : {name: (row,)}
        Covariates that the parameter may use; numbers with NaN, or text with "", where missing.
    rows : (row,) bool
        Rows that count for centres, scales, levels and ranks; all by default. Rows with a
        missing value never count.
    elsewhere : {name: "visit"}
        Covariates that are in the surveys but vary at a level that the parameter cannot use.
    n : int
        Number of rows, where the frame has no columns.
    surroundings : Surroundings
        What a term that varies may learn from beside the columns.

    Raises
    ------
    ModelError
        A name is unknown, a column is constant or follows from others, nothing is left to count.
    """
    tree = parse(formula)
    _check_names(tree, frame, parameter, elsewhere or {})
    with Told(parameter):
        if n is None and rows is not None:
            n = len(rows)
        n = count_rows(frame, tree.variables, n)
        read = {name: read_column(frame, name) for name in tree.variables}
        counted = _rows(read, n, rows)
    memory = Memory(parameter, {name: kind_of(values) for name, values in read.items()})
    # Terms learn from the rows that count alone: a level met only elsewhere is not known.
    complete = {name: values[counted] for name, values in read.items()}
    count = int(counted.sum())
    reader = Reader(memory, complete, n=count, learns=True, surroundings=surroundings)
    reader.orders = dict(getattr(frame, "orders", {}))
    matrix = fill_matrix(tree, reader)
    offset = sum_offsets(tree, reader)
    groups: list[Varying] = [g for group in tree.groups for g in learn_groups(group, reader)]
    for node in tree.varying:
        with reader.told(str(node)):
            groups.append(VARYING[node.kind].learn(node, reader))
    design = Design(
        tree,
        memory,
        tuple(groups),
        tuple(float(m) for m in matrix.mean(axis=0)),
        tuple(float(s) for s in _spreads(matrix)),
        int(counted.sum()),
        float(offset.mean()),
    )
    _check_columns(design)
    with reader.told():
        refuse_dependent(design.columns, matrix, intercept=tree.intercept)
    return design


def _spreads(matrix: np.ndarray) -> np.ndarray:
    if len(matrix) < 2:
        return np.zeros(matrix.shape[1])
    return np.std(matrix, axis=0, ddof=1)


def _check_names(tree: Formula, frame: Frame, parameter: str, elsewhere: Mapping[str, str]) -> None:
    known = [str(name) for name in frame]
    for term in tree.varying:
        if "species" in term.reads and "species" not in known:
            raise ModelError(
                f"`{parameter}` uses {term}, by which species resemble each other, and there is "
                "one species here. Give surveys of several, in a family whose species do not "
                "share a chain; or leave the term out."
            )
        if any(name not in known for name in term.reads):
            raise ModelError(
                f"`{parameter}` uses {term}, which needs {listing(term.reads)} of the sites, and "
                "the surveys have none. Give the coordinates of the sites with their CRS: "
                'coordinates={"longitude": ..., "latitude": ...}, or easting and northing with '
                'crs="EPSG:...".'
            )
    for name in tree.variables:
        if name in known:
            continue
        if name in elsewhere:
            levels = "site" if parameter in FIRST else "site and season"
            word = WORDS.get(parameter, f"`{parameter}`")
            raise ModelError(
                f"`{parameter}` uses '{name}', but '{name}' varies by {elsewhere[name]}; "
                f"{word} can only use {levels} covariates.{_lift(name, parameter, elsewhere[name])}"
            )
        near = nearest(name, [*known, *elsewhere])
        has = f" The surveys have {listing(known, 12)}." if known else ""
        hint = f" Did you mean '{near}'?" if near else has
        raise ModelError(f"`{parameter}` uses '{name}', which is not in the surveys.{hint}")


def _lift(name: str, parameter: str, level: str) -> str:
    """How a covariate can come to the level of a parameter."""
    if level == "visit":
        return (
            f" Use '{name}' for detection (p), or give it one value a site: its mean over the "
            "visits, as a column of the table of sites."
        )
    if level == "season" and parameter in FIRST:
        return (
            " Choose one season, or let the rates of change use it: family dynamic, gamma and "
            "epsilon."
        )
    return ""


def _rows(read: Mapping[str, np.ndarray], n: int, rows: np.ndarray | None) -> np.ndarray:
    """(row,) True where a row was asked to count and has every value."""
    asked = np.ones(n, dtype=bool) if rows is None else np.asarray(rows, dtype=bool)
    if asked.shape != (n,):
        raise ModelError(f"`rows` has {len(asked)} values where {n} are expected.")
    counted = asked
    for name, values in read.items():
        present = ~absent(values)
        if asked.any() and not (asked & present).any():
            raise ModelError(f"'{name}' is missing in every survey that counts.")
        if kind_of(values) == "number" and np.isinf(values[asked]).any():
            raise ModelError(f"'{name}' has infinite values. Correct them in the data.")
        counted = counted & present
    if not counted.any():
        many = listing([f"'{name}'" for name in read])
        raise ModelError(f"no survey has all of {many}." if read else "there is no survey.")
    return counted


def _check_columns(design: Design) -> None:
    names = Counter(design.columns)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise ModelError(f"`{design.parameter}`: two columns have the name '{twice[0]}'.")
    if not names:
        raise ModelError(
            f"`{design.parameter}` has no coefficient: '{design.formula}'. Write 1 for an "
            "intercept; the effects of groups are deviations from it."
        )
    groups = Counter(g.name for g in design.groups)
    twice = [name for name, count in groups.items() if count > 1]
    if twice:
        raise ModelError(f"`{design.parameter}`: two group effects have the name '{twice[0]}'.")
