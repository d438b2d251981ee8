"""The model card: `README.md` of an artifact."""

from __future__ import annotations

from typing import Any

from distill_rec.artifact.layout import NEW_LEVEL, TRANSITIONS
from distill_rec.artifact.manifest import Manifest
from distill_rec.artifact.repeat import NAMES
from distill_rec.data.dataset import Dataset
from distill_rec.export.report import ExportReport


def model_card(kind: str, manifest: Manifest, dataset: Dataset, report: ExportReport) -> str:
    """What the student is, what it was measured to do, and what it is not for.

    Args:
        kind: the student's own, as its recipe names it; the manifest's is that of the artifact, which others share.
    """
    size = sum(record.size for record in manifest.files.values())
    lines = [
        f"# A {kind} student",
        "",
        f"Ranks {manifest.items:,} items for users known by their clicks; exported by distill-rec, format version "
        f"{manifest.format_version}. {manifest.parameters:,} parameters, {size / 1e6:.1f} MB on disk with everything "
        "it carries.",
        "",
        "```python",
        "from students import Student",
        "",
        'student = Student.load("path/of/this/folder")',
        "student.recommend(history=[...], k=10)",
        "```",
        "",
        "## How it reads an item",
        "",
        f"Text template: `{manifest.template}`, at most {manifest.max_tokens} tokens. HTML entities are read "
        f"{'as characters' if manifest.unescape_html else 'as they stand'}. Items that had training clicks "
        "may also hold a learned offset; new items are encoded from text alone. Its tokens and first weights came from "
        f"`{_source(manifest.trunk)}`.",
        *_repeat(manifest),
        *_transitions(manifest),
        *_dims(manifest),
        *_new_level(manifest),
        "",
        "## Data",
        "",
        f"{dataset.n_items:,} items; {int(dataset.train_clicks.sum()):,} training clicks, {len(dataset.test):,} test "
        f"samples ({dataset.kind}). Fingerprint `{dataset.fingerprint}`.",
        "",
        "## Measured",
        "",
    ]
    lines += _metrics(manifest.metrics)
    lines += ["Latency of the machine that exported it, one thread:", ""] if manifest.latency else []
    lines += [f"- {name}: {value:.4g}" for name, value in manifest.latency.items()]
    lines += ["", "| precision | MB | new items/s | rank p50, ms | nDCG@10, validation | lost | verdict |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for row in report.rows():
        cells = (_number(row[name]) for name in ("megabytes", "items_per_second", "p50_ms", "ndcg@10", "loss"))
        lines.append(f"| {row['precision']} | {' | '.join(cells)} | {row['verdict']} |")
    parity = manifest.parity[manifest.precision]
    lines += [
        "",
        f"Scores of the main precision equal torch's within {parity['scores']:.1e} of their standard deviation, on "
        f"{parity['samples']} histories and {parity['texts']} items.",
        "",
        "## Intended use and limits",
        "",
        "Ranking items for users of the data set that it was trained on. It learnt from logged clicks and repeats "
        "their popularity and exposure biases. Scores have a meaning only within one request. Licences of data and PLM "
        "apply to it.",
        "",
    ]
    return "\n".join(lines)


def _dims(manifest: Manifest) -> list[str]:
    if not manifest.dims:
        return []
    fewer = ", ".join(map(str, manifest.dims[:-1]))
    return ["", f"It also scores by its first {fewer} of {manifest.dim} dimensions: `Student.load(..., dim=...)`."]


def _repeat(manifest: Manifest) -> list[str]:
    if not manifest.repeat:
        return []
    numbers = ", ".join(f"{name}: {number:+.2f}" for name, number in zip(NAMES, manifest.repeat, strict=True))
    return [
        "",
        "Scores of items that stand in the history get a learned number, by how many clicks ago the last one on them "
        f"was: {numbers}. `recommend(..., seen=True)` ranks them among the others.",
    ]


def _transitions(manifest: Manifest) -> list[str]:
    if TRANSITIONS not in manifest.files:
        return []
    return [
        "",
        f"Items that people clicked soon after those of the history get more, as counted (`{TRANSITIONS}`, "
        f"{manifest.files[TRANSITIONS].size / 1e6:.1f} MB; `transitions(history)` tells what). Of the figures below "
        "those of training's validation are from before this was added, of precisions and of the test from after.",
    ]


def _new_level(manifest: Manifest) -> list[str]:
    if NEW_LEVEL not in manifest.files:
        return []
    how = "0 as predicted, 1 as clicked ones"
    return ["", f"`Student.load(..., new_level=...)` says how high items stand that are added: {how}."]


def _source(trunk: dict[str, Any]) -> str:
    return str(trunk.get("source", "")).rstrip("/").rsplit("/", 1)[-1] or "a PLM"


def _metrics(metrics: dict[str, Any]) -> list[str]:
    test: dict[str, dict[str, float]] = metrics.get("test", {})
    lines = [f"- {name}: {_number(value)}" for name, value in metrics.items() if name != "test"]
    if any(test.values()):
        names = list(next(values for values in test.values() if values))
        lines += ["", f"| test, mean over users | {' | '.join(test)} |", "|---" * (len(test) + 1) + "|"]
        lines += [f"| {name} | {' | '.join(_number(test[who].get(name)) for who in test)} |" for name in names]
        lines += ["", "Intervals, and the student without distillation, stand in the run's `evaluate/` folder."]
    return [*lines, ""]


def _number(value: object) -> str:
    if value is None:
        return "-"
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
