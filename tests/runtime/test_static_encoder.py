"""The static encoder against its definition, text by text."""

import numpy as np
import pytest
from artifacts import static_arrays
from tiny import WORDS, word_piece

from distill_rec.runtime import static
from distill_rec.runtime.projection import project
from distill_rec.runtime.static import StaticItemEncoder
from distill_rec.runtime.tokenizer import TextTokenizer


def by_hand(arrays: dict[str, np.ndarray], ids: np.ndarray) -> np.ndarray:
    rows = arrays["row"][ids]
    others = arrays["fallback"].astype(np.float32) * arrays["fallback_scale"][:, None]
    vectors = [arrays["table"][row] if row >= 0 else others[-1 - row] for row in rows]
    mean = np.mean(vectors, axis=0) if vectors else arrays["no_tokens"]
    return project((mean / np.linalg.norm(mean))[None], arrays)[0]


@pytest.mark.parametrize("floats", [1, 64, 1 << 17])
def test_texts_of_all_lengths_have_the_vectors_of_their_definition(monkeypatch, floats):
    monkeypatch.setattr(static, "FLOATS", floats)
    monkeypatch.setattr(static, "TEXTS", 7)
    random, arrays = np.random.default_rng(0), static_arrays()
    tokenizer = TextTokenizer(word_piece().to_str(), 16, special_tokens=False, drop_unknown=True)
    encoder = StaticItemEncoder(arrays, tokenizer)
    texts = ["", "ξψω", *(" ".join(random.choice([*WORDS, "abc"], random.integers(1, 9))) for _ in range(60))]
    expected = np.stack([by_hand(arrays, tokenizer.encode([text])[0]) for text in texts])
    found = encoder.encode(texts)
    assert found == pytest.approx(expected, abs=1e-5)
    assert np.concatenate([encoder.encode([text]) for text in texts]) == pytest.approx(found, abs=1e-5)
    assert encoder.encode([]).shape == (0, expected.shape[1])
