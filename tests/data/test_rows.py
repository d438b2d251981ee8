"""Rows split by columns are those that are read one by one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_rec.data import rows
from distill_rec.data.faults import Faults
from distill_rec.runtime.errors import DataError

LINES = st.lists(st.text(st.sampled_from(list('ab ,"\xff')), max_size=7), max_size=7)


def read(path, **options):
    """The rows and what was refused, or the error."""
    faults = Faults()
    try:
        found = rows.read_rows(path, faults, **options)
    except DataError as error:
        return str(error), faults.to_dict(), faults.rows
    return found.rows(), faults.refused_rows().select("line", "value", "reason").rows(), faults.rows


@settings(deadline=None, max_examples=300)
@given(
    LINES, st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from(["", "end"]), st.booleans(), st.sampled_from([1, 9])
)
def test_lines_are_split_as_they_are_read_one_by_one(tmp_path_factory, lines, end, last, quoted, chunk):
    path = tmp_path_factory.mktemp("rows") / "a.csv"
    text = end.join(["x,y", *lines]) + (end if last else "")
    path.write_bytes(text.encode("latin-1"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "CHUNK", chunk)
        fast = read(path, quoted=quoted, delimiter=",")
        patch.setattr(rows, "fields_of_lines", lambda *_: None)
        assert read(path, quoted=quoted, delimiter=",") == fast


def test_most_files_need_no_line_by_line_reading(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text('x,y\n1,"a, ""b"""\n2,c\n\n3\n')
    monkeypatch.setattr(rows, "_blocks", lambda *_: pytest.fail("read one by one"))
    found, refused, count = read(path)
    assert found == [("1", 'a, "b"', 2), ("2", "c", 3)]
    assert (refused, count) == ([(5, "3", "expected 2 columns, found 1")], 3)


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a;;b,c,d\n1,2,3\n", ","),
        ("a;b\n1,5;2,5\n", ";"),
        ("a b\tc,d,e\n1\t2\n", "\t"),
        ("a,b\n", ","),
        ("a\n1\n", ","),
    ],
)
def test_the_separator_parts_all_first_lines_alike(text, delimiter):
    assert rows.detect_delimiter(text.splitlines(keepends=True)) == delimiter
