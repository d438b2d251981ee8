"""Choices that a user's own log needs: repeated clicks, minimum clicks."""

from __future__ import annotations

import polars as pl

from distill_rec.data.faults import Faults
from distill_rec.recipe import DataSection


def apply_filters(clicks: pl.DataFrame, section: DataSection, faults: Faults) -> pl.DataFrame:
    """Clicks in order of time (equal times in file order), repeats and rare users and items treated.

    Rows below the threshold of a rating are kept: they are no clicks, but the user has seen the item.
    """
    clicks = clicks.sort("time", maintain_order=True)
    if section.repeats != "keep":
        key = ["user_id", "item_id"]
        positive = clicks.filter("positive")
        kept = positive.unique(key, keep=section.repeats, maintain_order=True)
        clicks = pl.concat([kept, clicks.filter(~pl.col("positive"))]).sort("time", maintain_order=True)
    if section.min_item_clicks > 0:
        clicks = _at_least(clicks, "item_id", section.min_item_clicks)
    if section.min_user_clicks > 1:
        clicks = _at_least(clicks, "user_id", section.min_user_clicks)
    return clicks


def _at_least(clicks: pl.DataFrame, column: str, least: int) -> pl.DataFrame:
    counts = clicks.filter("positive").group_by(column).len().filter(pl.col("len") >= least)
    return clicks.join(counts.select(column), on=column, how="semi", maintain_order="left")
