"""One file over http or https, continued where it was cut off."""

import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from lineup.errors import LineupError
from lineup.sources.progress import track

WAITS = (1.0, 2.0, 4.0, 8.0)  # seconds between tries
TIMEOUT = (10.0, 30.0)  # seconds to connect, and without a byte
HOPS = 5
CHUNK = 2**18
MOST_BYTES = 512 * 2**20  # of a file whose size is not pinned
# Storage services say 403 for what is not there to whoever may not list its folder.
ABSENT = {403, 404}
PASSING = {408, 429, 500, 502, 503, 504}
MIRROR = "set LINEUP_MIRROR to a folder or URL that has the file"


class MissingError(LineupError):
    """The server says that it has no such file."""


class _CutOffError(Exception):
    """This try failed; the next one may not."""


FLEETING = (_CutOffError, requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError)


def download(
    url: str,
    part: Path,
    *,
    size: int | None = None,
    session: requests.Session | None = None,
    waits: Sequence[float] = WAITS,
) -> None:
    """Collect the bytes of `url` in `part`, after those that an earlier try left there.

    size: exact number of bytes, if known. Interruptions are retried after each of `waits` seconds. Raises
    MissingError for status 403 or 404, LineupError for any other refusal; `part` then holds a good beginning
    or nothing.
    """
    with session or requests.Session() as open_session:
        for wait in (*waits, None):
            try:
                part.parent.mkdir(parents=True, exist_ok=True)
                _try(open_session, url, part, size)
                return
            except FLEETING as error:
                if wait is None:
                    raise _give_up(url, part, len(waits) + 1, error) from error
                time.sleep(wait)
            except requests.RequestException as error:
                raise LineupError(url, str(error), "an address that can be asked", MIRROR) from error
            except OSError as error:
                found = f"cannot be written ({error.strerror})"
                raise LineupError(str(part), found, "a writable folder with space", "mend that") from error


def _give_up(url: str, part: Path, tries: int, error: Exception) -> LineupError:
    kept = _length(part)
    fix = f"run again, the {kept:,} bytes that came are kept" if kept else f"check the network, or {MIRROR}"
    return LineupError(url, f"failed {tries} times ({' '.join(str(error).split())})", "the whole file", fix)


def _try(session: requests.Session, url: str, part: Path, size: int | None) -> None:
    start = _length(part)
    if start and start == size:
        return
    if size is not None and start > size:
        part.unlink()
        start = 0
    with _open(session, url, start) as response:
        if response.status_code == 416 and start:
            _settle(response, part, start)
            return
        _check_answer(response, url)
        if response.status_code == 206:
            _check_range(response, part, start)
        done = start if response.status_code == 206 else 0
        total = _total(response, done)
        _check_size(url, total, size)
        _receive(response, part, done, total, size or MOST_BYTES)


def _open(session: requests.Session, url: str, start: int) -> requests.Response:
    """Ask for `url` from byte `start` on. Raises LineupError for a redirect to http, or too many."""
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    address = url
    for _ in range(HOPS):
        response = session.get(address, headers=headers, stream=True, allow_redirects=False, timeout=TIMEOUT)
        if not response.is_redirect:
            return response
        response.close()
        target = urljoin(address, response.headers["Location"])
        if urlsplit(address).scheme == "https" != urlsplit(target).scheme:
            raise LineupError(url, f"redirected to {target}", "https all the way", MIRROR)
        address = target
    raise LineupError(url, f"redirected {HOPS} times, at last to {address}", "an end of it", MIRROR)


def _settle(response: requests.Response, part: Path, start: int) -> None:
    """Answer 416: `part` is the whole file already, or the bytes of something else."""
    if response.headers.get("Content-Range") != f"bytes */{start}":
        part.unlink()
        raise _CutOffError("the server has no such range")


def _check_answer(response: requests.Response, url: str) -> None:
    kind = response.headers.get("Content-Type", "no type")
    length = response.headers.get("Content-Length", "unknown number of")
    found = f"status {response.status_code} with {kind}, {length} bytes"
    if response.status_code in PASSING:
        raise _CutOffError(found)
    if response.status_code in ABSENT:
        raise MissingError(url, found, "status 200 with an archive", MIRROR)
    if response.status_code not in (200, 206) or "html" in kind:
        raise LineupError(url, found, "status 200 with an archive", MIRROR)


def _check_range(response: requests.Response, part: Path, start: int) -> None:
    if not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
        part.unlink(missing_ok=True)
        raise _CutOffError("the server sent another range than asked for")


def _total(response: requests.Response, done: int) -> int | None:
    length = response.headers.get("Content-Length", "")
    return done + int(length) if length.isdigit() else None


def _check_size(url: str, total: int | None, size: int | None) -> None:
    if size is not None and total is not None and total != size:
        raise LineupError(url, f"{total:,} bytes", f"{size:,} bytes", MIRROR)
    if total is not None and total > MOST_BYTES:
        raise LineupError(url, f"{total:,} bytes", f"at most {MOST_BYTES:,} bytes", MIRROR)


def _receive(response: requests.Response, part: Path, done: int, total: int | None, most: int) -> None:
    """Append to the first `done` bytes of `part` what comes, `most` bytes in all."""
    _check_space(part, (total or done) - done)
    with part.open("ab" if done else "wb") as file:
        for chunk in track(_chunks(response), _name(response), done, total):
            file.write(chunk)
            if file.tell() > most:
                file.truncate(0)
                raise LineupError(response.url, f"more than {most:,} bytes", "no more than that", MIRROR)
    if total is not None and _length(part) < total:
        raise _CutOffError(f"{_length(part):,} of {total:,} bytes came")


def _chunks(response: requests.Response) -> Iterator[bytes]:
    # The raw stream: iter_content would unpack an archive that is declared as Content-Encoding gzip.
    yield from response.raw.stream(CHUNK, decode_content=False)


def _name(response: requests.Response) -> str:
    return urlsplit(response.url).path.rpartition("/")[2]


def _check_space(part: Path, needed: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if needed > free:
        raise LineupError(str(part), f"{free:,} bytes free", f"{needed:,} bytes", "free some space")


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
