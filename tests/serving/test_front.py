"""A fault of the service's own is one answer of the usual form, and a log line without what the client sent."""

import asyncio
import json
import logging

from distill_rec.serving.front import Front
from distill_rec.serving.logs import JsonFormatter
from distill_rec.serving.metrics import Metrics
from distill_rec.serving.settings import Settings


def answers(app, short, path):
    sent = []

    async def receive():
        return {"type": "http.request"}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "headers": [(b"host", b"localhost")]}
    asyncio.run(Front(app, short, Settings("artifact"), Metrics())(scope, receive, send))
    return sent


def test_a_fault_is_answered_once_and_logged_without_its_message(caplog):
    async def fail(*arguments):
        raise KeyError("private")

    async def fail_late(scope, receive, send):
        await send({"type": "http.response.start", "status": 500, "headers": []})
        raise PermissionError("private")

    for app, short, path in ((fail, {}, "/other"), (fail, {"/rank": fail}, "/rank")):
        start, body = answers(app, short, path)
        assert start["status"] == 500
        assert json.loads(body["body"])["error"]["where"] == "service"
    assert [message["type"] for message in answers(fail_late, {}, "/other")] == ["http.response.start"]
    assert len(caplog.records) == 3
    for record in caplog.records:
        assert record.levelno == logging.ERROR
        line = json.loads(JsonFormatter().format(record))
        assert line["error"] in ("KeyError", "PermissionError")
        assert "private" not in json.dumps(line)
