"""A small community with invented draws: nothing is sampled."""

from itertools import pairwise

import geopandas as gpd
import numpy as np
import shapely
import xarray as xr
from scipy.special import expit

import surveys
from occupancy import Model
from occupancy.engines.compiled import slots
from occupancy.fit import Fit

SPECIES = ["adder", "bat", "crane", "dipper", "eel"]
RAREST = "eel"
N_SITE, N_VISIT = 24, 4


def data(species=tuple(SPECIES)):
    rng = np.random.default_rng(3)
    elev = rng.normal(500, 100, N_SITE)
    common = np.linspace(1.5, -2.5, len(species))
    psi = expit(common[:, None] + 0.8 * (elev - 500) / 100)
    z = rng.random(psi.shape) < psi
    y = (rng.random((*psi.shape, 1, N_VISIT)) < 0.5) & z[:, :, None, None]
    y = xr.DataArray(
        y.astype(float),
        dims=("species", "site", "season", "visit"),
        coords={"species": list(species), "site": [f"p{i}" for i in range(N_SITE)]},
    )
    return surveys.from_arrays(
        y,
        site_covariates={"elev": elev},
        region=np.array(["east", "west"])[np.arange(N_SITE) % 2],
        coordinates={
            "longitude": 10 + 0.02 * rng.random(N_SITE),
            "latitude": 47 + 0.02 * rng.random(N_SITE),
        },
    )


def fit():
    """Draws of the prior with small standard deviations, so that nothing is at an end."""
    priors = {"Intercept": "normal(0, 0.3)", "slopes": "normal(0, 0.002)"}
    model = Model(
        data(),
        psi="elev",
        p="1",
        priors={"psi": priors, "p": {"Intercept": "normal(0, 0.3)"}},
        community=True,
    )
    truth = model.simulate(seed=2, draws=50)
    names = [slot.name for slot in slots(model.problem)]
    posterior = truth[names].rename(draw="row").expand_dims(chain=1).rename(row="draw")
    return Fit(model, "nuts", 1, ml=None, posterior=posterior, warnings=[], about={})


def alone():
    """One species by itself, by maximum likelihood."""
    return Model(data(("bat",)), psi="1", p="1").fit("ml")


def surface(made):
    """Six square cells around the sites."""
    from surveys.places import site_points

    points = site_points(made.data)
    west, south, east, _ = points.total_bounds
    x = np.linspace(west, east, 4)
    ends = list(pairwise(x))
    cells = [shapely.box(a, s, b, s + 500) for s in (south, south + 500) for a, b in ends]
    elev = np.linspace(400, 600, len(cells))
    return gpd.GeoDataFrame({"elev": elev, "region": "east"}, geometry=cells, crs=points.crs)
