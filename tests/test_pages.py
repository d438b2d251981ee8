"""Templates may be indented: no line end of theirs shows; what they print is escaped."""

from pathlib import Path

import pytest
from jinja2 import UndefinedError

from distill_rec.pages import pages_in


def test_line_ends_vanish_beside_markup_and_are_blanks_within_prose(tmp_path: Path) -> None:
    (tmp_path / "one.html").write_text(
        "<p>\n  two\n  {{ word }}\n  <b>bold</b>\n  {% if word %}\n  x\n  {% endif %}\n</p>\n"
    )
    assert pages_in(tmp_path).get_template("one.html").render(word="<wörds>") == "<p>two &lt;wörds&gt;<b>bold</b>x</p>"


def test_a_name_that_a_template_lacks_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "one.html").write_text("{{ word }}")
    with pytest.raises(UndefinedError, match="word"):
        pages_in(tmp_path).get_template("one.html").render()
