"""The engine onnx: what it serves is what torch recommends, and trouble with it is told."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from starlette.testclient import TestClient

from latentrec.errors import ConfigError, TrainingError
from latentrec.export import engine
from latentrec.run import load
from latentrec.serve.arms import open_arm
from latentrec.serve.engine import graph_for

TOP_K = 8
GAP = 1e-4
"""Scores closer than this may change places between two ways of computing them."""


def test_served_through_a_graph_is_what_torch_recommends(
    serve: Callable[..., TestClient], make_run: Callable[..., Path]
) -> None:
    """All of the thinking on the graph, the rest on torch; also after a reload."""
    client = serve("plr", engine="onnx")
    run = load(make_run("plr"), device="cpu")
    (model,) = client.get("/models").json()["models"]
    assert model["engine"] == "onnx"
    ids = list(run.index.all_ids)
    histories = [ids[:n] for n in range(1, 10)] + [["unknown"]]
    for asked in ({}, {"steps": 0}):
        body = {"histories": histories, "top_k": TOP_K, **asked}
        results = client.post("/recommend", json=body).json()["results"]
        able = client.app.state.service.arms.a.views  # type: ignore[attr-defined]
        torch_run = next(iter(able.values())) if asked else run
        wanted = torch_run.recommend(histories, top_k=TOP_K + 1)
        clear = 0
        for got, want in zip(results, wanted, strict=True):
            np.testing.assert_allclose(
                [item["score"] for item in got["items"]], want.scores[:TOP_K], atol=GAP
            )
            if got["source"] == "popularity" or np.diff(want.scores).max() < -GAP:
                clear += 1
                assert [item["item_id"] for item in got["items"]] == [*want.item_ids[:TOP_K]]
        assert clear > len(histories) / 2  # else the test would say nothing


def test_a_graph_of_other_weights_is_refused_and_torch_answers(
    make_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when training replaced the checkpoint between the two readings."""

    def zeros(path: Path) -> Callable[..., torch.Tensor]:
        return lambda vectors, padding, positions: torch.zeros(len(vectors), vectors.shape[-1])

    monkeypatch.setattr(engine, "StatesGraph", zeros)
    monkeypatch.setattr(engine, "MODULE", "this")  # ends well and writes no graph
    run = load(make_run("plr"), device="cpu")
    with pytest.raises(TrainingError, match="differ from the model's"):
        engine.graph_of(run)
    assert graph_for(run) is None
    arm = open_arm("a", make_run("plr"), "cpu", "onnx")
    assert arm.graph is None
    assert arm.run.recommend([["unknown"]])


def test_an_exporter_that_fails_is_quoted(
    make_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "MODULE", "latentrec.no_such_module")
    with pytest.raises(TrainingError, match=r"exporter failed: .*no_such_module"):
        engine.graph_of(load(make_run("plr"), device="cpu"))


def test_a_missing_package_is_named(
    make_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "latentrec.export.engine", None)
    with pytest.raises(ConfigError, match=r"pip install 'latentrec\[onnx\]'"):
        graph_for(load(make_run("plr"), device="cpu"))
