"""The teachers of several, each in a folder of its own: kept while its settings and the data are what they were."""

from __future__ import annotations

from pathlib import Path

from distill_rec.contracts import teacher_spec
from distill_rec.data.dataset import Dataset
from distill_rec.distillation.cross_fitting import without
from distill_rec.ensemble.record import MemberRecord
from distill_rec.files import copy_linked, fingerprint
from distill_rec.progress import Named, Progress
from distill_rec.recipe import TeacherSection
from distill_rec.records import read_record, write_record
from distill_rec.sections.base import given
from distill_rec.several_teachers import EnsembleSection
from distill_rec.sources import source_hashes

NOTE = "member.json"


def train_members(section: EnsembleSection, dataset: Dataset, folder: Path, progress: Progress) -> list[Path]:
    """Train each teacher that is not finished, one after the other.

    After `--restart teach` a teacher whose settings did not change is taken over from the folder that was set aside;
    where none changed, all are trained anew.

    Returns:
        Their folders, in the recipe's order.
    """
    marks = {name: mark_of(one, dataset, section.folds.get(name, "")) for name, one in section.members.items()}
    earlier = _earlier(folder)
    unchanged = bool(earlier) and all(_mark(earlier[0] / name) == mark for name, mark in marks.items())
    for name, one in section.members.items():
        place = folder / name
        if _mark(place) == marks[name]:
            continue
        found = next((old / name for old in earlier if _mark(old / name) == marks[name]), None)
        if found is not None and not unchanged and not place.exists():
            copy_linked(found, place)
            continue
        learned = without(dataset, section.folds.get(name, ""))
        teacher_spec(one.kind).teach.get()(one, learned, place, progress=Named(name, progress))
        write_record(place / NOTE, MemberRecord(fingerprint=marks[name]))
    return [folder / name for name in section.members]


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
