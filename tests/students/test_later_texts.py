"""Texts that come after a static student's training: predicted from where the clicks put the items."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scipy import sparse
from sklearn.linear_model import Ridge
from tiny import make_dataset, student_section, write_trunk

from distill_rec.data.ragged import Ragged
from distill_rec.distillation import distill
from distill_rec.export import export_student
from distill_rec.recipe import ExportSection, OptimizerSection
from distill_rec.runtime import Student
from distill_rec.student_model import load_student
from students.static import later, ridge
from students.static.spec import StaticSection
from students.static.start import SubWords
from teachers.student.teach import knowledge_of

QUICK = OptimizerSection(batch_size=32, window=2, max_epochs=2, learning_rate=1e-2)
TOKENS, WIDTH, DIM = 40, 12, 5
NEW = "blue dog 7"


def words_of(tokens: Ragged, seed: int = 0) -> SubWords:
    """Sub-words of which the PLM knows something; the last two are in no text."""
    generator = torch.Generator().manual_seed(seed)
    used, others = torch.arange(TOKENS - 2), torch.arange(TOKENS - 2, TOKENS)
    vocabulary = torch.cat([used, torch.tensor([-1, -2])]).int()
    vectors, weight = torch.randn(TOKENS, WIDTH, generator=generator), torch.rand(TOKENS, generator=generator) + 0.5
    return SubWords(vocabulary, used, others, weight, vectors, tokens, "")


class Histories:
    """So many validation samples."""

    def __init__(self, count: int) -> None:
        self.count, self.history = count, self

    def __len__(self) -> int:
        return self.count

    def take(self, rows: Any) -> Any:
        return rows


def fit(words: SubWords, told: torch.Tensor, dataset: Any, table_dim: int = 24, **settings: Any) -> Any:
    """The fit to these vectors of items; users like them all alike, but for chance."""
    users = np.random.default_rng(4).standard_normal((50, DIM)).astype(np.float32) * 0.3 + 0.5
    model: Any = SimpleNamespace(item_vectors=lambda: told, user_vectors=lambda history, items: users[: len(history)])
    return later.fit_later(words, model, dataset, StaticSection(table_dim=table_dim, dim=DIM, **settings))


def world_of(n_items: int) -> tuple[Any, SubWords, torch.Tensor]:
    """Items whose vectors are what their sub-words say, of which a fifth was never clicked."""
    random = np.random.default_rng(1)
    tokens = Ragged.from_rows([list(random.integers(0, TOKENS - 2, random.integers(3, 9))) for _ in range(n_items)])
    warm = random.random(n_items) > 0.2
    clicks = np.where(warm, 50, 0)
    dataset = SimpleNamespace(warm=warm, train_clicks=clicks, item_text=np.arange(n_items), validation=Histories(0))
    words = words_of(tokens)
    say = words.vectors @ torch.randn(WIDTH, DIM, generator=torch.Generator().manual_seed(2))
    weighted = [(words.weight[row, None] * say[row]).sum(0) / words.weight[row].norm() for row in map(list, tokens)]
    return dataset, words, torch.stack(weighted) + 3


@pytest.mark.parametrize("table_dim", [24, 8])
def test_a_text_without_clicks_is_predicted_and_one_of_chance_is_not(table_dim: int) -> None:
    dataset, words, told = world_of(600)
    cold = ~dataset.warm
    told[cold] += 7  # of no weight
    vectors = fit(words, told, dataset, table_dim).encode()
    wrong = (vectors[cold] - told[cold] + 7).norm(dim=1).mean() / told[cold].std(0).norm()
    assert wrong < 0.35
    noise = torch.randn(600, DIM, generator=torch.Generator().manual_seed(3))
    spread = fit(words, noise, dataset, table_dim).encode()[cold].std(0) / noise.std(0)
    assert bool((spread < 0.6).all())


def test_an_item_of_few_clicks_moves_the_fit_less() -> None:
    dataset, words, told = world_of(300)
    moved, odd = [], int(np.flatnonzero(dataset.warm)[0])
    for clicks in (1, 500):
        counts = dataset.train_clicks.copy()
        counts[odd] = clicks
        there = SimpleNamespace(**vars(dataset) | {"train_clicks": counts})
        else_where = told.clone()
        else_where[odd] += 10
        fits = [fit(words, one, there).encode()[odd] for one in (told, else_where)]
        moved.append(float((fits[1] - fits[0]).norm()))
    assert moved[0] < 0.5 * moved[1]


def test_of_very_many_items_those_of_most_clicks_are_fitted_to(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, words, told = world_of(300)
    warm = np.flatnonzero(dataset.warm)
    dataset.train_clicks[warm[::2]] += 50
    monkeypatch.setattr(later, "MOST_FITTED", len(warm[::2]))
    other = told.clone()
    other[warm[1::2]] += 10
    fits = [fit(words, one, dataset).encode() for one in (told, other)]
    torch.testing.assert_close(*fits)
    other[warm[0]] += 10
    assert not torch.allclose(fit(words, other, dataset).encode(), fits[0])


def test_the_fit_is_ridge_regression_by_another_hand() -> None:
    random = np.random.default_rng(5)
    features = sparse.random(80, 30, 0.2, random_state=0, format="csr") + sparse.eye(80, 30)
    x, target = random.standard_normal((30, 6)), random.standard_normal((80, 3))
    counts = random.random(80) + 0.2
    of_words, constant = ridge.ridge(features, x, target, counts)
    shared = features @ x
    shared = shared / np.sqrt(np.square(shared).sum(1).mean())
    shared = shared - np.average(shared, axis=0, weights=counts)
    own = features.toarray() / np.sqrt(features.multiply(features).sum(1).mean())
    known = np.hstack([np.sqrt(ridge.SHARED) * shared, np.sqrt(ridge.OWN) * own])
    mean = np.average(target, axis=0, weights=counts)
    other = Ridge(1.0, fit_intercept=False).fit(known, target - mean, counts / counts.mean())
    np.testing.assert_allclose(features @ of_words + constant, other.predict(known) + mean, atol=2e-3)


def test_frequent_sub_words_and_items_of_many_clicks_do_not_keep_it_from_its_solution() -> None:
    random = np.random.default_rng(8)
    often = 1 / np.arange(1, 1501)
    drawn = random.choice(1500, (2000, 9), p=often / often.sum())
    features = sparse.csr_matrix((np.ones(drawn.size, np.float32), (np.repeat(np.arange(2000), 9), drawn.ravel())))
    x, target = (random.standard_normal(shape).astype(np.float32) for shape in ((1500, 20), (2000, 4)))
    counts = (np.ceil(random.pareto(1, 2000)) / 100).astype(np.float32)
    of_words, constant = ridge.ridge(features, x, target, counts)
    shared, weights = features @ x, counts / counts.mean()
    shared = shared / np.sqrt(np.square(shared).sum(1).mean())
    shared -= np.average(shared, axis=0, weights=weights)
    own = features.toarray() / np.sqrt(features.multiply(features).sum(1).mean())
    gram = ridge.SHARED * shared @ shared.T + ridge.OWN * own @ own.T
    mean = np.average(target, axis=0, weights=weights)
    exact = gram @ np.linalg.solve((gram + np.diag(1 / weights)).astype(np.float64), target - mean)
    off = np.linalg.norm(features @ of_words + constant - mean - exact) / np.linalg.norm(exact)
    assert off < 2e-3


def test_predicted_items_are_raised_to_where_they_would_stand_had_they_been_clicked() -> None:
    dataset, words, told = world_of(600)
    told += torch.randn(told.shape, generator=torch.Generator().manual_seed(6)) * 2  # what texts do not say
    dataset.validation = Histories(50)
    cold = torch.from_numpy(~dataset.warm)
    users = np.random.default_rng(4).standard_normal((50, DIM)).astype(np.float32) * 0.3 + 0.5
    by_share = {share: fit(words, told, dataset, new_level=share).encode() for share in (0.0, 0.5, 1.0)}
    lack = {share: later.missing_level(told[cold].numpy(), one[cold].numpy(), users) for share, one in by_share.items()}
    assert lack[0.0] > 0.5
    assert abs(lack[1.0]) < 0.35 * lack[0.0]
    assert lack[0.5] == pytest.approx((lack[0.0] + lack[1.0]) / 2, abs=0.1)
    moved = by_share[1.0] - by_share[0.0]
    torch.testing.assert_close(moved, moved[:1].expand_as(moved))  # all alike
    level = fit(words, told, dataset, new_level=0.25).new_level
    np.testing.assert_allclose(moved[0], level.shift(1.25), atol=1e-4)


def test_sub_words_that_no_text_has_are_read_by_what_the_plm_knows_of_them() -> None:
    dataset, words, told = world_of(600)
    encoder = fit(words, told, dataset)
    encoder.set_texts(Ragged.from_rows([[TOKENS - 1, 3], [TOKENS - 2, 3], []]))
    say = words.vectors @ torch.randn(WIDTH, DIM, generator=torch.Generator().manual_seed(2))
    right = torch.stack([words.weight[[t, 3]] @ say[[t, 3]] / words.weight[[t, 3]].norm() for t in (39, 38)])
    away = right - right.flip(0)
    found = encoder.encode()[:2]
    assert torch.nn.functional.cosine_similarity(found - found.flip(0), away).min() > 0.5
    assert torch.isfinite(encoder.encode()).all()


@pytest.fixture(scope="module")
def students(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Any:
    """A fitted and a learned student of the same training, where two items are new."""
    folder = tmp_path_factory.mktemp("later")
    dataset, trunk = make_dataset(), str(write_trunk(folder / "trunk"))
    dataset = replace(dataset, new=np.isin(np.arange(60), [56, 58]))
    for name in ("fitted", "learned"):
        section = student_section("static", optimizer=QUICK, new_texts=name)
        distill(section, None, dataset, folder / name, trunk=trunk)
    return SimpleNamespace(dataset=dataset, folder=folder)


def test_only_what_came_later_has_other_vectors(students: Any) -> None:
    fitted, learned = (load_student(students.folder / name) for name in ("fitted", "learned"))
    new = students.dataset.new
    np.testing.assert_array_equal(fitted.item_vectors[~new], learned.item_vectors[~new])
    texts = fitted.encode_texts(students.dataset.texts)[students.dataset.item_text]
    assert np.abs(fitted.item_vectors[new] - learned.item_vectors[new]).max() > 1e-3
    np.testing.assert_allclose(fitted.item_vectors, texts + fitted.offsets, atol=1e-5)
    assert not fitted.offsets[new].any()
    assert np.abs(fitted.encode_texts([NEW]) - learned.encode_texts([NEW])).max() > 1e-3


def test_what_goes_on_from_it_and_what_it_teaches_is_what_it_learned(students: Any) -> None:
    one, other = (load_file(students.folder / name / "weights.safetensors") for name in ("fitted", "learned"))
    assert set(other) <= set(one) and any(name.startswith("later.") for name in set(one) - set(other))
    for name in set(other) - {"item_vectors"}:
        assert torch.equal(one[name], other[name]), name
    taught = [knowledge_of(load_student(students.folder / name), students.dataset) for name in ("fitted", "learned")]
    np.testing.assert_array_equal(taught[0].text_vectors, taught[1].text_vectors)
    np.testing.assert_array_equal(taught[0].offsets, taught[1].offsets)


def test_a_service_encodes_a_new_text_as_torch_does(students: Any, tmp_path: Path) -> None:
    section = ExportSection(precisions=["fp32", "fp16", "int8"], max_loss=1.0)
    export_student(section, students.folder / "fitted", students.dataset, tmp_path / "export")
    model = load_student(students.folder / "fitted")
    for precision, close in (("fp32", 1e-5), ("fp16", 1e-2), ("int8", 3e-2)):
        student = Student.load(tmp_path / "export" / "student", precision=precision)
        texts = [NEW, "red cat 3", "unheard of", ""]
        found, right = student.encode_items(texts), model.encode_texts(texts)
        assert np.linalg.norm(found - right, axis=1).max() < close * np.linalg.norm(right, axis=1).max()
        student.add_items({"new": NEW})
        assert np.isfinite(student.rank(["i1"], ["new", "i2"])).all()


@pytest.mark.parametrize("kind", ["static", "sequential"])
def test_a_service_has_new_items_at_another_level_without_another_training(
    kind: str, cache: Path, tmp_path: Path
) -> None:
    dataset, trunk = make_dataset(), str(write_trunk(tmp_path / "trunk"))
    for name, level in (("low", 0.0), ("high", 1.0)):
        section = student_section(kind, optimizer=QUICK, new_level=level)
        distill(section, None, dataset, tmp_path / name, trunk=trunk)
        section = ExportSection(precisions=["fp32"], max_loss=1.0, keep=1)
        export_student(section, tmp_path / name, dataset, tmp_path / "export" / name)
    low, high = (Student.load(tmp_path / "export" / name / "student") for name in ("low", "high"))
    raised = Student.load(tmp_path / "export" / "low" / "student", new_level=1.0, verify=True)
    assert (low.info.new_level, high.info.new_level, raised.info.new_level) == (0.0, 1.0, 1.0)
    assert "new_level=...)` says how high" in (low.info.folder / "README.md").read_text("utf-8")
    texts = [NEW, "red cat 3", "unheard of", ""]
    assert np.abs(low.encode_items(texts) - high.encode_items(texts)).max() > 1e-3
    np.testing.assert_allclose(raised.encode_items(texts), high.encode_items(texts), atol=1e-5)
    known = {low.item_ids[1]: NEW}
    for student in (low, raised):  # one that is there keeps its place, whatever new ones have
        student.add_items(known)
    np.testing.assert_allclose(raised.rank(["i3"], list(known)), low.rank(["i3"], list(known)), atol=1e-4)
