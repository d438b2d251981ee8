"""Where tensors live, chosen by accelerate."""

from __future__ import annotations

import torch


def choose_device(name: str) -> torch.device:
    """The device of a recipe's `device`; "auto" takes a GPU where there is one.

    Raises:
        TrainingError: several processes were launched, or the named device is not there.
    """
    from accelerate import PartialState  # noqa: PLC0415  (seconds to import)

    from distill_rec.runtime.errors import TrainingError  # noqa: PLC0415

    if name == "cpu":
        return torch.device("cpu")
    state = PartialState()
    if state.num_processes > 1:
        raise TrainingError("accelerate launch", f"{state.num_processes} processes", "one process")
    if name == "auto":
        return torch.device(state.device)
    if name == "cuda" and not torch.cuda.is_available():
        raise TrainingError("device", "no CUDA device here", "auto, cpu or a device that is there")
    return torch.device(name)
