"""Routes: what each answers, and that no request whatever gets a server error."""

import json

import pytest
from starlette.testclient import TestClient

from latentrec.serve.service import Service


def ids(service: Service, count: int) -> list[str]:
    return list(service.arms.a.run.index.all_ids[:count])


def test_recommend_answers_with_titles_and_what_was_spent(
    client: TestClient, service: Service
) -> None:
    history = ids(service, 3)
    answer = client.post("/recommend", json={"histories": [history, ["new"]], "top_k": 4})
    assert answer.status_code == 200, answer.text
    known, bare = answer.json()["results"]
    run = service.arms.a.run
    (want,) = run.recommend([history], top_k=4)
    assert [item["item_id"] for item in known["items"]] == list(want.item_ids)
    assert known["items"][0]["title"] == run.catalogue.titles[want.item_ids[0]]
    assert (known["streams"], known["steps"], known["source"]) == (2, 2, "sasrec+plr")
    assert (bare["streams"], bare["source"], bare["unknown_items"]) == (0, "popularity", ["new"])
    assert known["version"] == service.arms.a.version
