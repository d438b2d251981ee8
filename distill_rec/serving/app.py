"""The application: routes and their documentation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

from distill_rec.runtime import DataError, DistillRecError
from distill_rec.serving import schemas
from distill_rec.serving.docs_page import docs_page
from distill_rec.serving.front import FAULT, Front, Reply
from distill_rec.serving.refusal import JSON, Refusal, error_bytes
from distill_rec.serving.schemas import body_of, refusals
from distill_rec.serving.service import Service

PAGE = Path(__file__).with_name("page")
PAGE_FILES = {"index.html": "text/html", "page.js": "text/javascript", "page.css": "text/css"}
# Nothing but the page's own files, whatever a catalogue's texts contain.
POLICY = {
    "content-security-policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}
SCORING = refusals(401, 408, 413, 415, 422, 429)


def make_app(service: Service) -> Front:
    """The whole as ASGI."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        service.start()
        yield
        await service.stop()

    app = FastAPI(title="distill-rec", version=service.settings.release, lifespan=life, docs_url=None, redoc_url=None)
    _add_errors(app)
    _add_scores(app, service)
    _add_items(app, service)
    _add_operations(app, service)
    _add_pages(app)
    short = {
        "/rank": service.rank,
        "/recommend": service.recommend,
        "/teacher/recommend": service.teacher_recommend,
    }
    return Front(app, short, service.settings, service.metrics)


def _response(reply: Reply) -> Response:
    headers = {name.decode(): value.decode() for name, value in reply.headers}
    return Response(reply.body, reply.status, headers)


def _refuse(error: DistillRecError) -> Response:
    status, headers = (error.status, error.headers) if isinstance(error, Refusal) else (422, {})
    return Response(error_bytes(error), status, {**headers, JSON[0].decode(): JSON[1].decode()})


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(Refusal)
    @app.exception_handler(DataError)
    async def refused(request: Request, error: DistillRecError) -> Response:
        return _refuse(error)

    @app.exception_handler(HTTPException)
    async def unknown(request: Request, error: HTTPException) -> Response:
        found = "no such path" if error.status_code == 404 else str(error.detail).lower()
        return _refuse(Refusal(error.status_code, "path", found, "a path of /docs", "", error.headers))

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        return _refuse(FAULT)  # the error goes on to the gate, which logs it

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return _refuse(Refusal(422, ".".join(map(str, first["loc"])), "a value that does not fit", first["msg"]))


def _add_scores(app: FastAPI, service: Service) -> None:
    many = " A list of requests in one body is answered by a list."

    @app.post(
        "/rank",
        response_model=schemas.Scores | list[schemas.Scores],
        responses=SCORING,
        openapi_extra=body_of(service.bodies.rank, many=True),
        description="Scores of candidates, in their order." + many,
    )
    async def rank(request: Request) -> Response:
        return _response(await service.rank(request.scope, request.receive))

    @app.post(
        "/recommend",
        response_model=schemas.Items | list[schemas.Items],
        responses=SCORING,
        openapi_extra=body_of(service.bodies.recommend, many=True),
        description="The best items; those of the history are left out." + many,
    )
    async def recommend(request: Request) -> Response:
        return _response(await service.recommend(request.scope, request.receive))

    @app.post(
        "/teacher/recommend",
        response_model=schemas.Items | list[schemas.Items],
        responses={**SCORING, **refusals(404)},
        openapi_extra=body_of(service.bodies.recommend, many=True),
        description="What the teacher recommends; 404 where its vectors were not exported." + many,
    )
    async def teacher_recommend(request: Request) -> Response:
        return _response(await service.teacher_recommend(request.scope, request.receive))


def _add_items(app: FastAPI, service: Service) -> None:
    # Declared as {id:path}, so that an id with an encoded slash is found; the service reads it from the raw path.
    name = [{"name": "id", "in": "path", "required": True, "schema": {"type": "string", "maxLength": 1024}}]

    @app.put(
        "/items/{id:path}",
        response_model=schemas.Stored,
        responses=refusals(401, 404, 408, 413, 415, 422, 429, 503),
        openapi_extra={"parameters": name, **body_of(service.bodies.text, service.bodies.fields)},
        description="Add an item, or give it another text; answered when it is on disk.",
    )
    async def put_item(request: Request) -> Response:
        return _response(await service.put_item(request.scope, request.receive))

    @app.delete(
        "/items/{id:path}",
        response_model=schemas.Stored,
        responses=refusals(401, 404, 422, 429, 503),
        openapi_extra={"parameters": name},
        description="Never recommend this item again; it still counts in histories.",
    )
    async def delete_item(request: Request) -> Response:
        return _response(await service.delete_item(request.scope))

    @app.get(
        "/catalogue",
        response_model=schemas.Catalogue,
        responses=refusals(401, 404),
        description="Items whose text has every word of the query; or the items of these ids, where any is given.",
    )
    async def catalogue(
        q: Annotated[str, Query(max_length=200)] = "",
        limit: Annotated[int, Query(ge=1, le=200)] = 20,
        id: Annotated[list[str], Query(max_length=200)] = [],  # noqa: B006  (fastapi copies it)
    ) -> Response:
        return _response(await service.catalogue(q, limit, id))


def _add_operations(app: FastAPI, service: Service) -> None:
    @app.get("/health", response_model=schemas.State, description="The process answers. Needs no token.")
    async def health() -> Response:
        return _response(Reply(b'{"status":"ok"}'))

    @app.get(
        "/ready", response_model=schemas.State, responses=refusals(503), description="It can score. Needs no token."
    )
    async def ready() -> Response:
        if not service.ready:
            raise Refusal(503, "service", "not ready")
        return _response(Reply(b'{"status":"ready"}'))

    @app.get("/metrics", response_class=Response, responses=refusals(401), description="For Prometheus.")
    async def metrics() -> Response:
        return Response(service.metrics_text(), headers={"content-type": CONTENT_TYPE_LATEST})

    @app.post(
        "/reload",
        response_model=schemas.Reloaded,
        responses=refusals(401, 403, 409),
        description="Switch to the version that the artifact's link names now; a bad one is refused.",
    )
    async def reload() -> Response:
        return _response(await service.reload())


def _add_pages(app: FastAPI) -> None:
    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(
            docs_page(app.openapi()),
            headers=POLICY | {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"},
        )

    async def page(request: Request) -> Response:
        name = request.url.path.removeprefix("/") or "index.html"
        path = PAGE / name
        if not path.is_file():
            raise HTTPException(404)
        return FileResponse(path, media_type=PAGE_FILES[name], headers=POLICY)

    for name in PAGE_FILES:
        app.add_api_route("/" if name == "index.html" else f"/{name}", page, include_in_schema=False)
