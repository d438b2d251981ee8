"""What distilling costs before it is done: the student, those beside it, a first stage, a teacher that learns too."""

from __future__ import annotations

from dataclasses import replace

from distill_rec.children import share_of
from distill_rec.contracts import student_spec, teacher_spec
from distill_rec.demo import place_of
from distill_rec.estimates import (
    TEXTS_A_SECOND,
    Sizes,
    items_of_window,
    seconds_beside,
    training_seconds,
    updates,
)
from distill_rec.pipeline.student_sections import trunk_of, twin_of
from distill_rec.plm_config import config_here
from distill_rec.recipe import OptimizerSection, Recipe, StudentSection, TeacherSection

TAUGHT = 1.5
"""What a batch costs with a teacher, who reads it too, over what it costs on the clicks alone."""

FIRST_TEXTS_A_SECOND = 10_000
"""Through a small student and back."""
THERE_AND_BACK = 4
"""What a text costs that learns, over what it costs to read: once without a graph, once with it and back."""
USUAL_LAYERS = 6
"""Of the PLM whose texts a second are known."""


def work_of(recipe: Recipe, section: StudentSection, sizes: Sizes) -> tuple[str, float]:
    """What the stage distill trains, in words, and about how many seconds that takes.

    Args:
        section: the recipe's of the student.
    """
    layers, teacher = _layers(recipe), recipe.teacher
    distilled, twin = teacher is not None, twin_of(recipe)
    others = {
        "without distillation": section.undistilled and twin is None,
        "from the teacher's start": section.initialised,
    }
    beside = [name for name, wanted in others.items() if distilled and wanted]
    share = share_of(sizes.threads, 1 + len(beside)) if beside else sizes.threads
    own = replace(sizes, threads=share)
    first, words = _first_stage(section, sizes, layers) if distilled and section.first is not None else (0.0, "")
    if teacher is not None and section.joint is not None:
        more, told = _joint(section, teacher, own)
        first, words = first + more, words + told
    optimizer = section.taught.training(section.optimizer) if distilled else section.optimizer
    passes = _layers_seconds(optimizer, own, layers)
    each = [first + passes + training_seconds(section, optimizer, own, TAUGHT if distilled else 1.0)]
    passes = _layers_seconds(section.optimizer, own, layers)
    each += [passes + training_seconds(section, section.optimizer, own) for _ in beside]
    seconds = student_spec(section.kind).around(section, sizes) + seconds_beside(each, sizes.threads // share)
    if twin is not None:
        beside.append(" ".join(["without distillation the teacher", *twin.parts[:-1], "itself"]))
    return ", and ".join([f"{section.kind}, {section.dim} dimensions{words}", *beside]), seconds


def _layers(recipe: Recipe) -> float:
    """How many layers of its PLM a student runs for a text; none of a kind that has no layers."""
    assert recipe.student is not None
    layers = student_spec(recipe.student.kind).trunk_layers
    return 0.0 if layers is None else layers(recipe.student, config_here(place_of(trunk_of(recipe)), fetch=False))


def _joint(section: StudentSection, teacher: TeacherSection, sizes: Sizes) -> tuple[float, str]:
    """Seconds of the teacher's part of a joint training, and what it is."""
    assert section.joint is not None
    found = teacher_spec(teacher.kind).learner_seconds
    seconds = 0.0 if found is None else found.get()(teacher, section.joint.tuning, section.optimizer, sizes)
    tuning = f", tuning {section.joint.tuning}" if section.joint.tuning else ""
    return seconds, f", together with the teacher{tuning}"


def _layers_seconds(optimizer: OptimizerSection, sizes: Sizes, layers: float) -> float:
    """Of all tries: every window passes what it reads through the student's layers, and a share of that back."""

    def texts(one: OptimizerSection) -> float:
        passes = 1 + (THERE_AND_BACK - 1) * one.gradient_share
        return updates(one, sizes) / one.window * items_of_window(one, sizes) * passes

    each = [layers / USUAL_LAYERS * texts(one) / TEXTS_A_SECOND for one in optimizer.each_try()]
    return sum(min(seconds, optimizer.max_seconds or seconds) for seconds in each)


def _first_stage(section: StudentSection, sizes: Sizes, layers: float) -> tuple[float, str]:
    """Seconds of a student's first stage, and what it is."""
    assert section.first is not None
    optimizer = section.first.optimizer
    texts = replace(sizes, samples=int(sizes.items * (1 - section.first.held_out)))
    steps = len(optimizer.each_try()) * updates(optimizer, texts)
    a_text = 1 / FIRST_TEXTS_A_SECOND + THERE_AND_BACK * layers / USUAL_LAYERS / TEXTS_A_SECOND
    words = ", after a first stage on item vectors"
    if section.first.token_losses:
        a_text += 1 / TEXTS_A_SECOND
        words += ", the teacher's PLM beside it"
    return steps * optimizer.batch_size * a_text, words
