"""One digest of a catalogue's ids in their order: vectors are told apart by their row alone, so the order must hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

KEY = "items"
"""Of a manifest's `fingerprints`; older artifacts have none."""


def digest_of_ids(ids: Sequence[str]) -> str:
    """32 hexadecimal digits."""
    content = json.dumps(list(ids), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:32]
