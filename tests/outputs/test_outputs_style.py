"""Palettes keep their classes apart and ordered, also for colour-blind readers."""

import numpy as np
import pytest

from occupancy.outputs import style

# Machado, Oliveira and Fernandes (2009), severity 1, applied to linear RGB.
VISION = {
    "normal": np.eye(3),
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ],
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.3039],
    ],
}  # fmt: skip
PALETTES = {
    "psi": style.psi_colours(),
    "width": style.width_colours(style.width_breaks(np.array([0.34]))),
}


def lab(colours, vision):
    """CIE L*a*b* (D65) of hex colours as seen with one kind of vision."""
    rgb = np.array([[int(c[k : k + 2], 16) / 255 for k in (1, 3, 5)] for c in colours])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ np.array(VISION[vision]).T, 0, 1)
    to_xyz = [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
    xyz = linear @ np.array(to_xyz).T / [0.95047, 1.0, 1.08883]
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.c_[116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])]


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("name", PALETTES)
def test_palette__neighbour_classes_differ_by_seven(name, vision):
    steps = np.linalg.norm(np.diff(lab(PALETTES[name], vision), axis=0), axis=1)
    assert steps.min() >= 7, steps.round(1)


@pytest.mark.parametrize("name", PALETTES)
def test_palette__darkens_all_the_way(name):
    assert (np.diff(lab(PALETTES[name], "normal")[:, 0]) < 0).all()


def test_palette__ink_is_readable_on_white():
    def luminance(colour):
        return ((lab([colour], "normal")[0, 0] + 16) / 116) ** 3

    for colour in (style.INK, style.MUTED, style.RED):
        assert 1.05 / (luminance(colour) + 0.05) >= 4.5


def test_width_breaks__are_round_and_at_most_seven_classes():
    assert style.width_breaks(np.array([0.1, 0.34])) == (0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35)
    for widest in np.linspace(0.01, 1, 40):
        breaks = style.width_breaks(np.array([widest, np.nan]))
        assert len(breaks) <= 8
        assert breaks[-1] >= widest - 1e-9
    assert len(style.width_breaks(np.array([np.nan]))) == 8


def test_classify__last_class_holds_one_and_missing_is_white():
    colours = style.psi_colours()
    got = style.classify(np.array([0.0, 0.0999, 0.1, 1.0, np.nan]), style.PSI_BREAKS, colours)
    assert list(got) == [colours[0], colours[0], colours[1], colours[9], style.NOT_ESTIMATED]


def test_wrap__keeps_every_line_within_the_width():
    text = "Corynorhinus townsendii virginianus " + "x" * 200
    lines = style.wrap(text, 2.0, 12, "bold")
    assert max(style.text_width(line, 12, "bold") for line in lines) <= 2.0
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_shorten_apart__names_that_begin_alike_stay_different():
    names = [f"Biosphere reserve of the upper valley no. {k}" for k in range(12)]
    short = style.shorten_apart(names, 1.5, 7.6)
    assert len(set(short)) == 12
    assert short[3] == "…3"
    assert all(style.text_width(s, 7.6) <= 1.5 for s in short)
    assert style.shorten_apart(["Ardle", "Brenna"], 1.5, 7.6) == ["Ardle", "Brenna"]
