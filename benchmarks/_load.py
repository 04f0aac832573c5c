"""Clients that cost little: one thread, one epoll, open connections, bodies made beforehand.

A process of its own, which shares the machine with the server it asks. Run by `serving.py` as

    python benchmarks/_load.py PORT SECONDS RATE CLIENTS ITEMS

where RATE is requests a second of all clients together; 0 asks as fast as answers come. At a rate
a request's time counts from when it was due, so a late answer makes the next one late as well.
Prints one JSON object: `ms` (sorted), `errors`, `cpu_s`.
"""

import json
import random
import select
import socket
import sys
import time
from dataclasses import dataclass
from typing import Any, Final

LENGTH: Final = 50
TOP_K: Final = 20
BODIES: Final = 500
HEAD: Final = (
    "POST /recommend HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    "Content-Length: {}\r\n\r\n"
)


@dataclass
class Client:
    """One connection: when its next request is due, when the one under way was, what came."""

    connection: socket.socket
    due: float
    asking: bool = False
    answer: bytes = b""

    def ask(self, body: bytes) -> None:
        """Send a request; it fits into the socket's buffer."""
        self.asking, self.answer = True, b""
        self.connection.sendall(body)

    def read(self) -> int | None:
        """Status, once the answer is whole.

        Raises:
            ConnectionError: If the server hung up.
        """
        part = self.connection.recv(65536)
        if not part:
            raise ConnectionError
        self.answer += part
        head, found, body = self.answer.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return None
        self.asking = False
        return int(head[9:12])


def _length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])


def bodies(items: int) -> list[bytes]:
    """Whole requests with histories drawn from so many items."""
    rng, found = random.Random(0), list[bytes]()
    for _ in range(BODIES):
        history = [f"item{rng.randrange(items):06}" for _ in range(LENGTH)]
        body = json.dumps({"histories": [history], "top_k": TOP_K})
        found.append(HEAD.format(len(body)).encode() + body.encode())
    return found


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def drive(port: int, seconds: float, rate: float, count: int, items: int) -> dict[str, Any]:
    """Ask for some time; see the module."""
    asked, gap_s = bodies(items), count / rate if rate else 0.0
    rng, poll, ms, errors, sent = random.Random(1), select.epoll(), list[float](), 0, 0
    begun = time.perf_counter()
    clients: dict[int, Client] = {}
    for _ in range(count):
        connection = _connect(port)
        clients[connection.fileno()] = Client(connection, begun + rng.random() * gap_s)
        poll.register(connection, select.EPOLLIN)
    until = begun + seconds
    while (now := time.perf_counter()) < until:
        wait = until - now
        for client in clients.values():
            if client.asking:
                continue
            if client.due <= now:
                client.ask(asked[sent % BODIES])
                sent += 1
            else:
                wait = min(wait, client.due - now)
        for number, _ in poll.poll(wait):
            client = clients[number]
            status = client.read()
            if status is not None:
                done = time.perf_counter()
                ms.append(1000 * (done - client.due))
                errors += status != 200
                client.due = client.due + gap_s if gap_s else done
    return {"ms": sorted(ms), "errors": errors, "cpu_s": time.process_time()}


if __name__ == "__main__":
    port, seconds, rate, count, items = sys.argv[1:]
    print(json.dumps(drive(int(port), float(seconds), float(rate), int(count), int(items))))
