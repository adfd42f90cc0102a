"""Values of rasters at places: the cell itself, or a statistic of the cells around.

The places move to the CRS of the raster, never the raster to theirs, so that every value is one
that the raster holds. What is read at a time is the window round some of the places, so a raster
may be larger than memory. rasterio and exactextract are imported here alone, when asked.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from surveys.places.layers import safe_path
from surveys.places.raster_frame import RasterFrame, applied
from surveys.problems import Problem, SurveyError, did_you_mean

# Statistic here -> operation of exactextract; "share" is the mean of an indicator.
STATISTICS = {
    "mean": "mean",
    "sd": "stdev",
    "min": "min",
    "max": "max",
    "share": "mean",
    "majority": "majority",
}
# First bytes -> driver of GDAL. Others, such as virtual rasters, would open further files.
DRIVERS = (
    (b"II*\0", "GTiff"),
    (b"MM\0*", "GTiff"),
    (b"II+\0", "GTiff"),
    (b"MM\0+", "GTiff"),
    (b"EHFA_HEADER_TAG", "HFA"),
    (b"ncols", "AAIGrid"),
)
RASTER_SUFFIXES = (".tif", ".tiff", ".asc", ".img", ".hgt")
TILE = 2048  # cells; places in one tile are read together
MOST_WITHOUT = 0.5  # of a buffer; a statistic of less than half of it would be one of elsewhere
MOST_CELLS = 30_000_000  # in memory at a time
# Numbers that mean missing where nobody said so: lowest integers and floats, and what people type.
SENTINELS = (-9999.0, -99999.0, -32768.0, -2147483648.0, float(np.finfo(np.float32).min))


@dataclass(frozen=True)
class Sampled:
    """Values at places, with what is known of each.

    Attributes
    ----------
    values : (place,)
        NaN where the raster has none: outside it, and where less than half of the cells asked
        for have a value.
    outside_m : (place,)
        Metres from the place to the raster, 0 inside; NaN where its CRS does not reach.
    cells, without : (place,)
        Cells asked for (parts of cells counted as parts), and how many of them have no value.
    sentinel
        A number that usually means missing, was read as a value and is not told as missing.
    """

    values: np.ndarray
    outside_m: np.ndarray
    cells: np.ndarray
    without: np.ndarray
    crs_name: str
    sentinel: float | None = None


def sample_raster(
    path: str | Path,
    longitude: Any,
    latitude: Any,
    *,
    stat: str = "point",
    buffer_m: float | None = None,
    classes: Sequence[float] = (),
    band: int = 1,
    crs: Any = None,
    missing: Sequence[float] = (),
) -> Sampled:
    """Values of one band at places given in degrees (WGS 84).

    Parameters
    ----------
    stat
        "point": the cell in which the place lies. Of the cells within `buffer_m` metres, each
        weighted by its part inside: "mean", "sd" (of the cells, not of a sample), "min", "max",
        "share" (of `classes`, among cells with a value), "majority".
    missing
        Numbers that mean missing beside those that the raster tells.

    Raises
    ------
    SurveyError
        It is no raster, has no CRS or no such band; or a library is not installed.
    """
    lon = np.atleast_1d(np.asarray(longitude, np.float64))
    lat = np.atleast_1d(np.asarray(latitude, np.float64))
    with _opened(path) as raster:
        frame = RasterFrame(raster, Path(path).name, band, crs)
        x, y = frame.moved(lon, lat)
        col, row = applied(~raster.transform, x, y)
        inside = (col >= 0) & (col <= raster.width) & (row >= 0) & (row <= raster.height)
        outside = frame.metres_outside(lon, lat, col, row, inside)
        read = _Reader(raster, band, classes if stat == "share" else (), missing)
        if stat == "point":
            values = _points(read, col, row, inside)
            cells = np.ones(len(lon))
            without = np.isnan(values).astype(float)
        else:
            if buffer_m is None or not buffer_m > 0:
                raise ValueError("a statistic of the cells around needs buffer_m above 0")
            shapes = frame.rings(lon, lat, x, buffer_m)
            values, cells, without = _around(read, frame, shapes, STATISTICS[stat])
            values[(outside > 0) | (without > MOST_WITHOUT * cells)] = np.nan
        return Sampled(values, outside, cells, without, frame.crs.name, read.sentinel)


def _opened(path: str | Path) -> Any:
    """The raster, opened by the driver of its kind."""
    try:
        import rasterio
    except ImportError:
        raise SurveyError(_not_installed("rasterio")) from None
    from rasterio.errors import NotGeoreferencedWarning, RasterioIOError

    real = safe_path(path)
    with real.open("rb") as file:
        head = file.read(64).lstrip()
    driver = next(
        (name for mark, name in DRIVERS if head[:20].lower().startswith(mark.lower())), ""
    )
    if not driver and real.suffix.lower() == ".hgt":
        driver = "SRTMHGT"
    try:
        if not driver:
            raise RasterioIOError("not a raster")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            raster = rasterio.open(real, driver=driver)
    except RasterioIOError:
        if head.startswith(b"<VRT") or real.suffix.lower() == ".vrt":
            fact = f"{real.name} is a virtual raster, which only points to other files"
            cure = f"make one file of it: gdal_translate -of COG {real.name} {real.stem}.tif"
        else:
            fact = f"{real.name} cannot be read as a raster"
            cure = "save it as GeoTIFF; if it is one, it is damaged: export or fetch it again"
        raise SurveyError(Problem(code="E341", file=real.name, fact=fact, cure=cure)) from None
    if raster.transform.is_identity:
        raster.close()
        fact = f"{real.name} does not tell where on earth it lies"
        cure = "save it with its georeference (a picture is no map): GeoTIFF, or its .tfw beside it"
        raise SurveyError(Problem(code="E341", file=real.name, fact=fact, cure=cure))
    return raster


def _not_installed(name: str) -> Problem:
    return Problem(
        code="E340",
        fact=f"Covariates from rasters need the library {name}, which is not installed",
        cure="install it: pip install 'occupancy[raster]'",
    )


class _Reader:
    """Windows of one band as numbers, NaN where missing, scale and offset applied."""

    def __init__(self, raster: Any, band: int, classes: Sequence[float], missing: Sequence[float]):
        self.raster, self.band = raster, band
        self.classes, self.missing = classes, missing
        self.scale, self.offset = raster.scales[band - 1], raster.offsets[band - 1]
        self.watch = () if raster.nodata is not None else SENTINELS
        self.sentinel: float | None = None

    def __call__(self, left: int, top: int, right: int, bottom: int) -> np.ndarray:
        """Cells of columns left to right and rows top to bottom, the last ones not included."""
        from rasterio.errors import RasterioIOError
        from rasterio.windows import Window

        window = Window(left, top, right - left, bottom - top)  # type: ignore[call-arg]
        try:
            read = self.raster.read(self.band, window=window, masked=True)
        except RasterioIOError:
            name = Path(self.raster.name).name
            fact = f"{name} is damaged: rows {top + 1} to {bottom} of its cells cannot be read"
            cure = "export or fetch it again"
            raise SurveyError(Problem(code="E341", file=name, fact=fact, cure=cure)) from None
        values = read.astype(np.float64).filled(np.nan)
        for number in self.missing:
            values[np.isclose(values, number, rtol=1e-6, atol=0)] = np.nan
        for number in self.watch:
            if self.sentinel is None and number not in self.missing and (values == number).any():
                self.sentinel = number
        if (self.scale, self.offset) != (1.0, 0.0):
            values = values * self.scale + self.offset
        if self.classes:
            found = np.isclose(values[..., None], self.classes, rtol=1e-9).any(axis=-1)
            values = np.where(np.isnan(values), np.nan, found.astype(np.float64))
        return values


def _points(read: _Reader, col: np.ndarray, row: np.ndarray, inside: np.ndarray) -> np.ndarray:
    values = np.full(len(col), np.nan)
    at = np.flatnonzero(inside)
    # a place on the last edge belongs to the last cell
    i = np.minimum(np.floor(col[at]).astype(int), read.raster.width - 1)
    j = np.minimum(np.floor(row[at]).astype(int), read.raster.height - 1)
    for group, (left, top, right, bottom) in _together(i, j, i + 1, j + 1):
        block = read(left, top, right, bottom)
        values[at[group]] = block[j[group] - top, i[group] - left]
    return values


def _together(left, top, right, bottom) -> Iterator[tuple[np.ndarray, tuple[int, int, int, int]]]:
    """Places whose windows begin in one tile, and the window that holds them all.

    A tile is as large as memory allows round windows of this size, so no window is cut.
    """
    if not len(left):
        return
    tile_row, tile_col = top // TILE, left // TILE
    order = np.lexsort((tile_col, tile_row))
    ends = np.flatnonzero(np.diff(tile_row[order]) | np.diff(tile_col[order])) + 1
    for group in np.split(order, ends):
        box = (
            int(left[group].min()),
            int(top[group].min()),
            int(right[group].max()),
            int(bottom[group].max()),
        )
        if (box[2] - box[0]) * (box[3] - box[1]) <= MOST_CELLS:
            yield group, box
            continue
        for i in group:  # windows are large: one by one
            yield np.array([i]), (int(left[i]), int(top[i]), int(right[i]), int(bottom[i]))


def _around(
    read: _Reader, frame: RasterFrame, shapes: np.ndarray, operation: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Statistic, cells asked for and cells without value of each circle."""
    import shapely

    raster, grid = read.raster, read.raster.transform
    if grid.b or grid.d:
        fact = f"{frame.file} is turned against its CRS, so no buffer can be laid on its cells"
        cure = f"gdalwarp {frame.file} straight.tif, and name that file"
        raise SurveyError(Problem(code="E343", file=frame.file, fact=fact, cure=cure))
    n = len(shapes)
    values, counted = np.full(n, np.nan), np.zeros(n)
    cells = np.array([s.area if s is not None else 0.0 for s in shapes]) / abs(grid.a * grid.e)
    west, south, east, north = shapely.bounds(shapes).T
    c0, r0 = applied(~grid, west, north)
    c1, r1 = applied(~grid, east, south)
    known = np.flatnonzero(np.isfinite(c0))
    left, right = (np.sort([c0[known], c1[known]], axis=0)[k] for k in (0, 1))
    top, bottom = (np.sort([r0[known], r1[known]], axis=0)[k] for k in (0, 1))
    left, top = np.floor(left).clip(0).astype(int), np.floor(top).clip(0).astype(int)
    right = np.ceil(right).clip(max=raster.width).astype(int)
    bottom = np.ceil(bottom).clip(max=raster.height).astype(int)
    meets = (left < right) & (top < bottom)
    _refuse_huge(frame.file, (right - left) * (bottom - top), meets)
    at = known[meets]
    windows = (left[meets], top[meets], right[meets], bottom[meets])
    for group, box in _together(*windows):
        found, count = _extracted(read, frame, shapes[at[group]], box, operation)
        values[at[group]], counted[at[group]] = found, count
    values[counted <= 0] = np.nan
    without = (cells - counted).clip(0)
    without[without < 1e-6 * cells] = 0.0  # rounding of two ways to measure one area
    return values, cells, without


def _refuse_huge(file: str, cells: np.ndarray, meets: np.ndarray) -> None:
    most = int(cells[meets].max(initial=0))
    if most > MOST_CELLS:
        raise SurveyError(
            Problem(
                code="E343",
                file=file,
                fact=f"{file}: one buffer holds {most:,} cells, more than {MOST_CELLS:,}",
                cure="use a coarser raster, which tells the same of so wide a circle: gdalwarp "
                f"-tr ... -r average {file} coarse.tif",
            )
        )


def _extracted(
    read: _Reader, frame: RasterFrame, shapes: np.ndarray, box: tuple[int, ...], operation: str
) -> tuple[np.ndarray, np.ndarray]:
    """The operation over each shape, and its cells with a value, in one window."""
    try:
        from exactextract import exact_extract
        from exactextract.raster import NumPyRasterSource
    except ImportError:
        raise SurveyError(_not_installed("exactextract")) from None
    import geopandas as gpd

    left, top, right, bottom = box
    grid = read.raster.transform
    block = read(left, top, right, bottom)
    x0, y0 = applied(grid, left, top)
    x1, y1 = applied(grid, right, bottom)
    if grid.e > 0:  # rows run to the north
        block = block[::-1]
    if grid.a < 0:
        block = block[:, ::-1]
    where = frame.crs.to_wkt()
    source = NumPyRasterSource(
        np.ascontiguousarray(block),
        min(x0, x1),
        min(y0, y1),
        max(x0, x1),
        max(y0, y1),
        nodata=math.nan,
        srs_wkt=where,
    )
    vectors = gpd.GeoDataFrame(geometry=shapes, crs=frame.crs)
    # cells of degrees are narrower towards the poles
    is_weighted = frame.crs.is_geographic and operation in ("mean", "stdev")
    asked = f"{operation}(coverage_weight=area_spherical_m2)" if is_weighted else operation
    found = exact_extract(source, vectors, [asked, "count"], output="pandas")
    return (
        found[operation].to_numpy(dtype=np.float64, na_value=np.nan),
        found["count"].to_numpy(dtype=np.float64),
    )


def names_like(path: Path) -> str:
    """The nearest name of a raster beside a path that is not there."""
    beside = [p.name for p in path.parent.glob("*") if p.suffix.lower() in RASTER_SUFFIXES]
    return did_you_mean(path.name, beside)
