"""What a notebook's cell shows, and a terminal prints."""

from __future__ import annotations

from dataclasses import dataclass

from distill_rec.evaluation.report import style_of
from distill_rec.evaluation.results import Results
from distill_rec.pages import fragment


@dataclass(frozen=True)
class Shown:
    """HTML for a notebook; elsewhere a text.

    Attributes:
        html: with its style.
        text: the same figures without it.
    """

    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


def shown(results: Results, html: str, text: str, name: str) -> Shown:
    """A part of the report's page, or a sentence that there is none.

    Args:
        html: the part as the page has it.
        name: of the part.
    """
    if not html.strip():
        text = f"nothing of {name.replace('_', ' ')} here: no model of this comparison has it"
        html = f'<p class="soft">{text}</p>'
    return Shown(fragment(style_of(results), html), text)
