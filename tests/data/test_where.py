"""The filter of rows: what it says, what it refuses."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distill_rec.data.where import passes, quoted_column, where_columns
from distill_rec.runtime.errors import RecipeError

ROWS = pl.DataFrame(
    {
        "Quantity": ["3", "-1", "0", None, "1,5"],
        "Unit price": ["1.5", "2", "x", "", "10"],
        "Country": ["FR", "de", None, "FR", "it's"],
        "id": ["0", "00", "nan", "7", "7.0"],
    }
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Quantity > 0", "10001"),
        ("Quantity >= 0", "10101"),
        ("Quantity != 0", "11011"),  # a missing number is not 0
        ("not Quantity > 0", "01110"),
        ("`Unit price` < 5 and Quantity > -5", "11000"),
        ("\"Unit price\" < 5 or Country = 'FR'", "11010"),
        ("Country != 'FR'", "01101"),
        ("Country = 'it''s'", "00001"),
        ("Country in ('FR', 'de')", "11010"),
        ("Country not in ('FR', 'de')", "00101"),
        ("Country is missing", "00100"),
        ("Country IS NOT missing AND (Quantity > 0 OR id = 7)", "10011"),
        ("id not in ('0', 'nan')", "01011"),
        ("id = 0", "11000"),
        ("Quantity = 1.5", "00001"),
    ],
)
def test_a_filter_keeps_rows(text, expected):
    assert "".join(str(int(one)) for one in passes(ROWS, text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("Quantity", "Quantity >", "Quantity > 0 and", "> 0", "Quantity > id", "(Quantity > 0", "Quantity > 0)"),
        *("read_csv('x') = 1", "Quantity is 3", "Country in 'FR'", "1 = 1", "a; b = 1", "Quantity > 0 Country = 'FR'"),
        "Country > 3",
    ],
)
def test_what_is_no_filter_names_the_key(text):
    with pytest.raises(RecipeError, match=r"data\.where"):
        passes(ROWS, text)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8))
def test_any_column_can_be_named(name):
    text = f"{quoted_column(name)} > 0"
    assert where_columns(text) == [name]
    assert passes(pl.DataFrame({name: ["1", "-1"]}), text).to_list() == [True, False]
