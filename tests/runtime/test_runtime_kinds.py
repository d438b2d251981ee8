"""Kinds of artifacts: those built in, and those that another package's entry point reads."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import pytest
from artifacts import DIM, seal, write_artifact
from test_layers import BLOCK, python

from distill_rec.artifact.layout import LAYOUTS
from distill_rec.doctor import examine
from distill_rec.runtime import ArtifactError, Student
from distill_rec.runtime.kinds import BUILT_IN, GROUP, find_kind

LETTERS = """
import numpy as np
from distill_rec.artifact.layout import TOKENIZER, Layout
from distill_rec.runtime.kinds import RuntimeKind
from distill_rec.runtime.tokenizer import TextTokenizer

class Encoder:
    def __init__(self, dim): self.dim = dim
    def encode(self, texts): return np.array([[len(text)] * self.dim for text in texts], np.float32)

class Letters(RuntimeKind):
    layout = Layout("letters", "letters{}.json", ("fp32",))
    def tokenizer(self, files): return TextTokenizer(files.read(TOKENIZER), 8, False)
    def item_encoder(self, files, name, threads): return Encoder(int(files.read(name)))

KIND = Letters()
"""


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    """An artifact of a kind that this package does not read."""
    folder = write_artifact(tmp_path / "artifact")
    (folder / "letters.json").write_text(str(DIM))
    files = {"fp32": {"encoder": "letters.json", "items": "items.safetensors"}}
    return seal(folder, kind="letters", precisions=files)


def install(site: Path, module: str, code: str, target: str) -> Path:
    """A package that registers the kind."""
    record = site / f"{module}-1.0.dist-info"
    record.mkdir(parents=True)
    (site / f"{module}.py").write_text(code)
    (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (record / "entry_points.txt").write_text(f"[{GROUP}]\nletters = {module}:{target}\n")
    return site


def test_another_packages_kind_loads_ranks_and_passes_the_doctor_in_the_light_install(
    letters: Path, tmp_path: Path
) -> None:
    site = install(tmp_path / "site", "their_letters", LETTERS, "KIND")
    code = BLOCK + (
        "sys.path.append(sys.argv[2])\n"
        "from distill_rec.runtime import Student\n"
        "from distill_rec.doctor import examine, sound\n"
        "student = Student.load(sys.argv[1])\n"
        "student.add_items({'new': 'red'})\n"
        "print(student.info.kind, len(student.rank(['i1'], ['i2', 'new'])), student.encode_items(['red cat'])[0, 0])\n"
        "print(sound(examine(sys.argv[1])[1]), sys.modules.get('torch'))\n"
    )
    done = python(code, tmp_path, letters, site)
    assert done.stdout.split() == ["letters", "2", "7.0", "True", "None"], done.stderr


def test_a_kind_that_nothing_reads_is_named_with_the_group_to_install(letters: Path) -> None:
    with pytest.raises(ArtifactError, match=rf"kind 'letters'.*registers 'letters' in the entry-point group {GROUP}"):
        Student.load(letters)
    (problem,) = [finding for finding in examine(str(letters))[1] if finding.level == "problem"]
    assert "'letters'" in problem.found and GROUP in problem.do


@pytest.mark.parametrize(
    ("module", "code", "said"),
    [("their_broken", "import no_such_module", "no_such_module"), ("their_odd", "KIND = 3", "leads to 3")],
)
def test_a_package_that_does_not_load_or_is_none_is_an_artifact_error(
    letters: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, code: str, said: str
) -> None:
    monkeypatch.syspath_prepend(install(tmp_path / "site", module, code, "KIND"))
    with pytest.raises(ArtifactError, match=said):
        Student.load(letters)


def test_built_in_kinds_have_their_layout_and_no_entry_point_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "entry_points", lambda **_: pytest.fail("a built-in kind was looked up"))
    assert BUILT_IN.keys() == LAYOUTS.keys()
    for name in BUILT_IN:
        assert find_kind(name, Path("manifest.json")).layout is LAYOUTS[name]


def test_what_a_kind_raises_of_its_file_is_an_artifact_error(
    letters: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(install(tmp_path / "site", "their_letters_too", LETTERS, "KIND"))
    (letters / "letters.json").write_text(json.dumps("none"))
    with pytest.raises(ArtifactError, match=r"letters\.json: does not fit"):
        Student.load(seal(letters))
    (letters / "letters.json").write_text(str(DIM + 1))
    with pytest.raises(ArtifactError, match=rf"item vectors \(2, {DIM + 1}\) where \(2, {DIM}\) belongs"):
        Student.load(seal(letters))
