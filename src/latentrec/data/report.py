"""What happened to the data on the way from files to a dataset: counts, in words and as a dict."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias, final

TimeUnit: TypeAlias = Literal["s", "ms", "us", "iso", "datetime", "position"]
"""How the log wrote its times; `position`: not at all, the place in the sequence stands in."""

UNIT_WORDS: dict[TimeUnit, str] = {
    "s": "seconds since 1970",
    "ms": "milliseconds since 1970",
    "us": "microseconds since 1970",
    "iso": "ISO 8601 text",
    "datetime": "datetime column",
    "position": "none in the files; the place in the sequence is used instead",
}


@final
@dataclass(frozen=True)
class ReadReport:
    """What was read.

    Attributes:
        found: What the reader found, in words.
        files: Names of the files of the log.
        rows: Rows of the log, blank ones included; equals accepted + bad + blank.
        blank: Blank lines.
        bad: Rows that broke a rule and were left out (only with `bad_rows = "report"`).
        bad_rows_file: Where the bad rows were written.
        time_unit: Unit of the time column, detected or given.
        notes: Further things a reader should know, in words.
    """

    found: str
    files: tuple[str, ...]
    rows: int
    time_unit: TimeUnit
    blank: int = 0
    bad: int = 0
    bad_rows_file: str | None = None
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """The report in plain words."""
        bad = f", {self.bad:,} bad (written to {self.bad_rows_file})" if self.bad else ", 0 bad"
        return [
            f"source: {self.found}",
            f"rows read: {self.rows:,} ({self.blank:,} blank{bad})",
            f"time: {UNIT_WORDS[self.time_unit]}",
            *(f"note: {note}" for note in self.notes),
        ]


@final
@dataclass(frozen=True)
class FilterReport:
    """What the filters took out, in the order in which they run, and what they left.

    Attributes:
        low_ratings: Rows not above `rating_above`.
        duplicates: Rows equal in user, item and time to an earlier row, taken out.
        repeats_removed: Rows taken out because the user has the item at another time too.
        core_users: Users taken out by the k-core.
        core_items: Items taken out by the k-core.
        core_interactions: Interactions taken out by the k-core.
        repeats: Interactions left whose user had the item before.
        ties: Interactions left with the same time as the user's interaction before them.
        tied_ends: Users whose last two interactions have the same time.
        rules: What was kept, in words; empty for everything but duplicates.
    """

    low_ratings: int = 0
    duplicates: int = 0
    repeats_removed: int = 0
    core_users: int = 0
    core_items: int = 0
    core_interactions: int = 0
    repeats: int = 0
    ties: int = 0
    tied_ends: int = 0
    rules: str = ""

    def lines(self) -> list[str]:
        """The report in plain words."""
        return [
            f"taken out: {self.low_ratings:,} by rating, {self.duplicates:,} duplicates, "
            f"{self.repeats_removed:,} repeats, {self.core_interactions:,} by the minimum counts "
            f"({self.core_users:,} users, {self.core_items:,} items)",
            f"same user and item again: {self.repeats:,} interactions",
            f"same time as the one before: {self.ties:,} interactions; "
            f"{self.tied_ends:,} users end on such a tie (their order is the input order)",
        ]


@final
@dataclass(frozen=True)
class ItemReport:
    """How the item table fits the items of the training part.

    Attributes:
        rows: Rows of the item table.
        duplicates: Rows that repeat an item id with equal contents.
        unused: Items of the table that training does not have.
        missing: Items of training that the table does not have.
        untitled: Items of training without a title.
        fields: Names of the categorical fields.
    """

    rows: int
    duplicates: int
    unused: int
    missing: int
    untitled: int
    fields: tuple[str, ...]

    def lines(self) -> list[str]:
        """The report in plain words."""
        return [
            f"item table: {self.rows:,} rows, {self.duplicates:,} repeated, "
            f"{self.unused:,} not used; {self.missing:,} training items are not in it, "
            f"{self.untitled:,} have no title",
            f"item fields: {', '.join(self.fields) or 'none'}",
        ]


@final
@dataclass(frozen=True)
class CaseReport:
    """How one evaluation part came out.

    Attributes:
        cases: Targets to predict.
        unknown_targets: Cases among them whose item training never saw; they count as misses.
        empty_histories: Targets left out because nothing known comes before them.
    """

    cases: int
    unknown_targets: int
    empty_histories: int

    def line(self, name: str) -> str:
        """The report in plain words."""
        return (
            f"{name}: {self.cases:,} cases, {self.unknown_targets:,} with an item unknown to "
            f"training (a sure miss); {self.empty_histories:,} left out for an empty history"
        )


@final
@dataclass(frozen=True)
class SplitReport:
    """How the split came out.

    Attributes:
        protocol: The split in words.
        short_users: Users with too few interactions to be evaluated; they only train.
        train_interactions: Interactions of the training part.
        train_targets: Interactions of the training part with one before them: what is learnt from.
        unknown_interactions: Interactions after training left out because training lacks the item.
        valid: Validation part.
        test: Test part.
    """

    protocol: str
    short_users: int
    train_interactions: int
    train_targets: int
    unknown_interactions: int
    valid: CaseReport
    test: CaseReport

    def lines(self) -> list[str]:
        """The report in plain words."""
        return [
            f"split: {self.protocol}",
            f"training: {self.train_interactions:,} interactions, {self.train_targets:,} targets; "
            f"{self.short_users:,} users are too short to be evaluated",
            self.valid.line("validation"),
            self.test.line("test"),
            f"later interactions with an item unknown to training: {self.unknown_interactions:,} "
            "(not in any history)",
        ]


@final
@dataclass(frozen=True)
class DataReport:
    """Everything about one prepared data set.

    Attributes:
        read: What was read.
        filtered: What was taken out.
        users: Users after filtering.
        items: Items after filtering.
        interactions: Interactions after filtering.
        first_time: Time of the earliest interaction, milliseconds since 1970.
        last_time: Time of the latest interaction, milliseconds since 1970.
        split: How the split came out.
        item_table: How the item table fits; None without one.
        fingerprint: SHA-256 of the prepared arrays, the item index and the item fields.
    """

    read: ReadReport
    filtered: FilterReport
    users: int
    items: int
    interactions: int
    first_time: int
    last_time: int
    split: SplitReport
    item_table: ItemReport | None
    fingerprint: str

    @property
    def density(self) -> float:
        """Share of the user x item matrix that is filled."""
        return self.interactions / (self.users * self.items)

    def lines(self) -> list[str]:
        """The report in plain words, ready to print."""
        size = (
            f"left: {self.users:,} users, {self.items:,} items, {self.interactions:,} interactions "
            f"(density {self.density:.4%})"
        )
        span = f"from {_date(self.first_time)} to {_date(self.last_time)}"
        timeless = self.read.time_unit == "position"
        table = self.item_table.lines() if self.item_table else ["item table: none"]
        return [
            *self.read.lines(),
            *self.filtered.lines(),
            size,
            *([] if timeless else [span]),
            *table,
            *self.split.lines(),
            f"fingerprint: {self.fingerprint}",
        ]

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values for JSON."""
        return {**asdict(self), "density": self.density}


def _date(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d}"
