"""The training loop: teachers and students, clicks and impressions, all run here."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from distill_rec.data.dataset import Dataset, Impressions, Queries
from distill_rec.evaluation.bootstrap import interval_of_mean
from distill_rec.evaluation.protocol import validation_means, validation_metric
from distill_rec.evaluation.scorer import DotScorer
from distill_rec.files import fingerprint
from distill_rec.journal import Journal
from distill_rec.nn.arithmetic import deterministic, multiplied_in
from distill_rec.nn.pair import Pair
from distill_rec.nn.recommender import Recommender
from distill_rec.progress import Progress, Quiet, tell
from distill_rec.ranks import ALONE, Ranks
from distill_rec.recipe import RATES, OptimizerSection, decisive
from distill_rec.records import write_record
from distill_rec.runtime.errors import RecipeError, TrainingError
from distill_rec.training.batches import Batch, make_batches
from distill_rec.training.checkpoint import Checkpoints, LoopState, load_trainable, save_weights, trainable, under
from distill_rec.training.movement import parts_of, relative_change
from distill_rec.training.negatives import Negatives
from distill_rec.training.objective import Objective
from distill_rec.training.optimizers import NonFiniteGradientError, Optimizers, make_optimizers
from distill_rec.training.outcome import Outcome, Stopped
from distill_rec.training.plateau import Plateau
from distill_rec.training.repeat_level import lower_repeats
from distill_rec.training.replay import replayed
from distill_rec.training.search import place_of_chosen
from distill_rec.training.task import Task
from distill_rec.training.unclicked_level import lower_unclicked
from distill_rec.training.window import choose_rows, draw_by_size, run_window, window_items

BEST, LEARNED = "best.safetensors", "learned.safetensors"
"""Weights that are kept; and the same before their levels were fitted, where any was."""


def scorer_of(model: Recommender, name: str, texts: Tensor | None = None, only: Tensor | None = None) -> DotScorer:
    """A model as the evaluation sees it, in evaluation mode.

    Args:
        texts: vectors of all texts, where the caller has them.
        only: items `[m]` that are asked about, where not all are; no others are encoded, and theirs are no vectors.
    """
    model.eval()
    items = model.item_vectors(texts, only)
    vectors = items.float().cpu().numpy()
    return DotScorer(name, vectors, lambda history: model.user_vectors(history, items), model.repeat)


def learned_weights(folder: Path) -> Path:
    """Of a finished training the weights that another begins from: those that were kept, as they were learned."""
    place = place_of_chosen(folder)
    return place / LEARNED if (place / LEARNED).exists() else place / BEST


class Training:
    """One training: a model, an objective, a data set, a folder that holds its checkpoint.

    Args:
        folder: holds the checkpoint while it runs, and `history.jsonl`, which grows; `best.safetensors` and
            `history.json` after.
        settings: what else decides the result, for the checkpoint's fingerprint.
        offset_decay: AdamW's decay of offsets.
        unclicked_cost: see `lower_unclicked`.
        ranks: processes that each have a part of every batch; the first alone validates and writes.
        task: what it learns from and is judged by; the data set's clicks where not given.
        keep: updates after which the weights are kept as they are then; see `kept_at`.
    """

    def __init__(  # noqa: PLR0913
        self,
        model: Recommender,
        objective: Objective,
        dataset: Dataset,
        section: OptimizerSection,
        folder: Path,
        *,
        seed: int,
        name: str,
        offset_decay: float = 0.0,
        unclicked_cost: float = 1.0,
        settings: object = None,
        progress: Progress | None = None,
        ranks: Ranks = ALONE,
        task: Task | None = None,
        keep: Sequence[int] = (),
    ) -> None:
        self.ranks, self.task, self.keep, self.unclicked_cost = ranks, task, keep, unclicked_cost
        self.model, self.objective, self.dataset, self.section = model, objective, dataset, section
        self.folder, self.name, self.progress = folder, name, progress or Quiet()
        self.device = model.item_text.device
        self.batches = (
            replayed(make_batches(dataset, section.batch_size, seed), dataset, section.replay)
            if task is None
            else task.batches
        )
        if task is not None and section.drawn_negatives is not None:
            found = "set, and texts that belong together have the others of their batch as negatives"
            raise RecipeError("key optimizer.drawn_negatives", found, "none, for this training")
        self.negatives = Negatives.of(section, dataset, seed)
        self.optimizers: Optimizers = make_optimizers(
            model, objective, section, offset_decay, self._total() if section.decay == "linear" else 0
        )
        self.generator = torch.Generator().manual_seed(seed + 1)
        self.validation = _sample(dataset.validation, section.validation_users, seed)
        read = items_read(self.validation, dataset.n_items, model.user_encoder.max_history)
        self.read = None if read is None else torch.from_numpy(read).to(self.device)
        self.warm = torch.from_numpy(np.flatnonzero(dataset.warm)).to(self.device)
        encoder = model.text_encoder
        self.table = torch.zeros(encoder.n_texts, encoder.dim, device=self.device, dtype=model.user_encoder.empty.dtype)
        plateau = Plateau(section.patience, section.min_gain, section.patience_updates)
        self.state = LoopState(plateau=plateau.state())
        decides = decisive(section, {"checkpoint_seconds", *RATES})
        data = dataset.fingerprint if task is None else task.fingerprint
        self.checkpoints = Checkpoints(folder, fingerprint(decides, data, seed, settings))
        self.journal = Journal(folder, self._total())
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def _modules(self) -> tuple[Recommender, Objective]:
        return self.model, self.objective

    @property
    def _start(self) -> Path:
        return self.folder / "start.safetensors"

    def run(self) -> Outcome:
        """Train to the plateau (or a limit), from the checkpoint where there is one; leave the best weights loaded.

        Of several processes all return the same; the first one alone has the best weights loaded.
        """
        with deterministic(self.device):
            stopped = self._train()
            outcome = self._finish(stopped) if self.ranks.first else None
            if outcome is not None and self.ranks.count == 1:
                return outcome
            noted = None if outcome is None else outcome.model_dump(mode="json")
            return Outcome.model_validate(self.ranks.same(noted))

    def _begin(self) -> None:
        """From the checkpoint, which all processes read; else from the first one's weights."""
        found = self.checkpoints.read(self.optimizers, self.table, self.generator, *self._modules)
        if found is not None:
            self.state = found
        self.objective.recall(self.state.history)
        if self.ranks.first:
            self.journal.begin(self.state.update)
        if not self.ranks.first:  # dropout falls differently on each one's rows
            torch.manual_seed(torch.initial_seed() + self.state.update * self.ranks.count + self.ranks.rank)
        self.objective.proceed(self._progress)
        if found is None:
            if self.ranks.first:
                save_weights(self._start, trainable(*self._modules))
            self._validate()
        self._note_rates()

    def _train(self) -> Stopped | None:
        self._begin()
        began, before = time.monotonic(), self.state.seconds
        saved = began
        stopped = self._limit()
        with self.progress.task(self.name, self._total()) as bar:
            bar.advance(self.state.update)
            while stopped is None:
                done = self.state.update
                with multiplied_in(self.section.precision):
                    loss = self._window()
                self._keep_since(done)
                bar.advance(self.state.update - done)
                bar.note(f"loss {loss:.3f} best {Plateau.from_state(self.state.plateau).best:.4f}")
                self.state.seconds = self.ranks.same(before + time.monotonic() - began)
                if self.ranks.first:
                    seconds = round(self.state.seconds, 2)
                    self.journal.note({"update": self.state.update, "seconds": seconds, "loss": loss})
                if self.state.since_validation >= (self.section.validate_every or self.batches.per_epoch):
                    self._validate()
                stopped = self._limit()
                due = self.ranks.first and time.monotonic() - saved >= self.section.checkpoint_seconds
                if stopped is None and due:
                    self.checkpoints.write(self.state, self.optimizers, self.table, self.generator, *self._modules)
                    saved = time.monotonic()
        if self.state.since_validation:
            self._validate()
        return stopped

    def _keep_since(self, done: int) -> None:
        """Keep the weights where the last window, before which so many updates were done, came to one of `keep`."""
        for update in self.keep:
            if self.ranks.first and done < update <= self.state.update:
                save_weights(kept_at(self.folder, update), trainable(*self._modules))

    @property
    def _epochs(self) -> int:
        return self.section.epochs(self.batches.per_epoch)

    def _total(self) -> int:
        limits = [self._epochs * self.batches.per_epoch]
        if self.section.max_updates is not None:
            limits.append(self.section.max_updates)
        return min(limits)

    @property
    def _progress(self) -> float:
        """Share of the schedule that is done: it ends before a plateau may end the training."""
        whole, floor = self._total(), self.section.min_updates
        if self.section.decay == "none" and floor:
            whole = min(whole, floor)
        return min(self.state.update / max(whole, 1), 1.0)

    @property
    def _slowest_step(self) -> int:
        """Steps of the optimiser that steps least often: the stopping rule counts these."""
        return self.state.update if self.optimizers.window is None else self.state.window

    def _note_rates(self) -> None:
        keys = ("learning_rate", "trunk_learning_rate")
        now = {key: getattr(self.section, key) * self.section.rate_factor for key in keys}
        if not self.state.rates or {**self.state.rates[-1], "update": 0} != {"update": 0, **now}:
            self.state.rates.append({"update": self.state.update, **now})

    def _plateau_reached(self) -> bool:
        section = self.section
        if section.decay == "linear" or self.state.update < section.min_updates:
            return False
        return Plateau.from_state(self.state.plateau).finished(self._slowest_step, section.warmup_updates)

    def _limit(self) -> Stopped | None:
        section, state = self.section, self.state
        if self._plateau_reached():
            return "plateau"
        if section.max_updates is not None and state.update >= section.max_updates:
            return "max_updates"
        if state.epoch >= self._epochs:
            return "max_epochs"
        if section.max_seconds is not None and state.seconds >= section.max_seconds:
            return "max_seconds"
        return None

    def _next_batches(self) -> list[Batch]:
        order = self.batches.epoch(self.state.epoch)
        end = self.state.batch + self.section.window
        if self.section.max_updates is not None:
            end = min(end, self.state.batch + self.section.max_updates - self.state.update)
        epoch, first = self.state.epoch, self.state.batch
        made = [self.batches.make(samples) for samples in order[first:end]]
        if self.negatives is not None:
            made = [self.negatives.batch(batch, epoch, number) for number, batch in enumerate(made, first)]
        return [self.objective.asked(batch, epoch, number) for number, batch in enumerate(made, first)]

    def _window_items(self, batches: list[Batch]) -> Tensor:
        """Items that a window reads."""
        drawn = None
        if self.negatives is not None:
            drawn = self.negatives.items(batches, self.state.epoch, self.state.batch)
        if drawn is None:
            return window_items(self.model, batches, self.warm)
        return torch.from_numpy(drawn).to(self.device)

    def _window(self) -> float:
        """Run one window and step; windows do not cross the end of an epoch."""
        model, state, section = self.model, self.state, self.section
        model.train()
        draw = None
        if section.gradient_share < 1:
            model.text_encoder.eval()
            draw = partial(draw_by_size, share=section.gradient_share, generator=self.generator)
        self.objective.proceed(self._progress)
        batches = self._next_batches()
        items = self._window_items(batches)
        needed = torch.unique(model.item_text[items])
        refresh = state.window % section.refresh_windows == 0
        own = needed
        if section.sampled_items is not None:
            in_batches = torch.from_numpy(np.unique(np.concatenate([batch.items for batch in batches])))
            own = torch.unique(model.item_text[in_batches.to(self.device)])
        rows = choose_rows(needed, own, section.sampled_items, refresh, self.generator)
        extra = self.objective.extra_texts(self.generator)
        if extra is not None:
            extra = extra[~torch.isin(extra, needed)]

        def step(loss: float, number: int) -> None:
            self._step("batch", loss, number)
            state.update += 1

        loss = run_window(model, self.objective, batches, items, rows, self.table, extra, step, self.ranks, draw)
        loss = self._step("window", loss, len(batches) - 1)
        state.window += 1
        state.since_validation += len(batches)
        state.loss_sum, state.loss_windows = state.loss_sum + loss, state.loss_windows + 1
        state.batch += len(batches)
        if state.batch >= self.batches.per_epoch:
            state.epoch, state.batch = state.epoch + 1, 0
        return loss

    def _step(self, which: str, loss: float, number: int) -> float:
        """Step one optimiser by all processes' gradients; no weight changes where the loss or one is not finite.

        Args:
            loss: this process's addend.

        Returns:
            The sum of all addends.
        """
        loss = self.ranks.add_gradients(self.optimizers.parameters(which), loss)
        if not np.isfinite(loss):
            raise self._diverged(f"the loss is {loss}", number)
        done = self.state.update - (which == "window")
        try:
            self.optimizers.step(which, self.state.update if which == "batch" else self.state.window, done)
        except NonFiniteGradientError as error:
            raise self._diverged(f"the loss is {loss:.4g}, but its gradient holds {error}", number) from None
        return loss

    def _diverged(self, found: str, number: int) -> TrainingError:
        rate = self.optimizers.batch.param_groups[0]["lr"]
        return TrainingError(
            self.folder,
            f"{self.name}: {found} at step {self.state.update}, batch {self.state.batch + number} of "
            f"epoch {self.state.epoch}, learning rate {rate:g}",
            "a finite number",
            "Lower learning_rate (or clip) of its optimizer and give the same command again: it goes on from the last "
            "checkpoint, which holds finite weights.",
        )

    def _validate(self) -> None:
        state = self.state
        value, figures = self.ranks.same(self._judged() if self.ranks.first else (0.0, {}))
        plateau = Plateau.from_state(state.plateau)
        if plateau.update(value, self._slowest_step) and self.ranks.first:
            save_weights(self.folder / BEST, trainable(*self._modules))
        state.plateau = plateau.state()
        loss = state.loss_sum / max(state.loss_windows, 1)
        record = {"update": state.update, "seconds": round(state.seconds, 2), "loss": loss, self._by: value}
        record |= {f"loss.{key}": value for key, value in self.objective.scheduled.items()}
        state.history.append(record | figures)
        self.objective.recall(state.history)
        self._tell(record | figures)
        state.since_validation, state.loss_sum, state.loss_windows = 0, 0.0, 0

    def _tell(self, record: Mapping[str, float]) -> None:
        """Hand a validation's figures to who follows the training; the start has no loss."""
        if self.ranks.first:
            self.journal.note(record if self.state.update else {**record, "loss": None})
            left_out = ("update", "seconds") if self.state.update else ("update", "seconds", "loss")
            told = {key: value for key, value in record.items() if key not in left_out}
            tell(self.progress, self.name, self.state.update, told)

    def _judged(self) -> tuple[float, dict[str, float]]:
        """The validation's figure that weights are kept by, and what else is noted of it."""
        if self.task is None:
            scorer = scorer_of(self.model, self.name, only=self.read)
            figures = self.objective.judged(scorer, self.validation)
            return validation_metric(scorer, self.validation, self.dataset), figures
        found = self.task.judge(self.model.eval())
        return float(found.values.mean()), found.figures

    @property
    def _by(self) -> str:
        return "ndcg@10" if self.task is None else self.task.by

    def _finish(self, stopped: Stopped | None) -> Outcome:
        if (self.folder / LEARNED).exists():  # a run that was killed here had changed their levels
            save_weights(self.folder / BEST, load_file(self.folder / LEARNED))
        moved_last = self._moved()
        gain = self._gain_over_start() if self.section.keep_start else None
        kept_start = gain is not None and gain[1] <= 0
        if kept_start:
            save_weights(self.folder / BEST, load_file(self._start))
        load_trainable(load_file(self.folder / BEST), *self._modules)
        moved = self._moved()
        levels = {} if self.task else self._levels()
        plateau = Plateau.from_state(self.state.plateau)
        patience = 1 if self.section.decay == "linear" else plateau.patience
        outcome = Outcome(
            best=self.state.history[0][self._by] if kept_start else plateau.best,
            updates=self.state.update,
            seconds=self.state.seconds,
            history=self.state.history,
            stopped=stopped or "plateau",
            reproducible=stopped != "max_seconds",
            rising=stopped != "plateau" and plateau.stale < patience and self.state.update > 0,
            steps={"batch": self.state.update, "window": self.state.window if self.optimizers.window else 0},
            moved=moved,
            moved_last=moved_last,
            rates=self.state.rates,
            gain=gain,
            kept_start=kept_start,
            by=self._by,
            **levels,
        )
        write_record(self.folder / "history.json", outcome)
        self._start.unlink(missing_ok=True)
        self.model.eval()
        return outcome

    def _levels(self) -> dict[str, float]:
        """See `lower_repeats` and `lower_unclicked`, by the outcome's names; the weights that are kept have them.

        What goes on from here begins without them (`learned_weights`): else its start would be fitted to validation
        data once more than what it learns.
        """
        scorer = partial(scorer_of, name=self.name)
        judged = self.model.student if isinstance(self.model, Pair) else self.model
        width = min((own for own, _ in self.objective.nested), default=None)
        found = {
            "repeat_level": lower_repeats(self.model, scorer, self.validation, self.dataset),
            "unclicked_level": lower_unclicked(judged, self.validation, self.dataset, self.unclicked_cost, width),
        }
        levels = {name: level for name, level in found.items() if level is not None}
        if levels:
            save_weights(self.folder / LEARNED, load_file(self.folder / BEST))
            save_weights(self.folder / BEST, trainable(*self._modules))
        return levels

    def _moved(self) -> dict[str, float]:
        if not self._start.exists():  # begun by an earlier release, which kept it only where it was asked to
            return {}
        start, end = under(load_file(self._start), "0"), under(trainable(*self._modules), "0")
        return relative_change(start, end, parts_of(self.model))

    def _gain_over_start(self) -> list[float]:
        """Mean, low and high of what the best weights gained on validation data, paired over users."""
        found = []
        for path in (self._start, self.folder / BEST):
            load_trainable(load_file(path), *self._modules)
            if self.task is None:
                scorer = scorer_of(self.model, self.name, only=self.read)
                found.append(validation_means(scorer, self.validation, self.dataset))
            else:
                found.append(self.task.judge(self.model.eval()).values)
        difference = found[1] - found[0]
        return [float(difference.mean()) if len(difference) else 0.0, *interval_of_mean(difference)]


def kept_at(folder: Path, update: int) -> Path:
    """Weights of a training as they were after so many updates, or at the end of the window that held the last."""
    return folder / f"at-{update:09d}.safetensors"


def _sample(samples: Queries | Impressions, most: int, seed: int) -> Queries | Impressions:
    """At most so many validation samples, drawn from a seed."""
    if len(samples) <= most:
        return samples
    return samples.take(np.sort(np.random.default_rng(seed).choice(len(samples), most, replace=False)))


def items_read(samples: Queries | Impressions, n_items: int, last: int) -> NDArray[np.int64] | None:
    """Candidates of impressions and the `last` clicks of their histories, ascending; None of a ranked catalogue."""
    if isinstance(samples, Queries):
        return None
    read = np.zeros(n_items, dtype=np.bool_)
    read[samples.candidates.values] = True
    for history in samples.history:
        read[history[-last:]] = True
    return np.flatnonzero(read)
