"""Guard and Watch: limits and token before a request is read, log and metrics after it."""

import asyncio
import hmac
import random
import time
from typing import Final, final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from latentrec.serve.log import REQUEST, log
from latentrec.serve.problems import problem
from latentrec.serve.service import Service
from latentrec.serve.settings import Settings

OPEN: Final = frozenset({"/", "/health/live", "/health/ready"})
"""Paths that need no token, as do the files of the page."""
PAGE_FILES: Final = "/page/"
"""Where the files of the page begin; they hold nothing of a run."""
HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""Headers of every answer."""


@final
class Guard:
    """Refuses what has no token, is too large or comes too slowly, before anything parses it.

    Args:
        app: What answers the rest.
        settings: Token and limits.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, limit = Headers(scope=scope), self._settings.body_bytes
        if not self._may_enter(scope["path"], headers):
            refusal = problem(401, "needs the header 'Authorization: Bearer TOKEN'",
                              www_authenticate="Bearer")  # fmt: skip
        elif int_or_zero(headers.get("content-length")) > limit:
            refusal = problem(413, f"body: larger than {limit} bytes")
        else:
            try:
                async with asyncio.timeout(self._settings.timeout_s):
                    body = await _read(receive, limit)
            except TimeoutError:
                refusal = problem(408, "body: did not arrive in time")
            except EOFError:
                refusal = problem(400, "body: did not arrive whole")  # for log and metrics
            else:
                if body is not None:
                    await self._app(scope, _replay(body, receive), send)
                    return
                refusal = problem(413, f"body: larger than {limit} bytes")
        await refusal(scope, receive, send)

    def _may_enter(self, path: str, headers: Headers) -> bool:
        token = self._settings.token
        if token is None or path in OPEN or path.startswith(PAGE_FILES):
            return True
        given = headers.get("authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())


def int_or_zero(text: str | None) -> int:
    """The number of a header; 0 if it is none, which the server in front has refused already."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 20 else 0


async def _read(receive: Receive, limit: int) -> bytes | None:
    """The whole body; None once it passes the limit.

    Raises:
        EOFError: If the caller went away before its end.
    """
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise EOFError
        body += message.get("body", b"")
        if len(body) > limit:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Gives the body that was read already, then whatever comes after it."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return first.pop() if first else await receive()

    return replayed


@final
class Watch:
    """Counts, times and logs each request, and adds the headers of every answer.

    While the server is about to stop, connections are closed after an answer.

    Args:
        app: What answers.
        service: Whose metrics to write, and whether it is about to stop.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 500
        request_id = f"{random.getrandbits(64):016x}"  # no secret; asks the system for nothing
        self._service.accepted += 1

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.update({**HEADERS, "X-Request-Id": request_id})
                if self._service.draining:
                    headers["Connection"] = "close"
            await send(message)

        try:
            await self._app(scope, receive, watched)
            self._service.answered += 1
        finally:
            self._note(scope, status, time.perf_counter() - begun, request_id)

    def _note(self, scope: Scope, status: int, seconds: float, request_id: str) -> None:
        """Count and log; the path as the route has it, so that it holds nothing of a user."""
        route = getattr(scope.get("route"), "path", "other")
        self._service.metrics.requests.labels(route, status).inc()
        self._service.metrics.seconds.labels(route).observe(seconds)
        values = {"route": route, "method": scope["method"], "status": status}
        log(REQUEST, **values, ms=round(1000 * seconds, 3), request_id=request_id)
