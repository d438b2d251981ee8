"""What a transformer student learns from the layers of its teacher's PLM, which is run beside it on the same texts.

The teacher's states are made anew for each batch and let go: kept, they would be as large as all texts' tokens times
the PLM's width, for each layer.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from distill_rec.contracts import refuse_without_layers, teacher_read, trunk_opener_of
from distill_rec.data.dataset import Dataset
from distill_rec.distillation.training import FIRST
from distill_rec.knowledge import Knowledge
from distill_rec.losses.active import Active, active_losses
from distill_rec.losses.spec import ATTENTION, TOKEN_STATES
from distill_rec.nn.adapter import make_adapter
from distill_rec.recipe import FirstSection, StudentSection
from distill_rec.runtime.errors import RecipeError
from distill_rec.teacher_model import Teacher
from distill_rec.trunks.caught import Caught
from distill_rec.trunks.encoder import TrunkEncoder
from distill_rec.trunks.load import Trunk
from distill_rec.trunks.prefix import forward_all, only_layers, pad_tokens
from distill_rec.trunks.tokens import tokenize

TOKENS = "student.first.tokens"


class TokenLosses(nn.Module):
    """Losses of token states of a student's text encoder against a trunk.

    Args:
        section: whose losses are read that need the states of layers, or attention.
        encoder: the student's; hooks are put into its trunk, and `close` takes them off.
        trunk: the teacher's, frozen.

    Raises:
        RecipeError: the student or the trunk lacks a layer that is named, or widths do not fit a loss.
        ModelError: a layer's attention was not found.
    """

    def __init__(self, section: FirstSection, encoder: TrunkEncoder, trunk: Trunk) -> None:
        super().__init__()
        losses, asked = active_losses(section.loss), section.tokens
        own, taught = len(encoder.trunk.layers), len(trunk.layers)
        self.of_states = [one for one in losses if TOKEN_STATES in one.spec.needs]
        self.of_attention = [one for one in losses if ATTENTION in one.spec.needs]
        pairs = layers_together(asked.hidden_layers, own, taught) if self.of_states else []
        layer = relation_layer(asked.relation_layer, taught) if self.of_attention else None
        self.stop = max([number for _, number in pairs] + [-1 if layer is None else layer]) + 1
        self.map = make_adapter("auto", encoder.trunk.width, trunk.width) if self.of_states else nn.Identity()
        self.trunk, self._encoder = trunk, (encoder,)  # the student is no part of what training alone has
        last = None if layer is None else own - 1
        self._own = Caught(encoder.trunk.layers, [number for number, _ in pairs], last)
        self._taught = Caught(trunk.layers, [number for _, number in pairs], layer)

    def of_texts(self, rows: Tensor) -> dict[str, Tensor]:
        """Each loss, times its weight, of texts `[n]` that the student's encoder has run last.

        Raises:
            RecipeError: a loss does not take the widths of the two PLMs.
        """
        (encoder,) = self._encoder
        ids, mask = pad_tokens(encoder.tokens, rows.cpu().numpy(), rows.device)
        with torch.no_grad(), only_layers(self.trunk, 0, self.stop):
            forward_all(self.trunk, ids, mask)
        (own_states, own_attention), (states, attention) = self._own.take(), self._taught.take()
        found = {}
        for one in self.of_states:
            mapped = [self.map(state) for state in own_states] if one.spec.adapter else own_states
            found[one.spec.name] = self._added_up(one, mapped, states, mask)
        for one in self.of_attention:
            found[one.spec.name] = self._added_up(one, own_attention, attention, mask)
        return found

    def _added_up(self, loss: Active, own: list[Tensor], taught: list[Tensor], mask: Tensor) -> Tensor:
        try:
            return torch.stack([loss.of_tokens(*pair, mask) for pair in zip(own, taught, strict=True)]).sum()
        except ValueError as error:
            (encoder,) = self._encoder
            expected = f"what fits the student's width of {encoder.trunk.width} and the teacher's of {self.trunk.width}"
            raise RecipeError(f"key {FIRST}.{loss.spec.name}", str(error), expected) from error

    @torch.no_grad()
    def judged(self, rows: Tensor) -> dict[str, float]:
        """Each loss, its weight left out, over texts that the student's encoder is run on now."""
        (encoder,) = self._encoder
        encoder.eval()
        weights = {one.spec.name: one.weight for one in self.of_states + self.of_attention}
        sums = dict.fromkeys(weights, 0.0)
        for chunk in encoder.chunks(rows):
            encoder.hidden(chunk)
            for name, value in self.of_texts(chunk).items():
                sums[name] += float(value) * len(chunk)
        return {name: value / weights[name] / len(rows) for name, value in sums.items()}

    def close(self) -> None:
        """Take the hooks off."""
        self._own.remove()
        self._taught.remove()


def open_beside(section: StudentSection, knowledge: Knowledge, dataset: Dataset, encoder: nn.Module) -> Trunk | None:
    """The teacher's PLM, ready to be run beside the student's; None where no loss reads it.

    Args:
        encoder: the student's, of the data set's texts.

    Raises:
        RecipeError: the student has no layers, the teacher has none or is one of several, or the two do not fit.
        ModelError: the teacher's PLM is not the one that was trained, or its attention was not found.
    """
    assert section.first is not None
    if not section.first.token_losses:
        return None
    key = f"{FIRST}.{section.first.token_losses[0].name}"
    refuse_without_layers(section.kind, key)
    assert isinstance(encoder, TrunkEncoder)
    teacher = Teacher.load(knowledge.folder.parent)
    if name := teacher_read(section.first.tokens.of, teacher.members):
        teacher = Teacher.load(teacher.folder / name)
    device = next(encoder.parameters()).device
    trunk = trunk_opener_of(teacher.kind, key).get()(teacher).to(device)
    _refuse_other_tokens(encoder, trunk, dataset)
    tried = TokenLosses(section.first, encoder, trunk)
    # What does not fit is told before anything is trained.
    tried.judged(torch.zeros(1, dtype=torch.int64, device=device))
    tried.close()
    return trunk


def layers_together(asked: list[int], own: int, taught: int) -> list[tuple[int, int]]:
    """Pairs of a student's layer and a teacher's, numbers from 0.

    Args:
        asked: see `TokensSection.hidden_layers`.
        own, taught: layers that student and teacher have.

    Raises:
        RecipeError: other numbers of layers than there are.
    """
    numbers = asked or [max(1, round((number + 1) * taught / own)) for number in range(own)]
    if len(numbers) != own or max(numbers) > taught or not any(numbers):
        expected = f"{own}, one for each of the student's layers, of 1 to {taught} (0: none), not all 0"
        raise RecipeError(f"key {TOKENS}.hidden_layers", f"{asked}", expected)
    return [(number, layer - 1) for number, layer in enumerate(numbers) if layer]


def relation_layer(asked: int | None, taught: int) -> int:
    """The teacher's layer whose attention is read, from 0.

    Raises:
        RecipeError: it has no such layer.
    """
    if asked is not None and asked > taught:
        raise RecipeError(f"key {TOKENS}.relation_layer", f"{asked}", f"1 to {taught}, the layers of the teacher's PLM")
    return (asked or taught) - 1


def _refuse_other_tokens(encoder: TrunkEncoder, trunk: Trunk, dataset: Dataset) -> None:
    """Refuse a student that reads other tokens of a text than its teacher does: which belong together is not known.

    Raises:
        RecipeError: naming the key that makes the difference.
    """
    own = encoder.trunk
    reading = (("max_tokens", own.max_tokens, trunk.max_tokens), ("prefix", own.prefix, trunk.prefix))
    if own.tokenizer_json == trunk.tokenizer_json and all(one == other for _, one, other in reading):
        return
    taught = tokenize(dataset.texts, trunk.tokenizer())
    same = np.array_equal(encoder.tokens.offsets, taught.offsets)
    if same and np.array_equal(encoder.tokens.values, taught.values):
        return
    for key, one, other in reading:
        if one != other:
            found = f"{one!r}, so that the student reads other tokens than its teacher"
            raise RecipeError(f"key student.{key}", found, f"{other!r}, as the teacher has")
    found = f"{own.source}, whose tokenizer makes other tokens of the texts than the teacher's"
    raise RecipeError("key student.trunk", found, "a PLM with the teacher's tokenizer, or the teacher's own")
