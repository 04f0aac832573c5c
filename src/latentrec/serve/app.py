"""Routes: what a caller may ask, each in a few lines over the service."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final, TypeAlias

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel
from starlette.middleware.trustedhost import TrustedHostMiddleware

import latentrec
from latentrec.serve import replies, requests
from latentrec.serve.files import pages
from latentrec.serve.guard import Guard, Watch
from latentrec.serve.problems import RefusedError, add_handlers
from latentrec.serve.service import Service
from latentrec.serve.settings import TOKEN_VARIABLE, is_loopback

Responses: TypeAlias = dict[int | str, dict[str, Any]]

LOOPBACK_NAMES: Final = ["127.0.0.1", "localhost", "[::1]"]
"""Names under which a local server answers: a foreign name that leads here is a trick."""


def _documented(*statuses: int) -> Responses:
    """Which errors a route may answer with, for the OpenAPI page."""
    return {
        status: {"model": replies.Problem} for status in sorted({400, 401, 408, 413, *statuses})
    }


async def _service(request: Request) -> Service:
    return request.app.state.service


Serving: TypeAlias = Annotated[Service, Depends(_service)]


def reply(answer: BaseModel, status: int = 200) -> Response:
    """An answer as JSON; its scores were checked to be finite when they were made."""
    return Response(answer.model_dump_json(), status, media_type="application/json")


routes: Final = APIRouter()


@routes.post(
    "/recommend",
    response_model=replies.RecommendAnswer,
    responses=_documented(409, 422, 429, 503),
)
async def recommend(request: requests.RecommendRequest, service: Serving) -> Response:
    """The best items after each history."""
    return reply(await service.recommend(request))


@routes.post("/explain", response_model=replies.ExplainAnswer, responses=_documented(422, 429, 503))
async def explain(request: requests.ExplainRequest, service: Serving) -> Response:
    """Which past items moved each recommendation, and what each stream argues for."""
    return reply(await service.explain(request))


@routes.post("/similar", response_model=replies.SimilarAnswer, responses=_documented(422, 429, 503))
async def similar(request: requests.SimilarRequest, service: Serving) -> Response:
    """The items nearest to some items, by the cosine of their vectors."""
    return reply(await service.similar(request))


@routes.get("/items", response_model=replies.ItemsAnswer, responses=_documented(422))
async def items(
    service: Serving,
    query: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    arm: requests.Arm = "a",
) -> Response:
    """Items whose title or id holds every word of the query."""
    return reply(await service.items(query, limit, arm))


@routes.get(
    "/reports/{name:path}",
    response_class=FileResponse,
    responses=_documented(404, 422),
)
async def report(name: str, service: Serving, arm: requests.Arm = "a") -> Response:
    """A report of a run, to be saved; never shown as part of this site."""
    path = await asyncio.to_thread(service.report, name, arm)
    return FileResponse(path, filename=path.name)


@routes.get("/models", response_model=replies.ModelsAnswer, responses=_documented())
async def models(service: Serving) -> Response:
    """The served runs: settings, costs, test metrics, epochs."""
    return reply(await asyncio.to_thread(service.models))


@routes.post("/events", response_model=replies.EventsAnswer, responses=_documented(409, 422, 503))
async def events(request: requests.EventsRequest, service: Serving) -> Response:
    """Append interactions to the history store."""
    return reply(await service.append(request))


@routes.post("/items", response_model=replies.NewItemsAnswer, responses=_documented(409, 422))
async def add_items(request: requests.NewItemsRequest, service: Serving) -> Response:
    """Add items that training never saw, by their text."""
    return reply(await service.add_items(request))


@routes.post("/admin/reload", response_model=replies.Reloaded, responses=_documented(403, 409, 422))
async def reload(service: Serving, arm: requests.Arm = "a") -> Response:
    """Load an arm's folder anew; the old run answers until the new one has been checked."""
    if service.settings.token is None:
        raise RefusedError("", f"needs a server with {TOKEN_VARIABLE}, or send SIGHUP", 403)
    return reply(await service.reload(arm))


@routes.get("/health/live", response_model=replies.Health, responses=_documented())
async def live() -> Response:
    """Whether the process works."""
    return reply(replies.Health(status="live"))


@routes.get("/health/ready", response_model=replies.Health, responses=_documented(503))
async def ready(service: Serving) -> Response:
    """Whether to send requests here: not while it is about to stop or without its store."""
    reason = await service.why_not_ready()
    if reason is not None:
        return reply(replies.Health(status="not ready", reason=reason), 503)
    return reply(replies.Health(status="ready"))


@routes.get("/metrics", responses={200: {"content": {"text/plain": {}}}, **_documented()})
async def metrics(service: Serving) -> Response:
    """Counters and times for Prometheus."""
    return Response(service.metrics.text(), media_type="text/plain; version=0.0.4")


def create_app(service: Service) -> FastAPI:
    """The web application over a service.

    Args:
        service: See `open_service`.
    """
    settings = service.settings

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        service.start()
        yield
        await service.stop()

    app = FastAPI(
        title="latentrec",
        version=latentrec.__version__,
        lifespan=lifespan,
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
    )
    app.state.service = service
    app.include_router(routes)
    app.include_router(pages)
    add_handlers(app)
    app.add_middleware(Guard, settings=settings)
    if is_loopback(settings.host):
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=LOOPBACK_NAMES)
    app.add_middleware(Watch, service=service)
    return app
