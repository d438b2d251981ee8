"""The report's tables, as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from distill_rec.evaluation.columns import model_class
from distill_rec.evaluation.numerals import percent, plain, signed
from distill_rec.evaluation.render import COST_ROWS, cost_cell
from distill_rec.evaluation.results import Cell, Difference, Lists, ModelCost, Results, Table


def sheet(columns: Sequence[str], rows: Sequence[Sequence[str]], *, models: bool = True) -> str:
    """A table whose columns after the first are models; cells are ready `<td>` elements."""
    dot = "<i></i>" if models else ""
    head = "".join(f'<th class="{model_class(name)}">{dot}{escape(name)}</th>' for name in columns)
    body = "".join(f"<tr>{''.join(cells)}</tr>" for cells in rows)
    # A table may be wider than a phone: its frame scrolls, by keyboard too.
    frame = '<div class="scroll" tabindex="0" role="group" aria-label="a table, wider than some screens">'
    return f"{frame}<table><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def metric_table(results: Results, table: Table) -> str:
    """Means over users with intervals; under them the mean over samples and the spread over seeds."""
    models = models_of(results, table)
    rows = []
    for metric, cells in table.cells.items():
        best = max(cells[model].mean for model in models)
        row = [f"<td>{escape(results.metrics[metric])}</td>"]
        rows.append(row + [value_cell(cells[model], cells[model].mean == best) for model in models])
    note = "; ".join(f"left out: {count:,} samples {escape(why)}" for why, count in table.left_out.items())
    return sheet(models, rows) + (f'<p class="soft">{note}</p>' if note else "")


def models_of(results: Results, table: Table) -> list[str]:
    first = next(iter(table.cells.values()))
    return [model for model in results.models if model in first]


def value_cell(cell: Cell, best: bool = False) -> str:
    spread = f"<small>\u00b1 {plain(cell.spread)} over seeds</small>" if cell.spread is not None else ""
    mark = ' class="best"' if best else ""
    return (
        f"<td{mark}>{plain(cell.mean)}<small>{plain(cell.low)} to {plain(cell.high)}</small>"
        f"<small>by sample {plain(cell.mean_samples)}</small>{spread}</td>"
    )


def difference_table(results: Results, table: Table) -> str:
    """Every paired difference of every metric; those whose interval excludes 0 in bold."""
    pairs = list(dict.fromkeys((d.first, d.second) for d in table.differences))
    rows = []
    for first, second in pairs:
        row = [f"<td>{escape(first)} \u2212 {escape(second)}</td>"]
        row += [_difference_cell(table.difference(metric, first, second)) for metric in table.cells]
        rows.append(row)
    return sheet([results.metrics[metric] for metric in table.cells], rows, models=False)


def _difference_cell(found: Difference | None) -> str:
    if found is None:
        return "<td></td>"
    mark = ' class="best"' if found.clear else ""
    return f"<td{mark}>{signed(found.value)}<small>{signed(found.low)} to {signed(found.high)}</small></td>"


def share_table(results: Results) -> str:
    """Of several teachers: weight, quality alone, and what the sum loses without each."""
    metric = results.main_metric
    title = results.metrics[metric]
    rows = [
        [
            f"<td>{escape(share.name)}</td>",
            f"<td>{share.weight:.3g}</td>",
            value_cell(results.test.cells[metric][share.name]),
            _difference_cell(share.gain),
        ]
        for share in results.shares
    ]
    return sheet(["weight", f"{title} alone", f"{title} of the sum less the sum without it"], rows, models=False)


def slice_table(results: Results, metric: str) -> str:
    rows = []
    for table in results.slices:
        cells = table.cells[metric]
        best = max(cell.mean for cell in cells.values())
        label = f"<td>{escape(bounds(table))}<small>n = {table.samples:,}, {table.users:,} users</small></td>"
        rows.append([label, *(value_cell(cells[m], cells[m].mean == best) for m in models_of(results, table))])
    return sheet(models_of(results, results.slices[0]), rows)


def bounds(table: Table) -> str:
    """`4 to 21` of a slice's title."""
    return table.title.removeprefix("target with ").removesuffix(" training clicks")


def cost_table(costs: dict[str, ModelCost]) -> str:
    rows = []
    for title, key in COST_ROWS:
        cells = [f"<td>{escape(title)}</td>"]
        for cost in costs.values():
            why = cost.missing.get(key) or cost.missing.get("process", "") if getattr(cost, key) is None else ""
            cells.append(f"<td>{cost_cell(cost, key)}{f'<small>{escape(why[:60])}</small>' if why else ''}</td>")
        rows.append(cells)
    rows.append(
        [
            "<td>requests use cached item vectors</td>",
            *(f"<td>{'yes' if c.cached else 'no'}</td>" for c in costs.values()),
        ]
    )
    return sheet(list(costs), rows)


def lists_table(lists: dict[str, Lists]) -> str:
    rows = [
        [
            "<td>share of the catalogue listed</td>",
            *(f"<td>{percent(found.coverage)}</td>" for found in lists.values()),
        ],
        ["<td>novelty, bits</td>", *(f"<td>{found.novelty:.2f}</td>" for found in lists.values())],
        ["<td>popularity of listed items over the histories\u2019</td>"]
        + [
            f"<td>{'not defined' if x.popularity_lift is None else f'{x.popularity_lift:.2f}'}</td>"
            for x in lists.values()
        ],
    ]
    return sheet(list(lists), rows)
