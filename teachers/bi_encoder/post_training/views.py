"""Two views of each item as texts: those of two templates, or parts of one text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from distill_rec.data.dataset import Dataset
from distill_rec.data.rows import OWN
from distill_rec.data.text import check_template, render_column, unescape
from distill_rec.files import fingerprint
from distill_rec.runtime.errors import RecipeError
from distill_rec.runtime.template import fields_of
from teachers.bi_encoder.post_training.section import PostTrainingSection

KEY = "teacher.post_training"
LEAST = 20
"""Items with two views."""
MOST_HELD_OUT = 1000
"""Items that judge: each is compared with each."""

Pairs = NDArray[np.int64]


@dataclass(frozen=True)
class Views:
    """Texts and which belong together.

    Attributes:
        texts: distinct ones.
        train: `[draws, n, 2]`, indices of texts.
        held_out: `[m, 2]`.
    """

    texts: list[str]
    train: Pairs
    held_out: Pairs

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.texts, self.train.tolist(), self.held_out.tolist())


def make_views(section: PostTrainingSection, dataset: Dataset, seed: int) -> Views:
    """Both views of every item that has them and is not new; each distinct pair once.

    Raises:
        RecipeError: a column that the items do not have, or too few items with both views.
    """
    if section.divides:
        whole = sorted({text for text in _rendered(section.views, dataset)[0] if len(text.split()) > 1})
        drawn = [_divided(whole, np.random.default_rng([seed, draw])) for draw in range(section.draws)]
    else:
        drawn = [sorted({pair for pair in zip(*_rendered(section.views, dataset), strict=True) if all(pair)})]
    count = len(drawn[0])
    if count < LEAST:
        found = f"{count} items with two views that are not empty and not those of another item"
        do = "Two words make two parts of a text." if section.divides else "Look at the columns of the items' file."
        raise RecipeError(KEY, found, f"at least {LEAST}", do)
    texts = sorted({text for pairs in drawn for pair in pairs for text in pair})
    place = {text: number for number, text in enumerate(texts)}
    rows = np.array([[[place[text] for text in pair] for pair in pairs] for pairs in drawn], dtype=np.int64)
    out = np.zeros(count, np.bool_)
    most = min(max(2, round(section.held_out * count)), MOST_HELD_OUT)
    out[np.random.default_rng([seed, count]).choice(count, most, replace=False)] = True
    return Views(texts, rows[:, ~out], rows[0, out])


def _rendered(templates: list[str], dataset: Dataset) -> list[list[str]]:
    """Of each template the texts of all items that are not new; of none the items' own texts.

    Raises:
        RecipeError: naming a column that is not there, or data that were prepared without columns.
    """
    if not templates:
        return [dataset.items["text"].filter(pl.Series(~dataset.new)).to_list()]
    names = list(dict.fromkeys(name for template in templates for name in fields_of(template)))
    columns = dataset.columns()
    if columns is None:
        found = f"columns {', '.join(names)}, and these data were prepared by an older release, which kept none"
        raise RecipeError(f"{KEY}.views", found, "data with the items' columns", "Prepare again: --restart prepare.")
    for template in templates:
        check_template(template, [name for name in columns.columns if name not in OWN], key=f"{KEY}.views")
    rows = columns.filter(pl.Series(~dataset.new))
    rows = unescape(rows, names) if dataset.unescape_html else rows
    return [render_column(rows, template, dataset.unescape_html).to_list() for template in templates]


def _divided(texts: list[str], generator: np.random.Generator) -> list[tuple[str, str]]:
    """Each text's words, half of them drawn at random, and the others; both in the text's order."""
    pairs = []
    for text in texts:
        words = np.array(text.split(), dtype=object)
        own = np.zeros(len(words), np.bool_)
        own[generator.permutation(len(words))[: len(words) // 2]] = True
        pairs.append((" ".join(words[own]), " ".join(words[~own])))
    return pairs
