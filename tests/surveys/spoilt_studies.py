"""Writing a study of small files and reading it: what it gives, or every problem told."""

import openpyxl

from surveys import read
from surveys.ledger import Ledger
from surveys.problems import SurveyError, render


def read_files(folder, toml, **files):
    """(Dataset or None, problems) of files called name__csv and the like beside a study.toml."""
    for name, content in files.items():
        path = folder / name.replace("__", ".")
        if isinstance(content, openpyxl.Workbook):
            content.save(path)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / "study.toml").write_text(toml, encoding="utf-8")
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
