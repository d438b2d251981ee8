"""`distill-rec init`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from distill_rec.cli.guard import fail, guarded, require_train
from distill_rec.cli.options import JsonOption
from distill_rec.cli.output import print_json

if TYPE_CHECKING:
    from distill_rec.cli.guesses import Guess

FilesOption = typer.Option(
    "--clicks", help="file, folder or glob of clicks: CSV, TSV, JSONL, Parquet; RecBole's *.inter; MIND's train"
)
Text = str | None


def _column(option: str, what: str) -> Any:
    return typer.Option(option, help=f"{what}; guessed where not given")


@guarded
def init(  # noqa: PLR0913
    clicks: Annotated[str, FilesOption],
    items: Annotated[
        Text,
        typer.Option(
            "--items", help="the same of items; if left out the clicks' own texts, RecBole's *.item, MIND's news.tsv"
        ),
    ] = None,
    test: Annotated[Text, typer.Option("--test", help="MIND: folder of the test; dev beside train if left out")] = None,
    user_column: Annotated[Text, _column("--user-column", "column of the user's id (user.id: a nested field)")] = None,
    item_column: Annotated[Text, _column("--item-column", "column of the item's id")] = None,
    item_id_column: Annotated[Text, _column("--item-id-column", "its name in the items, where it is another")] = None,
    sequence_column: Annotated[
        Text, _column("--sequence-column", "column of a list of items, a user's clicks in order; '' for none")
    ] = None,
    sequence_separator: Annotated[
        Text, _column("--sequence-separator", "what separates its entries where it is text, as ,")
    ] = None,
    time_column: Annotated[Text, _column("--time-column", "column of the time; '' where rows are in its order")] = None,
    time_format: Annotated[Text, _column("--time-format", "how times are written, as %d/%m/%Y %H:%M")] = None,
    event_column: Annotated[Text, _column("--event-column", "column of the event type; '' for none")] = None,
    event_weight: Annotated[
        list[str], typer.Option("--event-weight", metavar="TYPE=WEIGHT", help="weight of a type; may be repeated")
    ] = [],  # noqa: B006  (typer copies it)
    rating_column: Annotated[Text, _column("--rating-column", "column of a rating; '' for none")] = None,
    min_rating: Annotated[
        float | None,
        typer.Option("--min-rating", help="a row is a click from this rating on; by the scale if left out"),
    ] = None,
    text: Annotated[Text, _column("--text", "template of an item's text, as '{title} {brand}'")] = None,
    where: Annotated[Text, _column("--where", "rows that count, as 'Quantity > 0'; '' for all")] = None,
    missing_user: Annotated[
        Text,
        typer.Option("--missing-user", help="rows without a user: refuse or leave-out; by their number if not given"),
    ] = None,
    encoding: Annotated[
        Text, typer.Option("--encoding", help="of text files; utf-8 (and marked UTF-16) if left out")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="the recipe that is written")] = Path("recipe.toml"),
    force: Annotated[bool, typer.Option("--force", help="write over a recipe that is there")] = False,
    as_json: JsonOption = False,
) -> None:
    """Guess format and columns of a log, show what was taken for what, and write a recipe for it, its keys explained.

    Example: distill-rec init --clicks clicks.csv --items items.csv --out recipe.toml
    """
    require_train()
    from distill_rec.cli.guesses import Asked, guess
    from distill_rec.cli.guesses.preview import parsed_rows, read_as_prepare_would
    from distill_rec.cli.write_recipe import name_of, recipe_text
    from distill_rec.files import write_text

    if out.exists() and not force:
        fail(f"{out} is there already. Name another file with --out, or use --force.")
    asked = Asked(
        clicks=clicks,
        items=items,
        test=test,
        user_column=user_column,
        item_column=item_column,
        item_id_column=item_id_column,
        sequence_column=sequence_column,
        sequence_separator=sequence_separator,
        time_column=time_column,
        time_format=time_format,
        event_column=event_column,
        event_weights=_weights(event_weight),
        rating_column=rating_column,
        min_rating=min_rating,
        text=text,
        where=where,
        missing_user=missing_user,
        encoding=encoding,
    )
    found = guess(asked)
    rows = parsed_rows(found.data, read_as_prepare_would(found.data, found.notes))
    write_text(out, recipe_text(found.data, out.absolute().parent, found.notes, name_of(out, clicks)))
    if as_json:
        print_json({"recipe": str(out), "data": found.data, "notes": found.notes, "rows": rows})
        return
    _print_guess(found, rows, out)


def _weights(pairs: list[str]) -> dict[str, float]:
    """`TYPE=WEIGHT`, by type."""
    out = {}
    for pair in pairs:
        kind, sign, weight = pair.rpartition("=")
        try:
            out[kind] = float(weight)
        except ValueError:
            sign = ""
        if not sign:
            fail(f"--event-weight {pair}: expected TYPE=WEIGHT, as view=0.5", 2)
    return out


def _print_guess(found: Guess, rows: list[dict[str, str]], out: Path) -> None:
    from distill_rec.cli.guesses.preview import as_table
    from distill_rec.cli.write_recipe import NOTE
    from distill_rec.data.shown import shown

    for key, value in found.data.items():
        print(f"data.{key} = {json.dumps(value, ensure_ascii=False)}")
    for note in found.notes:
        print(f"note: {shown(note, NOTE)}")
    print("the first clicks, as they are read:")
    for line in as_table(rows):
        print(f"  {line}")
    print(f"wrote {out}. Is this right? Every guess has an option (init --help). Then: distill-rec run {out}")
