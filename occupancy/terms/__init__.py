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
    word.name: word
    for word in (
        Word(
            "spline",
            "spline(elevation), spline(elevation | region)",
            fewest=1,
            grouped=True,
            options=(
                Option("basis", "whole", 10, lowest=3, highest=100),
                Option("line", "number", 1.5, lowest=0.001, highest=1000),
            ),
        ),
        Word(
            "cyclic",
            "cyclic(day, period=365), cyclic(hour | habitat, period=24)",
            fewest=1,
            grouped=True,
            options=(
                Option("period", "number", lowest=1e-6, highest=1e9),
                Option("harmonics", "whole", 4, lowest=2, highest=30),
                Option("wave", "number", 1.5, lowest=0.001, highest=1000),
            ),
        ),
        Word(
            "rw",
            "rw(season), rw(season | region)",
            fewest=1,
            grouped=True,
            options=(
                Option("order", "whole", 1, lowest=1, highest=2),
                Option("line", "number", 1.5, lowest=0.001, highest=1000),
            ),
        ),
        Word("ar1", "ar1(season), ar1(season | region)", fewest=1, grouped=True),
        Word(
            "space",
            'space(), space(ele), space(basis=20), space(kind="nngp")',
            options=(
                Option("kind", "text", "auto", choices=("auto", "hsgp", "nngp")),
                Option(
                    "smoothness",
                    "text",
                    "matern32",
                    choices=("exponential", "matern32", "matern52", "gaussian"),
                ),
                Option("basis", "whole", 0, lowest=4, highest=200),
                Option("boundary", "number", 1.5, lowest=1.05, highest=5),
                Option("neighbours", "whole", 10, lowest=2, highest=30),
            ),
            reads=("easting", "northing"),
        ),
        Word("icar", "icar(region)", fewest=1),
        Word("bym2", "bym2(region)", fewest=1),
    )
}

__all__ = ["TERMS", "WORDS", "Option", "Term", "Word"]
