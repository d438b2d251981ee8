"""The OpenAPI document as one page that loads nothing from elsewhere."""

from __future__ import annotations

import json
from html import escape
from typing import Any

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
h2 { font-size: 1.1rem; margin: 2rem 0 .25rem; font-family: ui-monospace, monospace; }
h2 b { color: #2a6fd6; margin-right: .5rem; }
pre { overflow-x: auto; padding: .75rem; border: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
p { margin: .25rem 0; }
"""


def docs_page(document: dict[str, Any]) -> str:
    """HTML of all operations: what they do, take and answer."""
    parts = [
        _operation(method, path, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    title = escape(f"{document['info']['title']} {document['info']['version']}")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style><h1>{title}</h1>'
        "<p>Requests need the header <code>authorization: Bearer TOKEN</code> where the service has a token. "
        'The same as JSON: <a href="openapi.json">openapi.json</a>.</p>'
        f"{''.join(parts)}</html>"
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    out = f"<h2><b>{method.upper()}</b>{escape(path)}</h2><p>{escape(operation.get('description', ''))}</p>"
    for parameter in operation.get("parameters", []):
        out += f"<p><code>{escape(parameter['name'])}</code> ({escape(parameter['in'])})</p>"
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body:
        shown = json.dumps(body["schema"], indent=2, ensure_ascii=False)
        out += f"<details><summary>Body</summary><pre>{escape(shown)}</pre></details>"
    statuses = ", ".join(operation.get("responses", {}))
    return f"{out}<p>Answers: {escape(statuses)}</p>"
