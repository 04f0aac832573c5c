"""Tiny runs with random weights, a service over one, and a client that talks to its app."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from starlette.testclient import TestClient

from latentrec.build import build_model, build_optimiser
from latentrec.configure import parse_config
from latentrec.data.prepare import prepare
from latentrec.run.folder import CHECKPOINTS, start_folder
from latentrec.serve.app import create_app
from latentrec.serve.service import Service, open_service
from latentrec.serve.settings import Settings
from latentrec.train.checkpoint import CheckpointFolder, TrainingState

MakeRun = Callable[..., Path]
Serve = Callable[..., TestClient]
URL = "http://127.0.0.1"


def write_run(folder: Path, reasoner: str, seed: int, std: float = 0.3) -> Path:
    """A run folder as `fit` writes it, with weights that no training has touched."""
    config = parse_config(
        {
            "data": {"users": 60, "items": 40, "interests": 6, "mean_length": 8},
            "encoder": {"dim": 8, "inner": 8, "layers": 2, "heads": 2, "max_length": 6},
            "items": {"fields": ["store", "categories"]},
            "reasoner": {"kind": reasoner},
            "train": {"epochs": 1, "device": "cpu"},
        }
    )
    prepared = prepare(config.data, config.split)
    torch.manual_seed(seed)
    model = build_model(config, prepared.dataset.catalogue)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=std)
    start_folder(config, folder, prepared, {})
    optimiser = build_optimiser(model, config.train)
    CheckpointFolder(folder / CHECKPOINTS).save(model, optimiser, TrainingState(1, {}), best=True)
    return folder


@pytest.fixture(scope="session")
def make_run(tmp_path_factory: pytest.TempPathFactory) -> MakeRun:
    """The folder of a random run: make_run("plr", seed=1); made once for each choice."""
    made: dict[tuple[str, int], Path] = {}

    def make(reasoner: str = "plr", seed: int = 1) -> Path:
        if (reasoner, seed) not in made:
            folder = tmp_path_factory.mktemp("runs") / f"{reasoner}-{seed}"
            made[reasoner, seed] = write_run(folder, reasoner, seed)
        return made[reasoner, seed]

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
