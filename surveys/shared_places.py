"""Coordinates that many sites share: those of a plot, a locality or a square, not of the sites."""

from __future__ import annotations

from surveys.problems import Problem

SAME_METRES = 0.01
FEWEST, MANY = 5, 0.1  # sites with the coordinates of another, that no slip explains


def seem_shared(n_shared: int, n: int) -> bool:
    """Whether so many of the sites have the coordinates of another that it is meant so."""
    return n_shared >= max(FEWEST, MANY * n)


def shared(n_shared: int, n: int, pair: tuple[str, str], file: str = "") -> Problem:
    """The note that tells it, with a pair of sites as an example."""
    return Problem(
        code="N029",
        level="note",
        fact=(f"{file}: " if file else "")
        + f'{n_shared:,} of {n:,} sites have the coordinates of another ("{pair[0]}" and '
        f'"{pair[1]}")',
        file=file,
        why="so many share them that they seem to be those of a plot, a locality or a square, not "
        "of the sites; terms of space take such sites for one place",
        cure="give each site its own coordinates where they are known; where it is one place under "
        "several names: [sites.alias]",
    )
