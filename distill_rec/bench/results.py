"""What a measurement found, as `bench.json` holds it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Settings:
    """What is measured.

    Attributes:
        artifact: folder of an exported student.
        threads: settings of the BLAS and of onnxruntime, each measured in processes of its own.
        batches: items encoded at once, and users of one `_many` call; 1 is the single form.
        histories: clicks of a history; one that is longer than the student reads is cut by it.
        items: catalogue sizes beside the artifact's own.
        rounds: each measures every case once, so that a slow minute of the machine meets all alike.
        seconds: for all the timed calls together.
        precision: of the artifact; its main one where not given.
        dim: dimensions to score by; all where not given.
    """

    artifact: str
    threads: tuple[int, ...] = (1,)
    batches: tuple[int, ...] = (1, 8, 64)
    histories: tuple[int, ...] = (10, 50)
    items: tuple[int, ...] = ()
    candidates: int = 100
    k: int = 10
    rounds: int = 5
    seconds: float = 20.0
    precision: str | None = None
    dim: int | None = None


@dataclass(frozen=True)
class Case:
    """One operation at one size.

    Attributes:
        operation: encode_items (of texts that were not met before), rank, rank_many, recommend, recommend_many; search
            and search_many are the part of the latter two that scans the catalogue.
        batch: texts or users of one call.
        history: clicks; 0 where there is none.
        items: size of the catalogue that is searched; 0 where none is.
    """

    operation: str
    batch: int
    history: int
    items: int
    threads: int

    @property
    def unit(self) -> str:
        return "items" if self.operation == "encode_items" else "users"

    def label(self, own: int) -> str:
        """`recommend_many, 64 users, of 100,000 items`; the artifact's own catalogue is not told."""
        parts = [self.operation]
        if self.batch > 1:
            parts.append(f"{self.batch} {self.unit}")
        if self.history:
            parts.append(f"{self.history} clicks")
        if self.items not in (0, own):
            parts.append(f"of {self.items:,} items")
        return ", ".join(parts)


@dataclass(frozen=True)
class Measured:
    """Times of a case, in milliseconds of a call, over the calls of all rounds.

    Attributes:
        round_p50_ms: median of each round: how steady the machine was.
        per_second: items or users per second; the median of the rounds.
        work: floating-point operations of a call (encode_items, search_many), or bytes read (search); where known.
        reached: GFLOP/s or GB/s at the median time.
        share: of what the machine reached with nothing but that (see `Limits`).
    """

    case: Case
    calls: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    round_p50_ms: list[float]
    per_second: float
    limit: str = ""
    work: float | None = None
    reached: float | None = None
    share: float | None = None


@dataclass(frozen=True)
class Limits:
    """What the machine does when it does nothing else, at one setting of threads.

    Attributes:
        read_gb_s: bytes read of an array that is larger than the caches.
        read_of: the same for the catalogue of each size, which may lie in a cache.
        product_gflop_s: of two square float32 matrices.
        product_of: of a catalogue's block and a batch of users, by number of users.
    """

    threads: int
    read_gb_s: float
    read_of: dict[int, float]
    product_gflop_s: float
    product_of: dict[int, float]


@dataclass(frozen=True)
class Memory:
    """Of a process that has loaded the student and served it, in bytes, and of one that imported numpy alone."""

    private: int | None
    mapped: int | None
    private_of_numpy: int | None
    mapped_of_numpy: int | None


@dataclass(frozen=True)
class Bench:
    """Everything."""

    student: dict[str, Any]
    machine: dict[str, Any]
    settings: Settings
    memory: Memory
    limits: list[Limits]
    cases: list[Measured]
    format_version: int = field(default=FORMAT_VERSION)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
