import json

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import make_dataset, write_trunk

from distill_rec.runtime.errors import ModelError, RecipeError
from distill_rec.teacher_model import Teacher
from distill_rec.trunks.load import load_trunk
from distill_rec.trunks.vectors import read_vectors
from teachers.bi_encoder.spec import BiEncoderSection
from teachers.bi_encoder.teach import teach


def test_a_folder_without_weights_is_refused(tmp_path):
    folder = write_trunk(tmp_path)
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04 never unpickled")
    with pytest.raises(ModelError, match="safetensors"):
        load_trunk(str(folder))


def test_missing_weights_are_named_and_never_drawn_at_random(tmp_path):
    folder = write_trunk(tmp_path)
    tensors = load_file(folder / "model.safetensors")
    del tensors["encoder.layer.1.output.dense.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"encoder\.layer\.1\.output\.dense\.weight"):
        load_trunk(str(folder))


def test_a_name_that_is_no_folder_is_refused_offline(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="no such folder"):
        load_trunk("./nowhere")


def sentence_folder(folder, modules=("Transformer", "Pooling", "Normalize"), **pooling):
    write_trunk(folder)
    paths = {"Transformer": "", "Pooling": "1_Pooling", "Normalize": "2_Normalize", "Dense": "2_Dense"}
    listed = [{"type": f"sentence_transformers.models.{name}", "path": paths[name]} for name in modules]
    (folder / "modules.json").write_text(json.dumps(listed))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 12}')
    (folder / "config_sentence_transformers.json").write_text('{"prompts": {"p": "red "}, "default_prompt_name": "p"}')
    return folder


def test_a_sentence_transformers_folder_keeps_pooling_prompt_and_length(tmp_path):
    trunk = load_trunk(str(sentence_folder(tmp_path, pooling_mode_cls_token=True)))
    assert (trunk.pooling, trunk.prefix, trunk.max_tokens) == ("cls", "red ", 12)


@pytest.mark.parametrize(
    ("modules", "pooling", "named"),
    [
        (("Transformer", "Pooling", "Dense"), {"pooling_mode_mean_tokens": True}, "Dense"),
        (("Transformer", "Pooling"), {"pooling_mode_max_tokens": True}, "pooling_mode_max_tokens"),
    ],
)
def test_what_a_sentence_transformers_folder_asks_for_and_we_lack_is_refused_by_name(tmp_path, modules, pooling, named):
    with pytest.raises(ModelError, match=named):
        load_trunk(str(sentence_folder(tmp_path, modules, **pooling)))


def vector_file(path, ids, vectors):
    pl.DataFrame({"item_id": ids, "vector": [list(map(float, row)) for row in vectors]}).write_parquet(path)
    return str(path)


@pytest.mark.parametrize(
    ("ids", "bad", "named"),
    [
        (["a", "b"], None, "'c'"),
        (["a", "b", "b", "c"], None, "'b'"),
        (["a", "b", "c"], "c", "'c'"),
    ],
)
def test_missing_duplicate_and_broken_vectors_are_named(tmp_path, ids, bad, named):
    vectors = np.ones((len(ids), 3))
    if bad:
        vectors[ids.index(bad), 1] = np.nan
    with pytest.raises(ModelError, match=named):
        read_vectors(vector_file(tmp_path / "v.parquet", ids, vectors), ["a", "b", "c"])


def test_a_file_of_vectors_is_a_trunk_for_the_head_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("DISTILL_REC_CACHE", str(tmp_path / "cache"))
    dataset = make_dataset()
    ids = dataset.items["item_id"].to_list()
    file = vector_file(tmp_path / "v.parquet", ids, np.random.default_rng(0).normal(size=(len(ids), 12)))
    section = BiEncoderSection(trunk=file, dim=8).model_copy(
        update={"optimizer": BiEncoderSection().optimizer.model_copy(update={"max_epochs": 1})}
    )
    teach(section, dataset, tmp_path / "teach")
    teacher = Teacher.load(tmp_path / "teach")
    assert teacher.rank(["i1"], ["i2", "i3"]).shape == (2,)
    with pytest.raises(ModelError, match="cannot encode new texts"):
        teacher.encode_items(["new"])
    with pytest.raises(RecipeError, match="tuning"):
        teach(section.model_copy(update={"tuning": "full"}), dataset, tmp_path / "full")
    npz = tmp_path / "v.npz"
    np.savez(npz, item_id=np.array(ids), vector=np.ones((len(ids), 4)))
    assert read_vectors(str(npz), ids)[0].shape == (len(ids), 4)


def test_weights_are_float32_and_frozen(tmp_path):
    trunk = load_trunk(str(write_trunk(tmp_path)))
    assert {p.dtype for p in trunk.model.parameters()} == {torch.float32}
    assert not any(p.requires_grad for p in trunk.model.parameters())
