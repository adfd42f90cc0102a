"""Writing a study of small files and reading it: what it gives, or every problem told."""

import csv
import io

import numpy as np
import openpyxl
import pytest

from surveys import read
from surveys.ledger import Ledger
from surveys.problems import SurveyError, render


def put(folder, toml, files):
    """Write files by their names, as text, bytes or workbooks, and a study.toml beside them."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        if isinstance(content, openpyxl.Workbook):
            content.save(path)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / "study.toml").write_text(toml, encoding="utf-8")
    return folder


def tables(files):
    """Files by their names, of tables by name."""
    return {f"{name}.csv": text for name, text in files.items()}


def refusal(folder):
    """The error of a study that is refused; it tells no path of the machine."""
    with pytest.raises(SurveyError) as error:
        read(folder)
    assert str(folder) not in str(error.value)
    return error.value


def read_files(folder, toml, **files):
    """(Dataset or None, problems) of files called name__csv and the like beside a study.toml."""
    put(folder, toml, {name.replace("__", "."): content for name, content in files.items()})
    try:
        ds = read(folder)
    except SurveyError as error:
        found = list(error.problems)
    else:
        return ds, ledger_of(ds).problems
    assert str(folder) not in render(found)
    return None, found


def one(problems, code):
    """Give the one problem of a code, and the text a user reads of it."""
    found = [p for p in problems if p.code == code]
    assert len(found) == 1, render(problems)
    return found[0], render(found)


def ledger_of(ds):
    return Ledger.from_json(ds.attrs["ledger"])


def codes_of(ds):
    return {p.code for p in ledger_of(ds).problems}


def reordered(text, seed):
    """The same table, its rows and columns in another order."""
    rows = list(csv.reader(io.StringIO(text)))
    rng = np.random.default_rng(seed)
    columns = rng.permutation(len(rows[0]))
    body = [rows[1:][i] for i in rng.permutation(len(rows) - 1)]
    return "\n".join(",".join(row[c] for c in columns) for row in [rows[0], *body]) + "\n"
