"""What teaching a bi-encoder costs, asked of its tuning: how many of the trunk's layers each window passes."""

from __future__ import annotations

from distill_rec.contracts import tuning_of
from distill_rec.estimates import TEXTS_A_SECOND, Sizes, items_of_window, training_seconds, updates
from distill_rec.plm_config import config_here
from distill_rec.recipe import OptimizerSection
from distill_rec.trunks.vectors import is_vector_file
from teachers.bi_encoder.spec import BiEncoderSection
from teachers.bi_encoder.variants import merged_variants

OPENING = 5.0
"""Seconds until torch, transformers and the PLM are loaded."""
REFERENCE = 1.3
"""A batch of preference tuning over one on the clicks alone: the reference encodes its users too, without a graph."""
USUAL_TOKENS = 32
"""Of the texts that `TEXTS_A_SECOND` counts."""
USUAL = {"demo:": (6, 384)}
"""Layers and width of trunks that are not here yet, by how their names begin; those of BERT's base model of others."""
COUNTED = 6 * 384**2
"""Layers by width by width of the PLM that `TEXTS_A_SECOND` counts."""


def estimate(section: BiEncoderSection, sizes: Sizes) -> tuple[str, float]:
    """See `contracts.EstimateTeacher`."""
    variants = merged_variants(section)
    # variants of the same head share its training
    passes = sizes.items / TEXTS_A_SECOND * work_of(section.trunk)
    seconds = OPENING + passes + training_seconds(section, section.optimizer, sizes)
    # and those that differ in their preference tuning all of what comes before it
    before = {str(plain): plain for plain in (one.model_copy(update={"preference": None}) for one in variants)}
    seconds += sum(_tuning_seconds(one, one.trunk_optimizer or one.optimizer, sizes) for one in before.values())
    seconds += sum(_preference_seconds(variant, sizes) for variant in variants)
    # and those with the same post-training that
    posts = {str(one.post_trained): one for one in variants if one.post_training is not None}
    seconds += sum(_post_training_seconds(one, sizes) for one in posts.values())
    return f"{sizes.items:,} texts through the PLM, tuning {', '.join(map(_told, variants))}", seconds


def learner_seconds(section: BiEncoderSection, tuning: str, optimizer: OptimizerSection, sizes: Sizes) -> float:
    """See `contracts.LearnerSeconds`: what training the teacher alone would take, by the student's optimizer."""
    variant = section.model_copy(update={"tuning": tuning or section.tuning})
    tries = optimizer.each_try()
    own = training_seconds(section, optimizer, sizes) + sum(_tuning_seconds(variant, one, sizes) for one in tries)
    return OPENING + own


def _told(variant: BiEncoderSection) -> str:
    first = "" if variant.post_training is None else f"post-training {variant.post_training.tuning}, then "
    last = "" if variant.preference is None else f", then {variant.preference.method}"
    return f"{first}{variant.tuning}{last}"


def _post_training_seconds(variant: BiEncoderSection, sizes: Sizes) -> float:
    """Both views of every item once through the layers below, then those of each batch through the others and back."""
    post = variant.post_training
    if post is None:
        return 0.0
    depth = depth_of(variant.trunk)
    lowest = tuning_of(post.tuning).lowest(depth) or 0
    longer = (post.max_tokens or variant.max_tokens) / USUAL_TOKENS
    draws = post.draws if post.divides else 1
    each = max(1.0, sizes.items * (1 - post.held_out) / post.optimizer.batch_size)
    most = min(post.floored.epochs(each) * each, post.optimizer.max_updates or float("inf"))
    # there and back is three times there, after a pass without a graph
    texts = 2 * sizes.items * draws * lowest / depth + most * 2 * post.optimizer.batch_size * 4 * (1 - lowest / depth)
    seconds = OPENING + texts * longer / TEXTS_A_SECOND * work_of(variant.trunk)
    return min(seconds, post.optimizer.max_seconds or seconds)


def _preference_seconds(variant: BiEncoderSection, sizes: Sizes) -> float:
    if variant.preference is None:
        return 0.0
    optimizer = variant.preference.optimizer
    return training_seconds(variant, optimizer, sizes, REFERENCE) + _tuning_seconds(variant, optimizer, sizes)


def _tuning_seconds(variant: BiEncoderSection, optimizer: OptimizerSection, sizes: Sizes) -> float:
    """Every window passes what it reads through the layers from the lowest that learns on, and a share of that again
    and back."""
    depth = depth_of(variant.trunk)
    lowest = variant.how.lowest(depth)
    if lowest == depth:
        return 0.0
    share = 1.0 if lowest is None else (depth - lowest) / depth
    texts = updates(optimizer, sizes) / optimizer.window * items_of_window(optimizer, sizes)
    seconds = (1 + 2 * optimizer.gradient_share) * texts / TEXTS_A_SECOND * share * work_of(variant.trunk)
    return min(seconds, optimizer.max_seconds or seconds)


def depth_of(trunk: str) -> int:
    """Layers of a trunk, from its folder where it is here."""
    return _layers_and_width(trunk)[0]


def work_of(trunk: str) -> float:
    """What a text costs, in times of what it costs in the PLM that `TEXTS_A_SECOND` counts; 0 of a file of vectors."""
    layers, width = _layers_and_width(trunk)
    return 0.0 if is_vector_file(trunk) else layers * width**2 / COUNTED


def _layers_and_width(trunk: str) -> tuple[int, int]:
    usual = next((sizes for begin, sizes in USUAL.items() if trunk.startswith(begin)), (12, 768))
    found = config_here(trunk, fetch=False)
    return usual if found is None else (found.layers or usual[0], found.width or usual[1])
