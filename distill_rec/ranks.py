"""The processes that `accelerate launch` or `torchrun` began: what they tell each other, and what they add up.

The first of them runs the command; the others wait in `distill_rec.together` for a training to have a part in.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from distill_rec.processes import COUNTS, NUMBERS
from distill_rec.runtime.errors import RunError, TrainingError

if TYPE_CHECKING:
    from torch import Tensor, nn

T = TypeVar("T")
PATIENCE = timedelta(days=7)
"""A process that waits for the first one's stages; one that dies is noticed at once, by its closed connection."""
WHOLE = (
    "Of a trunk of which little learns (teacher.tuning lora or last:k), each process holds the weights once and "
    "gradients of that little; item_chunk bounds the rest."
)
"""What helps where a trunk seems too large for one process."""
IN_RECIPE = "The recipe says it: optimizer.precision = 'bf16' of a teacher or student, teacher.trunk_precision."
log = logging.getLogger("distill_rec")


def count_launched() -> int:
    """How many processes were launched, by the environment alone."""
    return next((int(os.environ[name]) for name in COUNTS if os.environ.get(name)), 1)


def runs_command() -> bool:
    """Whether this process is the one that prints, records and decides; the only one where one was launched."""
    number = next((os.environ[name] for name in NUMBERS if os.environ.get(name)), "0")
    return count_launched() == 1 or number == "0"


@dataclass
class Ranks:
    """Processes that have a part in a training; this one alone where nothing is given.

    Attributes:
        rank, count: this process's number, and how many there are.
        control: gloo's group, for what lies on the CPU; the default group is for what lies on a GPU.
        led: the others wait for the first one's announcements.
        broken: the first one has left a training that the others are still in.
    """

    rank: int = 0
    count: int = 1
    control: Any = None
    led: bool = False
    broken: bool = False

    @property
    def first(self) -> bool:
        return self.rank == 0

    def add_up(self, tensor: Tensor) -> None:
        """Replace a tensor by its sum over all processes, the same to the last digit in each."""
        if self.count == 1:
            return
        import torch.distributed as dist

        with self._noticing():
            dist.all_reduce(tensor, group=self.control if tensor.device.type == "cpu" else None)

    def add_gradients(self, parameters: Sequence[nn.Parameter], loss: float) -> float:
        """Replace gradients by their sums, in one message with the loss, whose sum is returned.

        A parameter that no process has a gradient of stays without, so that its optimiser leaves it alone.
        """
        if self.count == 1:
            return loss
        import torch

        device = parameters[0].device if parameters else torch.device("cpu")
        dtype = parameters[0].dtype if parameters else torch.float32
        head = torch.tensor([loss, *(p.grad is not None for p in parameters)], dtype=dtype, device=device)
        own = [(torch.zeros_like(p) if p.grad is None else p.grad).reshape(-1) for p in parameters]
        bucket = torch.cat([head, *own])
        self.add_up(bucket)
        found, *parts = bucket.split([len(head), *(p.numel() for p in parameters)])
        for parameter, holders, part in zip(parameters, found[1:].tolist(), parts, strict=True):
            parameter.grad = part.view_as(parameter).clone() if holders else None
        return float(found[0])

    def same(self, value: T) -> T:
        """The first process's value, which JSON can hold; whatever the others give."""
        if self.count == 1:
            return value
        import torch
        import torch.distributed as dist

        content = json.dumps(value).encode() if self.first else b""
        length = torch.tensor([len(content)])
        with self._noticing():
            dist.broadcast(length, 0, group=self.control)
            text = torch.zeros(int(length), dtype=torch.uint8)
            if self.first:
                text = torch.frombuffer(bytearray(content), dtype=torch.uint8)
            dist.broadcast(text, 0, group=self.control)
        found: T = json.loads(text.numpy().tobytes())
        return found

    @contextlib.contextmanager
    def _noticing(self) -> Iterator[None]:
        """Say what a broken connection means.

        Raises:
            RunError: another process has ended.
        """
        try:
            yield
        except RuntimeError as error:
            self.broken = True
            raise RunError(
                f"process {self.rank + 1} of {self.count}",
                f"another process has ended, or cannot be reached ({str(error).splitlines()[0][:200]})",
                "all that were launched",
                "What it said is above, if it could; SIGKILL is often memory that ran out. The same command goes on "
                "from the last checkpoint, with as many processes as you like.",
            ) from error


ALONE = Ranks()


@cache
def launched() -> Ranks:
    """The processes that were launched, connected.

    Raises:
        TrainingError: they were launched for something that is not offered.
    """
    _refuse_unknown()
    if count_launched() == 1:
        _tell_of_missing()
        return ALONE
    import atexit

    import torch
    import torch.distributed as dist
    from accelerate import PartialState
    from accelerate.utils import DistributedType

    on_cpu = not torch.cuda.is_available() or os.environ.get("ACCELERATE_USE_CPU", "").lower() in ("true", "1")
    state = PartialState(cpu=on_cpu, timeout=PATIENCE)
    if state.distributed_type not in (DistributedType.MULTI_CPU, DistributedType.MULTI_GPU):
        raise _refusal(f"processes of kind {state.distributed_type.value}")
    atexit.register(_disconnect)
    control = dist.new_group(backend="gloo", timeout=PATIENCE)
    return Ranks(state.process_index, state.num_processes, control)


def _disconnect() -> None:
    """End the connection at exit, while its threads can be joined: whoever still holds it keeps them past that."""
    import gc

    import torch.distributed as dist

    launched.cache_clear()
    gc.collect()
    dist.destroy_process_group()


def _refuse_unknown() -> None:
    for name in ("FSDP", "DEEPSPEED", "MEGATRON_LM"):
        if os.environ.get(f"ACCELERATE_USE_{name}", "").lower() in ("true", "1"):
            raise _refusal(name, WHOLE)
    precision = os.environ.get("ACCELERATE_MIXED_PRECISION", "no")
    if precision not in ("", "no"):
        raise _refusal(f"--mixed_precision {precision}", IN_RECIPE)


def _refusal(found: str, do: str = "") -> TrainingError:
    return TrainingError(
        "accelerate launch",
        f"{found}, which is not offered",
        "several processes in full precision, each with the whole model (--multi_gpu, or torchrun)",
        do,
    )


def _tell_of_missing() -> None:
    """`accelerate launch --cpu` begins one process, however many are asked for, unless it is given a host file."""
    asked_of_cpu = os.environ.get("ACCELERATE_USE_CPU", "").lower() == "true" and "MASTER_ADDR" in os.environ
    if asked_of_cpu and not any(os.environ.get(name) for name in COUNTS):
        log.warning(
            "accelerate launch --cpu began one process, as it does without --mpirun_hostfile; for several use "
            "`torchrun --nproc-per-node 2 -m distill_rec ...`"
        )
