"""What several families share: tables of presence and of change, and checks of their options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from surveys.problems import ModelError, did_you_mean


def detected_if_present(p: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Emission (..., state) of a visit: Bernoulli(p) if present, never if absent; 1 where NaN."""
    p = np.broadcast_to(p, y.shape)
    seen = y > 0
    chance = np.stack([np.where(seen, 0.0, 1.0), np.where(seen, p, 1 - p)], axis=-1)
    return np.where(np.isnan(y)[..., None], 1.0, chance)


def present(psi: np.ndarray) -> np.ndarray:
    """Initial (site, state) of two states: absent, present."""
    psi = np.asarray(psi)
    return np.stack([1 - psi, psi], axis=-1)


def psi_itself(values: Mapping[str, np.ndarray]) -> np.ndarray:
    """``Family.psi`` of a family whose psi is the probability that a site is occupied."""
    return np.asarray(values["psi"])


def coming_and_going(gamma: np.ndarray, epsilon: np.ndarray) -> np.ndarray:
    """Transition (..., from, to) of two states: colonised with gamma, extinct with epsilon."""
    gamma, epsilon = np.asarray(gamma), np.asarray(epsilon)
    absent = np.stack([1 - gamma, gamma], axis=-1)
    return np.stack([absent, np.stack([epsilon, 1 - epsilon], axis=-1)], axis=-2)


def check_options(
    family: str, unknown: Mapping[str, Any], **given: tuple[Any, tuple[Any, ...]]
) -> None:
    """Refuse an option that the family does not have, or a value that the option cannot have.

    Parameters
    ----------
    given : {option: (value, values on offer)}
    """
    for name in unknown:
        has = f"It has {', '.join(given)}." if given else "It has no options."
        raise ModelError(
            f"Family '{family}' has no option '{name}'.{did_you_mean(name, list(given))} {has}"
        )
    for name, (value, offered) in given.items():
        if value not in offered:
            shown = ", ".join(f'"{v}"' for v in offered if v != "")
            raise ModelError(f"Family '{family}' cannot have {name} = {value!r}: give {shown}.")


def check_names(family: str, option: str, given: Any, least: int, most: int) -> tuple[str, ...]:
    """Names as a tuple; refuse too few, too many, empty and repeated ones."""
    cure = f'Give {least} to {most} names, as in {option} = ["first", "second"].'
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise ModelError(f"Family '{family}' cannot have {option} = {given!r}. {cure}")
    if not given:
        raise ModelError(f"Family '{family}' needs its {option}. {cure}")
    for name in given:
        if not isinstance(name, str) or not name.strip():
            raise ModelError(f"Family '{family}' has {name!r} among its {option}. {cure}")
    if not least <= len(given) <= most:
        raise ModelError(f"Family '{family}' cannot have {option} = {list(given)!r}. {cure}")
    twice = next((name for name in given if list(given).count(name) > 1), None)
    if twice is not None:
        raise ModelError(f"Family '{family}' has '{twice}' twice among its {option}. {cure}")
    return tuple(given)
