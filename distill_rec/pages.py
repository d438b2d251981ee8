"""Pages from Jinja2 templates, which lie in a folder `templates` beside the code that fills them, and in notebooks."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.ext import Extension

SHARED = Path(__file__).with_name("templates")
"""Templates that pages of every kind may extend and import."""
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
        loader=FileSystemLoader([folder, SHARED]), autoescape=True, undefined=StrictUndefined, extensions=[OneLine]
    )
    environment.filters |= {"thousands": "{:,}".format, **functions}
    environment.globals |= functions
    return environment


SCOPE = ".distill-rec"
OWN = """
& { padding: .9rem 1rem; border-radius: 8px; background: var(--paper); color: var(--ink); line-height: 1.5;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
& > style + * { margin-top: 0; } && .verdicts, && .facts { padding: 0; margin: 0 0 .8rem; }
&& table { margin: 0; border: 0; table-layout: auto; color: inherit; font-size: .92rem; } && svg { height: auto; }
&&& tr, &&& td, &&& th { background: none; max-width: none; text-align: right; padding: .4rem .6rem; }
&&& th:first-child, &&& td:first-child { background: var(--card); text-align: left; white-space: normal; }
&& h1, && h2, && h3, && h4, && p, && small, && summary { color: inherit; } && .soft, && small { color: var(--soft); }
&& .lists h4 { color: var(--c); } && thead th { color: var(--soft); }
"""
"""What a notebook's own style would change: its rules name elements, so ours are made to weigh more."""


def in_notebook(page: str) -> str:
    """What a page holds, for the output of a notebook's cell: its style is of that output alone.

    Args:
        page: with one `<style>` and one `<main>`.
    """
    return fragment(_between(page, "style"), _between(page, "main"))


def fragment(style: str, html: str) -> str:
    """A part of a page with the page's style; what that says of the page is said of the part, by CSS nesting."""
    inner = style.replace(":root", "&").replace("body {", "& {")
    heavy = OWN.replace("&&&", "&" + SCOPE * 2).replace("&&", "&" + SCOPE)
    return f'<div class="{SCOPE[1:]}"><style>{SCOPE} {{ {inner} {heavy} }}</style>{html}</div>'


def _between(page: str, tag: str) -> str:
    return page.partition(f"<{tag}>")[2].rpartition(f"</{tag}>")[0]
