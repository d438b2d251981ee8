"""A teacher's request does what its request needs, and no more."""

import tracemalloc

import numpy as np
import pytest
from artifacts import KINDS, arrays_of, random_user_encoder

from distill_rec.files import write_array, write_json
from distill_rec.runtime.user_encoders import make_user_encoder
from distill_rec.teacher_model import Teacher
from distill_rec.training.checkpoint import save_weights

DIM, ITEMS = 64, 50_000


@pytest.fixture(scope="module", params=KINDS)
def teacher(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "knowledge").mkdir()
    vectors = np.random.default_rng(0).standard_normal((ITEMS, DIM)).astype(np.float32)
    for name in ("item_vectors", "text_vectors"):
        write_array(folder / "knowledge" / f"{name}.npy", vectors)
    encoder = random_user_encoder(request.param, DIM)
    save_weights(folder / "knowledge" / "user_encoder.safetensors", dict(encoder.state_dict()))
    settings = {"kind": request.param, "dim": DIM, "max_history": 50, "layers": 2, "heads": 2}
    sizes = {"dtype": "float32", "items": ITEMS, "texts": ITEMS, "dim": DIM}
    write_json(folder / "knowledge" / "manifest.json", {"user_encoder": settings, **sizes})
    write_json(folder / "knowledge" / "item_ids.json", [f"i{item}" for item in range(ITEMS)])
    record = {"section": {}, "user_encoder": settings, "items": ITEMS, "parameters": 1, "trained_parameters": 1}
    write_json(folder / "model.json", record)
    return Teacher.load(folder)


def test_a_request_copies_rows_of_its_history_and_not_the_catalogue(teacher):
    history, candidates = [f"i{item * 7}" for item in range(80)], [f"i{item * 11}" for item in range(100)]
    scores = teacher.rank(history, candidates)
    tracemalloc.start()
    teacher.rank(history, candidates)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < ITEMS * DIM * 4 / 20
    vectors = np.asarray(teacher.knowledge.item_vectors)
    runtime = make_user_encoder(teacher.knowledge.user_settings, arrays_of(teacher.knowledge.user_encoder))
    user = runtime.encode(vectors[[item * 7 for item in range(80)][-50:]], None)
    np.testing.assert_allclose(scores, vectors[[item * 11 for item in range(100)]] @ user, rtol=1e-3, atol=1e-3)
