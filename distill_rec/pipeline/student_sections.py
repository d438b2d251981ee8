"""What a recipe says of the student and of those beside it: their sections, their PLM, and which is trained already."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distill_rec.recipe import Recipe, Sourced, StudentSection


def twin_of(recipe: Recipe) -> Path | None:
    """Where in the stage teach the undistilled student lies already; None where it is to be trained.

    A teacher of kind `student` with the student's own settings and PLM, of all users, is the student without
    distillation, and training it once more would give it once more.
    """
    if recipe.student is None or recipe.teacher is None or not recipe.student.undistilled:
        return None
    wanted, trunk = section_of(recipe.student, "undistilled").on_clicks(), trunk_of(recipe)
    folds = getattr(recipe.teacher, "folds", {})
    for name, one in (recipe.teacher.parts() or {"": recipe.teacher}).items():
        found = one.on_clicks()
        if found is None or name in folds:
            continue
        section, own, place = found
        if (section.on_clicks(), own) == (wanted, trunk):
            return Path(name) / place
    return None


def section_of(section: StudentSection, name: str) -> StudentSection:
    """The section of one of the stage's students.

    `begin` names the student's, and others begin at those beside it; these learn from changed histories only where they
    are said to: without a teacher's answers a change can cost more than it gives, and the comparison would be unfair.
    """
    if name == "student":
        return section
    changes: dict[str, Any] = {}
    if section.begin:
        beside = Path(section.begin).parent / name
        changes["begin"] = str(beside) if (beside / "model.json").exists() else ""
    if not section.histories.alone:
        changes["histories"] = type(section.histories)()
    return section.model_copy(update=changes)


def trunk_of(recipe: Recipe) -> str:
    """The PLM of the student's tokens and first weights: its own, or else its teacher's; "" where there is none."""
    sections: tuple[Sourced | None, ...] = (recipe.student, recipe.teacher)
    return next((trunk for section in sections if section and (trunk := section.trunk_source())), "")
