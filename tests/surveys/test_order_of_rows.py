"""The order of rows and columns means nothing, and every row is used or set aside: any reader."""

import csv
import io
import json
import re
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from seeds import PAO, SEEDS
from spoiling import Reader

CASES = {
    f"{form}-{i}": seed
    for form, seeds in SEEDS.items()
    for i, seed in enumerate(seeds)
    if seed.tables
}
FEW = settings(max_examples=5, deadline=None, derandomize=True)
shuffles = st.randoms(use_true_random=False)


def rows_of(raw):
    return list(csv.reader(io.StringIO(raw.decode(), newline="")))


def written(rows):
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


def shuffled(raw, rng):
    """The table with its rows and its columns in another order."""
    head, *body = rows_of(raw)
    order = list(range(len(head)))
    rng.shuffle(order)
    rng.shuffle(body)
    return written([[row[i] for i in order] for row in [head, *body]])


def content(ds):
    """The Dataset without the account of its files, which tells rows by their numbers."""
    attrs = {k: v for k, v in ds.attrs.items() if k not in ("ledger", "provenance")}
    return ds[sorted(map(str, ds.data_vars))].assign_attrs(attrs).drop_attrs(deep=False)


def read(reader, files):
    reader.put(files)
    ds, told = reader.read()
    assert ds is not None, told
    return ds, told


@pytest.mark.parametrize("case", CASES)
def test_order_of_rows_and_columns_changes_nothing(case):
    seed = CASES[case]
    with tempfile.TemporaryDirectory() as folder:
        reader = Reader(Path(folder), seed)
        first, _ = read(reader, seed.files)

        @FEW
        @given(shuffles)
        def check(rng):
            files = {name: shuffled(seed.files[name], rng) for name in seed.tables}
            ds, _ = read(reader, seed.files | files)
            xr.testing.assert_identical(content(first), content(ds))

        check()


@pytest.mark.parametrize("case", CASES)
def test_every_row_is_used_or_set_aside(case):
    seed = CASES[case]
    with tempfile.TemporaryDirectory() as folder:
        reader = Reader(Path(folder), seed)

        @FEW
        @given(shuffles)
        def check(rng):
            """Some rows are lost; what is left must be accounted for to the last row."""
            name = rng.choice(seed.tables)
            head, *body = rows_of(seed.files[name])
            del body[rng.randrange(len(body))]
            reader.put(seed.files | {name: written([head, *body])})
            ds, ledger = reader.read()
            if ds is None:
                return
            assert ledger.n_read(name) in (len(body), 0)
            for file in ledger.files:
                assert ledger.n_read(file) == ledger.n_used(file) + ledger.n_aside(file)

        _, ledger = read(reader, seed.files)
        for name in seed.tables:
            assert ledger.n_read(name) == len(rows_of(seed.files[name])) - 1
            assert ledger.n_read(name) == ledger.n_used(name) + ledger.n_aside(name)
        check()


def test_order_of_pictures_of_megadetector():
    (seed,) = SEEDS["megadetector"]
    told = json.loads(seed.files["d.csv"])
    with tempfile.TemporaryDirectory() as folder:
        reader = Reader(Path(folder), seed)
        first, _ = read(reader, seed.files)

        @FEW
        @given(shuffles)
        def check(rng):
            images = list(told["images"])
            rng.shuffle(images)
            keys = list(told)
            rng.shuffle(keys)
            changed = json.dumps({k: images if k == "images" else told[k] for k in keys})
            ds, _ = read(reader, seed.files | {"d.csv": changed.encode()})
            xr.testing.assert_identical(content(first), content(ds))

        check()


INP = ["0110 2 1 3.5", "01.1 1 0 -2.25", "0000 3 4 .", "1011 0 1 7"]


def test_order_of_records_of_mark__sites_have_made_names_and_are_the_same_but_for_these():
    def sites(ds):
        """Every site as its history and covariates, with how often it comes."""
        y = np.nan_to_num(ds["detection"].transpose("site", ...).values, nan=-1)
        depth = np.nan_to_num(ds["depth"].values, nan=-1)
        rows = zip(y.reshape(len(depth), -1).tolist(), ds["group"].values, depth, strict=True)
        return Counter((tuple(h), str(g), float(d)) for h, g, d in rows)

    (seed, _) = SEEDS["mark"]
    with tempfile.TemporaryDirectory() as folder:
        reader = Reader(Path(folder), seed)
        first, _ = read(reader, {"h.inp": (";\n".join(INP) + ";\n").encode()})

        @FEW
        @given(shuffles)
        def check(rng):
            records = list(INP)
            rng.shuffle(records)
            ds, _ = read(reader, {"h.inp": "".join(f"{r};\n" for r in records).encode()})
            assert sites(ds) == sites(first)

        check()


def test_lines_of_mark_may_be_broken_anywhere():
    with tempfile.TemporaryDirectory() as folder:
        reader = Reader(Path(folder), SEEDS["mark"][0])
        text = ";\n".join(INP) + ";"
        first, _ = read(reader, {"h.inp": text.encode()})

        @FEW
        @given(shuffles)
        def check(rng):
            breaks = [" ", "\n", "\r\n", "\t", " /* a; b */ ", "\n\n  "]
            broken = re.sub(r"[ \n]+", lambda _: rng.choice(breaks), text)
            ds, _ = read(reader, {"h.inp": broken.encode()})
            xr.testing.assert_identical(content(first), content(ds))

        check()


def test_order_of_sites_of_presence():
    lines = PAO.decode().split("\n")
    blocks = [(1, 4), (6, 9), (10, 13), (15, 18), (20, 23)]  # histories, covariates, names
    with tempfile.TemporaryDirectory() as folder:
        reader = Reader(Path(folder), SEEDS["mark"][1])
        first, _ = read(reader, {"h.pao": PAO})

        @FEW
        @given(st.permutations(range(3)))
        def check(order):
            changed = list(lines)
            for start, end in blocks:
                changed[start:end] = [lines[start + i] for i in order]
            ds, _ = read(reader, {"h.pao": "\n".join(changed).encode()})
            xr.testing.assert_identical(content(first), content(ds))

        check()
