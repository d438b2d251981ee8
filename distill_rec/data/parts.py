"""Which part each row of a log belongs to: by global cut times, by each user's last clicks, or by sessions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distill_rec.data.events import Events, Indices
from distill_rec.recipe import DataSection
from distill_rec.runtime.errors import DataError

TRAIN, VALIDATION, TEST = 0, 1, 2


@dataclass(frozen=True)
class Parts:
    """Where a log is cut.

    Attributes:
        of_row: int8 `[n_rows]`, `TRAIN`, `VALIDATION` or `TEST`.
        cuts: seconds from which on rows are validation and test; None where each user's last clicks are the test.
        session: int64 `[n_rows]`, rising; None where the log is not read as sessions.
    """

    of_row: NDArray[np.int8]
    cuts: tuple[int, int] | None
    session: Indices | None

    def where(self, mask: NDArray[np.bool_]) -> Parts:
        return Parts(self.of_row[mask], self.cuts, None if self.session is None else self.session[mask])


def parts_of(events: Events, section: DataSection, n_users: int, cuts: tuple[int, int]) -> Parts:
    """Cut a log as its section says.

    Args:
        cuts: seconds from which on rows are validation and test, where times decide it.
    """
    if section.read_as == "clicks" and section.split == "leave-last-out":
        return Parts(_leave_last_out(events, n_users), None, None)
    if section.read_as == "clicks":
        return Parts(_part(events.time, cuts), cuts, None)
    session = sessions(events, section.session_minutes)
    ends = np.append(np.flatnonzero(np.diff(session)), len(events) - 1) if len(events) else np.empty(0, np.int64)
    return Parts(_part(events.time[ends], cuts)[session], cuts, session)


def cut_times(
    time: NDArray[np.int64], test_share: float, validation_share: float, newest_from: int | None = None
) -> tuple[int, int]:
    """Seconds from which on rows are validation and test: shares of the rows, in order of time.

    Args:
        newest_from: second from which on rows count; all where not given.

    Raises:
        DataError: there is no row from then on.
    """
    ordered = np.sort(time if newest_from is None else time[time >= newest_from])
    if not len(ordered) and newest_from is not None:
        found = f"no row from second {newest_from} on, where the new clicks begin"
        raise DataError("key data.newest_from", found, "newer clicks than the run before has")
    test = round(len(ordered) * (1 - test_share))
    validation = round(len(ordered) * (1 - test_share - validation_share))
    return int(ordered[min(validation, len(ordered) - 1)]), int(ordered[min(test, len(ordered) - 1)])


def _part(time: NDArray[np.int64], cuts: tuple[int, int]) -> NDArray[np.int8]:
    return (time >= cuts[0]).astype(np.int8) + (time >= cuts[1]).astype(np.int8)


def _leave_last_out(events: Events, n_users: int) -> NDArray[np.int8]:
    """A user's last click is the test (of two or more), the one before it validation (of three or more).

    New items count: a target that is one is left out, and not replaced by an earlier click.
    """
    rows = np.flatnonzero(events.positive)
    offsets = events.where(events.positive).user_offsets(n_users)
    lengths = np.diff(offsets)
    part = np.full(len(events), TRAIN, np.int8)
    part[rows[offsets[1:][lengths >= 2] - 1]] = TEST
    part[rows[offsets[1:][lengths >= 3] - 2]] = VALIDATION
    return part


def sessions(events: Events, minutes: int) -> Indices:
    """Number of each row's session, which ends after so long without a row."""
    new = np.ones(len(events), np.bool_)
    new[1:] = (events.user[1:] != events.user[:-1]) | (events.time[1:] - events.time[:-1] > minutes * 60)
    return np.cumsum(new) - 1
