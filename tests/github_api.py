"""What GitHub's REST API does with the comments of pull requests, for tests."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from local_server import running

TOKEN, REPOSITORY, NUMBER = "secret", "someone/lineup", 7
ISSUES = f"/repos/{REPOSITORY}/issues"


@dataclass
class Discussion:
    """The comments of pull request NUMBER at the API's address `url`; requests: the methods that came."""

    url: str = ""
    comments: list[dict[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def add(self, body: str, kind: str = "User") -> dict[str, Any]:
        number = len(self.comments) + 1
        self.comments.append(
            {"id": number, "body": body, "user": {"type": kind}, "html_url": f"{self.url}/comment/{number}"}
        )
        return self.comments[-1]


@contextmanager
def discuss() -> Iterator[Discussion]:
    """An empty discussion on a free port until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.discussion = Discussion()
    with running(server) as url:
        server.discussion.url = url
        yield server.discussion


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = re.fullmatch(rf"{ISSUES}/{NUMBER}/comments\?per_page=(\d+)(?:&page=(\d+))?", self.path)
        if not self._allow(found):
            return
        # Two a page, whatever is asked for: GitHub may give fewer as well.
        page, comments = int(found[2] or 1), self._discussion.comments
        links = {}
        if page * 2 < len(comments):
            after = f"{self._discussion.url}{ISSUES}/{NUMBER}/comments?per_page={found[1]}&page={page + 1}"
            links["Link"] = f'<{after}>; rel="next", <{after}>; rel="last"'
        self._answer(200, comments[page * 2 - 2 : page * 2], links)

    def do_POST(self) -> None:
        if self._allow(self.path == f"{ISSUES}/{NUMBER}/comments"):
            self._answer(201, self._discussion.add(self._read()["body"], "Bot"))

    def do_PATCH(self) -> None:
        found = re.fullmatch(rf"{ISSUES}/comments/(\d+)", self.path)
        if self._allow(found):
            comment = self._discussion.comments[int(found[1]) - 1]
            comment["body"] = self._read()["body"]
            self._answer(200, comment)

    @property
    def _discussion(self) -> Discussion:
        return self.server.discussion

    def _allow(self, known: object) -> bool:
        self._discussion.requests.append(self.command)
        allowed = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        if not (known and allowed):
            self._answer(404 if allowed else 403, {"message": "Resource not accessible by integration"})
        return bool(known and allowed)

    def _read(self) -> dict[str, Any]:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, status: int, content: object, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
