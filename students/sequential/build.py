"""From a sequential student's settings to a model: a table to train, and the texts that are fitted to it after."""

from __future__ import annotations

from functools import partial

import torch

from distill_rec.data.dataset import Dataset
from distill_rec.knowledge import Knowledge
from distill_rec.nn.pooled_encoder import NoText
from distill_rec.progress import Progress
from distill_rec.student_build import Built, assemble, config_of
from distill_rec.trunks.load import open_trunk
from students.sequential.spec import SequentialSection
from students.sequential.table import ItemTable, go_on, start_of
from students.sequential.texts import add_texts
from students.static.start import sub_words


def build(
    section: SequentialSection, trunk: str, dataset: Dataset, knowledge: Knowledge | None, progress: Progress
) -> Built:
    """See `contracts.BuildStudent`."""
    torch.manual_seed(section.seed)
    plm = open_trunk(trunk, max_tokens=section.max_tokens)
    words = sub_words(section, plm, dataset, progress)
    start = start_of(knowledge, dataset.warm, section.dim)
    table = ItemTable(torch.from_numpy(dataset.warm.copy()), start, section.offset_dropout)
    model, users = assemble(section, NoText(len(dataset.texts), section.dim), dataset, knowledge, table)
    of_texts = len(words.weight) * section.table_dim + (section.table_dim + 1) * section.dim
    parameters = sum(p.numel() for p in model.parameters()) + of_texts
    config = config_of(section, plm, dataset, users, parameters) | {"table_dim": section.table_dim}
    empty = words.reads_empty(section.max_tokens)
    after = partial(add_texts, model, words, dataset, section, progress)
    own = partial(go_on, table, dataset)
    return Built(model, config, words.tokenizer_json, empty, after=after, own_vectors=dataset.warm, go_on=own)
