"""The version that is served, switched in one assignment."""

from __future__ import annotations

from distill_rec.runtime import Student


class Version:
    """A loaded student with the updates of this service.

    Attributes:
        changes: how many times updates were applied, so that the search notices.
        tag: names the version in an answer's header.
    """

    def __init__(self, student: Student) -> None:
        self.student = student
        self.changes = 0
        info = student.info
        self.tag = f"{info.version}-{info.digest[:12]}".encode()


class Live:
    """Holds the served version; whoever works with it takes `version` once."""

    def __init__(self, version: Version) -> None:
        self.version = version
