"""The transformer kind: its item encoder is an ONNX graph, run by onnxruntime from verified bytes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from distill_rec.artifact.errors import ArtifactError
from distill_rec.artifact.external_data import has_external_data
from distill_rec.artifact.files import Files
from distill_rec.artifact.layout import LAYOUTS, TOKENIZER
from distill_rec.artifact.reading import read_neutral
from distill_rec.runtime.arrays import Floats
from distill_rec.runtime.forks import watch
from distill_rec.runtime.kinds import RuntimeKind, Work
from distill_rec.runtime.tokenizer import TextTokenizer

BATCH = 64
ALONE = "distill_rec.one_text_at_a_time"
"""Key in the metadata of a graph whose activations are scaled by all that it is given at once."""


class OnnxItemEncoder:
    """Texts to item vectors.

    The session is opened from the bytes that were verified; a graph that points at further files is refused. Its
    threads do not survive a fork, so that a child opens one of its own when it first encodes.

    Args:
        read: the verified bytes of the graph.
        neutral: vector `[dim]` of a text that reads as the empty one, where none was learned.

    Raises:
        ArtifactError: onnxruntime is not installed or refuses the graph, or the graph keeps tensors in other files.
    """

    def __init__(  # noqa: PLR0913
        self,
        read: Callable[[], bytes],
        tokenizer: TextTokenizer,
        dim: int,
        threads: int | None,
        where: Path,
        neutral: Floats | None = None,
    ) -> None:
        self._neutral = neutral
        self._read, self._tokenizer, self._dim, self._threads, self._where = read, tokenizer, dim, threads, where
        self.after_fork()
        watch(self)
        self._opened()

    def after_fork(self) -> None:
        self._opening = threading.Lock()
        # Closing the parent's session would wait for threads that a child does not have.
        self._parents: Any = getattr(self, "_session", None)
        self._session: Any = None

    def _opened(self) -> Any:
        session = self._session
        if session is None:
            with self._opening:
                if self._session is None:
                    self._session = self._open()
                session = self._session
        return session

    def _open(self) -> Any:
        where = self._where
        try:
            import onnxruntime as ort  # noqa: PLC0415  (a transformer student alone needs it)
        except ImportError as error:
            raise ArtifactError(
                where, "needs onnxruntime", "onnxruntime installed", "pip install onnxruntime"
            ) from error
        graph = self._read()
        _require_self_contained(graph, where)
        options: Any = ort.SessionOptions()
        if self._threads is not None:
            options.intra_op_num_threads = self._threads
        options.log_severity_level = 3
        # Its own format is detected by content, and would pass the check above unread.
        options.add_session_config_entry("session.load_model_format", "ONNX")
        try:
            return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises its own kinds
            raise ArtifactError(where, f"refused by onnxruntime: {error}", "a self-contained graph") from error

    def encode(self, texts: Sequence[str]) -> Floats:
        """Vectors `[n, dim]`, in batches of like lengths, or one by one where a batch would change them."""
        session = self._opened()
        ids, offsets = self._tokenizer.encode(texts)
        lengths = np.diff(offsets)
        out = np.empty((len(texts), self._dim), dtype=np.float32)
        order = np.argsort(lengths, kind="stable")
        batch = 1 if ALONE in session.get_modelmeta().custom_metadata_map else BATCH
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            width = max(int(lengths[rows].max()), 1)
            mask = np.arange(width)[None] < lengths[rows, None]
            tokens = np.zeros((len(rows), width), dtype=np.int64)
            places = (offsets[rows][:, None] + np.arange(width)[None])[mask]
            tokens[mask] = ids[places]
            feed = {"input_ids": tokens, "attention_mask": mask.astype(np.int64)}
            out[rows] = session.run(None, feed)[0]
        if self._neutral is not None:
            out[self._tokenizer.reads_empty(ids, offsets)] = self._neutral
        return out


def _require_self_contained(graph: bytes, where: Path) -> None:
    try:
        outside = has_external_data(graph)
    except ValueError as error:
        raise ArtifactError(where, f"no ONNX graph: {error}", "a self-contained graph") from error
    if outside:
        raise ArtifactError(where, "keeps tensors in other files", "a self-contained graph", "Export it again.")


class TransformerKind(RuntimeKind):
    """Needs onnxruntime and tokenizers."""

    layout = LAYOUTS["transformer"]

    def tokenizer(self, files: Files) -> TextTokenizer:
        manifest = files.manifest
        return TextTokenizer(files.read(TOKENIZER), manifest.max_tokens, special_tokens=True, prefix=manifest.prefix)

    def item_encoder(self, files: Files, name: str, threads: int | None) -> OnnxItemEncoder:
        where, dim = files.folder / name, files.manifest.dim
        tokenizer, neutral = self.tokenizer(files), read_neutral(files)
        return OnnxItemEncoder(lambda: files.read(name), tokenizer, dim, threads, where, neutral)

    def work(self, files: Files, name: str) -> Work | None:
        return work_of(files.read(name))


def work_of(graph: bytes) -> Work | None:
    """From the matrices that the graph's products take; None where `onnx` is not installed, or there are none."""
    try:
        import onnx  # noqa: PLC0415  (not in the light install)
    except ImportError:
        return None
    found = onnx.load_model_from_string(graph).graph
    sizes = {one.name: int(np.prod(one.dims)) for one in found.initializer if len(one.dims) > 1}
    products = [node for node in found.node if "MatMul" in node.op_type or "Gemm" in node.op_type]
    weights = sum(sizes.get(name, 0) for node in products for name in node.input)
    return Work(0.0, 2.0 * weights) if weights else None


KIND = TransformerKind()
