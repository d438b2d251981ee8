"""What each ingredient of a distillation gives: a full recipe, and the same with one ingredient off or changed.

    python benchmarks/ablation.py movielens --out runs/ablation
    python benchmarks/ablation.py movielens --list
    python benchmarks/ablation.py mind --data MIND_SAMPLE --out runs/ablation --only "no scores" --only "no start"
    python benchmarks/ablation.py beauty --data AMAZON_BEAUTY --out runs/ablation --seeds 1

Every row is a run of the pipeline up to its student, with the same updates, over which the rate falls to zero: no
plateau ends any. Rows are trained in their order, all seeds of one before the next, each in a folder of its own
(rows/NAME-SEED); finished ones are not trained again, and a killed one goes on. Teachers are of one seed, trained once
(teachers/MARK) and shared by all rows that ask for the same ones. A row is compared with the row that it differs from
by its ingredient alone: values are averaged over the seeds that both have, differences paired over the test's users.
`lists` says how far the ingredient changed anything: the share of the first ten that the row has in common with its
base of the same seed, to be read beside what two seeds of the full recipe have in common. results.json, table.md and
differences.svg are left in OUT/DATASET after each row, so that whoever stops it has what there is.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from distill_rec.cli.bars import make_progress
from distill_rec.data import Dataset
from distill_rec.data.dataset import Queries
from distill_rec.ensemble.members import NOTE, mark_of
from distill_rec.evaluation.alike import overlap
from distill_rec.evaluation.protocol import PerSample, evaluate
from distill_rec.evaluation.results import Difference
from distill_rec.evaluation.scorer import Scorer
from distill_rec.evaluation.svg import Point, intervals
from distill_rec.evaluation.tables import Means, difference_of
from distill_rec.evaluation.top_lists import drawn_rows, lists_of
from distill_rec.files import copy_linked, fingerprint, read_json, write_json, write_text
from distill_rec.pipeline.run_stages import run_stages
from distill_rec.pipeline.trainings import histories_of
from distill_rec.pipeline.wanted import resolved
from distill_rec.progress import Progress
from distill_rec.recipe import MERGED, Recipe
from distill_rec.recipe_io import load_recipe
from distill_rec.search.trials import link_shared
from distill_rec.student_model import load_student
from distill_rec.teacher_model import Teacher

FULL = "full"
PLM = "demo:all-MiniLM-L6-v2"
RESAMPLES = 2000
LIST_USERS = 500
NAMES = ("row", "base")
METRICS = {True: ("ndcg@10", "recall@10", "recall@100"), False: ("auc", "mrr", "ndcg@10")}
"""Of the full catalogue, and of impressions; the first is what the plot is of."""
UNCLICKED = "recall@100, no click"
"""Of targets that nobody had clicked in training."""


@dataclass(frozen=True)
class Ingredient:
    """A row: what of the full recipe is off or changed in it.

    Attributes:
        changes: dotted keys of the recipe, and their values.
        words: what that is.
        beside: the row that it is compared with; it has that row's changes too.
        teachers: other teachers than the full recipe's, as [[teacher]] lists them; the same ones where empty.
    """

    name: str
    changes: Mapping[str, Any]
    words: str
    beside: str = FULL
    teachers: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Ablation:
    """A data set's full recipe, and its rows in the order of their importance.

    Attributes:
        recipe: its sections; `teacher` lists several where it has several.
        below: of the data's path the folder that `data.path` names.
    """

    recipe: Mapping[str, Any]
    rows: tuple[Ingredient, ...]
    updates: int
    below: str = ""
    unclicked: bool = True

    def row(self, name: str) -> Ingredient:
        return next(one for one in self.rows if one.name == name)

    def chain(self, name: str) -> list[Ingredient]:
        """The rows whose changes a row has: those that it is compared with, the full recipe's first, and itself."""
        one = self.row(name)
        return [*([] if one.name == FULL else self.chain(one.beside)), one]

    def recipe_of(self, name: str, seed: int = 0, updates: int | None = None, path: str = "") -> Recipe:
        """A row's whole recipe.

        Args:
            updates: of the student; as many as the data set's where not given.
            path: folder of the data; the recipe's own where it is "".
        """
        base, changes = dict(self.recipe), {"student.seed": seed}
        for one in self.chain(name):
            base |= {"teacher": [dict(teacher) for teacher in one.teachers]} if one.teachers else {}
            changes |= one.changes
        if path:
            changes["data.path"] = path + self.below
        most = updates or self.updates
        ends = {"student.optimizer.decay": "linear", "student.optimizer.max_updates": most}
        return load_recipe(base, {"student.taught.max_updates": most, **changes, **ends})


NO_VECTORS = {"student.loss.item_cosine": 0.0, "student.loss.user_cosine": 0.0}
VECTORS = {"student.loss.item_cosine": 1.0, "student.loss.user_cosine": 1.0}
CLICKS_ALONE = {"student.loss.kl": 0.0, "student.loss.click": 1.0, **NO_VECTORS}
HELD_DOWN = {"student.taught.dropout": 0.3, "student.taught.offset_dropout": 0.3, "student.taught.offset_decay": 0.05}
"""What a student without a teacher is kept from learning few clicks by heart with."""
FIRST = {
    "student.first.loss.item_cosine": 1.0,
    "student.first.loss.relational": 10.0,
    "student.first.optimizer.batch_size": 256,
    "student.first.optimizer.decay": "linear",
    "student.first.optimizer.max_updates": 200,
}


def halves(teachers: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Each teacher twice, of half of the users each."""
    return tuple({**one, "name": f"{one['name']}-{part}", "fold": f"{part}/2"} for one in teachers for part in (1, 2))


def equal(teachers: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """The teachers with one weight for all."""
    return tuple({**one, "weight": 1.0} for one in teachers)


def rows_of_two(
    teachers: Sequence[Mapping[str, Any]], ids: Mapping[str, Any], room: int, vectors: Ingredient
) -> tuple[Ingredient, ...]:
    """The rows of a full recipe with two teachers: what titles say, and the student itself on clicks alone.

    Args:
        ids: a teacher of another nature, of item ids alone.
        room: more dimensions than the student has.
        vectors: the row whose losses of vectors are on where the recipe's are off, and off where they are on.
    """
    text, other = teachers
    loss, both = "student.loss.", f"{text['name']} and {other['name']}"
    return (
        Ingredient(FULL, {}, f"{both}, weighed by validation data; free of what holds a student down"),
        Ingredient("held down", HELD_DOWN, "dropout and offsets kept small, as without a teacher"),
        Ingredient("no teachers", CLICKS_ALONE, "clicks alone: the undistilled student", "held down"),
        Ingredient("no scores", {loss + "kl": 0.0, loss + "click": 1.0}, "no KL, clicks whole"),
        Ingredient("no clicks", {loss + "click": 0.0}, "no loss of clicks"),
        vectors,
        Ingredient(f"{text['name']} alone", {"student.start": "none"}, "one teacher", teachers=(text,)),
        Ingredient(f"{other['name']} alone", {"student.start": "none"}, "one teacher", teachers=(other,)),
        Ingredient("ids too", {}, "a third teacher, of item ids", teachers=(text, other, ids)),
        Ingredient("equal weights", {}, "the teachers count alike", teachers=equal(teachers)),
        Ingredient("start", {"student.start": text["name"]}, f"begins as {text['name']}, not as the PLM"),
        Ingredient("merged", {"student.start": MERGED, "student.taught.max_updates": 0}, "both merged, not trained"),
        Ingredient("swaps", {"student.histories.swap": 0.2}, "a fifth of the histories' clicks are others"),
        Ingredient("room", {"student.dim": room}, f"{room} dimensions"),
        Ingredient("two stages", FIRST, "before it 200 updates on the teachers' vectors of all texts"),
        Ingredient("rd", {loss + "kl": 0.0, loss + "rd": 1.0}, "RD, the teachers' first 20, in place of KL"),
        Ingredient("unkd", {loss + "kl": 0.0, loss + "unkd": 1.0}, "KL within groups of popularity in place of KL"),
        Ingredient("by_loss", {"student.mix": "by_loss"}, "who is right about a click counts for more"),
        Ingredient("by_rank", {"student.mix": "by_rank"}, "who ranks a click high counts for more"),
        Ingredient("by_confidence", {"student.mix": "by_confidence"}, "who is sure counts for more"),
        Ingredient("by_agreement", {"student.mix": "by_agreement"}, "who is near the student counts for more"),
        Ingredient("no offsets", {"student.offsets": False}, "no free vector beside an item's text"),
        Ingredient("cross-fitting", {}, "teachers of half the users, about the others", teachers=halves(teachers)),
        Ingredient(
            "schedule",
            {"student.schedule": {"temperature": {"start": 4.0, "end": 1.0, "over": 0.5}}},
            "the temperature of the KL from 4 to 1 in the first half",
        ),
        Ingredient("repeat term", {"student.repeat_term": "recency"}, "a number for items of the history"),
        Ingredient("whitened", {f"teacher.{text['name']}.whiten": True}, f"{text['name']} reads whitened vectors"),
    )  # fmt: skip


def rows_of_one(both: tuple[Mapping[str, Any], ...]) -> tuple[Ingredient, ...]:
    """The rows of a full recipe with one teacher, its start and cosines of item vectors.

    Args:
        both: that teacher, and the student itself on clicks alone.
    """
    loss = "student.loss."
    alone = {"student.start": "none", **CLICKS_ALONE, "student.taught.dropout": 0.3}
    return (
        Ingredient(FULL, {}, "one teacher, KL and clicks, item vectors, its start"),
        Ingredient("no scores", {loss + "kl": 0.0}, "no KL"),
        Ingredient("no vectors", NO_VECTORS, "no cosines of item and user vectors"),
        Ingredient("no start", {"student.start": "none"}, "the first weights are the PLM's, not the teacher's"),
        Ingredient("no teacher", alone, "the undistilled student: no start, clicks alone, dropout"),
        Ingredient("no clicks", {loss + "click": 0.0}, "no loss of clicks"),
        Ingredient("two stages", FIRST, "before it 200 updates on the teacher's vectors of all texts"),
        Ingredient("clicks too", {}, "a second teacher, the student itself on clicks alone", teachers=both),
        Ingredient("merged", {"student.start": MERGED}, "begins as both merged, not as the PLM", "clicks too", both),
    )


def falling(updates: int, **changes: Any) -> dict[str, Any]:
    ends = {"batch_size": 64, "window": 1, "learning_rate": 2e-3, "validate_every": 66}
    return {**ends, "decay": "linear", "max_updates": updates, **changes}


TEXT = {"name": "text", "trunk": PLM, "tuning": "head", "optimizer": falling(600)}
CLICKS = {"name": "clicks", "kind": "student", "trunk": PLM, "model": {"kind": "static", "optimizer": falling(600)}}
IDS = {"name": "ids", "kind": "item_ids", "optimizer": falling(600)}
NEWS = {"dim": 384, "offsets": False}
HEADLINES = (
    {"name": "text", "trunk": PLM, **NEWS, "optimizer": falling(600, learning_rate=5e-5, keep_start=True)},
    {
        "name": "clicks",
        "kind": "student",
        "trunk": PLM,
        "model": {**NEWS, "optimizer": falling(600, learning_rate=1e-3)},
    },
)
LONG = {"window": 2, "decay": "linear", "max_epochs": 12}
AGAIN = {"repeat_term": "recency"}
TABLE = {"dim": 192, "token_weights": "catalogue", **AGAIN}
BEAUTY = (
    {"name": "text", "trunk": PLM, "whiten": True, "projection": "mlp", "dim": 128, **AGAIN, "optimizer": LONG},
    {"name": "clicks", "kind": "student", "trunk": PLM, "model": {"kind": "static", **TABLE, "optimizer": LONG}},
)
BEAUTY_IDS = {"name": "ids", "kind": "item_ids", "dim": 128, **AGAIN, "optimizer": LONG}
ABLATIONS = {
    "movielens": Ablation(
        {
            "extends": "students/static/demo",
            "teacher": [TEXT, CLICKS],
            "student": {
                "trunk": PLM,
                "undistilled": False,
                "start": "auto",
                "transition_term": "none",
                "loss": {"click": 0.3},
                "optimizer": {"batch_size": 64, "validate_every": 66},
            },
        },
        rows_of_two((TEXT, CLICKS), IDS, 128, Ingredient("no vectors", NO_VECTORS, "no cosines of vectors")),
        updates=600,
    ),
    "mind": Ablation(
        {
            "extends": "students/static/mind",
            "teacher": {"optimizer": {"decay": "linear", "max_updates": 600, "validate_every": 50}},
            "student": {"undistilled": False, "optimizer": {"validate_every": 66}},
        },
        rows_of_one(HEADLINES),
        updates=600,
        below="/train",
        unclicked=False,
    ),
    "beauty": Ablation(
        {
            "extends": "students/static/amazon-beauty",
            "teacher": list(BEAUTY),
            "student": {
                "trunk": PLM,
                "undistilled": False,
                "start": "auto",
                "transition_term": "none",
                "loss": {"click": 0.3, "item_cosine": 0.0, "user_cosine": 0.0},
            },
        },
        tuple(
            one
            for one in rows_of_two(BEAUTY, BEAUTY_IDS, 256, Ingredient("vectors", VECTORS, "cosines of vectors too"))
            if one.name not in ("repeat term", "whitened")
        ),
        updates=528,
    ),
}


@dataclass(frozen=True)
class Bench:
    """An ablation's folder.

    Attributes:
        found: values of each row by seed, of what was trained so far.
    """

    ablation: Ablation
    folder: Path
    progress: Progress
    updates: int | None = None
    path: str = ""
    models: dict[tuple[str, int], Scorer] = field(default_factory=dict)
    found: dict[tuple[str, int], PerSample] = field(default_factory=dict)

    def recipe(self, name: str, seed: int = 0) -> Recipe:
        return self.ablation.recipe_of(name, seed, self.updates, self.path)

    @cached_property
    def dataset(self) -> Dataset:
        folder = self.folder / "data"
        run_stages(self.recipe(FULL), folder, until="prepare", progress=self.progress)
        return Dataset.load(folder / "prepare")

    def teachers(self, recipe: Recipe) -> Path:
        """The run of a recipe's teachers; one that other rows have trained already is taken over."""
        assert recipe.teacher is not None
        place = self.folder / "teachers" / fingerprint(recipe.teacher.model_dump(mode="json"))[:12]
        dataset = self.dataset
        link_shared(self.folder / "data", place)
        section = resolved(recipe).teacher
        assert section is not None
        folds = getattr(section, "folds", {})
        for name, one in section.parts().items():
            mark = mark_of(one, dataset, folds.get(name, ""))
            self._take_over(place / "teach" / name, mark)
        run_stages(recipe, place, until="teach", progress=self.progress)
        return place

    def _take_over(self, place: Path, mark: str) -> None:
        for note in sorted(self.folder.glob(f"teachers/*/teach/{place.name}/{NOTE}")):
            if not place.exists() and read_json(note)["fingerprint"] == mark:
                copy_linked(note.parent, place)

    def train(self, name: str, seed: int) -> None:
        """A row's student of one seed, and what each sample of the test gets from it."""
        recipe, place = self.recipe(name, seed), self.folder / "rows" / f"{name.replace(' ', '-')}-{seed}"
        link_shared(self.teachers(recipe), place)
        run_stages(recipe, place, until="distill", progress=self.progress)
        scorer = load_student(place / "distill" / "student").scorer(name)
        self.models[name, seed] = scorer
        self.found[name, seed] = evaluate(scorer, self.dataset.test, self.dataset)

    @cached_property
    def teacher_values(self) -> dict[str, PerSample]:
        """Of the full recipe's teachers, together and each."""
        place = self.teachers(self.recipe(FULL)) / "teach"
        whole = Teacher.load(place)
        models = {"teacher": whole, **{name: Teacher.load(place / name) for name in whole.members}}
        return {name: evaluate(one.scorer(name), self.dataset.test, self.dataset) for name, one in models.items()}

    def endings(self, name: str, seeds: Sequence[int]) -> list[dict[str, Any]]:
        """What ended a row's trainings, and the update whose weights were kept."""
        folders = [self.folder / "rows" / f"{name.replace(' ', '-')}-{seed}" for seed in seeds]
        outcomes = [histories_of(folder)["student"] for folder in folders]
        keys = {"stopped", "updates", "seconds", "best", "rising", "moved_last"}
        return [{**one.model_dump(include=keys), "kept": one.kept} for one in outcomes]


def unclicked(found: PerSample) -> PerSample | None:
    """Its targets that nobody had clicked in training; None where there are none."""
    rows = found.target_clicks == 0
    if not rows.any():
        return None
    return replace(
        found,
        user=found.user[rows],
        target_clicks=found.target_clicks[rows],
        values={UNCLICKED: found.values["recall@100"][rows]},
    )


def parts_of(bench: Bench, found: Sequence[PerSample]) -> list[tuple[str, list[PerSample]]]:
    """Every metric of the table, with the samples that it is of."""
    out = [(metric, list(found)) for metric in METRICS[isinstance(bench.dataset.test, Queries)]]
    few = [part for one in found if bench.ablation.unclicked and (part := unclicked(one)) is not None]
    if few:
        out.append((UNCLICKED, few))
    return out


def means_of(bench: Bench, found: Sequence[PerSample]) -> dict[str, dict[str, Any]]:
    """By metric the mean over users, seeds averaged, and each seed's."""
    out = {}
    for metric, values in parts_of(bench, found):
        rows = np.ones(len(values[0]), dtype=bool)
        each = [Means({"one": [one]}, rows, 1, 0).of(metric, "one")[0] for one in values]
        out[metric] = {"mean": float(np.mean(each)), "seeds": each}
    return out


def changes_of(bench: Bench, found: Sequence[PerSample], base: Sequence[PerSample]) -> dict[str, dict[str, Any]]:
    """By metric what the row has more than its base: mean, interval over users, and the mean of each seed."""
    out = {}
    for (metric, row), (_, other) in zip(parts_of(bench, found), parts_of(bench, base), strict=True):
        whole = difference_of(metric, row, other, NAMES, resamples=RESAMPLES, seed=0)
        each = [
            difference_of(metric, [one], [beside], NAMES, resamples=1, seed=0).value
            for one, beside in zip(row, other, strict=True)
        ]
        out[metric] = {**told(whole), "seeds": each}
    return out


def told(difference: Difference) -> dict[str, Any]:
    return {"value": difference.value, "low": difference.low, "high": difference.high, "users": difference.users}


def in_common(bench: Bench, pairs: Sequence[tuple[Scorer, Scorer]]) -> float | None:
    """Mean share of the first ten that both models of a pair list, over drawn users; None without a pair."""
    if not pairs:
        return None
    test = bench.dataset.test
    rows, each = drawn_rows(test, 0, LIST_USERS), []
    for ours, theirs in pairs:
        found = lists_of({"ours": ours, "theirs": theirs}, test, rows, bench.dataset)
        each += [overlap(a, b) for a, b in zip(found["ours"].items, found["theirs"].items, strict=True)]
    return float(np.mean(each))


def results_of(bench: Bench) -> dict[str, Any]:
    """Everything of the rows that were trained."""
    names = [one.name for one in bench.ablation.rows if (one.name, 0) in bench.found]
    seeds = {name: sorted(seed for row, seed in bench.found if row == name) for name in names}
    fulls = [bench.models[FULL, seed] for seed in seeds.get(FULL, [])]
    out: dict[str, Any] = {
        "teachers": {name: means_of(bench, [one]) for name, one in bench.teacher_values.items()},
        "in common of two seeds": in_common(bench, list(pairwise(fulls))),
        "rows": {},
    }
    for name in names:
        row = bench.ablation.row(name)
        found = {
            "words": row.words,
            "beside": row.beside,
            "changes": dict(row.changes),
            "other teachers": _other_teachers(row),
            "means": means_of(bench, [bench.found[name, seed] for seed in seeds[name]]),
            "endings": bench.endings(name, seeds[name]),
        }
        both = [seed for seed in seeds[name] if (row.beside, seed) in bench.found]
        if name != FULL and both:
            ours, base = ([bench.found[one, seed] for seed in both] for one in (name, row.beside))
            found["less base"] = changes_of(bench, ours, base)
            found["lists in common"] = in_common(
                bench, [(bench.models[name, seed], bench.models[row.beside, seed]) for seed in both]
            )
        out["rows"][name] = found
    return out


def _other_teachers(row: Ingredient) -> list[str]:
    """Names of teachers, or keys of teachers, that the row has and the full recipe has not."""
    return [str(one["name"]) for one in row.teachers] + [key for key in row.changes if key.startswith("teacher.")]


def number(value: float) -> str:
    """A figure below one without its zero."""
    return f"{value:.4f}".replace("0.", ".", 1)


def signed(value: float) -> str:
    return ("-" if value < 0 else "+") + number(abs(value))


def table_of(results: Mapping[str, Any]) -> str:
    """The results as a table of Markdown."""
    rows = results["rows"]
    metrics = list(rows[FULL]["means"])
    head = ["row", "what differs", "less", *(f"{metrics[0]}, mean", f"less base: {metrics[0]}"), "each seed"]
    head += [f"less base: {one}" for one in metrics[1:]] + ["lists", "kept"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, one in rows.items():
        less, cells = one.get("less base", {}), [name, one["words"], "" if name == FULL else one["beside"]]
        cells += [number(one["means"][metrics[0]]["mean"])]
        for metric in metrics:
            cells.append(_interval(less[metric]) if metric in less else number(one["means"][metric]["mean"]))
            if metric == metrics[0]:
                cells.append(" ".join(map(signed, less[metric]["seeds"])) if less else "")
        common = one.get("lists in common")
        cells += ["" if common is None else f"{common:.2f}", " ".join(str(end["kept"]) for end in one["endings"])]
        lines.append("| " + " | ".join(cells) + " |")
    for name, means in results["teachers"].items():
        lines.append(f"\n{name}: " + ", ".join(f"{metric} {number(one['mean'])}" for metric, one in means.items()))
    if results["in common of two seeds"] is not None:
        lines.append(f"\nfirst ten in common of two seeds of the full recipe: {results['in common of two seeds']:.2f}")
    return "\n".join(lines) + "\n"


def _interval(less: Mapping[str, Any]) -> str:
    text = f"{signed(less['value'])} ({signed(less['low'])} to {signed(less['high'])})"
    return f"**{text}**" if less["low"] > 0 or less["high"] < 0 else text


def write_results(bench: Bench) -> None:
    results = results_of(bench)
    write_json(bench.folder / "results.json", results)
    write_text(bench.folder / "table.md", table_of(results))
    metric = next(iter(results["rows"][FULL]["means"]))
    points = [
        Point(f"{name} - {one['beside']}", name, less["value"], less["low"], less["high"])
        for name, one in results["rows"].items()
        if (less := one.get("less base", {}).get(metric)) is not None
    ]
    if points:
        write_text(bench.folder / "differences.svg", intervals(points, f"{metric}: what the row has more", zero=True))


def with_bases(ablation: Ablation, only: Sequence[str]) -> list[str]:
    """The rows that were asked for and those that they are compared with, in the table's order; all where none was."""
    wanted = {one.name for name in only or [row.name for row in ablation.rows] for one in ablation.chain(name)}
    return [row.name for row in ablation.rows if row.name in wanted | {FULL}]


def trained(bench: Bench, names: Sequence[str], seeds: int, minutes: float | None) -> str:
    """Train rows and write the results after each.

    Args:
        minutes: after which no training is begun; None: no limit.

    Returns:
        The training that was the first to be cut; "" where none was.
    """
    began = time.monotonic()
    for name in names:
        for seed in range(seeds):
            if minutes is not None and time.monotonic() - began > 60 * minutes:
                if seed:
                    write_results(bench)
                return f"{name}, seed {seed}"
            bench.train(name, seed)
        write_results(bench)
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", choices=ABLATIONS)
    parser.add_argument("--data", default="", help="folder of the data (MIND: of the sample, with train/ and dev/)")
    parser.add_argument("--out", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--only", action="append", default=[], help="this row and those it needs; may be given again")
    parser.add_argument("--seeds", type=int, default=3, help="of the students; the teachers have one")
    parser.add_argument("--updates", type=int, help="batches of each student; as the data set's where not given")
    parser.add_argument("--max-minutes", type=float, help="begin no training after this; the table is of what there is")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--list", action="store_true", help="say what the rows are, and end")
    args = parser.parse_args()
    ablation, console = ABLATIONS[args.dataset], Console(soft_wrap=True, highlight=False)
    if args.list:
        for row in ablation.rows:
            others = f"; teachers of its own: {', '.join(_other_teachers(row))}" if _other_teachers(row) else ""
            console.print(f"{row.name} (less {row.beside}): {row.words}; {dict(row.changes)}{others}", markup=False)
        return
    torch.set_num_threads(args.threads)
    data = str(Path(args.data).resolve()) if args.data else ""
    bench = Bench(ablation, args.out / args.dataset, make_progress(), args.updates, data)
    cut = trained(bench, with_bases(ablation, args.only), args.seeds, args.max_minutes)
    if (bench.folder / "table.md").exists():
        console.print((bench.folder / "table.md").read_text("utf-8"), markup=False)
    if cut:
        console.print(f"cut: {cut}, and all after it (--max-minutes)")


if __name__ == "__main__":
    main()
