"""From a formula and a table to columns and groups, remembered so that new data get the same.

`build` reads the formula of one parameter against the surveys; the `Design` it returns makes the
matrix, the offset and the group indices for those surveys and for any other place or season.
"""

from __future__ import annotations

from occupancy.design.build import build
from occupancy.design.design import Design

__all__ = ["Design", "build"]
