"""Encoding new items: exported students against their torch students, sentence-transformers and Model2Vec.

    python benchmarks/encode.py runs/demo runs/transformer
    python benchmarks/encode.py runs/demo --onnx-python /path/to/other/venv/bin/python

A RUN is a finished run (its `export/student` and `distill/student` are read), or an artifact alone. Model2Vec gets
random vectors in a table of the static student's shape, and its tokenizer: time does not depend on their values.
Every call has texts that no encoder has met, made of words of the catalogue and of unseen ones, as many as a new title
would hold (`new_words`); all encoders get the same. What a call of texts that were met before takes, which a memory
answers, stands apart as `batch_N_met_before`.
The ONNX back end of sentence-transformers may need another release of transformers than this environment has; with
--onnx-python it runs in a process of that environment and takes its turn all the same. Needs model2vec and
sentence-transformers; what cannot be run is named in `missing`. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interleaved import compare, rounded, say, with_threads

if TYPE_CHECKING:
    from distill_rec.evaluation.unseen import Unseen

from distill_rec.artifact.link import artifact_path

Encode = Callable[[list[str]], Any]
MET = 512
"""Texts of the calls that come again."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="*", metavar="RUN", help="finished runs, or exported students")
    parser.add_argument("--trunk", default="demo:all-MiniLM-L6-v2", help="for sentence-transformers; '' leaves it out")
    parser.add_argument(
        "--texts", type=Path, help="one text per line, which new ones are made like; else the catalogue's"
    )
    parser.add_argument("--batches", default="1,256", help="texts of a call")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60.0, help="of all timed calls together")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--onnx-python", help="interpreter of an environment for sentence-transformers' ONNX back end")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    with_threads(args.threads)
    if args.worker:
        work(*args.worker, args.threads)
        return
    print(json.dumps(measure(args), indent=2))


def measure(args: argparse.Namespace) -> dict[str, Any]:
    from distill_rec.bench.timing import Prepared

    encoders, missing, unseen = gather(args)
    result: dict[str, Any] = {"threads": args.threads, "new_words": rounded(unseen.new_words), "missing": missing}
    batches = [int(part) for part in args.batches.split(",")]
    seconds = args.seconds / len(batches) / 2
    ours = next((name for name in encoders if name.endswith("exported")), "")
    for batch in batches:
        say(f"{batch} texts per call")
        new = by_number(unseen, batch)
        known = [unseen.take(batch) for _ in range(max(1, MET // batch))]
        makes = {"": new, "_met_before": lambda n, known=known: known[n % len(known)]}
        for name, make in makes.items():
            if name:
                for encode in encoders.values():
                    for part in known:
                        encode(part)
            calls = {who: Prepared(make, encode) for who, encode in encoders.items()}
            result[f"batch_{batch}{name}"] = compare(calls, args.rounds, seconds, batch, ours)
    return result


def by_number(unseen: Unseen, batch: int) -> Callable[[int], list[str]]:
    """The texts of each call, by its number: the same for every encoder, which meets each of them once."""
    made: list[list[str]] = []

    def part(number: int) -> list[str]:
        while len(made) <= number:
            made.append(unseen.take(batch))
        return made[number]

    return part


def gather(args: argparse.Namespace) -> tuple[dict[str, Encode], dict[str, str], Unseen]:
    """Everything that can encode, why the rest cannot, and where texts come from."""
    from distill_rec.bench.inputs import new_texts
    from distill_rec.demo import resolve
    from distill_rec.evaluation.unseen import Unseen
    from distill_rec.runtime import Student

    encoders: dict[str, Encode] = {}
    missing: dict[str, str] = {}
    unseen = Unseen(args.texts.read_text("utf-8").splitlines()) if args.texts else None

    def add(name: str, make: Callable[[], Encode]) -> None:
        try:
            encoders[name] = make()
            encoders[name](["a text", "another"])
        except Exception as error:
            encoders.pop(name, None)
            missing[name] = f"{type(error).__name__}: {error}".splitlines()[0]

    for run in args.runs:
        artifact = artifact_path(run)
        student = Student.load(artifact, threads=args.threads)
        unseen = unseen or new_texts(student)
        kind = f"{run.name}, {student.info.kind}"
        add(f"{kind}, exported", lambda s=student: s.encode_items)  # type: ignore[misc]
        for precision in getattr(student.info, "precisions", ()):
            if precision != student.info.precision:
                other = Student.load(artifact, threads=args.threads, precision=precision)
                add(f"{kind}, exported as {precision}", lambda s=other: s.encode_items)  # type: ignore[misc]
        if (run / "distill" / "student").exists():
            add(f"{kind}, torch", lambda r=run: torch_student(r / "distill" / "student", args.threads))  # type: ignore[misc]
        if student.info.kind == "static":
            add(f"{kind}, Model2Vec of its shape", lambda a=artifact: model2vec(a))  # type: ignore[misc]
    if args.trunk:
        trunk = resolve(args.trunk)
        add("sentence-transformers, torch", lambda: sentence_transformers(trunk, "torch", args.threads))
        if args.onnx_python:
            add("sentence-transformers, ONNX", lambda: elsewhere(args.onnx_python, trunk, args.threads))
        else:
            add("sentence-transformers, ONNX", lambda: sentence_transformers(trunk, "onnx", args.threads))
    return encoders, missing, unseen or Unseen([f"a title of {number} words" for number in range(4096)])


def torch_student(folder: Path, threads: int) -> Encode:
    import torch

    from distill_rec.student_model import load_student

    torch.set_num_threads(threads)
    model = load_student(folder)

    def encode(texts: list[str]) -> Any:
        with torch.inference_mode():
            return model.encode_texts(texts)

    return encode


def model2vec(artifact: Path) -> Encode:
    """All of the vocabulary in one float32 table, as it keeps it, of the static student's width."""
    import numpy as np
    from model2vec import StaticModel
    from safetensors import safe_open
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(artifact / "tokenizer.json"))
    with safe_open(sorted(artifact.glob("static*.safetensors"))[0], framework="numpy") as file:
        width = file.get_slice("table").get_shape()[1]
    limit = json.loads((artifact / "manifest.json").read_text("utf-8"))["max_tokens"]
    table = np.random.default_rng(0).standard_normal((tokenizer.get_vocab_size(), width), dtype=np.float32)
    model = StaticModel(table, tokenizer, normalize=True)
    return lambda texts: model.encode(texts, max_length=limit, use_multiprocessing=False)


def sentence_transformers(trunk: str, backend: str, threads: int) -> Encode:
    import onnxruntime
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(threads)
    options: dict[str, Any] = {}
    if backend == "onnx":
        session = onnxruntime.SessionOptions()
        session.intra_op_num_threads = threads
        options = {"model_kwargs": {"provider": "CPUExecutionProvider", "session_options": session}}
    model = SentenceTransformer(trunk, device="cpu", backend=backend, **options)  # type: ignore[arg-type]
    return lambda texts: model.encode(texts, batch_size=64, show_progress_bar=False)


def elsewhere(python: str, trunk: str, threads: int) -> Encode:
    """The ONNX back end in a process of another environment; asking it costs some ten microseconds per call."""
    command = [python, __file__, "--worker", trunk, "onnx", "--threads", str(threads)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None and process.stdout is not None
    to, back = process.stdin, process.stdout

    def encode(texts: list[str]) -> Any:
        to.write(json.dumps(texts) + "\n")
        to.flush()
        answer = back.readline()
        if not answer:
            raise RuntimeError("the other environment could not run it; its stderr tells why")
        return answer

    return encode


def work(trunk: str, backend: str, threads: int) -> None:
    """Answer each line of texts with the shape of their vectors, on a stdout that nothing else writes to."""
    out, sys.stdout = sys.stdout, sys.stderr
    encode = sentence_transformers(trunk, backend, threads)
    for line in sys.stdin:
        print(json.dumps(list(encode(json.loads(line)).shape)), file=out, flush=True)


if __name__ == "__main__":
    main()
