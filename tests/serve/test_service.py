"""What is served is what `recommend` gives and what the evaluation judged, to the item.

Requests reach the model in batches of whatever came in together, with lists of different lengths;
none of that may show in an answer.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from latentrec.data.dataset import Histories
from latentrec.data.prepare import prepare
from latentrec.evaluate.evaluate import rank_cases
from latentrec.index import UNKNOWN
from latentrec.model.reasoner.effort import Effort
from latentrec.serve.service import Service

TOP_K = 8
GAP = 1e-5
"""Scores closer than this may change places between two ways of putting batches together."""


@pytest.mark.parametrize("backbone", ["sasrec", "bert4rec", "bert4rec-cloze", "hstu", "unisrec"])
@pytest.mark.parametrize("reasoner", ["none", "erl", "prl", "lares", "plr"])
def test_served_is_recommended_is_judged(
    serve: Callable[..., TestClient],
    make_run: Callable[..., Path],
    backbone: str,
    reasoner: str,
) -> None:
    client = serve(run=make_run(reasoner, 1, backbone))
    service: Service = client.app.state.service  # type: ignore[attr-defined]
    run = service.arms.a.run
    dataset = prepare(run.config.data, run.config.split).dataset
    rows = [row for row in range(20) if dataset.test.targets[row] != UNKNOWN]
    cases = [dataset.histories(dataset.test, row, row + 1)[0] for row in rows]
    histories = [run.index.item_ids(items.tolist()) for items in cases]

    def ask(place: int) -> list[str]:
        body = {"histories": [histories[place]], "top_k": TOP_K + place % 3}
        answer = client.post("/recommend", json=body)
        assert answer.status_code == 200, answer.text
        return [item["item_id"] for item in answer.json()["results"][0]["items"]]

    with ThreadPoolExecutor(6) as clients:
        served = list(clients.map(ask, range(len(rows))))
    ranks = rank_cases(run.scorer, dataset, dataset.test, exclude_seen=True)
    clear = 0
    for place, (row, history, got) in enumerate(zip(rows, histories, served, strict=True)):
        (want,) = run.recommend([history], top_k=TOP_K + place % 3 + 1)
        if float(np.diff(want.scores).max()) > -GAP:
            continue
        clear += 1
        assert got == list(want.item_ids[:-1])
        (target,) = run.index.item_ids([int(dataset.test.targets[row])])
        if target not in history:
            judged = int(ranks[row])
            assert (got.index(target) + 1 if target in got else None) == (
                judged if judged <= len(got) else None
            )
    assert clear > len(rows) / 2  # else the test would say nothing


@pytest.mark.parametrize("backbone", ["bert4rec-cloze", "hstu"])
def test_explained_is_what_was_recommended(
    serve: Callable[..., TestClient], make_run: Callable[..., Path], backbone: str
) -> None:
    """Streams mix to the served scores: the explanation asks the model the same question."""
    client = serve(run=make_run("plr", 1, backbone))
    run = client.app.state.service.arms.a.run  # type: ignore[attr-defined]
    history = list(run.index.all_ids[:9])  # longer than the model reads
    given = client.post("/recommend", json={"histories": [history], "top_k": 3}).json()
    told = client.post("/explain", json={"history": history, "top_k": 3}).json()
    (list_given,) = given["results"]
    assert [item["item_id"] for item in told["items"]] == [
        item["item_id"] for item in list_given["items"]
    ]
    read = run.config.encoder.max_length - (backbone == "bert4rec-cloze")
    assert [item["item_id"] for item in told["history"]] == history[-read:]
    for place, item in enumerate(list_given["items"]):
        mixed = sum(stream["weight"] * stream["scores"][place] for stream in told["streams"])
        assert mixed == pytest.approx(item["score"], abs=1e-4)
    without = history[-read:][1:]
    whole, less = (
        run.scorer.scores(Histories.from_lists([run.index.indices(each).tolist()]))[0, 2:]
        for each in (history[-read:], without)
    )
    item = run.index.index(told["items"][0]["item_id"]) - 2
    moved = whole.log_softmax(-1)[item] - less.log_softmax(-1)[item]
    assert told["influence"][0][0] == pytest.approx(float(moved), abs=1e-4)


@pytest.mark.parametrize("reasoner", ["none", "erl", "prl", "lares", "plr"])
def test_every_effort_is_answered_as_the_library_limits_it(
    serve: Callable[..., TestClient], make_run: Callable[..., Path], reasoner: str
) -> None:
    client = serve(run=make_run(reasoner, 1))
    run = client.app.state.service.arms.a.run  # type: ignore[attr-defined]
    history = list(run.index.all_ids[:4])
    (model,) = client.get("/models").json()["models"]
    lists: set[tuple[float, ...]] = set()
    for cost in model["costs"]:
        asked = {"streams": cost["streams"] or None, "steps": cost["steps"]}
        answer = client.post("/recommend", json={"histories": [history], **asked})
        assert answer.status_code == 200, answer.text
        (got,) = answer.json()["results"]
        assert (got["streams"], got["steps"]) == (cost["streams"], cost["steps"])
        limited = run.limited(Effort(asked["streams"], asked["steps"]))
        (want,) = limited.recommend([history])
        assert [item["item_id"] for item in got["items"]] == list(want.item_ids)
        lists.add(tuple(item["score"] for item in got["items"]))
        told = client.post("/explain", json={"history": history, "top_k": 2, **asked})
        assert told.status_code == 200, told.text
        assert told.json()["spent"] == {"streams": cost["streams"], "steps": cost["steps"]}
        assert [i["item_id"] for i in told.json()["items"]] == list(want.item_ids[:2])
    assert len(lists) == len(model["costs"])  # each effort is another model
    for field, value in (("streams", 9), ("steps", 60)):
        refused = client.post("/recommend", json={"histories": [history], field: value})
        assert (refused.status_code, refused.json()["fields"][0]["field"]) == (422, field)


def test_a_deadline_that_has_passed_gets_the_cheapest_and_a_long_one_all(
    serve: Callable[..., TestClient], make_run: Callable[..., Path]
) -> None:
    client = serve(run=make_run("plr", 1))
    arm = client.app.state.service.arms.a  # type: ignore[attr-defined]
    cheapest = min(arm.costs, key=lambda cost: cost.ms).effort
    for deadline_ms, want in ((1e-6, cheapest), (60_000.0, arm.costs[-1].effort)):
        body = {"histories": [list(arm.run.index.all_ids[:3])], "deadline_ms": deadline_ms}
        (got,) = client.post("/recommend", json=body).json()["results"]
        assert (got["streams"], got["steps"]) == (want.streams or 0, want.steps)
