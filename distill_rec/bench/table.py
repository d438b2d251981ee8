"""The figures as lines of text."""

from __future__ import annotations

from collections.abc import Sequence

from distill_rec.bench.results import Bench, Limits, Measured, Memory

HEADER = ("threads", "call", "p50 ms", "p90 ms", "p99 ms", "per second", "reached", "of the limit")


def text_of(bench: Bench) -> str:
    """Tables of the machine's limits and of the cases."""
    student, machine = bench.student, bench.machine
    head = (
        f"{student['kind']} student, {student['items']:,} items of {student['dim']} dimensions, on "
        f"{machine['processor']}, {machine['cores']} cores (load {machine['load_before']:g} before)"
    )
    parts = [head, *limit_lines(bench.limits), memory_line(bench.memory), "", *rows_of(bench)]
    return "\n".join(parts)


def limit_lines(limits: Sequence[Limits]) -> list[str]:
    """The machine's own rates."""
    return [
        f"limit, {one.threads} thread{'s' * (one.threads > 1)}: memory read at {one.read_gb_s:.1f} GB/s, "
        f"float32 product {one.product_gflop_s:.0f} GFLOP/s"
        for one in limits
    ]


def memory_line(memory: Memory) -> str:
    """In MiB, or that the system does not tell."""
    if memory.private is None or memory.mapped is None:
        return "memory: this system does not tell"
    line = f"memory of a process that serves it: {memory.private / 2**20:.0f} MiB private"
    if memory.private_of_numpy is not None:
        line += f" ({memory.private_of_numpy / 2**20:.0f} of them with numpy alone)"
    return f"{line}, {memory.mapped / 2**20:.0f} MiB mapped from files"


def cells_of(one: Measured, own: int) -> tuple[str, ...]:
    """Of the row of a case."""
    unit = "GB/s" if one.limit == "read" else "GFLOP/s"
    reached = "" if one.reached is None else f"{_short(one.reached)} {unit}"
    share = "" if one.share is None else f"{one.share:.0%}"
    times = (_short(one.p50_ms), _short(one.p90_ms), _short(one.p99_ms))
    rate = f"{one.per_second:,.0f} {one.case.unit}"
    return (str(one.case.threads), one.case.label(own), *times, rate, reached, share)


def rows_of(bench: Bench) -> list[str]:
    """Columns padded to their widest cell; numbers to the right."""
    rows = [HEADER, *(cells_of(one, bench.student["items"]) for one in bench.cases)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(HEADER))]
    return [
        "  ".join(
            cell.ljust(width) if at == 1 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _short(value: float) -> str:
    """Three digits that tell something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
