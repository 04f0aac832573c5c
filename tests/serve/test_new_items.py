"""New items: added by text they are recommended at once, and a reload keeps them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

TOKEN = "0123456789abcdef0123"
NEW = {"item_id": "fresh", "title": "Jazz 099", "categories": ["Jazz"], "store": "Store 1"}
Serve, MakeRun = Callable[..., TestClient], Callable[..., Path]


def add(client: TestClient, *items: dict[str, Any]) -> Any:
    return client.post("/items", json={"items": list(items)})


@pytest.fixture
def client(serve: Serve, make_run: MakeRun) -> TestClient:
    client = serve(run=make_run("plr", 1, "unisrec"), token=TOKEN)
    client.headers["authorization"] = f"Bearer {TOKEN}"
    return client


def recommended(client: TestClient, history: list[str]) -> dict[str, float]:
    body = {"histories": [history], "top_k": 100, "exclude_seen": False}
    (found,) = client.post("/recommend", json=body).json()["results"]
    assert found["unknown_items"] == []
    return {item["item_id"]: item["score"] for item in found["items"]}


def test_a_new_item_is_found_recommended_read_and_kept_by_a_reload(client: TestClient) -> None:
    old = client.app.state.service.arms.a.run.index.all_ids[:2]  # type: ignore[attr-defined]
    before = recommended(client, [*old])
    answer = add(client, NEW)
    assert (answer.status_code, answer.json()) == (200, {"added": 1, "items": 41})
    after = recommended(client, [*old])
    assert after.keys() - before.keys() == {"fresh"}
    assert {i: after[i] for i in before} == pytest.approx(before, abs=1e-5)
    assert "fresh" in recommended(client, ["fresh"])
    (found,) = client.get("/items", params={"query": "jazz 099"}).json()["items"]
    assert found["item_id"] == "fresh"
    assert client.post("/recommend", json={"histories": [["fresh"]], "steps": 1}).is_success
    assert client.post("/admin/reload").is_success
    assert "fresh" in recommended(client, [*old])


def test_known_and_repeated_items_are_refused_by_place(client: TestClient) -> None:
    known = client.app.state.service.arms.a.run.index.all_ids[0]  # type: ignore[attr-defined]
    for items, field in (
        ([NEW, {**NEW, "item_id": known}], "items.1.item_id"),
        ([NEW, NEW], "items.1.item_id"),
        ([{**NEW, "title": ""}], "items.0.title"),
    ):
        answer = add(client, *items)
        assert (answer.status_code, answer.json()["fields"][0]["field"]) == (422, field)


def test_a_run_that_reads_ids_refuses_new_items(serve: Serve) -> None:
    answer = add(serve(), NEW)
    assert (answer.status_code, "items.kind='text'" in answer.text) == (409, True)


def test_a_reload_by_a_run_that_reads_ids_goes_on_without_them(
    client: TestClient, make_run: MakeRun, tmp_path: Path, serve: Serve
) -> None:
    link = tmp_path / "current"
    link.symlink_to(make_run("plr", 1, "unisrec"))
    client = serve(run=link, token=TOKEN)
    client.headers["authorization"] = f"Bearer {TOKEN}"
    assert add(client, NEW).is_success
    link.unlink()
    link.symlink_to(make_run("plr", 1))
    assert client.post("/admin/reload").is_success
    (model,) = client.get("/models").json()["models"]
    assert (model["name"], model["items"]) == ("sasrec+plr", 40)
