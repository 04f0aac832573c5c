"""Requests: what a caller may send; every list and number has its limit in the OpenAPI page."""

from collections.abc import Sequence
from typing import Annotated, Final, Literal, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

LONGEST_ID: Final = 256
"""Most characters of a user id, item id or event id."""
LONGEST_HISTORY: Final = 1000
"""Most items in a history."""
MOST_HISTORIES: Final = 256
"""Most histories or users in a request."""
MOST_IDS: Final = 10_000
"""Most items in an allow or deny list."""
MOST_EVENTS: Final = 1000
"""Most events in a request."""
LARGEST_TOP_K: Final = 200
"""Longest list of recommendations."""

Id: TypeAlias = Annotated[str, Field(min_length=1, max_length=LONGEST_ID)]
History: TypeAlias = Annotated[list[Id], Field(max_length=LONGEST_HISTORY)]
Ids: TypeAlias = Annotated[list[Id], Field(max_length=MOST_IDS)]
TopK: TypeAlias = Annotated[int, Field(ge=1, le=LARGEST_TOP_K)]
Filters: TypeAlias = Annotated[
    dict[Id, Annotated[list[Id], Field(min_length=1, max_length=100)]], Field(max_length=20)
]
Arm: TypeAlias = Literal["a", "b"]


class Message(BaseModel):
    """A request: unknown fields, and numbers given as text, are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
    )


def known_fields(message: type[Message], place: Sequence[str | int]) -> list[str]:
    """Fields of the message that stands at a place of a request.

    Args:
        message: The whole request.
        place: Names of fields, and places in their lists.

    Example:
        >>> known_fields(EventsRequest, ["events", 0])
        ['user_id', 'item_id', 'timestamp', 'event_id']
    """
    for part in place:
        if isinstance(part, str):
            (message,) = get_args(message.model_fields[part].annotation)
    return list(message.model_fields)


class EffortRequest(Message):
    """How much to think, by streams and steps."""

    streams: Annotated[int, Field(ge=1, le=64)] | None = None
    """Reasoning streams, the first of the model's; by default all."""
    steps: Annotated[int, Field(ge=0, le=64)] | None = None
    """Reasoning steps, the first of the model's; by default all. 0 ranks without reasoning."""


class DeadlineRequest(EffortRequest):
    """How much to think: by streams and steps, or by what fits into a time."""

    deadline_ms: Annotated[FiniteFloat, Field(gt=0, le=60_000)] | None = None
    """Let the server choose the most thinking that its cost table says fits into this time after
    the request was read, waiting included, in milliseconds."""

    @model_validator(mode="after")
    def _one_way(self) -> "DeadlineRequest":
        if self.deadline_ms is not None and (self.streams, self.steps) != (None, None):
            raise ValueError("give either deadline_ms or streams and steps, not both")
        return self


class RecommendRequest(DeadlineRequest):
    """Histories of item ids, or users whose history the store knows."""

    histories: Annotated[list[History], Field(min_length=1, max_length=MOST_HISTORIES)] | None = (
        None
    )
    """Item ids of each history, oldest first; unknown ids are reported and not read."""
    users: Annotated[list[Id], Field(min_length=1, max_length=MOST_HISTORIES)] | None = None
    """User ids: whose histories to take from the store, or (with histories) whose they are, so that
    an A/B test treats a user always alike."""
    top_k: TopK = 10
    """Length of each list; shorter where fewer items may be shown."""
    exclude_seen: bool = True
    """Leave out the items of the history."""
    allow: Ids | None = None
    """Recommend only these items."""
    deny: Ids = []
    """Never recommend these items."""
    filters: Filters = {}
    """Recommend only items that hold one of the given values in each given field."""
    arm: Arm | None = None
    """Ask one of the two runs; by default the user id decides."""

    @model_validator(mode="after")
    def _some_history(self) -> "RecommendRequest":
        if self.histories is None and self.users is None:
            raise ValueError("give histories, users, or both")
        if self.histories and self.users and len(self.histories) != len(self.users):
            raise ValueError("users and histories must be equally many if both are given")
        return self


class ExplainRequest(EffortRequest):
    """One history, and what to explain."""

    history: Annotated[list[Id], Field(min_length=1, max_length=LONGEST_HISTORY)]
    """Item ids, oldest first."""
    item_ids: Annotated[list[Id], Field(min_length=1, max_length=50)] | None = None
    """Items to explain; by default the first `top_k` that are recommended."""
    top_k: Annotated[int, Field(ge=1, le=50)] = 5
    """How many recommendations to explain, if `item_ids` names none."""
    exclude_seen: bool = True
    """Leave out the items of the history."""
    arm: Arm = "a"
    """Which of the two runs to ask."""


class SimilarRequest(Message):
    """Items whose neighbours are wanted."""

    item_ids: Annotated[list[Id], Field(min_length=1, max_length=MOST_HISTORIES)]
    """Items of the catalogue."""
    top_k: TopK = 10
    """Length of each list."""
    arm: Arm = "a"
    """Which of the two runs to ask."""


class Event(Message):
    """One interaction."""

    user_id: Id
    """Who."""
    item_id: Id
    """What; need not be in the catalogue yet."""
    timestamp: Annotated[FiniteFloat, Field(ge=0, lt=1e11)] | None = None
    """When, in seconds since 1970; by default now. (From 1e11 on it would be milliseconds.)"""
    event_id: Id | None = None
    """An event whose id the store has seen is not stored again, so that a retry is safe."""


class EventsRequest(Message):
    """Interactions to append to the history store."""

    events: Annotated[list[Event], Field(min_length=1, max_length=MOST_EVENTS)]
    """The events, in any order."""


class NewItem(Message):
    """An item that training never saw."""

    item_id: Id
    """Its id."""
    title: Annotated[str, Field(min_length=1, max_length=1000)]
    """Its title."""
    categories: Annotated[list[Id], Field(max_length=100)] = []
    """Its categories."""
    store: Id | None = None
    """Who sells it."""


class NewItemsRequest(Message):
    """Items to add to the catalogue by their text."""

    items: Annotated[list[NewItem], Field(min_length=1, max_length=MOST_EVENTS)]
    """The items."""
    arm: Arm = "a"
    """Which of the two runs to add them to."""
