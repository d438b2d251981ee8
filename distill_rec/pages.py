"""Pages from Jinja2 templates, which lie in a folder `templates` beside the code that fills them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.ext import Extension

BETWEEN = re.compile(r"\s*\n\s*")
MARKUP_ENDS, MARKUP_BEGINS = (">", "%}", "#}"), ("<", "{%", "{#")


class OneLine(Extension):
    """Takes line ends out of templates, so that these may be indented: browsers show blanks between inline elements.

    Nothing is left of a line's end beside a tag or a block, and a blank within prose (an expression counts as prose).
    """

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        def between(match: re.Match[str]) -> str:
            before, after = source[: match.start()], source[match.end() :]
            return "" if not after or before.endswith(MARKUP_ENDS) or after.startswith(MARKUP_BEGINS) else " "

        return BETWEEN.sub(between, source)


def pages_in(folder: Path, **functions: Callable[..., Any]) -> Environment:
    """The templates of a folder; what they print is escaped, and a name that they lack is an error.

    Args:
        functions: that they may call, and filter with.
    """
    environment = Environment(
        loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, extensions=[OneLine]
    )
    environment.filters |= {"thousands": "{:,}".format, **functions}
    environment.globals |= functions
    return environment
