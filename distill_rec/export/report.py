"""What an export made of each precision: the table of the command line, and `export/report.json`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill_rec.export.gates import Gate, Measured, buys_nothing, failed
from distill_rec.files import write_json

REPORT = "report.json"


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
        """One a precision, for tables and JSON: figures, and what became of it in words."""
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
                    "ndcg@10": one.ndcg,
                    "loss": one.loss,
                    "difference": one.parity.scores,
                    "spread": one.spread,
                    "text_spread": one.text_spread,
                    "batch_difference": one.parity.batch,
                    "verdict": verdict,
                }
            )
        return out

    def write(self, folder: Path) -> None:
        """Write `report.json` into the export folder."""
        content = {"version": self.version, "digest": self.digest, "main": self.main, "precisions": self.rows()}
        write_json(folder / REPORT, content | {"gates": [gate.to_dict() for gate in self.gates]})
