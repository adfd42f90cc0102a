"""Columns that the data cannot tell apart, found before anything is fitted."""

from __future__ import annotations

import numpy as np

from surveys.problems import ModelError, listing

TOLERANCE = 1e-8  # of the longest column, after each has been brought to length 1


def refuse_dependent(columns: tuple[str, ...], matrix: np.ndarray, *, intercept: bool) -> None:
    """Refuse constant and linearly dependent columns, by name.

    Parameters
    ----------
    matrix : (row, column)
        Complete rows that count. With an intercept its column is the first.

    Raises
    ------
    ModelError
        Some coefficient cannot be told from the others.
    """
    n, k = matrix.shape
    first = int(intercept)
    names, x = columns[first:], matrix[:, first:]
    if intercept and n:
        for name, column in zip(names, x.T, strict=True):
            if np.ptp(column) <= 1e-12 * np.abs(column).max():
                raise ModelError(
                    f"'{name}' is the same in every survey that counts (always {column[0]:g}). "
                    "Leave it out."
                )
        x = x - x.mean(axis=0)
    if n < k:
        raise ModelError(
            f"the formula has {k} coefficients ({listing(columns, 8)}), and only {n} rows count. "
            "Leave some out."
        )
    if x.shape[1] == 0:
        return
    length = np.linalg.norm(x, axis=0)
    for name, size in zip(names, length, strict=True):
        if size == 0:
            raise ModelError(f"'{name}' is 0 in every survey that counts. Leave it out.")
    _refuse_pivots(names, x / length)


def _refuse_pivots(names: tuple[str, ...], x: np.ndarray) -> None:
    from scipy.linalg import qr, solve_triangular

    r, order, *_ = qr(x, mode="r", pivoting=True)  # type: ignore[misc]
    r, order = np.asarray(r), np.asarray(order)
    size = np.abs(np.diag(r))
    rank = int(np.sum(size > TOLERANCE * size[0]))
    if rank == len(names):
        return
    lost = order[rank]
    weights = solve_triangular(r[:rank, :rank], r[:rank, rank])
    others = [names[j] for j, w in zip(order[:rank], weights, strict=True) if abs(w) > 1e-6]
    if len(others) == 1:
        raise ModelError(
            f"'{names[lost]}' and '{others[0]}' tell the same: one follows from the other. "
            "Leave one out."
        )
    known = ", ".join(f"'{n}'" for n in sorted(others, key=names.index))
    raise ModelError(
        f"'{names[lost]}' follows exactly from {known}, so that their effects cannot be told "
        "apart. Leave one of them out."
    )
