"""A teacher that begins at an earlier one is that one, for the items that both know, before it learns anything more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny import grown, make_dataset, write_trunk

from distill_rec.contracts import teacher_spec
from distill_rec.kinds import validated
from distill_rec.knowledge import Knowledge

QUICK = {"batch_size": 32, "window": 2, "max_updates": 6, "warmup_updates": 0}
STILL = {"max_updates": 1, "rate_factor": 1e-9}
KINDS = {
    "whitened": {"kind": "bi_encoder", "whiten": True, "repeat_term": "recency"},
    "last layer": {"kind": "bi_encoder", "tuning": "last:1", "trunk_optimizer": QUICK},
    "lora": {"kind": "bi_encoder", "tuning": "lora:1", "trunk_optimizer": QUICK},
    "item ids": {"kind": "item_ids"},
    "student": {"kind": "student", "model": {"kind": "static", "table_dim": 8, "dim": 8, "optimizer": QUICK}},
}


@pytest.mark.parametrize("name", KINDS)
def test_it_begins_where_the_earlier_one_ended(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTILL_REC_CACHE", str(tmp_path / "cache"))
    settings, old = dict(KINDS[name]), make_dataset()
    if name != "item ids":
        settings["trunk"] = str(write_trunk(tmp_path / "trunk"))
    if name != "student":
        settings |= {"dim": 8, "optimizer": QUICK}
    old.write(tmp_path / "prepare")
    teach = teacher_spec(str(settings["kind"])).teach.get()
    teach(validated("teacher", settings), old, tmp_path / "teach")
    still = {key: {**value, **STILL} for key, value in settings.items() if key.endswith("optimizer")}  # type: ignore[dict-item]
    if name == "student":
        still = {"model": {**settings["model"], "optimizer": {**QUICK, **STILL}}}  # type: ignore[dict-item]
    begun = {**settings, **still, "begin": str(tmp_path / "teach")}
    teach(validated("teacher", begun), grown(old), tmp_path / "begun")
    before, found = (Knowledge.load(tmp_path / part / "knowledge") for part in ("teach", "begun"))
    warm = old.warm
    near = (0.02 if name == "student" else 1e-4) * float(np.std(before.item_vectors[warm]))
    assert np.abs(found.item_vectors[1:][warm] - before.item_vectors[warm]).max() <= near
    for mine, theirs in zip(found.user_encoder.parameters(), before.user_encoder.parameters(), strict=True):
        np.testing.assert_allclose(mine.numpy(), theirs.numpy(), atol=1e-5)
    if before.repeat is not None:
        # Nobody comes back here, so the new validation data may lower all of its numbers together.
        lowered = before.repeat[0] - found.repeat[0]
        np.testing.assert_allclose(found.repeat + lowered, before.repeat, atol=1e-5)
        assert lowered > -1e-6
