"""Items from a log that carries their texts: one file is enough."""

from __future__ import annotations

import polars as pl

from distill_rec.data.faults import Faults
from distill_rec.data.rows import FILE, LINE, named, places

COUNT, PLACE, BLANK = "__count__", "__place__", "__blank__"


def items_of_clicks(rows: pl.DataFrame, item_column: str, fields: list[str], faults: Faults) -> pl.DataFrame:
    """One row per item, in the order in which they first stand: `item_id`, the fields, file and line.

    Of several texts the commonest is taken (the first of equally common ones; an empty one only where there is no
    other), and such items are counted.

    Args:
        rows: with the item's id, the fields, file and line.
        fields: columns that make an item's text.
    """
    own = [name for name in dict.fromkeys(fields) if name != "item_id"]
    with_id = rows.with_row_index(PLACE).filter(named(item_column).fill_null("") != "")
    with_id = with_id.select(named(item_column).alias("item_id"), *(named(name) for name in own), PLACE, FILE, LINE)
    texts = with_id.group_by("item_id", *(named(name) for name in own), maintain_order=True).agg(
        pl.len().alias(COUNT), pl.col(PLACE, FILE, LINE).first()
    )
    blank = [named(name).fill_null("").str.strip_chars() == "" for name in own]
    texts = texts.with_columns((pl.all_horizontal(blank) if blank else pl.lit(False)).alias(BLANK))
    _count_several(texts.filter(~pl.col(BLANK)), faults)
    chosen = texts.sort(BLANK, COUNT, PLACE, descending=[False, True, False]).unique(
        "item_id", keep="first", maintain_order=True
    )
    first = texts.group_by("item_id").agg(pl.col(PLACE).min().alias("__first__"))
    ordered = chosen.join(first, on="item_id").sort("__first__")
    return ordered.select("item_id", *(named(name) for name in own), FILE, LINE)


def _count_several(texts: pl.DataFrame, faults: Faults) -> None:
    """Items with more than one text, each with the line of its second."""
    second = texts.sort(PLACE).filter(pl.col("item_id").cum_count().over("item_id") == 2)
    for file, part in places(second):
        faults.mend("an item with more than one text: the commonest is taken", file, part[LINE].to_list())
