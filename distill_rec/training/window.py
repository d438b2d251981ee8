"""A window: encode each distinct text once, let every batch read it, send the collected gradient back once.

GRAM's accumulation (Yang et al. 2022, section 3) over `window` batches: the vectors are leaves, every batch
updates offsets and user encoder and adds its dL/dv, then the texts are encoded again in chunks, with a graph,
and the sum is back-propagated. Memory is bounded by the chunk. With a window of one batch the gradient is that
of ordinary training with duplicates removed.

Several processes each have some rows of every batch and some chunks of the texts. What they add up is explicit: the
vectors, every batch's gradients, dL/dv, and at the window's end the text encoder's gradients (its caller does that),
because a wrapper that adds up inside backward would wait where one has fewer chunks than another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from distill_rec.nn.recommender import Recommender
from distill_rec.ranks import ALONE, Ranks
from distill_rec.training.batches import Batch, SequenceBatch
from distill_rec.training.objective import Objective, make_scene
from distill_rec.training.parts import part_of

RandomState = Tensor
ROUNDS = 30
"""In which chances above one are cut, and the others raised."""


@dataclass(frozen=True)
class TextRows:
    """Texts of a window.

    Attributes:
        needed: text indices `[k]`, ascending, of all items that the window's batches may read.
        learn: those that receive a gradient.
        share: `[len(learn)]`, factor of each one's gradient (inverse inclusion probability of sampled ones).
        stale: texts of `needed` outside `learn` that are encoded anew all the same.
    """

    needed: Tensor
    learn: Tensor
    share: Tensor
    stale: Tensor


def window_items(model: Recommender, batches: Sequence[Batch], warm: Tensor) -> Tensor:
    """Items that the batches may read: all warm ones where the softmax is over the catalogue, else their own."""
    if isinstance(batches[0], SequenceBatch):
        return warm
    own = np.unique(np.concatenate([batch.items for batch in batches]))
    return torch.from_numpy(own).to(warm.device)


def choose_rows(
    needed: Tensor, own: Tensor, sampled: int | None, refresh: bool, generator: torch.Generator
) -> TextRows:
    """All texts learn, or the window's own and `sampled` others, each standing for its share of the others."""
    others = needed[~torch.isin(needed, own)]
    if sampled is None or sampled >= len(others):
        return TextRows(needed, needed, torch.ones(len(needed), device=needed.device), needed[:0])
    drawn = torch.randperm(len(others), generator=generator)[:sampled].to(needed.device)
    learn = torch.cat([own, others[drawn]])
    share = torch.ones(len(learn), device=needed.device)
    share[len(own) :] = len(others) / max(sampled, 1)
    left = torch.ones(len(others), dtype=torch.bool, device=needed.device)
    left[drawn] = False
    return TextRows(needed, learn, share, others[left] if refresh else others[:0])


def draw_by_size(gradient: Tensor, share: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Texts that the gradient is sent back through, and the factor of each one's.

    Text i is drawn with chance `p_i = min(1, c |g_i|)`, with c such that so large a share is drawn on average, and its
    gradient divided by p_i, so that the sum is right on average (Horvitz and Thompson 1952, "A Generalization of
    Sampling Without Replacement", JASA 47). Of all ways to draw texts one by one these chances have the least variance
    of the sum; what a window says of most of its texts is next to nothing.

    Args:
        gradient: `[k, dim]`.
        share: in (0, 1].

    Returns:
        Places `[m]` in it, ascending, and factors `[m]`; of texts without a gradient none is drawn.
    """
    size = torch.linalg.vector_norm(gradient, dim=1).double()
    if not torch.isfinite(size).all():  # whoever looks for such gradients is to find them
        return torch.arange(len(size), device=size.device), torch.ones_like(gradient[:, 0])
    wanted = share * len(size)
    chance = torch.zeros_like(size)
    for _ in range(ROUNDS):
        certain = chance >= 1
        rest = torch.where(certain, 0.0, size)
        left = wanted - certain.sum()
        chance = torch.where(certain, 1.0, rest * (left / rest.sum().clamp(min=1e-300))).clamp(max=1.0)
    drawn = torch.rand(len(size), generator=generator, dtype=torch.float64).to(size.device) < chance
    places = drawn.nonzero()[:, 0]
    return places, (1 / chance[places]).to(gradient.dtype)


def encode_window(
    model: Recommender, rows: TextRows, table: Tensor, ranks: Ranks = ALONE
) -> list[tuple[Tensor, RandomState]]:
    """Write the texts' vectors into `table` `[n_texts, dim]`; return the chunks that learn, with their random state.

    Of several processes each encodes its chunks, and those are returned; all get all vectors.
    """
    encoder = model.text_encoder
    chunks = []
    with torch.no_grad():
        if ranks.count > 1:
            table[rows.learn] = table[rows.stale] = 0.0
        for chunk in _own(encoder.chunks(rows.learn), ranks):
            chunks.append((chunk, torch.get_rng_state()))
            table[chunk] = encoder(chunk)
        for chunk in _own(encoder.chunks(rows.stale), ranks):
            table[chunk] = encoder(chunk)
        if ranks.count > 1:
            encoded = torch.cat([rows.learn, rows.stale])
            vectors = table[encoded]
            ranks.add_up(vectors)
            table[encoded] = vectors
    return chunks


def _own(chunks: list[Tensor], ranks: Ranks) -> list[Tensor]:
    """This process's chunks: every n-th, since neighbours are of like lengths."""
    return chunks[ranks.rank :: ranks.count]


def backward_window(
    model: Recommender,
    objective: Objective,
    chunks: list[tuple[Tensor, RandomState | None]],
    needed: Tensor,
    gradient: Tensor,
    extra: Tensor | None,
    learning: int,
    ranks: Ranks = ALONE,
) -> float:
    """Send the collected gradient through the text encoder; return the texts' own loss.

    Args:
        chunks: text indices and the random state in which each was encoded (so that dropout falls alike), None where it
            does not matter; those of this process.
        needed: text indices `[k]`, ascending; those of the chunks are among them.
        gradient: dL/dv `[k, dim]`, of these.
        extra: texts outside the window for the texts' own loss.
        learning: texts of the chunks of all processes.
    """
    encoder = model.text_encoder
    after = torch.get_rng_state()
    total = learning + (0 if extra is None else len(extra))
    own_loss = 0.0
    pieces = [(chunk, after if state is None else state, True) for chunk, state in chunks]
    if extra is not None and len(extra):
        pieces += [(chunk, after, False) for chunk in _own(encoder.chunks(extra), ranks)]
    for chunk, state, collected in pieces:
        torch.set_rng_state(state)
        vectors = encoder(chunk)
        if not vectors.requires_grad:
            break
        roots: list[Tensor] = [vectors]
        collects = gradient[torch.searchsorted(needed, chunk)] if collected else torch.zeros_like(vectors)
        slopes: list[Tensor | None] = [collects]
        loss = objective.text_loss(chunk, vectors)
        if loss is not None:
            loss = loss * (len(chunk) / total)
            own_loss += float(loss.detach())
            roots.append(loss)
            slopes.append(None)
        torch.autograd.backward(roots, slopes)
    torch.set_rng_state(after)
    return own_loss


def run_window(
    model: Recommender,
    objective: Objective,
    batches: Sequence[Batch],
    items: Tensor,
    rows: TextRows,
    table: Tensor,
    extra: Tensor | None,
    step_batch: Callable[[float, int], None],
    ranks: Ranks = ALONE,
    draw: Callable[[Tensor], tuple[Tensor, Tensor]] | None = None,
) -> float:
    """One window: forward and backward of every batch, then of the texts; gradients of the text encoder are left.

    Args:
        items: item indices `[m]` that the batches read.
        table: `[n_texts, dim]`, vectors of texts; those of `rows` are replaced.
        step_batch: called after each batch's backward with its loss and number; steps offsets and user encoder.
        ranks: who have a part in it; gradients, the losses given to `step_batch` and the one returned are this
            process's addends.
        draw: from gradients to places of those that are sent back and the factor of each, as `draw_by_size`; all of
            them where not given. The text encoder is to be in evaluation mode then: what is drawn is encoded in other
            chunks than before, where dropout would fall otherwise.

    Returns:
        The mean loss of a batch.
    """
    chunks: list[tuple[Tensor, RandomState | None]] = [*encode_window(model, rows, table, ranks)]
    leaf = functional.embedding(rows.needed, table).requires_grad_()
    local = torch.searchsorted(rows.needed, model.item_text[items])
    identical = len(local) == len(leaf) and bool((local == torch.arange(len(leaf), device=local.device)).all())
    place = torch.full((len(model.item_text),), -1, dtype=torch.int64, device=items.device)
    place[items] = torch.arange(len(items), device=items.device)
    losses = 0.0
    for number, batch in enumerate(batches):
        value, part = 0.0, part_of(batch, ranks)
        if len(part.history):  # else the batch has fewer rows than there are processes
            vectors = leaf if identical else functional.embedding(local, leaf)
            if model.offsets is not None:
                vectors = vectors + model.offsets(items)
            loss = objective.batch_loss(make_scene(model, items, place, vectors, part), place)
            value = float(loss.detach())
            if np.isfinite(value):
                loss.backward()
        step_batch(value, number)
        losses += value
    # As long as what the window needs, not as the catalogue: a small window of a large one would only write zeros.
    collected = torch.zeros_like(leaf) if leaf.grad is None else leaf.grad / len(batches)
    ranks.add_up(collected)
    if len(rows.learn) < len(rows.needed):
        collected[torch.searchsorted(rows.needed, rows.learn)] *= rows.share[:, None].to(collected.dtype)
    learn = rows.learn
    if draw is not None:
        at = torch.searchsorted(rows.needed, learn)
        places, factor = draw(collected[at])
        learn = learn[places]
        collected[at[places]] *= factor[:, None]
        chunks = [(chunk, None) for chunk in _own(model.text_encoder.chunks(learn), ranks)]
    own = backward_window(model, objective, chunks, rows.needed, collected, extra, len(learn), ranks)
    return losses / len(batches) + own
