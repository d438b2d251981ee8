"""A refreshed student against the one before it, on the newest clicks: the same samples, paired over users."""

from __future__ import annotations

from pathlib import Path

from distill_rec.artifact.refusals import VERDICT, in_words, remedies, worse_than_before
from distill_rec.begin import prepared_beside
from distill_rec.data.dataset import Dataset
from distill_rec.evaluation.compare import compare
from distill_rec.evaluation.protocol import validation_ranks_seen
from distill_rec.evaluation.report import write_report
from distill_rec.evaluation.results import Results
from distill_rec.evaluation.scorer import DotScorer
from distill_rec.nn.recommender import user_vectors
from distill_rec.pipeline.trainings import STUDENTS
from distill_rec.progress import Progress
from distill_rec.recipe import EvaluateSection, RefreshSection
from distill_rec.records import Record, write_record
from distill_rec.runtime.errors import WorseError
from distill_rec.student_model import earlier_vectors, load_student

BEFORE = "before"
"""Column of the student before."""


class VerdictRecord(Record):
    """What `refresh/verdict.json` says.

    Attributes:
        before: folder of the run before.
        table: key of the table that decides.
        old, new: means over users; `value` is their difference, `low` and `high` its 95 % interval.
        limit: least difference that is published.
    """

    before: str
    metric: str
    table: str
    old: float
    new: float
    value: float
    low: float
    high: float
    users: int
    limit: float
    worse: bool


def scorer_of_before(run: Path, dataset: Dataset) -> DotScorer:
    """The student of an earlier run over another catalogue, as a service has it that adds the new items."""
    student = load_student(run / STUDENTS["student"])
    before = Dataset.load(prepared_beside(student.folder))
    items = earlier_vectors(student, before, dataset)
    transitions = None if student.transitions is None else student.transitions.renumbered(before.numbers_of(dataset))
    encoder = student.user_encoder
    return DotScorer(BEFORE, items, lambda history: user_vectors(encoder, history, items), student.repeat, transitions)


def compare_with_before(
    section: RefreshSection, student: Path, dataset: Dataset, folder: Path, progress: Progress
) -> VerdictRecord:
    """Compare on the test; write the report, and last the verdict.

    Args:
        student: folder of the refreshed one.
        folder: of the stage.
    """
    scorers = {BEFORE: scorer_of_before(Path(section.run), dataset), "student": load_student(student).scorer("student")}
    protocol = EvaluateSection(bootstrap=section.bootstrap, max_users=section.max_users, examples=0, cost=False)
    results = compare(scorers, dataset, protocol, name="refresh", progress=progress)
    seen = any(validation_ranks_seen(one, dataset) for one in scorers.values())
    found = verdict_of(results, section, "test-all" if seen else "test")
    write_report(results, folder)
    write_record(folder / Path(VERDICT).name, found)
    return found


def verdict_of(results: Results, section: RefreshSection, key: str) -> VerdictRecord:
    """Whether the student lost more than it may, by the mean over users."""
    table = next((one for one in results.tables if one.key == key), results.test)
    metric = results.main_metric
    found, cells = table.difference(metric, "student", BEFORE), table.cells[metric]
    assert found is not None
    limit = 0.0 - section.max_loss * cells[BEFORE].mean
    return VerdictRecord(
        before=section.run,
        metric=results.metrics[metric],
        table=table.key,
        old=cells[BEFORE].mean,
        new=cells["student"].mean,
        value=found.value,
        low=found.low,
        high=found.high,
        users=found.users,
        limit=limit,
        worse=found.value < limit,
    )


def require_not_worse(run: Path) -> None:
    """Refuse to publish a refreshed student that is worse than the one before.

    Raises:
        WorseError: it is.
    """
    if (worse := worse_than_before(run)) is not None:
        kept = "Nothing was published; the run before is as it was."
        raise WorseError(run, in_words([worse]), "", f"{remedies([worse])} {kept}")
