"""A stand-in for a fit: a made-up landscape, surveys simulated on it, and posterior draws invented.

It answers the same questions as a real fit, with the same columns, so outputs can be tested without
sampling anything. Draws are jittered true values: realistic in shape, not a posterior.
"""

from __future__ import annotations

import json
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from scipy.special import expit

NAMES = ["Ardle Coast", "Brenna", "Corvane", "Dunmarsh", "Eskfell", "Fallowmoor"]


def waves(rng, n=9, longest=0.9):
    """A smooth random surface over the unit square, mean 0 and sd about 1."""
    direction = rng.uniform(0, 2 * np.pi, n)
    length = rng.uniform(0.22, longest, n)
    phase = rng.uniform(0, 2 * np.pi, n)
    weight = length / np.sqrt((length**2).sum() / 2)

    def value(x, y):
        along = (
            np.cos(direction) * np.asarray(x)[..., None]
            + np.sin(direction) * np.asarray(y)[..., None]
        )
        return (weight * np.sin(2 * np.pi * along / length + phase)).sum(-1)

    return value


def hexagons(land, width):
    """Flat cells of one size over a polygon, cut at its border."""
    side = width / np.sqrt(3)
    x0, y0, x1, y1 = land.bounds
    rows, columns = int((y1 - y0) / (1.5 * side)) + 2, int((x1 - x0) / width) + 2
    j, i = np.mgrid[:rows, :columns]
    x, y = (x0 + (i + (j % 2) / 2) * width).ravel(), (y0 + j * 1.5 * side).ravel()
    turn = np.deg2rad(np.arange(30, 390, 60))
    rings = np.stack([x[:, None] + side * np.cos(turn), y[:, None] + side * np.sin(turn)], -1)
    cells = shapely.polygons(rings)
    keep = shapely.intersects(cells, land)
    return x[keep], y[keep], shapely.intersection(cells[keep], land)


class StandInFit:
    """Answers the questions of the design page from invented draws."""

    def __init__(
        self,
        n_site=300,
        n_region=6,
        width=240_000.0,
        crs=3035,
        centre=(4_020_000.0, 4_650_000.0),
        names=None,
        species="Marsh wildcat",
        seasons=(2025,),
        n_visit=6,
        coordinates=True,
        regions=True,
        cell_width=4500.0,
        engine="nuts",
        n_draw=200,
        seed=11,
        verdicts=None,
        site_names=None,
    ):
        rng = self.rng = np.random.default_rng(seed)
        self.engine, self.seed, self.species = engine, seed, species
        self.crs, self.width, self.centre = crs, width, centre
        self.x0, self.y0 = centre[0] - width / 2, centre[1] - 0.4 * width
        angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
        radius = (
            0.39
            + 0.045 * np.sin(3 * angle + 1)
            + 0.03 * np.sin(5 * angle)
            + 0.015 * np.sin(11 * angle)
        )
        self.land = shapely.Polygon(
            np.c_[
                centre[0] + width * radius * np.cos(angle),
                centre[1] + 0.8 * width * radius * np.sin(angle),
            ]
        )
        names = list(
            names or (NAMES if n_region == 6 else [f"Region {k + 1}" for k in range(n_region)])
        )
        seeds = self._points(n_region, spread=True)
        if n_region > 1:
            pieces = shapely.voronoi_polygons(shapely.MultiPoint(seeds), extend_to=self.land)
            pieces = shapely.intersection(np.array(pieces.geoms), self.land)
        else:
            pieces = np.array([self.land])
        pieces = pieces[np.argsort(-shapely.area(pieces))]
        self.layer = gpd.GeoDataFrame({"region": names}, geometry=pieces, crs=crs)
        self.elevation, self.forest = waves(rng), waves(rng, longest=0.5)

        sites = self._points(n_site)
        self.x, self.y = sites.T
        self.region = self._region_of(self.x, self.y)
        self.site = site_names or [
            f"{names[r][:2].upper()}-{k:03d}" for k, r in enumerate(self.region, 1)
        ]
        self.coordinates, self.has_regions, self.seasons = coordinates, regions, list(seasons)
        n_season = len(self.seasons)

        n = np.bincount(self.region, minlength=n_region)
        effect = rng.normal(0, 0.9, n_region)
        self.effect = effect
        self.beta = np.array([-0.45, 0.55, 0.95])
        self.draws = self.beta + rng.normal(size=(n_draw, 3)) * [0.13, 0.12, 0.11]
        self.region_effects = effect * n / (n + 4) + rng.normal(size=(n_draw, n_region)) * np.sqrt(
            0.9 / (n + 2)
        )
        self.trend = rng.normal(0, 0.15, n_region)
        psi = np.stack(
            [expit(self._eta(self.x, self.y, self.region, t, truth=True)) for t in range(n_season)],
            1,
        )
        z = rng.random(psi.shape) < psi
        effort = rng.integers(3, 15, (n_site, n_season, n_visit)).astype(float)
        effort[rng.random(effort.shape) < 0.12] = np.nan
        effort[rng.random((n_site, n_season)) < 0.08] = np.nan
        p = expit(-1.4 + 0.55 * np.log(np.nan_to_num(effort, nan=7.0) / 7))
        seen = (rng.random(effort.shape) < p) & z[..., None]
        self.detections = np.where(np.isnan(effort), np.nan, seen).astype("float32")
        self.p = expit(-1.4 + 0.08 * rng.normal(size=n_draw))
        misses = np.nan_to_num(np.log1p(-p) * ~np.isnan(effort)).sum(-1)
        self.psi = np.stack(
            [expit(self._eta(self.x, self.y, self.region, t)) for t in range(n_season)], -1
        )
        unseen = self.psi * np.exp(misses) / (1 - self.psi + self.psi * np.exp(misses))
        self.present = np.where((self.detections == 1).any(-1), 1.0, unseen)
        self.warnings = VERDICTS if verdicts is None else verdicts
        self.cell_width = cell_width
        self.data = self._dataset(effort)
        self.model = SimpleNamespace(
            family="single_season",
            formulas={"psi": "elevation + forest + (1 | region)", "p": "log(effort)"},
            priors={
                "psi.Intercept": "normal(0, 1.5)",
                "psi.elevation": "normal(0, 1)",
                "psi.region.sd": "half_normal(1)",
            },
        )

    def _points(self, n, spread=False):
        """Points inside the land; `spread` takes them far from one another."""
        box = self.rng.random((max(60 * n, 400), 2)) * [self.width, 0.8 * self.width] + [
            self.x0,
            self.y0,
        ]
        box = box[shapely.contains_xy(self.land, box)]
        if not spread:
            return box[:n]
        chosen = [box[0]]
        for _ in range(n - 1):
            gap = np.min([np.hypot(*(box - c).T) for c in chosen], axis=0)
            chosen.append(box[np.argmax(gap * self.rng.uniform(0.7, 1, len(box)))])
        return np.array(chosen)

    def _region_of(self, x, y):
        points = shapely.points(x, y)
        return np.argmin([shapely.distance(g, points) for g in self.layer.geometry], axis=0)

    def _eta(self, x, y, region, season, truth=False):
        u, v = (np.asarray(x) - self.x0) / self.width, (np.asarray(y) - self.y0) / self.width
        b = self.beta if truth else self.draws[:, :, None]
        effect = self.effect[region] if truth else self.region_effects[:, region]
        parts = (b[0], b[1], b[2]) if truth else (b[:, 0], b[:, 1], b[:, 2])
        eta = parts[0] + parts[1] * self.elevation(u, v) + parts[2] * self.forest(u, v) + effect
        return eta + self.trend[region] * season

    def _dataset(self, effort):
        dims = ("site", "season", "visit")
        data = xr.Dataset(
            {
                "detection": (("species", *dims), self.detections[None]),
                "effort": (dims, effort, {"units": "days"}),
            },
            coords={
                "species": [self.species],
                "site": self.site,
                "season": self.seasons,
                "visit": np.arange(effort.shape[-1]) + 1,
            },
            attrs={"title": "", "ledger": json.dumps(LEDGER)},
        )
        if self.has_regions:
            data["region"] = ("site", self.layer["region"].to_numpy()[self.region])
        return data

    def surface(self):
        x, y, shapes = hexagons(self.land, self.cell_width)
        region = self._region_of(x, y)
        return gpd.GeoDataFrame(
            {
                "x": x,
                "y": y,
                "region": self.layer["region"].to_numpy()[region],
                "region_code": region,
                "area_km2": shapely.area(shapes) / 1e6,
            },
            geometry=shapes,
            crs=self.crs,
        )

    # --- the questions ------------------------------------------------------------------------

    @staticmethod
    def _ends(draws, interval):
        return np.quantile(draws, [(1 - interval) / 2, (1 + interval) / 2], axis=0)

    def _summary(self, name, draws, interval, sd=True):
        low, high = self._ends(draws, interval)
        out = {f"{name}_mean": draws.mean(0), f"{name}_lower": low, f"{name}_upper": high}
        return out | ({f"{name}_sd": draws.std(0)} if sd else {})

    def sites(self, interval=0.9):
        frames = []
        for t, season in enumerate(self.seasons):
            seen = self.detections[:, t]
            visits = np.isfinite(seen).sum(1)
            frame = pd.DataFrame(
                {
                    "species": self.species,
                    "site": self.site,
                    "season": season,
                    "naive": np.where(visits > 0, (seen == 1).any(1).astype(float), np.nan),
                    **self._summary("psi", self.psi[..., t], interval),
                    "present": self.present[..., t].mean(0),
                    "detections": (seen == 1).sum(1),
                    "visits": visits,
                    "effort": np.nansum(self.data["effort"].to_numpy()[:, t], axis=1),
                    "region": self.layer["region"].to_numpy()[self.region]
                    if self.has_regions
                    else "",
                }
            )
            frames.append(frame)
        table = pd.concat(frames, ignore_index=True)
        if not self.coordinates:
            return table
        points = np.tile(shapely.points(self.x, self.y), len(self.seasons))
        return gpd.GeoDataFrame(table, geometry=points, crs=self.crs)

    def psi_quantiles(self, at, frame=None):
        if frame is None:
            psi = np.concatenate([self.psi[..., t] for t in range(len(self.seasons))], axis=1)
        else:
            season = len(self.seasons) - 1
            region = frame["region_code"].to_numpy()
            psi = expit(self._eta(frame["x"], frame["y"], region, season))
        return np.quantile(psi, at, axis=0).T

    def predict(self, frame, interval=0.9):
        draws = expit(
            self._eta(
                frame["x"], frame["y"], frame["region_code"].to_numpy(), len(self.seasons) - 1
            )
        )
        u, v = (frame["x"] - self.x0) / self.width, (frame["y"] - self.y0) / self.width
        su, sv = (self.x - self.x0) / self.width, (self.y - self.y0) / self.width
        outside = self.elevation(u, v) > np.quantile(self.elevation(su, sv), 0.985)
        return pd.DataFrame(self._summary("psi", draws, interval) | {"extrapolated": outside})

    def _totals(self, label, pick, surface, interval):
        rows = []
        for t, season in enumerate(self.seasons):
            seen = self.detections[pick, t]
            surveyed, detected = np.isfinite(seen).any(1), (seen == 1).any(1)
            psi, here = self.psi[:, pick, t], self.present[:, pick, t]
            z = self.rng.random(here.shape) < here
            row = {"region": label, "season": season, "sites": len(seen)}
            row |= {"surveyed": int(surveyed.sum()), "detected": int(detected.sum())}
            row["naive"] = row["detected"] / row["surveyed"] if surveyed.any() else np.nan
            made = z[:, surveyed].mean(1) if surveyed.any() else np.full(len(z), np.nan)
            row |= self._summary("share", made, interval)
            row |= self._summary("occupied", z[:, surveyed].sum(1), interval, sd=False)
            row |= self._summary(
                "psi", psi.mean(1) if len(seen) else np.full(len(psi), np.nan), interval, sd=False
            )
            row["ml_psi"] = row["psi_mean"] + 0.01
            if surface is not None:
                own = surface if label == "all" else surface[surface["region"] == label]
                draws = expit(self._eta(own["x"], own["y"], own["region_code"].to_numpy(), t))
                weight = own["area_km2"].to_numpy()
                row |= self._summary("area_psi", (draws * weight).sum(1) / weight.sum(), interval)
                outside = self.predict(own)["extrapolated"].to_numpy()
                row |= {
                    "area_km2": weight.sum(),
                    "extrapolated": (weight * outside).sum() / weight.sum(),
                }
            rows.append(row)
        return rows

    def regions(self, layer=None, surface=None, interval=0.9):
        rows = []
        for k, label in enumerate(self.layer["region"]):
            rows += self._totals(label, self.region == k, surface, interval)
        table = pd.DataFrame(rows)
        if not self.coordinates:
            return table
        shapes = np.repeat(self.layer.geometry.to_numpy(), len(self.seasons))
        return gpd.GeoDataFrame(table, geometry=shapes, crs=self.crs)

    def overall(self, surface=None, interval=0.9):
        return pd.DataFrame(
            self._totals("all", np.ones(len(self.x), dtype=bool), surface, interval)
        )

    def coefficients(self, interval=0.9):
        terms = [
            ("psi", "Intercept"),
            ("psi", "elevation"),
            ("psi", "forest"),
            ("p", "Intercept"),
            ("p", "log(effort)"),
        ]
        rng = np.random.default_rng(4)
        draws = np.c_[
            self.draws,
            rng.normal(-1.4, 0.07, len(self.draws)),
            rng.normal(0.55, 0.06, len(self.draws)),
        ]
        low, high = self._ends(draws, interval)
        table = pd.DataFrame(terms, columns=["parameter", "term"])
        table = table.assign(mean=draws.mean(0), sd=draws.std(0), lower=low, upper=high)
        table["ml"] = table["mean"] + [0.03, -0.04, 0.05, 0.01, -0.02]
        table["ml_se"] = table["sd"] * 1.05
        table["naive"] = [-1.6, 0.31, 0.52, np.nan, np.nan]
        if self.engine == "ml":
            return table.assign(se=table["sd"], z=table["mean"] / table["sd"])
        return table.assign(
            rhat=[1.001, 1.0, 1.003, 1.002, 1.006], ess_bulk=[1820.0, 2100, 1990, 1500, 812]
        )

    def groups(self, interval=0.9):
        low, high = self._ends(self.region_effects, interval)
        return pd.DataFrame(
            {
                "parameter": "psi",
                "group": "region",
                "level": self.layer["region"],
                "mean": self.region_effects.mean(0),
                "sd": self.region_effects.std(0),
                "lower": low,
                "upper": high,
            }
        )

    def variances(self, interval=0.9):
        row = {
            "parameter": "psi",
            "group": "region",
            "mean": 0.95,
            "sd": 0.31,
            "lower": 0.55,
            "upper": 1.52,
        }
        return pd.DataFrame([row])

    def shrinkage(self, by="region", interval=0.9):
        if not self.has_regions:
            raise ValueError("The model has no term for 'region'.")
        table = pd.DataFrame(self.regions(interval=interval))
        table = table[table["season"] == self.seasons[-1]].reset_index(drop=True)
        n = table["surveyed"].clip(lower=1)
        alone = (table["naive"].fillna(0.2) / 0.68).clip(0.03, 0.97)
        half = (1.64 * np.sqrt(alone * (1 - alone) / n) * 1.35).clip(upper=0.45)
        return pd.DataFrame(
            {
                "region": table["region"],
                "sites": table["surveyed"],
                "naive": table["naive"],
                "alone_mean": alone,
                "alone_lower": (alone - half).clip(0, 1),
                "alone_upper": (alone + half).clip(0, 1),
                "partial_mean": table["psi_mean"],
                "partial_lower": table["psi_lower"],
                "partial_upper": table["psi_upper"],
                "complete_mean": float(self.psi[..., -1].mean()),
            }
        )

    def effects(self, parameter=None, covariate=None, interval=0.9, *, reach=None, species=None):
        parts = []
        for name, variable, k in (("psi", "elevation", 1), ("psi", "forest", 2)):
            value = np.linspace(-2.2, 2.2, 45)
            draws = expit(self.draws[:, :1] + self.draws[:, k : k + 1] * value)
            part = pd.DataFrame({"parameter": name, "covariate": variable, "value": value})
            part = part.assign(**self._summary("curve", draws, interval))
            parts.append(part.assign(extrapolated=np.abs(value) > 2))
        table = pd.concat(parts, ignore_index=True)
        table.attrs.update(
            held={"psi": {"elevation": 0.0, "forest": 0.0}}, groups={"psi": ["region"]}
        )
        return table

    def rug(self, species=None):
        u, v = (self.x - self.x0) / self.width, (self.y - self.y0) / self.width
        seen = (self.detections == 1).any((1, 2))
        parts = [
            pd.DataFrame({"parameter": "psi", "covariate": n, "value": f(u, v), "detected": seen})
            for n, f in (("elevation", self.elevation), ("forest", self.forest))
        ]
        return pd.concat(parts, ignore_index=True)

    def detection(self, interval=0.9):
        visits = self.detections.shape[-1]
        star = 1 - (1 - self.p) ** visits
        need = float(np.log(0.05) / np.log(1 - self.p.mean()))
        row = {"species": self.species, "visits": visits, "visits_for_95": need}
        row |= {k: float(v) for k, v in self._summary("p", self.p, interval, sd=False).items()}
        row |= {k: float(v) for k, v in self._summary("p_star", star, interval, sd=False).items()}
        return pd.DataFrame([row])


def verdict(code, level, message, numbers=None, cure=""):
    return SimpleNamespace(
        code=code, level=level, message=message, numbers=numbers or {}, cure=cure
    )


VERDICTS = [
    verdict(
        "EXTRAP",
        "note",
        "Part of the map lies outside the sampled conditions.",
        {"share of area": 0.014},
        "Do not quote the hatched cells; survey there, or mask them.",
    ),
    verdict(
        "PSTAR",
        "warn",
        "At the median site a present animal had a fair chance of being missed.",
        {"chance of at least one detection": 0.74, "sites": 300},
        "Plan more visits, or longer ones.",
    ),
]
LEDGER = {
    "records.csv": {"read": 1482, "used": 1446, "set aside": {"camera marked as not working": 36}},
    "deployments.csv": {"read": 312, "used": 312},
}
