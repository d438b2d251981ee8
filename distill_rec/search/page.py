"""A search as one self-contained page."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup

from distill_rec.evaluation.document import documents_in, style_with
from distill_rec.search import words
from distill_rec.search.plots import latency_plot, size_plot
from distill_rec.search.records import SearchRecord

HERE = Path(__file__).parent
OWN_STYLE = """
.plots { align-items: start; } svg .ring { fill: none; stroke: var(--c); stroke-width: 2; }
tr.chosen td { font-weight: 650; } td.left, th.left { text-align: left; }
td.student { white-space: normal; min-width: 15rem; }
"""


def page_of(search: SearchRecord) -> str:
    """The whole document; nothing is fetched from anywhere."""
    style = style_with(OWN_STYLE)
    plots = Markup(size_plot(search) + latency_plot(search))
    return _templates().get_template("search.html").render(search=search, style=style, plots=plots)


@cache
def _templates() -> Environment:
    return documents_in(HERE / "templates", words)
