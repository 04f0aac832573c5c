"""Tensor file: numbers with a description beside them in one safetensors file, checked by hash."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, final

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from latentrec.errors import CheckpointError
from latentrec.train.atomic import sha256

T = TypeVar("T")


@final
@dataclass(frozen=True)
class TensorFile:
    """One kind of file in the folder of a run.

    Attributes:
        name: Its name.
        key: Under which its description stands in the metadata.
        version: Raised when an older reader could misread a newer file.
        way_out: What a user does about a file that cannot be used.
    """

    name: str
    key: str
    version: int
    way_out: str

    def write(self, folder: Path, tensors: dict[str, Any], described: dict[str, Any]) -> str:
        """Keep arrays and what JSON can say of them; the file's SHA-256."""
        about = json.dumps({"format_version": self.version, **described}, ensure_ascii=False)
        save_file(tensors, folder / self.name, {self.key: about})
        return sha256(folder / self.name)

    def read(
        self, folder: Path, expected: object, make: Callable[[dict[str, Any], dict[str, Any]], T]
    ) -> T:
        """What `write` kept.

        Args:
            folder: Folder of the run.
            expected: The SHA-256 that the run wrote down.
            make: From arrays and description to the thing itself.

        Raises:
            CheckpointError: If the file is missing, changed or of another version.
        """
        path = folder / self.name
        try:
            if sha256(path) != expected:
                raise CheckpointError(
                    f"{path}: its SHA-256 differs from run.json; the file was changed: give back "
                    f"the old file or {self.way_out}"
                )
            return make(*self._parts(path))
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{path}: not readable ({error}); {self.way_out}") from None

    def _parts(self, path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        with safe_open(path, framework="numpy") as file:
            described = json.loads(file.metadata()[self.key])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if described["format_version"] != self.version:
            raise CheckpointError(
                f"{path}: format version {described['format_version']}, this latentrec reads "
                f"{self.version}; use the release that wrote it, or {self.way_out}"
            )
        return tensors, described
