"""A student and a teacher that learn at the same time, as one model: the student to whoever asks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from distill_rec.nn.offsets import ItemOffsets
from distill_rec.nn.recommender import Recommender, TextEncoder
from distill_rec.nn.user_encoders import UserEncoder

TEACHER = "teacher"
"""Part of the names of the teacher's weights."""


class Pair(Recommender):
    """A student beside its teacher: a window encodes each text once with both, and their weights learn together.

    Item vectors `[m, d_student + d_teacher]` of a window hold the student's first, then the teacher's. What is asked of
    it outside a window (all item vectors, user vectors, repeat term) is the student's alone.

    Args:
        student, teacher: on the same texts and items; their modules become this one's, and the teacher's repeat term
            stays as it is.
    """

    def __init__(self, student: Recommender, teacher: Recommender) -> None:
        texts = PairTexts(student.text_encoder, teacher.text_encoder)
        users = PairUsers(student.user_encoder, teacher.user_encoder)
        some = student.offsets is not None or teacher.offsets is not None
        dims = student.text_encoder.dim, teacher.text_encoder.dim
        offsets = PairOffsets(student.offsets, teacher.offsets, dims) if some else None
        super().__init__(texts, users, student.item_text, offsets, student.repeat_term)  # type: ignore[arg-type]
        # Not modules of this one, so that no weight has two names.
        self.both = (student, teacher)

    @property
    def student(self) -> Recommender:
        return self.both[0]

    @property
    def teacher(self) -> Recommender:
        return self.both[1]

    def item_vectors(self, texts: Tensor | None = None, only: Tensor | None = None) -> Tensor:
        """The student's; see `Recommender.item_vectors`."""
        return self.student.item_vectors(texts, only)

    def part_of(self, name: str) -> str:
        """See `Recommender.part_of`."""
        usual = super().part_of(name)
        return f"{TEACHER}'s {usual}" if TEACHER in name.split(".") else usual


class PairTexts(TextEncoder):
    """Text vectors of both, `[n, d_student + d_teacher]`."""

    def __init__(self, student: TextEncoder, teacher: TextEncoder) -> None:
        super().__init__()
        self.student, self.teacher = student, teacher
        self.n_texts, self.dim = student.n_texts, student.dim + teacher.dim

    def forward(self, rows: Tensor) -> Tensor:
        return torch.cat([self.student(rows), self.teacher(rows)], 1)

    def chunks(self, rows: Tensor) -> list[Tensor]:
        """Pieces that fit both."""
        return [piece for chunk in self.teacher.chunks(rows) for piece in self.student.chunks(chunk)]

    def trunk_parameters(self) -> list[nn.Parameter]:
        return [*self.student.trunk_parameters(), *self.teacher.trunk_parameters()]

    def trunk_groups(self) -> dict[str, list[nn.Parameter]]:
        of_teacher = {f"{TEACHER}'s {name}": group for name, group in self.teacher.trunk_groups().items()}
        return self.student.trunk_groups() | of_teacher


class PairUsers(UserEncoder):
    """The student's user vectors; the teacher's encoder, which learns beside it, is asked by who trains both."""

    def __init__(self, student: UserEncoder, teacher: UserEncoder) -> None:
        nn.Module.__init__(self)
        self.student, self.teacher = student, teacher
        self.dim, self.max_history = student.dim, student.max_history

    @property
    def empty(self) -> Tensor:  # type: ignore[override]
        return self.student.empty

    def all_positions(self, history: Tensor, mask: Tensor) -> Tensor:
        """See `UserEncoder.all_positions`.

        Args:
            history: the student's item vectors, or those of both, `[batch, length, ...]`.
        """
        return self.student.all_positions(history[..., : self.dim], mask)

    def whole(self, history: Tensor, mask: Tensor) -> Tensor:
        """See `UserEncoder.whole`."""
        return self.student.whole(history[..., : self.dim], mask)

    def forward(self, history: Tensor, mask: Tensor) -> Tensor:
        """See `UserEncoder.forward`."""
        return self.student(history[..., : self.dim], mask)  # type: ignore[no-any-return]


class PairOffsets(nn.Module):
    """Offsets of both `[n, d_student + d_teacher]`, zeros of one that has none.

    The student's are dropped at random in training; the teacher's are whole, as it teaches, and whoever has it learn
    from its clicks drops them there.
    """

    def __init__(self, student: ItemOffsets | None, teacher: ItemOffsets | None, dims: tuple[int, int]) -> None:
        super().__init__()
        self.student, self.teacher, self.dims = student, teacher, dims

    def forward(self, items: Tensor) -> Tensor:
        whole = None if self.teacher is None else self.teacher.whole(items)
        found = None if self.student is None else self.student(items)
        given = next(one for one in (found, whole) if one is not None)
        zeros = (given.new_zeros(len(items), dim) for dim in self.dims)
        return torch.cat([zero if one is None else one for one, zero in zip((found, whole), zeros, strict=True)], 1)
