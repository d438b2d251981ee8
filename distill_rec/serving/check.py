"""A process of its own that tries a new version: whatever is wrong with it, the service does not notice."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from distill_rec.runtime import DistillRecError
from distill_rec.serving.settings import load_student

NICE = 10


def main() -> None:
    """Load `argv[1]` with the options `argv[2]` and print its digest, or the error, as JSON."""
    os.nice(NICE)  # requests come first
    try:
        student = load_student(Path(sys.argv[1]), json.loads(sys.argv[2]), verify=True)
    except DistillRecError as error:
        print(json.dumps({"error": error.parts()}))
        return
    print(json.dumps({"digest": student.info.digest}))


if __name__ == "__main__":
    main()
