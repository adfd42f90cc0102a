"""Hierarchical occupancy models: a Dataset and a few formulas in, a posterior to trust out.

The public names load when they are first used, so that `import occupancy` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from occupancy.comparison import compare, compare_pooling, cross_validate
    from occupancy.fit import Fit, load
    from occupancy.landscape import Truth, simulate_study
    from occupancy.model import Model
    from occupancy.study import Study

__version__ = "0.1.0"

PLACES = {
    "Model": "occupancy.model",
    "Fit": "occupancy.fit",
    "load": "occupancy.fit",
    "compare": "occupancy.comparison",
    "cross_validate": "occupancy.comparison",
    "compare_pooling": "occupancy.comparison",
    "Study": "occupancy.study",
    "Truth": "occupancy.landscape",
    "simulate_study": "occupancy.landscape",
}

__all__ = [
    "Fit",
    "Model",
    "Study",
    "Truth",
    "__version__",
    "compare",
    "compare_pooling",
    "cross_validate",
    "load",
    "simulate_study",
]


def __getattr__(name: str) -> Any:
    if name in PLACES:
        return getattr(import_module(PLACES[name]), name)
    raise AttributeError(f"module 'occupancy' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *PLACES})
