"""Encoding new items: exported students against their torch students, sentence-transformers and Model2Vec.

    python benchmarks/encode.py runs/demo runs/transformer
    python benchmarks/encode.py runs/demo --onnx-python /path/to/other/venv/bin/python

A RUN is a finished run (its `export/student` and `distill/student` are read), or an artifact alone. Model2Vec gets
random vectors in a table of the static student's shape, and its tokenizer: time does not depend on their values.
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
from typing import Any

from interleaved import compare, say, with_threads

from distill_rec.runtime.link import artifact_path

Encode = Callable[[list[str]], Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="*", metavar="RUN", help="finished runs, or exported students")
    parser.add_argument("--trunk", default="demo:all-MiniLM-L6-v2", help="for sentence-transformers; '' leaves it out")
    parser.add_argument("--texts", type=Path, help="one text a line; else the catalogue's, or words of its tokenizer")
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
    encoders, missing, texts = gather(args)
    result: dict[str, Any] = {"threads": args.threads, "texts": len(texts), "missing": missing}
    batches = [int(part) for part in args.batches.split(",")]
    for batch in batches:
        say(f"{batch} texts a call")

        def part(number: int, batch: int = batch) -> list[str]:
            at = number * batch % max(1, len(texts) - batch + 1)
            return texts[at : at + batch]

        calls = {name: lambda n, e=encode, p=part: e(p(n)) for name, encode in encoders.items()}
        ours = next((name for name in calls if name.endswith("exported")), "")
        result[f"batch_{batch}"] = compare(calls, args.rounds, args.seconds / len(batches), batch, ours)  # type: ignore[arg-type]
    return result


def gather(args: argparse.Namespace) -> tuple[dict[str, Encode], dict[str, str], list[str]]:
    """Everything that can encode, why the rest cannot, and the texts."""
    from distill_rec.bench.inputs import item_texts
    from distill_rec.demo import resolve
    from distill_rec.runtime import Student

    encoders: dict[str, Encode] = {}
    missing: dict[str, str] = {}
    texts = args.texts.read_text("utf-8").splitlines() if args.texts else []

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
        texts = texts or item_texts(student, 4096)
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
    texts = texts or [f"a title of {number} words" for number in range(4096)]
    return encoders, missing, texts


def torch_student(folder: Path, threads: int) -> Encode:
    import torch

    from distill_rec.students import load_student

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
    """The ONNX back end in a process of another environment; asking it costs some ten microseconds a call."""
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
