"""A file of scores or vectors as the teacher: what it lacks, what is wrong in it, and a run of each from end to end."""

import logging

import numpy as np
import polars as pl
import pytest
from tiny import make_dataset

from distill_rec import Run, run
from distill_rec.contracts import supplies_of
from distill_rec.data.samples import samples_of
from distill_rec.knowledge import Knowledge
from distill_rec.recipe_check import check
from distill_rec.recipe_io import load_recipe
from distill_rec.runtime.errors import DataError, ModelError, RecipeError
from distill_rec.teacher_model import Teacher
from teachers.precomputed.spec import PrecomputedSection
from teachers.precomputed.teach import teach


def scored(dataset, part):
    """Each sample's candidates, or its first items, with scores by colour."""
    frame = samples_of(dataset, part)
    if "candidates" not in frame.columns:
        ids = dataset.items["item_id"].to_list()
        frame = frame.with_columns(pl.lit(pl.Series([ids])).first().alias("candidates"))
    frame = frame.explode("candidates").rename({"candidates": "item_id"}).drop("history").unique(maintain_order=True)
    colour = pl.col("item_id").str.slice(1).cast(pl.Int64) % 3 == pl.col("user_id").str.slice(1).cast(pl.Int64) % 3
    return frame.with_columns(score=colour.cast(pl.Float64) * 4 + pl.col("item_id").hash(0) % 100 / 100)


def section_of(frame, folder, **settings):
    path = folder / "scores.parquet"
    frame.write_parquet(path)
    return PrecomputedSection.model_validate({"scores": str(path), "device": "cpu", **settings})


COLUMNS = [
    ("clicks", {"sample_column": "sample"}),
    ("impressions", {"sample_column": "sample"}),
    ("impressions", {"time_column": "time"}),
]


@pytest.mark.parametrize(("kind", "columns"), COLUMNS)
def test_scores_are_those_of_the_file_whatever_its_order(kind, columns, tmp_path):
    dataset = make_dataset(kind)
    frame = scored(dataset, "train")
    teach(section_of(frame.sample(fraction=1, shuffle=True, seed=1), tmp_path, **columns), dataset, tmp_path / "teach")
    found = Knowledge.load(tmp_path / "teach" / "knowledge").scores["train"]
    asked = frame.sample(50, seed=2).with_columns(pl.col("sample").str.slice(6).cast(pl.Int64).alias("row"))
    for row, item, score in asked.select("row", "item_id", "score").iter_rows():
        place = np.flatnonzero(found.items[row] == int(item[1:]))
        assert found.scores[found.items.offsets[row] + place] == np.float32(score)


def test_a_histories_column_is_what_came_in_earlier_seconds():
    dataset = make_dataset("clicks")
    frame, train = samples_of(dataset, "train"), dataset.train
    ids = np.array(dataset.items["item_id"].to_list())
    at = 0
    for items, times in zip(train.items, train.times, strict=True):
        for number in range(len(items)):
            expected = ids[items[times < times[number]]][-dataset.max_history :].tolist()
            assert frame["history"][at].to_list() == expected
            at += 1
    assert at == len(frame)


FAULTS = {
    "no column 'score'": lambda f: f.rename({"score": "logit"}),
    "values of type String": lambda f: f.with_columns(score=pl.lit("high")),
    r"row 4, column score: nan \(1 such": lambda f: f.with_columns(
        score=pl.when(pl.int_range(pl.len()) == 3).then(float("nan")).otherwise("score")
    ),
    r"row 3, column sample: train-0, .* has more than one score": lambda f: pl.concat([f[:2], f[1:]]),
    r"row 1, column item_id: item 'i99' \(1 such": lambda f: f.with_columns(
        item_id=pl.when(pl.int_range(pl.len()) == 0).then(pl.lit("i99")).otherwise("item_id")
    ),
    "sample 'train-999999'": lambda f: pl.concat([f, f[:1].with_columns(sample=pl.lit("train-999999"))]),
    "sample 'early-0'": lambda f: pl.concat([f, f[:1].with_columns(sample=pl.lit("early-0"))]),
    "no rows": lambda f: f.clear(),
    "no score of a training sample": lambda f: f.with_columns(sample=pl.col("sample").str.replace("train", "test")),
}


@pytest.mark.parametrize("told", FAULTS)
def test_what_is_wrong_in_a_file_is_told_by_row_and_column(told, tmp_path):
    dataset = make_dataset("impressions")
    section = section_of(FAULTS[told](scored(dataset, "train")), tmp_path, sample_column="sample")
    with pytest.raises(DataError, match=told) as caught:
        teach(section, dataset, tmp_path / "teach")
    assert "scores.parquet" in str(caught.value) and not (tmp_path / "teach" / "model.json").exists()


def test_a_file_that_is_none_or_not_there_is_told(tmp_path):
    dataset = make_dataset("impressions")
    (tmp_path / "scores.parquet").write_text("sample,item_id,score\n")
    for name in ("scores.parquet", "none.parquet"):
        section = PrecomputedSection.model_validate({"scores": str(tmp_path / name)})
        with pytest.raises(DataError, match="cannot be read"):
            teach(section, dataset, tmp_path / "teach")


def test_what_is_unknown_or_missing_is_counted_with_an_example(tmp_path, caplog):
    dataset = make_dataset("impressions")
    frame = scored(dataset, "train").filter(pl.col("sample") != "train-7")
    frame = pl.concat(
        [frame, frame[:2].with_columns(item_id=pl.lit("elsewhere"), sample=pl.Series(["train-1", "train-2"]))]
    )
    section = section_of(frame, tmp_path, sample_column="sample", unknown="skip")
    with caplog.at_level(logging.WARNING):
        teach(section, dataset, tmp_path / "teach")
    assert "2 rows of an unknown item are left out, as 'elsewhere'" in caplog.text
    assert "no scores of 1 of 80 samples of train, as train-7 (user 'u7')" in caplog.text
    config = Teacher.load(tmp_path / "teach").config
    assert config["skipped"] == {"item": 2} and config["scored"]["train"] == pytest.approx(79 / 80)


def test_a_file_of_vectors_that_lacks_items_teaches_the_others(tmp_path, caplog):
    dataset = make_dataset("impressions")
    path = tmp_path / "vectors.parquet"
    vectors = np.random.default_rng(0).normal(size=(60, 5))
    frame = pl.DataFrame({"item_id": dataset.items["item_id"], "vector": vectors.tolist()})
    quick = {"dim": 8, "device": "cpu", "optimizer": {"batch_size": 16, "max_updates": 20}}
    frame.filter(~pl.col("item_id").is_in(["i1", "i9"])).write_parquet(path)
    teach(PrecomputedSection.model_validate({"vectors": str(path), **quick}), dataset, tmp_path / "teach")
    assert "no vector for 2 of 60 items, as 'i1'" in caplog.text
    knowledge = Knowledge.load(tmp_path / "teach" / "knowledge")
    assert not knowledge.knows[[1, 9]].any() and knowledge.knows.sum() == 58
    assert not knowledge.item_vectors[[1, 9]].any() and not knowledge.offsets[[1, 9]].any()
    # item 4 shares item 1's text: what is known of the text is item 4's
    assert knowledge.knows_texts[dataset.item_text[4]] and not knowledge.knows_texts[dataset.item_text[9]]
    frame.with_columns(item_id=pl.lit("x") + pl.col("item_id")).write_parquet(path)
    with pytest.raises(ModelError, match="no vector for any item"):
        teach(PrecomputedSection.model_validate({"vectors": str(path), **quick}), dataset, tmp_path / "other")


def test_settings_say_what_is_supplied_and_recipes_are_checked_by_it(tmp_path):
    teacher = {"kind": "precomputed", "scores": "s.parquet"}
    assert supplies_of(PrecomputedSection.model_validate(teacher)) == {"scores"}
    assert "item vectors" in supplies_of(PrecomputedSection.model_validate({"vectors": "v.npz"}))
    student = {"trunk": "demo:all-MiniLM-L6-v2", "loss": {"item_cosine": 0, "user_cosine": 0}}
    assert check({"teacher": teacher, "student": student})
    with pytest.raises(RecipeError, match=r"Set student\.loss\.item_cosine = 0"):
        check({"teacher": teacher, "student": {"trunk": "x"}})
    with pytest.raises(RecipeError, match="scores alone, which no student can start from"):
        check({"teacher": teacher, "student": student | {"initialised": True}})
    with pytest.raises(RecipeError, match="scores, vectors, or both"):
        check({"teacher": {"kind": "precomputed"}})
    several = {"kind": "ensemble", "members": {"file": teacher, "ids": {"kind": "item_ids"}}}
    with pytest.raises(RecipeError, match="file hands over scores alone"):
        check({"teacher": several})
    path = tmp_path / "own.toml"
    path.write_text('[teacher]\nkind = "precomputed"\nscores = "s.parquet"\n')
    assert load_recipe(path).teacher.scores == str(tmp_path / "s.parquet")


def recipe(tiny_recipe, trunk, file, **teacher):
    base = load_recipe(tiny_recipe).model_dump(exclude_unset=True)
    off = {"item_cosine": 0.0, "user_cosine": 0.0} if teacher.get("scores") else {}
    optimizer = base["student"]["optimizer"]
    student = base["student"] | {"trunk": str(trunk), "initialised": False, "loss": off}
    own = {"kind": "precomputed", "device": "cpu", "dim": 16, "optimizer": optimizer} | teacher
    return base | {"name": "scored", "teacher": own, "student": student}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, tiny_recipe):
    folder = tmp_path_factory.mktemp("prepared") / "run"
    run({"name": "scored", "data": load_recipe(tiny_recipe).data.model_dump()}, out=folder)
    return Run.load(folder)


def of_colour(samples, n_items=60):
    """Whole-catalogue scores of a teacher who knows what everyone likes."""
    items = pl.DataFrame({"item_id": [str(item) for item in range(n_items)]})
    frame = samples.select("sample", "user_id").join(items, how="cross")
    same = pl.col("item_id").cast(pl.Int64) % 3 == pl.col("user_id").cast(pl.Int64) % 3
    return frame.with_columns(score=same.cast(pl.Float64) * 5).drop("user_id")


@pytest.mark.parametrize("parts", [("train", "validation", "test"), ("train",)])
def test_a_run_of_a_file_of_scores_alone(parts, prepared, tiny_recipe, tiny_trunk, tmp_path):
    path = tmp_path / "scores.parquet"
    pl.concat([of_colour(prepared.samples(part)) for part in parts]).write_parquet(path)
    settings = recipe(tiny_recipe, tiny_trunk, path, scores=str(path), sample_column="sample")
    settings["export"] = {"min_quality": 0.1}
    found = run(settings, out=tmp_path / "run")
    assert (tmp_path / "run" / "evaluate" / "report.html").exists()
    table, models = found.results.test, found.results.models
    cells = table.cells["ndcg@10"]
    remarks = [verdict.text for verdict in found.results.verdicts if "has no column" in verdict.text]
    assert cells["student"].mean > cells["popularity"].mean
    if "test" in parts:
        assert models[-1] == "teacher" and not remarks and table.ratio("Q", "ndcg@10") is not None
        assert cells["teacher"].mean > cells["popularity"].mean
    else:
        assert "teacher" not in models and table.ratio("Q", "ndcg@10") is None
        assert len(remarks) == 1 and "of 0 of the" in remarks[0], remarks
    with pytest.raises(ModelError, match="can be asked for no others"):
        found.teacher.rank(["1"], ["2", "3"])
    assert list(found.teachers) == ["teacher"]


def test_a_run_of_a_file_of_vectors_alone(tiny_recipe, tiny_trunk, tmp_path):
    colours = np.eye(3)[np.arange(60) % 3] + np.random.default_rng(0).normal(size=(60, 3)) / 10
    path = tmp_path / "vectors.npz"
    np.savez(path, item_id=np.arange(60).astype(str), vector=colours)
    found = run(recipe(tiny_recipe, tiny_trunk, path, vectors=str(path)), out=tmp_path / "run")
    assert found.results.models[-1] == "teacher" and found.teacher.kind == "precomputed"
    assert found.teacher.recommend(["0", "3"], 5)
