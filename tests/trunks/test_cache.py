"""Two processes that need the same place of the cache make it once, one after the other."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import environment
from tiny import make_dataset, student_section

from distill_rec.progress import Quiet
from distill_rec.trunks.load import load_trunk
from students.transformer.build import build
from teachers.bi_encoder.build import tokens_of

PROGRAM = """
import sys
from distill_rec.progress import Quiet
from distill_rec.trunks import prefix
from distill_rec.trunks.load import load_trunk
from distill_rec.trunks.tokens import cached_tokens

prefix.SHARD = 8
trunk = load_trunk(sys.argv[1])
for depth in (0, 1, 2):  # meet at several places
    texts = [f"red cat {number} {depth}" for number in range(200)]
    tokens = cached_tokens(texts, trunk.tokenizer())
    states = prefix.cached_states(texts, tokens, trunk, depth, Quiet())
print(float(abs(states.values.astype("float64")).sum()))
"""


def test_two_processes_leave_what_one_leaves(tiny_trunk: Path, tmp_path: Path) -> None:
    def begin(cache: str) -> subprocess.Popen[str]:
        env = environment(DISTILL_REC_CACHE=str(tmp_path / cache))
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tiny_trunk)], env=env, stdout=subprocess.PIPE, text=True
        )

    both = [begin("shared"), begin("shared")]
    sums = [float(process.communicate(timeout=120)[0]) for process in [*both, begin("own")]]
    assert np.ptp(sums) == 0
    for path in (tmp_path / "own").rglob("rows.bin"):
        shared = tmp_path / "shared" / path.relative_to(tmp_path / "own")
        assert shared.read_bytes() == path.read_bytes()
    assert not list((tmp_path / "shared").rglob("*.part"))


def test_teacher_and_student_of_one_plm_read_the_texts_once(
    tiny_trunk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISTILL_REC_CACHE", str(tmp_path))
    dataset, section = make_dataset(), student_section("transformer")
    trunk = load_trunk(str(tiny_trunk), max_tokens=section.max_tokens)
    read = tokens_of(trunk, dataset.texts)
    build(section, str(tiny_trunk), dataset, None, Quiet())  # type: ignore[arg-type]
    assert len(list((tmp_path / "tokens").glob("[!.]*"))) == 1
    for other in (replace(trunk, max_tokens=4), replace(trunk, prefix="red ")):
        assert tokens_of(other, dataset.texts).values.tolist() != read.values.tolist()
