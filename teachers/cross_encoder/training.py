"""Train a cross-encoder: clicked against others, a softmax over each sample's few; resumed bitwise.

The loop of `distill_rec.training` encodes items once for many users, which pairs do not allow; checkpoints, stopping
rule and records are its.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch.nn import functional

from distill_rec.data.dataset import Dataset, Impressions
from distill_rec.evaluation.protocol import validation_metric
from distill_rec.files import fingerprint
from distill_rec.nn.arithmetic import deterministic, multiplied_in
from distill_rec.progress import Progress
from distill_rec.recipe import RATES, OptimizerSection, decisive
from distill_rec.records import write_record
from distill_rec.runtime.errors import RecipeError, TrainingError
from distill_rec.training.checkpoint import Checkpoints, LoopState, load_trainable, save_weights, trainable
from distill_rec.training.optimizers import NonFiniteGradientError, Optimizers
from distill_rec.training.outcome import Outcome, Stopped
from distill_rec.training.plateau import Plateau
from teachers.cross_encoder.asked import asked_of, pairs_of
from teachers.cross_encoder.model import CrossEncoder, PairScorer
from teachers.cross_encoder.pairs import Reader
from teachers.cross_encoder.spec import CrossEncoderSection


class PairTraining:
    """One training in a folder: its checkpoint while it runs, `best.safetensors` and `history.json` after."""

    def __init__(  # noqa: PLR0913
        self,
        section: CrossEncoderSection,
        model: CrossEncoder,
        reader: Reader,
        dataset: Dataset,
        optimizer: OptimizerSection,
        folder: Path,
        progress: Progress,
    ) -> None:
        if optimizer.drawn_negatives is not None:
            found = "set, and a cross-encoder draws its own"
            raise RecipeError("key teacher.optimizer.drawn_negatives", found, "teacher.negatives")
        self.given, self.section, self.model, self.reader = section, optimizer, model, reader
        self.dataset, self.folder, self.progress = dataset, folder, progress
        self.train = _useful(asked_of(section, dataset, "train", with_target=True))
        self.pool = np.flatnonzero(dataset.warm).astype(np.int32) if self._at_random else None
        validation = _useful(asked_of(section, dataset, "validation", with_target=True))
        drawn = np.random.default_rng(section.seed).permutation(len(validation))[: optimizer.validation_users]
        self.validation = validation.take(np.sort(drawn))
        self.per_epoch = -(-len(self.train) // optimizer.batch_size)
        self.optimizers = self._make_optimizers()
        self.unused = torch.zeros(0), torch.Generator()  # what the house's checkpoints hold beside
        plateau = Plateau(optimizer.patience, optimizer.min_gain, optimizer.patience_updates)
        self.state = LoopState(plateau=plateau.state())
        decides = decisive(optimizer, {"checkpoint_seconds", *RATES})
        settings = section.model_dump(exclude={"optimizer", "device", "evaluated", "scored"})
        self.checkpoints = Checkpoints(folder, fingerprint(decides, settings, dataset.fingerprint, model.trunk.digest))
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def _at_random(self) -> bool:
        return self.dataset.kind == "clicks" and not self.given.proposer

    @property
    def _total(self) -> int:
        return min(
            self.section.max_epochs * self.per_epoch, self.section.max_updates or self.section.max_epochs * 2**40
        )

    def _make_optimizers(self) -> Optimizers:
        section = self.section
        trunk = [p for p in self.model.tuned.parameters() if p.requires_grad]
        both = [rate * section.rate_factor for rate in (section.learning_rate, section.trunk_learning_rate)]
        groups = [{"params": list(self.model.head.parameters()), "lr": both[0]}]
        groups += [{"params": trunk, "lr": both[1]}] if trunk else []
        rates = both[: len(groups)]
        adam = torch.optim.AdamW(groups, weight_decay=section.weight_decay)
        total = self._total if section.decay == "linear" else 0
        return Optimizers(adam, None, section.clip, section.warmup_updates, total, [rates, []])

    def run(self) -> None:
        """Train to the plateau or a limit, from the checkpoint where there is one; leave the best weights loaded."""
        with deterministic(self.model.head.weight.device):
            self._run()

    def _run(self) -> None:
        found = self.checkpoints.read(self.optimizers, *self.unused, self.model)
        if found is not None:
            self.state = found
        else:
            torch.manual_seed(self.given.seed)
            self._validate()
        began = saved = time.monotonic()
        before, stopped = self.state.seconds, self._limit()
        with self.progress.task("teacher cross_encoder", self._total) as task:
            task.advance(self.state.update)
            while stopped is None:
                with multiplied_in(self.section.precision):
                    loss = self._batch()
                task.advance()
                task.note(f"loss {loss:.3f} best {Plateau.from_state(self.state.plateau).best:.4f}")
                self.state.seconds = before + time.monotonic() - began
                if self.state.since_validation >= (self.section.validate_every or self.per_epoch):
                    self._validate()
                stopped = self._limit()
                if stopped is None and time.monotonic() - saved >= self.section.checkpoint_seconds:
                    self.checkpoints.write(self.state, self.optimizers, *self.unused, self.model)
                    saved = time.monotonic()
        if self.state.since_validation:
            self._validate()
        self._finish(stopped)

    def _limit(self) -> Stopped | None:
        section, state = self.section, self.state
        plateau = Plateau.from_state(state.plateau)
        fixed = section.decay == "linear" or state.update < section.min_updates
        if not fixed and plateau.finished(state.update, section.warmup_updates):
            return "plateau"
        if section.max_updates is not None and state.update >= section.max_updates:
            return "max_updates"
        if state.epoch >= section.max_epochs:
            return "max_epochs"
        return "max_seconds" if section.max_seconds is not None and state.seconds >= section.max_seconds else None

    def _batch(self) -> float:
        """One step; what is drawn is a function of seed, epoch and batch alone."""
        state, size = self.state, self.section.batch_size
        order = np.random.default_rng([self.given.seed, state.epoch]).permutation(len(self.train))
        rows: NDArray[np.int64] = order[state.batch * size : (state.batch + 1) * size]
        part = self.train.take(rows)
        generator = np.random.default_rng([self.given.seed, state.epoch, state.batch])
        shown = pairs_of(part, self.given.negatives, self.pool, generator)
        pairs = self.reader.pairs(part.history.take(np.arange(len(rows))), shown)
        self.model.train()
        scores = self.model(pairs).view(len(rows), -1)
        first = torch.zeros(len(rows), dtype=torch.int64, device=scores.device)
        loss = functional.cross_entropy(scores, first)
        loss.backward()
        value = float(loss.detach())
        self._step(value)
        state.update, state.batch, state.since_validation = (
            state.update + 1,
            state.batch + 1,
            state.since_validation + 1,
        )
        state.loss_sum, state.loss_windows = state.loss_sum + value, state.loss_windows + 1
        if state.batch >= self.per_epoch:
            state.epoch, state.batch = state.epoch + 1, 0
        return value

    def _step(self, loss: float) -> None:
        try:
            if not np.isfinite(loss):
                raise NonFiniteGradientError(f"the loss is {loss}")
            self.optimizers.step("batch", self.state.update, self.state.update)
        except NonFiniteGradientError as error:
            where = f"cross_encoder: {error} at step {self.state.update}"
            do = "Lower trunk_learning_rate and learning_rate of its optimizer and give the same command again."
            raise TrainingError(self.folder, where, "a finite number", do) from None

    def _validate(self) -> None:
        state = self.state
        with self.progress.task("validation of cross_encoder, pairs", len(self.validation.candidates.values)) as task:
            scorer = PairScorer("teacher", self.model, self.reader, task)
            value = validation_metric(scorer, self.validation, self.dataset)
        plateau = Plateau.from_state(state.plateau)
        if plateau.update(value, state.update):
            save_weights(self.folder / "best.safetensors", trainable(self.model))
        state.plateau = plateau.state()
        loss = state.loss_sum / max(state.loss_windows, 1)
        seconds = round(state.seconds, 2)
        state.history.append({"update": state.update, "seconds": seconds, "loss": loss, "ndcg@10": value})
        state.since_validation, state.loss_sum, state.loss_windows = 0, 0.0, 0

    def _finish(self, stopped: Stopped | None) -> None:
        load_trainable(load_file(self.folder / "best.safetensors"), self.model)
        plateau = Plateau.from_state(self.state.plateau)
        outcome = Outcome(
            best=plateau.best,
            updates=self.state.update,
            seconds=self.state.seconds,
            history=self.state.history,
            stopped=stopped or "plateau",
            reproducible=stopped != "max_seconds",
            rising=stopped != "plateau" and plateau.stale < plateau.patience,
            steps={"batch": self.state.update, "window": 0},
        )
        write_record(self.folder / "history.json", outcome)


def _useful(part: Impressions) -> Impressions:
    """Those with a click and a candidate that was not clicked."""
    row = np.repeat(np.arange(len(part)), part.labels.lengths)
    clicks = np.bincount(row, weights=part.labels.values, minlength=len(part))
    return part.take(np.flatnonzero((clicks > 0) & (clicks < part.labels.lengths)))
