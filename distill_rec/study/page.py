"""A study as one self-contained page."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup

from distill_rec.bench.plots import colour
from distill_rec.evaluation.document import documents_in, style_with
from distill_rec.study import words
from distill_rec.study.plots import curve_plot, difference_plot, quality_plot
from distill_rec.study.records import StudyRecord

HERE = Path(__file__).parent
OWN_STYLE = """
svg .band { fill: var(--c); opacity: .16; stroke: none; } .wide { max-width: 34rem; } .plots { align-items: start; }
"""


def page_of(study: StudyRecord) -> str:
    """The whole document; nothing is fetched from anywhere."""
    style = style_with(OWN_STYLE)
    rates = [plot for plot in (quality_plot(study), difference_plot(study)) if plot]
    return (
        _templates()
        .get_template("study.html")
        .render(study=study, style=style, plots=Markup("".join(rates)), curves=Markup(curve_plot(study)))
    )


@cache
def _templates() -> Environment:
    return documents_in(HERE / "templates", words, colour=colour)
