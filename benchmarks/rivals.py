"""What one would do instead of distilling with distill-rec, beside it, on MovieLens-100k.

    pip install 'model2vec[distill]' datasets
    python benchmarks/rivals.py --out runs/rivals

Five models of 64 dimensions with the same user encoder and offsets, learned from the same clicks: the teacher `head`;
`undistilled` and `student`, the kind `static` without and with it; `model2vec`, Model2Vec's distillation of the same
PLM, frozen; `sentence-transformers`, Model2Vec's table trained by its MSELoss on the teacher's vectors of the texts,
then frozen. Frozen vectors are a teacher of kind `precomputed`: its projection and all behind it learn.

Every training has the same updates, the rate falling to zero over them, the same validations, the best weights kept,
and the same tries of the rate on the first seed; the others get the try that won. `alike` compares Model2Vec's vectors
of the catalogue's texts with those that a `static` student of as many dimensions starts from. Finished trainings are
not repeated, and rows may be trained by several processes (`--rows`) once the data and a teacher of each seed are
there. results.json is left in OUT and printed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from quality import PROTOCOLS
from scipy.linalg import orthogonal_procrustes

from distill_rec.data import Dataset, prepare
from distill_rec.data.dataset import Queries
from distill_rec.demo import resolve
from distill_rec.distillation import distill
from distill_rec.evaluation import Scorer
from distill_rec.evaluation.bootstrap import interval, resampled_means
from distill_rec.evaluation.protocol import evaluate, user_means
from distill_rec.files import read_json, write_json
from distill_rec.knowledge import Knowledge
from distill_rec.progress import Quiet
from distill_rec.recipe import OptimizerSection
from distill_rec.student_model import load_student
from distill_rec.teacher_model import Teacher
from distill_rec.trunks.load import open_trunk
from students.static.spec import StaticSection
from students.static.start import start_static, sub_words
from teachers.bi_encoder.spec import BiEncoderSection
from teachers.bi_encoder.teach import teach
from teachers.precomputed.spec import PrecomputedSection
from teachers.precomputed.teach import teach as teach_precomputed

PACKAGES = {
    "model2vec": ("model2vec", "skeletoken"),
    "sentence-transformers": ("model2vec", "skeletoken", "sentence_transformers", "datasets"),
}
INSTALL = "pip install 'model2vec[distill]' datasets sentence-transformers"
DATA = PROTOCOLS["movielens"].data
ROWS = ("teacher", "undistilled", "student", "model2vec", "sentence-transformers")
METRICS = ("ndcg@10", "recall@10", "recall@100")
NO_CLICK = "recall@100, without a click"
MSE_RATES = (1e-2, 1e-3)
"""Tries of the training on texts, judged by a tenth of them."""
RESAMPLES = 2000
BATCH = 64


@dataclass(frozen=True)
class Bench:
    """The rows of one data set, below `out`."""

    dataset: Dataset
    out: Path
    plm: str
    updates: int
    rates: list[float]

    def optimizer(self, row: str, seed: int) -> OptimizerSection:
        """The same of every row; the rate of a further seed is the one that won on the first."""
        rates = [{"learning_rate": rate} for rate in self.rates]
        fixed: dict[str, Any] = {"batch_size": BATCH, "decay": "linear", "validate_every": max(1, self.updates // 4)}
        fixed |= {"max_updates": self.updates, "min_updates": self.updates, "max_epochs": self.updates}
        if seed == 0:
            return OptimizerSection(**fixed, tries=rates)
        self.scorer(row, 0)
        return OptimizerSection(**fixed, **rates[read_json(self.folder(row, 0) / "history.json")["chosen_try"]])

    def folder(self, row: str, seed: int) -> Path:
        return self.out / f"{row}-{seed}"

    def scorer(self, row: str, seed: int) -> Scorer:
        """A row's model of one seed, trained where it is not yet."""
        folder = self.folder(row, seed)
        if not (folder / "model.json").exists():
            optimizer = self.optimizer(row, seed)
            if row == "teacher":
                teach(BiEncoderSection(trunk=self.plm, seed=seed, optimizer=optimizer), self.dataset, folder)
            elif row in ("undistilled", "student"):
                knowledge = self.knowledge(seed) if row == "student" else None
                distill(StaticSection(seed=seed, optimizer=optimizer), knowledge, self.dataset, folder, trunk=self.plm)
            else:
                file = str(self.vectors(row, seed))
                # The projection of a static student, so that what differs is what lies below it.
                section = PrecomputedSection(vectors=file, projection="mlp", seed=seed, optimizer=optimizer)
                teach_precomputed(section, self.dataset, folder)
        return (
            load_student(folder).scorer(row) if row in ("undistilled", "student") else Teacher.load(folder).scorer(row)
        )

    def knowledge(self, seed: int) -> Path:
        self.scorer("teacher", seed)
        return self.folder("teacher", seed) / "knowledge"

    def vectors(self, row: str, seed: int) -> Path:
        """A file of a rival's item vectors; Model2Vec's has no seed."""
        path = self.out / (f"{row}.npz" if row == "model2vec" else f"{row}-{seed}.npz")
        if not path.exists():
            texts = self.dataset.texts
            found = (
                self.model2vec_vectors()
                if row == "model2vec"
                else by_mse(self.model2vec(), texts, self.told(seed), seed, self.updates, path)
            )
            np.savez(
                path, item_id=np.array(self.dataset.items["item_id"].to_list()), vector=found[self.dataset.item_text]
            )
        return path

    def told(self, seed: int) -> NDArray[np.float32]:
        """The teacher's vectors of all texts."""
        return np.array(Knowledge.load(self.knowledge(seed)).text_vectors)

    def model2vec(self) -> Path:
        """A folder of Model2Vec's distillation of the PLM, by its own defaults."""
        folder = self.out / "model2vec"
        if not (folder / "seconds.json").exists():
            from model2vec.distill import distill as distill_static  # noqa: PLC0415  (a rival's)

            began = time.monotonic()
            distill_static(self.plm, device="cpu").save_pretrained(str(folder))
            write_json(folder / "seconds.json", round(time.monotonic() - began, 1))
        return folder

    def model2vec_vectors(self) -> NDArray[np.float32]:
        from model2vec import StaticModel  # noqa: PLC0415

        model = StaticModel.from_pretrained(str(self.model2vec()))
        return np.asarray(model.encode(self.dataset.texts), dtype=np.float32)

    def measured(self, row: str, seed: int) -> dict[str, Any]:
        """What each user gets from a row's model of one seed, and how its training went."""
        kept = self.out / f"{row}-{seed}.json"
        if not kept.exists():
            scorer, test = self.scorer(row, seed), self.dataset.test
            assert isinstance(test, Queries)
            found = evaluate(scorer, test, self.dataset)
            values = {name: user_means(found.user, found.values[name]).tolist() for name in METRICS}
            unclicked = self.dataset.train_clicks[test.target] == 0
            values[NO_CLICK] = [float(found.values["recall@100"][unclicked].mean())]
            history = read_json(self.folder(row, seed) / "history.json")
            noted = {key: history[key] for key in ("best", "kept", "updates", "rising", "moved") if key in history}
            tries = [
                {**one["changes"], "best": one["best"], "seconds": one["seconds"]} for one in history.get("tries", [])
            ]
            write_json(kept, {"values": values, **noted, "tries": tries})
        found_: dict[str, Any] = read_json(kept)
        return found_


def by_mse(
    start: Path, texts: list[str], told: NDArray[np.float32], seed: int, updates: int, path: Path
) -> NDArray[np.float32]:
    """Vectors `[n_texts, dim]` of a static model that learned the told ones `[n_texts, dim]` by MSELoss.

    Nine tenths of the texts are learned; the other tenth chooses the rate. What each came to is written beside `path`.
    """
    from datasets import Dataset as Rows  # noqa: PLC0415
    from sentence_transformers import (  # noqa: PLC0415
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.sentence_transformer.losses import MSELoss  # noqa: PLC0415
    from sentence_transformers.sentence_transformer.modules import Dense, StaticEmbedding  # noqa: PLC0415

    order = np.random.default_rng(seed).permutation(len(texts))
    held, learned = order[: len(texts) // 10], order[len(texts) // 10 :]
    rows = Rows.from_dict({"sentence": [texts[row] for row in learned], "label": told[learned].tolist()})
    errors, vectors = {}, {}
    for rate in MSE_RATES:
        torch.manual_seed(seed)
        table = StaticEmbedding.from_model2vec(str(start))
        dense = Dense(table.embedding.embedding_dim, told.shape[1], activation_function=torch.nn.Identity())
        model = SentenceTransformer(modules=[table, dense], device="cpu")
        how = SentenceTransformerTrainingArguments(
            output_dir=str(path.with_suffix("")),
            max_steps=updates,
            per_device_train_batch_size=BATCH,
            learning_rate=rate,
            lr_scheduler_type="linear",
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
            seed=seed,
        )
        SentenceTransformerTrainer(model, how, train_dataset=rows, loss=MSELoss(model)).train()
        vectors[rate] = np.asarray(model.encode(texts, show_progress_bar=False), dtype=np.float32)
        errors[rate] = float(np.square(vectors[rate] - told)[held].mean() / told[held].var(0).mean())
    write_json(path.with_suffix(".json"), {"share of variance that is left, texts held out": errors})
    return vectors[min(errors, key=lambda rate: errors[rate])]


def alike(bench: Bench) -> dict[str, float]:
    """How near Model2Vec's vectors of the texts are to those that a static student of their width starts from.

    They have no basis in common, so that cosines are between texts, or after the best rotation of one onto the other.
    """
    theirs = unit(bench.model2vec_vectors())
    section = StaticSection(table_dim=theirs.shape[1])
    words = sub_words(section, open_trunk(bench.plm, max_tokens=section.max_tokens), bench.dataset, Quiet())
    encoder = start_static(section, words, bench.dataset, None)
    with torch.no_grad():
        ours = unit(encoder.mean(torch.arange(len(bench.dataset.texts))).numpy())
    rotation, _ = orthogonal_procrustes(theirs, ours)
    pairs = np.triu_indices(len(ours), 1)
    mine, other = ours @ ours.T, theirs @ theirs.T
    return {
        "texts": len(ours),
        "cosine after the best rotation": float(((theirs @ rotation) * ours).sum(1).mean()),
        "correlation of the cosines of pairs": float(np.corrcoef(mine[pairs], other[pairs])[0, 1]),
        "share of the ten nearest texts": shared_neighbours(mine, other, 10),
    }


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-12)


def shared_neighbours(one: NDArray[np.float32], other: NDArray[np.float32], k: int) -> float:
    """Share of each row's `k` largest entries, the row itself left out, that two `[n, n]` have in common."""
    near = []
    for matrix in (one, other):
        alone = matrix.copy()
        np.fill_diagonal(alone, -np.inf)
        near.append(np.argpartition(-alone, k, axis=1)[:, :k])
    return float(np.mean([len(np.intersect1d(a, b)) / k for a, b in zip(*near, strict=True)]))


def against(values: NDArray[np.float64], base: NDArray[np.float64]) -> dict[str, float]:
    """Difference with its interval, paired over users."""
    difference = (values - base)[:, None]
    low, high = interval(resampled_means(difference, RESAMPLES, 0)[:, 0])
    return {"mean": float(difference.mean()), "low": low, "high": high}


def summary(runs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Means over seeds and users, and what each row has less than the distilled student."""
    means = {row: {name: np.mean([one["values"][name] for one in found], 0) for name in (*METRICS, NO_CLICK)}
             for row, found in runs.items()}  # fmt: skip
    out: dict[str, Any] = {}
    for row, values in means.items():
        out[row] = {name: float(one.mean()) for name, one in values.items()}
        for name in METRICS:
            out[row][f"±{name}"] = half_interval(values[name])
            if row != "student" and "student" in means:
                out[row][f"student less {row}, {name}"] = against(means["student"][name], values[name])
        out[row]["seeds"] = [{key: value for key, value in one.items() if key != "values"} for one in runs[row]]
    return out


def half_interval(values: NDArray[np.float64]) -> float:
    low, high = interval(resampled_means(values[:, None], RESAMPLES, 0)[:, 0])
    return (high - low) / 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of trainings and results")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--updates", type=int, default=600, help="batches of every training")
    parser.add_argument("--rates", type=float, nargs="+", default=[2e-3, 1e-3], help="learning rates that each tries")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), help="train and compare these alone")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    refuse_missing({package for row in args.rows for package in PACKAGES.get(row, ())})
    found = measure(args)
    whole = set(args.rows) == set(ROWS)
    write_json(args.out / ("results.json" if whole else f"results-{'+'.join(args.rows)}.json"), found)
    print(json.dumps(found, indent=2, ensure_ascii=False))


def refuse_missing(packages: Iterable[str]) -> None:
    """
    Raises:
        SystemExit: a rival's package is not installed; it is named before anything is trained.
    """
    if missing := sorted(name for name in packages if find_spec(name) is None):
        sys.exit(f"not installed: {', '.join(missing)}. {INSTALL}")


def measure(args: argparse.Namespace) -> dict[str, Any]:
    data = args.out / "data"
    if not (data / "manifest.json").exists():
        prepare(DATA.model_copy(update={"path": resolve(DATA.path)}), data)
    bench = Bench(Dataset.load(data), args.out, resolve("demo:all-MiniLM-L6-v2"), args.updates, args.rates)
    runs = {row: [bench.measured(row, seed) for seed in range(args.seeds)] for row in args.rows}
    found: dict[str, Any] = {
        "updates": args.updates,
        "rates": args.rates,
        "users": len(runs[args.rows[0]][0]["values"]["ndcg@10"]),
    }
    found |= {"rows": summary(runs)}
    if "model2vec" in args.rows:
        found |= {
            "alike": alike(bench),
            "model2vec distillation, seconds": read_json(args.out / "model2vec/seconds.json"),
        }
    return found


if __name__ == "__main__":
    main()
