"""The grammar of formulas: closed, so that no word of it can act; text to a tree.

sum     = ["~"] ["+" | "-"] item {("+" | "-") item}            item = "0" | "1" | product
product = inter {"*" inter}       inter = power {":" power}     power = primary ["^" number]
primary = column | call | varying | "(" sum ["|" by | "||" by] ")"
by      = column {("/" | ":") column}
varying = word "(" [column] ["|" by] {"," option} ")"
"""

from __future__ import annotations

from collections.abc import Iterable

from occupancy.formula.calls import Calls
from occupancy.formula.scanner import FormulaError, Token
from occupancy.formula.tree import Call, Column, Effect, Formula, Group, Part, Varying
from occupancy.terms import TERMS, WORDS

MOST_TERMS = 500
HIGHEST_POWER = 50

Key = frozenset[Part]
Effects = dict[Key, tuple[Part, ...]]  # the intercept is not among them


class Parser(Calls):
    """Reads one formula; the methods are the rules of the grammar."""

    def __init__(self, text: str):
        super().__init__(text)
        self.groups: dict[tuple[Effect | None, frozenset[Column]], Group] = {}
        self.varying: dict[str, Varying] = {}

    def formula(self) -> Formula:
        if self.sees("~"):
            self.take()
        if self.token.kind == "end":
            raise self.fault("The formula is empty. Write 1 for an intercept alone.", self.token)
        effects, intercept, _ = self.sum(outermost=True)
        if self.token.kind != "end":
            if self.sees("|", "||"):
                raise self.fault("A group stands in brackets: (1 | region).", self.token)
            if self.sees("/"):
                raise self.fault(
                    "'/' means b within a, inside a group only: (1 | a/b). "
                    "For arithmetic write I(a/b).",
                    self.token,
                )
            raise self.unexpected(f"'{self.token.text}' is not expected here.")
        ordered = sorted(effects.values(), key=len)  # main effects first, as R orders them
        fixed = tuple(Effect(parts) for parts in ordered if not _is_offset(parts))
        calls = (p for parts in ordered for p in parts if isinstance(p, Call))
        offsets = tuple(call for call in calls if _is_offset((call,)))
        groups, varying = tuple(self.groups.values()), tuple(self.varying.values())
        return Formula(intercept is not False, fixed, offsets, groups, varying)

    def sum(self, *, outermost: bool = False) -> tuple[Effects, bool | None, Token]:
        """Effects; whether the intercept was stated (None: not); the token that stated it."""
        effects: Effects = {}
        intercept: bool | None = None
        stated = self.token
        first = True
        while first or self.sees("+", "-"):
            removes = False
            if self.sees("+", "-"):
                removes = self.take().text == "-"
            first = False
            start = self.token
            if start.kind == "number":
                stated, intercept = start, self.constant(removes=removes)
                continue
            item = self.product(outermost=outermost)
            if item is None:  # a group, kept aside
                if removes:
                    raise self.fault("A group cannot be taken away: leave it out.", start)
                continue
            for key, parts in item.items():
                if not removes:
                    effects.setdefault(key, parts)
                elif effects.pop(key, None) is None:
                    raise self.fault(
                        f"There is no {Effect(parts)} before this to take away.", start
                    )
            self.limit(len(effects) + len(self.groups), start)
        return effects, intercept, stated

    def constant(self, *, removes: bool) -> bool:
        """`1`, `0` or `-1`: whether the intercept stays."""
        token = self.take()
        if (
            token.value not in (0, 1)
            or token.text not in ("0", "1")
            or (removes and not token.value)
        ):
            raise self.fault(
                f"The number {token.text} has no meaning here: only 1 (intercept), 0 and -1 "
                "(no intercept). For arithmetic write I(...).",
                token,
            )
        if self.sees("*", ":", "^", "/"):
            raise self.fault(
                f"{token.text} cannot be combined. For arithmetic write I(...).", self.token
            )
        return bool(token.value) and not removes

    def limit(self, n: int, token: Token) -> None:
        if n > MOST_TERMS:
            raise self.fault(f"The formula grows to more than {MOST_TERMS} terms.", token)

    def product(self, *, outermost: bool) -> Effects | None:
        left = self.interaction(outermost=outermost)
        while self.sees("*"):
            sign = self.take()
            right = self.interaction()
            both = self.cross(left, right, sign)
            left = {**self.all_of(left, sign), **self.all_of(right, sign)} | both
            self.limit(len(left), sign)
        return left

    def interaction(self, *, outermost: bool = False) -> Effects | None:
        left = self.power(outermost=outermost)
        while self.sees(":"):
            sign = self.take()
            left = self.cross(left, self.power(), sign)
        return left

    def power(self, *, outermost: bool = False) -> Effects | None:
        base = self.primary(outermost=outermost)
        if not self.sees("^"):
            return base
        sign, token = self.take(), self.take()
        base = self.all_of(base, sign)
        if len(base) < 2:
            raise self.squared(base, sign, token)
        if (
            token.kind != "number"
            or token.value != int(token.value)
            or not 1 <= token.value <= HIGHEST_POWER
        ):
            raise self.fault(
                f"After ^ stands a whole number from 1 to {HIGHEST_POWER}: (a + b)^2 is a, b "
                "and their interaction.",
                token,
            )
        result = dict(base)
        for _ in range(int(token.value) - 1):
            grown = result | self.cross(result, base, sign, same=True)
            if len(grown) == len(result):
                break
            result = grown
        return result

    def squared(self, base: Effects, sign: Token, power: Token) -> FormulaError:
        what = " * ".join(str(p) for parts in base.values() for p in parts) or "x"
        number = power.text if power.kind == "number" else "2"
        inside = f"({what})" if " * " in what else what
        return self.fault(
            f"'^' outside I() would only repeat the same effect. For the power of {what} "
            f"write I({inside}^{number}).",
            sign,
        )

    def all_of(self, effects: Effects | None, sign: Token) -> Effects:
        """Effects that may be combined: neither a group nor an offset."""
        if effects is None:
            raise self.fault(f"A group cannot be combined with '{sign.text}': add it with +.", sign)
        if any(_is_offset(parts) for parts in effects.values()):
            raise self.fault(
                f"An offset cannot be combined with '{sign.text}': add it with +.", sign
            )
        return effects

    def cross(
        self, left: Effects | None, right: Effects | None, sign: Token, *, same: bool = False
    ) -> Effects:
        """Every interaction between the two sides."""
        left, right = self.all_of(left, sign), self.all_of(right, sign)
        if not same and len(left) == len(right) == 1 and left.keys() == right.keys():
            what = next(iter(left.values()))
            if len(what) == 1:
                raise self.fault(
                    f"{what[0]} cannot interact with itself. For its square write I({what[0]}^2).",
                    sign,
                )
        crossed: Effects = {}
        for one in left.values():
            for other in right.values():
                parts = tuple(dict.fromkeys((*one, *other)))
                crossed.setdefault(frozenset(parts), parts)
                self.limit(len(crossed), sign)
        return crossed

    def primary(self, *, outermost: bool) -> Effects | None:
        token = self.token
        if token.kind == "name" and self.calls() and token.text in WORDS:
            if not outermost:
                raise self.fault(f"{token.text}() stands on its own: add it with +.", token)
            self.structured()
            return None
        if token.kind == "name":
            part = self.call() if self.calls() else Column(self.take().text)
            if isinstance(part, Call) and _is_offset((part,)) and not outermost:
                raise self.fault("An offset stands on its own: add it with +.", token)
            return {frozenset([part]): (part,)}
        if self.sees("("):
            return self.brackets(outermost=outermost)
        if token.kind == "number":
            raise self.fault(
                f"{token.text} cannot be combined. For arithmetic write I(...).", token
            )
        if token.kind == "text":
            raise self.fault(f"A text in quotes is no column. Write {Column(token.text)}.", token)
        if token.kind == "end":
            raise self.fault("The formula ends where a term should follow.", token)
        raise self.unexpected(f"A column or function should stand here, not '{token.text}'.")

    def brackets(self, *, outermost: bool) -> Effects | None:
        opened = self.take()
        self.deeper(opened)
        effects, intercept, stated = self.sum()
        self.depth -= 1
        if self.sees("|", "||"):
            if not outermost:
                raise self.fault("A group stands on its own: add it with +.", opened)
            self.group(effects, intercept is not False, opened)
            return None
        self.close(opened, "(")
        if intercept is not None:
            raise self.fault("Write the intercept (0, 1, -1) outside the brackets.", stated)
        return effects

    def group(self, effects: Effects, intercept: bool, opened: Token) -> None:
        """`... | a/b)`: one group for each thing that varies and each level of nesting."""
        bar = self.take()
        nested = self.by()
        self.close(opened, "the group")
        varying: list[Effect | None] = [None] if intercept else []
        varying += [Effect(parts) for parts in sorted(effects.values(), key=len)]
        if not varying:
            raise self.fault("Nothing varies in this group. Write (1 | region).", opened)
        by: tuple[Column, ...] = ()
        for step in nested:
            by = tuple(dict.fromkeys((*by, *step)))
            if bar.text == "|" and len(varying) > 1:
                self.add_varying(Varying("correlated", by=by, effects=tuple(varying)), opened)
                continue
            for effect in varying:
                self.groups.setdefault((effect, frozenset(by)), Group(effect, by))
        self.limit(len(self.groups), opened)

    def structured(self) -> None:
        """`spline(year)`, `ar1(season | region)`, `space(ele, basis=20)`."""
        name = self.take()
        word = WORDS[name.text]
        opened = self.take()
        self.deeper(opened)
        inside: list[Column] = []
        following = self.tokens[min(self.at + 1, len(self.tokens) - 1)]
        if self.token.kind == "name" and following.text != "=":
            if self.calls():
                alone = f"{name.text}() takes a column alone, without functions."
                raise self.fault(alone, self.token)
            inside.append(Column(self.take().text))
        if len(inside) < word.fewest:
            raise self.fault(f"{name.text}() needs a column: {word.example}.", self.token)
        if len(inside) > word.most:
            raise self.fault(f"{name.text}() takes no column: {word.example}.", name)
        nested: list[tuple[Column, ...]] = [()]
        if self.sees("|"):
            bar = self.take()
            if not word.grouped:
                raise self.fault(f"{name.text}() has no groups: {word.example}.", bar)
            nested = self.by()
            if len(nested) > 1:
                raise self.fault("One grouping stands here: a, or a:b.", bar)
        arguments = self.options(name, word, first=not (inside or nested[0]))
        self.close(opened, f"{name.text}()")
        self.depth -= 1
        node = Varying(name.text, tuple(inside), nested[0], (), arguments, word.reads)
        self.add_varying(node, name)

    def add_varying(self, node: Varying, token: Token) -> None:
        """Keep a term; the same name twice would be two effects that nothing tells apart."""
        if node.name in self.varying and self.varying[node.name] != node:
            raise self.fault(f"{node.name} is there twice, with different options.", token)
        self.varying[node.name] = node
        self.limit(len(self.varying), token)

    def by(self) -> list[tuple[Column, ...]]:
        """Read the steps of nesting: a:b/c gives (a, b) and (c)."""
        steps: list[tuple[Column, ...]] = [()]
        while True:
            token = self.token
            if token.kind == "name" and self.calls():
                raise self.fault("A group is made by columns alone, without functions.", token)
            if token.kind != "name":
                raise self.unexpected(
                    "After | stands the column that makes the groups: (1 | region).", token
                )
            steps[-1] = (*steps[-1], Column(self.take().text))
            if self.sees("/"):
                self.take()
                steps.append(())
            elif self.sees(":"):
                self.take()
            elif self.sees("+", "*"):
                raise self.fault(
                    "Write each grouping in brackets of its own: (1 | a) + (1 | b).", self.token
                )
            else:
                return steps


def _is_offset(parts: Iterable[Part]) -> bool:
    return any(isinstance(p, Call) and TERMS[p.function].gives == "offset" for p in parts)
