"""The machine as a process sees it: cores, memory, the cache folder, a GPU."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from distill_rec.doctor.findings import Finding
from distill_rec.files import cache_folder

AREA = "machine"
LITTLE_MEMORY = 2 * 2**30
"""Below this, training on MovieLens-100k with a small PLM no longer fits; serving does."""
LITTLE_DISK = 2**30
CGROUP = Path("/sys/fs/cgroup")


def machine() -> list[Finding]:
    """All of it."""
    return [_cores(), *_memory(), _cache(), *_gpu()]


def size(count: float) -> str:
    """Bytes for people: `1.4 GB`."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:,.1f} {unit}"
    return f"{count:.0f} bytes"


def _cores() -> Finding:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota()
    parts = [f"{usable} cores usable"]
    if quota is not None and quota < usable:
        parts.append(f"a quota of {quota:g} cores")
    asked = os.environ.get("OMP_NUM_THREADS", "")
    parts.append(f"OMP_NUM_THREADS={asked}" if asked else "OMP_NUM_THREADS not set")
    limit = usable if quota is None else min(usable, max(1, round(quota)))
    if asked.isdigit() and int(asked) > limit:
        do = f"Set OMP_NUM_THREADS to at most {limit}: more threads than cores wait for each other."
        return Finding("note", AREA, "cores and threads", "; ".join(parts), do)
    if not asked and limit < usable:
        do = f"Set OMP_NUM_THREADS={limit}: libraries count the cores and not the quota."
        return Finding("note", AREA, "cores and threads", "; ".join(parts), do)
    return Finding("ok", AREA, "cores and threads", "; ".join(parts))


def _quota() -> float | None:
    """Cores that a container may use, where it is limited."""
    words = _read(CGROUP / "cpu.max").split()
    return int(words[0]) / int(words[1]) if len(words) == 2 and words[0].isdigit() else None


def _memory() -> list[Finding]:
    pairs = (line.split(":") for line in _read(Path("/proc/meminfo")).splitlines() if ":" in line)
    values = {name: int(text.split()[0]) * 1024 for name, text in pairs}
    if "MemAvailable" not in values:
        return []
    free, total = values["MemAvailable"], values["MemTotal"]
    limit = _read(CGROUP / "memory.max").strip()
    if limit.isdigit() and int(limit) < total:
        used = _read(CGROUP / "memory.current").strip()
        total = int(limit)
        free = min(free, total - int(used)) if used.isdigit() else min(free, total)
    found = f"{size(free)} of {size(total)} free"
    if free < LITTLE_MEMORY:
        return [Finding("note", AREA, "memory", found, "Enough to serve; training may not fit.")]
    return [Finding("ok", AREA, "memory", found)]


def _cache() -> Finding:
    folder, what = cache_folder(), "cache folder"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"0")
    except OSError as error:
        do = "Set DISTILL_REC_CACHE to a folder that can be written to."
        return Finding("problem", AREA, what, f"{folder}: cannot be written to ({error.strerror})", do)
    held = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    free = shutil.disk_usage(folder).free
    found = f"{folder}: holds {size(held)}, {size(free)} free"
    if free < LITTLE_DISK:
        return Finding("note", AREA, what, found, "Make room, or set DISTILL_REC_CACHE to another disk.")
    return Finding("ok", AREA, what, found)


def _gpu() -> list[Finding]:
    """Seen through torch; an install without it has no use for one."""
    try:
        import torch
    except ModuleNotFoundError:
        return []
    except Exception as error:  # a shared library that is missing or of another machine
        do = "Install torch again, as PyTorch's site shows it for this machine."
        return [Finding("problem", AREA, "torch", f"does not load: {error}", do)]
    if torch.cuda.is_available():
        names = ", ".join(torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count()))
        return [Finding("ok", AREA, "GPU", names)]
    built = f"torch is built for CUDA {torch.version.cuda}" if torch.version.cuda else "torch is built for CPUs"
    if any(Path("/dev").glob("nvidia[0-9]*")):
        do = "Install torch for CUDA, or look at the driver; until then training runs on the CPU."
        return [Finding("note", AREA, "GPU", f"one is in this machine, but torch does not see it ({built})", do)]
    return [Finding("ok", AREA, "GPU", f"none is visible ({built}); everything works on a CPU")]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
