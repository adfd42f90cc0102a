"""The functions of the formula language: one file each, named in the table below.

To add one: write a file with a class that fulfils `Term` in base.py, and add its line to `TERMS`.
The parser then knows its name and options, the design its columns, labels and memory; saving,
prediction and the error messages follow.
"""

from __future__ import annotations

from occupancy.terms.base import Option, Term, Word
from occupancy.terms.center import Center
from occupancy.terms.exp import Exp
from occupancy.terms.factor import Factor
from occupancy.terms.identity import Identity
from occupancy.terms.log import Log
from occupancy.terms.offset import Offset
from occupancy.terms.poly import Poly
from occupancy.terms.scale import Scale
from occupancy.terms.sqrt import Sqrt

TERMS: dict[str, Term] = {
    "scale": Scale(),
    "center": Center(),
    "log": Log(),
    "sqrt": Sqrt(),
    "exp": Exp(),
    "poly": Poly(),
    "factor": Factor(),
    "offset": Offset(),
    "I": Identity(),
}

# What varies with structure; the meaning of each is in `occupancy.varying`.
WORDS: dict[str, Word] = {
    "icar": Word("icar", "icar(region)", fewest=1),
    "bym2": Word("bym2", "bym2(region)", fewest=1),
    "factors": Word(
        "factors",
        "factors(2)",
        most=0,
        options=(Option("k", "whole", bare=True, lowest=1, highest=10),),
        reads=("species", "site"),
    ),
    "phylo": Word("phylo", "phylo(species)", fewest=1),
}

__all__ = ["TERMS", "WORDS", "Option", "Term", "Word"]
