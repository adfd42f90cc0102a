"""Trees of species in the Newick notation, read by a closed grammar; text is data.

tree   = branch ";"
branch = ("(" branch {"," branch} ")" [label] | label) [":" length]
label  = plain | "'" anything, with '' for a quote "'"

Comments in [ ] are skipped. In a plain label "_" stands for a blank, as everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from surveys.problems import Problem, SurveyError, did_you_mean, listing

LONGEST = 20_000_000  # signs; the trees of all birds or all mammals have a fraction of it
TOKEN = re.compile(
    r"\s+|\[[^\]]*\]|(?P<sign>[(),:;])|'(?P<quoted>(?:[^']|'')*)'|(?P<plain>[^\s()\[\]',:;]+)"
)
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Tree:
    """Branches of a tree, each below its parent; the root is the first.

    Attributes
    ----------
    parent : (branch,) int64
        -1 for the root. A parent comes before its branches.
    length : (branch,) float64
        NaN where none is written.
    label : (branch,) text
        "" where there is none.
    """

    parent: np.ndarray
    length: np.ndarray
    label: tuple[str, ...]

    @property
    def tips(self) -> np.ndarray:
        """Places of the branches that end in a species."""
        return np.setdiff1d(np.arange(len(self.label)), self.parent)


def parse(text: str, file: str = "the tree") -> Tree:
    """Read one tree.

    Raises
    ------
    SurveyError
        The text is no tree; the message shows where.
    """
    if len(text) > LONGEST:
        raise _fault(file, f"it has more than {LONGEST} signs")
    parent, length, label = [-1], [np.nan], [""]
    here, state, at, ended = 0, "branch", 0, False
    # state: what may come next. branch: "(" or a label; named: after ")"; done: ":" "," ")" ";"
    while at < len(text):
        found = TOKEN.match(text, at)
        if found is None:
            raise _fault(file, "a sign that cannot stand there", text, at)
        start, at = at, found.end()
        sign, quoted, plain = found["sign"], found["quoted"], found["plain"]
        if sign is None and quoted is None and plain is None:
            continue
        if ended:
            raise _fault(file, "text after the ; that ends the tree", text, start)
        word = plain.replace("_", " ") if plain is not None else None
        word = quoted.replace("''", "'") if quoted is not None else word
        if word is not None and state in ("branch", "named"):
            label[here], state = word.strip(), "done"
        elif word is not None and state == "length" and plain and NUMBER.fullmatch(plain):
            length[here], state = float(plain), "measured"
        elif sign == "(" and state == "branch":
            here = _add(here, parent, length, label)
        elif sign == ":" and state in ("branch", "named", "done"):
            state = "length"
        elif sign in (",", ")") and state in ("branch", "named", "done", "measured") and here:
            here = int(parent[here])
            if sign == ",":
                here, state = _add(here, parent, length, label), "branch"
            else:
                state = "named"
        elif sign == ";" and state in ("named", "done", "measured") and here == 0:
            ended = True
        else:
            raise _fault(file, f"'{found[0]}' is not expected there", text, start)
    if not ended:
        raise _fault(file, "it ends before its ;", text, len(text))
    return Tree(np.array(parent, np.int64), np.array(length), tuple(label))


def _add(here: int, parent: list[int], length: list[float], label: list[str]) -> int:
    parent.append(here)
    length.append(np.nan)
    label.append("")
    return len(parent) - 1


def _fault(file: str, fact: str, text: str = "", at: int = 0) -> SurveyError:
    near = text[max(0, at - 20) : at + 20].replace("\n", " ")
    where = f" (sign {at + 1}, near '{near}')" if text else ""
    return SurveyError(
        Problem(
            code="E165",
            file=file,
            fact=f"{file} is no tree in the Newick notation: {fact}{where}",
            cure="export it as Newick, such as ((a:1,b:1):2,c:3);",
        )
    )


def shared_lengths(tree: Tree, species: Sequence[str], file: str = "the tree") -> np.ndarray:
    """(species, species) length of the way from the root that two species have in common.

    It is the covariance of a trait that drifts along the branches (Brownian motion).

    Raises
    ------
    SurveyError
        A species is not in the tree or is there twice, or a branch on its way has no length.
    """
    place = _find(tree, species, file)
    needed: set[int] = set()
    ways = []
    for tip in place:
        way, at = [], int(tip)
        while at > 0:  # the root's own length is common to all, and tells nothing
            way.append(at)
            at = int(tree.parent[at])
        ways.append(way)
        needed.update(way)
    lost = [b for b in needed if not (np.isfinite(tree.length[b]) and tree.length[b] >= 0)]
    if lost:
        names = listing([tree.label[b] or "a branch between" for b in sorted(lost)])
        raise SurveyError(
            Problem(
                code="E166",
                file=file,
                fact=f"{file}: {len(lost)} of the branches that the surveyed species need have no "
                f"length of 0 or more ({names})",
                cure="take a dated tree, or give every branch a length",
            )
        )
    held: dict[int, list[int]] = {}
    for s, way in enumerate(ways):
        for branch in way:
            held.setdefault(branch, []).append(s)
    out = np.zeros((len(ways), len(ways)))
    for branch, own in held.items():
        out[np.ix_(own, own)] += tree.length[branch]
    if (np.diag(out) <= 0).any():
        alone = listing([s for s, d in zip(species, np.diag(out), strict=True) if d <= 0])
        fact = f"{file}: {alone} has no length between it and the root"
        raise SurveyError(Problem(code="E166", file=file, fact=fact, cure="take a dated tree"))
    return out


def _find(tree: Tree, species: Sequence[str], file: str) -> list[int]:
    """Places of the species among the tips; blanks and capitals may differ."""
    known: dict[str, list[int]] = {}
    for tip in tree.tips:
        known.setdefault(_bare(tree.label[tip]), []).append(int(tip))
    missing = [s for s in species if _bare(s) not in known]
    if missing:
        near = did_you_mean(missing[0], [tree.label[t] for t in tree.tips])
        fact = f"{file} has no {listing(missing)}.{near}"
        cure = "write the names as the tree has them, or rename its tips"
        raise SurveyError(Problem(code="E166", file=file, fact=fact, cure=cure))
    twice = [s for s in species if len(known[_bare(s)]) > 1]
    if twice:
        fact = f"{file} has {listing(twice)} more than once"
        cure = "leave one tip of each"
        raise SurveyError(Problem(code="E166", file=file, fact=fact, cure=cure))
    return [known[_bare(s)][0] for s in species]


def _bare(name: str) -> str:
    return " ".join(name.replace("_", " ").split()).casefold()
