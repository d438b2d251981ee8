"""The teachers of several, each in a folder of its own: kept while its settings and the data are what they were."""

from __future__ import annotations

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
from distill_rec.progress import Named, Progress
from distill_rec.recipe import TeacherSection
from distill_rec.records import read_record, write_record
from distill_rec.sections.base import given
from distill_rec.several_teachers import EnsembleSection
from distill_rec.sources import source_hashes

NOTE = "member.json"


def train_members(section: EnsembleSection, dataset: Dataset, folder: Path, progress: Progress) -> list[Path]:
    """Train each teacher that is not finished: those whose layers learn one after the other, then the others beside
    each other, each in a process of its own with its share of the threads.

    After `--restart teach` a teacher whose settings did not change is taken over from the folder that was set aside;
    where none changed, all are trained anew.

    Returns:
        Their folders, in the recipe's order.
    """
    marks = {name: mark_of(one, dataset, section.folds.get(name, "")) for name, one in section.members.items()}
    earlier, left = _earlier(folder), list[str]()
    unchanged = bool(earlier) and all(_mark(earlier[0] / name) == mark for name, mark in marks.items())
    for name, mark in marks.items():
        place = folder / name
        if _mark(place) == mark:
            continue
        found = next((old / name for old in earlier if _mark(old / name) == mark), None)
        if found is not None and not unchanged and not place.exists():
            copy_linked(found, place)
        else:
            left.append(name)
    threads = min(threads_to_share(one.device) for one in section.members.values())
    together = [] if dataset.folder is None else beside(section, threads)  # else the data lie in this process alone
    for name in (name for name in left if name not in together):
        train(section.members[name], section.folds.get(name, ""), dataset, folder / name, marks[name], name, progress)
    jobs = [
        Job(
            f"teach/{name}",
            f"{__name__}:train_apart",
            {
                "section": section.members[name].model_dump(mode="json"),
                "fold": section.folds.get(name, ""),
                "data": str(dataset.folder),
                "folder": str(folder / name),
                "mark": marks[name],
                "name": name,
            },
        )
        for name in left
        if name in together
    ]
    if jobs:
        run_beside(jobs, threads, progress, share=share_of(threads, len(together)))
    return [folder / name for name in section.members]


def beside(section: EnsembleSection, threads: int) -> list[str]:
    """Teachers that are trained beside each other where there are so many threads; none where they cannot be.

    The same in a command that goes on where another stopped, so that each has the same share of the threads, and
    results are the same too.
    """
    small = [name for name, one in section.members.items() if not one.learns_layers]
    return small if len(small) > 1 and threads > 1 else []


def train(  # noqa: PLR0913
    section: TeacherSection, fold: str, dataset: Dataset, folder: Path, mark: str, name: str, progress: Progress
) -> None:
    """Train one of them, and note that it is finished."""
    teach = teacher_spec(section.kind).teach.get()
    teach(section, without(dataset, fold), folder, progress=Named(name, progress))
    write_record(folder / NOTE, MemberRecord(fingerprint=mark))


def train_apart(section: dict[str, Any], data: str, folder: str, progress: Progress, **more: str) -> None:
    """`train` from JSON: what a process of its own is asked for."""
    own = validated("teacher", section)
    train(own, dataset=Dataset.load(Path(data)), folder=Path(folder), progress=progress, **more)


def mark_of(section: TeacherSection, dataset: Dataset, fold: str = "") -> str:
    """What decides a teacher: keys that are not at their default, the content of its sources, the data and its fold."""
    settings = given(section, {"device", *section.sources()})
    more = [fold] if fold else []
    more += [dataset.columns_digest(section.columns())] if section.columns() else []
    return fingerprint(section.kind, settings, source_hashes(section, "teacher"), dataset.fingerprint, *more)


def _mark(place: Path) -> str:
    """The mark of a finished teacher; "" where it is not finished."""
    return read_record(MemberRecord, place / NOTE).fingerprint if (place / NOTE).exists() else ""


def _earlier(folder: Path) -> list[Path]:
    """Folders of this stage that were set aside, the latest first."""
    found = [path for path in folder.parent.glob(f"{folder.name}.old-*") if path.name.rpartition("-")[2].isdigit()]
    return sorted(found, key=lambda path: -int(path.name.rpartition("-")[2]))
