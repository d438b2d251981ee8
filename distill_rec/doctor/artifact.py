"""An exported student: every file, the format, and a request through it. Works in the light install."""

from __future__ import annotations

import hashlib
import math
import time
from dataclasses import replace
from pathlib import Path

from distill_rec.artifact.errors import ArtifactError, DistillRecError
from distill_rec.artifact.files import faults
from distill_rec.artifact.layout import GOLDEN, MANIFEST, TRAINING, UNLISTED
from distill_rec.artifact.link import leads_to, restoring
from distill_rec.artifact.manifest import Manifest
from distill_rec.artifact.records import EXPORT_AGAIN
from distill_rec.doctor.findings import Finding, problem_of, sound
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
    return out + _works(folder, manifest) if sound(out) else out


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


def _works(folder: Path, manifest: Manifest) -> list[Finding]:
    """Load it as a service would, in every precision, replay the golden inputs and ask it for something."""
    golden = (folder / GOLDEN).exists()
    others = [name for name in manifest.exported if name != manifest.precision]
    out, *further = [_loads(folder, name, golden) for name in (manifest.precision, *others)]
    if failed := [finding for found in (out, *further) for finding in found if finding.level == "problem"]:
        return failed
    names = f"{', '.join(manifest.exported)}; {manifest.precision} where none is asked for"
    if golden:
        out.append(Finding("ok", AREA, "precisions", f"{names}. Each gives the golden answers on this machine"))
    else:  # kernels differ between processors, those of int8 most
        do = "Export it again with this release to have them."
        out.append(Finding("note", AREA, "precisions", f"{names}. No golden inputs to replay", do))
    trains = f"; going on with the training from {TRAINING}/ needs distill-rec[train]"
    found = f"serving needs none{trains if (folder / TRAINING).is_dir() else ''}"
    return [*out, Finding("ok", AREA, "extras", found)]


def _loads(folder: Path, precision: str, golden: bool) -> list[Finding]:
    """One precision, and what the artifact carries."""
    began = time.perf_counter()
    try:
        student = Student.load(folder, threads=1, precision=precision, verify=golden)
        took = time.perf_counter() - began
        found = student.recommend(history=[], k=min(3, student.info.items)) if student.info.items else []
        parts = {"texts": student.item_texts, "the teacher's vectors": student.teacher}
    except DistillRecError as error:
        return [problem_of(AREA, error)]
    if not all(math.isfinite(score) for _, score in found):
        return [Finding("problem", AREA, "a request", f"scores in {precision} that are not finite", EXPORT_AGAIN)]
    loads = f"loads in {took:.2f} s without torch and ranks for a new user"
    beside = " and ".join(name for name, held in parts.items() if held is not None)
    return [
        Finding("ok", AREA, "readable by this install", loads),
        Finding("ok", AREA, "carried for the page", beside or "neither texts nor a teacher"),
    ]
