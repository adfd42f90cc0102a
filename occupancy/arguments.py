"""What Python callers may pass for numbers and names: refused before anything is computed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

from surveys.problems import ModelError

MOST_SEED = 2**63 - 1


def whole(name: str, value: Any, least: int, most: int | None = None) -> int:
    """A whole number, at least so large; numpy's integers too.

    Raises
    ------
    ModelError
        It is none.
    """
    good = isinstance(value, Integral) and not isinstance(value, bool)
    if not good or value < least or (most is not None and value > most):
        raise ModelError(f"{name} = {value!r}: give a whole number, {least} or more.")
    return int(value)


def share(name: str, value: Any, example: str) -> float:
    """A number between 0 and 1, both ends excluded.

    Raises
    ------
    ModelError
        It is none.
    """
    if not isinstance(value, Real) or isinstance(value, bool) or not 0 < value < 1:
        raise ModelError(f"{name} = {value!r}: give a share between 0 and 1, such as {example}.")
    return float(value)


def number(what: str, value: Any) -> float:
    """One finite number, not an array and not text.

    Raises
    ------
    ModelError
        It is none.
    """
    try:
        found = math.nan if isinstance(value, str | bytes) else float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found):
        raise ModelError(f"{what} is {value!r}; give a number.")
    return found


def choice(name: str, value: Any, known: Sequence[str]) -> str:
    """One of some words.

    Raises
    ------
    ModelError
        It is none of them.
    """
    if not isinstance(value, str) or value not in known:
        words = " or ".join(f'"{word}"' for word in known)
        raise ModelError(f"{name} = {value!r}: give {words}.")
    return value


def mapping(what: str, value: Any, example: str) -> Mapping[str, Any]:
    """A dict, or nothing for an empty one.

    Raises
    ------
    ModelError
        It is something else.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ModelError(f"{what}: got {value!r}; give a dict such as {example}.")
    return value
