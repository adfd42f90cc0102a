"""Results ask a fit once, and the headline says what the numbers say."""

from dataclasses import replace

import numpy as np
import pytest
from stand_in_fit import StandInFit, verdict

from occupancy.outputs import OutputError, furniture, region_labels
from occupancy.outputs.headline import caption, headline
from occupancy.outputs.results import QUANTILES, Results, season_name


def test_headline__is_the_area_mean_with_interval_and_raw_detections(results):
    row, line = results.overall_here(), headline(results)
    assert line.of == "area"
    assert (line.mean, line.lower, line.upper) == (
        row["area_psi_mean"], row["area_psi_lower"], row["area_psi_upper"],
    )  # fmt: skip
    assert f"about {100 * line.mean:.0f}% of the study area in 2025" in line.sentence
    here = results.here
    assert f"{here.detected.sum()} of {here.surveyed.sum()} surveyed sites" in line.support
    assert "EPSG:3035, equal area" in caption(results)


def test_headline__without_a_surface_speaks_of_the_surveyed_sites(placeless):
    line = headline(placeless)
    assert line.of == "sites"
    assert line.mean == placeless.overall_here()["share_mean"]
    assert placeless.crs is None


def test_headline__a_block_withholds_the_number_until_asked_and_then_stamps_it():
    fit = StandInFit(n_site=20, verdicts=[verdict("RHAT", "block", "Chains disagree.")])
    held = headline(Results.from_fit(fit))
    assert held.mean is None
    assert "withheld" in held.sentence
    assert "RHAT" in held.support
    assert held.stamp == ""
    shown = headline(Results.from_fit(fit, show_blocked=True))
    assert shown.mean is not None
    assert "RHAT" in shown.stamp


def test_warnings__come_worst_first():
    verdicts = [verdict("A", "note", ""), verdict("B", "block", ""), verdict("C", "warn", "")]
    results = Results.from_fit(StandInFit(n_site=20, verdicts=verdicts))
    assert [w.code for w in results.warnings] == ["B", "C", "A"]


def test_overall__a_fit_that_cannot_answer_gets_no_interval_rather_than_a_wrong_one(fit):
    class Silent:
        def __getattr__(self, name):
            if name == "overall":
                raise AttributeError(name)
            return getattr(fit, name)

    results = Results.from_fit(Silent(), surface=fit.surface(), quantiles=False)
    line = headline(results)
    # The mean of a total is the weighted mean of means: equal to the fit's own answer.
    assert line.mean == pytest.approx(
        fit.overall(fit.surface())["area_psi_mean"].iloc[0], abs=1e-12
    )
    assert line.lower is None
    assert "interval —" in line.support


def test_quantiles__are_ordered_and_hold_the_interval(results):
    assert results.cell_quantiles.shape == (len(results.cells), len(QUANTILES))
    assert (np.diff(results.cell_quantiles, axis=1) >= 0).all()
    assert np.allclose(results.cell_quantiles[:, QUANTILES.index(0.05)], results.cells["psi_lower"])


def test_seasons__without_a_name_are_not_mentioned():
    assert season_name(2025, (2025,)) == "2025"
    assert season_name("", ("",)) == ""
    assert season_name(1, (1,)) == ""
    assert season_name("", ("2021", "", "2023")) == "season 2"
    results = Results.from_fit(StandInFit(n_site=20, seasons=("",)))
    assert " in " not in headline(results).sentence
    three = Results.from_fit(StandInFit(n_site=20, seasons=("2021", "", "2023")))
    assert three.season == "2023"
    assert len(three.here) == 20
    assert headline(three.in_season("")).sentence.endswith("in season 2")


def test_from_fit__unknown_season_and_species_are_refused_with_the_known_ones(fit):
    with pytest.raises(OutputError, match=r"no season '1999'.*2025"):
        Results.from_fit(fit, season=1999, quantiles=False)
    with pytest.raises(OutputError, match="Marsh wildcat"):
        Results.from_fit(fit, species="Lynx", quantiles=False)


def test_crs__sites_move_to_the_projection_of_the_cells(fit):
    surface = fit.surface().to_crs(6933)
    results = Results.from_fit(fit, surface=surface, quantiles=False)
    assert results.sites.crs.to_epsg() == 6933
    assert results.regions.crs.to_epsg() == 6933


def test_withheld__region_labels_hold_no_number(results):
    from occupancy.outputs.paired_map import alt_text

    blocked = replace(
        results, warnings=(*results.warnings, replace(results.warnings[0], level="block"))
    )
    assert "%" not in alt_text(blocked).split("Detected at")[0]


@pytest.mark.parametrize(
    ("metres", "label"),
    [(60_000, "50 km"), (2_400, "2 km"), (480, "200 m"), (1_000, "1 km"), (90, "50 m")]
)  # fmt: skip
def test_scale_bar__is_round_and_fits(metres, label):
    length, text = furniture.scale_length(metres)
    assert text == label
    assert length <= metres


def test_true_north__points_to_the_pole():
    # North Pole LAEA (EPSG:3575), central meridian 10°E: south of the pole on that meridian
    # the pole lies straight up, east of the pole it lies to the left.
    assert furniture.true_north(0, -1e6, 3575) == pytest.approx((0, 1), abs=1e-6)
    assert furniture.true_north(1e6, 0, 3575) == pytest.approx((-1, 0), abs=1e-6)


@pytest.mark.parametrize(
    ("crs", "x", "y", "width"),
    [
        (3035, 4.0e6, 4.6e6, 2e3),
        (3035, 4.3e6, 3.3e6, 2e6),
        (3575, 0, 0, 2e6),
        (3832, 3.34e6, -2e6, 8e5),
    ],
)
def test_graticule__has_a_few_labelled_lines_inside_the_frame(crs, x, y, width):
    # EPSG:3832 is centred on 150°E; this window crosses the date line.
    extent = furniture.Extent(x - width / 2, y - width / 2, x + width / 2, y + width / 2)
    lines = furniture.graticule(extent, crs)
    assert 4 <= len({label for label, _, _ in lines}) <= 40
    assert any(place is not None for _, _, place in lines)
    for _, points, _ in lines:
        assert points[:, 0].min() >= extent.west - 1
        assert points[:, 0].max() <= extent.east + 1


def test_labels__stand_inside_their_region_and_on_no_site():
    import shapely

    region = shapely.box(0, 0, 100, 100)
    sites = np.c_[np.repeat(50.0, 9), np.linspace(30, 70, 9)]
    x, y = region_labels.label_place(region, sites, 10, 6)
    assert region.contains(shapely.Point(x, y))
    assert not ((np.abs(sites[:, 0] - x) < 10) & (np.abs(sites[:, 1] - y) < 6)).any()
    assert region_labels.label_place(shapely.box(0, 0, 2, 2), sites, 10, 6) is None


def test_species__a_placeholder_is_no_name():
    results = Results.from_fit(StandInFit(n_site=20, species="species"), quantiles=False)
    assert headline(results).sentence.startswith("The species occupied")


def test_model__without_group_effects_is_not_called_pooling(results):
    from occupancy.outputs import shrinkage

    assert shrinkage.title(results) == "What pooling did to each region"
    flat = replace(results, variances=results.variances.iloc[:0])
    assert "pooling" not in shrinkage.title(flat).lower()
    assert "hierarchical" not in shrinkage.alt_text(flat)
