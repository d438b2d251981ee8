"""What a restarted training of several teachers takes over from the folder that was set aside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from distill_rec.ensemble.members import NOTE, Member, _take_over
from distill_rec.ensemble.record import MemberRecord
from distill_rec.model_records import TeacherRecord
from distill_rec.records import write_record


@pytest.mark.parametrize(
    ("before", "now", "kept"),
    [
        ({"text": "a", "ids": "b"}, {"text": "a", "ids": "c"}, {"text"}),
        ({"text": "a", "ids": "b"}, {"text": "a"}, {"text"}),  # one was taken away
        ({"text": "a"}, {"text": "a", "ids": "b"}, {"text"}),  # one came
        ({"text": "a", "ids": "b"}, {"text": "a", "ids": "b"}, set()),  # nothing changed: all anew
    ],
)
def test_what_did_not_change_is_kept_unless_nothing_did(tmp_path: Path, before: Any, now: Any, kept: Any) -> None:
    for name, mark in before.items():
        (tmp_path / "teach.old-1" / name).mkdir(parents=True)
        write_record(tmp_path / "teach.old-1" / name / NOTE, MemberRecord(fingerprint=mark))
    assert taken_over(tmp_path / "teach", now, {}) == kept


def taken_over(folder: Path, marks: dict[str, str], weights: dict[str, float]) -> set[str]:
    section: Any = None
    members = [Member(name, section, "", folder / name, mark) for name, mark in marks.items()]
    _take_over(members, weights, folder)
    return {one.name for one in members if one.finished}


@pytest.mark.parametrize(("weights", "kept"), [({"text": 0.0}, {"text", "ids"}), ({"text": 0.5}, set())])
def test_another_weight_is_a_change_and_trains_no_teacher(
    tmp_path: Path, weights: dict[str, float], kept: set[str]
) -> None:
    marks, old = {"text": "a", "ids": "b"}, tmp_path / "teach.old-1"
    for name, mark in marks.items():
        (old / name).mkdir(parents=True)
        write_record(old / name / NOTE, MemberRecord(fingerprint=mark))
    noted = {"kind": "ensemble", "section": {"weights": {"text": 0.5}}, "members": list(marks), "user_encoder": {}}
    rest = {"template": "", "unescape_html": False, "items": 1, "parameters": 1}
    write_record(old / "model.json", TeacherRecord.model_validate(noted | rest))
    assert taken_over(tmp_path / "teach", marks, weights) == kept
