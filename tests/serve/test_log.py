"""Logs: one JSON object a line, and an error without its message, which may hold user data."""

import io
import json
import logging
import sys
import time

from latentrec.serve.log import REQUEST, JsonFormatter, RequestsTogether


def line(level: int, message: str, **more: object) -> dict[str, object]:
    record = logging.LogRecord("x", level, "x.py", 1, message, (), None)
    record.__dict__.update(more)
    text = JsonFormatter().format(record)
    assert "\n" not in text
    return json.loads(text)


def test_a_line_holds_time_level_event_and_values() -> None:
    got = line(logging.INFO, "two\nlines", values={"ms": 1.5})
    assert (got["level"], got["event"], got["ms"]) == ("info", "two\nlines", 1.5)
    assert str(got["time"]).endswith("Z")


def test_an_error_is_told_by_its_kind_and_place_only() -> None:
    try:
        raise ValueError("item secret of user secret")
    except ValueError:
        got = line(logging.ERROR, "failed", exc_info=sys.exc_info())
    assert got["error"] == "ValueError"
    assert "test_log.py" in str(got["trace"])
    assert "secret" not in str(got)


def test_lines_of_requests_are_written_together_and_in_order() -> None:
    """Soon, without any other line; and at once before another line, which may be the last."""
    stream = io.StringIO()
    handler = RequestsTogether(stream)

    def write(message: str) -> None:
        handler.handle(logging.LogRecord("x", logging.INFO, "x.py", 1, message, (), None))

    write(REQUEST)
    until = time.monotonic() + 30
    while not stream.getvalue() and time.monotonic() < until:
        time.sleep(0.01)
    assert stream.getvalue() == f"{REQUEST}\n"
    for message in (REQUEST, REQUEST, "stopped"):
        write(message)
    assert stream.getvalue().split() == [REQUEST] * 3 + ["stopped"]
