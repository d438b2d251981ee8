"""The child process of `cost`: load one model as a service would, use it, print what it took as JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

REQUESTS = 300
FEWEST, MOST_SECONDS = 5, 60.0
"""A model that reads every candidate anew takes seconds for a request: then fewer are made."""
WARM, BATCH = 8, 256
"""Texts that are encoded before the clock starts, and those of one call."""

SECONDS = 1.0
"""Of encoding, a call at least; a quick encoder is measured on many calls."""


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


def texts_per_second(encode: Callable[[list[str]], object], texts: list[str]) -> float:
    """Rate over texts that are encoded once each, in calls of `BATCH`."""
    encode(texts[:WARM])
    done, took = WARM, 0.0
    while done < len(texts) and (done == WARM or took < SECONDS):
        part = texts[done : done + BATCH]
        begin = time.perf_counter()
        encode(part)
        took += time.perf_counter() - begin
        done += len(part)
    return (done - WARM) / took


def main() -> None:
    """Read the request as JSON on stdin: kind, path, texts, history, candidates; of a student its precision and dim.

    No text comes twice: one that was met before is quicker to encode, and is not what a new item is.
    """
    request = json.load(sys.stdin)
    model: Any
    if request["kind"] == "student":
        from distill_rec.runtime import Student

        model = Student.load(request["path"], threads=1, precision=request.get("precision"), dim=request.get("dim"))
    else:
        import torch

        from distill_rec.teacher_model import Teacher

        torch.set_num_threads(1)
        model = Teacher.load(request["path"])
    history, candidates, texts = request["history"], request["candidates"], request["texts"]
    result: dict[str, Any] = {"missing": {}}
    times: list[float] = []
    for _ in range(REQUESTS):
        if len(times) >= FEWEST and sum(times) > MOST_SECONDS:
            break
        begin = time.perf_counter()
        model.rank(history, candidates)
        times.append(time.perf_counter() - begin)
    times.sort()
    result["p50_ms"] = times[len(times) // 2] * 1e3
    result["p99_ms"] = times[int(len(times) * 0.99)] * 1e3
    try:
        # A service holds its encoder ready: it is opened once, and only encoding is timed.
        encode = model.encode_items if request["kind"] == "student" else model.encoder()
        result["items_per_second"] = texts_per_second(encode, texts)
    except Exception as error:  # a trunk that is a file of vectors cannot encode
        result["missing"]["items_per_second"] = str(error)
    result |= memory()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
