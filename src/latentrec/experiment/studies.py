"""Studies: the experiments that vary one setting, or leave out one part, of a PLR model."""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Final

from latentrec.config import RunConfig
from latentrec.configure import load_config
from latentrec.errors import ConfigError
from latentrec.experiment.spec import Experiment, Row

DEFAULT: Final = "default"
"""Row with nothing changed."""
NO_STEPS: Final = "steps=0"
"""Row without a reasoner, the start of the over-thinking curve."""
GRIDS: Final[dict[str, tuple[tuple[str, ...], tuple[float, ...]]]] = {
    "streams": (("reasoner.streams",), (1, 2, 3, 4, 5)),
    "steps": (("reasoner.steps",), (1, 2, 3, 4, 5)),
    "kl_weight": (("reasoner.kl_weight",), (0.001, 0.01, 0.1, 1.0)),
    "dropout": (("encoder.dropout", "encoder.attention_dropout"), (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)),
}
"""The settings behind each axis, set to one value together, and the paper's values (5.1)."""
PARTS: Final[dict[str, str]] = {
    "no-gate": 'reasoner.gate="uniform"',
    "no-contrast": "reasoner.contrastive_weight=0",
    "no-kl": "reasoner.kl_weight=0",
    "no-trigger": 'reasoner.trigger="none"',
    "no-step-embedding": 'reasoner.step_embedding="none"',
    "no-dual-inference": "reasoner.dual_inference=false",
}
"""The setting that leaves out each part; the paper leaves out the first three."""


def sensitivity(
    preset: str,
    settings: Sequence[str] = (),
    *,
    axes: Sequence[str] = tuple(GRIDS),
    seeds: Sequence[int] = (0,),
) -> Experiment:
    """One row for every value of every axis, the other axes as they are; the default once.

    The steps start at T = 0, the backbone alone. A default whose settings behind an axis differ
    (dropout of states and of attention) does not lie on it, and all values of the axis are tried.

    Paper: PLR (arXiv 2601.03153) Fig. 2.

    Args:
        preset: Preset of a PLR model.
        settings: Settings `section.key=value` of all rows.
        axes: Which axes, see `GRIDS`.
        seeds: Seeds of every row.

    Raises:
        ConfigError: If the model is no PLR, an axis is unknown, or a setting is wrong.
    """
    config = _plr(preset, settings)
    for axis in axes:
        if axis not in GRIDS:
            raise ConfigError(f"axis '{axis}': must be one of {', '.join(GRIDS)}")
    varied = {
        f"{axis}={value:g}": (*settings, *(f"{key}={value:g}" for key in GRIDS[axis][0]))
        for axis in axes
        for value in GRIDS[axis][1]
        if value != value_of(config, axis)
    }
    if "steps" in axes:
        others = (x for x in settings if not x.startswith("reasoner."))
        varied[NO_STEPS] = (*others, "reasoner.kind=none")
    return _experiment(f"Sensitivity of {preset}", preset, {DEFAULT: settings, **varied}, seeds)


def ablation(
    preset: str, settings: Sequence[str] = (), *, seeds: Sequence[int] = (0,)
) -> Experiment:
    """The whole model, and one row for every part that is left out.

    Paper: PLR Table 3; triggers, step embeddings and h_0 in the ranking are ours to leave out.

    Raises:
        ConfigError: If the model is no PLR, or a setting is wrong.
    """
    _plr(preset, settings)
    varied = {name: (*settings, setting) for name, setting in PARTS.items()}
    return _experiment(f"Ablation of {preset}", preset, {DEFAULT: settings, **varied}, seeds)


def value_of(config: RunConfig, axis: str) -> float | None:
    """Where a configuration stands on an axis; without a reasoner at T = 0.

    None if the settings behind the axis differ, as the two dropouts may: then it lies beside it.
    """
    if axis == "steps" and config.reasoner.kind == "none":
        return 0.0
    values = {float(attrgetter(key)(config)) for key in GRIDS[axis][0]}
    return values.pop() if len(values) == 1 else None


def _plr(preset: str, settings: Sequence[str]) -> RunConfig:
    config = load_config(preset, overrides=list(settings))
    if config.reasoner.kind != "plr":
        raise ConfigError(
            f"study of '{preset}': its reasoner is '{config.reasoner.kind}', and the study varies "
            "parts of plr; use a preset like plr-sasrec"
        )
    return config


def _experiment(
    title: str, preset: str, settings: Mapping[str, Sequence[str]], seeds: Sequence[int]
) -> Experiment:
    """One row for every name, with its settings on top of the preset."""
    rows = tuple(Row(name=name, preset=preset, set=tuple(of)) for name, of in settings.items())
    return Experiment(title=title, seeds=tuple(seeds), rows=rows, tune={})
