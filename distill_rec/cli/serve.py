"""`distill-rec serve`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from distill_rec import __version__
from distill_rec.cli.guard import fail, guarded
from distill_rec.cli.options import ArtifactArgument, DimOption

TOKEN = "DISTILL_REC_TOKEN"


@guarded
def serve(
    artifact: ArtifactArgument,
    host: Annotated[str, typer.Option("--host", help="address; others than this machine's need a token")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one")] = 8000,
    state: Annotated[
        Path | None, typer.Option("--state", metavar="DIR", help="folder of catalogue updates; without it they get 503")
    ] = None,
    threads: Annotated[int, typer.Option("--threads", min=1, help="threads of a transformer student")] = 1,
    precision: Annotated[str | None, typer.Option("--precision", help="one that the artifact holds")] = None,
    dim: DimOption = None,
    approximate_above: Annotated[
        int | None, typer.Option("--approximate-above", min=1, help="search approximately in larger catalogues")
    ] = None,
    new_level: Annotated[
        float | None, typer.Option("--new-level", help="how high items stand that are added; 0 to 1 is usual")
    ] = None,
    waiting: Annotated[int, typer.Option("--waiting", min=1, help="requests that may wait; more get 429")] = 256,
    max_body: Annotated[int, typer.Option("--max-body", min=1, help="bytes of a body")] = 1_000_000,
    max_history: Annotated[int, typer.Option("--max-history", min=1, help="ids of a history")] = 1_000,
    max_candidates: Annotated[int, typer.Option("--max-candidates", min=1, help="candidates of a request")] = 10_000,
    access_log: Annotated[bool, typer.Option("--access-log", help="a log line for every request")] = False,
) -> None:
    """Serve an exported student over HTTP; POST /rank, POST /recommend, and /docs says what else.

    With DISTILL_REC_TOKEN set, requests need the header `authorization: Bearer TOKEN`. SIGHUP, or POST /reload, loads
    the version that ARTIFACT names by then; SIGTERM finishes what was accepted.

    Example: distill-rec serve runs/demo/export/student --state state
    """
    from distill_rec.serving.address import is_loopback

    token = os.environ.get(TOKEN)
    if token is not None and not token.strip():
        fail(f"{TOKEN} is set and empty: give it a value, or unset it to serve this machine alone.", 2)
    if token is None and not is_loopback(host):
        fail(f"--host {host}: others could connect, so a token is needed. Set {TOKEN}, or use --host 127.0.0.1.", 2)
    # Late: a wrong host is told before anything heavy is loaded.
    from distill_rec.cli.artifact import artifact_folder
    from distill_rec.serving.server import serve
    from distill_rec.serving.settings import Limits, Settings

    settings = Settings(
        artifact_folder(artifact),
        state,
        token,
        access_log,
        {
            "threads": threads,
            "precision": precision,
            "approximate_above": approximate_above,
            "dim": dim,
            "new_level": new_level,
        },
        __version__,
        Limits(body=max_body, history=max_history, candidates=max_candidates, waiting=waiting),
    )
    serve(settings, host, port)
