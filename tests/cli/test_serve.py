"""`latentrec serve`: what cannot be served is refused in one line before anything listens."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Command = Callable[..., Result]


@pytest.fixture(autouse=True)
def no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LATENTREC_TOKEN", raising=False)
    monkeypatch.delenv("LATENTREC_STORE", raising=False)


def test_a_folder_without_a_run_is_refused(latentrec: Command, tmp_path: Path) -> None:
    done = latentrec("serve", tmp_path)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "no run there" in done.stderr


def test_other_machines_are_not_let_in_without_a_token(
    latentrec: Command, trained: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = latentrec("serve", trained[0], "--host", "0.0.0.0")
    assert done.exit_code == 2
    assert "set LATENTREC_TOKEN, or listen at 127.0.0.1" in done.stderr
    monkeypatch.setenv("LATENTREC_TOKEN", "short")
    assert "needs at least 16" in latentrec("serve", trained[0]).stderr


def test_a_port_that_is_taken_is_named(latentrec: Command, trained: tuple[Path, str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = latentrec("serve", trained[0], "--port", str(port))
    assert done.exit_code == 2
    assert f"127.0.0.1 port {port}: cannot be listened at" in done.stderr
