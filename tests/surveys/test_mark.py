"""Histories of MARK and PRESENCE: what their signs and numbers mean, and every malformed line."""

import json

import numpy as np
import pytest
from spoilt_studies import put, refusal

from surveys import read
from surveys.guess import guess
from surveys.ledger import Ledger
from surveys.problems import SurveyError
from surveys.study_file import read_study

STUDY = 'schema = 1\n[source]\nformat = "mark"\n[files.detections]\npath = "{file}"\n'


@pytest.fixture
def shared(pytestconfig):
    folder = pytestconfig.rootpath.parent / "shared"
    if not folder.is_dir():
        pytest.skip("reference data are not beside the repository")
    return folder


def laid(folder, text, more="", file="h.inp"):
    return put(folder, STUDY.format(file=file) + more, {file: text})


def refused(*args, **changes):
    return refusal(laid(*args, **changes))


def problems_of(ds):
    return {p.code: p for p in Ledger.from_json(ds.attrs["ledger"]).problems}


def history(ds, site, season=None):
    y = ds["detection"].isel(species=0).sel(site=site)
    y = y.isel(season=0) if season is None else y.sel(season=season)
    return ["." if np.isnan(v) else str(int(v)) for v in y.values]


# --- MARK ------------------------------------------------------------------------------------


def test_inp__a_line_stands_for_as_many_sites_as_its_frequency(tmp_path):
    ds = read(laid(tmp_path, "/* salamanders,\n1999 */\n01.1 2;\n0000 3; 1000\n\t1 ;\n"))
    assert ds.sizes == {"species": 1, "site": 6, "season": 1, "visit": 4}
    assert ds["site"].values.tolist() == [f"site_{i:03d}" for i in range(1, 7)]
    assert [history(ds, f"site_{i:03d}") for i in (2, 3, 6)] == [
        ["0", "1", ".", "1"],
        ["0", "0", "0", "0"],
        ["1", "0", "0", "0"],
    ]
    told = problems_of(ds)["R640"]
    assert told.level == "repair"
    assert told.fact == (
        "h.inp holds no names of sites: its 3 lines became the sites site_001 to site_006, in "
        "their order; 2 of the lines stand for several sites (row 3: 2)"
    )
    ledger = Ledger.from_json(ds.attrs["ledger"])
    assert ledger.n_read("h.inp") == ledger.n_used("h.inp") == 2  # rows in which a record starts


def test_inp__groups_and_covariates(tmp_path):
    text = "01 1 0 3.5 -2;\n11 0 1 . 7;\n00 2 1 0.25 8;\n"
    keys = '[mark]\ngroups = ["forest", "meadow"]\ncovariates = ["elev", "slope"]\n'
    ds = read(laid(tmp_path, text, keys))
    assert ds["group"].values.tolist() == ["forest", "meadow", "forest", "forest", "meadow"]
    assert ds["elev"].values.tolist()[0] == 3.5
    assert np.isnan(ds["elev"].values[1])
    assert ds["slope"].values.tolist() == [-2.0, 7.0, 8.0, 8.0, 8.0]


def test_inp__numbers_that_nobody_named_are_told_with_names_to_paste(tmp_path):
    error = refused(tmp_path, "01 1 0 3.5;\n11 0 1 2.5;\n")
    assert error.codes == ("E646",)
    assert "h.inp: 3 numbers stand behind each history" in str(error)
    assert 'groups = ["group 1", "group 2"], covariates = ["covariate1"]' in str(error)


def test_inp__seasons_and_years(tmp_path):
    keys = "[mark]\nseasons = [2, 3]\nyears = [1999, 2002]\n"
    ds = read(laid(tmp_path, "01.11 1;\n..000 1;\n", keys))
    assert ds["season"].values.tolist() == [1999, 2002]
    assert history(ds, "site_001", 1999) == ["0", "1", "."]
    assert history(ds, "site_001", 2002) == [".", "1", "1"]
    assert history(ds, "site_002", 1999) == [".", ".", "."]


def test_inp__states_by_digits_and_by_letters(tmp_path):
    ds = read(laid(tmp_path, "012 1;\n2.0 1;\n"))
    assert history(ds, "site_001") == ["0", "1", "2"]
    assert "count" not in ds
    assert '[detections] values = "count"' in problems_of(ds)["R641"].cure
    letters = read(laid(tmp_path, "0AB 1;\nB.0 1;\n", '[mark]\nstates = ["A", "B"]\n'))
    assert np.array_equal(letters["detection"], ds["detection"], equal_nan=True)
    assert "R641" not in problems_of(letters)
    counts = read(laid(tmp_path, "012 1;\n2.0 1;\n", '[detections]\nvalues = "count"\n'))
    assert counts["count"].sel(site="site_001").values.ravel().tolist() == [0, 1, 2]
    assert history(counts, "site_001") == ["0", "1", "1"]


def test_inp__frequency_zero_makes_no_site_and_is_noted(tmp_path):
    ds = read(laid(tmp_path, "01 1;\n11 0;\n"))
    assert ds.sizes["site"] == 1
    assert problems_of(ds)["N640"].fact == "h.inp, row 2: frequency 0, so no site"


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        ("01 1;\n010 1;\n11 1;\n", "E645", 'row 2: the history "010" has 3 visits, the others 2'),
        ("01 1;\n0x 1;\n", "E645", 'row 2: the history "0x" holds "x" (visit 2)'),
        ("01 1;\n/* n */\n0A 1;\n", "E645", 'row 3: the history "0A" holds "A" (visit 2)'),
        ("01 1;\n11 1\n", "E644", 'row 2: the record "11 1" has no ";" at its end'),
        ("0101 1\n0011 1;\n1111 1;\n0000 1;\n", "E644", 'row 1: no ";" between two records'),
        ("01 1;\n/* open\n11 1;\n", "E644", 'row 2: a comment opened by "/*" is not closed'),
        ("01 1;\n11 -1;\n", "E647", 'row 2: the frequency "-1" is below 0'),
        ("01 1;\n11 0.5;\n", "E647", 'row 2: the frequency "0.5" is no whole number'),
        ("01 1;\n11 one;\n", "E647", 'row 2: the frequency "one" is no whole number'),
        ("01 1;\n11 999999999;\n", "E647", "1,000,000,000 sites (most in row 2)"),
        ("01 0;\n11 0;\n", "E647", "all frequencies are 0"),
        ("01 1;\n11 1 5;\n10 1;\n", "E646", "row 2: 2 numbers behind the history"),
        ("01;\n11;\n", "E646", "row 1: no frequency stands behind the history"),
        ("0 1 1 1;\n1 1 0 1;\n", "E646", "3 numbers stand behind each history"),
        ("", "E005", "h.inp is empty (0 bytes)"),
        ("/* nothing */\n", "E006", "h.inp holds no history"),
    ],
)  # fmt: skip
def test_inp__malformed_lines(tmp_path, text, code, told):
    error = refused(tmp_path, text)
    assert error.codes == (code,)
    assert told in str(error)
    assert all(p.cure for p in error.problems)


def test_inp__blanks_between_visits(tmp_path):
    error = refused(tmp_path, "0 1 1 1;\n1 1 0 1;\n", "[mark]\nseasons = [3]\n")
    assert "row 1: the history is written with blanks between the visits" in str(error)


@pytest.mark.parametrize(
    ("keys", "code", "told"),
    [
        ("seasons = [2, 2]", "E643", "have 5 visits, but the seasons 2, 2 make 4"),
        ("seasons = [5]\nyears = [1999, 2000]", "E643", "years names 2 seasons for 1"),
        ("seasons = [2, 3]\nyears = [2000, 1999]", "E643", "years do not rise"),
        (
            'covariates = ["elev"]',
            "E646",
            "1 numbers stand behind each history, but [mark] names 2",
        ),
        ('groups = ["a", "b"]', "E646", "but [mark] names 2"),
        ('states = ["AB"]', "E405", "each state is one sign"),
        ("seasons = 5", "E405", "a list of whole numbers"),
        ("season = [5]", "E404", 'Did you mean "seasons"?'),
    ],
)
def test_inp__keys_that_do_not_fit(tmp_path, keys, code, told):
    error = refused(tmp_path, "01101 1;\n00000 1;\n", f"[mark]\n{keys}\n")
    assert code in error.codes
    assert told in str(error)


def test_inp__all_faults_in_one_go(tmp_path):
    error = refused(tmp_path, "01 1;\n0x 1;\n111 1;\n11 -3;\n00 1 2;\n")
    assert {"E645", "E646"} <= set(error.codes)
    assert {p.row for p in error.problems} >= {2, 3, 5}


def test_mark_keys_beside_another_format_are_refused(tmp_path):
    (tmp_path / "d.csv").write_text("site,v1\nA,1\n")
    toml = 'schema = 1\n[files.detections]\npath = "d.csv"\n[mark]\nseasons = [1]\n'
    (tmp_path / "study.toml").write_text(toml)
    with pytest.raises(SurveyError) as error:
        read(tmp_path)
    assert error.value.codes == ("E408",)


# --- PRESENCE --------------------------------------------------------------------------------

PAO = """3\t4
0\t1\t-\t.\t
1\t0\t0\t0\t
-\t-\t0\t1\t
2
elev
100
-
300.5
forest
1
0
1
1
wind
1\t2\t-\t-
3\t4\t5\t6
-\t-\t7\t8
2,2;1
Weta of the valley
site 1
site 2
the third
1-1
1-2
2-1
2-2
0
"""


def test_pao__histories_names_seasons_and_covariates(tmp_path):
    ds = read(laid(tmp_path, PAO, file="h.pao"))
    assert ds["site"].values.tolist() == ["site 1", "site 2", "the third"]
    assert ds["season"].values.tolist() == [1, 2]
    assert history(ds, "site 1", 1) == ["0", "1"]
    assert history(ds, "site 1", 2) == [".", "."]
    assert history(ds, "the third", 2) == ["0", "1"]
    assert ds["elev"].values.tolist()[::2] == [100.0, 300.5]
    assert np.isnan(ds["elev"].values[1])
    assert ds["forest"].values.tolist() == [1, 0, 1]
    assert ds["wind"].sel(site="site 2", season=2).values.tolist() == [5, 6]
    assert "R640" not in problems_of(ds)


def test_pao__sites_join_a_table_of_sites(tmp_path):
    (tmp_path / "s.csv").write_text("site,lat,lon\nsite 1,46,8\nsite 2,46.1,8\nthe third,46.2,8\n")
    ds = read(laid(tmp_path, PAO, '[files.sites]\npath = "s.csv"\n', file="h.pao"))
    assert ds["latitude"].sel(site="the third").item() == 46.2


def test_pao__no_names_and_no_seasons(tmp_path):
    text = "2 3\n011\n0-0\n0\n0\n"
    ds = read(laid(tmp_path, text, file="h.pao"))
    assert ds["site"].values.tolist() == ["site_001", "site_002"]
    assert history(ds, "site_002") == ["0", ".", "0"]
    assert "it names no sites" in problems_of(ds)["R640"].fact


def test_pao__a_frequency_behind_each_history(tmp_path):
    ds = read(laid(tmp_path, "2,3\n0,1,1,2\n0,0,0,3\n0\n0\n3\ntitle\n", file="h.pao"))
    assert ds.sizes["site"] == 5
    assert float(ds["detection"].sum()) == 4


def test_pao__methods_become_visits_that_tell_their_method(tmp_path):
    text = "1 4\n0 1 1 0\n0\n0\n4;2\nt\nA\n"
    ds = read(laid(tmp_path, text, file="h.pao"))
    assert ds["method"].values.ravel().tolist() == ["method 1", "method 2"] * 2
    assert "N649" in problems_of(ds)


@pytest.mark.parametrize(
    ("old", "new", "code", "row", "told"),
    [
        ("3\t4\n", "three\n", "E648", 1, '"three" stands where the numbers of sites'),
        ("3\t4\n", "300\t4\n", "E648", 1, "300 sites and 4 surveys are told, but 27 rows follow"),
        ("0\t1\t-\t.", "0\t1\tx\t.", "E645", 2, '"x" (survey 3) is not 0, 1'),
        ("1\t0\t0\t0", "1\t0", "E645", 3, "the history has 2 values, row 1 tells of 4"),
        ("1\t0\t0\t0", "1\t0\t0\t0\t1", "E645", 3, "the history has 5 values, the others 4"),
        ("300.5", "high", "E046", 9, '"high" is not a number'),
        ("300.5\n", "", "E046", 9, 'covariate elev: "forest" is not a number'),
        ("forest", "elev", "E011", 10, 'two covariates are called "elev"'),
        ("3\t4\t5\t6", "3\t4\t5", "E648", 17, "3 values of the covariate wind, where 4 should be"),
        ("2,2;1", "2,1;1", "E643", None, "have 4 visits, but the seasons 2, 1 make 3"),
        ("2,2;1", "all", "E648", 19, '"all" stands where the surveys of each season should be'),
        ("site 2", "site 1", "E021", 22, 'site "site 1" stands in row 21 already'),
        ("the third", " ", "E013", 23, "blank, where the name of a site should be"),
    ],
)  # fmt: skip
def test_pao__malformed_lines(tmp_path, old, new, code, row, told):
    assert old in PAO
    error = refused(tmp_path, PAO.replace(old, new, 1), file="h.pao")
    assert code in error.codes
    (problem,) = [p for p in error.problems if p.code == code]
    assert problem.row == row
    assert told in str(error)
    assert problem.cure


@pytest.mark.parametrize("rows", range(1, 19))
def test_pao__cut_short(tmp_path, rows):
    text = "\n".join(PAO.split("\n")[:rows])
    if rows == 18:  # ends where the seasons would follow: all there is was read
        assert read(laid(tmp_path, text, file="h.pao")).sizes["season"] == 1
        return
    error = refused(tmp_path, text, file="h.pao")
    assert error.codes == ("E648",)
    assert "rows follow" in str(error) or f"ends at row {rows}" in str(error)


# --- init and reference ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("h.inp", "01 1 0 3.5;\n11 0 1 2.5;\n10 1 0 3;\n"),
        ("h.pao", PAO),
        ("g.inp", "01 3;\n11 5;\n"),
    ],
)
def test_guess__a_study_that_reads_without_edits(tmp_path, file, text):
    (tmp_path / file).write_text(text)
    toml = guess([tmp_path / file])
    (tmp_path / "study.toml").write_text(toml)
    assert read_study(tmp_path).format == "mark"
    ds = read(tmp_path)
    assert ds.sizes["site"] == {"h.inp": 3, "h.pao": 3, "g.inp": 8}[file]
    assert "elev" in ds or "covariate1" in ds or file == "g.inp"


@pytest.mark.reference
@pytest.mark.parametrize("file", ["salamander.inp", "donovan.7.inp"])
def test_reference__histories_of_rmark(tmp_path, shared, file):
    folder = shared / "data" / "mark_inp"
    wanted = json.loads((folder / "expected.json").read_text())[file]
    (tmp_path / file).write_bytes((folder / file).read_bytes())
    (tmp_path / "study.toml").write_text(guess([tmp_path / file]))
    ds = read(tmp_path)
    ledger = Ledger.from_json(ds.attrs["ledger"])
    y = ds["detection"].values
    found = (y > 0).any(axis=(0, 2, 3))
    assert ledger.n_read(file) == ledger.n_used(file) == wanted["lines"]
    assert ds.sizes["site"] == wanted["sites_after_expanding_frequencies"]
    assert ds.sizes["visit"] == wanted["occasions"]
    assert np.nansum(y) == wanted["detections"]
    assert np.isnan(y).sum() == wanted["missing"]
    assert found.sum() == wanted["sites_detected"]
    assert round(float(found.mean()), 4) == wanted["naive_occupancy"]


def test_histories_with_blanks_between_their_visits_are_no_covariates(tmp_path):
    (tmp_path / "a.inp").write_text("0 1 0 1 1 1;\n1 1 0 0 0 1;\n")
    with pytest.raises(SurveyError, match="blanks between the visits"):
        guess([tmp_path / "a.inp"], folder=tmp_path)


@pytest.mark.parametrize(("most", "states"), [(2, True), (3, False), (9, False)])
def test_numbers_that_leave_some_out_are_counts(tmp_path, most, states):
    (tmp_path / "a.inp").write_text(f"0110 1;\n01{most}0 1;\n0000 1;\n")
    told = guess([tmp_path / "a.inp"], folder=tmp_path)
    (tmp_path / "study.toml").write_text(told)
    ds = read(tmp_path)
    assert ('family = "multi_state"' in told) is states
    assert ("count" in ds) is not states
    assert float(ds["detection"].max()) == (most if states else 1)
