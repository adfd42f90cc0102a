"""Reads of environmental DNA become libraries as visits, with controls apart."""

import itertools
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from recorder_samples import LIBRARIES, READS_LONG, READS_MATRIX, READS_WIDE
from spoilt_studies import ledger_of, put, refusal, reordered, tables

from surveys import read
from surveys.guess import guess

HEAD = 'schema = 1\n[source]\nformat = "edna"\n[files.detections]\npath = "reads.csv"\n'
SAMPLES = '[files.samples]\npath = "samples.csv"\n'
PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "edna_kasumigaura"


def laid(folder, more="", **files):
    return put(folder, HEAD + more, tables(files))


def load(*args, **changes):
    return read(laid(*args, **changes))


def refused(*args, **changes):
    return refusal(laid(*args, **changes))


def seen(ds, species):
    return ds["detection"].sel(species=species).isel(season=0).values.tolist()


def test_wide__a_library_is_a_visit(tmp_path):
    ds = load(tmp_path, reads=READS_WIDE)
    assert ds["species"].values.tolist() == ["Esox lucius", "Perca fluviatilis"]
    assert seen(ds, "Perca fluviatilis")[0] == [1, 1, 0, 0]
    assert seen(ds, "Esox lucius")[0] == [0, 1, 0, 1]
    assert seen(ds, "Perca fluviatilis")[1][:2] == [0, 1]
    assert np.isnan(seen(ds, "Perca fluviatilis")[1][2:]).all()
    assert ds["count"].sel(species="Esox lucius", site="A").values.ravel().tolist() == [
        0,
        3,
        0,
        2500,
    ]
    assert ds["sample"].sel(site="A").values.ravel().tolist() == ["a1", "a1", "a2", "a2"]
    assert ds["volume"].sel(site="A").values.ravel().tolist() == [500, 500, 450, 450]
    assert ds["total_reads"].sel(site="A").values.ravel().tolist() == [1280, 903, 10, 2500]


def test_layouts_say_the_same(tmp_path):
    told = []
    for reads, more, samples in (
        (READS_WIDE, "", ""),
        (READS_LONG, "", ""),
        (READS_MATRIX, SAMPLES, LIBRARIES),
    ):
        folder = tmp_path / str(len(told))
        folder.mkdir()
        files = {"samples": samples} if samples else {}
        told.append(load(folder, more, reads=reads, **files))
    for name in ("detection", "count", "sample", "total_reads", "effort"):
        for other in told[1:]:
            xr.testing.assert_equal(told[0][name].drop_attrs(), other[name].drop_attrs())
    for ds in told:
        assert ledger_of(ds).balance()


def test_controls__are_set_aside_and_shown_taxon_by_taxon(tmp_path):
    ds = load(tmp_path, reads=READS_WIDE)
    ledger = ledger_of(ds)
    assert ledger.n_aside("reads.csv", "control") == 1
    (told,) = [p for p in ledger.problems if p.code == "W681"]
    assert "Perca fluviatilis has 12 reads in 1 of 1 controls (at most 12)" in told.fact
    assert "0 of its 3 detections" in told.fact
    assert '"Perca fluviatilis" = 13' in told.cure
    more = '[edna]\ncontrols = ["b1"]\n'
    assert "NTC" in load(tmp_path, more)["sample"].values.ravel().tolist()


def test_controls__may_have_no_site_and_a_column_of_their_own(tmp_path):
    reads = READS_WIDE.replace("volume", "control").replace("B,NTC,1,0", ",x9,1,yes")
    for n in ("500", "450", "300"):
        reads = reads.replace(f",{n},", ",no,")
    ds = load(tmp_path, reads=reads)
    assert ds["site"].values.tolist() == ["A", "B"]
    assert ledger_of(ds).n_aside("reads.csv", "control") == 1
    error = refused(tmp_path, reads=reads.replace("yes", "no"))
    assert error.codes == ("E013",)


@pytest.mark.parametrize("name", ["Blankensee", "Possum", "Controlbach", "Negev"])
def test_controls__a_site_is_none_for_its_name(tmp_path, name):
    ds = load(tmp_path, reads=READS_WIDE.replace("\nA,", f"\n{name},"))
    assert name in ds["site"].values


def test_min_reads__overall_and_by_taxon(tmp_path):
    ds = load(tmp_path, "[edna]\nmin_reads = 5\n", reads=READS_WIDE)
    assert seen(ds, "Esox lucius")[0] == [0, 0, 0, 1]
    assert ds["count"].sel(species="Esox lucius", site="A").values.ravel().tolist() == [
        0,
        0,
        0,
        2500,
    ]
    (note,) = ledger_of(ds).cell_notes
    assert note["rule"] == "fewer reads than min_reads: counted as 0"
    assert note["places"] == ['site "A", Esox lucius: 3 reads']
    more = '[edna.min_reads_by_taxon]\n"perca  fluviatilis" = 1000\n'
    assert seen(load(tmp_path, more), "Perca fluviatilis")[0] == [1, 0, 0, 0]
    error = refused(tmp_path, '[edna.min_reads_by_taxon]\n"Salmo" = 1000\n')
    assert error.codes == ("E404",)


def test_samples_as_units__three_levels(tmp_path):
    ds = load(tmp_path, '[edna]\nunits = "samples"\n', reads=READS_WIDE)
    assert ds["season"].values.tolist() == [1, 2]
    assert ds.sizes["visit"] == 2
    perch = ds["detection"].sel(species="Perca fluviatilis", site="A")
    assert perch.values.tolist() == [[1, 1], [0, 0]]
    assert ds["volume"].dims == ("site", "season")
    assert ds["sample"].sel(site="A").values.tolist() == ["a1", "a2"]
    years = READS_WIDE.replace("volume", "year").replace("a2,1,450", "a2,1,451")
    error = refused(tmp_path, '[edna]\nunits = "samples"\n', reads=years)
    assert error.codes == ("E680",)


def test_samples_as_units__multi_scale_can_be_fitted(tmp_path):
    import occupancy

    ds = load(tmp_path, '[edna]\nunits = "samples"\n', reads=READS_WIDE)
    fit = occupancy.Model(ds.sel(species=["Perca fluviatilis"]), "multi_scale").fit("ml")
    assert np.isfinite(fit.log_likelihood)


def test_a_library_without_reads(tmp_path):
    ds = load(tmp_path, reads=READS_WIDE)
    (told,) = [p for p in ledger_of(ds).problems if p.code == "W682"]
    assert "1 library has no read of any taxon (row 6)" in told.fact
    ds = load(tmp_path, '[edna]\nwithout_reads = "drop"\n')
    assert np.isnan(seen(ds, "Perca fluviatilis")[1][0])
    assert ledger_of(ds).n_aside("reads.csv", "no read of any taxon") == 1


def test_a_library_that_is_listed_and_has_no_reads_is_missing(tmp_path):
    ds = load(tmp_path, SAMPLES, reads=READS_MATRIX, samples=LIBRARIES)
    assert ds["site"].values.tolist() == ["A", "B"]
    assert ledger_of(ds).n_aside("samples.csv", "no reads in reads.csv") == 1


def test_missing_reads_are_missing(tmp_path):
    ds = load(tmp_path, reads=READS_WIDE.replace("500,900,3", "500,900,NA"))
    assert np.isnan(seen(ds, "Esox lucius")[0][1])
    assert seen(ds, "Perca fluviatilis")[0][1] == 1
    ds = load(tmp_path, reads=READS_WIDE.replace("500,900,3,0", "500,NA,NA,NA"))
    assert np.isnan(ds["effort"].sel(site="A", visit=2)).all()
    assert ledger_of(ds).n_aside("reads.csv", "no result") == 1


@pytest.mark.parametrize(
    ("old", "new", "code", "told"),
    [
        ("site,", "place,", "E015", 'no column for "site"'),
        ("a1,2,500", "a1,1,500", "E516", 'site "A", sample "a1", replicate "1" stands in 2 rows'),
        (",1200,", ",-1,", "E048", "row 2, column Perca fluviatilis: -1 is below 0"),
        (",1200,", ",many,", "E046", '"many" is not a number'),
        ("A,a2,1", "A,,1", "E514", "row 4, column sample: blank"),
        ("volume,Perca fluviatilis,Esox lucius,Homo sapiens", "a,b,c,d", "W681", ""),
    ],
)
def test_damage(tmp_path, old, new, code, told):
    text = READS_WIDE.replace(old, new)
    assert text != READS_WIDE
    if code.startswith("W"):
        assert code in {p.code for p in ledger_of(load(tmp_path, reads=text)).problems}
        return
    error = refused(tmp_path, reads=text)
    assert code in error.codes
    assert told in str(error)


def test_unknown_libraries_and_doubled_ones(tmp_path):
    long = "library,taxon,reads\nL1,Esox lucius,5\nL9,Esox lucius,5\n"
    error = refused(tmp_path, SAMPLES, reads=long, samples=LIBRARIES)
    assert error.codes == ("E683",)
    assert 'row 3, column library: library "L9" is not in samples.csv' in str(error)
    doubled = LIBRARIES.replace("L2,", "L1,")
    error = refused(tmp_path, SAMPLES, reads=READS_MATRIX, samples=doubled)
    assert error.codes == ("E021",)
    assert refused(tmp_path, "", reads="site,replicate\nA,1\n").codes == ("E681",)
    only = "\n".join([READS_WIDE.splitlines()[0], READS_WIDE.splitlines()[-1]]) + "\n"
    assert refused(tmp_path, reads=only).codes == ("E682",)


@pytest.mark.parametrize("reads", [READS_WIDE, READS_LONG])
@pytest.mark.parametrize("units", ["visits", "samples"])
def test_order_of_rows_and_columns_changes_nothing(tmp_path, reads, units):
    more = f'[edna]\nunits = "{units}"\n'
    first = load(tmp_path, more, reads=reads).drop_attrs()
    for seed in range(3):
        again = load(tmp_path, more, reads=reordered(reads, seed)).drop_attrs()
        xr.testing.assert_identical(first, again[list(first.variables)])


@pytest.mark.parametrize("reads", [READS_WIDE, READS_LONG])
def test_guess__is_read_without_edits(tmp_path, reads):
    (tmp_path / "reads.csv").write_text(reads, encoding="utf-8")
    text = guess([tmp_path / "reads.csv"])
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    assert tomllib.loads(text)["source"]["format"] == "edna"
    assert int((read(tmp_path)["detection"] > 0).sum()) == 5


SAMPLE_DATA = LIBRARIES.replace("library,", ",")  # as R writes the names of rows
OTU = READS_MATRIX.replace("taxon,", ",")
for number, name in enumerate(("Perca fluviatilis", "Esox lucius", "Homo sapiens"), start=1):
    OTU = OTU.replace(name, f"ASV{number}")
TAXA = """,Class,Genus,Species
ASV1,Actinopteri,Perca,fluviatilis
ASV2,Actinopteri,Esox,Esox lucius
ASV3,Mammalia,Homo,sapiens
ASV9,Actinopteri,Rutilus,rutilus
"""


def turned(table):
    rows = [line.split(",") for line in table.strip().splitlines()]
    return "\n".join(",".join(cells) for cells in zip(*rows, strict=True)) + "\n"


@pytest.mark.parametrize("layout", ["named", "otu", "seqtab", "obitools"])
def test_guess__reads_beside_a_table_of_libraries(tmp_path, layout):
    whole = load(tmp_path, SAMPLES, reads=READS_MATRIX, samples=LIBRARIES)
    obi = READS_MATRIX.replace("taxon", "scientific_name").replace("L", "sample:L")
    files = {
        "named": {"reads.csv": READS_MATRIX, "samples.csv": LIBRARIES},
        "otu": {"otu.csv": OTU, "sam.csv": SAMPLE_DATA, "tax.csv": TAXA},
        "seqtab": {"seqtab.csv": turned(OTU), "sam.csv": SAMPLE_DATA, "tax.csv": TAXA},
        "obitools": {"reads.tab": obi.replace(",", "\t"), "samples.csv": LIBRARIES},
    }[layout]
    home = tmp_path / layout
    home.mkdir()
    for name, text in files.items():
        (home / name).write_text(text, encoding="utf-8")
    (home / "lakes.csv").write_text("site,area\nA,3\nB,4\nC,5\n", encoding="utf-8")
    text = guess([home], folder=home)
    (home / "study.toml").write_text(text, encoding="utf-8")
    assert tomllib.loads(text)["source"]["format"] == "edna"
    ds = read(home)
    assert ds["area"].values.tolist() == [3, 4]
    assert "row_names" not in ds
    for name in ("detection", "count", "total_reads"):
        xr.testing.assert_equal(ds[name], whole[name])
    assert "R503" not in {p.code for p in ledger_of(ds).problems}


def test_numbers_of_the_laboratory_are_no_taxa(tmp_path):
    head, *rows = READS_WIDE.strip().splitlines()
    more = [f"{head},batch,Bottle no", *(f"{row},{i % 2},{i + 1}" for i, row in enumerate(rows))]
    ds = load(tmp_path, reads="\n".join(more) + "\n")
    assert ds["species"].values.tolist() == ["Esox lucius", "Perca fluviatilis"]


def test_sequences_without_a_species_are_told(tmp_path):
    taxa = TAXA.replace("Esox,Esox lucius", "Esox,NA")
    more = SAMPLES + '[files.taxa]\npath = "taxa.csv"\n'
    ds = load(tmp_path, more, reads=OTU, samples=LIBRARIES, taxa=taxa)
    assert ds["species"].values.tolist() == ["Perca fluviatilis"]
    (told,) = (p for p in ledger_of(ds).problems if p.code == "W683")
    assert "1 of 3 sequences of reads.csv have no species (ASV2)" in told.fact
    error = refused(
        tmp_path, more, reads=OTU, samples=LIBRARIES, taxa="otu,Species\nx,y z\nw,u v\n"
    )
    assert "E697" in error.codes


@pytest.mark.reference
@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published data are not here")
def test_kasumigaura__fish_by_metabarcoding(tmp_path):
    expected = json.loads((PUBLISHED / "expected.json").read_text())
    for file in PUBLISHED.glob("*.csv"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    text = guess([tmp_path / "reads_wide.csv", tmp_path / "sites.csv"])
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    ds = read(tmp_path)
    assert ds.sizes == {"species": 50, "site": 50, "season": 1, "visit": 3}
    assert int(ds["effort"].notnull().sum()) == expected["samples_present"]
    assert int((ds["detection"] > 0).sum()) == expected["presence_cells"]
    assert float(ds["count"].sum()) == expected["reads_total"]
    naive = ds["detection"].isel(season=0).max("visit").mean("site")
    for taxon, share in expected["naive_occupancy_by_taxon"].items():
        assert float(naive.sel(species=taxon)) == pytest.approx(share, abs=1e-6)
    more = text.replace("min_reads = 1 ", "min_reads = 10 ")
    (tmp_path / "study.toml").write_text(more, encoding="utf-8")
    seen_ten = int((read(tmp_path)["detection"] > 0).sum())
    assert seen_ten == expected["presence_cells_if_at_least_10_reads"]


def test_numbers_of_replicates__shared_names_keep_their_number(tmp_path):
    rows = ["site,replicate,Esox lucius,Perca fluviatilis"]
    names = itertools.product("ABC", ("left", "right", "centre"))
    rows += [f"{s},{r},{9 if r == 'left' else 0},4000" for s, r in names if (s, r) != ("B", "left")]
    ds = load(tmp_path, reads="\n".join(rows) + "\n")
    assert np.isnan(seen(ds, "Esox lucius")[1][1])  # centre, left, right
    assert ds["replicate"].sel(site="B").values.ravel().tolist() == ["centre", "", "right"]
