"""What commands print, on whatever stream: a character that it cannot encode is replaced, and JSON stays JSON."""

from __future__ import annotations

import codecs
import io
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

REFUSING = ("strict", "surrogateescape")
"""How streams are opened that raise at a character which they cannot encode."""


def never_refuse() -> None:
    """Make stdout and stderr replace what they cannot encode: a title must not end a command that has done its work."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in REFUSING:
            stream.reconfigure(errors="replace")


def print_json(value: Any, indent: int | None = None, default: Callable[[Any], Any] | None = None) -> None:
    """JSON on stdout; whatever is not ASCII is escaped where the stream is not UTF-8, which JSON is read as."""
    text = json.dumps(value, indent=indent, ensure_ascii=False, default=default)
    if codecs.lookup(getattr(sys.stdout, "encoding", None) or "utf-8").name != "utf-8" or not _is_utf8(text):
        text = json.dumps(value, indent=indent, default=default)
    print(text)


def _is_utf8(text: str) -> bool:
    """Whether a text has no half characters, as names of files that are not UTF-8 have."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def make_console(stderr: bool = False) -> Console:
    """A console to which a text is a text: brackets in a path or a title are no markup, and `:star:` is no picture."""
    from rich.console import Console

    return Console(stderr=stderr, markup=False, emoji=False)
