"""The text side of a trained table: for items that nobody has clicked, and for those that come later."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from distill_rec.data.dataset import Dataset
from distill_rec.nn.offsets import ItemOffsets
from distill_rec.nn.recommender import Recommender
from students.static.encoder import StaticEncoder

STRENGTHS = np.logspace(-4, 2, 13)
"""Ridges that are tried, as shares of the mean diagonal of the Gram matrix."""


def add_texts(model: Recommender, encoder: StaticEncoder, dataset: Dataset) -> None:
    """Make a table's recommender one of texts and offsets, in place; item vectors of warm items stay what they are.

    Args:
        encoder: untrained; its linear map is fitted to the table.
    """
    assert model.offsets is not None
    model.eval()
    with torch.no_grad():
        table = model.offsets().cpu()
        fit_map(encoder.eval(), table, dataset)
        warm = torch.from_numpy(dataset.warm.copy())
        offsets = ItemOffsets(warm, table.shape[1])
        texts = encoder.encode()[model.item_text.cpu()]
        offsets.weight.copy_((table - texts) * warm[:, None])
    device = model.item_text.device
    model.text_encoder, model.offsets = encoder.to(device), offsets.eval().to(device)


def fit_map(encoder: StaticEncoder, table: Tensor, dataset: Dataset) -> None:
    """Fit the encoder's linear map to item vectors `[n_items, dim]`: ridge regression over items with clicks.

    The strength is the best of `STRENGTHS` for items that are left out, each once. Items count by their clicks, because
    a vector that few clicks made is mostly chance.
    """
    from sklearn.linear_model import RidgeCV  # noqa: PLC0415  (takes a second to load)

    warm = np.flatnonzero(dataset.warm)
    mean = encoder.mean(torch.from_numpy(dataset.item_text[warm].astype(np.int64)))
    x = (mean / mean.norm(dim=1, keepdim=True).clamp_min(1e-12)).double().numpy()
    scale = np.square(x - x.mean(0)).sum(0).mean()
    if len(warm) < 2 or scale == 0:
        return
    found = RidgeCV(alphas=STRENGTHS * scale).fit(x, table[warm].double().numpy(), dataset.train_clicks[warm])
    encoder.projection.linear.weight.copy_(torch.from_numpy(found.coef_))
    encoder.projection.linear.bias.copy_(torch.from_numpy(found.intercept_))
