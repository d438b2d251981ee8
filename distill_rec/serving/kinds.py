"""The kinds of requests that the worker answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from distill_rec.runtime import Request, Student
from distill_rec.serving.batcher import Kind
from distill_rec.serving.refusal import Refusal
from distill_rec.serving.requests import RankRequest


def _rank(student: Student, requests: Sequence[RankRequest]) -> list[Any]:
    return [{"scores": scores} for scores in student.rank_many(requests)]


def _recommend(student: Student, requests: Sequence[Request]) -> list[Any]:
    return [_items(found) for found in student.recommend_many(requests)]


def _teacher_recommend(student: Student, requests: Sequence[Request]) -> list[Any]:
    teacher = student.teacher
    if teacher is None:
        raise Refusal(
            404,
            "teacher",
            "this artifact has none of the teacher's vectors",
            "an artifact exported with them",
            "Export again with the teacher's vectors, and reload.",
        )
    # The teacher has a catalogue of its own, which knows of no removal.
    gone = student.removed_ids
    asked = [one._replace(exclude=[*one.exclude, *gone]) for one in requests] if gone else requests
    return [_items(found) for found in teacher.recommend_many(asked)]


def _items(found: list[tuple[str, float]]) -> dict[str, Any]:
    # In single precision, as `rank` has them: the same score is the same text in both answers.
    return {"items": [{"id": item, "score": np.float32(score)} for item, score in found]}


RANK = Kind("rank", _rank)
RECOMMEND = Kind("recommend", _recommend)
TEACHER_RECOMMEND = Kind("teacher_recommend", _teacher_recommend)
