"""What modules of a trunk are given and give, token by token, while it runs over texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from distill_rec.nn.arithmetic import not_rounded
from distill_rec.trunks.load import Trunk
from distill_rec.trunks.prefix import forward_all, pad_tokens
from distill_rec.trunks.tokens import tokenize

AT_ONCE = 64
"""Texts of a forward pass."""

Watcher = Callable[[Tensor, Tensor], None]
"""Is told what a module was given and gave, each `[tokens, width]`, padding left out."""


@torch.no_grad()
def watch(trunk: Trunk, texts: Sequence[str], watchers: Sequence[tuple[nn.Module, Watcher]]) -> None:
    """Run the texts, and tell each watcher of its module as often as that runs."""
    mask = torch.ones(0)

    def hook(told: Watcher, module: nn.Module, args: tuple[Any, ...], out: Any) -> None:
        told(not_rounded(args[0][mask]), not_rounded(out[mask]))

    hooks = [module.register_forward_hook(partial(hook, told)) for module, told in watchers]
    try:
        tokens = tokenize(list(texts), trunk.tokenizer())
        device = next(trunk.model.parameters()).device
        for rows in torch.arange(len(tokens)).split(AT_ONCE) if watchers else ():
            ids, mask = pad_tokens(tokens, rows.numpy(), device)
            forward_all(trunk, ids, mask)
    finally:
        for one in hooks:
            one.remove()
