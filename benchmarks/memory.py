"""Resident memory of a fresh process that serves a student, and of one that serves its teacher with torch.

    python benchmarks/memory.py runs/demo

Each process loads its model on one thread, ranks 100 candidates and encodes texts, as an evaluation's cost does.
`private` is the process's alone (RssAnon); `mapped` are pages of files (RssFile), which processes of one machine
share and the system may take back. The two take turns; medians. Needs Linux. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from interleaved import rounded, with_threads

from distill_rec.artifact.link import artifact_path
from distill_rec.evaluation.serving_process import ServingProcess

EMPTY = """
import json, numpy
from distill_rec.evaluation.serving_cost import memory
print(json.dumps(memory()))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, metavar="RUN", help="a finished run, or an exported student alone")
    parser.add_argument("--teacher", type=Path, help="folder of its teacher; teach/ of the run where not given")
    parser.add_argument("--texts", type=int, default=256, help="new texts that are encoded")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with_threads(1)
    print(json.dumps(measure(args), indent=2))


def measure(args: argparse.Namespace) -> dict[str, Any]:
    artifact = artifact_path(args.run)
    teacher = args.teacher or args.run / "teach"
    request = requests_of(artifact, args.texts)
    processes: dict[str, list[dict[str, Any]]] = {"python with numpy": [], "student": []}
    if teacher.exists():
        processes["teacher"] = []
    for _ in range(args.rounds):
        for name, found in processes.items():
            if name == "python with numpy":
                found.append(empty())
            else:
                asked = {"kind": name, "path": str(artifact if name == "student" else teacher), **request}
                found.append(served(asked))
    result: dict[str, Any] = {name: median(found) for name, found in processes.items()}
    if "teacher" in result:
        for key in ("private_mib", "mapped_mib", "all_mib"):
            result[f"teacher_over_student_{key}"] = rounded(result["teacher"][key] / result["student"][key])
    return result


def requests_of(artifact: Path, texts: int) -> dict[str, Any]:
    from distill_rec.bench.inputs import candidate_lists, histories, new_texts
    from distill_rec.evaluation.serving_cost import WARM
    from distill_rec.runtime import Student

    student = Student.load(artifact)
    return {
        "history": histories(student, 50)[0],
        "candidates": candidate_lists(student, 100)[0],
        "texts": new_texts(student).take(WARM + texts),
        "rounds": 1,
    }


def empty() -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-c", EMPTY], stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def served(asked: dict[str, Any]) -> dict[str, Any]:
    with ServingProcess(asked) as process:
        process.measure()
    if process.fault:
        raise SystemExit(f"{asked['kind']}: {process.fault}")
    found = process.rounds[0]
    return {**found, "p50_ms": statistics.median(found["seconds"]) * 1e3}


def median(found: list[dict[str, Any]]) -> dict[str, Any]:
    private = statistics.median(one["RssAnon"] for one in found) / 2**20
    mapped = statistics.median(one["RssFile"] for one in found) / 2**20
    out: dict[str, Any] = {"private_mib": rounded(private), "mapped_mib": rounded(mapped)}
    out["all_mib"] = rounded(private + mapped)
    for key in ("p50_ms", "items_per_second"):
        if all(one.get(key) is not None for one in found):
            out[key] = rounded(statistics.median(one[key] for one in found))
    return out


if __name__ == "__main__":
    main()
