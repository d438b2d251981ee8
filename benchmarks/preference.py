"""What preference tuning changes in a teacher, and what as many updates of the click loss do.

    python benchmarks/preference.py --out runs/preference

MovieLens-100k read as impressions (what a user rated in a session; clicked: at least 4). A teacher's head is trained to
its plateau; from there every method has the same updates and the same tries of the rate, and the best weights on
validation data, the start's among them, are kept (`keep_start` is off, so that a small change shows). Means over seeds,
paired over the test's users. `rated` is nDCG@10 with the ratings themselves as gains (each less its impression's
lowest). A finished training is not repeated; results.json is left in OUT.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from paired import against
from rich.console import Console
from sklearn.metrics import ndcg_score

from distill_rec.data import Dataset, prepare
from distill_rec.data.dataset import Impressions
from distill_rec.demo import resolve
from distill_rec.evaluation.protocol import evaluate, user_means
from distill_rec.evaluation.scorer import DotScorer
from distill_rec.files import read_json, write_json
from distill_rec.recipe import DataSection
from distill_rec.records import read_record
from distill_rec.teacher_model import Teacher
from distill_rec.training.outcome import Outcome
from teachers.bi_encoder.spec import BiEncoderSection
from teachers.bi_encoder.teach import teach

DATA = DataSection(
    format="recbole",
    path="demo:movielens-100k",
    rating_column="rating",
    min_rating=4.0,
    text="{movie_title} ({release_year}) {class}",
    read_as="impressions",
)
METHODS: dict[str, dict[str, Any] | None] = {
    "teacher": None,
    "supervised": {"method": "supervised"},
    "dpo": {"method": "dpo"},
    "s-dpo": {"method": "s-dpo"},
    "policy-gradient, clicks": {"method": "policy-gradient"},
    "policy-gradient, ratings": {"method": "policy-gradient", "reward": "ratings"},
}
METRICS = ("ndcg@10", "auc", "rated")


def section_of(method: str, seed: int, updates: int, rates: list[float]) -> BiEncoderSection:
    settings: dict[str, Any] = {"trunk": resolve("demo:all-MiniLM-L6-v2"), "device": "cpu", "seed": seed}
    settings["optimizer"] = {"batch_size": 64}
    if (preference := METHODS[method]) is not None:
        fixed = {"batch_size": 64, "max_updates": updates, "min_updates": updates, "validate_every": 25}
        tries = [{"learning_rate": rate} for rate in rates]
        settings["preference"] = {**preference, "optimizer": {**fixed, "keep_start": False, "tries": tries}}
    return BiEncoderSection.model_validate(settings)


def rated(scorer: DotScorer, samples: Impressions) -> NDArray[np.float64]:
    """nDCG@10 of each impression by its ratings; NaN where all are the same."""
    assert samples.grades is not None
    scores = scorer.scores(samples.history.take(np.arange(len(samples))), samples.candidates)
    out = np.full(len(samples), np.nan)
    for row, (start, stop) in enumerate(zip(samples.candidates.offsets, samples.candidates.offsets[1:], strict=False)):
        gains = samples.grades.values[start:stop] - samples.grades.values[start:stop].min()
        if gains.any():
            out[row] = ndcg_score(gains[None], scores[None, start:stop], k=10)
    return out


def per_user(scorer: DotScorer, dataset: Dataset) -> dict[str, NDArray[np.float64]]:
    assert isinstance(dataset.test, Impressions)
    found = evaluate(scorer, dataset.test, dataset)
    values = {"ndcg@10": found.values["ndcg@10"], "auc": found.values["auc"], "rated": rated(scorer, dataset.test)}
    return {name: user_means(found.user, one) for name, one in values.items()}


def trained(method: str, seed: int, dataset: Dataset, out: Path, updates: int, rates: list[float]) -> dict[str, Any]:
    """A method's teacher of one seed: what each user gets from it, and how its training went."""
    folder = out / f"seed-{seed}"
    kept = folder / f"{method}.json"
    if not kept.exists():
        # The methods share the seed's folder, and with it the training that they start from.
        teach(section_of(method, seed, updates, rates), dataset, folder)
        outcome = read_record(Outcome, folder / "history.json")
        values = {name: one.tolist() for name, one in per_user(Teacher.load(folder).scorer(method), dataset).items()}
        chosen = None if outcome.chosen_try is None else rates[outcome.chosen_try]
        noted = outcome.model_dump(include={"best", "updates", "seconds", "moved", "moved_last"})
        write_json(kept, {"values": values, "rate": chosen, "kept": outcome.kept, **noted})
    found: dict[str, Any] = read_json(kept)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of trainings and results")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--updates", type=int, default=200, help="batches of every method")
    parser.add_argument("--rates", type=float, nargs="+", default=[2e-4, 1e-3], help="learning rates that each tries")
    given = parser.parse_args()
    if not (given.out / "data" / "manifest.json").exists():
        prepare(DATA.model_copy(update={"path": resolve(DATA.path)}), given.out / "data")
    dataset, console = Dataset.load(given.out / "data"), Console(soft_wrap=True)
    runs: dict[str, list[dict[str, Any]]] = {method: [] for method in METHODS}
    for seed in range(given.seeds):
        for method, found in runs.items():
            found.append(trained(method, seed, dataset, given.out, given.updates, given.rates))
            last = found[-1]
            console.print(
                f"seed {seed} {method}: validation {last['best']:.4f}, {last['seconds']:.1f} s, {last['rate']}"
            )
    results = summary(runs)
    write_json(given.out / "results.json", results)
    for method, rows in results.items():
        console.print(method, *(f"{name} {one}" for name, one in rows.items()))


def summary(runs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Means over seeds and users, with what each method changes against the teacher and against the control."""
    mean = {
        method: {name: np.mean([one["values"][name] for one in found], axis=0) for name in METRICS}
        for method, found in runs.items()
    }
    out: dict[str, Any] = {}
    for method, values in mean.items():
        out[method] = {name: float(one.mean()) for name, one in values.items()}
        out[method] |= {f"{name} less teacher": against(values[name], mean["teacher"][name]) for name in METRICS}
        out[method] |= {f"{name} less supervised": against(values[name], mean["supervised"][name]) for name in METRICS}
        for key in ("best", "seconds", "rate", "kept", "moved_last"):
            out[method][key] = [one[key] for one in runs[method]]
    out["users"] = {name: len(one) for name, one in mean["teacher"].items()}
    return out


if __name__ == "__main__":
    main()
