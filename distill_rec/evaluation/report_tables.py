"""What stands in the report's tables; `templates/tables.html` says how."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from distill_rec.evaluation.results import Cell, ModelCost, Results, Table

LONGEST_REASON = 60
"""Characters; the log has the rest."""


def models_of(results: Results, table: Table) -> list[str]:
    """Columns of a table of models."""
    first = next(iter(table.cells.values()))
    return [model for model in results.models if model in first]


def names_of(results: Results, table: Table) -> list[str]:
    """Columns of a table of metrics."""
    return [results.metrics[metric] for metric in table.cells]


def best_of(cells: Mapping[str, Cell], models: Iterable[str]) -> float:
    """The largest mean of these models."""
    return max(cells[model].mean for model in models)


def pairs_of(table: Table) -> list[tuple[str, str]]:
    """Models between which there are differences."""
    return list(dict.fromkeys((d.first, d.second) for d in table.differences))


def why_missing(cost: ModelCost, key: str) -> str:
    """Why a cost was not measured; "" where it was, or nobody knows."""
    if getattr(cost, key) is not None:
        return ""
    return (cost.missing.get(key) or cost.missing.get("process", ""))[:LONGEST_REASON]
