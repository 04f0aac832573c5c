"""From presets, TOML files and overrides to one checked configuration."""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, Union, cast, get_args, get_origin

from pydantic import BaseModel, ValidationError

from latentrec.config import RunConfig
from latentrec.errors import ConfigError

PRESETS: Final = Path(__file__).parent / "presets"
"""Folder of the presets: one TOML file each."""


def preset_names() -> list[str]:
    """Names that `--preset` takes."""
    return sorted(path.stem for path in PRESETS.glob("*.toml"))


def load_config(
    preset: str | None = None,
    file: Path | None = None,
    overrides: Sequence[str] = (),
    base: Mapping[str, Any] | None = None,
) -> RunConfig:
    """The configuration from a preset, then a TOML file, then `base`, then `--set` overrides.

    Args:
        preset: Name of a preset, see `preset_names`.
        file: TOML file; its tables are laid over the preset's.
        overrides: Texts `section.key=value`; the value is TOML, or else plain text.
        base: Further nested values (what the command line's own options say).

    Raises:
        ConfigError: On an unknown preset, file, key or value; names the nearest known key.
    """
    merged: dict[str, Any] = {}
    if preset is not None:
        if preset not in preset_names():
            raise ConfigError(f"preset '{preset}': unknown{_nearest(preset, preset_names())}")
        merged = _read_toml(PRESETS / f"{preset}.toml")
    if file is not None:
        _merge(merged, _read_toml(file))
    _merge(merged, base or {})
    for text in overrides:
        _merge(merged, _parse_override(text))
    return parse_config(merged)


def parse_config(values: Mapping[str, Any]) -> RunConfig:
    """The configuration from nested values.

    Raises:
        ConfigError: On an unknown key or a value out of range.
    """
    values = _with_kinds(values)
    try:
        return RunConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError("; ".join(_explain(values, e) for e in error.errors())) from None


def _with_kinds(values: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in the default `kind` of tables that name none; data with a path are files."""
    filled = dict(values)
    for name, info in RunConfig.model_fields.items():
        table, kind = filled.get(name), getattr(info.default, "kind", None)
        if kind is not None and isinstance(table, Mapping):
            given = cast("Mapping[str, Any]", table)
            kind = "files" if name == "data" and "path" in given else kind
            filled[name] = {"kind": kind, **given}
    return filled


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"config file {path}: does not exist") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"config file {path}: not readable as TOML ({error})") from None


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
    """Lay `values` over `into`; a table whose `kind` changes starts afresh."""
    for key, value in values.items():
        old = into.get(key)
        if not isinstance(value, Mapping):
            into[key] = value
            continue
        table = cast("Mapping[str, Any]", value)
        if not isinstance(old, dict) or table.get("kind", old.get("kind")) != old.get("kind"):
            old = {}
        into[key] = dict(cast("dict[str, Any]", old))
        _merge(into[key], table)


def _explain(values: Mapping[str, Any], error: Any) -> str:
    kinds = {"files", "synthetic", "leave-one-out", "time", "given", "id", "sasrec", "none", "plr"}
    place = [str(p) for p in error["loc"] if p not in kinds]
    name = ".".join(place) or "configuration"
    if error["type"] == "extra_forbidden":
        return f"{name}: unknown key{_nearest(place[-1], _keys_at(values, place[:-1]))}"
    if error["type"] == "value_error":
        return f"{name}: {error['ctx']['error']}"
    given = error.get("input")
    shown = "" if isinstance(given, dict) else f"={str(given)[:60]!r}"
    return f"{name}{shown}: {error['msg']}"


def _keys_at(values: Mapping[str, Any], place: Sequence[str]) -> list[str]:
    """Known keys of the table at `place`, as its `kind` chooses it."""
    model: type[BaseModel] = RunConfig
    for part in place:
        values = values.get(part, {})
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


def _nearest(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean '{near[0]}'?" if near else f"; known: {', '.join(known)}"
