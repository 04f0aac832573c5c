"""From presets, TOML files and overrides to one checked configuration."""

import difflib
import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from datetime import date, time
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, TypeVar, Union, cast, get_args, get_origin

from pydantic import BaseModel, ValidationError

from latentrec.config import EvaluateConfig, RunConfig
from latentrec.errors import ConfigError
from latentrec.knobs import Knobs
from latentrec.toml_text import read_toml

PRESETS: Final = Path(__file__).parent / "presets"
"""Folder of the presets: one TOML file each."""
PROTOCOLS: Final = Path(__file__).parent / "protocols"
"""Folder of the protocols: what is kept of a log, how it is split and how it is judged."""


def preset_names() -> list[str]:
    """Names that `--preset` takes."""
    return sorted(path.stem for path in PRESETS.glob("*.toml"))


def protocol_names() -> list[str]:
    """Names that `--protocol` takes."""
    return sorted(path.stem for path in PROTOCOLS.glob("*.toml"))


def load_config(
    preset: str | None = None,
    file: Path | None = None,
    overrides: Sequence[str] = (),
    base: Mapping[str, Any] | None = None,
    start: Mapping[str, Any] | None = None,
    protocol: str | None = None,
) -> RunConfig:
    """The configuration from `start`, preset, protocol, TOML file, `base` and `--set` overrides.

    Each is laid over those before it.

    Args:
        preset: Name of a preset, see `preset_names`.
        file: TOML file; its tables are laid over the preset's.
        overrides: Texts `section.key=value`; the value is TOML, or else plain text.
        base: Further nested values (what the command line's own options say).
        start: Nested values below all others (the configuration of a run that is resumed).
        protocol: Name of a protocol, see `protocol_names`.

    Raises:
        ConfigError: On an unknown name, file, key or value; names the nearest known one.
    """
    under = [start or {}, _named("preset", preset, PRESETS, preset_names())]
    judged = _named("protocol", protocol, PROTOCOLS, protocol_names())
    written = read_toml("config file", file) if file else {}
    said = [base or {}, *map(_parse_override, overrides)]
    over = [written, *said]
    merged = _laid([*under, judged, *over])
    encoder = merged.get("encoder")
    if judged and isinstance(encoder, dict) and "kind" in encoder:
        # Named now, since a backbone that is chosen further on would start its table afresh.
        judged["encoder"]["kind"] = encoder["kind"]
        merged = _laid([*under, judged, *over])
    return _parsed(merged, lambda name: _written_in(file, written, said, name))


def _written_in(
    file: Path | None, written: Mapping[str, Any], said: Sequence[Mapping[str, Any]], name: str
) -> str:
    """The file, for an error about a key that stands there and that nothing is laid over; or ''."""
    if not _holds(written, name) or any(_holds(layer, name) for layer in said):
        return ""
    return f"config file {file}: "


def _holds(values: Mapping[str, Any], name: str) -> bool:
    """Whether nested values have a dotted key."""
    table: Any = values
    for part in name.split("."):
        if not isinstance(table, Mapping) or part not in table:
            return False
        table = cast("Mapping[str, Any]", table)[part]
    return True


def _named(what: str, name: str | None, folder: Path, known: Sequence[str]) -> dict[str, Any]:
    """The values of a preset or protocol; none without a name."""
    if name is None:
        return {}
    if name not in known:
        raise ConfigError(f"{what} '{name}': unknown{nearest(name, known)}")
    return read_toml("config file", folder / f"{name}.toml")


def _laid(layers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Nested values, each of them laid over those before it."""
    merged: dict[str, Any] = {}
    for values in layers:
        _merge(merged, values)
    return merged


K = TypeVar("K", bound=Knobs)


def read_knobs(what: str, path: Path, kind: type[K]) -> K:
    """Settings from a TOML file of their own, checked.

    Args:
        what: What the file is, for errors.
        path: The file.
        kind: The table of settings that it holds.

    Raises:
        ConfigError: If the file is missing, no TOML, or breaks a rule.
    """
    try:
        return kind.model_validate(read_toml(what, path))
    except ValidationError as error:
        found = "; ".join(
            f"{'.'.join(map(str, each['loc'])) or 'file'}: {each['msg']}" for each in error.errors()
        )
        raise ConfigError(f"{what} {path}: {found}") from None


def load_tables(
    file: Path | None, base: Mapping[str, Any], overrides: Sequence[str]
) -> dict[str, Any]:
    """Nested values from a TOML file, `base` laid over it and overrides over both; not checked.

    Raises:
        ConfigError: If the file cannot be read or an override is no `section.key=value`.
    """
    return _laid(
        [read_toml("config file", file) if file else {}, base, *map(_parse_override, overrides)]
    )


def parse_config(values: Mapping[str, Any]) -> RunConfig:
    """The configuration from nested values.

    Raises:
        ConfigError: On an unknown key or a value out of range.
    """
    return _parsed(values)


def _parsed(values: Mapping[str, Any], source: Callable[[str], str] = lambda _: "") -> RunConfig:
    """The configuration from nested values; errors begin with what `source` says of their key."""
    values = _with_kinds(values)
    try:
        return RunConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_explain_all(values, error, source=source)) from None


def evaluation_config(known: EvaluateConfig, overrides: Sequence[str]) -> EvaluateConfig:
    """The settings of an evaluation from those of a trained run and `--set` overrides.

    Only these can change after training, and they need not go with the monitor any more.

    Raises:
        ConfigError: On another section, an unknown key or a value out of range.
    """
    values: dict[str, Any] = {"evaluate": known.model_dump(mode="json")}
    for text in overrides:
        if not text.startswith("evaluate."):
            raise ConfigError(
                f"--set {text}: only settings of `evaluate.` can change after training"
            )
        _merge(values, _parse_override(text))
    try:
        return EvaluateConfig.model_validate(values["evaluate"])
    except ValidationError as error:
        raise ConfigError(_explain_all(values, error, ("evaluate",))) from None


def _with_kinds(values: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in the default `kind` of tables that name none; data with a path are files."""
    filled = dict(values)
    for name, info in RunConfig.model_fields.items():
        table, default = filled.get(name), getattr(info.default, "kind", None)
        if default is not None and isinstance(table, Mapping):
            given = cast("Mapping[str, Any]", table)
            filled[name] = {**given, "kind": _kind_of(name, given) or default}
    return filled


def _kind_of(name: str, table: Mapping[str, Any]) -> Any:
    """The kind that a section has or stands for; None where that is open."""
    if "kind" in table or name not in RunConfig.model_fields:
        return table.get("kind")
    if name == "data":
        return "files" if "path" in table else None
    return getattr(RunConfig.model_fields[name].default, "kind", None)


def _parse_override(text: str) -> dict[str, Any]:
    key, equals, value = text.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise ConfigError(f"--set {text}: must read section.key=value, like reasoner.streams=3")
    try:
        nested: Any = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        nested = value
    for part in reversed(parts):
        nested = {part: nested}
    return nested


def _merge(into: dict[str, Any], values: Mapping[str, Any]) -> None:
    """Lay `values` over `into`; a table whose `kind` changes starts afresh.

    TOML has its own dates; moments are text here.
    """
    for key, value in values.items():
        old = into.get(key)
        if not isinstance(value, Mapping):
            into[key] = value.isoformat() if isinstance(value, date | time) else value
            continue
        table = cast("Mapping[str, Any]", value)
        under = cast("dict[str, Any]", old) if isinstance(old, dict) else {}
        kind = _kind_of(key, under)
        afresh = kind is not None and table.get("kind", kind) != kind
        into[key] = {} if afresh else dict(under)
        _merge(into[key], table)


def _explain_all(
    values: Mapping[str, Any],
    error: ValidationError,
    place: tuple[str, ...] = (),
    source: Callable[[str], str] = lambda _: "",
) -> str:
    """Every error of a validation in one text, the first of several about one value only.

    Args:
        values: The validated nested values, from the root.
        error: What pydantic found.
        place: Where the validated model stands in `values`.
        source: What an error about a key begins with.
    """
    found: dict[str, str] = {}
    for each in error.errors():
        name, text = _explain(values, [*place, *map(str, each["loc"])], each)
        found.setdefault(name, f"{source(name)}{text}")
    return "; ".join(found.values())


def _explain(values: Mapping[str, Any], place: list[str], error: Any) -> tuple[str, str]:
    """The key that an error is about, and the error in words."""
    place = _without_kind(place)
    name = ".".join(place)
    if error["type"] == "extra_forbidden":
        if len(place) == 1 and not isinstance(error["input"], Mapping):
            return name, f"{name}: unknown key{_nearest_of_all(name)}"
        return name, f"{name}: unknown key{nearest(place[-1], _keys_at(values, place[:-1]))}"
    if error["type"] == "value_error":
        return name, f"{name}: {error['ctx']['error']}".removeprefix(": ")
    if error["type"] == "missing":
        return name, f"{name}: must be given"
    if error["type"] == "union_tag_invalid":
        tag, tags = error["ctx"]["tag"], error["ctx"]["expected_tags"]
        return name, f"{name}.kind={str(tag)[:60]!r}: must be one of {tags}"
    given = error.get("input")
    shown = "" if isinstance(given, dict) else f"={str(given)[:60]!r}"
    if error["type"] in ("model_type", "model_attributes_type") and place:
        key = _keys_at(values, place)[0]
        return name, f"{name}{shown}: is a table; set its keys, like {name}.{key}"
    if error["type"] == "tuple_type":
        return name, f"{name}{shown}: {_as_list(name, given)}"
    return name, f"{name}{shown}: {error['msg']}"


def _without_kind(place: list[str]) -> list[str]:
    """The place of an error without what pydantic puts in: the chosen kind, the type in a union."""
    if not place or place[0] not in RunConfig.model_fields:
        return place
    union = len(_models(RunConfig.model_fields[place[0]].annotation)) > 1
    return [place[0], *place[2 if union else 1 :]][:2]


def _keys_at(values: Mapping[str, Any], place: Sequence[str]) -> list[str]:
    """Known keys of the table at `place`, as its `kind` chooses it."""
    model: type[BaseModel] = RunConfig
    for part in place:
        table = values.get(part)
        values = cast("Mapping[str, Any]", table) if isinstance(table, Mapping) else {}
        choices = _models(model.model_fields[part].annotation)
        model = next((m for m in choices if _kind(m) == values.get("kind")), choices[0])
    return list(model.model_fields)


def _kind(model: type[BaseModel]) -> Any:
    return model.model_fields["kind"].default if "kind" in model.model_fields else None


def _models(annotation: Any) -> list[type[BaseModel]]:
    if get_origin(annotation) in (Union, UnionType, Annotated):
        return [m for part in get_args(annotation) for m in _models(part)]
    return (
        [annotation] if isinstance(annotation, type) and issubclass(annotation, BaseModel) else []
    )


def _as_list(name: str, given: Any) -> str:
    """How a list is written; a shell eats the quotes of its texts."""
    if not (isinstance(given, str) and given.startswith("[")):
        return "must be a list, in brackets"
    words = [word.strip(" '\"") for word in given.strip("[] ")[:60].split(",")]
    listed = json.dumps(words, ensure_ascii=False)
    return f"texts in a list need quotes, and so does the shell: --set '{name}={listed}'"


def _nearest_of_all(name: str) -> str:
    """What a key without its table may mean: the keys of all tables come before the tables."""
    places: dict[str, list[str]] = {}
    for table, info in RunConfig.model_fields.items():
        for key in dict.fromkeys(k for m in _models(info.annotation) for k in m.model_fields):
            places.setdefault(key, []).append(f"{table}.{key}")
    near = difflib.get_close_matches(name, [*places, *RunConfig.model_fields], n=1, cutoff=0.6)
    if near and near[0] in places:
        return f"; did you mean {' or '.join(map(repr, places[near[0]]))}?"
    return nearest(name, list(RunConfig.model_fields))


def nearest(name: str, known: Sequence[str]) -> str:
    """What an unknown name may mean, as the end of a message: the nearest known one, or all."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean '{near[0]}'?" if near else f"; known: {', '.join(known)}"
