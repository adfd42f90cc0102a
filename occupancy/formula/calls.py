"""The grammar inside functions: arithmetic on columns, and options that are literals.

call   = name "(" sum {"," option} ")"     option = [name "="] (["-"] number | text | TRUE | FALSE)
sum    = product {("+" | "-") product}     product = signed {("*" | "/") signed}
signed = "-" signed | raised               raised  = atom ["^" signed]
atom   = number | column | call | "(" sum ")"
"""

from __future__ import annotations

from occupancy.formula.cursor import DEEPEST, Cursor
from occupancy.formula.scanner import Token
from occupancy.formula.tree import Argument, Arithmetic, Call, Column, Number, Value, columns_in
from occupancy.terms import TERMS, WORDS
from occupancy.terms.base import Term, Word
from surveys.problems import listing, nearest

FLAGS = {"TRUE": 1, "True": 1, "true": 1, "FALSE": 0, "False": 0, "false": 0}


class Calls(Cursor):
    """Reads one call; the methods are the rules of the grammar."""

    def call(self, *, inside: str = "") -> Call:
        name = self.take()
        if name.text in WORDS:
            raise self.fault(f"{name.text}() cannot stand inside {inside or 'another term'}.", name)
        term = TERMS.get(name.text)
        if term is None:
            known = [*TERMS, *WORDS]
            near = nearest(name.text, known)
            hint = f" Did you mean '{near}'?" if near else f" Known: {listing(known, 30)}."
            raise self.fault(
                f"'{name.text}' is not a function of the formula language.{hint}", name
            )
        if inside and not term.nests:
            raise self.fault(f"{name.text}() cannot stand inside {inside}().", name)
        opened = self.take()
        self.deeper(opened)
        start = self.token
        value, _ = self.arithmetic(name.text)
        if term.takes == "column" and not isinstance(value, Column):
            raise self.fault(f"{name.text}() takes the name of one column.", start)
        if next(columns_in(value), None) is None:
            raise self.fault(f"There is no column inside {name.text}().", start)
        arguments = self.options(name, term)
        self.close(opened, f"{name.text}()")
        self.depth -= 1
        return Call(name.text, value, arguments)

    def options(
        self, function: Token, term: Term | Word, *, first: bool = False
    ) -> tuple[Argument, ...]:
        """Read the options, in the order of the table; those at their default are left out.

        ``first`` where nothing stands before them, so that the first has no comma.
        """
        given: dict[str, int | float | str] = {}
        bare = [o.name for o in term.options if o.bare]
        names = [o.name for o in term.options]
        while self.sees(",") or (first and not given and not self.sees(")")):
            comma = self.take() if self.sees(",") else self.token
            token = self.token
            following = self.tokens[min(self.at + 1, len(self.tokens) - 1)]
            if token.kind == "name" and following.text == "=" and following.kind == "operator":
                self.take()
                self.take()
                name = token.text
                if name not in names:
                    near = nearest(name, names)
                    known = f"Known: {listing(names)}." if names else "It has none."
                    hint = f"Did you mean '{near}'?" if near else known
                    raise self.fault(f"{function.text}() has no option '{name}'. {hint}", token)
            elif bare:
                name = bare[0]
            else:
                raise self.fault(f"{function.text}() takes nothing more without a name.", comma)
            if name in given:
                raise self.fault(f"{name} is given twice.", token)
            bare = [b for b in bare if b != name]
            place = self.token
            given[name] = self.literal()
            option = next(o for o in term.options if o.name == name)
            fault = option.check(given[name])
            if fault:
                raise self.fault(f"In {function.text}(), {fault}.", place)
        if given and self.sees("|") and isinstance(term, Word) and term.grouped:
            told = ", ".join(f"{k}={v!r}" for k, v in given.items()).replace("'", '"')
            raise self.fault(
                f"A group stands before the options: {function.text}(x | group, {told}).",
                self.token,
            )
        for option in term.options:
            if option.default is None and option.name not in given:
                own = isinstance(term, Word)
                example = term.example if own else f"{function.text}(x, {option.name})"
                raise self.fault(
                    f"{function.text}() needs its {option.name}: {example}.", self.token
                )
        return tuple(
            Argument(o.name, given[o.name], o.bare)
            for o in term.options
            if o.name in given and given[o.name] != o.default
        )

    def literal(self) -> int | float | str:
        sign = -1 if self.sees("-") else 1
        if sign < 0:
            self.take()
        token = self.token
        if token.kind == "number":
            self.take()
            return sign * token.value
        if sign > 0 and token.kind == "text":
            return self.take().text
        if sign > 0 and token.kind == "name" and token.text in FLAGS:
            self.take()
            return FLAGS[token.text]
        raise self.fault("A number or a text in quotes should stand here.", token)

    def arithmetic(self, function: str, lowest: int = 1) -> tuple[Value, int]:
        """Read a value and the height of its tree; `lowest` binds the weakest operator taken."""
        left, height = self.signed(function)
        while True:
            if lowest <= 1 and self.sees("+", "-"):
                sign = self.take()
                right, other = self.arithmetic(function, 2)
            elif lowest <= 2 and self.sees("*", "/"):
                sign = self.take()
                right, other = self.signed(function)
            else:
                return left, height
            left, height = Arithmetic(sign.text, left, right), max(height, other) + 1
            self.high(height, sign)

    def signed(self, function: str) -> tuple[Value, int]:
        if not self.sees("-"):
            return self.raised(function)
        sign = self.take()
        self.deeper(sign)
        value, height = self.signed(function)
        self.depth -= 1
        return Arithmetic("-", None, value), height + 1

    def raised(self, function: str) -> tuple[Value, int]:
        base, height = self.atom(function)
        if not self.sees("^"):
            return base, height
        sign = self.take()
        self.deeper(sign)
        power, other = self.signed(function)
        self.depth -= 1
        height = max(height, other) + 1
        self.high(height, sign)
        return Arithmetic("^", base, power), height

    def high(self, height: int, token: Token) -> None:
        if height > DEEPEST:
            raise self.fault(f"More than {DEEPEST} operations in one expression.", token)

    def atom(self, function: str) -> tuple[Value, int]:
        token = self.token
        if token.kind == "number":
            return Number(self.take().value), 1
        if token.kind == "name":
            if self.calls():
                call = self.call(inside=function)
                return call, 1 + _height(call.inside)
            return Column(self.take().text), 1
        if self.sees("("):
            opened = self.take()
            self.deeper(opened)
            value, height = self.arithmetic(function)
            self.depth -= 1
            self.close(opened, "(")
            return value, height
        if token.kind == "end":
            raise self.fault(f"The formula ends inside {function}().", token)
        if self.sees("**"):
            raise self.fault("'**' is written '^' here.", token)
        raise self.unexpected(f"A column or number should stand here, not '{token.text}'.", token)


def _height(value: Value) -> int:
    if isinstance(value, Arithmetic):
        left = 0 if value.left is None else _height(value.left)
        return 1 + max(left, _height(value.right))
    return 1 + _height(value.inside) if isinstance(value, Call) else 1
