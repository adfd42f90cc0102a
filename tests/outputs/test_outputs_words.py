"""Numbers as words follow one rule each."""

import numpy as np
import pytest

from occupancy.outputs import words


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.384, "38%"), (0.385, "39%"), (0.0, "<1%"), (1.0, ">99%"), (0.004, "<1%"),
     (np.nan, "—"), (None, "—")],
)  # fmt: skip
def test_percent__is_whole_and_never_certain(value, text):
    assert words.percent(value) == text


def test_percent__counted_shares_may_be_nothing_or_all():
    assert words.percent(0.0, certain=True) == "0%"
    assert words.share(0, 12) == "0 of 12 (0%)"
    assert words.share(63, 274, "surveyed sites") == "63 of 274 surveyed sites (23%)"
    assert words.share(0, 0, "surveyed sites") == "0 of 0 surveyed sites"


def test_interval__has_its_unit_once_and_an_en_dash():
    assert words.percent_interval(0.342, 0.418) == "34–42%"
    assert words.percent_interval(0.001, 0.04) == "<1–4%"
    assert words.percent_interval(0.381, 0.384) == "38%"
    assert words.percent_interval(np.nan, 0.4) == "—"
    assert words.decimal_interval(-0.66, -0.25) == "−0.66 to −0.25"
    assert words.decimal_interval(0.36, 0.53) == "0.36–0.53"


def test_counts_and_areas__have_thin_spaces():
    assert words.count(7220) == "7\u2009220"
    assert words.counted(1, "site") == "1 site"
    assert words.area(26206.4) == "26\u2009206 km²"
    assert words.area(17.55) == "17.6 km²"
    assert words.area(0.25) == "25.0 ha"


@pytest.mark.parametrize(
    ("sd", "places"), [(0.12, 2), (0.061, 3), (1.4, 1), (14.0, 0), (0.0, 2), (np.nan, 2)]
)
def test_coefficient__keeps_two_digits_of_its_sd(sd, places):
    assert words.coefficient_places(sd) == places


@pytest.mark.parametrize(
    ("p", "word"),
    [(0.96, "very likely"), (0.7, "likely"), (0.5, "about as likely as not"), (0.1, "unlikely"),
     (0.01, "very unlikely")],
)  # fmt: skip
def test_chance__uses_one_scale_of_words(p, word):
    assert words.chance(p) == word


def test_clean__drops_control_and_reordering_characters():
    assert words.clean("A\u202eB\x00\x1b[31mC\nD") == "AB[31mC D"


def test_prior_on_probability__is_the_logistic_image_of_its_ends():
    # expit(±1.645 * 1.5) = 0.0782 and 0.9218
    assert words.prior_on_probability("normal(0, 1.5)") == "8–92%"
    assert words.prior_on_probability("half_normal(1)") == ""


def test_listing__is_short():
    assert words.listing(["A", "B", "C"]) == "A, B and C"
    assert words.listing(list("ABCDEF")) == "A, B, C and 3 more"
