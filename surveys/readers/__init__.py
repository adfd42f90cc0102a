"""One survey format a file: `detect(tables)` says whether it fits, `read(study, ledger)` reads it.

A new format is one new file here and one line in READERS.
"""

from surveys.readers import long, wide

READERS = {
    "wide": wide,
    "long": long,
}
