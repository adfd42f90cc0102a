"""Figures: the same bytes twice, whatever the names, and texts that state the finding."""

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from stand_in_fit import StandInFit, verdict

from occupancy.outputs import (
    OUTPUTS,
    OutputError,
    detection_figure,
    effects,
    forest,
    furniture,
    histories,
    paired_map,
    region_labels,
    shapes,
    shrinkage,
    site_map,
    style,
    words,
    write,
)
from occupancy.outputs.headline import headline
from occupancy.outputs.results import Results

FIGURES = (effects, forest, shrinkage, detection_figure, histories, site_map)


def test_paired_map__is_the_same_bytes_twice_and_says_what_it_shows(results, tmp_path):
    first = [p.read_bytes() for p in write("paired-map", results, tmp_path, formats=("png", "svg"))]
    again = [p.read_bytes() for p in write("paired-map", results, tmp_path, formats=("png", "svg"))]
    assert first == again
    png, svg = first
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert headline(results).sentence.encode() in png  # the alternative text travels in the file
    assert b"<dc:date>" not in svg


@pytest.mark.parametrize("module", FIGURES, ids=lambda m: m.__name__.rpartition(".")[2])
def test_figures__take_hostile_names_as_text(module, hostile, tmp_path):
    fig, alt = module.figure(hostile)
    (path,) = style.save(fig, tmp_path, "figure", alt=alt, title="Figure", formats=("svg",))
    tree = ElementTree.parse(path)
    names = {e.tag.rpartition("}")[2] for e in tree.iter()}
    assert names.isdisjoint({"script", "img", "foreignObject"})
    assert len(alt) > 30


def test_paired_map__hostile_names_are_drawn_literally(hostile, tmp_path):
    (path,) = write("paired-map", hostile, tmp_path, formats=("svg",))
    drawn = [
        "".join(e.itertext()) for e in ElementTree.parse(path).iter() if e.tag.endswith("}text")
    ]
    assert any("<script>alert(1)</script> & $x_1^$" in text for text in drawn)


def test_paired_map__states_highest_and_lowest_region(results):
    regions = results.regions_here.sort_values("area_psi_mean")
    alt = paired_map.alt_text(results)
    low, high = regions.iloc[0], regions.iloc[-1]
    assert f"highest in {high['region']} ({words.percent(high['area_psi_mean'])})" in alt
    assert f"lowest in {low['region']} ({words.percent(low['area_psi_mean'])})" in alt


def test_paired_map__page_size_stacks_the_panels(results):
    slide, _ = paired_map.figure(results)
    page, _ = paired_map.figure(results, size="page")
    wide, tall = slide.get_size_inches(), page.get_size_inches()
    assert wide[0] > wide[1]
    assert tall[0] == pytest.approx(6.3)
    assert tall[1] > tall[0]


def test_maps__without_coordinates_are_refused_in_plain_words(placeless, tmp_path):
    for name in ("paired-map", "site-map"):
        with pytest.raises(OutputError, match="no map: the sites have no coordinates"):
            write(name, placeless, tmp_path)


def test_paired_map__eight_sites_one_region_without_surface(tmp_path):
    results = Results.from_fit(StandInFit(n_site=8, n_region=1, n_draw=50), quantiles=False)
    fig, alt = paired_map.figure(results)
    assert "8 surveyed sites" in alt
    fig.canvas.draw()


def test_shrinkage__says_which_region_moved_most(results):
    table = results.shrinkage
    moved = (table["partial_mean"] - table["alone_mean"]).abs()
    assert table.loc[moved.idxmax(), "region"] in shrinkage.alt_text(results)


def test_shrinkage__uses_the_room_and_stays_inside_it():
    fit = StandInFit(n_site=60, n_draw=50)
    results = Results.from_fit(fit, quantiles=False)
    table = results.shrinkage
    fig, _ = shrinkage.figure(results)
    low, high = fig.axes[0].get_xlim()
    ends = table[["naive", "alone_lower", "partial_lower", "alone_upper", "partial_upper"]]
    assert 0 <= low <= ends.min().min()
    assert ends.max().max() <= high <= 1
    order = [t.get_text() for t in fig.axes[0].get_yticklabels()][::-1]
    sites = table.set_index("region")["sites"]
    assert list(sites[order]) == sorted(sites, reverse=True)


@pytest.mark.parametrize(("visits", "p"), [(3, 0.69), (4, 0.527), (12, 0.2), (1, 0.97), (40, 0.03)])
def test_detection__labels_stay_inside_the_figure(results, visits, p):
    needed = float(np.ceil(np.log(0.05) / np.log(1 - p)))
    star = 1 - (1 - p) ** visits
    row = {"species": results.species, "visits": visits, "visits_for_95": needed}
    row |= {f"p_{e}": p for e in ("mean", "lower", "upper")}
    row |= {f"p_star_{e}": star for e in ("mean", "lower", "upper")}
    for width in (5.4, 7.4):
        changed = replace(results, detection=pd.DataFrame([row]))
        fig, _ = detection_figure.figure(changed, bare=True, width=width)
        renderer = fig.canvas.get_renderer()
        for text in fig.axes[0].texts:
            box = text.get_window_extent(renderer)
            assert box.x0 >= 0
            assert box.x1 <= fig.bbox.x1


def test_effects__state_what_is_held_and_who_is_typical(results):
    note = effects.note(results)
    assert "elevation 0" in note
    assert "a typical region" in note
    assert "outside the surveyed range" in note
    assert effects.alt_text(results).startswith("Occupancy ψ along elevation: ")


def test_site_dots__keep_apart_from_their_neighbours():
    x, y = np.meshgrid(np.arange(10) * 100.0, np.arange(10) * 100.0)
    points = np.c_[x.ravel(), y.ravel()]
    assert shapes.dot_diameter(points, 0.06) == pytest.approx(0.86 * 6)
    assert shapes.dot_diameter(points, 1.0) == 9.0  # far apart: no larger than a dot
    assert shapes.dot_diameter(points[:1], 0.06) == 9.0


def test_style__marks_are_seen_on_every_colour_and_fills_recede():
    def luminance(colour):
        c = np.array(to_rgb(colour))
        c = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        return float(c @ [0.2126, 0.7152, 0.0722])

    def contrast(a, b):
        low, high = sorted((luminance(a), luminance(b)))
        return (high + 0.05) / (low + 0.05)

    for colours in (style.psi_colours(), style.width_colours(style.width_breaks(np.array([0.6])))):
        for colour, tint in zip(colours, style.tints(colours), strict=True):
            assert contrast(colour, style.contrasting(colour)) >= 3  # WCAG 1.4.11
            assert luminance(tint) >= luminance(colour)
        assert min(luminance(t) for t in style.tints(colours)) > 0.3


def test_shrinkage__without_regions_is_refused(fit):
    bare = StandInFit(n_site=20, regions=False)
    with pytest.raises(OutputError, match="nothing to pool"):
        shrinkage.figure(Results.from_fit(bare, quantiles=False))


def test_detection__names_the_visits_needed(results):
    needed = words.visits_needed(results.detection["visits_for_95"].iloc[0])
    assert f"{needed} visits are needed for a 95% chance" in detection_figure.sentence(results)


def test_outputs__every_name_leads_to_a_writer():
    from occupancy.outputs import output

    for name in OUTPUTS:
        assert callable(output(name).write)
    with pytest.raises(OutputError, match="Did you mean 'forest'"):
        output("forrest")


def test_style__drawing_leaves_the_callers_settings_alone():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    with style.drawing():
        assert mpl.rcParams["text.parse_math"] is False
    assert dict(mpl.rcParams) == before


def test_labels__stay_inside_the_frame():
    import shapely

    shape = shapely.box(0, 0, 1000, 1000)
    inside = furniture.Extent(0, -50, 1050, 1050)
    place = region_labels.label_place(shape, np.array([[900.0, 500.0]]), 420, 40, (), inside)
    assert place is not None
    assert 420 < place[0] < 630
    assert region_labels.label_place(shape, np.empty((0, 2)), 540, 40, (), inside) is None


def test_paired_map__withheld_regions_are_not_filled():
    block = [verdict("DIV", "block", "Divergences.", {}, "Raise target_accept.")]
    fit = StandInFit(n_site=30, verdicts=block, n_draw=50)
    held = Results.from_fit(fit, quantiles=False)
    assert "withheld" in paired_map.fill_note(held, True, True)
    shown = Results.from_fit(fit, quantiles=False, show_blocked=True)
    assert "paler shades" in paired_map.fill_note(shown, True, True)
    assert "DIV" in paired_map.alt_text(held)
