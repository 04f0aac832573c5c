"""Replies: what a caller reads; every field is described in the OpenAPI page."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from latentrec.serve.requests import Arm


class Answer(BaseModel):
    """An answer; its fields are described in the OpenAPI page."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class ScoredItem(Answer):
    """An item with its score."""

    item_id: str
    score: float
    title: str | None
    """None where the item table has no title."""


class Recommended(Answer):
    """What is recommended after one history."""

    items: list[ScoredItem]
    """Best first."""
    unknown_items: list[str]
    """Item ids of the history that the catalogue lacks; they were not read."""
    source: str
    """The model's name, or `popularity` where no item of the history is known."""
    arm: Arm
    """Which of the two runs answered."""
    version: str
    """Which weights answered."""
    streams: int
    """Reasoning streams that were spent; 0 without reasoning."""
    steps: int
    """Reasoning steps that were spent; 0 without reasoning."""


class RecommendAnswer(Answer):
    """One entry for each history or user, in their order."""

    results: list[Recommended]
    elapsed_ms: float
    """From the request read to the answer ready, waiting included."""


class NamedItem(Answer):
    """An item with its title."""

    item_id: str
    title: str | None
    """None where the item table has no title."""


class StreamAnswer(Answer):
    """What one reasoning stream argues for."""

    weight: float
    """Its share in the mix."""
    items: list[NamedItem]
    """What it alone would put first."""
    scores: list[float]
    """Its score of each explained item."""


class Spent(Answer):
    """An amount of reasoning; 0 of each without reasoning."""

    streams: int
    steps: int


class ExplainAnswer(Answer):
    """Why a history leads to some items."""

    history: list[NamedItem]
    """The items that were read, oldest first."""
    unknown_items: list[str]
    """Item ids of the history that the catalogue lacks."""
    items: list[NamedItem]
    """The explained items."""
    influence: list[list[float]]
    """For each explained item, what each item of `history` adds to the logarithm of its
    probability; empty where the history is one item."""
    streams: list[StreamAnswer]
    """Empty where no gate mixes streams."""
    attention: list[list[list[float]]]
    """By stream, step and place in `history`; what is missing to 1 went to the stream's own
    steps."""
    arm: Arm
    version: str
    spent: Spent
    """What was explained."""


class SimilarAnswer(Answer):
    """One list for each item, nearest first; scores are cosines."""

    results: list[list[ScoredItem]]
    arm: Arm
    version: str


class EventsAnswer(Answer):
    """What became of the events; sent after they are safely stored."""

    stored: int
    repeated: int
    """Events whose id was stored before."""
    unknown_items: list[str]
    """Items that no served run knows yet; stored all the same."""


class Item(Answer):
    """An item of the catalogue."""

    item_id: str
    title: str | None
    fields: dict[str, list[str]]
    """Its values in each field."""


class ItemsAnswer(Answer):
    """Items that match a search."""

    items: list[Item]
    total: int
    """How many match; `items` may be cut short."""


class NewItemsAnswer(Answer):
    """Items were added."""

    added: int
    items: int
    """Size of the catalogue now."""


class Reloaded(Answer):
    """An arm answers with freshly loaded weights."""

    arm: Arm
    version: str


class Cost(Answer):
    """What one amount of thinking costs on this machine."""

    streams: int
    steps: int
    ms: float
    """Median of one history alone, in milliseconds."""
    more_ms: float
    """What each further history in a batch adds, in milliseconds."""


class Model(Answer):
    """A served run."""

    arm: Arm
    name: str
    version: str
    """First 12 characters of the SHA-256 of its weights."""
    share: float
    """Share of the users that it answers."""
    items: int
    max_length: int
    """Longest history that is read."""
    fields: dict[str, list[str]]
    """Fields that filters may name, with their values (the first 200)."""
    costs: list[Cost]
    """The cost table behind `deadline_ms`."""
    engine: str
    """What computes the most thinking: torch or onnx."""
    config: dict[str, Any]
    """How it was made, without the place of its data."""
    evaluation: Any
    """What `latentrec fit` kept of its test: metrics with intervals; null if there is none."""
    epochs: list[dict[str, Any]]
    """Losses and validation metrics of each epoch."""
    reports: list[str]
    """Files with reports in the run's folder, for `/reports/NAME`."""


class ModelsAnswer(Answer):
    """The served runs."""

    models: list[Model]
    store: bool
    """Whether there is a history store."""


class Health(Answer):
    """Whether the server works."""

    status: str
    reason: str | None = None


class Wrong(Answer):
    """One field that breaks a rule."""

    field: str
    message: str


class Problem(Answer):
    """Why there is no answer; never repeats what the request held."""

    error: str
    fields: list[Wrong] = []
