"""Parts of the report's page as a notebook shows them: with the page's style, which leaves the notebook's alone."""

from __future__ import annotations

from dataclasses import dataclass

from distill_rec.evaluation.report import style_of
from distill_rec.evaluation.results import Results

SCOPE = ".distill-rec"
OWN = """
& { padding: .9rem 1rem; border-radius: 8px; background: var(--paper); color: var(--ink); line-height: 1.5;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; container-type: inline-size; }
& > :first-child { margin-top: 0; }
&& table { margin: 0; border: 0; table-layout: auto; } &&& tr, &&& td, &&& th { background: none; max-width: none; }
&&& th:first-child, &&& td:first-child { background: var(--card); text-align: left; }
&&& th, &&& td { text-align: right; } && svg { height: auto; }
&& h1, && h2, && h3, && h4, && p, && small, && summary { color: inherit; } && .soft, && small { color: var(--soft); }
&& .lists h4 { color: var(--c); } && thead th { color: var(--soft); }
"""
"""What a notebook's own style would change: its rules name elements, ours are made to weigh more."""


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
    """A part of the page, or a sentence that there is none.

    Args:
        html: the part as the page has it.
        name: of the part.
    """
    if not html.strip():
        text = f"nothing of {name.replace('_', ' ')} here: no model of this comparison has it"
        html = f'<p class="soft">{text}</p>'
    return Shown(f'<div class="{SCOPE[1:]}"><style>{scoped(style_of(results))}</style>{html}</div>', text)


def scoped(style: str) -> str:
    """A page's style for one element alone, by CSS nesting; what it says of the page is said of that element."""
    inner = style.replace(":root", "&").replace("body {", "& {")
    return f"{SCOPE} {{ {inner} {OWN.replace('&&&', '&' + SCOPE * 2).replace('&&', '&' + SCOPE)} }}"
