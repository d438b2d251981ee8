"""What pages of comparisons, studies and searches share: the report's style and marks, and how figures are written."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from jinja2 import Environment

from distill_rec.evaluation import words as own_words
from distill_rec.evaluation.numerals import moment
from distill_rec.pages import pages_in

STYLE = Path(__file__).with_name("report.css")
MARKS = {"good": "\u2713", "bad": "\u2717", "open": "?", "note": "\u2192"}


def style_with(own: str) -> str:
    """The report's style and what a page adds to it."""
    return STYLE.read_text(encoding="utf-8") + own


def documents_in(folder: Path, *words: ModuleType, **functions: Any) -> Environment:
    """The templates of a folder, for pages that extend `document.html`.

    Args:
        words: modules whose functions of names `*_text`, and `included`, they may call; ours are among them.
        functions: further ones.
    """
    texts = {name: getattr(module, name) for module in (own_words, *words) for name in dir(module) if _told(name)}
    return pages_in(folder, mark=MARKS.__getitem__, moment=moment, **texts, **functions)


def _told(name: str) -> bool:
    return name.endswith("_text") or name == "included"
