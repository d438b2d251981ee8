"""What narrower layers of a `transformer` student save and cost: finished runs, the first of them the whole one.

    python benchmarks/narrower.py RUN RUN... --texts new.txt

Of each run's student: megabytes of what each precision loads, new texts encoded per second of one core (processor time:
calls of 256 texts that none has met, the students taking turns, the median), cosine of its text vectors with the
teacher's over the catalogue, nDCG@10 on validation data, and on the test means over users with half their intervals and
the differences to the first run's student, paired over users. `--texts` has one new text a line, at least 512.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from paired import against, half_interval

from distill_rec.data.dataset import Dataset
from distill_rec.files import read_json
from distill_rec.frames import read_frame
from distill_rec.knowledge import Knowledge
from distill_rec.runtime import Student
from distill_rec.student_model import load_student

TEXTS = 256
METRICS = ("ndcg@10", "recall@10", "recall@100")


def exported(run: Path) -> dict[str, dict[str, float]]:
    """What the export measured, by precision; those that its gates left out are none of the artifact's."""
    found = read_json(run / "export" / "report.json")["precisions"]
    return {one["precision"]: one for one in found if one["verdict"] in ("main", "published")}


def rates(runs: list[Path], texts: list[str]) -> dict[tuple[Path, str], float]:
    """Texts per second of processor time, by run and precision."""
    students = {
        (run, precision): Student.load(run / "export" / "student", precision=precision, threads=1)
        for run in runs
        for precision in exported(run)
    }
    took: dict[tuple[Path, str], list[float]] = {key: [] for key in students}
    for start in range(0, len(texts) - TEXTS + 1, TEXTS):
        for key, student in students.items():
            began = time.process_time()
            student.encode_items(texts[start : start + TEXTS])
            took[key].append(TEXTS / (time.process_time() - began))
    return {key: float(np.median(values[1:])) for key, values in took.items()}  # the first call sets up


def of_test(run: Path, metric: str) -> NDArray[np.float64]:
    """The student's, by user."""
    found = read_frame(run / "evaluate" / "per_user.parquet", ["user_id", "model", metric])
    return found.filter(found["model"] == "student").sort("user_id")[metric].to_numpy()


def near_teacher(run: Path) -> float:
    """Mean cosine of vectors of all texts, offsets left out."""
    dataset, student = Dataset.load(run / "prepare"), load_student(run / "distill" / "student")
    taught = np.asarray(Knowledge.load(run / "teach" / "knowledge").text_vectors)
    own = student.encode_texts(dataset.texts)
    unit = [one / np.linalg.norm(one, axis=1, keepdims=True) for one in (own, taught)]
    return float((unit[0] * unit[1]).sum(1).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="of one teacher, the whole one first")
    parser.add_argument("--texts", type=Path, required=True, help="new texts, one a line")
    options = parser.parse_args()
    rate = rates(options.runs, options.texts.read_text(encoding="utf-8").splitlines())
    for run in options.runs:
        print(run)
        for precision, one in exported(run).items():
            told = f"{one['megabytes']:.1f} MB, {rate[run, precision]:,.0f} texts/s, validation {one['ndcg@10']:.5f}"
            print(f"  {precision}: {told}")
        print(f"  cosine with the teacher {near_teacher(run):.4f}")
        for metric in METRICS:
            own, gap = of_test(run, metric), against(of_test(run, metric), of_test(options.runs[0], metric))
            told = f"{own.mean():.4f} ±{half_interval(own):.3f}"
            print(f"  {metric}: {told}, {gap['mean']:+.4f} ({gap['low']:+.4f} to {gap['high']:+.4f})", flush=True)


if __name__ == "__main__":
    main()
