"""Priors as statements: "between 0.05 and 0.4", read by a closed grammar, solved for the link.

between A and B                            5 % of the prior below A, 5 % above B
below A; above A                           5 % beyond A
about A, give or take D                    median A, 90 % between A - D and A + D
about A, within a factor of F              90 % between A / F and A F, median A
about A, worth N sites                     mean A, as strong as what N sites would have told
between A and B times [per sd | per unit]  an effect: factor of the odds (rate), likewise "about"

Each end that a statement names has 5 % of the prior beyond it. Numbers may be percentages.
A statement is text about a parameter on its own scale; what prior it is depends on the link and
on the column, which `occupancy.priors.stated` knows.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from surveys.problems import ModelError, plain

LONGEST = 200
NUMBER = r"[+-]?(?:[0-9]{1,30}\.?[0-9]{0,30}|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,3})?"
OF = ("sites", "site", "visits", "visit", "surveys", "survey", "observations", "observation")
_TAIL = r"(?P<times>\s+times)?(?:\s+per\s+(?P<per>sd|unit))?"
_FORMS = (
    re.compile(rf"(?P<form>between)\s+(?P<a>{NUMBER})\s*(?P<pa>%)?\s+and\s+"
               rf"(?P<b>{NUMBER})\s*(?P<pb>%)?{_TAIL}"),
    re.compile(rf"(?P<form>below|above)\s+(?P<a>{NUMBER})\s*(?P<pa>%)?{_TAIL}"),
    re.compile(rf"(?P<form>about)\s+(?P<a>{NUMBER})\s*(?P<pa>%)?(?P<times>\s+times)?(?:\s*,\s*|\s+)"
               r"(?:(?P<how>give\s+or\s+take|within\s+a\s+factor\s+of|worth)\s+"
               rf"(?P<b>{NUMBER})\s*(?P<pb>%)?(?:\s+(?P<of>{'|'.join(OF)}))?)"
               r"(?:\s+per\s+(?P<per>sd|unit))?"),
)  # fmt: skip
FIRST = ("between", "below", "above", "about")
OPENS = re.compile(r"\s*(between|below|above|about)(?![A-Za-z_(])")
HOW = {"give": "take", "within": "factor", "worth": "worth"}
SAID = {"take": "give or take", "factor": "within a factor of", "worth": "worth"}
SENTENCES = (
    '"between 0.05 and 0.4", "below 0.3", "about 0.2, give or take 0.1", "about 0.2, worth 20 '
    'sites", for an effect "between 0.5 and 2 times per sd"'
)


@dataclass(frozen=True)
class Statement:
    """What a sentence says: its form, its numbers, and what an effect is counted by.

    Attributes
    ----------
    form : "between", "below", "above" or "about"
    a, b : float
        The ends; of "about" the middle and its strength; b is 0 where there is one number.
    how : "", "take", "factor" or "worth"
        What the strength of "about" is.
    times : bool
        Whether it speaks of a factor: an effect.
    per : "", "sd" or "unit"
    """

    form: str
    a: float
    b: float = 0.0
    how: str = ""
    times: bool = False
    per: str = ""

    def to_text(self) -> str:
        """Text that `read` reads as the same statement."""
        a, b = _number(self.a), _number(self.b)
        times = " times" if self.times else ""
        per = f" per {self.per}" if self.per else ""
        if self.form == "between":
            return f"between {a} and {b}{times}{per}"
        if self.form == "about":
            of = " sites" if self.how == "worth" else ""
            return f"about {a}{times}, {SAID[self.how]} {b}{of}{per}"
        return f"{self.form} {a}{times}{per}"

    def __str__(self) -> str:
        return self.to_text()


def is_statement(text: object) -> bool:
    """Whether a text begins as a statement does, so that its errors should be told as one."""
    return isinstance(text, str) and OPENS.match(text) is not None


def read(text: str) -> Statement:
    """Read a statement; nothing is evaluated.

    Raises
    ------
    ModelError
        It is none; the message says what was understood, and how to write it.
    """
    if len(text) > LONGEST:
        raise ModelError(f"A prior is a text of at most {LONGEST} signs.")
    found = next((m for form in _FORMS if (m := form.fullmatch(text.strip()))), None)
    if found is None:
        raise ModelError(_why_not(text.strip()))
    got = found.groupdict()
    of_about = got["form"] == "about"
    how = HOW[got["how"].split()[0]] if of_about else ""
    if how == "worth":
        if got.get("pb") or not got["of"]:
            raise ModelError(f'"{text.strip()}" does not say of what: write "worth 20 sites".')
    elif got.get("of"):
        raise ModelError(f'"{text.strip()}": only "worth" counts {got["of"]}.')
    share_b = bool(got.get("pb"))
    # "between 5 and 40 %" means 5 %; "about 30 %, within a factor of 2" is no 2 %.
    share_a = bool(got["pa"]) or (got["form"] == "between" and share_b)
    if got["pa"] and got.get("b") and not share_b and (got["form"] == "between" or how == "take"):
        raise ModelError(f'"{text.strip()}" has one number in % and one not; write both alike.')
    if how == "take" and share_b and not share_a:
        raise ModelError(f'"{text.strip()}" has one number in % and one not; write both alike.')
    if how == "factor" and share_b:
        raise ModelError(f'"{text.strip()}": a factor is a number such as 2, not a percentage.')
    if (share_a or share_b) and got["times"]:
        raise ModelError(f'"{text.strip()}": an effect is a factor such as 2 times, without %.')
    a, b = float(got["a"]), float(got["b"]) if got.get("b") else 0.0
    if not math.isfinite(a) or not math.isfinite(b):
        raise ModelError(f'"{text.strip()}" has a number too large to hold.')
    return Statement(
        got["form"],
        a / 100 if share_a else a,
        b / 100 if share_b else b,
        how,
        bool(got["times"]),
        got["per"] or "",
    )


def _why_not(text: str) -> str:
    """What is wrong with a sentence that no form fits, with the cure."""
    said = f'"{plain(text)}" is not a statement that is known'
    if re.search(r"[0-9],[0-9]", text):
        return f"{said}: write decimals with a point, 0.05 rather than 0,05."
    if re.fullmatch(rf"about\s+{NUMBER}\s*%?(\s+times)?", text):
        told = "within a factor of 2" if "times" in text else "give or take 0.1"
        return f'{said}: it does not say how sure you are. Write "{plain(text)}, {told}"' + (
            "." if "times" in text else ' or ", worth 20 sites".'
        )
    if any(sign in text for sign in "\u2212\u2013\u2014"):
        return f"{said}: it has a dash that is no minus sign; type - from the keyboard."
    return f"{said}. Known: {SENTENCES}."


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
