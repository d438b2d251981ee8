"""A PLM in bf16 against fp32: texts a second through its layers, and there and back through those that learn.

    python benchmarks/trunk_precision.py
    python benchmarks/trunk_precision.py --trunk FOLDER --tuning lora:2 --threads 1

MovieLens-100k's titles, 64 of like lengths at a time, as a pass over a catalogue has them. `pass`: the whole PLM
without a graph; `step`: a forward and a backward pass of what the tuning learns, from states that were kept (which is
what a window costs). The two precisions take turns. `times_ours` is how many times longer fp32 takes than bf16;
`apart` is 1 less the cosine of a text's pooled vector in the two.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from interleaved import compare, rounded, with_threads

from distill_rec.sections.optimizer import Precision

BATCH = 64
PRECISIONS: dict[str, Precision] = {"fp32": "fp32", "ours": "bf16"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trunk", default="demo:all-MiniLM-L6-v2")
    parser.add_argument("--tuning", default="last:2")
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--texts", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    with_threads(args.threads)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DISTILL_REC_CACHE"] = folder
        print(json.dumps(measure(args, Path(folder)), indent=2))


def measure(args: argparse.Namespace, folder: Path) -> dict[str, object]:
    import numpy as np
    import torch

    from distill_rec.contracts import tuning_of
    from distill_rec.data import Dataset, prepare
    from distill_rec.demo import resolve
    from distill_rec.nn.text_head import TextHead
    from distill_rec.progress import Quiet
    from distill_rec.recipe import DataSection
    from distill_rec.trunks.load import Trunk, load_trunk, pool
    from distill_rec.trunks.prefix import forward_all, pad_tokens
    from distill_rec.trunks.tokens import tokenize
    from teachers.bi_encoder.build import trunk_encoder

    torch.set_num_threads(args.threads)
    data = DataSection(format="recbole", path=resolve("demo:movielens-100k"), rating_column="rating",
                       text="{movie_title} ({release_year}) {class}")  # fmt: skip
    prepare(data, folder / "prepare")
    whole = load_trunk(resolve(args.trunk), max_tokens=args.tokens)
    texts = Dataset.load(folder / "prepare").texts[: args.texts]
    tokens = tokenize(texts, whole.tokenizer())
    groups = np.split(np.argsort(tokens.lengths, kind="stable"), range(BATCH, len(texts), BATCH))
    trunks = {name: replace(whole, precision=precision) for name, precision in PRECISIONS.items()}

    def passing(trunk: Trunk) -> Callable[[int], torch.Tensor]:
        def call(number: int) -> torch.Tensor:
            ids, mask = pad_tokens(tokens, groups[number % len(groups)], torch.device("cpu"))
            with torch.no_grad():
                return pool(forward_all(trunk, ids, mask), mask, "mean")

        return call

    vectors = {name: torch.cat([passing(one)(number) for number in range(len(groups))]) for name, one in trunks.items()}
    apart = 1 - torch.nn.functional.cosine_similarity(*(one.double() for one in vectors.values()))
    passes = compare({name: passing(one) for name, one in trunks.items()}, args.rounds, args.seconds / 2, BATCH, "ours")

    def stepping(precision: Precision) -> Callable[[int], None]:
        trunk = load_trunk(resolve(args.trunk), max_tokens=args.tokens)
        trunk.precision = precision
        head = TextHead(trunk.width, trunk.width)
        encoder = trunk_encoder(tuning_of(args.tuning), trunk, texts, head, BATCH, Quiet()).train()

        def call(number: int) -> None:
            encoder.zero_grad()
            encoder(torch.from_numpy(groups[number % len(groups)])).square().sum().backward()

        return call

    steps = {name: stepping(precision) for name, precision in PRECISIONS.items()}
    return {
        "pass": passes,
        "step": compare(steps, args.rounds, args.seconds / 2, BATCH, "ours"),
        "apart": {"most": rounded(float(apart.max())), "mean": rounded(float(apart.mean()))},
        "tuning": args.tuning,
        "threads": args.threads,
    }


if __name__ == "__main__":
    main()
