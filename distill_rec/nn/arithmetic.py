"""How arithmetic is done while a model trains: the same twice, and what its matrices are multiplied in."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from distill_rec.sections.optimizer import Precision


@contextlib.contextmanager
def deterministic(device: torch.device) -> Iterator[None]:
    """Deterministic algorithms on a CPU; fresh memory is not filled, as nothing here reads it before it is written."""
    settings: Any = torch.utils.deterministic
    before = torch.are_deterministic_algorithms_enabled(), settings.fill_uninitialized_memory
    torch.use_deterministic_algorithms(device.type == "cpu")
    settings.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        settings.fill_uninitialized_memory = before[1]


@contextlib.contextmanager
def multiplied_in(precision: Precision) -> Iterator[None]:
    """Products of fp32 matrices with factors rounded to bf16 and sums in fp32, where the device can; or as they are."""
    if precision == "fp32":
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def not_rounded(numbers: Tensor) -> Tensor:
    """bf16 as fp32; all else as it is."""
    return numbers.float() if numbers.dtype == torch.bfloat16 else numbers


def in_bf16() -> bool:
    """Whether they are now."""
    return torch.get_float32_matmul_precision() == "medium"
