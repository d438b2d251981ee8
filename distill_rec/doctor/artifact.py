"""An exported student: every file, the format, and a request through it. Works in the light install."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from distill_rec.artifact.errors import ArtifactError, DistillRecError
from distill_rec.artifact.files import faults
from distill_rec.artifact.layout import GOLDEN, MANIFEST, TRAINING, UNLISTED
from distill_rec.artifact.link import leads_to, restoring
from distill_rec.artifact.manifest import Manifest
from distill_rec.artifact.records import EXPORT_AGAIN
from distill_rec.doctor.findings import Finding, problem_of
from distill_rec.doctor.machine import size
from distill_rec.runtime import Student

AREA = "artifact"


def artifact(path: Path) -> list[Finding]:
    """The manifest, then the files against it, then a load that replays the golden inputs."""
    try:
        folder = leads_to(path)
    except ArtifactError as error:
        return [problem_of(AREA, error)]
    if not folder.is_dir():
        leads = f"a link to {path.readlink()}, which is not there" if path.is_symlink() else "not there"
        do = "Export again with `distill-rec export`, or switch back with `distill-rec export --rollback`."
        return [Finding("problem", AREA, str(path), leads, do)]
    if not (folder / MANIFEST).is_file():
        return [Finding("problem", AREA, MANIFEST, "not there: nothing else can be checked", EXPORT_AGAIN)]
    content = (folder / MANIFEST).read_bytes()
    try:
        manifest = Manifest.from_json(content, folder / MANIFEST)
    except ArtifactError as error:
        return [*_link(path, folder), problem_of(AREA, error)]
    out = [*_described(manifest, content), *_link(path, folder), *_files(folder, manifest)]
    return out if any(finding.level == "problem" for finding in out) else out + _works(folder)


def _link(path: Path, folder: Path) -> list[Finding]:
    """A link that came as something else is read as the link that it was."""
    if path.is_symlink() or path.resolve() == folder:
        return []
    kind = "a copy" if path.is_dir() else "a text file that holds the name"
    found = f"{kind} of {folder.parent.name}/{folder.name} in its place, and read as the link"
    return [Finding("note", AREA, "the link", found, restoring(path, int(folder.name)))]


def _described(manifest: Manifest, content: bytes) -> list[Finding]:
    """What the manifest says."""
    version = f"format version {manifest.format_version}"
    found = f"{manifest.kind}, {manifest.dim} dimensions, {manifest.items:,} items, {version}"
    return [
        Finding("ok", AREA, "what it is", found),
        Finding("ok", AREA, "digest", hashlib.sha256(content).hexdigest()),
    ]


def _files(folder: Path, manifest: Manifest) -> list[Finding]:
    """Size and hash of every listed file; what lies beside them."""
    out = [replace(problem_of(AREA, error), what=name) for name, error in faults(folder, manifest.files)]
    if not out:
        total = size(sum(record.size for record in manifest.files.values()))
        out.append(Finding("ok", AREA, "files", f"all {len(manifest.files)} as listed, sizes and hashes ({total})"))
    others = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() or p.is_symlink())
    if beside := [name for name in others if name not in (*UNLISTED, *manifest.files)]:
        found = f"{', '.join(beside[:5])}{' ...' if len(beside) > 5 else ''}"
        out.append(Finding("note", AREA, "files not listed", found, "They are never read; move them elsewhere."))
    return out


def _works(folder: Path) -> list[Finding]:
    """Load it as a service would, in every precision, and ask it for something."""
    began = time.perf_counter()
    try:
        student = Student.load(folder, threads=1)
        loaded = time.perf_counter() - began
        found = student.recommend(history=[], k=min(3, student.info.items)) if student.info.items else []
        teacher, texts = student.teacher, student.item_texts
    except DistillRecError as error:
        return [problem_of(AREA, error)]
    if not all(math.isfinite(score) for _, score in found):
        return [Finding("problem", AREA, "a request", "scores that are not finite", EXPORT_AGAIN)]
    loads = f"loads in {loaded:.2f} s without torch and ranks for a new user"
    beside = [name for name, held in (("texts", texts), ("the teacher's vectors", teacher)) if held is not None]
    return [
        Finding("ok", AREA, "readable by this install", loads),
        Finding("ok", AREA, "carried for the page", " and ".join(beside) or "neither texts nor a teacher"),
        *_precisions(folder, student.info.precisions, student.info.precision),
        _training(folder),
    ]


def _precisions(folder: Path, names: Sequence[str], main: str) -> list[Finding]:
    """The golden inputs through every precision: kernels differ between processors, those of int8 most."""
    names_text = f"{', '.join(names)}; {main} where none is asked for"
    if not (folder / GOLDEN).exists():
        do = "Export it again with this release to have them."
        return [Finding("note", AREA, "precisions", f"{names_text}. No golden inputs to replay", do)]
    if failed := [finding for name in names for finding in _replayed(folder, name)]:
        return failed
    return [Finding("ok", AREA, "precisions", f"{names_text}. Each gives the golden answers on this machine")]


def _replayed(folder: Path, precision: str) -> list[Finding]:
    try:
        Student.load(folder, threads=1, precision=precision, verify=True).close()
    except DistillRecError as error:
        return [problem_of(AREA, error)]
    return []


def _training(folder: Path) -> Finding:
    found = "serving needs none"
    if (folder / TRAINING).is_dir():
        found += f"; going on with the training from {TRAINING}/ needs distill-rec[train]"
    return Finding("ok", AREA, "extras", found)
