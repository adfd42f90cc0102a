"""The figure of the priors: its sentence has the numbers that it draws, and says when to worry."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from stand_in_fit import StandInFit

from occupancy.outputs import OutputError, prior_figure, write
from occupancy.outputs.origin import model_document
from occupancy.outputs.results import Results


def drawn(observed, seasons=(2025,), ways=("p",), n=200):
    """Naive occupancy evenly spread from 10 to 50 % in every season."""
    naive = np.linspace(0.1, 0.5, n)[:, None].repeat(len(seasons), axis=1)
    return xr.Dataset(
        {
            "naive": (("draw", "season"), naive),
            "psi": (("draw", "season"), np.clip(naive * 1.5, 0, 1)),
            "p": (("draw", "way"), naive[:, :1].repeat(len(ways), axis=1)),
            "observed": (("season",), np.asarray(observed, float)),
        },
        coords={"season": list(seasons), "way": list(ways)},
    )


def with_priors(results, *args, **keys):
    return replace(results, prior_predictive=drawn(*args, **keys))


def test_sentence__has_the_interval_and_the_real_share(results):
    told = prior_figure.sentence(with_priors(results, [0.3]))
    assert "expects a detection at 12–48% of the sites visited" in told
    assert "90% of 200 surveys" in told
    assert told.endswith("In these surveys it was 30%, as the priors allow.")


@pytest.mark.parametrize(("seen", "way"), [(0.9, "above"), (0.02, "below")])
def test_sentence__says_when_data_are_strange_to_the_priors(results, seen, way):
    told = prior_figure.sentence(with_priors(results, [seen]))
    assert f"{way} nearly all that the priors expect" in told
    assert "ask whether the priors are about this species" in told


@pytest.mark.parametrize(
    ("observed", "keys"),
    [
        ([0.3], {}),
        ([0.97], {}),
        ([np.nan], {}),
        ([0.3], {"ways": ("p[camera]", "p[walk]", "p[dna]", "p[ear]")}),
        ([0.2, np.nan, 0.4], {"seasons": (2023, 2024, 2025)}),
        ([0.2] * 30, {"seasons": tuple(range(1996, 2026))}),
    ],
)
def test_figure__is_drawn_whatever_was_seen(results, tmp_path, observed, keys):
    told = with_priors(results, observed, **keys)
    first, again = (
        write("prior-predictive", told, tmp_path, formats=("png",))[0].read_bytes() for _ in "12"
    )
    assert first == again
    fig, alt = prior_figure.figure(told)
    assert prior_figure.sentence(told) in alt
    expected = 2 + min(len(keys.get("ways", ("p",))), prior_figure.MOST_WAYS)
    assert len(fig.axes) == expected
    width = fig.get_size_inches()[0]
    for ax in fig.axes:
        for text in ax.texts:  # labels stay on the page
            box = text.get_window_extent(fig.canvas.get_renderer())
            assert box.x0 >= 0
            assert box.x1 <= width * fig.dpi + 1


def test_figure__is_refused_with_the_reason():
    fit = StandInFit(n_site=30, coordinates=False, engine="ml")
    with pytest.raises(OutputError, match="maximum likelihood uses no prior"):
        prior_figure.figure(Results.from_fit(fit, quantiles=False))


def test_document__says_every_prior_in_words():
    rows = [
        {"parameter": "psi", "term": "Intercept", "prior": "normal(0, 1.5)", "says": "90 % of it."},
        {"parameter": "psi", "term": "sd[region]", "prior": "half_normal(1)", "says": "Half."},
    ]
    model = SimpleNamespace(
        prior_table=lambda: rows, to_dict=lambda: {"family": "single_season", "formulas": {}}
    )
    told = model_document(model)["priors"]
    assert [row["meaning"] for row in told] == ["90 % of it.", "Half."]
    assert [row["name"] for row in told] == ["psi: Intercept", "psi: sd[region]"]
