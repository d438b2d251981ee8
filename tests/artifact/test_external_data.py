"""A graph that would make onnxruntime read further files is refused, wherever in it the tensor is."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tiny import word_piece

from distill_rec.artifact.errors import ArtifactError
from distill_rec.artifact.external_data import has_external_data
from distill_rec.runtime.onnx_encoder import OnnxItemEncoder
from distill_rec.runtime.tokenizer import TextTokenizer

SIZE = 1024  # smaller ones it folds away, and fails


def tensor(external: bool) -> TensorProto:
    out = numpy_helper.from_array(np.arange(SIZE, dtype=np.float32), "w")
    if external:
        out.ClearField("raw_data")
        out.data_location = TensorProto.EXTERNAL
        entry = out.external_data.add()
        entry.key, entry.value = "location", "secret.bin"
    return out


def graph(initializers=(), nodes=(), sparse=()):
    nodes = nodes or [helper.make_node("Identity", ["x"], ["y"])]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [SIZE]) for name in "xy"]
    return helper.make_graph(nodes, "g", values[:1], values[1:], list(initializers), sparse_initializer=list(sparse))


def model(main, functions=()):
    return helper.make_model(main, opset_imports=[helper.make_opsetid("", 17)], functions=list(functions))


def in_initializer(external):
    return model(graph([tensor(external)], [helper.make_node("Add", ["x", "w"], ["y"])]))


def in_constant(external):
    return model(graph(nodes=[helper.make_node("Constant", [], ["y"], value=tensor(external))]))


def in_branch(external):
    inner = graph([tensor(external)])
    return model(graph(nodes=[helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=graph())]))


def in_list(external):
    return model(graph(nodes=[helper.make_node("Custom", ["x"], ["y"], many=[tensor(external)])]))


def in_function(external):
    node = helper.make_node("Constant", [], ["y"], value=tensor(external))
    return model(graph(), [helper.make_function("own", "F", ["x"], ["y"], [node], [helper.make_opsetid("", 17)])])


def in_sparse(external):
    indices = numpy_helper.from_array(np.arange(SIZE), "i")
    return model(graph(sparse=[helper.make_sparse_tensor(tensor(external), indices, [2 * SIZE])]))


PLACES = [in_initializer, in_constant, in_branch, in_list, in_function, in_sparse]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("external", [True, False])
def test_external_tensors_are_found_where_they_are_and_nowhere_else(place, external):
    assert has_external_data(place(external).SerializeToString()) is external


def test_a_tensor_that_names_files_but_denies_its_location_is_found():
    content = in_initializer(True)
    content.graph.initializer[0].data_location = TensorProto.DEFAULT
    assert has_external_data(content.SerializeToString())


def test_every_message_of_the_format_that_holds_tensors_is_walked():
    """Against the format's own description: a field that leads to a tensor and is not in the table would be missed."""
    from distill_rec.artifact.external_data import MESSAGES

    names = {
        "ModelProto": "model",
        "TrainingInfoProto": "training",
        "GraphProto": "graph",
        "FunctionProto": "function",
        "NodeProto": "node",
        "AttributeProto": "attribute",
        "SparseTensorProto": "sparse",
        "TensorProto": "tensor",
    }
    for name, ours in names.items():
        if ours == "tensor":
            continue
        fields = getattr(onnx, name).DESCRIPTOR.fields
        held = {f.number: names[f.message_type.name] for f in fields if f.message_type and f.message_type.name in names}
        assert MESSAGES[ours] == held


def test_a_file_beside_the_working_folder_is_never_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.arange(SIZE, dtype=np.float32).tofile("secret.bin")
    content = in_initializer(True)
    content.ir_version = 8
    content = content.SerializeToString()
    with pytest.raises(ArtifactError, match=r"item_encoder\.onnx: keeps tensors in other files"):
        encoder(content)


@pytest.mark.parametrize(
    "content", [b"not a graph", b"\x3a\xff\xff\xff\xff\x7f", b"\x08\x80", b"\x00\x00\x00\x00ORTM" + bytes(9)]
)
def test_what_is_no_graph_is_refused(content):
    with pytest.raises(ArtifactError, match=r"item_encoder\.onnx"):
        encoder(content)


def encoder(content: bytes) -> OnnxItemEncoder:
    tokenizer = TextTokenizer(word_piece().to_str(), 16, special_tokens=True)
    return OnnxItemEncoder(lambda: content, tokenizer, 4, 1, Path("item_encoder.onnx"))
