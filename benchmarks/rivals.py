"""What one would do instead of distilling with distill-rec, beside it, on MovieLens-100k.

    pip install 'model2vec[distill]' datasets
    python benchmarks/rivals.py --out runs/rivals

Five models of 64 dimensions with the same user encoder and offsets, learned from the same clicks: the teacher `head`;
`undistilled` and `student`, the kind `static` without and with it; `model2vec`, Model2Vec's distillation of the same
PLM, frozen; `sentence-transformers`, Model2Vec's table trained by its MSELoss on the teacher's vectors of the texts,
then frozen. Frozen vectors are a teacher of kind `precomputed`: its projection and all behind it learn.

Every training has the same updates, the rate falling to zero over them, the same validations, the best weights kept,
and the same tries of the rate on the first seed; the others get the try that won. Finished trainings are not repeated,
a killed one goes on, and rows may be trained by several processes (`--rows`) once the data are there and, for `student`
and `sentence-transformers`, the teachers. results.json is left in OUT and printed; differences are paired over users.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from model2vec_vectors import PACKAGES as VECTORS_OF
from model2vec_vectors import PLM, Vectors, distilled, encoded, prepared, refuse_missing
from numpy.typing import NDArray
from paired import against, half_interval

from distill_rec.data import Dataset
from distill_rec.data.dataset import Queries
from distill_rec.demo import resolve
from distill_rec.distillation import distill
from distill_rec.evaluation import Scorer
from distill_rec.evaluation.protocol import evaluate, user_means
from distill_rec.files import read_json, write_json
from distill_rec.knowledge import Knowledge
from distill_rec.recipe import OptimizerSection
from distill_rec.student_model import load_student
from distill_rec.teacher_model import Teacher
from students.static.spec import StaticSection
from teachers.bi_encoder.spec import BiEncoderSection
from teachers.bi_encoder.teach import teach
from teachers.precomputed.spec import PrecomputedSection
from teachers.precomputed.teach import teach as teach_precomputed

PACKAGES = {
    "model2vec": VECTORS_OF,
    "sentence-transformers": (*VECTORS_OF, "sentence_transformers", "datasets"),
}
ROWS = ("teacher", "undistilled", "student", "model2vec", "sentence-transformers")
STUDENTS = ("undistilled", "student")
METRICS = ("ndcg@10", "recall@10", "recall@100")
NO_CLICK = "recall@100, without a click"
BATCH = 64


@dataclass(frozen=True)
class Bench:
    """The rows of one data set, below `out`."""

    dataset: Dataset
    out: Path
    plm: str
    updates: int
    rates: list[float]
    mse_rates: list[float]

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
            elif row in STUDENTS:
                knowledge = self.knowledge(seed) if row == "student" else None
                distill(StaticSection(seed=seed, optimizer=optimizer), knowledge, self.dataset, folder, trunk=self.plm)
            else:
                vectors = str(self.vectors(row, seed))
                # The projection of a static student, so that what differs is what lies below it.
                section = PrecomputedSection(vectors=vectors, projection="mlp", seed=seed, optimizer=optimizer)
                teach_precomputed(section, self.dataset, folder)
        return (load_student if row in STUDENTS else Teacher.load)(folder).scorer(row)

    def knowledge(self, seed: int) -> Path:
        self.scorer("teacher", seed)
        return self.folder("teacher", seed) / "knowledge"

    def vectors(self, row: str, seed: int) -> Path:
        """A file of a rival's item vectors; Model2Vec's has no seed."""
        path = self.out / (f"{row}.npz" if row == "model2vec" else f"{row}-{seed}.npz")
        if not path.exists():
            static, texts = distilled(self.plm, self.out), self.dataset.texts
            vectors = encoded(static, texts) if row == "model2vec" else self.by_mse(static, seed, path)
            ids = np.array(self.dataset.items["item_id"].to_list())
            part = path.with_suffix(".part.npz")
            np.savez(part, item_id=ids, vector=vectors[self.dataset.item_text])
            part.replace(path)
        return path

    def by_mse(self, static: Path, seed: int, path: Path) -> Vectors:
        """A static model's vectors of the texts that learned the teacher's; its errors are written beside `path`."""
        told = np.array(Knowledge.load(self.knowledge(seed)).text_vectors)
        errors, vectors = by_mse(static, self.dataset.texts, told, seed, self.updates, self.mse_rates)
        noted = {"share of variance that is left, texts held out": errors}
        write_json(path.with_name(f"{path.stem}-errors.json"), noted)
        return vectors

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
                one["changes"] | {"best": one["best"], "seconds": one["seconds"]} for one in history.get("tries", [])
            ]
            write_json(kept, {"values": values, **noted, "tries": tries})
        found_: dict[str, Any] = read_json(kept)
        return found_


def by_mse(
    static: Path, texts: list[str], told: Vectors, seed: int, updates: int, rates: list[float]
) -> tuple[dict[float, float], Vectors]:
    """Train a copy of a Model2Vec folder, and a linear map, by MSELoss on vectors of texts `[n_texts, dim]`.

    Returns:
        Of each rate the squared error on the tenth of the texts that is not learned, as a share of their variance; and
        the vectors `[n_texts, dim]` of the rate with the least.
    """
    from datasets import Dataset as Rows  # noqa: PLC0415  (a rival's)
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
    for rate in rates:
        torch.manual_seed(seed)
        table = StaticEmbedding.from_model2vec(str(static))
        dense = Dense(table.embedding.embedding_dim, told.shape[1], activation_function=torch.nn.Identity())
        # Model2Vec keeps float16, in which AdamW's steps come to no number.
        model = SentenceTransformer(modules=[table, dense], device="cpu").float()
        with tempfile.TemporaryDirectory() as place:
            how = SentenceTransformerTrainingArguments(
                output_dir=place,
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
    return errors, vectors[min(errors, key=lambda rate: errors[rate])]


def summary(runs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Means over seeds and users, and what each row has less than the distilled student."""
    means: dict[str, dict[str, NDArray[np.float64]]] = {}
    for row, found in runs.items():
        means[row] = {name: np.mean([one["values"][name] for one in found], 0) for name in (*METRICS, NO_CLICK)}
    out: dict[str, Any] = {}
    for row, values in means.items():
        out[row] = {name: float(one.mean()) for name, one in values.items()}
        for name in METRICS:
            out[row][f"±{name}"] = half_interval(values[name])
            if row != "student" and "student" in means:
                out[row][f"student less {row}, {name}"] = against(means["student"][name], values[name])
        out[row]["seeds"] = [{key: value for key, value in one.items() if key != "values"} for one in runs[row]]
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of trainings and results")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--updates", type=int, default=600, help="batches of every training")
    parser.add_argument("--rates", type=float, nargs="+", default=[2e-3, 1e-3], help="learning rates that each tries")
    parser.add_argument(
        "--mse-rates", type=float, nargs="+", default=[1e-2, 1e-3], help="the same of MSELoss, judged by texts left out"
    )
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), help="train and compare these alone")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    refuse_missing({package for row in args.rows for package in PACKAGES.get(row, ())})
    found = measure(args)
    whole = set(args.rows) == set(ROWS)
    write_json(args.out / ("results.json" if whole else f"results-{'+'.join(args.rows)}.json"), found)
    print(json.dumps(found, indent=2, ensure_ascii=False))


def measure(args: argparse.Namespace) -> dict[str, Any]:
    bench = Bench(prepared(args.out), args.out, resolve(PLM), args.updates, args.rates, args.mse_rates)
    runs = {row: [bench.measured(row, seed) for seed in range(args.seeds)] for row in args.rows}
    users = len(next(iter(runs.values()))[0]["values"]["ndcg@10"])
    return {"updates": args.updates, "rates": args.rates, "users": users, "rows": summary(runs)}


if __name__ == "__main__":
    main()
