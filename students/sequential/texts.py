"""The text side of a trained table: for items that nobody has clicked, and for those that come later."""

from __future__ import annotations

import torch

from distill_rec.data.dataset import Dataset
from distill_rec.nn.offsets import ItemOffsets
from distill_rec.nn.recommender import Recommender
from distill_rec.progress import Progress
from students.sequential.spec import SequentialSection
from students.static.later import fit_later
from students.static.start import SubWords


def add_texts(
    model: Recommender, words: SubWords, dataset: Dataset, section: SequentialSection, progress: Progress
) -> None:
    """Make a table's recommender one of texts and offsets, in place; item vectors of warm items stay what they are."""
    assert model.offsets is not None
    model.eval()
    with torch.no_grad():
        table = model.offsets().cpu()
        encoder = fit_later(words, model, dataset, section, progress)
        warm = torch.from_numpy(dataset.warm.copy())
        offsets = ItemOffsets(warm, table.shape[1])
        texts = encoder.encode()[model.item_text.cpu()]
        offsets.weight.copy_((table - texts) * warm[:, None])
    device = model.item_text.device
    model.text_encoder, model.offsets = encoder.to(device), offsets.eval().to(device)
