"""A row for each model: nothing is cut, and as many intervals as there is room for."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from distill_rec.evaluation.model_sheet import print_models

COLUMNS = ("nDCG@10", "recall@10", "recall@100", "MRR", "rank percentile")
NAMES = [f"model-{number}" for number in range(7)] + ["untrained-mpnet"]


def printed(width: int, names: list[str] = NAMES) -> list[str]:
    out = io.StringIO()
    rows = {name: [("0.1234", "±0.0056")] * len(COLUMNS) for name in names}
    print_models(Console(file=out, width=width), "means", COLUMNS, rows, "as it is")
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.mark.parametrize(("width", "intervals"), [(200, 5), (80, 2), (68, 0)])
def test_eight_models_are_a_row_each_with_the_intervals_that_fit(width: int, intervals: int) -> None:
    lines = printed(width)
    assert max(map(len, lines)) <= width and "\u2026" not in "".join(lines)
    rows = {line.split()[0]: line for line in lines if line.startswith(("model-", "untrained"))}
    assert list(rows) == NAMES
    for line in rows.values():
        assert line.count("0.1234") == 5 and line.count("±0.0056") == intervals
        assert line.find("±") in (-1, line.index("0.1234") + 7)  # the first columns are the most important
    assert set(" ".join(COLUMNS).split()) <= set(" ".join(lines).split()) and lines[-2] == "as it is"


def test_a_name_that_is_a_sentence_is_broken_between_its_words() -> None:
    name = "users who are new, without a single training sample of theirs"
    lines = printed(80, [name])
    assert max(map(len, lines)) <= 80 and set(name.split()) <= set(" ".join(lines).split())
    assert any(line.count("0.1234") == 5 for line in lines)
