"""The child process of `cost`: load one model as a service would, and time it a round at a time, as it is asked.

The request is a line of JSON on stdin: kind, path, texts, history, candidates, rounds; of a student its precision and
dim. Every answer is a line of JSON on stdout: one when the model is loaded, and one for each further line, a round.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

REQUESTS, MOST_SECONDS = 60, 6.0
"""Of a round. A model that reads every candidate anew takes seconds for a request: then fewer are made, one or more."""
WARM, BATCH = 8, 256
"""Texts that are encoded before the clock starts, and those of one call at most."""
SECONDS = 1.0
"""Of a round's encoding, a call at least; a call is of as many texts as take about so long, where that is fewer."""


def memory() -> dict[str, int]:
    """RssAnon and RssFile of this process in bytes; empty where /proc does not tell."""
    out = {}
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name in ("RssAnon", "RssFile"):
                out[name] = int(value.split()[0]) * 1024
    except OSError:
        pass
    return out


class Encoding:
    """A rate over texts that are encoded once each, a round at a time.

    No text comes twice: one that was met before is quicker to encode, and is not what a new item is.

    Args:
        texts: of all rounds, and `2 * WARM` before them.
    """

    def __init__(self, encode: Callable[[list[str]], object], texts: list[str], rounds: int) -> None:
        self._encode, self._texts, self._at = encode, texts, 0
        encode(self._take(WARM))  # what is opened at the first call
        began = time.perf_counter()
        encode(self._take(WARM))
        rate = WARM / max(time.perf_counter() - began, 1e-9)
        self._batch = int(min(max(rate * SECONDS, WARM), BATCH))
        self._share = max((len(texts) - 2 * WARM) // rounds, 1)

    def round(self) -> float:
        """Texts a second."""
        done, took = 0, 0.0
        while done < self._share and (done == 0 or took < SECONDS):
            part = self._take(min(self._batch, self._share - done))
            began = time.perf_counter()
            self._encode(part)
            took += time.perf_counter() - began
            done += len(part)
        return done / took

    def _take(self, count: int) -> list[str]:
        self._at += count
        return self._texts[self._at - count : self._at]


def requests_of_a_round(rank: Callable[[], object]) -> list[float]:
    """Seconds of each."""
    times: list[float] = []
    while len(times) < REQUESTS and sum(times) <= MOST_SECONDS:
        began = time.perf_counter()
        rank()
        times.append(time.perf_counter() - began)
    return times


def loaded(request: dict[str, Any]) -> Any:
    """The model, on one thread."""
    if request["kind"] == "student":
        from distill_rec.runtime import Student

        return Student.load(request["path"], threads=1, precision=request.get("precision"), dim=request.get("dim"))
    import torch

    from distill_rec.teacher_model import Teacher

    torch.set_num_threads(1)
    return Teacher.load(request["path"])


def answers(request: dict[str, Any], asked: Iterable[str]) -> Iterator[dict[str, Any]]:
    """That the model is loaded; then what each round took, and the memory behind it."""
    model = loaded(request)
    missing: dict[str, str] = {}
    history, candidates = request["history"], request["candidates"]
    model.rank(history, candidates)
    encoding = None
    try:
        # A service holds its encoder ready: it is opened once, and only encoding is timed.
        encode = model.encode_items if request["kind"] == "student" else model.encoder()
        encoding = Encoding(encode, request["texts"], request["rounds"])
    except Exception as error:  # a trunk that is a file of vectors cannot encode
        missing["items_per_second"] = str(error)
    yield {"missing": missing}
    for _ in asked:
        seconds = requests_of_a_round(lambda: model.rank(history, candidates))
        rate = None if encoding is None else encoding.round()
        yield {"seconds": seconds, "items_per_second": rate, **memory()}


def main() -> None:
    """Answer until there is nothing more on stdin; what libraries print goes to stderr."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for answer in answers(json.loads(sys.stdin.readline()), sys.stdin):
        print(json.dumps(answer), file=out, flush=True)


if __name__ == "__main__":
    main()
