"""The frozen prefix: run the layers that never change once per text, keep what comes out, start every step there.

States are kept ragged, `[n_tokens, width]` in fp16 (fp32 where values pass what fp16 holds), in the cache folder,
under the texts, the trunk's weights, its tokenizer's settings and the depth. A pass is made in shards of texts
(`distill_rec.shards`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from distill_rec.data.ragged import Ragged
from distill_rec.files import cache_folder, fingerprint
from distill_rec.nn.arithmetic import in_bf16, not_rounded
from distill_rec.progress import Progress, Task
from distill_rec.shards.job import Job, rows_of
from distill_rec.shards.rows import RowFile
from distill_rec.trunks.load import Trunk, layer_list, pool
from distill_rec.trunks.reuse import Shared, note_texts, shared_with

SHARD = 512
"""Texts of a shard."""
FP16_LIMIT = 6e4


def pad_tokens(tokens: Ragged, rows: NDArray[np.int64], device: torch.device) -> tuple[Tensor, Tensor]:
    """Token ids and mask `[n, longest]`; a text without tokens gets one masked position."""
    padded, mask = tokens.take(rows).padded()
    if padded.shape[1] == 0:
        padded, mask = np.zeros((len(rows), 1), np.int32), np.zeros((len(rows), 1), np.bool_)
    ids = torch.from_numpy(padded.astype(np.int64)).to(device)
    return ids, torch.from_numpy(mask).to(device)


def forward_all(trunk: Trunk, ids: Tensor, mask: Tensor) -> Tensor:
    """Hidden states `[n, tokens, width]` of the whole model, in the precision of its weights.

    A training that multiplies in bf16 runs the PLM so too: torch's fused attention of fp32 takes ten times as long
    then.
    """
    with torch.autocast(ids.device.type, torch.bfloat16, enabled=trunk.precision == "bf16" or in_bf16()):
        out = cast(Any, trunk.model)(input_ids=ids, attention_mask=mask.long(), **_no_memory(trunk))
    return not_rounded(out.last_hidden_state)


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
    return not_rounded(caught[0])


def _key(trunk: Trunk, texts: list[str], *more: object) -> str:
    precision = [] if trunk.precision == "fp32" else [trunk.precision]
    return fingerprint(texts, trunk.digest, trunk.tokenizer_json, trunk.prefix, trunk.max_tokens, *more, *precision)


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


def pass_job(rows: RowFile, tokens: Ragged, trunk: Trunk, asked: Pass) -> Job:
    """Run the lower layers over all texts, shard by shard; rows that an earlier pass has made are taken from it."""
    shared = cache(lambda: shared_with(asked.family, asked.texts, rows.width, rows.dtype))

    def make(shard: int, task: Task) -> NDArray[Any]:
        if _overflow(rows).exists():
            raise OverflowError
        numbers = np.arange(shard * rows.size, min((shard + 1) * rows.size, len(tokens)))
        with torch.no_grad():
            block = _block(numbers, tokens, trunk, asked, shared(), task)
        if rows.dtype == np.float16 and np.abs(block).max(initial=0) > FP16_LIMIT:
            _overflow(rows).touch()
            raise OverflowError
        return block

    return Job(rows, len(tokens), asked.title, make)


def _overflow(rows: RowFile) -> Path:
    """Says that some states do not fit into fp16."""
    return rows.folder / "overflow"


def run_lower(rows: RowFile, tokens: Ragged, trunk: Trunk, asked: Pass, progress: Progress) -> NDArray[Any]:
    """The rows of a pass; processes that ask for the same at the same time share its shards.

    Raises:
        OverflowError: some state does not fit into fp16, where that is asked for.
    """
    found = rows_of(pass_job(rows, tokens, trunk, asked), progress)
    note_texts(rows.folder, asked.family, asked.texts, _lengths(tokens, asked))
    return found


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


def states_pass(texts: list[str], tokens: Ragged, trunk: Trunk, start: int) -> tuple[RowFile, Pass]:
    """The pass that keeps what enters layer `start`: in fp16, or in fp32 once some state has not fitted into that."""
    root = cache_folder() / "states"
    folder, family = root / _key(trunk, texts, start), root / "families" / _key(trunk, [], start)
    half = RowFile(folder / "fp16", np.float16, trunk.width, SHARD)
    rows = RowFile(folder / "fp32", np.float32, trunk.width, SHARD) if _overflow(half).exists() else half
    return rows, Pass(texts, start, None, f"frozen layers 1-{start}", family / rows.folder.name)


def cached_states(texts: list[str], tokens: Ragged, trunk: Trunk, start: int, progress: Progress) -> Ragged:
    """What enters layer `start` for each token of each text, memory-mapped.

    Args:
        start: the lowest layer that learns; the depth where none does.
    """
    rows, asked = states_pass(texts, tokens, trunk, start)
    try:
        found = run_lower(rows, tokens, trunk, asked, progress)
    except OverflowError:
        rows, asked = states_pass(texts, tokens, trunk, start)
        found = run_lower(rows, tokens, trunk, asked, progress)
    return Ragged(found, tokens.offsets)


def pooled_pass(texts: list[str], trunk: Trunk, pooling: str) -> tuple[RowFile, Pass]:
    """The pass of the whole frozen trunk, whose pooled vectors are kept in fp32."""
    root = cache_folder() / "pooled"
    asked = Pass(texts, trunk.depth, pooling, "frozen trunk", root / "families" / _key(trunk, [], pooling))
    return RowFile(root / _key(trunk, texts, pooling), np.float32, trunk.width, SHARD), asked


def cached_pooled(texts: list[str], tokens: Ragged, trunk: Trunk, pooling: str, progress: Progress) -> NDArray[Any]:
    """Pooled vectors `[n_texts, width]` of the whole frozen trunk, fp32, memory-mapped."""
    rows, asked = pooled_pass(texts, trunk, pooling)
    return run_lower(rows, tokens, trunk, asked, progress)
