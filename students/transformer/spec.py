"""What a transformer student is, and its settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from distill_rec.contracts import BuildStudent, StudentSpec
from distill_rec.plm_config import PlmConfig
from distill_rec.recipe import StudentSection
from distill_rec.registry import Late
from students.transformer.asked import EVERY_OTHER, Narrow, layers_of, refuse_narrow, share_of_layer

if TYPE_CHECKING:
    from students.transformer.model import TransformerStudent

USUAL_LAYERS = 6
"""Of a PLM that is not here yet."""


class TransformerSection(StudentSection):
    """Keys of a transformer student."""

    kind: Literal["transformer"] = Field("transformer", description="what the student is")
    layers: int | list[int] | Literal["every_other"] = Field(
        1,
        description="layers copied from the PLM: how many, the first ones; or their numbers from 0 on, as [0, 5]; or "
        "every_other: half of them, the first and the last among them, as DistilBERT",
    )
    intermediate: int | None = Field(
        None,
        ge=1,
        description="neurons of each layer's feed-forward network that are kept, those that add most to the states of "
        "the catalogue's texts; all of the PLM's where not given",
    )
    heads: int | None = Field(
        None, ge=1, description="attention heads of each layer that are kept, likewise; all where not given"
    )
    width: int | None = Field(
        None,
        ge=8,
        description="dimensions of a token's state that are kept, those in which states of the catalogue's texts vary "
        "most, which makes every row of the vocabulary shorter; all where not given",
    )
    sub_words: Literal["all", "catalogue"] = Field(
        "all",
        description="sub-words whose vectors are kept: all of the PLM's, or the catalogue's and what reads every other "
        "text, which is a fraction of the megabytes; words that only new texts have are then read in smaller pieces",
    )
    further_sub_words: int = Field(
        5000,
        ge=0,
        description="with sub_words = 'catalogue': how many more are kept, the PLM's most frequent ones, for new texts",
    )
    prefix: str | None = Field(
        None, description="text put before every text, as the trunk was trained with; left out: its folder's own"
    )

    @field_validator("layers", mode="before")
    @classmethod
    def _layers_in_order(cls, layers: Any) -> Any:
        numbers = [layers] if isinstance(layers, int) else layers
        least = 1 if isinstance(layers, int) else 0
        if layers != EVERY_OTHER and not (isinstance(numbers, list) and _rising(numbers, least)):
            raise ValueError(f"a number from 1 on, rising numbers from 0 on, as [0, 5], or {EVERY_OTHER!r}")
        return layers

    @model_validator(mode="after")
    def _tokens_of_the_teacher(self) -> Self:
        if self.sub_words == "catalogue" and self.first is not None and self.first.token_losses:
            losses = " and ".join(one.name for one in self.first.token_losses)
            raise ValueError(f"{losses} of first.loss give the teacher's PLM the student's ids: set sub_words to 'all'")
        return self

    @property
    def narrow(self) -> Narrow:
        """How narrow its layers are."""
        return Narrow(self.intermediate, self.heads, self.width)

    def unread(self) -> Iterator[tuple[str, str, str]]:
        own = type(self).model_fields["further_sub_words"].default
        if self.sub_words == "all" and self.further_sub_words != own:
            do = "Leave it out, or set student.sub_words = 'catalogue'."
            yield "student.further_sub_words", "student.sub_words is 'all', which leaves none to add", do

    def refuse_plm(self, read: Callable[[], PlmConfig | None]) -> None:
        plm = read()
        if plm is not None:
            refuse_narrow(self.narrow, plm)
        if plm is not None and plm.layers is not None:
            layers_of(self.layers, plm.layers)


def _rising(numbers: list[Any], least: int) -> bool:
    whole = all(isinstance(one, int) and not isinstance(one, bool) and one >= least for one in numbers)
    return bool(numbers) and whole and numbers == sorted(set(numbers))


def _layers_run(section: TransformerSection, plm: PlmConfig | None) -> float:
    """Layers, for estimates, a narrow one as a share of the PLM's; half of six where the PLM is not known."""
    depth = USUAL_LAYERS if plm is None else plm.layers or USUAL_LAYERS
    count = len(layers_of(section.layers, depth)) if section.layers == EVERY_OTHER else _how_many(section.layers)
    return count if plm is None else count * share_of_layer(section.narrow, plm)


def _how_many(layers: Any) -> int:
    return len(layers) if isinstance(layers, list) else int(layers)


_build: Late[BuildStudent] = Late("students.transformer.build:build")
_model: Late[type[TransformerStudent]] = Late("students.transformer.model:TransformerStudent")

SPEC = StudentSpec(
    kind="transformer",
    help="layers of the teacher's trunk",
    settings=TransformerSection,
    artifact="transformer",
    build=_build,
    model=_model,
    trunk_layers=_layers_run,
    export_seconds=40.0,
)
