"""The OpenAPI document as one page that loads nothing from elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TEMPLATES = Path(__file__).with_name("templates")


def docs_page(document: dict[str, Any]) -> str:
    """HTML of all operations: what they do, take and answer."""
    from distill_rec.pages import pages_in  # noqa: PLC0415  (a service that nobody asks for it holds no templates)

    title = f"{document['info']['title']} {document['info']['version']}"
    template = pages_in(TEMPLATES, schema_of=_schema_of).get_template("docs.html")
    return template.render(title=title, paths=document["paths"])


def _schema_of(operation: dict[str, Any]) -> str:
    """An operation's body, as JSON; "" where it takes none."""
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    return json.dumps(body["schema"], indent=2, ensure_ascii=False) if body else ""
