"""`data.where`: which rows of the clicks count, as in `"Quantity > 0 and Country != 'Testland'"`.

A small language of its own: comparisons of a column with a number or a text, `in`, `is missing`, `and`, `or`, `not` and
parentheses; nothing else can be said, so nothing else can be done. A column is compared as numbers with a number and as
text with a text, which a general expression over columns of text would not do.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

import polars as pl

from distill_rec.data.numbers import numbers
from distill_rec.data.rows import named
from distill_rec.runtime.errors import RecipeError

TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`)
    | (?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
    | (?P<sign><=|>=|!=|<>|==|=|<|>|\(|\)|,)
    | (?P<name>[^\W\d][\w.]*)
    )""",
    re.VERBOSE,
)
SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "==": operator.eq,
}
NOT_EQUAL = ("!=", "<>")
WORDS = ("and", "or", "not", "in", "is", "missing")
EXPECTED = "comparisons such as Quantity > 0, \"Unit price\" >= 0.5, Country != 'Testland', joined by and, or, not"

Test = Callable[[pl.DataFrame], pl.Series]
Token = tuple[str, str]


def where_columns(text: str) -> list[str]:
    """Columns that a filter names, in order.

    Raises:
        RecipeError: it cannot be read.
    """
    return list(dict.fromkeys(_Parser(text).parse()[1])) if text.strip() else []


def passes(frame: pl.DataFrame, text: str) -> pl.Series:
    """Which rows a filter keeps: bool `[n]`.

    A value that is missing, or no number where one is compared, passes `!=` and `not in` only.

    Raises:
        RecipeError: the filter cannot be read, or compares a column that has no number with one.
    """
    return _Parser(text).parse()[0](frame)


def quoted_column(name: str) -> str:
    """A column's name as a filter names it."""
    plain = re.fullmatch(r"[^\W\d][\w.]*", name) and name.lower() not in WORDS
    return name if plain else '"' + name.replace('"', '""') + '"'


@dataclass
class _Parser:
    """Recursive descent over the tokens; `columns` are those that were named."""

    text: str
    tokens: list[Token] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    at: int = 0

    def parse(self) -> tuple[Test, list[str]]:
        self.tokens = self._tokens()
        found = self._any()
        if self.at < len(self.tokens):
            self._fail(f"{self.tokens[self.at][1]!r} is not expected there")
        return found, self.columns

    def _tokens(self) -> list[Token]:
        out, at = [], 0
        while self.text[at:].strip():
            match = TOKEN.match(self.text, at)
            if match is None:
                self._fail(f"cannot be read from {self.text[at:].strip()[:20]!r} on")
            kind, value = str(match.lastgroup), match[str(match.lastgroup)]
            word = kind == "name" and value.lower() in WORDS
            out.append(("word", value.lower()) if word else (kind, value))
            at = match.end()
        return out

    def _fail(self, found: str) -> NoReturn:
        raise RecipeError("data.where", f"{self.text!r}: {found}", EXPECTED)

    def _next(self) -> Token:
        if self.at >= len(self.tokens):
            self._fail("it ends too early")
        self.at += 1
        return self.tokens[self.at - 1]

    def _accept(self, *wanted: str) -> bool:
        if self.at < len(self.tokens) and self.tokens[self.at] in [
            (kind, w) for kind in ("word", "sign") for w in wanted
        ]:
            self.at += 1
            return True
        return False

    def _any(self) -> Test:
        tests = [self._all()]
        while self._accept("or"):
            tests.append(self._all())
        return _joined(tests, operator.or_)

    def _all(self) -> Test:
        tests = [self._one()]
        while self._accept("and"):
            tests.append(self._one())
        return _joined(tests, operator.and_)

    def _one(self) -> Test:
        if self._accept("not"):
            return _negated(self._one())
        if self._accept("("):
            inside = self._any()
            if not self._accept(")"):
                self._fail("a parenthesis is not closed")
            return inside
        return self._comparison()

    def _comparison(self) -> Test:
        kind, value = self._next()
        if kind not in ("name", "quoted"):
            self._fail(f"{value!r} where the name of a column is expected")
        column = value if kind == "name" else value[1:-1].replace(value[0] * 2, value[0])
        self.columns.append(column)
        if self._accept("is"):
            negated = self._accept("not")
            if not self._accept("missing"):
                self._fail("'is' is followed by 'missing' or 'not missing'")
            return _negated(_missing(column)) if negated else _missing(column)
        negated = self._accept("not")
        if self._accept("in"):
            tests = [self._compare(column, "=", literal) for literal in self._literals()]
            return _negated(_joined(tests, operator.or_)) if negated else _joined(tests, operator.or_)
        sign = self._next()[1]
        if negated or (sign not in SIGNS and sign not in NOT_EQUAL):
            self._fail(f"{sign!r} where a comparison is expected")
        if sign in NOT_EQUAL:
            return _negated(self._compare(column, "=", self._next()))
        return self._compare(column, sign, self._next())

    def _literals(self) -> list[Token]:
        if not self._accept("("):
            self._fail("'in' is followed by values in parentheses")
        found = [self._next()]
        while self._accept(","):
            found.append(self._next())
        if not self._accept(")"):
            self._fail("a parenthesis is not closed")
        return found

    def _compare(self, column: str, sign: str, literal: Token) -> Test:
        kind, value = literal
        if kind == "number":
            return _by_number(column, sign, float(value), self.text)
        if kind != "text":
            self._fail(f"{value!r} where a number, or a text in single quotes, is expected")
        return _by_text(column, sign, value[1:-1].replace("''", "'"))


def _by_text(column: str, sign: str, value: str) -> Test:
    def test(frame: pl.DataFrame) -> pl.Series:
        texts = named(column).cast(pl.String).fill_null("")
        return frame.select(SIGNS[sign](texts, pl.lit(value)).alias("passes"))["passes"]

    return test


def _by_number(column: str, sign: str, value: float, text: str) -> Test:
    def test(frame: pl.DataFrame) -> pl.Series:
        found, _ = numbers(frame[column])
        if len(found) and found.null_count() == len(found):
            expected = f"a text in single quotes, as {column} = 'a'"
            raise RecipeError("data.where", f"{text!r}: no value of {column!r} is a number", expected)
        return found.to_frame("x").select(SIGNS[sign](pl.col("x"), value).fill_null(False).alias("passes"))["passes"]

    return test


def _missing(column: str) -> Test:
    return lambda frame: frame.select((named(column).cast(pl.String).fill_null("") == "").alias("passes"))["passes"]


def _negated(test: Test) -> Test:
    return lambda frame: ~test(frame)


def _joined(tests: list[Test], join: Callable[[pl.Series, pl.Series], pl.Series]) -> Test:
    def test(frame: pl.DataFrame) -> pl.Series:
        found = tests[0](frame)
        for other in tests[1:]:
            found = join(found, other(frame))
        return found

    return test
