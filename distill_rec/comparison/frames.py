"""What a comparison found, as frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import polars as pl

from distill_rec.evaluation.kinds_told import kinds_frame
from distill_rec.evaluation.results import Results, Table


def differences(results: Results) -> pl.DataFrame:
    """`part, metric, first, second, value, low, high, users`: paired differences, slices included."""
    return _of_tables(results, lambda table: [found.model_dump() for found in table.differences])


def ratios(results: Results) -> pl.DataFrame:
    """`part, name, metric, model, value, low, high, reason`: Q, Q' and G, slices included."""
    return _of_tables(results, lambda table: [found.model_dump() for found in table.ratios])


def costs(results: Results) -> pl.DataFrame:
    """`model` and what serving it costs; null where it was not measured."""
    return _by_model({name: one.model_dump(exclude={"missing", "rounds"}) for name, one in results.costs.items()})


def lists(results: Results) -> pl.DataFrame:
    """`model, coverage, novelty, popularity_lift, diversity, users` of top-10 lists."""
    return _by_model({name: one.model_dump(exclude={"intervals", "spread"}) for name, one in results.lists.items()})


def agreements(results: Results) -> pl.DataFrame:
    """`part, measure, model, mean, low, high`: how far each other model agrees with the teacher."""
    rows = [
        {"part": table.title, "measure": measure, "model": model, "mean": cell.mean, "low": cell.low, "high": cell.high}
        for table in results.agreements
        for measure, cells in table.cells.items()
        for model, cell in cells.items()
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def kinds(results: Results) -> pl.DataFrame:
    """`by, slice, share, difference, low, high, weight, clear`, ...: student against teacher on each kind of sample."""
    found = [(one.by, kinds_frame(results, one.by)) for one in results.slicings]
    named = [frame.with_columns(pl.lit(by).alias("by")) for by, frame in found if len(frame)]
    return pl.concat(named) if named else pl.DataFrame()


def examples(results: Results) -> pl.DataFrame:
    """Users on whom teacher and student differ most, by title."""
    return pl.DataFrame([one.model_dump() for one in results.examples], infer_schema_length=None)


def curves(results: Results) -> pl.DataFrame:
    """`model, update, ndcg@10, loss`: each training's validations; the loss is null where it was not kept."""
    rows = []
    for model, line in results.curves.items():
        loss = dict(results.losses.get(model, []))
        rows += [{"model": model, "update": at, "ndcg@10": value, "loss": loss.get(at)} for at, value in line]
    return pl.DataFrame(rows, infer_schema_length=None)


def users(results: Results) -> pl.DataFrame:
    """`user_id, model, samples` and one column per metric; empty where values of users were not kept."""
    return pl.DataFrame() if results.per_user is None else results.per_user


FRAMES: dict[str, Callable[[Results], pl.DataFrame]] = {
    "metrics": Results.long,
    "differences": differences,
    "ratios": ratios,
    "costs": costs,
    "lists": lists,
    "agreements": agreements,
    "kinds": kinds,
    "examples": examples,
    "curves": curves,
    "users": users,
}


class Frames(Mapping[str, pl.DataFrame]):
    """All of them by name, each made when it is asked for."""

    def __init__(self, results: Results) -> None:
        self._results = results

    def __getitem__(self, name: str) -> pl.DataFrame:
        return FRAMES[name](self._results)

    def __iter__(self) -> Iterator[str]:
        return iter(FRAMES)

    def __len__(self) -> int:
        return len(FRAMES)

    def __repr__(self) -> str:
        return f"Frames({', '.join(FRAMES)})"


def _of_tables(results: Results, rows: Callable[[Table], list[dict[str, object]]]) -> pl.DataFrame:
    found = [{"part": part.title, **row} for part in results.parts for row in rows(part)]
    return pl.DataFrame(found, infer_schema_length=None)


def _by_model(found: Mapping[str, dict[str, object]]) -> pl.DataFrame:
    return pl.DataFrame([{"model": name, **row} for name, row in found.items()], infer_schema_length=None)
