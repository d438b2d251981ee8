"""The comparisons with other libraries: they say what they need, and what they compare is the same in any basis."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from conftest import ROOT

from distill_rec.data import prepare
from distill_rec.recipe import DataSection

BENCHMARKS = ROOT / "benchmarks"
pytestmark = pytest.mark.skipif(not BENCHMARKS.exists(), reason="a source distribution has no benchmarks")


@pytest.fixture
def vectors_of() -> Iterator[ModuleType]:
    sys.path.insert(0, str(BENCHMARKS))
    import model2vec_vectors

    yield model2vec_vectors
    sys.path.remove(str(BENCHMARKS))


def script(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, BENCHMARKS / name, *arguments], capture_output=True, text=True, cwd=ROOT)


@pytest.mark.parametrize("name", ["rivals.py", "rectools_sasrec.py", "model2vec_vectors.py"])
def test_help_needs_no_package_of_a_rival(name: str) -> None:
    done = script(name, "--help")
    assert done.returncode == 0 and "pip install" in done.stdout, done.stderr


@pytest.mark.skipif(find_spec("rectools") is not None, reason="RecTools is here")
def test_without_rectools_it_says_what_to_install() -> None:
    done = script("rectools_sasrec.py", "clicks.inter", "--out", "out.csv")
    assert done.returncode != 0 and done.stderr.strip().endswith("pip install 'rectools[torch]'")


def write_log(folder: Path, odd: bool = False) -> dict[str, list[str]]:
    """Clicks of 30 users without times, and each one's in order."""
    random, own = np.random.default_rng(0), dict[str, list[str]]()
    for user in range(30):
        own[f"u{user}"] = [f"0{item}" for item in random.permutation(40)[: random.integers(4, 9)]]
    own["u0"][1] = "a b" if odd else own["u0"][1]
    rows = [f"{user},{item}\n" for user, items in own.items() for item in items]
    (folder / "clicks.csv").write_text("user_id,item_id\n" + "".join(rows))
    items = sorted({item for items in own.values() for item in items})
    (folder / "items.csv").write_text("item_id,title\n" + "".join(f"{item},title {item}\n" for item in items))
    return own


def prepared(folder: Path, **settings: str) -> None:
    times = "timestamp" if settings["split"] == "time" else ""
    section = DataSection(clicks="clicks.csv", items="items.csv", time_column=times, **settings)  # type: ignore[arg-type]
    prepare(section, folder / "run/prepare", base=folder)


def test_rectools_gets_what_trains_and_behind_it_what_validates_and_never_the_test(tmp_path: Path) -> None:
    own = write_log(tmp_path)
    prepared(tmp_path, split="leave-last-out")
    path = tmp_path / "clicks.inter"
    done = script("rectools_sasrec.py", str(path), "--from", str(tmp_path / "run"))
    assert done.returncode == 0, done.stderr
    head, *lines = path.read_text().splitlines()
    found = {user: items.split(" ") for user, items in (line.split("\t") for line in lines)}
    assert head.split("\t") == ["user_id:token", "item_id_list:token_seq"]
    assert found == {user: items[:-1] for user, items in own.items()}
    assert json.loads(done.stdout) == {"users": 30, "clicks": sum(map(len, found.values()))}


def test_a_split_and_ids_that_the_file_cannot_say_are_refused(tmp_path: Path) -> None:
    write_log(tmp_path, odd=True)
    path, run = str(tmp_path / "clicks.inter"), str(tmp_path / "run")
    prepared(tmp_path, split="leave-last-out")
    assert "the id 'a b' cannot stand" in script("rectools_sasrec.py", path, "--from", run).stderr
    write_log(tmp_path)
    (tmp_path / "clicks.csv").write_text("".join(
        line + ("," + str(row) if row else ",timestamp") + "\n"
        for row, line in enumerate((tmp_path / "clicks.csv").read_text().splitlines())
    ))  # fmt: skip
    prepared(tmp_path, split="time")
    assert "data.split = leave-last-out" in script("rectools_sasrec.py", path, "--from", run).stderr


def test_a_missing_package_is_named_before_anything_is_trained(vectors_of: ModuleType) -> None:
    vectors_of.refuse_missing(("numpy",))
    with pytest.raises(SystemExit, match=r"not installed: no_such_rival\. pip install"):
        vectors_of.refuse_missing(("numpy", "no_such_rival"))


def test_vectors_in_another_basis_are_alike_and_others_are_not(vectors_of: ModuleType) -> None:
    random = np.random.default_rng(0)
    one, other = (vectors_of.unit(random.standard_normal((40, 6)).astype(np.float32)) for _ in range(2))
    rotation = np.linalg.qr(random.standard_normal((6, 6)))[0].astype(np.float32)
    assert all(value == pytest.approx(1, abs=1e-5) for value in vectors_of.alike(one @ rotation, one).values())
    assert max(vectors_of.alike(one, other).values()) < 0.7


def test_neighbours_are_shared_by_hand(vectors_of: ModuleType) -> None:
    one = np.array([[9, 3, 2, 1], [3, 9, 2, 1], [3, 2, 9, 1], [3, 2, 1, 9]], dtype=np.float32)
    other = one[:, ::-1][::-1].copy()  # the first two of the last row's neighbours are the nearest now
    assert vectors_of.shared_neighbours(one, one, 2) == 1
    # Nearest two of rows 0 to 3: {1,2} {0,2} {0,1} {0,1} against {2,3} {2,3} {1,3} {1,2}.
    assert vectors_of.shared_neighbours(one, other, 2) == pytest.approx((1 + 1 + 1 + 1) / 8)
