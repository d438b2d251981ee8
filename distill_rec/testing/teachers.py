"""What every teacher must hold, on data of both kinds.

from distill_rec.contracts import teacher_spec
from distill_rec.testing.teachers import check_teacher

check_teacher(teacher_spec("mine"), tmp_path, {"layers": 1})

The data are made in code, and so is the PLM of a kind that has a key `trunk`; it trains for seconds.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from distill_rec.contracts import TeacherSpec, supplies_of
from distill_rec.data.dataset import Dataset
from distill_rec.data.ragged import Ragged
from distill_rec.data.scores import ListedScores, sample_counts
from distill_rec.estimates import Sizes
from distill_rec.evaluation.scorer import catalogue_scores
from distill_rec.knowledge import Knowledge
from distill_rec.losses.spec import ITEM_VECTORS, KINDS, SCORES, USER_VECTORS, Kind
from distill_rec.model_records import TeacherRecord
from distill_rec.nn.recommender import user_vectors
from distill_rec.records import read_record
from distill_rec.runtime.errors import ModelError
from distill_rec.teacher_model import Teacher
from distill_rec.testing.kills import Counted, KilledError, places
from distill_rec.testing.sections import fast_settings, own_cache, refused_keys
from distill_rec.testing.trunks import write_trunk
from distill_rec.testing.worlds import make_dataset
from distill_rec.training.outcome import Outcome

NEAR = 1e-4
"""Of the vectors' standard deviation: an encoder need not add in the order in which knowledge was made."""
NEAR_FROM_STATES = 1e-2
"""The same where layers learn, which begin from states that are kept in fp16."""
NEAR_IN_BF16 = 3e-2
"""The same of a PLM that is run in bf16, which rounds to 8 bits after each layer."""


@dataclass
class Taught:
    """A teacher, trained on the tiny data.

    Attributes:
        folder: holds it, as a run's `teach/` would.
        told: how often its training told of progress.
    """

    spec: TeacherSpec
    section: Any
    dataset: Dataset
    folder: Path
    told: int

    @property
    def name(self) -> str:
        return f"teacher {self.spec.kind} ({self.dataset.kind})"

    @property
    def teacher(self) -> Teacher:
        return Teacher.load(self.folder)

    @property
    def supplies(self) -> frozenset[str]:
        """Signals that it hands over by these settings."""
        return frozenset(supplies_of(self.section))

    @property
    def ranks(self) -> bool:
        """Whether it can be asked about any history; one of scores alone that were made once cannot."""
        return self.spec.ranker is not None or ITEM_VECTORS in self.supplies

    def again(self, name: str, progress: Counted | None = None) -> Path:
        """Train it, or go on, in a folder of this name."""
        folder = self.folder.parent / name
        with own_cache(self.folder.parent):
            self.spec.teach.get()(self.section, self.dataset, folder, progress=progress)
        return folder


def check_teacher(spec: TeacherSpec, folder: Path, settings: dict[str, Any] | None = None) -> None:
    """Run every check, on clicks and on impressions.

    Args:
        folder: empty; holds what is trained.
        settings: of the teacher, beside small ones.

    Raises:
        AssertionError: naming teacher, data and what is wrong.
    """
    for kind in KINDS:
        taught = taught_on(spec, folder / kind, kind, settings)
        for check in CHECKS:
            check(taught)


def taught_on(spec: TeacherSpec, folder: Path, kind: Kind, settings: dict[str, Any] | None = None) -> Taught:
    """A teacher trained in `folder`, for checks one by one."""
    trunk = write_trunk(folder / "trunk")
    section = fast_settings(spec.settings, trunk, settings or {})
    taught = Taught(spec, section, make_dataset(kind), folder / "teach", 0)
    counted = Counted()
    taught.again("teach", counted)
    taught.told = counted.told
    return taught


def check_settings(taught: Taught) -> None:
    """The settings are of this kind, and refuse keys of others."""
    model: type[BaseModel] = taught.spec.settings
    kind = model.model_fields["kind"].default
    assert kind == taught.spec.kind, f"{taught.name}: its settings' kind is {kind!r} where nobody gives one"
    assert not (taken := refused_keys("teacher", model)), f"{taught.name}: takes keys of no or another kind: {taken}"


def check_estimate(taught: Taught) -> None:
    """Words and seconds, for no data too, and no fewer for more."""
    estimate = taught.spec.estimate.get()
    found = [estimate(taught.section, Sizes(rows, rows, rows)) for rows in (0, 100, 10_000)]
    seconds = [one[1] for one in found]
    fine = all(one[0] for one in found) and np.isfinite(seconds).all() and min(seconds) >= 0
    assert fine and seconds == sorted(seconds), f"{taught.name}: an estimate of {found} for 0, 100 and 10,000 rows"


def check_folder(taught: Taught) -> None:
    """What a stage leaves of it can be read, and nothing of an unfinished training is left."""
    record = read_record(TeacherRecord, taught.folder / "model.json")
    assert record.kind == taught.spec.kind, f"{taught.name}: model.json is of kind {record.kind!r}"
    if taught.teacher.has_vectors or taught.spec.ranker is not None:  # a file of scores is not trained
        best = read_record(Outcome, taught.folder / "history.json").best
        assert np.isfinite(best), f"{taught.name}: history.json says {best} of it"
    left = sorted(path.name for path in taught.folder.rglob("checkpoint-*"))
    assert not left, f"{taught.name}: leaves checkpoints, {left[0]}"


def check_resume(taught: Taught) -> None:
    """Killed wherever it tells of progress and begun again, it hands over the same, bit for bit."""
    whole = _arrays(Knowledge.load(taught.folder / "knowledge"))
    for place in places(taught.told):
        with suppress(KilledError):
            taught.again(f"killed-{place}", Counted(place))
        np.random.seed(place)  # noqa: NPY002  (whoever draws from the global state must not depend on it)
        other = _arrays(Knowledge.load(taught.again(f"killed-{place}") / "knowledge"))
        differ = [name for name in whole if not np.array_equal(whole[name], other[name], equal_nan=True)]
        assert whole.keys() == other.keys(), f"{taught.name}: hands over other things after a kill: {other.keys()}"
        assert not differ, f"{taught.name}: killed at {place} of {taught.told}, its {differ[0]} differ"


def check_signals(taught: Taught) -> None:
    """What the spec says that it supplies is there, finite and of the right shape."""
    knowledge, supplies, dataset = taught.teacher.knowledge, taught.supplies, taught.dataset
    assert supplies and supplies <= knowledge.supplies, f"{taught.name}: its knowledge lacks some of {supplies}"
    if ITEM_VECTORS in supplies:
        _require(taught, "item vectors", knowledge.item_vectors, (dataset.n_items, knowledge.dim))
        _require(taught, "text vectors", knowledge.text_vectors, (len(dataset.texts), knowledge.dim))
    if USER_VECTORS in supplies:
        users = taught.teacher.user_vectors(histories_of(dataset))
        _require(taught, "user vectors", users, (len(histories_of(dataset)), knowledge.dim))
    if knowledge.scores is not None:
        _require_listed(taught, knowledge.scores)
    if SCORES in supplies and taught.ranks:
        ids, history = dataset.items["item_id"].to_list(), [[], _ids(dataset, 1), _ids(dataset, 2)]
        scores = np.stack([taught.teacher.rank(one, ids) for one in history])
        _require(taught, "scores", scores, (3, dataset.n_items))


def check_known(taught: Taught) -> None:
    """Items that it does not know have no vector, and a text is known where one of its items is."""
    knowledge, dataset = taught.teacher.knowledge, taught.dataset
    if knowledge.knows is None:
        assert knowledge.knows_texts is None, f"{taught.name}: knows all items, and not all texts"
        return
    knows, texts = np.asarray(knowledge.knows), np.asarray(knowledge.knows_texts)
    assert knows.shape == (dataset.n_items,) and knows.dtype == bool, (
        f"{taught.name}: knows {knows.dtype} {knows.shape}"
    )
    known = np.bincount(dataset.item_text[knows], minlength=len(dataset.texts)) > 0
    assert knows.any() and np.array_equal(texts, known), f"{taught.name}: texts that it knows are not its items'"
    if ITEM_VECTORS in taught.supplies:
        vectors = np.asarray(knowledge.item_vectors)
        assert not vectors[~knows].any(), f"{taught.name}: vectors of items that it does not know"
        assert vectors[knows].any(1).all(), f"{taught.name}: knows an item whose vector is zero"


def check_ranking(taught: Taught) -> None:
    """Read back, it ranks and recommends by its knowledge, and never what was clicked."""
    teacher, dataset = taught.teacher, taught.dataset
    ids, history = dataset.items["item_id"].to_list(), _ids(dataset, 1)
    if not taught.ranks:
        with suppress(ModelError):
            teacher.rank(history, ids)
            raise AssertionError(f"{taught.name}: ranks, and its spec has no ranker")
        return
    scores = np.asarray(teacher.rank(history, ids))
    if {ITEM_VECTORS, USER_VECTORS} <= taught.supplies:
        knowledge = teacher.knowledge
        rows = Ragged.from_rows([[ids.index(item) for item in history]], np.int32)
        users = user_vectors(knowledge.user_encoder, rows, knowledge.item_vectors)
        _same(taught, "scores", scores, np.asarray(knowledge.item_vectors) @ users[0])
    listed = teacher.recommend(history, 5)
    assert len(listed) == 5 and not {item for item, _ in listed} & set(history), f"{taught.name}: recommends {listed}"
    best = np.sort(np.delete(scores, [ids.index(item) for item in history]))[::-1][:5]
    _same(taught, "scores of what it recommends", np.array([score for _, score in listed]), best)


def check_encoder(taught: Taught) -> None:
    """It encodes a catalogue's texts to their vectors and any text to finite ones; or says that it cannot."""
    if taught.spec.encoder is None:
        try:
            taught.teacher.encode_items(["red cat"])
        except ModelError:
            return
        raise AssertionError(f"{taught.name}: encodes texts, and its spec has no encoder")
    with own_cache(taught.folder.parent):
        encode = taught.spec.encoder.get()(taught.teacher)
        known = encode(taught.dataset.texts)
        odd = encode(["", "ξψω \U0001f600", "red " * 3000])
    _same(taught, "vectors of the catalogue's texts", known, np.asarray(taught.teacher.knowledge.text_vectors))
    _require(taught, "vectors of odd texts", odd, (3, taught.teacher.knowledge.dim))


def check_untrained(taught: Taught) -> None:
    """The column of what it was before training ranks."""
    if taught.spec.untrained is None:
        return
    with own_cache(taught.folder.parent):
        scorer = taught.spec.untrained.get()(taught.section, taught.dataset)
    histories, n_items = histories_of(taught.dataset), taught.dataset.n_items
    scores = catalogue_scores(scorer, histories, n_items)
    _require(taught, "untrained scores", scores, (len(histories), n_items))


CHECKS = (
    check_settings,
    check_estimate,
    check_folder,
    check_signals,
    check_known,
    check_ranking,
    check_encoder,
    check_untrained,
    check_resume,
)


def histories_of(dataset: Dataset) -> Ragged:
    """Item indices of the test's histories, an empty one before them."""
    rows = dataset.test.history.take(np.arange(min(20, len(dataset.test))))
    return Ragged.from_rows([[], *rows], np.int32)


def _ids(dataset: Dataset, row: int) -> list[str]:
    ids = dataset.items["item_id"].to_list()
    return [ids[item] for item in histories_of(dataset)[row]]


def _arrays(knowledge: Knowledge) -> dict[str, NDArray[Any]]:
    names = ("item_vectors", "text_vectors", "offsets", "knows", "knows_texts")
    arrays = {name: np.asarray(value) for name in names if (value := getattr(knowledge, name)) is not None}
    for part, one in (knowledge.scores or {}).items():
        arrays |= {f"{part} scores": one.scores, f"{part} items": one.items.values, f"{part} rest": one.rest}
    return arrays | {f"user encoder's {k}": v.numpy() for k, v in knowledge.user_encoder.state_dict().items()}


def _require_listed(taught: Taught, scores: dict[str, ListedScores]) -> None:
    """Scores that were made once are of samples of the data, and of some that are trained on."""
    counts = sample_counts(taught.dataset)
    for part, one in scores.items():
        _require(taught, f"scores of {part}", one.scores, (len(one.items.values),))
        assert len(one) == counts[part], f"{taught.name}: {len(one)} rows of scores, {counts[part]} samples of {part}"
        fine = all(np.array_equal(row, np.unique(row)) for row in one.items)
        assert fine, f"{taught.name}: items of a sample's scores in {part} are not ascending, each once"
    assert "train" in scores and len(scores["train"].scores), f"{taught.name}: no scores of training samples"


def _require(taught: Taught, what: str, found: NDArray[Any], shape: tuple[int, ...]) -> None:
    found = np.asarray(found)
    assert found.shape == shape, f"{taught.name}: {what} are {list(found.shape)}, not {list(shape)}"
    assert np.isfinite(found).all(), f"{taught.name}: {what} that are not finite"


def _same(taught: Taught, what: str, found: NDArray[Any], expected: NDArray[Any]) -> None:
    apart = float(np.abs(found - expected).max(initial=0.0)) / max(float(expected.std()), 1e-12)
    assert apart <= _near(taught.section), (
        f"{taught.name}: {what} are {apart:.2g} standard deviations off its knowledge's"
    )


def _near(section: Any) -> float:
    """How near an encoder's vectors are to be to knowledge's; see the constants."""
    if getattr(section, "trunk_precision", "") == "bf16":
        return NEAR_IN_BF16
    return NEAR if getattr(section, "tuning", "head") == "head" else NEAR_FROM_STATES
