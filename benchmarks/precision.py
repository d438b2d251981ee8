"""A student's batches in bf16 against fp32 (`optimizer.precision`): milliseconds a batch, windows in turn.

    OMP_NUM_THREADS=1 python benchmarks/precision.py RUN
    OMP_NUM_THREADS=1 python benchmarks/precision.py RUN --alone

RUN is a finished one. Its student is trained anew in a temporary folder, from its start and its teachers (`--alone`: on
clicks alone); every second window multiplies in bf16. `times` is how many times longer fp32 takes: the median over
pairs of neighbouring windows. What it does to quality is for two runs to say.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

from interleaved import rounded
from step_profile import WARM, train_windows

from distill_rec.nn.arithmetic import multiplied_in
from distill_rec.runs import Run
from distill_rec.sections.optimizer import Precision
from distill_rec.training import Training

TURNS: tuple[Precision, ...] = ("fp32", "bf16")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--pairs", type=int, default=16)
    args = parser.parse_args()
    found: dict[Precision, list[float]] = {turn: [] for turn in TURNS}
    plain, windows = Training._window, 0

    def in_turn(training: Training) -> float:
        nonlocal windows
        turn, done, began = TURNS[windows % 2], training.state.update, time.perf_counter()
        with multiplied_in(turn):
            loss = plain(training)
        seconds = (time.perf_counter() - began) / (training.state.update - done)
        windows += 1
        if windows > WARM * len(TURNS):
            found[turn].append(seconds * 1e3)
        return loss

    Training._window = in_turn  # type: ignore[method-assign]
    train_windows(Run.load(args.run), args.alone, (args.pairs + WARM) * len(TURNS))
    pairs = list(zip(found["fp32"], found["bf16"], strict=True))
    told = {turn: rounded(statistics.median(each)) for turn, each in found.items()}
    print(json.dumps(told | {"times": rounded(statistics.median(a / b for a, b in pairs)), "pairs": len(pairs)}))


if __name__ == "__main__":
    main()
