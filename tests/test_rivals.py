"""The comparisons with other libraries: they say what they need, and what they compare is the same in any basis."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from types import ModuleType

import numpy as np
import pytest
from conftest import ROOT

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
