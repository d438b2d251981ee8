"""Where tensors live, chosen by accelerate."""

from __future__ import annotations

import torch


def choose_device(name: str) -> torch.device:
    """The device of a recipe's `device`; "auto" takes a GPU where there is one.

    Raises:
        TrainingError: several processes were launched and this is none of a run, or the named device is not there.
    """
    from accelerate import PartialState  # noqa: PLC0415  (seconds to import)

    from distill_rec.ranks import count_launched, launched  # noqa: PLC0415
    from distill_rec.runtime.errors import TrainingError  # noqa: PLC0415

    several = count_launched() > 1
    if several and not launched().led:
        found = f"{count_launched()} processes outside a run"
        do = "Use `distill-rec run` or distill_rec.run(), which several processes can share."
        raise TrainingError("accelerate launch", found, "one process", do)
    if name == "cpu":
        return torch.device("cpu")
    if several:
        device = PartialState().device
        if name not in ("auto", device.type):
            raise TrainingError("device", f"{name!r} in processes launched for {device.type}", "auto, or cpu")
        return _own(device)
    if name == "auto":
        return torch.device(PartialState().device)
    if name == "cuda" and not torch.cuda.is_available():
        raise TrainingError("device", "no CUDA device here", "auto, cpu or a device that is there")
    return torch.device(name)


def threads_to_share(name: str) -> int:
    """Threads that trainings can share; 1 where they would share a GPU, or processes that were launched."""
    from distill_rec.ranks import count_launched  # noqa: PLC0415

    if count_launched() > 1:
        return 1
    return torch.get_num_threads() if choose_device(name).type == "cpu" else 1


def _own(device: torch.device) -> torch.device:
    """This process's device among those of all; accelerate numbers CPUs, which torch does not."""
    return torch.device("cpu") if device.type == "cpu" else device
