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

from latentrec.data.prepare import prepare
from latentrec.evaluate.evaluate import rank_cases
from latentrec.index import UNKNOWN
from latentrec.serve.service import Service

TOP_K = 8
GAP = 1e-5
"""Scores closer than this may change places between two ways of putting batches together."""


@pytest.mark.parametrize("backbone", ["sasrec", "bert4rec", "unisrec"])
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
