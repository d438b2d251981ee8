"""What a restarted training of several teachers takes over from the folder that was set aside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from distill_rec.ensemble.members import NOTE, Member, _take_over
from distill_rec.ensemble.record import MemberRecord
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
    section: Any = None
    folder = tmp_path / "teach"
    members = [Member(name, section, "", folder / name, mark) for name, mark in now.items()]
    _take_over(members, folder)
    assert {one.name for one in members if one.finished} == kept
