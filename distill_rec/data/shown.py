"""Values of files as a terminal may show them."""

from __future__ import annotations

LONGEST = 60


def shown(value: object, most: int = LONGEST) -> str:
    """A value on one line: control characters escaped, what is long cut, nothing for what is missing."""
    if value is None:
        return ""
    text = str(value)
    plain = "".join(one if one.isprintable() else _escaped(one) for one in text[: most + 1])
    return plain if len(plain) <= most else plain[: most - 3] + "..."


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
