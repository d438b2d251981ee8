"""The site is built without a warning, and its pages lead to each other."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest
from conftest import ROOT, environment

pytest.importorskip("material", reason="no mkdocs: pip install 'distill-rec[docs]'")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    env = environment(NO_MKDOCS_2_WARNING="1")
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


def text_of(page: Path) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", page.read_text("utf-8")))


def test_every_card_has_its_page_with_its_recipes(site: Path) -> None:
    cards = [*ROOT.glob("teachers/*/card.md"), *ROOT.glob("students/*/card.md")]
    assert len(cards) > 10
    index = text_of(site / "systems" / "index.html")
    for card in cards:
        kind = card.parent
        assert f"{kind.parent.name}/{kind.name}" in index
        text = text_of(site / "systems" / kind.parent.name / f"{kind.name}.html")
        for recipe in kind.glob("*.toml"):
            assert recipe.read_text("utf-8").strip().splitlines()[-1] in text, recipe


def test_links_between_pages_lead_somewhere(site: Path) -> None:
    """Also those that are led elsewhere while the site is built; anchors too."""
    pages = {page: page.read_text("utf-8") for page in site.rglob("*.html")}
    ids = {page: set(re.findall(r'\bid="([^"]+)"', text)) for page, text in pages.items()}
    for page, text in pages.items():
        if page.name == "404.html":
            continue
        for target in re.findall(r'<a[^>]* href="([^"]+)"', text):
            path, _, anchor = html.unescape(target).partition("#")
            if re.match(r"[a-z]+:", target) or path.endswith("/"):
                continue
            there = Path(os.path.normpath(page.parent / unquote(path))) if path else page
            assert there.exists(), f"{page}: {target}"
            assert not anchor or there not in ids or unquote(anchor) in ids[there], f"{page}: {target}"


def test_reference_has_keys_commands_and_docstrings(site: Path) -> None:
    reference = site / "reference"
    assert "learning_rate" in text_of(reference / "keys.html")
    assert "distill-rec tune-study teachers/head" in text_of(reference / "commands.html")
    assert "Popularity stands beside them, unasked" in text_of(reference / "python.html")
    assert "save_catalogue" in text_of(reference / "student.html")
    assert "rank_many" in text_of(reference / "student.html")  # inherited
    assert "StudentSpec" in text_of(reference / "contracts.html")


def test_notebooks_are_pages(site: Path) -> None:
    assert {page.stem for page in (site / "notebooks").glob("*.html")} == {
        notebook.stem for notebook in (ROOT / "notebooks").glob("*.ipynb")
    }


def test_links_of_the_readme_and_of_the_sources_lead_to_files() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*/*/card.md")]
    made = {"systems/index.md"}  # while the site is built
    for page in pages:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            if not re.match(r"[a-z]+:", target) and target not in made:
                assert (page.parent / target).exists(), f"{page}: {target}"
