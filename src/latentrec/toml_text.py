"""Nested values as TOML text: what `--config` reads back."""

import json
from collections.abc import Mapping
from typing import Any


def to_toml(tables: Mapping[str, Mapping[str, Any] | None]) -> str:
    """TOML of a mapping of tables; tables and values that are None are left out.

    Args:
        tables: Texts, numbers, truth values and lists of them by section and key.

    Example:
        >>> print(to_toml({"split": {"kind": "time", "valid_from": None}, "post_train": None}))
        [split]
        kind = "time"
        <BLANKLINE>
    """
    return "\n".join(
        "".join(
            [f"[{name}]\n", *(f"{k} = {json.dumps(v)}\n" for k, v in of.items() if v is not None)]
        )
        for name, of in tables.items()
        if of is not None
    )
