"""Tables on a narrow terminal: nothing in them is cut."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.table import Table

from distill_rec.terminal import print_table

LONG = "teacher.optimizer.trunk_learning_rate"
SENTENCE = "AdamW's rate for what learns of the trunk; weights that a tuning adds want more than that, as 1e-3"


def printed(width: int, rows: list[tuple[str, ...]]) -> list[str]:
    out = io.StringIO()
    table = Table("key", "default", "what it is for", box=None)
    for row in rows:
        table.add_row(*row)
    print_table(Console(file=out, width=width), table)
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.mark.parametrize("width", [200, 80, 60, 40])
def test_names_and_numbers_stay_whole_and_sentences_wrap(width: int) -> None:
    lines = printed(width, [(LONG, "2e-05", SENTENCE), ("name", "", "short")])
    assert max(map(len, lines)) <= width and "\u2026" not in "".join(lines)
    assert any(LONG in line for line in lines) and any("2e-05" in line for line in lines)
    assert set(SENTENCE.split()) <= set(" ".join(lines).split())


def test_a_table_is_a_table_for_as_long_as_its_words_have_room() -> None:
    assert "default" in printed(80, [(LONG, "2e-05", SENTENCE)])[0]
    narrow = printed(50, [(LONG, "2e-05", SENTENCE), ("name", "", "short")])
    assert narrow[0] == LONG and narrow[1] == "  default: 2e-05"
    assert narrow[-2:] == ["name", "  what it is for: short"]  # an empty cell is no line
