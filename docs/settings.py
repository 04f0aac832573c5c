"""Writes the tables of settings in docs/guide/configuration.md from the configuration itself."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from latentrec.config import RunConfig
from latentrec.pretrain_config import PretrainConfig

PAGE = Path(__file__).parent / "guide" / "configuration.md"
START, END = "<!-- settings: written by `make docs` -->\n", "<!-- end of settings -->\n"


def settings_page(text: str) -> str:
    """The page with its tables written anew."""
    before, _, rest = text.partition(START)
    return before + START + "\n" + "\n".join(tables()) + "\n" + END + rest.partition(END)[2]


def tables() -> Iterator[str]:
    """One table for each kind of each section, in the order of `RunConfig`; pre-training last."""
    sections = {**RunConfig.model_fields, "contrast": PretrainConfig.model_fields["contrast"]}
    for section, info in sections.items():
        for model in models(info.annotation):
            kind = model.model_fields.get("kind")
            title = f"### `[{section}]`" + (f' with `kind = "{kind.default}"`' if kind else "")
            usual = " This is the default." if kind and isinstance(info.default, model) else ""
            yield f"{title}\n\n{flat(model.__doc__)}{usual}\n"
            rows = [row(name, f) for name, f in model.model_fields.items() if name != "kind"]
            if rows:
                yield "\n".join(["| setting | default | meaning |", "|---|---|---|", *rows, ""])


def row(name: str, info: FieldInfo) -> str:
    """One line of a table."""
    default = "must be given" if info.is_required() else f"`{toml(info.default)}`"
    values = ", ".join(f"`{toml(value)}`" for value in choices(info.annotation))
    meaning = flat(info.description).replace("|", "\\|")
    return f"| `{name}` | {default} | {meaning}{f' One of {values}.' if values else ''} |"


def choices(annotation: Any) -> tuple[Any, ...]:
    """The values that a setting may have, if they are few and named."""
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def models(annotation: Any) -> list[type[BaseModel]]:
    """The tables that a section may hold."""
    if get_origin(annotation) in (Union, UnionType, Annotated):
        return [model for part in get_args(annotation) for model in models(part)]
    return (
        [annotation] if isinstance(annotation, type) and issubclass(annotation, BaseModel) else []
    )


def toml(value: Any) -> str:
    """A default as TOML; `none` where leaving the setting out means something of its own."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def flat(text: str | None) -> str:
    """A docstring as one line."""
    return " ".join((text or "").split())


if __name__ == "__main__":
    PAGE.write_text(settings_page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE}\n")
