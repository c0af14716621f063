"""Who is called by a webhook, on loopback: a person's way, or a dead man's switch."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(kw_only=True)
class Receiver:
    """Keeps what it was told, by path, the oldest first; paths in `refused` are answered 403."""

    url: str
    told: dict[str, list[Any]] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)

    def count(self, path: str) -> int:
        """Return how often a path was called."""
        return len(self.told.get(path, ()))


@contextmanager
def receiving() -> Generator[Receiver]:
    """Hold one that listens."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            path = self.path.partition("?")[0]
            receiver.told.setdefault(path, []).append(json.loads(body))
            self.send_response(403 if path in receiver.refused else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the standard library's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(url=f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
