"""A static student of a large PLM starts from the catalogue's sub-words alone, and still reads every new text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import make_dataset, student_section, write_trunk

from distill_rec.progress import Quiet
from distill_rec.trunks import vocabulary
from distill_rec.trunks.load import Trunk, load_trunk, open_trunk
from students.static.start import sub_words


def test_the_plm_runs_over_the_catalogues_sub_words_and_the_others_are_mapped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISTILL_REC_CACHE", str(tmp_path / "cache"))
    trunk, dataset = load_trunk(str(write_trunk(tmp_path / "trunk"))), make_dataset()
    read: list[int] = []
    run_lower = vocabulary.run_lower

    def counting(rows: Any, tokens: Any, *rest: Any) -> Any:
        read.append(len(tokens))
        return run_lower(rows, tokens, *rest)

    monkeypatch.setattr(vocabulary, "run_lower", counting)
    every, some = (
        sub_words(student_section(vocabulary=which, table_dim=32), trunk, dataset, Quiet())  # type: ignore[arg-type]
        for which in ("all", "catalogue")
    )
    assert read == [len(every.vectors), len(some.used)] and len(some.used) < len(every.vectors)
    assert torch.equal(some.used, every.used) and torch.equal(some.others, every.others)
    # Principal directions are of the used ones alone, so that these come out the same.
    torch.testing.assert_close(some.vectors[some.used].abs(), every.vectors[every.used].abs(), atol=1e-4, rtol=1e-4)
    mapped = some.vectors[some.others]
    assert bool(torch.isfinite(mapped).all())
    assert bool((mapped.norm(dim=1) > 0).all())
    assert len(torch.unique(mapped, dim=0)) == len(mapped)  # each has a place of its own


def test_where_its_vectors_are_cached_the_plm_is_not_loaded_and_the_same_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISTILL_REC_CACHE", str(tmp_path / "cache"))
    folder, dataset = str(write_trunk(tmp_path / "trunk")), make_dataset()

    def made() -> tuple[Trunk, Any, torch.Tensor]:
        torch.manual_seed(0)
        trunk = open_trunk(folder)
        words = sub_words(student_section(table_dim=32), trunk, dataset, Quiet())  # type: ignore[arg-type]
        return trunk, words, torch.rand(3)

    (loaded, words, drawn), (cached, again, after) = made(), made()
    assert isinstance(loaded.opened, torch.nn.Module) and not isinstance(cached.opened, torch.nn.Module)
    assert torch.equal(words.vectors, again.vectors) and torch.equal(drawn, after)
    assert (cached.width, cached.depth) == (loaded.width, loaded.depth)
