"""Routes: what each answers, and that no request whatever gets a server error."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from latentrec.serve.service import Service

TOKEN = "0123456789abcdef0123"


@pytest.fixture
def ids(service: Service) -> list[str]:
    return list(service.arms.a.run.index.all_ids)


# --- answers --------------------------------------------------------------------------------------


def test_recommend_answers_with_titles_and_what_was_spent(
    client: TestClient, service: Service, ids: list[str]
) -> None:
    history = ids[:3]
    answer = client.post("/recommend", json={"histories": [history, ["new"]], "top_k": 4})
    assert answer.status_code == 200, answer.text
    known, bare = answer.json()["results"]
    run = service.arms.a.run
    (want,) = run.recommend([history], top_k=4)
    assert [item["item_id"] for item in known["items"]] == list(want.item_ids)
    assert [item["score"] for item in known["items"]] == pytest.approx(list(want.scores))
    assert known["items"][0]["title"] == run.catalogue.titles[want.item_ids[0]]
    assert (known["streams"], known["steps"], known["source"]) == (2, 2, "sasrec+plr")
    assert (bare["streams"], bare["source"], bare["unknown_items"]) == (0, "popularity", ["new"])
    assert known["version"] == service.arms.a.version


def test_allow_deny_and_filters_limit_the_list(client: TestClient, ids: list[str]) -> None:
    def asked(**options: Any) -> list[str]:
        body = {"histories": [ids[:2]], "top_k": 40, **options}
        answer = client.post("/recommend", json=body)
        assert answer.status_code == 200, answer.text
        return [item["item_id"] for item in answer.json()["results"][0]["items"]]

    everything = asked(exclude_seen=False)
    assert sorted(everything) == ids
    assert sorted(asked()) == ids[2:]
    assert asked(allow=ids[4:8], deny=ids[5:6]) == [
        i for i in everything if i in ids[4:5] + ids[6:8]
    ]
    found = client.get("/items", params={"limit": 100}).json()["items"]
    jazz = {item["item_id"] for item in found if "Jazz" in item["fields"]["categories"]}
    assert 0 < len(jazz) < len(ids)
    assert set(asked(exclude_seen=False, filters={"categories": ["Jazz"]})) == jazz
    both = asked(exclude_seen=False, filters={"categories": ["Jazz"]}, allow=ids[:20])
    assert set(both) == jazz & set(ids[:20])


def test_explain_is_what_the_run_explains(
    client: TestClient, service: Service, ids: list[str]
) -> None:
    answer = client.post("/explain", json={"history": [*ids[:3], "new"], "top_k": 2}).json()
    run = service.arms.a.run
    (want,) = run.recommend([ids[:3]], top_k=2)
    explained = run.explain(ids[:3], want.item_ids)
    assert [item["item_id"] for item in answer["items"]] == list(want.item_ids)
    assert answer["influence"] == [list(row) for row in explained.influence]
    assert [stream["weight"] for stream in answer["streams"]] == [
        stream.weight for stream in explained.streams
    ]
    assert len(answer["attention"]) == 2
    assert answer["unknown_items"] == ["new"]


def test_similar_items_and_search(client: TestClient, service: Service, ids: list[str]) -> None:
    (near,) = client.post("/similar", json={"item_ids": ids[:1], "top_k": 3}).json()["results"]
    assert [item["item_id"] for item in near] == list(
        service.arms.a.run.similar(ids[:1], top_k=3)[0].item_ids
    )
    found = client.get("/items", params={"query": "jAZz 00", "limit": 2}).json()
    assert [item["title"][:4] for item in found["items"]] == ["Jazz", "Jazz"]
    assert found["total"] > 2


def test_events_become_the_history_of_their_user(client: TestClient, ids: list[str]) -> None:
    events = [
        {"user_id": "u", "item_id": ids[1], "timestamp": 20, "event_id": "1"},
        {"user_id": "u", "item_id": ids[0], "timestamp": 10.5, "event_id": "2"},
        {"user_id": "u", "item_id": ids[1], "timestamp": 20, "event_id": "1"},
        {"user_id": "u", "item_id": "new", "timestamp": 30},
    ]
    answer = client.post("/events", json={"events": events}).json()
    assert answer == {"stored": 3, "repeated": 1, "unknown_items": ["new"]}
    ask = {"top_k": 5, "exclude_seen": False}
    by_user = client.post("/recommend", json={"users": ["u", "nobody"], **ask}).json()["results"]
    by_items = client.post("/recommend", json={"histories": [ids[:2]], **ask}).json()["results"]
    assert by_user[0]["items"] == by_items[0]["items"]
    assert by_user[0]["unknown_items"] == ["new"]
    assert by_user[1]["source"] == "popularity"


def test_models_tells_how_the_run_was_made(client: TestClient) -> None:
    (model,) = client.get("/models").json()["models"]
    assert (model["name"], model["items"], model["share"]) == ("sasrec+plr", 40, 1.0)
    assert model["costs"][0]["ms"] > 0
    assert "Jazz" in model["fields"]["categories"]
    assert "data" not in model["config"]


def test_metrics_and_health(client: TestClient) -> None:
    assert client.get("/health/live").json()["status"] == "live"
    assert client.get("/health/ready").json()["status"] == "ready"
    text = client.get("/metrics").text
    assert 'latentrec_requests_total{route="/health/ready",status="200"}' in text
    assert 'latentrec_model{arm="a"' in text


# --- two runs -------------------------------------------------------------------------------------


def test_users_are_split_for_good_and_counted_by_arm(
    serve: Callable[..., TestClient], make_run: Callable[..., Any]
) -> None:
    client = serve(against=make_run("none"), share=0.5)
    users = [f"u{number}" for number in range(40)]
    ask = {"users": users, "histories": [["new"]] * 40, "top_k": 1}
    first = [r["arm"] for r in client.post("/recommend", json=ask).json()["results"]]
    again = [
        client.post("/recommend", json={"users": [u], "histories": [["x"]]}).json()["results"][0]
        for u in users
    ]
    assert first == [result["arm"] for result in again]
    assert 8 < first.count("b") < 32
    text = client.get("/metrics").text
    assert f'{{arm="b",source="popularity"}} {2.0 * first.count("b")}' in text
    named = client.post("/recommend", json={"histories": [["x"]], "arm": "b"}).json()["results"]
    assert named[0]["arm"] == "b"
    assert [model["share"] for model in client.get("/models").json()["models"]] == [0.5, 0.5]


def test_the_other_arm_needs_a_second_run(client: TestClient) -> None:
    answer = client.post("/recommend", json={"histories": [["x"]], "arm": "b"})
    assert (answer.status_code, answer.json()["fields"][0]["field"]) == (422, "arm")


# --- what cannot be answered ----------------------------------------------------------------------

BAD = {
    "not JSON": ("{", "body"),
    "nothing": ("", "body"),
    "a list": ("[]", "body"),
    "NaN": ('{"histories": [["a"]], "top_k": NaN}', "top_k"),
    "endless": ('{"histories": [["a"]], "deadline_ms": 1e999}', "deadline_ms"),
    "a number too long": (f'{{"histories": [["a"]], "top_k": {"9" * 10_000}}}', ""),
    "deep": ("[" * 100_000, ""),
    "deep and closed": ('{"histories":' + "[" * 50_000 + "]" * 50_000 + "}", ""),
    "half a surrogate": ('{"histories": [["\\ud800"]]}', "histories.0.0"),
    "a wrong type": ('{"histories": [["a", 7]]}', "histories.0.1"),
    "a bare text": ('{"histories": ["a"]}', "histories.0"),
    "no history": ("{}", "body"),
    "no histories": ('{"histories": []}', "histories"),
    "an empty id": ('{"histories": [[""]]}', "histories.0.0"),
    "a long id": (json.dumps({"histories": [["x" * 300]]}), "histories.0.0"),
    "10,000 items": (json.dumps({"histories": [["a"] * 10_000]}), "histories.0"),
    "10,000 histories": (json.dumps({"histories": [["a"]] * 10_000}), "histories"),
    "top_k of 0": ('{"histories": [["a"]], "top_k": 0}', "top_k"),
    "a huge top_k": ('{"histories": [["a"]], "top_k": 1000000000}', "top_k"),
    "top_k as text": ('{"histories": [["a"]], "top_k": "5"}', "top_k"),
    "an unknown field": ('{"histories": [["a"]], "topk": 5}', "topk"),
    "an unknown item allowed": ('{"histories": [["a"]], "allow": ["zz"]}', "allow.0"),
    "an unknown item denied": ('{"histories": [["a"]], "deny": ["zz"]}', "deny.0"),
    "an unknown filter": ('{"histories": [["a"]], "filters": {"x": ["y"]}}', "filters"),
    "an unknown value": ('{"histories": [["a"]], "filters": {"store": ["y"]}}', "filters"),
    "two budgets": ('{"histories": [["a"]], "steps": 1, "deadline_ms": 5}', "body"),
    "users that do not fit": ('{"histories": [["a"]], "users": ["u", "v"]}', "body"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_body_gets_an_error_that_names_the_field(client: TestClient, name: str) -> None:
    body, field = BAD[name]
    answer = client.post("/recommend", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422), answer.text
    problem = answer.json()
    assert problem["error"]
    if field:
        assert field in [wrong["field"] for wrong in problem["fields"]], problem
    assert "zz" not in answer.text  # what was sent is not repeated


def test_an_unknown_field_is_told_what_it_may_mean(client: TestClient) -> None:
    for path, body, said in (
        ("/recommend", {"history": ["a"]}, "history: unknown field; did you mean 'histories'?"),
        ("/similar", {"item_ids": ["a"], "x" * 9000: 1}, "field; known: item_ids, top_k, arm"),
        (
            "/events",
            {"events": [{"user_id": "u", "item_id": "i", "time": 1}]},
            "events.0.time: unknown field; did you mean 'timestamp'?",
        ),
    ):
        answer = client.post(path, json=body)
        assert answer.status_code == 422
        (wrong,) = answer.json()["fields"]
        assert f"{wrong['field']}: {wrong['message']}".endswith(said)


def test_an_empty_history_is_answered_by_popularity(client: TestClient) -> None:
    (got,) = client.post("/recommend", json={"histories": [[]]}).json()["results"]
    assert (got["source"], len(got["items"])) == ("popularity", 10)


def test_other_routes_name_the_field_too(client: TestClient, ids: list[str]) -> None:
    for path, body, field in (
        ("/explain", {"history": []}, "history"),
        ("/explain", {"history": ["new"]}, "history"),
        ("/explain", {"history": ids[:1], "item_ids": ["new"]}, "item_ids.0"),
        ("/similar", {"item_ids": [ids[0], "new"]}, "item_ids.1"),
        ("/events", {"events": [{"user_id": "u"}]}, "events.0.item_id"),
        (
            "/events",
            {"events": [{"user_id": "u", "item_id": "i", "timestamp": 1.7e12}]},
            "events.0.timestamp",
        ),
    ):
        answer = client.post(path, json=body)
        assert answer.status_code == 422
        assert answer.json()["fields"][0]["field"] == field
    assert client.get("/items", params={"limit": 0}).json()["fields"][0]["field"] == "limit"
    assert client.get("/nowhere").status_code == 404


def test_a_form_from_another_page_is_not_read(client: TestClient) -> None:
    """Browsers send text/plain across sites without asking; JSON they ask about first."""
    answer = client.post(
        "/recommend", content='{"histories": [["a"]]}', headers={"content-type": "text/plain"}
    )
    assert (answer.status_code, answer.json()["fields"][0]["field"]) == (422, "body")


def test_without_a_store_users_are_refused_and_histories_answered(
    serve: Callable[..., TestClient],
) -> None:
    client = serve()
    assert client.post("/recommend", json={"users": ["u"]}).status_code == 409
    event = {"user_id": "u", "item_id": "i"}
    assert client.post("/events", json={"events": [event]}).status_code == 409
    assert client.post("/recommend", json={"histories": [["a"]]}).status_code == 200
    assert client.get("/health/ready").status_code == 200


def test_a_store_that_broke_stops_only_what_needs_it(
    serve: Callable[..., TestClient], tmp_path: Any
) -> None:
    client = serve(store=str(tmp_path / "histories.sqlite"))
    client.app.state.service.store.close()  # type: ignore[attr-defined]
    answer = client.post("/recommend", json={"users": ["u"]})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert client.post("/recommend", json={"histories": [["a"]]}).status_code == 200
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.json()["reason"]) == (503, "the history store does not work")


# --- reload ---------------------------------------------------------------------------------------


def test_a_reload_swaps_the_weights_and_a_broken_run_is_refused(
    serve: Callable[..., TestClient], make_run: Callable[..., Any], tmp_path: Any
) -> None:
    link = tmp_path / "current"
    link.symlink_to(make_run("plr", seed=1))
    client = serve(run=link, token=TOKEN)
    client.headers["authorization"] = f"Bearer {TOKEN}"
    (before,) = client.get("/models").json()["models"]
    link.unlink()
    link.symlink_to(make_run("plr", seed=2))
    after = client.post("/admin/reload").json()
    assert after["version"] != before["version"]
    (now,) = client.post("/recommend", json={"histories": [["a"]]}).json()["results"]
    assert now["version"] == after["version"]
    link.unlink()
    link.symlink_to(tmp_path / "gone")
    refused = client.post("/admin/reload")
    assert (refused.status_code, "the old run stays" in refused.text) == (409, True)
    assert client.post("/recommend", json={"histories": [["a"]]}).status_code == 200
    assert 'latentrec_reloads_total{arm="a",result="failed"} 1.0' in client.get("/metrics").text


def test_a_reload_needs_a_server_with_a_token(client: TestClient) -> None:
    answer = client.post("/admin/reload")
    assert (answer.status_code, "LATENTREC_TOKEN" in answer.text) == (403, True)
