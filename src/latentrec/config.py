"""Every knob of a run as frozen data: presets, TOML files and `--set` in, one checked value out."""

from typing import Annotated, Literal, Self, TypeAlias, final

from pydantic import Field, model_validator

from latentrec.blend_config import BlendConfig
from latentrec.knobs import Count, Knobs, Positive, PositiveInt, Rate, Weight
from latentrec.loss_config import ExactLossConfig, LossConfig
from latentrec.post_train_config import PostTrainConfig as PostTrainConfig
from latentrec.reasoner_config import ErlConfig as ErlConfig
from latentrec.reasoner_config import LaresConfig as LaresConfig
from latentrec.reasoner_config import NoReasonerConfig as NoReasonerConfig
from latentrec.reasoner_config import PlrConfig, ReasonerConfig, needs_partners
from latentrec.reasoner_config import PrlConfig as PrlConfig


@final
class FilesConfig(Knobs):
    """An interaction log on disk, and an optional item table."""

    kind: Literal["files"] = "files"
    path: str
    """File (Parquet, CSV, TSV, JSON lines, also .gz) or the folder of a known data set."""
    items_path: str | None = None
    """Item table; in a folder, `items.parquet` (.csv, .tsv, .jsonl) is found by itself."""
    format: Literal["auto", "table", "movielens", "amazon-2023", "recbole"] = "auto"
    """Which reader; `auto` looks at the file names and headers and says what it found."""
    user_column: str = "user_id"
    """Column of the user id."""
    item_column: str = "item_id"
    """Column of the item id, in the log and in the item table."""
    time_column: str = "timestamp"
    """Column of the time: seconds, milliseconds, microseconds or ISO 8601 text."""
    rating_column: str = "rating"
    """Column of the rating; needed only by `rating_above`."""
    title_column: str = "title"
    """Column of the title in the item table."""
    categories_column: str = "categories"
    """Column of the category levels in the item table: a list, or text with `|` between levels."""
    store_column: str = "store"
    """Column of the store or brand in the item table."""
    more_fields: tuple[str, ...] = ()
    """Further categorical columns of the item table."""
    time_unit: Literal["auto", "s", "ms", "us", "iso"] = "auto"
    """Unit of the time column; `auto` detects it and says so."""
    rating_above: float | None = None
    """Keep only interactions rated above this (the papers: 3)."""
    min_user_interactions: Count = 0
    """Drop users with fewer interactions (k-core, repeated until nothing changes)."""
    min_item_interactions: Count = 0
    """Drop items with fewer interactions (k-core, repeated until nothing changes)."""
    duplicates: Literal["first", "keep", "error"] = "first"
    """Rows equal in user, item and time: keep the first, keep all, or refuse the data."""
    repeats: Literal["keep", "first", "last"] = "keep"
    """The same user and item at different times: keep all, or only the first or last."""
    bad_rows: Literal["fail", "report"] = "fail"
    """Rows that break a rule: refuse the data, or write them to a file and go on without them."""

    @model_validator(mode="after")
    def _check_columns(self) -> Self:
        names = (self.user_column, self.item_column, self.time_column)
        if len(set(names)) < len(names):
            raise ValueError(
                f"user_column, item_column and time_column must differ, not be {', '.join(names)}"
            )
        return self


@final
class SyntheticConfig(Knobs):
    """Seeded synthetic users with several interests: the embedded default, needs no file."""

    kind: Literal["synthetic"] = "synthetic"
    users: PositiveInt = 3000
    """Number of users."""
    items: PositiveInt = 400
    """Number of items in the catalogue."""
    interests: PositiveInt = 10
    """Number of item groups; every user follows a few of them at once."""
    interests_per_user: PositiveInt = 6
    """How many interests one user takes up in turn."""
    mean_length: PositiveInt = 24
    """Mean number of interactions of a user."""
    predictability: Annotated[float, Field(ge=0.0, le=1.0)] = 0.9
    """Share of steps that follow the user's plan; 0 makes every step a uniform draw."""
    seed: Count = 7
    """Seed of the generator."""


DataConfig: TypeAlias = Annotated[FilesConfig | SyntheticConfig, Field(discriminator="kind")]


@final
class LeaveOneOutConfig(Knobs):
    """Each user's last interaction is the test target, the one before it the validation target."""

    kind: Literal["leave-one-out"] = "leave-one-out"


@final
class TimeSplitConfig(Knobs):
    """Everything before one moment trains, up to a second moment validates, after it tests."""

    kind: Literal["time"] = "time"
    valid_from: str | int | None = None
    """First moment of validation, ISO text or a number in the log's unit; None: by quantile."""
    test_from: str | int | None = None
    """First moment of the test, ISO text or a number in the log's unit; None: by quantile."""
    valid_quantile: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.8
    """Share of interactions before validation starts, where `valid_from` is not given."""
    test_quantile: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.9
    """Share of interactions before the test starts, where `test_from` is not given."""

    @model_validator(mode="after")
    def _check_order(self) -> "TimeSplitConfig":
        if (self.valid_from is None) != (self.test_from is None):
            raise ValueError(
                "give both valid_from and test_from, or neither (then quantiles decide)"
            )
        if self.valid_from is None and self.valid_quantile >= self.test_quantile:
            raise ValueError("valid_quantile must be smaller than test_quantile")
        return self


@final
class GivenSplitConfig(Knobs):
    """The files say what is training, validation and test (Amazon 2023, UniSRec files)."""

    kind: Literal["given"] = "given"


SplitConfig: TypeAlias = Annotated[
    LeaveOneOutConfig | TimeSplitConfig | GivenSplitConfig, Field(discriminator="kind")
]


@final
class ItemsConfig(Knobs):
    """How an item becomes a vector: its id embedding plus the mean embedding of each field."""

    kind: Literal["id"] = "id"
    fields: tuple[str, ...] = ()
    """Item table fields to add, for example ["categories", "store"] as in the PLR paper."""


@final
class UnisrecItemsConfig(Knobs):
    """How an item becomes a vector: frozen text vectors through experts, cosines (UniSRec)."""

    kind: Literal["text"] = "text"
    source: str = "tfidf"
    """`tfidf` (title, categories, store), a `.npy` or `.parquet` file, or `model:` and the
    folder or cached name of a sentence-transformers model; see docs/guide/text.md."""
    pooling: Literal["cls", "mean"] | None = None
    """How a text model's token vectors become one; none: as its `modules.json` says."""
    experts: PositiveInt = 8
    """Number of experts G."""
    dim_text: PositiveInt = 768
    """Longest text vector X; longer ones are reduced by PCA."""
    temperature: Positive = 0.07
    """Divides the cosines."""
    dropout: Rate = 0.2
    """Dropout of text vectors in front of the experts."""
    use_ids: bool = False
    """Add an id embedding to every item vector (UniSRec's transductive setting)."""
    pretrained: str | None = None
    """Folder of a pre-training to start from, with its vectoriser; see docs/guide/text.md."""
    fix_encoder: bool = True
    """With `pretrained`: positions and Transformer blocks stay as they are, the experts learn."""

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        if self.source != "tfidf" and not self.source.endswith((".npy", ".parquet")):
            if not self.source.removeprefix("model:") or not self.source.startswith("model:"):
                raise ValueError(
                    f"source='{self.source[:60]}' must be tfidf, a .npy or .parquet file, or "
                    "model:FOLDER_OR_NAME"
                )
        elif self.pooling is not None:
            raise ValueError("pooling goes with source='model:...' only")
        return self


AnyItemsConfig: TypeAlias = Annotated[ItemsConfig | UnisrecItemsConfig, Field(discriminator="kind")]


class _TransformerConfig(Knobs):
    """What every Transformer over a history has."""

    dim: PositiveInt = 64
    """Hidden size D."""
    layers: PositiveInt = 2
    """Number of Transformer blocks."""
    heads: PositiveInt = 2
    """Attention heads; must divide `dim`."""
    inner: PositiveInt = 256
    """Width of the feed-forward layer (paper: 300)."""
    max_length: PositiveInt = 50
    """Longest history L that the model reads; older interactions are cut off."""
    dropout: Rate = 0.2
    """Dropout of hidden states (p_rep in the PLR paper)."""
    attention_dropout: Rate = 0.2
    """Dropout of attention weights (p_attn in the PLR paper)."""

    @model_validator(mode="after")
    def _check_heads(self) -> Self:
        if self.dim % self.heads:
            raise ValueError(f"heads={self.heads} must divide dim={self.dim}")
        return self


@final
class SasrecConfig(_TransformerConfig):
    """A causal Transformer over the history (SASRec)."""

    kind: Literal["sasrec"] = "sasrec"


@final
class Bert4recConfig(_TransformerConfig):
    """A bidirectional Transformer that predicts the next item (docs/adr/0021); no Cloze task."""

    kind: Literal["bert4rec"] = "bert4rec"


@final
class ClozeConfig(_TransformerConfig):
    """A bidirectional Transformer that fills in masked items: BERT4Rec itself (docs/adr/0028)."""

    kind: Literal["bert4rec-cloze"] = "bert4rec-cloze"
    max_length: Annotated[int, Field(ge=2)] = 50
    """Longest input L, the mask behind the last item included; older interactions are cut off."""
    mask_probability: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.2
    """Share of the items of a training window that is masked; short histories want more."""
    last_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.1
    """Share of the training windows in which the last item alone is masked, as when ranking."""


@final
class HstuConfig(_TransformerConfig):
    """Causal gated attention without a softmax (HSTU, arXiv 2402.17152)."""

    kind: Literal["hstu"] = "hstu"
    layers: PositiveInt = 4
    """Number of HSTU layers; one has under half the weights of a Transformer block."""
    inner: PositiveInt = 256
    """Width of the feed-forward layers of a LARES core; HSTU itself has none."""


EncoderConfig: TypeAlias = Annotated[
    SasrecConfig | Bert4recConfig | ClozeConfig | HstuConfig, Field(discriminator="kind")
]


@final
class TrainConfig(Knobs):
    """How the model is trained."""

    positions: Literal["all", "last"] = "all"
    """`all`: every position of a history predicts its next item in one pass; `last`: one encoded
    prefix a sample, as in the papers (slower, the same loss)."""
    long_histories: Literal["split", "last"] = "split"
    """Training sequences longer than `max_length`: cut into windows, or keep the last window."""
    batch_size: PositiveInt = 128
    """Histories (or prefixes) in a batch."""
    learning_rate: Positive = 1e-3
    """Step size of Adam."""
    weight_decay: Weight = 0.0
    """Decoupled weight decay."""
    gradient_clip: Weight = 5.0
    """Longest gradient norm; 0 switches clipping off."""
    epochs: PositiveInt = 200
    """Most epochs."""
    patience: PositiveInt = 10
    """Stop after this many evaluations without a better monitor value; those in a reasoner's
    warm-up do not count."""
    monitor: str = "ndcg@10"
    """Validation metric that picks the best epoch."""
    evaluate_every: PositiveInt = 1
    """Epochs between validations."""
    max_minutes: Positive | None = None
    """Stop after this many minutes of training, at the end of an epoch."""
    seed: Count = 0
    """Seed of weights, dropout and order."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda` or `mps`."""
    precision: Literal["no", "bf16"] = "no"
    """Mixed precision of the forward pass."""


BaselineName: TypeAlias = Literal["popularity", "recent-popularity", "markov", "item-knn", "ease"]
"""A recommender without gradients."""


@final
class EvaluateConfig(Knobs):
    """How recommendations are judged: full ranking of the catalogue."""

    top_k: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (5, 10, 20)
    """List lengths K of the metrics."""
    metrics: Annotated[
        tuple[Literal["recall", "hit", "ndcg", "mrr", "map"], ...], Field(min_length=1)
    ] = ("recall", "ndcg", "mrr")
    """Which metrics. With one target a case, `hit` is `recall` and `map` is `mrr`."""
    exclude_seen: bool = False
    """Hide the items of the history; the target itself is never hidden."""
    baselines: tuple[BaselineName, ...] = (
        "popularity", "recent-popularity", "markov", "item-knn", "ease",
    )  # fmt: skip
    """Printed beside the model, each tuned on validation."""
    ease_items: PositiveInt = 10_000
    """Largest catalogue for EASE, whose memory grows with its square and time with its cube."""
    resamples: PositiveInt = 1000
    """Bootstrap resamples of users behind each interval."""
    confidence: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.95
    """Coverage of the intervals."""


@final
class RunConfig(Knobs):
    """Everything that defines a run."""

    data: DataConfig = SyntheticConfig()
    """Where the interactions come from."""
    split: SplitConfig = LeaveOneOutConfig()
    """What trains, validates and tests."""
    items: AnyItemsConfig = ItemsConfig()
    """Item vectors."""
    encoder: EncoderConfig = SasrecConfig()
    """Backbone."""
    reasoner: ReasonerConfig = PlrConfig()
    """Latent reasoning on top of the backbone."""
    loss: LossConfig = ExactLossConfig()
    """How the catalogue enters the next-item loss."""
    train: TrainConfig = TrainConfig()
    """Training."""
    evaluate: EvaluateConfig = EvaluateConfig()
    """Evaluation."""
    post_train: PostTrainConfig | None = None
    """Second phase of training, from another run's weights."""
    blend: BlendConfig | None = None
    """A baseline that ranks together with the trained model."""

    @model_validator(mode="after")
    def _check_post_train(self) -> Self:
        if self.post_train is not None and self.reasoner.kind != "lares":
            raise ValueError(
                f"post_train goes with reasoner.kind='lares' only, not '{self.reasoner.kind}'"
            )
        return self

    @model_validator(mode="after")
    def _check_positions(self) -> Self:
        if self.encoder.kind == "bert4rec" and self.train.positions == "all":
            raise ValueError(
                "train.positions='all' needs a causal encoder: a bidirectional one reads the items "
                "that it should predict; set train.positions='last' with encoder.kind='bert4rec'"
            )
        return self

    @model_validator(mode="after")
    def _check_cloze(self) -> Self:
        if self.encoder.kind != "bert4rec-cloze":
            return self
        if self.train.positions == "last":
            raise ValueError(
                "train.positions='last' goes with next-item prediction: the Cloze task reads whole "
                "windows and draws its positions; leave it at 'all' with "
                "encoder.kind='bert4rec-cloze'"
            )
        if needs_partners(self.reasoner):
            raise ValueError(
                "reasoner.kind='lares' aligns histories with the same next item, and the Cloze "
                "task has no next item; set reasoner.trajectory_weight=0 and "
                "reasoner.step_weight=0, or encoder.kind='bert4rec'"
            )
        return self

    @model_validator(mode="after")
    def _check_monitor(self) -> "RunConfig":
        names = [f"{m}@{k}" for m in ("recall", "ndcg", "mrr") for k in self.evaluate.top_k]
        if self.train.monitor not in names:
            raise ValueError(
                f"train.monitor='{self.train.monitor}' must be one of {', '.join(names)}"
            )
        return self
