"""A cluster of Ray: found, joined, or begun on this machine."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Iterator
from typing import Any

from distill_rec.runtime.errors import RunError

LOCAL = "local"


def require_cluster(address: str) -> None:
    """Find out before any work whether a cluster answers; Ray itself would try for minutes.

    Raises:
        ModuleNotFoundError: ray is not installed.
        RunError: nothing listens at HOST:PORT.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
        except OSError as error:
            raise RunError(address, f"no cluster of Ray: {error}", "the address of one, or 'local'") from error
    import ray  # noqa: F401  (an extra)


@contextlib.contextmanager
def joined(address: str, workers: int | None = None) -> Iterator[None]:
    """Start or join a cluster while the block runs; one that this process had joined before is left joined.

    Args:
        workers: of a local one; one per CPU where not given.
    """
    import ray

    begun = _connect(address, workers)
    try:
        yield
    finally:
        if begun:
            ray.shutdown()


def most_workers(workers: int | None) -> int:
    """Workers that a joined cluster has room for: Ray Data keeps a CPU for what feeds them."""
    import ray

    return workers or max(1, int(ray.cluster_resources().get("CPU", 2)) - 1)


def _connect(address: str, workers: int | None) -> bool:
    """Start or join a cluster; whether it was us who did."""
    import ray
    import ray.data

    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # it tells of every plan
    if ray.is_initialized():
        return False
    quiet: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
    if address != LOCAL:
        try:
            ray.init(address=address, **quiet)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise RunError(address, f"no cluster of Ray: {error}", "the address of one, or 'local'") from error
        return True
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # One CPU more than workers: Ray Data keeps one for what feeds them.
    cpus = (workers or os.cpu_count() or 1) + 1
    ray.init(num_cpus=cpus, include_dashboard=False, **quiet)
    return True
