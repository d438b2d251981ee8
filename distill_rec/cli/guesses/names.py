"""What the name of a column says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

PEOPLE = "customer|client|buyer|shopper|member|account|visitor|reviewer|person|player|listener|reader|viewer|subscriber"
THINGS = "product|sku|asin|isbn|article|movie|film|news|book|track|song|video|content|game|app|listing|offer|anime|show"
COUNTED = ("count", "number", "num", "avg", "average", "mean", "total")


@dataclass(frozen=True)
class Role:
    """How a kind of column is called.

    Attributes:
        kinds: expressions for the beginning of a word, the surest first.
        not_words: words that make a column another one.
        wants_id: of equally sure names the one with an id.
    """

    kinds: tuple[str, ...]
    not_words: tuple[str, ...] = ()
    wants_id: bool = False

    def ranked(self, columns: Iterable[str]) -> list[str]:
        """The columns that may be it, the surest first."""
        found = [(rank, place, name) for place, name in enumerate(columns) if (rank := self.rank(name)) is not None]
        return [name for _, _, name in sorted(found)]

    def surely(self, name: str) -> bool:
        """Whether a name says it with one of the two surest words."""
        rank = self.rank(name)
        return rank is not None and rank[0] < 2

    def rank(self, name: str) -> tuple[int, bool] | None:
        """How sure a name is, the surest least; None where it says another thing."""
        words = words_of(name)
        if not words or set(words) & set(self.not_words):
            return None
        for rank, kind in enumerate(self.kinds):
            if any(re.match(kind, word) for word in words):
                return rank, self.wants_id and not words[-1].endswith(("id", "code", "no", "nr", "key"))
        return None


def words_of(name: str) -> list[str]:
    """`CustomerID` and `customer_id` are customer and id."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return [word for word in re.split(r"[\W_]+", apart.lower()) if word]


ABOUT = ("name", "agent", "country", "city", "age", "gender", "type", "segment", "group", *COUNTED)
USER = Role(("user|uid$", PEOPLE, "guest|household|patient|student", "email", "session|device|cookie"), ABOUT, True)
ITEM = Role(
    ("item|iid$", THINGS, "stock|material|style|variant|recipe|course|hotel|restaurant|business", "id$"),
    ("name", "title", "description", "category", "type", "price", "url", "quantity", "brand", "time", "date", *COUNTED),
    True,
)
NO_LISTS = (
    *("time", "times", "timestamp", "timestamps", "date", "dates", "rating", "ratings"),
    *("title", "titles", "name", "names", "price", "prices"),
    *("quantity", "quantities", "qty", "amount", "category", "categories", "brand"),
)
LISTS = Role(
    ("item|iid$", THINGS, "histor|sequence|seq$|list$|ids$|click|basket|cart|purchase|bought|watched|viewed|plays$"),
    (*NO_LISTS, *COUNTED),
    True,
)
TIME = Role(
    ("timestamp|datetime|unixtime|time$", "date|ts$", "created|when$|at$|day$|occurred"),
    ("id", "zone", "timezone", "spent", "duration", "birth", *COUNTED),
)
RATING = Role(
    ("rating", "stars?$|score$|grade$|thumbs?$|vote$|liked?$|overall$"), ("id", "date", "time", "at", *COUNTED)
)
EVENT = Role(
    ("event|action$|behaviou?r|interaction$|activity$|verb$", "type$|kind$"),
    ("id", "time", "date", "timestamp", "ts", "at", "value", "data", "url", "session", "device", *COUNTED),
)
QUANTITY = Role(("quantity|qty$|units?$",), ("price",))
TEXT = Role(
    ("title|headline", "name", "description|descr$|desc$", "text|caption|label|summary"),
    ("id", "url", "file", "date", "time", "user", "first", "last", "agent", "language", *PEOPLE.split("|")),
)
MORE_TEXT = Role(("categor|subcategor|genre", "class|brand|author|artist|year"), ("id", "url", *COUNTED))
