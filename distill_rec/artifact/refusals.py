"""Why a run has no published student: what its gates refused, as `export/report.json` has it, and what to do."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill_rec.artifact.errors import ArtifactError
from distill_rec.artifact.link import LINK

REPORT = "report.json"
VERDICT = "refresh/verdict.json"
"""Of a run's folder: how a refreshed student stands against the one before."""
LOSS = "nDCG@10 lost against torch, relative"
SPREAD = "spread of the item vectors"
TEXT_SPREAD = "spread of the text vectors, which new items have"
QUALITY = "share of the teacher's nDCG@10 kept"
LATENCY = "milliseconds of ranking 100 candidates, p50"
MEGABYTES = "megabytes loaded"
NEWEST = "gain on the newest clicks over the run before"

COLLAPSED = (
    "A student whose items are nearly alike has collapsed: give it more data or updates (student.optimizer.max_updates "
    "or max_epochs, with --restart distill), or set export.min_spread lower to publish it anyway."
)
REMEDIES = {
    LOSS: ("export.max_loss", "Leave the precision out, or set export.max_loss higher."),
    SPREAD: ("export.min_spread", COLLAPSED),
    TEXT_SPREAD: ("export.min_spread", COLLAPSED),
    QUALITY: ("export.min_quality", "Train the student longer or larger, or set export.min_quality lower."),
    LATENCY: ("export.max_p50_ms", "Make the student smaller, or set export.max_p50_ms higher."),
    NEWEST: (
        "refresh.max_loss",
        "Look at refresh/report.html: more updates, another rate_factor or replay; or set refresh.anyway = true "
        "(`distill-rec refresh --anyway`) to publish it all the same.",
    ),
    MEGABYTES: ("export.max_mb", "Make the student smaller, or set export.max_mb higher."),
}
"""Of each gate that a key of the recipe sets: that key, and what to do."""

OTHERWISE = "The files do not compute what torch does: try another export.precision, and report it as a fault."


@dataclass(frozen=True)
class Refusal:
    """A gate that was not passed.

    Attributes:
        saw: the figure, in words.
        wanted: as "at least 0.01".
    """

    precision: str
    what: str
    saw: str
    wanted: str

    @property
    def expected(self) -> str:
        """The limit, and the recipe's key where one sets it."""
        key, _ = REMEDIES.get(self.what, ("", ""))
        return f"{self.wanted} ({key})" if key else self.wanted

    @property
    def remedy(self) -> str:
        return REMEDIES.get(self.what, ("", OTHERWISE))[1]

    def __str__(self) -> str:
        return f"{self.precision}: {self.what} {self.saw}"


def in_words(refusals: Iterable[Refusal]) -> str:
    """All of them, each with what was expected."""
    return "; ".join(f"{one}, expected {one.expected}" for one in refusals)


def remedies(refusals: Iterable[Refusal]) -> str:
    """What to do, each remedy once."""
    return " ".join(dict.fromkeys(one.remedy for one in refusals))


def refused(export_folder: Path) -> list[Refusal]:
    """The gates for which the newest export was not published; none where it was, or where nothing is known of it."""
    report = _object_in(export_folder / REPORT)
    if not report and (worse := worse_than_before(export_folder.parent)) is not None:
        return [worse]
    if not report or report.get("version") is not None:
        return []
    failed = [one for one in report.get("gates", []) if not one["passed"]]
    main = [one for one in failed if one["precision"] == report.get("main")]
    return [_refusal(one) for one in main or failed]


def worse_than_before(run: Path) -> Refusal | None:
    """What a refreshed run's student lost against the one before, where that is more than it may; else None."""
    found = _object_in(run / VERDICT)
    if not found.get("worse"):
        return None
    span = f"{found['low']:+.4f} to {found['high']:+.4f}"
    saw = f"{found['value']:+.4f} {found['metric']} ({span}, {found['users']:,} users, {found['before']})"
    return Refusal("student", NEWEST, saw, f"at least {found['limit']:g}")


def _refusal(gate: dict[str, Any]) -> Refusal:
    saw = "nan" if gate["saw"] is None else f"{gate['saw']:.4g}"
    wanted = f"at {'least' if gate['at_least'] else 'most'} {gate['limit']:g}"
    return Refusal(gate["precision"], gate["what"], saw, wanted)


def no_student(path: Path) -> ArtifactError:
    """What to say where a path leads to no exported student: whose run it is, and how far that came."""
    run = path.parent.parent if path.name == LINK and path.parent.name == "export" else path
    run = run.parent if run.name == "export" else run
    if not (run / "recipe.json").exists():
        if not run.exists():
            return ArtifactError(run, "no such folder", "a run's folder, or its export/student", "Is its name right?")
        do = "Name export/student of a run."
        return ArtifactError(path, "no manifest.json", "the folder of an exported student", do)
    if gates := refused(run / "export"):
        found = f"no published student: the gates of its export refused it: {in_words(gates)}"
        return ArtifactError(run, found, "", remedies(gates))
    if _object_in(run / "recipe.json").get("recipe", {}).get("export") is None:
        return ArtifactError(run, "no published student: its recipe has no section [export]", "", "Add one.")
    do = f"Run it to its end: distill-rec run RECIPE --out {shlex.quote(str(run))}"
    return ArtifactError(run, "no published student: it is not exported yet", "", do)


def _object_in(path: Path) -> dict[str, Any]:
    """A JSON object; empty where the file is not there or holds none."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
