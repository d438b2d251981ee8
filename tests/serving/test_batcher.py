"""Micro-batching and its bound."""

import asyncio
import threading
import time

import pytest

from distill_rec.runtime import DataError
from distill_rec.serving.batcher import Batcher, Kind
from distill_rec.serving.metrics import Metrics
from distill_rec.serving.refusal import Refusal


class Version:
    student = None


class Live:
    version = Version()


def test_what_waits_is_taken_together_and_what_does_not_fit_is_refused():
    async def go():
        begun, go_on, sizes = threading.Event(), threading.Event(), []

        def run(student, requests):
            sizes.append(len(requests))
            begun.set()
            go_on.wait(10)
            return [request * 2 for request in requests]

        batcher = Batcher(Live(), waiting=5, batch=64, metrics=Metrics())
        kind = Kind("double", run)
        first = asyncio.create_task(batcher.score(kind, [1], many=False))
        await asyncio.to_thread(begun.wait, 10)
        others = [asyncio.create_task(batcher.score(kind, [n, n + 1], many=True)) for n in (2, 4)]
        await asyncio.sleep(0)
        with pytest.raises(Refusal) as refused:
            await batcher.score(kind, [9], many=False)
        assert refused.value.status == 429
        assert refused.value.headers == {"retry-after": "1"}
        go_on.set()
        assert [(await one).body for one in (first, *others)] == [b"2", b"[4,6]", b"[8,10]"]
        assert sizes == [1, 4]
        assert batcher.waiting == 0
        batcher.close()

    asyncio.run(go())


def test_what_is_answered_makes_room_before_the_loop_has_delivered_it():
    async def go():
        batcher = Batcher(Live(), waiting=1, batch=64, metrics=Metrics())
        kind = Kind("same", lambda student, requests: requests)
        first = asyncio.create_task(batcher.score(kind, [1], many=False))
        await asyncio.sleep(0)
        # The loop does nothing else meanwhile, as when a thousand connections want to be read.
        for _ in range(1000):
            if not batcher.waiting:
                break
            time.sleep(0.01)
        assert not first.done()
        batcher.require_room()
        assert (await first).body == b"1"
        batcher.close()

    asyncio.run(go())


def test_a_fault_reaches_its_own_request_and_the_thread_lives_on():
    async def go():
        def run(student, requests):
            if 0 in requests:
                raise DataError("here", "nothing")
            if -1 in requests:
                raise MemoryError
            return requests

        batcher = Batcher(Live(), waiting=50, batch=64, metrics=Metrics())
        kind = Kind("positive", run)
        tasks = [batcher.score(kind, [n], many=False) for n in (1, 0, 2, -1, 3)]
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert [one.body for one in found if not isinstance(one, Exception)] == [b"1", b"2", b"3"]
        assert isinstance(found[1], DataError)
        assert isinstance(found[3], MemoryError)
        assert batcher.alive
        batcher.close()
        assert not batcher.alive

    asyncio.run(go())
