"""Tables in several files and in archives: read as one, each row told by its own file."""

import io
import json
import zipfile

import pytest
import xarray as xr
from camera_samples import DEPLOYMENTS, OBSERVATIONS, WI_DEPLOYMENTS, WI_IMAGES, package
from spoilt_studies import ledger_of, put, refusal

from surveys import read
from surveys.guess import guess
from surveys.study_file import read_study

STUDY = 'schema = 1\n[files.detections]\npath = {path}\n[checks]\nunknown_site = "drop"\n'
PARTS = {
    "det-2.csv": "site,v1,v2\nA,0,1\nB,0,0\n",
    "det-10.csv": "v2,site,v1\n0,C,1\n1,D,0\n",
}


def refused(folder, files, toml):
    return refusal(put(folder, toml, files))


def zipped(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


@pytest.mark.parametrize("path", ['"det-*.csv"', '["det-10.csv", "det-2.csv"]'])
def test_files_are_read_as_one_table(tmp_path, path):
    ds = read(put(tmp_path, STUDY.format(path=path), PARTS))
    assert ds["site"].values.tolist() == ["A", "B", "C", "D"]
    assert ds["detection"].values.ravel().tolist() == [0, 1, 0, 0, 1, 0, 0, 1]
    told = json.loads(ds.attrs["provenance"])["inputs"]
    assert {t["file"]: t["rows"] for t in told} == {"det-2.csv": 2, "det-10.csv": 2}
    assert all(len(t["sha256"]) == 64 for t in told)


def test_a_fault_is_told_by_its_own_file_and_row(tmp_path):
    files = PARTS | {"det-10.csv": "site,v1,v2\nC,1,0\nD,x,0\nA,1,-3\n"}
    error = refused(tmp_path, files, STUDY.format(path='"det-*.csv"'))
    cell = next(p for p in error.problems if '"x"' in p.fact)
    assert (cell.file, cell.row, cell.column) == ("det-10.csv", 3, "v1")
    assert '"x" in row 3 of det-10.csv, column v1' in cell.fact
    twice = read_error(tmp_path, PARTS | {"det-10.csv": "site,v1,v2\nC,1,0\nA,1,0\n"})
    assert twice.codes == ("E021",)
    assert 'site "A" is in rows 2 of det-2.csv and 3 of det-10.csv' in str(twice)


def read_error(folder, files):
    return refused(folder, files, STUDY.format(path='"det-*.csv"'))


def test_rows_set_aside_are_listed_by_their_own_file(tmp_path):
    files = PARTS | {"s.csv": "site,elev\nA,1\nB,2\nC,3\n"}
    toml = STUDY.format(path='"det-*.csv"') + '[files.sites]\npath = "s.csv"\n'
    ledger = ledger_of(read(put(tmp_path, toml, files)))
    assert ledger.dropped() == [("det-10.csv", 3, "unknown site", "D")]
    assert ledger.n_read("det-*.csv") == 4


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ("site,v1\nC,1\n", "det-10.csv lacks v2"),
        ("site,v1,v2,v3\nC,1,0,1\n", "det-10.csv has v3 besides"),
        ("site,v1,y2\nC,1,0\n", "det-10.csv lacks v2 and has y2 besides"),
        ("site;v1;v2\nC;1;0\n", "det-10.csv parts its values by another sign"),
    ],
)
def test_columns_must_agree(tmp_path, other, told):
    error = read_error(tmp_path, PARTS | {"det-10.csv": other})
    assert error.codes == ("E650",)
    assert told in str(error)


def test_the_same_file_under_two_names_would_count_double(tmp_path):
    error = read_error(tmp_path, PARTS | {"det-3.csv": PARTS["det-2.csv"]})
    assert error.codes == ("E650",)
    assert "det-3.csv holds the same as det-2.csv" in str(error)


def test_faults_of_all_parts_in_one_go(tmp_path):
    error = read_error(tmp_path, {"det-1.csv": "", "det-2.csv": 'site,v1\n"A,1\n'})
    assert set(error.codes) == {"E005", "E010"}


@pytest.mark.parametrize(
    ("path", "code", "told"),
    [
        ('"rec-*.csv"', "E401", "no file is like rec-*.csv"),
        ('["det-2.csv", "det-3.csv"]', "E401", "det-3.csv is not there"),
        ('["det-2.csv", "det-*.csv"]', "E405", "det-2.csv twice"),
        ('"../*.csv"', "E406", "leads out of the study folder"),
        ("[]", "E409", "names no detections"),
        ("[1]", "E405", "text or a list of texts"),
    ],
)
def test_paths_that_cannot_be_meant(tmp_path, path, code, told):
    error = refused(tmp_path, PARTS, STUDY.format(path=path))
    assert code in error.codes
    assert told in str(error)


def test_downloads_of_wildlife_insights_may_have_several_tables_of_pictures(tmp_path):
    head, *rows = WI_IMAGES.strip().split("\n")
    toml = 'schema = 1\n[source]\nformat = "wildlife_insights"\npath = "."\n'
    whole = {"deployments.csv": WI_DEPLOYMENTS, "images.csv": WI_IMAGES}
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    first = read(put(tmp_path / "one", toml, whole))
    parts = {f"images_{i}.csv": "\n".join([head, *rows[i::2]]) + "\n" for i in range(2)}
    second = read(put(tmp_path / "two", toml, {"deployments.csv": WI_DEPLOYMENTS, **parts}))
    xr.testing.assert_equal(first, second)


# --- archives --------------------------------------------------------------------------------

PACKAGE = {
    "datapackage.json": package(),
    "deployments.csv": DEPLOYMENTS,
    "observations.csv": OBSERVATIONS,
    "media.csv": "mediaID,deploymentID\nm1,d1\n",
}
CAMTRAPDP = 'schema = 1\n[source]\nformat = "camtrapdp"\n'


@pytest.mark.parametrize(
    "keys",
    [
        'path = "export.zip"\n',
        '[files.package]\npath = "export.zip"\n',
        '[files.package]\npath = "export.zip/datapackage.json"\n',
    ],
)
@pytest.mark.parametrize("folder", ["", "export/"])
def test_a_data_package_may_stay_zipped(tmp_path, keys, folder):
    if folder and "datapackage.json" in keys:
        keys = keys.replace("datapackage.json", f"{folder}datapackage.json")
    (tmp_path / "loose").mkdir()
    loose = read(put(tmp_path / "loose", CAMTRAPDP, PACKAGE))
    raw = zipped({f"{folder}{name}": text for name, text in PACKAGE.items()})
    ds = read(put(tmp_path, CAMTRAPDP + keys, {"export.zip": raw}))
    xr.testing.assert_equal(loose, ds)
    told = [t["file"] for t in json.loads(ds.attrs["provenance"])["inputs"]]
    assert f"export.zip/{folder}observations.csv" in told


def test_a_package_may_list_several_files_for_a_table(tmp_path):
    head, *rows = OBSERVATIONS.strip().split("\n")
    told = json.loads(package())
    told["resources"][2]["path"] = ["obs-a.csv", "obs-b.csv"]
    files = {
        "datapackage.json": json.dumps(told),
        "deployments.csv": DEPLOYMENTS,
        "obs-a.csv": "\n".join([head, *rows[:3]]) + "\n",
        "obs-b.csv": "\n".join([head, *rows[3:]]) + "\n",
    }
    (tmp_path / "loose").mkdir()
    loose = read(put(tmp_path / "loose", CAMTRAPDP, PACKAGE))
    xr.testing.assert_equal(loose, read(put(tmp_path, CAMTRAPDP, files)))


def test_a_fault_in_an_archive_is_told_with_the_place_in_it(tmp_path):
    files = PACKAGE | {"observations.csv": OBSERVATIONS.replace("o2,d1", "o2,d9")}
    keys = '[files.package]\npath = "export.zip"\n'
    error = refused(tmp_path, {"export.zip": zipped(files)}, CAMTRAPDP + keys)
    assert error.codes == ("E055",)
    assert "export.zip/observations.csv, row 3" in str(error)


def test_a_table_in_an_archive_can_be_named(tmp_path):
    raw = zipped({"in/d.csv": PARTS["det-2.csv"], "readme.txt": "x"})
    ds = read(put(tmp_path, STUDY.format(path='"a.zip/in/d.csv"'), {"a.zip": raw}))
    assert ds.sizes["site"] == 2
    error = refused(tmp_path, {"a.zip": raw}, STUDY.format(path='"a.zip/in/e.csv"'))
    assert 'Did you mean "in/d.csv"?' in str(error)
    error = refused(tmp_path, {"a.zip": raw}, STUDY.format(path='"a.zip"'))
    assert "it holds 2 files (in/d.csv, readme.txt)" in str(error)
    assert 'path = "a.zip/NAME"' in str(error)


@pytest.mark.parametrize("cut", [10, 200, -30])
def test_an_archive_cut_short(tmp_path, cut):
    raw = zipped(PACKAGE)[:cut]
    for keys in ('path = "export.zip"\n', '[files.package]\npath = "export.zip"\n'):
        error = refused(tmp_path, {"export.zip": raw}, CAMTRAPDP + keys)
        assert "export.zip" in str(error)


def test_init_of_a_zipped_package_needs_no_edits(tmp_path):
    (tmp_path / "export.zip").write_bytes(zipped(PACKAGE))
    toml = guess([tmp_path / "export.zip"])
    (tmp_path / "study.toml").write_text(toml, encoding="utf-8")
    assert read_study(tmp_path).format == "camtrapdp"
    (tmp_path / "loose").mkdir()
    xr.testing.assert_equal(
        read(tmp_path), read(put(tmp_path / "loose", toml_of_loose(toml), PACKAGE))
    )


def toml_of_loose(toml):
    return toml.replace("export.zip/", "")
