"""Spoiling files as the field, programs and disks do: bytes and cells changed, lost, swapped."""

import csv
import io
import signal
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from surveys.ledger import Ledger
from surveys.problems import SurveyError
from surveys.readers.into_dataset import dataset, tables
from surveys.study_file import read_study

LONGEST_SECONDS = 5
ONE_IN = 1 / 8  # copies that are read up to the Dataset
BYTES = [
    *(b"\x00", b'"', b",", b";", b"\n", b"\r", b"\t", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf"),
    *(b"9", b"-", b".", b"#REF!", b"PK\x03\x04", b"PAR1", b"\x1f\x8b", b"/*", b"{", b"]", b"\\"),
]
CELLS = [
    *("", " ", "0", "1", "-1", "2.5", "1e308", "9" * 400, "-999", "NaN", "inf", "NA", ".", "X"),
    *("1,5", "1.203", "007", "A", "a", "Ａ", "fox", "Homo sapiens", "é", "e\u0301", "\u202e"),
    *("\u200b", "٣", "\U0001f98a", "#N/A", "=1+1", "2021-05-01", "2021-02-30", "1.5.21", "44317"),
    *("13/13/2021", "0001-01-01", "9999-12-31", "2021-05-01T00:00:00+99:99", "2021-05-01 25:00"),
    *("2021-05-01T10:00:00Z", "1970-01-01 00:00:00", "46°48'43\"N", "true", "\x85", "Z" * 2000),
    *("a\nb", 'a"b', "a;b"),
]  # fmt: skip


def spoilt(raw, rng, others=()):
    """One to four changes of the bytes, the lines or the cells; `others` are files to splice in."""
    for _ in range(rng.randint(1, 4)):
        raw = rng.choice(WAYS)(raw, rng, others)
    return raw


def _flip(raw, rng, others):
    data = bytearray(raw)
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def _insert(raw, rng, others):
    at = rng.randrange(len(raw) + 1) if rng.random() < 0.8 else 0
    return raw[:at] + rng.choice(BYTES) + raw[at:]


def _cut_out(raw, rng, others):
    at = rng.randrange(len(raw) + 1)
    return raw[:at] + raw[at + rng.randint(1, 12) :]


def _cut_off(raw, rng, others):
    return raw[: rng.randrange(len(raw) + 1)] if rng.random() < 0.3 else raw


def _repeat(raw, rng, others):
    at = rng.randrange(len(raw) + 1)
    return raw[:at] + raw[at : at + rng.randint(1, 60)] + raw[at:]


def _splice(raw, rng, others):
    other = rng.choice(others) if others else raw
    at, there = rng.randrange(len(raw) + 1), rng.randrange(len(other) + 1)
    return raw[:at] + other[there : there + rng.randint(1, 80)] + raw[at:]


def _lines(raw, rng, others):
    """Lines lost, doubled, swapped."""
    lines = raw.split(b"\n")
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(3):
        case 0:
            del lines[i]
        case 1:
            lines.insert(j, lines[i])
        case _:
            lines[i], lines[j] = lines[j], lines[i]
    return b"\n".join(lines)


def _columns(raw, rng, others):
    """A column swapped with another, doubled or lost; or a header renamed."""
    rows, sign = _parsed(raw)
    width = min(map(len, rows), default=0)
    if width < 2:
        return raw
    i, j = rng.sample(range(width), 2)
    kind = rng.randrange(4)
    if kind == 3:
        rows[0][i] = rng.choice([*CELLS, *rows[0]])
    else:
        for row in rows:
            if kind == 0:
                row[i], row[j] = row[j], row[i]
            elif kind == 1:
                row.insert(j, row[i])
            else:
                del row[i]
    return _written(rows, sign)


def _cell(raw, rng, others):
    """A cell, or a whole column below the header, takes a value that nobody expects there."""
    rows, sign = _parsed(raw)
    if len(rows) < 2 or not rows[1]:
        return raw
    value = rng.choice(CELLS)
    at = rng.randrange(len(rows[1]))
    below = rows[1:] if rng.random() < 0.2 else [rng.choice(rows[1:])]
    for row in below:
        if at < len(row):
            row[at] = value
    return _written(rows, sign)


def _parsed(raw):
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return [], ","
    head = text.split("\n", 1)[0]
    sign = max(",;\t", key=head.count)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=sign)), sign
    except csv.Error:
        return [], ","


def _written(rows, sign):
    out = io.StringIO()
    csv.writer(out, delimiter=sign, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


# Cells and columns come up more often: they leave more of the file to be read.
WAYS = [_flip, _insert, _cut_out, _cut_off, _repeat, _splice, _lines, *[_columns] * 2, *[_cell] * 5]


class Reader:
    """A study in a folder that is read again and again with other content."""

    def __init__(self, folder, seed):
        self.folder, self.seed = folder, seed
        folder.mkdir(exist_ok=True)
        (folder / "study.toml").write_text(seed.toml, encoding="utf-8")
        self.put(seed.files)
        self.study = read_study(folder)

    def put(self, files):
        for name, content in files.items():
            (self.folder / name).write_bytes(content)

    def read(self, whole=True):
        """What was read and its ledger, or None and the error; any other exception is a fault.

        Not `whole`: up to the tidy tables, which hold all that a file can spoil; the projection
        of coordinates, which follows, takes ten times as long as all that went before.
        """
        study = replace(self.study, ledger=Ledger(), folded_sites=None)
        found, refusal = None, None
        with time_limit(LONGEST_SECONDS):
            try:
                found = dataset(study) if whole else tables(study, study.ledger)
            except SurveyError as error:
                refusal = error
        if found is None:
            assert str(refusal)
            assert all(p.fact and p.code for p in refusal.problems)
            # A fault of the program, not of the file, has a code of its own.
            assert not any("E901" <= p.code <= "E909" for p in refusal.problems), str(refusal)
            return None, refusal
        seen = np.asarray(found["detection"] if whole else found.records["detection"], dtype=float)
        assert np.isin(seen[~np.isnan(seen)], range(1000)).all()
        return found, study.ledger.balance()

    def spoilt_read(self, rng):
        """Read with one file spoilt; True where it could be read all the same."""
        name = rng.choice(list(self.seed.files))
        others = list(self.seed.files.values())
        spoilt_file = spoilt(self.seed.files[name], rng, others)
        self.put({name: spoilt_file})
        try:
            return self.read(whole=rng.random() < ONE_IN)[0] is not None
        finally:
            self.put({name: self.seed.files[name]})


@contextmanager
def time_limit(seconds):
    """Raise TimeoutError where reading takes more time of the processor: no file may hang."""

    def late(*_):
        raise TimeoutError(f"reading took more than {seconds} s")

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
