"""The export stage: a trained student to a self-describing folder, published only if it passes its gates."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.numpy import save

from distill_rec.artifact.item_ids import KEY
from distill_rec.artifact.layout import (
    CARD,
    GOLDEN,
    ITEM_IDS,
    ITEM_VECTORS,
    MANIFEST,
    NEUTRAL,
    NEW_LEVEL,
    TEACHER,
    TEXTS,
    TOKENIZER,
    TRAINING,
    TRANSITIONS,
    USER_ENCODER,
)
from distill_rec.artifact.link import LINK, version_of
from distill_rec.artifact.manifest import Manifest
from distill_rec.artifact.publish import new_version
from distill_rec.artifact.save import seal, write_list, write_vectors
from distill_rec.contracts import student_spec
from distill_rec.data.dataset import Dataset
from distill_rec.evaluation.scorer import DotScorer, Scorer
from distill_rec.export.card import model_card
from distill_rec.export.gates import Gate, Measured, failed, gates_of, require_gates
from distill_rec.export.golden import golden_inputs
from distill_rec.export.measure import Yardstick, exported_scorer, measure, test_metrics, watched
from distill_rec.export.precisions import write_precisions
from distill_rec.export.report import ExportReport
from distill_rec.files import sha256_file, write_bytes, write_text
from distill_rec.handover import require_same
from distill_rec.progress import Progress, Quiet
from distill_rec.recipe import ExportSection
from distill_rec.runtime import Student
from distill_rec.runtime.errors import RecipeError
from distill_rec.student_model import StudentModel, load_student

if TYPE_CHECKING:
    from distill_rec.teacher_model import Teacher

logger = logging.getLogger(__name__)


def export_student(  # noqa: PLR0913
    section: ExportSection,
    student_folder: Path,
    dataset: Dataset,
    export_folder: Path,
    *,
    teacher: Teacher | None = None,
    metrics: dict[str, Any] | None = None,
    fingerprints: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> ExportReport:
    """Write the next version and switch the link `export_folder/student` to it.

    Args:
        student_folder: `distill/student` of a run.
        dataset: the prepared data: catalogue ids, and the histories of the gates.
        teacher: whose quality is the yardstick of a gate, and whose vectors are carried where the recipe asks for it.
        metrics, fingerprints: recorded in the manifest.

    Raises:
        ArtifactError: a gate of the main precision, or of a required one, failed; nothing is published.
        RecipeError: the precisions contradict each other or the kind of student.
        RunError: student or teacher are of another catalogue, or of other data.
    """
    precisions = _ordered(section)
    _warn_of_changed_catalogue(export_folder / LINK)
    model = load_student(student_folder)
    require_same(student_folder, "the student", model.config, dataset)
    if teacher is not None:
        require_same(teacher.folder, "the teacher", teacher.knowledge.marks, dataset)
    progress = progress or Quiet()
    judged = None if teacher is None else _validated(teacher, dataset, section)
    yardstick = Yardstick.of(model, dataset, _with_term(judged, model, dataset, progress))
    with progress.task("export", 3 + len(precisions)) as task:
        with new_version(export_folder, section.keep) as folder:
            _write_parts(section, model, dataset, teacher, folder)
            write_precisions(model, dataset, folder, precisions)
            manifest = _manifest(model, dataset, precisions, folder, metrics or {}, fingerprints or {})
            manifest = seal(manifest, folder)
            task.advance()
            measured = []
            for precision in precisions:
                measured.append(measure(folder, precision, yardstick, section.parity_samples))
                task.advance()
            gates = [gate for one in measured for gate in gates_of(one, section, yardstick.teacher_ndcg)]
            report = ExportReport(None, None, measured, gates, section.precision)
            report.write(export_folder)
            require_gates(gates, [section.precision, *section.require])
            kept = [name for name in precisions if not failed(gates, name)]
            manifest = _without(manifest, kept, folder)
            write_text(folder / GOLDEN, golden_inputs(folder, dataset, kept).to_json())
            described = _described(manifest, measured, gates, teacher, yardstick, folder, progress)
            manifest = seal(described, folder)
            digest = sha256_file(folder / MANIFEST)
            write_text(folder / CARD, model_card(model.kind, manifest, dataset, report))
            task.advance()
        link = export_folder / LINK
        report = replace(report, version=link.resolve().name, digest=digest)
        report.write(export_folder)
        if section.torch_export:
            model.write_program(export_folder / "pt2" / f"{report.version}.pt2")
        task.advance()
    return report


def _warn_of_changed_catalogue(link: Path) -> None:
    """A version that a service saved has items of its own; a new export has the data's alone."""
    version = version_of(link)
    if version is not None and (version / MANIFEST).exists() and Manifest.read(version).made_from:
        found = "version %s was saved with a changed catalogue; what was added or removed there is not in the new one"
        logger.warning(found, version.name)


def _validated(teacher: Teacher, dataset: Dataset, section: ExportSection) -> Scorer | None:
    """The teacher as the gates see it; None where it has no scores of the validation samples, which is told.

    Raises:
        RecipeError: the recipe carries its vectors, and it has none.
    """
    if section.teacher and not teacher.has_vectors:
        raise RecipeError("key export.teacher", "true, and the teacher hands over scores alone", "false")
    found = teacher.scorer_on(dataset, "validation")
    if found is None and section.min_quality:
        why = teacher.uncovered(dataset, "validation")
        logger.warning("export.min_quality is not held against the teacher: %s", why)
    return found


def _with_term(teacher: Scorer | None, model: StudentModel, dataset: Dataset, progress: Progress) -> Scorer | None:
    """A teacher with a transition term where the student has one: it is measured by what distilling kept of it."""
    if teacher is None or model.transitions is None:
        return teacher
    from distill_rec.training.transition_term import with_transitions  # noqa: PLC0415

    return with_transitions({"teacher": teacher}, dataset, progress)["teacher"]


def _ordered(section: ExportSection) -> list[str]:
    """The precisions, the main one first.

    Raises:
        RecipeError: the main or a required one is not among them.
    """
    listed = list(dict.fromkeys(section.precisions))
    for key, wanted in (("precision", [section.precision]), ("require", section.require)):
        if missing := [name for name in wanted if name not in listed]:
            do = f"Add {missing[0]!r} to export.precisions."
            raise RecipeError(f"key export.{key}", repr(missing[0]), " or ".join(listed), do)
    return sorted(listed, key=lambda name: name != section.precision)


def _write_parts(
    section: ExportSection, model: StudentModel, dataset: Dataset, teacher: Teacher | None, folder: Path
) -> None:
    """What all precisions share, and what the artifact carries for others than the runtime."""
    write_bytes(folder / TOKENIZER, model.tokenizer_file.read_bytes())
    write_list(folder / ITEM_IDS, dataset.items["item_id"].to_list())
    if section.texts:
        write_list(folder / TEXTS, [dataset.texts[text] for text in dataset.item_text])
    users = {name: value.numpy() for name, value in model.user_encoder.state_dict().items()}
    write_bytes(folder / USER_ENCODER, save(users))
    if model.neutral is not None:
        write_bytes(folder / NEUTRAL, save({"vector": model.neutral.numpy()}))
    if model.new_level is not None:
        write_bytes(folder / NEW_LEVEL, save(model.new_level.arrays()))
    if model.transitions is not None:
        write_bytes(folder / TRANSITIONS, save(model.transitions.arrays()))
    if section.weights:
        for path in (model.folder / "model.json", model.weights_file, model.tokenizer_file):
            write_bytes(folder / TRAINING / path.name, path.read_bytes())
    if section.teacher:
        if teacher is None:
            raise RecipeError("key export.teacher", "true, and the run has no teacher", "false")
        knowledge = teacher.knowledge
        write_list(folder / TEACHER / ITEM_IDS, teacher.item_ids)
        write_vectors(folder / TEACHER / ITEM_VECTORS.format(""), knowledge.item_vectors, "fp32")
        users = {name: value.cpu().numpy() for name, value in knowledge.user_encoder.state_dict().items()}
        write_bytes(folder / TEACHER / USER_ENCODER, save(users))


def _manifest(  # noqa: PLR0913
    model: StudentModel,
    dataset: Dataset,
    precisions: list[str],
    folder: Path,
    metrics: dict[str, Any],
    fingerprints: dict[str, Any],
) -> Manifest:
    config = model.config
    return Manifest(
        kind=student_spec(model.kind).artifact,
        dim=config["dim"],
        max_tokens=config["max_tokens"],
        prefix=config["prefix"],
        template=config["template"],
        unescape_html=config.get("unescape_html", False),
        user_encoder=_as_served(config["user_encoder"]),
        projection=config["projection"],
        items=dataset.n_items,
        parameters=model.parameters_count,
        files={},
        precision=precisions[0],
        precisions={name: model.layout.files(name) for name in precisions},
        metrics=metrics,
        fingerprints=fingerprints | {"data": dataset.fingerprint, KEY: dataset.item_ids_digest},
        trunk=config["trunk"],
        repeat=[] if model.repeat is None else model.repeat.tolist(),
        dims=model.dims,
    )


def _as_served(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A user encoder's settings without those of its training; likewise of the encoders that it is made of."""
    kept = ("kind", "dim", "max_history", "layers", "heads")
    parts = {"parts": [_as_served(part) for part in settings["parts"]]} if "parts" in settings else {}
    return {key: settings[key] for key in kept if key in settings} | parts


def _without(manifest: Manifest, kept: list[str], folder: Path) -> Manifest:
    """The manifest of the precisions that passed; files that none of them reads are removed."""
    precisions = {name: parts for name, parts in manifest.precisions.items() if name in kept}
    before = {name for parts in manifest.precisions.values() for name in parts.values()}
    for name in before - {name for parts in precisions.values() for name in parts.values()}:
        (folder / name).unlink()
    return replace(manifest, precisions=precisions)


def _described(  # noqa: PLR0913
    manifest: Manifest,
    measured: list[Measured],
    gates: list[Gate],
    teacher: Teacher | None,
    yardstick: Yardstick,
    folder: Path,
    progress: Progress,
) -> Manifest:
    """With what was measured, on the test too: of the exported student itself, and of its teacher."""
    dataset, main = yardstick.dataset, measured[0]
    scorers: dict[str, Scorer] = {}
    for dim in reversed(manifest.dims or [manifest.dim]):  # the whole student first
        name = "student" if dim == manifest.dim else f"student, {dim} dimensions"
        scorers[name] = exported_scorer(Student.load(folder, dim=dim), yardstick.model, dataset, 0)
    tested = yardstick.teacher  # one of vectors ranks whatever it is asked, and its term is fitted
    if teacher is not None and not isinstance(tested, DotScorer):
        tested = teacher.scorer_on(dataset, "test")
    if tested is not None:
        scorers["teacher"] = tested
    with progress.task("the test, by what is exported and its teacher", len(scorers) * len(dataset.test)) as task:
        test = {name: test_metrics(watched(one, task), dataset) for name, one in scorers.items()}
    shape = {"rank_p50_ms": main.p50_ms, "rank_p99_ms": main.p99_ms, "items_per_second": main.items_per_second}
    sides: dict[str, Any] = {}
    if (folder / TEACHER).is_dir() and teacher is not None:
        knowledge = teacher.knowledge
        sides = {"dim": knowledge.dim, "items": len(teacher.item_ids), "user_encoder": knowledge.user_settings}
        if knowledge.repeat is not None:
            sides["repeat"] = knowledge.repeat.tolist()
    return replace(
        manifest,
        metrics=manifest.metrics | {"test": test},
        latency={name: value for name, value in shape.items() if value is not None},
        parity={one.precision: one.parity.to_dict() for one in measured if one.precision in manifest.precisions},
        gates=[gate.to_dict() for gate in gates],
        teacher=sides,
    )
