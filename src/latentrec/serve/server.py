"""The server process: uvicorn with a graceful end, and a reload on SIGHUP."""

import asyncio
import gc
import signal
import socket
from contextlib import suppress
from typing import Any, final

import torch
import uvicorn

from latentrec.errors import ConfigError
from latentrec.serve.app import create_app
from latentrec.serve.log import log, start_logging
from latentrec.serve.problems import RefusedError
from latentrec.serve.service import Service, open_service
from latentrec.serve.settings import Settings

IDLE_S = 65
"""How long an idle connection stays open: longer than what stands in front of it waits."""
BACKLOG = 2048
"""Connections that may wait to be taken."""


@final
class Server(uvicorn.Server):
    """A uvicorn server that tells its callers before it closes the door (docs/adr/0040).

    Args:
        config: See uvicorn.
        service: What answers.
    """

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, say where, and watch for SIGHUP."""
        await super().startup(sockets)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, lambda: loop.create_task(self._reload()))
        for server in self.servers:
            for listener in server.sockets:
                host, port = listener.getsockname()[:2]
                shown = f"[{host}]" if ":" in host else host
                log("listening", url=f"http://{shown}:{port}/", host=host, port=port)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer for a moment with closed connections, then answer what is there, then end."""
        self._service.draining = True
        log("stopping")
        await asyncio.sleep(self._service.settings.drain_s)
        await super().shutdown(sockets)
        service = self._service
        log("stopped", accepted=service.accepted, answered=service.answered)

    async def _reload(self) -> None:
        for arm in self._service.arms.all:
            with suppress(RefusedError):  # logged by the service
                await self._service.reload(arm.name)


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; every request that was accepted is answered first.

    Raises:
        ConfigError: If the settings are not safe or the address cannot be listened at.
        CheckpointError: If a folder holds no sound run.
        StoreError: If the store cannot be opened.
    """
    settings.check()
    torch.set_num_threads(1)  # two threads make the slowest requests several times slower
    service = open_service(settings)
    gc.collect()
    gc.freeze()  # what lives as long as the server is not searched for garbage (docs/adr/0045)
    listener = _listen(settings)
    start_logging()
    options: dict[str, Any] = {"log_config": None, "access_log": False, "server_header": False}
    config = uvicorn.Config(
        create_app(service), timeout_keep_alive=IDLE_S, backlog=BACKLOG, **options
    )
    Server(config, service).run([listener])


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"{settings.host} port {settings.port}: cannot be listened at ({error.strerror}); "
            "take another --port"
        ) from None
    return listener
