"""The teachers of several, each in a folder of its own: kept while its settings and the data are what they were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill_rec.children import Job, run_beside, share_of
from distill_rec.contracts import teacher_spec
from distill_rec.data.dataset import Dataset
from distill_rec.device import threads_to_share
from distill_rec.distillation.cross_fitting import without
from distill_rec.ensemble.record import MemberRecord
from distill_rec.files import copy_linked, fingerprint
from distill_rec.kinds import validated
from distill_rec.model_records import TeacherRecord
from distill_rec.progress import Named, Progress
from distill_rec.recipe import TeacherSection
from distill_rec.records import read_record, write_record
from distill_rec.sections.base import given
from distill_rec.several_teachers import EnsembleSection
from distill_rec.sources import source_hashes

NOTE = "member.json"


@dataclass(frozen=True)
class Member:
    """One of them, as it is asked for.

    Attributes:
        fold: users that it learns without; "": none.
        mark: see `mark_of`.
    """

    name: str
    section: TeacherSection
    fold: str
    folder: Path
    mark: str

    @property
    def finished(self) -> bool:
        return _mark(self.folder) == self.mark

    def train(self, dataset: Dataset, progress: Progress) -> None:
        """Train it, and note that it is finished."""
        teach = teacher_spec(self.section.kind).teach.get()
        teach(self.section, without(dataset, self.fold), self.folder, progress=Named(self.name, progress))
        write_record(self.folder / NOTE, MemberRecord(fingerprint=self.mark))

    def job(self, data: Path) -> Job:
        """The same for a process of its own."""
        section = self.section.model_dump(mode="json")
        named = {"name": self.name, "fold": self.fold, "folder": str(self.folder), "mark": self.mark}
        return Job(f"teach/{self.name}", f"{__name__}:train", {"section": section, "data": str(data), **named})


def train(section: dict[str, Any], data: str, folder: str, progress: Progress, **named: str) -> None:
    """What `Member.job` asks for."""
    member = Member(section=validated("teacher", section), folder=Path(folder), **named)
    member.train(Dataset.load(Path(data)), progress)


def train_members(section: EnsembleSection, dataset: Dataset, folder: Path, progress: Progress) -> list[Path]:
    """Train each teacher that is not finished: those whose layers learn one after the other, then the others beside
    each other, in processes of their own with a share of the threads each.

    After `--restart teach` a teacher whose settings did not change is taken over from the folder that was set aside;
    where nothing changed, weights neither, all are trained anew.

    Returns:
        Their folders, in the recipe's order.
    """
    members = _members(section, dataset, folder)
    _take_over(members, section.weights, folder)
    left = [one for one in members if not one.finished]
    threads = min(threads_to_share(one.section.device) for one in members)
    together = [] if dataset.folder is None else beside(section, threads)  # else the data lie in this process alone
    for one in left:
        if one.name not in together:
            one.train(dataset, progress)
    if jobs := [one.job(dataset.folder) for one in left if one.name in together and dataset.folder is not None]:
        run_beside(jobs, threads, progress, share=share_of(threads, len(together)))
    return [one.folder for one in members]


def beside(section: EnsembleSection, threads: int) -> list[str]:
    """Teachers that are trained beside each other where there are so many threads; none where they cannot be.

    The same in a command that goes on where another stopped, so that each has the same share of the threads, and
    results are the same too.
    """
    small = [name for name, one in section.members.items() if not one.learns_layers]
    return small if len(small) > 1 and threads > 1 else []


def _members(section: EnsembleSection, dataset: Dataset, folder: Path) -> list[Member]:
    folds = {name: section.folds.get(name, "") for name in section.members}
    return [
        Member(name, one, folds[name], folder / name, mark_of(one, dataset, folds[name]))
        for name, one in section.members.items()
    ]


def _take_over(members: list[Member], weights: Mapping[str, float], folder: Path) -> None:
    """What is the same in folders that were set aside, unless the last of them is the same as a whole."""
    earlier = _earlier(folder)
    if not earlier:
        return
    marks = {note.parent.name: _mark(note.parent) for note in earlier[0].glob(f"*/{NOTE}")}
    if marks == {one.name: one.mark for one in members} and _weights(earlier[0]) in (None, dict(weights)):
        return
    for one in members:
        found = next((old / one.name for old in earlier if _mark(old / one.name) == one.mark), None)
        if found is not None and not one.folder.exists():
            copy_linked(found, one.folder)


def mark_of(section: TeacherSection, dataset: Dataset, fold: str = "") -> str:
    """What decides a teacher: keys that are not at their default, the content of its sources, the data and its fold."""
    settings = given(section, {"device", *section.sources()})
    more = [fold] if fold else []
    more += [dataset.columns_digest(section.columns())] if section.columns() else []
    return fingerprint(section.kind, settings, source_hashes(section, "teacher"), dataset.fingerprint, *more)


def _mark(place: Path) -> str:
    """The mark of a finished teacher; "" where it is not finished."""
    return read_record(MemberRecord, place / NOTE).fingerprint if (place / NOTE).exists() else ""


def _weights(folder: Path) -> dict[str, float] | None:
    """Those that the recipe gave teachers that were summed there; None where their sum was not finished."""
    path = folder / "model.json"
    return read_record(TeacherRecord, path).section.get("weights", {}) if path.exists() else None


def _earlier(folder: Path) -> list[Path]:
    """Folders of this stage that were set aside, the latest first."""
    found = [path for path in folder.parent.glob(f"{folder.name}.old-*") if path.name.rpartition("-")[2].isdigit()]
    return sorted(found, key=lambda path: -int(path.name.rpartition("-")[2]))
