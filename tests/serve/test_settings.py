"""Settings: a server that others could reach does not start without a token."""

from pathlib import Path
from typing import Any

import pytest

from latentrec.errors import ConfigError
from latentrec.serve.settings import Settings


def settings(**changed: Any) -> Settings:
    return Settings(run=Path("run"), **changed)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "example.org", ""])
def test_other_machines_need_a_token(host: str) -> None:
    with pytest.raises(ConfigError, match="set LATENTREC_TOKEN"):
        settings(host=host).check()
    settings(host=host, token="0123456789abcdef").check()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.2"])
def test_this_machine_needs_none(host: str) -> None:
    settings(host=host).check()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"token": "short"}, "has 5 characters"),
        ({"token": ""}, "has 0 characters"),
        ({"share": 1.5}, "share=1.5"),
        ({"share": float("nan")}, "share=nan"),
        ({"queue": 0}, "queue=0"),
        ({"timeout_s": -1}, "timeout_s=-1"),
    ],
)
def test_impossible_settings_say_why(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        settings(**changed).check()
