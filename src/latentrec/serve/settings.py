"""Settings of a server: what it serves, where it listens, and its limits."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias, final, get_args

from latentrec.errors import ConfigError

TOKEN_VARIABLE: Final = "LATENTREC_TOKEN"
"""Environment variable that holds the token; never an option, which other users could see."""
Engine: TypeAlias = Literal["torch", "onnx"]
"""What computes ranking states."""
SHORTEST_TOKEN: Final = 16
"""Fewest characters of a token."""


@final
@dataclass(frozen=True)
class Settings:
    """What a server is started with.

    Attributes:
        run: Folder of the run; may be a link, which is followed anew at every reload.
        against: A second run to compare with, arm `b` of an A/B test.
        share: Share of the users that arm `b` answers, in [0, 1].
        store: File or Redis URL of the history store; None keeps no histories.
        token: What callers must show; None lets every local caller in.
        host: Address to listen at.
        port: Port to listen at; 0 takes a free one.
        device: Where the models work.
        engine: What thinks: torch, or ONNX Runtime for as much thinking as was trained.
        queue: Most histories that wait.
        body_bytes: Largest request body.
        timeout_s: Longest time for a request to arrive, and then to be answered.
        drain_s: How long a server that was told to stop still takes requests in, so that clients
            with open connections learn of it.
    """

    run: Path
    against: Path | None = None
    share: float = 0.5
    store: str | None = None
    token: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    device: str = "cpu"
    engine: Engine = "torch"
    queue: int = 1024
    body_bytes: int = 2**20
    timeout_s: float = 10.0
    drain_s: float = 0.5

    def check(self) -> None:
        """Raise ConfigError where the settings are not safe or make no sense."""
        if not 0 <= self.share <= 1:
            raise ConfigError(f"share={self.share}: must be 0 to 1, the share of the second run")
        for name in ("queue", "body_bytes", "timeout_s"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name}={getattr(self, name)}: must be above 0")
        if self.engine not in get_args(Engine):
            raise ConfigError(
                f"engine '{self.engine}': must be one of {', '.join(get_args(Engine))}"
            )
        if self.engine == "onnx" and self.device != "cpu":
            raise ConfigError(f"device '{self.device}': the engine onnx works on the cpu only")
        if self.token is not None and len(self.token) < SHORTEST_TOKEN:
            raise ConfigError(
                f"{TOKEN_VARIABLE}: has {len(self.token)} characters; a token needs at least "
                f"{SHORTEST_TOKEN}, for example from `openssl rand -hex 32`"
            )
        if self.token is None and not is_loopback(self.host):
            raise ConfigError(
                f"host {self.host}: other machines could reach the server and there is no token; "
                f"set {TOKEN_VARIABLE}, or listen at 127.0.0.1"
            )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address.

    Example:
        >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
        (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
