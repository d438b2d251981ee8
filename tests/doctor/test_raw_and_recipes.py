"""`doctor` on data that nothing has been made of, and on recipes."""

from __future__ import annotations

from pathlib import Path

import pytest

from distill_rec.doctor import Finding, examine, sound

CASES = Path(__file__).resolve().parent.parent / "cases"


def found_in(path: Path | str, kind: str) -> dict[str, Finding]:
    """The gravest finding of each thing."""
    seen, findings = examine(str(path))
    assert seen == kind
    order = ("ok", "note", "problem")
    return {one.what: one for one in sorted(findings, key=lambda one: order.index(one.level))}


def test_minds_files_are_known_and_a_missing_column_is_named() -> None:
    found = found_in(CASES / "mind", "raw data")
    assert found["behaviors.tsv"].level == "ok" and found["news.tsv"].level == "ok"
    wrong = found["behaviors-four-columns.tsv"]
    assert wrong.level == "problem" and "expected 5 columns, found 4" in wrong.found


def test_separators_byte_order_marks_and_encodings_of_tables_are_seen() -> None:
    found = found_in(CASES / "csv", "raw data")
    assert found["clicks.csv"].level == "ok" and "customer, sku, when" in found["clicks.csv"].found
    assert found["items.csv"].level == "ok"
    latin = found["clicks-latin1.csv"]
    assert latin.level == "problem" and "first csv/clicks-latin1.csv:2" in latin.found and "data.encoding" in latin.do
    assert "distill-rec init" in found["what they look like"].do


def test_a_packed_file_that_was_cut_short_is_a_problem(tmp_path: Path) -> None:
    import gzip

    path = tmp_path / "clicks.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"user": "1"}\n' * 1000)[:-20])
    assert found_in(path, "raw data")["clicks.jsonl.gz"].level == "problem"


def test_recbole_files_are_known(tiny_data: Path) -> None:
    found = found_in(tiny_data, "raw data")
    assert found["what they look like"].found == "RecBole's files"
    assert "distill-rec init --clicks FOLDER" in found["what they look like"].do
    assert "user_id:token" in found["tiny.inter"].found


def test_a_recipe_and_a_shelf_name_are_sound(tiny_recipe: Path) -> None:
    found = found_in(tiny_recipe, "recipe")
    assert {one.level for one in found.values()} == {"ok"}
    assert "rows of clicks" in found["data.path"].found
    assert sound(examine("students/static")[1])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('format = "recbole"', 'formt = "recbole"', "data.format"),
        ("dim = 16", "dim = ", "TOML"),
        ('trunk = "', 'trunk = "/nowhere', "is not there"),
        ('path = "', 'path = "/nowhere', "no such file"),
    ],
)
def test_a_broken_recipe_says_where(tiny_recipe: Path, tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(tiny_recipe.read_text().replace(old, new, 1))
    problems = [one for one in examine(str(path))[1] if one.level == "problem"]
    assert problems and any(said in f"{one.what} {one.found} {one.do}" for one in problems)


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_what_is_nothing_of_ours_is_a_problem(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    kind, (found,) = examine(str(tmp_path / name))
    assert kind == "unknown" and found.level == "problem"


@pytest.mark.parametrize(
    ("content", "level", "said"),
    [
        (b"PK\x03\x04" + bytes(40), "problem", "an Excel workbook"),
        (b"\x89PNG" + bytes(40), "problem", "a binary file"),
        ("a,b\n1,2\n".encode("utf-16"), "ok", "1 rows, 18 bytes: a, b"),
    ],
)
def test_what_is_no_text_in_utf_8_is_told(tmp_path: Path, content: bytes, level: str, said: str) -> None:
    (tmp_path / "clicks.xlsx").write_bytes(content)
    found = found_in(tmp_path / "clicks.xlsx", "raw data")["clicks.xlsx"]
    assert found.level == level and said in found.found
