"""A trained teacher of any kind, for notebooks and comparison: ranks from cached item vectors, encodes as it can."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_rec.artifact.item_ids import digest_of_ids
from distill_rec.data.dataset import Dataset
from distill_rec.data.ragged import Ragged
from distill_rec.evaluation.listed import ListedScorer, coverage
from distill_rec.evaluation.scorer import DotScorer, Scorer
from distill_rec.evaluation.terms import add_to_candidates, add_to_catalogue
from distill_rec.files import read_json
from distill_rec.handover import ITEM_IDS
from distill_rec.knowledge import Knowledge, history_rows
from distill_rec.losses.spec import ITEM_VECTORS
from distill_rec.model_records import TeacherRecord
from distill_rec.nn.recommender import user_vectors
from distill_rec.records import read_content
from distill_rec.registry import TEACHERS, Late, find
from distill_rec.runtime.errors import ModelError, RunError


@dataclass
class Teacher:
    """A teacher's folder, read.

    Attributes:
        config: `model.json`.
        knowledge: cached item vectors and user encoder; ranking needs no trunk.
        item_ids: the catalogue's ids.
    """

    folder: Path
    config: dict[str, Any]
    knowledge: Knowledge
    item_ids: list[str]
    _place: dict[str, int] = field(default_factory=dict)
    _ranker: Callable[[Ragged, Ragged], NDArray[np.float32]] | None = None

    @staticmethod
    def load(folder: str | Path) -> Teacher:
        """Read `teach/` of a run.

        Raises:
            RunError: the folder holds no finished teacher, or other items than its vectors are of.
        """
        folder = Path(folder)
        if not (folder / "model.json").exists():
            raise RunError(folder, "no finished teacher here", "model.json", "Run `distill-rec teach` first.")
        config = read_content(TeacherRecord, folder / "model.json")
        ids = read_json(folder / "knowledge" / "item_ids.json")
        teacher = Teacher(folder, config, Knowledge.load(folder / "knowledge"), ids)
        if (noted := teacher.knowledge.marks.get(ITEM_IDS)) not in (None, found := digest_of_ids(ids)):
            where, expected = folder / "knowledge" / "item_ids.json", f"{noted}, as manifest.json has"
            raise RunError(where, f"item ids in order {found}", expected, "Teach again with --restart teach.")
        teacher._place = {item: number for number, item in enumerate(ids)}
        return teacher

    @property
    def kind(self) -> str:
        return str(self.config.get("kind") or "bi_encoder")  # releases that knew one kind named none

    @property
    def members(self) -> list[str]:
        """Names of the teachers that it is made of, each in a folder of its own; none where it is one itself."""
        return list(self.config.get("members", []))

    @property
    def reads_texts(self) -> bool:
        """Whether it can encode texts that it has not met."""
        return self.members != [] or find(TEACHERS, self.kind).encoder is not None

    @property
    def has_vectors(self) -> bool:
        """Whether it can rank by item and user vectors; one that cannot has scores that were made once."""
        return ITEM_VECTORS in self.knowledge.supplies

    def scorer_on(self, dataset: Dataset, *parts: str, name: str = "teacher") -> Scorer | None:
        """As the evaluation sees it on parts of the data; None where it has no scores of some of their samples."""
        if self.has_vectors:
            return self.scorer(name)
        scores = self.knowledge.scores or {}
        if any(self.uncovered(dataset, part) for part in parts):
            return None
        return ListedScorer(name, [(getattr(dataset, part), scores[part]) for part in parts])

    def uncovered(self, dataset: Dataset, part: str) -> str:
        """Why it has no figures on a part of the data, in words; "" where it has."""
        if self.has_vectors:
            return ""
        some, every = coverage(dataset, self.knowledge.scores or {}, part)
        what = "impressions" if dataset.kind == "impressions" else "queries"
        whole = ", with all candidates of each" if dataset.kind == "impressions" else ""
        return "" if some == every else f"its scores are of {some:,} of the {every:,} {part} {what}{whole}"

    def scorer(self, name: str = "teacher") -> DotScorer:
        """As the evaluation sees it: cached item vectors, user encoder on the fly."""
        return DotScorer(name, np.asarray(self.knowledge.item_vectors), self.user_vectors, self.knowledge.repeat)

    def user_vectors(self, history: Ragged) -> NDArray[np.float32]:
        """User vectors `[n, d]` of rows of item indices."""
        return user_vectors(self.knowledge.user_encoder, history, self.knowledge.item_vectors)

    def encode_user(self, history: list[str]) -> NDArray[np.float32]:
        """User vector `[d]` of a history of item ids, oldest first; unknown ids are left out."""
        return np.asarray(self.user_vectors(history_rows(self._place, history))[0])

    def rank(self, history: list[str], candidates: list[str]) -> NDArray[np.float32]:
        """Scores in the order of `candidates`.

        Raises:
            RunError: a candidate is not in the catalogue.
            ModelError: it has scores that were made once, and can be asked for no others.
        """
        unknown = [item for item in candidates if item not in self._place]
        if unknown:
            raise RunError("candidates", f"unknown item {unknown[0]!r}", "ids of the teacher's catalogue")
        rows = np.array([self._place[item] for item in candidates], dtype=np.int64)
        if not self.has_vectors:
            return self._asked(history, rows)
        scores = np.asarray(self.knowledge.item_vectors[rows] @ self.encode_user(history), dtype=np.float32)
        add_to_candidates(self.knowledge.repeat, self._read(history), np.zeros_like(rows), rows, scores)
        return scores

    def recommend(self, history: list[str], k: int = 10, seen: bool = False) -> list[tuple[str, float]]:
        """The best k items with their scores.

        Args:
            seen: items of the history may be among them; else they are left out.
        """
        if self.has_vectors:
            scores = np.array(self.knowledge.item_vectors @ self.encode_user(history))
        else:
            scores = self._asked(history, np.arange(len(self.item_ids)))
        add_to_catalogue(self.knowledge.repeat, self._read(history), scores[None])
        if not seen:
            scores[history_rows(self._place, history).values] = -np.inf
        best = np.argsort(-scores, kind="stable")[:k]
        return [(self.item_ids[item], float(scores[item])) for item in best if np.isfinite(scores[item])]

    def _asked(self, history: list[str], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Scores of a kind that reads history and candidate together."""
        ranker: Late[Any] | None = find(TEACHERS, self.kind).ranker
        if ranker is None:
            found = f"a teacher of kind {self.kind!r} has the scores of its file and can be asked for no others"
            raise ModelError(self.folder, found, "a teacher that ranks")
        if self._ranker is None:
            self._ranker = ranker.get()(self)
        read = Ragged.from_rows([history_rows(self._place, history).values])
        found_scores: NDArray[np.float32] = self._ranker(read, Ragged.from_rows([rows]))
        return found_scores

    def _read(self, history: list[str]) -> Ragged:
        """The clicks that are read of a history, as one row."""
        rows = history_rows(self._place, history).values[-self.knowledge.user_encoder.max_history :]
        return Ragged.from_rows([rows])

    def encode_items(self, texts: list[str]) -> NDArray[np.float32]:
        """Text vectors `[n, d]` of any texts, through the whole trunk.

        Raises:
            ModelError: it reads no texts, or its weights are not those that it was trained on.
        """
        return self.encoder()(texts)

    def encoder(self) -> Callable[[list[str]], NDArray[np.float32]]:
        """`encode_items` with the trunk loaded once, for those who encode often."""
        encoder: Late[Any] | None = (
            Late("distill_rec.ensemble.encoder:open_encoder") if self.members else find(TEACHERS, self.kind).encoder
        )
        if encoder is None:
            raise ModelError(
                self.folder, f"a teacher of kind {self.kind!r} cannot encode texts", "a teacher that reads them"
            )
        encode: Callable[[list[str]], NDArray[np.float32]] = encoder.get()(self)
        return encode
