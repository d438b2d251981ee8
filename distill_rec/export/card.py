"""The model card: `README.md` of an artifact."""

from __future__ import annotations

from distill_rec.data.dataset import Dataset
from distill_rec.export.parity import Parity
from distill_rec.runtime.manifest import Manifest


def model_card(manifest: Manifest, dataset: Dataset, parity: Parity) -> str:
    """What the student is, what it was measured to do, and what it is not for."""
    size = sum(record.size for record in manifest.files.values())
    lines = [
        f"# A {manifest.kind} student",
        "",
        f"Ranks {manifest.items:,} items of {dataset.kind}; exported by distill-rec, format version "
        f"{manifest.format_version}. {manifest.parameters:,} parameters, {size / 1e6:.1f} MB on disk.",
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
        f"Text template: `{manifest.template}`, at most {manifest.max_tokens} tokens. Items that had training clicks "
        "also hold a learned offset; new items are encoded from text alone.",
        "",
        "## Measured",
        "",
        f"Scores equal torch's within {parity.scores:.1e} of their standard deviation, on {parity.samples} histories "
        f"and {parity.texts} items.",
        "",
    ]
    if manifest.metrics:
        lines += ["| measure | value |", "|---|---|"]
        lines += [f"| {name} | {_number(value)} |" for name, value in manifest.metrics.items()]
        lines += ["", "The test's figures, with intervals, stand in the run's `evaluate/` folder.", ""]
    lines += [
        "## Intended use and limits",
        "",
        "Ranking items for users of the data set that it was trained on. It learnt from logged clicks and repeats "
        "their popularity and exposure biases. Scores have a meaning only within one request. Licences of data and PLM "
        "apply to it.",
        "",
    ]
    return "\n".join(lines)


def _number(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
