"""An exported student: every file, the format, and a request through it. Works in the light install."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from distill_rec.doctor.findings import Finding, problem_of
from distill_rec.doctor.kinds import object_in
from distill_rec.doctor.machine import size
from distill_rec.runtime.errors import ArtifactError, DistillRecError
from distill_rec.runtime.golden import GOLDEN
from distill_rec.runtime.link import leads_to, restoring
from distill_rec.runtime.manifest import AGAIN, CARD, MANIFEST, Manifest
from distill_rec.runtime.whole_files import sha256_file

AREA = "artifact"
TRAINING = "training"
"""Folder of the torch weights that training goes on from; a service does not read them."""


def artifact(path: Path) -> list[Finding]:
    """Files against the manifest, then the format version, then a load that replays the golden inputs."""
    try:
        folder = leads_to(path)
    except ArtifactError as error:
        return [problem_of(AREA, error)]
    if not folder.is_dir():
        leads = f"a link to {path.readlink()}, which is not there" if path.is_symlink() else "not there"
        do = "Export again with `distill-rec export`, or switch back with `distill-rec export --rollback`."
        return [Finding("problem", AREA, str(path), leads, do)]
    if not (folder / MANIFEST).is_file():
        return [Finding("problem", AREA, MANIFEST, "not there: nothing else can be checked", AGAIN)]
    content = (folder / MANIFEST).read_bytes()
    listed = object_in(folder / MANIFEST).get("files")
    out = [*_link(path, folder), *_files(folder, listed if isinstance(listed, Mapping) else {})]
    if any(finding.level == "problem" for finding in out):
        return [*_format(content, folder), *out]
    form = _format(content, folder)
    return form + out + (_works(folder) if form[0].level != "problem" else [])


def _link(path: Path, folder: Path) -> list[Finding]:
    """A link that came as something else is read as the link that it was."""
    if path.is_symlink() or path.resolve() == folder:
        return []
    kind = "a copy" if path.is_dir() else "a text file that holds the name"
    found = f"{kind} of {folder.parent.name}/{folder.name} in its place, and read as the link"
    return [Finding("note", AREA, "the link", found, restoring(path, int(folder.name)))]


def _format(content: bytes, folder: Path) -> list[Finding]:
    """Whether this release reads the manifest, and what it says."""
    try:
        manifest = Manifest.from_json(content, folder / MANIFEST)
    except ArtifactError as error:
        return [problem_of(AREA, error)]
    version = f"format version {manifest.format_version}"
    found = f"{manifest.kind}, {manifest.dim} dimensions, {manifest.items:,} items, {version}"
    return [
        Finding("ok", AREA, "what it is", found),
        Finding("ok", AREA, "digest", hashlib.sha256(content).hexdigest()),
    ]


def _files(folder: Path, listed: Mapping[str, Any]) -> list[Finding]:
    """Size and hash of every listed file; what lies beside them."""
    out = [finding for name, record in listed.items() for finding in _file(folder, str(name), record)]
    if not out:
        total = sum(int(record["size"]) for record in listed.values())
        out.append(Finding("ok", AREA, "files", f"all {len(listed)} as listed, sizes and hashes ({size(total)})"))
    known = {MANIFEST, CARD, *map(str, listed)}
    others = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() or p.is_symlink())
    if beside := [name for name in others if name not in known]:
        found = f"{', '.join(beside[:5])}{' ...' if len(beside) > 5 else ''}"
        out.append(Finding("note", AREA, "files not listed", found, "They are never read; move them elsewhere."))
    return out


def _file(folder: Path, name: str, record: Any) -> list[Finding]:
    path = (folder / name).resolve()
    if Path(name).is_absolute() or not path.is_relative_to(folder):
        do = f"Do not use it: {AGAIN[0].lower()}{AGAIN[1:]}"
        return [Finding("problem", AREA, name, "leads out of the artifact", do)]
    if not path.is_file():
        return [Finding("problem", AREA, name, "missing", AGAIN)]
    try:
        expected, digest = int(record["size"]), str(record["sha256"])
    except (KeyError, TypeError, ValueError):
        return [Finding("problem", AREA, name, "the manifest lacks its size or hash", AGAIN)]
    try:
        found = path.stat().st_size
        if found != expected:
            kind = "truncated" if found < expected else "longer than it was"
            return [Finding("problem", AREA, name, f"{kind}: {found:,} bytes, expected {expected:,}", AGAIN)]
        actual = sha256_file(path)
    except OSError as error:
        return [Finding("problem", AREA, name, f"cannot be read: {error.strerror}", AGAIN)]
    if actual != digest:
        return [Finding("problem", AREA, name, f"changed: sha256 {actual[:16]}..., expected {digest[:16]}...", AGAIN)]
    return []


def _works(folder: Path) -> list[Finding]:
    """Load it as a service would, in every precision, and ask it for something."""
    from distill_rec.runtime import Student

    began = time.perf_counter()
    try:
        student = Student.load(folder, threads=1)
        loaded = time.perf_counter() - began
        found = student.recommend(history=[], k=min(3, student.info.items)) if student.info.items else []
        teacher, texts = student.teacher, student.item_texts
    except DistillRecError as error:
        return [problem_of(AREA, error)]
    if not all(math.isfinite(score) for _, score in found):
        return [Finding("problem", AREA, "a request", "scores that are not finite", AGAIN)]
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
    from distill_rec.runtime import Student

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
