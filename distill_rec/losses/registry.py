"""Every loss that a recipe may name: those built in, and those of other packages (entry points `distill_rec.losses`).

[project.entry-points."distill_rec.losses"]
mine = "my_package.specs:MINE"  # a LossSpec, in a module that loads no torch
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Literal

from pydantic import Field

from distill_rec.losses.spec import (
    ATTENTION,
    CLICKS,
    ITEM_VECTORS,
    OF_PLM,
    POPULARITY,
    SCORES,
    TOKEN_STATES,
    USER_VECTORS,
    LossSpec,
)
from distill_rec.runtime.errors import RecipeError

GROUP = "distill_rec.losses"

BUILT_IN = (
    LossSpec(
        "kl",
        "KL to the teacher's softened scores (catalogue, or shown candidates)",
        frozenset({SCORES}),
        weight=1.0,
        settings={"temperature": (float, Field(1.0, gt=0, description="temperature of both sides of the KL"))},
        impressions="distill_rec.losses.kl:kl_loss",
        catalogue="distill_rec.losses.kl:catalogue_kl",
        joins=True,
        listed="distill_rec.losses.listed:listed_kl",
        at_teacher="zero",
        parts="rows",
    ),
    LossSpec(
        "click",
        "cross-entropy of the clicks",
        frozenset({CLICKS}),
        weight=0.5,
        impressions="distill_rec.losses.click:impression_click_loss",
        catalogue="distill_rec.losses.click:catalogue_click",
        joins=True,
        parts="clicks",
    ),
    LossSpec(
        "item_cosine",
        "1 - cosine between student's and teacher's item vectors",
        frozenset({ITEM_VECTORS}),
        weight=1.0,
        vectors="distill_rec.losses.cosine:cosine_loss",
        at_teacher="zero",
    ),
    LossSpec(
        "item_mse",
        "mean squared error between item vectors",
        frozenset({ITEM_VECTORS}),
        vectors="distill_rec.losses.mse:mse_loss",
        at_teacher="zero",
    ),
    LossSpec(
        "user_cosine",
        "1 - cosine between user vectors",
        frozenset({USER_VECTORS}),
        weight=1.0,
        vectors="distill_rec.losses.cosine:cosine_loss",
        at_teacher="zero",
        parts="rows",
    ),
    LossSpec(
        "user_mse",
        "mean squared error between user vectors",
        frozenset({USER_VECTORS}),
        vectors="distill_rec.losses.mse:mse_loss",
        at_teacher="zero",
    ),
    LossSpec(
        "margin_mse",
        "squared error of the margins between clicked and other items",
        frozenset({SCORES, CLICKS}),
        rows="distill_rec.losses.margin_mse:margin_mse_rows",
        at_teacher="zero",
    ),
    LossSpec(
        "ranknet",
        "pairwise cross-entropy with the teacher's pair probabilities, among its first items",
        frozenset({SCORES}),
        settings={"ranknet_top": (int, Field(20, ge=2, description="items of the teacher that ranknet pairs"))},
        rows="distill_rec.losses.ranknet:ranknet_rows",
        at_teacher="least",
    ),
    LossSpec(
        "listwise",
        "Plackett-Luce likelihood of the order of the teacher's first items, all others below",
        frozenset({SCORES}),
        settings={"listwise_top": (int, Field(20, ge=1, description="items of the teacher that listwise orders"))},
        rows="distill_rec.losses.listwise:listwise_rows",
    ),
    LossSpec(
        "rd",
        "-log sigmoid of the teacher's first items, weighted by place (RD) and agreement (DLLM2Rec)",
        frozenset({SCORES}),
        settings={
            "rd_top": (int, Field(20, ge=1, description="items of the teacher that rd reads")),
            "rd_decay": (float, Field(10.0, gt=0, description="places after which a weight has fallen to 1/e")),
            "rd_agreement": (
                float,
                Field(0.0, ge=0, le=1, description="share of the weights for items among the student's first too"),
            ),
        },
        rows="distill_rec.losses.rd:rd_rows",
    ),
    LossSpec(
        "rrd",
        "Plackett-Luce likelihood of the order of drawn ones of the teacher's first items, drawn others below (RRD)",
        frozenset({SCORES}),
        settings={
            "rrd_top": (int, Field(20, ge=1, description="items that rrd orders, drawn by their place at the teacher")),
            "rrd_rest": (int, Field(100, ge=1, description="items below them that rrd draws, in no order")),
            "rrd_decay": (
                float,
                Field(10.0, gt=0, description="places after which the chance to be ordered has fallen to 1/e"),
            ),
        },
        rows="distill_rec.losses.rrd:rrd_rows",
    ),
    LossSpec(
        "unkd",
        "KL to the teacher's scores within groups of about equally popular items",
        frozenset({SCORES, POPULARITY}),
        settings={
            "unkd_groups": (int, Field(4, ge=2, description="groups, each with about as many training clicks")),
            "unkd_temperature": (float, Field(1.0, gt=0, description="temperature of both sides of unkd")),
        },
        rows="distill_rec.losses.unkd:unkd_rows",
        catalogue="distill_rec.losses.unkd:catalogue_unkd",
        joins=True,
        at_teacher="zero",
    ),
    LossSpec(
        "bce",
        "binary cross-entropy of each item with the teacher's sigmoid as target",
        frozenset({SCORES}),
        rows="distill_rec.losses.bce:bce_rows",
        at_teacher="least",
    ),
    LossSpec(
        "relational",
        "squared error of the cosines between items of a batch",
        frozenset({ITEM_VECTORS}),
        vectors="distill_rec.losses.relational:relational_loss",
        adapter=False,
        at_teacher="zero",
    ),
    LossSpec(
        "contrastive",
        "InfoNCE between student's and teacher's vectors of the same item",
        frozenset({ITEM_VECTORS}),
        settings={
            "contrastive_temperature": (float, Field(0.1, gt=0, description="temperature of contrastive's cosines"))
        },
        vectors="distill_rec.losses.contrastive:contrastive_loss",
    ),
    LossSpec(
        "hidden",
        "distance of the token states after layers that belong together (TinyBERT), see tokens",
        frozenset({TOKEN_STATES}),
        settings={
            "hidden_by": (
                Literal["cosine", "mse"],
                Field("cosine", description="what hidden takes for distance: of directions, or squared"),
            )
        },
        tokens="distill_rec.losses.hidden:hidden_loss",
        at_teacher="zero",
    ),
    LossSpec(
        "attention_relation",
        "KL of the relations that queries, keys and values of a text's tokens have (MiniLMv2), see tokens",
        frozenset({ATTENTION}),
        settings={
            "attention_relation_heads": (
                int,
                Field(16, ge=1, description="relation heads, which divide the widths of both PLMs"),
            )
        },
        tokens="distill_rec.losses.attention_relation:attention_relation_loss",
        adapter=False,
        at_teacher="zero",
    ),
)


@cache
def every_loss() -> dict[str, LossSpec]:
    """Every loss by name, those built in first and in the recipe's order; looked up once.

    Raises:
        RecipeError: another package's loss cannot be loaded, is no `LossSpec`, or takes a key that is taken.
    """
    return joined(BUILT_IN, entry_points(group=GROUP))


def losses() -> dict[str, LossSpec]:
    """Those of `student.loss`: of what a teacher hands over, and of clicks."""
    return {name: spec for name, spec in every_loss().items() if not spec.tokens}


def first_losses() -> dict[str, LossSpec]:
    """Those of `student.first.loss`, which need no click and no user: of item vectors alone, and of a PLM's tokens."""
    found = every_loss().items()
    return {name: spec for name, spec in found if spec.tokens or (spec.vectors and spec.needs == {ITEM_VECTORS})}


def joined(specs: Iterable[LossSpec], points: Iterable[EntryPoint]) -> dict[str, LossSpec]:
    """The specs and those that entry points lead to, in order of their names."""
    found = {spec.name: spec for spec in specs}
    for point in sorted(points, key=lambda point: point.name):
        spec = _load(point)
        _refuse(point, spec, {key for one in found.values() for key in (one.name, *one.settings)})
        found[spec.name] = spec
    return found


def _load(point: EntryPoint) -> LossSpec:
    do = "Mend that package, or uninstall it."
    try:
        spec = point.load()
    except Exception as error:  # whatever a foreign module raises, its name is what helps
        raise RecipeError(_where(point), f"{type(error).__name__}: {error}", "a LossSpec", do) from error
    if not isinstance(spec, LossSpec):
        raise RecipeError(_where(point), f"a {type(spec).__name__}", "a LossSpec", do)
    return spec


def _refuse(point: EntryPoint, spec: LossSpec, taken: set[str]) -> None:
    do = "Mend that package, or uninstall it."
    for key in (spec.name, *spec.settings):
        if key in taken:
            raise RecipeError(_where(point), f"the key student.loss.{key}, which is taken", "a name of its own", do)
        if not key.isidentifier() or (key != spec.name and not key.startswith(f"{spec.name}_")):
            raise RecipeError(_where(point), f"the key {key}", f"{spec.name}, or {spec.name}_... for its settings", do)
    if spec.tokens or OF_PLM & spec.needs:
        others = spec.vectors or spec.rows or spec.impressions or spec.catalogue
        if not spec.tokens or others or len(spec.needs) != 1 or not spec.needs <= OF_PLM:
            found = f"needs {', '.join(sorted(spec.needs)) or 'nothing'} with {'' if spec.tokens else 'no '}`tokens`"
            expected = f"{' or '.join(sorted(OF_PLM))} alone, with `tokens` alone"
            raise RecipeError(_where(point), found, expected, do)
        return
    if {ITEM_VECTORS, USER_VECTORS} <= spec.needs or bool(spec.vectors) == bool({SCORES, CLICKS} & spec.needs):
        found = f"needs {', '.join(sorted(spec.needs)) or 'nothing'} with {'' if spec.vectors else 'no '}`vectors`"
        raise RecipeError(_where(point), found, "item or user vectors with `vectors`, scores or clicks without", do)
    if not (spec.vectors or spec.rows or spec.impressions or spec.catalogue):
        raise RecipeError(_where(point), "names no function", "rows, impressions, catalogue or vectors", do)


def _where(point: EntryPoint) -> str:
    package = f" of {point.dist.name}" if point.dist is not None else ""
    return f"entry point {point.name}{package} ({GROUP}: {point.value})"
