"""Texts of items: one rule in training and serving."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_rec.data.text import render_column, unescape
from distill_rec.runtime.errors import RecipeError
from distill_rec.runtime.template import field, fields_of, render, unescaped, unescaped_text

PIECES = st.lists(st.sampled_from(list("ab ()[]\t\n\r\x1c\x1f\x85\xa0\u2003\u2028\u200b{}é&😀")), max_size=8).map(
    "".join
)
ENTITIES = st.lists(
    st.sampled_from(["&", "amp;", "&amp;", "lt;", "&lt", "#39;", "&#38;", "&nbsp;", " ", "(", ")", "a", "&bogus;"]),
    max_size=3,
).map("".join)
TEMPLATES = [
    "{title} ({year}) {genres}",
    "{{{title}}} [{year}]",
    " {title}{year}\n({genres}) {title} ",
    "x {{}} {genres}",
]


@pytest.mark.parametrize(
    ("template", "fields", "text"),
    [
        ("{title} ({year}) {genres}", {"title": "A", "year": "", "genres": "x  y"}, "A x y"),
        ("{title} [{year}]", {"title": " A ", "year": None}, "A"),
        ("{title} ({year})", {"title": "{year}", "year": "1995"}, "{year} (1995)"),
    ],
)
def test_empty_fields_leave_no_brackets_and_no_blanks(template, fields, text):
    frame = pl.DataFrame({name: [value] for name, value in fields.items()}, schema=dict.fromkeys(fields, pl.String))
    assert render(template, fields) == text
    assert render_column(frame, template).to_list() == [text]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(TEMPLATES), st.lists(st.tuples(PIECES, PIECES, PIECES), min_size=1, max_size=4))
def test_the_template_renders_alike_in_training_and_serving(template, rows):
    frame = pl.DataFrame(rows, schema=dict.fromkeys(("title", "year", "genres"), pl.String), orient="row")
    assert render_column(frame, template).to_list() == [render(template, row) for row in frame.iter_rows(named=True)]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([*TEMPLATES, "{title}{year}{genres}"]), st.tuples(ENTITIES, ENTITIES, ENTITIES))
def test_entities_are_read_alike_in_training_and_serving_and_once_for_all(template, row):
    names = ["title", "year", "genres"]
    frame = unescape(pl.DataFrame([row], schema=dict.fromkeys(names, pl.String), orient="row"), names)
    (text,) = render_column(frame, template, True).to_list()
    assert render(template, dict(zip(names, row, strict=True)), True) == text
    assert unescaped_text(text) == text  # what the artifact carries is read as what it is


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Tom &amp; Jerry", "Tom & Jerry"),
        ("Tom &amp;amp;amp; Jerry", "Tom & Jerry"),
        ("A&nbsp;&nbsp;B ", "A B"),
        ("R&D &bogus; AT&T", "R&D &bogus; AT&T"),
        ("two  blanks ", "two  blanks "),
    ],
)
def test_a_whole_text_is_read_as_training_wrote_it(written, read):
    assert unescaped_text(written) == read


def test_a_text_of_nothing_but_escapes_is_read_in_bounded_passes():
    assert unescaped("&" + "amp;" * 100_000 + "lt;").startswith("&amp;amp;")


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6), min_size=2, unique=True))
def test_a_field_may_be_called_what_a_header_can_say(names):
    template = " ".join(f"{{{{{field(name)}}}}}" for name in names)
    assert fields_of(template) == names
    frame = pl.DataFrame({name: [f"v{place}"] for place, name in enumerate(names)})
    expected = " ".join(f"{{v{place}}}" for place in range(len(names)))
    assert render_column(frame, template).to_list() == [expected] == [render(template, frame.row(0, named=True))]


@pytest.mark.parametrize("template", ["no field", "{title", "{title!r}", "{0}", "{titel}"])
def test_a_template_that_cannot_be_read_names_the_key(template):
    with pytest.raises(RecipeError, match=r"data\.text"):
        render_column(pl.DataFrame({"title": ["a"]}), template)


def test_entities_become_characters_in_texts_and_not_in_ids():
    frame = pl.DataFrame({"item_id": ["a&amp;b"], "title": ["Q &amp; A &#8217;"], "url": ["?a&amp;b"]})
    assert unescape(frame, ["title", "item_id"]).row(0) == ("a&amp;b", "Q & A ’", "?a&amp;b")
