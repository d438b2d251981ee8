"""The service under load on loopback: throughput and tails, twice its capacity, a reload and a kill -9 in the middle.

    python benchmarks/serve_load.py runs/demo/export/student

The server runs on one core, the load and this script on another. Load comes from wrk (closed loop) and h2load (fixed
arrival rate; Debian's `wrk` and `nghttp2-client`). Answers are compared with the student loaded in this process.
Prints one JSON object.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from distill_rec.runtime import Student

HISTORY, CANDIDATES, BODIES = 50, 100, 256
CONNECTIONS = (1, 8, 64)
# Requests in one body: with one, reading HTTP costs more than the scores, and a generator that waits for answers on
# its connections cannot send twice what the server can read; with a list the scores cost most, and it can.
LIST = 16
# More clients than bodies may wait at the server, so that its queue can be full at all.
CLIENTS = {"rank": 512, "rank_lists": 64}
# The clients of one h2load send at the same moments; several that start one after another spread the arrivals.
GENERATORS = 16
JSON = {"content-type": "application/json"}
LUA = """
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
local bodies, place = {}, 0
for line in io.lines("%s") do bodies[#bodies + 1] = line end
request = function()
  place = place %% #bodies + 1
  return wrk.format(nil, nil, nil, bodies[place])
end
done = function(summary, latency)
  local failed = summary.errors
  local form = '\\nRESULT {"requests": %%d, "seconds": %%.4f, "p50_ms": %%.3f, "p99_ms": %%.3f,' ..
    ' "refused": %%d, "broken": %%d}\\n'
  io.write(string.format(form, summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    failed.status, failed.connect + failed.read + failed.write + failed.timeout))
end
"""


@dataclass
class Setting:
    """Where and how long."""

    root: Path
    port: int
    seconds: float
    server_core: int
    generator_core: int

    @property
    def link(self) -> Path:
        return self.root / "student"


@contextlib.contextmanager
def server(setting: Setting) -> Iterator[subprocess.Popen[bytes]]:
    """A service with state, pinned to its core."""
    start = "from distill_rec.cli.main import main; main()"
    arguments = ["serve", str(setting.link), "--port", str(setting.port), "--state", str(setting.root / "state")]
    env = {name: value for name, value in os.environ.items() if name != "DISTILL_REC_TOKEN"} | {"OMP_NUM_THREADS": "1"}
    with (setting.root / "log").open("ab") as log:
        command = ["taskset", "-c", str(setting.server_core), sys.executable, "-c", start, *arguments]
        process = subprocess.Popen(command, stdout=log, stderr=log, env=env)
    try:
        await_ready(setting, process)
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(60)


def await_ready(setting: Setting, process: subprocess.Popen[bytes]) -> None:
    for _ in range(1200):
        with contextlib.suppress(OSError):
            if ask(connect(setting), "GET", "/ready")[0] == 200:
                return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise SystemExit((setting.root / "log").read_text("utf-8"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def connect(setting: Setting) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", setting.port, timeout=30)


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: Any = None) -> tuple[int, str, Any]:
    """Status, version, answer."""
    connection.request(method, path, None if body is None else json.dumps(body), JSON)
    response = connection.getresponse()
    content = response.read()
    return response.status, response.headers.get("distill-rec-version", ""), json.loads(content)


def rank_bodies(student: Student, generator: np.random.Generator) -> list[dict[str, list[str]]]:
    ids = np.array(student.item_ids)
    draw = lambda size: generator.choice(ids, min(size, len(ids)), replace=False).tolist()  # noqa: E731
    return [{"history": draw(HISTORY), "candidates": draw(CANDIDATES)} for _ in range(BODIES)]


def throughput(setting: Setting, path: str, bodies: list[Any], connections: int) -> dict[str, float]:
    """wrk, closed loop."""
    lines, script = setting.root / "bodies", setting.root / "load.lua"
    lines.write_text("".join(json.dumps(body) + "\n" for body in bodies), "utf-8")
    script.write_text(LUA % lines, "utf-8")
    command = [
        "taskset",
        "-c",
        str(setting.generator_core),
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{setting.seconds:g}s",
    ]
    command += ["-s", str(script), f"http://127.0.0.1:{setting.port}{path}"]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    result = json.loads(out.partition("RESULT ")[2].splitlines()[0])
    return {"per_second": round(result.pop("requests") / result.pop("seconds"), 1), **result}


def overload(setting: Setting, body: Any, rate: float, clients: int) -> dict[str, Any]:
    """h2load at a fixed arrival rate, spread over many clients; times are from sending to the end of the answer."""
    content = setting.root / "body"
    content.write_text(json.dumps(body), "utf-8")
    logs, generators = [setting.root / f"requests{place}.tsv" for place in range(GENERATORS)], []
    for log in logs:
        log.unlink(missing_ok=True)
        command = ["taskset", "-c", str(setting.generator_core), "h2load", "--h1", "-t1", f"-c{clients // GENERATORS}"]
        command += [f"--rps={rate / clients:.4f}", f"-D{max(setting.seconds, 1):.0f}", "-d", str(content)]
        command += [f"--log-file={log}", "-H", "content-type: application/json"]
        command += [f"http://127.0.0.1:{setting.port}/rank"]
        generators.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        time.sleep(clients / rate / GENERATORS)
    assert not any(generator.wait() for generator in generators)
    written = [log for log in logs if log.stat().st_size]
    rows = np.concatenate([np.loadtxt(log, dtype=np.int64, usecols=(0, 1, 2), ndmin=2) for log in written])
    rows = rows[rows[:, 0] >= rows[:, 0].min() + 500_000]  # connecting takes the first half second
    seconds = (rows[:, 0].max() - rows[:, 0].min()) / 1e6
    served = rows[rows[:, 1] == 200, 2] / 1e3
    return {
        "asked_per_second": round(rate, 1),
        "sent_per_second": round(len(rows) / seconds, 1),
        "by_status": {str(status): count for status, count in sorted(Counter(rows[:, 1].tolist()).items())},
        "served_per_second": round(len(served) / seconds, 1),
        "served_p50_ms": round(float(np.percentile(served, 50)), 3),
        "served_p99_ms": round(float(np.percentile(served, 99)), 3),
    }


@dataclass
class Checked:
    """What the comparing clients saw."""

    answers: int = 0
    wrong: int = 0
    dropped: int = 0
    slowest_ms: float = 0.0
    versions: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def report(self) -> dict[str, Any]:
        names = ("answers", "wrong", "dropped")
        return {name: getattr(self, name) for name in names} | {
            "slowest_ms": round(self.slowest_ms, 1),
            "versions": sorted(self.versions),
        }


def same(found: Any, expected: Any) -> bool:
    return np.allclose(np.float32(found), expected, rtol=1e-5, atol=1e-5)


def compare_until(
    done: threading.Event, setting: Setting, students: dict[str, Student], bodies: list[Any], checked: Checked
) -> None:
    """Ask in turn and compare with the student of the version that answered."""
    connection = connect(setting)
    for body in iter_for_ever(bodies):
        if done.is_set():
            return
        began = time.perf_counter()
        try:
            status, version, answer = ask(connection, "POST", "/rank", body)
        except (OSError, http.client.HTTPException):
            if done.is_set():  # the server was killed
                return
            connection = connect(setting)
            with checked.lock:
                checked.dropped += 1
            continue
        took = 1e3 * (time.perf_counter() - began)
        good = status == 200 and same(answer["scores"], students[version.partition("-")[0]].rank(**body))
        with checked.lock:
            checked.answers += 1
            checked.wrong += not good
            checked.slowest_ms = max(checked.slowest_ms, took)
            checked.versions.add(version)


def iter_for_ever(values: list[Any]) -> Iterator[Any]:
    while True:
        yield from values


@contextlib.contextmanager
def running(*targets: Callable[[], None]) -> Iterator[None]:
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join()


def reload_in_the_middle(setting: Setting, students: dict[str, Student], bodies: list[Any]) -> dict[str, Any]:
    """wrk keeps the server busy, two clients compare, and the link is switched there and back with SIGHUP."""
    switch(setting, "1")
    checked, done, load = Checked(), threading.Event(), {}

    def drive() -> None:
        load.update(throughput(setting, "/rank", bodies, 8))

    compare = lambda: compare_until(done, setting, students, bodies, checked)  # noqa: E731
    with server(setting) as process, running(drive, compare, compare):
        for count, version in enumerate(("2", "1"), 1):
            time.sleep(setting.seconds / 4)
            switch(setting, version)
            process.send_signal(signal.SIGHUP)
            reloads = await_reloads(setting, count)
        time.sleep(setting.seconds / 4)
        done.set()
    return {
        **checked.report(),
        "reloads": len(reloads),
        "reload_seconds": [line["seconds"] for line in reloads],
        "load": load,
    }


def await_reloads(setting: Setting, count: int) -> list[dict[str, Any]]:
    for _ in range(600):
        lines = (setting.root / "log").read_text("utf-8").splitlines()
        found = [json.loads(line) for line in lines if '"event": "reloaded"' in line]
        if len(found) >= count:
            return found
        time.sleep(0.1)
    raise SystemExit((setting.root / "log").read_text("utf-8"))


def switch(setting: Setting, version: str) -> None:
    fresh = setting.root / "student.new"
    fresh.symlink_to(Path("versions") / version)
    os.replace(fresh, setting.link)


def write_until_dead(setting: Setting, name: str, acknowledged: dict[str, str | None], unsure: set[str]) -> None:
    """PUT items, and DELETE every third, until the server is gone. An update without an answer may be there or not."""
    connection = connect(setting)
    place = 0
    while True:
        item, text = f"{name}/{place}", f"new item {place} of {name}"
        updates: list[tuple[str, Any]] = [("PUT", {"text": text})] + [("DELETE", None)] * (place % 3 == 0)
        for method, body in updates:
            unsure.add(item)
            try:
                status, _, _ = ask(connection, method, f"/items/{quote(item, safe='')}", body)
            except (OSError, http.client.HTTPException):
                return
            if status == 200:
                unsure.discard(item)
                acknowledged[item] = text if method == "PUT" else None
        place += 1


def kill_in_the_middle(setting: Setting, folder: Path, bodies: list[Any]) -> dict[str, Any]:
    """Four writers, a comparing reader, kill -9; then every acknowledged update is looked for."""
    switch(setting, "1")
    done, checked = threading.Event(), Checked()
    records: list[tuple[dict[str, str | None], set[str]]] = [({}, set()) for _ in range(4)]
    writers = [
        lambda name=f"writer{place}", record=record: write_until_dead(setting, name, *record)
        for place, record in enumerate(records)
    ]
    students = {"1": Student.load(folder)}
    compare = lambda: compare_until(done, setting, students, bodies, checked)  # noqa: E731
    with server(setting) as process, running(*writers, compare):
        time.sleep(setting.seconds)
        done.set()
        process.send_signal(signal.SIGKILL)
        process.wait()
    acknowledged = {item: text for record, unsure in records for item, text in record.items() if item not in unsure}
    with server(setting):
        lost, wrong = look_for(setting, Student.load(folder), acknowledged, bodies[0]["history"])
    return {
        "acknowledged": len(acknowledged),
        "acknowledged_per_second": round(len(acknowledged) / setting.seconds, 1),
        "unanswered": sum(len(unsure) for _, unsure in records),
        "lost": lost,
        "wrong": wrong,
        "reads": checked.report(),
    }


def look_for(
    setting: Setting, student: Student, acknowledged: dict[str, str | None], history: list[str]
) -> tuple[int, int]:
    """Acknowledged updates that are not there, and those whose item has another score than in this process."""
    connection, lost, wrong = connect(setting), 0, 0
    student.add_items({item: text for item, text in acknowledged.items() if text is not None})
    for item, text in acknowledged.items():
        status, _, answer = ask(connection, "POST", "/rank", {"history": history, "candidates": [item]})
        if (status == 200) != (text is not None):
            lost += 1
        elif status == 200:
            wrong += not same(answer["scores"], student.rank(history, [item]))
    return lost, wrong


def two_versions(setting: Setting, artifact: Path) -> dict[str, Student]:
    """Version 1 is the artifact; version 2 has other texts for some of its items."""
    first = setting.root / "versions" / "1"
    shutil.copytree(artifact.resolve(), first)
    student = Student.load(first)
    student.add_items({item: f"another text {item}" for item in student.item_ids[::3]})
    second = student.save_catalogue(setting.root)
    assert second.name == "2", second
    return {"1": Student.load(first), "2": Student.load(second)}


def measure(setting: Setting, artifact: Path) -> dict[str, Any]:
    students = two_versions(setting, artifact)
    bodies = rank_bodies(students["1"], np.random.default_rng(0))
    wishes = [{"history": body["history"], "k": 10} for body in bodies]
    switch(setting, "1")
    out: dict[str, Any] = {"items": students["1"].info.items, "seconds": setting.seconds, "rank": {}, "recommend": {}}
    with server(setting) as process:
        for connections in CONNECTIONS:
            out["rank"][str(connections)] = throughput(setting, "/rank", bodies, connections)
            out["recommend"][str(connections)] = throughput(setting, "/recommend", wishes, connections)
        lists = [bodies[place : place + LIST] for place in range(0, BODIES, LIST)]
        # Few enough connections that all of their requests may wait.
        out["rank_lists"] = {"8": throughput(setting, "/rank", lists, 8)}
        out["overload"] = {
            name: overload(setting, body, 2 * max(one["per_second"] for one in out[name].values()), CLIENTS[name])
            for name, body in (("rank", bodies[0]), ("rank_lists", lists[0]))
        }
        status = Path(f"/proc/{process.pid}/status").read_text("utf-8")
        out["rss_mib"] = round(int(status.partition("VmRSS:")[2].split()[0]) / 1024, 1)
    out["reload"] = reload_in_the_middle(setting, students, bodies)
    out["kill"] = kill_in_the_middle(setting, setting.root / "versions" / "1", bodies)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artifact", type=Path, help="an exported student with golden inputs")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    parser.add_argument("--port", type=int, default=0, help="a free one where not given")
    parser.add_argument("--server-core", type=int, default=1)
    parser.add_argument("--generator-core", type=int, default=0)
    args = parser.parse_args()
    if missing := [name for name in ("wrk", "h2load", "taskset") if shutil.which(name) is None]:
        raise SystemExit(f"{', '.join(missing)} not found: apt-get install wrk nghttp2-client util-linux")
    os.sched_setaffinity(0, {args.generator_core})
    with tempfile.TemporaryDirectory() as folder:
        setting = Setting(Path(folder), args.port or free_port(), args.seconds, args.server_core, args.generator_core)
        print(json.dumps(measure(setting, args.artifact), indent=2))


if __name__ == "__main__":
    main()
