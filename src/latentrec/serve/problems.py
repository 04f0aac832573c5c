"""Problems: every error as JSON that names field and rule, and never repeats what was sent."""

from collections.abc import Sequence
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from latentrec.configure import nearest
from latentrec.errors import LatentrecError, StoreError, TrainingError
from latentrec.serve.batcher import QueueFullError
from latentrec.serve.log import LOGGER
from latentrec.serve.replies import Problem, Wrong
from latentrec.serve.requests import LONGEST_ID, Message, known_fields

RETRY_S = "1"
"""What a refused caller is told to wait, in seconds."""


class RefusedError(Exception):
    """A request that is well formed and cannot be answered.

    Args:
        field: The field that is wrong; empty if it is none in particular.
        message: The rule, and the way out.
        status: HTTP status.
    """

    def __init__(self, field: str, message: str, status: int = 422) -> None:
        super().__init__(message)
        self.field = field
        self.message = message
        self.status = status


def problem(status: int, error: str, fields: list[Wrong] | None = None, **headers: str) -> Response:
    """An error answer."""
    body = Problem(error=error, fields=fields or []).model_dump_json()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(body, status, headers=named, media_type="application/json")


def add_handlers(app: FastAPI) -> None:
    """Turn every exception into a problem."""
    _add_refusals(app)
    _add_failures(app)


def _add_refusals(app: FastAPI) -> None:
    """What the caller can mend."""

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        errors = cast("list[dict[str, Any]]", error.errors())[:20]
        wrong = [_wrong(each, request.scope["endpoint"]) for each in errors]
        first = wrong[0]
        return problem(422, f"{first.field}: {first.message}", wrong)

    @app.exception_handler(RefusedError)
    async def refused(_: Request, error: RefusedError) -> Response:
        fields = [Wrong(field=error.field, message=error.message)] if error.field else []
        shown = f"{error.field}: {error.message}" if error.field else error.message
        return problem(error.status, shown, fields)

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> Response:
        return problem(error.status_code, str(error.detail), None, **(error.headers or {}))

    @app.exception_handler(LatentrecError)
    async def rule(_: Request, error: LatentrecError) -> Response:
        return problem(422, str(error))


def _add_failures(app: FastAPI) -> None:
    """What the server could not do; an unexpected exception is logged by uvicorn as well."""

    @app.exception_handler(QueueFullError)
    async def full(_: Request, error: QueueFullError) -> Response:
        return problem(429, "too many requests wait; try again", retry_after=RETRY_S)

    @app.exception_handler(TimeoutError)
    async def late(_: Request, error: TimeoutError) -> Response:
        return problem(503, "no answer in time; try again", retry_after=RETRY_S)

    @app.exception_handler(StoreError)
    async def no_store(_: Request, error: StoreError) -> Response:
        LOGGER.error("store failed", extra={"values": {"reason": str(error)}})
        return problem(503, "the history store does not work", retry_after=RETRY_S)

    @app.exception_handler(TrainingError)
    async def not_finite(_: Request, error: TrainingError) -> Response:
        LOGGER.error("scores are not finite")
        return problem(500, "the model gives scores that are not finite")

    @app.exception_handler(Exception)
    async def bug(_: Request, error: Exception) -> Response:
        return problem(500, "an error of the server; its log says where")


def _wrong(error: dict[str, Any], endpoint: Any) -> Wrong:
    """One broken rule; names of unknown fields come from callers: cut and escaped."""
    if error["type"] == "json_invalid":
        return Wrong(field="body", message=f"is not JSON (at character {error['loc'][-1]})")
    if len(error["loc"]) == 1 and error["type"] != "value_error":
        return Wrong(field="body", message="must be a JSON object, sent as application/json")
    place = [str(part) for part in error["loc"] if part not in ("body", "query")]
    field = ".".join(place)[:200].encode("ascii", "backslashreplace").decode()
    if error["type"] == "extra_forbidden":
        return Wrong(field=field or "body", message=_unknown(error["loc"][1:], endpoint))
    return Wrong(field=field or "body", message=str(error["msg"]).removeprefix("Value error, "))


def _unknown(place: Sequence[str | int], endpoint: Any) -> str:
    """What an unknown field of a body may mean; only our own names are said."""
    kinds = [kind for kind in endpoint.__annotations__.values() if isinstance(kind, type)]
    body = next(kind for kind in kinds if issubclass(kind, Message))
    return f"unknown field{nearest(str(place[-1])[:LONGEST_ID], known_fields(body, place[:-1]))}"
