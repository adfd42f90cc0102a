"""Where rows lie, and how alike two places are: what every kind of spatial field shares.

Distances are in kilometres. The range of a field is the distance at which the correlation of two
places has fallen to 5 %, whatever the smoothness:

    exponential   exp(-r)                      r = d / l          range = 2.996 l
    matern32      (1 + r) exp(-r)              r = sqrt(3) d / l  range = 2.739 l
    matern52      (1 + r + r^2 / 3) exp(-r)    r = sqrt(5) d / l  range = 2.647 l
    gaussian      exp(-r^2 / 2)                r = d / l          range = 2.448 l
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from occupancy.columns.blocks import Memory, Reader
from occupancy.columns.frame import Frame
from occupancy.formula.tree import Varying as Node
from occupancy.kernel.varying import POSITIVE
from occupancy.priors.prior import Prior
from occupancy.varying.base import Fresh, Hyper
from surveys.problems import ModelError, listing

COORDINATES = ("easting", "northing")
METRES = 1000.0  # in a kilometre
SMOOTHNESS = ("exponential", "matern32", "matern52", "gaussian")  # codes are the places here
NU = (0.5, 1.5, 2.5, math.inf)
LENGTHS = (2.995732273554, 2.738871456692, 2.646900454667, 2.447746830681)  # range / l
TAIL = 0.01  # of the prior of the range, on either side
LEAST_RATIO = 3.0  # of the longest to the shortest range that the prior allows
DEGREES = (180.0, 90.0)


@dataclass(frozen=True)
class Field:
    """What every kind of spatial field remembers.

    Attributes
    ----------
    node : the term as written
    places : (place, 2) float64
        Easting and northing of the unique places in kilometres from ``origin``, from south to
        north.
    origin : easting and northing of the middle of the surveyed box, in kilometres
    half : (2,) half the sides of the surveyed box
    spread : sd of what the field multiplies, over the rows that count; 1 without
    shortest : range below which the prior of the range has 1 %
    """

    node: Node
    places: np.ndarray
    origin: tuple[float, float]
    half: tuple[float, float]
    spread: float
    shortest: float
    memory: Memory

    @property
    def column(self) -> str | None:
        """Name of what the field multiplies: it is then a slope that varies in space."""
        return self.node.inside[0].name if self.node.inside else None

    @property
    def extent(self) -> float:
        """Diagonal of the surveyed box."""
        return 2.0 * math.hypot(*self.half)

    @property
    def smoothness(self) -> str:
        return str(self.node.options.get("smoothness", "matern32"))

    @property
    def code(self) -> int:
        return SMOOTHNESS.index(self.smoothness)

    @property
    def length_per_range(self) -> float:
        return 1.0 / LENGTHS[self.code]

    @property
    def hypers(self) -> tuple[Hyper, ...]:
        """Standard deviation, and range in kilometres."""
        scale = float(f"{1.0 / self.spread:.10g}")
        return (
            Hyper("sd", POSITIVE, Prior("half_normal", (scale,))),
            Hyper("range", POSITIVE, range_prior(self.shortest, self.extent)),
        )

    def index(self, frame: Frame, n: int | None) -> np.ndarray:
        """(row,) place among the unique places; 0 where a row's place is unknown or new.

        Rows without coordinates are without visits in a problem: their effect is never used.
        """
        at = row_places(Reader(self.memory, frame, n=n)) - np.array(self.origin)
        known = {key: i for i, key in enumerate(_keys(self.places))}
        return np.array([known.get(key, 0) for key in _keys(at)], dtype=np.int64)

    def value(self, frame: Frame, n: int | None) -> np.ndarray | None:
        """(row,) what the effect multiplies; None where it is added as it is."""
        if self.column is None:
            return None
        return np.ascontiguousarray(Reader(self.memory, frame, n=n).column(self.column))

    def at(self, frame: Frame, n: int) -> np.ndarray:
        """(row, 2) kilometres from the origin, for rows anywhere."""
        reader = Reader(self.memory, frame, n=n)
        at = row_places(reader)
        middle = np.array(self.origin)
        if self.extent > 1.0 and _in_degrees(at) and not _in_degrees(middle[None, :]):
            with reader.told(str(self.node)):
                raise ModelError(
                    "easting and northing of these places look like degrees. They are metres in "
                    "the projection of the surveys; give longitude and latitude under their own "
                    "names, or a GeoDataFrame with a CRS."
                )
        return at - middle

    def state(self) -> dict:
        return {
            "name": self.node.name,
            "places": self.places.tolist(),
            "origin": list(self.origin),
            "half": list(self.half),
            "spread": self.spread,
            "shortest": self.shortest,
        }

    @staticmethod
    def from_state(node: Node, memory: Memory, state: dict) -> Field:
        places = np.array(state["places"], dtype=np.float64).reshape(-1, 2)
        (east, north), (wide, high) = state["origin"], state["half"]
        spread, shortest = float(state["spread"]), float(state["shortest"])
        return Field(node, places, (east, north), (wide, high), spread, shortest, memory)


def learn_field(node: Node, reader: Reader) -> Field:
    """Unique places of the rows that count.

    Raises
    ------
    ModelError
        Fewer than three places, coordinates in degrees, or nothing to multiply.
    """
    at = row_places(reader)
    if _in_degrees(at):
        raise ModelError(
            "easting and northing look like degrees, and distances need metres. Attach the "
            "coordinates with their CRS: coordinates={'longitude': ..., 'latitude': ...}."
        )
    places = np.ascontiguousarray(np.unique(at[:, ::-1], axis=0)[:, ::-1])  # row by row northwards
    if len(places) < 3:
        raise ModelError(
            f"the surveys that count lie at {len(places)} different places, and a field needs at "
            "least three. Check the coordinates, or leave it out."
        )
    low, high = places.min(axis=0), places.max(axis=0)
    origin, half = (low + high) / 2, (high - low) / 2
    spread = 1.0
    if node.inside:
        name = node.inside[0].name
        if reader.memory.has_levels(node.inside[0]):
            raise ModelError(f"'{name}' has levels, and only numbers can have a slope in space.")
        values = reader.column(name)
        spread = float(np.std(values, ddof=1))
        if not spread > 1e-12 * np.abs(values).max():
            raise ModelError(f"{name} is the same in every survey that counts.")
    return Field(
        node,
        places - origin,
        (float(origin[0]), float(origin[1])),
        (float(half[0]), float(half[1])),
        spread,
        nearest_distance(places),
        reader.memory,
    )


def row_places(reader: Reader) -> np.ndarray:
    """(row, 2) easting and northing in kilometres; NaN where unknown."""
    return np.column_stack([reader.column(name) for name in COORDINATES]) / METRES


def _keys(at: np.ndarray) -> list[bytes]:
    """Places as they are, to the last digit, for look-up."""
    rows = np.ascontiguousarray(at + 0.0)  # no negative zero
    return [row.tobytes() for row in rows]


def _in_degrees(kilometres: np.ndarray) -> bool:
    """Whether numbers that should be metres can only be degrees."""
    metres = np.abs(kilometres[np.isfinite(kilometres).all(axis=1)]) * METRES
    return bool(len(metres) and (metres <= DEGREES).all())


def nearest_distance(places: np.ndarray, k: int = 1) -> float:
    """Median distance of a place to its k-th nearest other place."""
    from scipy.spatial import cKDTree

    k = min(k, len(places) - 1)
    tree = cKDTree(places)
    return float(np.median(tree.query(places, k=k + 1)[0][:, k]))


def range_prior(shortest: float, longest: float) -> Prior:
    """Inverse gamma with 1 % below the shortest and 1 % above the longest distance."""
    from scipy.optimize import brentq
    from scipy.stats import invgamma

    longest = max(longest, LEAST_RATIO * shortest)
    wanted = math.log(longest / shortest)

    def excess(log_shape: float) -> float:
        low, high = invgamma.ppf([TAIL, 1.0 - TAIL], math.exp(log_shape))
        return math.log(high / low) - wanted

    shape = math.exp(brentq(excess, math.log(0.3), math.log(500.0)))
    scale = shortest / invgamma.ppf(TAIL, shape)
    return Prior("inverse_gamma", (float(f"{shape:.6g}"), float(f"{scale:.6g}")))


def correlation(distance: np.ndarray, length: float, code: int) -> tuple[np.ndarray, np.ndarray]:
    """Correlation at a distance, and its slope along the logarithm of the length l."""
    if code == SMOOTHNESS.index("gaussian"):
        r = distance / length
        value = np.exp(-0.5 * r * r)
        return value, r * r * value
    r = math.sqrt(2.0 * NU[code]) * distance / length
    fading = np.exp(-r)
    if code == 0:
        return fading, r * fading
    if code == 1:
        return (1.0 + r) * fading, r * r * fading
    return (1.0 + r + r * r / 3.0) * fading, r * r * (1.0 + r) / 3.0 * fading


def fresh_of_places(at: np.ndarray, fresh: Fresh) -> np.ndarray:
    """(draw, place) standard normal numbers, the same wherever a place appears."""
    labels = [f"{east:.6f} {north:.6f}" for east, north in at]
    unique, inverse = np.unique(np.array(labels), return_inverse=True)
    return np.stack([fresh(label) for label in unique], axis=1)[:, inverse]


def in_words(kilometres: float) -> str:
    """A distance as people say it: "850 m", "12 km"."""
    if kilometres < 1.0:
        return f"{float(f'{kilometres * METRES:.2g}'):.0f} m"
    return f"{float(f'{kilometres:.2g}'):g} km"


def smoothness_allowed(field: Field, allowed: tuple[str, ...], kind: str) -> None:
    if field.smoothness not in allowed:
        raise ModelError(
            f'kind="{kind}" cannot have smoothness="{field.smoothness}"; it has {listing(allowed)}.'
        )
