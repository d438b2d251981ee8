"""A student in a service: load a folder, rank candidates, recommend items, add new ones."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from distill_rec.artifact.errors import ArtifactError, DataError
from distill_rec.artifact.files import Files
from distill_rec.artifact.golden import require_golden
from distill_rec.artifact.layout import MANIFEST
from distill_rec.artifact.reading import read_new_level
from distill_rec.runtime.arrays import Floats
from distill_rec.runtime.index import PROBES, ApproximateIndex
from distill_rec.runtime.ranker import Ranker, require_list
from distill_rec.runtime.template import fields_of, render, unescaped_text

if TYPE_CHECKING:
    from distill_rec.runtime.kinds import ItemEncoder
    from distill_rec.runtime.loading import Parts

logger = logging.getLogger(__name__)

Item = str | Mapping[str, str]
ODD = 2.0
"""Times the longest vector of the catalogue, above which a new one is shortened."""


@dataclass(frozen=True)
class StudentInfo:
    """What a service may want to log of the student that it runs.

    Attributes:
        version: name of the version's folder.
        digest: sha256 of the manifest, whose hashes stand for all files.
        items: that can be recommended.
        precision: the one that was loaded, of `precisions`.
        dim: of its vectors, as loaded; `dims` has the numbers that it can be loaded with.
        index_recall: of the approximate index; None where search is exact.
        new_level: at which items are added, of a student that was fitted to later texts; else None.
        transition_factor: by which its transition term counts; None where it has none.
    """

    folder: Path
    version: str
    digest: str
    kind: str
    dim: int
    items: int
    precision: str
    precisions: tuple[str, ...]
    metrics: dict[str, Any]
    index_recall: float | None
    dims: tuple[int, ...] = ()
    new_level: float | None = None
    transition_factor: float | None = None


class Student(Ranker):
    """An exported student.

    Example:
        >>> student = Student.load("runs/demo/export/student")
        >>> student.recommend(history=["1", "50"], k=10)  # [(item_id, score), ...]
    """

    def __init__(self, files: Files, parts: Parts, precision: str) -> None:
        most = int(files.manifest.user_encoder["max_history"])
        super().__init__(parts.catalogue, parts.user_encoder, most, parts.repeat, parts.transitions)
        self._files, self._encoder, self._precision = files, parts.item_encoder, precision
        self._fields = fields_of(files.manifest.template)
        self._new_texts: dict[str, str] = {}
        level = read_new_level(files)
        self._new_level = None if level is None else level.level

    @staticmethod
    def load(  # noqa: PLR0913
        path: str | Path,
        threads: int | None = None,
        digest: str | None = None,
        precision: str | None = None,
        verify: bool = False,
        approximate_above: int | None = None,
        dim: int | None = None,
        new_level: float | None = None,
    ) -> Student:
        """Read an artifact; the folder is resolved once, and only files below it are read. Hashes are always compared.

        Args:
            path: `export/student` of a run, a version's folder, or a copy of one.
            threads: of onnxruntime (transformer students) and of building an index; their own choice where not given.
            digest: the manifest's, as `distill-rec export` printed it: finds tampering, where hashes find damage.
            precision: one of those exported; the manifest's own choice where not given.
            verify: answer the golden inputs once more, as kernels differ between processors.
            approximate_above: build an approximate index (usearch) where the catalogue has more items than this.
            dim: score by so many dimensions, of a student that was trained to work with them (`student.nested`).
                Histories are read in all dimensions, which stay in their file.
            new_level: how high items stand that are added from now on, of students that were fitted to later texts: a
                share of what a predicted vector lacks in score; that of the recipe where not given. Items of the
                catalogue stay where they are.

        Raises:
            ArtifactError: a file is missing, damaged, of another format version, or leads out of the folder; the digest
                is another; nothing installed reads its kind; the precision was not exported; a golden answer differs;
                the student does not work with `dim`, or has no `new_level`.
        """
        from distill_rec.runtime.kinds import find_kind  # noqa: PLC0415  (late imports: importing us stays quick)
        from distill_rec.runtime.loading import read_parts  # noqa: PLC0415

        files = Files(path, digest)
        manifest = files.manifest
        kind = find_kind(manifest.kind, files.folder / MANIFEST)
        chosen = precision or manifest.precision
        exported = manifest.exported
        if chosen not in exported:
            do = "Name it in export.precisions of the recipe and export again."
            raise ArtifactError(files.folder, f"precision {chosen!r} was not exported", " or ".join(exported), do)
        student = Student(files, read_parts(files, kind, threads, chosen), chosen)
        if verify:
            require_golden(student, files, chosen)
        if new_level is not None:
            student._stand_at(new_level)
        student._score_by(manifest.dim if dim is None else dim)
        if approximate_above is not None and len(student._catalogue) > approximate_above:
            student._index = ApproximateIndex(student._catalogue, student._probes(), threads or 0)
        logger.info("loaded %s, version %s, digest %s, %s", files.folder, files.folder.name, files.digest[:16], chosen)
        return student

    def _stand_at(self, level: float) -> None:
        """Encode texts at another level than the artifact's own."""
        own = read_new_level(self._files)
        if own is None:
            found = "no new_level: its texts are read as they were learned, or an older release exported it"
            do = "Leave it out, or train it with student.new_texts = 'fitted' and export again."
            raise ArtifactError(self._files.folder, found, "a student that was fitted to later texts", do)
        if not math.isfinite(level):
            raise ArtifactError(self._files.folder, f"new_level {level}", "a finite number", "0, 0.5 and 1 are usual.")
        self._encoder, self._new_level = _Raised(self._encoder, own.shift(level)), level

    def _score_by(self, dim: int) -> None:
        """Compute scores of the first `dim` dimensions."""
        manifest = self._files.manifest
        known = manifest.dims or [manifest.dim]
        if dim not in known:
            do = "Train the student with it among student.nested." if manifest.dims else "Train it with student.nested."
            found = f"no {dim} dimensions that work alone"
            raise ArtifactError(self._files.folder, found, " or ".join(map(str, known)), do)
        if dim != manifest.dim:
            self._catalogue = self._catalogue.first(dim)

    def _probes(self) -> Floats:
        """User vectors of drawn short histories, for an index's recall."""
        generator = np.random.default_rng(0)
        ids = self._catalogue.ids
        drawn = generator.choice(len(ids), (PROBES, 5))
        return np.stack([self.encode_user([ids[row] for row in rows]) for rows in drawn])

    @property
    def info(self) -> StudentInfo:
        manifest, folder = self._files.manifest, self._files.folder
        return StudentInfo(
            folder=folder,
            version=folder.name,
            digest=self._files.digest,
            kind=manifest.kind,
            dim=self._catalogue.scored.dim,
            items=len(self._catalogue),
            precision=self._precision,
            precisions=tuple(manifest.exported),
            metrics=manifest.metrics,
            index_recall=None if self._index is None else self._index.recall,
            dims=tuple(manifest.dims or [manifest.dim]),
            new_level=self._new_level,
            transition_factor=None if self._transitions is None else self._transitions.factor,
        )

    @property
    def fingerprints(self) -> dict[str, str]:
        """Marks of the recipe, the data and the catalogue that it was made from; older releases wrote fewer."""
        return dict(self._files.manifest.fingerprints)

    @cached_property
    def teacher(self) -> Ranker | None:
        """The teacher's ranking over its own item vectors, for comparison; None where they were not exported."""
        from distill_rec.runtime.loading import read_teacher  # noqa: PLC0415

        return read_teacher(self._files)

    @property
    def item_texts(self) -> list[str] | None:
        """Texts in the order of `item_ids`; None where they were not exported."""
        texts = self._texts
        if texts is None:
            return None
        ids, new = self._catalogue.ids, self._new_texts
        whole = texts + [""] * (len(ids) - len(texts))
        return [new.get(item, text) for item, text in zip(ids, whole, strict=True)] if new else whole

    @cached_property
    def _texts(self) -> list[str] | None:
        from distill_rec.artifact.reading import read_texts  # noqa: PLC0415

        return read_texts(self._files)

    def encode_items(self, items: Sequence[Item]) -> Floats:
        """Vectors `[n, dim]` from text alone (no offset), which is read as that of the training items was.

        Args:
            items: texts, or fields that the template of the data set is rendered with.

        Raises:
            DataError: an item is neither, or has none of the template's fields.
        """
        require_list(items, "items")
        if not len(items):
            return np.empty((0, self._catalogue.scored.dim), dtype=np.float32)
        vectors = self._encoder.encode([self._text(item) for item in items])
        return np.ascontiguousarray(vectors[:, : self._catalogue.scored.dim])

    def _text(self, item: Item) -> str:
        unescape = self._files.manifest.unescape_html
        if isinstance(item, str):
            return unescaped_text(item) if unescape else item
        if not isinstance(item, Mapping):
            raise DataError("item", f"a value of type {type(item).__name__}", "a text, or a mapping of fields")
        if self._fields and not any(name in item for name in self._fields):
            raise DataError("item", f"fields {list(item)}", f"some of {self._fields}", "Give these fields, or a text.")
        return render(self._files.manifest.template, item, unescape)

    def add_items(self, items: Mapping[str, Item]) -> None:
        """Add new items by their text, without training.

        An item that is there gets the new text and keeps its learned offset (where the artifact carries the texts
        that it was exported with; else its vector is the text's alone). One that was removed comes back. A vector more
        than twice as long as the catalogue's longest, as a text unlike all that training saw may have, is shortened to
        that and a warning logged: it would outrank every other item.

        Raises:
            DataError: an id is no text, or an item is as `encode_items` refuses; none is added.
        """
        if not isinstance(items, Mapping):
            raise DataError("items", f"a value of type {type(items).__name__}", "a mapping of ids to texts or fields")
        if wrong := [item for item in items if not isinstance(item, str)]:
            raise DataError("items", f"id {wrong[0]!r} of type {type(wrong[0]).__name__}", "ids that are text")
        if not items:
            return
        texts = {item: self._text(value) for item, value in items.items()}
        ids, vectors = list(texts), self._encoder.encode(list(texts.values()))
        with self._changing:
            known = [place for place, item in enumerate(ids) if item in self._catalogue.place]
            if known:
                vectors[known] += self._offsets([ids[place] for place in known])
            self._shorten(ids, vectors)
            self._new_texts = self._new_texts | texts
            self._catalogue = self._catalogue.with_items(ids, vectors, self._users)

    def _shorten(self, ids: list[str], vectors: Floats) -> None:
        """Make vectors that are far longer than any of the catalogue as long as its longest."""
        times = np.linalg.norm(vectors, axis=1) / max(self._catalogue.longest, np.finfo(np.float32).tiny)
        if len(odd := np.flatnonzero(times > ODD)):
            vectors[odd] /= times[odd, None]
            found = (
                "%d items have texts unlike the catalogue's, as %r: a vector %.1f times as long as any other, shortened"
            )
            logger.warning(found, len(odd), ids[odd[0]], times[odd[0]])

    def _offsets(self, ids: list[str]) -> Floats:
        """What the vectors of known items hold beside their text's, `[n, dim]`."""
        rows = np.array([self._catalogue.place[item] for item in ids], dtype=np.int64)
        if self._texts is None:
            return np.zeros((len(rows), self._files.manifest.dim), dtype=np.float32)
        # From the loaded vector and text, not the last ones: no rounding adds up, and no shortening stays.
        loaded = np.flatnonzero(rows < len(self._texts))
        offsets = np.zeros((len(rows), self._files.manifest.dim), dtype=np.float32)
        if len(loaded):
            before = self._encoder.encode([self._texts[row] for row in rows[loaded].tolist()])
            offsets[loaded] = self._catalogue.vectors.base.rows(rows[loaded]) - before
        return offsets

    def remove_items(self, items: Sequence[str]) -> None:
        """Never recommend these items again; they still count in histories. `add_items` brings one back.

        Raises:
            DataError: an item is unknown; none is removed.
        """
        require_list(items, "items")
        with self._changing:
            self._catalogue = self._catalogue.without(items)

    def save_catalogue(self, folder: str | Path | None = None) -> Path:
        """Write the catalogue as it is now, added and removed items among it, as a new version of the artifact.

        Args:
            folder: the export folder whose `versions/` gets it and whose link is switched to it; that of this
                student where not given.

        Returns:
            The new version's folder.

        Raises:
            ArtifactError: this student was loaded from no such folder, and none was given.
        """
        from distill_rec.artifact.save import SavedCatalogue, save_catalogue  # noqa: PLC0415  (serving seldom writes)

        with self._changing:
            now = self._catalogue
            saved = SavedCatalogue(now.ids, now.vectors, now.removed, self.item_texts, self._precision)
            where = None if folder is None else Path(folder)
            return save_catalogue(self._files, saved, where, lambda path, name: Student.load(path, precision=name))

    def export_vectors(self, path: str | Path) -> None:
        """Write ids and item vectors for a vector database: `.parquet`, or `.npy` with the ids beside it in `.json`.

        Removed items are left out.

        Raises:
            DataError: another ending, or pyarrow is not installed for Parquet.
        """
        from distill_rec.runtime.vector_files import export_vectors  # noqa: PLC0415

        export_vectors(Path(path), self._catalogue)

    def close(self) -> None:
        """Let go of the item encoder and the index; ranking still works for who holds the student."""
        self._index = None
        self._encoder = _Closed(self._files.folder)


class _Raised:
    """An item encoder whose vectors are all moved by one."""

    def __init__(self, encoder: ItemEncoder, shift: Floats) -> None:
        self._encoder, self._shift = encoder, shift

    def encode(self, texts: Sequence[str]) -> Floats:
        vectors: Floats = self._encoder.encode(texts) + self._shift
        return vectors


class _Closed:
    """In the place of an item encoder that was let go."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def encode(self, texts: Sequence[str]) -> Floats:
        raise DataError("student", f"of {self._folder} is closed", "one that is open", "Load it again.")
