"""Logs: one JSON object a line on stderr; never a user id, a history or an item."""

import json
import logging
import sys
import threading
import time
import traceback
from collections import deque
from typing import Any, Final, final

LOGGER: Final = logging.getLogger("latentrec.serve")
REQUEST: Final = "request"
"""Event of the one line that every request writes."""
TOGETHER_S: Final = 0.05
"""How long lines of requests may wait to be written together, in seconds."""


@final
class JsonFormatter(logging.Formatter):
    """A record as JSON: time, level, event, and what the caller adds as `extra={"values": ..}`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{seconds}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "values", {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            line["trace"] = _places(record.exc_info[2])
        return json.dumps(line, ensure_ascii=False)


def _places(trace: Any) -> list[str]:
    """Where an error came from, without its message, which might hold what a user sent."""
    frames = traceback.extract_tb(trace)
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]


@final
class RequestsTogether(logging.StreamHandler[Any]):
    """Writes lines of requests together, off the event loop; any other line at once, in order.

    A write gives the interpreter to the inference thread, and the event loop would wait for it to
    come back after every single request (docs/adr/0045).

    Args:
        stream: Where to.
    """

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._lines: deque[str] = deque()
        self._some = threading.Event()
        self._writing = threading.Lock()
        threading.Thread(target=self._write_on, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line, and write all if it is not of a request."""
        self._lines.append(f"{self.format(record)}\n")
        if record.msg != REQUEST:
            self.flush()
        elif not self._some.is_set():
            self._some.set()

    def flush(self) -> None:
        """Write what is kept."""
        with self._writing:
            self._some.clear()
            kept = "".join(self._lines.popleft() for _ in range(len(self._lines)))
            self.stream.write(kept)
            self.stream.flush()

    def _write_on(self) -> None:
        while self._some.wait():
            time.sleep(TOGETHER_S)
            self.flush()


def start_logging() -> None:
    """Send our log and uvicorn's to stderr as JSON; uvicorn's lines of requests are left out."""
    handler = RequestsTogether(sys.stderr)
    handler.setFormatter(JsonFormatter())
    for name in ("latentrec.serve", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(logging.INFO)
        logger.propagate = False
    logging.getLogger("uvicorn.access").disabled = True


def log(event: str, **values: Any) -> None:
    """Write one line."""
    LOGGER.info(event, extra={"values": values})
