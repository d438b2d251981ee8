"""`distill-rec refresh`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from distill_rec.cli.guard import fail, guarded, require_train
from distill_rec.cli.options import JsonOption, SetOption
from distill_rec.cli.output import make_console, print_json
from distill_rec.ranks import count_launched
from distill_rec.runtime.errors import TrainingError, WorseError

if TYPE_CHECKING:
    from distill_rec.pipeline.run_stages import StageReport
    from distill_rec.recipe import Recipe

WORSE = 3
"""Exit code where the student was worse than the one before, and was not published."""


@guarded
def refresh(  # noqa: PLR0913
    run: Annotated[Path, typer.Argument(metavar="RUN", help="folder of the finished run to go on from")],
    clicks: Annotated[
        list[str],
        typer.Option("--clicks", help="file or glob of new clicks, in the same columns; may be repeated. Left out: the "
                     "run's own files have grown"),
    ] = [],  # noqa: B006  (typer copies it)
    items: Annotated[
        list[str], typer.Option("--items", help="file or glob of new items, or of changed texts; may be repeated")
    ] = [],  # noqa: B006
    replay: Annotated[
        float, typer.Option("--replay", min=0, max=1, help="share of the old clicks that each epoch repeats")
    ] = 0.2,
    rate: Annotated[float, typer.Option("--rate", min=1e-6, help="factor of the learning rates")] = 0.3,
    max_updates: Annotated[
        int | None, typer.Option("--max-updates", min=1, help="batches of each training at most")
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option("--into", help="export folder that a service follows: what is published is its next version"),
    ] = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="publish the student even where it is worse")] = False,
    changes: SetOption = [],  # noqa: B006
    out: Annotated[Path | None, typer.Option("--out", help="folder of the new run; RUN-2 where not given")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print stages, sizes and an estimate of time")] = False,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """The stage's command with options of its own."""
    require_train()
    if (count := count_launched()) > 1:
        raise TrainingError("refresh", f"{count} processes that were launched", "one process")
    from distill_rec.refresh import Gently, folder_beside, refreshed_recipe, taught_anew

    gently = Gently(replay, rate, max_updates)
    target = "" if into is None else str(into.resolve())
    recipe, base = refreshed_recipe(run, clicks, items, gently, target, anyway, changes)
    folder = out or folder_beside(run.resolve(), recipe)
    for name, kind in taught_anew(recipe).items():
        print(f"{name} ({kind}) does not go on from trained weights: it is taught anew", file=sys.stderr)
    if dry_run:
        from distill_rec.cli.plan import print_plan

        print_plan(recipe, folder, base, None, as_json)
        return
    _publish(run, recipe, first=True)
    try:
        reports = _run(recipe, folder, base)
    except WorseError as error:
        _tell(run, recipe, folder, [], as_json)
        fail(str(error), WORSE)
    _publish(folder, recipe)
    _tell(run, recipe, folder, reports, as_json)


def _run(recipe: Recipe, folder: Path, base: Path) -> list[StageReport]:
    """All stages; of a recipe without an export the comparison decides all the same.

    Raises:
        WorseError: the student is worse than the one before.
    """
    from distill_rec.cli.bars import make_progress
    from distill_rec.pipeline.refreshed import require_not_worse
    from distill_rec.pipeline.run_stages import run_stages

    reports = run_stages(
        recipe,
        folder,
        base=base,
        progress=make_progress(),
        begin=lambda name: print(f"{name} ...", file=sys.stderr, flush=True),
    )
    if recipe.refresh is not None and not recipe.refresh.anyway:
        require_not_worse(folder)
    return reports


def _publish(run: Path, recipe: Recipe, first: bool = False) -> None:
    """Publish a run's student into the folder that a service follows.

    Args:
        first: only where that holds none, so that there is one to go back to.
    """
    from distill_rec.artifact.link import kept
    from distill_rec.refresh import publish_into

    if recipe.refresh is None or not recipe.refresh.into or (first and kept(Path(recipe.refresh.into))):
        return
    keep = recipe.export.keep if recipe.export is not None else 1
    publish_into(run, Path(recipe.refresh.into), keep, lambda text: print(text, file=sys.stderr))


def _tell(run: Path, recipe: Recipe, folder: Path, reports: list[StageReport], as_json: bool) -> None:
    """The comparison on stdout, and what was made."""
    from distill_rec.cli.stages import print_reports
    from distill_rec.pipeline.stages import stage_named

    stage = stage_named("refresh")
    if as_json:
        artifact = folder / "export" / "student"
        made: dict[str, Any] = {"run": str(folder), "before": str(run), "published": artifact.exists()}
        made |= {
            "artifact": str(artifact) if artifact.exists() else None,
            "into": recipe.refresh and recipe.refresh.into,
        }
        print_json({**made, "stages": [one.__dict__ for one in reports], **stage.report(folder)}, indent=2)
        return
    stage.print_report(folder, make_console())
    if reports:
        print_reports(folder, reports)
    else:
        print(f"comparison: {folder / 'refresh' / 'report.html'}")
