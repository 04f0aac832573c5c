"""Answers: from what the library returns to what a caller reads."""

import json
from collections.abc import Sequence
from typing import Any

from latentrec.explain import Explanation
from latentrec.model.reasoner.effort import Effort
from latentrec.recommend import Recommendations
from latentrec.run.folder import EVALUATION, METRICS, read_metrics
from latentrec.serve import replies
from latentrec.serve.arms import Arm
from latentrec.serve.effort import NO_REASONING
from latentrec.serve.files import reports

MOST_VALUES = 200
"""Most values of a field that are listed."""


def scored(arm: Arm, item_ids: Sequence[str], scores: Sequence[float]) -> list[replies.ScoredItem]:
    """Items with scores and titles."""
    return [
        replies.ScoredItem(item_id=item_id, score=score, title=arm.items.title(item_id))
        for item_id, score in zip(item_ids, scores, strict=True)
    ]


def named(arm: Arm, item_ids: Sequence[str]) -> list[replies.NamedItem]:
    """Items with titles."""
    return [replies.NamedItem(item_id=i, title=arm.items.title(i)) for i in item_ids]


def amount(effort: Effort) -> dict[str, int]:
    """Streams and steps as a caller reads them: none is 0 of each."""
    return {"streams": effort.streams or 0, "steps": effort.steps or 0}


def recommended(arm: Arm, effort: Effort, found: Recommendations) -> replies.Recommended:
    """One list, and what it was made with."""
    spent = NO_REASONING if found.source == arm.run.fallback.name else effort
    return replies.Recommended(
        items=scored(arm, found.item_ids, found.scores),
        unknown_items=list(found.unknown_items),
        source=found.source,
        arm=arm.name,
        version=arm.version,
        **amount(spent),
    )


def explained(
    arm: Arm, effort: Effort, found: Explanation, unknown: list[str]
) -> replies.ExplainAnswer:
    """One explanation with titles."""
    streams = [
        replies.StreamAnswer(
            weight=stream.weight, items=named(arm, stream.item_ids), scores=list(stream.scores)
        )
        for stream in found.streams
    ]
    return replies.ExplainAnswer(
        history=named(arm, found.history),
        unknown_items=unknown,
        items=named(arm, found.item_ids),
        influence=[list(row) for row in found.influence],
        streams=streams,
        attention=[[list(step) for step in stream] for stream in found.attention],
        arm=arm.name,
        version=arm.version,
        spent=replies.Spent(**amount(effort)),
    )


def model(arm: Arm, share: float) -> replies.Model:
    """What is known about a served run."""
    config = arm.run.config.model_dump(mode="json")
    config.pop("data")  # holds paths of the machine that trained
    lists = {name: list(f.values[:MOST_VALUES]) for name, f in arm.items.fields.items()}
    costs = [replies.Cost(**amount(c.effort), ms=c.ms, more_ms=c.more_ms) for c in arm.costs]
    return replies.Model(
        arm=arm.name,
        name=arm.run.ranker.name,
        version=arm.version,
        share=share,
        items=len(arm.run.index),
        max_length=arm.run.config.encoder.max_length,
        fields=lists,
        costs=costs,
        engine="torch" if arm.graph is None else "onnx",
        config=config,
        evaluation=_json(arm, EVALUATION),
        epochs=read_metrics(arm.run.folder / METRICS),
        reports=reports(arm.run.folder),
    )


def _json(arm: Arm, name: str) -> Any:
    """A file that a run may or may not have."""
    path = arm.run.folder / name
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
