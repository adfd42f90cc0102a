"""Formula text to tokens, and the error that points at a character of it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from occupancy.formula.tree import continues_name, starts_name
from surveys.problems import ModelError, plain

LONGEST = 2000
WINDOW = 60  # characters shown before and after the place of an error
NUMBER = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
OPERATORS = ("||", "+", "-", "*", "/", "^", ":", "|", "(", ")", ",", "=", "~")
LARGEST_WHOLE = 1e15
CURES = {
    "²": " Write I(x^2) for a square.",
    "³": " Write I(x^3) for a cube.",
    "×": " Write * for both effects and their interaction.",
    "−": " Write the minus of the keyboard, -.",
    "–": " Write the minus of the keyboard, -.",
    "[": " A column with brackets in its name goes between backquotes.",
    "$": " Write the name of the column alone.",
    "%": " Write a/b inside a group for b within a.",
    "“": ' Write straight quotes, ".',
    "”": ' Write straight quotes, ".',
}


class FormulaError(ModelError):
    """A formula cannot be read; the message shows the text with a caret under `position`."""

    def __init__(self, message: str, text: str = "", position: int = 0):
        self.text = text
        self.position = position
        super().__init__(plain(message + _pointer(text, position)))


def _pointer(text: str, position: int) -> str:
    if not text.strip():
        return ""
    start = max(0, position - WINDOW)
    end = min(len(text), position + WINDOW)
    # Every unprintable sign takes one place, so that the caret stays under its character.
    shown = "".join(c if c.isprintable() else " " for c in text[start:end])
    before, after = ("..." if start else ""), ("..." if end < len(text) else "")
    return f"\n    {before}{shown}{after}\n    {' ' * (len(before) + position - start)}^"


@dataclass(frozen=True)
class Token:
    kind: Literal["name", "number", "text", "operator", "end"]
    text: str
    start: int
    value: int | float = 0


def scan(text: str) -> list[Token]:
    """Tokens of a formula, the last of kind "end"."""
    if len(text) > LONGEST:
        raise FormulaError(
            f"The formula has {len(text)} characters; the most is {LONGEST}.", text, LONGEST
        )
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        char = text[at]
        if char in " \t\r\n":
            at += 1
            continue
        token, at = _token(text, at)
        tokens.append(token)
    tokens.append(Token("end", "", len(text)))
    return tokens


def _token(text: str, at: int) -> tuple[Token, int]:
    char = text[at]
    if starts_name(char):
        end = at + 1
        while end < len(text) and continues_name(text[end]):
            end += 1
        return Token("name", text[at:end], at), end
    if char in "\"'`":
        return _quoted(text, at)
    number = NUMBER.match(text, at)
    if number:
        return _number(text, number)
    if text.startswith("**", at):
        raise FormulaError("'**' is written '^' here.", text, at)
    for operator in OPERATORS:
        if text.startswith(operator, at):
            return Token("operator", operator, at), at + len(operator)
    raise _strange(text, at)


def _number(text: str, found: re.Match[str]) -> tuple[Token, int]:
    end = found.end()
    if end < len(text) and continues_name(text[end]):
        while end < len(text) and continues_name(text[end]):
            end += 1
        whole = text[found.start() : end]
        raise FormulaError(
            f"'{whole}' is neither a number nor a name. A column whose name begins with a digit "
            f"goes between backquotes: `{whole}`.",
            text,
            found.start(),
        )
    value = float(found.group())
    if not math.isfinite(value):
        raise FormulaError(f"{found.group()} is too large a number.", text, found.start())
    if value.is_integer() and value < LARGEST_WHOLE:
        value = int(value)
    return Token("number", found.group(), found.start(), value), end


def _quoted(text: str, at: int) -> tuple[Token, int]:
    quote = text[at]
    end = text.find(quote, at + 1)
    if end < 0:
        raise FormulaError(f"The closing {quote} is missing.", text, at)
    inner = text[at + 1 : end]
    if not inner.strip() or not inner.isprintable():
        fault = "is empty" if not inner.strip() else "holds characters that cannot be seen"
        raise FormulaError(f"The text between {quote} and {quote} {fault}.", text, at)
    return Token("name" if quote == "`" else "text", inner, at), end + 1


def _strange(text: str, at: int) -> FormulaError:
    char = text[at]
    name = f"'{char}'" if char.isprintable() else f"The unseen character U+{ord(char):04X}"
    cure = CURES.get(char, " Other names than of letters, digits, _ and . go in backquotes.")
    return FormulaError(f"{name} has no meaning in a formula.{cure}", text, at)
