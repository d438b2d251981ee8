"""Artifacts with golden inputs, texts and a teacher; and a service as a process of its own."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from artifacts import DIM, MAX_HISTORY, arrays_of, random_user_encoder, seal, write_artifact
from conftest import command, environment
from safetensors.numpy import load, save

from distill_rec.artifact.golden import Golden, Question
from distill_rec.artifact.layout import MANIFEST
from distill_rec.runtime import Student

ITEMS = 60
TOKEN = "a token of the tests"
JSON = {"content-type": "application/json"}


def write_version(folder: Path, seed: int = 0) -> Path:
    """A student over i0, i1, ... whose vectors depend on the seed."""
    write_artifact(folder, "attention", ITEMS)
    vectors = load((folder / "items.safetensors").read_bytes())["vectors"]
    vectors = vectors + np.float32(seed) * np.random.default_rng(seed).standard_normal(vectors.shape).astype(np.float32)
    (folder / "items.safetensors").write_bytes(save({"vectors": vectors}))
    colours = ("Red", "green", "BLUE")
    texts = [f"{colours[row % 3]} {'cat' if row % 2 else 'dog'} {row}" for row in range(ITEMS)]
    (folder / "texts.json").write_text(json.dumps(texts), "utf-8")
    seal(folder)
    golden = Golden(["red cat"], [Question(["i1", "i5"], ["i2", "i3", "i4"]), Question([], ["i7"])], {})
    golden = golden.answered(["fp32"], lambda name: Student.load(folder, precision=name))
    (folder / "golden.json").write_text(golden.to_json(), "utf-8")
    return seal(folder)


def add_teacher(folder: Path) -> Path:
    """Give an artifact a teacher of other vectors."""
    vectors = np.random.default_rng(9).standard_normal((ITEMS, DIM)).astype(np.float32)
    inside = {
        "teacher/items.json": (folder / "items.json").read_bytes(),
        "teacher/items.safetensors": save({"vectors": vectors}),
        "teacher/user_encoder.safetensors": save(arrays_of(random_user_encoder("mean"))),
    }
    (folder / "teacher").mkdir()
    for name, content in inside.items():
        (folder / name).write_bytes(content)
    values = json.loads((folder / MANIFEST).read_text("utf-8"))
    for name, content in inside.items():
        values["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    settings = {"kind": "mean", "dim": DIM, "max_history": MAX_HISTORY, "layers": 1, "heads": 1}
    values["teacher"] = {"dim": DIM, "items": ITEMS, "user_encoder": settings}
    (folder / MANIFEST).write_text(json.dumps(values), "utf-8")
    return folder


class Served:
    """A running service."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, token: str | None) -> None:
        self.process, self.log, self.token = process, log, token
        self.port = self._port()

    def lines(self) -> list[dict[str, Any]]:
        whole = [line for line in self.log.read_text("utf-8").splitlines(keepends=True) if line.endswith("\n")]
        return [json.loads(line) for line in whole]

    def await_line(self, event: str, count: int = 1) -> dict[str, Any]:
        """The log line of this event, the `count`-th of its kind."""
        for _ in range(600):
            found = [line for line in self.lines() if line["event"].startswith(event)]
            if len(found) >= count:
                return found[count - 1]
            assert self.process.poll() is None, self.log.read_text("utf-8")
            time.sleep(0.05)
        raise AssertionError(f"no {event!r} in {self.log.read_text('utf-8')}")

    def _port(self) -> int:
        port: int = self.await_line("serving")["port"]
        self.port = port
        for _ in range(200):
            with contextlib.suppress(OSError):
                if self.ask("GET", "/ready")[0] == 200:
                    return port
            time.sleep(0.02)
        raise AssertionError("not ready")

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """Status and parsed answer; bytes are sent as they are, anything else as JSON."""
        status, _, content = self.ask_raw(method, path, body, headers)
        return status, json.loads(content)

    def ask_raw(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        if headers is None:
            headers = dict(JSON)
            if self.token is not None:
                headers["authorization"] = f"Bearer {self.token}"
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        try:
            connection.request(method, path, content, headers)
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@contextlib.contextmanager
def serving(artifact: Path, log: Path, *options: object, token: str | None = TOKEN) -> Iterator[Served]:
    """Serve until the block ends."""
    env = environment()
    env.pop("DISTILL_REC_TOKEN", None)
    if token is not None:
        env["DISTILL_REC_TOKEN"] = token
    with log.open("wb") as file:
        process = subprocess.Popen(
            command("serve", artifact, "--port", 0, *options), env=env, stderr=file, stdout=file, cwd=log.parent
        )
    try:
        yield Served(process, log, token)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(60)


def link(target: Path, name: Path) -> Path:
    """Switch a link, as the exporter does."""
    fresh = name.with_name(name.name + ".new")
    fresh.symlink_to(target)
    os.replace(fresh, name)
    return name
