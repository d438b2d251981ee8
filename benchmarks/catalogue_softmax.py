"""The fused softmax over the catalogue against `cross_entropy` under autograd: same gradient, speed, memory.

    python benchmarks/catalogue_softmax.py

Each measurement runs in a process of its own, so that peaks of memory are its own; all are interleaved. `repeat` is the
fused softmax with a repeat term, every position having `--seen` items in its history.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

import torch
from torch.nn import functional

from distill_rec.artifact.repeat import BUCKETS
from distill_rec.losses import catalogue_loss
from distill_rec.losses.repeats import RepeatPlaces

SHARPNESS = 0.3


def world(positions: int, n_items: int, dim: int, dtype: torch.dtype) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    users = torch.randn(positions, dim, generator=generator, dtype=dtype, requires_grad=True)
    items = (torch.randn(n_items, dim, generator=generator, dtype=dtype) * SHARPNESS).requires_grad_()
    return users, items, torch.randint(n_items, (positions,), generator=generator)


def histories(positions: int, n_items: int, seen: int) -> RepeatPlaces:
    """So many distinct items of every position's history."""
    generator = torch.Generator().manual_seed(1)
    item = (torch.randint(n_items, (positions, 1), generator=generator) + torch.arange(seen) * 7) % n_items
    row = torch.arange(positions).repeat_interleave(seen)
    bucket = torch.arange(seen).clamp(max=BUCKETS - 1).repeat(positions)
    return RepeatPlaces(list(range(0, positions * seen + 1, seen)), row, item.flatten(), bucket)


def run(
    kind: str, users: torch.Tensor, items: torch.Tensor, targets: torch.Tensor, places: RepeatPlaces | None = None
) -> torch.Tensor:
    if kind == "repeat":
        numbers = torch.zeros(BUCKETS, requires_grad=True)
        return catalogue_loss(users, items, targets, repeat=numbers, places=places)
    if kind == "fused":
        return catalogue_loss(users, items, targets)
    return functional.cross_entropy(users @ items.t(), targets)


def child(kind: str, positions: int, n_items: int, dim: int, repeats: int, seen: int) -> None:
    users, items, targets = world(positions, n_items, dim, torch.float32)
    places = histories(positions, n_items, seen) if kind == "repeat" else None
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = []
    for _ in range(repeats + 1):
        users.grad = items.grad = None
        began = time.perf_counter()
        run(kind, users, items, targets, places).backward()
        seconds.append(time.perf_counter() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(json.dumps({"rate": positions / statistics.median(seconds[1:]), "peak_mib": peak / 1024}))


def measure(kind: str, args: argparse.Namespace, n_items: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", kind, "--items", str(n_items)]
    command += [
        "--seen",
        str(args.seen),
        "--positions",
        str(args.positions),
        "--dim",
        str(args.dim),
        "--repeats",
        str(args.repeats),
    ]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def errors(dtype: torch.dtype, positions: int, n_items: int, dim: int) -> dict[str, float]:
    """Largest difference of gradients over the largest entry, and the smallest cosine of an item's row."""
    users, items, targets = world(positions, n_items, dim, dtype)
    ours = torch.autograd.grad(run("fused", users, items, targets), (users, items))
    theirs = torch.autograd.grad(run("autograd", users, items, targets), (users, items))
    worst = max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(ours, theirs, strict=True))
    cosine = functional.cosine_similarity(ours[1], theirs[1], dim=1)
    return {"largest_difference": worst, "smallest_cosine": float(cosine.min())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--positions", type=int, default=4096)
    parser.add_argument("--items", type=int, default=16859)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds; medians are printed")
    parser.add_argument("--large", type=int, default=100_000, help="a catalogue that must still fit")
    parser.add_argument("--seen", type=int, default=12, help="items of a history, where there is a repeat term")
    parser.add_argument("--child", choices=["fused", "repeat", "autograd"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(args.child, args.positions, args.items, args.dim, args.repeats, args.seen)
        return
    rounds = [
        tuple(measure(kind, args, args.items) for kind in ("fused", "autograd", "repeat")) for _ in range(args.rounds)
    ]
    result: dict[str, object] = {
        "positions": args.positions,
        "items": args.items,
        "dim": args.dim,
        "threads": torch.get_num_threads(),
        "fused": statistics.median(fused["rate"] for fused, _, _ in rounds),
        "autograd": statistics.median(plain["rate"] for _, plain, _ in rounds),
        "ratio": statistics.median(fused["rate"] / plain["rate"] for fused, plain, _ in rounds),
        "repeat": statistics.median(term["rate"] for _, _, term in rounds),
        "repeat_over_fused": statistics.median(term["rate"] / fused["rate"] for fused, _, term in rounds),
        "fused_peak_mib": statistics.median(fused["peak_mib"] for fused, _, _ in rounds),
        "autograd_peak_mib": statistics.median(plain["peak_mib"] for _, plain, _ in rounds),
        "float64": errors(torch.float64, args.positions, args.items, args.dim),
        "float32": errors(torch.float32, args.positions, args.items, args.dim),
        f"fused_at_{args.large}": measure("fused", args, args.large),
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
