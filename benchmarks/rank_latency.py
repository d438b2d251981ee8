"""Milliseconds of a student's requests on one thread, for each user encoder, and seconds to import the runtime.

    python benchmarks/rank_latency.py
    python benchmarks/rank_latency.py --artifact runs/demo/export/student

Without an artifact it makes static ones of random numbers: time does not depend on what was learnt. Each user
encoder is measured in a process of its own; every request has another history and other candidates. With --torch the
same requests are ranked by the torch student's user encoder and item vectors as well, taking turns.
Prints one JSON object.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from distill_rec.processes import THREADS

WORDS = [f"word{number}" for number in range(2000)]
ONE_THREAD = dict.fromkeys(THREADS, "1")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--artifact", type=Path, help="an exported student; random ones are made where not given")
    parser.add_argument("--items", type=int, default=16859, help="items of a random catalogue")
    parser.add_argument("--dim", type=int, default=64, help="dimensions of random vectors")
    parser.add_argument("--history", type=int, default=50, help="clicks of a history")
    parser.add_argument("--candidates", type=int, default=100, help="candidates of a request")
    parser.add_argument("--repeats", type=int, default=2000, help="requests that are timed")
    parser.add_argument("--torch", action="store_true", help="compare with the same computation in torch")
    parser.add_argument("--rounds", type=int, default=10, help="of the comparison")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(measure(args.child, args)))
        return
    settings = {key: getattr(args, key) for key in ("history", "candidates", "repeats")}
    result: dict[str, Any] = {**settings, "import_seconds": import_seconds()}
    with tempfile.TemporaryDirectory() as name:
        artifacts = {"artifact": args.artifact} if args.artifact else {}
        if not args.artifact:
            artifacts = {kind: write_random(Path(name) / kind, kind, args) for kind in ("mean", "attention", "causal")}
        for kind, path in artifacts.items():
            command = [sys.executable, __file__, "--child", str(path)]
            command += [word for key, value in settings.items() for word in (f"--{key}", str(value))]
            command += ["--torch", "--rounds", str(args.rounds)] if args.torch else []
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | ONE_THREAD)
            result[kind] = json.loads(done.stdout)
    print(json.dumps(result, indent=2))


def import_seconds() -> float:
    """Median of five fresh interpreters."""
    code = "import time; b = time.perf_counter(); import distill_rec.runtime; print(time.perf_counter() - b)"
    runs = [subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE).stdout for _ in range(5)]
    return round(statistics.median(map(float, runs)), 4)


def measure(path: Path, args: argparse.Namespace) -> dict[str, float | int]:
    from distill_rec.runtime import Student

    began = time.perf_counter()
    student = Student.load(path, threads=1)
    loaded = time.perf_counter() - began
    random, ids = np.random.default_rng(0), student.item_ids
    draw = lambda n: [ids[row] for row in random.integers(0, len(ids), n)]  # noqa: E731
    requests = [(draw(args.history), draw(args.candidates)) for _ in range(args.repeats)]
    histories = [history for history, _ in requests]
    new = {f"new{number}": f"{WORDS[number % 2000]} {WORDS[number * 7 % 2000]}" for number in range(100)}
    few = histories[: args.repeats // 4]
    result: dict[str, float | int] = {"items": len(ids), "load_ms": round(loaded * 1e3, 1)}
    result |= times("rank", [lambda r=r: student.rank(*r) for r in requests])
    result |= times("recommend", [lambda h=h: student.recommend(h, k=10) for h in few])
    result |= times("add_one_item", [lambda i=i: student.add_items(dict([i])) for i in new.items()])
    began = time.perf_counter()
    student.recommend_many(few, k=10)
    result["recommend_many_ms_a_user"] = round((time.perf_counter() - began) / len(few) * 1e3, 4)
    if args.torch:
        result |= against_torch(path, student, requests, args.rounds)
    return result


def against_torch(path: Path, student: Any, requests: list[Any], rounds: int) -> dict[str, float]:
    """The torch student's `rank`, from the artifact's own weights, in turns with the runtime's."""
    import torch
    from interleaved import compare
    from safetensors.torch import load_file

    from distill_rec.nn.user_encoders import make_user_encoder

    torch.set_num_threads(1)
    settings = json.loads((path / "manifest.json").read_text("utf-8"))["user_encoder"]
    encoder = make_user_encoder(**settings).eval().requires_grad_(False)
    encoder.load_state_dict(load_file(path / "user_encoder.safetensors"))
    vectors = torch.from_numpy(np.array(student.item_vectors))
    place = {item: row for row, item in enumerate(student.item_ids)}

    def rank(history: list[str], candidates: list[str]) -> Any:
        with torch.inference_mode():
            clicked = vectors[[place[item] for item in history[-settings["max_history"] :]]][None]
            user = encoder(clicked, torch.ones(clicked.shape[:2], dtype=torch.bool))[0]
            return (vectors[[place[item] for item in candidates]] @ user).numpy()

    assert np.allclose(rank(*requests[0]), student.rank(*requests[0]), rtol=1e-3, atol=1e-3)
    calls = {"ours": student.rank, "torch": rank}
    turns = {name: lambda n, c=call: c(*requests[n % len(requests)]) for name, call in calls.items()}
    found = compare(turns, rounds, 5.0, 1, "ours")  # type: ignore[arg-type]
    return {
        "rank_in_turns_p50_ms": found["ours"]["p50_ms"],
        "torch_rank_p50_ms": found["torch"]["p50_ms"],
        "torch_over_ours": found["torch"]["times_ours"],
    }


def times(name: str, calls: list[Callable[[], object]]) -> dict[str, float]:
    for call in calls[:20]:
        call()
    took = []
    for call in calls:
        began = time.perf_counter()
        call()
        took.append(time.perf_counter() - began)
    return {f"{name}_p{p}_ms": round(float(np.percentile(took, p)) * 1e3, 4) for p in (50, 99)}


def write_random(folder: Path, kind: str, args: argparse.Namespace) -> Path:
    """A static student of random numbers."""
    from safetensors.numpy import save
    from tokenizers import Tokenizer, models, pre_tokenizers

    from distill_rec.artifact.layout import MANIFEST
    from distill_rec.artifact.manifest import FileRecord, Manifest

    random, dim = np.random.default_rng(0), args.dim
    draw = lambda *shape: (random.standard_normal(shape) / dim**0.5).astype(np.float32)  # noqa: E731
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0} | {w: i + 1 for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    static = {"row": np.arange(2001, dtype=np.int32), "table": draw(2001, 128), "no_tokens": draw(128)}
    static |= {"fallback": np.zeros((0, 128), np.int8), "fallback_scale": np.zeros(0, np.float32)}
    static |= {"projection.linear.weight": draw(dim, 128), "projection.linear.bias": draw(dim)}
    files = {
        "tokenizer.json": tokenizer.to_str().encode(),
        "items.json": json.dumps([f"item-{row}" for row in range(args.items)]).encode(),
        "items.safetensors": save({"vectors": draw(args.items, dim)}),
        "user_encoder.safetensors": save(user_weights(kind, dim, args.history, draw)),
        "static.safetensors": save(static),
    }
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    records = {name: FileRecord(hashlib.sha256(content).hexdigest(), len(content)) for name, content in files.items()}
    settings = {"kind": kind, "dim": dim, "max_history": args.history, "layers": 2, "heads": 2}
    manifest = Manifest("static", dim, 32, "", "{title}", settings, "linear", args.items, 0, records)
    (folder / MANIFEST).write_text(manifest.to_json())
    return folder


def user_weights(kind: str, dim: int, history: int, draw: Callable[..., Any]) -> dict[str, Any]:
    weights = {"empty": draw(dim), "log_scale": np.zeros((), np.float32)}
    if kind == "attention":
        weights |= {"project.weight": draw(dim, dim), "project.bias": draw(dim), "query": draw(dim)}
    if kind == "causal":
        weights |= {"position": draw(history, dim), "norm.weight": draw(dim), "norm.bias": draw(dim)}
        shapes = {"qkv": (3 * dim, dim), "out": (dim, dim), "up": (4 * dim, dim), "down": (dim, 4 * dim)}
        for block in ("blocks.0.", "blocks.1."):
            weights |= {f"{block}{name}.weight": draw(*shape) for name, shape in shapes.items()}
            weights |= {f"{block}{name}.bias": draw(shape[0]) for name, shape in shapes.items()}
            weights |= {
                f"{block}{norm}.{part}": draw(dim) for norm in ("norm1", "norm2") for part in ("weight", "bias")
            }
    return weights


if __name__ == "__main__":
    main()
