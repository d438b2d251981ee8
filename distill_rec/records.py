"""JSON files that stages leave: typed records with a format version, checked when they are read. `RECORDS` lists them.

A record is declared beside what writes it. A key that comes later has a default, which older files are read with; a
change that older code would misread raises `newest`.
"""

from __future__ import annotations

import fnmatch
import importlib
import json
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from distill_rec.files import write_json
from distill_rec.runtime.errors import RunError

RECORDS = {
    "recipe.json": "distill_rec.pipeline.folder:RunRecord",
    "*/stage.json": "distill_rec.pipeline.folder:StageRecord",
    "*/begun.json": "distill_rec.pipeline.folder:StageRecord",
    "prepare/manifest.json": "distill_rec.data.dataset_record:DatasetRecord",
    "prepare/summary.json": "distill_rec.data.summary:Summary",
    "distill/*history.json": "distill_rec.training.outcome:Outcome",
    "teach/ensemble.json": "distill_rec.ensemble.record:EnsembleRecord",
    "teach/*/member.json": "distill_rec.ensemble.record:MemberRecord",
    "teach/*history.json": "distill_rec.training.outcome:Outcome",
    "teach/*knowledge/manifest.json": "distill_rec.knowledge:KnowledgeRecord",
    "teach/*trained/model.json": "distill_rec.model_records:StudentRecord",
    "teach/*/model.json": "distill_rec.model_records:TeacherRecord",
    "teach/model.json": "distill_rec.model_records:TeacherRecord",
    "distill/*teacher/model.json": "distill_rec.model_records:TeacherRecord",
    "distill/*teacher/knowledge/manifest.json": "distill_rec.knowledge:KnowledgeRecord",
    "distill/*model.json": "distill_rec.model_records:StudentRecord",
    "teach/*checkpoint-*.json": "distill_rec.training.checkpoint:CheckpointRecord",
    "distill/*checkpoint-*.json": "distill_rec.training.checkpoint:CheckpointRecord",
    "refresh/verdict.json": "distill_rec.pipeline.refreshed:VerdictRecord",
    "refresh/results.json": "distill_rec.evaluation.results:Results",
    "export/report.json": "distill_rec.export.report:ReportRecord",
    "evaluate/results.json": "distill_rec.evaluation.results:Results",
    "search/space.json": "distill_rec.search.records:SpaceRecord",
    "search/search.json": "distill_rec.search.records:SearchRecord",
    "search/trials/*/recipe.json": "distill_rec.pipeline.folder:RunRecord",
    "search/trials/*/drawn.json": "distill_rec.search.records:DrawnRecord",
    "search/trials/*/trial.json": "distill_rec.search.records:TrialRecord",
    "study.json": "distill_rec.study.records:StudyRecord",
    "plan.json": "distill_rec.study.records:PlanRecord",
    "*/cell.json": "distill_rec.study.records:CellRecord",
}
"""Which record each file of a run or a study is, by its path in its folder."""


class Part(BaseModel):
    """Base of what stands within a record."""

    model_config = ConfigDict(extra="forbid")


class Record(BaseModel):
    """Base of every record.

    Attributes:
        newest: format version that this release writes, and the newest that it reads.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    newest: ClassVar[int] = 1

    format_version: int = 1


R = TypeVar("R", bound=Record)


def write_record(path: Path, record: Record) -> None:
    """Write a record as JSON: its format version, and the keys that were given."""
    given = record.model_dump(by_alias=True, exclude_unset=True)
    write_json(path, {"format_version": record.newest, **given})


def read_record(kind: type[R], path: Path) -> R:
    """Read a record of a known kind.

    Raises:
        RunError: it is no JSON, of a newer format version, or a key is missing, unknown or of another type.
    """
    return checked(kind, content_of(path), path)


def read_content(kind: type[Record], path: Path) -> dict[str, Any]:
    """A record's keys as its file has them, after the same checks as `read_record`."""
    return read_record(kind, path).model_dump(by_alias=True, exclude_unset=True)


def content_of(path: Path) -> Any:
    """A file's JSON.

    Raises:
        RunError: it is none.
    """
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise RunError(path, f"no JSON: {error}", "a whole file", "Make its stage anew with --restart.") from error


def checked(kind: type[R], content: Any, path: Path) -> R:
    """A file's content as the record that it is; see `read_record`."""
    refuse_newer(content, kind.newest, path)
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the whole file"
        raise RunError(path, f"key {key}: {_fault(first)}", "", "Make its stage anew with --restart.") from error


def refuse_newer(content: Any, newest: int, path: Path) -> None:
    """See that a file is not of a later release.

    Raises:
        RunError: it is.
    """
    version = content.get("format_version", 1) if isinstance(content, dict) else 1
    if isinstance(version, int) and version > newest:
        found = f"format version {version}, made by a newer release"
        raise RunError(path, found, f"at most {newest}", "Upgrade distill-rec, or name another folder.")


def kind_of(name: str) -> type[Record] | None:
    """The record that a file of a run is.

    Args:
        name: path in the run's folder, with `/`.
    """
    for pattern, place in RECORDS.items():
        if fnmatch.fnmatchcase(name, pattern):
            module, _, kind = place.partition(":")
            found: type[Record] = getattr(importlib.import_module(module), kind)
            return found
    return None


def _fault(error: Any) -> str:
    if error["type"] == "missing":
        return "missing"
    if error["type"] == "extra_forbidden":
        return "unknown to this release"
    return f"{error['input']!r}, {error['msg'][0].lower()}{error['msg'][1:]}"
