"""One loop written once, bound to the pieces of a family, and kept compiled on disk.

Numba cannot keep a closure over compiled functions: their identity changes with every process.
Here the loop's code is given globals of its own in which the pieces have the names that the loop
uses, so that it is an ordinary function to numba.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

from numba import njit

from occupancy.kernel.caching import PACKAGE


def fresh(loop: Callable, name: str, pieces: dict[str, Any]) -> FunctionType:
    """The loop as a new Python function that sees ``pieces`` under their names."""
    code = loop.__code__
    made = FunctionType(code, {**loop.__globals__, **pieces}, loop.__name__)
    made.__qualname__ = f"{loop.__name__}_{name}"  # the name under which it is kept
    made.__module__ = loop.__module__
    made.__doc__ = loop.__doc__
    return made


def bind(loop: Callable, name: str, **pieces: Any):
    """Compile ``loop`` for these pieces; ``None`` is a piece that the loop never reaches.

    Kept on disk where every piece is of this package, whose sources are the key of what is kept.
    """
    own = all(is_ours(p) for p in pieces.values() if hasattr(p, "py_func"))
    return njit(error_model="numpy", cache=own)(fresh(loop, name, pieces))


def is_ours(piece: Any) -> bool:
    """Whether a compiled function stands in this package's sources."""
    path = Path(piece.py_func.__code__.co_filename)
    return path.resolve().is_relative_to(PACKAGE.resolve())
