"""`distill-rec search`."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from distill_rec.cli.guard import guarded, require_train
from distill_rec.cli.options import JsonOption, OutOption, RecipeArgument, SetOption
from distill_rec.cli.output import make_console, print_json
from distill_rec.ranks import count_launched
from distill_rec.runtime.errors import TrainingError

if TYPE_CHECKING:
    from distill_rec.search.records import SearchRecord
    from distill_rec.search.trials import Search


@guarded
def search(  # noqa: PLR0913
    recipe: RecipeArgument,
    trials: Annotated[
        int, typer.Option("--trials", min=1, help="students tried at most, the recipe's own among them")
    ] = 20,
    max_seconds: Annotated[
        float | None, typer.Option("--max-seconds", min=0, help="of all trials together; none is begun after")
    ] = None,
    max_megabytes: Annotated[
        float | None, typer.Option("--max-megabytes", help="what a service may load of the student")
    ] = None,
    max_milliseconds: Annotated[
        float | None, typer.Option("--max-milliseconds", help="of ranking 100 candidates, one thread")
    ] = None,
    within: Annotated[
        float | None,
        typer.Option(
            "--within", help="choose the smallest that loses at most this share of the teacher's quality, as 0.01"
        ),
    ] = None,
    changes: SetOption = [],  # noqa: B006  (typer copies it)
    out: OutOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print what is varied and an estimate of time")] = False,
    as_json: JsonOption = False,
) -> None:
    """Find a small student under a budget: kinds, losses and sizes on one teacher, and the front of what they cost.

    What is varied stands in the recipe's section search (`distill-rec keys search`). Finished trials are kept; the same
    command goes on, and may add trials.

    Example: distill-rec search students/static --trials 20 --within 0.01 --max-megabytes 8
    """
    require_train()
    if find_spec("optuna") is None:
        raise ModuleNotFoundError("No module named 'optuna'", name="optuna")
    if (count := count_launched()) > 1:
        raise TrainingError("search", f"{count} processes that were launched", "one process")
    from distill_rec.recipe_io import load_recipe
    from distill_rec.search.run import budget_of, run_search, search_of
    from distill_rec.study.run import base_of

    budget = budget_of(max_megabytes, max_milliseconds, within)
    planned = search_of(load_recipe(recipe, changes), budget, trials, max_seconds, out, base_of(recipe))
    if dry_run:
        _print_plan(planned, as_json)
        return
    from distill_rec.cli.bars import make_progress

    _print_search(run_search(planned, make_progress()), planned, as_json)


def _print_search(found: SearchRecord, planned: Search, as_json: bool) -> None:
    """The search on stdout; an error where nothing fits the budget."""
    from distill_rec.cli.guard import fail
    from distill_rec.search.run import BEST
    from distill_rec.search.table import render

    if as_json:
        print_json(found.model_dump(mode="json"), indent=2)
    else:
        console = make_console()
        render(found, console)
        told = {"page": planned.folder / "search.html"}
        if found.chosen is not None:
            place = planned.place(found.point(found.chosen).number)
            told |= {"recipe": planned.folder / BEST, "artifact": place / "export" / "student"}
        for name, path in told.items():
            console.print(f"{name}: {path}", soft_wrap=True, highlight=False)
    if found.chosen is None:
        why = "within the budget" if found.found else f"ended well. {found.failed[0].why}"
        fail(f"{planned.folder}: no trial {why}")


def _print_plan(planned: Search, as_json: bool) -> None:
    """What would be tried; nothing is fetched, written or locked."""
    from rich.table import Table

    from distill_rec.search.run import seconds_of
    from distill_rec.search.space import space_of
    from distill_rec.search.words import budget_text, dimension_text

    space = {key: dimension_text(one) for key, one in space_of(planned.recipe).items()}
    finished = sum(1 for one in planned.drawn() if planned.trial(one.number) is not None)
    each = seconds_of(planned)
    left = max(planned.trials - finished, 0) * each
    if as_json:
        plan = {"search": str(planned.folder), "space": space, "trials": planned.trials, "finished": finished}
        print_json({**plan, "seconds": round(left, 1)}, indent=2)
        return
    table = Table("key of [student]", "tried", box=None, header_style="bold")
    for key, text in space.items():
        table.add_row(key, text)
    make_console().print(table)
    print(
        f"search: {planned.folder}; budget: {budget_text(planned.budget)}; {finished} of {planned.trials} trials "
        f"finished; about {left:,.0f} s left on two cores ({each:,.0f} s for the recipe's own student)."
    )
