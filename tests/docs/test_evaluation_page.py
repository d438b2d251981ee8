"""The page on evaluation: its recipes and commands name keys that there are, its tables the metrics that there are."""

from __future__ import annotations

import re
import shlex
import tomllib
from itertools import pairwise

import pytest
from conftest import ROOT

from distill_rec.evaluation.alike import AGREEMENT
from distill_rec.evaluation.lists import LISTS
from distill_rec.recipe_io import load_recipe

PAGE = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("block", blocks("toml"))
def test_recipes_of_the_page_are_recipes(block: str) -> None:
    section = load_recipe(tomllib.loads(block)).evaluate
    assert section is not None and (section.slices or section.others)


@pytest.mark.parametrize("line", [line for block in blocks("bash") for line in block.splitlines()])
def test_commands_of_the_page_name_recipes_and_keys_that_there_are(line: str) -> None:
    _, command, recipe, *options = shlex.split(line)
    changes = [change for option, change in pairwise(options) if option == "--set"]
    assert command == "evaluate" and load_recipe(recipe, changes).evaluate is not None


def test_every_property_of_lists_and_measure_of_agreement_is_explained() -> None:
    for title in (*(one.title for one in LISTS.values()), *(one.title for one in AGREEMENT.values())):
        assert title.removesuffix(", bits") in PAGE
