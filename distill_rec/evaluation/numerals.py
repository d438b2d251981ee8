"""Numbers and moments as the report's page prints them: a real minus, no negative zero, a space before %."""

from __future__ import annotations

from datetime import UTC, datetime


def plain(value: float, decimals: int = 4) -> str:
    """Without a plus."""
    return _minus(f"{value:.{decimals}f}")


def signed(value: float) -> str:
    """Four decimals with their sign; zero has none."""
    return _minus(f"{value:+.4f}")


def percent(share: float, decimals: int = 1) -> str:
    """`0.873` as `87.3 %`, kept on one line."""
    return f"{100 * share:.{decimals}f}\u00a0%"


def moment(iso: str) -> str:
    """`2026-11-25T09:22:17+00:00` as `25 November 2026, 09:22 UTC`; other texts as they are."""
    try:
        time = datetime.fromisoformat(iso).astimezone(UTC)
    except ValueError:
        return iso
    return f"{time.day} {time:%B %Y, %H:%M} UTC"


def _minus(text: str) -> str:
    if not text.strip("+-0."):
        return text.lstrip("+-")
    return text.replace("-", "\u2212")
