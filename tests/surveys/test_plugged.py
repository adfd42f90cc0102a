"""Readers of other distributions: found, watched, and kept from each other."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from spoilt_studies import refusal

from surveys import read
from surveys.guess import guess
from surveys.ledger import Ledger
from surveys.readers import plugged

DOC = Path(__file__).parents[2] / "docs" / "extending.md"
TALLY = "Place,Night,Minutes,Myotis daubentonii,Nyctalus noctula\n"
TALLY += "A,2021-05-01,30,4,0\nA,2021-05-02,30,0,0\nB,2021-05-01,45,1,2\n"
WIDE = 'schema = 1\n[source]\nformat = "wide"\n[files.detections]\npath = "d.csv"\n'


def example() -> str:
    """The reader that docs/extending.md shows."""
    (code,) = re.findall(r"```python\n(\"\"\"Nightly.*?)```", DOC.read_text("utf-8"), re.DOTALL)
    return code


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a distribution with a reader on the path: a module, and its entry point."""
    before = set(sys.modules)

    def put(name: str, code: str, distribution: str = "bat-tally", module: str = ""):
        module = module or f"{distribution.replace('-', '_')}_module"
        folder = tmp_path / "installed" / distribution
        info = folder / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir(parents=True)
        told = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n"
        (info / "METADATA").write_text(told)
        (info / "entry_points.txt").write_text(f"[{plugged.GROUP}]\n{name} = {module}\n")
        (folder / f"{module}.py").write_text(code)
        monkeypatch.syspath_prepend(str(folder))

    yield put
    for name in set(sys.modules) - before:
        if name.endswith("_module"):
            del sys.modules[name]


def study(folder, form="bat_tally", more="", text=TALLY):
    (folder / "d.csv").write_text(text)
    head = f'schema = 1\n[source]\nformat = "{form}"\n[files.detections]\npath = "d.csv"\n'
    (folder / "study.toml").write_text(head + more)
    return folder


def test_the_example_of_the_documentation_is_read(tmp_path, install):
    code = example()
    assert len(code.splitlines()) <= 50
    install("bat_tally", code)
    ds = read(study(tmp_path))
    assert ds["species"].values.tolist() == ["Myotis daubentonii", "Nyctalus noctula"]
    assert ds["detection"].sel(species="Myotis daubentonii", site="A").values.ravel().tolist() == [
        1,
        0,
    ]
    assert np.isnan(ds["detection"].sel(site="B", visit=2)).all()
    assert ds["effort"].attrs["units"] == "minutes"
    ds = read(study(tmp_path, more="[bat_tally]\nleast_passes = 2\n"))
    assert ds["detection"].sel(species="Myotis daubentonii", site="B", visit=1).item() == 0
    (tmp_path / "study.toml").write_text(guess([tmp_path / "d.csv"]))
    assert "is a tally of bats" in (tmp_path / "study.toml").read_text()
    assert read(tmp_path).sizes["visit"] == 2


def test_its_keys_are_checked_like_all_others(tmp_path, install):
    install("bat_tally", example())
    error = refusal(study(tmp_path, more="[bat_tally]\nleast_pases = 2\n"))
    assert error.codes == ("E404",)
    assert 'Did you mean "least_passes"?' in str(error)
    assert refusal(study(tmp_path, more='[bat_tally]\nleast_passes = "2"\n')).codes == ("E405",)
    assert refusal(study(tmp_path, more="[occasions]\nlength_days = 2\n")).codes == ("E408",)
    error = refusal(study(tmp_path, form="bat_tall"))
    assert error.codes == ("E405",)
    assert '"bat_tally"' in str(error)
    (tmp_path / "study.toml").write_text(WIDE + "[bat_tally]\nleast_passes = 2\n")
    assert refusal(tmp_path).codes == ("E404",)


@pytest.mark.parametrize(
    ("code", "wanted", "told"),
    [
        ("import a_library_that_is_not_there", "E412", "ModuleNotFoundError"),
        ("def read(:", "E412", "SyntaxError"),
        ("raise SystemExit(3)", "E412", "SystemExit: 3"),
        ("x = 1", "E412", "no function read(study, ledger)"),
        ("KEYS = {'a': 'a tree'}\ndef read(s, l): ...", "E412", "KEYS"),
        ("def read(study, ledger):\n    return {}['site']", "E414", "KeyError: 'site'"),
        ("def read(study, ledger):\n    return 7", "E414", "gave int, which is no Tidy"),
        ("def read(study, ledger):\n    ledger.read('d.csv', 1)", "E903", "nothing could be read"),
    ],
)
def test_a_broken_one_names_its_distribution_and_breaks_no_other(
    tmp_path, install, code, wanted, told
):
    install("broken", code, distribution="broken-reader")
    install("bat_tally", example())
    assert read(study(tmp_path)).sizes["site"] == 2
    text = guess([tmp_path / "d.csv"])
    assert 'format = "bat_tally"' in text
    error = refusal(study(tmp_path, form="broken"))
    assert error.codes == (wanted,)
    assert told in str(error)
    if wanted != "E903":
        assert 'The reader "broken" of broken-reader 1.2' in str(error)


@pytest.mark.parametrize(
    "detect",
    ["def detect(tables): return tables['x']", "def detect(tables): return 7"],
)
def test_one_that_cannot_guess_is_noted_in_the_study_file(tmp_path, install, detect):
    install("odd", f"{detect}\ndef read(study, ledger): ...", distribution="odd-reader")
    (tmp_path / "d.csv").write_text("site,v1,v2\nA,0,1\nB,1,0\n")
    text = guess([tmp_path / "d.csv"])
    assert '# the reader "odd" of odd-reader 1.2 was not asked: it failed: ' in text
    (tmp_path / "study.toml").write_text(text)
    assert read(tmp_path).sizes["site"] == 2


def test_a_name_that_two_give_is_refused_for_both(tmp_path, install):
    install("bat_tally", example())
    install("bat_tally", example(), distribution="other-bats")
    error = refusal(study(tmp_path))
    assert error.codes == ("E413",)
    assert "bat-tally 1.2 and other-bats 1.2" in str(error)
    (tmp_path / "d.csv").write_text("site,v1,v2\nA,0,1\nB,1,0\n")
    (tmp_path / "study.toml").write_text(WIDE)
    assert read(tmp_path).sizes["site"] == 2


@pytest.mark.parametrize("name", ["wide", "camtrapr"])
def test_a_name_of_ours_stays_ours(tmp_path, install, name):
    install(name, "raise RuntimeError('imported')", distribution="usurper")
    (tmp_path / "d.csv").write_text("site,v1,v2\nA,0,1\nB,1,0\n")
    (tmp_path / "study.toml").write_text(WIDE)
    ledger = Ledger.from_json(read(tmp_path).attrs["ledger"])
    assert [p.code for p in ledger.problems] == (["W413"] if name == "wide" else [])
    if name == "wide":
        assert "usurper 1.2" in ledger.problems[0].fact


@pytest.mark.parametrize("name", ["sites", "model", "Bats", "a-b"])
def test_names_that_cannot_be_sections_are_refused(install, name):
    install(name, example())
    good, problems = plugged.find()
    assert name not in good
    assert [p.code for p in problems] == ["W413"]
