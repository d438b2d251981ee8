"""Quality of teachers and students on a data set, all rows by one protocol.

    python benchmarks/quality.py movielens --out runs/quality
    python benchmarks/quality.py mind --data MIND_SAMPLE --out runs/quality
    python benchmarks/quality.py amazon --data AMAZON_VIDEO_GAMES --out runs/quality --only id-only
    python benchmarks/quality.py beauty --data AMAZON_BEAUTY --out runs/quality

Every column gets the same search: the tries of its data set (rule, rate, window), on the first seed, by validation
data; the other seeds are trained with the try that won. Every model of every seed has a folder of its own, whose
history.json records the tries, and goes on where a killed run stopped; finished ones are not trained again. When all
rows that were asked for are there, they are compared, and results.json, per_user.parquet and report.html are left in
OUT/DATASET. A row `a+b` is the sum of the scores of rows a and b, with weights that validation data gave;
`student-of-a+b` is a student of that sum, `merged-of-a+b` the same as it begins with `start = "merged"`, not
trained, `transformer-of-a+b` one of kind `transformer`, `transformer-alone` the same
on clicks alone:

    python benchmarks/quality.py movielens --only popularity --only head --only undistilled --only head+undistilled \
        --only student-of-head+undistilled --main head+undistilled --student student-of-head+undistilled
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from distill_rec.cli.bars import make_progress
from distill_rec.data import Dataset, prepare
from distill_rec.demo import resolve
from distill_rec.distillation import distill
from distill_rec.ensemble.sums import sum_of
from distill_rec.ensemble.weights import fit
from distill_rec.evaluation import Scorer, popularity
from distill_rec.evaluation.compare import compare
from distill_rec.evaluation.render import render
from distill_rec.evaluation.report import write_report
from distill_rec.evaluation.results import Ending
from distill_rec.files import read_json, write_json
from distill_rec.knowledge import write_joined
from distill_rec.recipe import MERGED, DataSection, EvaluateSection, OptimizerSection
from distill_rec.student_model import load_student
from distill_rec.teacher_model import Teacher
from students.static.spec import StaticSection
from students.transformer.spec import TransformerSection
from teachers.bi_encoder.spec import BiEncoderSection
from teachers.bi_encoder.teach import teach
from teachers.bi_encoder.untrained import untrained_scorer
from teachers.item_ids.spec import ItemIdsSection
from teachers.item_ids.teach import teach as teach_item_ids
from teachers.student.teach import knowledge_of

PLM = "demo:all-MiniLM-L6-v2"
SEEDED = ("head", "last-2", "undistilled", "initialised", "student")
OF_SUM, MERGED_OF, TRANSFORMER = "student-of-", "merged-of-", "transformer"
KEPT = ("best", "updates", "steps", "stopped", "rising", "moved", "moved_last", "tries", "chosen_try")
STUDENTS = ("undistilled", "initialised", "student", TRANSFORMER)


@dataclass(frozen=True)
class Protocol:
    """A data set and the settings of its rows.

    Attributes:
        rows: names of the models, in the order of the table.
        shared: settings of head and user encoder, teacher's and student's alike.
        teacher, student: what differs.
        optimizer: of every model; `trunk` of the trunk's tuning.
        tries: changes of `optimizer` that every column tries; `trunk_tries` those of `trunk`, `transformer_tries` those
            of `transformer` students, where they differ.
        seeds: how many of the rows that are repeated.
        main: the row that is the comparison's teacher.
        of_sum: of a student of several teachers, what differs from `student`.
        evaluate: what differs from the usual protocol.
        head: what differs where a teacher's head is trained.
    """

    data: DataSection
    rows: tuple[str, ...]
    optimizer: dict[str, Any]
    trunk: dict[str, Any] = field(default_factory=dict)
    shared: dict[str, Any] = field(default_factory=dict)
    teacher: dict[str, Any] = field(default_factory=dict)
    student: dict[str, Any] = field(default_factory=dict)
    of_sum: dict[str, Any] = field(default_factory=dict)
    tries: tuple[dict[str, Any], ...] = ()
    trunk_tries: tuple[dict[str, Any], ...] = ()
    transformer_tries: tuple[dict[str, Any], ...] = ()
    seeds: int = 3
    head: dict[str, Any] = field(default_factory=dict)
    main: str = "head"
    evaluate: dict[str, Any] = field(default_factory=dict)


AMAZON = DataSection(
    format="recbole", sequence_column="item_id_list", time_column="", split="leave-last-out", text="{title}"
)
AMAZON_ROWS = ("popularity", "untrained", "id-only", "undistilled", "initialised", "student", "head")
AMAZON_SETTINGS: dict[str, Any] = {"teacher": {"whiten": True, "projection": "mlp"}, "seeds": 1}
EPOCHS = 14
# The rate falls to zero over the epochs: no plateau ends them, and every model has the same number.
FALLING = {"max_epochs": EPOCHS, "decay": "linear"}
TRIES: tuple[dict[str, Any], ...] = (
    {"learning_rate": 2e-3, "window": 4},
    {"learning_rate": 2e-3, "window": 1, "decay": "linear", "max_updates": 600},
    {"learning_rate": 5e-4, "window": 1},
    {"learning_rate": 1e-3, "window": 1, "decay": "linear", "max_updates": 1200},
)
TRUNK_TRIES: tuple[dict[str, Any], ...] = (
    {"trunk_learning_rate": 1e-4, "learning_rate": 5e-4},
    {"trunk_learning_rate": 3e-4, "learning_rate": 5e-4},
    {"trunk_learning_rate": 3e-5, "learning_rate": 2e-4},
    {"trunk_learning_rate": 3e-4, "learning_rate": 1e-3, "decay": "linear", "max_updates": 600},
)
# Its layer reads the catalogue once a window.
TRANSFORMER_TRIES: tuple[dict[str, Any], ...] = tuple(
    {"learning_rate": rate, "decay": "linear", "max_updates": updates, "window": 8, "gradient_share": 0.5}
    for rate, updates in ((2e-3, 600), (1e-3, 1200))
)
OF_SEVERAL: dict[str, Any] = {"loss": {"click": 0.3}}
# Histories are short: validation data has losses of vectors cost there.
OF_SHORT: dict[str, Any] = {"loss": {"click": 0.3, "item_cosine": 0.0, "user_cosine": 0.0}}
# Teachers of three natures and their sums, ranked both ways: nobody's target stands in their own history, which the
# repeat term learns.
BEAUTY = Protocol(
    AMAZON,
    (
        *("popularity", "id-only", "undistilled", "head", "head+id-only", "head+undistilled"),
        *("head+undistilled+id-only", "student-of-head+undistilled"),
    ),
    {"batch_size": 512, "window": 2, **FALLING, "max_epochs": 12},
    shared={"repeat_term": "recency", "dim": 128},
    teacher={"whiten": True, "projection": "mlp"},
    student={"token_weights": "catalogue"},
    of_sum={**OF_SHORT, "dim": 192},
    seeds=1,
    main="head+undistilled",
    evaluate={"seen_items": "both"},
)
PROTOCOLS = {
    "movielens": Protocol(
        DataSection(
            format="recbole",
            path="demo:movielens-100k",
            rating_column="rating",
            text="{movie_title} ({release_year}) {class}",
        ),
        (
            *("popularity", "untrained", "id-only", "undistilled", "initialised", "student", "transformer"),
            *("head", "last-2", "full"),
        ),
        {"batch_size": 64, "validate_every": 66},
        # Warm after 40 batches; the floor of 600 batches is 75 steps of the trunk.
        {"batch_size": 64, "validate_every": 66, "window": 8, "warmup_updates": 5, "patience_updates": 25},
        of_sum=OF_SEVERAL,
        tries=TRIES,
        trunk_tries=TRUNK_TRIES,
        transformer_tries=TRANSFORMER_TRIES,
    ),
    "mind": Protocol(
        DataSection(format="mind", test="../dev", split="given", text="{title}"),
        ("popularity", "untrained", "undistilled", "initialised", "student", "transformer", "head", "last-2"),
        {"batch_size": 64, "validate_every": 66},
        {
            "batch_size": 64,
            "validate_every": 66,
            "window": 4,
            "warmup_updates": 5,
            "patience_updates": 25,
            "keep_start": True,
        },
        {"dim": 384, "offsets": False},
        student={"loss": {"item_cosine": 10.0}},
        head={"keep_start": True},
        tries=(
            {"learning_rate": 1e-3, "window": 1},
            {"learning_rate": 3e-4, "window": 1},
            {"learning_rate": 5e-5, "window": 1},
        ),
        trunk_tries=(
            {"trunk_learning_rate": 2e-5, "learning_rate": 5e-5},
            {"trunk_learning_rate": 1e-4, "learning_rate": 5e-5},
            {"trunk_learning_rate": 5e-5, "learning_rate": 2e-4},
            {"trunk_learning_rate": 1e-4, "learning_rate": 2e-4, "decay": "linear", "max_updates": 600},
        ),
    ),
    "amazon": Protocol(
        AMAZON,
        AMAZON_ROWS,
        {"batch_size": 512, "window": 2, **FALLING},
        shared={"dim": 128, "user_heads": 4},
        **AMAZON_SETTINGS,
    ),
    "beauty": BEAUTY,
    # Smaller and shorter, so that all rows of all data sets fit in a few hours.
    "amazon-new": Protocol(
        AMAZON.model_copy(update={"new_items": 0.1}),
        (*AMAZON_ROWS, "head+undistilled", "student-of-head+undistilled"),
        {"batch_size": 512, "window": 2, **FALLING, "max_epochs": 8},
        of_sum=OF_SEVERAL,
        main="head+undistilled",
        **AMAZON_SETTINGS,
    ),
    "beauty-new": replace(
        BEAUTY,
        data=AMAZON.model_copy(update={"new_items": 0.1}),
        rows=("popularity", "untrained", "undistilled", "head", "head+undistilled", "student-of-head+undistilled"),
        optimizer={"batch_size": 512, "window": 2, **FALLING, "max_epochs": 16},
        shared={"repeat_term": "recency", "dim": 64},
        of_sum=OF_SHORT,
    ),
}


def teacher_of(row: str) -> str:
    """The row that a student's row learns from; "" of one that learns from clicks alone."""
    if row in ("undistilled", f"{TRANSFORMER}-alone"):
        return ""
    own = row.removeprefix(f"{TRANSFORMER}-of-").removeprefix(OF_SUM).removeprefix(MERGED_OF)
    return "head" if own == row else own


@dataclass(frozen=True)
class Bench:
    """One data set's rows, trained below `folder`."""

    protocol: Protocol
    dataset: Dataset
    folder: Path
    plm: str

    def optimizer(self, row: str, seed: int, settings: dict[str, Any], tries: tuple[dict[str, Any], ...]) -> Any:
        """A column's optimizer: with all tries on the first seed, then as the try that won there."""
        first = self.folder / f"{row}-0" / "history.json"
        if seed and tries:
            history = read_json(first)
            settings = settings | history["tries"][history["chosen_try"]]["changes"]
        return OptimizerSection(**settings, tries=[] if seed else list(tries))

    def section(self, role: str, seed: int, row: str, **changes: Any) -> Any:
        protocol = self.protocol
        if role == "student":
            tries = protocol.transformer_tries if row.startswith(TRANSFORMER) else ()
            merges = row.startswith(MERGED_OF)
            settings = protocol.optimizer | ({"max_updates": 0} if merges else {})
            optimizer = self.optimizer(row, seed, settings, () if merges else tries or protocol.tries)
            of_sum = protocol.of_sum if "-of-" in row else {}
            settings = {**protocol.shared, **protocol.student, **of_sum}
            settings |= {"seed": seed, "optimizer": optimizer, **changes}
            settings |= {"start": MERGED} if merges else {}
            if row.startswith(TRANSFORMER):
                return TransformerSection(**settings, projection="linear")
            return StaticSection(**settings)
        settings = {**protocol.shared, **protocol.teacher, "seed": seed, "trunk": self.plm, **changes}
        head = protocol.optimizer | protocol.head
        if row in ("head", "untrained"):
            return BiEncoderSection(**settings, optimizer=self.optimizer("head", seed, head, protocol.tries))
        # The trunk's tuning starts from the head that won, so that its search is of the trunk alone.
        won = self.optimizer("head", seed or 1, head, protocol.tries)
        trunk = self.optimizer(row, seed, protocol.trunk or protocol.optimizer, protocol.trunk_tries)
        return BiEncoderSection(**settings, optimizer=won, trunk_optimizer=trunk)

    def teacher(self, row: str, seed: int) -> Scorer:
        folder = self.folder / f"{row}-{seed}"
        if not (folder / "history.json").exists():
            if row != "head":
                self.teacher("head", 0)
            tuning = {"head": "head", "last-2": "last:2", "full": "full"}[row]
            teach(self.section("teacher", seed, row, tuning=tuning), self.dataset, folder, progress=make_progress())
        return Teacher.load(folder).scorer(row)

    def student(self, row: str, seed: int) -> Scorer:
        folder = self.folder / f"{row}-{seed}"
        if not (folder / "model.json").exists():
            knowledge = None
            if teacher := teacher_of(row):
                self.scorer(teacher, seed)
                knowledge = self.folder / f"{teacher}-{seed}" / "knowledge"
            section = self.section("student", seed, row)
            distill(
                section,
                knowledge,
                self.dataset,
                folder,
                trunk=self.plm,
                clicks_only=row == "initialised",
                progress=make_progress(),
            )
        return load_student(folder).scorer(row)

    def id_only(self, row: str, seed: int) -> Scorer:
        """The teacher of item ids: SASRec with a softmax over the whole catalogue."""
        folder, protocol = self.folder / f"{row}-{seed}", self.protocol
        if not (folder / "model.json").exists():
            optimizer = self.optimizer(row, seed, protocol.optimizer, protocol.tries)
            shared = {key: value for key, value in protocol.shared.items() if key in ItemIdsSection.model_fields}
            section = ItemIdsSection(**shared, seed=seed, optimizer=optimizer)
            teach_item_ids(section, self.dataset, folder, progress=make_progress())
        return Teacher.load(folder).scorer(row)

    def together(self, row: str, seed: int) -> Scorer:
        """The weighted sum of other rows' scores; weights and knowledge are kept beside it."""
        members = []
        for member in row.split("+"):
            self.scorer(member, seed)
            folder = self.folder / f"{member}-{seed}"
            is_student = member in STUDENTS
            knowledge = (
                knowledge_of(load_student(folder), self.dataset) if is_student else Teacher.load(folder).knowledge
            )
            members.append(knowledge)
        weights = fit(members, self.dataset, [None] * len(members))
        place = self.folder / f"{row}-{seed}"
        write_joined(place / "knowledge", members, weights, self.dataset)
        write_json(place / "weights.json", dict(zip(row.split("+"), weights, strict=True)))
        return sum_of(members, weights, row)

    def endings(self, row: str, seeds: int) -> list[Ending]:
        """What ended a row's training, by seed; none of rows that are not trained."""
        files = [self.folder / f"{row}-{seed}" / "history.json" for seed in range(seeds)]
        histories = [read_json(file) for file in files if file.exists()]
        return [Ending(**{key: one[key] for key in Ending.model_fields if key in one}) for one in histories]

    def scorer(self, row: str, seed: int) -> Scorer:
        if row == "popularity":
            return popularity(self.dataset.train_clicks)
        if row == "untrained":
            return untrained_scorer(self.section("teacher", 0, row), self.dataset, make_progress())
        if row.startswith((OF_SUM, MERGED_OF, TRANSFORMER)):
            return self.student(row, seed)
        if "+" in row:
            return self.together(row, seed)
        kinds: dict[str, Callable[[str, int], Scorer]] = {"id-only": self.id_only}
        kinds |= dict.fromkeys(STUDENTS, self.student)
        return kinds.get(row, self.teacher)(row, seed)


def measured(bench: Bench, row: str, seed: int) -> Scorer:
    """A row's scorer; seconds and peak memory of its training are kept beside it."""
    record = bench.folder / f"{row}-{seed}.json"
    began = time.monotonic()
    scorer = bench.scorer(row, seed)
    if not record.exists():
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        content = {"seconds": round(time.monotonic() - began, 1), "peak_mib": peak, "threads": torch.get_num_threads()}
        history = bench.folder / f"{row}-{seed}" / "history.json"
        if history.exists():
            ended = read_json(history)
            content |= {key: ended[key] for key in KEPT if key in ended}
        write_json(record, content)
    return scorer


def recorded_search(folder: Path) -> dict[str, Any]:
    """What each column tried on its first seed, what it got on validation data, and which try won."""
    histories = {
        path.parent.name.removesuffix("-0"): read_json(path) for path in sorted(folder.glob("*-0/history.json"))
    }
    return {row: {key: one[key] for key in KEPT if key in one} for row, one in histories.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", choices=PROTOCOLS)
    parser.add_argument("--data", default="", help="folder of the data (MIND: of the sample, with train/ and dev/)")
    parser.add_argument("--out", type=Path, default=Path("runs/quality"))
    parser.add_argument("--only", action="append", help="train and compare these rows only; may be given again")
    parser.add_argument("--main", help="the row that is the comparison's teacher; as the data set's protocol says it")
    parser.add_argument("--student", default="student", help="the row that is the comparison's student")
    parser.add_argument("--alone", default="undistilled", help="the row that is that student on clicks alone")
    parser.add_argument("--seeds", type=int, help="seeds of the repeated rows")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    protocol = PROTOCOLS[args.dataset]
    protocol = replace(protocol, main=args.main or protocol.main)
    data = protocol.data
    if args.data:
        data = data.model_copy(update={"path": args.data + ("/train" if data.format == "mind" else "")})
    data = data.model_copy(update={"path": resolve(data.path)})
    folder = args.out / args.dataset
    if not (folder / "prepare" / "manifest.json").exists():
        prepare(data, folder / "prepare")
    bench = Bench(protocol, Dataset.load(folder / "prepare"), folder, resolve(PLM))
    rows = args.only or protocol.rows
    found: dict[str, list[Scorer]] = {}
    for row in sorted(rows, key=lambda name: name.startswith(("full", TRANSFORMER))):
        seeds = args.seeds or protocol.seeds
        members = row.removeprefix(OF_SUM).removeprefix(MERGED_OF).split("+")
        repeated = row.startswith(TRANSFORMER) or all(one in SEEDED for one in members)
        found[row] = [measured(bench, row, seed) for seed in range(seeds if repeated else 1)]
    write_json(folder / "search.json", recorded_search(folder))
    # The comparison's own names decide which differences are taken.
    roles = {"student": f"{OF_SUM}head", "undistilled": "static-alone", args.alone: "undistilled"}
    roles |= {protocol.main: "teacher", args.student: "student"}
    named = {roles.get(row, row): found[row] for row in rows}
    endings = {roles.get(row, row): bench.endings(row, len(found[row])) for row in rows}
    endings = {name: ends for name, ends in endings.items() if ends}
    section = EvaluateSection(**protocol.evaluate)
    results = compare(named, bench.dataset, section, name=args.dataset, endings=endings, progress=make_progress())
    write_report(results, folder if not args.only else folder / ("only-" + "-".join(args.only)))
    render(results, Console(width=160))


if __name__ == "__main__":
    main()
