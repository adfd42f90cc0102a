"""Which regions touch: pairs of polygons with a common border, small gaps and overlaps forgiven."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from surveys.places.crs import in_equal_area
from surveys.places.regions import as_regions
from surveys.problems import Problem, SurveyError

if TYPE_CHECKING:
    import pandas as pd

# Of the width of a typical region: borders that were drawn twice miss each other by less.
TOLERANCE = 1e-3
# Where two regions meet in one point, the border near the other is a few tolerances long.
CORNER = 8.0


def neighbours(
    regions: Any, *, corners: bool = True, tolerance: float | None = None
) -> pd.DataFrame:
    """Pairs of regions that touch, each once, in the order of the layer.

    Parameters
    ----------
    regions : GeoDataFrame[region, geometry] or path
    corners : bool
        Whether regions that meet in a corner alone are neighbours (the queen's move); without,
        they need a border of some length (the rook's).
    tolerance : float, optional
        Metres by which two borders may miss each other and still touch; by default a thousandth
        of the width of a typical region.

    Returns
    -------
    DataFrame
        region_a, region_b, and ``border_km``: about how long their border is.

    Raises
    ------
    SurveyError
        The layer has no regions by name, or the tolerance is no distance.
    """
    import pandas as pd
    import shapely

    layer = as_regions(regions)
    flat = in_equal_area(layer.geometry)
    shapes = np.asarray(flat.to_numpy())
    if tolerance is None:
        tolerance = TOLERANCE * float(np.sqrt(np.median(shapely.area(shapes))))
    if not (np.isfinite(tolerance) and tolerance >= 0):
        fact = f"The tolerance of a border is {tolerance}"
        raise SurveyError(Problem(code="E164", fact=fact, cure="give metres, 0 or more"))
    reach = max(tolerance, 1e-6)  # a micrometre: exact borders are met but for rounding
    a, b = flat.sindex.query(shapes, predicate="dwithin", distance=reach)
    a, b = a[a < b], b[a < b]
    order = np.lexsort((b, a))
    a, b = a[order], b[order]
    used = np.unique(b)
    wide = np.empty(len(shapes), dtype=object)
    wide[used] = shapely.buffer(shapes[used], reach)
    border = shapely.length(shapely.intersection(shapely.boundary(shapes[a]), wide[b]))
    keep = np.ones(a.size, bool) if corners else border > CORNER * reach
    names = layer["region"].to_numpy(dtype=object)
    columns = {"region_a": names[a], "region_b": names[b], "border_km": border / 1e3}
    return pd.DataFrame(columns)[keep].reset_index(drop=True)
