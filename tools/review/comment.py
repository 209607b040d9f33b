"""One comment on a pull request, posted once and then updated, through GitHub's REST API.

https://docs.github.com/en/rest/issues/comments: comments of a pull request are those of its issue.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import requests

from lineup.errors import LineupError

TIMEOUT = 30.0  # seconds
PAGE = 100  # comments, the most that GitHub gives at once
NEEDED = "a token that may write to pull requests"


@dataclass(frozen=True)
class PullRequest:
    """The pull request `number` of `repository` (owner/name), at the API's address `api`."""

    api: str
    repository: str
    number: int
    token: str

    def comment(self, mark: str, text: str) -> str:
        """Post `text`, which begins with `mark`, or put it in place of the one posted before.

        Gives the comment's address. Only a bot's comment is replaced: anybody can write one that begins with
        the mark. Raises LineupError.
        """
        with requests.Session() as session:
            session.headers.update(
                {
                    "Authorization": f"Bearer {self.token}",
                    "Accept": "application/vnd.github+json",
                    "X-GitHub-Api-Version": "2022-11-28",
                }
            )
            issues = f"{self.api}/repos/{self.repository}/issues"
            here = f"{issues}/{self.number}/comments"
            ours = next((each for each in self._list(session, here) if is_ours(each, mark)), None)
            if ours is None:
                answer = _ask(session, "POST", here, json={"body": text})
            else:
                answer = _ask(session, "PATCH", f"{issues}/comments/{ours['id']}", json={"body": text})
            address: str = answer.json()["html_url"]
        return address

    @staticmethod
    def _list(session: requests.Session, address: str) -> Iterator[dict[str, Any]]:
        """The comments, oldest first, page by page."""
        page = f"{address}?per_page={PAGE}"
        while page:
            answer = _ask(session, "GET", page)
            yield from answer.json()
            page = answer.links.get("next", {}).get("url", "")


def is_ours(comment: dict[str, Any], mark: str) -> bool:
    """Whether we posted a comment."""
    return bool(comment["user"]["type"] == "Bot" and comment["body"].startswith(mark))


def _ask(session: requests.Session, method: str, address: str, **more: Any) -> requests.Response:
    try:
        answer = session.request(method, address, timeout=TIMEOUT, **more)
        answer.raise_for_status()
    except requests.RequestException as error:
        found = f"{method} failed ({' '.join(str(error).split())})"
        raise LineupError(
            address, found, NEEDED, "check the workflow's permissions, then run again"
        ) from error
    return answer
