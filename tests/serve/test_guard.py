"""Guard and Watch: limits hold however a body is sent, and the token is asked for everywhere."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from latentrec.serve.guard import HEADERS, OPEN

TOKEN = "0123456789abcdef0123"
JSON = {"content-type": "application/json"}
Serve = Callable[..., TestClient]


def test_a_large_body_is_refused_by_its_header_and_by_what_comes(serve: Serve) -> None:
    client = serve(body_bytes=1000)
    fits = b'{"histories": [["a"]]}'
    assert client.post("/recommend", content=fits.ljust(1000), headers=JSON).status_code == 200

    def pieces() -> Iterator[bytes]:
        for _ in range(1001):
            yield b" "

    for body in (fits.ljust(1001), pieces()):  # the second is sent without a length
        answer = client.post("/recommend", content=body, headers=JSON)
        assert (answer.status_code, answer.json()["error"]) == (413, "body: larger than 1000 bytes")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": TOKEN},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": "Bearer "},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": "Bearer \xe9".encode("latin-1")},
    ],
)
def test_without_the_token_nothing_but_health_is_answered(serve: Serve, headers: Any) -> None:
    client = serve(token=TOKEN)
    for path in ("/models", "/metrics", "/items", "/openapi.json", "/admin/reload", "/nowhere"):
        answer = client.get(path, headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert client.post("/recommend", content=b"{", headers=headers).status_code == 401
    for path in OPEN - {"/"}:
        assert client.get(path, headers=headers).status_code == 200


def test_the_token_opens(serve: Serve) -> None:
    client = serve(token=TOKEN)
    assert client.get("/models", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_a_foreign_name_that_leads_here_is_refused(serve: Serve) -> None:
    """A page of another site may point its own name at this machine (DNS rebinding)."""
    client = serve()
    assert client.get("/models", headers={"host": "evil.example"}).status_code == 400
    assert client.get("/models", headers={"host": "localhost:8000"}).status_code == 200


def test_every_answer_has_the_safe_headers(serve: Serve) -> None:
    client = serve()
    for path in ("/models", "/nowhere"):
        headers = client.get(path).headers
        assert {name: headers[name] for name in HEADERS} == HEADERS
        assert len(headers["x-request-id"]) == 16
        assert "connection" not in headers
    client.app.state.service.draining = True  # type: ignore[attr-defined]
    assert client.get("/models").headers["connection"] == "close"
    assert client.get("/health/ready").status_code == 503


def test_an_error_of_ours_says_nothing_to_the_caller(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serve()

    async def broken(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(client.app.state.service, "recommend", broken)  # type: ignore[attr-defined]
    answer = client.post("/recommend", json={"histories": [["a"]]})
    assert answer.status_code == 500
    assert answer.json() == {"error": "an error of the server; its log says where", "fields": []}
