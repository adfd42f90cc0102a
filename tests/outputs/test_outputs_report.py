"""The report: complete without network, safe with hostile names, equal to the tables."""

import base64
import dataclasses
import hashlib
import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pyogrio
import pytest
from stand_in_fit import StandInFit, verdict

from occupancy.outputs import report, report_data, words, write
from occupancy.outputs.headline import headline
from occupancy.outputs.results import Results


class Page(HTMLParser):
    """Elements, attributes and texts of a page."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.texts, self.raw = [], [], {}, {}
        self._open = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, k, v or "") for k, v in attrs]
        self._open.append(tag)
        if tag in ("script", "style"):
            self._open[-1] = tag + (":data" if ("type", "application/json") in attrs else "")

    def handle_endtag(self, tag):
        while self._open and self._open.pop().partition(":")[0] != tag:
            pass

    def handle_data(self, data):
        if self._open:
            self.texts.setdefault(self._open[-1], []).append(data)

    def text(self, tag):
        return "".join(self.texts.get(tag, []))


@pytest.fixture(scope="module")
def html(results):
    return report.html(results)


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_report__makes_no_request(html, page):
    assert not re.search(r"https?:|//[a-z]+\.|@import|url\(", html)
    for tag, name, value in page.attributes:
        if name in ("src", "href", "srcset", "action", "poster", "data"):
            assert value.startswith(("data:image/", "#")), (tag, name, value[:60])
    assert "link" not in page.tags
    assert "iframe" not in page.tags


def test_report__policy_names_exactly_its_own_style_and_script(page):
    policy = next(
        v for t, k, v in page.attributes if t == "meta" and k == "content" and "default" in v
    )
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(page.text(tag).encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not [a for a in page.attributes if a[1] == "style" or a[1].startswith("on")]


def test_report__hostile_names_stay_text(hostile, page):
    text = report.html(hostile)
    bad, good = Page(text), page
    assert set(bad.tags) == set(good.tags)
    assert bad.tags.count("script") == good.tags.count("script") == 2
    assert bad.tags.count("img") == good.tags.count("img")
    assert not [a for a in bad.attributes if a[1].startswith("on")]
    assert "49" not in {t.strip() for ts in bad.texts.values() for t in ts}  # {{7*7}} is not run
    assert "</title><script>alert(3)</script>" in bad.text("title")
    data = bad.text("script:data")
    assert not set("<>&\u2028\u2029") & set(data)
    assert {r["name"] for r in json.loads(data)["regions"]} >= {
        "<script>alert(1)</script>",
        "{{7*7}}",
    }


def test_report__numbers_agree_with_csv_and_geopackage(html, results, tmp_path):
    write("tables", results, tmp_path)
    write("geopackage", results, tmp_path)
    table = pd.read_csv(tmp_path / "regions.csv")
    layer = pyogrio.read_dataframe(
        tmp_path / "occupancy.gpkg", layer="regions", read_geometry=False
    )
    rows = re.findall(r'<tr data-k="\d+">(.*?)</tr>', html, flags=re.S)
    assert len(rows) == len(table) == 6
    for row, csv, gpkg in zip(rows, table.itertuples(), layer.itertuples(), strict=True):
        cells = [
            re.sub(r"<[^>]+>", " ", c) for c in re.findall(r"<t[hd].*?</t[hd]>", row, flags=re.S)
        ]
        cells = [" ".join(c.split()) for c in cells]
        assert cells[0] == csv.region == gpkg.region
        values = re.findall(r'data-v="([^"]*)"', row)
        assert float(values[2]) == pytest.approx(gpkg.area_psi_mean, abs=1e-6)
        assert float(values[2]) == pytest.approx(csv.area_psi_mean, abs=5e-5)
        interval = words.percent_interval(gpkg.area_psi_lower, gpkg.area_psi_upper)
        assert cells[3] == f"{words.percent(gpkg.area_psi_mean)} {interval}"
    data = json.loads(Page(html).text("script:data"))
    assert data["csv"] == (tmp_path / "regions.csv").read_text(encoding="utf-8")
    overall = pd.read_csv(tmp_path / "overall.csv").iloc[0]
    seal = pyogrio.read_dataframe(tmp_path / "occupancy.gpkg", layer="provenance").set_index("key")
    assert seal.loc["headline", "value"] == headline(results).sentence
    assert f"about {100 * overall['area_psi_mean']:.0f}%" in html


def test_report__says_its_story_without_scripts(html, page, results):
    assert headline(results).sentence in page.text("h1")
    assert html.index('id="warnings"') < html.index('class="still"') < html.index('id="regions"')
    still = [a for a in page.attributes if a[0] == "img" and a[1] == "src" and "webp" in a[2][:20]]
    assert len(still) == 1
    alts = [v for t, k, v in page.attributes if t == "img" and k == "alt"]
    assert len(alts) == 6  # map, two curves, coefficients, pooling, detection
    assert all(len(a) > 40 for a in alts)
    for verdict_ in results.warnings:
        assert verdict_.code in html
        assert verdict_.cure in html


def test_report__names_both_occupancies_beside_naive(html, results):
    table = html[html.index("Occupancy of what?") : html.index('class="still"')]
    row = results.overall_here()
    for name, stem in (("sample", "share"), ("population", "psi"), ("study area", "area_psi")):
        interval = words.percent_interval(row[f"{stem}_lower"], row[f"{stem}_upper"])
        shown = f"{words.percent(row[f'{stem}_mean'])} <small>{interval}</small>"
        assert re.search(rf">{name} <small>[^<]+</small></th><td>{re.escape(shown)}", table)
    assert table.count(f"<td>{words.percent(row['naive'])}</td>") == 2
    assert f"<td>{words.percent(row['ml_psi'])}</td>" in table


def test_report__without_a_map_shows_the_histories(placeless):
    text = report.html(placeless)
    assert 'id="histories"' in text
    assert 'id="find"' in text
    assert "Detection histories of 30 sites" in text  # the picture for readers without scripts


def test_report__map_packs_every_cell_where_it_is(results):
    data = report_data.page_data(results)
    cells = data["cells"]

    def unpack(name, kind):
        return np.frombuffer(base64.b64decode(cells[name]), dtype=kind)

    sizes, flat = unpack("sizes", "<u2"), unpack("outlines", "<i2").reshape(-1, 2)
    starts = np.r_[0, np.cumsum(sizes)[:-1]]
    x, y, outline = unpack("x", "<u2"), unpack("y", "<u2"), unpack("outline", "<u2")
    area = np.zeros(cells["n"])
    for k, owner in enumerate(unpack("cell", "<u4")):
        o = outline[k]
        ring = (flat[starts[o] : starts[o] + sizes[o]] + np.array([x[k], y[k]], dtype=float)) / 20
        u, v = np.r_[ring, ring[:1]].T
        area[owner] += abs((u[:-1] * v[1:] - u[1:] * v[:-1]).sum() / 2)
        assert ring.min() >= 0
        assert ring[:, 0].max() <= data["width"]
        assert ring[:, 1].max() <= data["height"]
    true = results.cells.geometry.area.to_numpy() * data["metre"] ** 2
    # Corners are rounded to 1/20 of a page unit: about half a square unit for the largest cells.
    assert np.allclose(area, true, atol=3.0)
    mean = unpack("mean", "u1") / 250
    assert np.abs(mean - results.cells["psi_mean"]).max() <= 0.002 + 1e-9


def test_report__json_holds_no_number_that_is_not_one():
    assert (
        report_data.as_json({"a": [np.float64("nan"), np.int64(3), float("inf")]})
        == '{"a":[null,3,null]}'
    )


def test_report__withheld_headline_and_stamp():
    block = [
        verdict(
            "DIV",
            "block",
            "Divergences near small sd.",
            {"divergences": 41},
            "Raise target_accept.",
        )
    ]
    fit = StandInFit(n_site=30, verdicts=block, coordinates=False, n_draw=60)
    held = report.html(Results.from_fit(fit, quantiles=False))
    assert "the occupancy estimate in 2025 is withheld" in held
    assert "Raise target_accept." in held
    assert "psi_mean" not in json.loads(Page(held).text("script:data"))["csv"]
    shown = report.html(Results.from_fit(fit, quantiles=False, show_blocked=True))
    assert re.search(r'class="stamp">[^<]*DIV', shown)


def test_report__without_places_or_regions_is_still_made(placeless):
    text = report.html(placeless)
    assert "There is no map: the sites have no coordinates" in text
    assert 'id="regions"' in text
    bare = Results.from_fit(
        StandInFit(n_site=20, regions=False, coordinates=False, n_draw=50), quantiles=False
    )
    assert 'id="regions"' not in report.html(bare)


def test_report__is_the_same_bytes_twice(html, results):
    assert report.html(results) == html


def test_report__three_hundred_sites_stay_within_half_a_megabyte(tmp_path):
    fit = StandInFit(n_draw=100)
    results = Results.from_fit(fit, surface=fit.surface())
    (path,) = write("report", results, tmp_path)
    assert path.stat().st_size <= 500_000


def test_warnings__notes_are_told_but_folded(page, results):
    notes = [w for w in results.warnings if w.level == "note"]
    assert len(notes) == 1
    assert "1 note from the checks" in page.text("summary")
    assert notes[0].code in page.text("code")


def test_warnings__the_same_measures_of_several_things_are_a_table():
    from occupancy.outputs import words
    from occupancy.outputs.notices import measured

    both = {"psi: Intercept": 0.55, "sd[a: b]": 0.44}
    numbers = {"terms": list(both), "sites": 12}
    for name, value in both.items():
        numbers |= {f"{name}: overlap": value, f"{name}: contraction": np.nan}
    table, rest = measured(numbers)
    assert table == {
        "head": [
            "shared by prior and posterior",
            "share of the prior's variance taken away by the data",
        ],
        "rows": [("psi: Intercept", ["0.55", words.DASH]), ("sd[a: b]", ["0.44", words.DASH])],
    }
    assert rest == {"sites": 12}  # the names stand in the table
    alone = {"terms": ["psi: x"], "psi: x: overlap": 0.9, "psi: x: contraction": 0.1}
    assert measured(alone) == (None, alone)
    uneven = {"a: x": 1, "a: y": 2, "b: x": 3}
    assert measured(uneven) == (None, uneven)


def test_chips__tell_the_worst_agreement_that_the_check_has_seen(results):
    from occupancy.outputs import report_blocks
    from occupancy.outputs.results import Notice

    seen = Notice("RHAT", "block", "", {"largest_rhat": 1.072}, "")
    chips = report_blocks.chips(dataclasses.replace(results, warnings=(seen,)))
    assert "chains disagree (R̂ = 1.07)" in [c["text"] for c in chips]
