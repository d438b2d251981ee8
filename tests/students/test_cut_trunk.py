"""A transformer student of chosen layers and of a vocabulary cut to the catalogue."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from architectures import trunk_of
from pydantic import ValidationError
from tiny import grown, make_dataset, student_section, word_piece, write_trunk
from tokenizers import Tokenizer, models

from distill_rec.contracts import student_spec
from distill_rec.data.dataset import Dataset
from distill_rec.distillation import distill
from distill_rec.distillation.training import StudentTraining
from distill_rec.files import read_json
from distill_rec.plm_config import PlmConfig
from distill_rec.progress import Quiet
from distill_rec.recipe import OptimizerSection, decisive
from distill_rec.recipe_io import load_recipe
from distill_rec.runtime.errors import RecipeError, RunError
from distill_rec.student_model import earlier_vectors, load_student
from distill_rec.testing.students import check_student
from distill_rec.trunks.load import load_trunk
from students.transformer.asked import layers_of
from students.transformer.cut import cut_trunk
from students.transformer.spec import TransformerSection

QUICK = OptimizerSection(batch_size=32, window=2, max_updates=6)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str, Dataset]:
    monkeypatch.setenv("DISTILL_REC_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "run"
    _without_two_words(make_dataset()).write(folder / "prepare")
    return folder, str(write_trunk(tmp_path / "trunk", layers=3)), Dataset.load(folder / "prepare")


def _without_two_words(dataset: Dataset) -> Dataset:
    """Texts that need two words fewer than the PLM has."""

    def changed(text: str) -> str:
        return text.replace("house", "bird").replace("stone", "cat")

    items = dataset.items.with_columns(pl.col("title", "text").map_elements(changed, return_dtype=pl.String))
    return replace(dataset, items=items, texts=[changed(text) for text in dataset.texts])


def section(**settings: Any) -> TransformerSection:
    found = student_section("transformer", **{"optimizer": QUICK, "further_sub_words": 0, **settings})
    assert isinstance(found, TransformerSection)
    return found


@pytest.mark.parametrize(
    "cut",
    [
        {"layers": [1], "sub_words": "catalogue", "further_sub_words": 2},
        {"intermediate": 20, "heads": 1, "width": 12, "sub_words": "catalogue"},
    ],
    ids=["layers, sub-words", "neurons, heads, states, sub-words"],
)
def test_it_conforms_however_it_is_cut(tmp_path: Path, cut: dict[str, Any]) -> None:
    check_student(student_spec("transformer"), tmp_path, cut)


@pytest.mark.parametrize(
    ("asked", "numbers"), [(2, [0, 1]), ([0, 5], [0, 5]), ("every_other", [0, 2, 5]), ([3], [3]), (6, [*range(6)])]
)
def test_layers_are_asked_for_by_how_many_by_number_or_every_other(asked: Any, numbers: list[int]) -> None:
    assert layers_of(section(layers=asked).layers, 6) == numbers


def test_every_other_layer_is_half_of_them_with_the_first_and_the_last() -> None:
    assert layers_of("every_other", 12) == [0, 2, 4, 7, 9, 11]  # DistilBERT's
    assert [layers_of("every_other", depth) for depth in (1, 2, 3, 4)] == [[0], [0], [0, 2], [0, 3]]
    for depth in range(2, 40):
        numbers = layers_of("every_other", depth)
        assert len(numbers) == (depth + 1) // 2 and numbers == sorted(set(numbers))


@pytest.mark.parametrize("wrong", [0, [], [1, 0], [0, 0], [-1, 2], "odd", True, [True], 1.5, ["0"]])
def test_other_ways_are_refused_by_name(wrong: Any) -> None:
    with pytest.raises(ValidationError, match=r"layers\n.*rising numbers from 0"):
        section(layers=wrong)


@pytest.mark.parametrize("asked", [{"layers": 7}, {"intermediate": 1537}, {"heads": 13}, {"width": 385}])
def test_what_the_plm_has_not_is_refused_by_its_sizes_alone(asked: dict[str, int]) -> None:
    sizes = PlmConfig("bert", layers=6, width=384, heads=12, intermediate=1536)
    ((key, value),) = asked.items()
    with pytest.raises(RecipeError, match=rf"key student\.{key}: {value}, and .*trunk has {value - 1} "):
        section(**asked).refuse_plm(lambda: sizes)
    section(**{key: value - 1}).refuse_plm(lambda: sizes)
    section(**asked).refuse_plm(lambda: None)


@pytest.mark.parametrize("asked", [4, [0, 3]])
def test_a_layer_that_the_trunk_has_not_is_refused(run: tuple[Path, str, Dataset], asked: Any) -> None:
    with pytest.raises(RecipeError, match=r"student\.layers: .*trunk has 3 layers.*0 to 2"):
        cut_trunk(section(layers=asked), load_trunk(run[1]), run[2].texts)


def test_the_layers_are_the_trunks_own(run: tuple[Path, str, Dataset]) -> None:
    whole, cut = (load_trunk(run[1]) for _ in range(2))
    assert cut_trunk(section(layers=[0, 2]), cut, run[2].texts).layers == [0, 2]
    for mine, theirs in zip(cut.layers, (whole.layers[0], whole.layers[2]), strict=True):
        for one, other in zip(mine.parameters(), theirs.parameters(), strict=True):
            assert torch.equal(one, other)


def test_the_vocabulary_costs_nothing_of_the_catalogue(run: tuple[Path, str, Dataset]) -> None:
    """The same to the last bit, because texts are read as the same sub-words, whose vectors do not learn."""
    folder, trunk, dataset = run
    found = {}
    for which in ("all", "catalogue"):
        distill(section(layers=1, sub_words=which), None, dataset, folder / which / "student", trunk=trunk)
        found[which] = load_student(folder / which / "student")
    np.testing.assert_array_equal(found["all"].item_vectors, found["catalogue"].item_vectors)
    name = "trunk.embeddings.word_embeddings.weight"
    rows = [len(one.tensors[name]) for one in found.values()]
    texts = [*dataset.texts, "large stony ravens", "red", ""]
    np.testing.assert_allclose(*(one.encode_texts(dataset.texts) for one in found.values()), atol=1e-6)
    assert rows[1] < rows[0] and np.isfinite(found["catalogue"].encode_texts(texts)).all()
    assert rows[1] == found["catalogue"].config["trunk_config"]["vocab_size"]
    assert found["all"].parameters_count - found["catalogue"].parameters_count == (rows[0] - rows[1]) * 32


def test_a_tokenizer_of_whole_words_is_refused_with_the_kinds_that_can_be_cut(run: tuple[Path, str, Dataset]) -> None:
    trunk = load_trunk(run[1])
    trunk.tokenizer_json = Tokenizer(models.WordLevel({"red": 0, "[UNK]": 1}, "[UNK]")).to_str()
    with pytest.raises(RecipeError, match=r"student\.sub_words.*WordLevel.*'all'.*WordPiece, BPE, Unigram"):
        cut_trunk(section(sub_words="catalogue"), trunk, ["red"])


def test_losses_of_token_states_want_the_ids_of_the_teacher() -> None:
    first = {"loss": {"hidden": 1.0}}
    with pytest.raises(ValidationError, match=r"hidden of first\.loss give.*sub_words"):
        section(sub_words="catalogue", first=first)
    assert section(sub_words="all", first=first).first is not None


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        ({"layers": 2}, 2),
        ({"layers": [0, 3, 5]}, 3),
        ({"layers": "every_other"}, 6),
        ({"layers": 2, "intermediate": 768}, 4 / 3),
        ({"layers": 3, "intermediate": 384, "heads": 6}, 1),
        ({"layers": 3, "intermediate": 384, "heads": 6, "width": 192}, 0.5),
    ],
)
def test_an_estimate_is_told_how_much_of_the_plm_runs(settings: dict[str, Any], count: float) -> None:
    """Weights of a whole layer: 4 w w of attention, 2 w 4w of its feed-forward network."""
    layers = student_spec("transformer").trunk_layers
    assert layers is not None
    plm = PlmConfig("bert", layers=12, width=384, heads=12, intermediate=1536)
    assert layers(section(**settings), plm) == pytest.approx(count)
    if settings["layers"] == "every_other":
        assert layers(section(**settings), None) == 3


def test_more_sub_words_where_all_are_kept_are_refused_in_a_recipe() -> None:
    with pytest.raises(RecipeError, match=r"student\.further_sub_words: given, and student\.sub_words is 'all'"):
        load_recipe("students/transformer", {"student.further_sub_words": 10})
    load_recipe("students/transformer", {"student.sub_words": "catalogue", "student.further_sub_words": 10})


def test_the_keys_at_their_defaults_leave_a_training_what_it_was() -> None:
    dumped = decisive(section(further_sub_words=TransformerSection().further_sub_words), None)
    assert dumped["layers"] == 1 and not {"sub_words", "further_sub_words"} & set(dumped)
    assert decisive(section(sub_words="catalogue"), None)["sub_words"] == "catalogue"


@pytest.mark.parametrize("width", [None, 12])
@pytest.mark.parametrize("which", [("catalogue", "catalogue"), ("all", "catalogue"), ("catalogue", "all")])
def test_it_goes_on_with_the_sub_words_of_new_items(
    run: tuple[Path, str, Dataset], which: tuple[str, str], width: int | None
) -> None:
    folder, trunk, old = run
    settings = section(layers=[0, 2], sub_words=which[0], width=width)
    distill(settings, None, old, folder / "distill" / "student", trunk=trunk)
    before, dataset = load_student(folder / "distill" / "student"), grown(old)
    begun = settings.model_copy(update={"begin": str(before.folder), "sub_words": which[1]})
    model = StudentTraining(begun, dataset, trunk, None, Quiet()).built.model.eval()
    vectors = earlier_vectors(before, old, dataset)
    found = model.item_vectors().numpy()
    assert np.abs(found[1:] - vectors[1:]).max() <= 1e-5 * vectors.std()
    new = np.abs(found[0] - vectors[0]).max() / vectors.std()
    assert (new > 1e-3) == (which[0] == "catalogue")  # its words are whole now
    plm = load_trunk(trunk).model.get_input_embeddings().weight  # type: ignore[operator]
    rows = model.text_encoder.trunk.model.embeddings  # type: ignore[union-attr]
    turned = plm if width is None else plm @ before.tensors["trunk.embeddings.directions"]
    number = Tokenizer.from_str(model.text_encoder.trunk.tokenizer_json).token_to_id("house")  # type: ignore[union-attr]
    place = word_piece().token_to_id("house")
    torch.testing.assert_close(rows.word_embeddings.weight[number], turned[place])


def test_it_does_not_go_on_with_other_layers(run: tuple[Path, str, Dataset]) -> None:
    folder, trunk, dataset = run
    student = folder / "distill" / "student"
    distill(section(layers=[0, 2]), None, dataset, student, trunk=trunk)
    assert read_json(student / "model.json")["layers"] == [0, 2]
    with pytest.raises(RunError, match=r"layers \[0, 2\].*\[0, 1\], as here.*student\.layers"):
        StudentTraining(section(layers=2, begin=str(student)), dataset, trunk, None, Quiet())


def test_what_was_chosen_is_read_back_whatever_would_be_chosen_now(
    run: tuple[Path, str, Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a killed run goes on with another number of threads, whose sums have other last digits."""
    _, folder, dataset = run
    asked, cut, again = section(intermediate=20, heads=1, width=12), load_trunk(folder), load_trunk(folder)
    cut_trunk(asked, cut, dataset.texts)
    for name in ("most_important", "seen"):
        monkeypatch.setattr(f"students.transformer.narrow.{name}", lambda *given: pytest.fail("chosen anew"))
    cut_trunk(asked, again, dataset.texts)
    for name, value in cut.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], value)


def test_it_goes_on_with_the_neurons_and_heads_that_were_chosen_before(
    run: tuple[Path, str, Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of MPNet, whose layers take their heads' part of a bias of positions: which heads they are is needed too."""
    folder, trunk, dataset = run
    plm = trunk_of("mpnet", vocab_size=word_piece().get_vocab_size())
    plm.model.save_pretrained(folder / "mpnet")  # type: ignore[operator]
    shutil.copy(Path(trunk) / "tokenizer.json", folder / "mpnet")
    settings, student = section(layers=2, intermediate=9, heads=2), folder / "distill" / "student"
    distill(settings, None, dataset, student, trunk=str(folder / "mpnet"))
    before = load_student(student)
    kept = [before.tensors[f"trunk.encoder.layer.{layer}.attention.attn.kept_heads"].tolist() for layer in range(2)]
    others = [torch.tensor([number for number in range(4) if number not in own]) for own in kept]
    chosen = lambda trunk, texts, neurons, heads: [[torch.arange(neurons)] * 2, others]  # noqa: E731
    monkeypatch.setattr("students.transformer.narrow.most_important", chosen)
    begun = settings.model_copy(update={"begin": str(student)})
    model = StudentTraining(begun, dataset, str(folder / "mpnet"), None, Quiet()).built.model.eval()
    np.testing.assert_allclose(model.item_vectors().numpy(), before.item_vectors, atol=1e-5)
    wider = settings.model_copy(update={"begin": str(student), "intermediate": 10})
    with pytest.raises(RunError, match="intermediate, heads"):
        StudentTraining(wider, dataset, str(folder / "mpnet"), None, Quiet())


def test_it_goes_on_from_one_of_an_older_release_that_noted_how_many_layers(run: tuple[Path, str, Dataset]) -> None:
    folder, trunk, dataset = run
    student = folder / "distill" / "student"
    distill(section(layers=2), None, dataset, student, trunk=trunk)
    record = read_json(student / "model.json")
    assert record["layers"] == [0, 1]
    (student / "model.json").write_text(json.dumps(record | {"layers": 2}), "utf-8")
    model = StudentTraining(section(layers=2, begin=str(student)), dataset, trunk, None, Quiet()).built.model.eval()
    found, before = model.item_vectors().numpy(), load_student(student).item_vectors
    np.testing.assert_allclose(found, before, atol=1e-5)
