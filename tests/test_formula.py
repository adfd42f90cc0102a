"""Formulas: what the grammar means, what it refuses, and that no text can do more than fail."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from occupancy.formula import Column, Effect, Formula, FormulaError, Group, parse
from surveys.problems import ModelError


def written(text: str) -> str:
    return str(parse(text))


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("1", "1"),
        ("~ 1", "1"),
        ("~ele+forest", "ele + forest"),
        ("0 + ele", "0 + ele"),
        ("-1 + ele", "0 + ele"),
        ("ele - 1", "0 + ele"),
        ("ele - 1 + 1", "ele"),
        ("a*b", "a + b + a:b"),
        ("a*b*c", "a + b + c + a:b + a:c + b:c + a:b:c"),
        ("a*b + c", "a + b + c + a:b"),
        ("(a + b)^2", "a + b + a:b"),
        ("(a + b + c)^2", "a + b + c + a:b + a:c + b:c"),
        ("a*b - b", "a + a:b"),
        ("a*b - (a + b)", "a:b"),
        ("(a + b):c", "a:c + b:c"),
        ("a:b + b:a", "a:b"),
        ("a + a", "a"),
        ("a\n + b", "a + b"),
        ("`canopy height` + `2x`", "`canopy height` + `2x`"),
        ("`ele`", "ele"),
        ("Höhe + 标高", "Höhe + 标高"),
        ("ele.m + _x", "ele.m + _x"),
        ("I(ele^2)", "I(ele^2)"),
        ("I( (ele-1000)/2 )", "I((ele - 1000) / 2)"),
        ("I(-x^2)", "I(-x^2)"),
        ("I((-x)^2)", "I((-x)^2)"),
        ("I(a - (b - c))", "I(a - (b - c))"),
        ("I((a - b) - c)", "I(a - b - c)"),
        ("I(a^b^2)", "I(a^b^2)"),
        ("I((a^b)^2)", "I((a^b)^2)"),
        ("I(scale(ele)^2)", "I(scale(ele)^2)"),
        ("log(effort + 1e-3)", "log(effort + 0.001)"),
        ("poly(ele, 2)", "poly(ele, 2)"),
        ("poly(ele, degree = 2, raw=TRUE)", "poly(ele, 2, raw=1)"),
        ("poly(ele, 2, raw=0)", "poly(ele, 2)"),
        ("factor(forest, ref='oak')", 'factor(forest, ref="oak")'),
        ("factor(forest, ref='the \"old\" oak')", "factor(forest, ref='the \"old\" oak')"),
        ("ele + offset(log(area))", "ele + offset(log(area))"),
        ("(1 | region)", "1 + (1 | region)"),
        ("(1|region/park)", "1 + (1 | region) + (1 | region:park)"),
        ("(1|a/b/c)", "1 + (1 | a) + (1 | a:b) + (1 | a:b:c)"),
        ("(1|a:b/c)", "1 + (1 | a:b) + (1 | a:b:c)"),
        ("(1|a) + (1|b) + (1|a)", "1 + (1 | a) + (1 | b)"),
        ("(1|a:b) + (1|b:a)", "1 + (1 | a:b)"),
        ("ele + (ele || g)", "ele + (1 | g) + (0 + ele | g)"),
        ("(0 + ele | g)", "1 + (0 + ele | g)"),
        ("(ele | g)", "1 + (1 + ele | g)"),
        ("(0 + ele + forest | a/b)", "1 + (0 + ele + forest | a) + (0 + ele + forest | a:b)"),
        ("(ele - 1 | g)", "1 + (0 + ele | g)"),
        ("(1 + poly(ele, 2) || g)", "1 + (1 | g) + (0 + poly(ele, 2) | g)"),
    ],
)
def test_parse__reads_the_meaning_that_lme4_users_know(text, canonical):
    assert written(text) == canonical
    assert parse(canonical) == parse(text)


def test_parse__gives_plain_data():
    formula = parse("ele + ele:forest + (ele || region/park)")
    assert formula == Formula(
        intercept=True,
        effects=(Effect((Column("ele"),)), Effect((Column("ele"), Column("forest")))),
        groups=(
            Group(None, (Column("region"),)),
            Group(Effect((Column("ele"),)), (Column("region"),)),
            Group(None, (Column("region"), Column("park"))),
            Group(Effect((Column("ele"),)), (Column("region"), Column("park"))),
        ),
    )
    assert formula.variables == ("ele", "forest", "region", "park")
    assert [g.name for g in formula.groups] == [
        "region",
        "ele|region",
        "region/park",
        "ele|region/park",
    ]
    assert hash(formula) == hash(parse(str(formula)))
    assert parse(formula) is formula


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("", 0, "empty"),
        ("ele forest", 4, "Write ele + forest"),
        ("ele +", 5, "ends where a term"),
        ("ele + )", 6, "closes nothing"),
        ("(ele", 4, "')' is missing"),
        ("ele ~ forest", 4, "only at the beginning"),
        ("scal(ele)", 0, "Did you mean 'scale'?"),
        ("1e5*x", 0, "The number 1e5"),
        ("2 + x", 0, "The number 2"),
        ("1*x", 1, "cannot be combined"),
        ("2x", 0, "backquotes: `2x`"),
        ("ele^2", 3, "write I(ele^2)"),
        ("(ele)^2", 5, "write I(ele^2)"),
        ("scale(ele)^2", 10, "write I(scale(ele)^2)"),
        ("ele*ele", 3, "write I(ele^2)"),
        ("ele:ele", 3, "write I(ele^2)"),
        ("(a+b)^c", 6, "whole number"),
        ("a/b", 1, "I(a/b)"),
        ("a**2", 1, "'^'"),
        ("a - b", 4, "There is no b"),
        ("a | b", 2, "(1 | region)"),
        ("(0 | g)", 0, "Nothing varies"),
        ("(1 | a + b)", 7, "(1 | a) + (1 | b)"),
        ("(1 | factor(a))", 5, "columns alone"),
        ("(1 | )", 5, "the column that makes the groups"),
        ("ele:(1 | g)", 4, "on its own"),
        ("(ele + (1 | g))", 7, "on its own"),
        ("- (1 | g)", 2, "cannot be taken away"),
        ("(1 + ele) + b", 1, "outside the brackets"),
        ("offset(x):y", 9, "cannot be combined"),
        ("y:offset(x)", 2, "on its own"),
        ("(offset(x) || g)", 1, "on its own"),
        ("I(2)", 2, "no column"),
        ("log()", 4, "should stand here"),
        ("log(x", 5, "')' is missing"),
        ("log(x y)", 6, "no operator between"),
        ("log(x, 2)", 5, "nothing more"),
        ("log(poly(x, 2))", 4, "cannot stand inside"),
        ("factor(x + 1)", 7, "name of one column"),
        ("poly(x)", 6, "needs its degree"),
        ("poly(x, 2.5)", 8, "whole number"),
        ("poly(x, 99999999)", 8, "from 1 to 10"),
        ("poly(x, degree=2, degree=2)", 18, "twice"),
        ("poly(x, 2, rwa=1)", 11, "Did you mean 'raw'?"),
        ("poly(x, y)", 8, "number or a text"),
        ("factor(x, ref=oak)", 14, "in quotes"),
        ("factor(x, ref=1)", 14, "is a text"),
        ("'ele'", 0, "Write ele"),
        ("`ele", 0, "closing `"),
        ("``", 0, "is empty"),
        ("x²", 1, "I(x^2)"),
        ("a − b", 2, "minus of the keyboard"),
        ("I(1e999 * x)", 2, "too large"),
        ("elev\u200b", 4, "U+200B"),
        ("a[0]", 1, "'['"),
        ("a; b", 1, "';'"),
    ],
)
def test_parse__points_at_the_fault_and_tells_the_cure(text, position, words):
    with pytest.raises(FormulaError) as caught:
        parse(text)
    assert caught.value.position == position
    assert words in str(caught.value)


def test_parse__shows_the_text_with_a_caret_under_the_fault():
    with pytest.raises(FormulaError) as caught:
        parse("ele + scal(forest)")
    assert str(caught.value).splitlines()[1:] == ["    ele + scal(forest)", "          ^"]


def test_parse__shows_only_the_neighbourhood_of_a_fault_in_a_long_formula():
    text = " + ".join(f"c{i}" for i in range(100)) + " + ?" + " + d" * 100
    with pytest.raises(FormulaError) as caught:
        parse(text)
    shown, caret = str(caught.value).splitlines()[1:]
    assert len(shown) < 140
    assert shown[caret.index("^")] == "?"


HOSTILE = [
    "__import__('os').system('touch owned')",
    "__import__('os')",
    "os.system('id')",
    "pd.io.common.os.system('id')",
    "I.__builtins__['eval']('1')",
    "I(x.__class__())",
    "x.__class__.__mro__[1]",
    "().__class__",
    "getattr(x, 'y')",
    "eval('1+1')",
    "exec('1')",
    "open('/etc/passwd')",
    "lambda: 0",
    "[c for c in x]",
    "{x}",
    "f'{x}'",
    "x if y else z",
    "x := 1",
    "x = 1",
    "scale(x=ele)",
    "scale(ele, fun=eval)",
    "scale(ele, **x)",
    "poly(ele, 2, raw=__import__('os'))",
    "poly(ele, (2))",
    "factor(x, ref=f'{y}')",
    "factor(x, ref='\\x00')\x00",
    "@x",
    "x\\\ny",
    "x # y",
    "x\x00y",
    "`a\x00b`",
    "\x1b[31mred",
    "\u202eele",
    "x\u00a0+\u00a0y",
    "ｅval（x）",
    "x＋y",
    "1" * 1999,
    "I(x + " + "9" * 1900 + ")",
    "(" * 1000,
    "(" * 60 + "x" + ")" * 60,
    "I(" + "(" * 60 + "x" + ")" * 61,
    "I(" + "-" * 1000 + "x)",
    "I(" + "x^" * 900 + "x)",
    "I(" + "x+" * 900 + "x)",
    "log(" * 60 + "x" + ")" * 60,
    "x" * 2001,
    "x+" * 100_000,
    "(" + "+".join(f"a{i}" for i in range(200)) + ")^50",
    "*".join(f"a{i}" for i in range(30)),
    "(1|" + "/".join(f"a{i}" for i in range(600)) + ")",
    "|" * 500,
    "~" * 500,
    "'",
    "`",
    "%in%",
    "x %>% y",
    "x$y",
    "-",
    "+",
    ":",
    "^",
    ",",
    "\ud800",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_parse__refuses_hostile_text_quickly_and_by_its_own_error(text):
    start = time.perf_counter()
    with pytest.raises(FormulaError) as caught:
        parse(text)
    assert time.perf_counter() - start < 1.0
    message = str(caught.value)
    assert len(message) < 3000
    assert all(c.isprintable() or c == "\n" for c in message)


@pytest.mark.parametrize("name", ["__class__", "__builtins__", "os.system", "eval", "None"])
def test_parse__reads_names_of_python_as_names_of_columns_and_nothing_else(name):
    assert parse(name).effects == (Effect((Column(name),)),)


@pytest.mark.parametrize("thing", [None, 1, b"x", ["x"], object()])
def test_parse__refuses_what_is_no_text(thing):
    with pytest.raises(FormulaError, match="A formula is a text"):
        parse(thing)


def test_parse__takes_the_longest_formula_allowed():
    text = " + ".join(f"c{i:03d}" for i in range(285))
    assert len(text) <= 2000
    assert len(parse(text).effects) == 285


names = st.sampled_from(["a", "b", "ele.m", "_x", "`canopy height`", "`1`", "Höhe", "scale"])
numbers = st.sampled_from(["0", "1", "2", "0.5", "1e-7", "123456", "1e20"])


def inside() -> st.SearchStrategy[str]:
    """Arithmetic as a user may write it."""
    return st.recursive(
        names | numbers,
        lambda x: st.one_of(
            st.tuples(x, st.sampled_from(["+", " - ", "*", "/", "^"]), x).map("".join),
            x.map("({})".format),
            x.map("-{}".format),
            x.map("log({})".format),
            x.map("scale( {} )".format),
        ),
        max_leaves=8,
    )


part = st.one_of(
    names,
    inside().map("I({})".format),
    inside().map("poly({}, 2)".format),
    inside().map("poly({}, 3, raw=1)".format),
    names.map("factor({}, ref='x y')".format),
)
fixed = st.recursive(
    part,
    lambda x: st.one_of(
        st.tuples(x, st.sampled_from([" + ", ":", "*", " - "]), x).map("".join),
        x.map("({})".format),
        x.map("({})^2".format),
    ),
    max_leaves=6,
)
grouped = st.tuples(
    st.sampled_from(["1", "0 + a", "a"]) | fixed,
    st.sampled_from(["|", "||"]),
    st.sampled_from(["g", "g/h", "g:h", "g:h/`i j`"]),
).map(lambda t: f"({t[0]} {t[1]} {t[2]})")
terms = fixed | grouped | st.sampled_from(["0", "1", "offset(a)"])
formulas = st.lists(terms, min_size=1, max_size=4)


@settings(max_examples=50, deadline=None)
@given(formulas.map(" + ".join))
def test_parse__canonical_text_reads_as_the_same_tree(text):
    try:
        formula = parse(text)
    except FormulaError:
        return
    assert parse(str(formula)) == formula
    assert str(parse(str(formula))) == str(formula)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=60) | st.text("ab01+-*:^(|)/~,='\"`. I", max_size=60))
def test_parse__random_text_gives_a_formula_or_its_own_error(text):
    try:
        formula = parse(text)
    except FormulaError as error:
        place = error.position
    else:
        place = 0
        assert parse(str(formula)) == formula
    assert 0 <= place <= len(text)


def test_formula_error__is_the_error_of_models():
    assert issubclass(FormulaError, ModelError)
