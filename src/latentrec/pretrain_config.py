"""Every setting of a pre-training on several domains, as frozen checked data."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Self, final

from pydantic import Field, ValidationError, model_validator

from latentrec.config import (
    DataConfig,
    EvaluateConfig,
    LeaveOneOutConfig,
    NoReasonerConfig,
    RunConfig,
    SasrecConfig,
    SplitConfig,
    TrainConfig,
    UnisrecItemsConfig,
)
from latentrec.configure import load_tables, parse_config
from latentrec.errors import ConfigError
from latentrec.knobs import Count, Knobs, Rate, Weight

Chance = Annotated[float, Field(ge=0.0, le=1.0)]

_SHARED: Final = ("items", "encoder", "train", "evaluate")
"""Tables that a pre-training has in common with a run."""


@final
class DomainConfig(Knobs):
    """One data set of a pre-training."""

    data: DataConfig
    """Where the interactions come from."""
    split: SplitConfig = LeaveOneOutConfig()
    """Only the training part trains, so that a later fine-tuning may keep its test."""
    vectors: str | None = None
    """`.npy` or `.parquet` file with the items' text vectors; for all domains or for none."""


@final
class ContrastConfig(Knobs):
    """The two contrasts of a pre-training on several domains (UniSRec)."""

    sequence_weight: Weight = 1e-3
    """Weight lambda of the sequence-sequence contrast; 0 leaves it out."""
    mask_compat: bool = False
    """Rows with the same next item count in the denominator with logit 0, as in the authors'
    code, instead of not at all (docs/adr/0030)."""
    item_drop_chance: Chance = 0.9
    """Share of batches whose copies lack items; in the others, texts lack words. Vectors that
    files give have no words: then all batches drop items."""
    item_drop: Rate = 0.2
    """Chance of an item to be dropped; the first one always stays."""
    word_share: Rate = 0.2
    """Chance of an item to be read by its text with words left out."""
    word_drop: Rate = 0.15
    """Chance of a word to be left out."""
    term_positions: Count = 8
    """Random positions of each history in a batch; 0 means all."""


@final
class PretrainConfig(Knobs):
    """Everything that defines a pre-training."""

    domains: dict[str, DomainConfig]
    """Data sets by name."""
    items: UnisrecItemsConfig = UnisrecItemsConfig()
    """Text vectors of all domains, in one space."""
    encoder: SasrecConfig = SasrecConfig()
    """Backbone."""
    contrast: ContrastConfig = ContrastConfig()
    """The two contrasts."""
    train: TrainConfig = TrainConfig()
    """Training."""
    evaluate: EvaluateConfig = EvaluateConfig()
    """Validation: all domains together, over the items of all."""

    @model_validator(mode="after")
    def _check_domains(self) -> Self:
        if not self.domains:
            raise ValueError("domains: none is given; a pre-training needs at least one")
        for name in self.domains:
            if not name or "/" in name:
                raise ValueError(f"domains: name '{name[:40]}' must not be empty or hold '/'")
        if len({domain.vectors is None for domain in self.domains.values()}) > 1:
            raise ValueError(
                "domains: some give `vectors` and some do not; all texts must lie in one space, so "
                "give vectors of one model for all domains, or for none"
            )
        return self

    @model_validator(mode="after")
    def _check_items(self) -> Self:
        if self.items.use_ids or self.items.pretrained is not None:
            raise ValueError(
                "items: a pre-training reads texts only and starts from nothing; use_ids and "
                "pretrained belong to the fine-tuning (latentrec fit --from)"
            )
        if self.items.source.endswith((".npy", ".parquet")):
            raise ValueError("items.source: give the file of each domain as domains.NAME.vectors")
        return self

    @property
    def as_run(self) -> RunConfig:
        """What builds the same model: text items, encoder, no reasoner."""
        return RunConfig(
            items=self.items,
            encoder=self.encoder,
            reasoner=NoReasonerConfig(),
            train=self.train,
            evaluate=self.evaluate,
        )


def load_pretrain(
    file: Path | None = None,
    domains: Mapping[str, str] | None = None,
    overrides: Sequence[str] = (),
    split: str | None = None,
) -> PretrainConfig:
    """The configuration from a TOML file, domains by path and `section.key=value` overrides.

    Args:
        file: TOML file with tables `[domains.NAME.data]`, `[items]`, `[contrast]` and so on.
        domains: Path of a log or data set by name, laid over those of the file.
        overrides: As for a run.
        split: Kind of split of the domains given by path.

    Raises:
        ConfigError: On an unknown key or a value out of range.

    Example:
        >>> config = load_pretrain(domains={"books": "books.csv"}, overrides=["encoder.dim=32"])
        >>> config.domains["books"].data.path, config.encoder.dim
        ('books.csv', 32)
    """
    given: dict[str, Any] = {
        name: {"data": {"path": path}} for name, path in (domains or {}).items()
    }
    if split is not None:
        given = {name: {**domain, "split": {"kind": split}} for name, domain in given.items()}
    return parse_pretrain(load_tables(file, {"domains": given}, overrides))


def parse_pretrain(values: Mapping[str, Any]) -> PretrainConfig:
    """The configuration from nested values.

    Raises:
        ConfigError: On an unknown key or a value out of range.
    """
    unknown = sorted(set(values) - set(PretrainConfig.model_fields))
    if unknown:
        raise ConfigError(
            f"{unknown[0]}: unknown table; known: {', '.join(PretrainConfig.model_fields)}"
        )
    shared = {name: values[name] for name in _SHARED if name in values}
    shared["items"] = {"kind": "text", **shared.get("items", {})}
    run = parse_config(shared)
    checked: dict[str, Any] = {name: getattr(run, name).model_dump() for name in shared}
    checked["domains"] = {
        name: _domain(name, domain) for name, domain in values.get("domains", {}).items()
    }
    try:
        return PretrainConfig.model_validate({**checked, "contrast": values.get("contrast", {})})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        text = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{place}: {text}".removeprefix(": ")) from None


def _domain(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """One domain, its data and split checked as those of a run."""
    rest = {key: value for key, value in values.items() if key not in ("data", "split")}
    tables = {key: values[key] for key in ("data", "split") if key in values}
    try:
        run = parse_config(tables)
    except ConfigError as error:
        raise ConfigError(f"domains.{name}.{error}") from None
    return {**rest, **{key: getattr(run, key).model_dump() for key in tables}}
