"""What a static student is, and its settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from distill_rec.contracts import BuildStudent, StudentSpec, WarmCaches
from distill_rec.recipe import StudentSection
from distill_rec.registry import Late

if TYPE_CHECKING:
    from distill_rec.estimates import Sizes
    from students.static.model import StaticStudent

VOCABULARY_SECONDS = 15.0
"""The PLM over its own vocabulary, once."""

MOST_FITTED = 100_000
"""Items that later texts are fitted to, those of most clicks; memory and time are bounded by them."""

SECONDS_A_NUMBER = 5e-6
"""Of that fit, for each item and dimension."""


class StaticSection(StudentSection):
    """Keys of a static student."""

    kind: Literal["static"] = Field("static", description="what the student is")
    table_dim: int = Field(128, ge=2, description="dimensions of the sub-word table")
    token_weights: Literal["catalogue", "zipf"] = Field(
        "zipf",
        description="how much a sub-word counts at first: (as Model2Vec) by Zipf's law over the order of the PLM's "
        "vocabulary, or by how rare it is in the catalogue, which takes genres and brands for stop words",
    )
    vocabulary: Literal["all", "catalogue"] = Field(
        "all",
        description="sub-words that the PLM is run over for the table's start: all of its own, or (for large PLMs) "
        "the catalogue's; the others, which only new texts hold, then start from a map of its token embeddings",
    )
    words: int = Field(
        0,
        ge=0,
        description="frequent words of the catalogue that the PLM's vocabulary splits: so many get a row of their own",
    )
    pairs: int = Field(
        0, ge=0, description="pairs of neighbouring words, those that come together most beyond chance: the same"
    )
    word_texts: int = Field(5, ge=1, description="texts that hold such a word or pair, at least")
    new_texts: Literal["fitted", "learned"] = Field(
        "fitted",
        description="what encodes texts that come after the training: fitted (to the vectors that the clicked items "
        "ended with, from where the PLM put the sub-words), or (static alone) learned, the encoder as it was trained",
    )
    new_level: float = Field(
        0.5,
        ge=0,
        description="how high fitted texts stand: 0 as they are predicted, which is low, 1 as high on the whole as "
        "clicked items; the higher, the sooner new items are found, and the more places in lists they take",
    )

    def unread(self) -> Iterator[tuple[str, str, str]]:
        if not (self.words or self.pairs) and self.word_texts != type(self).model_fields["word_texts"].default:
            do = "Leave it out, or set student.words or student.pairs."
            yield "student.word_texts", "neither student.words nor student.pairs asks for any", do
        if not self.offsets and self.new_texts != type(self).model_fields["new_texts"].default:
            yield "student.new_texts", "student.offsets is false", "Leave it out, or set student.offsets = true."
        fitted = self.offsets and self.new_texts == "fitted"
        if not fitted and self.new_level != type(self).model_fields["new_level"].default:
            why = "student.offsets is false" if not self.offsets else "student.new_texts is 'learned'"
            yield "student.new_level", why, "Leave it out, or let later texts be fitted."


def end_seconds(section: StaticSection, sizes: Sizes) -> float:
    """Of the fit to later texts, see `students.static.later`."""
    fitted = section.offsets and section.new_texts == "fitted"
    return SECONDS_A_NUMBER * min(sizes.items, MOST_FITTED) * section.dim if fitted else 0.0


_build: Late[BuildStudent] = Late("students.static.build:build")
_model: Late[type[StaticStudent]] = Late("students.static.model:StaticStudent")
_warm: Late[WarmCaches] = Late("students.static.build:warm")

SPEC = StudentSpec(
    kind="static",
    help="sub-word table",
    settings=StaticSection,
    artifact="static",
    build=_build,
    model=_model,
    warm=_warm,
    start_seconds=VOCABULARY_SECONDS,
    end_seconds=end_seconds,
)
