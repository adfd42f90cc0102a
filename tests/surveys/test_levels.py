"""Covariates come to the level at which they vary, and slips that lift one are told."""

import pytest

from surveys import read
from surveys.ledger import Ledger
from surveys.problems import ModelError, render

LONG = """schema = 1
[source]
format = "long"
[files.detections]
path = "detections.csv"
columns = { detection = "y" }
"""


@pytest.fixture
def study(tmp_path):
    def run(rows, more=""):
        header = "site,season,visit,y,elev,snow,wind\n"
        text = header + "".join(",".join(map(str, row)) + "\n" for row in rows)
        (tmp_path / "detections.csv").write_text(text)
        (tmp_path / "study.toml").write_text(LONG + more)
        ds = read(tmp_path)
        return ds, Ledger.from_json(ds.attrs["ledger"]).problems

    return run


def rows(n_site=12):
    """Elevation of the site, snow of site and season, wind of the visit."""
    return [
        [f"S{s}", 2019 + t, v, (s + v) % 2, 100 * s, 10 * s + t, (s + 3 * t + 5 * v) % 7]
        for s in range(n_site)
        for t in range(2)
        for v in (1, 2)
    ]


def test_levels__site_season_and_visit_are_told_apart(study):
    ds, problems = study(rows())
    assert ds["elev"].dims == ("site",)
    assert ds["snow"].dims == ("site", "season")
    assert ds["wind"].dims == ("site", "season", "visit")
    assert ds["snow"].sel(site="S3").values.tolist() == [30, 31]
    assert [p.code for p in problems if p.code == "N361"] == ["N361"]


def test_levels__a_section_of_visits_keeps_a_covariate_there(study):
    ds, _ = study(rows(), '[visit_covariates.snow]\nunits = "cm"\n')
    assert ds["snow"].dims == ("site", "season", "visit")


def test_levels__missing_values_keep_their_policy(study):
    spoilt = rows()
    spoilt[5][5] = ""
    ds, _ = study(spoilt, '[visit_covariates.snow]\nmissing = "drop visit"\n')
    assert ds["snow"].dims == ("site", "season", "visit")


def test_levels__one_visit_a_season_tells_nothing(study):
    ds, _ = study([row for row in rows() if row[2] == 1])
    assert ds["snow"].dims == ("site", "season", "visit")


def test_levels__a_slip_that_makes_a_site_covariate_one_of_visits_is_told(study):
    spoilt = rows()
    spoilt[9][4] = 205  # site S2, second season, first visit... of elevation 200
    ds, problems = study(spoilt)
    assert ds["elev"].dims == ("site", "season", "visit")
    found = [p for p in problems if p.code == "W362"]
    assert len(found) == 1, render(problems)
    assert (found[0].level, found[0].file, found[0].column) == ("warn", "detections.csv", "elev")
    assert found[0].row == 11
    assert '"elev" has one value at 11 of 12 sites' in found[0].fact
    assert 'site "S2": 200, 205' in found[0].fact
    assert "occupancy can only use covariates of sites and seasons" in found[0].why
    assert "correct the values" in found[0].cure
    _, problems = study(spoilt, "[visit_covariates.elev]\n")
    assert not [p for p in problems if p.code == "W362"]


def test_occupancy__covariate_of_visits_is_refused_with_the_cure(study):
    import occupancy

    ds, _ = study(rows())
    with pytest.raises(ModelError, match="'wind' varies by visit") as error:
        occupancy.Model(ds.sel(season=[2019]), psi="wind", p="1")
    assert "Use 'wind' for detection (p), or give it one value a site" in str(error.value)
