"""Tiny runs with random weights, a service over one, and a client that talks to its app."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest
import torch
from starlette.testclient import TestClient

from latentrec.build import build_model, build_optimiser
from latentrec.configure import parse_config
from latentrec.data.prepare import prepare
from latentrec.run.folder import CHECKPOINTS, start_folder
from latentrec.run.items import add_text
from latentrec.serve.app import create_app
from latentrec.serve.service import Service, open_service
from latentrec.serve.settings import Settings
from latentrec.train.checkpoint import CheckpointFolder, TrainingState

MakeRun = Callable[..., Path]
Serve = Callable[..., TestClient]
URL = "http://127.0.0.1"
START_S = 60
"""Longest wait for a server process, in seconds."""
COMMAND = (sys.executable, "-c", "from latentrec.cli.main import main; main()", "serve")


def write_run(folder: Path, reasoner: str, seed: int, backbone: str = "sasrec") -> Path:
    """A run folder as `fit` writes it, with weights that no training has touched."""
    text = {"kind": "text", "experts": 2, "dim_text": 24}
    cloze_lares = (backbone, reasoner) == ("bert4rec-cloze", "lares")  # has no next item to align
    unaligned = {"trajectory_weight": 0, "step_weight": 0} if cloze_lares else {}
    encoder = "sasrec" if backbone == "unisrec" else backbone
    config = parse_config(
        {
            "data": {"users": 60, "items": 40, "interests": 6, "mean_length": 8},
            "encoder": {
                "kind": encoder,
                "dim": 8,
                "inner": 8,
                "layers": 2,
                "heads": 2,
                "max_length": 6,
            },
            "items": text if backbone == "unisrec" else {"fields": ["store", "categories"]},
            "reasoner": {"kind": reasoner, **unaligned},
            "train": {
                "positions": "last" if backbone == "bert4rec" else "all",
                "device": "cpu",
            },
        }
    )
    prepared = add_text(prepare(config.data, config.split), config.items, None)
    torch.manual_seed(seed)
    model = build_model(config, prepared.dataset.catalogue)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    start_folder(config, folder, prepared, {})
    optimiser = build_optimiser(model, config.train)
    CheckpointFolder(folder / CHECKPOINTS).save(model, optimiser, TrainingState(1, {}), best=True)
    return folder


@pytest.fixture(scope="session")
def make_run(tmp_path_factory: pytest.TempPathFactory) -> MakeRun:
    """The folder of a random run: make_run("plr", seed=1); made once for each choice."""

    @cache
    def make(reasoner: str = "plr", seed: int = 1, backbone: str = "sasrec") -> Path:
        folder = tmp_path_factory.mktemp("runs") / f"{backbone}-{reasoner}-{seed}"
        return write_run(folder, reasoner, seed, backbone)

    return make


@pytest.fixture
def serve(make_run: MakeRun) -> Iterator[Serve]:
    """Opens a client of a fresh service with some settings; all are closed at the end."""
    opened: list[TestClient] = []

    def open_client(reasoner: str = "plr", **settings: object) -> TestClient:
        run = settings.pop("run", None) or make_run(reasoner)
        service = open_service(Settings(run=run, **settings))  # type: ignore[arg-type]
        client = TestClient(create_app(service), base_url=URL, raise_server_exceptions=False)
        client.__enter__()
        opened.append(client)
        return client

    yield open_client
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture(scope="module")
def client(make_run: MakeRun, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A client of a service with one PLR run and a store in a file."""
    store = tmp_path_factory.mktemp("store") / "histories.sqlite"
    service = open_service(Settings(run=make_run("plr"), store=str(store)))
    app = create_app(service)
    with TestClient(app, base_url=URL, raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture(scope="module")
def service(client: TestClient) -> Service:
    """The service behind `client`."""
    return client.app.state.service  # type: ignore[attr-defined]


@dataclass
class Live:
    """A server process, as a user would start it."""

    process: subprocess.Popen[bytes]
    log_file: Path
    port: int = 0

    def log(self) -> list[dict[str, Any]]:
        """What it has logged so far."""
        return [json.loads(line) for line in self.log_file.read_text().splitlines()]

    def wait_for(self, event: str) -> dict[str, Any]:
        """The first line of an event; fails if it does not come."""
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            for line in self.log():
                if line["event"] == event:
                    return line
            assert self.process.poll() is None, self.log_file.read_text()
            time.sleep(0.02)
        pytest.fail(f"no '{event}': {self.log_file.read_text()}")

    def ask(self, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and answer of one request."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            return exchange(connection, path, body, headers)
        finally:
            connection.close()


def exchange(
    connection: HTTPConnection, path: str, body: Any, headers: dict[str, str]
) -> tuple[int, Any]:
    sent = {"Content-Type": "application/json", **headers}
    connection.request("GET" if body is None else "POST", path, json.dumps(body), sent)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Starts a server process: `with live(RUN, "--queue", "4", token=..) as server`."""

    @contextmanager
    def start(run: Path, *options: str, token: str | None = None) -> Iterator[Live]:
        log_file = tmp_path_factory.mktemp("log") / "log.jsonl"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("LATENTREC_")}
        if token:
            environment["LATENTREC_TOKEN"] = token
        with log_file.open("wb") as log:
            command = [*COMMAND, str(run), "--port", "0", *options]
            process = subprocess.Popen(command, stderr=log, env=environment)
        server = Live(process, log_file)
        try:
            server.port = server.wait_for("listening")["port"]
            yield server
        finally:
            process.kill()
            process.wait()

    return start


@dataclass
class Load:
    """Clients that ask again and again over open connections, and what they got.

    A request counts as lost if its connection ended before a byte of an answer; as refused if
    there was no server to connect to.
    """

    port: int
    body: Any
    clients: int
    answers: list[tuple[int, Any]] = field(default_factory=list)
    lost: int = 0
    refused: int = 0

    def __enter__(self) -> "Load":
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(self.clients)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, answers: int) -> None:
        """Go on until there are so many more answers."""
        goal, until = len(self.answers) + answers, time.monotonic() + START_S
        while len(self.answers) < goal:
            assert time.monotonic() < until, "the server does not answer"
            time.sleep(0.01)

    def _run(self) -> None:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        while not self._end.is_set():
            try:
                self.answers.append(exchange(connection, "/recommend", self.body, {}))
            except ConnectionRefusedError:
                self.refused += 1
                break
            except (OSError, HTTPException):
                self.lost += 1
                connection.close()
        connection.close()


@pytest.fixture(scope="session")
def load() -> type[Load]:
    """Clients that keep a server busy."""
    return Load


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis or Valkey server on a free port, with an empty data base."""
    binary = shutil.which("valkey-server") or shutil.which("redis-server")
    if binary is None:
        pytest.skip("neither redis-server nor valkey-server is installed")
    folder = tmp_path_factory.mktemp("redis")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    process = subprocess.Popen([binary, *options], stdout=subprocess.DEVNULL)
    try:
        wait_for_port(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.kill()
        process.wait()


def wait_for_port(port: int) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    pytest.fail("the server does not start")
