"""The study file is read strictly: unknown keys, wrong types and paths that lead elsewhere."""

import pytest

import surveys
from surveys.problems import SurveyError
from surveys.study_file import read_study

GOOD = """schema = 1
[study]
title = "Owls"
species = "Strix aluco"
authors = ["A", "B"]
[files.detections]
path = "detections.csv"
columns = { site = "Station" }
[regions]
path = "regions.gpkg"
name = "canton"
[model.ele]
family = "single_season"
psi = "ele"
p = "1"
[model.ele.priors.psi]
Intercept = "normal(0, 1.5)"
sd = "half_normal(1)"
[model.flat]
psi = "1"
p = "1"
[sample]
draws = 500
seed = 11
[report]
interval = 0.9
formats = ["html"]
[map]
cell = "auto"
[privacy]
blur = "10km"
hide_site_ids = true
"""


def write(folder, text):
    path = folder / "study.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def problems_of(folder, text):
    with pytest.raises(SurveyError) as error:
        read_study(write(folder, text))
    return error.value.problems


def test_sections_are_kept_as_plain_data(tmp_path):
    study = read_study(write(tmp_path, GOOD))
    assert study.title == "Owls"
    assert list(study.models) == ["ele", "flat"]
    assert study.models["ele"]["priors"]["psi"]["Intercept"] == "normal(0, 1.5)"
    assert study.sampling == {"draws": 500, "seed": 11}
    assert study.report["interval"] == 0.9
    assert study.map == {"cell": "auto"}
    assert study.regions_path == (tmp_path / "regions.gpkg").resolve()
    assert study.surface_path is None
    assert len(study.digest) == 64


def test_a_folder_stands_for_its_study_file(tmp_path):
    write(tmp_path, GOOD)
    assert read_study(tmp_path).digest == read_study(tmp_path / "study.toml").digest


def test_a_single_model_needs_no_name(tmp_path):
    study = read_study(write(tmp_path, 'schema = 1\n[model]\npsi = "ele"\np = "1"\n'))
    assert study.models == {"model": {"psi": "ele", "p": "1"}}


def test_a_byte_order_mark_and_windows_line_ends_are_no_fault(tmp_path):
    study = read_study(write(tmp_path, b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()))
    assert study.title == "Owls"


def test_unknown_keys_are_errors_with_the_nearest_name(tmp_path):
    text = 'schema = 1\n[studdy]\n[files.detections]\ncolums = {}\n[model.a]\npsy = "1"\n'
    found = problems_of(tmp_path, text)
    facts = " ".join(p.fact for p in found)
    assert [p.code for p in found] == ["E404"] * 3
    assert 'section "studdy" that is not known. Did you mean "study"?' in facts
    assert (
        '[files.detections] has a key "colums" that is not known. Did you mean "columns"?' in facts
    )
    assert 'key "psy" that is not known' in facts


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("[study]\ntitle = 3", "[study] title is 3; it must be text"),
        ("[sample]\ndraws = true", "[sample] draws is true; it must be a whole number"),
        ("[sample]\ndraws = 1.5", "draws is 1.5; it must be a whole number"),
        ("[wide]\nvisits = [1, 2]", "visits is a list; it must be a list of texts"),
        ('[source]\nformat = "narrow"', 'or "long" or'),
        ('[checks]\nunknown_site = "warn"', 'it must be "drop" or "error"'),
        ('[visit_covariates.day]\nmissing = "ignore"', 'it must be "drop visit" or "refuse"'),
        ("[files.sites]\nexcel_epoch = 1900.0", "it must be 1900 or 1904"),
        ("study = 4", "study is 4; it must be a table"),
    ],
)
def test_values_of_a_wrong_type(tmp_path, line, told):
    (problem,) = problems_of(tmp_path, f"schema = 1\n{line}\n")
    assert problem.code == "E405"
    assert told in problem.fact


@pytest.mark.parametrize("first", ["", "schema = 2\n", "schema = true\n"])
def test_the_schema_must_be_known(tmp_path, first):
    (problem,) = problems_of(tmp_path, first + "[study]\n")
    assert problem.code == "E402"
    assert "schema = 1" in problem.cure


def test_faults_of_the_language_name_the_row(tmp_path):
    (problem,) = problems_of(tmp_path, 'schema = 1\n[study]\ntitle = "C:\\data"\n')
    assert (problem.code, problem.row) == ("E407", 3)
    assert "write paths with /" in problem.cure
    (problem,) = problems_of(tmp_path, "schema = 1\n[study]\n[study]\n")
    assert problem.code == "E407"
    (problem,) = problems_of(tmp_path, b"schema = 1\n[study]\ntitle = '\xe2'\n")
    assert (problem.code, problem.row) == ("E407", 3)


def test_a_missing_study_file_says_how_to_make_one(tmp_path):
    with pytest.raises(SurveyError) as error:
        read_study(tmp_path)
    assert error.value.codes == ("E401",)
    assert "occupancy init" in str(error.value)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../secret.csv",
        "a/../../secret.csv",
        "https://example.org/a.csv",
        "HTTP://example.org/a.csv",
        "/vsicurl/https://example.org/a.csv",
        "file:///etc/passwd",
        "\\\\\\\\server\\\\share\\\\a.csv",
        "link.csv",
        " ",
    ],
)
def test_paths_that_lead_elsewhere_are_refused(tmp_path, path):
    inside = tmp_path / "study"
    inside.mkdir()
    (tmp_path / "secret.csv").write_text("site,v1\nA,1\n")
    (inside / "link.csv").symlink_to(tmp_path / "secret.csv")
    write(inside, f'schema = 1\n[files.detections]\npath = "{path}"\n')
    with pytest.raises(SurveyError) as error:
        surveys.read(inside)
    assert error.value.codes == ("E406",)
    write(inside, f'schema = 1\n[regions]\npath = "{path}"\n')
    with pytest.raises(SurveyError) as error:
        read_study(inside)
    assert error.value.codes == ("E406",)


def test_listed_folders_may_be_read(tmp_path):
    inside = tmp_path / "study"
    inside.mkdir()
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "d.csv").write_text("site,v1\nA,1\nB,0\n")
    head = 'schema = 1\n[study]\nfolders = ["../shared"]\n[files.detections]\n'
    write(inside, head + 'path = "../shared/d.csv"\n')
    assert surveys.read(inside).sizes["site"] == 2
    write(inside, head + f'path = "{(tmp_path / "shared" / "d.csv").as_posix()}"\n')
    ds = surveys.read(inside)
    assert str(tmp_path) not in ds.attrs["provenance"] + ds.attrs["ledger"]


def test_a_missing_table_proposes_the_nearest_file(tmp_path):
    (tmp_path / "detections.csv").write_text("site,v1\nA,1\n")
    write(tmp_path, 'schema = 1\n[files.detections]\npath = "detection.csv"\n')
    with pytest.raises(SurveyError) as error:
        surveys.read(tmp_path)
    assert 'Did you mean "detections.csv"?' in str(error.value)


def test_reading_leaves_the_files_and_the_study_as_they_were(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1763800000")
    (tmp_path / "detections.csv").write_text("site,v1\nA,1\nB,0\n")
    path = write(tmp_path, 'schema = 1\n[files.detections]\npath = "detections.csv"\n')
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    first, second = surveys.read(path), surveys.read(path)
    assert first.identical(second)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_model__a_formula_for_each_label_and_the_short_names(tmp_path):
    study = read_study(
        write(
            tmp_path,
            'schema = 1\n[model.m]\nfamily = "interacting"\nf = "x"\nf2 = "1"\n'
            '"f[fox:hare]" = "y"\n"p[fox]" = "date"\noptions = { order = 2 }\n',
        )
    )
    assert study.models["m"]["p[fox]"] == "date"
    assert study.models["m"]["options"] == {"order": 2}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('"psi[camera]" = "1"', 'has a key "psi[camera]" that is not known'),
        ('"p[camera]" = 1', "p[camera] is 1; it must be text"),
        ('start = "equilibrium"', 'options = { start = "equilibrium" }'),
        ("order = 3", "options = { order = 3 }"),
        ('link_psi = "cloglog"', 'options = { links = { psi = "cloglog" } }'),
        ('gama = "1"', 'Did you mean "gamma"?'),
        ("options = 3", "[model.m] options is 3; it must be a table"),
    ],
)
def test_model__options_stand_in_their_table_and_nothing_is_guessed(tmp_path, line, told):
    (problem,) = problems_of(tmp_path, f"schema = 1\n[model.m]\n{line}\n")
    assert told in str(problem)
    assert "[model.m" in str(problem)
