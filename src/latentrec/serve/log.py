"""Logs: one JSON object a line on stderr; never a user id, a history or an item."""

import json
import logging
import sys
import time
import traceback
from typing import Any, Final, final

LOGGER: Final = logging.getLogger("latentrec.serve")


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


def start_logging() -> None:
    """Send our log and uvicorn's to stderr as JSON; uvicorn's lines of requests are left out."""
    handler = logging.StreamHandler(sys.stderr)
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
