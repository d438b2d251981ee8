"""Pages that are made while the site is built: from cards, notebooks, the recipe's keys and the command line.

Nothing of them is copied into `docs/`, so that none can fall behind what it is made from. Links in all pages are
written as they work in the repository; here they are led to the site's own pages.
"""

from __future__ import annotations

import inspect
import json
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
FENCE = re.compile(r"(^```.*?^```)", re.MULTILINE | re.DOTALL)
SECTIONS = ("teachers", "students")
WHOLE = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made."""
    for uri, content in made():
        files.append(File.generated(config, uri, content=content))
    return files


def made() -> Iterator[tuple[str, str]]:
    """Address and Markdown of each page that is no file in `docs/`."""
    for source, uri in sources().items():
        path = ROOT / source
        if path.suffix == ".ipynb":
            yield uri, _notebook(path)
        elif path.name == "card.md":
            yield uri, path.read_text("utf-8") + _recipes(path.parent)
        else:
            yield uri, path.read_text("utf-8")
    yield "systems/index.md", _systems()
    yield "reference/keys.md", _keys()
    yield "reference/commands.md", _commands()


def sources() -> dict[str, str]:
    """File of the repository to its page on the site, of those outside `docs/`."""
    found = dict(WHOLE)
    for section in SECTIONS:
        for card in sorted((ROOT / section).glob("*/card.md")):
            found[f"{section}/{card.parent.name}/card.md"] = f"systems/{section}/{card.parent.name}.md"
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        found[f"notebooks/{notebook.name}"] = f"notebooks/{notebook.stem}.md"
    return found


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Lead links to files of the repository to their pages; those that have none become their text."""
    uri = page.file.src_uri
    origins = {page_uri: source for source, page_uri in sources().items()}
    here = posixpath.dirname(origins.get(uri, f"docs/{uri}"))
    parts = FENCE.split(markdown)
    return "".join(part if FENCE.match(part) else LINK.sub(lambda m: _led(m, here, uri), part) for part in parts)


def _led(match: re.Match[str], here: str, uri: str) -> str:
    image, text, target = match.groups()
    path, mark, anchor = target.partition("#")
    if not path or re.match(r"[a-z]+:", target):
        return match.group()
    whole = posixpath.normpath(posixpath.join(here, path))
    page = sources().get(whole) or whole.removeprefix("docs/")
    if page == whole:  # outside of the site
        return text if text.startswith("`") else f"{text} (`{whole}`)"
    return f"{image}[{text}]({posixpath.relpath(page, posixpath.dirname(uri) or '.')}{mark}{anchor})"


def on_config(config: Any) -> Any:
    """Put into the navigation what comes later too: the systems' pages, and guides that it does not name."""
    named = set(_pages_of(config["nav"]))
    later = [path.name for path in sorted((ROOT / "docs").glob("*.md")) if path.name not in named]
    for entry in config["nav"]:
        if "Systems and kinds" in entry:
            entry["Systems and kinds"] = ["systems/index.md", *({one.capitalize(): _cards(one)} for one in SECTIONS)]
        elif "Guides" in entry:
            entry["Guides"] += later
    return config


def _pages_of(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    for inner in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else []:
        yield from _pages_of(inner)


def _cards(section: str) -> list[dict[str, str]]:
    return [{Path(uri).stem: uri} for uri in sources().values() if uri.startswith(f"systems/{section}/")]


def _systems() -> str:
    """Every card by name, with its first sentence."""
    out = ["# Systems and kinds\n\nEach is a folder with a card, recipes, and code where it has its own.\n"]
    for section in SECTIONS:
        out.append(f"\n## {section.capitalize()}\n\n| name | what it is |\n|---|---|\n")
        for card in sorted((ROOT / section).glob("*/card.md")):
            name = card.parent.name
            out.append(f"| [`{section}/{name}`](../../{section}/{name}/card.md) | {_first_sentence(card)} |\n")
    return "".join(out)


def _first_sentence(card: Path) -> str:
    """Of a card's text, links as they are written in it."""
    text = card.read_text("utf-8").partition("\n")[2].strip().partition("\n\n")[0].replace("\n", " ")
    sentence = re.split(r"(?<=\.) ", text)[0].rstrip(":.") + "."
    return LINK.sub(lambda match: match.group(2), sentence).replace("|", "\\|")


def _recipes(folder: Path) -> str:
    """The recipes that lie beside a card."""
    texts = []
    for path in sorted(folder.glob("*.toml"), key=lambda path: (path.stem != "recipe", path.stem)):
        name = f"{folder.parent.name}/{folder.name}" + ("" if path.stem == "recipe" else f"/{path.stem}")
        texts.append(f"\n\n## Recipe `{name}`\n\n```toml\n{path.read_text('utf-8').strip()}\n```\n")
    return "".join(texts)


def _notebook(path: Path) -> str:
    """A notebook's text and code."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    parts = []
    for cell in cells:
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
    where = f"\n\n*This page is `notebooks/{path.name}`; open it there to run it.*\n"
    return "\n\n".join([parts[0] + where, *parts[1:]]) + "\n"


def _keys() -> str:
    """Every key of a recipe, one table per section."""
    from distill_rec.recipe import Recipe
    from distill_rec.recipe_errors import describe

    every = describe(Recipe)
    sections = {name.rpartition(".")[0] for name, _, _ in every}
    out = ["# Keys of a recipe\n\nThe same as `distill-rec keys` prints.\n"]
    for section in sorted(sections):
        rows = [one for one in every if one[0].rpartition(".")[0] == section and one[0] not in sections]
        if rows:
            out.append(f"\n## {section or 'The recipe itself'}\n\n| key | default | what it is for |\n|---|---|---|\n")
            out += [_key(*one) for one in rows]
    return "".join(out)


def _key(name: str, text: str, default: Any) -> str:
    shown = "" if default is None else f"`{json.dumps(default, default=str)}`"
    return _row(f"`{name.rpartition('.')[2]}`", shown, text)


def _commands() -> str:
    """Every command with its options, as `--help` has them."""
    import typer

    from distill_rec.cli.main import app

    group: Any = typer.main.get_command(app)
    out = ["# Commands\n\nThe same as `distill-rec COMMAND --help` tells.\n"]
    for name, command in group.commands.items():
        if command.hidden:
            continue
        about, _, example = inspect.cleandoc(command.help or "").partition("Example: ")
        out.append(f"\n## {name}\n\n{about.strip()}\n")
        if example:
            out.append(f"\n```bash\n{example.strip()}\n```\n")
        out.append("\n| option | default | what it is for |\n|---|---|---|\n")
        out += [_parameter(one) for one in command.params if one.name != "help"]
    return "".join(out)


def _parameter(one: Any) -> str:
    name = ", ".join(one.opts) if one.opts[0].startswith("-") else (one.metavar or one.name.upper())
    default = (
        "" if one.required or one.default in (None, False, [], "") or callable(one.default) else f"`{one.default}`"
    )
    return _row(f"`{name}`", default, one.help or "")


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("<", "&lt;") for cell in cells) + " |\n"
