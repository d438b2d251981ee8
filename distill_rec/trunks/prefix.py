"""The frozen prefix: run the layers that never change once per text, keep what comes out, start every step there.

States are kept ragged, `[n_tokens, width]` in fp16 (fp32 where values pass what fp16 holds), in the cache folder,
under the texts, the trunk's weights, its tokenizer's settings and the depth. An interrupted pass goes on at the
next shard of texts.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from distill_rec.data.ragged import Ragged
from distill_rec.files import alone, cache_folder, fingerprint, read_json, write_json
from distill_rec.progress import Progress, Task
from distill_rec.trunks.load import Trunk, layer_list, pool
from distill_rec.trunks.reuse import Shared, note_texts, shared_with

SHARD = 2048
FP16_LIMIT = 6e4


def pad_tokens(tokens: Ragged, rows: NDArray[np.int64], device: torch.device) -> tuple[Tensor, Tensor]:
    """Token ids and mask `[n, longest]`; a text without tokens gets one masked position."""
    padded, mask = tokens.take(rows).padded()
    if padded.shape[1] == 0:
        padded, mask = np.zeros((len(rows), 1), np.int32), np.zeros((len(rows), 1), np.bool_)
    ids = torch.from_numpy(padded.astype(np.int64)).to(device)
    return ids, torch.from_numpy(mask).to(device)


def forward_all(trunk: Trunk, ids: Tensor, mask: Tensor) -> Tensor:
    """Hidden states `[n, tokens, width]` of the whole model."""
    out = cast(Any, trunk.model)(input_ids=ids, attention_mask=mask.long(), **_no_memory(trunk))
    return out.last_hidden_state  # type: ignore[no-any-return]


def _no_memory(trunk: Trunk) -> dict[str, bool]:
    """A decoder keeps keys and values for tokens to come, which nothing here asks for."""
    return {"use_cache": False} if hasattr(cast(Any, trunk.model).config, "use_cache") else {}


@contextlib.contextmanager
def only_layers(trunk: Trunk, start: int, stop: int | None = None) -> Iterator[nn.ModuleList]:
    """Leave the model with layers `start:stop` while the block runs."""
    parent, name = layer_list(trunk.model)
    every = getattr(parent, name)
    kept = nn.ModuleList(list(every)[start:stop])
    config = cast(Any, trunk.model).config
    kinds = getattr(config, "layer_types", None)
    setattr(parent, name, kept)
    if kinds is not None:  # of attention, looked up by a layer's number
        config.layer_types = kinds[start:stop]
    try:
        yield kept
    finally:
        setattr(parent, name, every)
        if kinds is not None:
            config.layer_types = kinds


def forward_upper(trunk: Trunk, ids: Tensor, mask: Tensor, states: Tensor, start: int) -> Tensor:
    """Hidden states of the model from layer `start` on, given what enters that layer.

    The model's own forward runs, with the layers below taken out and the first one's input replaced, so that
    masks and position schemes stay the architecture's.
    """

    def substitute(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        if args:
            return (states, *args[1:]), kwargs
        return args, kwargs | {"hidden_states": states}

    with only_layers(trunk, start) as kept:
        handle = kept[0].register_forward_pre_hook(substitute, with_kwargs=True)
        try:
            return forward_all(trunk, ids, mask)
        finally:
            handle.remove()


class _Caught(Exception):
    """Ends a forward pass at the layer whose input was wanted."""


def forward_lower(trunk: Trunk, ids: Tensor, mask: Tensor, stop: int) -> Tensor:
    """What enters layer `stop` (the final states where `stop` is the depth)."""
    if stop == len(trunk.layers):
        return forward_all(trunk, ids, mask)
    caught: list[Tensor] = []

    def catch(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        caught.append(args[0] if args else kwargs["hidden_states"])
        raise _Caught

    handle = trunk.layers[stop].register_forward_pre_hook(catch, with_kwargs=True)
    try:
        forward_all(trunk, ids, mask)
    except _Caught:
        pass
    finally:
        handle.remove()
    return caught[0]


def _key(trunk: Trunk, texts: list[str], *more: object) -> str:
    return fingerprint(texts, trunk.digest, trunk.tokenizer_json, trunk.prefix, trunk.max_tokens, *more)


@dataclass(frozen=True)
class Pass:
    """What a pass over texts makes.

    Attributes:
        stop: the layer whose input is kept; the depth for the final states.
        pooling: one row per text; where None one per token.
        title: for progress.
        family: folder of notes of the passes that differ by their texts alone.
    """

    texts: list[str]
    stop: int
    pooling: str | None
    title: str
    family: Path


class RowFile:
    """A flat file of rows, appended shard by shard by ordinary writes, readable when it is whole."""

    def __init__(self, folder: Path, dtype: type[np.generic], width: int) -> None:
        self.folder, self.dtype, self.width = folder, np.dtype(dtype), width
        self.part, self.whole, self.state = folder / "rows.part", folder / "rows.bin", folder / "progress.json"

    def done(self) -> int:
        """Shards that are safely on disk."""
        if self.whole.exists():
            return -1
        if not self.state.exists() or not self.part.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            self.part.write_bytes(b"")
            write_json(self.state, {"shards": 0, "bytes": 0})
        state = read_json(self.state)
        os.truncate(self.part, state["bytes"])
        return int(state["shards"])

    def append(self, shard: int, rows: NDArray[Any]) -> None:
        with self.part.open("ab") as file:
            file.write(rows.astype(self.dtype, copy=False).tobytes())
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        write_json(self.state, {"shards": shard + 1, "bytes": size})

    def finish(self) -> None:
        if not self.whole.exists():
            os.replace(self.part, self.whole)

    def read(self) -> NDArray[Any]:
        return np.memmap(self.whole, dtype=self.dtype, mode="r").reshape(-1, self.width)


def run_lower(rows: RowFile, tokens: Ragged, trunk: Trunk, asked: Pass, progress: Progress) -> NDArray[Any]:
    """Run the lower layers over all texts, shard by shard; rows that an earlier pass has made are taken from it.

    Another process that makes the same rows is waited for.
    """
    with alone(rows.folder):
        begin = rows.done()
        if begin >= 0:
            shared = shared_with(asked.family, asked.texts, rows.width, rows.dtype)
            with progress.task(asked.title, len(tokens)) as task, torch.no_grad():
                task.advance(min(begin * SHARD, len(tokens)))
                for shard in range(begin, -(-len(tokens) // SHARD)):
                    numbers = np.arange(shard * SHARD, min((shard + 1) * SHARD, len(tokens)))
                    block = _block(numbers, tokens, trunk, asked, shared, task)
                    if rows.dtype == np.float16 and np.abs(block).max(initial=0) > FP16_LIMIT:
                        raise OverflowError
                    rows.append(shard, block)
            rows.finish()
        note_texts(rows.folder, asked.family, asked.texts, _lengths(tokens, asked))
        return rows.read()


def _lengths(tokens: Ragged, asked: Pass) -> NDArray[np.int64]:
    """Rows of each text."""
    return tokens.lengths if asked.pooling is None else np.ones(len(tokens), np.int64)


def _block(
    numbers: NDArray[np.int64], tokens: Ragged, trunk: Trunk, asked: Pass, shared: Shared | None, task: Task
) -> NDArray[Any]:
    """Rows of some texts, one after the other: taken over, or made in chunks of like lengths."""
    taken = [None if shared is None else shared.take(int(number)) for number in numbers]
    out: list[NDArray[Any]] = [np.empty(0) if one is None else one for one in taken]
    order = np.argsort(tokens.lengths[numbers], kind="stable")
    order = order[np.array([taken[place] is None for place in order], dtype=np.bool_)]
    task.advance(len(numbers) - len(order))
    device, lengths = next(trunk.model.parameters()).device, _lengths(tokens, asked)[numbers]
    for at in range(0, len(order), 64):
        chosen = order[at : at + 64]
        ids, mask = pad_tokens(tokens, numbers[chosen], device)
        hidden = forward_lower(trunk, ids, mask, asked.stop)
        if asked.pooling is not None:
            hidden = pool(hidden, mask, asked.pooling)[:, None]
        values = hidden.float().cpu().numpy()
        for place, value in zip(chosen, values, strict=True):
            out[place] = value[: lengths[place]].copy()
        task.advance(len(chosen))
    return np.concatenate(out) if out else np.empty((0, trunk.width))


def cached_states(texts: list[str], tokens: Ragged, trunk: Trunk, start: int, progress: Progress) -> Ragged:
    """What enters layer `start` for each token of each text, memory-mapped.

    Args:
        start: the lowest layer that learns; the depth where none does.
    """
    root = cache_folder() / "states"
    folder, family = root / _key(trunk, texts, start), root / "families" / _key(trunk, [], start)

    def values(name: str, dtype: type[np.generic]) -> NDArray[Any]:
        asked = Pass(texts, start, None, f"frozen layers 1-{start}", family / name)
        return run_lower(RowFile(folder / name, dtype, trunk.width), tokens, trunk, asked, progress)

    try:
        found = values("fp16", np.float16)
    except OverflowError:
        found = values("fp32", np.float32)
    return Ragged(found, tokens.offsets)


def cached_pooled(texts: list[str], tokens: Ragged, trunk: Trunk, pooling: str, progress: Progress) -> NDArray[Any]:
    """Pooled vectors `[n_texts, width]` of the whole frozen trunk, fp32, memory-mapped."""
    root = cache_folder() / "pooled"
    family = root / "families" / _key(trunk, [], pooling)
    asked = Pass(texts, trunk.depth, pooling, "frozen trunk", family)
    return run_lower(
        RowFile(root / _key(trunk, texts, pooling), np.float32, trunk.width), tokens, trunk, asked, progress
    )
