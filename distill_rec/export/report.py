"""What an export made of each precision: the table of the command line, and `export/report.json`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from distill_rec.artifact.refusals import REPORT
from distill_rec.export.gates import Gate, Measured, buys_nothing, failed, finite
from distill_rec.records import Record, write_record


class PrecisionRow(BaseModel):
    """One precision in figures, and what became of it in words; None where one was not measured or is not finite."""

    model_config = ConfigDict(extra="forbid")

    precision: str
    megabytes: float
    items_per_second: float | None
    p50_ms: float | None
    ndcg: float | None = Field(alias="ndcg@10")
    loss: float | None
    difference: float | None
    spread: float | None = None
    text_spread: float | None = None
    batch_difference: float | None = None
    verdict: str


class GateRow(BaseModel):
    """See `gates.Gate`."""

    model_config = ConfigDict(extra="forbid")

    precision: str
    what: str
    saw: float | None
    limit: float
    at_least: bool
    passed: bool


class ReportRecord(Record):
    """What `export/report.json` says of the newest export; see `ExportReport`."""

    version: str | None
    digest: str | None
    main: str
    precisions: list[PrecisionRow]
    gates: list[GateRow]


@dataclass(frozen=True)
class ExportReport:
    """Of the newest export, published or not.

    Attributes:
        version: number of the version; None where the publication was refused.
        digest: of its manifest, by which `Student.load(digest=...)` finds tampering.
        measured: each precision that was written.
        gates: of all of them.
        main: the main precision.
    """

    version: str | None
    digest: str | None
    measured: list[Measured]
    gates: list[Gate]
    main: str

    def rows(self) -> list[dict[str, Any]]:
        """One per precision, for tables and JSON: figures, and what became of it in words."""
        whole = next((one for one in self.measured if one.precision == "fp32"), None)
        out = []
        for one in self.measured:
            wrong = failed(self.gates, one.precision)
            verdict = "main" if one.precision == self.main else "published"
            if wrong:
                told = "; ".join(f"{gate.what} {gate.saw:.4g}, allowed {gate.wanted}" for gate in wrong)
                verdict = f"left out: {told}"
            elif whole is not None and one is not whole and buys_nothing(one, whole):
                verdict += "; buys nothing here: hardly smaller and hardly faster than fp32"
            out.append(
                {
                    "precision": one.precision,
                    "megabytes": one.bytes / 1e6,
                    "items_per_second": one.items_per_second,
                    "p50_ms": one.p50_ms,
                    "ndcg@10": finite(one.ndcg),
                    "loss": finite(one.loss),
                    "difference": finite(one.parity.scores),
                    "spread": finite(one.spread),
                    "text_spread": finite(one.text_spread),
                    "batch_difference": finite(one.parity.batch),
                    "verdict": verdict,
                }
            )
        return out

    def write(self, folder: Path) -> None:
        """Write `report.json` into the export folder."""
        content = {"version": self.version, "digest": self.digest, "main": self.main, "precisions": self.rows()}
        content |= {"gates": [gate.to_dict() for gate in self.gates]}
        write_record(folder / REPORT, ReportRecord.model_validate(content))
