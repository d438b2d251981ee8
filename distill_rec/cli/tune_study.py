"""`distill-rec tune-study`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from distill_rec.cli.guard import guarded, require_train
from distill_rec.cli.options import JsonOption, RecipeArgument, SetOption
from distill_rec.cli.output import make_console, print_json
from distill_rec.ranks import count_launched
from distill_rec.runtime.errors import TrainingError

if TYPE_CHECKING:
    from distill_rec.study.plan import Plan
    from distill_rec.study.records import StudyRecord


@guarded
def tune_study(  # noqa: PLR0913
    recipe: RecipeArgument,
    tunings: Annotated[
        str,
        typer.Option("--tunings", help="rows, as `distill-rec keys teacher` writes tunings: head,last:2,lora:2,rank=4"),
    ] = "head,last:2,lora:2,patch:2",
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="trainings of each row, from teacher.seed on")] = 3,
    max_seconds: Annotated[
        float | None, typer.Option("--max-seconds", help="budget of each training, the head's warm-up in it")
    ] = None,
    max_updates: Annotated[
        int | None, typer.Option("--max-updates", help="the same in batches; reproducible, as a clock is not")
    ] = None,
    warm_up: Annotated[
        float, typer.Option("--warm-up", help="share of the budget at most for the head, before a trunk is tuned")
    ] = 0.5,
    vary: Annotated[
        list[str],
        typer.Option(
            "--vary",
            metavar="KEY=V1,V2",
            help="every tuning with each value, as data.max_history=20,50 or 'data.text={title}|{title} {genres}'; "
            "may be repeated, and is crossed then",
        ),
    ] = [],  # noqa: B006  (typer copies it)
    only_for: Annotated[
        list[str],
        typer.Option(
            "--for",
            metavar="'TUNING KEY=VALUE'",
            help="change a key of one tuning's rows, as 'last:2 teacher.trunk_optimizer.window=16'; may be repeated",
        ),
    ] = [],  # noqa: B006
    changes: SetOption = [],  # noqa: B006
    out: Annotated[Path | None, typer.Option("--out", help="folder; runs/NAME-tuning where not given")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print rows, folders and an estimate of time")] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare how much of a PLM must learn: tunings side by side, one data set, budget and protocol, several seeds.

    Finished trainings are kept; the same command goes on, and may add tunings, variations and seeds.

    Example: distill-rec tune-study teachers/head --tunings head,last:2,lora:2 --seeds 3 --max-seconds 300
    """
    require_train()
    if (count := count_launched()) > 1:
        raise TrainingError("tune-study", f"{count} processes that were launched", "one process")
    from distill_rec.study.plan import plan_study, split_tunings
    from distill_rec.study.run import base_of, budget_of, folder_of, run_study

    budget = budget_of(max_seconds, max_updates, warm_up)
    plan = plan_study(recipe, changes, split_tunings(tunings), budget, seeds, vary, only_for)
    folder, base = folder_of(plan, out), base_of(recipe)
    if dry_run:
        _print_plan(plan, folder, base, as_json)
        return
    from distill_rec.cli.bars import make_progress

    study = run_study(plan, folder, base, make_progress())
    _print_study(study, folder, as_json)


def _print_study(study: StudyRecord, folder: Path, as_json: bool) -> None:
    """The study on stdout; an error where nothing of it ended well."""
    from distill_rec.cli.guard import fail
    from distill_rec.study.table import render

    if as_json:
        print_json(study.model_dump(mode="json"), indent=2)
    else:
        console = make_console()
        render(study, console)
        console.print(f"page: {folder / 'study.html'}", soft_wrap=True, highlight=False)
    if not any(row.trained for row in study.rows):
        fail(f"{folder}: no training ended well. {study.rows[0].failures[0].why}")


def _print_plan(plan: Plan, folder: Path, base: Path, as_json: bool) -> None:
    """What would be trained; nothing is fetched, written or locked."""
    from rich.table import Table

    from distill_rec.study.estimate import steps_of

    steps = steps_of(plan, folder, base)
    left = sum(step.seconds for step in steps)
    if as_json:
        print_json({"study": str(folder), "rows": [step.__dict__ for step in steps], "seconds": left}, indent=2)
        return
    table = Table("row", "folder", "finished", "about", box=None, header_style="bold")
    for step in steps:
        table.add_row(step.row, step.folder, f"{step.finished} of {len(plan.seeds)} seeds", f"{step.seconds:,.0f} s")
    make_console().print(table)
    print(f"study: {folder}; {plan.budget} for each training; about {left:,.0f} s left on two cores.")
