import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
from local_server import Page, Site, serve
from requests.adapters import BaseAdapter

from lineup.errors import LineupError
from lineup.sources import transfer
from lineup.sources.transfer import MissingError, download

BODY = bytes(range(256)) * 4000
NOW = (0.0, 0.0)


@pytest.fixture
def site() -> Iterator[Site]:
    with serve() as running:
        yield running


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "downloads" / "file.part"


def test_a_whole_file_arrives(site: Site, part: Path) -> None:
    site.pages["/file"] = Page(BODY)
    download(f"{site.url}/file", part, size=len(BODY))
    assert part.read_bytes() == BODY
    # Ranges and sizes count the file's own bytes, so it must not come compressed.
    assert site.accepted == "identity"


def test_a_cut_off_file_is_continued_within_one_run(site: Site, part: Path) -> None:
    site.pages["/file"] = Page(BODY, cuts=[300_000])
    download(f"{site.url}/file", part, waits=NOW)
    assert part.read_bytes() == BODY
    assert site.requests == [("/file", None), ("/file", "bytes=300000-")]


def test_a_cut_off_file_is_continued_by_the_next_run(site: Site, part: Path) -> None:
    site.pages["/file"] = Page(BODY, cuts=[300_000])
    with pytest.raises(LineupError, match=r"failed 1 times .*run again, the 300,000 bytes"):
        download(f"{site.url}/file", part, waits=())
    download(f"{site.url}/file", part, waits=())
    assert part.read_bytes() == BODY
    assert site.requests[-1] == ("/file", "bytes=300000-")


def test_a_server_without_ranges_sends_the_file_anew(site: Site, part: Path) -> None:
    site.pages["/file"] = Page(BODY, ranges=False, cuts=[300_000])
    download(f"{site.url}/file", part, waits=NOW)
    assert part.read_bytes() == BODY


def test_another_range_than_asked_for_is_not_appended(site: Site, part: Path) -> None:
    site.pages["/file"] = Page(BODY, shift=7, cuts=[300_000])
    download(f"{site.url}/file", part, waits=NOW)
    assert part.read_bytes() == BODY


def test_a_complete_part_of_known_size_is_not_asked_for_again(site: Site, part: Path) -> None:
    part.parent.mkdir()
    part.write_bytes(BODY)
    download(f"{site.url}/file", part, size=len(BODY))
    assert site.requests == []


def test_a_complete_part_of_unknown_size_is_kept(site: Site, part: Path) -> None:
    part.parent.mkdir()
    part.write_bytes(BODY)
    site.pages["/file"] = Page(BODY)
    download(f"{site.url}/file", part, waits=())
    assert part.read_bytes() == BODY


@pytest.mark.parametrize("size", [None, len(BODY)])
def test_a_part_longer_than_the_file_is_dropped(site: Site, part: Path, size: int | None) -> None:
    part.parent.mkdir()
    part.write_bytes(BODY + b"more")
    site.pages["/file"] = Page(BODY)
    download(f"{site.url}/file", part, size=size, waits=NOW)
    assert part.read_bytes() == BODY


def test_a_busy_server_is_asked_again(site: Site, part: Path) -> None:
    site.pages["/file"] = Page(status=503)
    with pytest.raises(LineupError, match=r"failed 3 times \(status 503"):
        download(f"{site.url}/file", part, waits=NOW)
    assert len(site.requests) == 3


def test_no_server_is_one_line(part: Path) -> None:
    with serve() as gone:
        url = f"{gone.url}/file"
    with pytest.raises(LineupError, match="failed 1 times") as caught:
        download(url, part, waits=())
    assert "\n" not in str(caught.value)


def test_404_names_status_type_and_size(site: Site, part: Path) -> None:
    with pytest.raises(MissingError, match="status 404 with text/html, 8 bytes; expected status 200"):
        download(f"{site.url}/file", part)
    assert not part.exists()


def test_html_with_status_200_is_refused(site: Site, part: Path) -> None:
    site.pages["/file"] = Page(b"<html>please log in", headers={"Content-Type": "text/html; charset=utf-8"})
    with pytest.raises(LineupError, match="status 200 with text/html; charset=utf-8, 19 bytes"):
        download(f"{site.url}/file", part)
    assert not part.exists()


def test_a_wrong_size_is_refused_before_a_byte_is_kept(site: Site, part: Path) -> None:
    site.pages["/file"] = Page(BODY)
    with pytest.raises(LineupError, match="1,024,000 bytes; expected 1,023,999 bytes"):
        download(f"{site.url}/file", part, size=len(BODY) - 1)
    assert not part.exists()


def test_an_endless_answer_is_cut(site: Site, part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "MOST_BYTES", 1000)
    site.pages["/file"] = Page(BODY, headers={"Content-Length": ""})
    with pytest.raises(LineupError, match="more than 1,000 bytes"):
        download(f"{site.url}/file", part)
    assert part.stat().st_size == 0


def test_an_archive_declared_as_encoded_is_kept_as_it_is(site: Site, part: Path) -> None:
    site.pages["/file"] = Page(BODY, headers={"Content-Encoding": "gzip"})
    download(f"{site.url}/file", part)
    assert part.read_bytes() == BODY


def test_redirects_are_followed(site: Site, part: Path) -> None:
    site.pages |= {"/old": Page(status=302, headers={"Location": "/file"}), "/file": Page(BODY)}
    download(f"{site.url}/old", part)
    assert part.read_bytes() == BODY


def test_a_redirect_loop_is_refused(site: Site, part: Path) -> None:
    site.pages["/file"] = Page(status=302, headers={"Location": "/file"})
    with pytest.raises(LineupError, match="redirected 5 times"):
        download(f"{site.url}/file", part)


class Downgrade(BaseAdapter):
    """Stands for a server on https that sends its visitors to http."""

    def send(self, request: requests.PreparedRequest, **_: object) -> requests.Response:
        response = requests.Response()
        response.status_code, response.url, response.raw = 302, str(request.url), io.BytesIO()
        response.request = request
        response.headers["Location"] = "http://127.0.0.1/file"
        return response

    def close(self) -> None:
        """Nothing is open."""


def test_a_redirect_from_https_to_http_is_refused(part: Path) -> None:
    session = requests.Session()
    session.mount("https://", Downgrade())
    with pytest.raises(LineupError, match=r"redirected to http://127\.0\.0\.1/file; expected https"):
        download("https://example.org/file", part, session=session)
    assert not part.exists()


def test_a_full_disk_is_named_before_the_download(
    site: Site, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5))
    site.pages["/file"] = Page(BODY)
    with pytest.raises(LineupError, match="5 bytes free; expected 1,024,000 bytes"):
        download(f"{site.url}/file", part)


def test_a_folder_that_cannot_be_made_is_named(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LineupError, match="file/part: cannot be written"):
        download(f"{site.url}/file", tmp_path / "file" / "part")
