"""Small real things to test with: a BERT of random weights with its tokenizer, and a data set that can be learnt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel

from distill_rec.data.dataset import Dataset, Impressions, Queries, Sequences
from distill_rec.data.ragged import Ragged
from distill_rec.kinds import settings_of
from distill_rec.recipe import StudentSection

HIDDEN = {"static": {"table_dim": 8}, "transformer": {}}
"""What small students of each kind have beside the rest."""


def student_section(kind: str = "static", **settings: object) -> StudentSection:
    """A small student of a kind."""
    section = settings_of("student", kind).model_validate({"dim": 8, "hidden": 8, **HIDDEN[kind], **settings})
    assert isinstance(section, StudentSection)
    return section


WORDS = [
    "red",
    "green",
    "blue",
    "small",
    "large",
    "old",
    "new",
    "cat",
    "dog",
    "bird",
    "fish",
    "house",
    "tree",
    "river",
    "stone",
    "wind",
    "fire",
    "rain",
    "snow",
    "night",
]


def word_piece() -> Tokenizer:
    """A WordPiece tokenizer of twenty words, their first letters and continuations."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    vocabulary = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *WORDS,
        *letters,
        *(f"##{letter}" for letter in letters),
    ]
    tokenizer = Tokenizer(models.WordPiece({word: i for i, word in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def write_trunk(folder: Path, layers: int = 2, width: int = 32, dropout: float = 0.1, seed: int = 0) -> Path:
    """A BERT of random weights as a model folder."""
    torch.manual_seed(seed)
    tokenizer = word_piece()
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=2 * width,
        max_position_embeddings=64,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        initializer_range=0.2,
    )
    folder.mkdir(parents=True, exist_ok=True)
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def make_dataset(kind: str = "clicks", n_items: int = 60, n_users: int = 80, seed: int = 0) -> Dataset:
    """Users who stay with one colour of item; two items share a text, the last five are never clicked in training."""
    generator = np.random.default_rng(seed)
    texts = [f"{WORDS[i % 3]} {WORDS[3 + i % 4]} {WORDS[7 + i % 13]} {i}" for i in range(n_items)]
    texts[4] = texts[1]
    distinct = list(dict.fromkeys(texts))
    item_text = np.array([distinct.index(text) for text in texts], np.int32)
    warm = n_items - 5
    rows = []
    for user in range(n_users):
        own = np.arange(user % 3, warm, 3)
        rows.append(generator.permutation(own)[: generator.integers(6, 14)])
    counts = np.zeros(n_items, np.int32)
    for row in rows:
        np.add.at(counts, row[:-2], 1)
    items = pl.DataFrame({"item_id": [f"i{i}" for i in range(n_items)], "title": texts, "text": texts})
    users = pl.DataFrame({"user_id": [f"u{i}" for i in range(n_users)]})
    parts = _clicks(rows) if kind == "clicks" else _impressions(rows, warm, generator)
    new = np.zeros(n_items, np.bool_)
    return Dataset(
        kind, items, users, distinct, item_text, counts, new, *parts, None, 8, "{title}", f"tiny-{kind}-{seed}"
    )


def _clicks(rows: list[np.ndarray]) -> tuple[Sequences, Queries, Queries]:
    user = np.arange(len(rows), dtype=np.int32)
    train = [row[:-2] for row in rows]
    sequences = Sequences(
        user,
        Ragged.from_rows(train),
        Ragged.from_rows([np.arange(len(row)) // 2 for row in train], np.int64),
        Ragged.from_rows([np.ones(len(row)) for row in train], np.float32),
    )
    return sequences, _queries(rows, -2), _queries(rows, -1)


def _queries(rows: list[np.ndarray], at: int) -> Queries:
    history = Ragged.from_rows([row[:at][-8:] for row in rows])
    user = np.arange(len(rows), dtype=np.int32)
    return Queries(user, np.zeros(len(rows), np.int64), np.array([row[at] for row in rows], np.int32), history, history)


def _impressions(
    rows: list[np.ndarray], warm: int, generator: np.random.Generator
) -> tuple[Impressions, Impressions, Impressions]:
    def at(place: int) -> Impressions:
        candidates, labels = [], []
        for row in rows:
            shown = np.unique(np.append(generator.integers(0, warm, 6), row[place]))
            candidates.append(shown)
            labels.append(shown == row[place])
        return Impressions(
            np.arange(len(rows), dtype=np.int32),
            np.zeros(len(rows), np.int64),
            Ragged.from_rows([row[: place - 1 if place < -1 else place][-8:] for row in rows]),
            Ragged.from_rows(candidates),
            Ragged.from_rows(labels, np.int8),
        )

    return at(-3), at(-2), at(-1)
