"""Recipes: layers, shelf names, paths, and errors that name the key."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from distill_rec.recipe_check import recorded
from distill_rec.recipe_io import find_recipe, load_recipe, shelf_names
from distill_rec.recipe_unread import cautions_of
from distill_rec.runtime.errors import RecipeError
from distill_rec.search.space import default_space


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize("name", shelf_names())
def test_every_recipe_on_the_shelves_is_valid(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.evaluate is not None
    assert (find_recipe(name).parent / "card.md").exists()


def test_a_shelf_name_is_never_looked_up_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "students/static/recipe.toml", 'name = "mine"')
    write(tmp_path / "students/own/recipe.toml", 'name = "own"')
    monkeypatch.chdir(tmp_path)
    assert load_recipe("students/static").name == "static"
    with pytest.raises(RecipeError, match=r"not on the shelves.*\./students/own"):
        load_recipe("students/own")
    assert load_recipe("./students/own").name == "own"


def test_extends_and_set_lie_on_top_of_each_other(tmp_path: Path) -> None:
    write(tmp_path / "base.toml", "[teacher]\ndim = 8\n[teacher.optimizer]\nwindow = 2\nbatch_size = 3")
    path = write(tmp_path / "mine.toml", 'extends = "base.toml"\n[teacher.optimizer]\nbatch_size = 5')
    teacher = load_recipe(path, ["teacher.dim=16", "teacher.tuning=last:2", "teacher.offsets=false"]).teacher
    assert teacher is not None
    assert (teacher.dim, teacher.tuning, teacher.offsets) == (16, "last:2", False)
    assert (teacher.optimizer.window, teacher.optimizer.batch_size) == (2, 5)


def test_a_recipe_that_extends_itself_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.toml", 'extends = "b.toml"')
    write(tmp_path / "b.toml", 'extends = "a.toml"')
    with pytest.raises(RecipeError, match="extends itself"):
        load_recipe(path)


def test_paths_are_relative_to_the_recipe_and_in_set_to_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "recipes/model").mkdir(parents=True)
    path = write(tmp_path / "recipes/r.toml", '[data]\npath = "clicks"\n[teacher]\ntrunk = "model"')
    monkeypatch.chdir(tmp_path)
    recipe = load_recipe(path)
    assert recipe.teacher is not None
    assert recipe.data.path == str(tmp_path / "recipes/clicks")
    assert recipe.teacher.trunk == str(tmp_path / "recipes/model")
    assert load_recipe(path, ["data.path=clicks"]).data.path == str(tmp_path / "clicks")


def test_hub_ids_and_demo_values_are_no_paths(tmp_path: Path) -> None:
    path = write(tmp_path / "r.toml", '[data]\npath = "demo:movielens-100k"\n[teacher]\ntrunk = "owner/name"')
    recipe = load_recipe(path)
    assert recipe.teacher is not None
    assert (recipe.data.path, recipe.teacher.trunk) == ("demo:movielens-100k", "owner/name")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[teacher]\ndimm = 3", r"unknown key teacher\.dimm.*Did you mean teacher\.dim\? \(.*dimensions of item"),
        ("[teacher]\nbatch_size = 3", r"Did you mean teacher\.optimizer\.batch_size\?"),
        ("[techer]\ndim = 3", r"unknown key techer.*Did you mean teacher\?"),
        ("[teacher]\ntuning = 'some'", r"key teacher\.tuning: 'some'.*head, .*last:k, .*or full"),
        ("[data]\nmax_refused = 3", r"key data\.max_refused: 3.*less than or equal to 1.*share of refused rows"),
        ("[teacher]\nchoose = [{ tunin = 'head' }]", r"unknown key teacher\.tunin.*teacher\.tuning"),
        ("[teacher\ndim = 3", r"expected a TOML file"),
    ],
)
def test_errors_name_the_key_and_the_nearest_right_one(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_recipe(write(tmp_path / "r.toml", text))


@pytest.mark.parametrize("name", ["student/static", "students/statc", "student/static/demo"])
def test_a_misspelt_shelf_name_is_told_the_nearest(name: str) -> None:
    near = "students/static/demo" if name.endswith("demo") else "students/static"
    with pytest.raises(RecipeError, match=rf"Did you mean {near}\?"):
        load_recipe(name)


def test_a_misspelt_recipe_is_told_the_nearest_file(tmp_path: Path) -> None:
    write(tmp_path / "films.toml", "")
    with pytest.raises(RecipeError, match=r"no such file.*Did you mean .*films\.toml\?"):
        load_recipe(tmp_path / "film.toml")


def test_a_change_without_a_value_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"--set teacher\.dim: no key=value"):
        load_recipe("students/static", ["teacher.dim"])


SEVERAL = """
[[teacher]]
name = "text"
trunk = "plm"
dim = 16
weight = 0.5
[teacher.optimizer]
window = 2
[[teacher]]
name = "ids"
kind = "item_ids"
"""


def test_several_teachers_are_changed_by_their_names(tmp_path: Path) -> None:
    write(tmp_path / "base.toml", SEVERAL)
    (tmp_path / "plm").mkdir()
    path = write(tmp_path / "mine.toml", 'extends = "base.toml"\n[teacher.text]\ndim = 32\n[student]')
    teacher = load_recipe(
        path, ["teacher.ids.dim=8", "teacher.text.optimizer.window=3", "teacher.ids.weight=2"]
    ).teacher
    assert teacher is not None
    text, ids = teacher.parts().values()
    assert (text.kind, text.dim, text.optimizer.window) == ("bi_encoder", 32, 3)  # type: ignore[attr-defined]
    assert (ids.kind, ids.dim) == ("item_ids", 8)  # type: ignore[attr-defined]
    assert teacher.weights == {"text": 0.5, "ids": 2}  # type: ignore[attr-defined]
    assert text.trunk == str(tmp_path / "plm")  # type: ignore[attr-defined]


def test_a_list_of_teachers_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    write(tmp_path / "base.toml", SEVERAL)
    one = '[[teacher]]\nname = "b"\nkind = "item_ids"'
    path = write(tmp_path / "mine.toml", f'extends = "base.toml"\n{one}')
    teacher = load_recipe(path).teacher
    assert teacher is not None and list(teacher.parts()) == ["b"]
    alone = write(tmp_path / "alone.toml", "[teacher]\ndim = 8")
    path = write(tmp_path / "onto.toml", f'extends = "{alone.name}"\n{one}')
    teacher = load_recipe(path).teacher
    assert teacher is not None and list(teacher.parts()) == ["b"]


@pytest.mark.parametrize(
    ("text", "change", "words"),
    [
        (SEVERAL, "teacher.dim=8", "none of this name.*one of text, ids.*teacher.text.dim"),
        (SEVERAL, "teacher.txt.dim=8", "none of this name.*one of text, ids.*as teacher.text.dim"),
        (SEVERAL, "teacher.ids.wieght=1", "unknown key teacher.ids.wieght.*Did you mean teacher.ids.weight"),
        ("[teacher]", "teacher.optimizer.max_update=3", "Did you mean teacher.optimizer.max_updates"),
        ("[teacher]", "teacher.weight=1", "teacher.weight where there is one teacher.*one of several"),
        (SEVERAL + "[[teacher]]\n[teacher]\ndim = 8", "", r"both \[teacher\] and \[\[teacher\]\].*with a name"),
        (SEVERAL, "teacher.ids.trunk=x", "teacher ids.*key of kind 'bi_encoder'"),
        (SEVERAL, "teacher.ids.dims=8", "unknown key teacher.ids.dims.*Did you mean teacher.ids.dim"),
        (SEVERAL, "teacher.ids.dim=0", "teacher ids, key teacher.dim"),
        (SEVERAL, "teacher.ids.weight=-1", "weights are zero or more"),
        (SEVERAL + "[student]\n", "student.start=other", "auto or none or merged or text or ids"),
        (SEVERAL + "[student]\n", "student.initialised=true", "starts from no teacher.*text, ids"),
        (SEVERAL + "[student.first]\n", "student.start=merged", "section student.first.*Leave student.first out"),
        ('[[teacher]]\nkind = "item_ids"', "", r"\[\[teacher\]\] 1, key name.*no name"),
        ('[[teacher]]\nname = "student"', "", "which is taken"),
        ('[[teacher]]\nname = "a/b"', "", "in small letters"),
        ('[[teacher]]\nname = "a"\n[[teacher]]\nname = "a"', "", "twice"),
    ],
)
def test_a_wrong_teacher_among_several_is_named(tmp_path: Path, text: str, change: str, words: str) -> None:
    path = write(tmp_path / "mine.toml", text)
    with pytest.raises(RecipeError) as found:
        load_recipe(path, [change] if change else [])
    assert re.search(words, str(found.value).replace("\n", " ")), found.value


def test_a_run_s_own_note_is_no_recipe_and_says_what_is_named_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text('{"recipe": {}}')
    with pytest.raises(RecipeError, match=r"noted of its recipe; expected a recipe.*--out"):
        load_recipe(str(tmp_path / "recipe.json"))


ONE = "[teacher]\n[student]\n"
TWO = """[[teacher]]
name = "text"
{text}
[[teacher]]
name = "ids"
kind = "item_ids"
[student]
"""


@pytest.mark.parametrize(
    ("text", "key", "reason"),
    [
        (ONE + "mix_temperature = 0.5", "student.mix_temperature", "student.mix is 'sum'"),
        (TWO.format(text="") + "mix_temperature = 0.5", "student.mix_temperature", "student.mix is 'sum'"),
        (ONE + "[student.schedule]\nunkd_temperature = {start = 4.0, end = 1.0}", "student.schedule.unkd_temperature",
         "unkd, has no weight"),
        (ONE + "[student.loss]\nkl = 0\n[student.schedule]\ntemperature = {start = 4.0, end = 1.0}",
         "student.schedule.temperature", "kl, has no weight"),
        (ONE + "[student.schedule]\nrd = {start = 0.0, end = 0.0}", "student.schedule.rd", "stays 0"),
        (ONE + 'adapter = "mlp"\n[student.loss]\nitem_cosine = 0\nuser_cosine = 0', "student.adapter", "no loss of"),
        (ONE + "word_texts = 3", "student.word_texts", "neither student.words nor student.pairs"),
        (ONE + "[student.experts]\ncount = 3", "student.experts", "student.adapter is 'auto'"),
        (ONE + "[student.histories]\nshare = 0.5", "student.histories.share", "no way of changing"),
        (ONE + "[student.histories]\nclicks = false", "student.histories.clicks", "no way of changing"),
        (ONE + "[student.histories]\nalone = true", "student.histories.alone", "no way of changing"),
        (
            ONE + "undistilled = false\n[student.histories]\nswap = 0.1\nalone = true",
            "student.histories.alone",
            "no teacher",
        ),
        (ONE + 'user_encoder = "mean"\nuser_heads = 4', "student.user_heads", "student.user_encoder is 'mean'"),
        (ONE + 'user_encoder = "nrms"\nuser_layers = 3', "student.user_layers", "student.user_encoder is 'nrms'"),
        (ONE + "offsets = false\noffset_decay = 0.1", "student.offset_decay", "student.offsets is false"),
        (ONE + '[student.optimizer]\ndrawn_by = "clicks"', "student.optimizer.drawn_by", "drawn_negatives is not"),
        (
            '[teacher]\ntrunk = "vectors.parquet"\ntrunk_precision = "bf16"\n',
            "teacher.trunk_precision",
            "teacher.trunk is a file of vectors",
        ),
        (TWO.format(text="offsets = false\noffset_dropout = 0.1"), "teacher.text.offset_dropout", "text.offsets is"),
        (TWO.format(text="trajectory = [10]") + "[student.order]\ngain = 1.2", "student.order.gain", "by is 'share'"),
        ('[student]\ntrunk = "x/y"\n[student.schedule]\nkl = {start = 0.0, end = 1.0}', "student.schedule",
         "no teacher"),
    ],
)  # fmt: skip
def test_a_key_that_nothing_would_read_is_refused(tmp_path: Path, text: str, key: str, reason: str) -> None:
    path = write(tmp_path / "recipe.toml", text)
    with pytest.raises(RecipeError, match=re.escape(f"key {key}: given, and ")) as error:
        load_recipe(path)
    assert reason in str(error.value) and "eave it out" in str(error.value)
    recorded(tomllib.loads(text) if "[[" not in text else {}, "recipe.json")  # a finished run's is read all the same


@pytest.mark.parametrize(
    "text",
    [
        TWO.format(text="") + 'mix = "by_loss"\nmix_temperature = 0.5',
        ONE + "[student.loss]\nkl = 0\n[student.schedule]\nkl = {start = 0.0, end = 1.0}\n"
        "temperature = {start = 4.0, end = 1.0}",
        ONE + 'adapter = "experts"\n[student.experts]\ncount = 3',
        ONE + "[student.histories]\nshare = 0.5\nswap = 0.1\nclicks = false",
        ONE + "user_heads = 4",
        ONE + "pairs = 10\nword_texts = 3",
        ONE + '[student.optimizer]\ntries = [{drawn_negatives = 8}]\ndrawn_by = "clicks"',
    ],
)
def test_a_key_that_is_read_at_some_time_is_not(tmp_path: Path, text: str) -> None:
    assert load_recipe(write(tmp_path / "recipe.toml", text)).student is not None


def test_settings_of_a_loss_that_is_off_are_told_and_not_refused(tmp_path: Path) -> None:
    """Leaving a loss out by its weight is how ablations are made."""
    path = write(tmp_path / "recipe.toml", ONE + "[student.loss]\nkl = 0\ntemperature = 2.0\nrd_top = 5")
    assert [text.split()[0] for text in cautions_of(load_recipe(path))] == [
        "student.loss.temperature",
        "student.loss.rd_top",
    ]
    assert cautions_of(load_recipe(path, ["student.loss.kl=1", "student.loss.rd=0.5"])) == []


def test_losses_of_a_student_that_is_not_trained_are_told(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.toml", TWO.format(text="") + 'start = "merged"\n[student.taught]\nmax_updates = 0')
    assert cautions_of(load_recipe(path)) == []
    (told,) = cautions_of(load_recipe(path, ["student.loss.click=0.25"]))
    assert told.startswith("student.loss is given") and "not trained" in told
    assert list(default_space(load_recipe(path))) == ["dim", "table_dim"]
    assert "loss" in default_space(load_recipe(path, ["student.taught.max_updates=10"]))
