"""From settings to a process that serves until it is told to stop."""

from __future__ import annotations

import gc
import logging
import signal
import sys
from types import FrameType

import uvicorn

from distill_rec.artifact.layout import GOLDEN
from distill_rec.artifact.link import leads_to
from distill_rec.serving.address import bind
from distill_rec.serving.app import make_app
from distill_rec.serving.live import Version
from distill_rec.serving.logs import write_json_logs
from distill_rec.serving.metrics import Metrics
from distill_rec.serving.protocol import BoundedProtocol
from distill_rec.serving.reload import catch_up
from distill_rec.serving.service import Service
from distill_rec.serving.settings import Settings, load_student
from distill_rec.serving.state import FILE, State, StateError

log = logging.getLogger("distill_rec.serving")
STOP_SECONDS = 30
KEEP_ALIVE_SECONDS = 30
# The worker waits so long for the interpreter after each of numpy's longer calls while the event loop is busy. With the
# usual 5 ms, many busy connections let it answer far less than it could.
SWITCH_SECONDS = 0.0005


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; what was accepted by then is finished.

    Raises:
        ArtifactError: the student cannot be loaded.
        OSError: the address is in use.
    """
    write_json_logs()
    listener = bind(host, port)
    service = load_service(settings)
    _collect_seldom()
    sys.setswitchinterval(SWITCH_SECONDS)
    config = uvicorn.Config(
        make_app(service),
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=settings.limits.connections,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    # The server raises the signal again when it is done; a stop that was asked for is a success.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _ignore)
    name, bound = listener.getsockname()[:2]
    info = service.live.version.student.info
    fields = {"host": name, "port": bound, "version": str(info.version), "digest": info.digest, "items": info.items}
    log.info("serving", extra={"fields": fields})
    server = uvicorn.Server(config)
    server.run(sockets=[listener])
    log.info("stopped")
    if not server.started:
        sys.exit(1)


def load_service(settings: Settings) -> Service:
    """Load the student and the updates of the catalogue.

    Raises:
        ArtifactError: the student cannot be loaded, gives other scores than where it was made, or cannot encode an
            update.
    """
    metrics = Metrics()
    state = _open_state(settings)
    artifact = leads_to(settings.artifact)
    # Artifacts of older formats carry no golden inputs; what a reload asks of a version holds for the first one too.
    version = Version(load_student(artifact, settings.load, verify=(artifact / GOLDEN).exists()))
    if state is not None:
        catch_up(version, state, 0)
    return Service(settings, version, state, metrics)


def _open_state(settings: Settings) -> State | None:
    if settings.state is None:
        return None
    try:
        return State(settings.state)
    except StateError as error:
        # Updates that were acknowledged must not be missing from what is served.
        if (settings.state / FILE).exists():
            raise
        log.warning("catalogue updates get 503", extra={"fields": {"where": error.where, "found": error.found}})
        return None


def _collect_seldom() -> None:
    """With many requests under way the collector takes a good part of the time, and finds nothing."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 1_000)


def _ignore(number: int, frame: FrameType | None) -> None:
    """Nothing is left to do: the server has stopped."""
