"""Arms: the one or two runs that are served, who is answered by which, and how one is replaced."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias, final

from latentrec.errors import CheckpointError, ConfigError
from latentrec.model.reasoner.effort import Effort
from latentrec.run import Run, load
from latentrec.run.folder import CHECKPOINTS, read_config
from latentrec.scorer import States
from latentrec.serve.effort import Cost, calibrate, views
from latentrec.serve.engine import graph_for
from latentrec.serve.items import ItemSearch
from latentrec.serve.requests import NewItem
from latentrec.serve.settings import Engine
from latentrec.train.atomic import sha256
from latentrec.train.checkpoint import MODEL, CheckpointFolder

ArmName: TypeAlias = Literal["a", "b"]


@final
@dataclass(frozen=True, eq=False)
class Arm:
    """A run that is ready to answer. Never changed: a reload makes a new one.

    Attributes:
        name: `a`, or `b` in an A/B test.
        run: The run.
        version: First 12 characters of the SHA-256 of its weights.
        views: The run at each choice of streams and steps.
        graph: What thinks as much as was trained, if it is not the run's own model.
        costs: What each choice takes here.
        items: Its items by title and field.
        added: Items that were added while it was served.
    """

    name: ArmName
    run: Run
    version: str
    views: dict[Effort, Run]
    costs: list[Cost]
    items: ItemSearch
    graph: States | None = None
    added: tuple[NewItem, ...] = ()


def open_arm(name: ArmName, folder: Path, device: str, engine: Engine = "torch") -> Arm:
    """Load a run, checked to the last byte, and let it answer once before anybody asks.

    Raises:
        CheckpointError: If the folder holds no sound run.
        ConfigError: If the device is not usable, or the engine's packages are missing.
        TrainingError: If its scores are not finite.
    """
    folder = folder.resolve()  # a link may move on while files are read
    run, version = _sound(folder, device)
    graph = graph_for(run) if engine == "onnx" else None
    able = views(run, graph)
    return Arm(name, run, version, able, calibrate(able), ItemSearch(run.catalogue), graph)


def _sound(folder: Path, device: str) -> tuple[Run, str]:
    """A run and its version, read again where a training replaced its checkpoint meanwhile.

    Raises:
        CheckpointError: If the folder holds no sound run, or the second time is no better.
    """
    with suppress(CheckpointError, FileNotFoundError):
        return _loaded(folder, device)
    try:
        return _loaded(folder, device)
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{error.filename}: vanished while it was read; is a training still writing this run? "
            "try again"
        ) from None


def _loaded(folder: Path, device: str) -> tuple[Run, str]:
    read_config(folder)  # says so if this is no run at all
    checkpoints = CheckpointFolder(folder / CHECKPOINTS)
    best = checkpoints.find("best")
    run, version = load(folder, device=device), sha256(best / MODEL)[:12]
    if checkpoints.find("best") != best:
        raise CheckpointError(f"{best}: was replaced while it was read; try again")
    return run, version


@final
@dataclass(frozen=True)
class Arms:
    """One or two arms.

    Attributes:
        a: The run that answers.
        b: The run that it is compared with.
        share: Share of the users that `b` answers.
    """

    a: Arm
    b: Arm | None
    share: float

    @property
    def all(self) -> list[Arm]:
        """Every arm."""
        return [self.a] if self.b is None else [self.a, self.b]

    def share_of(self, arm: Arm) -> float:
        """Share of the users that an arm answers."""
        if self.b is None:
            return 1.0
        return self.share if arm.name == "b" else 1 - self.share

    def of_user(self, user_id: str | None) -> Arm:
        """The arm of a user: always the same one; `a` for nobody in particular."""
        if self.b is None or user_id is None or place_of(user_id) >= self.share:
            return self.a
        return self.b

    def named(self, name: ArmName) -> Arm:
        """The arm of a name.

        Raises:
            ConfigError: If only one run is served.
        """
        if name == "a":
            return self.a
        if self.b is None:
            raise ConfigError("only one run is served; start with --against for a second")
        return self.b

    def replaced(self, arm: Arm) -> "Arms":
        """The same with a new arm in the place of the old one of its name."""
        return replace(self, a=arm) if arm.name == "a" else replace(self, b=arm)


def place_of(user_id: str) -> float:
    """Where a user stands between 0 and 1: evenly spread, and the same on every server.

    Example:
        >>> place_of("u1") == place_of("u1"), 0 <= place_of("u2") < 1
        (True, True)
    """
    digest = hashlib.sha256(f"latentrec arm {user_id}".encode()).digest()
    return int.from_bytes(digest[:6]) / 2**48
