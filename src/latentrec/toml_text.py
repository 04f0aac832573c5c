"""Nested values to TOML text, and back from a file."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latentrec.errors import ConfigError


def read_toml(what: str, path: Path) -> dict[str, Any]:
    """The nested values of a TOML file.

    Args:
        what: What the file is, for errors.
        path: The file.

    Raises:
        ConfigError: If the file is missing or no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{what} {path}: does not exist") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{what} {path}: not readable as TOML ({error})") from None


def to_toml(tables: Mapping[str, Mapping[str, Any] | None]) -> str:
    """TOML of a mapping of tables; tables and values that are None are left out.

    Args:
        tables: Texts, finite numbers, truth values and lists of them by section and key.

    Example:
        >>> print(to_toml({"split": {"kind": "time", "valid_from": None}, "post_train": None}))
        [split]
        kind = "time"
        <BLANKLINE>
    """
    return "\n".join(
        "".join([f"[{name}]\n", *(f"{k} = {_value(v)}\n" for k, v in of.items() if v is not None)])
        for name, of in tables.items()
        if of is not None
    )


def _value(value: Any) -> str:
    """JSON's form, which is TOML's too if no character is two escapes and DEL is one."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", r"\u007f")
