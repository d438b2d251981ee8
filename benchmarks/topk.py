"""The best ten of a large catalogue: the runtime against NumPy, faiss and usearch, one user and many.

    python benchmarks/topk.py
    python benchmarks/topk.py --items 100000 --artifact runs/demo/export/student

Vectors are random, or the artifact's own repeated with a tenth of noise. `runtime` is the search on an array;
`recommend` is what a service calls, ids and seen items included, `recommend, fp16` and `int8` over smaller vectors.
Graphs (HNSW) are approximate: their share of the exact ten is `recall`. Needs faiss-cpu and usearch. One JSON object.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from interleaved import compare, rounded, say, with_threads

POOL = 256
Search = Callable[[Any], Any]
"""From users `[n, dim]` to rows `[n, k]`."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", default="100000,1000000", help="catalogue sizes")
    parser.add_argument("--dim", type=int, default=64, help="of random vectors")
    parser.add_argument("--artifact", type=Path, help="an exported student whose vectors are repeated")
    parser.add_argument("--batch", type=int, default=64, help="users of a call for many")
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60.0, help="of all timed calls of one catalogue size")
    parser.add_argument("--threads", type=int, default=1, help="of every search; graphs are built with all cores")
    parser.add_argument("--graphs-up-to", type=int, default=1_000_000, help="larger ones take long to build")
    args = parser.parse_args()
    with_threads(args.threads)
    result: dict[str, Any] = {"threads": args.threads, "k": args.k, "dim": args.dim, "batch": args.batch}
    for items in map(int, args.items.split(",")):
        result[f"items_{items}"] = measure(args, items)
    print(json.dumps(result, indent=2))


def measure(args: argparse.Namespace, items: int) -> dict[str, Any]:
    import numpy as np

    vectors, users = world(args, items)
    searches = ours(vectors, args.k) | numpy_search(vectors, args.k)
    missing: dict[str, str] = {}
    built: dict[str, float] = {}
    graphs = items <= args.graphs_up_to
    for make in (faiss_searches, usearch_searches):
        try:
            found, took = make(vectors, args.k, args.threads, graphs)
            searches |= found
            built |= took
        except ImportError as error:
            missing[make.__name__] = str(error)
    exact = searches["runtime"](users)
    recall = {
        name: rounded(float(np.mean([len(np.intersect1d(a, b)) / args.k for a, b in zip(search(users), exact)])))  # noqa: B905
        for name, search in searches.items()
    }
    result: dict[str, Any] = {"missing": missing, "recall": recall, "seconds_to_build": built}
    services, vector_of = recommenders(vectors, users, args.k)
    for name, batch in (("one_user", 1), (f"{args.batch}_users", args.batch)):
        say(f"{items:,} items, {batch} users per call")

        def place(number: int, batch: int = batch) -> slice:
            at = number * batch % max(1, POOL - batch + 1)
            return slice(at, at + batch)

        calls = {name: lambda n, s=search, p=place: s(users[p(n)]) for name, search in searches.items()}
        calls |= {name: lambda n, s=service, p=place: s(vector_of[p(n)]) for name, service in services.items()}
        result[name] = compare(calls, args.rounds, args.seconds / 2, batch, "runtime")  # type: ignore[arg-type]
    return result


def world(args: argparse.Namespace, items: int) -> tuple[Any, Any]:
    """Item vectors `[items, dim]` and `POOL` users."""
    import numpy as np

    random = np.random.default_rng(0)
    if args.artifact is None:
        vectors = random.standard_normal((items, args.dim), dtype=np.float32)
        return vectors, random.standard_normal((POOL, args.dim), dtype=np.float32)
    from distill_rec.bench.cases import tiled
    from distill_rec.bench.inputs import histories
    from distill_rec.runtime import Student

    student = Student.load(args.artifact)
    users = [student.encode_user(history) for history in histories(student, 10)[:POOL]]
    args.dim = student.info.dim
    return tiled(student.item_vectors, items), np.stack(users)


def ours(vectors: Any, k: int) -> dict[str, Search]:
    """One user and many take the ways that `recommend` and `recommend_many` take."""
    import numpy as np

    from distill_rec.runtime.topk import best_of_many, slack_of

    longest = float(np.linalg.norm(vectors, axis=1).max())
    nothing = np.empty(0, dtype=np.int64)

    def search(users: Any) -> Any:
        slacks = [slack_of(users.shape[1], longest, user) for user in users]
        return [rows for rows, _ in best_of_many(vectors, users, k, slacks, [nothing] * len(users))]

    return {"runtime": search}


def recommenders(vectors: Any, users: Any, k: int) -> tuple[dict[str, Callable[[Any], Any]], list[list[str]]]:
    """Whole calls by ids, for each precision; every user's history is one item more, which is the user's vector."""
    import numpy as np

    from distill_rec.artifact.stored import store
    from distill_rec.runtime.catalogue import Catalogue
    from distill_rec.runtime.ranker import Ranker
    from distill_rec.runtime.user_encoders import MeanUserEncoder

    dim = vectors.shape[1]
    encoder = MeanUserEncoder({"log_scale": np.zeros(()), "empty": np.zeros(dim, np.float32)})
    whole = np.concatenate([vectors, users])
    ids = [f"item-{row}" for row in range(len(whole))]

    def service(precision: str) -> Callable[[Any], Any]:
        ranker = Ranker(Catalogue.of(ids, store(whole, precision), encoder), encoder, 50)
        return lambda histories: (
            ranker.recommend(histories[0], k) if len(histories) == 1 else ranker.recommend_many(histories, k)
        )

    names = {"recommend": "fp32", "recommend, fp16": "fp16", "recommend, int8": "int8"}
    services = {name: service(precision) for name, precision in names.items()}
    return services, [[item] for item in ids[len(vectors) :]]


def numpy_search(vectors: Any, k: int) -> dict[str, Search]:
    import numpy as np

    def search(users: Any) -> Any:
        scores = users @ vectors.T
        near = np.argpartition(scores, scores.shape[1] - k, axis=1)[:, -k:]
        order = np.argsort(-np.take_along_axis(scores, near, 1), axis=1)
        return np.take_along_axis(near, order, 1)

    return {"numpy argpartition": search}


def faiss_searches(vectors: Any, k: int, threads: int, graphs: bool) -> tuple[dict[str, Search], dict[str, float]]:
    import faiss

    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    searches: dict[str, Search] = {"faiss flat": lambda users: flat.search(users, k)[1]}
    took: dict[str, float] = {}
    if graphs:
        say("building the graph of faiss")
        graph = faiss.IndexHNSWFlat(vectors.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
        faiss.omp_set_num_threads(cores())
        began = time.perf_counter()
        graph.add(vectors)
        took["faiss HNSW"] = rounded(time.perf_counter() - began)
        graph.hnsw.efSearch = 64
        searches["faiss HNSW"] = lambda users: graph.search(users, k)[1]
    faiss.omp_set_num_threads(threads)
    return searches, took


def usearch_searches(vectors: Any, k: int, threads: int, graphs: bool) -> tuple[dict[str, Search], dict[str, float]]:
    import numpy as np
    from usearch.index import Index, MetricKind, search

    def exact(users: Any) -> Any:
        found = search(vectors, users, k, MetricKind.IP, exact=True, threads=threads)
        return np.atleast_2d(found.keys)

    searches: dict[str, Search] = {"usearch exact": exact}
    took: dict[str, float] = {}
    if graphs:
        say("building the graph of usearch")
        graph: Any = Index(ndim=vectors.shape[1], metric="ip", dtype="f32", connectivity=32)
        began = time.perf_counter()
        graph.add(np.arange(len(vectors)), vectors, threads=cores())
        took["usearch HNSW"] = rounded(time.perf_counter() - began)
        searches["usearch HNSW"] = lambda users: np.atleast_2d(graph.search(users, k, threads=threads).keys)
    return searches, took


def cores() -> int:
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    main()
