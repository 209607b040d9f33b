"""A small web server for tests, in a thread, that misbehaves on demand."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Page:
    """What one address answers. cuts: bytes after which the connection is dropped, one for each request."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    ranges: bool = True
    shift: int = 0
    cuts: list[int] = field(default_factory=list)


@dataclass
class Site:
    """The pages by path, the (path, Range header) of each request that came, and of the last one what
    encodings it accepted and how it said who asks."""

    url: str
    pages: dict[str, Page] = field(default_factory=dict)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    accepted: str = ""
    token: str = ""


@contextmanager
def serve() -> Iterator[Site]:
    """Serve a site on a free port until the block ends."""
    server = _Server(("127.0.0.1", 0), _Handler)
    with running(server) as url:
        server.site = Site(url)
        yield server.site


@contextmanager
def running(server: ThreadingHTTPServer) -> Iterator[str]:
    """Let `server` answer, in a thread, until the block ends; gives its address."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Say nothing: clients of these tests hang up early."""


class _Handler(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        site = self.server.site
        asked = self.headers.get("Range")
        site.requests.append((self.path, asked))
        site.accepted = self.headers.get("Accept-Encoding", "")
        site.token = self.headers.get("Authorization", "")
        page = site.pages.get(self.path, Page(b"<html>no", 404, {"Content-Type": "text/html"}))
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and page.ranges else 0
        if start and start >= len(page.body):
            self._answer(416, {"Content-Range": f"bytes */{len(page.body)}"}, b"", None)
            return
        headers = dict(page.headers)
        if start:
            headers["Content-Range"] = f"bytes {start + page.shift}-{len(page.body) - 1}/{len(page.body)}"
        cut = page.cuts.pop(0) if page.cuts else None
        self._answer(206 if start else page.status, headers, page.body[start:], cut)

    def _answer(self, status: int, headers: dict[str, str], body: bytes, cut: int | None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body[:cut])
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""
