"""Teachers' earlier states teach in order: kept on the way, joined, begun by a rule, and resumed to the same bits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file
from tiny import make_dataset, student_section, write_trunk

from distill_rec.distillation import distill
from distill_rec.distillation.in_order import InOrder, lists_of, reached
from distill_rec.ensemble.teach import teach as teach_several
from distill_rec.evaluation.scorer import DotScorer
from distill_rec.knowledge import Knowledge
from distill_rec.recipe import OptimizerSection
from distill_rec.recipe_check import check
from distill_rec.records import write_record
from distill_rec.refresh import Gently, _student, _teacher
from distill_rec.runtime.errors import RecipeError
from distill_rec.sections.base import decisive
from distill_rec.sections.order import OrderSection
from distill_rec.several_teachers import EnsembleSection
from distill_rec.testing.kills import Counted, KilledError, places
from distill_rec.testing.sections import QUICK, own_cache
from distill_rec.training.loop import kept_at
from distill_rec.training.outcome import Outcome
from distill_rec.training.trajectory import earlier_states
from teachers.bi_encoder.spec import BiEncoderSection
from teachers.item_ids.spec import ItemIdsSection

OPTIMIZER = QUICK | {"learning_rate": 1e-2, "max_epochs": 6}
ORDERS: list[dict[str, Any]] = [{}, {"by": "agreement", "gain": 1.2}]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("order")
    dataset, trunk = make_dataset(), str(write_trunk(folder / "trunk"))
    shared: dict[str, Any] = {"dim": 8, "device": "cpu", "optimizer": OPTIMIZER}
    text = BiEncoderSection(trunk=trunk, trajectory=[2, 6], **shared)
    section = EnsembleSection(
        members={"text": text, "ids": ItemIdsSection(trajectory=[2], **shared)}, weights={"text": 1.0, "ids": 0.5}
    )
    with own_cache(folder):
        teach_several(section, dataset, folder / "teach")
        yield dataset, trunk, folder


def train(world: Any, name: str, progress: Counted | None = None, known: str = "teach", **settings: Any) -> Path:
    dataset, trunk, folder = world
    section = student_section(optimizer=OptimizerSection(**OPTIMIZER), device="cpu", start="none", **settings)
    knowledge = folder / known / "knowledge" if known else None
    distill(section, knowledge, dataset, folder / name, trunk=trunk, progress=progress)
    return Path(folder / name)


def records(place: Path) -> list[dict[str, float]]:
    found: list[dict[str, float]] = json.loads((place / "history.json").read_text())["history"]
    return found


def test_states_of_several_are_joined_step_by_step(world: Any) -> None:
    _, _, folder = world
    whole, text, ids = (Knowledge.load(folder / "teach" / name / "knowledge") for name in (".", "text", "ids"))
    assert (whole.earlier, text.earlier, ids.earlier) == (2, 2, 1)
    blocks = [whole.at(step, 2).item_vectors for step in range(3)]
    assert len({np.asarray(one).tobytes() for one in blocks}) == 3
    warm = np.asarray(whole.item_vectors)[:, 8:].any(1)
    for step, (of_text, of_ids) in enumerate([(0, 0), (1, 0), (2, 1)]):
        np.testing.assert_array_equal(blocks[step][warm, :8], text.at(of_text, 2).item_vectors[warm])
        np.testing.assert_array_equal(blocks[step][warm, 8:], ids.at(of_ids, 1).item_vectors[warm])
    encoder = whole.at(0, 2).user_encoder
    assert encoder.weights.tolist() == [1.0, 0.5]  # of the teachers as they are in the end


def test_states_after_the_kept_weights_are_left_out(tmp_path: Path) -> None:
    values = {0: 0.1, 4: 0.3, 8: 0.2}
    history: list[dict[str, int | float]] = [{"update": at, "ndcg@10": value} for at, value in values.items()]
    rest: dict[str, Any] = {"best": 0.3, "updates": 8, "seconds": 1.0, "stopped": "plateau"}
    outcome = Outcome(history=history, reproducible=True, rising=False, **rest)
    for folder, changes in ((tmp_path, {}), (tmp_path / "tries" / "1", {"tries": [], "chosen_try": 1})):
        folder.mkdir(parents=True, exist_ok=True)
        write_record(tmp_path / "history.json", outcome.model_copy(update=changes))
        for update in (2, 4, 6):
            kept_at(folder, update).touch()
        assert earlier_states(tmp_path, [2, 3, 4, 6]) == [kept_at(folder, 2)]


@pytest.mark.parametrize("order", ORDERS, ids=["share", "agreement"])
def test_killed_anywhere_it_ends_in_the_same_student(world: Any, order: dict[str, Any]) -> None:
    counted, by = Counted(), order.get("by", "share")
    train(world, f"warm-{by}")  # caches, which tell their progress too
    whole = train(world, f"whole-{by}", counted, order=order)
    states = [record["state"] for record in records(whole)]
    assert states == sorted(states) and set(states) >= {1.0, 3.0}
    for place in places(counted.told):
        with pytest.raises(KilledError):
            train(world, f"killed-{by}-{place}", Counted(place), order=order)
        other = train(world, f"killed-{by}-{place}", order=order)
        one, two = (load_file(path / "weights.safetensors") for path in (whole, other))
        assert all(torch.equal(one[name], two[name]) for name in one)
        assert [r["state"] for r in records(other)] == states


def test_what_teaches_first_is_the_first_state_and_in_the_end_the_teacher(world: Any) -> None:
    _, _, folder = world
    soon, late = train(world, "soon", order={"over": 1e-6}), train(world, "late", order={"over": 1.0})
    assert records(soon)[1]["loss"] != records(late)[1]["loss"]
    objective = InOrder(OrderSection(over=0.5), Knowledge.load(folder / "teach" / "knowledge"))
    assert [objective.proceed(progress) for progress in (0.0, 0.24, 0.25, 0.49, 0.5, 1.0)] == [0, 0, 1, 1, 2, 2]
    np.testing.assert_array_equal(objective.state(2).item_vectors, objective.knowledge.item_vectors)


def test_the_undistilled_student_is_the_same(world: Any) -> None:
    found = [load_file(train(world, f"alone-{len(order)}", known="", **order) / "weights.safetensors")
             for order in ({}, {"order": {}})]  # fmt: skip
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


def test_one_teacher_alone_has_an_order_too(world: Any) -> None:
    place = train(world, "one", known="teach/ids", order={})
    assert {record["state"] for record in records(place)} == {1.0, 2.0}


def record(state: int, *agreements: float) -> dict[str, float]:
    return {"state": state, **{f"agreement.{number}": value for number, value in enumerate(agreements, 1)}}


def test_by_agreement_the_next_begins_when_the_student_is_nearer_or_no_nearer() -> None:
    first, nearer = record(1, 0, 0.2, 0.1), record(1, 0, 0.3, 0.2)
    assert reached([first], 2, 1.2) == 0
    assert reached([first, record(1, 0, 0.25, 0.2)], 2, 1.2) == 0  # .8 to .75
    assert reached([first, record(1, 0, 0.25, 0.2), nearer], 2, 1.14) == 1  # .8 to .7
    assert reached([first, record(1, 0, 0.15, 0.2)], 2, 1.2) == 1
    # from then on it is the distance to the third, .8, that counts
    assert reached([first, nearer, record(2, 0, 0.3, 0.25)], 2, 1.14) == 1
    assert reached([first, nearer, record(2, 0, 0.3, 0.25), record(2, 0, 0.3, 0.3)], 2, 1.14) == 2
    # a state that came by its share of the schedule begins with what is noted first
    assert reached([first, record(2, 0, 0.3, 0.2), record(2, 0, 0.3, 0.21)], 2, 1.2) == 1


@pytest.mark.parametrize("kind", ["clicks", "impressions"])
def test_lists_leave_out_the_history_and_what_is_not_known(kind: str) -> None:
    dataset = make_dataset(kind)  # type: ignore[arg-type]
    items = np.random.default_rng(0).normal(size=(dataset.n_items, 4)).astype(np.float32)
    scorer = DotScorer("one", items, lambda history: np.ones((len(history), 4), np.float32))
    knows = np.ones(dataset.n_items, np.bool_)
    knows[::2] = False
    samples = dataset.validation.take(np.arange(5))
    found = lists_of(scorer, samples, knows)
    for number, mine in enumerate(found):
        if kind == "clicks":
            left = set(np.flatnonzero(knows)) - set(samples.history.take(np.array([number])).values)
        else:
            shown = samples.candidates.take(np.array([number])).values
            left = set(np.flatnonzero(knows[shown]))
            items = np.asarray(scorer.item_vectors)[shown]
        by_score = sorted(left, key=lambda item: -items[item].sum())
        assert mine.tolist()[:3] == by_score[:3] and len(mine) == min(len(left), 100)
        items = np.asarray(scorer.item_vectors)


def test_what_has_no_states_to_offer_is_refused(world: Any) -> None:
    teacher = {"kind": "item_ids"}
    with pytest.raises(RecipeError, match=r"section student\.order: set, and no teacher keeps"):
        check({"teacher": teacher, "student": {"order": {}}})
    check({"teacher": teacher | {"trajectory": [5]}, "student": {"order": {}}})
    with pytest.raises(RecipeError, match="no teacher"):
        check({"student": {"trunk": "x", "order": {}}})
    for key, value in (("order", {}), ("experts", {"count": 2})):
        with pytest.raises(RecipeError, match=f"model.{key} has no effect here"):
            check({"teacher": {"kind": "student", "model": {"kind": "static", key: value}}})
    with pytest.raises(ValidationError, match="rising numbers"):
        ItemIdsSection(trajectory=[5, 5])
    with pytest.raises(RecipeError, match=r"teacher\.trajectory"):
        _, _, folder = world
        place = folder / "teach" / "text" / "knowledge" / "earlier" / "1"
        distill(student_section(order={}), place, world[0], folder / "none", trunk=world[1])


def test_without_them_fingerprints_are_as_before() -> None:
    assert "order" not in decisive(student_section(), set()) and "experts" not in decisive(student_section(), set())
    assert "trajectory" not in decisive(ItemIdsSection(), set())


def test_a_refresh_has_the_way_behind_it(world: Any) -> None:
    _, _, folder = world
    train(world, "distill/student", known="teach/ids", order={})
    section = student_section(order={"by": "agreement"}).model_dump()
    assert _student(section, folder, Gently())["order"] is None
    begun = _teacher(ItemIdsSection(trajectory=[2]).model_dump(), folder / "teach" / "ids", Gently())
    assert begun["trajectory"] == [] and begun["begin"]
