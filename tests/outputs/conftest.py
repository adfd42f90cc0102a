"""Results of a small made-up study, made once for all tests of this folder."""

import pytest
from stand_in_fit import StandInFit

from occupancy.outputs.results import Results

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "$\\frac{a}{b}$",
    "=cmd|'/C calc'!A0",
    "{{7*7}}",
    "Łódź & Co </title>\u2028",
]


@pytest.fixture(scope="session")
def fit():
    return StandInFit(n_site=60, cell_width=14_000)


@pytest.fixture(scope="session")
def results(fit):
    return Results.from_fit(fit, surface=fit.surface())


@pytest.fixture(scope="session")
def hostile():
    fit = StandInFit(n_site=60, cell_width=16_000, names=HOSTILE, species=HOSTILE[0] + " & $x_1^$")
    return Results.from_fit(fit, surface=fit.surface(), title="</title><script>alert(3)</script>")


@pytest.fixture(scope="session")
def placeless():
    return Results.from_fit(StandInFit(n_site=30, coordinates=False))
