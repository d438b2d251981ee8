"""What is computed once for all texts or samples, in shards: whoever is there makes them, and a killed one goes on."""

from __future__ import annotations
