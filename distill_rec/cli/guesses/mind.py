"""MIND's folders: nothing is to be guessed but where the test is."""

from __future__ import annotations

from pathlib import Path

from distill_rec.cli.guesses.asked import Asked, Guess, refuse
from distill_rec.cli.guesses.formats import BEHAVIORS, mind_folder
from distill_rec.runtime.errors import DataError

TESTS = ("dev", "MINDsmall_dev", "MINDlarge_dev")
FIXED = (
    *("user_column", "item_column", "item_id_column", "sequence_column", "sequence_separator"),
    *("time_column", "event_column", "event_weights", "rating_column", "min_rating", "where", "missing_user"),
)


def guess_mind(asked: Asked) -> Guess:
    """Keys of `[data]` for a folder with `behaviors.tsv` and `news.tsv`.

    Raises:
        DataError: an option that means nothing here, or no test.
    """
    refuse(asked, ("items",), "given for MIND, whose items are the news.tsv beside behaviors.tsv")
    refuse(asked, FIXED, "given for MIND, whose columns have no names and are always the same")
    train = mind_folder(Path(asked.clicks).expanduser().absolute())
    assert train is not None  # its format was told by it
    data = {"format": "mind", "path": str(train), "test": _test(train, asked.test), "split": "given"}
    data |= {"read_as": "impressions", "text": asked.text if asked.text is not None else "{title}"}
    given = {"time_format": asked.time_format, "encoding": asked.encoding}
    return Guess(data | {key: value for key, value in given.items() if value}, [])


def _test(train: Path, asked: str | None) -> str:
    """`data.test`, relative to the train folder where it lies beside it."""
    if asked is not None:
        folder = Path(asked).expanduser().absolute()
        if not (folder / BEHAVIORS).is_file():
            raise DataError("--test", f"{folder} has no {BEHAVIORS}", "the folder of MIND's test behaviours (dev)")
        return f"../{folder.name}" if folder.parent == train.parent else str(folder)
    for name in dict.fromkeys([train.name.replace("train", "dev"), *TESTS]):
        test = train / ".." / name
        if name != train.name and (test / BEHAVIORS).is_file():
            return f"../{name}"
    raise DataError(
        train,
        "no folder of test behaviours beside it",
        f"{', '.join(TESTS[:-1])} or {TESTS[-1]}, with {BEHAVIORS} and news.tsv",
        "Name train with --clicks, and the folder of the test with --test.",
    )
