"""Approximate search by usearch for catalogues that a scan is too slow for, its recall measured when it is built."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from distill_rec.artifact.errors import DataError
from distill_rec.runtime.arrays import Floats
from distill_rec.runtime.catalogue import Catalogue, Rows
from distill_rec.runtime.request import Request
from distill_rec.runtime.topk import near_best

logger = logging.getLogger(__name__)

SPARE = 2
"""Found for each that is wanted: what is filtered out afterwards, and a little recall."""
SCAN_ABOVE = 0.01
"""Share of the rows above which a scan answers: it is quicker there, and a graph finds fewer of them the more are asked
for (at 400,000 rows of 128 numbers, 3,000 take 4.0 ms and are found to two thirds; a scan takes 4.5 ms)."""
PROBES = 100
TOP = 10
BLOCK = 16384


class ApproximateIndex:
    """A graph (HNSW, Malkov and Yashunin 2018) over the rows that the artifact was loaded with.

    Items that were added since are scanned exactly beside it, and what it finds is scored exactly.

    Args:
        users: user vectors `[n, dim]` that its recall is measured with.
        threads: that build it.

    Attributes:
        recall: share of the exact top 10 among its own, mean over `users`.
    """

    def __init__(self, catalogue: Catalogue, users: Floats, threads: int) -> None:
        try:
            from usearch.index import Index  # noqa: PLC0415  (large catalogues alone need it)
        except ImportError as error:
            raise DataError(
                "approximate_above", "usearch is not installed", "the package usearch", "pip install usearch"
            ) from error
        base = catalogue.scored.base
        self._size = len(base)
        self._index: Any = Index(ndim=catalogue.scored.dim, metric="ip", dtype="f32", connectivity=32)
        for start in range(0, self._size, BLOCK):
            rows = np.arange(start, min(start + BLOCK, self._size))
            self._index.add(rows, np.ascontiguousarray(base.rows(rows)), threads=threads)
        self.recall = self._measure(catalogue, users)
        logger.info("approximate index of %d items, recall@%d %.4f", self._size, TOP, self.recall)

    def _search(self, user: Floats, count: int) -> Rows:
        found: Rows = np.asarray(self._index.search(user, min(count, self._size), exact=False).keys, dtype=np.int64)
        return found

    def _measure(self, catalogue: Catalogue, users: Floats) -> float:
        shares = []
        for user in users:
            exact = near_best(catalogue.scored.base.scores(user[None])[0], TOP)
            shares.append(len(np.intersect1d(self._search(user, TOP * SPARE), exact)) / max(len(exact), 1))
        return float(np.mean(shares)) if shares else 1.0

    def near(self, catalogue: Catalogue, user: Floats, request: Request) -> Rows | None:
        """Rows, ascending, among which the best k are sought; None where a scan must answer.

        That is where filters leave fewer than k, and where k and what is left out ask for a large share of the graph.

        Args:
            request: one without `only`, which is a small scan of its own.
        """
        dropped = catalogue.left_out(request)
        count = SPARE * request.k + len(dropped)
        if count > SCAN_ABOVE * self._size:
            return None
        found = self._search(user, count)
        if catalogue.hidden is not None:
            dropped = np.concatenate([dropped, catalogue.hidden])
        added = np.arange(self._size, len(catalogue.ids))
        slot = catalogue.scored.slot
        if slot is not None:  # a replaced item is no longer where the graph thinks
            moved = np.flatnonzero(slot[: self._size] >= self._size)
            added = np.concatenate([moved, added])
        rows = np.setdiff1d(np.union1d(found, added), dropped)
        return rows if len(rows) >= request.k else None
