"""From a static student's settings to a model, started from the teacher or from the public PLM."""

from __future__ import annotations

from functools import partial

import torch

from distill_rec.data.dataset import Dataset
from distill_rec.knowledge import Knowledge
from distill_rec.progress import Progress
from distill_rec.student_build import Built, TextTarget, assemble, config_of
from distill_rec.trunks.load import open_trunk
from students.static.later import fit_later
from students.static.spec import StaticSection
from students.static.start import fit_fallback, go_on, start_static, sub_words


def build(
    section: StaticSection, trunk: str, dataset: Dataset, knowledge: Knowledge | None, progress: Progress
) -> Built:
    """See `contracts.BuildStudent`."""
    torch.manual_seed(section.seed)
    plm = open_trunk(trunk, max_tokens=section.max_tokens)
    words = sub_words(section, plm, dataset, progress)
    encoder = start_static(section, words, dataset, TextTarget.of(knowledge, section, dataset))
    model, users = assemble(section, encoder, dataset, knowledge)
    parameters = sum(p.numel() for p in model.parameters()) + encoder.fallback.numel()
    config = config_of(section, plm, dataset, users, parameters) | {"table_dim": section.table_dim}
    empty = words.reads_empty(section.max_tokens)
    built = Built(model, config, words.tokenizer_json, empty, go_on=partial(go_on, encoder))
    built.after = partial(fit_fallback, encoder, words)
    if section.offsets and section.new_texts == "fitted":
        built.fit_later = partial(fit_later, words, dataset=dataset, section=section, progress=progress)
    return built


def warm(section: StaticSection, trunk: str, dataset: Dataset, progress: Progress) -> None:
    """See `contracts.WarmCaches`: the PLM's vectors of sub-words."""
    sub_words(section, open_trunk(trunk, max_tokens=section.max_tokens), dataset, progress)
