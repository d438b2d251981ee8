"""Items and clicks, read and split."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill_rec.pipeline.stage import Context, Estimate, Stage, Work

if TYPE_CHECKING:
    from distill_rec.data.summary import Summary
    from distill_rec.estimates import Sizes
    from distill_rec.recipe import DataSection, Recipe

ROWS_A_SECOND = 450_000


class Prepare(Stage):
    name = "prepare"
    section = "data"
    version = 2
    still_good = frozenset({1})  # the same rows; 2 notes the digest of the item ids
    no_effect = frozenset({"data.path", "data.test", "data.more_clicks", "data.more_items", "data.known"})
    help = "Read items and clicks, split them, and print what was read."
    example = "distill-rec prepare recipe.toml --set data.path=clicks/"
    outputs = ("manifest.json",)
    holds = "data set"

    def resolve(self, section: DataSection) -> DataSection:
        from distill_rec.demo import resolve

        return section.model_copy(update={"path": resolve(section.path)})

    def inputs(self, context: Context) -> dict[str, str]:
        from distill_rec.data import Dataset, read_inputs_fingerprint

        section = context.resolved.data
        known = {"data.known": Dataset.load(section.known).fingerprint} if section.known else {}
        if context.frames:
            return {**context.frames, **known}
        return {"data.path": read_inputs_fingerprint(section, context.base), **known}

    def run(self, work: Work) -> None:
        from distill_rec.data import prepare

        prepare(
            work.context.resolved.data,
            work.folder(self.name),
            base=work.context.base,
            clicks=work.clicks,
            items=work.items,
            progress=work.progress,
        )

    def estimate(self, recipe: Recipe, sizes: Sizes) -> Estimate:
        from distill_rec.pipeline.memory import held_by_prepare

        of = f" of {sizes.read:,} rows" if sizes.read != sizes.clicks else ""
        work = f"{sizes.clicks:,} clicks{of}, {sizes.items:,} items"
        return Estimate(work, 0.5 + sizes.read / ROWS_A_SECOND, held_by_prepare(sizes))

    def report(self, folder: Path) -> dict[str, Any]:
        from distill_rec.files import read_json

        return {"summary": read_json(folder / self.name / "summary.json")}

    def print_report(self, folder: Path, console: Any) -> None:
        from rich.table import Table

        from distill_rec.data import read_summary
        from distill_rec.terminal import print_table

        summary = read_summary(folder / self.name)
        table = Table("what was read", "", box=None, header_style="bold")
        for name, value in summary.lines():
            table.add_row(name, value)
        print_table(console, table)
        _print_refused(summary, folder / self.name / "refused.csv", console)
        for warning in summary.warnings:
            console.print(f"warning: {warning}", markup=False, highlight=False, soft_wrap=True)


def _print_refused(summary: Summary, file: Path, console: Any) -> None:
    """The first of the refused rows, where there are some; `file` has all."""
    from distill_rec.data.faults import listing

    rows = summary.refused_rows
    if not rows:
        return
    count = sum(fault["count"] for fault in summary.refused.values())
    first = f"the first {len(rows)} of {count:,} refused rows" if count > len(rows) else "refused rows"
    console.print(f"{first} (all of them: {file}):", markup=False, soft_wrap=True)
    for line in listing(rows):
        console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
