"""The place in a formula's tokens, and the errors that point at it."""

from __future__ import annotations

from occupancy.formula.scanner import FormulaError, Token, scan

DEEPEST = 50


class Cursor:
    """Tokens of one formula, taken from left to right; what both halves of the grammar need."""

    def __init__(self, text: str):
        self.text = text
        self.tokens = scan(text)
        self.at = 0
        self.depth = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def take(self) -> Token:
        token = self.token
        self.at += token.kind != "end"
        return token

    def sees(self, *operators: str) -> bool:
        return self.token.kind == "operator" and self.token.text in operators

    def calls(self) -> bool:
        """Whether the name here is followed by an opening bracket."""
        following = self.tokens[self.at + 1]
        unquoted = self.text[self.token.start] != "`"
        return following.kind == "operator" and following.text == "(" and unquoted

    def close(self, opened: Token, what: str) -> None:
        if not self.sees(")"):
            raise self.unexpected(
                f"The bracket of {what} is not closed: a ')' is missing here.", opened
            )
        self.take()

    def deeper(self, token: Token) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.fault(f"More than {DEEPEST} brackets or signs inside one another.", token)

    def fault(self, message: str, token: Token) -> FormulaError:
        return FormulaError(message, self.text, token.start)

    def unexpected(self, otherwise: str, opened: Token | None = None) -> FormulaError:
        """Words for a token that cannot stand here."""
        token, before = self.token, self.tokens[self.at - 1] if self.at else None
        if (
            before
            and before.kind in ("name", "number")
            and token.kind in ("name", "number", "text")
        ):
            return self.fault(
                f"There is no operator between '{before.text}' and '{token.text}'. "
                f"Write {before.text} + {token.text} for both.",
                token,
            )
        if token.kind == "operator" and token.text == "~":
            return self.fault("'~' stands only at the beginning of a formula.", token)
        if token.kind == "operator" and token.text == ")" and opened is None:
            return self.fault("This ')' closes nothing.", token)
        return self.fault(otherwise, token)
