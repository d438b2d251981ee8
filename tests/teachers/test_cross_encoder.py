"""A cross-encoder: what it reads, that it learns, where its scores come from, a student of it from end to end."""

import numpy as np
import pytest
from tiny import make_dataset, write_trunk

from distill_rec import run
from distill_rec.data.ragged import Ragged
from distill_rec.knowledge import Knowledge
from distill_rec.progress import Quiet, QuietTask
from distill_rec.recipe_io import load_recipe
from distill_rec.records import read_record
from distill_rec.runtime.errors import RecipeError, RunError
from distill_rec.teacher_model import Teacher
from distill_rec.training.outcome import Outcome
from distill_rec.trunks.load import load_trunk
from teachers.cross_encoder.asked import asked_of, pairs_of
from teachers.cross_encoder.model import build
from teachers.cross_encoder.pairs import Reader, titles_of
from teachers.cross_encoder.spec import CrossEncoderSection
from teachers.cross_encoder.teach import teach
from teachers.item_ids.spec import ItemIdsSection
from teachers.item_ids.teach import teach as teach_ids


@pytest.fixture(scope="module")
def trunk(tmp_path_factory):
    return write_trunk(tmp_path_factory.mktemp("trunk") / "tiny", dropout=0.0)


def section_of(trunk, **settings):
    optimizer = {"batch_size": 16, "max_updates": 20, "warmup_updates": 2, "validation_users": 40}
    optimizer |= settings.pop("optimizer", {})
    given = {"trunk": str(trunk), "device": "cpu", "max_tokens": 32, "history": 4, "top": 6, "scored": 50}
    return CrossEncoderSection.model_validate({**given, **settings, "optimizer": optimizer})


def test_a_pair_is_the_last_titles_and_the_candidate_and_loses_its_oldest_tokens_first(trunk):
    loaded = load_trunk(str(trunk), max_tokens=8)
    titles = Ragged.from_rows([[10, 11], [12], [13, 14, 15, 16, 17, 18]])
    special = loaded.tokenizer().encode([""])[0].tolist()
    assert special == [2, 3]
    reader = Reader.of(titles, loaded, most=2)
    found = [row.tolist() for row in reader.pairs(Ragged.from_rows([[2, 0, 1], []]), Ragged.from_rows([[1, 2], [0]]))]
    assert found == [
        [2, 10, 11, 3, 12, 3, 12, 3],  # item 2 of the history is beyond the last two titles
        [2, 12, 3, 13, 14, 15, 16, 3],  # half of eight tokens are the candidate's
        [2, 3, 10, 11, 3],
    ]


def test_others_are_those_shown_and_not_clicked():
    part = asked_of(section_of(""), make_dataset("impressions"), "train", with_target=True)
    rows = pairs_of(part, 3, None, np.random.default_rng(0))
    for row, shown, labels in zip(rows, part.candidates, part.labels, strict=True):
        assert row[0] in shown[labels > 0] and set(row[1:]) <= set(shown[labels == 0]) and len(row) == 4


def test_it_learns_and_hands_over_what_it_would_say_if_asked(trunk, tmp_path):
    dataset = make_dataset("impressions", n_users=240)
    rates = {"max_updates": 150, "learning_rate": 1e-2, "trunk_learning_rate": 2e-3, "validate_every": 30}
    teach(section_of(trunk, optimizer=rates, scored=None), dataset, tmp_path / "teach")
    history = read_record(Outcome, tmp_path / "teach" / "history.json").history
    assert max(one["ndcg@10"] for one in history) > history[0]["ndcg@10"] + 0.1
    assert not (tmp_path / "teach" / "scoring").exists()
    teacher = Teacher.load(tmp_path / "teach")
    scores, ids = teacher.knowledge.scores, teacher.item_ids
    for part in ("train", "test"):
        samples = getattr(dataset, part)
        items = scores[part].items[5]
        asked = teacher.rank([ids[item] for item in samples.history[5]], [ids[item] for item in items])
        mine = scores[part].take(np.array([5])).scores
        np.testing.assert_allclose(mine, asked, rtol=1e-3, atol=1e-4)
        assert set(items) == set(samples.candidates[5])
    assert teacher.scorer_on(dataset, "test", "validation") is not None


def test_of_ordered_clicks_a_proposer_says_what_is_scored_and_a_test_never_tells_its_target(trunk, tmp_path):
    dataset = make_dataset("clicks")
    quick = {"dim": 8, "device": "cpu", "optimizer": {"batch_size": 16, "max_updates": 20}}
    teach_ids(ItemIdsSection.model_validate(quick), dataset, tmp_path / "ids")
    section = section_of(trunk, proposer=str(tmp_path / "ids"), evaluated=False)
    best = Teacher.load(tmp_path / "ids").scorer()
    from distill_rec.evaluation.scorer import catalogue_scores

    for part, with_target in (("train", True), ("test", False)):
        asked = asked_of(section, dataset, part, with_target)
        scores = catalogue_scores(best, asked.history, 60)
        clicked = np.array([labels.sum() for labels in asked.labels])
        assert (clicked == 1).all() if with_target else 0 < clicked.mean() < 1
        for row in (0, 7, 30):
            top = set(np.argsort(-scores[row])[: section.top])
            assert len(top - set(asked.candidates[row])) <= with_target
    teach(section, dataset, tmp_path / "teach")
    knowledge = Knowledge.load(tmp_path / "teach" / "knowledge")
    assert list(knowledge.scores) == ["train"] and (knowledge.scores["train"].items.lengths > 0).sum() == 50
    with pytest.raises(RunError, match="the proposer has data"):
        teach(section, make_dataset("clicks", seed=1), tmp_path / "other")
    with pytest.raises(RecipeError, match="a teacher of scores alone"):
        teach(section.model_copy(update={"proposer": str(tmp_path / "teach")}), dataset, tmp_path / "third")


def test_a_validation_shows_its_pairs_as_they_are_scored(trunk, tmp_path):
    class Bars(Quiet):
        def __init__(self):
            self.done = {}

        def task(self, description, total=None):
            one = QuietTask()
            seen = self.done.setdefault(description, [0, total or 0])
            one.advance = lambda steps=1: seen.__setitem__(0, seen[0] + steps)
            return one

    bars, rates = Bars(), {"max_updates": 2, "validate_every": 1}
    teach(section_of(trunk, optimizer=rates, scored=1), make_dataset("impressions"), tmp_path / "teach", progress=bars)
    done, total = bars.done["validation of cross_encoder, pairs"]
    assert done == 3 * total > 0  # the start and two steps


def test_a_trunk_is_cut_to_its_first_layers(trunk):
    whole, cut = build(section_of(trunk)), build(section_of(trunk, layers=1))
    assert (len(whole.trunk.layers), len(cut.trunk.layers)) == (2, 1)
    dataset = make_dataset("impressions")
    pairs = Reader.of(titles_of(dataset, cut.trunk), cut.trunk, 2).pairs(
        dataset.test.history.take(np.arange(3)), dataset.test.candidates.take(np.arange(3))
    )
    assert np.isfinite(cut.scores(pairs)).all()
    with pytest.raises(RecipeError, match=r"teacher\.layers: 3, and the trunk has 2"):
        build(section_of(trunk, layers=3))


def test_a_run_with_a_student(tiny_recipe, tiny_trunk, tmp_path):
    settings = load_recipe(tiny_recipe).model_dump(exclude_unset=True)
    optimizer = settings["student"]["optimizer"]
    student = settings["student"] | {"initialised": False, "loss": {"item_cosine": 0.0, "user_cosine": 0.0}}
    teacher = {"kind": "cross_encoder", "trunk": str(tiny_trunk), "device": "cpu", "top": 6, "scored": 100}
    settings |= {"teacher": teacher | {"optimizer": optimizer | {"max_updates": 20}}, "student": student}
    settings["evaluate"] |= {"cost": True}
    found = run(settings, out=tmp_path / "run")
    assert found.results.models == ["popularity", "undistilled", "student", "teacher"]
    assert found.results.test.ratio("Q", "ndcg@10") is not None
    cost = found.results.costs["teacher"]
    assert not cost.cached and cost.p50_ms > found.results.costs["student"].p50_ms, cost
    assert any("of pairs of history and candidate" in verdict.text for verdict in found.results.verdicts)
